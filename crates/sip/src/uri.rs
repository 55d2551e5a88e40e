//! SIP, SIPS, tel and other URIs (RFC 3261 §19.1, RFC 3966): parts, escaping, comparison.

use std::borrow::Cow;
use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use crate::error::Error;
use crate::param::Params;
use crate::scan;

/// The longest URI that is read, in bytes.
pub const URI_BYTES_MAX: usize = 4096;

/// What a URI names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `sip:`.
    Sip,
    /// `sips:`: every hop over TLS.
    Sips,
    /// `tel:` (RFC 3966).
    Tel,
    /// Any other scheme: its URIs are carried, not understood.
    Other,
}

/// A URI, over the buffer it came in. For `tel:` the user is the number and the host is empty; for other
/// schemes the host is all that follows the colon.
#[derive(Clone)]
pub struct Uri {
    raw: Bytes,
    scheme: Scheme,
    /// End of user information (the place of `@`), when there is a user.
    user_end: Option<u16>,
    /// Start of the user or, without one, of the host.
    start: u16,
    host_start: u16,
    host_end: u16,
    port: Option<u16>,
    params_start: u16,
    headers_start: u16,
}

impl Uri {
    /// Reads a URI that fills all of `raw`.
    ///
    /// # Errors
    /// [`Error::Uri`] when it is none: no scheme, bad escape, bad host or port, white space, too long.
    pub fn parse(raw: Bytes) -> Result<Self, Error> {
        if raw.len() > URI_BYTES_MAX || !raw.iter().all(|b| is_uri_byte(*b)) || !escapes_are_whole(&raw) {
            return Err(Error::Uri);
        }
        let colon = memchr::memchr(b':', &raw).ok_or(Error::Uri)?;
        let scheme = match &raw[..colon] {
            s if s.eq_ignore_ascii_case(b"sip") => Scheme::Sip,
            s if s.eq_ignore_ascii_case(b"sips") => Scheme::Sips,
            s if s.eq_ignore_ascii_case(b"tel") => Scheme::Tel,
            [first, rest @ ..]
                if first.is_ascii_alphabetic()
                    && rest.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')) =>
            {
                Scheme::Other
            }
            _ => return Err(Error::Uri),
        };
        match scheme {
            Scheme::Sip | Scheme::Sips => Self::parse_sip(raw, scheme, colon + 1),
            Scheme::Tel => Self::parse_tel(raw, colon + 1),
            Scheme::Other => Ok(Self::whole(raw, scheme, colon + 1)),
        }
    }

    fn parse_sip(raw: Bytes, scheme: Scheme, start: usize) -> Result<Self, Error> {
        let at_sign = memchr::memchr(b'@', &raw[start..]).map(|at| start + at);
        // A user has at least one character, also before a password.
        if at_sign == Some(start) || (at_sign.is_some() && raw[start] == b':') {
            return Err(Error::Uri);
        }
        let host_start = at_sign.map_or(start, |at| at + 1);
        let rest = &raw[host_start..];
        let host_length = match rest.first() {
            Some(b'[') => memchr::memchr(b']', rest).map(|at| at + 1).ok_or(Error::Uri)?,
            _ => rest.iter().position(|b| matches!(b, b':' | b';' | b'?')).unwrap_or(rest.len()),
        };
        if !is_host(&rest[..host_length]) {
            return Err(Error::Uri);
        }
        let host_end = host_start + host_length;
        let mut at = host_end;
        let mut port = None;
        if raw.get(at) == Some(&b':') {
            let digits = &raw[at + 1..];
            let length = digits.iter().position(|b| matches!(b, b';' | b'?')).unwrap_or(digits.len());
            port = Some(scan::number(&digits[..length]).ok_or(Error::Uri)?);
            at += 1 + length;
        }
        if !matches!(raw.get(at), None | Some(b';' | b'?')) {
            return Err(Error::Uri);
        }
        let headers = raw[at..].iter().position(|b| *b == b'?').map_or(raw.len(), |q| at + q);
        Ok(Self {
            scheme,
            user_end: at_sign.map(narrow),
            start: narrow(start),
            host_start: narrow(host_start),
            host_end: narrow(host_end),
            port,
            params_start: narrow(at),
            headers_start: narrow(headers),
            raw,
        })
    }

    fn parse_tel(raw: Bytes, start: usize) -> Result<Self, Error> {
        let end = raw[start..].iter().position(|b| *b == b';').map_or(raw.len(), |at| start + at);
        let number = &raw[start..end];
        // RFC 3966 §3: digits, visual separators, `+` in front; local numbers may have `*`, `#`, A-F.
        let dialable =
            |b: &u8| b.is_ascii_hexdigit() || matches!(b, b'-' | b'.' | b'(' | b')' | b'*' | b'#' | b'+');
        if number.is_empty() || !number.iter().all(dialable) {
            return Err(Error::Uri);
        }
        let mut uri = Self::whole(raw, Scheme::Tel, start);
        uri.user_end = Some(narrow(end));
        uri.host_start = narrow(end);
        uri.host_end = narrow(end);
        uri.params_start = narrow(end);
        Ok(uri)
    }

