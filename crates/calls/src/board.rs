//! The board: the newest snapshot of every live call, by call, by line and by trunk, and who hears of changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use model::{LineId, Timestamp};
use parking_lot::Mutex;
use store::CallRecord;
use tokio::sync::Notify;

use crate::features::applications::Applications;
use crate::features::last_calls::LastCalls;
use crate::feed::{Feed, Happened};
use crate::records::{Draft, Finished, FinishedCalls};
use crate::snapshot::{CallId, CallSnapshot, Cause, Connection, Event};

/// Shards of the board: calls of different lines seldom wait for each other.
const BOARD_SHARDS: usize = 32;

/// The live calls of this server, by call and by line. Short locks, never held across an await.
pub struct Board {
    calls: Vec<Mutex<BTreeMap<CallId, LiveCall>>>,
    lines: Vec<Mutex<BTreeMap<LineId, LineCalls>>>,
    listeners: Mutex<Vec<Arc<Dirty>>>,
    /// Those who hear of all lines.
    feeds: Mutex<Vec<Arc<Feed>>>,
    applications: Applications,
    finished: FinishedCalls,
    /// The live calls of each trunk that has any.
    trunks: Mutex<BTreeMap<String, BTreeSet<CallId>>>,
}

/// A live call, and what its record will say.
struct LiveCall {
    snapshot: Arc<CallSnapshot>,
    draft: Draft,
}

/// The calls of one line.
#[derive(Default)]
struct LineCalls {
    live: BTreeMap<CallId, Arc<CallSnapshot>>,
    version: u64,
    /// When its last call ended.
    rested: Option<Timestamp>,
    /// Whom it called last, and who called it.
    last: LastCalls,
    /// Those who hear of it.
    feeds: Vec<Arc<Feed>>,
}

/// Lines that changed and were not yet taken by the listener: bounded by the number of lines.
#[derive(Default)]
struct Dirty {
    changed: Mutex<BTreeMap<LineId, Vec<Arc<CallSnapshot>>>>,
    wake: Notify,
}

/// Hears which lines changed. A line that changes twice before the listener looks is reported once; calls
/// that ended meanwhile are given with it, so that an end is never missed.
pub struct BoardListener(Arc<Dirty>);

impl BoardListener {
    /// Waits for changes; gives every line that changed since the last call, with its calls that ended.
    pub async fn changed(&self) -> BTreeMap<LineId, Vec<Arc<CallSnapshot>>> {
        loop {
            let notified = self.0.wake.notified();
            let lines = std::mem::take(&mut *self.0.changed.lock());
            if !lines.is_empty() {
                return lines;
            }
            notified.await;
        }
    }
}

impl Default for Board {
    fn default() -> Self {
        Self::new()
    }
}

impl Board {
    /// A board without calls.
    pub fn new() -> Self {
        Self {
            calls: (0..BOARD_SHARDS).map(|_| Mutex::default()).collect(),
            lines: (0..BOARD_SHARDS).map(|_| Mutex::default()).collect(),
            listeners: Mutex::default(),
            feeds: Mutex::default(),
            applications: Applications::default(),
            finished: FinishedCalls::default(),
            trunks: Mutex::default(),
        }
    }

    /// The applications of route points, and the calls that wait for them.
    pub fn applications(&self) -> &Applications {
        &self.applications
    }

    /// Starts to listen.
    pub fn listen(&self) -> BoardListener {
        let dirty = Arc::new(Dirty::default());
        self.listeners.lock().push(Arc::clone(&dirty));
        BoardListener(dirty)
    }

