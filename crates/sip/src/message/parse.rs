//! One pass over the buffer: start line, header lines, body (RFC 3261 §7).

use bytes::{Bytes, BytesMut};

use crate::error::Error;
use crate::message::headers::{Headers, Place};
use crate::message::{Malformed, Message, Name, Request, Response};
use crate::method::Method;
use crate::scan;

/// The largest message, in bytes; also the largest datagram.
pub const MESSAGE_BYTES_MAX: usize = 65_535;
/// The largest start line and header section, in bytes.
pub const HEADERS_BYTES_MAX: usize = 32_768;
/// Header lines of one message.
pub const HEADERS_MAX: usize = 256;
/// Header lines that room is made for at once: few messages have more.
const HEADERS_USUAL: usize = 24;

/// A start line.
enum Start {
    Request { method: Method, uri: Bytes },
    Response { status: u16, reason: Bytes },
}

/// What stands before the body, with the first thing that is wrong with it.
pub(crate) struct Head {
    start: Option<Start>,
    headers: Headers,
    body_start: usize,
    fault: Option<Error>,
}

/// See [`Message::parse`].
pub(crate) fn datagram(bytes: Bytes) -> Result<Message, Malformed> {
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(Malformed { error: Error::TooLarge, answerable: None });
    }
    let mut head = head(bytes)?;
    let available = head.headers.bytes.len() - head.body_start;
    let length = match content_length(&head.headers) {
        Ok(Some(length)) if length > available => {
            head.fault.get_or_insert(Error::ContentLength);
            available
        }
        Ok(length) => length.unwrap_or(available),
        Err(error) => {
            head.fault.get_or_insert(error);
            available
        }
    };
    finish(head, length)
}

/// Reads everything up to the empty line. `bytes` may go on behind it.
pub(crate) fn head(bytes: Bytes) -> Result<Head, Malformed> {
    let malformed = |error| Malformed { error, answerable: None };
    let mut bytes = bytes;
    let mut reader = Reader { at: 0, fault: None, folds: Vec::new() };
    let first = reader.line(&bytes).ok_or(malformed(Error::Incomplete))?;
    let mut places = Vec::with_capacity(HEADERS_USUAL);
    loop {
        let (start, end) = reader.line(&bytes).ok_or(malformed(Error::Incomplete))?;
        if start == end {
            break;
        }
        if places.len() == HEADERS_MAX || end > HEADERS_BYTES_MAX {
            return Err(malformed(Error::TooLarge));
        }
        reader.header(&bytes, start, end, &mut places);
    }
    if !reader.folds.is_empty() {
        bytes = unfold(&bytes, &reader.folds);
    }
    let start = start_line(&bytes, first.0, first.1);
    let mut fault = reader.fault;
    let start = match start {
        Ok((start, problem)) => {
            fault = problem.or(fault);
            Some(start)
        }
        Err(error) => {
            fault = Some(error);
            None
        }
    };
    Ok(Head { start, headers: Headers { bytes, places }, body_start: reader.at, fault })
}

/// Cuts the body and gives the message, or what an answer needs.
pub(crate) fn finish(head: Head, body_length: usize) -> Result<Message, Malformed> {
    let Head { start, mut headers, body_start, fault } = head;
    let end = (body_start + body_length).min(headers.bytes.len());
    headers.bytes.truncate(end);
    let body = headers.bytes.slice(body_start.min(end)..);
    match (start, fault) {
        (Some(Start::Request { method, uri }), None) => {
            Ok(Message::Request(Request { method, uri, headers, body, source: None }))
        }
        (Some(Start::Response { status, reason }), None) => {
            Ok(Message::Response(Response { status, reason, headers, body }))
        }
        (Some(Start::Request { method, uri }), Some(error)) => {
            let request = Request { method, uri, headers, body, source: None };
            let answerable = request.is_answerable().then(|| Box::new(request));
            Err(Malformed { error, answerable })
        }
        (_, fault) => Err(Malformed { error: fault.unwrap_or(Error::StartLine), answerable: None }),
    }
}

impl Head {
    /// Where the body starts.
    pub(crate) fn body_start(&self) -> usize {
        self.body_start
    }

    /// Notes `error`, unless something was wrong before.
    pub(crate) fn note(&mut self, error: Error) {
        self.fault.get_or_insert(error);
    }
}

/// The one value of Content-Length (RFC 3261 §20.14); several, or not a number, are an error even when they agree.
pub(crate) fn content_length(headers: &Headers) -> Result<Option<usize>, Error> {
    let mut all = headers.all(Name::ContentLength);
    let Some(value) = all.next() else {
        return Ok(None);
    };
    if all.next().is_some() {
        return Err(Error::ContentLength);
    }
    scan::number::<u32>(value).map(|length| Some(length as usize)).ok_or(Error::ContentLength)
}

struct Reader {
    at: usize,
    fault: Option<Error>,
    /// Places of the line ends that continue a line (RFC 3261 §7.3.1).
    folds: Vec<usize>,
}

