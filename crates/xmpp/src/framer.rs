//! Bytes in, frames out: the incremental, strict reader of an XMPP stream (RFC 6120 §11).

use bytes::{Buf, Bytes, BytesMut};

use crate::characters::is_space;
use crate::fault::malformed;
use crate::reader::{Reader, Step};
use crate::scope::Scope;
use crate::{ContentNamespace, Limits, Stanza, StreamError, StreamHeader};

/// What stands on a stream at top level.
#[derive(Clone, Debug)]
pub enum Frame {
    /// The peer's stream header.
    Open(StreamHeader),
    /// A whole first-level element.
    Stanza(Stanza),
    /// The peer's `</stream:stream>`.
    Close,
}

/// The reader of one stream. The driver reads from its socket into [`Framer::buffer`] and then takes
/// frames until there is none; an idle session takes its buffer back by [`Framer::release`].
///
/// A stanza shares the buffer's memory until it is dropped, so what is kept for long is better written anew.
#[derive(Debug)]
pub struct Framer {
    buffer: BytesMut,
    reader: Reader,
    failed: Option<StreamError>,
}

impl Framer {
    /// A reader for a stream whose stanzas are in `content`.
    pub fn new(content: ContentNamespace, limits: Limits) -> Self {
        Self { buffer: BytesMut::new(), reader: Reader::stream(content, limits), failed: None }
    }

    /// Where the driver reads into, behind what is there already.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// Gives an empty buffer with room in place of a released one; without effect if there is one in use.
    pub fn attach(&mut self, buffer: BytesMut) {
        if self.buffer.is_empty() {
            self.buffer = buffer;
            self.buffer.clear();
        }
    }

    /// Takes the buffer away if nothing in it waits for more; nothing is kept allocated then.
    pub fn release(&mut self) -> Option<BytesMut> {
        (self.buffer.is_empty() && self.reader.release()).then(|| std::mem::take(&mut self.buffer))
    }

    /// Bytes that were read and not yet taken as frames. Those left when TLS starts came in the clear and
    /// must not be taken as if they had been protected: see [`Framer::discard`] (RFC 6120 §5.4.3.3).
    pub fn pending_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// Throws away what was read and not yet taken, as when TLS starts.
    pub fn discard(&mut self) {
        self.buffer.clear();
    }

    /// Appends bytes, for drivers that have them elsewhere already.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next frame, or none until more bytes came. After an error there is only that error.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, StreamError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        loop {
            match self.reader.step(&self.buffer) {
                Ok(Step::More) => return Ok(None),
                Ok(Step::Skip(bytes)) => self.buffer.advance(bytes),
                Ok(Step::Open(bytes, header)) => {
                    self.buffer.advance(bytes);
                    return Ok(Some(Frame::Open(header)));
                }
                Ok(Step::Stanza(bytes, parts)) => {
                    let bytes = self.buffer.split_to(bytes).freeze();
                    return Ok(Some(Frame::Stanza(Stanza::new(bytes, self.reader.scope.clone(), parts))));
                }
                Ok(Step::Close(bytes)) => {
                    self.buffer.advance(bytes);
                    return Ok(Some(Frame::Close));
                }
                Ok(Step::Body(..)) => return self.fail(malformed("a body has no place here").into()),
                Err(fault) => return self.fail(fault.into()),
            }
        }
    }

    fn fail(&mut self, error: StreamError) -> Result<Option<Frame>, StreamError> {
        self.failed = Some(error.clone());
        Err(error)
    }

    /// Expects a new stream header next; bytes read already stay (RFC 6120 §4.3.3).
    pub fn restart(&mut self) {
        self.reader.restart();
    }

    /// Other limits from now on, as after sign-in.
    pub fn set_limits(&mut self, limits: Limits) {
        self.reader.limits = limits;
    }

    /// Another content namespace from the next stream header on.
    pub fn set_content(&mut self, content: ContentNamespace) {
        self.reader.content = content;
    }
}

/// Reads one whole element that stands alone, as in a WebSocket message (RFC 7395 §3.3.3) or in the store.
pub fn parse_one(bytes: Bytes) -> Result<Stanza, StreamError> {
    parse_one_in(bytes, ContentNamespace::Client, Limits::signed_in())
}

/// [`parse_one`] with the content namespace that makes an element a stanza, and limits.
pub fn parse_one_in(bytes: Bytes, content: ContentNamespace, limits: Limits) -> Result<Stanza, StreamError> {
    parse_alone(bytes, Scope::standalone(content, ""), limits)
}

/// Reads one stanza as it goes over a client's stream, from which it inherits its namespace, such as the journal keeps.
pub fn parse_inheriting(bytes: Bytes) -> Result<Stanza, StreamError> {
    parse_inheriting_in(bytes, ContentNamespace::Client)
}

/// [`parse_inheriting`] for the streams of another content namespace.
pub fn parse_inheriting_in(bytes: Bytes, content: ContentNamespace) -> Result<Stanza, StreamError> {
    parse_alone(bytes, Scope::standalone(content, content.as_str()), Limits::signed_in())
}

pub(crate) fn parse_alone(mut bytes: Bytes, scope: Scope, limits: Limits) -> Result<Stanza, StreamError> {
    let mut reader = Reader::standalone(scope, limits);
    loop {
        match reader.step(&bytes)? {
            Step::Skip(space) => bytes.advance(space),
            Step::Stanza(end, parts) => {
                if bytes[end..].iter().any(|b| !is_space(*b)) {
                    return Err(malformed("more than one element").into());
                }
                return Ok(Stanza::new(bytes.split_to(end), reader.scope, parts));
            }
            _ => return Err(malformed("not a whole element").into()),
        }
    }
}
