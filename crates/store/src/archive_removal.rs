//! What goes out of archives again: by order, by age, by retraction; and entries that nothing covers any more.
//!
//! All of it in small batches, so that no commit waits long. A message whose last archive lets it go leaves the
//! journal too, with its words, once it is handed on.

use bytes::Bytes;
use model::{BareJid, Jid, Timestamp};
use serde_json::json;

use crate::db::{Bulk, Connection, Row, args, bulk};
use crate::{Error, Seq, StanzaId, Store};

/// Entries that go with one commit.
pub const REMOVAL_BATCH_ENTRIES: usize = 500;

const SELECT: &str = "SELECT a.seq FROM archive a JOIN journal j ON j.seq = a.seq WHERE a.owner = $1 AND a.seq > $2 \
     AND ($3 = '' OR (a.peer = $3 AND ($4 = '' OR $4 = j.sender OR $4 = j.recipient))) AND j.at < $5 \
     ORDER BY a.seq LIMIT $6";
const SELECT_OLD: &str = "SELECT seq, owner, sender FROM journal WHERE seq > $1 AND seq <= $2 AND archive <> 0 \
     ORDER BY seq LIMIT $3";
const SELECT_UNCOVERED: &str = "SELECT j.seq FROM journal j WHERE j.archive = 0 \
     AND j.seq <= (SELECT seq FROM spool_horizon) AND j.seq <= (SELECT seq FROM archive_horizon) \
     AND j.seq < (SELECT MAX(seq) FROM journal) \
     AND NOT EXISTS (SELECT 1 FROM spool s WHERE s.owner = j.owner AND s.seq = j.seq) ORDER BY j.seq LIMIT $1";
const REPLACE: &str = "UPDATE journal SET stanza = $3 WHERE id = $2 \
     AND EXISTS (SELECT 1 FROM archive a WHERE a.owner = $1 AND a.seq = journal.seq)";
const ERASE_WORDS_OF: &str = "DELETE FROM archive_text WHERE rowid = (SELECT seq FROM journal WHERE id = $1)";
/// The bits of the archives that let go: 1 that of the owner, 2 that of the sender.
const UNCOVER_OWNER: Bulk = bulk!(
    "UPDATE journal SET archive = archive & 2 \
     FROM (SELECT e.value->>0 AS name, CAST(e.value->>1 AS BIGINT) AS place FROM",
    ") AS k WHERE journal.seq = k.place AND journal.owner = k.name"
);
const UNCOVER_SENDER: Bulk = bulk!(
    "UPDATE journal SET archive = archive & 1 \
     FROM (SELECT e.value->>0 AS name, CAST(e.value->>1 AS BIGINT) AS place FROM",
    ") AS k WHERE journal.seq = k.place AND journal.owner <> k.name"
);
const DELETE: Bulk = bulk!(
    "DELETE FROM archive WHERE (owner, seq) IN (SELECT e.value->>0, CAST(e.value->>1 AS BIGINT) FROM",
    ")"
);
const ERASE_WORDS: Bulk =
    bulk!("DELETE FROM archive_text WHERE rowid IN (SELECT CAST(e.value->>1 AS BIGINT) FROM", ")");
const ERASE: Bulk = bulk!("DELETE FROM journal WHERE seq IN (SELECT CAST(e.value->>1 AS BIGINT) FROM", ")");

pub(crate) const STATEMENTS: &[&str] = &[SELECT, SELECT_OLD, SELECT_UNCOVERED, REPLACE, ERASE_WORDS_OF];
pub(crate) const BULKS: &[Bulk] = &[UNCOVER_OWNER, UNCOVER_SENDER, DELETE, ERASE_WORDS, ERASE];

/// What is to go out of one archive. Everything that is set must fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveRemoval {
    /// Whose archive.
    pub owner: BareJid,
    /// Exchanged with this address: a bare one with all its resources, a full one exactly.
    pub with: Option<Jid>,
    /// Older than this.
    pub before: Option<Timestamp>,
}

/// How far a batch of [`Store::archive_expire`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expired {
    /// Entries that were taken out of archives.
    pub entries: u64,
    /// The next batch begins behind this place; `None` when there is nothing more to do.
    pub next: Option<Seq>,
}

