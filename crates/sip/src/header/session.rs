//! Session-Expires and Replaces: fields that speak about a session (RFC 4028 §4, RFC 3891 §6.1).

use bytes::{BufMut, Bytes, BytesMut};

use crate::error::Error;
use crate::message::{HeaderValue, Name, put_number};
use crate::param::Params;
use crate::scan;

/// Who refreshes the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresher {
    /// The one who sent the request.
    Uac,
    /// The one who answered it.
    Uas,
}

/// Session-Expires: `1800;refresher=uac`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionExpires {
    /// The interval in seconds.
    pub seconds: u32,
    /// Who refreshes, when that is settled.
    pub refresher: Option<Refresher>,
}

impl SessionExpires {
    /// Reads a value.
    ///
    /// # Errors
    /// [`Error::Value`] when it does not follow its grammar.
    pub fn parse(value: &[u8]) -> Result<Self, Error> {
        let end = memchr::memchr(b';', value).unwrap_or(value.len());
        let seconds = scan::number(&value[..end]).ok_or(Error::Value(Name::SessionExpires))?;
        let refresher = match Params::new(&value[end..]).value(b"refresher") {
            Some(who) if who.eq_ignore_ascii_case(b"uac") => Some(Refresher::Uac),
            Some(who) if who.eq_ignore_ascii_case(b"uas") => Some(Refresher::Uas),
            _ => None,
        };
        Ok(Self { seconds, refresher })
    }
}

impl HeaderValue for SessionExpires {
    fn write(&self, out: &mut BytesMut) {
        put_number(out, u64::from(self.seconds));
        match self.refresher {
            Some(Refresher::Uac) => out.put_slice(b";refresher=uac"),
            Some(Refresher::Uas) => out.put_slice(b";refresher=uas"),
            None => {}
        }
    }
}

/// Replaces: the dialog that the new call takes the place of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaces {
    /// Its Call-ID.
    pub call_id: Bytes,
    /// The tag of the side that receives this request.
    pub to_tag: Bytes,
    /// The tag of the other side.
    pub from_tag: Bytes,
    /// Only if the dialog is still early.
    pub early_only: bool,
}

impl Replaces {
    /// Reads a value.
    ///
    /// # Errors
    /// [`Error::Value`] when the Call-ID or a tag is missing.
    pub fn parse(raw: Bytes) -> Result<Self, Error> {
        let bad = Error::Value(Name::Replaces);
        let end = memchr::memchr(b';', &raw).unwrap_or(raw.len());
        let call_id = scan::trim(&raw[..end]);
        let params = Params::new(&raw[end..]);
        if call_id.is_empty() {
            return Err(bad);
        }
        Ok(Self {
            to_tag: raw.slice_ref(params.value(b"to-tag").ok_or(bad)?),
            from_tag: raw.slice_ref(params.value(b"from-tag").ok_or(bad)?),
            early_only: params.has(b"early-only"),
            call_id: raw.slice_ref(call_id),
        })
    }
}

impl HeaderValue for Replaces {
    fn write(&self, out: &mut BytesMut) {
        out.put_slice(&self.call_id);
        out.put_slice(b";to-tag=");
        out.put_slice(&self.to_tag);
        out.put_slice(b";from-tag=");
        out.put_slice(&self.from_tag);
        if self.early_only {
            out.put_slice(b";early-only");
        }
    }
}
