//! The schema's version: an older database is copied aside and migrated, a newer one refused.

use std::path::{Path, PathBuf};

use crate::Error;
use crate::db::{Connection, args};

const LITE: &[&str] = &[
    include_str!("../migrations/sqlite/0001_start.sql"),
    include_str!("../migrations/sqlite/0002_archive.sql"),
    include_str!("../migrations/sqlite/0003_pubsub.sql"),
    include_str!("../migrations/sqlite/0004_room.sql"),
    include_str!("../migrations/sqlite/0005_pubsub_members.sql"),
    include_str!("../migrations/sqlite/0006_archive_text.sql"),
    include_str!("../migrations/sqlite/0007_upload.sql"),
    include_str!("../migrations/sqlite/0008_people_group.sql"),
    include_str!("../migrations/sqlite/0009_sign_in.sql"),
    include_str!("../migrations/sqlite/0010_call_record.sql"),
    include_str!("../migrations/sqlite/0011_line_settings.sql"),
    include_str!("../migrations/sqlite/0012_device.sql"),
    include_str!("../migrations/sqlite/0013_administration.sql"),
];
const PG: &[&str] = &[
    include_str!("../migrations/postgres/0001_start.sql"),
    include_str!("../migrations/postgres/0002_archive.sql"),
    include_str!("../migrations/postgres/0003_pubsub.sql"),
    include_str!("../migrations/postgres/0004_room.sql"),
    include_str!("../migrations/postgres/0005_pubsub_members.sql"),
    include_str!("../migrations/postgres/0006_archive_text.sql"),
    include_str!("../migrations/postgres/0007_upload.sql"),
    include_str!("../migrations/postgres/0008_people_group.sql"),
    include_str!("../migrations/postgres/0009_sign_in.sql"),
    include_str!("../migrations/postgres/0010_call_record.sql"),
    include_str!("../migrations/postgres/0011_line_settings.sql"),
    include_str!("../migrations/postgres/0012_device.sql"),
    include_str!("../migrations/postgres/0013_administration.sql"),
];

const CREATE_VERSION: &str = "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)";
const SELECT_VERSION: &str = "SELECT COALESCE(MAX(version), 0) FROM schema_version";
const CLEAR_VERSION: &str = "DELETE FROM schema_version";
const SET_VERSION: &str = "INSERT INTO schema_version (version) VALUES ($1)";
const VACUUM_INTO: &str = "VACUUM INTO $1";
const TABLES_PG: &str = "SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = current_schema() \
     ORDER BY tablename";

pub(crate) const STATEMENTS: &[&str] = &[SELECT_VERSION, CLEAR_VERSION, SET_VERSION];
pub(crate) const STATEMENTS_PG: &[&str] = &[TABLES_PG];
pub(crate) const STATEMENTS_LITE: &[&str] = &[VACUUM_INTO];

/// Brings the database to this program's version.
pub(crate) async fn bring_up(connection: &mut Connection, path: Option<&Path>) -> Result<(), Error> {
    let migrations = if matches!(connection, Connection::Lite(_)) { LITE } else { PG };
    migrate(connection, path, migrations).await
}

/// The version that this program writes.
pub(crate) fn newest() -> i64 {
    i64::try_from(LITE.len()).unwrap_or(i64::MAX)
}

/// The version of a database, 0 for an empty one.
pub(crate) async fn version(connection: &mut Connection) -> Result<i64, Error> {
    connection.row(SELECT_VERSION, args![]).await?.map_or(Ok(0), |row| row.int(0))
}

async fn migrate(connection: &mut Connection, path: Option<&Path>, migrations: &[&str]) -> Result<(), Error> {
    connection.script(CREATE_VERSION).await?;
    let found = version(connection).await?;
    let wanted = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    if found > wanted {
        return Err(Error::Refused(format!(
            "the database has schema version {found}, and this carillon knows up to {wanted}: \
             use the newer carillon, or restore a backup made with this one"
        )));
    }
    if found > 0 && found < wanted {
        let copy = copy_aside(connection, path, found).await?;
        tracing::info!(%copy, from = found, to = wanted, "copied the database and migrate it");
    }
    for (done, migration) in migrations.iter().enumerate().skip(usize::try_from(found).unwrap_or(0)) {
        let version = i64::try_from(done).unwrap_or(0) + 1;
        connection.script("BEGIN").await?;
        let migrated = async {
            connection.script(migration).await?;
            connection.execute(CLEAR_VERSION, args![]).await?;
            connection.execute(SET_VERSION, args![version]).await?;
            connection.script("COMMIT").await
        };
        if let Err(error) = migrated.await {
            connection.script("ROLLBACK").await?;
            return Err(Error::Refused(format!("migrating to schema version {version} failed: {error}")));
        }
    }
    Ok(())
}

