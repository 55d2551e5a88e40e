//! One other domain as one domain of ours sees it: what waits for it, who sends it, and how it stands.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use model::{BareJid, DomainPart, Timestamp};
use parking_lot::Mutex;
use store::Seq;
use tokio::sync::Notify;
use xmpp::Condition;

use crate::limits::FederationLimits;

/// Pairs of a domain of ours and another one that are remembered.
pub(crate) const PEERS_MAX: usize = 20_000;
/// Stanzas that a stream takes at a time.
const TAKEN_MAX: usize = 64;

/// A stanza on its way to another server.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    /// As it goes out.
    pub(crate) bytes: Bytes,
    /// Its place in the journal, when it was kept there and is not yet handed on.
    pub(crate) seq: Option<Seq>,
    /// It waits for a server that is away: messages that are kept, and subscriptions.
    pub(crate) waits: bool,
    /// Since when it waits.
    pub(crate) since: Instant,
}

/// Why a stanza was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// Too much waits already.
    Full,
    /// The other server is away, and this is not worth waiting; or there is no such server.
    Away(Condition),
}

/// How a peer stands, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing to send, no stream.
    Idle,
    /// A stream is being opened.
    Connecting,
    /// A stream is open: how.
    Connected { since: Timestamp, how: String },
    /// The last try failed; the next one is then.
    Waiting { until: Instant },
}

/// What is known of a peer, for people.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    pub(crate) phase: Phase,
    /// Why the last try failed, and when.
    pub(crate) failure: Option<(Timestamp, String)>,
    /// Stanzas that the other server has.
    pub(crate) sent: u64,
    /// Stanzas that were returned to their senders.
    pub(crate) returned: u64,
}

/// One other domain, as one domain of ours sees it.
pub(crate) struct Peer {
    pub(crate) local: DomainPart,
    pub(crate) remote: DomainPart,
    /// The other domain as the owner of what the journal keeps for it.
    pub(crate) owner: BareJid,
    pub(crate) status: Mutex<Status>,
    /// There is a reason to try again now.
    pub(crate) retry: Notify,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Outgoing>,
    bytes: usize,
    waker: Option<Waker>,
    /// A stream that could take from the queue, if there is no better one.
    offered: Option<Waker>,
    /// A stream takes from the queue.
    served: bool,
    /// A task sees to it that a stream is opened.
    running: bool,
    /// The last try failed: what senders are told meanwhile.
    away: Option<Condition>,
}

impl Queue {
    fn put(&mut self, item: Outgoing) {
        self.bytes += item.bytes.len();
        self.waiting.push_back(item);
    }

    fn remove_where(&mut self, mut goes: impl FnMut(&Outgoing) -> bool) -> Vec<Outgoing> {
        let (gone, stays): (Vec<_>, Vec<_>) = self.waiting.drain(..).partition(|item| goes(item));
        self.waiting = stays.into();
        self.bytes -= gone.iter().map(|item| item.bytes.len()).sum::<usize>();
        gone
    }
}

impl Peer {
    fn new(local: DomainPart, remote: DomainPart) -> Option<Self> {
        let owner = remote.as_str().parse().ok()?;
        let status = Status { phase: Phase::Idle, failure: None, sent: 0, returned: 0 };
        Some(Self {
            local,
            remote,
            owner,
            status: Mutex::new(status),
            retry: Notify::new(),
            queue: Mutex::default(),
        })
    }

    /// Is there room for one more? Asked before a message is kept for the peer.
    pub(crate) fn has_room(&self, bytes: usize, limits: &FederationLimits) -> bool {
        let queue = self.queue.lock();
        queue.waiting.len() < limits.queued_stanzas_max && queue.bytes + bytes <= limits.queued_bytes_max
    }

    /// Queues a stanza; true when a task must be started that sends it.
    pub(crate) fn push(&self, item: Outgoing, limits: &FederationLimits) -> Result<bool, NotTaken> {
        let mut queue = self.queue.lock();
        if let Some(condition) = queue.away.filter(|_| !item.waits) {
            return Err(NotTaken::Away(condition));
        }
        // What the journal has is taken in any case: there was room when it was kept.
        let full = queue.waiting.len() >= limits.queued_stanzas_max
            || queue.bytes + item.bytes.len() > limits.queued_bytes_max;
        if full && item.seq.is_none() {
            return Err(NotTaken::Full);
        }
        queue.put(item);
        let start = !queue.served && !queue.running;
        queue.running |= start;
        let waker = queue.waker.take();
        drop(queue);
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(start)
    }

    /// What a stream took and the other server does not have goes in front of the rest.
    pub(crate) fn put_back(&self, items: Vec<Outgoing>) {
        let mut queue = self.queue.lock();
        for item in items.into_iter().rev() {
            queue.bytes += item.bytes.len();
            queue.waiting.push_front(item);
        }
    }

