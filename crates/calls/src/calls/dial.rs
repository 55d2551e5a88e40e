//! What a call would do, before anybody makes it: in the words of the person who wants to dial, who need not know how the
//! house is wired.

use model::LineId;
use model::plan::{CostClass, Digits};
use serde::Serialize;

use super::Calls;
use crate::dialplan::{Ask, DialPlan, Outcome, Route, Who};

/// Where a call would go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DialShown {
    /// What was dialled, without what people put between digits.
    pub dialled: String,
    /// `line`, `person`, `outside`, `emergency`, `echo`, `conference`, `parked`, `hunt`, `attendant`, `queue`, `feature`,
    /// `code` (an authorisation code is asked for first), or `nowhere`.
    pub goes_to: &'static str,
    /// The number there.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub called: String,
    /// The name of who or what is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The number that is shown there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calling: Option<String>,
    /// What a call to the outside costs, roughly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<CostClass>,
    /// Why it goes nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<&'static str>,
    /// Where rescuers would look for the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emergency_location: Option<PlaceShown>,
}

/// A place that rescuers can find.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PlaceShown {
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: String,
}

impl Calls {
    /// What a call of a line to `to`, a number or a name, would do at this moment.
    pub fn dial_shown(&self, line: &LineId, to: &str) -> DialShown {
        let plan = self.rooms.plan.load();
        plan.dial_shown(line, to, self.now())
    }

    /// The name shown to people for the owner of a line.
    pub fn name_of(&self, user: &model::BareJid) -> Option<String> {
        self.rooms.plan.load().accounts().name(user)
    }

    /// The lines of a user, lowest number first.
    pub fn lines_of(&self, user: &model::BareJid) -> Vec<LineId> {
        self.rooms.plan.load().accounts().lines_of(user).to_vec()
    }
}

impl DialPlan {
    fn dial_shown(&self, line: &LineId, to: &str, when: model::Timestamp) -> DialShown {
        let (name, domain) = to.split_once('@').map_or((to, None), |(name, domain)| (name, Some(domain)));
        let dialled = Digits::dialled(name).filter(|_| domain.is_none());
        let dialled = dialled.map_or_else(|| to.to_owned(), |digits| digits.to_string());
        let asked = if domain.is_none() { &*dialled } else { name };
        let ask = Ask { domain, ..Ask::new(asked, Who::Line(line, None), when) };
        let route = self.resolve(&ask);
        let mut shown = DialShown { goes_to: kind(&route.outcome), ..DialShown::default() };
        shown.called = route.called.to_string();
        shown.name = self.name_at(&route);
        shown.refused = refused(&route.outcome);
        match &route.outcome {
            Outcome::Outside(way) => {
                let attempt = self.attempts(way, &route, 0).into_iter().next();
                let calling = attempt.map_or(route.calling, |attempt| attempt.calling);
                shown.calling = calling.map(|number| number.to_string());
                match way.is_emergency {
                    true => shown.emergency_location = self.rescue_place(line),
                    false => shown.class = Some(self.class_of(&route, shown.calling.as_deref())),
                }
                if attempt.is_none() {
                    shown.refused = Some("no way out is set up for it");
                }
            }
            Outcome::NoEmergencyRoute => shown.emergency_location = self.rescue_place(line),
            _ => {}
        }
        DialShown { dialled, ..shown }
    }

    fn class_of(&self, route: &Route<'_>, calling: Option<&str>) -> CostClass {
        let before = route.calling.as_ref().map(Digits::as_str);
        let calling = [calling, before].into_iter().flatten().find(|number| number.starts_with('+'));
        self.plan().outside.costs.class(route.called.as_str(), calling)
    }

    fn name_at(&self, route: &Route<'_>) -> Option<String> {
        match &route.outcome {
            Outcome::Line(line) => {
                self.accounts().owner(line).flatten().and_then(|user| self.accounts().name(user))
            }
            Outcome::User(user, _) => self.accounts().name(user),
            Outcome::Attendant(attendant) => Some(attendant.name.clone()),
            Outcome::Queue(queue) => Some(queue.name.clone()),
            Outcome::Feature(feature, _) => Some(feature.word().to_owned()),
            _ => None,
        }
    }

    /// Where rescuers would look for whoever calls from a line.
    fn rescue_place(&self, line: &LineId) -> Option<PlaceShown> {
        let location = self.emergency_location(&Who::Line(line, None))?;
        Some(PlaceShown { name: location.name.clone(), address: location.address.clone() })
    }
}

