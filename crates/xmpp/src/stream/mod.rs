//! From the first byte to a bound session: stream header, TLS, sign-in, resource, both ends, without I/O.
//!
//! The driver feeds [`crate::Frame`]s and answers, writes what it is given and does what it is asked
//! (RFC 6120 §4-§7, XEP-0368, XEP-0198 §5). What comes after `Established` is not the business of this module.

mod client;
mod features;
pub mod peer;
mod seed;
mod server;
#[cfg(test)]
mod tests;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

pub use client::{ClientNegotiation, ClientOutput, Login, NegotiationError, ServerFeatures};
pub use server::{
    Established, KeptToken, Output, Registration, STREAM_END, ServerNegotiation, ServerPolicy, Slot,
    TokenWork, Tokens,
};

/// How long a peer may take from the first byte to a bound session, in time. The driver measures it and
/// calls [`ServerNegotiation::timed_out`].
pub const NEGOTIATION_TIME_MAX: Duration = Duration::from_secs(30);
/// Failed sign-in attempts on one stream, after which it ends (RFC 6120 §6.4.5 advises 2 to 5), in attempts.
pub const LOGIN_ATTEMPTS_MAX: u32 = 3;
/// Refused resources on one stream, after which it ends, in attempts.
pub const BIND_ATTEMPTS_MAX: u32 = 5;

/// The text of a SASL element: base64, or `=` for a message of no bytes (RFC 6120 §6.4.2).
fn decode_sasl(text: &str) -> Option<Vec<u8>> {
    if text == "=" { Some(Vec::new()) } else { BASE64.decode(text).ok() }
}

/// The opposite of [`decode_sasl`] where an empty message is not the same as none.
fn encode_sasl(message: &[u8]) -> String {
    if message.is_empty() { "=".to_owned() } else { BASE64.encode(message) }
}