    /// Takes a call's newest snapshot in place of the one before; an older one is dropped.
    pub fn publish(&self, snapshot: &Arc<CallSnapshot>) {
        let over = snapshot.is_over();
        let finished = {
            let mut calls = self.call_shard(snapshot.id).lock();
            if calls.get(&snapshot.id).is_some_and(|known| known.snapshot.sequence >= snapshot.sequence) {
                return;
            }
            if over {
                calls.remove(&snapshot.id).map(|call| call.draft)
            } else {
                let call = calls
                    .entry(snapshot.id)
                    .or_insert_with(|| LiveCall { snapshot: Arc::clone(snapshot), draft: Draft::default() });
                call.snapshot = Arc::clone(snapshot);
                call.draft.note(snapshot);
                None
            }
        };
        // A call that is over at its first sight has a record if this is its only change; one in which nobody ever
        // was has none.
        let only = over && snapshot.sequence == 1 && !snapshot.connections.is_empty();
        if let Some(draft) = finished.or_else(|| only.then(Draft::default)) {
            self.finish(snapshot, draft);
        }
        let mut told = Vec::new();
        for line in snapshot.lines() {
            let mut lines = self.line_shard(line).lock();
            let entry = lines.entry(line.clone()).or_default();
            entry.version += 1;
            entry.last.note(line, snapshot);
            // A line that the call has left is free again, though the call goes on elsewhere.
            if snapshot.of_line(line).all(Connection::has_left) {
                entry.live.remove(&snapshot.id);
                entry.rested = snapshot.of_line(line).map(|connection| connection.since).max();
            } else {
                entry.live.insert(snapshot.id, Arc::clone(snapshot));
            }
            tell(&entry.feeds, &mut told, snapshot);
        }
        self.count_trunks(snapshot);
        tell(&self.feeds.lock(), &mut told, snapshot);
        for listener in &*self.listeners.lock() {
            let mut changed = listener.changed.lock();
            for line in snapshot.lines() {
                let ended = changed.entry(line.clone()).or_default();
                if over {
                    ended.push(Arc::clone(snapshot));
                }
            }
            listener.wake.notify_one();
        }
    }

    fn count_trunks(&self, snapshot: &CallSnapshot) {
        let names: BTreeSet<&str> =
            snapshot.connections.iter().filter_map(|c| c.trunk.as_ref()).map(|t| t.name.as_str()).collect();
        // Most calls stay inside, and need no lock for that.
        if names.is_empty() {
            return;
        }
        let mut trunks = self.trunks.lock();
        for name in names {
            let is_live = |connection: &Connection| {
                !connection.has_left() && connection.trunk.as_ref().is_some_and(|trunk| trunk.name == name)
            };
            let calls = trunks.entry(name.to_owned()).or_default();
            if snapshot.connections.iter().any(is_live) {
                calls.insert(snapshot.id);
            } else {
                calls.remove(&snapshot.id);
            }
            if calls.is_empty() {
                trunks.remove(name);
            }
        }
    }

    /// How many live calls go over a trunk.
    pub fn trunk_calls(&self, trunk: &str) -> usize {
        self.trunks.lock().get(trunk).map_or(0, BTreeSet::len)
    }

    /// Something else about a line has changed that its watchers want to hear of, such as its registration.
    pub fn touch(&self, line: &LineId) {
        let of_line = self.line_shard(line).lock().get(line).map(|entry| entry.feeds.clone());
        for feed in of_line.iter().flatten().chain(&*self.feeds.lock()) {
            feed.put(Happened::Line(line.clone()));
        }
        for listener in &*self.listeners.lock() {
            listener.changed.lock().entry(line.clone()).or_default();
            listener.wake.notify_one();
        }
    }

    /// From now on all that happens to a line goes into this feed; gives the calls that it has at this very moment.
    pub fn watch(&self, line: &LineId, feed: &Arc<Feed>) -> Vec<Arc<CallSnapshot>> {
        let mut lines = self.line_shard(line).lock();
        let entry = lines.entry(line.clone()).or_default();
        if !entry.feeds.iter().any(|known| Arc::ptr_eq(known, feed)) {
            entry.feeds.push(Arc::clone(feed));
        }
        entry.live.values().cloned().collect()
    }

    /// The same for all lines. What happens meanwhile is in the calls, in the feed, or in both.
    pub fn watch_all(&self, feed: &Arc<Feed>) -> Vec<Arc<CallSnapshot>> {
        let mut feeds = self.feeds.lock();
        if !feeds.iter().any(|known| Arc::ptr_eq(known, feed)) {
            feeds.push(Arc::clone(feed));
        }
        drop(feeds);
        self.snapshots()
    }

    /// Nothing more of this line goes into the feed, unless it hears of all.
    pub fn unwatch(&self, line: &LineId, feed: &Arc<Feed>) {
        if let Some(entry) = self.line_shard(line).lock().get_mut(line) {
            entry.feeds.retain(|known| !Arc::ptr_eq(known, feed));
        }
    }

    /// The feed does not hear of all lines any more.
    pub fn unwatch_all(&self, feed: &Arc<Feed>) {
        self.feeds.lock().retain(|known| !Arc::ptr_eq(known, feed));
    }

