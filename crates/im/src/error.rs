//! What can go wrong in messaging, and whose fault it is.

use std::io;

/// Why a session ended, or a message was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The peer misbehaved, or we told it to go: the stream ends with this.
    #[error(transparent)]
    Stream(#[from] xmpp::StreamError),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
    /// A message was refused: what its sender is told.
    #[error(transparent)]
    Refused(#[from] xmpp::StanzaError),
    /// Our fault, or the storage's.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The operator's fault: the certificate or key cannot be used.
    #[error("the certificate cannot be used: {0}")]
    Certificate(String),
}
