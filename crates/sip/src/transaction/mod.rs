//! The four transaction state machines of RFC 3261 §17 as amended by RFC 6026: pure tables, no data.
//!
//! Each file is one table: in a state, an input leads to the next state and to actions, which the
//! [`crate::endpoint`] carries out. What is not in the table is ignored; that is also how a timer is
//! stopped: it fires in a state that has no row for it.

pub mod client_invite;
pub mod client_non_invite;
pub mod server_invite;
pub mod server_non_invite;

use crate::timer::Timer;

/// What can happen to a transaction. For a client transaction the three classes of response come from the
/// network, for a server transaction from the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// The request once more (server only).
    Request,
    /// The ACK to a refusal (INVITE server only).
    Ack,
    /// A response from 100 to 199.
    Provisional,
    /// A response from 200 to 299.
    Success,
    /// A response from 300 to 699.
    Failure,
    /// A timer has run out.
    Fired(Timer),
    /// The transport says that the message could not be sent.
    TransportError,
}

impl Input {
    /// The class of a response by its status code.
    pub fn response(status: u16) -> Self {
        match status {
            ..=199 => Self::Provisional,
            200..=299 => Self::Success,
            _ => Self::Failure,
        }
    }
}

/// What a transition asks for, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send the request (client), or the latest response (server).
    Transmit,
    /// Send the ACK that answers a refusal.
    Acknowledge,
    /// Send 100 if the user has said nothing yet.
    Trying,
    /// Pass the response up.
    Deliver,
    /// Start a timer; starting a retransmission timer again takes its next, longer interval.
    Start(Timer),
    /// Tell the user that the other side stays silent.
    InformTimeout,
    /// Tell the user that the transport failed.
    InformTransportError,
}

/// One row's right-hand side: the next state and what to do on the way.
pub type Step<State> = Option<(State, &'static [Action])>;

#[cfg(test)]
mod tests;
