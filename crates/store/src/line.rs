//! Lines and their digest secrets (`CC-02`): who may register a number, and what proves it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use model::{BareJid, LineId};
use serde_json::json;

use crate::db::{Bulk, Connection, Row, args, bulk, parse};
use crate::{Conflict, Error, Store};

const SELECT_ALL: &str = "SELECT number, partition_name, owner FROM line ORDER BY partition_name, number";
const SELECT_ONE: &str =
    "SELECT number, partition_name, owner FROM line WHERE number = $1 AND partition_name = $2";
const SELECT_OF_OWNER: &str = "SELECT number, partition_name, owner FROM line WHERE owner = $1 \
     ORDER BY partition_name, number";
const SELECT_DIGEST: &str = "SELECT l.number, l.partition_name, l.owner, COALESCE(u.enabled, 1), \
     s.algorithm, s.ha1, s.device FROM digest_secret s \
     JOIN line l ON l.number = s.number AND l.partition_name = s.partition_name \
     LEFT JOIN users u ON u.jid = l.owner WHERE s.username = $1 AND s.realm = $2 \
     ORDER BY CASE WHEN s.device IS NULL THEN 0 ELSE 1 END, l.partition_name, l.number, s.algorithm";
const DELETE: &str = "DELETE FROM line WHERE number = $1 AND partition_name = $2";
const DELETE_BINDINGS: &str = "DELETE FROM binding WHERE number = $1 AND partition_name = $2";
/// Those of its devices stay.
const DELETE_SECRETS: &str =
    "DELETE FROM digest_secret WHERE number = $1 AND partition_name = $2 AND device IS NULL";
const SELECT_EXISTING: Bulk = bulk!(
    "SELECT l.number, l.partition_name FROM",
    "JOIN line l ON l.number = e.value->>0 AND l.partition_name = e.value->>1"
);
const SELECT_OF_DEVICES: Bulk = bulk!(
    "SELECT DISTINCT s.username FROM digest_secret s WHERE s.device IS NOT NULL AND s.username IN \
     (SELECT e.value->>0 FROM",
    ")"
);
const INSERT_MANY: Bulk = bulk!(
    "INSERT INTO line (number, partition_name, owner) SELECT e.value->>0, e.value->>1, e.value->>2 FROM",
    "WHERE true"
);
pub(crate) const INSERT_SECRETS: Bulk = bulk!(
    "INSERT INTO digest_secret (number, partition_name, username, realm, algorithm, ha1, device) \
     SELECT e.value->>0, e.value->>1, e.value->>2, e.value->>3, e.value->>4, e.value->>5, \
     e.value->>6 FROM",
    "WHERE true"
);

pub(crate) const STATEMENTS: &[&str] =
    &[SELECT_ALL, SELECT_ONE, SELECT_OF_OWNER, SELECT_DIGEST, DELETE, DELETE_BINDINGS, DELETE_SECRETS];
pub(crate) const BULKS: &[Bulk] = &[SELECT_EXISTING, SELECT_OF_DEVICES, INSERT_MANY, INSERT_SECRETS];

/// What proves that a phone may use a line (RFC 3261 §22, RFC 7616 §3.4.2): HA1, never the password.
#[derive(Clone, PartialEq, Eq)]
pub struct DigestSecret {
    /// The name that the phone signs in with: the number or the owner's user name.
    pub username: String,
    /// The realm that HA1 was made for.
    pub realm: String,
    /// The algorithm as in the challenge, in lower case: `md5`, `sha-256`.
    pub algorithm: String,
    /// HA1 in lower-case hexadecimal.
    pub ha1: String,
}

impl fmt::Debug for DigestSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DigestSecret")
            .field("username", &self.username)
            .field("realm", &self.realm)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// A line to be added.
#[derive(Clone, Debug)]
pub struct NewLine {
    /// The number and its partition.
    pub line: LineId,
    /// The user whose line it is; removed together with them.
    pub owner: Option<BareJid>,
    /// What its phones sign in with.
    pub secrets: Vec<DigestSecret>,
}

/// A line as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The number and its partition.
    pub line: LineId,
    /// The user whose line it is.
    pub owner: Option<BareJid>,
}

