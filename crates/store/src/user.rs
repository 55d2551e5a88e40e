//! Users: the people who have an account, one by one or ten thousand at once.

use model::{BareJid, User, UserId};
use serde_json::json;

use crate::db::{Bulk, Connection, Row, args, bulk};
use crate::{
    Conflict, Error, NewLine, ScramRecord, Store, archive, blocked, call_history, credential, line, pubsub,
    pubsub_member, sign_in_token, upload, user_document,
};

/// The most users that one import takes.
pub const IMPORT_USERS_MAX: usize = 100_000;
/// The longest name shown to people, in bytes.
pub const NAME_BYTES_MAX: usize = 256;

const SELECT_ALL: &str = "SELECT id, jid, name, enabled FROM users ORDER BY jid";
const SELECT_ONE: &str = "SELECT id, jid, name, enabled FROM users WHERE jid = $1";
const UPDATE_ENABLED: &str = "UPDATE users SET enabled = $2 WHERE jid = $1";
const UPDATE_NAME: &str = "UPDATE users SET name = $2 WHERE jid = $1";
const DELETE: &str = "DELETE FROM users WHERE jid = $1";
const DELETE_SPOOL: &str = "DELETE FROM spool WHERE owner = $1";
const COUNT: &str = "SELECT COUNT(*) FROM users";
const SELECT_EXISTING: Bulk = bulk!("SELECT u.jid FROM users u WHERE u.jid IN (SELECT e.value->>0 FROM", ")");
const INSERT_MANY: Bulk =
    bulk!("INSERT INTO users (jid, name, enabled) SELECT e.value->>0, e.value->>1, 1 FROM", "WHERE true");

pub(crate) const STATEMENTS: &[&str] =
    &[SELECT_ALL, SELECT_ONE, UPDATE_ENABLED, UPDATE_NAME, DELETE, DELETE_SPOOL, COUNT];
pub(crate) const BULKS: &[Bulk] = &[SELECT_EXISTING, INSERT_MANY];

/// A user to be added, with what signs them in and the lines they get.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The one address for chat and calls.
    pub jid: BareJid,
    /// The name shown to people.
    pub name: String,
    /// What the user's password became, one record per mechanism.
    pub scram: Vec<ScramRecord>,
    /// Lines that are made for this user; their `owner` is set to `jid`.
    pub lines: Vec<NewLine>,
}

impl Store {
    /// Adds one user.
    ///
    /// # Errors
    /// [`Error::Conflicts`] when the user or a line exists already, or a device signs in with one of the names.
    pub async fn user_add(&self, user: NewUser) -> Result<(), Error> {
        self.users_import(vec![user]).await
    }

    /// Adds many users with their lines in one transaction: all of them or none.
    ///
    /// # Errors
    /// [`Error::Conflicts`] names every row whose user or line exists already, in the store or in the list; else every row
    /// that has a name by which a device signs in.
    pub async fn users_import(&self, mut users: Vec<NewUser>) -> Result<(), Error> {
        if users.len() > IMPORT_USERS_MAX {
            return Err(Error::Limit { what: "users in one import", max: IMPORT_USERS_MAX });
        }
        if users.iter().any(|user| user.name.len() > NAME_BYTES_MAX) {
            return Err(Error::Limit { what: "bytes in a name", max: NAME_BYTES_MAX });
        }
        for user in &mut users {
            for line in &mut user.lines {
                line.owner = Some(user.jid.clone());
            }
        }
        let done =
            self.write(move |connection| Box::pin(async move { import(connection, &users).await })).await;
        self.accounts_changed();
        done
    }

