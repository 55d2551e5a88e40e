//! Subscription requests that wait for a user's answer (RFC 6121 §3.1.3), with the stanza to deliver again.

use bytes::Bytes;
use model::{BareJid, Timestamp};

use crate::db::{Connection, args};
use crate::{Error, Store};

/// The most requests that wait for one user.
pub const SUBSCRIPTION_REQUESTS_MAX: usize = 1_000;

const SELECT: &str =
    "SELECT contact, stanza, at FROM subscription_request WHERE owner = $1 ORDER BY at, contact";
const COUNT: &str = "SELECT COUNT(*), COALESCE(SUM(CASE WHEN contact = $2 THEN 1 ELSE 0 END), 0) \
     FROM subscription_request WHERE owner = $1";
const PUT: &str = "INSERT INTO subscription_request (owner, contact, stanza, at) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (owner, contact) DO UPDATE SET stanza = excluded.stanza, at = excluded.at";
const DELETE: &str = "DELETE FROM subscription_request WHERE owner = $1 AND contact = $2";

pub(crate) const STATEMENTS: &[&str] = &[SELECT, COUNT, PUT, DELETE];

/// A contact who asked to see a user's presence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionRequest {
    /// Who asked.
    pub contact: BareJid,
    /// The complete presence stanza, delivered at every sign-in until it is answered.
    pub stanza: Bytes,
    /// When it came.
    pub at: Timestamp,
}

impl Store {
    /// The requests that wait for `user`, oldest first.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn subscription_requests(&self, user: &BareJid) -> Result<Vec<SubscriptionRequest>, Error> {
        let rows = self.db().rows(SELECT, args![user]).await?;
        rows.iter()
            .map(|row| {
                Ok(SubscriptionRequest {
                    contact: row.parsed(0)?,
                    stanza: row.bytes(1)?.into(),
                    at: Timestamp(row.int(2)?),
                })
            })
            .collect()
    }

    /// Keeps a request; a newer one of the same contact replaces it.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such user, [`Error::Limit`] when too many wait.
    pub async fn subscription_request_put(
        &self,
        user: &BareJid,
        request: SubscriptionRequest,
    ) -> Result<(), Error> {
        let user = user.clone();
        self.write(move |connection| Box::pin(async move { put(connection, &user, request).await })).await
    }

    /// Forgets a request because it was answered or taken back; true when there was one.
    ///
    /// # Errors
    /// The storage takes no writes.
    pub async fn subscription_request_remove(
        &self,
        user: &BareJid,
        contact: &BareJid,
    ) -> Result<bool, Error> {
        let (user, contact) = (user.clone(), contact.clone());
        self.write(move |connection| {
            Box::pin(async move { Ok(connection.execute(DELETE, args![&user, &contact]).await? > 0) })
        })
        .await
    }
}

async fn put(connection: &mut Connection, user: &BareJid, request: SubscriptionRequest) -> Result<(), Error> {
    if let Some(row) = connection.row(COUNT, args![user, &request.contact]).await?
        && row.int(1)? == 0
        && usize::try_from(row.int(0)?).unwrap_or(usize::MAX) >= SUBSCRIPTION_REQUESTS_MAX
    {
        return Err(Error::Limit { what: "waiting subscription requests", max: SUBSCRIPTION_REQUESTS_MAX });
    }
    let arguments = args![user, &request.contact, request.stanza.to_vec(), request.at.0];
    match connection.execute(PUT, arguments).await {
        Err(error) if error.is_missing_parent() => Err(Error::NotFound(format!("user {user}"))),
        done => done.map(drop),
    }
}
