//! Event (RFC 6665 §8.2.1). Subscription-State is [`crate::subscription::State`].

use bytes::Bytes;

use crate::error::Error;
use crate::message::Name;
use crate::param::Params;
use crate::scan;

/// Event: a package and an `id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    raw: Bytes,
    package_end: usize,
}

impl Event {
    /// Reads a value.
    ///
    /// # Errors
    /// [`Error::Value`] when the package is not a token.
    pub fn parse(raw: Bytes) -> Result<Self, Error> {
        let end = memchr::memchr(b';', &raw).unwrap_or(raw.len());
        let package_end = scan::trim(&raw[..end]).len();
        if !scan::is_token(&raw[..package_end]) {
            return Err(Error::Value(Name::Event));
        }
        Ok(Self { raw, package_end })
    }

    /// The event package with its templates, such as `presence` or `presence.winfo`.
    pub fn package(&self) -> &[u8] {
        &self.raw[..self.package_end]
    }

    /// The parameters.
    pub fn params(&self) -> Params<'_> {
        Params::new(&self.raw[self.package_end..])
    }

    /// The `id` parameter, which tells subscriptions of one dialog apart.
    pub fn id(&self) -> Option<&[u8]> {
        self.params().value(b"id")
    }

    /// The value as it stands.
    pub fn as_bytes(&self) -> &[u8] {
        &self.raw
    }
}
