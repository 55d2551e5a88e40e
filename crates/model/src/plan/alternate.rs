//! Automated alternate routing: over the public network when admission is refused (`CC-21`).

use serde::{Deserialize, Serialize};

use super::Digits;

/// A group of places, and what is dialled from it to others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlternateGroup {
    /// Its name.
    pub name: String,
    /// What precedes the number outside, by the group of who is called.
    #[serde(rename = "prefix", skip_serializing_if = "Vec::is_empty")]
    pub prefixes: Vec<AlternatePrefix>,
}

/// What precedes the number of somebody in another group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlternatePrefix {
    /// The group of who is called.
    pub to: String,
    /// What is dialled before the number.
    pub dial: Digits,
}

impl AlternateGroup {
    /// What is dialled before a number of that group: nothing when no row says so.
    pub fn prefix(&self, to: &str) -> Digits {
        self.prefixes.iter().find(|prefix| prefix.to == to).map_or_else(Digits::empty, |prefix| prefix.dial)
    }
}
