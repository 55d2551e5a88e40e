//! Entries that could not be made durable in time: their senders are told, and nobody takes them for durable.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::db::{Connection, args};
use crate::{Entry, Error, Seq, Store, archive_text};

/// How long an entry that was taken waits for a storage that fails, from the first try to write it. Then it is
/// given up and its sender told.
pub const UNDURABLE_TIME_MAX: Duration = Duration::from_secs(5);
/// The most outages whose entries are remembered; each gives up one range of places.
const RANGES_MAX: usize = 1_024;

const ERASE_JOURNAL: &str = "DELETE FROM journal WHERE seq >= $1 AND seq <= $2";
const ERASE_SPOOL: &str = "DELETE FROM spool WHERE seq >= $1 AND seq <= $2";
const ERASE_ARCHIVE: &str = "DELETE FROM archive WHERE seq >= $1 AND seq <= $2";

pub(crate) const STATEMENTS: &[&str] = &[ERASE_JOURNAL, ERASE_SPOOL, ERASE_ARCHIVE];

type Listener = Arc<dyn Fn(&[Entry]) + Send + Sync>;

/// What was given up since the start, and who hears of it.
#[derive(Default)]
pub(crate) struct GivenUp {
    ranges: Mutex<VecDeque<RangeInclusive<i64>>>,
    listener: Mutex<Option<Listener>>,
}

impl GivenUp {
    /// These entries, which are those of `range`, are given up.
    pub(crate) fn note(&self, range: RangeInclusive<i64>, entries: &[Entry]) {
        tracing::error!(entries = entries.len(), "messages were given up: the storage failed for too long");
        metrics::counter!("carillon_storage_entries_given_up_total").increment(entries.len() as u64);
        {
            let mut ranges = self.ranges.lock();
            if ranges.len() >= RANGES_MAX {
                ranges.pop_front();
            }
            ranges.push_back(range);
        }
        let listener = self.listener.lock().clone();
        if let Some(listener) = listener {
            listener(entries);
        }
    }

    fn contains(&self, seq: Seq) -> bool {
        self.ranges.lock().iter().any(|range| range.contains(&seq.0))
    }
}

/// Deletes what was given up: a commit whose end was never heard of may have written it, all or nothing.
pub(crate) async fn erase(connection: &mut Connection, range: &RangeInclusive<i64>) -> Result<(), Error> {
    let (first, last) = (*range.start(), *range.end());
    let range = || args![first, last];
    if connection.execute(ERASE_JOURNAL, range()).await? > 0 {
        connection.execute(ERASE_SPOOL, range()).await?;
        connection.execute(ERASE_ARCHIVE, range()).await?;
        archive_text::erase(connection, first, last).await?;
    }
    Ok(())
}

impl Store {
    /// Names the one who tells senders that their entries were given up. It is called before [`Store::durable`]
    /// passes those entries, so that what it says comes before any acknowledgement; it must not block.
    pub fn on_given_up(&self, listener: impl Fn(&[Entry]) + Send + Sync + 'static) {
        *self.shared().given_up.listener.lock() = Some(Arc::new(listener));
    }

    /// Returns when the entry at `seq` is durable.
    ///
    /// # Errors
    /// [`Error::Failing`]: it was given up, and is not kept.
    pub async fn kept(&self, seq: Seq) -> Result<(), Error> {
        let mut durable = self.durable();
        durable.wait_for(|at| *at >= seq).await.map_err(|_| Error::Closed)?;
        if self.shared().given_up.contains(seq) {
            return Err(Error::Failing("the entry could not be written in time".into()));
        }
        Ok(())
    }

    /// Says at once whether the next write would be refused.
    ///
    /// # Errors
    /// [`Error::Failing`] or [`Error::Closed`]: it would.
    pub fn accepts(&self) -> Result<(), Error> {
        self.shared().accepts()
    }
}
