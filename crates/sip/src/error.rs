//! What can be wrong with a SIP message, and what the sender is told about it.

use crate::message::Name;

/// Why a message, a header field or a URI could not be read. Always the peer's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The start line is neither a request line nor a status line.
    #[error("malformed start line")]
    StartLine,
    /// The start line names a SIP version other than 2.0.
    #[error("SIP version not supported")]
    Version,
    /// The status code is not three digits from 100 to 699.
    #[error("bad status code")]
    StatusCode,
    /// A header line has no colon, no name, or a control character.
    #[error("malformed header line")]
    HeaderLine,
    /// The header section has no end.
    #[error("incomplete message")]
    Incomplete,
    /// The message, its header section or its number of header lines passes a limit.
    #[error("message too large")]
    TooLarge,
    /// A mandatory header field is missing.
    #[error("missing {0} header field")]
    Missing(Name),
    /// A header field that may stand once stands several times.
    #[error("{0} header field more than once")]
    Repeated(Name),
    /// A header field's value does not follow its grammar.
    #[error("malformed {0} header field")]
    Value(Name),
    /// Content-Length is not a number, contradicts another one, or passes the end of the datagram.
    #[error("bad Content-Length")]
    ContentLength,
    /// A URI does not follow its grammar.
    #[error("malformed URI")]
    Uri,
    /// The CSeq method is not the request's.
    #[error("CSeq method does not match")]
    CSeqMethod,
    /// The body is not a session description.
    #[error("malformed session description")]
    Sdp,
}

/// The answer that a request which cannot be processed gets: a final status for [`crate::Response::to`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status code.
    pub status: u16,
    /// The reason phrase.
    pub reason: &'static str,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let (status, reason) = match error {
            Error::Version => (505, "Version Not Supported"),
            Error::TooLarge => (513, "Message Too Large"),
            Error::StartLine => (400, "Malformed Start Line"),
            Error::HeaderLine => (400, "Malformed Header Line"),
            Error::Missing(Name::CallId) => (400, "Missing Call-ID"),
            Error::Missing(Name::CSeq) => (400, "Missing CSeq"),
            Error::Missing(Name::From) => (400, "Missing From"),
            Error::Missing(Name::To) => (400, "Missing To"),
            Error::Missing(Name::Via) => (400, "Missing Via"),
            Error::Missing(_) => (400, "Missing Header Field"),
            Error::Repeated(_) => (400, "Repeated Header Field"),
            Error::Value(Name::Contact) => (400, "Malformed Contact"),
            Error::Value(Name::CSeq) => (400, "Malformed CSeq"),
            Error::Value(_) => (400, "Malformed Header Field"),
            Error::ContentLength => (400, "Bad Content-Length"),
            Error::Uri => (400, "Malformed URI"),
            Error::CSeqMethod => (400, "CSeq Method Mismatch"),
            Error::Sdp => (400, "Malformed Session Description"),
            Error::StatusCode | Error::Incomplete => (400, "Bad Request"),
        };
        Self { status, reason }
    }
}
