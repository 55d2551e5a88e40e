//! Trunks: the ways to other telephone systems (`CC-27`), as the dial plan names them.
//!
//! | file | what |
//! | --- | --- |
//! | `table` | all trunks of the plan, and which of their servers a call out tries, in order |
//! | `live` | one trunk: its servers, its state, its credentials |
//! | `health` | from answers to OPTIONS to "up" or "down" |
//! | `keeper` | name service, registration, OPTIONS: what keeps trunks up; lives in the first shard |
//! | `names` | the questions of RFC 3263, asked of the system's name servers |
//! | `outgoing` | what an INVITE over a trunk says: who calls, and credentials |
//! | `incoming` | who is a trunk, and who calls over it |
//! | `standing` | the connections that are kept to trunks over TLS |
//! | `trust` | what a certificate of another side is worth |
//! | `status` | what administrators see |
//!
//! A call out tries servers one after the other (`call/ways.rs`). Nobody reaches a trunk without having proved who he
//! is, and who came over one trunk does not go out over another unless the plan says so.

mod health;
mod incoming;
mod keeper;
mod live;
mod names;
mod outgoing;
mod standing;
mod status;
mod table;
mod trust;

pub use incoming::{FromTrunk, Origin};
pub use live::Trunk;
pub use outgoing::Outgoing;
pub use status::{ProbeOutcome, ServerStatus, TrunkStatus};
pub use table::{Local, Trunks, WAYS_MAX};
pub use trust::Peer;

pub(crate) use keeper::{Found, Hands, Keeper, Probed, retry_after};
pub(crate) use live::HalfOpen;
pub(crate) use names::Names;
pub(crate) use outgoing::{anonymous, carried_identity};
pub(crate) use standing::is_standing;
