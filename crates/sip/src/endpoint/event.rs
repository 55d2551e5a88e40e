//! What an endpoint says: messages to send, and what the user must know.

use bytes::Bytes;

use super::flow::Flow;
use crate::message::{Request, Response};

/// A request that we sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientTransaction(pub(super) u64);

/// A request that we received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerTransaction(pub(super) u64);

/// Either kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transaction {
    /// A request that we sent.
    Client(ClientTransaction),
    /// A request that we received.
    Server(ServerTransaction),
}

/// A message to put on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where it goes.
    pub flow: Flow,
    /// The whole message.
    pub bytes: Bytes,
    /// Whose it is: what [`super::Endpoint::handle_transport_error`] wants when it cannot be sent.
    pub origin: Option<Transaction>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A new request: answer it by [`super::Endpoint::respond`].
    Request {
        /// What to answer to.
        transaction: ServerTransaction,
        /// The request.
        request: Request,
        /// Where it came from.
        flow: Flow,
    },
    /// A PRACK that acknowledges a response of `invite` (RFC 3262 §3): answer it as any request.
    Prack {
        /// The PRACK's own transaction.
        transaction: ServerTransaction,
        /// The INVITE whose provisional response arrived.
        invite: ServerTransaction,
        /// The request; it may carry an offer or an answer.
        request: Request,
        /// Where it came from.
        flow: Flow,
    },
    /// An INVITE that was not answered finally is not wanted any more. The CANCEL has been answered; the INVITE
    /// still waits for its answer, 487 unless the user decides otherwise (RFC 3261 §9.2).
    Cancelled {
        /// The INVITE.
        transaction: ServerTransaction,
        /// The CANCEL, for its Reason.
        request: Request,
    },
    /// The ACK to our 2xx, once.
    Ack {
        /// The INVITE.
        transaction: ServerTransaction,
        /// The ACK; it may carry an answer.
        request: Request,
        /// Where it came from.
        flow: Flow,
    },
    /// A response, once. Each 2xx to an INVITE wants [`super::Endpoint::send_ack_2xx`].
    Response {
        /// What it answers.
        transaction: ClientTransaction,
        /// The response.
        response: Response,
        /// Where it came from.
        flow: Flow,
    },
    /// No final response came in time: the same as 408 (RFC 3261 §8.1.3.1).
    Timeout {
        /// The request.
        transaction: ClientTransaction,
    },
    /// The transport failed. For a client transaction the same as 503 (RFC 3261 §8.1.3.1), and it is over.
    TransportError {
        /// Whose message it was.
        transaction: Transaction,
    },
    /// A final response to an INVITE was never acknowledged. After a 2xx the session should be ended by BYE
    /// (RFC 3261 §13.3.1.4); after a refusal there is nothing to do.
    NoAck {
        /// The INVITE.
        transaction: ServerTransaction,
    },
    /// A reliable provisional response was never acknowledged: the INVITE should get a 5xx (RFC 3262 §3).
    NoPrack {
        /// The INVITE.
        transaction: ServerTransaction,
    },
    /// No more 2xx can come to an INVITE that was accepted: what is kept of it for that can go (RFC 6026 §7.2).
    NoMoreForks {
        /// The INVITE.
        transaction: ClientTransaction,
    },
}

/// What [`super::Endpoint::poll_output`] gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send this.
    Transmit(Transmit),
    /// Know this.
    Event(Event),
}

/// Why a command was not carried out. Our fault, not the peer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The table of client transactions is full.
    #[error("too many transactions")]
    Full,
    /// The transaction is over, or was never there.
    #[error("no such transaction")]
    Unknown,
}
