//! Invitations to make an account (XEP-0401): bounded in time and in number, kept by the hash of their token.

use model::{BareJid, Timestamp};

use crate::db::{Connection, Row, args};
use crate::user::{self, NewUser};
use crate::{Error, Store};

/// Invitations that stand at a time.
pub const INVITATIONS_MAX: i64 = 10_000;
/// Of those, invitations of one user.
pub const INVITATIONS_OF_USER_MAX: i64 = 100;
/// How long an invitation that has ended is kept, in microseconds: who has shown it in time may still use it.
const KEPT_AFTER_END: i64 = 60 * 60 * 1_000_000;

const INSERT: &str = "INSERT INTO invitation (token_hash, username, inviter, uses_left, created_at, expires_at) \
     VALUES ($1, $2, $3, $4, $5, $6)";
const SELECT: &str = "SELECT token_hash, username, inviter, uses_left, created_at, expires_at FROM invitation \
     WHERE token_hash = $1";
const SELECT_ALL: &str = "SELECT token_hash, username, inviter, uses_left, created_at, expires_at FROM invitation \
     ORDER BY created_at, token_hash";
const RESERVED: &str = "SELECT token_hash FROM invitation WHERE username = $1 AND expires_at > $2";
const COUNT: &str = "SELECT COUNT(*) FROM invitation";
const COUNT_OF_USER: &str = "SELECT COUNT(*) FROM invitation WHERE inviter = $1";
const DELETE: &str = "DELETE FROM invitation WHERE token_hash = $1";
const DELETE_EXPIRED: &str = "DELETE FROM invitation WHERE expires_at <= $1";
const USE: &str = "UPDATE invitation SET uses_left = uses_left - 1 WHERE token_hash = $1 AND uses_left > 0";
const DELETE_USED_UP: &str = "DELETE FROM invitation WHERE token_hash = $1 AND uses_left <= 0";

pub(crate) const STATEMENTS: &[&str] = &[
    INSERT,
    SELECT,
    SELECT_ALL,
    RESERVED,
    COUNT,
    COUNT_OF_USER,
    DELETE,
    DELETE_EXPIRED,
    USE,
    DELETE_USED_UP,
];

/// An invitation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// The hash of its token, in hexadecimal.
    pub token_hash: String,
    /// The only name that it is good for; kept free for it while it stands (XEP-0445 §5).
    pub username: Option<String>,
    /// Who invited, and becomes a contact of whom he invited.
    pub inviter: Option<BareJid>,
    /// How many accounts it is still good for.
    pub uses_left: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl Store {
    /// Keeps an invitation; those that have ended by then go.
    ///
    /// # Errors
    /// [`Error::Limit`] when too many stand.
    pub async fn invitation_add(&self, invitation: Invitation) -> Result<(), Error> {
        self.write(move |connection| {
            Box::pin(async move {
                connection.execute(DELETE_EXPIRED, args![invitation.created_at.0 - KEPT_AFTER_END]).await?;
                let inviter = invitation.inviter.as_ref().map(|inviter| inviter.as_str().to_owned());
                let limits = [
                    (COUNT, args![], INVITATIONS_MAX, "invitations at a time"),
                    (
                        COUNT_OF_USER,
                        args![inviter.clone()],
                        INVITATIONS_OF_USER_MAX,
                        "invitations of one user",
                    ),
                ];
                for (sql, arguments, max, what) in limits {
                    let standing = connection.row(sql, arguments).await?.map_or(Ok(0), |row| row.int(0))?;
                    if standing >= max {
                        return Err(Error::Limit { what, max: max as usize });
                    }
                }
                let arguments = args![
                    invitation.token_hash,
                    invitation.username,
                    inviter,
                    invitation.uses_left,
                    invitation.created_at.0,
                    invitation.expires_at.0
                ];
                connection.execute(INSERT, arguments).await.map(drop)
            })
        })
        .await
    }

    /// The invitation of a token; `None` when there is none, or none any more.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn invitation(&self, token_hash: &str) -> Result<Option<Invitation>, Error> {
        self.db().row(SELECT, args![token_hash]).await?.as_ref().map(invitation).transpose()
    }

    /// All invitations that stand, oldest first.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn invitations(&self) -> Result<Vec<Invitation>, Error> {
        self.db().rows(SELECT_ALL, args![]).await?.iter().map(invitation).collect()
    }

    /// Is a user name kept free for somebody who is invited?
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn username_is_reserved(&self, username: &str, now: Timestamp) -> Result<bool, Error> {
        Ok(self.db().row(RESERVED, args![username, now.0]).await?.is_some())
    }

    /// Takes an invitation back; false when there was none.
    ///
    /// # Errors
    /// The storage takes no writes.
    pub async fn invitation_remove(&self, token_hash: &str) -> Result<bool, Error> {
        let arguments = args![token_hash];
        let removed = self
            .write(move |connection| Box::pin(async move { connection.execute(DELETE, arguments).await }))
            .await?;
        Ok(removed > 0)
    }

    /// Adds a user who was invited and uses the invitation up by one: both or neither. That it has ended meanwhile does
    /// not matter (XEP-0445 §4); that it was used up does.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the invitation is good for nobody any more, [`Error::Conflicts`] when the user exists.
    pub async fn user_add_invited(&self, user: NewUser, token_hash: &str) -> Result<(), Error> {
        let token_hash = token_hash.to_owned();
        let done = self
            .write(move |connection| Box::pin(async move { use_up(connection, &[user], &token_hash).await }))
            .await;
        self.accounts_changed();
        done
    }
}

async fn use_up(connection: &mut Connection, users: &[NewUser], token_hash: &str) -> Result<(), Error> {
    if connection.execute(USE, args![token_hash]).await? == 0 {
        return Err(Error::NotFound("an invitation that is still good".to_owned()));
    }
    user::import(connection, users).await?;
    connection.execute(DELETE_USED_UP, args![token_hash]).await.map(drop)
}

fn invitation(row: &Row) -> Result<Invitation, Error> {
    Ok(Invitation {
        token_hash: row.text(0)?,
        username: row.optional_text(1)?,
        inviter: row.optional_text(2)?.map(|inviter| inviter.parse()).transpose().map_err(|_| corrupt())?,
        uses_left: row.int(3)?,
        created_at: Timestamp(row.int(4)?),
        expires_at: Timestamp(row.int(5)?),
    })
}

fn corrupt() -> Error {
    Error::Corrupt("the inviter of an invitation is no address".to_owned())
}
