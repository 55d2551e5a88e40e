//! When a user was last there and what they said on leaving (XEP-0012 §4), written behind within a second.

use model::{BareJid, Timestamp};
use serde_json::json;

use crate::db::{Bulk, Connection, args, bulk};
use crate::{Error, Store};

/// The longest kept status text, in bytes; longer ones are cut.
pub const STATUS_BYTES_MAX: usize = 1_024;

const SELECT: &str = "SELECT at, status FROM last_activity WHERE owner = $1";
const PUT_MANY: Bulk = bulk!(
    "INSERT INTO last_activity (owner, at, status) \
     SELECT u.jid, CAST(e.value->>1 AS BIGINT), e.value->>2 FROM",
    "JOIN users u ON u.jid = e.value->>0 WHERE true \
     ON CONFLICT (owner) DO UPDATE SET at = excluded.at, status = excluded.status"
);

pub(crate) const STATEMENTS: &[&str] = &[SELECT];
pub(crate) const BULKS: &[Bulk] = &[PUT_MANY];

/// When a user was last there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastActivity {
    /// When the last session ended.
    pub at: Timestamp,
    /// The status text of the last unavailable presence; empty for none.
    pub status: String,
}

impl Store {
    /// Notes that the last session of `user` ended, within a second.
    pub fn last_activity_put(&self, user: &BareJid, mut activity: LastActivity) {
        let end = activity.status.floor_char_boundary(STATUS_BYTES_MAX);
        activity.status.truncate(end);
        self.soft(|soft| {
            soft.activity.insert(user.clone(), activity);
        });
    }

    /// When `user` was last there; `None` when they never were.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn last_activity(&self, user: &BareJid) -> Result<Option<LastActivity>, Error> {
        if let Some(fresh) = self.soft_activity(user) {
            return Ok(Some(fresh));
        }
        let row = self.db().row(SELECT, args![user]).await?;
        row.map(|row| Ok(LastActivity { at: Timestamp(row.int(0)?), status: row.text(1)? })).transpose()
    }
}

pub(crate) async fn write<'a>(
    connection: &mut Connection,
    changes: impl Iterator<Item = (&'a BareJid, &'a LastActivity)> + Send,
) -> Result<(), Error> {
    let rows: Vec<_> =
        changes.map(|(user, activity)| json!([user.as_str(), activity.at.0, activity.status])).collect();
    if rows.is_empty() {
        return Ok(());
    }
    connection.execute_bulk(PUT_MANY, json!(rows).to_string()).await.map(drop)
}
