//! Bytes of one connection: reads through a buffer that all sessions of a worker share, writes coalesced.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use xmpp::Framer;

/// What one read takes at most, in bytes; the buffer is the worker's, so an idle session holds none.
const READ_BYTES: usize = 16 * 1024;
/// While more than this waits to be written, nothing is read and nothing more is taken from the outbox, in bytes.
const HIGH_WATER_BYTES: usize = 64 * 1024;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// What woke the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moved {
    /// Bytes were read into the framer.
    Read,
    /// All that was queued is with the kernel.
    Written,
    /// The peer sends nothing more.
    Eof,
}

/// One connection.
pub(crate) struct Link<S> {
    io: S,
    out: Vec<u8>,
    written: usize,
    unflushed: bool,
    /// The last write made no progress.
    stalled: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Link<S> {
    pub(crate) fn new(io: S) -> Self {
        Self { io, out: Vec::new(), written: 0, unflushed: false, stalled: false }
    }

    /// The connection itself, for the TLS handshake. Nothing may be queued.
    pub(crate) fn into_inner(self) -> S {
        self.io
    }

    /// Queues bytes; they go out with the next turn of the loop, many stanzas in one write.
    pub(crate) fn queue(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Is something queued that the kernel does not have?
    pub(crate) fn is_busy(&self) -> bool {
        !self.out.is_empty() || self.unflushed
    }

    /// May more be queued?
    pub(crate) fn has_room(&self) -> bool {
        self.out.len() - self.written < HIGH_WATER_BYTES
    }

    /// Did the last write make no progress?
    pub(crate) fn is_stalled(&self) -> bool {
        self.stalled
    }

    /// Writes what is queued and reads what has come: returns at the first that is complete.
    pub(crate) async fn moved(&mut self, framer: &mut Framer, may_read: bool) -> io::Result<Moved> {
        poll_fn(|cx| self.poll_moved(cx, framer, may_read)).await
    }

    /// Writes all that is queued.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_write_all(cx)).await
    }

    /// Says to the other side that nothing more comes.
    pub(crate) async fn shut(&mut self) -> io::Result<()> {
        poll_fn(|cx| Pin::new(&mut self.io).poll_shutdown(cx)).await
    }

    fn poll_moved(
        &mut self,
        cx: &mut Context<'_>,
        framer: &mut Framer,
        may_read: bool,
    ) -> Poll<io::Result<Moved>> {
        if self.is_busy() && self.poll_write_all(cx)?.is_ready() {
            return Poll::Ready(Ok(Moved::Written));
        }
        if !may_read || !self.has_room() {
            return Poll::Pending;
        }
        let count = ready!(self.poll_read(cx, framer))?;
        Poll::Ready(Ok(if count == 0 { Moved::Eof } else { Moved::Read }))
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, framer: &mut Framer) -> Poll<io::Result<usize>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut buffer))?;
            framer.push(buffer.filled());
            Poll::Ready(Ok(buffer.filled().len()))
        })
    }

    fn poll_write_all(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.out.len() {
            match Pin::new(&mut self.io).poll_write(cx, &self.out[self.written..]) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => {
                    self.written += count;
                    self.unflushed = true;
                    self.stalled = false;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.stalled = true;
                    return Poll::Pending;
                }
            }
        }
        // The memory goes back: an idle session owns no write buffer.
        self.out = Vec::new();
        self.written = 0;
        if self.unflushed {
            ready!(Pin::new(&mut self.io).poll_flush(cx))?;
            self.unflushed = false;
        }
        self.stalled = false;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use xmpp::{ContentNamespace, Limits};

    fn framer() -> Framer {
        Framer::new(ContentNamespace::Client, Limits::signed_in())
    }

    #[tokio::test]
    async fn what_is_queued_goes_out_in_one_piece_and_memory_goes_back() {
        let (ours, mut theirs) = tokio::io::duplex(1024);
        let mut link = Link::new(ours);
        link.queue(b"<a/>");
        link.queue(b"<b/>");
        assert!(link.is_busy());
        assert_eq!(link.moved(&mut framer(), true).await.unwrap(), Moved::Written);
        let mut buffer = [0; 64];
        assert_eq!(theirs.read(&mut buffer).await.unwrap(), 8);
        assert_eq!(link.out.capacity(), 0);
    }

    #[tokio::test]
    async fn nothing_is_read_from_a_peer_that_does_not_read() {
        let (ours, mut theirs) = tokio::io::duplex(1024);
        let mut link = Link::new(ours);
        link.queue(&vec![b'x'; HIGH_WATER_BYTES + 2048]);
        theirs.write_all(b"<stream").await.unwrap();
        let mut framer = framer();
        let waiting = poll_fn(|cx| Poll::Ready(link.poll_moved(cx, &mut framer, true).is_pending())).await;
        assert!(waiting && link.is_stalled() && !link.has_room());
        assert_eq!(framer.pending_bytes(), 0);
    }

    #[tokio::test]
    async fn the_end_of_the_peers_bytes_is_told() {
        let (ours, theirs) = tokio::io::duplex(64);
        drop(theirs);
        assert_eq!(Link::new(ours).moved(&mut framer(), true).await.unwrap(), Moved::Eof);
    }
}
