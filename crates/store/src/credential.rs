//! Credentials: what a password became for each SCRAM mechanism (RFC 5802 §5.1). No password is ever kept.

use std::fmt;

use model::BareJid;
use serde_json::json;

use crate::db::{Bulk, Connection, args, bulk};
use crate::{Error, Store, sign_in_token};

const SELECT: &str = "SELECT u.enabled, c.mechanism, c.salt, c.iterations, c.stored_key, c.server_key \
     FROM users u LEFT JOIN credential c ON c.jid = u.jid WHERE u.jid = $1 ORDER BY c.mechanism";
const EXISTS: &str = "SELECT id FROM users WHERE jid = $1";
const DELETE: &str = "DELETE FROM credential WHERE jid = $1";
/// Of those who may sign in with a password.
const COUNT_MECHANISMS: &str = "SELECT c.mechanism, COUNT(*) FROM credential c JOIN users u ON u.jid = c.jid \
     WHERE u.enabled = 1 GROUP BY c.mechanism ORDER BY c.mechanism";
const COUNT_ACCOUNTS: &str =
    "SELECT COUNT(DISTINCT c.jid) FROM credential c JOIN users u ON u.jid = c.jid WHERE u.enabled = 1";
const SELECT_WITHOUT: &str = "SELECT u.jid FROM users u WHERE NOT EXISTS \
     (SELECT 1 FROM credential c WHERE c.jid = u.jid AND c.mechanism = $1) ORDER BY u.jid";
const INSERT_MANY: Bulk = bulk!(
    "INSERT INTO credential (jid, mechanism, salt, iterations, stored_key, server_key) \
     SELECT e.value->>0, e.value->>1, e.value->>2, CAST(e.value->>3 AS BIGINT), e.value->>4, e.value->>5 FROM",
    "WHERE true"
);
/// Beside a record that still stands, and never in place of one.
const INSERT_BESIDE: &str = "INSERT INTO credential (jid, mechanism, salt, iterations, stored_key, server_key) \
     SELECT $1, $2, $3, CAST($4 AS BIGINT), $5, $6 \
     WHERE EXISTS (SELECT 1 FROM credential WHERE jid = $1 AND stored_key = $7) \
     ON CONFLICT (jid, mechanism) DO NOTHING";

pub(crate) const STATEMENTS: &[&str] =
    &[SELECT, EXISTS, DELETE, INSERT_BESIDE, COUNT_MECHANISMS, COUNT_ACCOUNTS, SELECT_WITHOUT];
pub(crate) const BULKS: &[Bulk] = &[INSERT_MANY];

/// What a password became for one mechanism; whoever has it cannot sign in with it, but can guess against it.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramRecord {
    /// The mechanism without `-PLUS`, such as `SCRAM-SHA-256`.
    pub mechanism: String,
    /// The salt.
    pub salt: Vec<u8>,
    /// The iteration count.
    pub iterations: u32,
    /// `StoredKey` of RFC 5802 §3.
    pub stored_key: Vec<u8>,
    /// `ServerKey` of RFC 5802 §3.
    pub server_key: Vec<u8>,
}

impl fmt::Debug for ScramRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramRecord")
            .field("mechanism", &self.mechanism)
            .field("iterations", &self.iterations)
            .finish_non_exhaustive()
    }
}

/// What signs a user in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Disabled users cannot sign in (`PS-15`).
    pub enabled: bool,
    /// One record per mechanism; empty for a user who has no password here.
    pub scram: Vec<ScramRecord>,
}

