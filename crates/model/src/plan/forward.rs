//! Call forwarding of a line (`CC-17`).

use serde::{Deserialize, Serialize};

use super::Digits;

/// Where the calls of a line go, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Forwards {
    /// Always.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all: Option<ForwardTo>,
    /// When the line is busy.
    #[serde(skip_serializing_if = "ByOrigin::is_none")]
    pub busy: ByOrigin,
    /// When nobody answers.
    #[serde(skip_serializing_if = "ByOrigin::is_none")]
    pub no_answer: ByOrigin,
    /// When no phone of the line is registered.
    #[serde(skip_serializing_if = "ByOrigin::is_none")]
    pub unregistered: ByOrigin,
    /// How long it rings before nobody answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_answer_seconds: Option<u16>,
    /// The search space of destinations that the user of the line sets; the settings' when none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search_space: Option<String>,
}

/// Separate destinations for calls from inside and from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ByOrigin {
    /// For calls of lines of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub internal: Option<ForwardTo>,
    /// For calls that came over a trunk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<ForwardTo>,
}

/// A destination, and the search space in which it is looked up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForwardTo {
    /// What is dialled.
    pub to: Digits,
    /// With which search space; the settings' when none is named, never the caller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search_space: Option<String>,
}

impl Forwards {
    /// Is there no forward at all?
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// All destinations, with the field each stands in.
    pub fn destinations(&self) -> impl Iterator<Item = (&'static str, &ForwardTo)> {
        [
            ("forward.all", &self.all),
            ("forward.busy.internal", &self.busy.internal),
            ("forward.busy.external", &self.busy.external),
            ("forward.no_answer.internal", &self.no_answer.internal),
            ("forward.no_answer.external", &self.no_answer.external),
            ("forward.unregistered.internal", &self.unregistered.internal),
            ("forward.unregistered.external", &self.unregistered.external),
        ]
        .into_iter()
        .filter_map(|(field, to)| to.as_ref().map(|to| (field, to)))
    }
}

impl ByOrigin {
    /// Is there no destination?
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// The destination for a call from inside, or from outside.
    pub fn of(&self, is_internal: bool) -> Option<&ForwardTo> {
        if is_internal { self.internal.as_ref() } else { self.external.as_ref() }
    }
}
