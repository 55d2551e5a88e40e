//! Translation patterns (`CC-08`) and route patterns (`CC-10`, `CC-20`).

use serde::{Deserialize, Serialize};

use super::{Pattern, Transformation};
use crate::Partition;

/// Rewrites what was dialled, and looks it up again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Translation {
    /// What it matches.
    pub pattern: Pattern,
    /// Where it lives.
    #[serde(default)]
    pub partition: Partition,
    /// Where the new number is looked up; the caller's own search space when none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search_space: Option<String>,
    /// What becomes of the called number.
    #[serde(default, skip_serializing_if = "Transformation::is_none")]
    pub called: Transformation,
    /// What becomes of the calling number.
    #[serde(default, skip_serializing_if = "Transformation::is_none")]
    pub calling: Transformation,
    /// Routes at once although more digits could follow.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub urgent: bool,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// Sends a number out, or blocks it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoutePattern {
    /// What it matches.
    pub pattern: Pattern,
    /// Where it lives.
    #[serde(default)]
    pub partition: Partition,
    /// Where it goes.
    pub to: RouteTo,
    /// Routes at once although more digits could follow.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub urgent: bool,
    /// What becomes of the called number.
    #[serde(default, skip_serializing_if = "Transformation::is_none")]
    pub called: Transformation,
    /// The calling number is what the line's own is outside (its `external_mask`), before anything else is done to it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub external_calling: bool,
    /// What becomes of the calling number.
    #[serde(default, skip_serializing_if = "Transformation::is_none")]
    pub calling: Transformation,
    /// The caller keys in an authorisation code of at least this level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_level: Option<u8>,
    /// The caller keys in a client matter code.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub client_matter: bool,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// Where a route leads: `"block"`, `{ list = "…" }`, `{ group = "…" }`, `{ trunk = "…" }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RouteTo {
    /// Nowhere: it may not be called.
    Block,
    /// A route list.
    List(String),
    /// A route group; `local` is the caller's own.
    Group(String),
    /// One trunk.
    Trunk(String),
}
