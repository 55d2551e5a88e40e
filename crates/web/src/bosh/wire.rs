//! BOSH as a session's wire: what the stream writes waits for requests, what requests bring waits for the stream.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use im::{HIGH_WATER_BYTES, Moved, Wire};
use xmpp::{Frame, Limits, StreamError, StreamHeader};

use super::table::Shared;

/// The stream's side of one session.
pub(super) struct Bosh {
    shared: Arc<Shared>,
    timer: Option<Timer>,
    /// How many elements the stream knows to have arrived.
    delivered: u64,
}

struct Timer {
    at: Instant,
    sleep: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Bosh {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, timer: None, delivered: 0 }
    }

    /// True when it is time for the session's next step.
    fn poll_timer(&mut self, cx: &mut Context<'_>, at: Option<Instant>) -> bool {
        let Some(at) = at else {
            self.timer = None;
            return false;
        };
        if self.timer.as_ref().is_none_or(|timer| timer.at != at) {
            let runtime = self.shared.runtime.clone();
            self.timer = Some(Timer { at, sleep: Box::pin(async move { runtime.sleep_until(at).await }) });
        }
        let over = self.timer.as_mut().is_some_and(|timer| timer.sleep.as_mut().poll(cx).is_ready());
        if over {
            self.timer = None;
        }
        over
    }

    /// One look at the session: what moved, or when to look again.
    fn look(&mut self, cx: &Context<'_>, may_read: bool) -> Result<Moved, Option<Instant>> {
        let mut inner = self.shared.lock();
        inner.session.flush(self.shared.runtime.now());
        inner.deliver();
        if may_read && (inner.heard.is_some() || inner.session.has_frame()) {
            return Ok(Moved::Read(inner.heard.take().unwrap_or(0)));
        }
        let delivered = inner.session.delivered();
        if delivered > self.delivered {
            self.delivered = delivered;
            return Ok(Moved::Written);
        }
        if inner.session.is_dead() && !inner.session.has_frame() {
            return Ok(Moved::Eof);
        }
        inner.waker = Some(cx.waker().clone());
        Err(inner.session.next_timeout())
    }
}

impl Wire for Bosh {
    fn open(&mut self, header: &StreamHeader) {
        self.shared.lock().session.open(header);
    }

    fn queue(&mut self, element: &[u8]) {
        self.shared.lock().session.queue(element);
    }

    fn close(&mut self) {
        self.shared.lock().session.close();
    }

    fn next_frame(&mut self) -> Result<Option<Frame>, StreamError> {
        Ok(self.shared.lock().session.next_frame())
    }

    fn release(&mut self) {}

    fn restart(&mut self, limits: Limits) {
        self.set_limits(limits);
    }

    fn set_limits(&mut self, limits: Limits) {
        self.shared.lock().limits = limits;
    }

    fn has_room(&self) -> bool {
        self.shared.lock().session.waiting_bytes() < HIGH_WATER_BYTES
    }

    /// A client without a request is not slow, but away: the session knows how long it may be.
    fn is_stalled(&self) -> bool {
        false
    }

    fn poll_moved(&mut self, cx: &mut Context<'_>, may_read: bool) -> Poll<io::Result<Moved>> {
        loop {
            match self.look(cx, may_read) {
                Ok(moved) => return Poll::Ready(Ok(moved)),
                Err(at) if !self.poll_timer(cx, at) => return Poll::Pending,
                Err(_) => {}
            }
        }
    }

    /// At the stream's end all is written: the client's next request finds it.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.shared.lock();
        inner.session.flush(self.shared.runtime.now());
        inner.deliver();
        if inner.session.is_dead() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if inner.session.is_closing() || inner.session.waiting_bytes() == 0 {
            return Poll::Ready(Ok(()));
        }
        inner.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn poll_shut(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn queued(&self) -> u64 {
        self.shared.lock().session.queued()
    }

    fn delivered(&self) -> u64 {
        self.shared.lock().session.delivered()
    }
}

impl Drop for Bosh {
    fn drop(&mut self) {
        self.shared.abandon();
    }
}
