//! The INVITE client transaction: RFC 3261 §17.1.1 with the Accepted state of RFC 6026 §7.2.

use super::{Action, Input, Step};
use crate::timer::Timer;

/// The state of an INVITE that we sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing has been heard.
    Calling,
    /// A provisional response came.
    Proceeding,
    /// It was refused; repeated refusals get their ACK.
    Completed,
    /// It was accepted; more 2xx may come, from this or from other forks.
    Accepted,
    /// Over: the transaction is removed.
    Terminated,
}

impl State {
    /// The state in which a transaction begins, and what is done on the way there.
    pub const START: (Self, &'static [Action]) =
        (Self::Calling, &[Action::Transmit, Action::Start(Timer::A), Action::Start(Timer::B)]);

    /// The table.
    #[rustfmt::skip]
    pub fn step(self, input: Input) -> Step<Self> {
        use Action::{Acknowledge, Deliver, InformTimeout, InformTransportError, Start, Transmit};
        use Input::{Failure, Fired, Provisional, Success, TransportError};
        use State::{Accepted, Calling, Completed, Proceeding, Terminated};
        Some(match (self, input) {
            // state       input                      next         actions                                     section
            (Calling,     Fired(Timer::A))         => (Calling,    &[Transmit, Start(Timer::A)]),              // RFC 3261 §17.1.1.2
            (Calling,     Fired(Timer::B))         => (Terminated, &[InformTimeout]),                          // RFC 3261 §17.1.1.2
            (Calling,     Provisional)             => (Proceeding, &[Deliver, Start(Timer::C)]),               // RFC 3261 §17.1.1.2, §16.6
            (Calling,     Success)                 => (Accepted,   &[Deliver, Start(Timer::M)]),               // RFC 6026 §7.2
            (Calling,     Failure)                 => (Completed,  &[Acknowledge, Deliver, Start(Timer::D)]),  // RFC 3261 §17.1.1.2
            (Calling,     Fired(Timer::Cancelled)) => (Terminated, &[InformTimeout]),                          // RFC 3261 §9.1
            (Calling,     TransportError)          => (Terminated, &[InformTransportError]),                   // RFC 3261 §17.1.4

            (Proceeding,  Provisional)             => (Proceeding, &[Deliver, Start(Timer::C)]),               // RFC 3261 §17.1.1.2, §16.7
            (Proceeding,  Success)                 => (Accepted,   &[Deliver, Start(Timer::M)]),               // RFC 6026 §7.2
            (Proceeding,  Failure)                 => (Completed,  &[Acknowledge, Deliver, Start(Timer::D)]),  // RFC 3261 §17.1.1.2
            (Proceeding,  Fired(Timer::Cancelled)) => (Terminated, &[InformTimeout]),                          // RFC 3261 §9.1
            (Proceeding,  TransportError)          => (Terminated, &[InformTransportError]),                   // RFC 3261 §17.1.4

            (Completed,   Failure)                 => (Completed,  &[Acknowledge]),                            // RFC 3261 §17.1.1.2
            (Completed,   TransportError)          => (Terminated, &[InformTransportError]),                   // RFC 3261 §17.1.1.2
            (Completed,   Fired(Timer::D))         => (Terminated, &[]),                                       // RFC 3261 §17.1.1.2

            (Accepted,    Success)                 => (Accepted,   &[Deliver]),                                // RFC 6026 §7.2
            (Accepted,    Fired(Timer::M))         => (Terminated, &[]),                                       // RFC 6026 §7.2
            _ => return None,
        })
    }
}
