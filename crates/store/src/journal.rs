//! The journal: every accepted message once, append-only. Appending never waits; the watermark says what is durable.

use std::sync::Arc;

use bytes::Bytes;
use model::{BareJid, Timestamp};
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, AssertSqlSafe};

use crate::db::{Connection, args};
use crate::queue::Queued;
use crate::{Error, Spooled, StanzaId, Store};

const COUNT: &str = "SELECT COUNT(*) FROM journal";
const SELECT_LAST: &str = "SELECT COALESCE(MAX(seq), 0) FROM journal";
const SELECT_LAST_ID: &str = "SELECT id FROM journal ORDER BY id DESC LIMIT 1";
const SELECT_ENTRY: &str = "SELECT id, owner, sender, recipient, at, stanza FROM journal WHERE seq = $1";
const SELECT_LATEST_OF_OTHERS: &str = "SELECT seq, id, sender, recipient, at, stanza FROM journal \
     WHERE seq > (SELECT COALESCE(MAX(seq), 0) FROM journal) - $1 \
     AND sender NOT LIKE '%@' || $2 AND sender NOT LIKE '%@' || $2 || '/%' ORDER BY seq DESC LIMIT $3";
const INSERT_PG: &str = "INSERT INTO journal (seq, id, owner, sender, recipient, at, spool, archive, stanza) \
     SELECT * FROM UNNEST($1::BIGINT[], $2::BYTEA[], $3::TEXT[], $4::TEXT[], $5::TEXT[], $6::BIGINT[], \
     $7::BIGINT[], $8::BIGINT[], $9::BYTEA[]) ON CONFLICT (seq) DO NOTHING";
const INSERT_LITE_HEAD: &str =
    "INSERT INTO journal (seq, id, owner, sender, recipient, at, spool, archive, stanza) VALUES ";
const INSERT_LITE_ROW: &str = "(?,?,?,?,?,?,?,?,?)";
/// An entry may be there already when a commit failed on our side only.
const INSERT_LITE_TAIL: &str = " ON CONFLICT (seq) DO NOTHING";
const COLUMNS: usize = 9;
/// SQLite's statements exist for these numbers of rows, so that each is prepared once.
const LITE_ROWS: [usize; 13] = [256, 128, 64, 32, 16, 8, 7, 6, 5, 4, 3, 2, 1];

pub(crate) const STATEMENTS: &[&str] =
    &[COUNT, SELECT_LAST, SELECT_LAST_ID, SELECT_ENTRY, SELECT_LATEST_OF_OTHERS];
pub(crate) const STATEMENTS_PG: &[&str] = &[INSERT_PG];

/// The place of an entry in the journal; rises by one with each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub i64);

/// A message that the server took responsibility for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The id that the server stamped on it ([`Store::stanza_id`]).
    pub id: StanzaId,
    /// The user whose message it is: whose archive it will be in, and who gets it.
    pub owner: BareJid,
    /// The sender's address.
    pub from: String,
    /// The address it was sent to.
    pub to: String,
    /// The stanza as it goes out.
    pub stanza: Bytes,
    /// When it was accepted.
    pub at: Timestamp,
    /// Keep it for the owner until [`Store::handed_on`].
    pub spool: bool,
    /// In whose archives it will be found.
    pub archives: Archives,
    /// The session that is told if the entry is given up, where that is not `from`. Not kept.
    pub told: Option<String>,
}

/// In whose archives an entry is found (XEP-0313).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Archives {
    /// In the owner's.
    pub owner: bool,
    /// In that of the sender, who is a local user and not the owner.
    pub sender: bool,
}

impl Archives {
    fn bits(self) -> i64 {
        i64::from(self.owner) | i64::from(self.sender) << 1
    }
}

impl Store {
    /// A new stanza id, higher than all before.
    pub fn stanza_id(&self) -> StanzaId {
        self.stanza_ids().next(self.runtime())
    }

    /// Takes an entry into the journal. It is durable when [`Store::durable`] has reached the answered place;
    /// acknowledge nothing before.
    ///
    /// # Errors
    /// [`Error::QueueFull`] or [`Error::Failing`]: the entry was not taken, and the sender must be told.
    pub fn journal_append(&self, entry: Entry) -> Result<Seq, Error> {
        self.shared().append(entry)
    }

    /// The place up to which everything is durable, but for what was given up: of that the senders were told
    /// before ([`Store::on_given_up`]), and [`Store::kept`] tells it apart.
    pub fn durable(&self) -> tokio::sync::watch::Receiver<Seq> {
        self.shared().durable()
    }

    /// One entry of the journal.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn journal_entry(&self, seq: Seq) -> Result<Option<Entry>, Error> {
        let Some(row) = self.db().row(SELECT_ENTRY, args![seq.0]).await? else { return Ok(None) };
        Ok(Some(Entry {
            id: stanza_id(&row.bytes(0)?)?,
            owner: row.parsed(1)?,
            from: row.text(2)?,
            to: row.text(3)?,
            at: Timestamp(row.int(4)?),
            stanza: row.bytes(5)?.into(),
            spool: false,
            archives: Archives::default(),
            told: None,
        }))
    }

    /// The latest entries from senders of other domains, the latest first: at most `limit` of the last `among`.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn journal_latest_of_others(
        &self,
        domain: &str,
        among: i64,
        limit: usize,
    ) -> Result<Vec<Spooled>, Error> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.db().rows(SELECT_LATEST_OF_OTHERS, args![among, domain, limit]).await?;
        rows.iter().map(Spooled::read).collect()
    }

    /// How many entries are durable in the journal.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn journal_count(&self) -> Result<i64, Error> {
        self.db().row(COUNT, args![]).await?.map_or(Ok(0), |row| row.int(0))
    }
}

