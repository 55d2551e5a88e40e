//! Partitions, and the calling search spaces that list them in order (`CC-04`).

use serde::{Deserialize, Serialize};

use crate::Partition;

/// What is known of a partition beside its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanPartition {
    /// Its name.
    pub name: Partition,
    /// It is there only while this schedule is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// It is there only while the schedule is *not* open.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub while_closed: bool,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// A calling search space: what its holder may dial, and which partition wins a tie.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchSpace {
    /// Its name.
    pub name: String,
    /// Its partitions, in order.
    pub partitions: Vec<Partition>,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}