/// Copies the database before it is changed: SQLite into a file beside it, PostgreSQL into a schema beside it.
async fn copy_aside(connection: &mut Connection, path: Option<&Path>, found: i64) -> Result<String, Error> {
    match path {
        Some(path) => {
            let copy = PathBuf::from(format!("{}.version-{found}", path.display()));
            if copy.exists() {
                return Err(Error::Refused(format!(
                    "{} is in the way: move it, for the database is copied there before it is migrated",
                    copy.display()
                )));
            }
            connection.execute(VACUUM_INTO, args![copy.display().to_string()]).await?;
            Ok(copy.display().to_string())
        }
        None => {
            let schema = format!("carillon_version_{found}");
            connection.script(&format!("CREATE SCHEMA {schema}")).await?;
            for row in connection.rows(TABLES_PG, args![]).await? {
                let table = row.text(0)?;
                connection.script(&format!("CREATE TABLE {schema}.{table} AS TABLE {table}")).await?;
            }
            Ok(format!("schema {schema}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::Connector;

    async fn open(path: &Path) -> Connection {
        Connector::new(&format!("sqlite:{}", path.display())).unwrap().connect().await.unwrap()
    }

    #[tokio::test]
    async fn an_older_database_is_copied_and_migrated() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("carillon.db");
        let mut connection = open(&path).await;
        migrate(&mut connection, Some(&path), &LITE[..1]).await.unwrap();
        connection.script("INSERT INTO setting (name, value) VALUES ('a', 'b')").await.unwrap();

        let two = [LITE[0], "CREATE TABLE second (a INTEGER)"];
        migrate(&mut connection, Some(&path), &two).await.unwrap();
        assert_eq!(version(&mut connection).await.unwrap(), 2);
        connection.script("INSERT INTO second VALUES (1)").await.unwrap();

        let mut copy = open(&folder.path().join("carillon.db.version-1")).await;
        assert_eq!(version(&mut copy).await.unwrap(), 1);
        let value = copy.row("SELECT value FROM setting", args![]).await.unwrap().unwrap();
        assert_eq!(value.text(0).unwrap(), "b");
    }

    #[tokio::test]
    async fn the_database_itself_keeps_the_audit_log_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let mut connection = open(&folder.path().join("carillon.db")).await;
        migrate(&mut connection, None, LITE).await.unwrap();
        let insert = "INSERT INTO audit (at, who, how, address, act, target, before_state, after_state, result) \
             VALUES (1, 'admin', 'api', '', 'user-add', 'ann', '', '', 'done')";
        connection.script(insert).await.unwrap();
        for change in ["UPDATE audit SET who = 'eve'", "DELETE FROM audit"] {
            let refused = connection.script(change).await.unwrap_err().to_string();
            assert!(refused.contains("cannot be changed"), "{refused}");
        }
        assert_eq!(connection.rows("SELECT id FROM audit", args![]).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_newer_database_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("carillon.db");
        let mut connection = open(&path).await;
        migrate(&mut connection, Some(&path), LITE).await.unwrap();
        connection.execute(SET_VERSION, args![newest() + 1]).await.unwrap();
        let error = migrate(&mut connection, Some(&path), LITE).await.unwrap_err().to_string();
        let newer = format!("schema version {}", newest() + 1);
        assert!(error.contains(&newer) && error.contains("newer carillon"), "{error}");
    }

    #[tokio::test]
    async fn a_migration_that_fails_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("carillon.db");
        let mut connection = open(&path).await;
        migrate(&mut connection, Some(&path), &LITE[..1]).await.unwrap();
        let broken = [LITE[0], "CREATE TABLE second (a INTEGER); CREATE TABLE second (a INTEGER)"];
        migrate(&mut connection, Some(&path), &broken).await.unwrap_err();
        assert_eq!(version(&mut connection).await.unwrap(), 1);
        assert!(connection.rows("SELECT a FROM second", args![]).await.is_err());
    }
}
