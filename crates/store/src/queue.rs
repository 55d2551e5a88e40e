//! What waits to be written, shared by all who write and the one writer: bounded, and never waited for.

use std::collections::{BTreeMap, VecDeque};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use futures::future::BoxFuture;
use model::{BareJid, LineId};
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot, watch};

use crate::behind::Behind;
use crate::db::Connection;
use crate::given_up::GivenUp;
use crate::{Binding, Entry, Error, LastActivity, Seq};

/// The most journal entries that wait for their commit.
pub const JOURNAL_WAITING_ENTRIES_MAX: usize = 65_536;
/// The most bytes of stanzas that wait for their commit.
pub const JOURNAL_WAITING_BYTES_MAX: usize = 64 << 20;
/// The most other writes that wait.
pub const WRITES_WAITING_MAX: usize = 16_384;
/// A commit is begun at once when this many operations wait.
pub const GROUP_OPERATIONS: usize = 500;
/// Entries not handed on get their spool rows early when this many are watched.
const YOUNG_ENTRIES_MAX: usize = 65_536;
/// The most handed-on marks that wait; more are forgotten, and those entries go out again after a restart.
const HANDED_ON_WAITING_MAX: usize = 1 << 20;

/// Whether the storage takes writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StorageState {
    /// It does.
    Ok,
    /// It does not, and this is why: a full disk, a lost database. It is tried again and again.
    Failing(Arc<str>),
}

/// An entry with its place.
#[derive(Debug)]
pub(crate) struct Queued {
    pub seq: Seq,
    pub entry: Entry,
}

/// A write that somebody waits for. It runs once, inside the group's transaction.
pub(crate) type Job = Box<dyn for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, JobDone> + Send>;

/// What a job came to; `answer` is called when the commit has ended.
pub(crate) struct JobDone {
    pub error: Option<Error>,
    pub answer: Box<dyn FnOnce(Result<(), Error>) + Send>,
}

/// Soft state: the newest value per key, written within a second.
#[derive(Debug, Default)]
pub(crate) struct Soft {
    pub bindings: BTreeMap<(LineId, String), Option<Binding>>,
    pub activity: BTreeMap<BareJid, LastActivity>,
}

impl Soft {
    pub(crate) fn is_empty(&self) -> bool {
        self.bindings.is_empty() && self.activity.is_empty()
    }
}

/// All that one commit writes.
#[derive(Default)]
pub(crate) struct Work {
    pub entries: Vec<Queued>,
    pub jobs: Vec<Job>,
    pub waiting: Vec<(BareJid, Seq)>,
    pub horizon: Option<Seq>,
    pub handed_on: Vec<(BareJid, Seq)>,
    pub soft: Soft,
    pub settled: Vec<oneshot::Sender<()>>,
    /// The archives' index is made behind the first up to the second.
    pub index: Option<(Seq, Seq)>,
    /// The full-text index likewise.
    pub text_index: Option<(Seq, Seq)>,
    /// Entries whose senders were told that they are not kept: whatever of them is there goes.
    pub given_up: Vec<RangeInclusive<i64>>,
}

/// What the writer finds when it looks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Waiting {
    /// Entries, jobs and settlers: to be committed within 2 ms.
    pub operations: usize,
    /// Somebody waits for the commit itself.
    pub awaited: bool,
    /// Something that may wait a second.
    pub soft: bool,
    /// The second is to be cut short.
    pub hurry: bool,
    /// Write what there is and end.
    pub closing: bool,
}

/// Entries without a spool row, by place: the first slot is that of `base`.
#[derive(Debug, Default)]
struct Young {
    base: i64,
    slots: VecDeque<Option<BareJid>>,
}

impl Young {
    /// The entry needs no row; false when it is no longer young.
    fn forget(&mut self, seq: i64) -> bool {
        let Ok(place) = usize::try_from(seq - self.base) else { return false };
        if let Some(slot) = self.slots.get_mut(place) {
            *slot = None;
        }
        while self.slots.front().is_some_and(Option::is_none) {
            self.slots.pop_front();
            self.base += 1;
        }
        true
    }
}

