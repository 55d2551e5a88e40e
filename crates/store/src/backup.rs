//! Backup: a copy of the running database in one file.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::connect::Connector;
use crate::db::args;
use crate::{Error, Store, schema};

/// The most bytes of one file that goes with a backup.
pub const BACKUP_FILE_BYTES_MAX: usize = 16 << 20;

const VACUUM_INTO: &str = "VACUUM INTO $1";
const QUICK_CHECK: &str = "SELECT quick_check FROM pragma_quick_check LIMIT 1";

const CREATE_FILES: &str = "CREATE TABLE backup_file (name TEXT NOT NULL PRIMARY KEY, content BLOB NOT NULL)";
const INSERT_FILE: &str = "INSERT INTO backup_file (name, content) VALUES ($1, $2)";
const SELECT_FILES: &str = "SELECT name, content FROM backup_file ORDER BY name";
const DROP_FILES: &str = "DROP TABLE IF EXISTS backup_file";

pub(crate) const STATEMENTS_LITE: &[&str] = &[VACUUM_INTO, QUICK_CHECK];

impl Store {
    /// Writes everything durable into the new file `path`, while the store goes on working. `files` go with it, by
    /// name: the configuration and what else an empty machine needs.
    ///
    /// # Errors
    /// [`Error::Refused`] when the file exists, or the database is PostgreSQL, whose own tool does it better.
    pub async fn backup(&self, path: &Path, files: Vec<(String, Vec<u8>)>) -> Result<(), Error> {
        if self.connector().path().is_none() {
            return Err(Error::Refused(
                "this storage is PostgreSQL: back it up with its own tool, which does so online: \
                 pg_dump --format=custom --file=carillon.dump DATABASE"
                    .to_owned(),
            ));
        }
        if path.exists() {
            return Err(Error::Refused(format!("{} exists already: name a new file", path.display())));
        }
        if files.iter().any(|(_, content)| content.len() > BACKUP_FILE_BYTES_MAX) {
            return Err(Error::Limit { what: "bytes in a file of a backup", max: BACKUP_FILE_BYTES_MAX });
        }
        let Some(target) = path.to_str() else {
            return Err(Error::Refused(format!("{} is not a name in UTF-8", path.display())));
        };
        self.settle_all().await?;
        // A connection of its own: a long copy must not hold up readers or the writer.
        let mut connection = self.connector().connect().await?;
        let copied = connection.execute(VACUUM_INTO, args![target]).await;
        connection.close().await;
        copied?;
        // It holds what signs people in, and perhaps the private key.
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(path, private)
            .map_err(|error| Error::Refused(format!("{}: {error}", path.display())))?;
        attach(path, files).await?;
        let file = path.to_owned();
        let synced = self.runtime().blocking(move || std::fs::File::open(&file)?.sync_all()).join().await;
        match synced {
            Some(Ok(())) => Ok(()),
            _ => Err(Error::Refused(format!("{} could not be made durable", path.display()))),
        }
    }
}

async fn attach(path: &Path, files: Vec<(String, Vec<u8>)>) -> Result<(), Error> {
    let mut connection = Connector::new(&format!("sqlite:{}", path.display()))?.connect_plain().await?;
    connection.script(CREATE_FILES).await?;
    for (name, content) in files {
        connection.execute(INSERT_FILE, args![name, content]).await?;
    }
    connection.close().await;
    Ok(())
}

/// Takes the files out of a copied backup, which then is a database like any other.
///
/// # Errors
/// [`Error::Refused`] when the file cannot be opened.
pub async fn backup_files(path: &Path) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let mut connection = Connector::new(&format!("sqlite:{}", path.display()))?.connect_plain().await?;
    let rows = connection.rows(SELECT_FILES, args![]).await.unwrap_or_default();
    let files = rows.iter().map(|row| Ok((row.text(0)?, row.bytes(1)?))).collect::<Result<_, Error>>();
    let dropped = connection.script(DROP_FILES).await;
    connection.close().await;
    dropped?;
    files
}

/// Looks at a backup without changing it: whole, ours, and not newer than this program. Says its schema version.
///
/// # Errors
/// [`Error::Refused`] says what is wrong with the file.
pub async fn backup_check(path: &Path) -> Result<i64, Error> {
    if !path.is_file() {
        return Err(Error::Refused(format!("{} is not a file", path.display())));
    }
    let not_ours = |error: Error| Error::Refused(format!("{} is not a backup: {error}", path.display()));
    let connector = Connector::new(&format!("sqlite:{}", path.display()))?;
    let db = connector.readers();
    let checked = async {
        let answer = db.row(QUICK_CHECK, args![]).await.map_err(not_ours)?;
        match answer.map_or(Ok(String::new()), |row| row.text(0))?.as_str() {
            "ok" => {}
            trouble => return Err(Error::Refused(format!("{} is damaged: {trouble}", path.display()))),
        }
        let row = db.row(schema::STATEMENTS[0], args![]).await.map_err(not_ours)?;
        row.map_or(Ok(0), |row| row.int(0))
    };
    let version = checked.await;
    db.close().await;
    match version? {
        version if version > schema::newest() => Err(Error::Refused(format!(
            "{} has schema version {version}, and this carillon knows up to {}",
            path.display(),
            schema::newest()
        ))),
        version => Ok(version),
    }
}
