//! Settings that are changed at run time and kept: name and value, both text.

use crate::db::args;
use crate::{Error, Store};

const SELECT: &str = "SELECT value FROM setting WHERE name = $1";
const SELECT_ALL: &str = "SELECT name, value FROM setting ORDER BY name";
pub(crate) const PUT: &str = "INSERT INTO setting (name, value) VALUES ($1, $2) \
     ON CONFLICT (name) DO UPDATE SET value = excluded.value";
const INSERT: &str = "INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
const REPLACE: &str = "UPDATE setting SET value = $1 WHERE name = $2 AND value = $3";
const DELETE: &str = "DELETE FROM setting WHERE name = $1";

pub(crate) const STATEMENTS: &[&str] = &[SELECT, SELECT_ALL, PUT, INSERT, REPLACE, DELETE];

impl Store {
    /// The value of a setting.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn setting(&self, name: &str) -> Result<Option<String>, Error> {
        self.db().row(SELECT, args![name]).await?.map(|row| row.text(0)).transpose()
    }

    /// All settings, by name.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn settings(&self) -> Result<Vec<(String, String)>, Error> {
        let rows = self.db().rows(SELECT_ALL, args![]).await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.text(1)?))).collect()
    }

    /// Sets a setting.
    ///
    /// # Errors
    /// The storage takes no writes.
    pub async fn setting_put(&self, name: &str, value: &str) -> Result<(), Error> {
        let arguments = args![name, value];
        self.write(move |connection| {
            Box::pin(async move { connection.execute(PUT, arguments).await.map(drop) })
        })
        .await
    }

    /// Sets a setting if it has still the value that was read, or none when none was read. Says whether it was set.
    ///
    /// # Errors
    /// The storage takes no writes.
    pub async fn setting_replace(&self, name: &str, old: Option<&str>, value: &str) -> Result<bool, Error> {
        let (statement, arguments) = match old {
            Some(old) => (REPLACE, args![value, name, old]),
            None => (INSERT, args![name, value]),
        };
        self.write(move |connection| {
            Box::pin(async move { Ok(connection.execute(statement, arguments).await? == 1) })
        })
        .await
    }

    /// Forgets a setting, so that its default holds again.
    ///
    /// # Errors
    /// The storage takes no writes.
    pub async fn setting_remove(&self, name: &str) -> Result<(), Error> {
        let arguments = args![name];
        self.write(move |connection| {
            Box::pin(async move { connection.execute(DELETE, arguments).await.map(drop) })
        })
        .await
    }
}
