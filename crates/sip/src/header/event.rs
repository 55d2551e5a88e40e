//! Event and Subscription-State (RFC 6665 §8.2).

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

/// Subscription-State: `active;expires=600`, `terminated;reason=timeout`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionState {
    raw: Bytes,
    state_end: usize,
}

impl SubscriptionState {
    /// Reads a value.
    ///
    /// # Errors
    /// [`Error::Value`] when the state is not a token.
    pub fn parse(raw: Bytes) -> Result<Self, Error> {
        let end = memchr::memchr(b';', &raw).unwrap_or(raw.len());
        let state_end = scan::trim(&raw[..end]).len();
        if !scan::is_token(&raw[..state_end]) {
            return Err(Error::Value(Name::SubscriptionState));
        }
        Ok(Self { raw, state_end })
    }

    /// `active`, `pending`, `terminated`, or an extension.
    pub fn state(&self) -> &[u8] {
        &self.raw[..self.state_end]
    }

    /// Has the subscription ended?
    pub fn is_terminated(&self) -> bool {
        self.state().eq_ignore_ascii_case(b"terminated")
    }

    /// The seconds left.
    pub fn expires(&self) -> Option<u32> {
        self.params().number(b"expires")
    }

    /// Why it ended.
    pub fn reason(&self) -> Option<&[u8]> {
        self.params().value(b"reason")
    }

    /// The parameters.
    pub fn params(&self) -> Params<'_> {
        Params::new(&self.raw[self.state_end..])
    }
}
