//! Content-Type: what a body is (RFC 3261 §20.15).

use bytes::Bytes;

use crate::error::Error;
use crate::message::Name;
use crate::param::Params;
use crate::scan;

/// A media type with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaType {
    raw: Bytes,
    slash: usize,
    end: usize,
}

impl MediaType {
    /// Reads a value.
    ///
    /// # Errors
    /// [`Error::Value`] when it is not `token/token` with parameters.
    pub fn parse(raw: Bytes) -> Result<Self, Error> {
        let bad = Error::Value(Name::ContentType);
        let end = memchr::memchr(b';', &raw).unwrap_or(raw.len());
        let slash = memchr::memchr(b'/', &raw[..end]).ok_or(bad)?;
        let media_type = Self { raw, slash, end };
        if scan::is_token(media_type.top())
            && scan::is_token(media_type.sub())
            && media_type.params().is_well_formed()
        {
            Ok(media_type)
        } else {
            Err(bad)
        }
    }

    /// The type, such as `application`.
    pub fn top(&self) -> &[u8] {
        scan::trim(&self.raw[..self.slash])
    }

    /// The subtype, such as `sdp`.
    pub fn sub(&self) -> &[u8] {
        scan::trim(&self.raw[self.slash + 1..self.end])
    }

    /// Is it `top/sub`, in any case?
    pub fn is(&self, top: &str, sub: &str) -> bool {
        self.top().eq_ignore_ascii_case(top.as_bytes()) && self.sub().eq_ignore_ascii_case(sub.as_bytes())
    }

    /// The parameters.
    pub fn params(&self) -> Params<'_> {
        Params::new(&self.raw[self.end..])
    }
}
