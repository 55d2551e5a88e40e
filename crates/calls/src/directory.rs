//! Where calls go: the dial plan, the registrar and the board, as placing a call asks them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use model::plan::{Algorithm, ForwardTo, HuntPilot};
use model::{LineId, Timestamp};
use parking_lot::Mutex;
use runtime::Runtime;

use crate::dialplan::{Ask, DialPlan, Outcome, Reached, Reason, Route, Way, Who};
use crate::place::{Branch, Caller, Destination, Dialled, Directory, Failed, TrunkAttempt, Unplaceable};
use crate::registrar::Registrar;
use crate::snapshot::{Board, Cause};

/// Forwards that one call may go through.
const FORWARDS_MAX: usize = 8;

/// The directory of this server.
pub(crate) struct HouseDirectory {
    pub plan: Arc<ArcSwap<DialPlan>>,
    pub registrar: Arc<Registrar>,
    pub board: Arc<Board>,
    pub runtime: Runtime,
    pub turns: Turns,
}

/// Whose turn it is: for groups and hunt pilots that take turns.
#[derive(Default)]
pub(crate) struct Turns {
    calls: AtomicUsize,
    /// Which call a member of a hunt pilot was offered last, for the longest idle.
    offered: Mutex<BTreeMap<LineId, usize>>,
}

/// A call on its way to a destination.
struct Placing<'a> {
    dialled: &'a Dialled,
    who: Who<'a>,
    when: Timestamp,
    turn: usize,
}

impl Directory for HouseDirectory {
    fn resolve(&self, dialled: &Dialled, caller: &Caller) -> Result<Destination, Unplaceable> {
        let plan = self.plan.load();
        let placing = self.placing(dialled, caller);
        let domain = dialled.foreign_domain.as_deref();
        let ask = Ask { domain, ..Ask::new(&dialled.user, placing.who, placing.when) };
        self.destination(&plan, plan.resolve(&ask), &placing, 0)
    }

    fn when_busy(&self, line: &LineId, dialled: &Dialled, caller: &Caller) -> Option<Destination> {
        let plan = self.plan.load();
        let placing = self.placing(dialled, caller);
        let route = plan.forward(line, Reason::Busy, &placing.who, placing.when)?;
        self.destination(&plan, route, &placing, 1).ok()
    }

    fn phones_of(&self, line: &LineId) -> Vec<Branch> {
        self.branches(line, self.runtime.timestamp())
    }

    fn next(&self, failed: &Failed<'_>) -> Option<Destination> {
        let reason = match failed.cause {
            Cause::NoAnswer => Reason::NoAnswer,
            Cause::Busy => Reason::Busy,
            Cause::DestinationOutOfService => Reason::Unregistered,
            _ => return None,
        };
        let plan = self.plan.load();
        let dialled = Dialled { user: String::new(), foreign_domain: None };
        let placing = self.placing(&dialled, failed.caller);
        let route = plan.forward(failed.line, reason, &placing.who, placing.when)?;
        let next = self.destination(&plan, route, &placing, 1).ok()?;
        matches!(&next, Destination::Phones { branches, .. } if !branches.is_empty()).then_some(next)
    }

    fn line_calls(&self, line: &LineId) -> usize {
        self.board.line_calls(line)
    }
}

impl HouseDirectory {
    fn placing<'a>(&self, dialled: &'a Dialled, caller: &'a Caller) -> Placing<'a> {
        let who = caller.line.as_ref().map_or(Who::Nobody, |line| Who::Line(line, None));
        let turn = self.turns.calls.fetch_add(1, Ordering::Relaxed);
        Placing { dialled, who, when: self.runtime.timestamp(), turn }
    }

    fn destination(
        &self,
        plan: &DialPlan,
        route: Route<'_>,
        placing: &Placing<'_>,
        forwards: usize,
    ) -> Result<Destination, Unplaceable> {
        match &route.outcome {
            Outcome::Service(service) => Ok(Destination::Service(*service)),
            Outcome::Line(line) => self.line(plan, line, &route, placing, forwards),
            Outcome::User(user, lines) => {
                let branches = lines.iter().flat_map(|line| self.branches(line, placing.when)).collect();
                let (address, name) = (placing.dialled.user.clone(), plan.accounts().name(user));
                Ok(Destination::Phones { branches, address, name, ring_time: None })
            }
            Outcome::HuntPilot(pilot) => self.hunt(plan, pilot, placing, forwards),
            Outcome::Outside(way) => trunks(plan, way, &route, placing),
            Outcome::NoEmergencyRoute => {
                // Somebody may be in danger: this must not be overlooked.
                tracing::error!(
                    number = %route.called,
                    "AN EMERGENCY CALL WAS REFUSED: the dial plan has no emergency route; set emergency.to"
                );
                metrics::counter!("carillon_emergency_calls_refused_total").increment(1);
                Err(Unplaceable::NoTrunk)
            }
            Outcome::Looping => {
                tracing::warn!(number = %route.called, "translations of the dial plan go round in a circle");
                Err(Unplaceable::NotFound)
            }
            Outcome::NeedsCode(_) | Outcome::CodeRefused(_) | Outcome::Blocked => {
                Err(Unplaceable::NotAllowed)
            }
            Outcome::More(_) | Outcome::Unallocated => Err(Unplaceable::NotFound),
        }
    }

