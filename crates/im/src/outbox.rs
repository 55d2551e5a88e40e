//! The bounded queue in front of one session: what others hand to it, and what they ask of it.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use parking_lot::Mutex;
use store::Seq;

use crate::limits::SessionLimits;

/// One stanza on its way to one session. The bytes are shared by all sessions that get it.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// The whole stanza as it goes out.
    pub(crate) bytes: Bytes,
    /// Its place in the journal, when it was kept there and is not yet handed on.
    pub(crate) seq: Option<Seq>,
}

impl Item {
    /// A stanza that is not kept: lost with its session.
    pub(crate) fn passing(bytes: Bytes) -> Self {
        Self { bytes, seq: None }
    }

    /// A stanza of the journal.
    pub(crate) fn kept(bytes: Bytes, seq: Seq) -> Self {
        Self { bytes, seq: Some(seq) }
    }
}

/// Why a session must end, said by somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Another stream bound the same resource (RFC 6120 §7.7.2.2).
    Conflict,
    /// The account was disabled or removed.
    Disabled,
    /// An administrator ended it: the client may sign in again.
    Ended,
    /// The client reads too slowly: the queue is full.
    TooSlow,
    /// Another stream resumes this session (XEP-0198 §5).
    Resumed,
    /// The server stops.
    Shutdown,
}

/// What a session finds when it looks into its outbox.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// Stanzas in order.
    pub(crate) items: VecDeque<Item>,
    /// The session must end.
    pub(crate) end: Option<End>,
    /// The session must look into the spool: another session ended with messages undelivered.
    pub(crate) look_into_spool: bool,
}

/// The queue. An empty one owns no memory.
#[derive(Default)]
pub(crate) struct Outbox(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    taken: Taken,
    bytes: usize,
    waker: Option<Waker>,
    closed: bool,
}

/// The session is gone, or its queue is full: the stanza was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotTaken;

impl Outbox {
    /// Queues a stanza. Over the limit the session is told to end; what the journal has is not lost.
    pub(crate) fn push(&self, item: Item, limits: &SessionLimits) -> Result<(), NotTaken> {
        let mut queue = self.0.lock();
        if queue.closed || queue.taken.end == Some(End::TooSlow) {
            return Err(NotTaken);
        }
        let full = queue.taken.items.len() >= limits.queued_stanzas_max
            || queue.bytes + item.bytes.len() > limits.queued_bytes_max;
        if full {
            queue.taken.end = Some(End::TooSlow);
        } else {
            queue.bytes += item.bytes.len();
            queue.taken.items.push_back(item);
        }
        let waker = queue.waker.take();
        drop(queue);
        if let Some(waker) = waker {
            waker.wake();
        }
        if full { Err(NotTaken) } else { Ok(()) }
    }

    /// Queues an answer that is owed for what the journal had taken. There are no more of them than the journal
    /// lets wait ([`store::JOURNAL_WAITING_ENTRIES_MAX`]), and none may be lost to the limits of a slow reader.
    pub(crate) fn push_owed(&self, item: Item) {
        self.signal(|queue| {
            if !queue.closed {
                queue.bytes += item.bytes.len();
                queue.taken.items.push_back(item);
            }
        });
    }

    /// Tells the session to end. The first word counts, but being resumed is no end of the session.
    pub(crate) fn end(&self, why: End) {
        self.signal(|queue| {
            if queue.taken.end.is_none_or(|end| end == End::Resumed) {
                queue.taken.end = Some(why);
            }
        });
    }

    /// The session was handed over: the stream that has it now is not the one that was to let go.
    pub(crate) fn handed_over(&self) {
        let mut queue = self.0.lock();
        if queue.taken.end == Some(End::Resumed) {
            queue.taken.end = None;
        }
    }

    /// Tells the session to look into the spool.
    pub(crate) fn look_into_spool(&self) {
        self.signal(|queue| queue.taken.look_into_spool = true);
    }

