//! Bytes in, frames out: the incremental, strict reader of an XMPP stream (RFC 6120 §11).

use bytes::{Bytes, BytesMut};

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
#[derive(Debug)]
pub struct Framer { buffer: BytesMut }

impl Framer {
    /// A reader for a stream whose stanzas are in `content`.
    pub fn new(_content: ContentNamespace, _limits: Limits) -> Self { todo!() }
    /// Where the driver reads into.
    pub fn buffer(&mut self) -> &mut BytesMut { &mut self.buffer }
    /// Gives an empty buffer (with room) in place of a released one.
    pub fn attach(&mut self, _buffer: BytesMut) { todo!() }
    /// Takes the buffer away if nothing in it waits for more; keeps nothing allocated then.
    pub fn release(&mut self) -> Option<BytesMut> { todo!() }
    /// Bytes that were read and not yet taken as frames: none may be left when TLS starts (RFC 6120 §5.4.3.3).
    pub fn pending_bytes(&self) -> usize { self.buffer.len() }
    /// Appends bytes; for drivers that have them elsewhere already.
    pub fn push(&mut self, bytes: &[u8]) { self.buffer.extend_from_slice(bytes); }
    /// The next frame, or none until more bytes came. After an error there is nothing more to read.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, StreamError> { todo!() }
    /// Expects a new stream header next; bytes already read stay (RFC 6120 §4.3.3).
    pub fn restart(&mut self) { todo!() }
    /// Other limits from now on, as after sign-in.
    pub fn set_limits(&mut self, _limits: Limits) { todo!() }
    /// Another content namespace from the next stream header on.
    pub fn set_content(&mut self, _content: ContentNamespace) { todo!() }
}

/// Reads one whole element that stands alone, as in a WebSocket message (RFC 7395 §3.3.3) or in the store.
pub fn parse_one(bytes: Bytes) -> Result<Stanza, StreamError> { parse_one_in(bytes, ContentNamespace::Client, Limits::signed_in()) }

/// [`parse_one`] with the content namespace that makes an element a stanza, and limits.
pub fn parse_one_in(_bytes: Bytes, _content: ContentNamespace, _limits: Limits) -> Result<Stanza, StreamError> { todo!() }
