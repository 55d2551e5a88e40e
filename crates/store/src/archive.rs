//! Archives (XEP-0313): who finds which entry of the journal, by place and by peer; made from the journal, behind it.

use model::{BareJid, Timestamp};

use crate::db::{Connection, Db, args};
use crate::journal::stanza_id;
use crate::{ArchiveRemoval, Entry, Error, Seq, StanzaId, Store, TextQuery};

/// The most entries that one page has.
pub const ARCHIVE_PAGE_MAX: usize = 250;
/// Ids and times are read from one clock at two moments; never further apart than this.
const CLOCK_SLACK_MICROS: i64 = 2_000_000;

const SELECT_HORIZON: &str = "SELECT seq FROM archive_horizon";
const SET_HORIZON: &str = "UPDATE archive_horizon SET seq = $1";
/// A bare address is what stands before the first slash. An owner that is a domain stands for another server: what it
/// keeps is found under who it is for. In the order of the index, neighbours share their pages.
const INDEX_LITE: &str = "INSERT OR IGNORE INTO archive (owner, seq, peer) \
     SELECT owner, seq, CASE WHEN owner = s THEN r ELSE s END FROM (SELECT owner, seq, \
       CASE instr(sender, '/') WHEN 0 THEN sender ELSE substr(sender, 1, instr(sender, '/') - 1) END AS s, \
       CASE instr(recipient, '/') WHEN 0 THEN recipient ELSE substr(recipient, 1, instr(recipient, '/') - 1) END AS r \
       FROM journal WHERE seq > $1 AND seq <= $2 AND archive & 1 = 1) \
     UNION ALL \
     SELECT CASE instr(sender, '/') WHEN 0 THEN sender ELSE substr(sender, 1, instr(sender, '/') - 1) END, seq, \
       CASE WHEN instr(owner, '@') > 0 THEN owner WHEN instr(recipient, '/') = 0 THEN recipient \
         ELSE substr(recipient, 1, instr(recipient, '/') - 1) END \
       FROM journal WHERE seq > $1 AND seq <= $2 AND archive & 2 = 2 \
     ORDER BY 1, 2";
const INDEX_PG: &str = "INSERT INTO archive (owner, seq, peer) \
     SELECT owner, seq, CASE WHEN owner = split_part(sender, '/', 1) THEN split_part(recipient, '/', 1) \
       ELSE split_part(sender, '/', 1) END \
       FROM journal WHERE seq > $1 AND seq <= $2 AND archive & 1 = 1 \
     UNION ALL \
     SELECT split_part(sender, '/', 1), seq, \
       CASE WHEN owner LIKE '%@%' THEN owner ELSE split_part(recipient, '/', 1) END FROM journal WHERE seq > $1 AND seq <= $2 AND archive & 2 = 2 \
     ON CONFLICT (owner, seq) DO NOTHING";

macro_rules! page {
    ($peer:literal, $order:literal) => {
        concat!(
            "SELECT a.seq, j.id, j.sender, j.recipient, j.at, j.stanza FROM archive a \
             JOIN journal j ON j.seq = a.seq WHERE a.owner = $1 AND a.seq > $2 AND a.seq < $3 \
             AND j.at >= $4 AND j.at <= $5 ",
            $peer,
            " ORDER BY a.seq ",
            $order,
            " LIMIT $6"
        )
    };
}
const PAGE_UP: &str = page!("", "ASC");
const PAGE_DOWN: &str = page!("", "DESC");
const PEER_UP: &str = page!("AND a.peer = $7 AND ($8 = '' OR $8 = j.sender OR $8 = j.recipient)", "ASC");
const PEER_DOWN: &str = page!("AND a.peer = $7 AND ($8 = '' OR $8 = j.sender OR $8 = j.recipient)", "DESC");
macro_rules! found {
    ($match:literal, $order:literal) => {
        concat!(
            "SELECT a.seq, j.id, j.sender, j.recipient, j.at, j.stanza FROM archive_text t \
             CROSS JOIN archive a CROSS JOIN journal j WHERE a.seq = t.rowid AND j.seq = t.rowid AND a.owner = $1 \
             AND t.rowid > $2 AND t.rowid < $3 AND j.at >= $4 AND j.at <= $5 \
             AND ($7 = '' OR (a.peer = $7 AND ($8 = '' OR $8 = j.sender OR $8 = j.recipient))) AND ",
            $match,
            " ORDER BY t.rowid ",
            $order,
            " LIMIT $6"
        )
    };
}
const FOUND_UP_LITE: &str = found!("archive_text MATCH $9", "ASC");
const FOUND_DOWN_LITE: &str = found!("archive_text MATCH $9", "DESC");
const FOUND_UP_PG: &str = found!("t.words @@ CAST($9 AS TSQUERY)", "ASC");
const FOUND_DOWN_PG: &str = found!("t.words @@ CAST($9 AS TSQUERY)", "DESC");
const BY_ID: &str = "SELECT a.seq, j.id, j.sender, j.recipient, j.at, j.stanza FROM journal j \
     JOIN archive a ON a.seq = j.seq WHERE a.owner = $1 AND j.id = $2";
