//! The control socket: JSON lines between a verb and the running node.
//!
//! One request a connection: the operation on one line; then progress lines; then one line with the outcome.

mod ask;
mod serve;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use ask::{Answered, ask};
pub use serve::serve;

use crate::operation::Failure;

/// The longest line on the socket, in bytes: an import of 100,000 users fits.
pub const LINE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Connections served at a time.
pub const CONNECTIONS_MAX: usize = 16;
/// How long a connection may take to say what it wants.
pub const REQUEST_TIME_MAX: std::time::Duration = std::time::Duration::from_secs(30);

/// What the node says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Line {
    /// How far it is: done, of all.
    Progress(usize, usize),
    /// It is done.
    Done(Value),
    /// It was not done.
    Failed(Failure),
}
