//! What can go wrong with the store, and whose fault it is.

use std::sync::Arc;

/// Why a read or write did not happen. Nothing of a failed write is kept.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The caller's fault: what was to be changed does not exist.
    #[error("{0} does not exist")]
    NotFound(String),
    /// The caller's fault: these exist already. Each names its place in the list that was given.
    #[error("{}", conflicts_text(.0))]
    Conflicts(Vec<Conflict>),
    /// The caller's fault: a named limit would be passed.
    #[error("at most {max} {what}")]
    Limit {
        /// What is limited, with its unit.
        what: &'static str,
        /// The limit.
        max: usize,
    },
    /// Our fault or the load's: more writes wait than the queue holds.
    #[error("too many writes are waiting for the storage")]
    QueueFull,
    /// The storage's fault: the disk is full or the database is away. Retried behind; try again later.
    #[error("the storage takes no writes: {0}")]
    Failing(Arc<str>),
    /// The caller's fault: the store was closed before.
    #[error("the store is closed")]
    Closed,
    /// The operator's fault: what was configured cannot be opened.
    #[error("{0}")]
    Refused(String),
    /// The storage's fault: it answered with an error.
    #[error("the database answered: {0}")]
    Database(Arc<sqlx::Error>),
    /// The storage's fault: what was read is not what this program writes.
    #[error("the database holds something unreadable: {0}")]
    Corrupt(String),
}

/// One thing that exists already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The place, from 0, in the list of users that was given.
    pub row: usize,
    /// What exists already, such as `user ann@example.org` or `line 1001`.
    pub what: String,
}

fn conflicts_text(conflicts: &[Conflict]) -> String {
    let names: Vec<&str> = conflicts.iter().take(3).map(|conflict| conflict.what.as_str()).collect();
    let more = conflicts.len().saturating_sub(names.len());
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{rest} exists already", names.join(", "))
}

impl Error {
    /// One thing that was to be added exists already.
    pub(crate) fn exists(what: impl Into<String>) -> Self {
        Self::Conflicts(vec![Conflict { row: 0, what: what.into() }])
    }

    /// True when the fault is the storage's (full, lost, broken), so that trying again later may help.
    pub fn is_storage_fault(&self) -> bool {
        match self {
            Self::QueueFull | Self::Failing(_) => true,
            Self::Database(error) => is_storage_fault(error),
            _ => false,
        }
    }

    /// True when a row that this one needs is not there.
    pub(crate) fn is_missing_parent(&self) -> bool {
        matches!(self, Self::Database(error)
            if error.as_database_error().is_some_and(|e| e.is_foreign_key_violation()))
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(Arc::new(error))
    }
}

fn is_storage_fault(error: &sqlx::Error) -> bool {
    let Some(error) = error.as_database_error() else {
        return !matches!(
            error,
            sqlx::Error::Encode(_)
                | sqlx::Error::Decode(_)
                | sqlx::Error::ColumnDecode { .. }
                | sqlx::Error::ColumnNotFound(_)
                | sqlx::Error::ColumnIndexOutOfBounds { .. }
        );
    };
    let code = error.code().unwrap_or_default();
    if error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() {
        // Classes 22 (bad data), 23 (constraint) and 42 (bad statement) are ours.
        return !(code.starts_with("22") || code.starts_with("23") || code.starts_with("42"));
    }
    // SQLite's primary result codes for: busy, out of memory, read-only, I/O, corrupt, full, cannot open,
    // protocol, not a database.
    matches!(code.parse::<i32>().unwrap_or(0) & 0xff, 5 | 7 | 8 | 10 | 11 | 13 | 14 | 15 | 26)
}
