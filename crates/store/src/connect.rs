//! Opening the database: where it is, how each connection is set up, and that nobody else has it.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use crate::Error;
use crate::db::{Connection, Db, args};

/// Connections for reading.
const READERS: u32 = 4;
/// How long a read waits for a connection.
const READER_WAIT_MAX: Duration = Duration::from_secs(3);
/// How long connecting to a database server may take.
const CONNECT_WAIT_MAX: Duration = Duration::from_secs(5);
/// How often, and how far apart, the node lock is asked for: PostgreSQL keeps that of a connection that has
/// just gone until it notices.
const NODE_LOCK_TRIES: u32 = 20;
const NODE_LOCK_PAUSE: Duration = Duration::from_millis(100);
/// What the writing connection keeps of an SQLite database in memory, in KiB (negative: SQLite's way to say so).
/// The indexes of archives are written all over; 2 MiB, the default, cost four times as many pages read.
const WRITER_CACHE_KIB: &str = "-16384";
/// Pages in SQLite's write-ahead log before they are moved into the database.
const WAL_AUTOCHECKPOINT_PAGES: &str = "10000";
/// Statements kept prepared by the writer's connection.
const STATEMENTS_KEPT: usize = 128;
/// The advisory lock that the one node on a PostgreSQL database holds: "Carillon" in ASCII.
const NODE_LOCK: i64 = 0x4361_7269_6c6c_6f6e;

const TAKE_NODE_LOCK: &str = "SELECT CASE WHEN pg_try_advisory_lock($1) THEN 1::BIGINT ELSE 0::BIGINT END";
const PAGE_SIZE: &str = "SELECT page_size FROM pragma_page_size";

pub(crate) const STATEMENTS_PG: &[&str] = &[TAKE_NODE_LOCK];
pub(crate) const STATEMENTS_LITE: &[&str] = &[PAGE_SIZE];

/// Knows how to connect.
#[derive(Clone, Debug)]
pub(crate) enum Connector {
    Lite(PathBuf),
    Pg(Box<PgConnectOptions>),
}

impl Connector {
    /// Reads a storage URL: `sqlite:PATH` or `postgres://…`.
    pub(crate) fn new(url: &str) -> Result<Self, Error> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path.starts_with(":memory:") {
                return Err(Error::Refused(format!("{url}: name a file, such as sqlite:carillon.db")));
            }
            return Ok(Self::Lite(PathBuf::from(path)));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            // The address may hold a password: it is not repeated.
            let options = PgConnectOptions::from_str(url)
                .map_err(|error| Error::Refused(format!("the PostgreSQL address is not right: {error}")))?;
            let options = options.options([("synchronous_commit", "on")]).application_name("carillon");
            return Ok(Self::Pg(Box::new(options.disable_statement_logging())));
        }
        Err(Error::Refused("a storage address is sqlite:PATH or postgres://USER@HOST/DATABASE".to_owned()))
    }

    fn lite(path: &Path) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(path)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(5))
            .statement_cache_capacity(STATEMENTS_KEPT)
            .disable_statement_logging()
    }

    /// The connection for writing.
    pub(crate) async fn connect(&self) -> Result<Connection, Error> {
        match self {
            Self::Lite(path) => {
                let options = Self::lite(path)
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .pragma("cache_size", WRITER_CACHE_KIB)
                    .pragma("wal_autocheckpoint", WAL_AUTOCHECKPOINT_PAGES);
                let connection = options.connect().await.map_err(|error| {
                    Error::Refused(format!("{} cannot be opened: {error}", path.display()))
                })?;
                Ok(Connection::Lite(connection))
            }
            Self::Pg(options) => {
                let connecting = tokio::time::timeout(CONNECT_WAIT_MAX, options.connect()).await;
                let connection = connecting
                    .map_err(|_| Error::Refused("PostgreSQL does not answer".to_owned()))?
                    .map_err(|error| Error::Refused(format!("PostgreSQL cannot be reached: {error}")))?;
                let mut connection = Connection::Pg(connection);
                for _ in 0..NODE_LOCK_TRIES {
                    let row = connection.row(TAKE_NODE_LOCK, args![NODE_LOCK]).await?;
                    if row.map_or(Ok(0), |row| row.int(0))? == 1 {
                        return Ok(connection);
                    }
                    tokio::time::sleep(NODE_LOCK_PAUSE).await;
                }
                Err(Error::Refused(
                    "another carillon has this PostgreSQL database open; stop it first".to_owned(),
                ))
            }
        }
    }

    /// A connection to an SQLite file without a write-ahead log beside it: for backups, which are one file.
    pub(crate) async fn connect_plain(&self) -> Result<Connection, Error> {
        let Self::Lite(path) = self else {
            return Err(Error::Refused("only SQLite has backup files".to_owned()));
        };
        let options = Self::lite(path).journal_mode(SqliteJournalMode::Delete);
        let connection = options
            .connect()
            .await
            .map_err(|error| Error::Refused(format!("{} cannot be opened: {error}", path.display())))?;
        Ok(Connection::Lite(connection))
    }

    /// The pool for reading.
    pub(crate) fn readers(&self) -> Db {
        match self {
            Self::Lite(path) => Db::Lite(
                SqlitePoolOptions::new()
                    .max_connections(READERS)
                    .acquire_timeout(READER_WAIT_MAX)
                    .test_before_acquire(false)
                    .connect_lazy_with(Self::lite(path).read_only(true)),
            ),
            Self::Pg(options) => Db::Pg(
                PgPoolOptions::new()
                    .max_connections(READERS)
                    .acquire_timeout(READER_WAIT_MAX)
                    .connect_lazy_with((**options).clone()),
            ),
        }
    }

    /// Sets the largest size of the database; 0 takes the limit away. PostgreSQL's size is its own affair.
    pub(crate) async fn limit_size(&self, connection: &mut Connection, bytes: i64) -> Result<(), Error> {
        if matches!(self, Self::Pg(_)) {
            return Ok(());
        }
        let page = connection.row(PAGE_SIZE, args![]).await?.map_or(Ok(4_096), |row| row.int(0))?;
        let pages = if bytes > 0 { (bytes / page.max(1)).max(1) } else { i64::from(u32::MAX) - 1 };
        connection.script(&format!("PRAGMA max_page_count = {pages}")).await
    }

    /// The database's file, if it is one.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Lite(path) => Some(path),
            Self::Pg(_) => None,
        }
    }
}
