//! Databases for the store's tests: a fresh SQLite file, or a fresh database in a PostgreSQL of our own.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use model::{BareJid, Timestamp};
use runtime::Runtime;
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use store::{DigestSecret, Entry, NewLine, NewUser, ScramRecord, Seq, Store};

const PG_BIN: &str = "/usr/lib/postgresql/15/bin";

/// A database that lasts as long as the test.
pub enum Database {
    Lite(tempfile::TempDir),
    Pg { url: String },
}

impl Database {
    pub fn lite() -> Self {
        Self::Lite(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> PathBuf {
        match self {
            Self::Lite(folder) => folder.path().join("carillon.db"),
            Self::Pg { .. } => panic!("PostgreSQL has no file"),
        }
    }

    pub fn url(&self) -> String {
        match self {
            Self::Lite(_) => format!("sqlite:{}", self.path().display()),
            Self::Pg { url } => url.clone(),
        }
    }

    pub async fn open(&self) -> Store {
        Store::open(&self.url(), &Runtime::real()).await.unwrap()
    }

    /// Runs SQL behind the store's back.
    pub async fn sql(&self, sql: &'static str) {
        match self {
            Self::Lite(_) => {
                let mut connection = SqliteConnection::connect(&self.url()).await.unwrap();
                sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
            }
            Self::Pg { url } => {
                let mut connection = PgConnection::connect(url).await.unwrap();
                sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
            }
        }
    }
}

/// A PostgreSQL of our own on a private socket; stopped and deleted with this value.
pub struct Postgres {
    folder: tempfile::TempDir,
    databases: u32,
}

impl Postgres {
    pub fn start() -> Self {
        assert!(
            Path::new(PG_BIN).join("initdb").exists(),
            "these tests need PostgreSQL 15: apt-get install postgresql-15 (cargo xtask setup does it)"
        );
        let folder = tempfile::Builder::new().prefix("carillon-pg-").tempdir_in("/tmp").unwrap();
        if is_root() {
            // initdb and postgres refuse root.
            run(Command::new("chown").arg("postgres").arg(folder.path()));
        }
        let postgres = Self { folder, databases: 0 };
        let data = postgres.data();
        run(postgres.tool("initdb").args(["-D", &data, "-A", "trust", "-U", "carillon", "--no-sync"]));
        postgres.resume();
        postgres
    }

    /// Starts the server (again).
    pub fn resume(&self) {
        let folder = self.folder.path().display();
        let options =
            format!("-k {folder} -c listen_addresses='' -c shared_buffers=16MB -c max_connections=60");
        let log = format!("{folder}/log");
        run(self.tool("pg_ctl").args(["-D", &self.data(), "-w", "-l", &log, "-o", &options, "start"]));
    }

    /// Stops the server hard, as a crash would.
    pub fn stop(&self) {
        run(self.tool("pg_ctl").args(["-D", &self.data(), "-w", "-m", "immediate", "stop"]));
    }

    /// A new, empty database.
    pub async fn database(&mut self) -> Database {
        self.databases += 1;
        let name = format!("case_{}", self.databases);
        let mut connection = PgConnection::connect(&self.url("postgres")).await.unwrap();
        let create = format!("CREATE DATABASE {name}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(create)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        Database::Pg { url: self.url(&name) }
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://carillon@localhost/{database}?host={}", self.folder.path().display())
    }

    fn data(&self) -> String {
        format!("{}/data", self.folder.path().display())
    }

    fn tool(&self, name: &str) -> Command {
        let tool = format!("{PG_BIN}/{name}");
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--", &tool]);
            command
        } else {
            Command::new(tool)
        };
        command.current_dir("/tmp").env("LC_ALL", "C").stdin(Stdio::null());
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let mut stop = self.tool("pg_ctl");
        stop.args(["-D", &self.data(), "-w", "-m", "immediate", "stop"]);
        let _stopped = stop.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout == b"0\n"
}

fn run(command: &mut Command) {
    // The server inherits standard output: a pipe would never end.
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert!(status.success(), "{command:?} failed");
}

pub fn jid(text: &str) -> BareJid {
    text.parse().unwrap()
}

pub fn scram(mark: u8) -> ScramRecord {
    ScramRecord {
        mechanism: "SCRAM-SHA-256".to_owned(),
        salt: vec![mark; 16],
        iterations: 10_000,
        stored_key: vec![mark; 32],
        server_key: vec![0xff; 32],
    }
}

pub fn user(name: &str) -> NewUser {
    NewUser {
        jid: jid(&format!("{name}@localhost")),
        name: name.to_uppercase(),
        scram: vec![scram(1)],
        lines: vec![],
    }
}

pub fn line(number: &str, username: &str) -> NewLine {
    let secret = |username: &str| DigestSecret {
        username: username.to_owned(),
        realm: "localhost".to_owned(),
        algorithm: "md5".to_owned(),
        ha1: "0123456789abcdef0123456789abcdef".to_owned(),
    };
    NewLine {
        line: number.parse::<model::Number>().unwrap().into(),
        owner: None,
        secrets: vec![secret(number), secret(username)],
    }
}

pub fn entry(store: &Store, owner: &str, text: &str) -> Entry {
    Entry {
        id: store.stanza_id(),
        owner: jid(owner),
        from: "ann@localhost/desk".to_owned(),
        to: owner.to_owned(),
        stanza: Bytes::from(format!("<message><body>{text}</body></message>")),
        at: Timestamp(1_795_166_999_000_000),
        spool: true,
        archives: store::Archives::default(),
        told: None,
    }
}

/// Waits until `seq` is durable.
pub async fn durable(store: &Store, seq: Seq) {
    let mut watermark = store.durable();
    let waited = tokio::time::timeout(Duration::from_secs(20), watermark.wait_for(|w| *w >= seq)).await;
    waited.expect("durable within 20 s").unwrap();
}

/// Each case becomes a test of its own on SQLite; PostgreSQL is started once for all.
#[allow(unused_macros, reason = "each test file uses its part")]
macro_rules! cases {
    ($($case:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $case() {
                super::$case($crate::support::Database::lite()).await;
            })*
        }

        #[tokio::test]
        async fn every_case_holds_on_postgresql() {
            let mut postgres = $crate::support::Postgres::start();
            $(println!("case {}", stringify!($case));
            $case(postgres.database().await).await;)*
        }
    };
}

#[allow(unused_imports, reason = "each test file uses its part")]
pub(crate) use cases;