const COUNT: &str = "SELECT COUNT(*) FROM archive WHERE owner = $1 AND seq > $2 AND seq < $3";
/// When times or a full address must fit too, the journal is asked.
const COUNT_EXACT: &str = "SELECT COUNT(*) FROM archive a JOIN journal j ON j.seq = a.seq WHERE a.owner = $1 \
     AND a.seq > $2 AND a.seq < $3 AND j.at >= $4 AND j.at <= $5 \
     AND ($6 = '' OR (a.peer = $6 AND ($7 = '' OR $7 = j.sender OR $7 = j.recipient)))";
macro_rules! count_found {
    ($match:literal) => {
        concat!(
            "SELECT COUNT(*) FROM archive_text t CROSS JOIN archive a CROSS JOIN journal j \
             WHERE a.seq = t.rowid AND j.seq = t.rowid AND a.owner = $1 AND t.rowid > $2 AND t.rowid < $3 \
             AND j.at >= $4 AND j.at <= $5 \
             AND ($6 = '' OR (a.peer = $6 AND ($7 = '' OR $7 = j.sender OR $7 = j.recipient))) AND ",
            $match
        )
    };
}
const COUNT_FOUND_LITE: &str = count_found!("archive_text MATCH $8");
const COUNT_FOUND_PG: &str = count_found!("t.words @@ CAST($8 AS TSQUERY)");
/// The place of an id: its own, or that of the last one before it.
const PLACE: &str = "SELECT seq, id FROM journal WHERE id <= $1 ORDER BY id DESC LIMIT 1";
/// Ids are given just before places, by several at once: an entry's neighbours by id may lie a little apart.
const PLACE_BEHIND: &str =
    "SELECT COALESCE(MIN(seq), 0) FROM (SELECT seq FROM journal WHERE id > $1 ORDER BY id LIMIT 64) AS near";
const PLACE_BEFORE: &str = "SELECT COALESCE(MAX(seq), 0) FROM (SELECT seq FROM journal WHERE id < $1 ORDER BY id DESC LIMIT 64) AS near";
const REMOVE_OWNER: &str = "DELETE FROM archive WHERE owner = $1";
const REMOVE_PREFERENCE: &str = "DELETE FROM archive_preference WHERE owner = $1";

pub(crate) const STATEMENTS: &[&str] = &[
    SELECT_HORIZON,
    SET_HORIZON,
    PAGE_UP,
    PAGE_DOWN,
    PEER_UP,
    PEER_DOWN,
    BY_ID,
    COUNT,
    COUNT_EXACT,
    PLACE,
    PLACE_BEHIND,
    PLACE_BEFORE,
    REMOVE_OWNER,
    REMOVE_PREFERENCE,
];
pub(crate) const STATEMENTS_LITE: &[&str] = &[INDEX_LITE, FOUND_UP_LITE, FOUND_DOWN_LITE, COUNT_FOUND_LITE];
pub(crate) const STATEMENTS_PG: &[&str] = &[INDEX_PG, FOUND_UP_PG, FOUND_DOWN_PG, COUNT_FOUND_PG];

/// From where a page is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PageFrom {
    /// The oldest that fit.
    #[default]
    Start,
    /// The oldest behind this one.
    After(StanzaId),
    /// The newest before this one.
    Before(StanzaId),
    /// The newest that fit.
    End,
}

