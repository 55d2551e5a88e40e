//! The spool: what was accepted and not handed on yet (XEP-0160's offline store), narrow rows beside the journal.
//!
//! Most messages are handed on within milliseconds, so an entry gets a row only when it is still here a second
//! later. Until then the journal's own column stands for it: after a crash, [`recover`] reads the entries behind
//! the horizon. An entry handed on in that last second may then go out again, with the same stanza-id.

use bytes::Bytes;
use model::{BareJid, Timestamp};
use serde_json::json;

use crate::db::{Bulk, Connection, Row, args, bulk};
use crate::journal::stanza_id;
use crate::{Error, Seq, StanzaId, Store};

/// The most entries that one [`Store::spooled`] answers.
pub const SPOOLED_PAGE_MAX: usize = 1_000;

const SELECT: &str = "SELECT s.seq, j.id, j.sender, j.recipient, j.at, j.stanza FROM spool s \
     JOIN journal j ON j.seq = s.seq WHERE s.owner = $1 AND s.seq > $2 ORDER BY s.seq LIMIT $3";
const SELECT_OWNERS: &str = "SELECT DISTINCT owner FROM spool ORDER BY owner";
const COUNT: &str = "SELECT COUNT(*) FROM spool WHERE owner = $1";
const SIZE: &str = "SELECT COUNT(*), CAST(COALESCE(SUM(LENGTH(j.stanza)), 0) AS BIGINT) FROM spool s \
     JOIN journal j ON j.seq = s.seq WHERE s.owner = $1";
const DELETE_ARCHIVED: &str = "DELETE FROM spool WHERE owner = $1 \
     AND EXISTS (SELECT 1 FROM archive a WHERE a.owner = spool.owner AND a.seq = spool.seq)";
const RECOVER: &str = "INSERT INTO spool (owner, seq) SELECT owner, seq FROM journal \
     WHERE seq > (SELECT seq FROM spool_horizon) AND spool = 1 ON CONFLICT (owner, seq) DO NOTHING";
const SET_HORIZON: &str = "UPDATE spool_horizon SET seq = $1";
/// The last places may have been given up: then the journal ends before the horizon.
const LOWER_HORIZON: &str = "UPDATE spool_horizon SET seq = (SELECT COALESCE(MAX(seq), 0) FROM journal) \
     WHERE seq > (SELECT COALESCE(MAX(seq), 0) FROM journal)";
const INSERT_MANY: Bulk = bulk!(
    "INSERT INTO spool (owner, seq) SELECT e.value->>0, CAST(e.value->>1 AS BIGINT) FROM",
    "WHERE true ON CONFLICT (owner, seq) DO NOTHING"
);
const DELETE_MANY: Bulk = bulk!(
    "DELETE FROM spool WHERE (owner, seq) IN (SELECT e.value->>0, CAST(e.value->>1 AS BIGINT) FROM",
    ")"
);

pub(crate) const STATEMENTS: &[&str] =
    &[SELECT, SELECT_OWNERS, COUNT, SIZE, DELETE_ARCHIVED, RECOVER, SET_HORIZON, LOWER_HORIZON];
pub(crate) const BULKS: &[Bulk] = &[INSERT_MANY, DELETE_MANY];

/// How much is kept of something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeptSize {
    /// Messages, or items.
    pub entries: u64,
    /// Bytes of their XML.
    pub bytes: u64,
}

impl KeptSize {
    /// From two columns.
    pub(crate) fn read(row: &Row) -> Result<Self, Error> {
        let number = |column| row.int(column).map(|number| u64::try_from(number).unwrap_or_default());
        Ok(Self { entries: number(0)?, bytes: number(1)? })
    }
}

/// An entry that waits for its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spooled {
    /// Its place in the journal: what [`Store::handed_on`] wants.
    pub seq: Seq,
    /// The id that the server stamped on it.
    pub id: StanzaId,
    /// The sender's address.
    pub from: String,
    /// The address it was sent to.
    pub to: String,
    /// The stanza as it goes out; the reader adds the delay stamp (XEP-0203).
    pub stanza: Bytes,
    /// When it was accepted.
    pub at: Timestamp,
}

