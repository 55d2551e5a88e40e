//! Streams between servers, from the first byte to the right to send: both ends, without I/O.
//!
//! The server that opens the stream is the initiating one, the other the receiving one (RFC 6120 §4). The initiating
//! server proves that it may speak for a domain by its certificate (SASL EXTERNAL, RFC 6120 §6, XEP-0178) or by a
//! key that the domain's own server confirms (dialback, XEP-0220). With XEP-0288 both may send afterwards.

mod features;
mod initiating;
mod receiving;
#[cfg(test)]
mod tests;

pub use initiating::{InitiatingNegotiation, InitiatingOutput, Initiation, PeerFailure, PeerStream, Purpose};
pub use receiving::{Admission, Pair, ReceivingNegotiation, ReceivingOutput, ReceivingPolicy, Verification};

/// Pairs of domains that one stream may be authenticated for (XEP-0220 §2.6), in pairs.
pub const PAIRS_MAX: usize = 64;
/// Keys of one stream that are being asked about at a time, in keys.
pub const VERIFICATIONS_MAX: usize = 16;
/// Failed tries of SASL EXTERNAL on one stream, after which it ends (RFC 6120 §6.4.5), in tries.
pub const EXTERNAL_ATTEMPTS_MAX: u32 = 2;

/// The request to send in both directions (XEP-0288 §2).
const BIDI: &str = "urn:xmpp:bidi";
/// The feature that says it is understood.
const BIDI_FEATURE: &str = "urn:xmpp:features:bidi";

/// How a server has shown that it may speak for a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Authentication {
    /// By its certificate: SASL EXTERNAL (XEP-0178).
    External,
    /// By a key that the domain's server has confirmed, or by its certificate without asking (XEP-0220, XEP-0344).
    Dialback,
}

impl Authentication {
    /// For people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::External => "SASL EXTERNAL",
            Self::Dialback => "dialback",
        }
    }
}