    /// Takes what waits; pending when nothing does, and then the task is woken later.
    pub(crate) fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Vec<Outgoing>> {
        let mut queue = self.queue.lock();
        if queue.waiting.is_empty() {
            queue.waiting = VecDeque::new();
            queue.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let count = queue.waiting.len().min(TAKEN_MAX);
        let taken: Vec<Outgoing> = queue.waiting.drain(..count).collect();
        queue.bytes -= taken.iter().map(|item| item.bytes.len()).sum::<usize>();
        Poll::Ready(taken)
    }

    /// A stream takes from the queue from now on; false when another does already.
    pub(crate) fn attach(&self) -> bool {
        let mut queue = self.queue.lock();
        queue.away = None;
        !std::mem::replace(&mut queue.served, true)
    }

    /// The stream is gone; true when a task must be started for what is left.
    pub(crate) fn detach(&self) -> bool {
        let mut queue = self.queue.lock();
        queue.served = false;
        queue.waker = None;
        let start = !queue.running && !queue.waiting.is_empty();
        queue.running |= start;
        start
    }

    /// The other server speaks to us: the next try may well succeed.
    pub(crate) fn is_heard(&self) {
        self.queue.lock().away = None;
    }

    /// Is there no other way? Pending until then, and then the task of the stream that could help is woken.
    pub(crate) fn poll_needed(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut queue = self.queue.lock();
        if queue.away.is_some() && !queue.served {
            return Poll::Ready(());
        }
        queue.offered = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Ends the task when nothing waits that nobody sends; true when it is to end.
    pub(crate) fn rest(&self) -> bool {
        let mut queue = self.queue.lock();
        let rests = queue.served || queue.waiting.is_empty();
        if rests {
            queue.running = false;
            queue.away = None;
        }
        rests
    }

    /// Is there nothing to remember of it?
    fn is_forgettable(&self) -> bool {
        let queue = self.queue.lock();
        !queue.running && !queue.served && queue.waiting.is_empty()
    }

    /// A try failed: gives what does not wait for the next one, or everything when there is no such server.
    pub(crate) fn away(&self, condition: Condition) -> Vec<Outgoing> {
        let mut queue = self.queue.lock();
        queue.away = Some(condition);
        if let Some(waker) = queue.offered.take() {
            waker.wake();
        }
        let all = condition == Condition::RemoteServerNotFound;
        queue.remove_where(|item| all || !item.waits)
    }

    /// There is no such server, as was just found out: nothing more need be kept for it.
    pub(crate) fn is_known_missing(&self) -> bool {
        self.queue.lock().away == Some(Condition::RemoteServerNotFound)
    }

    /// What has waited for too long.
    pub(crate) fn expired(&self, now: Instant, time_max: Duration) -> Vec<Outgoing> {
        self.queue.lock().remove_where(|item| now.saturating_duration_since(item.since) >= time_max)
    }

    /// Since when the oldest waits, and how many wait.
    pub(crate) fn waiting(&self) -> (usize, Option<Instant>) {
        let queue = self.queue.lock();
        (queue.waiting.len(), queue.waiting.iter().map(|item| item.since).min())
    }
}

/// All peers, by our domain and theirs.
#[derive(Default)]
pub(crate) struct Peers(Mutex<BTreeMap<(DomainPart, DomainPart), Arc<Peer>>>);

impl Peers {
    /// The peer of a pair; `None` when there are too many.
    pub(crate) fn find_or_make(
        &self,
        local: &DomainPart,
        remote: &DomainPart,
        max: usize,
    ) -> Option<Arc<Peer>> {
        let mut peers = self.0.lock();
        let pair = (local.clone(), remote.clone());
        if let Some(peer) = peers.get(&pair) {
            return Some(Arc::clone(peer));
        }
        if peers.len() >= max {
            peers.retain(|_, peer| !peer.is_forgettable());
            if peers.len() >= max {
                return None;
            }
        }
        let peer = Arc::new(Peer::new(local.clone(), remote.clone())?);
        peers.insert(pair, Arc::clone(&peer));
        Some(peer)
    }

    /// The peer of a pair, if there is one.
    pub(crate) fn find(&self, local: &DomainPart, remote: &DomainPart) -> Option<Arc<Peer>> {
        self.0.lock().get(&(local.clone(), remote.clone())).cloned()
    }

    /// All of them, in the order of the other domains.
    pub(crate) fn all(&self) -> Vec<Arc<Peer>> {
        let mut all: Vec<Arc<Peer>> = self.0.lock().values().cloned().collect();
        all.sort_by(|a, b| (a.remote.as_str(), a.local.as_str()).cmp(&(b.remote.as_str(), b.local.as_str())));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer() -> Peer {
        Peer::new("a.example".parse().unwrap(), "b.example".parse().unwrap()).unwrap()
    }

    fn item(text: &'static str, waits: bool, since: Instant) -> Outgoing {
        Outgoing { bytes: Bytes::from_static(text.as_bytes()), seq: None, waits, since }
    }

    fn take(peer: &Peer) -> Vec<Outgoing> {
        match peer.poll_take(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(taken) => taken,
            Poll::Pending => Vec::new(),
        }
    }

    fn now() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    #[test]
    fn what_was_not_delivered_goes_first() {
        let (peer, limits, now) = (peer(), FederationLimits::default(), now());
        assert_eq!(peer.push(item("1", true, now), &limits), Ok(true), "a task is to be started once");
        assert_eq!(peer.push(item("2", true, now), &limits), Ok(false));
        assert!(peer.attach() && !peer.attach());
        let taken = take(&peer);
        peer.push(item("3", true, now), &limits).unwrap();
        peer.put_back(taken);
        let texts: Vec<Bytes> = take(&peer).into_iter().map(|item| item.bytes).collect();
        assert_eq!(texts, ["1", "2", "3"]);
        assert!(peer.rest() && !peer.detach());
    }

    #[test]
    fn only_what_is_worth_it_waits_for_a_server_that_is_away() {
        let (peer, limits, now) = (peer(), FederationLimits::default(), now());
        peer.push(item("iq", false, now), &limits).unwrap();
        peer.push(item("message", true, now), &limits).unwrap();
        let timeout = Condition::RemoteServerTimeout;
        assert_eq!(peer.away(timeout).len(), 1);
        assert_eq!(peer.push(item("iq", false, now), &limits), Err(NotTaken::Away(timeout)));
        assert_eq!(peer.push(item("message", true, now), &limits), Ok(false));
        let later = now + Duration::from_secs(5);
        assert!(peer.expired(later, Duration::from_secs(6)).is_empty());
        assert_eq!(peer.expired(later, Duration::from_secs(5)).len(), 2);
        assert_eq!(peer.waiting(), (0, None));
        assert!(peer.rest());
        assert_eq!(peer.push(item("iq", false, now), &limits), Ok(true), "later it is tried again");
    }

    #[test]
    fn a_stream_that_is_not_acknowledged_is_needed_only_when_there_is_no_other_way() {
        let (peer, limits, now) = (peer(), FederationLimits::default(), now());
        let needed = || peer.poll_needed(&mut Context::from_waker(Waker::noop())).is_ready();
        peer.push(item("message", true, now), &limits).unwrap();
        assert!(!needed(), "one of ours is being opened");
        peer.away(Condition::RemoteServerTimeout);
        assert!(needed(), "that was in vain");
        assert!(peer.attach() && !needed(), "another has the queue");
        peer.detach();
        peer.away(Condition::RemoteServerTimeout);
        peer.is_heard();
        assert!(!needed(), "the next try may succeed");
    }

    #[test]
    fn nothing_waits_for_a_server_that_does_not_exist() {
        let (peer, limits, now) = (peer(), FederationLimits::default(), now());
        peer.push(item("message", true, now), &limits).unwrap();
        assert!(!peer.is_known_missing());
        assert_eq!(peer.away(Condition::RemoteServerNotFound).len(), 1);
        assert!(peer.is_known_missing());
    }

    #[test]
    fn a_queue_has_an_end() {
        let limits =
            FederationLimits { queued_stanzas_max: 1, queued_bytes_max: 4, ..FederationLimits::default() };
        let (peer, now) = (peer(), now());
        assert!(!peer.has_room(5, &limits) && peer.has_room(4, &limits));
        peer.push(item("1", true, now), &limits).unwrap();
        assert!(!peer.has_room(1, &limits));
        assert_eq!(peer.push(item("2", true, now), &limits), Err(NotTaken::Full));
        let kept = Outgoing { seq: Some(Seq(1)), ..item("2", true, now) };
        assert_eq!(peer.push(kept, &limits), Ok(false), "what is kept has been promised");
    }

    #[test]
    fn peers_that_nobody_needs_make_room() {
        let (peers, local) = (Peers::default(), "a.example".parse().unwrap());
        let find = |name: &str| peers.find_or_make(&local, &name.parse().unwrap(), 1);
        let first = find("b.example").unwrap();
        first.push(item("1", true, now()), &FederationLimits::default()).unwrap();
        assert!(find("c.example").is_none());
        first.away(Condition::RemoteServerNotFound);
        assert!(first.rest());
        assert!(find("c.example").is_some());
        assert!(peers.find(&local, &"b.example".parse().unwrap()).is_none());
    }
}