/// What is asked of an archive. Everything that is set must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArchiveQuery {
    /// Exchanged with this address: a bare one with all its resources, a full one exactly.
    pub with: Option<model::Jid>,
    /// Not older.
    pub start: Option<Timestamp>,
    /// Not newer.
    pub end: Option<Timestamp>,
    /// Behind this one.
    pub after: Option<StanzaId>,
    /// Before this one.
    pub before: Option<StanzaId>,
    /// With these words in it.
    pub text: Option<TextQuery>,
    /// From where the page is read.
    pub from: PageFrom,
    /// The most entries of the page, at most [`ARCHIVE_PAGE_MAX`].
    pub max: usize,
}

/// A page of an archive, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArchivePage {
    /// The entries; `owner` is the archive's.
    pub entries: Vec<Entry>,
    /// Nothing more fits in the direction of the page.
    pub complete: bool,
}

/// Places between which a page lies, both excluded.
#[derive(Clone, Copy)]
struct Bounds {
    after: i64,
    before: i64,
}

impl Store {
    /// A page of `owner`'s archive. It includes everything that is durable at the time of the call, and ends there.
    ///
    /// # Errors
    /// The storage could not be read, or could not bring the index up.
    pub async fn archive_page(&self, owner: &BareJid, query: &ArchiveQuery) -> Result<ArchivePage, Error> {
        let bounds = self.bounds(query).await?;
        let max = query.max.clamp(1, ARCHIVE_PAGE_MAX);
        let down = matches!(query.from, PageFrom::End | PageFrom::Before(_));
        let limit = i64::try_from(max + 1).unwrap_or(1);
        let (start, end) = times(query);
        let mut arguments = args![owner, bounds.after, bounds.before, start, end, limit];
        let sql = match (&query.text, &query.with) {
            (None, None) if down => PAGE_DOWN,
            (None, None) => PAGE_UP,
            (None, Some(_)) => {
                arguments.extend(peer(query));
                if down { PEER_DOWN } else { PEER_UP }
            }
            (Some(text), _) => {
                arguments.extend(peer(query));
                match self.db() {
                    Db::Lite(_) => {
                        arguments.extend(args![text.for_lite(owner.as_str())]);
                        if down { FOUND_DOWN_LITE } else { FOUND_UP_LITE }
                    }
                    Db::Pg(_) => {
                        arguments.extend(args![text.for_pg(owner.as_str())]);
                        if down { FOUND_DOWN_PG } else { FOUND_UP_PG }
                    }
                }
            }
        };
        let mut rows = self.db().rows(sql, arguments).await?;
        let complete = rows.len() <= max;
        rows.truncate(max);
        if down {
            rows.reverse();
        }
        let entries = rows.iter().map(|row| entry(owner, row)).collect::<Result<_, _>>()?;
        Ok(ArchivePage { entries, complete })
    }

    /// How many entries fit.
    ///
    /// # Errors
    /// As [`Store::archive_page`].
    pub async fn archive_count(&self, owner: &BareJid, query: &ArchiveQuery) -> Result<i64, Error> {
        let bounds = self.bounds(query).await?;
        let mut arguments = args![owner, bounds.after, bounds.before];
        let all =
            query.text.is_none() && query.with.is_none() && query.start.is_none() && query.end.is_none();
        let sql = if all {
            COUNT
        } else {
            let (start, end) = times(query);
            arguments.extend(args![start, end]);
            arguments.extend(peer(query));
            match (&query.text, self.db()) {
                (None, _) => COUNT_EXACT,
                (Some(text), Db::Lite(_)) => {
                    arguments.extend(args![text.for_lite(owner.as_str())]);
                    COUNT_FOUND_LITE
                }
                (Some(text), Db::Pg(_)) => {
                    arguments.extend(args![text.for_pg(owner.as_str())]);
                    COUNT_FOUND_PG
                }
            }
        };
        let row = self.db().row(sql, arguments).await?;
        row.map_or(Ok(0), |row| row.int(0))
    }

    /// One entry of `owner`'s archive.
    ///
    /// # Errors
    /// As [`Store::archive_page`].
    pub async fn archive_entry(&self, owner: &BareJid, id: StanzaId) -> Result<Option<Entry>, Error> {
        self.shared().catch_up().await?;
        let row = self.db().row(BY_ID, args![owner, id.as_bytes().to_vec()]).await?;
        row.map(|row| entry(owner, &row)).transpose()
    }

    /// Empties the archive of `owner`; the entries stay in the archives of those who talked with them.
    ///
    /// # Errors
    /// The storage takes no writes.
    pub async fn archive_remove_all(&self, owner: &BareJid) -> Result<u64, Error> {
        self.archive_remove(&ArchiveRemoval { owner: owner.clone(), with: None, before: None }).await
    }

