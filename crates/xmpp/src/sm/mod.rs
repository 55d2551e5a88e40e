//! Stream management (XEP-0198 version 1.6): what each side has handled, and what to send again after a loss.
//!
//! [`Outbound`] holds what the peer has not acknowledged yet; [`Inbound`] says how far we may acknowledge:
//! never beyond what the journal has made durable. [`Signal`] is what goes over the wire.

mod inbound;
mod outbound;
mod signal;

use std::time::Duration;

pub use inbound::Inbound;
pub use outbound::{HandledCountTooHigh, Outbound, QueueFull};
pub use signal::{ACK_REQUEST, FEATURE, Signal, SignalError};

pub use crate::ns::STREAM_MANAGEMENT as NS;

/// The most stanzas that wait for one peer's acknowledgement, in stanzas.
pub const UNACKED_STANZAS_MAX: usize = 2_000;
/// An acknowledgement is asked for after this many stanzas, in stanzas; and when the session falls idle.
pub const REQUEST_EVERY_STANZAS: usize = 20;
/// The most stanzas of one peer that may wait for the journal; beyond it nothing more is read from him.
pub const UNDURABLE_STANZAS_MAX: usize = 1_000;
/// How long a lost session waits to be resumed, in time.
pub const RESUME_TIME_MAX: Duration = Duration::from_secs(600);
/// The longest `previd` that we look up, in bytes.
pub const SESSION_ID_BYTES_MAX: usize = 128;
