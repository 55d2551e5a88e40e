//! The full-text index of the archives: made from the journal, behind it, in batches. It holds words, not texts.

use std::fmt::Write;

use crate::db::{Bulk, Connection, args};
use crate::{Error, Seq, words};

const SELECT_HORIZON: &str = "SELECT seq FROM archive_text_horizon";
const SET_HORIZON: &str = "UPDATE archive_text_horizon SET seq = $1";
const SELECT: &str = "SELECT seq, owner, sender, archive, stanza FROM journal \
     WHERE seq > $1 AND seq <= $2 AND archive <> 0 ORDER BY seq";
const DELETE_RANGE: &str = "DELETE FROM archive_text WHERE rowid >= $1 AND rowid <= $2";
/// An entry may be there already when a commit failed on our side only.
const INSERT: Bulk = Bulk {
    lite: "INSERT OR REPLACE INTO archive_text (rowid, archives, words) \
         SELECT e.value->>0, e.value->>1, e.value->>2 FROM json_each($1) AS e",
    pg: "INSERT INTO archive_text (rowid, words) \
         SELECT CAST(e.value->>0 AS BIGINT), CAST((e.value->>1) || ' ' || (e.value->>2) AS TSVECTOR) \
         FROM json_array_elements(CAST($1 AS json)) AS e(value) ON CONFLICT (rowid) DO NOTHING",
};

pub(crate) const STATEMENTS: &[&str] = &[SELECT_HORIZON, SET_HORIZON, SELECT, DELETE_RANGE];
pub(crate) const BULKS: &[Bulk] = &[INSERT];

/// The place up to which the index is made.
pub(crate) async fn horizon(connection: &mut Connection) -> Result<Seq, Error> {
    connection.row(SELECT_HORIZON, args![]).await?.map_or(Ok(Seq(0)), |row| Ok(Seq(row.int(0)?)))
}

/// Makes the index for the entries behind `after` up to `until`.
pub(crate) async fn index(connection: &mut Connection, after: Seq, until: Seq) -> Result<(), Error> {
    let lite = matches!(connection, Connection::Lite(_));
    let rows = connection.rows(SELECT, args![after.0, until.0]).await?;
    let mut json = String::with_capacity(rows.len() * 128);
    for row in &rows {
        let stanza = row.bytes(4)?;
        // A message without a body is known without reading it whole.
        if !has(&stanza, b"<body") {
            continue;
        }
        let Some(text) =
            xmpp::parse_inheriting(stanza.into()).ok().and_then(|s| xmpp::xep::fulltext::words_of(&s))
        else {
            continue;
        };
        let (archives, owner, sender) = (row.int(3)?, row.text(1)?, row.text(2)?);
        json.push_str(if json.is_empty() { "[[" } else { ",[" });
        // Writing into a string does not fail; words are letters and digits, which JSON takes as they are.
        let _written = write!(json, "{},\"", row.int(0)?);
        if archives & 1 != 0 {
            json.push_str(&words::archive_word(&owner));
        }
        if archives & 2 != 0 {
            let bare = model::bare_of(&sender);
            json.push(' ');
            json.push_str(&words::archive_word(bare));
        }
        json.push_str("\",\"");
        if lite {
            words::for_lite(&text, &mut json);
        } else {
            words::for_pg(&text, &mut json);
        }
        json.push_str("\"]");
    }
    if !json.is_empty() {
        json.push(']');
        connection.execute_bulk(INSERT, json).await?;
    }
    connection.execute(SET_HORIZON, args![until.0]).await?;
    Ok(())
}

/// Forgets the words of a range of entries.
pub(crate) async fn erase(connection: &mut Connection, first: i64, last: i64) -> Result<(), Error> {
    connection.execute(DELETE_RANGE, args![first, last]).await.map(drop)
}

fn has(bytes: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(bytes, part).is_some()
}