    fn whole(raw: Bytes, scheme: Scheme, start: usize) -> Self {
        let end = narrow(raw.len());
        Self {
            raw,
            scheme,
            user_end: None,
            start: narrow(start),
            host_start: narrow(start),
            host_end: end,
            port: None,
            params_start: end,
            headers_start: end,
        }
    }

    /// Writes a SIP URI from its parts; the user is escaped, `params` stand as they are (with their semicolons).
    pub fn compose(
        scheme: Scheme,
        user: Option<&[u8]>,
        host: &str,
        port: Option<u16>,
        params: &str,
    ) -> Result<Self, Error> {
        let mut out = BytesMut::with_capacity(32 + host.len() + params.len());
        out.put_slice(if scheme == Scheme::Sips { b"sips:" } else { b"sip:" });
        if let Some(user) = user {
            escape_user(user, &mut out);
            out.put_u8(b'@');
        }
        if host.contains(':') && !host.starts_with('[') {
            out.put_u8(b'[');
            out.put_slice(host.as_bytes());
            out.put_u8(b']');
        } else {
            out.put_slice(host.as_bytes());
        }
        if let Some(port) = port {
            out.put_u8(b':');
            crate::message::put_number(&mut out, u64::from(port));
        }
        out.put_slice(params.as_bytes());
        Self::parse(out.freeze())
    }

    /// The whole URI as it stands.
    pub fn as_bytes(&self) -> &[u8] {
        &self.raw
    }

    /// The whole URI as it stands, shared.
    pub fn bytes(&self) -> Bytes {
        self.raw.clone()
    }

    /// The scheme's kind.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The scheme as it stands.
    pub fn scheme_bytes(&self) -> &[u8] {
        &self.raw[..usize::from(self.start).saturating_sub(1)]
    }

    /// The user part as it stands (escaped, without password); the number of a `tel:` URI.
    pub fn user(&self) -> Option<&[u8]> {
        let info = self.user_info()?;
        Some(memchr::memchr(b':', info).map_or(info, |at| &info[..at]))
    }

    fn user_info(&self) -> Option<&[u8]> {
        self.user_end.map(|end| &self.raw[usize::from(self.start)..usize::from(end)])
    }

    /// The user part without escapes (RFC 3261 §19.1.2).
    pub fn user_decoded(&self) -> Option<Cow<'_, [u8]>> {
        self.user().map(unescape)
    }

    /// The host as it stands; IPv6 addresses in their brackets.
    pub fn host(&self) -> &[u8] {
        &self.raw[usize::from(self.host_start)..usize::from(self.host_end)]
    }

    /// The port, when one is written.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The URI's parameters.
    pub fn params(&self) -> Params<'_> {
        Params::new(&self.raw[usize::from(self.params_start)..usize::from(self.headers_start)])
    }

    /// The URI's header fields, behind `?`: name and value, escaped as they stand.
    pub fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let text = self.raw.get(usize::from(self.headers_start) + 1..).unwrap_or_default();
        text.split(|b| *b == b'&').filter(|h| !h.is_empty()).map(|header| {
            match memchr::memchr(b'=', header) {
                Some(at) => (&header[..at], &header[at + 1..]),
                None => (header, &header[header.len()..]),
            }
        })
    }

    /// The `transport` parameter.
    pub fn transport(&self) -> Option<&[u8]> {
        self.params().value(b"transport")
    }

    /// A copy in a buffer of its own, so that keeping it does not keep the message it came in.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self { raw: Bytes::copy_from_slice(&self.raw), ..self.clone() }
    }

    /// Is this an equivalent URI by RFC 3261 §19.1.4? `tel:` numbers compare without visual separators
    /// (RFC 3966 §4); other schemes byte for byte.
    pub fn matches(&self, other: &Self) -> bool {
        if self.raw == other.raw {
            return true;
        }
        match (self.scheme, other.scheme) {
            (Scheme::Sip, Scheme::Sip) | (Scheme::Sips, Scheme::Sips) => self.matches_sip(other),
            (Scheme::Tel, Scheme::Tel) => {
                let digits = |uri: &Self| -> Vec<u8> {
                    let number = uri.user().unwrap_or_default();
                    number
                        .iter()
                        .filter(|b| !matches!(b, b'-' | b'.' | b'(' | b')'))
                        .map(u8::to_ascii_lowercase)
                        .collect()
                };
                digits(self) == digits(other)
                    && params_match(self.params(), other.params(), &[b"phone-context", b"ext", b"isub"])
            }
            _ => false,
        }
    }

    fn matches_sip(&self, other: &Self) -> bool {
        let info = |uri: &Self| uri.user_info().map(|info| unescape(info).into_owned());
        // "The userinfo component is case-sensitive; an omitted port does not match an explicit default."
        info(self) == info(other)
            && self.host().eq_ignore_ascii_case(other.host())
            && self.port == other.port
            && params_match(
                self.params(),
                other.params(),
                &[b"user", b"ttl", b"method", b"maddr", b"transport"],
            )
            && headers_match(self, other)
    }
}

