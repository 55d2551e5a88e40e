//! The messages of the latest calls, as they came and went: kept in memory by each shard, for `carillon call trace`.
//!
//! Taking a message in costs a look at its Call-ID, a table and a reference to its bytes; nothing is read or
//! written before somebody asks. A trace begins with an INVITE. INVITEs of strangers, who have proved nothing
//! yet, share a small part of the room, so that a scanner does not push the calls out.

mod kept;
mod redact;

use std::net::SocketAddr;

use bytes::Bytes;
use model::Timestamp;
use sip::endpoint::Transport;

pub(crate) use kept::{Room, Traces};
pub use redact::redacted;

/// Messages of one leg; the first half of them stays, of the rest the latest.
pub const TRACE_MESSAGES_MAX: usize = 200;
/// Bytes kept of one message; the rest is cut off.
pub const TRACE_MESSAGE_BYTES_MAX: usize = 8 * 1024;
/// Bytes of all messages kept, over all shards.
pub const TRACE_BYTES_MAX: usize = 64 << 20;
/// The most calls that can be asked to be kept.
pub const TRACED_CALLS_MAX: usize = 100_000;

/// What was said in one leg of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The Call-ID of the leg.
    pub call_id: Bytes,
    /// The messages in order.
    pub messages: Vec<TracedMessage>,
    /// How many messages are not here any more; they were in the middle.
    pub left_out: usize,
}

/// One message of a leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracedMessage {
    /// When it came or went.
    pub at: Timestamp,
    /// We sent it.
    pub sent: bool,
    /// By which transport.
    pub transport: Transport,
    /// The address of the other side.
    pub remote: SocketAddr,
    /// The message, or its beginning. It may hold secrets: see [`redacted`].
    pub bytes: Bytes,
    /// Its length before it was cut.
    pub length: usize,
}

impl TracedMessage {
    /// The message as people may see it.
    pub fn text(&self) -> String {
        redacted(&self.bytes)
    }
}