impl Store {
    /// Takes entries out of an archive, batch by batch; gives their number. They stay in the archives of those
    /// who were talked with.
    ///
    /// # Errors
    /// The storage takes no writes; what is gone until then is gone.
    pub async fn archive_remove(&self, removal: &ArchiveRemoval) -> Result<u64, Error> {
        self.shared().catch_up().await?;
        let owner = &removal.owner;
        let with = removal.with.as_ref();
        let peer = with.map_or_else(String::new, |with| with.to_bare().to_string());
        let exact = with.filter(|with| with.resource().is_some()).map_or("", |with| with.as_str());
        let before = removal.before.map_or(i64::MAX, |at| at.0);
        let (mut after, mut removed) = (0, 0);
        loop {
            let arguments = args![owner, after, peer.as_str(), exact, before, batch()];
            let seqs = seqs(&self.db().rows(SELECT, arguments).await?)?;
            let Some(last) = seqs.last().copied() else { return Ok(removed) };
            after = last;
            removed += self.uncover(seqs.into_iter().map(|seq| (owner.to_string(), seq)).collect()).await?;
        }
    }

    /// Takes one batch of entries that are older than `before` out of all archives that `whose` says, for the
    /// owners of the entries. The batch begins behind `after`.
    ///
    /// # Errors
    /// The storage could not be read or takes no writes.
    pub async fn archive_expire(
        &self,
        before: Timestamp,
        after: Seq,
        whose: impl Fn(&str) -> bool,
    ) -> Result<Expired, Error> {
        self.shared().catch_up().await?;
        // Ids rise with the places and tell the time: nothing behind this one is old.
        let until = self.place(StanzaId::first_at(before)).await?.0;
        let rows = self.db().rows(SELECT_OLD, args![after.0, until, batch()]).await?;
        let Some(last) = rows.last() else { return Ok(Expired { entries: 0, next: None }) };
        let next = Some(Seq(last.int(0)?));
        let mut keys = Vec::new();
        for row in &rows {
            let (seq, owner, sender) = (row.int(0)?, row.text(1)?, row.text(2)?);
            if whose(&owner) {
                let bare = model::bare_of(&sender);
                if bare != owner {
                    keys.push((bare.to_owned(), seq));
                }
                keys.push((owner, seq));
            }
        }
        let entries = if keys.is_empty() { 0 } else { self.uncover(keys).await? };
        Ok(Expired { entries, next })
    }

    /// Forgets one batch of entries that are handed on and that no archive covers; gives their number.
    ///
    /// # Errors
    /// The storage takes no writes.
    pub async fn journal_tidy(&self) -> Result<u64, Error> {
        self.write(|connection| Box::pin(forget(connection))).await
    }

    /// Puts another stanza in the place of one in `owner`'s archive: a tombstone. It is so in all archives that
    /// have it, and its words are no longer found. False when it is not there.
    ///
    /// # Errors
    /// The storage takes no writes.
    pub async fn archive_replace(&self, owner: &BareJid, id: StanzaId, stanza: Bytes) -> Result<bool, Error> {
        self.shared().catch_up().await?;
        let (owner, id) = (owner.clone(), id.as_bytes().to_vec());
        self.write(move |connection| {
            Box::pin(async move {
                let found =
                    connection.execute(REPLACE, args![&owner, id.clone(), stanza.to_vec()]).await? > 0;
                if found {
                    connection.execute(ERASE_WORDS_OF, args![id]).await?;
                }
                Ok(found)
            })
        })
        .await
    }

    /// One batch: out of the archives, and out of the journal what no archive covers then.
    async fn uncover(&self, keys: Vec<(String, i64)>) -> Result<u64, Error> {
        self.write(move |connection| {
            Box::pin(async move {
                let keys = json!(keys).to_string();
                connection.execute_bulk(UNCOVER_OWNER, keys.clone()).await?;
                connection.execute_bulk(UNCOVER_SENDER, keys.clone()).await?;
                let removed = connection.execute_bulk(DELETE, keys).await?;
                forget(connection).await?;
                Ok(removed)
            })
        })
        .await
    }
}

async fn forget(connection: &mut Connection) -> Result<u64, Error> {
    let seqs = seqs(&connection.rows(SELECT_UNCOVERED, args![batch()]).await?)?;
    if seqs.is_empty() {
        return Ok(0);
    }
    let keys = json!(seqs.into_iter().map(|seq| ("", seq)).collect::<Vec<_>>()).to_string();
    connection.execute_bulk(ERASE_WORDS, keys.clone()).await?;
    connection.execute_bulk(ERASE, keys).await
}

fn seqs(rows: &[Row]) -> Result<Vec<i64>, Error> {
    rows.iter().map(|row| row.int(0)).collect()
}

fn batch() -> i64 {
    i64::try_from(REMOVAL_BATCH_ENTRIES).unwrap_or(1)
}
