//! A client's `<body/>`, read piece by piece as it comes in (XEP-0124 §6).

use std::sync::Arc;

use bytes::{Buf, BytesMut};

use super::{NS, RID_MAX, XBOSH};
use crate::characters::is_space;
use crate::escape::unescape_attribute;
use crate::fault::{Fault, fault, malformed};
use crate::header::version;
use crate::lexer::{QName, RawAttribute};
use crate::reader::{Reader, Step};
use crate::root::{Root, prefix_uri};
use crate::scope::Scope;
use crate::{ContentNamespace, Limits, Stanza, StreamCondition, StreamError};

/// The attributes of a client's `<body/>`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wrapper {
    /// The session; absent when a new one is asked for.
    pub sid: Option<String>,
    /// The request's number.
    pub rid: Option<u64>,
    /// The domain.
    pub to: Option<String>,
    /// Who the client says it is.
    pub from: Option<String>,
    /// The language of what it sends.
    pub lang: Option<String>,
    /// The version of BOSH that it speaks at most.
    pub ver: Option<(u16, u16)>,
    /// How long an answer may take at most, in seconds.
    pub wait: Option<u32>,
    /// How many requests may wait for an answer.
    pub hold: Option<u32>,
    /// On the first request 1, later the answers that have arrived (XEP-0124 §9.2).
    pub ack: Option<u64>,
    /// How long there will be no request, in seconds (XEP-0124 §10).
    pub pause: Option<u32>,
    /// The session ends with this request (XEP-0124 §13).
    pub terminates: bool,
    /// A new stream begins (XEP-0206 §5).
    pub restarts: bool,
    /// The version of XMPP (XEP-0206 §3).
    pub version: Option<(u16, u16)>,
}

/// A whole request.
#[derive(Clone, Debug)]
pub struct Request {
    /// The attributes.
    pub wrapper: Wrapper,
    /// The elements inside.
    pub payloads: Vec<Stanza>,
}

impl Request {
    /// XEP-0124 §11: a request that asks for nothing but an answer.
    pub(super) fn is_empty(&self) -> bool {
        let Wrapper { pause, terminates, restarts, .. } = &self.wrapper;
        self.payloads.is_empty() && pause.is_none() && !terminates && !restarts
    }
}

/// How far a request was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// More bytes are needed.
    More,
    /// The attributes are known: now is the time for the session's limits and language.
    Opened,
    /// All was read.
    Done,
}

/// The reader of one request.
#[derive(Debug)]
pub struct BodyReader {
    buffer: BytesMut,
    reader: Reader,
    wrapper: Option<Wrapper>,
    payloads: Vec<Stanza>,
    closed: bool,
}

impl BodyReader {
    /// A reader with the limits of a client that nobody knows yet.
    pub fn new(limits: Limits) -> Self {
        Self {
            buffer: BytesMut::new(),
            reader: Reader::body(limits),
            wrapper: None,
            payloads: Vec::new(),
            closed: false,
        }
    }

    /// Takes bytes that came in.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The limits and the language of the session.
    pub fn adopt(&mut self, limits: Limits, lang: Option<&str>) {
        self.reader.limits = limits;
        if self.reader.scope.lang.is_none() {
            let scope = Scope { lang: lang.map(Into::into), ..Scope::clone(&self.reader.scope) };
            self.reader.scope = Arc::new(scope);
        }
    }

    /// The attributes, once they are known.
    pub fn wrapper(&self) -> Option<&Wrapper> {
        self.wrapper.as_ref()
    }