#[derive(Default)]
struct Queue {
    last: i64,
    /// The archives' index.
    index: Behind,
    /// The full-text index.
    text: Behind,
    /// Up to which the spool's rows stand for what waits, as the database has it or is about to.
    horizon: i64,
    entries: Vec<Queued>,
    bytes: usize,
    jobs: Vec<Job>,
    young: Young,
    handed_on: Vec<(BareJid, Seq)>,
    soft: Soft,
    settlers: Vec<oneshot::Sender<()>>,
    /// Spool rows are being written or deleted: what the database shows of the spool is behind.
    unsettled: bool,
    failing: Option<Arc<str>>,
    closing: bool,
    closed: bool,
}

/// The meeting place of all who write and the writer.
pub(crate) struct Shared {
    queue: Mutex<Queue>,
    pub wake: Notify,
    durable: watch::Sender<Seq>,
    state: watch::Sender<StorageState>,
    /// Entries that were not made durable in time, and who tells their senders.
    pub given_up: GivenUp,
    /// The largest size of the database in bytes; 0 for none.
    pub size_bytes_max: AtomicI64,
    /// The database has a commit in its hands.
    pub writing: AtomicBool,
}

impl Shared {
    pub(crate) fn new(last: Seq, indexed: Seq, text_indexed: Seq) -> Self {
        let young = Young { base: last.0 + 1, slots: VecDeque::new() };
        let (index, text) = (Behind::new(indexed), Behind::new(text_indexed));
        let queue = Queue { last: last.0, horizon: last.0, index, text, young, ..Queue::default() };
        Self {
            queue: Mutex::new(queue),
            wake: Notify::new(),
            durable: watch::Sender::new(last),
            state: watch::Sender::new(StorageState::Ok),
            given_up: GivenUp::default(),
            size_bytes_max: AtomicI64::new(0),
            writing: AtomicBool::new(false),
        }
    }

    pub(crate) fn durable(&self) -> watch::Receiver<Seq> {
        self.durable.subscribe()
    }

    pub(crate) fn state(&self) -> watch::Receiver<StorageState> {
        self.state.subscribe()
    }

    pub(crate) fn append(&self, entry: Entry) -> Result<Seq, Error> {
        // PostgreSQL keeps no NUL in text; one such entry would hold up all that come after it.
        if entry.from.contains('\0') || entry.to.contains('\0') {
            return Err(Error::Refused("an address contains a NUL character".to_owned()));
        }
        let mut queue = self.queue.lock();
        queue.accepts()?;
        let bytes = queue.bytes + entry.stanza.len();
        if queue.entries.len() >= JOURNAL_WAITING_ENTRIES_MAX || bytes > JOURNAL_WAITING_BYTES_MAX {
            return Err(Error::QueueFull);
        }
        queue.bytes = bytes;
        queue.last += 1;
        let seq = Seq(queue.last);
        queue.young.slots.push_back(entry.spool.then(|| entry.owner.clone()));
        queue.entries.push(Queued { seq, entry });
        let operations = queue.operations();
        drop(queue);
        self.wake_at(operations);
        Ok(seq)
    }

    pub(crate) fn push_job(&self, job: Job) -> Result<(), Error> {
        let mut queue = self.queue.lock();
        queue.accepts()?;
        if queue.jobs.len() >= WRITES_WAITING_MAX {
            return Err(Error::QueueFull);
        }
        queue.jobs.push(job);
        let (operations, first) = (queue.operations(), queue.jobs.len() == 1);
        drop(queue);
        // The first job cuts short the wait of a stream of entries.
        self.wake_at(if first { 1 } else { operations });
        Ok(())
    }

