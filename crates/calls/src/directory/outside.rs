//! Calls that leave over trunks: which trunks they try, who may, and what they are counted by (`CC-10`, `CC-22`).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::plan::{CostClass, Digits, Trunk};

use super::{Phones, Placing, PlanDirectory};
use crate::course::Course;
use crate::dialplan::{DialPlan, Route, Way, Who};
use crate::guard::Charge;
use crate::place::{Destination, TrunkAttempt, Unplaceable};

impl<P: Phones> PlanDirectory<P> {
    /// A call that goes out.
    pub(super) fn outside(
        &self,
        (plan, route): (&DialPlan, &Route<'_>),
        way: &Way<'_>,
        placing: &Placing<'_>,
        course: Course,
    ) -> Result<Destination, Unplaceable> {
        // Nobody comes in over one trunk to go out over another, unless the plan says so; where a line of ours
        // forwards to is that line's business.
        if course.diversions.is_empty() && !may_pass_through(plan, &placing.who) {
            metrics::counter!("carillon_trunk_transit_refused_total").increment(1);
            return Err(Unplaceable::NotAllowed);
        }
        let turn = self.calls.fetch_add(1, Ordering::Relaxed);
        let is_emergency = way.is_emergency;
        let mut attempts = self.trunks(plan, way, route, placing, turn)?;
        let charge = match is_emergency {
            true => None,
            false => self.charge((plan, route), &attempts, placing, &course)?,
        };
        attempts.iter_mut().for_each(|attempt| attempt.charge.clone_from(&charge));
        Ok(Destination::Trunk { attempts, is_emergency, course })
    }

    /// The trunks that a call out tries.
    fn trunks(
        &self,
        plan: &DialPlan,
        way: &Way<'_>,
        route: &Route<'_>,
        placing: &Placing<'_>,
        turn: usize,
    ) -> Result<Vec<TrunkAttempt>, Unplaceable> {
        let mut attempts = plan.attempts(way, route, turn);
        for group in
            attempts.chunk_by_mut(|one, next| one.balanced.is_some() && one.balanced == next.balanced)
        {
            group.sort_by_key(|attempt| self.load(attempt.trunk));
        }
        let attempts: Vec<TrunkAttempt> = attempts
            .into_iter()
            .map(|attempt| TrunkAttempt {
                trunk: attempt.trunk.name.clone(),
                called: match placing.domain {
                    Some(_) => placing.dialled.to_owned(),
                    None => attempt.called.to_string(),
                },
                domain: placing.domain.map(str::to_owned),
                calling: attempt.calling.map(|number| number.to_string()),
                charge: None,
            })
            .collect();
        if attempts.is_empty() {
            tracing::warn!(emergency = way.is_emergency, "a route of the dial plan leads to no trunk");
            return Err(Unplaceable::NoTrunk);
        }
        Ok(attempts)
    }

    /// How much a trunk has to do: in thousandths of what it may, or in calls when it has no end.
    fn load(&self, trunk: &Trunk) -> usize {
        let calls = self.board.trunk_calls(&trunk.name);
        let max = trunk.sip.as_ref().and_then(|sip| sip.calls_max);
        max.map_or(calls, |max| calls * 1_000 / (max as usize).max(1))
    }

    /// Counts a call to the outside: for the line that sent it there last, else for the one that calls.
    fn charge(
        &self,
        (plan, route): (&DialPlan, &Route<'_>),
        attempts: &[TrunkAttempt],
        placing: &Placing<'_>,
        course: &Course,
    ) -> Result<Option<Arc<Charge>>, Unplaceable> {
        let by = course.diversions.last().map(|diversion| &diversion.from);
        let by = by.or(match &placing.who {
            Who::Line(line, _) => Some(line),
            _ => None,
        });
        let Some(line) = by else { return Ok(None) };
        let costs = &plan.plan().outside.costs;
        let before = (route.called.as_str(), route.calling.as_ref().map(Digits::as_str));
        // What a trunk makes of a number may not tell any more that it is dear, and the other way round.
        let class = |attempt: &TrunkAttempt| {
            let shown = [attempt.calling.as_deref(), before.1];
            let calling = shown.into_iter().flatten().find(|number| number.starts_with('+'));
            costs.class(&attempt.called, calling).max(costs.class(before.0, calling))
        };
        let class = attempts.iter().map(class).max().unwrap_or(CostClass::National);
        let zone = plan.plan().settings.time_zone.as_str();
        let charge = self.guard.admit(line, class, (costs, zone)).map_err(Unplaceable::TooMuch)?;
        Ok(Some(charge))
    }
}

/// May this caller go out over a trunk at all? Whoever came in over one only where the plan allows it (`transit`).
fn may_pass_through(plan: &DialPlan, who: &Who<'_>) -> bool {
    let Who::Trunk(name, _) = who else { return true };
    let trunk = plan.plan().outside.trunks.iter().find(|trunk| trunk.name == *name);
    trunk.and_then(|trunk| trunk.sip.as_ref()).is_some_and(|sip| sip.transit)
}

/// An emergency call that the plan has no way for. Somebody may be in danger: this must not be overlooked.
pub(super) fn no_emergency_route(route: &Route<'_>) -> Unplaceable {
    tracing::error!(
        number = %route.called,
        "AN EMERGENCY CALL WAS REFUSED: the dial plan has no emergency route; set emergency.to"
    );
    metrics::counter!("carillon_emergency_calls_refused_total").increment(1);
    Unplaceable::NoTrunk
}
