//! What must hold before a request is processed, and the answer when it does not (RFC 3261 §8.1.1, §8.2, §16.3).

use crate::error::{Error, Refusal};
use crate::header::Contacts;
use crate::message::{Headers, Name, Request, Response};
use crate::method::Method;
use crate::scan;
use crate::uri::{Scheme, Uri};

/// The option tags that this stack understands (RFC 3261 §8.2.2.3).
pub const EXTENSIONS_KNOWN: [&[u8]; 8] = [
    b"100rel",
    b"timer",
    b"replaces",
    b"outbound",
    b"path",
    b"norefersub",
    b"eventlist",
    b"recipient-list-subscribe",
];

/// Header fields that may stand once (RFC 3261 §7.3.1: no comma list in their grammar).
const SINGLE: [Name; 16] = [
    Name::CallId,
    Name::ContentLength,
    Name::ContentType,
    Name::CSeq,
    Name::Date,
    Name::Event,
    Name::Expires,
    Name::From,
    Name::MaxForwards,
    Name::MinExpires,
    Name::RAck,
    Name::ReferTo,
    Name::Replaces,
    Name::SessionExpires,
    Name::SipIfMatch,
    Name::To,
];

impl Request {
    /// Can a stateless answer be sent: is there a Via, and is this not an ACK?
    pub(crate) fn is_answerable(&self) -> bool {
        self.method != Method::Ack && self.headers.has(Name::Via)
    }

    /// Checks the mandatory header fields and their grammar.
    ///
    /// # Errors
    /// The first thing that is wrong; `Refusal::from(error)` is the answer. [`Request::refusal`] also looks at
    /// the scheme and at required extensions.
    pub fn check(&self) -> Result<(), Error> {
        let headers = &self.headers;
        check_both(headers)?;
        if headers.cseq()?.method != self.method {
            return Err(Error::CSeqMethod);
        }
        headers.max_forwards()?;
        headers.expires()?;
        if headers.has(Name::ContentType) {
            headers.content_type()?;
        }
        match headers.contacts()? {
            Contacts::All if self.method != Method::Register => Err(Error::Value(Name::Contact)),
            _ => Ok(()),
        }?;
        for name in [Name::Authorization, Name::ProxyAuthorization] {
            // "Authorization fields of unknown schemes are data"; what must be there is a scheme.
            if headers.all(name).any(|value| scan::trim(value).is_empty()) {
                return Err(Error::Value(name));
            }
        }
        Ok(())
    }

    /// The answer to a request that must not be processed; `None` when it may. The order is that of RFC 3261
    /// §8.2: grammar, scheme, then required extensions other than `known`.
    pub fn refusal(&self, known: &[&[u8]]) -> Option<Refusal> {
        if let Err(error) = self.check() {
            return Some(error.into());
        }
        let uri = match Uri::parse(self.uri.clone()) {
            Ok(uri) => uri,
            Err(error) => return Some(error.into()),
        };
        let scheme = uri.scheme();
        // RFC 3261 §19.1.1, table 1: header fields are not allowed in a Request-URI.
        if uri.headers().next().is_some() {
            return Some(Error::Uri.into());
        }
        if scheme == Scheme::Other {
            return Some(Refusal { status: 416, reason: "Unsupported URI Scheme" });
        }
        // RFC 3261 §8.2.2.3: Require is ignored in ACK and CANCEL.
        let unsupported = self.unsupported(known).next().is_some();
        if unsupported && !matches!(self.method, Method::Ack | Method::Cancel) {
            return Some(Refusal { status: 420, reason: "Bad Extension" });
        }
        None
    }

    /// The required option tags that are not in `known`: what a 420 lists in Unsupported.
    pub fn unsupported<'a>(&'a self, known: &'a [&[u8]]) -> impl Iterator<Item = &'a [u8]> {
        let names = [Name::Require, Name::ProxyRequire];
        names
            .into_iter()
            .flat_map(|name| self.headers.elements(name))
            .filter(|tag| !known.iter().any(|k| tag.eq_ignore_ascii_case(k)))
    }
}

impl Response {
    /// Checks the mandatory header fields and their grammar; a response that fails is dropped (RFC 3261 §18.1.2).
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), Error> {
        check_both(&self.headers)
    }
}

fn check_both(headers: &Headers) -> Result<(), Error> {
    let mut seen = 0_u128;
    for name in headers.names() {
        let bit = 1_u128 << name as u8;
        if seen & bit != 0 && SINGLE.contains(&name) {
            return Err(Error::Repeated(name));
        }
        seen |= bit;
    }
    let mut vias = headers.vias();
    vias.next().ok_or(Error::Missing(Name::Via))??;
    for via in vias {
        via?;
    }
    headers.call_id()?;
    headers.cseq()?;
    headers.from()?;
    headers.to()?;
    headers.routes()?;
    headers.record_routes()?;
    Ok(())
}
