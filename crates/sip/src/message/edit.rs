//! Changing a message: a copy with lines added, replaced, cut or stripped.

use std::net::SocketAddr;

use bytes::{BufMut, Bytes, BytesMut};

use crate::message::build::{HeaderValue, Lines};
use crate::message::{Headers, Message, Name, Request, Response};
use crate::scan;

/// A message that is being changed. Nothing is written before [`Edit::finish`].
#[derive(Debug)]
pub struct Edit<'a> {
    subject: Subject<'a>,
    uri: Option<Bytes>,
    front: Vec<(Name, Bytes)>,
    back: Vec<(Name, Bytes)>,
    removed: Vec<Name>,
    popped: Vec<Name>,
    received: Option<SocketAddr>,
    body: Option<(&'a str, &'a [u8])>,
}

#[derive(Clone, Copy, Debug)]
enum Subject<'a> {
    Request(&'a Request),
    Response(&'a Response),
}

impl<'a> Edit<'a> {
    /// Begins to change a copy of `request`.
    pub fn request(request: &'a Request) -> Self {
        Self::of(Subject::Request(request))
    }

    /// Begins to change a copy of `response`.
    pub fn response(response: &'a Response) -> Self {
        Self::of(Subject::Response(response))
    }

    fn of(subject: Subject<'a>) -> Self {
        Self {
            subject,
            uri: None,
            front: Vec::new(),
            back: Vec::new(),
            removed: Vec::new(),
            popped: Vec::new(),
            received: None,
            body: None,
        }
    }

    /// Sets another Request-URI; a response has none.
    #[must_use]
    pub fn uri(mut self, uri: &[u8]) -> Self {
        self.uri = Some(Bytes::copy_from_slice(uri));
        self
    }

    /// Adds a line before all others: Via, Route, Record-Route.
    #[must_use]
    pub fn push_front<V: HeaderValue + ?Sized>(mut self, name: Name, value: &V) -> Self {
        self.front.insert(0, (name, written(value)));
        self
    }

    /// Adds a line behind all others.
    #[must_use]
    pub fn push<V: HeaderValue + ?Sized>(mut self, name: Name, value: &V) -> Self {
        self.back.push((name, written(value)));
        self
    }

    /// Cuts all lines called `name`.
    #[must_use]
    pub fn remove(mut self, name: Name) -> Self {
        self.removed.push(name);
        self
    }

    /// Puts one line in the place of all lines called `name`.
    #[must_use]
    pub fn replace<V: HeaderValue + ?Sized>(self, name: Name, value: &V) -> Self {
        self.remove(name).push(name, value)
    }

    /// Strips the first value of the list called `name`, and only that one of a comma-joined line.
    #[must_use]
    pub fn pop_front(mut self, name: Name) -> Self {
        self.popped.push(name);
        self
    }

    /// Adds `received` and `rport` to the topmost Via (RFC 3261 §18.2.1, RFC 3581 §4).
    #[must_use]
    pub fn received(mut self, source: SocketAddr) -> Self {
        self.received = Some(source);
        self
    }

    /// Puts another body in.
    #[must_use]
    pub fn body(mut self, content_type: &'a str, body: &'a [u8]) -> Self {
        self.body = Some((content_type, body));
        self.remove(Name::ContentType)
    }

    /// The changed message.
    pub fn finish(mut self) -> Message {
        let mut lines = Lines::new();
        let (headers, old_body) = match self.subject {
            Subject::Request(request) => (&request.headers, &request.body),
            Subject::Response(response) => (&response.headers, &response.body),
        };
        let middle = self.start_line(&mut lines.out);
        for (name, value) in &self.front {
            lines.push(*name, value);
        }
        self.copy_lines(headers, &mut lines);
        for (name, value) in &self.back {
            lines.push(*name, value);
        }
        let body = match self.body {
            Some((content_type, body)) => {
                lines.push(Name::ContentType, content_type);
                body
            }
            None => old_body,
        };
        let (headers, body) = lines.finish(body);
        let middle = headers.bytes.slice(middle.0..middle.1);
        match self.subject {
            Subject::Request(request) => Message::Request(Request {
                method: request.method.clone(),
                uri: middle,
                headers,
                body,
                source: request.source,
            }),
            Subject::Response(response) => {
                Message::Response(Response { status: response.status, reason: middle, headers, body })
            }
        }
    }

    /// Writes the start line; gives the place of the Request-URI or the reason phrase.
    fn start_line(&self, out: &mut BytesMut) -> (usize, usize) {
        match self.subject {
            Subject::Request(request) => {
                out.put_slice(request.method.as_bytes());
                out.put_u8(b' ');
                let start = out.len();
                out.put_slice(self.uri.as_ref().unwrap_or(&request.uri));
                let end = out.len();
                out.put_slice(b" SIP/2.0\r\n");
                (start, end)
            }
            Subject::Response(response) => {
                out.put_slice(b"SIP/2.0 ");
                crate::message::put_number(out, u64::from(response.status));
                out.put_u8(b' ');
                let start = out.len();
                out.put_slice(&response.reason);
                let end = out.len();
                out.put_slice(b"\r\n");
                (start, end)
            }
        }
    }

    fn copy_lines(&mut self, headers: &Headers, lines: &mut Lines) {
        let mut received = self.received;
        for field in headers.iter() {
            let name = field.name;
            if name == Name::ContentLength || (name != Name::Other && self.removed.contains(&name)) {
                continue;
            }
            let mut value = field.value;
            if let Some(at) = self.popped.iter().position(|p| *p == name && name != Name::Other) {
                self.popped.swap_remove(at);
                match scan::find_outside(value, b',') {
                    Some(comma) => value = scan::trim(&value[comma + 1..]),
                    None => continue,
                }
            }
            let via = if name == Name::Via { received.take() } else { None };
            lines.push_with(name, field.name_bytes, |out| {
                let first_end = scan::find_outside(value, b',').unwrap_or(value.len());
                let top = via.and_then(|source| {
                    Some((source, crate::Via::parse(headers.share(scan::trim(&value[..first_end]))).ok()?))
                });
                match top {
                    Some((source, top)) => {
                        top.write_received(source, out);
                        out.put_slice(&value[first_end..]);
                    }
                    None => out.put_slice(value),
                }
            });
        }
    }
}

fn written<V: HeaderValue + ?Sized>(value: &V) -> Bytes {
    let mut out = BytesMut::new();
    value.write(&mut out);
    out.freeze()
}
