//! Calls that come to lines of ours: which phones ring, and where a line forwards.

use std::time::Duration;

use model::{BareJid, LineId, Timestamp};

use super::{Phones, Placing, PlanDirectory};
use crate::course::{Course, RingsAt, Why};
use crate::dialplan::{DialPlan, Outcome, Reached, Reason, Route, Who};
use crate::features::{caller_identity, do_not_disturb, forward, intercom, shared_line};
use crate::place::{Branch, Destination, Unplaceable};

impl<P: Phones> PlanDirectory<P> {
    /// The phones of a line, or where it forwards all calls to.
    pub(super) fn line(
        &self,
        plan: &DialPlan,
        line: &LineId,
        shown: &str,
        placing: &Placing<'_>,
        course: Course,
    ) -> Result<Destination, Unplaceable> {
        // Where a call was diverted from, it does not come back to.
        if course.came_from(line) {
            return Err(Unplaceable::Looping);
        }
        if self.refuses_caller(plan, line, placing) {
            return Err(Unplaceable::Anonymous);
        }
        if placing.is_intercom {
            return self.intercom(plan, line, shown, placing, course);
        }
        if let Some(next) = self.forward(plan, line, Reason::All, placing) {
            let course = course.diverted(line, forward::why(Reason::All)).ok_or(Unplaceable::Looping)?;
            return self.destination(plan, next, placing, course);
        }
        let settings = self.lines.of(line);
        if do_not_disturb::refuses(settings.as_deref()) {
            let next = self.forward(plan, line, Reason::Busy, placing).ok_or(Unplaceable::Busy)?;
            let course = course.diverted(line, Why::DoNotDisturb).ok_or(Unplaceable::Looping)?;
            return self.destination(plan, next, placing, course);
        }
        let branches = self.phones_that_ring(line, placing.when);
        let Reached { address, name, .. } = plan.reached_line(line, shown);
        // Only what goes on afterwards rings for a shorter time.
        let goes_on = self.forward(plan, line, Reason::NoAnswer, placing).is_some();
        let own = settings.and_then(|settings| settings.forward.no_answer_seconds);
        let ring_time = own.or_else(|| plan.no_answer_seconds(line)).filter(|_| goes_on);
        let ring_time = ring_time.map(|seconds| Duration::from_secs(seconds.into()));
        let course = Course { rings_at: RingsAt::Line(line.clone()), ..course };
        Ok(Destination::Phones { branches, address, name, ring_time, course })
    }

    /// The phones of a user's lines; those of a line that forwards all its calls do not ring beside others.
    pub(super) fn user(
        &self,
        plan: &DialPlan,
        (user, lines): (&BareJid, &[&LineId]),
        placing: &Placing<'_>,
        course: Course,
    ) -> Result<Destination, Unplaceable> {
        let Some(first) = lines.first() else {
            let (address, name) = (placing.dialled.to_owned(), plan.accounts().name(user));
            return Ok(Destination::Phones { branches: Vec::new(), address, name, ring_time: None, course });
        };
        let stays = |line: &&&LineId| {
            !self.refuses_caller(plan, line, placing)
                && self.forward(plan, line, Reason::All, placing).is_none()
        };
        let here: Vec<&LineId> = lines.iter().filter(stays).copied().collect();
        // A phone that answers by itself is one: the first.
        if here.is_empty() || placing.is_intercom {
            return self.line(plan, here.first().unwrap_or(first), placing.dialled, placing, course);
        }
        let branches = here.iter().flat_map(|line| self.phones_that_ring(line, placing.when)).collect();
        let (address, name) = (placing.dialled.to_owned(), plan.accounts().name(user));
        let course = Course { rings_at: RingsAt::Line(here[0].clone()), ..course };
        Ok(Destination::Phones { branches, address, name, ring_time: None, course })
    }

    /// A line that is called as an intercom: nobody forwards such a call, and nobody is listened in on (`CC-15`).
    fn intercom(
        &self,
        plan: &DialPlan,
        line: &LineId,
        shown: &str,
        placing: &Placing<'_>,
        course: Course,
    ) -> Result<Destination, Unplaceable> {
        if !plan.may_list(&placing.who, line) {
            return Err(Unplaceable::NotAllowed);
        }
        let disturbs = self.lines.of(line).is_some_and(|settings| settings.do_not_disturb.is_some());
        if disturbs || self.board.line_calls(line) > 0 {
            return Err(Unplaceable::Busy);
        }
        let branches = self.phones_that_ring(line, placing.when);
        let Reached { address, name, .. } = plan.reached_line(line, shown);
        let course = Course { is_intercom: true, ..course };
        let ring_time = Some(intercom::RING_TIME);
        Ok(Destination::Phones { branches, address, name, ring_time, course })
    }

    /// Does a line take no calls of this caller, who withholds the number (RFC 5079)?
    fn refuses_caller(&self, plan: &DialPlan, line: &LineId, placing: &Placing<'_>) -> bool {
        let said = plan.said(line).map(|said| said.identity).unwrap_or_default();
        placing.caller.withheld && caller_identity::rejects_anonymous(said, self.lines.of(line).as_deref())
    }

    /// Where the calls of a line go for this reason; `None` when they stay.
    pub(super) fn forward<'a>(
        &self,
        plan: &'a DialPlan,
        line: &LineId,
        reason: Reason,
        placing: &Placing<'_>,
    ) -> Option<Route<'a>> {
        let own = self.lines.of(line);
        let is_internal = !matches!(placing.who, Who::Trunk(..));
        match own.as_ref().and_then(|own| forward::destination(&own.forward, reason, is_internal)) {
            Some(to) => Some(plan.forwarded_by_user(line, to, &placing.who, placing.when)),
            None => plan.forward(line, reason, &placing.who, placing.when),
        }
    }

    /// The way to a line over the public network, when there is no bandwidth to it (`CC-21`).
    pub(super) fn around(
        &self,
        plan: &DialPlan,
        line: &LineId,
        placing: &Placing<'_>,
        course: &Course,
    ) -> Option<Destination> {
        let found = plan.reroute(line, &placing.who, placing.when);
        let route = found.inspect_err(|why| tracing::info!(%line, %why, "no way around")).ok()?;
        if !matches!(route.outcome, Outcome::Outside(_)) {
            return None;
        }
        metrics::counter!("carillon_admission_rerouted_total").increment(1);
        let course = Course { rings_at: RingsAt::Elsewhere, ..course.clone() };
        self.destination(plan, route, placing, course).ok()
    }

    /// The phones of a line, none when it is not to be disturbed.
    pub(super) fn phones_that_ring(&self, line: &LineId, when: Timestamp) -> Vec<Branch> {
        let settings = self.lines.of(line);
        if do_not_disturb::refuses(settings.as_deref()) {
            return Vec::new();
        }
        let mut branches = self.phones.of(line, when);
        for branch in &mut branches {
            let settings = settings.as_deref();
            branch.is_silent =
                do_not_disturb::is_silent(settings) || shared_line::is_silent(branch, settings);
        }
        branches
    }
}
