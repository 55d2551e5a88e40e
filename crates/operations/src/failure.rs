//! Why an operation was not done, for people, for scripts and for the wire.

use serde::{Deserialize, Serialize};

use crate::exit::Exit;

/// Why an operation was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// How a verb ends.
    pub exit: Exit,
    /// What happened, and what to do next.
    pub message: String,
    /// The rows of a list that are not right.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<RowFailure>,
}

/// A row of a list that is not right.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RowFailure {
    /// The line of the file, from 1.
    pub line: u64,
    /// What is wrong there.
    pub message: String,
}

impl Failure {
    /// A failure with its exit code.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), rows: Vec::new() }
    }

    /// What was given is not right.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Exit::Invalid, message)
    }

    /// What was named does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Exit::NotFound, message)
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        let exit = match &error {
            store::Error::NotFound(_) => Exit::NotFound,
            store::Error::Conflicts(_) => Exit::Exists,
            store::Error::Limit { .. } => Exit::Invalid,
            error if error.is_storage_fault() => Exit::Unavailable,
            store::Error::Closed => Exit::Unavailable,
            _ => Exit::Failed,
        };
        Self::new(exit, error.to_string())
    }
}
