//! Cutting a byte stream into messages (RFC 3261 §18.3, RFC 5626 §3.5.1): Content-Length is mandatory, and a
//! bad one ends the connection, because nobody knows where the next message begins.

use bytes::{Buf, BytesMut};
use memchr::memmem;

use crate::error::Error;
use crate::message::parse::{finish, head};
use crate::message::{HEADERS_BYTES_MAX, MESSAGE_BYTES_MAX, Malformed, Message, Name};
use crate::scan;

/// What the stream holds next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A message.
    Message(Message),
    /// Something that is no message though its end is known: answer if possible, and go on.
    Malformed(Malformed),
    /// Something whose end is not known: answer if possible, and close the connection. Nothing follows.
    Broken(Malformed),
    /// A line end between messages: the answer to our own keep-alive, if we sent one (RFC 5626 §4.4.1).
    Pong,
    /// The second line end in a row: a keep-alive that is answered with one line end.
    Ping,
}

/// Collects the bytes of one connection. The frames do not depend on how the bytes were split.
#[derive(Debug, Default)]
pub struct StreamDecoder {
    buffer: BytesMut,
    /// How far the end of the header section was searched for.
    searched: usize,
    /// The length of header section and body, once known.
    message_length: Option<usize>,
    line_ends: u8,
    broken: bool,
}

