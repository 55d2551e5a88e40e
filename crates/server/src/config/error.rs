//! What is wrong with a configuration: the file, the line, the key, and what is allowed there.

use std::path::PathBuf;

/// Why a configuration cannot be used. The text is for the operator, who can mend it.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no configuration file.
    #[error("{} does not exist: make it with `carillon init --data {} --domain DOMAIN`", .path.display(), .folder.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// The data directory.
        folder: PathBuf,
    },
    /// The file cannot be read.
    #[error("{} cannot be read: {cause}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{}, line {line}: {message}", .path.display())]
    NotToml {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What the parser said.
        message: String,
    },
    /// A key that nobody reads, which is a typing error.
    #[error("{place}: there is no key {key}; {allowed}")]
    UnknownKey {
        /// The file and line, or the environment variable.
        place: String,
        /// The key as written.
        key: String,
        /// The keys that there are.
        allowed: String,
    },
    /// A value that the key does not take.
    #[error("{place}: {key} = {value} is not right; allowed: {allowed}")]
    BadValue {
        /// The file and line, or the environment variable.
        place: String,
        /// The key with its section.
        key: String,
        /// The value as written.
        value: String,
        /// What is allowed.
        allowed: String,
    },
    /// A key without which nothing works.
    #[error("{}: {key} is missing; allowed: {allowed}", .path.display())]
    MissingKey {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// What is allowed.
        allowed: &'static str,
    },
}
