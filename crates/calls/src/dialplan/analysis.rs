//! The digit analysis, step by step, written once for routing and for explaining.

use std::time::Duration;

use model::LineId;
use model::plan::{Digits, RoutePoint};

use super::explanation::{Explanation, Silent, Step, Witness};
use super::outside::transformed;
use super::route::{Ask, Manner, Outcome, Route};
use super::search::Found;
use super::space::NO_RANK;
use super::who::{Caller, Who};
use super::{DialPlan, TRANSLATIONS_MAX, Target};
use crate::admission::Stand;
use crate::place::Service;

impl DialPlan {
    /// Where a call goes.
    pub fn resolve(&self, ask: &Ask<'_>) -> Route<'_> {
        self.analyse(ask, None, &mut Silent)
    }

    /// Where a call goes, and every step that led there. The route is the one of [`DialPlan::resolve`].
    pub fn explain(&self, ask: &Ask<'_>) -> (Explanation, Route<'_>) {
        let mut explanation = Explanation::default();
        let route = self.analyse(ask, None, &mut explanation);
        for step in self.steps_of_places(&ask.who, &route) {
            explanation.tell(step);
        }
        explanation.tell(Step::new(format!("result: {}", self.summary(&route))));
        (explanation, route)
    }

    /// What the places of who calls and of who is called ask of the call.
    fn steps_of_places(&self, who: &Who<'_>, route: &Route<'_>) -> Vec<Step> {
        let caller = who.stand();
        let mut steps = Vec::new();
        if let (Who::Line(line, _), Some(device)) = (who, self.caller(who).profile.device) {
            steps.extend(self.limit_step(&self.plan.devices[device].name, line));
        }
        match &route.outcome {
            Outcome::Line(line) => {
                let of_line = self.line_index(line).map(|index| &self.lines[index].profiles);
                for profile in of_line.into_iter().flatten() {
                    let device = profile.device.map(|at| self.plan.devices[at].name.as_str());
                    steps.extend(device.and_then(|device| self.limit_step(device, line)));
                    let stand = Stand { line: Some(line), device, trunk: None };
                    steps.extend(self.place_steps(caller, stand, device.unwrap_or("the line")));
                }
            }
            Outcome::Outside(way) => {
                for attempt in self.attempts(way, route, 0) {
                    let name = attempt.trunk.name.as_str();
                    let stand = Stand { trunk: Some(name), ..Stand::default() };
                    steps.extend(self.place_steps(caller, stand, &format!("trunk {name}")));
                }
            }
            _ => {}
        }
        steps
    }

    /// With how many calls a device makes no other one, and is busy.
    fn limit_step(&self, device: &str, line: &LineId) -> Option<Step> {
        let (max, lines) = self.device_limit(device, line)?;
        let numbers: Vec<&str> = lines.iter().take(12).map(|line| line.number.as_str()).collect();
        let more = if lines.len() > 12 { ", …" } else { "" };
        let calls = if max == 1 { "call" } else { "calls" };
        Some(Step::new(format!(
            "device {device} may have {max} {calls} at once on {}{more}: with so many it does not ring, and a call of its own is refused (403), but to rescuers",
            numbers.join(", ")
        )))
    }

    /// The analysis; in another search space than the caller's when one is given.
    pub(super) fn analyse<W: Witness>(
        &self,
        ask: &Ask<'_>,
        space: Option<usize>,
        witness: &mut W,
    ) -> Route<'_> {
        let caller = self.caller(&ask.who);
        let space = space.unwrap_or(caller.profile.space);
        if W::WATCHES {
            witness.tell(self.caller_step(ask, &caller, space));
        }
        if let Some(domain) = ask.domain {
            return self.foreign(domain, space, (ask, &caller), witness);
        }
        let Some(dialled) = Digits::dialled(ask.dialled) else {
            return self.by_name(ask, &caller, space, witness);
        };
        let number = caller.trunk.and_then(|trunk| trunk.called_in.apply(&dialled, 0)).unwrap_or(dialled);
        if W::WATCHES && number != dialled {
            witness.tell(Step::new(format!("the trunk's called_in makes {dialled} into {number}")));
        }
        let route = self.by_number(number, ask, &caller, space, witness);
        let nothing = matches!(route.outcome, Outcome::Unallocated | Outcome::Incomplete);
        if nothing && self.accounts.user(ask.dialled).is_some() {
            return self.by_name(ask, &caller, space, witness);
        }
        route
    }

