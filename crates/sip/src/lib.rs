//! SIP on the wire: messages, URIs, transactions, dialogs, subscriptions, digest, SDP.
//!
//! Floor 0: opens no socket, reads no clock, draws no random number; `now` and entropy are arguments.
//! A [`Message`] is one buffer with the places of its header fields, found in one pass; a value is looked at
//! when somebody asks for it. Unknown methods, header fields and URI schemes are data, never errors.

pub mod dialog;
pub mod digest;
pub mod endpoint;
mod error;
pub mod framing;
pub mod header;
pub mod location;
pub mod message;
mod method;
pub mod param;
pub mod registration;
pub mod scan;
pub mod sdp;
pub mod session_timer;
pub mod stun;
pub mod subscription;
pub mod timer;
pub mod transaction;
pub mod uri;

pub use error::{Error, Refusal};
pub use header::{CSeq, Contact, Contacts, NameAddr, Via};
pub use message::{Headers, Malformed, Message, Name, Request, RequestBuilder, Response, ResponseBuilder};
pub use method::Method;
pub use uri::Uri;

#[cfg(test)]
mod clock_for_tests;
#[cfg(test)]
pub(crate) use clock_for_tests::tests_clock;
