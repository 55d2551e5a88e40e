//! The history of a user's calls (`CC-34`, `PC-06`): placed, received and missed, and up to when it was seen.

use model::{BareJid, Timestamp};

use crate::call_record::id;
use crate::db::{Row, args};
use crate::{CallPlace, Error, HistoryKind, HistoryLine, Store};

/// The most entries that one page answers.
pub const CALL_HISTORY_PAGE_MAX: usize = 500;
/// The entries that a list shows unless more are asked for (`PC-06`).
pub const CALL_HISTORY_ENTRIES: usize = 50;

const SELECT: &str = "SELECT l.call_id, l.call_started, l.answered, l.ended, l.history, l.peer, l.peer_name \
     FROM call_leg l WHERE l.owner = $1 AND l.history > 0 AND ($2 = 0 OR l.history = $2) \
     AND (l.call_started, l.call_id) < ($3, $4) ORDER BY l.call_started DESC, l.call_id DESC LIMIT $5";
const COUNT_MISSED: &str = "SELECT COUNT(*) FROM call_leg l WHERE l.owner = $1 AND l.history = 3 \
     AND l.call_started > COALESCE((SELECT s.seen FROM call_history_seen s WHERE s.owner = $1), 0)";
const SELECT_SEEN: &str = "SELECT seen FROM call_history_seen WHERE owner = $1";
const MARK_SEEN: &str = "INSERT INTO call_history_seen (owner, seen) SELECT u.jid, $2 FROM users u \
     WHERE u.jid = $1 ON CONFLICT (owner) DO UPDATE SET seen = excluded.seen \
     WHERE excluded.seen > call_history_seen.seen";
/// Whoever gets the address after them must not find their calls.
pub(crate) const REMOVE_OWNER: &str = "UPDATE call_leg SET history = 0, peer = NULL, peer_name = NULL \
     WHERE owner = $1";

pub(crate) const STATEMENTS: &[&str] = &[SELECT, COUNT_MISSED, SELECT_SEEN, MARK_SEEN, REMOVE_OWNER];

/// A call in a user's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The call.
    pub place: CallPlace,
    /// When the user's phone was connected.
    pub answered: Option<Timestamp>,
    /// When the user's part of it ended.
    pub ended: Timestamp,
    /// What the user finds.
    pub line: HistoryLine,
}

impl Store {
    /// A page of a user's history, the newest first; of one list, or of all.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn call_history(
        &self,
        owner: &BareJid,
        kind: Option<HistoryKind>,
        behind: Option<CallPlace>,
        max: usize,
    ) -> Result<Vec<HistoryEntry>, Error> {
        let (started, call) = behind.map_or((i64::MAX, i64::MAX), |place| {
            (place.started.0, i64::try_from(place.id).unwrap_or(i64::MAX))
        });
        let max = i64::try_from(max.min(CALL_HISTORY_PAGE_MAX)).unwrap_or(1);
        let arguments = args![owner, kind.map_or(0, HistoryKind::number), started, call, max];
        self.db().rows(SELECT, arguments).await?.iter().map(read).collect()
    }

    /// How many missed calls a user has not seen.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn call_history_unseen(&self, owner: &BareJid) -> Result<u64, Error> {
        let row = self.db().row(COUNT_MISSED, args![owner]).await?;
        row.map_or(Ok(0), |row| id(row.int(0)?))
    }

    /// Up to when a user has seen their history; `None` when they never looked.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn call_history_seen(&self, owner: &BareJid) -> Result<Option<Timestamp>, Error> {
        let row = self.db().row(SELECT_SEEN, args![owner]).await?;
        row.map(|row| Ok(Timestamp(row.int(0)?))).transpose()
    }

    /// A user has seen their history up to a time; an earlier time than before changes nothing.
    ///
    /// # Errors
    /// The storage takes no writes. A user that does not exist is no error: nobody looks any more.
    pub async fn call_history_mark_seen(&self, owner: &BareJid, until: Timestamp) -> Result<(), Error> {
        let owner = owner.clone();
        self.write(move |connection| {
            Box::pin(async move { connection.execute(MARK_SEEN, args![&owner, until.0]).await.map(drop) })
        })
        .await
    }
}

fn read(row: &Row) -> Result<HistoryEntry, Error> {
    let kind = HistoryKind::read(row.int(4)?)?
        .ok_or_else(|| Error::Corrupt("a list of the call history".to_owned()))?;
    Ok(HistoryEntry {
        place: CallPlace { started: Timestamp(row.int(1)?), id: id(row.int(0)?)? },
        answered: row.optional_int(2)?.map(Timestamp),
        ended: Timestamp(row.int(3)?),
        line: HistoryLine {
            kind,
            peer: row.optional_text(5)?.unwrap_or_default(),
            peer_name: row.optional_text(6)?,
        },
    })
}
