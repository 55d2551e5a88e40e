//! The control socket: `DIR/control.sock`, JSON lines, for whoever may read the data directory.
//!
//! A request is one line with an object (see [`operations::Request`]). The answer is one line,
//! `{"done": …}` or `{"failed": {…}}`; long work sends `{"progress": {…}}` lines before it. Several requests may
//! follow each other on one connection.

mod client;
mod line;
mod server;

use serde::{Deserialize, Serialize};

pub use client::Client;
pub use server::serve;

use operations::{Failure, Progress};

/// The longest line in either direction: an import's file travels in one.
pub const LINE_BYTES_MAX: usize = 16 << 20;
/// The most connections at once.
pub const CONNECTIONS_MAX: usize = 32;

/// A line from the node.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reply {
    /// How far the work is.
    Progress(Progress),
    /// The answer.
    Done(serde_json::Value),
    /// Why there is none.
    Failed(Failure),
}
