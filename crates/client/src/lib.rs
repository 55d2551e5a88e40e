//! Client services framework: sign in, roster, chat, presence, register a line, call.
//!
//! For scripted users, tests and applications. Knows no server crate.

pub mod phone;
mod trust;
pub mod xmpp;

pub use trust::Trust;
