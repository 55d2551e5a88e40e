//! Calls that have ended and are not yet recorded: a bounded queue that call control never waits for.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::Draft;
use crate::snapshot::{CallId, CallSnapshot};

/// Ended calls that wait to be recorded: two and a half minutes of 400 calls a second. When the storage fails for
/// longer, the records of further calls are lost, and counted.
pub const FINISHED_CALLS_MAX: usize = 65_536;

/// A call that has ended.
#[derive(Clone, Debug)]
pub struct Finished {
    /// Its last snapshot.
    pub snapshot: Arc<CallSnapshot>,
    /// What came before.
    pub draft: Draft,
}

impl Finished {
    /// Its record, without what media knows.
    pub fn record(&self) -> store::CallRecord {
        self.draft.record(&self.snapshot, |_| None)
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct FinishedCalls {
    waiting: Mutex<Vec<Finished>>,
    wake: Notify,
}

impl FinishedCalls {
    pub(crate) fn put(&self, call: Finished) {
        let mut waiting = self.waiting.lock();
        if waiting.len() >= FINISHED_CALLS_MAX {
            drop(waiting);
            return metrics::counter!("carillon_calls_unrecorded_total").increment(1);
        }
        waiting.push(call);
        let first = waiting.len() == 1;
        drop(waiting);
        if first {
            self.wake.notify_one();
        }
    }

    /// The record that is going to be written of a call, without what media knows.
    pub fn record(&self, call: CallId) -> Option<store::CallRecord> {
        self.waiting.lock().iter().find(|ended| ended.snapshot.id == call).map(Finished::record)
    }

    /// Takes all.
    pub fn take(&self) -> Vec<Finished> {
        std::mem::take(&mut *self.waiting.lock())
    }

    /// Waits until there is one.
    pub(crate) async fn wait(&self) {
        loop {
            let notified = self.wake.notified();
            if !self.waiting.lock().is_empty() {
                return;
            }
            notified.await;
        }
    }
}
