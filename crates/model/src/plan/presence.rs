//! Presence groups: whose line state is shown to whom in call lists and over trunks (`PH-10`, `PH-11`).

use serde::{Deserialize, Serialize};

/// The group of what is in none (`PH-10`).
pub const PRESENCE_GROUP_DEFAULT: &str = "Standard Presence Group";

/// Presence groups and their relations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Presence {
    /// The groups beside the standard one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Do call lists and directories show the state of lines (*BLF for Call Lists*, `PH-08`)? Else they show people, as
    /// far as these let the watcher see them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub call_lists: bool,
    /// What holds between two groups about which nothing is said (*Inter-Presence Group Subscribe Policy*, `PH-11`).
    pub between_groups: Relation,
    /// Relations, each in one direction.
    #[serde(rename = "relation", skip_serializing_if = "Vec::is_empty")]
    pub relations: Vec<PresenceRelation>,
}

/// May one group watch another?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Relation {
    /// It may.
    Allow,
    /// It may not.
    Deny,
}

/// What holds from one group to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PresenceRelation {
    /// The group of who watches.
    pub watcher: String,
    /// The group of who is watched.
    pub watched: String,
    /// May they?
    pub relation: Relation,
}

impl Default for Presence {
    fn default() -> Self {
        Self { groups: Vec::new(), call_lists: false, between_groups: Relation::Allow, relations: Vec::new() }
    }
}

impl Presence {
    /// May somebody of one group watch somebody of another? Within a group always.
    pub fn may_watch(&self, watcher: Option<&str>, watched: Option<&str>) -> bool {
        let watcher = watcher.unwrap_or(PRESENCE_GROUP_DEFAULT);
        let watched = watched.unwrap_or(PRESENCE_GROUP_DEFAULT);
        let said = self.relations.iter().find(|said| said.watcher == watcher && said.watched == watched);
        match said {
            Some(said) => said.relation == Relation::Allow,
            None => watcher == watched || self.between_groups == Relation::Allow,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relation_holds_in_one_direction() {
        let relation = |watcher: &str, watched: &str, relation| PresenceRelation {
            watcher: watcher.into(),
            watched: watched.into(),
            relation,
        };
        let mut presence = Presence {
            groups: vec!["Contractors".into(), "Executives".into()],
            relations: vec![relation("Contractors", "Executives", Relation::Deny)],
            ..Presence::default()
        };
        assert!(!presence.may_watch(Some("Contractors"), Some("Executives")));
        assert!(presence.may_watch(Some("Executives"), Some("Contractors")));
        presence.between_groups = Relation::Deny;
        assert!(!presence.may_watch(Some("Executives"), Some("Contractors")));
        assert!(presence.may_watch(None, Some(PRESENCE_GROUP_DEFAULT)), "one's own group is no other");
    }
}
