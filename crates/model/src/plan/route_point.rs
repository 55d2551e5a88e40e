//! CTI route points: a number that an application is asked about (`CC-19`).

use serde::{Deserialize, Serialize};

use super::{ForwardTo, Pattern};
use crate::{BareJid, Partition};

/// How long the application of a route point may think, in seconds, unless the plan says otherwise.
pub const ROUTE_SECONDS: u16 = 10;
/// How long it may think at most, in seconds: the caller hears nothing but ringing meanwhile.
pub const ROUTE_SECONDS_MAX: u16 = 60;

/// A number, or a pattern, that takes many calls and answers none of them: an application says where each one goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoutePoint {
    /// What applications call it.
    pub name: String,
    /// What it matches.
    pub pattern: Pattern,
    /// Where it lives.
    #[serde(default)]
    pub partition: Partition,
    /// The users whose applications may register for it: `ann`, or `ann@example.org`.
    pub users: Vec<String>,
    /// Where what the application selects is looked up; the settings' search space when none is named, never the
    /// caller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search_space: Option<String>,
    /// How long the application may think; [`ROUTE_SECONDS`] when it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_seconds: Option<u16>,
    /// Where a call goes that no application routes (`CC-17`, forward on CTI failure).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<ForwardTo>,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

impl RoutePoint {
    /// How long the application may think, in seconds.
    pub fn patience(&self) -> u16 {
        self.answer_seconds.unwrap_or(ROUTE_SECONDS)
    }

    /// May this user's applications register for it?
    pub fn allows(&self, user: &BareJid) -> bool {
        let name = user.node().map_or("", |node| node.as_str());
        self.users
            .iter()
            .any(|known| if known.contains('@') { user.as_str() == known } else { name == known })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_are_named_may_register_and_nobody_else() {
        let point: RoutePoint = serde_json::from_str(
            r#"{"name": "reception", "pattern": "40XX", "users": ["ann", "bob@example.org"]}"#,
        )
        .unwrap();
        let may = |user: &str| point.allows(&user.parse().unwrap());
        assert!(may("ann@example.org") && may("bob@example.org"));
        assert!(!may("bob@example.net") && !may("anna@example.org") && !may("example.org"));
        assert_eq!(point.patience(), ROUTE_SECONDS);
    }
}