/// What a phone's digest answer is checked against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestAccount {
    /// The line that the phone registers.
    pub line: LineId,
    /// The user whose line it is.
    pub owner: Option<BareJid>,
    /// False when the owner is disabled.
    pub enabled: bool,
    /// The device whose account it is; `None` for the line's own.
    pub device: Option<Arc<str>>,
    /// One secret per algorithm, for the asked name and realm.
    pub secrets: Vec<DigestSecret>,
}

impl Store {
    /// Adds a line.
    ///
    /// # Errors
    /// [`Error::Conflicts`] when it exists already or a device signs in with one of its names, [`Error::NotFound`] when the
    /// owner does not exist.
    pub async fn line_add(&self, line: NewLine) -> Result<(), Error> {
        let done = self
            .write(move |connection| {
                Box::pin(async move {
                    if !existing(connection, &[(0, &line)]).await?.is_empty() {
                        return Err(Error::exists(format!("line {}", line.line)));
                    }
                    match insert(connection, &[(0, &line)]).await {
                        Err(error) if error.is_missing_parent() => Err(Error::NotFound(format!(
                            "user {}",
                            line.owner.as_ref().map_or("", |owner| owner.as_str())
                        ))),
                        done => done,
                    }
                })
            })
            .await;
        self.accounts_changed();
        done
    }

    /// All lines.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn lines(&self) -> Result<Vec<Line>, Error> {
        self.db().rows(SELECT_ALL, args![]).await?.iter().map(read).collect()
    }

    /// The lines of one user.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn lines_of(&self, owner: &BareJid) -> Result<Vec<Line>, Error> {
        self.db().rows(SELECT_OF_OWNER, args![owner]).await?.iter().map(read).collect()
    }

    /// One line.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn line(&self, line: &LineId) -> Result<Option<Line>, Error> {
        let arguments = args![line.number.as_str(), line.partition.as_str()];
        self.db().row(SELECT_ONE, arguments).await?.as_ref().map(read).transpose()
    }

    /// Replaces what the phones of a line sign in with.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such line, [`Error::Conflicts`] when a device signs in with one of the names.
    pub async fn line_set_secrets(&self, line: &LineId, secrets: Vec<DigestSecret>) -> Result<(), Error> {
        let new = NewLine { line: line.clone(), owner: None, secrets };
        let done = self
            .write(move |connection| {
                Box::pin(async move {
                    if existing(connection, &[(0, &new)]).await?.is_empty() {
                        return Err(Error::NotFound(format!("line {}", new.line)));
                    }
                    let key = args![new.line.number.as_str(), new.line.partition.as_str()];
                    connection.execute(DELETE_SECRETS, key).await?;
                    insert_secrets(connection, &[(0, &new)]).await
                })
            })
            .await;
        self.accounts_changed();
        done
    }

    /// Removes a line with its secrets and registrations.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such line.
    pub async fn line_remove(&self, line: &LineId) -> Result<(), Error> {
        let line = line.clone();
        let done = self
            .write(move |connection| {
                Box::pin(async move {
                    let key = args![line.number.as_str(), line.partition.as_str()];
                    connection.execute(DELETE_BINDINGS, key.clone()).await?;
                    if connection.execute(DELETE, key).await? == 0 {
                        return Err(Error::NotFound(format!("line {line}")));
                    }
                    Ok(())
                })
            })
            .await;
        self.accounts_changed();
        done
    }

    /// Whose secrets a phone that signs in as `username` in `realm` must prove; `None` when nobody's. Kept in
    /// memory until an account changes, for phones refresh often.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn digest_account(
        &self,
        username: &str,
        realm: &str,
    ) -> Result<Option<Arc<DigestAccount>>, Error> {
        if let Some(known) = self.digest_cache().find(username, realm) {
            return Ok(known);
        }
        let generation = self.digest_cache().generation();
        let rows = self.db().rows(SELECT_DIGEST, args![username, realm]).await?;
        let account = digest_account(&rows, username, realm)?.map(Arc::new);
        self.digest_cache().keep(generation, username, realm, account.clone());
        Ok(account)
    }

    /// What is in memory of [`Store::digest_account`], without waiting; `None` when it must be read.
    pub fn digest_account_in_memory(&self, username: &str, realm: &str) -> Option<Arc<DigestAccount>> {
        self.digest_cache().find(username, realm).flatten()
    }

    /// Changes whenever a user, a line or a secret has changed: for those who keep tables of them in memory.
    pub fn accounts_changes(&self) -> tokio::sync::watch::Receiver<u64> {
        self.digest_cache().changes()
    }
}

