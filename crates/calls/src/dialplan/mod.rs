//! The dial plan: what a dialled number or name leads to. A pure function of a table and what was dialled.
//!
//! In order: the echo number, a line by its number, all lines of a user by name; else nothing (`CC-26`).

use std::collections::BTreeMap;

use model::{BareJid, LineId, NodePart, Number, PARTITION_DEFAULT, User};
use store::Line;

use crate::place::Service;

/// Users and lines as the store has them, in the order in which one dials them. Immutable; swapped whole.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Lines of the default partition come first when a number stands in several.
    lines: BTreeMap<String, PlannedLine>,
    users: BTreeMap<String, PlannedUser>,
    owners: BTreeMap<LineId, Option<BareJid>>,
    echo: Option<String>,
}

#[derive(Clone, Debug)]
struct PlannedLine {
    line: LineId,
    owner: Option<BareJid>,
}

#[derive(Clone, Debug)]
struct PlannedUser {
    jid: BareJid,
    name: String,
    enabled: bool,
    lines: Vec<LineId>,
}

/// Where something leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// One or more lines; none when a user has no line.
    Lines(Reached),
    /// A service of this server.
    Service(Service),
    /// Nowhere: there is no such number or name.
    Nowhere,
}

/// The line or user reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// The lines, lowest number first.
    pub lines: Vec<LineId>,
    /// The user, unless it is a line without owner.
    pub user: Option<BareJid>,
    /// What the caller is shown: the number, or the name that was dialled.
    pub address: String,
    /// The user's name for people.
    pub name: Option<String>,
}

impl Plan {
    /// The plan for these users and lines; `echo` is the number of the echo service.
    pub fn new(users: &[User], lines: &[Line], echo: Option<&str>) -> Self {
        let mut plan = Self { echo: echo.map(str::to_owned), ..Self::default() };
        for user in users {
            let Some(node) = user.jid.node() else { continue };
            let (jid, name) = (user.jid.clone(), user.name.clone());
            let planned = PlannedUser { jid, name, enabled: user.enabled, lines: Vec::new() };
            plan.users.insert(node.as_str().to_owned(), planned);
        }
        for Line { line, owner } in lines {
            let owner = owner.clone();
            if let Some(node) = owner.as_ref().and_then(|owner| owner.node())
                && let Some(user) = plan.users.get_mut(node.as_str())
            {
                user.lines.push(line.clone());
            }
            plan.owners.insert(line.clone(), owner.clone());
            let number = line.number.as_str().to_owned();
            let preferred = line.partition.as_str() == PARTITION_DEFAULT;
            if preferred || !plan.lines.contains_key(&number) {
                plan.lines.insert(number, PlannedLine { line: line.clone(), owner });
            }
        }
        for user in plan.users.values_mut() {
            user.lines.sort();
        }
        plan
    }

    /// Where the user part of an address of our domain leads. Users that are disabled lead nowhere (`PS-15`).
    pub fn resolve(&self, dialled: &str) -> Resolution {
        if self.echo.as_deref() == Some(dialled) {
            return Resolution::Service(Service::Echo);
        }
        if let Some(planned) = self.lines.get(without_separators(dialled).as_str()) {
            return self.resolve_line(planned, dialled);
        }
        // RFC 7622 §3.3: a local part is compared in its prepared form.
        let Ok(node) = NodePart::new(dialled) else { return Resolution::Nowhere };
        match self.users.get(node.as_str()) {
            Some(user) if user.enabled => Resolution::Lines(Reached {
                lines: user.lines.clone(),
                user: Some(user.jid.clone()),
                address: dialled.to_owned(),
                name: shown(&user.name),
            }),
            _ => Resolution::Nowhere,
        }
    }

    fn resolve_line(&self, planned: &PlannedLine, dialled: &str) -> Resolution {
        let user = planned
            .owner
            .as_ref()
            .and_then(|owner| owner.node())
            .and_then(|node| self.users.get(node.as_str()));
        if user.is_some_and(|user| !user.enabled) {
            return Resolution::Nowhere;
        }
        Resolution::Lines(Reached {
            lines: vec![planned.line.clone()],
            user: planned.owner.clone(),
            address: dialled.to_owned(),
            name: user.and_then(|user| shown(&user.name)),
        })
    }

