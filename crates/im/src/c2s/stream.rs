//! A stream of bytes as a wire: TCP with TLS inside (RFC 6120 §4).

use std::io;
use std::task::{Context, Poll};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite};
use xmpp::stream::STREAM_END;
use xmpp::{ContentNamespace, Frame, Framer, Limits, StreamError, StreamHeader};

use super::link::Link;
use super::wire::{Moved, Wire};

/// One client's stream of bytes.
pub(super) struct Stream<S> {
    link: Link<S>,
    framer: Framer,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream<S> {
    pub(super) fn new(io: S, limits: Limits) -> Self {
        Self { link: Link::new(io), framer: Framer::new(ContentNamespace::Client, limits) }
    }

    /// The connection itself, for the TLS handshake. What was read in the clear is gone (RFC 6120 §5.4.3.3).
    pub(super) fn into_inner(self) -> S {
        self.link.into_inner()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Wire for Stream<S> {
    fn open(&mut self, header: &StreamHeader) {
        let mut out = BytesMut::new();
        header.write(&mut out);
        self.link.queue(&out);
    }

    fn queue(&mut self, element: &[u8]) {
        self.link.queue(element);
    }

    fn close(&mut self) {
        self.link.queue(STREAM_END);
    }

    fn next_frame(&mut self) -> Result<Option<Frame>, StreamError> {
        self.framer.next_frame()
    }

    fn release(&mut self) {
        drop(self.framer.release());
    }

    fn restart(&mut self, limits: Limits) {
        self.framer.restart();
        self.framer.set_limits(limits);
    }

    fn set_limits(&mut self, limits: Limits) {
        self.framer.set_limits(limits);
    }

    fn has_room(&self) -> bool {
        self.link.has_room()
    }

    fn is_stalled(&self) -> bool {
        self.link.is_stalled()
    }

    fn poll_moved(&mut self, cx: &mut Context<'_>, may_read: bool) -> Poll<io::Result<Moved>> {
        let Self { link, framer } = self;
        link.poll_moved(cx, may_read, |bytes| framer.push(bytes))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.link.poll_flush(cx)
    }

    fn poll_shut(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.link.poll_shut(cx)
    }
}
