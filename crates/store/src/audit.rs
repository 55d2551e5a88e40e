//! Who did what as an administrator: rows that are added and never changed, which the database itself refuses.

use model::Timestamp;

use crate::db::{Row, args};
use crate::{Error, Store};

/// Entries that one question gets.
pub const AUDIT_PAGE_MAX: usize = 1_000;
/// A state or a target in an entry, in bytes; longer ones are cut.
pub const AUDIT_TEXT_BYTES_MAX: usize = 16 << 10;

const INSERT: &str = "INSERT INTO audit (at, who, how, address, act, target, before_state, after_state, result) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const SELECT: &str = "SELECT id, at, who, how, address, act, target, before_state, after_state, result FROM audit \
     WHERE id < $1 AND at >= $2 AND at < $3 AND ($4 = '' OR who = $4) AND ($5 = '' OR act = $5) \
     AND ($6 = '' OR target = $6) AND ($7 = '' OR LOWER(who || ' ' || act || ' ' || target || ' ' || result) LIKE $7 ESCAPE '!') \
     ORDER BY id DESC LIMIT $8";
const COUNT: &str = "SELECT COUNT(*) FROM audit \
     WHERE at >= $1 AND at < $2 AND ($3 = '' OR who = $3) AND ($4 = '' OR act = $4) \
     AND ($5 = '' OR target = $5) AND ($6 = '' OR LOWER(who || ' ' || act || ' ' || target || ' ' || result) LIKE $6 ESCAPE '!')";

pub(crate) const STATEMENTS: &[&str] = &[INSERT, SELECT, COUNT];

/// One act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its number, given by the store.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub who: String,
    /// By which way: `api`, `socket`, `chat`, `store`.
    pub how: String,
    /// From where; empty when it was on this machine.
    pub address: String,
    /// What was done.
    pub act: String,
    /// To what.
    pub target: String,
    /// What it was like before, as JSON; empty when it is not known.
    pub before: String,
    /// What it was like after, or what was given, as JSON.
    pub after: String,
    /// `done`, or why it was not.
    pub result: String,
}

/// Which acts are wanted. What is empty is not looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// By whom.
    pub who: String,
    /// What was done.
    pub act: String,
    /// To what.
    pub target: String,
    /// With this text in one of them or in the result.
    pub text: String,
    /// At this time or later.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// Behind this entry, that is older ones.
    pub behind: Option<i64>,
    /// At most so many.
    pub max: usize,
}

impl Store {
    /// Writes an act down; its number is given here.
    ///
    /// # Errors
    /// The storage takes no writes.
    pub async fn audit_add(&self, entry: AuditEntry) -> Result<(), Error> {
        let arguments = args![
            entry.at.0,
            entry.who,
            entry.how,
            entry.address,
            entry.act,
            cut(entry.target),
            cut(entry.before),
            cut(entry.after),
            cut(entry.result)
        ];
        self.write(move |connection| {
            Box::pin(async move { connection.execute(INSERT, arguments).await.map(drop) })
        })
        .await
    }

    /// Acts, the latest first.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditEntry>, Error> {
        let max = i64::try_from(query.max.min(AUDIT_PAGE_MAX)).unwrap_or(0);
        let arguments = args![
            query.behind.unwrap_or(i64::MAX),
            query.since.map_or(i64::MIN, |since| since.0),
            query.until.map_or(i64::MAX, |until| until.0),
            query.who.as_str(),
            query.act.as_str(),
            query.target.as_str(),
            like(&query.text),
            max
        ];
        self.db().rows(SELECT, arguments).await?.iter().map(entry).collect()
    }

    /// How many such acts there are in all.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn audit_count(&self, query: &AuditQuery) -> Result<i64, Error> {
        let arguments = args![
            query.since.map_or(i64::MIN, |since| since.0),
            query.until.map_or(i64::MAX, |until| until.0),
            query.who.as_str(),
            query.act.as_str(),
            query.target.as_str(),
            like(&query.text)
        ];
        self.db().row(COUNT, arguments).await?.map_or(Ok(0), |row| row.int(0))
    }
}

/// A text anywhere, as LIKE has it; nothing for no text.
fn like(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let mut pattern = "%".to_owned();
    for c in text.to_lowercase().chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// No longer than an entry may be.
fn cut(mut text: String) -> String {
    if text.len() > AUDIT_TEXT_BYTES_MAX {
        let mut end = AUDIT_TEXT_BYTES_MAX;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
    }
    text
}

fn entry(row: &Row) -> Result<AuditEntry, Error> {
    Ok(AuditEntry {
        id: row.int(0)?,
        at: Timestamp(row.int(1)?),
        who: row.text(2)?,
        how: row.text(3)?,
        address: row.text(4)?,
        act: row.text(5)?,
        target: row.text(6)?,
        before: row.text(7)?,
        after: row.text(8)?,
        result: row.text(9)?,
    })
}
