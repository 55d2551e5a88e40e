//! Building messages straight into one buffer; the places of the header fields are known as they are written.

use bytes::{BufMut, Bytes, BytesMut};

use crate::message::headers::Place;
use crate::message::parse::{narrow, trimmed};
use crate::message::{Headers, Name, Request, Response};
use crate::method::Method;

/// Room made for a new message, in bytes.
const MESSAGE_BYTES_USUAL: usize = 1024;

/// Something that can stand as a header field's value.
pub trait HeaderValue {
    /// Writes the value. Line ends in it become spaces.
    fn write(&self, out: &mut BytesMut);
}

impl HeaderValue for [u8] {
    fn write(&self, out: &mut BytesMut) {
        out.put_slice(self);
    }
}

impl<const N: usize> HeaderValue for [u8; N] {
    fn write(&self, out: &mut BytesMut) {
        out.put_slice(self);
    }
}

impl HeaderValue for str {
    fn write(&self, out: &mut BytesMut) {
        out.put_slice(self.as_bytes());
    }
}

impl HeaderValue for String {
    fn write(&self, out: &mut BytesMut) {
        out.put_slice(self.as_bytes());
    }
}

impl HeaderValue for Bytes {
    fn write(&self, out: &mut BytesMut) {
        out.put_slice(self);
    }
}

impl HeaderValue for BytesMut {
    fn write(&self, out: &mut BytesMut) {
        out.put_slice(self);
    }
}

impl HeaderValue for u32 {
    fn write(&self, out: &mut BytesMut) {
        put_number(out, u64::from(*self));
    }
}

impl<T: HeaderValue + ?Sized> HeaderValue for &T {
    fn write(&self, out: &mut BytesMut) {
        (**self).write(out);
    }
}

/// Writes a decimal number.
pub fn put_number(out: &mut BytesMut, number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = number;
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.put_slice(&digits[at..]);
}

/// The lines of a message that is being written.
#[derive(Debug)]
pub(crate) struct Lines {
    pub(crate) out: BytesMut,
    pub(crate) places: Vec<Place>,
}

impl Lines {
    pub(crate) fn new() -> Self {
        Self { out: BytesMut::with_capacity(MESSAGE_BYTES_USUAL), places: Vec::with_capacity(16) }
    }

