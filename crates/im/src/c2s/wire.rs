//! What carries a session: a stream of bytes, a WebSocket, BOSH. What stands behind it is the same for all.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};

use xmpp::{Frame, Limits, StreamError, StreamHeader};

/// What woke the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// So many bytes were read: there may be frames.
    Read(usize),
    /// What was queued is with the kernel, or with the client: see [`Wire::delivered`].
    Written,
    /// The peer sends nothing more.
    Eof,
}

/// One client's connection. What is queued goes out with the next poll, many elements at once.
pub trait Wire: Send + Unpin + 'static {
    /// Queues our stream header.
    fn open(&mut self, header: &StreamHeader);

    /// Queues one element. It is written for a stream of bytes ([`xmpp::Context::Client`]), since it may be shared
    /// by many sessions; a wire without stream header adds the namespace (`xmpp::framing::framed`).
    fn queue(&mut self, element: &[u8]);

    /// Queues the end of our stream.
    fn close(&mut self);

    /// The next frame of what was read. After an error there is only that error.
    fn next_frame(&mut self) -> Result<Option<Frame>, StreamError>;

    /// There is no frame for now: memory for reading may go back.
    fn release(&mut self);

    /// The client has signed in: its next stream begins, with these limits.
    fn restart(&mut self, limits: Limits);

    /// The client has signed in, and its stream goes on: with these limits.
    fn set_limits(&mut self, limits: Limits);

    /// May more be queued?
    fn has_room(&self) -> bool;

    /// Did the last write make no progress?
    fn is_stalled(&self) -> bool;

    /// Writes what is queued and reads what has come: ready at the first that is complete.
    fn poll_moved(&mut self, cx: &mut Context<'_>, may_read: bool) -> Poll<io::Result<Moved>>;

    /// Writes all that is queued.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Says to the other side that nothing more comes, after all is written.
    fn poll_shut(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// How many elements were queued so far, where [`Wire::delivered`] counts.
    fn queued(&self) -> u64 {
        0
    }

    /// At [`Moved::Written`]: the elements up to this one have arrived as far as this wire can tell. A stream of
    /// bytes does not count: all that was queued is with the kernel.
    fn delivered(&self) -> u64 {
        u64::MAX
    }
}

/// [`Wire::poll_moved`] as a future.
pub(super) async fn moved(wire: &mut impl Wire, may_read: bool) -> io::Result<Moved> {
    poll_fn(|cx| wire.poll_moved(cx, may_read)).await
}

/// [`Wire::poll_flush`] as a future.
pub(super) async fn flush(wire: &mut impl Wire) -> io::Result<()> {
    poll_fn(|cx| wire.poll_flush(cx)).await
}

/// [`Wire::poll_shut`] as a future.
pub(super) async fn shut(wire: &mut impl Wire) -> io::Result<()> {
    poll_fn(|cx| wire.poll_shut(cx)).await
}
