//! The sessions over BOSH by their identifiers, and what requests and the stream share of one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use runtime::Runtime;
use tokio::sync::{Notify, oneshot};
use xmpp::Limits;
use xmpp::bosh::{INACTIVITY_MAX, Request, Session, Terminal, Ticket, terminate};

/// All sessions.
#[derive(Default)]
pub(crate) struct Table(papaya::HashMap<Box<str>, Arc<Shared>>);

impl Table {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn find(&self, sid: &str) -> Option<Arc<Shared>> {
        self.0.pin().get(sid).cloned()
    }

    pub(super) fn add(&self, sid: &str, shared: &Arc<Shared>) {
        self.0.pin().insert(sid.into(), Arc::clone(shared));
    }

    /// Waits for the end of the stream, then for a client that has not heard of it, and forgets the session.
    pub(super) async fn forget(&self, sid: &str, shared: &Shared, runtime: &Runtime) {
        shared.gone.notified().await;
        tokio::select! {
            biased;
            () = runtime.stopping() => {}
            () = runtime.sleep(INACTIVITY_MAX) => {}
        }
        self.0.pin().remove(sid);
        shared.inner.lock().requests.clear();
    }
}

/// One session: requests come from one side, the stream reads and writes on the other.
pub(super) struct Shared {
    inner: Mutex<Inner>,
    /// Told when the stream is gone.
    gone: Notify,
    pub(super) runtime: Runtime,
}

/// What both sides work on.
pub(super) struct Inner {
    pub(super) session: Session,
    /// Where answers go.
    requests: BTreeMap<Ticket, oneshot::Sender<Bytes>>,
    next_ticket: u64,
    /// The bytes of requests that the stream has not heard of.
    pub(super) heard: Option<usize>,
    /// The limits of the next requests.
    pub(super) limits: Limits,
    /// The stream's task.
    pub(super) waker: Option<Waker>,
}

impl Inner {
    /// Gives everybody the answer that is ready. Who is gone asks again, and the session still has it.
    pub(super) fn deliver(&mut self) {
        while let Some(answer) = self.session.poll_answer() {
            if let Some(request) = self.requests.remove(&answer.ticket) {
                let _ = request.send(answer.body);
            }
        }
    }
}

impl Shared {
    /// The ticket of a session's first request.
    pub(super) const FIRST: Ticket = Ticket(0);

    /// A session that was made for its first request, which now waits.
    pub(super) fn new(
        session: Session,
        limits: Limits,
        bytes: usize,
        runtime: Runtime,
    ) -> (Arc<Self>, Waits) {
        let (sender, answer) = oneshot::channel();
        let requests = BTreeMap::from([(Self::FIRST, sender)]);
        let inner = Inner { session, requests, next_ticket: 1, heard: Some(bytes), limits, waker: None };
        let shared = Arc::new(Self { inner: Mutex::new(inner), gone: Notify::new(), runtime });
        (Arc::clone(&shared), Waits { shared, ticket: Self::FIRST, answer: Some(answer) })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock()
    }

    /// What the reader of a request must know: limits and language.
    pub(super) fn terms(&self) -> (Limits, Option<String>) {
        let inner = self.lock();
        (inner.limits, inner.session.lang().map(str::to_owned))
    }

    /// A request of so many bytes came in; it waits for its answer.
    pub(super) fn request(self: &Arc<Self>, request: Request, bytes: usize, now: Instant) -> Waits {
        let (sender, answer) = oneshot::channel();
        let mut inner = self.lock();
        let ticket = Ticket(inner.next_ticket);
        inner.next_ticket += 1;
        inner.requests.insert(ticket, sender);
        *inner.heard.get_or_insert(0) += bytes;
        inner.session.request(request, ticket, now);
        inner.deliver();
        let waker = inner.waker.take();
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
        Waits { shared: Arc::clone(self), ticket, answer: Some(answer) }
    }

    /// The stream is gone.
    pub(super) fn abandon(&self) {
        let now = self.runtime.now();
        let mut inner = self.lock();
        inner.session.abandon(now);
        inner.session.flush(now);
        inner.deliver();
        drop(inner);
        self.gone.notify_one();
    }
}

/// A request that waits for its answer. Dropped before that, its connection is lost.
pub(super) struct Waits {
    shared: Arc<Shared>,
    ticket: Ticket,
    answer: Option<oneshot::Receiver<Bytes>>,
}

impl Waits {
    pub(super) async fn answer(mut self) -> Bytes {
        let Some(answer) = self.answer.as_mut() else { return terminate(Terminal::ItemNotFound) };
        let body = answer.await.unwrap_or_else(|_| terminate(Terminal::ItemNotFound));
        self.answer = None;
        body
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        if self.answer.is_some() {
            let now = self.shared.runtime.now();
            let mut inner = self.shared.lock();
            inner.requests.remove(&self.ticket);
            inner.session.lost(self.ticket, now);
            // The stream's timer is another one now.
            if let Some(waker) = inner.waker.take() {
                waker.wake();
            }
        }
    }
}
