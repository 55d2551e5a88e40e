//! A WebSocket as a session's wire: each message is one element (RFC 7395 §3.3).

use std::io;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use im::{Link, Moved, Wire};
use tokio::io::{AsyncRead, AsyncWrite};
use xmpp::framing::{self, ElementReader};
use xmpp::{Frame, Limits, StreamCondition, StreamError, StreamHeader};

use super::codec::{CloseCode, Codec, Message, Opcode, header};

/// One client's WebSocket.
pub(super) struct WebSocket<S> {
    link: Link<S>,
    codec: Codec,
    reader: ElementReader,
    /// A message at most, in bytes.
    message_bytes_max: usize,
    /// What our close frame will say.
    code: CloseCode,
    /// Our close frame is queued.
    closing: bool,
    /// The client's close frame came: nothing more is to be read.
    closed: bool,
    /// No frame can be told from the next any more.
    broken: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    pub(super) fn new(io: S, limits: Limits) -> Self {
        Self {
            link: Link::new(io),
            codec: Codec::default(),
            reader: ElementReader::new(limits),
            message_bytes_max: limits.stanza_bytes_max as usize,
            code: CloseCode::Normal,
            closing: false,
            closed: false,
            broken: false,
        }
    }

    fn send(&mut self, opcode: Opcode, pieces: &[&[u8]]) {
        let (length, header) = header(opcode, pieces.iter().map(|piece| piece.len()).sum());
        self.link.queue(&header[..length]);
        for piece in pieces {
            self.link.queue(piece);
        }
    }

    /// RFC 6455 §5.5.1: one close frame, ours or the answer to the client's.
    fn send_close(&mut self) {
        if !std::mem::replace(&mut self.closing, true) {
            self.send(Opcode::Close, &[&self.code.number().to_be_bytes()]);
        }
    }

    /// The next element; answers pings by the way.
    fn next_message(&mut self) -> Result<Option<Frame>, StreamError> {
        while !self.closed {
            match self.codec.next(self.message_bytes_max) {
                Ok(None) => return Ok(None),
                Ok(Some(Message::Text(text))) => {
                    let frame = self.reader.read(text);
                    if frame.is_err() {
                        self.code = CloseCode::InvalidPayload;
                    }
                    return frame.map(Some);
                }
                Ok(Some(Message::Ping(payload))) => self.send(Opcode::Pong, &[&payload]),
                Ok(Some(Message::Pong)) => {}
                Ok(Some(Message::Close)) => {
                    self.closed = true;
                    self.send_close();
                }
                Err(code) => {
                    self.code = code;
                    self.broken = true;
                    return Err(violation(code));
                }
            }
        }
        Ok(None)
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

fn violation(code: CloseCode) -> StreamError {
    match code {
        CloseCode::UnsupportedData => {
            // RFC 7395 §3.2: data frames are text.
            StreamError::new(StreamCondition::BadFormat, "only text messages are read here")
        }
        CloseCode::MessageTooBig => StreamError::new(StreamCondition::PolicyViolation, "too long a message"),
        _ => StreamError::new(StreamCondition::BadFormat, "not the WebSocket protocol"),
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Wire for WebSocket<S> {
    fn open(&mut self, header: &StreamHeader) {
        let mut out = BytesMut::new();
        framing::write_open(header, &mut out);
        self.send(Opcode::Text, &[&out]);
    }

    fn queue(&mut self, element: &[u8]) {
        self.send(Opcode::Text, &framing::framed(element).pieces());
    }

    fn close(&mut self) {
        self.send(Opcode::Text, &[framing::CLOSE]);
    }

    fn next_frame(&mut self) -> Result<Option<Frame>, StreamError> {
        self.next_message()
    }

    fn release(&mut self) {
        self.codec.release();
    }

    fn restart(&mut self, limits: Limits) {
        // RFC 7395 §3.7: every message stands for itself.
        self.set_limits(limits);
    }

    fn set_limits(&mut self, limits: Limits) {
        self.message_bytes_max = limits.stanza_bytes_max as usize;
        self.reader.set_limits(limits);
    }

    fn has_room(&self) -> bool {
        self.link.has_room()
    }

    fn is_stalled(&self) -> bool {
        self.link.is_stalled()
    }

    fn poll_moved(&mut self, cx: &mut Context<'_>, may_read: bool) -> Poll<io::Result<Moved>> {
        if self.closed {
            ready!(self.link.poll_flush(cx))?;
            return Poll::Ready(Ok(Moved::Eof));
        }
        let Self { link, codec, .. } = self;
        link.poll_moved(cx, may_read, |bytes| codec.push(bytes))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.link.poll_flush(cx)
    }

    fn poll_shut(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.send_close();
        ready!(self.link.poll_flush(cx))?;
        if !self.broken {
            ready!(self.poll_closed(cx))?;
        }
        ready!(self.link.poll_shut(cx))?;
        self.poll_closed(cx)
    }
}