    /// Reads on.
    pub fn read(&mut self) -> Result<Progress, StreamError> {
        loop {
            if self.closed {
                if self.buffer.iter().any(|byte| !is_space(*byte)) {
                    return Err(malformed("something comes after the body").into());
                }
                return Ok(Progress::Done);
            }
            match self.reader.step(&self.buffer)? {
                Step::More => return Ok(Progress::More),
                Step::Skip(bytes) => self.buffer.advance(bytes),
                Step::Body(bytes, wrapper, is_whole) => {
                    self.buffer.advance(bytes);
                    self.wrapper = Some(*wrapper);
                    self.closed = is_whole;
                    return Ok(Progress::Opened);
                }
                Step::Stanza(bytes, parts) => {
                    let bytes = self.buffer.split_to(bytes).freeze();
                    self.payloads.push(Stanza::new(bytes, Arc::clone(&self.reader.scope), parts));
                }
                Step::Close(bytes) => {
                    self.buffer.advance(bytes);
                    self.closed = true;
                }
                Step::Open(..) => return Err(malformed("a stream header has no place here").into()),
            }
        }
    }

    /// The request, when all of it was read.
    pub fn finish(self) -> Option<Request> {
        let (wrapper, payloads) = (self.wrapper?, self.payloads);
        self.closed.then_some(Request { wrapper, payloads })
    }
}

/// Reads the tag of `<body/>`, whose attribute names are unique.
pub(crate) fn read_wrapper(
    data: &[u8],
    name: QName,
    attributes: &[RawAttribute],
) -> Result<(Wrapper, Scope), Fault> {
    let root = Root::read(data, name, attributes, ContentNamespace::Client)?;
    let uri = root.uri(data, name).unwrap_or_default();
    if uri != NS || name.local().of(data) != b"body" {
        return Err(fault(StreamCondition::InvalidNamespace, "not a body of BOSH"));
    }
    let Root { mut scope, default_ns } = root;
    // COMPAT: XEP-0206 §2 knows clients that take stanzas of the namespace of `<body/>` for those of `jabber:client`.
    scope.default = scope.intern(if default_ns == NS { crate::ns::CLIENT } else { &default_ns });
    let wrapper = read_attributes(data, attributes, &scope)?;
    scope.lang = wrapper.lang.as_deref().map(Into::into);
    Ok((wrapper, scope))
}

fn read_attributes(data: &[u8], attributes: &[RawAttribute], scope: &Scope) -> Result<Wrapper, Fault> {
    let mut wrapper = Wrapper::default();
    for attribute in attributes {
        let value = || unescape_attribute(attribute.value.text(data)).into_owned();
        let local = attribute.name.local().of(data);
        match attribute.name.prefix() {
            None => match local {
                b"sid" => wrapper.sid = Some(value()),
                b"rid" => {
                    wrapper.rid = Some(number(&value()).filter(|rid| *rid <= RID_MAX).ok_or_else(no_number)?)
                }
                b"to" => wrapper.to = Some(value()),
                b"from" => wrapper.from = Some(value()),
                b"ver" => wrapper.ver = Some(version(&value())?),
                b"wait" => wrapper.wait = Some(small(&value())?),
                b"hold" => wrapper.hold = Some(small(&value())?),
                b"ack" => wrapper.ack = Some(number(&value()).ok_or_else(no_number)?),
                b"pause" => wrapper.pause = Some(small(&value())?),
                b"type" => wrapper.terminates = value() == "terminate",
                _ => {}
            },
            Some(prefix) if prefix.of(data) == b"xml" && local == b"lang" => wrapper.lang = Some(value()),
            Some(prefix) if prefix_uri(data, prefix, scope) == Some(XBOSH) => match local {
                b"version" => wrapper.version = Some(version(&value())?),
                b"restart" => wrapper.restarts = matches!(value().as_str(), "true" | "1"),
                _ => {}
            },
            Some(_) => {}
        }
    }
    Ok(wrapper)
}

fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// A number of seconds or requests; what is larger than we can count is as good as the largest.
fn small(text: &str) -> Result<u32, Fault> {
    number(text).map(|value| u32::try_from(value).unwrap_or(u32::MAX)).ok_or_else(no_number)
}

fn no_number() -> Fault {
    fault(StreamCondition::BadFormat, "not a number")
}