    /// One user.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn user(&self, jid: &BareJid) -> Result<Option<User>, Error> {
        self.db().row(SELECT_ONE, args![jid]).await?.as_ref().map(user).transpose()
    }

    /// Is there such a user? Asked for every message to somebody without a session; the answer is kept in memory until
    /// an account changes.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn user_exists(&self, jid: &BareJid) -> Result<bool, Error> {
        let generation = self.digest_cache().generation();
        if self.known_users().has(generation, jid) {
            return Ok(true);
        }
        let exists = self.db().row(SELECT_ONE, args![jid]).await?.is_some();
        if exists {
            self.known_users().keep(generation, jid);
        }
        Ok(exists)
    }

    /// All users, by address.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn users(&self) -> Result<Vec<User>, Error> {
        self.db().rows(SELECT_ALL, args![]).await?.iter().map(user).collect()
    }

    /// How many users there are.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn user_count(&self) -> Result<i64, Error> {
        self.db().row(COUNT, args![]).await?.map_or(Ok(0), |row| row.int(0))
    }

    /// Lets a user sign in, or no longer; their data is kept (`PS-15`), their tokens are not.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such user.
    pub async fn user_set_enabled(&self, jid: &BareJid, enabled: bool) -> Result<(), Error> {
        self.user_update(jid, UPDATE_ENABLED, Some(args![jid, enabled])).await
    }

    /// Changes the name shown to people.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such user.
    pub async fn user_set_name(&self, jid: &BareJid, name: &str) -> Result<(), Error> {
        if name.len() > NAME_BYTES_MAX {
            return Err(Error::Limit { what: "bytes in a name", max: NAME_BYTES_MAX });
        }
        self.user_update(jid, UPDATE_NAME, Some(args![jid, name])).await
    }

    /// Removes a user with their credentials, lines, roster, requests, waiting messages and archive: whoever gets
    /// the address next inherits nothing. What they said stays in the journal, and in the archives of others.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such user.
    pub async fn user_remove(&self, jid: &BareJid) -> Result<(), Error> {
        // Most of it batch by batch, for an archive may be long.
        self.archive_remove_all(jid).await?;
        self.user_update(jid, DELETE, None).await?;
        // Colleagues lose one of theirs.
        self.groups_changed().await
    }

    async fn user_update(
        &self,
        jid: &BareJid,
        sql: &'static str,
        arguments: Option<Vec<crate::db::Value>>,
    ) -> Result<(), Error> {
        let jid = jid.clone();
        let done = self
            .write(move |connection| {
                Box::pin(async move {
                    let removes = arguments.is_none();
                    let arguments = arguments.unwrap_or_else(|| args![&jid]);
                    if connection.execute(sql, arguments).await? == 0 {
                        return Err(Error::NotFound(format!("user {jid}")));
                    }
                    connection.execute(sign_in_token::DELETE_OF_DISABLED, args![&jid]).await?;
                    if removes {
                        connection.execute(DELETE_SPOOL, args![&jid]).await?;
                        archive::remove_owner(connection, &jid).await?;
                        pubsub::remove_service(connection, jid.as_str()).await?;
                        pubsub_member::remove_member(connection, jid.as_str()).await?;
                        connection.execute(user_document::REMOVE_OWNER, args![&jid]).await?;
                        connection.execute(blocked::REMOVE_OWNER, args![&jid]).await?;
                        connection.execute(upload::REMOVE_OWNER, args![&jid]).await?;
                        connection.execute(call_history::REMOVE_OWNER, args![&jid]).await?;
                    }
                    Ok(())
                })
            })
            .await;
        self.accounts_changed();
        done
    }
}

fn user(row: &Row) -> Result<User, Error> {
    Ok(User { id: UserId(row.int(0)?), jid: row.parsed(1)?, name: row.text(2)?, enabled: row.flag(3)? })
}

pub(crate) async fn import(connection: &mut Connection, users: &[NewUser]) -> Result<(), Error> {
    let mut conflicts = existing_users(connection, users).await?;
    let lines: Vec<(usize, &NewLine)> = users
        .iter()
        .enumerate()
        .flat_map(|(row, user)| user.lines.iter().map(move |line| (row, line)))
        .collect();
    conflicts.extend(line::existing(connection, &lines).await?);
    if !conflicts.is_empty() {
        conflicts.sort_by_key(|conflict| conflict.row);
        return Err(Error::Conflicts(conflicts));
    }
    let rows: Vec<_> = users.iter().map(|user| json!([user.jid.as_str(), user.name])).collect();
    connection.execute_bulk(INSERT_MANY, json!(rows).to_string()).await?;
    credential::insert(connection, users.iter().map(|user| (&user.jid, user.scram.as_slice()))).await?;
    line::insert(connection, &lines).await
}

async fn existing_users(connection: &mut Connection, users: &[NewUser]) -> Result<Vec<Conflict>, Error> {
    let wanted: Vec<_> = users.iter().map(|user| json!([user.jid.as_str()])).collect();
    let mut taken = std::collections::BTreeSet::new();
    for row in connection.bulk_rows(SELECT_EXISTING, json!(wanted).to_string()).await? {
        taken.insert(row.text(0)?);
    }
    let mut conflicts = Vec::new();
    for (row, user) in users.iter().enumerate() {
        if !taken.insert(user.jid.as_str().to_owned()) {
            conflicts.push(Conflict { row, what: format!("user {}", user.jid) });
        }
    }
    Ok(conflicts)
}