    /// Takes the only snapshot of a call that was refused before anything rang: for its record, and for those who
    /// watch the caller.
    pub fn refused(&self, snapshot: &Arc<CallSnapshot>) {
        let mut told = Vec::new();
        for line in snapshot.lines() {
            let mut lines = self.line_shard(line).lock();
            let entry = lines.entry(line.clone()).or_default();
            entry.last.note(line, snapshot);
            tell(&entry.feeds, &mut told, snapshot);
        }
        tell(&self.feeds.lock(), &mut told, snapshot);
        self.finish(snapshot, Draft::default());
    }

    /// The calls that have ended, for whoever records them.
    pub fn finished(&self) -> &FinishedCalls {
        &self.finished
    }

    /// A live call.
    pub fn call(&self, id: CallId) -> Option<Arc<CallSnapshot>> {
        self.call_shard(id).lock().get(&id).map(|call| Arc::clone(&call.snapshot))
    }

    fn finish(&self, snapshot: &Arc<CallSnapshot>, mut draft: Draft) {
        draft.note(snapshot);
        if snapshot.cause == Cause::Transfer || snapshot.event == Event::Diverted {
            // Where its leg went tells more than where it came from.
            draft.linked = self.link(snapshot).or(draft.linked);
        }
        self.finished.put(Finished { snapshot: Arc::clone(snapshot), draft });
    }

    /// The live call in which a leg of an ended one goes on; both learn of each other. Looks at all live calls,
    /// for few calls end so.
    fn link(&self, ended: &CallSnapshot) -> Option<CallId> {
        let legs: Vec<&Bytes> = ended.call_ids().collect();
        self.calls.iter().find_map(|shard| {
            let mut shard = shard.lock();
            let goes_on = |call: &&mut LiveCall| call.snapshot.call_ids().any(|id| legs.contains(&id));
            let call = shard.values_mut().find(goes_on)?;
            call.draft.linked = Some(ended.id);
            Some(call.snapshot.id)
        })
    }

    /// All live calls, oldest number first.
    pub fn snapshots(&self) -> Vec<Arc<CallSnapshot>> {
        let snapshots = |shard: &Mutex<BTreeMap<CallId, LiveCall>>| {
            shard.lock().values().map(|call| Arc::clone(&call.snapshot)).collect::<Vec<_>>()
        };
        let mut all: Vec<_> = self.calls.iter().flat_map(snapshots).collect();
        all.sort_by_key(|snapshot| (snapshot.started, snapshot.id));
        all
    }

    /// The live calls of a line, and how often the line has changed since the start of the server.
    pub fn line(&self, line: &LineId) -> (Vec<Arc<CallSnapshot>>, u64) {
        let lines = self.line_shard(line).lock();
        lines
            .get(line)
            .map_or_else(Default::default, |entry| (entry.live.values().cloned().collect(), entry.version))
    }

    /// How many live calls a line takes part in.
    pub fn line_calls(&self, line: &LineId) -> usize {
        self.line_shard(line).lock().get(line).map_or(0, |entry| entry.live.len())
    }

    /// How many live calls a device takes part in, on these lines.
    pub fn device_calls(&self, device: &str, lines: &[LineId]) -> usize {
        let is_there = |call: &CallSnapshot| {
            let mut connections = call.connections.iter();
            connections.any(|c| !c.has_left() && c.particulars.device.as_deref() == Some(device))
        };
        let live: BTreeSet<CallId> = lines
            .iter()
            .flat_map(|line| {
                let lines = self.line_shard(line).lock();
                let calls = lines.get(line).into_iter().flat_map(|entry| entry.live.values());
                calls.filter(|call| is_there(call)).map(|call| call.id).collect::<Vec<_>>()
            })
            .collect();
        live.len()
    }

    /// The last calls of a line.
    pub fn last_calls(&self, line: &LineId) -> LastCalls {
        self.line_shard(line).lock().get(line).map_or_else(LastCalls::default, |entry| entry.last.clone())
    }

    /// What is in a record of a call from before the start of the server.
    pub(crate) fn recall(&self, record: &CallRecord) {
        let lines: BTreeSet<&LineId> = record.legs.iter().filter_map(|leg| leg.line.as_ref()).collect();
        for line in lines {
            self.line_shard(line).lock().entry(line.clone()).or_default().last.recall(line, record);
        }
    }

