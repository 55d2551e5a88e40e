//! The non-INVITE client transaction: RFC 3261 §17.1.2.

use super::{Action, Input, Step};
use crate::timer::Timer;

/// The state of a request other than INVITE and ACK that we sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing has been heard.
    Trying,
    /// A provisional response came.
    Proceeding,
    /// It was answered; repeated answers are absorbed.
    Completed,
    /// Over: the transaction is removed.
    Terminated,
}

impl State {
    /// The state in which a transaction begins, and what is done on the way there.
    pub const START: (Self, &'static [Action]) =
        (Self::Trying, &[Action::Transmit, Action::Start(Timer::E), Action::Start(Timer::F)]);

    /// The table.
    #[rustfmt::skip]
    pub fn step(self, input: Input) -> Step<Self> {
        use Action::{Deliver, InformTimeout, InformTransportError, Start, Transmit};
        use Input::{Failure, Fired, Provisional, Success, TransportError};
        use State::{Completed, Proceeding, Terminated, Trying};
        Some(match (self, input) {
            // state                 input                 next         actions                          section
            (Trying,                 Fired(Timer::E))  => (Trying,     &[Transmit, Start(Timer::E)]),    // RFC 3261 §17.1.2.2
            // While proceeding the interval is T2: the endpoint's rounds are at their end by then.
            (Proceeding,             Fired(Timer::E))  => (Proceeding, &[Transmit, Start(Timer::E)]),    // RFC 3261 §17.1.2.2
            (Trying | Proceeding,    Fired(Timer::F))  => (Terminated, &[InformTimeout]),                // RFC 3261 §17.1.2.2
            (Trying | Proceeding,    TransportError)   => (Terminated, &[InformTransportError]),         // RFC 3261 §17.1.2.2
            (Trying | Proceeding,    Provisional)      => (Proceeding, &[Deliver]),                      // RFC 3261 §17.1.2.2
            (Trying | Proceeding, Success | Failure)   => (Completed,  &[Deliver, Start(Timer::K)]),     // RFC 3261 §17.1.2.2
            (Completed,              Fired(Timer::K))  => (Terminated, &[]),                             // RFC 3261 §17.1.2.2
            _ => return None,
        })
    }
}