    pub(crate) fn handed_on(&self, owner: &BareJid, seq: Seq) {
        let mut queue = self.queue.lock();
        if !queue.young.forget(seq.0) && queue.handed_on.len() < HANDED_ON_WAITING_MAX {
            queue.handed_on.push((owner.clone(), seq));
            let first = queue.handed_on.len() == 1;
            drop(queue);
            if first {
                self.wake.notify_one();
            }
        }
    }

    /// Changes soft state.
    pub(crate) fn soft(&self, change: impl FnOnce(&mut Soft)) {
        let mut queue = self.queue.lock();
        let first = queue.soft.is_empty();
        change(&mut queue.soft);
        drop(queue);
        if first {
            self.wake.notify_one();
        }
    }

    pub(crate) fn soft_activity(&self, user: &BareJid) -> Option<LastActivity> {
        self.queue.lock().soft.activity.get(user).cloned()
    }

    /// Returns when the database shows the spool of `owner` as it is.
    pub(crate) async fn settle(&self, owner: &BareJid) -> Result<(), Error> {
        let behind = {
            let queue = self.queue.lock();
            queue.unsettled
                || queue.young.slots.iter().flatten().any(|young| young == owner)
                || queue.handed_on.iter().any(|(handed_on, _)| handed_on == owner)
        };
        if behind { self.settled().await } else { Ok(()) }
    }

    /// Returns when the archives' index has everything that was appended before.
    pub(crate) async fn catch_up(&self) -> Result<(), Error> {
        self.catch_up_index(|queue| &mut queue.index).await
    }

    /// Returns when the full-text index has everything that was appended before.
    pub(crate) async fn catch_up_text(&self) -> Result<(), Error> {
        self.catch_up().await?;
        self.catch_up_index(|queue| &mut queue.text).await
    }

    async fn catch_up_index(&self, which: fn(&mut Queue) -> &mut Behind) -> Result<(), Error> {
        let wanted = {
            let mut queue = self.queue.lock();
            let last = queue.last;
            which(&mut queue).want(last);
            last
        };
        while !which(&mut self.queue.lock()).has(wanted) {
            self.settled().await?;
        }
        Ok(())
    }

    /// Returns when the next commit is done that takes with it what could wait.
    async fn settled(&self) -> Result<(), Error> {
        let settled = {
            let mut queue = self.queue.lock();
            queue.accepts()?;
            let (sender, receiver) = oneshot::channel();
            queue.settlers.push(sender);
            receiver
        };
        self.wake.notify_one();
        settled.await.map_err(|_| self.refusal())
    }

    /// An error when the next write would be refused at once.
    pub(crate) fn accepts(&self) -> Result<(), Error> {
        self.queue.lock().accepts()
    }

    /// Why a write was dropped.
    pub(crate) fn refusal(&self) -> Error {
        match &self.queue.lock().failing {
            Some(reason) => Error::Failing(Arc::clone(reason)),
            None => Error::Closed,
        }
    }

    /// Asks the writer to write all and end.
    pub(crate) fn close(&self) {
        self.queue.lock().closing = true;
        self.wake.notify_one();
    }

    fn wake_at(&self, operations: usize) {
        if operations == 1 || operations == GROUP_OPERATIONS {
            self.wake.notify_one();
        }
    }

    // What follows is the writer's side.

    pub(crate) fn waiting(&self) -> Waiting {
        let queue = self.queue.lock();
        Waiting {
            operations: queue.operations(),
            awaited: !queue.jobs.is_empty() || !queue.settlers.is_empty(),
            soft: !queue.young.slots.is_empty()
                || !queue.handed_on.is_empty()
                || !queue.soft.is_empty()
                || queue.index.is_due(queue.last)
                || queue.text.is_due(queue.last)
                || queue.horizon < queue.last,
            hurry: !queue.settlers.is_empty() || queue.young.slots.len() >= YOUNG_ENTRIES_MAX,
            closing: queue.closing,
        }
    }

