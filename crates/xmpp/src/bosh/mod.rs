//! XMPP over HTTP, as a machine: BOSH (XEP-0124 1.11) with what XMPP adds (XEP-0206 1.4). No I/O, no clock.
//!
//! The driver reads each request's `<body/>` with a [`BodyReader`], gives it to its [`Session`] under a ticket, and
//! sends what [`Session::poll_answer`] gives. Frames come out for the stream behind it, elements go in.

mod answer;
mod body;
mod session;
mod state;
#[cfg(test)]
mod tests;
mod window;

use std::time::Duration;

pub use answer::{Terminal, terminate};
pub(crate) use body::read_wrapper;
pub use body::{BodyReader, Progress, Request, Wrapper};
pub use session::{Answer, Session, Ticket};

/// The namespace of `<body/>`.
pub const NS: &str = "http://jabber.org/protocol/httpbind";
/// The namespace of what XMPP adds to its attributes (XEP-0206 §3).
pub const XBOSH: &str = "urn:xmpp:xbosh";
/// The version that we speak (XEP-0124 §7.2).
pub const VERSION: (u16, u16) = (1, 11);

/// Requests that wait at the same time at most (XEP-0124 §7.1, `hold`).
pub const HOLD_MAX: u32 = 1;
/// The longest wait for an answer, in time (XEP-0124 §7.1, `wait`).
pub const WAIT_MAX: Duration = Duration::from_secs(60);
/// How long a client may have no request waiting, in time (XEP-0124 §10).
pub const INACTIVITY_MAX: Duration = Duration::from_secs(30);
/// The same for a client that polls (XEP-0124 §12).
pub const INACTIVITY_POLLING_MAX: Duration = Duration::from_secs(60);
/// The same for a client that has announced it, at most (XEP-0124 §10, `maxpause`).
pub const PAUSE_MAX: Duration = Duration::from_secs(120);
/// Empty requests may not follow each other faster, in time (XEP-0124 §11, `polling`).
pub const POLLING_MIN: Duration = Duration::from_secs(2);
/// The payload of one answer, in bytes; one element that is longer goes alone.
pub const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// Answers that are kept to be given again, besides those that the client may have waiting.
pub const KEPT_ANSWERS_MAX: usize = 8;
/// Their sum, in bytes.
pub const KEPT_BYTES_MAX: usize = 64 * 1024;
/// What was received and not taken by the stream; over it, no further request is looked at, in bytes.
pub const RECEIVED_BYTES_MAX: usize = 64 * 1024;
/// The largest request identifier (XEP-0124 §14.1).
pub const RID_MAX: u64 = (1 << 53) - 1;
