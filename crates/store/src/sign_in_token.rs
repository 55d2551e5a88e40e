//! Tokens that clients sign in with in place of passwords (XEP-0484): given, used, replaced, revoked.

use std::fmt;

use model::{BareJid, Timestamp};

use crate::db::{Connection, Row, args};
use crate::{Error, Store};

/// Clients of one user that may have tokens; the next one takes the place of the one that was given its own first.
pub const TOKEN_CLIENTS_MAX: i64 = 64;

macro_rules! select {
    ($where:literal) => {
        concat!(
            "SELECT t.client, t.slot, t.mechanism, t.token_key, t.software, t.device, t.issued_at, t.expires_at, \
             t.used_at FROM sign_in_token t WHERE ",
            $where,
            " ORDER BY t.issued_at, t.client, t.slot"
        )
    };
}
const SELECT_CLIENT: &str = select!("t.jid = $1 AND t.client = $2");
const SELECT_USER: &str = select!("t.jid = $1");
const SELECT_ENABLED: &str = "SELECT enabled FROM users WHERE jid = $1";
const PUT: &str = "INSERT INTO sign_in_token \
     (jid, client, slot, mechanism, token_key, software, device, issued_at, expires_at) \
     SELECT $1, $2, 'new', $3, $4, $5, $6, CAST($7 AS BIGINT), CAST($8 AS BIGINT) \
     WHERE EXISTS (SELECT 1 FROM users WHERE jid = $1 AND enabled = 1) \
     ON CONFLICT (jid, client, slot) DO UPDATE SET mechanism = excluded.mechanism, token_key = excluded.token_key, \
     software = excluded.software, device = excluded.device, issued_at = excluded.issued_at, \
     expires_at = excluded.expires_at, used_at = NULL";
/// The token that was used takes the place of the one before it.
const DELETE_CURRENT: &str = "DELETE FROM sign_in_token WHERE jid = $1 AND client = $2 AND slot = 'current' \
     AND EXISTS (SELECT 1 FROM sign_in_token n WHERE n.jid = $1 AND n.client = $2 AND n.slot = 'new' \
     AND n.token_key = $3)";
const USED: &str = "UPDATE sign_in_token SET slot = 'current', used_at = $4 \
     WHERE jid = $1 AND client = $2 AND token_key = $3";
const DELETE_KEY: &str = "DELETE FROM sign_in_token WHERE jid = $1 AND client = $2 AND token_key = $3";
const DELETE_CLIENT: &str = "DELETE FROM sign_in_token WHERE jid = $1 AND client = $2";
const DELETE_USER: &str = "DELETE FROM sign_in_token WHERE jid = $1";
/// After a change of the user: who may sign in no longer has no tokens, and gets none back when he may again.
pub(crate) const DELETE_OF_DISABLED: &str = "DELETE FROM sign_in_token WHERE jid = $1 \
     AND NOT EXISTS (SELECT 1 FROM users WHERE jid = $1 AND enabled = 1)";
const DELETE_EXPIRED: &str = "DELETE FROM sign_in_token WHERE jid = $1 AND expires_at <= $2";
const OLDEST_CLIENTS: &str = "SELECT client FROM sign_in_token WHERE jid = $1 GROUP BY client \
     ORDER BY MAX(issued_at) DESC, client LIMIT 1000 OFFSET $2";

pub(crate) const STATEMENTS: &[&str] = &[
    SELECT_CLIENT,
    SELECT_USER,
    SELECT_ENABLED,
    PUT,
    DELETE_CURRENT,
    USED,
    DELETE_KEY,
    DELETE_CLIENT,
    DELETE_USER,
    DELETE_OF_DISABLED,
    DELETE_EXPIRED,
    OLDEST_CLIENTS,
];

/// What is kept of a token. Whoever has the key can sign in until it expires, so it is guarded as a password's record.
#[derive(Clone, PartialEq, Eq)]
pub struct SignInToken {
    /// The client that it was given to.
    pub client: String,
    /// True once it was used; until then the one before it is good, too.
    pub in_use: bool,
    /// The only mechanism that it is good for.
    pub mechanism: String,
    /// What checks it.
    pub key: Vec<u8>,
    /// The client's software, as it calls itself.
    pub software: String,
    /// The client's device, as it calls itself.
    pub device: String,
    /// When it was given.
    pub issued_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was first used, within a day when it was last.
    pub used_at: Option<Timestamp>,
}

impl fmt::Debug for SignInToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignInToken").field("mechanism", &self.mechanism).finish_non_exhaustive()
    }
}

/// What signs one client of a user in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInTokens {
    /// Disabled users cannot sign in (`PS-15`).
    pub enabled: bool,
    /// The tokens, two at most.
    pub tokens: Vec<SignInToken>,
}

