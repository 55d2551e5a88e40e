//! Typed header field values, one file per noun. Each holds a share of the message's buffer.

mod address;
mod event;
mod media_type;
mod reason;
mod sequence;
mod session;
mod via;

pub(crate) use address::quote;
pub use address::{Contact, Contacts, NameAddr};
pub use event::Event;
pub use media_type::MediaType;
pub use reason::{Reason, RetryAfter, Warning};
pub use sequence::{CSeq, RAck};
pub use session::{Refresher, Replaces, SessionExpires};
pub use via::{BRANCH_COOKIE, Via};