impl Spooled {
    /// From its columns, in the order of [`SELECT`].
    pub(crate) fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            seq: Seq(row.int(0)?),
            id: stanza_id(&row.bytes(1)?)?,
            from: row.text(2)?,
            to: row.text(3)?,
            at: Timestamp(row.int(4)?),
            stanza: row.bytes(5)?.into(),
        })
    }
}

impl Store {
    /// Says that the owner has an entry: it is no longer kept for them. Never waits.
    pub fn handed_on(&self, owner: &BareJid, seq: Seq) {
        self.shared().handed_on(owner, seq);
    }

    /// What waits for `owner` behind `after`, in order, at most `limit` entries. Includes everything that was
    /// appended before the call.
    ///
    /// # Errors
    /// The storage could not be read, or could not take what is still on its way.
    pub async fn spooled(&self, owner: &BareJid, after: Seq, limit: usize) -> Result<Vec<Spooled>, Error> {
        self.shared().settle(owner).await?;
        let limit = i64::try_from(limit.min(SPOOLED_PAGE_MAX)).unwrap_or(1);
        let rows = self.db().rows(SELECT, args![owner, after.0, limit]).await?;
        rows.iter().map(Spooled::read).collect()
    }

    /// How many entries wait for `owner`.
    ///
    /// # Errors
    /// The storage could not be read, or could not take what is still on its way.
    pub async fn spool_count(&self, owner: &BareJid) -> Result<i64, Error> {
        self.shared().settle(owner).await?;
        self.db().row(COUNT, args![owner]).await?.map_or(Ok(0), |row| row.int(0))
    }

    /// How much waits for `owner`.
    ///
    /// # Errors
    /// The storage could not be read, or could not take what is still on its way.
    pub async fn spool_size(&self, owner: &BareJid) -> Result<KeptSize, Error> {
        self.shared().settle(owner).await?;
        self.db().row(SIZE, args![owner]).await?.map_or(Ok(KeptSize::default()), |row| KeptSize::read(&row))
    }

    /// What waits for `owner` and is in his archive waits no longer: his client reads it there. What the archive does
    /// not have stays.
    ///
    /// # Errors
    /// The storage could not be read, or takes no writes.
    pub async fn spool_leave_to_archive(&self, owner: &BareJid) -> Result<(), Error> {
        if self.spool_count(owner).await? == 0 {
            return Ok(());
        }
        self.shared().catch_up().await?;
        let arguments = args![owner];
        self.write(move |connection| {
            Box::pin(async move { connection.execute(DELETE_ARCHIVED, arguments).await.map(drop) })
        })
        .await
    }

    /// For whom something waits, within a second.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn spool_owners(&self) -> Result<Vec<BareJid>, Error> {
        self.db().rows(SELECT_OWNERS, args![]).await?.iter().map(|row| row.parsed(0)).collect()
    }
}

/// Gives every entry behind the horizon its row: at every start, for the last one may have been a crash.
pub(crate) async fn recover(connection: &mut Connection, last: Seq) -> Result<(), Error> {
    let waiting = connection.execute(RECOVER, args![]).await?;
    connection.execute(SET_HORIZON, args![last.0]).await?;
    if waiting > 0 {
        tracing::info!(waiting, "messages from before the last stop wait to be handed on");
    }
    Ok(())
}

/// Writes rows for entries that were not handed on, moves the horizon, and deletes rows of those that were.
pub(crate) async fn write(
    connection: &mut Connection,
    waiting: &[(BareJid, Seq)],
    horizon: Option<Seq>,
    handed_on: &[(BareJid, Seq)],
) -> Result<(), Error> {
    if !waiting.is_empty() {
        connection.execute_bulk(INSERT_MANY, keys(waiting)).await?;
    }
    if let Some(horizon) = horizon {
        connection.execute(SET_HORIZON, args![horizon.0]).await?;
        connection.execute(LOWER_HORIZON, args![]).await?;
    }
    if !handed_on.is_empty() {
        connection.execute_bulk(DELETE_MANY, keys(handed_on)).await?;
    }
    Ok(())
}

fn keys(entries: &[(BareJid, Seq)]) -> String {
    let rows: Vec<_> = entries.iter().map(|(owner, seq)| json!([owner.as_str(), seq.0])).collect();
    json!(rows).to_string()
}