    /// The owner of a line: `None` when there is no such line, `Some(None)` when it has no owner.
    pub fn owner(&self, line: &LineId) -> Option<Option<&BareJid>> {
        self.owners.get(line).map(Option::as_ref)
    }

    /// The name shown to people for a user.
    pub fn name(&self, user: &BareJid) -> Option<String> {
        shown(&self.users.get(user.node()?.as_str())?.name)
    }

    /// The lines of a user, lowest number first.
    pub fn lines_of(&self, user: &BareJid) -> &[LineId] {
        let planned = user.node().and_then(|node| self.users.get(node.as_str()));
        planned.map_or(&[], |user| &user.lines)
    }

    /// May phones of this line be registered: does it exist, and is its owner enabled?
    pub fn is_in_service(&self, line: &LineId) -> bool {
        match self.owners.get(line) {
            None => false,
            Some(None) => true,
            Some(Some(owner)) => {
                owner.node().and_then(|node| self.users.get(node.as_str())).is_some_and(|user| user.enabled)
            }
        }
    }
}

fn shown(name: &str) -> Option<String> {
    (!name.is_empty()).then(|| name.to_owned())
}

/// A number without the visual separators of RFC 3966 §5.1.1; what is no number stays as it is.
fn without_separators(dialled: &str) -> String {
    let digits: String = dialled.chars().filter(|c| !matches!(c, '-' | '.' | '(' | ')' | ' ')).collect();
    if digits.parse::<Number>().is_ok() { digits } else { dialled.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::UserId;

    fn plan() -> Plan {
        let user = |name: &str, enabled| User {
            id: UserId(1),
            jid: format!("{name}@example.org").parse().unwrap(),
            name: name.to_uppercase(),
            enabled,
        };
        let line = |line: LineId, owner: Option<&str>| Line {
            line,
            owner: owner.map(|name| format!("{name}@example.org").parse().unwrap()),
        };
        let number = |text: &str| LineId::from(text.parse::<Number>().unwrap());
        let lobby = LineId { partition: "lobby".parse().unwrap(), ..number("1002") };
        Plan::new(
            &[user("ann", true), user("bob", true), user("carol", true), user("dave", false)],
            &[
                line(lobby, None),
                line(number("1002"), Some("bob")),
                line(number("1012"), Some("bob")),
                line(number("1001"), Some("ann")),
                line(number("1004"), Some("dave")),
                line(number("1099"), None),
            ],
            Some("600"),
        )
    }

    fn reached(dialled: &str) -> (Vec<String>, Option<String>) {
        match plan().resolve(dialled) {
            Resolution::Lines(reached) => {
                (reached.lines.iter().map(ToString::to_string).collect(), reached.user.map(|u| u.to_string()))
            }
            other => panic!("{dialled}: {other:?}"),
        }
    }

    #[test]
    fn a_number_leads_to_its_line_in_the_default_partition() {
        assert_eq!(reached("1002"), (vec!["1002".to_owned()], Some("bob@example.org".to_owned())));
        assert_eq!(reached("10-02").0, ["1002"]);
        assert_eq!(reached("1099"), (vec!["1099".to_owned()], None));
    }

    #[test]
    fn a_name_in_any_case_leads_to_all_lines_of_the_user() {
        assert_eq!(reached("bob").0, ["1002", "1012"]);
        assert_eq!(reached("BOB").0, ["1002", "1012"]);
        assert_eq!(reached("carol").0, Vec::<String>::new());
    }

    #[test]
    fn the_echo_number_is_a_service() {
        assert_eq!(plan().resolve("600"), Resolution::Service(Service::Echo));
    }

    #[test]
    fn unknown_numbers_and_disabled_users_lead_nowhere() {
        for dialled in ["1003", "eve", "", "a@b", "dave", "1004"] {
            assert_eq!(plan().resolve(dialled), Resolution::Nowhere, "{dialled:?}");
        }
        assert!(!plan().is_in_service(&LineId::from("1004".parse::<Number>().unwrap())));
        assert!(plan().is_in_service(&LineId::from("1099".parse::<Number>().unwrap())));
    }
}
