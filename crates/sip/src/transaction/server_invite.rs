//! The INVITE server transaction: RFC 3261 §17.2.1 with the Accepted state of RFC 6026 §7.1.

use super::{Action, Input, Step};
use crate::timer::Timer;

/// The state of an INVITE that we received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The user decides.
    Proceeding,
    /// It was refused, and the refusal is sent until its ACK comes.
    Completed,
    /// The refusal was acknowledged; repeated ACKs are absorbed.
    Confirmed,
    /// It was accepted; repeated INVITEs are absorbed while the core sends the 2xx until its ACK comes.
    Accepted,
    /// Over: the transaction is removed.
    Terminated,
}

impl State {
    /// The state in which a transaction begins, and what is done on the way there.
    pub const START: (Self, &'static [Action]) = (Self::Proceeding, &[Action::Start(Timer::Trying)]);

    /// The table.
    #[rustfmt::skip]
    pub fn step(self, input: Input) -> Step<Self> {
        use Action::{InformTimeout, InformTransportError, Start, Transmit, Trying};
        use Input::{Ack, Failure, Fired, Provisional, Request, Success, TransportError};
        use State::{Accepted, Completed, Confirmed, Proceeding, Terminated};
        Some(match (self, input) {
            // state       input                  next         actions                                                     section
            (Proceeding,  Request)             => (Proceeding, &[Transmit]),                                               // RFC 3261 §17.2.1
            (Proceeding,  Fired(Timer::Trying)) => (Proceeding, &[Trying]),                                                // RFC 3261 §17.2.1
            (Proceeding,  Provisional)         => (Proceeding, &[Transmit]),                                               // RFC 3261 §17.2.1
            (Proceeding,  Success)             => (Accepted,   &[Transmit, Start(Timer::Success), Start(Timer::L)]),       // RFC 6026 §7.1
            (Proceeding,  Failure)             => (Completed,  &[Transmit, Start(Timer::G), Start(Timer::H)]),             // RFC 3261 §17.2.1
            (Proceeding,  TransportError)      => (Proceeding, &[InformTransportError]),                                   // RFC 6026 §8.9

            (Completed,   Request)             => (Completed,  &[Transmit]),                                               // RFC 3261 §17.2.1
            (Completed,   Fired(Timer::G))     => (Completed,  &[Transmit, Start(Timer::G)]),                              // RFC 3261 §17.2.1
            (Completed,   Ack)                 => (Confirmed,  &[Start(Timer::I)]),                                        // RFC 3261 §17.2.1
            (Completed,   Fired(Timer::H))     => (Terminated, &[InformTimeout]),                                          // RFC 3261 §17.2.1
            (Completed,   TransportError)      => (Completed,  &[InformTransportError]),                                   // RFC 6026 §8.9

            (Confirmed,   Fired(Timer::I))     => (Terminated, &[]),                                                       // RFC 3261 §17.2.1

            // The core sends its 2xx again, not the transaction: a repeated INVITE is only absorbed.
            (Accepted,    Request)             => (Accepted,   &[]),                                                       // RFC 6026 §7.1
            (Accepted,    Fired(Timer::Success)) => (Accepted, &[Transmit, Start(Timer::Success)]),                        // RFC 3261 §13.3.1.4
            (Accepted,    TransportError)      => (Accepted,   &[InformTransportError]),                                   // RFC 6026 §7.1
            (Accepted,    Fired(Timer::L))     => (Terminated, &[]),                                                       // RFC 6026 §7.1
            _ => return None,
        })
    }
}