impl Store {
    /// What signs a client of `jid` in; `None` when there is no such user. Two reads, whatever there is.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn sign_in_tokens(&self, jid: &BareJid, client: &str) -> Result<Option<SignInTokens>, Error> {
        let rows = self.db().rows(SELECT_CLIENT, args![jid, client]).await?;
        let tokens = rows.iter().map(token).collect::<Result<Vec<_>, _>>()?;
        let user = self.db().row(SELECT_ENABLED, args![jid]).await?;
        user.map(|row| Ok(SignInTokens { enabled: row.flag(0)?, tokens })).transpose()
    }

    /// All tokens of a user, oldest first.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn sign_in_tokens_of(&self, jid: &BareJid) -> Result<Vec<SignInToken>, Error> {
        self.db().rows(SELECT_USER, args![jid]).await?.iter().map(token).collect()
    }

    /// Keeps a token that is given to a client, in place of one that was given and not used. What has expired by then
    /// goes, and so do clients over [`TOKEN_CLIENTS_MAX`].
    ///
    /// # Errors
    /// The storage takes no writes.
    pub async fn sign_in_token_put(&self, jid: &BareJid, token: SignInToken) -> Result<(), Error> {
        let jid = jid.clone();
        self.write(move |connection| {
            Box::pin(async move {
                connection.execute(DELETE_EXPIRED, args![&jid, token.issued_at.0]).await?;
                let arguments = args![
                    &jid,
                    token.client,
                    token.mechanism,
                    hex::encode(token.key),
                    token.software,
                    token.device,
                    token.issued_at.0,
                    token.expires_at.0
                ];
                connection.execute(PUT, arguments).await?;
                forget_oldest(connection, &jid).await
            })
        })
        .await
    }

    /// A token was used: the one before it is worthless from now on.
    ///
    /// # Errors
    /// The storage takes no writes.
    pub async fn sign_in_token_used(
        &self,
        jid: &BareJid,
        client: &str,
        key: &[u8],
        at: Timestamp,
    ) -> Result<(), Error> {
        let (jid, client, key) = (jid.clone(), client.to_owned(), hex::encode(key));
        self.write(move |connection| {
            Box::pin(async move {
                connection.execute(DELETE_CURRENT, args![&jid, &*client, &*key]).await?;
                connection.execute(USED, args![&jid, &*client, &*key, at.0]).await.map(drop)
            })
        })
        .await
    }

    /// A token is worthless from now on.
    ///
    /// # Errors
    /// The storage takes no writes.
    pub async fn sign_in_token_remove(&self, jid: &BareJid, client: &str, key: &[u8]) -> Result<(), Error> {
        let arguments = args![jid, client, hex::encode(key)];
        self.write(move |connection| {
            Box::pin(async move { connection.execute(DELETE_KEY, arguments).await.map(drop) })
        })
        .await
    }

    /// All tokens of a client, or of all clients of a user, are worthless from now on; answers how many there were.
    ///
    /// # Errors
    /// The storage takes no writes.
    pub async fn sign_in_tokens_revoke(&self, jid: &BareJid, client: Option<&str>) -> Result<u64, Error> {
        let (sql, arguments) = match client {
            Some(client) => (DELETE_CLIENT, args![jid, client]),
            None => (DELETE_USER, args![jid]),
        };
        self.write(move |connection| Box::pin(async move { connection.execute(sql, arguments).await })).await
    }
}

/// The password has changed: what was given for the old one is worthless.
pub(crate) async fn password_changed(connection: &mut Connection, jid: &BareJid) -> Result<(), Error> {
    connection.execute(DELETE_USER, args![jid]).await.map(drop)
}

async fn forget_oldest(connection: &mut Connection, jid: &BareJid) -> Result<(), Error> {
    for row in connection.rows(OLDEST_CLIENTS, args![jid, TOKEN_CLIENTS_MAX]).await? {
        connection.execute(DELETE_CLIENT, args![jid, row.text(0)?]).await?;
    }
    Ok(())
}

fn token(row: &Row) -> Result<SignInToken, Error> {
    let key = hex::decode(row.text(3)?);
    Ok(SignInToken {
        client: row.text(0)?,
        in_use: row.text(1)? == "current",
        mechanism: row.text(2)?,
        key: key.map_err(|_| Error::Corrupt("a token's key is not hexadecimal".to_owned()))?,
        software: row.text(4)?,
        device: row.text(5)?,
        issued_at: Timestamp(row.int(6)?),
        expires_at: Timestamp(row.int(7)?),
        used_at: row.optional_int(8)?.map(Timestamp),
    })
}