    async fn bounds(&self, query: &ArchiveQuery) -> Result<Bounds, Error> {
        match query.text {
            Some(_) => self.shared().catch_up_text().await?,
            None => self.shared().catch_up().await?,
        }
        let mut bounds = Bounds { after: 0, before: self.shared().durable().borrow().0 + 1 };
        let (mut lower, mut upper) = (vec![query.after], vec![query.before]);
        match query.from {
            PageFrom::After(id) => lower.push(Some(id)),
            PageFrom::Before(id) => upper.push(Some(id)),
            PageFrom::Start | PageFrom::End => {}
        }
        for id in lower.into_iter().flatten() {
            bounds.after = bounds.after.max(match self.place(id).await? {
                (place, true) => place,
                // Never given, or gone: all that were given later.
                (_, false) => match self.near(PLACE_BEHIND, id).await? {
                    0 => bounds.before,
                    place => place - 1,
                },
            });
        }
        for id in upper.into_iter().flatten() {
            bounds.before = bounds.before.min(match self.place(id).await? {
                (place, true) => place,
                (_, false) => self.near(PLACE_BEFORE, id).await? + 1,
            });
        }
        // The times themselves are compared in the page; this only keeps it from reading from the beginning.
        if let Some(start) = query.start {
            let early = StanzaId::first_at(Timestamp(start.0.saturating_sub(CLOCK_SLACK_MICROS)));
            bounds.after = bounds.after.max(self.place(early).await?.0);
        }
        Ok(bounds)
    }

    async fn near(&self, sql: &'static str, id: StanzaId) -> Result<i64, Error> {
        let row = self.db().row(sql, args![id.as_bytes().to_vec()]).await?;
        row.map_or(Ok(0), |row| row.int(0))
    }

    /// The place of an id in the journal, and whether it is there: an id that was never given, or whose entry is
    /// gone, means the place where it would be.
    pub(crate) async fn place(&self, id: StanzaId) -> Result<(i64, bool), Error> {
        let Some(row) = self.db().row(PLACE, args![id.as_bytes().to_vec()]).await? else {
            return Ok((0, false));
        };
        Ok((row.int(0)?, row.bytes(1)?.as_slice() == id.as_bytes().as_slice()))
    }
}

/// The times between which entries must lie.
fn times(query: &ArchiveQuery) -> (i64, i64) {
    (query.start.map_or(i64::MIN, |at| at.0), query.end.map_or(i64::MAX, |at| at.0))
}

/// With whom, and with which full address if one is named.
fn peer(query: &ArchiveQuery) -> Vec<crate::db::Value> {
    let Some(with) = &query.with else { return args!["", ""] };
    args![&with.to_bare(), if with.resource().is_some() { with.as_str() } else { "" }]
}

fn entry(owner: &BareJid, row: &crate::db::Row) -> Result<Entry, Error> {
    Ok(Entry {
        id: stanza_id(&row.bytes(1)?)?,
        owner: owner.clone(),
        from: row.text(2)?,
        to: row.text(3)?,
        at: Timestamp(row.int(4)?),
        stanza: row.bytes(5)?.into(),
        spool: false,
        archives: crate::Archives::default(),
        told: None,
    })
}

/// Takes everything away that belongs to a user who is removed.
pub(crate) async fn remove_owner(connection: &mut Connection, owner: &BareJid) -> Result<(), Error> {
    connection.execute(REMOVE_OWNER, args![owner]).await?;
    connection.execute(REMOVE_PREFERENCE, args![owner]).await.map(drop)
}

/// The place up to which the index is made.
pub(crate) async fn horizon(connection: &mut Connection) -> Result<Seq, Error> {
    connection.row(SELECT_HORIZON, args![]).await?.map_or(Ok(Seq(0)), |row| Ok(Seq(row.int(0)?)))
}

/// Makes the index for the entries behind `after` up to `until`.
pub(crate) async fn index(connection: &mut Connection, after: Seq, until: Seq) -> Result<(), Error> {
    let sql = if matches!(connection, Connection::Lite(_)) { INDEX_LITE } else { INDEX_PG };
    connection.execute(sql, args![after.0, until.0]).await?;
    connection.execute(SET_HORIZON, args![until.0]).await?;
    Ok(())
}
