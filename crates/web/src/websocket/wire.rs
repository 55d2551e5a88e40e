//! A WebSocket as a session's wire: each message is one element (RFC 7395 §3.3).

use std::io;
use std::task::{Context, Poll};

use bytes::BytesMut;
use im::{Moved, Wire};
use tokio::io::{AsyncRead, AsyncWrite};
use xmpp::framing::{self, ElementReader};
use xmpp::{Frame, Limits, StreamCondition, StreamError, StreamHeader};

use super::codec::CloseCode;
use super::frames::Frames;

/// One client's WebSocket.
pub(super) struct WebSocket<S> {
    frames: Frames<S>,
    reader: ElementReader,
    /// What our close frame will say.
    code: CloseCode,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    pub(super) fn new(io: S, limits: Limits) -> Self {
        Self {
            frames: Frames::new(io, limits.stanza_bytes_max as usize),
            reader: ElementReader::new(limits),
            code: CloseCode::Normal,
        }
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
        self.frames.text(&[&out]);
    }

    fn queue(&mut self, element: &[u8]) {
        self.frames.text(&framing::framed(element).pieces());
    }

    fn close(&mut self) {
        self.frames.text(&[framing::CLOSE]);
    }

    fn next_frame(&mut self) -> Result<Option<Frame>, StreamError> {
        match self.frames.next_text() {
            Ok(None) => Ok(None),
            Ok(Some(text)) => {
                let frame = self.reader.read(text);
                if frame.is_err() {
                    self.code = CloseCode::InvalidPayload;
                }
                frame.map(Some)
            }
            Err(code) => {
                self.code = code;
                Err(violation(code))
            }
        }
    }

    fn release(&mut self) {
        self.frames.release();
    }

    fn restart(&mut self, limits: Limits) {
        // RFC 7395 §3.7: every message stands for itself.
        self.set_limits(limits);
    }

    fn set_limits(&mut self, limits: Limits) {
        self.frames.set_message_bytes_max(limits.stanza_bytes_max as usize);
        self.reader.set_limits(limits);
    }

    fn has_room(&self) -> bool {
        self.frames.has_room()
    }

    fn is_stalled(&self) -> bool {
        self.frames.is_stalled()
    }

    fn poll_moved(&mut self, cx: &mut Context<'_>, may_read: bool) -> Poll<io::Result<Moved>> {
        self.frames.poll_moved(cx, may_read)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.frames.poll_flush(cx)
    }

    fn poll_shut(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.frames.close(self.code, "");
        self.frames.poll_shut(cx)
    }
}