    fn by_number<'a, W: Witness>(
        &'a self,
        mut number: Digits,
        ask: &Ask<'_>,
        caller: &Caller<'a>,
        mut space: usize,
        witness: &mut W,
    ) -> Route<'a> {
        let mut calling = caller.calling;
        let mut more_may_follow = ask.manner == Manner::DigitByDigit;
        let (mut translations, mut is_ended) = (0, false);
        loop {
            if let Some(route) = self.emergency(&number, calling, caller, witness) {
                return route;
            }
            let found = self.search(&number, space, ask.when, more_may_follow, witness);
            let entry = found.entry.map(|index| &self.entries[index]);
            let nowhere = |outcome| Route { outcome, called: number, calling };
            let longer = more_may_follow && (found.longer || self.could_be_emergency(&number));
            if longer && entry.is_none_or(|entry| !entry.urgent) {
                return nowhere(Outcome::More(self.inter_digit_time(witness)));
            }
            let Some(entry) = entry else {
                // The sign that no digit follows is none of the digits, unless a pattern has it.
                match number.as_bytes().strip_suffix(b"#").and_then(|digits| Digits::joined(&[digits])) {
                    Some(digits) if translations == 0 && !digits.is_empty() => {
                        if W::WATCHES {
                            witness.tell(Step::new("the # at the end says that the number is complete"));
                        }
                        (number, more_may_follow, is_ended) = (digits, false, true);
                        continue;
                    }
                    // RFC 3578 §3.2: the other side may send the digits that are missing.
                    _ if translations == 0 && !is_ended && self.could_go_on(found, &number, caller) => {
                        if W::WATCHES {
                            witness
                                .tell(Step::new("with more digits something would match: it is incomplete"));
                        }
                        return nowhere(Outcome::Incomplete);
                    }
                    _ => return nowhere(Outcome::Unallocated),
                }
            };
            match entry.target {
                Target::Line(index) => return nowhere(Outcome::Line(&self.lines[index].line)),
                Target::HuntPilot(index) => {
                    return nowhere(Outcome::HuntPilot(&self.plan.hunt_pilots[index]));
                }
                Target::Attendant(index) => {
                    return nowhere(Outcome::Attendant(&self.plan.reception.attendants[index]));
                }
                Target::Queue(index) => return nowhere(Outcome::Queue(&self.plan.reception.queues[index])),
                Target::RoutePoint(index) => {
                    let point = &self.plan.outside.route_points[index];
                    if W::WATCHES {
                        witness.tell(route_point_step(point));
                    }
                    return nowhere(Outcome::RoutePoint(point));
                }
                Target::Feature(index) => {
                    let behind = number.as_bytes().get(usize::from(entry.pre_dot)..).unwrap_or_default();
                    let keyed = if entry.pre_dot == 0 { &[] } else { behind };
                    let keyed = Digits::joined(&[keyed]).unwrap_or(Digits::empty());
                    return nowhere(Outcome::Feature(self.plan.feature_codes[index].does, keyed));
                }
                Target::Echo => return nowhere(Outcome::Service(Service::Echo)),
                Target::Conference if self.plan.has_conferences(&caller.profile.place) => {
                    return nowhere(Outcome::Conference);
                }
                Target::Conference => {
                    if W::WATCHES {
                        witness.tell(no_conferences_step(caller));
                    }
                    return nowhere(Outcome::Blocked);
                }
                Target::Slot => return nowhere(Outcome::Slot),
                Target::Route(index) => {
                    return self.by_route((index, entry), (number, calling), (ask, caller), witness);
                }
                Target::Translation(index, next) => {
                    translations += 1;
                    if translations > TRANSLATIONS_MAX {
                        if W::WATCHES {
                            witness.tell(Step::new("too many translations one behind the other: given up"));
                        }
                        return nowhere(Outcome::Looping);
                    }
                    let translation = &self.plan.translations[index];
                    let called = translation.called.apply(&number, usize::from(entry.pre_dot));
                    let Some(called) = called.filter(|called| !called.is_empty()) else {
                        return nowhere(Outcome::Unallocated);
                    };
                    let changed = transformed(calling, &translation.calling);
                    if W::WATCHES {
                        witness.tell(change_step(&entry.text, (number, calling), (called, changed)));
                    }
                    (number, calling, more_may_follow) = (called, changed, false);
                    space = next.unwrap_or(space);
                }
            }
        }
    }

    /// Is it the beginning of a number that the caller may dial?
    fn could_go_on(&self, found: Found, number: &Digits, caller: &Caller<'_>) -> bool {
        found.longer || (caller.trunk.is_none() && self.could_be_emergency(number))
    }

    fn could_be_emergency(&self, number: &Digits) -> bool {
        self.plan.emergency.numbers.iter().any(|pattern| pattern.could_become(number))
    }

    fn inter_digit_time<W: Witness>(&self, witness: &mut W) -> Duration {
        let seconds = self.plan.settings.inter_digit_seconds;
        if W::WATCHES {
            let text = format!("a longer number could match: wait {seconds} s for the next digit");
            witness.tell(Step::new(text));
        }
        Duration::from_secs(seconds.into())
    }

    /// A user by name: those of their lines that the caller may dial; all of them for a user without lines.
    fn by_name<'a, W: Witness>(
        &'a self,
        ask: &Ask<'_>,
        caller: &Caller<'a>,
        space: usize,
        witness: &mut W,
    ) -> Route<'a> {
        let nowhere = |outcome| Route { outcome, called: Digits::empty(), calling: caller.calling };
        let Some(user) = self.accounts.user(ask.dialled) else {
            if W::WATCHES {
                witness.tell(Step::new(format!("{} is neither a number nor a user", ask.dialled)));
            }
            return nowhere(Outcome::Unallocated);
        };
        let searched = &self.spaces[space];
        let all = self.accounts.lines_of(user);
        let is_reached = |line: &&LineId| {
            let number = self.partitions.number(&line.partition);
            number.is_some_and(|n| searched.rank(n) != NO_RANK && self.partitions.is_there(n, ask.when))
        };
        let reached: Vec<&LineId> = all.iter().filter(is_reached).collect();
        if W::WATCHES {
            let (name, of) = (user.node().map_or("", |node| node.as_str()), &searched.name);
            let text =
                format!("{name} is a user with {} lines, {} of them in {of}", all.len(), reached.len());
            witness.tell(Step::new(text));
        }
        if reached.is_empty() && !all.is_empty() {
            return nowhere(Outcome::Unallocated);
        }
        nowhere(Outcome::User(user, reached))
    }

    fn caller_step(&self, ask: &Ask<'_>, caller: &Caller<'_>, space: usize) -> Step {
        let who = match ask.who {
            Who::Line(line, _) => format!("line {line} (partition {})", line.partition),
            Who::Trunk(name, number) => format!("{number} over trunk {name}"),
            Who::Nobody => "nobody in particular".to_owned(),
        };
        let device = caller.profile.device.map(|index| &self.plan.devices[index]);
        let device = device.map_or_else(String::new, |device| {
            let pool = device.pool.as_deref().unwrap_or("none");
            format!(", device {} (pool {pool})", device.name)
        });
        let domain = ask.domain.map_or_else(String::new, |domain| format!("@{domain}"));
        let space = &self.spaces[space];
        let order: Vec<&str> =
            space.order.iter().take(12).map(|number| self.partitions.name(*number).as_str()).collect();
        let more = if space.order.len() > 12 { ", …" } else { "" };
        let order = if order.is_empty() { "no partition".to_owned() } else { order.join(", ") + more };
        Step::new(format!(
            "{}{domain} is dialled by {who}{device} at {}; search space {}: {order}",
            ask.dialled, ask.when, space.name
        ))
    }
}

