//! Applications over messaging and call control; gateways between SIP and XMPP.
//!
//! Messaging and call control know nothing of each other: what needs both stands here.

mod echo;
pub mod gateway;

pub use echo::Echo;
