//! The task that writes records: in batches, behind the calls, again when the storage fails.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use runtime::Runtime;
use store::{CallRecord, Store};

use super::{FINISHED_CALLS_MAX, Finished, QualityReports, recordings};
use crate::board::Board;
use crate::config::Recordings;

/// The longest time between the end of a call and its record, when the storage does not fail.
pub const RECORD_DELAY_MAX: Duration = Duration::from_secs(2);
/// How long ended calls gather for one batch, and for what media says when their ports close.
const GATHER: Duration = Duration::from_secs(1);
/// Records that one commit writes.
const BATCH: usize = 500;
/// How long to wait after the storage has failed.
const RETRY: Duration = Duration::from_secs(1);
/// How often calls are removed that are older than they may get.
const EXPIRE_INTERVAL: Duration = Duration::from_secs(3600);
/// How long a stopping server waits for its calls to end: the shards end them at once.
const LAST_CALLS: Duration = Duration::from_millis(700);
/// How often it looks meanwhile.
const LAST_CALLS_STEP: Duration = Duration::from_millis(10);

/// See the module.
pub(crate) struct Recorder {
    pub runtime: Runtime,
    pub store: Store,
    pub board: Arc<Board>,
    pub quality: Arc<QualityReports>,
    /// How long a record is kept; `None` for ever.
    pub keep_time: Option<Duration>,
    /// Recordings of what was said.
    pub recordings: Recordings,
}

impl Recorder {
    /// Runs until the server stops and every call that has ended is recorded.
    pub(crate) async fn run(self) {
        let (finished, mut expire_at) = (self.board.finished(), self.runtime.now());
        let mut waiting = VecDeque::new();
        loop {
            tokio::select! {
                biased;
                () = self.runtime.stopping() => break,
                () = self.runtime.sleep_until(expire_at) => {
                    self.expire().await;
                    self.expire_recordings().await;
                    expire_at = self.runtime.now() + EXPIRE_INTERVAL;
                    continue;
                }
                () = finished.wait(), if waiting.is_empty() => {}
                () = self.runtime.sleep(RETRY), if !waiting.is_empty() => {}
            }
            tokio::select! {
                biased;
                () = self.runtime.stopping() => break,
                () = self.runtime.sleep(GATHER) => {}
            }
            self.take(&mut waiting);
            self.write(&mut waiting).await;
        }
        self.last_calls(waiting).await;
    }

    /// The shards end all calls when the server stops; their records are written before the storage closes.
    async fn last_calls(&self, mut waiting: VecDeque<CallRecord>) {
        let until: Instant = self.runtime.now() + LAST_CALLS;
        while !self.board.snapshots().is_empty() && self.runtime.now() < until {
            self.runtime.sleep(LAST_CALLS_STEP).await;
        }
        self.take(&mut waiting);
        self.write(&mut waiting).await;
        if !waiting.is_empty() {
            tracing::warn!(calls = waiting.len(), "the server ends without the records of calls");
        }
    }

    fn take(&self, waiting: &mut VecDeque<CallRecord>) {
        for call in self.board.finished().take() {
            if waiting.len() >= FINISHED_CALLS_MAX {
                waiting.pop_front();
                metrics::counter!("carillon_calls_unrecorded_total").increment(1);
            }
            waiting.push_back(self.record(&call));
        }
    }

    fn record(&self, call: &Finished) -> CallRecord {
        let legs = &call.snapshot.connections;
        let record = call.draft.record(&call.snapshot, |place| self.quality.of(&legs[place]));
        legs.iter().for_each(|leg| self.quality.forget(leg));
        record
    }

    /// Writes what waits; what could not be written stays.
    async fn write(&self, waiting: &mut VecDeque<CallRecord>) {
        while !waiting.is_empty() {
            let count = waiting.len().min(BATCH);
            let batch = &waiting.make_contiguous()[..count];
            match self.store.call_records_put(batch).await {
                Ok(()) => drop(waiting.drain(..count)),
                Err(error) if error.is_storage_fault() => {
                    return tracing::warn!(%error, calls = waiting.len(), "calls are not recorded yet");
                }
                Err(error) => {
                    tracing::warn!(%error, calls = count, "records of calls are tried one by one");
                    self.write_each(waiting, count).await;
                }
            }
        }
    }

    /// Of a batch that was refused, all but what is refused alone.
    async fn write_each(&self, waiting: &mut VecDeque<CallRecord>, count: usize) {
        for _ in 0..count {
            let Some(record) = waiting.pop_front() else { return };
            match self.store.call_records_put(std::slice::from_ref(&record)).await {
                Ok(()) => {}
                Err(error) if error.is_storage_fault() => return waiting.push_front(record),
                Err(error) => {
                    // It would be refused again and again, and hold up all that come behind it.
                    tracing::error!(%error, call = record.id, "a call was not recorded");
                    metrics::counter!("carillon_calls_unrecorded_total").increment(1);
                }
            }
        }
    }

    /// Removes recordings that are older than they may be.
    async fn expire_recordings(&self) {
        let Some(keep_time) = self.recordings.keep_time else { return };
        let (folder, now) = (self.recordings.folder.clone(), self.runtime.timestamp());
        let gone = self.runtime.blocking(move || recordings::expire(&folder, now, keep_time)).join().await;
        if let Some(gone) = gone.filter(|gone| *gone > 0) {
            tracing::info!(recordings = gone, "old recordings of calls were removed");
        }
    }

    async fn expire(&self) {
        let Some(keep_time) = self.keep_time else { return };
        let micros = i64::try_from(keep_time.as_micros()).unwrap_or(i64::MAX);
        let before = model::Timestamp(self.runtime.timestamp().0.saturating_sub(micros));
        let mut gone = 0;
        while !self.runtime.is_stopping() {
            match self.store.call_records_expire(before).await {
                Ok(0) => break,
                Ok(calls) => gone += calls,
                Err(error) => return tracing::warn!(%error, "old records of calls stay for now"),
            }
        }
        if gone > 0 {
            tracing::info!(calls = gone, "old records of calls were removed");
        }
    }
}
