//! Payloads of extensions, one file each: namespaces, and types that are read from and written as [`crate::Element`].

pub mod activity;
pub mod bind2;
pub mod bytestreams;
pub mod caps;
pub mod carbons;
pub mod delay;
pub mod dialback;
pub mod disco;
pub mod fast;
pub mod forms;
pub mod forward;
pub mod fulltext;
pub mod hints;
pub mod invitation;
pub mod last;
pub mod mam;
pub mod pep;
pub mod ping;
pub mod pubsub;
pub mod register;
pub mod retraction;
pub mod roster;
pub mod rsm;
pub mod sasl2;
pub mod sasl_upgrade;
pub mod search;
pub mod stanza_ids;
pub mod stream_limits;
pub mod time;
pub mod upload;
pub mod version;

/// A payload that lacks what its schema demands; answered with `bad-request` (RFC 6120 §8.3.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed payload: {0}")]
pub struct PayloadError(pub &'static str);

impl From<PayloadError> for crate::StanzaError {
    fn from(error: PayloadError) -> Self {
        Self::from(crate::Condition::BadRequest).with_text(error.0)
    }
}
