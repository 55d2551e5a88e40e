//! Whether the calls of a line or a trunk are recorded.

use serde::{Deserialize, Serialize};

/// What holds for the calls of a leg. Of two legs the one that wants more counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recording {
    /// No call, unless the other leg says otherwise.
    #[default]
    Never,
    /// When a user or an application begins it.
    OnDemand,
    /// Every call, from its answer to its end.
    Always,
}
