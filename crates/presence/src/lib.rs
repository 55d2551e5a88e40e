//! One presence per user, composed from chat, phone, calendar and choice; who may watch whom.
//!
//! Messaging and call control meet here (state) and in `apps` (behaviour), and nowhere else: both push
//! [`Observation`]s in, both listen for users whose composed [`Presence`] changed.

mod compose;
mod engine;
mod observation;
mod policy;

pub use compose::{Activity, Presence, Reason, Rules, State, compose};
pub use engine::{Engine, Listener};
pub use observation::{Observation, Observed, Show, Source};
pub use policy::may_watch;