/// What a pattern made of the two numbers.
pub(super) fn change_step(
    pattern: &str,
    (called, calling): (Digits, Option<Digits>),
    (new_called, new_calling): (Digits, Option<Digits>),
) -> Step {
    let shown =
        |number: Option<Digits>| number.map_or_else(|| "none".to_owned(), |number| number.to_string());
    let mut text = format!("{pattern} makes the called number {called} into {new_called}");
    if calling != new_calling {
        text += &format!(", the calling number {} into {}", shown(calling), shown(new_calling));
    }
    Step::new(text)
}

/// Why a conference is out of reach (`CC-24`).
fn no_conferences_step(caller: &Caller<'_>) -> Step {
    let list = caller.profile.place.media_resources.as_deref().unwrap_or_default();
    Step::new(format!("the media resources of who calls (list {list}) have no conferences: refused"))
}

/// What becomes of a call at a route point.
fn route_point_step(point: &RoutePoint) -> Step {
    let otherwise = match &point.on_failure {
        Some(to) => format!("else it goes to {}", to.to),
        None => "else it is refused".to_owned(),
    };
    let (name, users, seconds) = (&point.name, point.users.join(", "), point.patience());
    Step::new(format!(
        "route point {name}: an application of {users} has {seconds} s to say where; {otherwise}"
    ))
}