fn kind(outcome: &Outcome<'_>) -> &'static str {
    match outcome {
        Outcome::Line(_) => "line",
        Outcome::User(..) => "person",
        Outcome::Service(_) => "echo",
        Outcome::Conference => "conference",
        Outcome::Slot => "parked",
        Outcome::HuntPilot(_) => "hunt",
        Outcome::Attendant(_) => "attendant",
        Outcome::Queue(_) => "queue",
        Outcome::Feature(..) => "feature",
        Outcome::Outside(way) if way.is_emergency => "emergency",
        Outcome::Outside(_) => "outside",
        Outcome::NeedsCode(_) => "code",
        _ => "nowhere",
    }
}

fn refused(outcome: &Outcome<'_>) -> Option<&'static str> {
    Some(match outcome {
        Outcome::CodeRefused(_) => "the code is not right",
        Outcome::More(_) | Outcome::Incomplete => "the number is not complete",
        Outcome::Blocked => "this number may not be called from this line",
        Outcome::Unallocated => "there is no such number",
        Outcome::Looping => "the dial plan leads it round in a circle",
        Outcome::NoEmergencyRoute => "the house has no way out for emergency calls",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use model::plan::Plan;
    use model::{Timestamp, User};
    use store::Line;

    use super::*;
    use crate::dialplan::{Accounts, Services, compile};

    const NOW: Timestamp = Timestamp(1_795_171_260_000_000);

    fn plan(text: &str) -> DialPlan {
        let ann: model::BareJid = "ann@localhost".parse().unwrap();
        let users =
            [User { id: model::UserId(1), jid: ann.clone(), name: "Ann Archer".to_owned(), enabled: true }];
        let lines = [Line { line: line("1001"), owner: Some(ann) }, Line { line: line("1002"), owner: None }];
        let services = Services::new(Some("600".to_owned()), ["700".to_owned()]);
        let plan: Plan = Plan::read(text).unwrap();
        compile(&plan, Accounts::new(&users, &lines), services)
    }

    fn line(number: &str) -> LineId {
        number.parse::<model::Number>().unwrap().into()
    }

    const OUTSIDE: &str = r#"
        [[outside.trunk]]
        name = "world"
        [[route]]
        pattern = "0.!"
        called = { strip_pre_dot = true }
        to = { trunk = "world" }
        [[route]]
        pattern = "0.0900!"
        to = "block"
        [[device]]
        name = "desks"
        lines = ["1001-1002"]
        pool = "berlin"
        [[device_pool]]
        name = "berlin"
        [device_pool.place]
        emergency_location = "berlin-3"
        [emergency]
        to = { trunk = "world" }
        [[emergency.location]]
        name = "berlin-3"
        address = "Chausseestr. 1, 3rd floor"
    "#;

    #[test]
    fn inside_the_house_people_and_services_are_named() {
        let plan = plan("");
        let shown = |to: &str| plan.dial_shown(&line("1002"), to, NOW);
        let ann = shown("10-01");
        assert_eq!((&*ann.dialled, ann.goes_to, &*ann.called), ("1001", "line", "1001"));
        assert_eq!(ann.name.as_deref(), Some("Ann Archer"));
        assert_eq!(
            (shown("ann").goes_to, shown("600").goes_to, shown("700").goes_to),
            ("person", "echo", "conference")
        );
        let nobody = shown("4711");
        assert_eq!((nobody.goes_to, nobody.refused), ("nowhere", Some("there is no such number")));
    }

    #[test]
    fn outside_the_class_and_the_number_without_the_digit_for_a_line_are_told() {
        let plan = plan(OUTSIDE);
        let shown = |to: &str| plan.dial_shown(&line("1001"), to, NOW);
        let abroad = shown("0 00 44 20 1234");
        assert_eq!((abroad.goes_to, &*abroad.called), ("outside", "0044201234"));
        assert_eq!(abroad.class, Some(CostClass::International));
        let blocked = shown("00900123");
        assert_eq!(blocked.refused, Some("this number may not be called from this line"));
        assert_eq!(blocked.class, None);
    }

    #[test]
    fn an_emergency_call_tells_where_rescuers_would_look() {
        let plan = plan(OUTSIDE);
        let shown = plan.dial_shown(&line("1001"), "112", NOW);
        assert_eq!((shown.goes_to, shown.refused), ("emergency", None));
        let place = shown.emergency_location.unwrap();
        assert_eq!((&*place.name, &*place.address), ("berlin-3", "Chausseestr. 1, 3rd floor"));
    }
}
