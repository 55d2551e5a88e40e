//! The ways out: which trunks a call tries, one after the other, with which numbers (`CC-10`, `CC-11`, `CC-23`).

use model::plan::{
    Digits, EmergencyLocation, LOCAL_ROUTE_GROUP, Place, RouteTo, Selection, SipRoute, Transformation, Trunk,
};

use super::explanation::{Step, Witness};
use super::route::{Ask, Outcome, Route};
use super::space::NO_RANK;
use super::who::{Caller, Who};
use super::{DialPlan, Entry};

/// A way out, before it is spread over trunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way<'a> {
    /// Where the route leads.
    pub to: &'a RouteTo,
    /// Where the caller is: what `local` stands for.
    pub place: &'a Place,
    /// It is an emergency call.
    pub is_emergency: bool,
}

/// One trunk to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt<'a> {
    /// Which.
    pub trunk: &'a Trunk,
    /// The called number there; empty when an address was called.
    pub called: Digits,
    /// The calling number there.
    pub calling: Option<Digits>,
    /// The group whose trunks are tried by how much they have to do.
    pub balanced: Option<&'a str>,
}

/// Applies a transformation to a calling number. A caller without one gets what a prefix or mask makes of nothing.
pub(super) fn transformed(calling: Option<Digits>, change: &Transformation) -> Option<Digits> {
    if change.is_none() {
        return calling;
    }
    let number = change.apply(&calling.unwrap_or(Digits::empty()), 0)?;
    (!number.is_empty()).then_some(number)
}