impl Reader {
    /// The next line without its CRLF; `None` when the buffer ends first. A CR or LF alone ends nothing; it is an
    /// error where it stands (a NUL may stand in a quoted pair, RFC 3261 §25.1, and is data).
    fn line(&mut self, bytes: &[u8]) -> Option<(usize, usize)> {
        let start = self.at;
        let mut from = start;
        loop {
            let end = from + memchr::memchr2(b'\r', b'\n', &bytes[from..])?;
            if bytes[end] == b'\r' && *bytes.get(end + 1)? == b'\n' {
                self.at = end + 2;
                return Some((start, end));
            }
            self.fault.get_or_insert(Error::HeaderLine);
            from = end + 1;
        }
    }

    fn header(&mut self, bytes: &[u8], start: usize, end: usize, places: &mut Vec<Place>) {
        if matches!(bytes[start], b' ' | b'\t') {
            match places.last_mut() {
                Some(place) => {
                    self.folds.push(start - 2);
                    let value = trimmed(bytes, start, end);
                    if value.0 < value.1 {
                        if place.value == place.value_end {
                            place.value = narrow(value.0);
                        }
                        place.value_end = narrow(value.1);
                    }
                }
                None => {
                    self.fault.get_or_insert(Error::HeaderLine);
                }
            }
            return;
        }
        let line = &bytes[start..end];
        let colon = memchr::memchr(b':', line);
        let name = scan::trim(&line[..colon.unwrap_or(0)]);
        if colon.is_none() || !scan::is_token(name) || matches!(line[0], b' ' | b'\t') {
            self.fault.get_or_insert(Error::HeaderLine);
            return;
        }
        let value = trimmed(bytes, start + colon.unwrap_or(0) + 1, end);
        places.push(Place {
            name: Name::parse(name),
            line: narrow(start),
            name_end: narrow(start + name.len()),
            value: narrow(value.0),
            value_end: narrow(value.1),
        });
    }
}

/// The range of `bytes[start..end]` without white space at its ends.
pub(crate) fn trimmed(bytes: &[u8], mut start: usize, mut end: usize) -> (usize, usize) {
    while start < end && matches!(bytes[start], b' ' | b'\t') {
        start += 1;
    }
    while start < end && matches!(bytes[end - 1], b' ' | b'\t') {
        end -= 1;
    }
    (start, end)
}

/// Messages are at most 64 KiB long, so places fit.
pub(crate) fn narrow(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// A copy in which continued lines are one line: each fold's CRLF becomes two spaces, so that no place moves.
fn unfold(bytes: &[u8], folds: &[usize]) -> Bytes {
    let mut copy = BytesMut::from(bytes);
    for at in folds {
        copy[*at] = b' ';
        copy[*at + 1] = b' ';
    }
    copy.freeze()
}

/// `Method SP Request-URI SP SIP-Version` or `SIP-Version SP Status-Code SP Reason-Phrase`.
fn start_line(bytes: &Bytes, start: usize, end: usize) -> Result<(Start, Option<Error>), Error> {
    let line = &bytes[start..end];
    let first = memchr::memchr(b' ', line).ok_or(Error::StartLine)?;
    if line.len() >= 8 && line[..4].eq_ignore_ascii_case(b"SIP/") {
        return status_line(bytes, start, end, first);
    }
    let method = Method::parse(&bytes.slice(start..start + first)).ok_or(Error::StartLine)?;
    let last = memchr::memrchr(b' ', line).ok_or(Error::StartLine)?;
    let version = &line[last + 1..];
    let problem = if version.eq_ignore_ascii_case(b"SIP/2.0") {
        None
    } else if version.len() > 4 && version[..4].eq_ignore_ascii_case(b"SIP/") {
        Some(Error::Version)
    } else {
        Some(Error::StartLine)
    };
    let uri = if last > first { bytes.slice(start + first + 1..start + last) } else { Bytes::new() };
    // RFC 3261 §7.1: no white space inside the Request-URI, single spaces between the parts.
    let spaced =
        uri.is_empty() || uri.iter().any(|b| matches!(b, b' ' | b'\t' | b'<' | b'>' | b'\r' | b'\n' | 0));
    let problem = if spaced { Some(Error::StartLine) } else { problem };
    Ok((Start::Request { method, uri }, problem))
}

fn status_line(
    bytes: &Bytes,
    start: usize,
    end: usize,
    first: usize,
) -> Result<(Start, Option<Error>), Error> {
    let line = &bytes[start..end];
    if !line[..first].eq_ignore_ascii_case(b"SIP/2.0") {
        return Err(Error::Version);
    }
    let rest = &line[first + 1..];
    let code_end = memchr::memchr(b' ', rest).unwrap_or(rest.len());
    let status = match &rest[..code_end] {
        code @ [b'1'..=b'6', _, _] => scan::number::<u16>(code).ok_or(Error::StatusCode)?,
        _ => return Err(Error::StatusCode),
    };
    let reason_start = (start + first + 1 + code_end + 1).min(end);
    if bytes[reason_start..end].iter().any(|b| matches!(b, b'\r' | b'\n' | 0)) {
        return Err(Error::StartLine);
    }
    Ok((Start::Response { status, reason: bytes.slice(reason_start..end) }, None))
}