    /// Takes what is to be committed next; `all` with what could wait, `last` when nothing may come after.
    pub(crate) fn take(&self, all: bool, last: bool) -> Work {
        let mut queue = self.queue.lock();
        let queue = &mut *queue;
        queue.bytes = 0;
        let spare = queue.entries.len().min(GROUP_OPERATIONS);
        let mut work = Work {
            entries: std::mem::replace(&mut queue.entries, Vec::with_capacity(spare)),
            jobs: std::mem::take(&mut queue.jobs),
            ..Work::default()
        };
        let all = all || !queue.settlers.is_empty();
        if all || last {
            work.settled = std::mem::take(&mut queue.settlers);
            work.handed_on = std::mem::take(&mut queue.handed_on);
            work.soft = std::mem::take(&mut queue.soft);
            // Everything up to `last` is in the journal when this commit is.
            let base = queue.young.base;
            for (seq, owner) in (base..).zip(queue.young.slots.drain(..)) {
                work.waiting.extend(owner.map(|owner| (owner, Seq(seq))));
            }
            queue.young.base = queue.last + 1;
            // Also when all of it was handed on meanwhile: else the next start would take it for waiting.
            work.horizon = (queue.horizon != queue.last).then_some(Seq(queue.last));
            queue.horizon = queue.last;
            queue.unsettled = !work.waiting.is_empty() || !work.handed_on.is_empty();
        }
        work.index = queue.index.step(queue.last, all || last);
        if work.index.is_none() {
            work.text_index = queue.text.step(queue.last, all || last);
        }
        queue.closed |= last;
        work
    }

    /// A commit has ended well.
    pub(crate) fn committed(&self, last: Option<Seq>, work: Work) {
        let recovered = {
            let mut queue = self.queue.lock();
            if let Some((_, until)) = work.index {
                queue.index.made(until);
            }
            if let Some((_, until)) = work.text_index {
                queue.text.made(until);
            }
            queue.unsettled = false;
            queue.failing.take().is_some()
        };
        if let Some(last) = last {
            self.durable.send_replace(last);
        }
        if recovered {
            self.state.send_replace(StorageState::Ok);
        }
        for waiter in work.settled {
            // Whoever asked may have gone.
            let _gone = waiter.send(());
        }
    }

    /// A commit has failed: from now on new writes are refused, and those that wait, but not the journal's, are
    /// dropped, which tells their callers.
    pub(crate) fn failed(&self, reason: &Arc<str>) {
        let (jobs, settlers) = {
            let mut queue = self.queue.lock();
            queue.failing = Some(Arc::clone(reason));
            (std::mem::take(&mut queue.jobs), std::mem::take(&mut queue.settlers))
        };
        drop((jobs, settlers));
        self.state.send_replace(StorageState::Failing(Arc::clone(reason)));
    }

    /// The time of `entries`, and of those that wait behind them, is up: their senders are told, then the
    /// watermark passes them. Gives their places.
    pub(crate) fn give_up(&self, mut entries: Vec<Queued>) -> Option<RangeInclusive<i64>> {
        let range = {
            let mut queue = self.queue.lock();
            entries.append(&mut queue.entries);
            queue.bytes = 0;
            let range = entries.first()?.seq.0..=entries.last()?.seq.0;
            for seq in range.clone() {
                queue.young.forget(seq);
            }
            range
        };
        let entries: Vec<Entry> = entries.into_iter().map(|queued| queued.entry).collect();
        self.given_up.note(range.clone(), &entries);
        self.durable.send_replace(Seq(*range.end()));
        Some(range)
    }

    pub(crate) fn size_bytes_max(&self) -> i64 {
        self.size_bytes_max.load(Ordering::Relaxed)
    }
}

impl Queue {
    fn accepts(&self) -> Result<(), Error> {
        match &self.failing {
            Some(reason) => Err(Error::Failing(Arc::clone(reason))),
            None if self.closed => Err(Error::Closed),
            None => Ok(()),
        }
    }

    fn operations(&self) -> usize {
        self.entries.len() + self.jobs.len()
    }
}
