//! Administrators besides the first, and the tokens that programs administrate with.

use model::Timestamp;

use crate::db::{Row, args};
use crate::{Error, Store};

/// Administrators besides the first.
pub const ADMINISTRATORS_MAX: i64 = 1_000;
/// Tokens of programs.
pub const API_TOKENS_MAX: i64 = 1_000;

const SELECT_ALL: &str = "SELECT name, role, password, must_choose, totp, totp_step, recovery, created_at \
     FROM administrator ORDER BY name";
const SELECT: &str = "SELECT name, role, password, must_choose, totp, totp_step, recovery, created_at \
     FROM administrator WHERE name = $1";
const COUNT: &str = "SELECT COUNT(*) FROM administrator WHERE name <> $1";
const PUT: &str = "INSERT INTO administrator (name, role, password, must_choose, totp, totp_step, recovery, created_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (name) DO UPDATE SET role = excluded.role, \
     password = excluded.password, must_choose = excluded.must_choose, totp = excluded.totp, \
     totp_step = excluded.totp_step, recovery = excluded.recovery";
const DELETE: &str = "DELETE FROM administrator WHERE name = $1";
const TOKENS: &str = "SELECT id, token_hash, name, role, made_by, created_at, expires_at FROM api_token \
     ORDER BY created_at, id";
const TOKEN: &str = "SELECT id, token_hash, name, role, made_by, created_at, expires_at FROM api_token \
     WHERE token_hash = $1";
const TOKEN_COUNT: &str = "SELECT COUNT(*) FROM api_token";
const TOKEN_ADD: &str = "INSERT INTO api_token (id, token_hash, name, role, made_by, created_at, expires_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7)";
const TOKEN_DELETE: &str = "DELETE FROM api_token WHERE id = $1";
const TOKENS_EXPIRED: &str = "DELETE FROM api_token WHERE expires_at <= $1";

pub(crate) const STATEMENTS: &[&str] = &[
    SELECT_ALL,
    SELECT,
    COUNT,
    PUT,
    DELETE,
    TOKENS,
    TOKEN,
    TOKEN_COUNT,
    TOKEN_ADD,
    TOKEN_DELETE,
    TOKENS_EXPIRED,
];

/// An administrator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Administrator {
    /// The name to sign in with.
    pub name: String,
    /// What they are there for, in one word.
    pub role: String,
    /// The hash of the password; empty when it is kept elsewhere.
    pub password: String,
    /// The password is a one-time one.
    pub must_choose: bool,
    /// The secret of the second factor; empty for none.
    pub totp: String,
    /// The last time step that a code was taken for: none is taken twice.
    pub totp_step: i64,
    /// Hashes of recovery codes that were not used, divided by spaces.
    pub recovery: String,
    /// When they were made.
    pub created_at: Timestamp,
}

/// A token that a program administrates with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiToken {
    /// What it is called in paths.
    pub id: String,
    /// The hash of the token.
    pub token_hash: String,
    /// What it is for.
    pub name: String,
    /// What it may do, as a role.
    pub role: String,
    /// Who made it.
    pub made_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl Store {
    /// All administrators that are kept here, by name.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn administrators(&self) -> Result<Vec<Administrator>, Error> {
        self.db().rows(SELECT_ALL, args![]).await?.iter().map(administrator).collect()
    }

    /// One administrator.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn administrator(&self, name: &str) -> Result<Option<Administrator>, Error> {
        self.db().row(SELECT, args![name]).await?.as_ref().map(administrator).transpose()
    }

    /// Keeps an administrator as they are now.
    ///
    /// # Errors
    /// [`Error::Limit`] when there are too many; or the storage takes no writes.
    pub async fn administrator_put(&self, kept: Administrator) -> Result<(), Error> {
        self.write(move |connection| {
            Box::pin(async move {
                let others = connection.row(COUNT, args![kept.name.as_str()]).await?;
                if others.map_or(Ok(0), |row| row.int(0))? >= ADMINISTRATORS_MAX {
                    return Err(Error::Limit { what: "administrators", max: ADMINISTRATORS_MAX as usize });
                }
                let arguments = args![
                    kept.name,
                    kept.role,
                    kept.password,
                    i64::from(kept.must_choose),
                    kept.totp,
                    kept.totp_step,
                    kept.recovery,
                    kept.created_at.0
                ];
                connection.execute(PUT, arguments).await.map(drop)
            })
        })
        .await
    }

    /// Removes an administrator; tells whether there was one.
    ///
    /// # Errors
    /// The storage takes no writes.
    pub async fn administrator_remove(&self, name: &str) -> Result<bool, Error> {
        let arguments = args![name];
        self.write(move |connection| {
            Box::pin(async move { Ok(connection.execute(DELETE, arguments).await? > 0) })
        })
        .await
    }

    /// All tokens, oldest first.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn api_tokens(&self) -> Result<Vec<ApiToken>, Error> {
        self.db().rows(TOKENS, args![]).await?.iter().map(token).collect()
    }

    /// The token of this hash, be it in time or not.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn api_token(&self, token_hash: &str) -> Result<Option<ApiToken>, Error> {
        self.db().row(TOKEN, args![token_hash]).await?.as_ref().map(token).transpose()
    }

    /// Keeps a token; those that have ended by then go.
    ///
    /// # Errors
    /// [`Error::Limit`] when there are too many; or the storage takes no writes.
    pub async fn api_token_add(&self, token: ApiToken) -> Result<(), Error> {
        self.write(move |connection| {
            Box::pin(async move {
                connection.execute(TOKENS_EXPIRED, args![token.created_at.0]).await?;
                let count = connection.row(TOKEN_COUNT, args![]).await?;
                if count.map_or(Ok(0), |row| row.int(0))? >= API_TOKENS_MAX {
                    return Err(Error::Limit { what: "API tokens", max: API_TOKENS_MAX as usize });
                }
                let arguments = args![
                    token.id,
                    token.token_hash,
                    token.name,
                    token.role,
                    token.made_by,
                    token.created_at.0,
                    token.expires_at.0
                ];
                connection.execute(TOKEN_ADD, arguments).await.map(drop)
            })
        })
        .await
    }

    /// Takes a token back; tells whether there was one.
    ///
    /// # Errors
    /// The storage takes no writes.
    pub async fn api_token_remove(&self, id: &str) -> Result<bool, Error> {
        let arguments = args![id];
        self.write(move |connection| {
            Box::pin(async move { Ok(connection.execute(TOKEN_DELETE, arguments).await? > 0) })
        })
        .await
    }
}

fn administrator(row: &Row) -> Result<Administrator, Error> {
    Ok(Administrator {
        name: row.text(0)?,
        role: row.text(1)?,
        password: row.text(2)?,
        must_choose: row.int(3)? != 0,
        totp: row.text(4)?,
        totp_step: row.int(5)?,
        recovery: row.text(6)?,
        created_at: Timestamp(row.int(7)?),
    })
}

fn token(row: &Row) -> Result<ApiToken, Error> {
    Ok(ApiToken {
        id: row.text(0)?,
        token_hash: row.text(1)?,
        name: row.text(2)?,
        role: row.text(3)?,
        made_by: row.text(4)?,
        created_at: Timestamp(row.int(5)?),
        expires_at: Timestamp(row.int(6)?),
    })
}