fn read(row: &Row) -> Result<Line, Error> {
    let owner = row.optional_text(2)?.map(|owner| parse(&owner)).transpose()?;
    Ok(Line { line: line_id(row, 0)?, owner })
}

/// Reads a number and a partition from two columns.
pub(crate) fn line_id(row: &Row, column: usize) -> Result<LineId, Error> {
    Ok(LineId { number: row.parsed(column)?, partition: row.parsed(column + 1)? })
}

fn digest_account(rows: &[Row], username: &str, realm: &str) -> Result<Option<DigestAccount>, Error> {
    let Some(first) = rows.first() else { return Ok(None) };
    let Line { line, owner } = read(first)?;
    let device = first.optional_text(6)?;
    let mut account = DigestAccount {
        line,
        owner,
        enabled: first.flag(3)?,
        device: device.as_deref().map(Arc::from),
        secrets: Vec::new(),
    };
    for row in rows {
        // A user name may stand for several lines of its owner: the first one is meant.
        if line_id(row, 0)? == account.line && row.optional_text(6)? == device {
            account.secrets.push(DigestSecret {
                username: username.to_owned(),
                realm: realm.to_owned(),
                algorithm: row.text(4)?,
                ha1: row.text(5)?,
            });
        }
    }
    Ok(Some(account))
}

/// Which of `lines` exist already, in the store or earlier in the list.
pub(crate) async fn existing(
    connection: &mut Connection,
    lines: &[(usize, &NewLine)],
) -> Result<Vec<Conflict>, Error> {
    if lines.is_empty() {
        return Ok(Vec::new());
    }
    let wanted: Vec<_> = lines.iter().map(|(_, new)| json!([new.line.number, new.line.partition])).collect();
    let mut taken = BTreeSet::new();
    for row in connection.bulk_rows(SELECT_EXISTING, json!(wanted).to_string()).await? {
        taken.insert(line_id(&row, 0)?);
    }
    let mut conflicts = Vec::new();
    for (row, new) in lines {
        if !taken.insert(new.line.clone()) {
            conflicts.push(Conflict { row: *row, what: format!("line {}", new.line) });
        }
    }
    Ok(conflicts)
}

/// Adds lines; each with its place in the list that was given.
pub(crate) async fn insert(connection: &mut Connection, lines: &[(usize, &NewLine)]) -> Result<(), Error> {
    if lines.is_empty() {
        return Ok(());
    }
    let row = |(_, new): &(usize, &NewLine)| {
        json!([new.line.number, new.line.partition, new.owner.as_ref().map(|o| o.as_str())])
    };
    let rows: Vec<_> = lines.iter().map(row).collect();
    connection.execute_bulk(INSERT_MANY, json!(rows).to_string()).await?;
    insert_secrets(connection, lines).await
}

async fn insert_secrets(connection: &mut Connection, lines: &[(usize, &NewLine)]) -> Result<(), Error> {
    let secrets =
        || lines.iter().flat_map(|(row, new)| new.secrets.iter().map(move |s| (*row, &new.line, s)));
    let names: BTreeSet<&str> = secrets().map(|(_, _, secret)| secret.username.as_str()).collect();
    if names.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = names.into_iter().map(|name| json!([name])).collect();
    let mut of_devices = BTreeSet::new();
    for row in connection.bulk_rows(SELECT_OF_DEVICES, json!(names).to_string()).await? {
        of_devices.insert(row.text(0)?);
    }
    if !of_devices.is_empty() {
        // Of two accounts with one name the line's is the one that is found: the device would be locked out.
        let taken: BTreeSet<_> = secrets()
            .filter(|(_, _, secret)| of_devices.contains(&secret.username))
            .map(|(row, _, secret)| (row, &secret.username))
            .collect();
        let what = |name: &String| format!("{name}, as the name that a device signs in with");
        return Err(Error::Conflicts(
            taken.into_iter().map(|(row, name)| Conflict { row, what: what(name) }).collect(),
        ));
    }
    let row = |(_, line, s): (usize, &LineId, &DigestSecret)| {
        json!([line.number, line.partition, s.username, s.realm, s.algorithm, s.ha1, null])
    };
    let rows: Vec<_> = secrets().map(row).collect();
    connection.execute_bulk(INSERT_SECRETS, json!(rows).to_string()).await.map(drop)
}
