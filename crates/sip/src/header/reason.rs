//! Reason, Warning and Retry-After: why something ended, and when to come back.

use bytes::Bytes;

use crate::error::Error;
use crate::message::Name;
use crate::param::Params;
use crate::scan;

/// Reason (RFC 3326): `Q.850;cause=16;text="Terminated"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    raw: Bytes,
    protocol_end: usize,
}

impl Reason {
    /// Reads one value; `None` when the protocol is not a token.
    pub fn parse(raw: Bytes) -> Option<Self> {
        let end = memchr::memchr(b';', &raw).unwrap_or(raw.len());
        let protocol_end = scan::trim(&raw[..end]).len();
        scan::is_token(&raw[..protocol_end]).then_some(Self { raw, protocol_end })
    }

    /// `SIP`, `Q.850`, or another protocol.
    pub fn protocol(&self) -> &[u8] {
        &self.raw[..self.protocol_end]
    }

    /// The cause, in the protocol's numbers.
    pub fn cause(&self) -> Option<u16> {
        Params::new(&self.raw[self.protocol_end..]).number(b"cause")
    }

    /// The text.
    pub fn text(&self) -> Option<std::borrow::Cow<'_, [u8]>> {
        Params::new(&self.raw[self.protocol_end..]).unquoted(b"text")
    }
}

/// Warning (RFC 3261 §20.43): `307 isi.edu "Session parameter 'foo' not understood"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The three-digit code.
    pub code: u16,
    /// Who warns.
    pub agent: Bytes,
    /// The text, without quotes.
    pub text: Bytes,
}

impl Warning {
    /// Reads one value; `None` when it does not follow its grammar.
    pub fn parse(raw: &Bytes) -> Option<Self> {
        let mut parts = raw.splitn(3, |b| *b == b' ');
        let code = parts.next().and_then(scan::number)?;
        let agent = raw.slice_ref(parts.next()?);
        let text = Bytes::copy_from_slice(&scan::unquote(scan::trim(parts.next()?)));
        Some(Self { code, agent, text })
    }
}

/// Retry-After (RFC 3261 §20.33): `18000 (in a meeting);duration=3600`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter {
    /// When to come back, in seconds.
    pub seconds: u32,
    /// For how long it will then work, in seconds.
    pub duration: Option<u32>,
}

impl RetryAfter {
    /// Reads a value; the comment is passed over.
    ///
    /// # Errors
    /// [`Error::Value`] when it does not begin with a number.
    pub fn parse(value: &[u8]) -> Result<Self, Error> {
        let end = value.iter().position(|b| !b.is_ascii_digit()).unwrap_or(value.len());
        let seconds = scan::number(&value[..end]).ok_or(Error::Value(Name::RetryAfter))?;
        let params = memchr::memchr(b';', value).map_or(&value[value.len()..], |at| &value[at..]);
        Ok(Self { seconds, duration: Params::new(params).number(b"duration") })
    }
}