pub(crate) fn stanza_id(bytes: &[u8]) -> Result<StanzaId, Error> {
    let bytes = bytes.try_into().map_err(|_| Error::Corrupt("a stanza id in the journal".to_owned()))?;
    Ok(StanzaId::from_bytes(bytes))
}

pub(crate) async fn last(connection: &mut Connection) -> Result<Seq, Error> {
    let row = connection.row(SELECT_LAST, args![]).await?;
    row.map_or(Ok(Seq(0)), |row| Ok(Seq(row.int(0)?)))
}

/// The highest id of all.
pub(crate) async fn last_id(connection: &mut Connection) -> Result<Option<StanzaId>, Error> {
    connection.row(SELECT_LAST_ID, args![]).await?.map(|row| stanza_id(&row.bytes(0)?)).transpose()
}

/// Writes entries in few, big statements: sqlx hands each statement to a thread, and that costs more than a row.
#[derive(Debug)]
pub(crate) struct JournalInsert {
    lite: Vec<(usize, Arc<str>)>,
}

impl JournalInsert {
    pub(crate) fn new() -> Self {
        Self { lite: LITE_ROWS.iter().map(|rows| (*rows, Arc::from(lite_text(*rows)))).collect() }
    }

    /// True when `entries` need one statement only, which is then a transaction of its own.
    pub(crate) fn is_one_statement(connection: &Connection, entries: usize) -> bool {
        matches!(connection, Connection::Pg(_)) || LITE_ROWS.contains(&entries)
    }

    pub(crate) async fn write(&self, connection: &mut Connection, entries: &[Queued]) -> Result<(), Error> {
        if entries.is_empty() {
            return Ok(());
        }
        match connection {
            Connection::Pg(connection) => {
                let arguments = pg_arguments(entries).map_err(sqlx::Error::Encode)?;
                sqlx::query_with(INSERT_PG, arguments).execute(connection).await?;
            }
            Connection::Lite(connection) => {
                let mut rest = entries;
                for (rows, sql) in &self.lite {
                    while rest.len() >= *rows {
                        let (part, after) = rest.split_at(*rows);
                        let arguments = lite_arguments(part).map_err(sqlx::Error::Encode)?;
                        sqlx::query_with(AssertSqlSafe(Arc::clone(sql)), arguments)
                            .execute(&mut *connection)
                            .await?;
                        rest = after;
                    }
                }
            }
        }
        Ok(())
    }
}

/// SQLite's statement for a number of rows.
pub(crate) fn lite_text(rows: usize) -> String {
    let values = vec![INSERT_LITE_ROW; rows].join(",");
    format!("{INSERT_LITE_HEAD}{values}{INSERT_LITE_TAIL}")
}

/// All of SQLite's statements, for the test that prepares them.
pub(crate) fn lite_texts() -> Vec<String> {
    LITE_ROWS.iter().map(|rows| lite_text(*rows)).collect()
}

fn lite_arguments(entries: &[Queued]) -> Result<SqliteArguments, sqlx::error::BoxDynError> {
    let mut arguments = SqliteArguments::default();
    arguments.reserve(entries.len() * COLUMNS, 0);
    for Queued { seq, entry } in entries {
        arguments.add(seq.0)?;
        arguments.add(entry.id.as_bytes().as_slice())?;
        arguments.add(entry.owner.as_str())?;
        arguments.add(entry.from.as_str())?;
        arguments.add(entry.to.as_str())?;
        arguments.add(entry.at.0)?;
        arguments.add(i64::from(entry.spool))?;
        arguments.add(entry.archives.bits())?;
        arguments.add(&*entry.stanza)?;
    }
    Ok(arguments)
}

fn pg_arguments(entries: &[Queued]) -> Result<PgArguments, sqlx::error::BoxDynError> {
    let mut arguments = PgArguments::default();
    arguments.add(entries.iter().map(|q| q.seq.0).collect::<Vec<_>>())?;
    arguments.add(entries.iter().map(|q| q.entry.id.as_bytes().as_slice()).collect::<Vec<_>>())?;
    arguments.add(entries.iter().map(|q| q.entry.owner.as_str()).collect::<Vec<_>>())?;
    arguments.add(entries.iter().map(|q| q.entry.from.as_str()).collect::<Vec<_>>())?;
    arguments.add(entries.iter().map(|q| q.entry.to.as_str()).collect::<Vec<_>>())?;
    arguments.add(entries.iter().map(|q| q.entry.at.0).collect::<Vec<_>>())?;
    arguments.add(entries.iter().map(|q| i64::from(q.entry.spool)).collect::<Vec<_>>())?;
    arguments.add(entries.iter().map(|q| q.entry.archives.bits()).collect::<Vec<_>>())?;
    arguments.add(entries.iter().map(|q| &*q.entry.stanza).collect::<Vec<&[u8]>>())?;
    Ok(arguments)
}