impl Store {
    /// What signs `jid` in; `None` when there is no such user.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn credentials(&self, jid: &BareJid) -> Result<Option<Credentials>, Error> {
        let rows = self.db().rows(SELECT, args![jid]).await?;
        let Some(first) = rows.first() else { return Ok(None) };
        let mut credentials = Credentials { enabled: first.flag(0)?, scram: Vec::with_capacity(rows.len()) };
        for row in &rows {
            let Some(mechanism) = row.optional_text(1)? else { continue };
            credentials.scram.push(ScramRecord {
                mechanism,
                salt: unhex(&row.text(2)?)?,
                iterations: u32::try_from(row.int(3)?).map_err(|_| corrupt(jid))?,
                stored_key: unhex(&row.text(4)?)?,
                server_key: unhex(&row.text(5)?)?,
            });
        }
        Ok(Some(credentials))
    }

    /// The mechanisms for which every enabled user who has a password has a record; `None` when nobody has one.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn mechanisms_of_all(&self) -> Result<Option<Vec<String>>, Error> {
        let accounts = self.db().row(COUNT_ACCOUNTS, args![]).await?.map_or(Ok(0), |row| row.int(0))?;
        if accounts == 0 {
            return Ok(None);
        }
        let mut mechanisms = Vec::new();
        for row in self.db().rows(COUNT_MECHANISMS, args![]).await? {
            if row.int(1)? >= accounts {
                mechanisms.push(row.text(0)?);
            }
        }
        Ok(Some(mechanisms))
    }

    /// Who has no record for a mechanism.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn users_without(&self, mechanism: &str) -> Result<Vec<BareJid>, Error> {
        self.db().rows(SELECT_WITHOUT, args![mechanism]).await?.iter().map(|row| row.parsed(0)).collect()
    }

    /// Replaces what signs a user in; an empty list takes the password away.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such user.
    pub async fn user_set_credentials(&self, jid: &BareJid, scram: Vec<ScramRecord>) -> Result<(), Error> {
        let jid = jid.clone();
        self.write(move |connection| {
            Box::pin(async move {
                if connection.row(EXISTS, args![&jid]).await?.is_none() {
                    return Err(Error::NotFound(format!("user {jid}")));
                }
                connection.execute(DELETE, args![&jid]).await?;
                sign_in_token::password_changed(connection, &jid).await?;
                insert(connection, std::iter::once((&jid, scram.as_slice()))).await
            })
        })
        .await
    }

    /// Adds records of a password that was just proved, for mechanisms that the user has none for. `proved` is the
    /// stored key that it was proved against: if that stands no more, the password has changed, and nothing is added.
    ///
    /// # Errors
    /// The storage takes no writes.
    pub async fn credentials_add(
        &self,
        jid: &BareJid,
        proved: &[u8],
        scram: Vec<ScramRecord>,
    ) -> Result<(), Error> {
        let (jid, proved) = (jid.clone(), hex::encode(proved));
        self.write(move |connection| {
            Box::pin(async move {
                for record in scram {
                    let arguments = args![
                        &jid,
                        record.mechanism,
                        hex::encode(&record.salt),
                        i64::from(record.iterations),
                        hex::encode(&record.stored_key),
                        hex::encode(&record.server_key),
                        proved.clone()
                    ];
                    connection.execute(INSERT_BESIDE, arguments).await?;
                }
                Ok(())
            })
        })
        .await
    }
}

pub(crate) async fn insert<'a>(
    connection: &mut Connection,
    records: impl Iterator<Item = (&'a BareJid, &'a [ScramRecord])> + Send,
) -> Result<(), Error> {
    let mut rows = Vec::new();
    for (jid, scram) in records {
        for record in scram {
            rows.push(json!([
                jid.as_str(),
                record.mechanism,
                hex::encode(&record.salt),
                record.iterations,
                hex::encode(&record.stored_key),
                hex::encode(&record.server_key)
            ]));
        }
    }
    if !rows.is_empty() {
        connection.execute_bulk(INSERT_MANY, json!(rows).to_string()).await?;
    }
    Ok(())
}

fn unhex(text: &str) -> Result<Vec<u8>, Error> {
    hex::decode(text).map_err(|_| Error::Corrupt("a credential is not hexadecimal".to_owned()))
}

fn corrupt(jid: &BareJid) -> Error {
    Error::Corrupt(format!("the iteration count of {jid}"))
}
