//! Addresses: `"Bob" <sip:bob@example.org>;tag=1` in From, To, Contact, Route and others (RFC 3261 §20.10).

use std::borrow::Cow;

use bytes::{BufMut, Bytes, BytesMut};

use crate::error::Error;
use crate::message::{HeaderValue, Name};
use crate::param::Params;
use crate::scan;
use crate::uri::Uri;

/// A name-addr or addr-spec with the parameters behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameAddr {
    raw: Bytes,
    display_end: u32,
    params_start: u32,
    uri: Uri,
}

impl NameAddr {
    /// Reads one address that fills all of `raw`. Without angle brackets, all parameters belong to the header
    /// field and not to the URI, and a URI with `,`, `;` or `?` of its own must have them (RFC 3261 §20.10).
    ///
    /// # Errors
    /// [`Error::Uri`] when it is none.
    pub fn parse(raw: Bytes) -> Result<Self, Error> {
        let open = match raw.first() {
            Some(b'"') => {
                let quoted = scan::quoted_end(&raw).ok_or(Error::Uri)?;
                let gap = raw[quoted..].iter().position(|b| !matches!(b, b' ' | b'\t')).ok_or(Error::Uri)?;
                if raw[quoted + gap] != b'<' {
                    return Err(Error::Uri);
                }
                Some(quoted + gap)
            }
            _ => memchr::memchr(b'<', &raw),
        };
        let (display_end, uri, params_start) = match open {
            Some(open) => {
                let close = open + memchr::memchr(b'>', &raw[open..]).ok_or(Error::Uri)?;
                let display = scan::trim(&raw[..open]);
                // COMPAT: names with characters outside of `token` are common without quotes (RFC 4475 §3.1.2.15).
                if !display.starts_with(b"\"")
                    && display.iter().any(|b| matches!(b, b'"' | b';' | b',' | b'>'))
                {
                    return Err(Error::Uri);
                }
                (open, Uri::parse(raw.slice(open + 1..close))?, close + 1)
            }
            None => {
                let end = memchr::memchr(b';', &raw).unwrap_or(raw.len());
                let uri = scan::trim(&raw[..end]);
                if uri.contains(&b'?') || uri.contains(&b',') {
                    return Err(Error::Uri);
                }
                (0, Uri::parse(raw.slice_ref(uri))?, end)
            }
        };
        if !Params::new(&raw[params_start..]).is_well_formed() {
            return Err(Error::Uri);
        }
        Ok(Self { display_end: narrow(display_end), params_start: narrow(params_start), uri, raw })
    }

    /// Writes an address from a URI, an optional display name (quoted here) and an optional tag.
    pub fn compose(display: Option<&str>, uri: &Uri, tag: Option<&[u8]>) -> Self {
        let mut out = BytesMut::with_capacity(uri.as_bytes().len() + 64);
        if let Some(display) = display.filter(|d| !d.is_empty()) {
            quote(display.as_bytes(), &mut out);
            out.put_u8(b' ');
        }
        let display_end = out.len();
        out.put_u8(b'<');
        let uri_start = out.len();
        out.put_slice(uri.as_bytes());
        out.put_u8(b'>');
        let params_start = out.len();
        if let Some(tag) = tag {
            out.put_slice(b";tag=");
            out.put_slice(tag);
        }
        let raw = out.freeze();
        let inner = raw.slice(uri_start..params_start - 1);
        let uri = Uri::parse(inner).unwrap_or_else(|_| uri.clone());
        Self { raw, display_end: narrow(display_end), params_start: narrow(params_start), uri }
    }

