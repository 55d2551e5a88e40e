//! What the users of lines have set for them: forwards, do not disturb.

use model::{LineId, LineSettings};

use crate::db::args;
use crate::line::line_id;
use crate::{Error, Store};

const SELECT_ALL: &str =
    "SELECT number, partition_name, settings FROM line_settings ORDER BY partition_name, number";
const SELECT_ONE: &str = "SELECT settings FROM line_settings WHERE number = $1 AND partition_name = $2";
const PUT: &str = "INSERT INTO line_settings (number, partition_name, settings) VALUES ($1, $2, $3) \
     ON CONFLICT (number, partition_name) DO UPDATE SET settings = excluded.settings";
const DELETE: &str = "DELETE FROM line_settings WHERE number = $1 AND partition_name = $2";

pub(crate) const STATEMENTS: &[&str] = &[SELECT_ALL, SELECT_ONE, PUT, DELETE];

impl Store {
    /// The settings of all lines that have any.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn line_settings_all(&self) -> Result<Vec<(LineId, LineSettings)>, Error> {
        let rows = self.db().rows(SELECT_ALL, args![]).await?;
        rows.iter()
            .map(|row| {
                let line = line_id(row, 0)?;
                let settings = read(&line, &row.text(2)?);
                Ok((line, settings))
            })
            .collect()
    }

    /// The settings of one line.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn line_settings(&self, line: &LineId) -> Result<LineSettings, Error> {
        let row = self.db().row(SELECT_ONE, args![line.number.as_str(), line.partition.as_str()]).await?;
        row.map_or(Ok(LineSettings::default()), |row| Ok(read(line, &row.text(0)?)))
    }

    /// Keeps the settings of a line.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such line; the storage takes no writes.
    pub async fn line_settings_put(&self, line: &LineId, settings: &LineSettings) -> Result<(), Error> {
        let (number, partition) = (line.number.as_str(), line.partition.as_str());
        let (sql, arguments) = match settings.is_none() {
            true => (DELETE, args![number, partition]),
            false => (PUT, args![number, partition, serde_json::to_string(settings).unwrap_or_default()]),
        };
        let line = line.clone();
        self.write(move |connection| {
            Box::pin(async move {
                match connection.execute(sql, arguments).await {
                    Err(error) if error.is_missing_parent() => Err(Error::NotFound(format!("line {line}"))),
                    done => done.map(drop),
                }
            })
        })
        .await
    }
}

/// Settings that a newer version has written are read as far as they are known.
fn read(line: &LineId, text: &str) -> LineSettings {
    serde_json::from_str(text).unwrap_or_else(|error| {
        tracing::error!(%line, %error, "the settings of a line cannot be read and are not used");
        LineSettings::default()
    })
}
