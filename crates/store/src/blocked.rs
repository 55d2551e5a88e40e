//! Who may not reach a user (XEP-0191).

use std::collections::BTreeSet;

use model::{BareJid, Jid};

use crate::db::args;
use crate::{Error, Store};

/// Addresses that one user may block.
pub const BLOCKED_MAX: usize = 1_000;

const SELECT: &str = "SELECT owner, address FROM blocked ORDER BY owner, address";
const COUNT: &str = "SELECT COUNT(*) FROM blocked WHERE owner = $1";
const PUT: &str =
    "INSERT INTO blocked (owner, address) VALUES ($1, $2) ON CONFLICT (owner, address) DO NOTHING";
const DELETE: &str = "DELETE FROM blocked WHERE owner = $1 AND address = $2";
pub(crate) const REMOVE_OWNER: &str = "DELETE FROM blocked WHERE owner = $1";

pub(crate) const STATEMENTS: &[&str] = &[SELECT, COUNT, PUT, DELETE, REMOVE_OWNER];

impl Store {
    /// Everybody's blocked addresses, by owner.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn blocked(&self) -> Result<Vec<(BareJid, Jid)>, Error> {
        let rows = self.db().rows(SELECT, args![]).await?;
        rows.iter().map(|row| Ok((row.parsed(0)?, row.parsed(1)?))).collect()
    }

    /// Blocks and unblocks addresses, all or none.
    ///
    /// # Errors
    /// [`Error::Limit`] when the user blocks too many; or the storage takes no writes.
    pub async fn blocked_change(
        &self,
        owner: &BareJid,
        block: BTreeSet<Jid>,
        unblock: BTreeSet<Jid>,
    ) -> Result<(), Error> {
        let owner = owner.clone();
        self.write(move |connection| {
            Box::pin(async move {
                for address in &unblock {
                    connection.execute(DELETE, args![&owner, address.as_str()]).await?;
                }
                for address in &block {
                    connection.execute(PUT, args![&owner, address.as_str()]).await?;
                }
                let count = connection.row(COUNT, args![&owner]).await?.map_or(Ok(0), |row| row.int(0))?;
                if usize::try_from(count).unwrap_or(usize::MAX) > BLOCKED_MAX {
                    return Err(Error::Limit { what: "blocked addresses", max: BLOCKED_MAX });
                }
                Ok(())
            })
        })
        .await
    }
}