    /// Writes a line; `spelled` is the name on the wire.
    pub(crate) fn push_with(&mut self, name: Name, spelled: &[u8], write: impl FnOnce(&mut BytesMut)) {
        let line = self.out.len();
        self.out.put_slice(spelled);
        let name_end = self.out.len();
        self.out.put_slice(b": ");
        let value = self.out.len();
        write(&mut self.out);
        // What came from elsewhere must not end the line and begin another.
        for byte in &mut self.out[value..] {
            if matches!(byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
        let value_end = self.out.len();
        self.out.put_slice(b"\r\n");
        let (value, value_end) = trimmed(&self.out, value, value_end);
        self.places.push(Place {
            name,
            line: narrow(line),
            name_end: narrow(name_end),
            value: narrow(value),
            value_end: narrow(value_end),
        });
    }

    /// Writes a line with a known name; [`Name::Other`] has no spelling and writes none.
    pub(crate) fn push<V: HeaderValue + ?Sized>(&mut self, name: Name, value: &V) {
        if name == Name::Other {
            return;
        }
        self.push_with(name, name.as_str().as_bytes(), |out| value.write(out));
    }

    /// Ends the header section with Content-Length, and adds the body.
    pub(crate) fn finish(mut self, body: &[u8]) -> (Headers, Bytes) {
        self.push_with(Name::ContentLength, b"Content-Length", |out| put_number(out, body.len() as u64));
        self.out.put_slice(b"\r\n");
        let start = self.out.len();
        self.out.put_slice(body);
        let bytes = self.out.freeze();
        let body = bytes.slice(start..);
        (Headers { bytes, places: self.places }, body)
    }
}

macro_rules! header_methods {
    () => {
        /// Adds a header line.
        #[must_use]
        pub fn header<V: HeaderValue + ?Sized>(mut self, name: Name, value: &V) -> Self {
            self.lines.push(name, value);
            self
        }

        /// Adds a header line when there is a value.
        #[must_use]
        pub fn header_opt<V: HeaderValue + ?Sized>(mut self, name: Name, value: Option<&V>) -> Self {
            if let Some(value) = value {
                self.lines.push(name, value);
            }
            self
        }

        /// Adds a header line whose name is not known here.
        #[must_use]
        pub fn named<V: HeaderValue + ?Sized>(mut self, name: &str, value: &V) -> Self {
            self.lines.push_with(Name::parse(name.as_bytes()), name.as_bytes(), |out| value.write(out));
            self
        }

        /// Copies all lines called `name` from another message, in order.
        #[must_use]
        pub fn copy(mut self, from: &Headers, name: Name) -> Self {
            for value in from.all(name) {
                self.lines.push(name, value);
            }
            self
        }
    };
}

/// A request that is being written.
#[derive(Debug)]
pub struct RequestBuilder {
    lines: Lines,
    method: Method,
    uri: (usize, usize),
}

impl RequestBuilder {
    /// Begins a request. `uri` stands as it is; header fields follow in the order in which they are added.
    pub fn new(method: Method, uri: &[u8]) -> Self {
        let mut lines = Lines::new();
        lines.out.put_slice(method.as_bytes());
        lines.out.put_u8(b' ');
        let start = lines.out.len();
        lines.out.put_slice(uri);
        let uri = (start, lines.out.len());
        lines.out.put_slice(b" SIP/2.0\r\n");
        Self { lines, method, uri }
    }

    /// Adds a Via: `SIP/2.0/<transport> <sent_by>;branch=<branch>;rport` (RFC 3581 §3).
    #[must_use]
    pub fn via(mut self, transport: &str, sent_by: &str, branch: &[u8]) -> Self {
        self.lines.push_with(Name::Via, b"Via", |out| {
            out.put_slice(b"SIP/2.0/");
            out.put_slice(transport.as_bytes());
            out.put_u8(b' ');
            out.put_slice(sent_by.as_bytes());
            out.put_slice(b";branch=");
            out.put_slice(branch);
            out.put_slice(b";rport");
        });
        self
    }

    header_methods!();

    /// Ends the request with a body.
    pub fn body(mut self, content_type: &str, body: &[u8]) -> Request {
        self.lines.push(Name::ContentType, content_type);
        self.end(body)
    }

    /// Ends the request without a body.
    pub fn finish(self) -> Request {
        self.end(b"")
    }

    fn end(self, body: &[u8]) -> Request {
        let (headers, body) = self.lines.finish(body);
        let uri = headers.bytes.slice(self.uri.0..self.uri.1);
        Request { method: self.method, uri, headers, body, source: None }
    }
}

/// A response that is being written.
#[derive(Debug)]
pub struct ResponseBuilder {
    lines: Lines,
    status: u16,
    reason: (usize, usize),
}

impl ResponseBuilder {
    /// See [`Response::to`]; with a reason phrase of one's own.
    pub fn to(request: &Request, status: u16, reason: &str, to_tag: Option<&[u8]>) -> Self {
        let mut lines = Lines::new();
        lines.out.put_slice(b"SIP/2.0 ");
        put_number(&mut lines.out, u64::from(status));
        lines.out.put_u8(b' ');
        let start = lines.out.len();
        lines.out.put_slice(reason.as_bytes());
        let reason = (start, lines.out.len());
        lines.out.put_slice(b"\r\n");
        put_vias(request, &mut lines);
        let headers = &request.headers;
        for name in [Name::From, Name::To, Name::CallId, Name::CSeq] {
            let Some(value) = headers.first(name) else { continue };
            // "If a request did not contain a To tag, the UAS MUST add one, unless the response is 100."
            let tag = to_tag.filter(|_| name == Name::To && status != 100 && headers.to_tag().is_none());
            lines.push_with(name, name.as_str().as_bytes(), |out| {
                out.put_slice(value);
                if let Some(tag) = tag {
                    out.put_slice(b";tag=");
                    out.put_slice(tag);
                }
            });
        }
        if status == 100
            && let Some(timestamp) = headers.first(Name::Timestamp)
        {
            lines.push(Name::Timestamp, timestamp);
        }
        Self { lines, status, reason }
    }

    header_methods!();

    /// Ends the response with a body.
    pub fn body(mut self, content_type: &str, body: &[u8]) -> Response {
        self.lines.push(Name::ContentType, content_type);
        self.end(body)
    }

    /// Ends the response without a body.
    pub fn finish(self) -> Response {
        self.end(b"")
    }

    fn end(self, body: &[u8]) -> Response {
        let (headers, body) = self.lines.finish(body);
        let reason = headers.bytes.slice(self.reason.0..self.reason.1);
        Response { status: self.status, reason, headers, body }
    }
}

/// Copies the Via fields in order, the topmost with what was seen of the sender.
fn put_vias(request: &Request, lines: &mut Lines) {
    let headers = &request.headers;
    let top = request.source.and_then(|source| Some((source, headers.via().ok()?)));
    for (index, value) in headers.all(Name::Via).enumerate() {
        lines.push_with(Name::Via, b"Via", |out| match &top {
            Some((source, via)) if index == 0 => {
                via.write_received(*source, out);
                // Values joined to the topmost by a comma stand behind it as they came.
                if let Some(comma) = crate::scan::find_outside(value, b',') {
                    out.put_slice(&value[comma..]);
                }
            }
            _ => out.put_slice(value),
        });
    }
}

/// What a status code of a class without a name of its own is called (RFC 3261 §7.2).
fn class_phrase(status: u16) -> &'static str {
    match status / 100 {
        1 => "Progress",
        2 => "Success",
        3 => "Redirection",
        4 => "Request Failure",
        5 => "Server Failure",
        _ => "Global Failure",
    }
}

/// The reason phrase that the RFCs give a status code.
pub fn reason_phrase(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        181 => "Call Is Being Forwarded",
        182 => "Queued",
        183 => "Session Progress",
        199 => "Early Dialog Terminated",
        200 => "OK",
        202 => "Accepted",
        204 => "No Notification",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Moved Temporarily",
        305 => "Use Proxy",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        410 => "Gone",
        412 => "Conditional Request Failed",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        420 => "Bad Extension",
        421 => "Extension Required",
        422 => "Session Interval Too Small",
        423 => "Interval Too Brief",
        433 => "Anonymity Disallowed",
        439 => "First Hop Lacks Outbound Support",
        469 => "Bad Info Package",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        484 => "Address Incomplete",
        485 => "Ambiguous",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        489 => "Bad Event",
        491 => "Request Pending",
        493 => "Undecipherable",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Server Time-out",
        505 => "Version Not Supported",
        513 => "Message Too Large",
        600 => "Busy Everywhere",
        603 => "Decline",
        604 => "Does Not Exist Anywhere",
        606 => "Not Acceptable",
        _ => class_phrase(status),
    }
}