    /// The URI.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The display name without quotes and escapes; empty when there is none.
    pub fn display(&self) -> Cow<'_, [u8]> {
        scan::unquote(scan::trim(&self.raw[..self.display_end as usize]))
    }

    /// The parameters behind the address.
    pub fn params(&self) -> Params<'_> {
        Params::new(&self.raw[self.params_start as usize..])
    }

    /// The `tag` parameter of From and To.
    pub fn tag(&self) -> Option<&[u8]> {
        self.params().value(b"tag")
    }

    /// The `tag` parameter, shared with the message.
    pub fn tag_bytes(&self) -> Option<Bytes> {
        self.tag().map(|tag| self.raw.slice_ref(tag))
    }

    /// The value as it stands.
    pub fn as_bytes(&self) -> &[u8] {
        &self.raw
    }

    /// The value as it stands, shared.
    pub fn bytes(&self) -> Bytes {
        self.raw.clone()
    }

    /// The same address without its tag; other parameters stay.
    #[must_use]
    pub fn without_tag(&self) -> Self {
        self.with_params(self.params().iter().filter(|(name, _)| !name.eq_ignore_ascii_case(b"tag")), None)
    }

    /// The same address with `tag` in place of any tag it has.
    #[must_use]
    pub fn with_tag(&self, tag: &[u8]) -> Self {
        self.with_params(
            self.params().iter().filter(|(name, _)| !name.eq_ignore_ascii_case(b"tag")),
            Some(tag),
        )
    }

    fn with_params<'a>(
        &self,
        params: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
        tag: Option<&[u8]>,
    ) -> Self {
        let mut out = BytesMut::with_capacity(self.raw.len() + 40);
        out.put_slice(&self.raw[..self.params_start as usize]);
        for (name, value) in params {
            out.put_u8(b';');
            out.put_slice(name);
            if let Some(value) = value {
                out.put_u8(b'=');
                out.put_slice(value);
            }
        }
        if let Some(tag) = tag {
            out.put_slice(b";tag=");
            out.put_slice(tag);
        }
        Self {
            raw: out.freeze(),
            display_end: self.display_end,
            params_start: self.params_start,
            uri: self.uri.clone(),
        }
    }

    /// A copy in a buffer of its own, so that keeping it does not keep the message it came in.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self { raw: Bytes::copy_from_slice(&self.raw), uri: self.uri.detached(), ..*self }
    }
}

/// A Contact: an address with `expires`, `q` and the parameters of RFC 5626.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact(NameAddr);

impl Contact {
    /// Reads one Contact value; `*` is not one.
    ///
    /// # Errors
    /// [`Error::Value`] when it does not follow its grammar.
    pub fn parse(raw: Bytes) -> Result<Self, Error> {
        NameAddr::parse(raw).map(Self).map_err(|_| Error::Value(Name::Contact))
    }

    /// The address.
    pub fn address(&self) -> &NameAddr {
        &self.0
    }

    /// The URI.
    pub fn uri(&self) -> &Uri {
        self.0.uri()
    }

    /// The parameters behind the address.
    pub fn params(&self) -> Params<'_> {
        self.0.params()
    }

    /// `expires` in seconds; "malformed values should be treated as equivalent to 3600" (RFC 3261 §20.10).
    pub fn expires(&self) -> Option<u32> {
        self.params().value(b"expires").map(|value| crate::message::seconds(value).unwrap_or(3600))
    }

    /// `q` in thousandths, 1000 when absent or malformed.
    pub fn q_thousandths(&self) -> u16 {
        self.params().value(b"q").and_then(thousandths).unwrap_or(1000)
    }

    /// `+sip.instance` without its quotes and angle brackets (RFC 5626 §4.1).
    pub fn instance(&self) -> Option<Cow<'_, [u8]>> {
        let value = self.params().unquoted(b"+sip.instance")?;
        Some(match value {
            Cow::Borrowed([b'<', inner @ .., b'>']) => inner.into(),
            Cow::Owned(owned) => {
                owned.strip_prefix(b"<").and_then(|v| v.strip_suffix(b">")).unwrap_or(&owned).to_vec().into()
            }
            other => other,
        })
    }

    /// `reg-id` (RFC 5626 §4.2), 1 or more.
    pub fn reg_id(&self) -> Option<u32> {
        self.params().number(b"reg-id").filter(|id| *id > 0)
    }
}

/// The Contact header fields of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contacts {
    /// `*`: all bindings, to be removed.
    All,
    /// The values; empty when there is no Contact.
    List(Vec<Contact>),
}

/// `0`, `0.5`, `1.000` as thousandths.
fn thousandths(value: &[u8]) -> Option<u16> {
    let (whole, fraction) = match memchr::memchr(b'.', value) {
        Some(dot) => (&value[..dot], &value[dot + 1..]),
        None => (value, &value[value.len()..]),
    };
    if fraction.len() > 3 {
        return None;
    }
    let mut total = scan::number::<u16>(whole).filter(|w| *w <= 1)? * 1000;
    let mut weight = 100;
    for digit in fraction {
        total += u16::from(digit.checked_sub(b'0').filter(|d| *d <= 9)?) * weight;
        weight /= 10;
    }
    (total <= 1000).then_some(total)
}

/// Writes `text` as a quoted string; control characters are left out.
pub(crate) fn quote(text: &[u8], out: &mut BytesMut) {
    out.put_u8(b'"');
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.put_u8(b'\\');
        }
        if *byte >= 0x20 && *byte != 0x7f {
            out.put_u8(*byte);
        }
    }
    out.put_u8(b'"');
}

impl HeaderValue for NameAddr {
    fn write(&self, out: &mut BytesMut) {
        out.put_slice(&self.raw);
    }
}

impl HeaderValue for Contact {
    fn write(&self, out: &mut BytesMut) {
        self.0.write(out);
    }
}

fn narrow(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}
