//! Challenges and credentials as header field values (RFC 3261 §20.7, §20.44).

use std::borrow::Cow;
use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use crate::digest::Algorithm;
use crate::header::quote;
use crate::message::HeaderValue;
use crate::scan;

/// The comma-separated parameters behind `Digest`.
#[derive(Clone, PartialEq, Eq)]
struct AuthParams(Bytes);

impl AuthParams {
    /// `None` when the scheme is not Digest.
    fn parse(raw: &Bytes) -> Option<Self> {
        let gap = raw.iter().position(|b| matches!(b, b' ' | b'\t'))?;
        raw[..gap].eq_ignore_ascii_case(b"Digest").then(|| Self(raw.slice(gap..)))
    }

    fn raw(&self, name: &[u8]) -> Option<&[u8]> {
        scan::elements(&self.0).find_map(|element| {
            let equals = memchr::memchr(b'=', element)?;
            scan::trim(&element[..equals])
                .eq_ignore_ascii_case(name)
                .then(|| scan::trim(&element[equals + 1..]))
        })
    }

    fn value(&self, name: &[u8]) -> Option<Cow<'_, [u8]>> {
        self.raw(name).map(scan::unquote)
    }

    fn text(&self, name: &[u8]) -> Option<String> {
        String::from_utf8(self.value(name)?.into_owned()).ok()
    }

    /// The algorithm: MD5 when none is named, `None` when the named one is not known.
    fn algorithm(&self) -> Option<Algorithm> {
        match self.value(b"algorithm") {
            None => Some(Algorithm::Md5),
            Some(name) => Algorithm::parse(&name),
        }
    }
}

/// A digest challenge, from WWW-Authenticate or Proxy-Authenticate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The protection space.
    pub realm: String,
    /// The server's nonce.
    pub nonce: String,
    /// Given back as it came.
    pub opaque: Option<String>,
    /// The algorithm; `None` when it is one that we do not know.
    pub algorithm: Option<Algorithm>,
    /// Is qop=auth offered?
    pub qop_auth: bool,
    /// Were the credentials right and only the nonce too old?
    pub stale: bool,
}

impl Challenge {
    /// Reads a value; `None` when it is not a digest challenge with realm and nonce.
    pub fn parse(raw: Bytes) -> Option<Self> {
        let params = AuthParams::parse(&raw)?;
        let qop = params.value(b"qop").unwrap_or_default();
        Some(Self {
            realm: params.text(b"realm")?,
            nonce: params.text(b"nonce")?,
            opaque: params.text(b"opaque"),
            algorithm: params.algorithm(),
            qop_auth: scan::elements(&qop).any(|option| option.eq_ignore_ascii_case(b"auth")),
            stale: params.value(b"stale").is_some_and(|stale| stale.eq_ignore_ascii_case(b"true")),
        })
    }
}

impl HeaderValue for Challenge {
    fn write(&self, out: &mut BytesMut) {
        out.put_slice(b"Digest realm=");
        quote(self.realm.as_bytes(), out);
        out.put_slice(b", nonce=");
        quote(self.nonce.as_bytes(), out);
        if let Some(opaque) = &self.opaque {
            out.put_slice(b", opaque=");
            quote(opaque.as_bytes(), out);
        }
        if self.stale {
            out.put_slice(b", stale=true");
        }
        if let Some(algorithm) = self.algorithm {
            out.put_slice(b", algorithm=");
            out.put_slice(algorithm.as_str().as_bytes());
        }
        if self.qop_auth {
            out.put_slice(b", qop=\"auth\"");
        }
    }
}

/// Digest credentials, from Authorization or Proxy-Authorization. Never shown in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials(AuthParams);

impl Credentials {
    /// Reads a value; `None` when it is of another scheme or lacks username, realm, nonce, uri or response.
    pub fn parse(raw: Bytes) -> Option<Self> {
        let params = AuthParams::parse(&raw)?;
        let needed: [&[u8]; 5] = [b"username", b"realm", b"nonce", b"uri", b"response"];
        needed.iter().all(|name| params.raw(name).is_some()).then_some(Self(params))
    }

    /// The user name.
    pub fn username(&self) -> Cow<'_, [u8]> {
        self.0.value(b"username").unwrap_or_default()
    }

    /// The realm.
    pub fn realm(&self) -> Cow<'_, [u8]> {
        self.0.value(b"realm").unwrap_or_default()
    }

    /// The nonce.
    pub fn nonce(&self) -> Cow<'_, [u8]> {
        self.0.value(b"nonce").unwrap_or_default()
    }

    /// The digest URI.
    pub fn uri(&self) -> Cow<'_, [u8]> {
        self.0.value(b"uri").unwrap_or_default()
    }

    /// The response.
    pub fn response(&self) -> Cow<'_, [u8]> {
        self.0.value(b"response").unwrap_or_default()
    }

    /// The algorithm; `None` when it is not known.
    pub fn algorithm(&self) -> Option<Algorithm> {
        self.0.algorithm()
    }

    /// qop as it stands, when there is one.
    pub fn qop(&self) -> Option<Cow<'_, [u8]>> {
        self.0.value(b"qop")
    }

    /// The client's nonce.
    pub fn cnonce(&self) -> Option<Cow<'_, [u8]>> {
        self.0.value(b"cnonce")
    }

    /// The nonce count as it stands: eight hexadecimal digits.
    pub fn nonce_count(&self) -> Option<Cow<'_, [u8]>> {
        self.0.value(b"nc")
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(‹private›)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_survives_writing_and_reading() {
        let challenge = Challenge {
            realm: "a \"quoted\" realm, with comma".to_owned(),
            nonce: "abc".to_owned(),
            opaque: Some("x".to_owned()),
            algorithm: Some(Algorithm::Sha256),
            qop_auth: true,
            stale: true,
        };
        let mut out = BytesMut::new();
        challenge.write(&mut out);
        assert_eq!(Challenge::parse(out.freeze()), Some(challenge));
    }

    #[test]
    fn session_variants_are_not_known() {
        let raw =
            Bytes::from_static(b"Digest realm=\"r\", nonce=\"n\", algorithm=MD5-sess, qop=\"auth-int\"");
        let challenge = Challenge::parse(raw).unwrap();
        assert_eq!((challenge.algorithm, challenge.qop_auth), (None, false));
    }

    #[test]
    fn credentials_do_not_show_in_logs() {
        let raw = Bytes::from_static(b"Digest username=bob,realm=r,nonce=n,uri=\"sip:x\",response=secret");
        let shown = format!("{:?}", Credentials::parse(raw).unwrap());
        assert!(!shown.contains("secret") && !shown.contains("bob"));
    }

    #[test]
    fn other_schemes_are_left_alone() {
        assert_eq!(Credentials::parse(Bytes::from_static(b"NoOneKnowsThisScheme opaque-data=here")), None);
        assert_eq!(Credentials::parse(Bytes::from_static(b"Digest username=\"x\"")), None);
    }
}