/// "A user, ttl, method or maddr (or transport) in only one URI never matches"; others compare when in both.
fn params_match(a: Params<'_>, b: Params<'_>, binding: &[&[u8]]) -> bool {
    let same = |x: Option<&[u8]>, y: Option<&[u8]>| match (x, y) {
        (Some(x), Some(y)) => unescape(x).eq_ignore_ascii_case(&unescape(y)),
        (None, None) => true,
        _ => false,
    };
    let one_way = |from: Params<'_>, to: Params<'_>| {
        from.iter().all(|(name, value)| match to.find(name) {
            Some(found) => same(value, found),
            None => !binding.iter().any(|b| name.eq_ignore_ascii_case(b)),
        })
    };
    one_way(a, b) && one_way(b, a)
}

/// "URI header components are never ignored": the same set on both sides, in any order.
fn headers_match(a: &Uri, b: &Uri) -> bool {
    let sorted = |uri: &Uri| {
        let mut all: Vec<(Vec<u8>, Vec<u8>)> = uri
            .headers()
            .map(|(n, v)| (unescape(n).to_ascii_lowercase(), unescape(v).into_owned()))
            .collect();
        all.sort_unstable();
        all
    };
    a.headers_start as usize == a.raw.len() && b.headers_start as usize == b.raw.len()
        || sorted(a) == sorted(b)
}

impl PartialEq for Uri {
    /// Byte for byte; [`Uri::matches`] is the comparison of RFC 3261.
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw
    }
}

impl Eq for Uri {}

impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uri({self})")
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.raw))
    }
}

impl std::str::FromStr for Uri {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(Bytes::copy_from_slice(text.as_bytes()))
    }
}

/// URIs are at most [`URI_BYTES_MAX`] long, so places fit.
fn narrow(place: usize) -> u16 {
    u16::try_from(place).unwrap_or(u16::MAX)
}

/// No white space, control characters, quotes or angle brackets; bytes above ASCII pass as data.
fn is_uri_byte(byte: u8) -> bool {
    URI_BYTE[usize::from(byte)]
}

const URI_BYTE: [bool; 256] = {
    let mut table = [true; 256];
    let mut byte = 0;
    while byte <= 0x20 {
        table[byte] = false;
        byte += 1;
    }
    table[0x7f] = false;
    table[b'<' as usize] = false;
    table[b'>' as usize] = false;
    table[b'"' as usize] = false;
    table
};

fn escapes_are_whole(bytes: &[u8]) -> bool {
    memchr::memchr_iter(b'%', bytes).all(|at| {
        matches!(bytes.get(at + 1..at + 3), Some([a, b]) if a.is_ascii_hexdigit() && b.is_ascii_hexdigit())
    })
}

/// A host name, IPv4 address or IPv6 reference; underscores are tolerated.
pub(crate) fn is_host(host: &[u8]) -> bool {
    match host {
        [b'[', inner @ .., b']'] => {
            std::str::from_utf8(inner).is_ok_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok())
        }
        [_, ..] => host.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_')),
        [] => false,
    }
}

/// `bytes` with `%xx` decoded; a broken escape stays as it is.
pub fn unescape(bytes: &[u8]) -> Cow<'_, [u8]> {
    if !bytes.contains(&b'%') {
        return bytes.into();
    }
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = bytes
            .get(at + 1)
            .copied()
            .and_then(scan::hex_digit)
            .zip(bytes.get(at + 2).copied().and_then(scan::hex_digit));
        match (bytes[at], pair) {
            (b'%', Some((high, low))) => {
                plain.push(high * 16 + low);
                at += 3;
            }
            (byte, _) => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    plain.into()
}

/// Writes `user` with everything escaped that may not stand in a user part (RFC 3261 §25.1 `user`).
pub fn escape_user(user: &[u8], out: &mut BytesMut) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in user {
        let plain = byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'-' | b'_'
                    | b'.'
                    | b'!'
                    | b'~'
                    | b'*'
                    | b'\''
                    | b'('
                    | b')'
                    | b'&'
                    | b'='
                    | b'+'
                    | b'$'
                    | b','
                    | b'/'
            );
        if plain {
            out.put_u8(*byte);
        } else {
            out.put_slice(&[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
}

#[cfg(test)]
mod tests;
