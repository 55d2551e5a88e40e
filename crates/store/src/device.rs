//! Accounts of devices (`CC-01`): a telephone that signs in with a secret of its own, not with its line's.

use model::{BareJid, LineId};
use serde_json::json;

use crate::db::args;
use crate::line::{INSERT_SECRETS, line_id};
use crate::{DigestSecret, Error, Store};

const SELECT_ALL: &str = "SELECT DISTINCT l.number, l.partition_name, l.owner, s.device FROM digest_secret s \
     JOIN line l ON l.number = s.number AND l.partition_name = s.partition_name \
     WHERE s.device IS NOT NULL ORDER BY s.device";
const SELECT_LINE: &str = "SELECT number, owner FROM line WHERE number = $1 AND partition_name = $2";
const SELECT_TAKEN: &str =
    "SELECT number FROM digest_secret WHERE username = $1 AND (device IS NULL OR device <> $1)";
const DELETE: &str = "DELETE FROM digest_secret WHERE device = $1";

pub(crate) const STATEMENTS: &[&str] = &[SELECT_ALL, SELECT_LINE, SELECT_TAKEN, DELETE];

/// A device that has an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceAccount {
    /// Its name, which is also the name that it signs in with.
    pub name: String,
    /// Its line, or the first of them.
    pub line: LineId,
    /// The user whose line that is.
    pub owner: Option<BareJid>,
}

impl Store {
    /// All accounts of devices.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn device_accounts(&self) -> Result<Vec<DeviceAccount>, Error> {
        let rows = self.db().rows(SELECT_ALL, args![]).await?;
        let read = |row: &crate::db::Row| {
            let owner = row.optional_text(2)?.map(|owner| crate::db::parse(&owner)).transpose()?;
            Ok(DeviceAccount { name: row.text(3)?, line: line_id(row, 0)?, owner })
        };
        rows.iter().map(read).collect()
    }

    /// Gives a device these secrets, on this line, in the place of what it had.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such line, [`Error::Conflicts`] when a line's phones sign in with that name.
    pub async fn device_set_account(
        &self,
        device: &str,
        line: &LineId,
        secrets: Vec<DigestSecret>,
    ) -> Result<(), Error> {
        let (device, line) = (device.to_owned(), line.clone());
        let done = self
            .write(move |connection| {
                Box::pin(async move {
                    let key = args![line.number.as_str(), line.partition.as_str()];
                    if connection.row(SELECT_LINE, key).await?.is_none() {
                        return Err(Error::NotFound(format!("line {line}")));
                    }
                    if connection.row(SELECT_TAKEN, args![device.as_str()]).await?.is_some() {
                        return Err(Error::exists(format!(
                            "{device}, as the name that phones of a line sign in with"
                        )));
                    }
                    connection.execute(DELETE, args![device.as_str()]).await?;
                    let row = |s: &DigestSecret| {
                        json!([line.number, line.partition, s.username, s.realm, s.algorithm, s.ha1, device])
                    };
                    let rows: Vec<_> = secrets.iter().map(row).collect();
                    connection.execute_bulk(INSERT_SECRETS, json!(rows).to_string()).await.map(drop)
                })
            })
            .await;
        self.accounts_changed();
        done
    }

    /// Takes the account of a device away.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it has none.
    pub async fn device_remove_account(&self, device: &str) -> Result<(), Error> {
        let device = device.to_owned();
        let done = self
            .write(move |connection| {
                Box::pin(async move {
                    match connection.execute(DELETE, args![device.as_str()]).await? {
                        0 => Err(Error::NotFound(format!("an account of device {device}"))),
                        _ => Ok(()),
                    }
                })
            })
            .await;
        self.accounts_changed();
        done
    }
}