impl StreamDecoder {
    /// A decoder for a new connection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where bytes that were read are to be put. At most [`MESSAGE_BYTES_MAX`] and one read are kept.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// Is nothing kept, so that the connection is between messages?
    pub fn is_idle(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Gives the buffer's memory back while the connection is idle.
    pub fn release(&mut self) {
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
    }

    /// The next frame; `None` when more bytes are needed, and for ever after [`Frame::Broken`].
    pub fn next_frame(&mut self) -> Option<Frame> {
        if self.broken {
            return None;
        }
        if self.message_length.is_none() && self.searched == 0 {
            match self.buffer.first()? {
                b'\r' if self.buffer.len() == 1 => return None,
                b'\r' if self.buffer[1] == b'\n' => {
                    self.buffer.advance(2);
                    self.line_ends += 1;
                    let ping = self.line_ends == 2;
                    if ping {
                        self.line_ends = 0;
                    }
                    return Some(if ping { Frame::Ping } else { Frame::Pong });
                }
                _ => self.line_ends = 0,
            }
        }
        let length = match self.message_length {
            Some(length) => length,
            None => match self.measure()? {
                Ok(length) => length,
                Err(malformed) => {
                    self.broken = true;
                    self.buffer = BytesMut::new();
                    return Some(Frame::Broken(malformed));
                }
            },
        };
        self.message_length = Some(length);
        if self.buffer.len() < length {
            self.buffer.reserve(length - self.buffer.len());
            return None;
        }
        let bytes = self.buffer.split_to(length).freeze();
        self.message_length = None;
        self.searched = 0;
        let parsed = head(bytes).and_then(|head| {
            let body = length - head.body_start();
            finish(head, body)
        });
        Some(match parsed {
            Ok(message) => Frame::Message(message),
            Err(malformed) => Frame::Malformed(malformed),
        })
    }

    /// The length of the message at the front of the buffer, once its header section is complete.
    fn measure(&mut self) -> Option<Result<usize, Malformed>> {
        let from = self.searched.saturating_sub(3);
        let Some(at) = memmem::find(&self.buffer[from..], b"\r\n\r\n") else {
            self.searched = self.buffer.len();
            let too_large = self.buffer.len() > HEADERS_BYTES_MAX;
            return too_large.then_some(Err(Malformed { error: Error::TooLarge, answerable: None }));
        };
        let head_length = from + at + 4;
        let body_length = if head_length > HEADERS_BYTES_MAX {
            Err(Error::TooLarge)
        } else {
            body_length(&self.buffer[..head_length])
        };
        Some(match body_length {
            Ok(length) if head_length + length <= MESSAGE_BYTES_MAX => Ok(head_length + length),
            Ok(_) => Err(self.give_up(head_length, Error::TooLarge)),
            Err(error) => Err(self.give_up(head_length, error)),
        })
    }

    /// What a last answer needs, from the header section alone.
    fn give_up(&mut self, head_length: usize, error: Error) -> Malformed {
        let bytes = self.buffer.split_to(head_length).freeze();
        match head(bytes) {
            Ok(mut head) => {
                head.note(error);
                match finish(head, 0) {
                    Ok(_) => Malformed { error, answerable: None },
                    Err(malformed) => Malformed { error, ..malformed },
                }
            }
            Err(malformed) => Malformed { error, ..malformed },
        }
    }
}

/// The one Content-Length in a header section. "If Content-Length is not present over a stream-oriented
/// transport, the message is malformed" (RFC 3261 §20.14: it MUST be used); two are never believed.
fn body_length(head: &[u8]) -> Result<usize, Error> {
    let mut found = None;
    let mut rest = head;
    while let Some(end) = memchr::memchr(b'\n', rest) {
        let line = &rest[..end];
        rest = &rest[end + 1..];
        // Names begin with c or l, long or compact; most lines are passed over by their first byte.
        if !matches!(line.first(), Some(b'c' | b'C' | b'l' | b'L')) {
            continue;
        }
        let Some(colon) = memchr::memchr(b':', line) else { continue };
        if Name::parse(scan::trim(&line[..colon])) != Name::ContentLength {
            continue;
        }
        let folded = matches!(rest.first(), Some(b' ' | b'\t'));
        let value = line[colon + 1..].strip_suffix(b"\r").unwrap_or(&line[colon + 1..]);
        let length = scan::number::<u32>(value).filter(|_| !folded && found.is_none());
        found = Some(length.ok_or(Error::ContentLength)? as usize);
    }
    found.ok_or(Error::ContentLength)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: &str = "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nl: 4\r\n\r\nbody";

    fn frames(bytes: &[u8], piece: usize) -> Vec<Frame> {
        let mut decoder = StreamDecoder::new();
        let mut all = Vec::new();
        for part in bytes.chunks(piece) {
            decoder.buffer().extend_from_slice(part);
            while let Some(frame) = decoder.next_frame() {
                all.push(frame);
            }
        }
        all
    }

    #[test]
    fn a_stream_gives_the_same_frames_however_it_is_split() {
        let stream = format!("\r\n\r\n{OPTIONS}{OPTIONS}\r\n{OPTIONS}\r\n\r\n");
        let whole = frames(stream.as_bytes(), stream.len());
        assert_eq!(whole.iter().filter(|f| matches!(f, Frame::Message(_))).count(), 3);
        assert_eq!(whole.iter().filter(|f| **f == Frame::Ping).count(), 2);
        for piece in 1..stream.len() {
            assert_eq!(frames(stream.as_bytes(), piece), whole, "pieces of {piece}");
        }
    }

    #[test]
    fn a_message_without_a_usable_length_is_answered_and_breaks_the_stream() {
        for length in [
            "",
            "l: x\r\n",
            "l: -1\r\n",
            "l: 4\r\nContent-Length: 4\r\n",
            "l:\r\n 4\r\n",
            "l: 99999999999\r\n",
        ] {
            let text = OPTIONS.replace("l: 4\r\n", length) + OPTIONS;
            let found = frames(text.as_bytes(), 7);
            assert_eq!(found.len(), 1, "{length:?}");
            let Frame::Broken(malformed) = &found[0] else { panic!("{length:?}: {found:?}") };
            assert!(malformed.answerable.is_some(), "{length:?}");
        }
    }

    #[test]
    fn a_malformed_message_with_a_length_leaves_the_stream_in_step() {
        let text = OPTIONS.replace("Via", "no colon here\r\nVia") + OPTIONS;
        let found = frames(text.as_bytes(), 11);
        assert!(matches!(&found[..], [Frame::Malformed(m), Frame::Message(_)] if m.answerable.is_some()));
    }

    #[test]
    fn an_endless_header_section_is_given_up() {
        let found = frames(&vec![b'a'; HEADERS_BYTES_MAX + 100], 1000);
        assert!(matches!(&found[..], [Frame::Broken(m)] if m.error == Error::TooLarge));
    }

    #[test]
    fn a_body_over_the_limit_is_refused_before_it_is_read() {
        let found = frames(OPTIONS.replace("l: 4", "l: 65000000").as_bytes(), 1000);
        assert!(
            matches!(&found[..], [Frame::Broken(m)] if m.error == Error::TooLarge && m.answerable.is_some())
        );
    }
}
