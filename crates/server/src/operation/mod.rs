//! What an administrator can ask for: one implementation each, run by a verb or by the control socket.

mod import;
mod keeping;
mod line;
pub mod secret;
mod user;

use std::path::PathBuf;
use std::sync::Arc;

use model::{BareJid, LineId};
use runtime::Runtime;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::Store;

pub use import::{IMPORT_COLUMNS, ImportRow};

/// One request.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "operation", rename_all = "kebab-case")]
pub enum Operation {
    /// Adds a user, with a line when one is given.
    UserAdd {
        /// The address.
        jid: BareJid,
        /// The name shown to people.
        name: String,
        /// The password.
        password: String,
        /// A line and its password; without one, a random one is made and told.
        line: Option<(LineId, Option<String>)>,
    },
    /// Lists users; with a mechanism, those who cannot use it.
    UserList {
        /// Only users without this SCRAM mechanism.
        without: Option<String>,
    },
    /// All that is known of a user.
    UserShow {
        /// The address.
        jid: BareJid,
    },
    /// Enables or disables a user; disabling ends their sessions.
    UserEnable {
        /// The address.
        jid: BareJid,
        /// Which.
        enabled: bool,
    },
    /// Removes a user with their lines and messages.
    UserRemove {
        /// The address.
        jid: BareJid,
    },
    /// Gives a user another password.
    UserSetPassword {
        /// The address.
        jid: BareJid,
        /// The password.
        password: String,
    },
    /// Adds many users: all of them or none.
    UserImport {
        /// The rows.
        rows: Vec<ImportRow>,
    },
    /// Adds a line.
    LineAdd {
        /// The line.
        line: LineId,
        /// Its owner.
        owner: Option<BareJid>,
        /// Its password; a random one is made and told when none is given.
        password: Option<String>,
    },
    /// Lists lines.
    LineList,
    /// Removes a line.
    LineRemove {
        /// The line.
        line: LineId,
    },
    /// Gives a line another password.
    LineSetPassword {
        /// The line.
        line: LineId,
        /// The password; a random one is made and told when none is given.
        password: Option<String>,
    },
    /// Writes a backup while the store is in use.
    Backup {
        /// The file, absolute.
        path: PathBuf,
    },
    /// Checks the database.
    Verify,
    /// Changes a module's log level.
    LogLevel {
        /// The module, such as `im`; empty for all.
        module: String,
        /// `error`, `warn`, `info`, `debug`, `trace`.
        level: String,
    },
    /// What runs.
    Status,
}

/// Why an operation was not done.
#[derive(Debug, thiserror::Error, Serialize, Deserialize)]
#[error("{message}")]
pub struct Failure {
    /// What kind of failure; chooses the exit code.
    pub kind: FailureKind,
    /// In words, with what to do next.
    pub message: String,
    /// Row by row, for an import.
    #[serde(default)]
    pub rows: Vec<String>,
}

/// The kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// What was asked for cannot be: it exists already, does not exist, is not allowed.
    Refused,
    /// The storage does not work.
    Storage,
}

impl Failure {
    /// A refusal.
    pub fn refused(message: impl Into<String>) -> Self {
        Self { kind: FailureKind::Refused, message: message.into(), rows: Vec::new() }
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        let kind = if error.is_storage_fault() { FailureKind::Storage } else { FailureKind::Refused };
        Self { kind, message: error.to_string(), rows: Vec::new() }
    }
}

/// What only a running node can do.
pub trait Running: Send + Sync {
    /// Ends a user's sessions; gives their number.
    fn end_sessions(&self, user: &BareJid) -> usize;
    /// Changes a module's log level.
    fn log_level(&self, module: &str, level: &str) -> Result<(), String>;
    /// What runs, as data.
    fn status(&self) -> Value;
}

/// Tells how far a long operation is: done, of all.
pub type Progress<'a> = &'a (dyn Fn(usize, usize) + Send + Sync);

/// Where operations are done.
#[derive(Clone)]
pub struct House {
    /// The store.
    pub store: Store,
    /// The domain of all addresses, and the realm of lines.
    pub domain: String,
    /// For random numbers and threads.
    pub runtime: Runtime,
    /// The node, when one runs here.
    pub running: Option<Arc<dyn Running>>,
}

impl House {
    /// Does one operation; gives what it found as data for `--json` and for people.
    ///
    /// # Errors
    /// [`Failure`] says why not and what to do.
    pub async fn execute(&self, operation: Operation, progress: Progress<'_>) -> Result<Value, Failure> {
        match operation {
            Operation::UserAdd { jid, name, password, line } => {
                self.user_add(jid, name, &password, line).await
            }
            Operation::UserList { without } => self.user_list(without.as_deref()).await,
            Operation::UserShow { jid } => self.user_show(&jid).await,
            Operation::UserEnable { jid, enabled } => self.user_enable(&jid, enabled).await,
            Operation::UserRemove { jid } => self.user_remove(&jid).await,
            Operation::UserSetPassword { jid, password } => self.user_set_password(&jid, &password).await,
            Operation::UserImport { rows } => self.user_import(rows, progress).await,
            Operation::LineAdd { line, owner, password } => self.line_add(line, owner, password).await,
            Operation::LineList => self.line_list().await,
            Operation::LineRemove { line } => self.line_remove(&line).await,
            Operation::LineSetPassword { line, password } => self.line_set_password(&line, password).await,
            Operation::Backup { path } => self.backup(&path).await,
            Operation::Verify => self.verify().await,
            Operation::LogLevel { module, level } => {
                let running = self.running()?;
                running.log_level(&module, &level).map_err(Failure::refused)?;
                Ok(serde_json::json!({ "module": module, "level": level }))
            }
            Operation::Status => Ok(self.running()?.status()),
        }
    }

    fn running(&self) -> Result<&Arc<dyn Running>, Failure> {
        self.running.as_ref().ok_or_else(|| Failure::refused("no node runs on this data directory; start it with `carillon serve`"))
    }

    /// An address that this server serves.
    fn own(&self, jid: &BareJid) -> Result<(), Failure> {
        if jid.domain().as_str() != self.domain || jid.node().is_none() {
            let message = format!("{jid} is not an address of {}: use name@{}", self.domain, self.domain);
            return Err(Failure::refused(message));
        }
        Ok(())
    }
}