impl DialPlan {
    /// The trunks that a way out tries, in order. `turn` counts calls, for groups that take turns.
    pub fn attempts<'a>(&'a self, way: &Way<'a>, route: &Route<'_>, turn: usize) -> Vec<Attempt<'a>> {
        let mut attempts = Vec::new();
        let numbers = (route.called, route.calling);
        match way.to {
            RouteTo::Block => {}
            RouteTo::Trunk(name) => self.try_trunk(name, numbers, None, &mut attempts),
            RouteTo::Group(group) => self.try_group(group, way, numbers, turn, &mut attempts),
            RouteTo::List(name) => {
                let list = self.plan.outside.route_lists.iter().find(|list| list.name == *name);
                for member in list.into_iter().flat_map(|list| &list.members) {
                    let Some(called) = member.called.apply(&numbers.0, 0) else { continue };
                    let calling = transformed(numbers.1, &member.calling);
                    self.try_group(&member.group, way, (called, calling), turn, &mut attempts);
                }
            }
        }
        attempts
    }

    fn try_group<'a>(
        &'a self,
        name: &str,
        way: &Way<'a>,
        numbers: (Digits, Option<Digits>),
        turn: usize,
        attempts: &mut Vec<Attempt<'a>>,
    ) {
        let name =
            if name == LOCAL_ROUTE_GROUP { way.place.local_route_group.as_deref() } else { Some(name) };
        let groups = &self.plan.outside.route_groups;
        let Some(group) = name.and_then(|name| groups.iter().find(|group| group.name == name)) else {
            return;
        };
        let count = group.trunks.len();
        let first = group.first(turn);
        let balanced = (group.selection == Selection::LeastCalls).then_some(group.name.as_str());
        for place in first..first + count {
            self.try_trunk(&group.trunks[place % count], numbers, balanced, attempts);
        }
    }

    fn try_trunk<'a>(
        &'a self,
        name: &str,
        numbers: (Digits, Option<Digits>),
        balanced: Option<&'a str>,
        attempts: &mut Vec<Attempt<'a>>,
    ) {
        let Some((trunk, _)) = self.names.trunk(&self.plan, name) else { return };
        let Some(called) = trunk.called.apply(&numbers.0, 0) else { return };
        // Twice the same trunk helps nobody.
        if !attempts.iter().any(|attempt| attempt.trunk.name == *name) {
            let calling = transformed(numbers.1, &trunk.calling);
            attempts.push(Attempt { trunk, called, calling, balanced });
        }
    }

    /// Sends a number out by a route pattern.
    pub(super) fn route_out<'a, W: Witness>(
        &'a self,
        way: Way<'a>,
        called: Digits,
        calling: Option<Digits>,
        witness: &mut W,
    ) -> Route<'a> {
        let route = Route { outcome: Outcome::Outside(way), called, calling };
        if W::WATCHES {
            for step in self.way_steps(&way, &route) {
                witness.tell(step);
            }
        }
        route
    }

    fn way_steps(&self, way: &Way<'_>, route: &Route<'_>) -> Vec<Step> {
        let text = match way.to {
            RouteTo::Block => "blocked".to_owned(),
            RouteTo::List(list) => format!("out by the route list {list}"),
            RouteTo::Group(group) if group == LOCAL_ROUTE_GROUP => {
                "out by the caller's local route group".to_owned()
            }
            RouteTo::Group(group) => format!("out by the route group {group}"),
            RouteTo::Trunk(trunk) => format!("out by the trunk {trunk}"),
        };
        let local = way.place.local_route_group.as_deref().unwrap_or("none");
        let mut steps = vec![Step::new(format!("{text} (local route group: {local})"))];
        let attempts = self.attempts(way, route, 0);
        if attempts.is_empty() {
            steps.push(Step::new("no trunk stands behind it: the call is refused"));
        }
        steps.extend(attempts.iter().map(|attempt| {
            let calling = attempt.calling.map_or_else(|| "no number".to_owned(), |number| number.to_string());
            Step::new(format!("try trunk {}: call {} from {calling}", attempt.trunk.name, attempt.called))
        }));
        steps
    }

    /// Where rescuers would look for a caller.
    pub fn emergency_location(&self, who: &Who<'_>) -> Option<&EmergencyLocation> {
        self.location_at(&self.caller(who).profile.place)
    }

    fn location_at(&self, place: &Place) -> Option<&EmergencyLocation> {
        let name = place.emergency_location.as_ref()?;
        self.plan.emergency.locations.iter().find(|location| location.name == *name)
    }

    /// The way out of an emergency call, when this is an emergency number (`CC-22`): by the location of the caller,
    /// else by the one route for all, else by the local route group. Everybody may, whatever the search space.
    pub(super) fn emergency<'a, W: Witness>(
        &'a self,
        number: &Digits,
        calling: Option<Digits>,
        caller: &Caller<'a>,
        witness: &mut W,
    ) -> Option<Route<'a>> {
        // Whoever calls from outside has emergency numbers of their own, and nobody calls out through the house.
        if caller.trunk.is_some() {
            return None;
        }
        let emergency = &self.plan.emergency;
        let pattern = emergency.numbers.iter().find(|pattern| pattern.matches(number))?;
        let place: &Place = &caller.profile.place;
        let location = self.location_at(place);
        let called = Transformation { strip_pre_dot: true, ..Transformation::default() }
            .apply(number, pattern.pre_dot())
            .unwrap_or(*number);
        let calling = location
            .and_then(|location| location.calling)
            .or_else(|| self.outside_number(caller))
            .or(calling);
        if W::WATCHES {
            let name = location.map_or("none", |location| location.name.as_str());
            let address = location.map_or("", |location| location.address.as_str());
            witness.tell(Step::new(format!(
                "{number} is the emergency number {pattern}: every caller may dial it"
            )));
            witness.tell(Step::new(format!("emergency location of the caller: {name} {address}").trim_end()));
        }
        let local = place.local_route_group.as_ref().map(|_| &self.local_way);
        let to = location.and_then(|location| location.to.as_ref()).or(emergency.to.as_ref()).or(local);
        let Some(to) = to else {
            if W::WATCHES {
                witness.tell(Step::new(
                    "no emergency route is configured: THE CALL IS REFUSED; set emergency.to",
                ));
            }
            return Some(Route { outcome: Outcome::NoEmergencyRoute, called, calling });
        };
        Some(self.route_out(Way { to, place, is_emergency: true }, called, calling, witness))
    }

    /// What a calling line's number is outside.
    pub(super) fn outside_number(&self, caller: &Caller<'_>) -> Option<Digits> {
        let line = &self.lines[caller.line?];
        let mask = self.plan.lines[line.said?].external_mask.as_ref()?;
        Some(mask.over(&Digits::parse(line.line.number.as_str()).ok()?))
    }

    /// An address of another domain (`CC-13`): the closest SIP route of the caller's search space.
    pub(super) fn foreign<'a, W: Witness>(
        &'a self,
        domain: &str,
        space: usize,
        (ask, caller): (&Ask<'_>, &Caller<'a>),
        witness: &mut W,
    ) -> Route<'a> {
        let space = &self.spaces[space];
        let reach = |route: &SipRoute| {
            let number = self.partitions.number(&route.partition)?;
            let rank = space.rank(number);
            (rank != NO_RANK && self.partitions.is_there(number, ask.when)).then_some(rank)
        };
        let mut matching: Vec<(usize, Option<u16>, &SipRoute)> = self
            .plan
            .outside
            .sip_routes
            .iter()
            .filter_map(|route| Some((route.domain.closeness(domain)?, reach(route), route)))
            .collect();
        matching.sort_by_key(|(closeness, rank, _)| (rank.is_none(), std::cmp::Reverse(*closeness), *rank));
        let taken = matching.first().filter(|(_, rank, _)| rank.is_some()).map(|(_, _, route)| *route);
        if W::WATCHES {
            witness.tell(self.foreign_step(domain, &matching, taken));
        }
        let called = Digits::dialled(ask.dialled).unwrap_or(Digits::empty());
        match taken.map(|route| &route.to) {
            None => Route { outcome: Outcome::Unallocated, called, calling: caller.calling },
            Some(RouteTo::Block) => Route { outcome: Outcome::Blocked, called, calling: caller.calling },
            Some(to) => {
                let way = Way { to, place: &caller.profile.place, is_emergency: false };
                self.route_out(way, called, caller.calling, witness)
            }
        }
    }

    fn foreign_step(
        &self,
        domain: &str,
        matching: &[(usize, Option<u16>, &SipRoute)],
        taken: Option<&SipRoute>,
    ) -> Step {
        let candidates = matching.iter().map(|(_, rank, route)| {
            let is_taken = taken == Some(*route);
            let why = match (is_taken, rank) {
                (true, _) => "taken: closest match",
                (false, None) => "its partition is not in the search space, or not there at this time",
                (false, Some(_)) => "less close",
            };
            super::Candidate {
                taken: is_taken,
                pattern: route.domain.to_string(),
                partition: route.partition.to_string(),
                kind: "SIP route",
                why: why.to_owned(),
            }
        });
        let nothing = if matching.is_empty() { ": no SIP route matches" } else { "" };
        Step {
            text: format!("the domain {domain} is not ours{nothing}"),
            candidates: candidates.collect(),
            more: 0,
        }
    }

    /// Sends out by a route pattern, blocks, or asks for a code.
    pub(super) fn by_route<'a, W: Witness>(
        &'a self,
        (index, entry): (usize, &Entry),
        (number, calling): (Digits, Option<Digits>),
        (ask, caller): (&Ask<'_>, &Caller<'a>),
        witness: &mut W,
    ) -> Route<'a> {
        let route = &self.plan.routes[index];
        let refuse = |outcome| Route { outcome, called: number, calling };
        if route.to == RouteTo::Block {
            if W::WATCHES {
                witness.tell(Step::new(format!("the pattern {} blocks this call", entry.text)));
            }
            return refuse(Outcome::Blocked);
        }
        let needs =
            super::NeedsCode { authorization_level: route.authorization_level, matter: route.client_matter };
        match super::verify(&self.plan.codes, needs, ask.keyed) {
            Ok(None) => {}
            Ok(Some(missing)) => {
                if W::WATCHES {
                    let level =
                        missing.authorization_level.map(|l| format!(" an authorisation code of level {l}"));
                    let matter = if missing.matter { " a client matter code" } else { "" };
                    witness.tell(Step::new(format!(
                        "the caller must key in{}{matter}",
                        level.unwrap_or_default()
                    )));
                }
                return refuse(Outcome::NeedsCode(missing));
            }
            Err(refused) => {
                if W::WATCHES {
                    witness.tell(Step::new(refused.to_string()));
                }
                return refuse(Outcome::CodeRefused(refused));
            }
        }
        let Some(called) = route.called.apply(&number, usize::from(entry.pre_dot)).filter(|n| !n.is_empty())
        else {
            return refuse(Outcome::Unallocated);
        };
        let shown = if route.external_calling { self.outside_number(caller).or(calling) } else { calling };
        let changed = transformed(shown, &route.calling);
        if W::WATCHES && (called, changed) != (number, calling) {
            witness.tell(super::analysis::change_step(&entry.text, (number, calling), (called, changed)));
        }
        let way = Way { to: &route.to, place: &caller.profile.place, is_emergency: false };
        self.route_out(way, called, changed, witness)
    }
}
