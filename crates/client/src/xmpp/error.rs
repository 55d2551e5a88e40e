//! Why something did not work, and whose fault it was.

use xmpp::stream::NegotiationError;
use xmpp::{StanzaError, StreamError};

/// Why something did not work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The network: no connection, or it broke.
    #[error("connection: {0}")]
    Io(#[from] std::io::Error),
    /// Ours or the operator's: the domain is no name for TLS, or the rules of trust do not hold together.
    #[error("TLS: {0}")]
    Tls(String),
    /// The server refused us, or misbehaved before there was a session.
    #[error(transparent)]
    Negotiation(#[from] NegotiationError),
    /// The server ended the stream with an error.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// The answer to a request was an error.
    #[error(transparent)]
    Refused(#[from] StanzaError),
    /// Peer misbehaved: an answer that does not have what it must have.
    #[error("the answer makes no sense")]
    Answer,
    /// It took too long.
    #[error("no answer in time")]
    TimedOut,
    /// The session is over, so nothing goes out and no answer comes.
    #[error("the session is over")]
    Over,
}