    /// When the last call of a line ended; `None` when it has had none since the start of the server.
    pub fn rested(&self, line: &LineId) -> Option<Timestamp> {
        self.line_shard(line).lock().get(line)?.rested
    }

    fn call_shard(&self, call: CallId) -> &Mutex<BTreeMap<CallId, LiveCall>> {
        &self.calls[(call.0 % BOARD_SHARDS as u64) as usize]
    }

    fn line_shard(&self, line: &LineId) -> &Mutex<BTreeMap<LineId, LineCalls>> {
        let number =
            line.number.as_str().bytes().fold(0, |sum: usize, byte| sum.wrapping_mul(31) + byte as usize);
        &self.lines[number % BOARD_SHARDS]
    }
}

/// Puts a snapshot into feeds, into each once.
fn tell(feeds: &[Arc<Feed>], told: &mut Vec<Arc<Feed>>, snapshot: &Arc<CallSnapshot>) {
    for feed in feeds {
        if !told.iter().any(|known| Arc::ptr_eq(known, feed)) {
            feed.put(Happened::Call(Arc::clone(snapshot)));
            told.push(Arc::clone(feed));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{ConnectionState, Direction, Particulars};

    fn line(number: &str) -> LineId {
        LineId::from(number.parse::<model::Number>().unwrap())
    }

    fn connection(number: &str, direction: Direction, state: ConnectionState) -> Connection {
        Connection {
            line: Some(line(number)),
            owner: None,
            address: number.to_owned(),
            name: None,
            direction,
            state,
            since: Timestamp(0),
            dialog: None,
            particulars: Particulars::default(),
            trunk: None,
            withheld: false,
        }
    }

    fn snapshot(sequence: u64, event: Event, callee: ConnectionState) -> Arc<CallSnapshot> {
        let caller = match callee {
            ConnectionState::Null => ConnectionState::Null,
            _ => ConnectionState::Connected,
        };
        Arc::new(CallSnapshot {
            id: CallId(7),
            sequence,
            started: Timestamp(0),
            answered: None,
            dialled: String::new(),
            hung_up_by: None,
            event,
            cause: Cause::NormalClearing,
            connections: vec![
                connection("1001", Direction::Initiator, caller),
                connection("1002", Direction::Recipient, callee),
            ],
        })
    }

    #[test]
    fn a_line_shows_its_live_calls_and_forgets_the_ended_ones() {
        let board = Board::new();
        board.publish(&snapshot(1, Event::Delivered, ConnectionState::Alerting));
        assert_eq!(board.line_calls(&line("1002")), 1);
        board.publish(&snapshot(2, Event::ConnectionCleared, ConnectionState::Null));
        assert_eq!(board.line_calls(&line("1002")), 0);
        assert_eq!(board.line(&line("1002")).1, 2);
        assert!(board.snapshots().is_empty());
        assert_eq!((board.rested(&line("1002")), board.rested(&line("1003"))), (Some(Timestamp(0)), None));
    }

    #[test]
    fn a_line_that_a_call_has_left_is_free_although_the_call_goes_on() {
        let board = Board::new();
        board.publish(&snapshot(1, Event::Delivered, ConnectionState::Alerting));
        board.publish(&snapshot(2, Event::Diverted, ConnectionState::Fail));
        assert_eq!((board.line_calls(&line("1001")), board.line_calls(&line("1002"))), (1, 0));
    }

    #[test]
    fn an_older_snapshot_never_replaces_a_newer_one() {
        let board = Board::new();
        board.publish(&snapshot(5, Event::Established, ConnectionState::Connected));
        board.publish(&snapshot(4, Event::Delivered, ConnectionState::Alerting));
        assert_eq!(board.snapshots()[0].event, Event::Established);
    }

    #[tokio::test]
    async fn a_listener_hears_the_end_even_when_it_looks_late() {
        let board = Board::new();
        let listener = board.listen();
        board.publish(&snapshot(1, Event::Delivered, ConnectionState::Alerting));
        board.publish(&snapshot(2, Event::ConnectionCleared, ConnectionState::Null));
        let changed = listener.changed().await;
        assert_eq!(changed.keys().map(ToString::to_string).collect::<Vec<_>>(), ["1001", "1002"]);
        assert_eq!(changed[&line("1002")][0].sequence, 2);
    }
}