    /// Takes what is there; pending when there is nothing, and then the task is woken later. Without `room`
    /// only what others ask of the session is taken and stanzas stay, counted against the limit.
    pub(crate) fn poll_take(&self, cx: &mut Context<'_>, room: bool) -> Poll<Taken> {
        let mut queue = self.0.lock();
        let asked = queue.taken.end.is_some() || queue.taken.look_into_spool;
        if !asked && (!room || queue.taken.items.is_empty()) {
            if !queue.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                queue.waker = Some(cx.waker().clone());
            }
            return Poll::Pending;
        }
        if room {
            queue.bytes = 0;
            return Poll::Ready(std::mem::take(&mut queue.taken));
        }
        let (end, look_into_spool) =
            (queue.taken.end.take(), std::mem::take(&mut queue.taken.look_into_spool));
        Poll::Ready(Taken { items: VecDeque::new(), end, look_into_spool })
    }

    /// Waits for the word to end only; all else stays for whoever carries the session next.
    pub(crate) fn poll_take_end(&self, cx: &mut Context<'_>) -> Poll<End> {
        let mut queue = self.0.lock();
        match queue.taken.end.take() {
            Some(end) => Poll::Ready(end),
            None => {
                queue.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Takes nothing more from now on and gives what was left.
    pub(crate) fn close(&self) -> VecDeque<Item> {
        let mut queue = self.0.lock();
        queue.closed = true;
        queue.waker = None;
        queue.bytes = 0;
        std::mem::take(&mut queue.taken.items)
    }

    fn signal(&self, set: impl FnOnce(&mut Queue)) {
        let mut queue = self.0.lock();
        set(&mut queue);
        let waker = queue.waker.take();
        drop(queue);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(text: &'static str) -> Item {
        Item::passing(Bytes::from_static(text.as_bytes()))
    }

    fn take(outbox: &Outbox) -> Taken {
        match outbox.poll_take(&mut Context::from_waker(Waker::noop()), true) {
            Poll::Ready(taken) => taken,
            Poll::Pending => panic!("nothing was there"),
        }
    }

    #[test]
    fn stanzas_come_out_in_order_and_many_at_once() {
        let (outbox, limits) = (Outbox::default(), SessionLimits::default());
        outbox.push(item("a"), &limits).unwrap();
        outbox.push(item("b"), &limits).unwrap();
        let mut cx = Context::from_waker(Waker::noop());
        assert!(outbox.poll_take(&mut cx, false).is_pending(), "no room");
        let taken = take(&outbox);
        let texts: Vec<&[u8]> = taken.items.iter().map(|item| &item.bytes[..]).collect();
        assert_eq!(texts, [b"a", b"b"]);
        assert!(outbox.poll_take(&mut cx, true).is_pending());
    }

    #[test]
    fn what_is_owed_goes_out_though_the_queue_is_full() {
        let limits = SessionLimits { queued_stanzas_max: 1, ..SessionLimits::default() };
        let outbox = Outbox::default();
        outbox.push(item("a"), &limits).unwrap();
        outbox.push_owed(item("b"));
        let taken = take(&outbox);
        assert_eq!((taken.end, taken.items.len()), (None, 2));
    }

    #[test]
    fn a_full_queue_ends_the_session_once() {
        let limits = SessionLimits { queued_stanzas_max: 1, ..SessionLimits::default() };
        let outbox = Outbox::default();
        outbox.push(item("a"), &limits).unwrap();
        assert_eq!(outbox.push(item("b"), &limits), Err(NotTaken));
        assert_eq!(outbox.push(item("c"), &limits), Err(NotTaken));
        let taken = take(&outbox);
        assert_eq!(taken.end, Some(End::TooSlow));
        assert_eq!(taken.items.len(), 1);
    }

    #[test]
    fn the_word_to_let_go_is_not_for_the_stream_that_has_taken_over() {
        let outbox = Outbox::default();
        outbox.end(End::Resumed);
        outbox.handed_over();
        assert!(outbox.poll_take(&mut Context::from_waker(Waker::noop()), true).is_pending());
        outbox.end(End::Resumed);
        outbox.end(End::Disabled);
        outbox.end(End::Resumed);
        outbox.handed_over();
        assert_eq!(take(&outbox).end, Some(End::Disabled));
    }

    #[test]
    fn bytes_are_limited_too() {
        let limits = SessionLimits { queued_bytes_max: 3, ..SessionLimits::default() };
        let outbox = Outbox::default();
        outbox.push(item("abc"), &limits).unwrap();
        assert_eq!(outbox.push(item("d"), &limits), Err(NotTaken));
    }

    #[test]
    fn a_closed_queue_takes_nothing() {
        let (outbox, limits) = (Outbox::default(), SessionLimits::default());
        outbox.push(item("a"), &limits).unwrap();
        assert_eq!(outbox.close().len(), 1);
        assert_eq!(outbox.push(item("b"), &limits), Err(NotTaken));
    }
}