    /// The phones of a line, or of where it forwards to.
    fn line(
        &self,
        plan: &DialPlan,
        line: &LineId,
        route: &Route<'_>,
        placing: &Placing<'_>,
        forwards: usize,
    ) -> Result<Destination, Unplaceable> {
        let forward = |reason| plan.forward(line, reason, &placing.who, placing.when);
        let branches = self.branches(line, placing.when);
        let next =
            forward(Reason::All).or_else(|| branches.is_empty().then(|| forward(Reason::Unregistered))?);
        if let Some(next) = next {
            if forwards >= FORWARDS_MAX {
                tracing::warn!(limit = FORWARDS_MAX, "a call was forwarded too often");
                return Err(Unplaceable::NotFound);
            }
            return self.destination(plan, next, placing, forwards + 1);
        }
        // What was dialled is shown, unless it led elsewhere.
        let same = route.called.as_str() == placing.dialled.user && forwards == 0;
        let shown = if same { &placing.dialled.user } else { line.number.as_str() };
        let Reached { address, name, .. } = plan.reached_line(line, shown);
        // Only what goes on afterwards rings for a shorter time.
        let seconds = forward(Reason::NoAnswer).and_then(|_| plan.no_answer_seconds(line));
        let ring_time = seconds.map(|seconds| Duration::from_secs(seconds.into()));
        Ok(Destination::Phones { branches, address, name, ring_time })
    }

    /// The members of a hunt pilot who are free, by its algorithm; else its last destination (`CC-18`).
    fn hunt(
        &self,
        plan: &DialPlan,
        pilot: &HuntPilot,
        placing: &Placing<'_>,
        forwards: usize,
    ) -> Result<Destination, Unplaceable> {
        let members: Vec<LineId> = pilot.members.iter().flat_map(model::plan::LineSpan::lines).collect();
        let offered = self.turns.offered.lock().clone();
        let idle = |line: &LineId| placing.turn.wrapping_sub(offered.get(line).copied().unwrap_or(0));
        let order = pilot.algorithm.order(&members, placing.turn, idle);
        let free = order.into_iter().filter(|line| self.board.line_calls(line) == 0);
        let mut phones =
            free.map(|line| (line, self.branches(line, placing.when))).filter(|(_, b)| !b.is_empty());
        let branches: Vec<Branch> = match pilot.algorithm {
            Algorithm::Broadcast => phones.flat_map(|(_, branches)| branches).collect(),
            _ => phones.next().map_or_else(Vec::new, |(line, branches)| {
                self.turns.offered.lock().insert(line.clone(), placing.turn);
                branches
            }),
        };
        match &pilot.last {
            Some(last) if branches.is_empty() && forwards < FORWARDS_MAX => {
                self.destination(plan, self.on_behalf(plan, last, placing), placing, forwards + 1)
            }
            _ if branches.is_empty() => Err(Unplaceable::NotRegistered),
            _ => {
                let ring_time = pilot.ring_seconds.map(|seconds| Duration::from_secs(seconds.into()));
                Ok(Destination::Phones { branches, address: pilot.number.to_string(), name: None, ring_time })
            }
        }
    }

    fn on_behalf<'a>(&self, plan: &'a DialPlan, to: &ForwardTo, placing: &Placing<'_>) -> Route<'a> {
        plan.forwarded(to, Who::Nobody, &placing.who, placing.when)
    }

    fn branches(&self, line: &LineId, when: Timestamp) -> Vec<Branch> {
        let contacts = self.registrar.contacts(line, when);
        contacts
            .iter()
            .map(|binding| Branch {
                contact: binding.contact.clone(),
                target: binding.target(),
                path: binding.path.clone(),
                line: line.clone(),
                owner: binding.owner.clone(),
            })
            .collect()
    }
}

/// The trunks that a call out tries.
fn trunks(
    plan: &DialPlan,
    way: &Way<'_>,
    route: &Route<'_>,
    placing: &Placing<'_>,
) -> Result<Destination, Unplaceable> {
    let attempts = plan.attempts(way, route, placing.turn);
    let attempts: Vec<TrunkAttempt> = attempts
        .into_iter()
        .map(|attempt| TrunkAttempt {
            trunk: attempt.trunk.name.clone(),
            called: match &placing.dialled.foreign_domain {
                Some(_) => placing.dialled.user.clone(),
                None => attempt.called.to_string(),
            },
            domain: placing.dialled.foreign_domain.clone(),
            calling: attempt.calling.map(|number| number.to_string()),
        })
        .collect();
    if attempts.is_empty() {
        tracing::warn!(emergency = way.is_emergency, "a route of the dial plan leads to no trunk");
        return Err(Unplaceable::NoTrunk);
    }
    Ok(Destination::Trunk { attempts, is_emergency: way.is_emergency })
}
