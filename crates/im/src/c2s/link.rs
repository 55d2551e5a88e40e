//! Bytes of one connection: reads through a buffer that all sessions of a worker share, writes coalesced.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::wire::Moved;

/// What one read takes at most, in bytes; the buffer is the worker's, so an idle session holds none.
const READ_BYTES: usize = 16 * 1024;
/// While more than this waits to be written, nothing is read and nothing more is taken from the outbox, in bytes.
pub const HIGH_WATER_BYTES: usize = 64 * 1024;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// One connection.
pub struct Link<S> {
    io: S,
    out: Vec<u8>,
    written: usize,
    unflushed: bool,
    /// The last write made no progress.
    stalled: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Link<S> {
    /// A connection on which nothing was written or read.
    pub fn new(io: S) -> Self {
        Self { io, out: Vec::new(), written: 0, unflushed: false, stalled: false }
    }

    /// The connection itself, for the TLS handshake. Nothing may be queued.
    pub fn into_inner(self) -> S {
        self.io
    }

    /// Queues bytes; they go out with the next turn of the loop, many stanzas in one write.
    pub fn queue(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Is something queued that the kernel does not have?
    pub fn is_busy(&self) -> bool {
        !self.out.is_empty() || self.unflushed
    }

    /// May more be queued?
    pub fn has_room(&self) -> bool {
        self.out.len() - self.written < HIGH_WATER_BYTES
    }

    /// Did the last write make no progress?
    pub fn is_stalled(&self) -> bool {
        self.stalled
    }

    /// Writes what is queued and reads what has come, into `sink`: ready at the first that is complete.
    pub fn poll_moved(
        &mut self,
        cx: &mut Context<'_>,
        may_read: bool,
        sink: impl FnOnce(&[u8]),
    ) -> Poll<io::Result<Moved>> {
        if self.is_busy() && self.poll_flush(cx)?.is_ready() {
            return Poll::Ready(Ok(Moved::Written));
        }
        if !may_read || !self.has_room() {
            return Poll::Pending;
        }
        let count = ready!(self.poll_read(cx, sink))?;
        Poll::Ready(Ok(if count == 0 { Moved::Eof } else { Moved::Read(count) }))
    }

    /// Says to the other side that nothing more comes.
    pub fn poll_shut(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    /// Reads what has come, into `sink`; its length, 0 at the end.
    pub fn poll_read(&mut self, cx: &mut Context<'_>, sink: impl FnOnce(&[u8])) -> Poll<io::Result<usize>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut buffer))?;
            sink(buffer.filled());
            Poll::Ready(Ok(buffer.filled().len()))
        })
    }

    /// Writes all that is queued.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
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
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn moved<S: AsyncRead + AsyncWrite + Unpin>(link: &mut Link<S>) -> Moved {
        poll_fn(|cx| link.poll_moved(cx, true, |_| ())).await.unwrap()
    }

    #[tokio::test]
    async fn what_is_queued_goes_out_in_one_piece_and_memory_goes_back() {
        let (ours, mut theirs) = tokio::io::duplex(1024);
        let mut link = Link::new(ours);
        link.queue(b"<a/>");
        link.queue(b"<b/>");
        assert!(link.is_busy());
        assert_eq!(moved(&mut link).await, Moved::Written);
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
        let mut read = 0;
        let waiting =
            poll_fn(|cx| Poll::Ready(link.poll_moved(cx, true, |bytes| read = bytes.len()).is_pending()))
                .await;
        assert!(waiting && link.is_stalled() && !link.has_room());
        assert_eq!(read, 0);
    }

    #[tokio::test]
    async fn the_end_of_the_peers_bytes_is_told() {
        let (ours, theirs) = tokio::io::duplex(64);
        drop(theirs);
        assert_eq!(moved(&mut Link::new(ours)).await, Moved::Eof);
    }
}
