//! The non-INVITE server transaction: RFC 3261 §17.2.2.

use super::{Action, Input, Step};
use crate::timer::Timer;

/// The state of a request other than INVITE and ACK that we received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The user decides; repetitions are discarded.
    Trying,
    /// The user sent a provisional response; repetitions get it again.
    Proceeding,
    /// The user answered; repetitions get the answer again.
    Completed,
    /// Over: the transaction is removed.
    Terminated,
}

impl State {
    /// The state in which a transaction begins, and what is done on the way there.
    pub const START: (Self, &'static [Action]) = (Self::Trying, &[]);

    /// The table.
    #[rustfmt::skip]
    pub fn step(self, input: Input) -> Step<Self> {
        use Action::{InformTransportError, Start, Transmit};
        use Input::{Failure, Fired, Provisional, Request, Success, TransportError};
        use State::{Completed, Proceeding, Terminated, Trying};
        Some(match (self, input) {
            // state                input                next         actions                          section
            (Trying,                Request)          => (Trying,     &[]),                            // RFC 3261 §17.2.2
            (Trying | Proceeding,   Provisional)      => (Proceeding, &[Transmit]),                    // RFC 3261 §17.2.2
            (Trying | Proceeding,   Success | Failure) => (Completed, &[Transmit, Start(Timer::J)]),   // RFC 3261 §17.2.2
            (Proceeding | Completed, Request)         => (self,       &[Transmit]),                    // RFC 3261 §17.2.2
            (Completed,             Fired(Timer::J))  => (Terminated, &[]),                            // RFC 3261 §17.2.2
            // RFC 6026 §8.9: the user is told, and the transaction stays where it is.
            (Trying | Proceeding | Completed, TransportError) => (self, &[InformTransportError]),      // RFC 6026 §8.9
            _ => return None,
        })
    }
}
