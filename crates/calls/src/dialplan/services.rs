//! The numbers that the server itself answers: they live in the partition `internal`, and search spaces hold for them.

use std::collections::BTreeMap;

use model::plan::{Finding, Severity};

use super::space::NO_RANK;
use super::{DialPlan, Target};

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Services {
    /// The echo.
    pub echo: Option<String>,
    /// Conferences.
    pub conferences: Vec<String>,
    /// The slots of parked calls; a line of the same number comes first.
    pub slots: Vec<String>,
}

impl Services {
    /// The echo, these conferences, and the slots that there are.
    pub fn new(echo: Option<String>, conferences: impl IntoIterator<Item = String>) -> Self {
        let slots = crate::features::park::slots().collect();
        Self { echo, conferences: conferences.into_iter().collect(), slots }
    }
}

impl From<Option<&str>> for Services {
    /// The echo alone.
    fn from(echo: Option<&str>) -> Self {
        Self { echo: echo.map(str::to_owned), ..Self::default() }
    }
}

impl DialPlan {
    /// Numbers, of the plan or of accounts, that are slots of parked calls, too, for somebody who may dial both: only
    /// one of them is reached.
    pub fn slots_in_the_way(&self) -> Vec<Finding> {
        let slots = self.entries.iter().filter(|entry| entry.target == Target::Slot);
        let slots: BTreeMap<&str, u16> = slots.map(|entry| (entry.text.as_str(), entry.partition)).collect();
        let mut found = Vec::new();
        for entry in &self.entries {
            let kind = match entry.target {
                Target::Line(_) => "line",
                Target::HuntPilot(_) => "hunt_pilot",
                _ => continue,
            };
            let Some(slot) = slots.get(entry.text.as_str()) else { continue };
            if self.are_dialled_together(*slot, entry.partition) {
                found.push(Finding {
                    severity: Severity::Warning,
                    path: format!("{kind} {} in {}", entry.text, self.partitions.name(entry.partition)),
                    message: "its number is also that of a slot for parked calls".to_owned(),
                    advice: "give it another number, or nobody who dials the one reaches the other"
                        .to_owned(),
                });
            }
        }
        found
    }

    /// Does some search space that the plan gives to somebody list both?
    fn are_dialled_together(&self, one: u16, other: u16) -> bool {
        let is_given = |index: usize| index != self.everything || !self.plan.has_classes();
        let mut given = self.spaces.iter().enumerate().filter(|(index, _)| is_given(*index));
        given.any(|(_, space)| space.rank(one) != NO_RANK && space.rank(other) != NO_RANK)
    }
}

#[cfg(test)]
mod tests {
    use model::plan::Plan;

    use super::*;
    use crate::dialplan::{Accounts, compile};

    fn found(document: &str) -> Vec<String> {
        let services = Services::new(Some("600".to_owned()), []);
        let plan = compile(&Plan::read(document).unwrap(), Accounts::default(), services);
        plan.slots_in_the_way().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_line_with_the_number_of_a_slot_is_named() {
        let all = found("[[line]]\nnumber = \"699-702\"\n[[line]]\nnumber = \"721\"\n");
        assert_eq!(all.len(), 2, "{all:?}");
        assert!(
            all[0].starts_with("warning: line 701 in internal: its number is also that of a slot"),
            "{all:?}"
        );
        assert!(all[1].starts_with("warning: line 702 in internal"), "{all:?}");
    }

    #[test]
    fn a_line_that_nobody_dials_who_dials_slots_is_in_nobodys_way() {
        let space = |name: &str, partitions: &str| {
            format!("[[search_space]]\nname = \"{name}\"\npartitions = [{partitions}]\n")
        };
        let line = "[[line]]\nnumber = \"701@shop\"\n";
        let apart = format!("{}{}{line}", space("a", "\"internal\""), space("b", "\"shop\""));
        assert_eq!(found(&apart), Vec::<String>::new());
        let together = format!("{apart}{}", space("c", "\"shop\", \"internal\""));
        assert_eq!(found(&together).len(), 1);
    }
}
