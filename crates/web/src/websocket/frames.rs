//! Messages of a WebSocket over a connection: pings are answered by the way, and either side's close ends it in good order.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use im::{Link, Moved};
use tokio::io::{AsyncRead, AsyncWrite};

use super::codec::{CloseCode, Codec, Message, Opcode, header};

/// One client's WebSocket.
pub(crate) struct Frames<S> {
    link: Link<S>,
    codec: Codec,
    /// A message at most, in bytes.
    message_bytes_max: usize,
    /// Our close frame is queued.
    closing: bool,
    /// The client's close frame came: nothing more is to be read.
    closed: bool,
    /// No frame can be told from the next any more.
    broken: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Frames<S> {
    pub(crate) fn new(io: S, message_bytes_max: usize) -> Self {
        let (link, codec) = (Link::new(io), Codec::default());
        Self { link, codec, message_bytes_max, closing: false, closed: false, broken: false }
    }

    pub(crate) fn set_message_bytes_max(&mut self, bytes: usize) {
        self.message_bytes_max = bytes;
    }

    /// Queues a message, in pieces.
    pub(crate) fn text(&mut self, pieces: &[&[u8]]) {
        self.send(Opcode::Text, pieces);
    }

    /// Queues a message that is not text, in pieces.
    pub(crate) fn binary(&mut self, pieces: &[&[u8]]) {
        self.send(Opcode::Binary, pieces);
    }

    /// From now on, the client may send binary messages as well as text.
    pub(crate) fn take_binary(&mut self) {
        self.codec.take_binary();
    }

    /// Asks whether the client is there (RFC 6455 §5.5.2).
    pub(crate) fn ping(&mut self) {
        self.send(Opcode::Ping, &[]);
    }

    /// RFC 6455 §5.5.1: one close frame, ours or the answer to the client's. The reason has 123 bytes at most.
    pub(crate) fn close(&mut self, code: CloseCode, reason: &str) {
        if !std::mem::replace(&mut self.closing, true) {
            self.send(Opcode::Close, &[&code.number().to_be_bytes(), reason.as_bytes()]);
        }
    }

    /// The next message. After an error nothing can be read.
    pub(crate) fn next_text(&mut self) -> Result<Option<Bytes>, CloseCode> {
        while !self.closed {
            match self.codec.next(self.message_bytes_max) {
                Ok(None) => return Ok(None),
                Ok(Some(Message::Text(text))) => return Ok(Some(text)),
                Ok(Some(Message::Ping(payload))) => self.send(Opcode::Pong, &[&payload]),
                Ok(Some(Message::Pong)) => {}
                Ok(Some(Message::Close)) => {
                    self.closed = true;
                    self.close(CloseCode::Normal, "");
                }
                Err(code) => {
                    self.broken = true;
                    return Err(code);
                }
            }
        }
        Ok(None)
    }

    /// Has the client closed?
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(crate) fn release(&mut self) {
        self.codec.release();
    }

    pub(crate) fn has_room(&self) -> bool {
        self.link.has_room()
    }

    pub(crate) fn is_stalled(&self) -> bool {
        self.link.is_stalled()
    }

    pub(crate) fn poll_moved(&mut self, cx: &mut Context<'_>, may_read: bool) -> Poll<io::Result<Moved>> {
        if self.closed {
            ready!(self.link.poll_flush(cx))?;
            return Poll::Ready(Ok(Moved::Eof));
        }
        let Self { link, codec, .. } = self;
        link.poll_moved(cx, may_read, |bytes| codec.push(bytes))
    }

    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.link.poll_flush(cx)
    }

    /// Writes all that is queued, the close frame last, and reads until the client has closed as well.
    pub(crate) fn poll_shut(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.close(CloseCode::Normal, "");
        ready!(self.link.poll_flush(cx))?;
        if !self.broken {
            ready!(self.poll_closed(cx))?;
        }
        ready!(self.link.poll_shut(cx))?;
        self.poll_closed(cx)
    }

    fn send(&mut self, opcode: Opcode, pieces: &[&[u8]]) {
        let (length, header) = header(opcode, pieces.iter().map(|piece| piece.len()).sum());
        self.link.queue(&header[..length]);
        for piece in pieces {
            self.link.queue(piece);
        }
    }

    /// Reads what comes after our close frame, until the client's or its end: unread bytes would make the kernel cut
    /// off what the client has not read.
    fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.closed {
            let Self { link, codec, broken, .. } = self;
            let sink = |bytes: &[u8]| {
                if !*broken {
                    codec.push(bytes)
                }
            };
            if ready!(link.poll_read(cx, sink))? == 0 {
                self.closed = true;
            }
            while !self.broken && !self.closed {
                match self.codec.next(self.message_bytes_max) {
                    Ok(Some(message)) => self.closed = message == Message::Close,
                    Ok(None) => break,
                    Err(_) => self.broken = true,
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}
