//! Calls that come to hunt pilots and queues: which members ring, and where callers go whom nobody takes (`CC-18`).

use std::time::Duration;

use model::plan::{HuntPilot, Queue};
use model::{LineId, Timestamp};

use super::{Phones, Placing, PlanDirectory};
use crate::course::{Course, RingsAt, Why};
use crate::dialplan::{DialPlan, Who};
use crate::features::forward;
use crate::features::hunt::Hunt;
use crate::place::{self, Branch, Destination, Directory, Pilot, Unplaceable};
use crate::snapshot::Cause;

impl<P: Phones> PlanDirectory<P> {
    /// A call comes to a hunt pilot.
    pub(super) fn hunted(
        &self,
        plan: &DialPlan,
        pilot: &HuntPilot,
        placing: &Placing<'_>,
        course: Course,
    ) -> Result<Destination, Unplaceable> {
        let hunt = Hunt::begin(pilot, &self.hunts, |line| self.board.rested(line), placing.when);
        let tried = self.nobody_free(&hunt, placing);
        self.hunt_on(plan, (pilot, hunt), placing, course, tried)
    }

    /// The next member, or members, of a hunt; else the pilot's last destination (`CC-18`). `cause` is why nobody of
    /// those who were tried took the call.
    pub(super) fn hunt_on(
        &self,
        plan: &DialPlan,
        (pilot, mut hunt): (&HuntPilot, Hunt),
        placing: &Placing<'_>,
        course: Course,
        cause: Cause,
    ) -> Result<Destination, Unplaceable> {
        let branches = hunt.next(pilot, &self.hunts, placing.when, |line| match placing.who {
            // Nobody is rung for a call of their own.
            Who::Line(own, ..) if own == line => Vec::new(),
            _ => self.free(line, placing.when),
        });
        if branches.is_empty() {
            let failed = if cause == Cause::Busy { Unplaceable::Busy } else { Unplaceable::NotRegistered };
            let last = pilot.last.as_ref().ok_or(failed)?;
            let course = course.diverted(&hunt.pilot, forward::overflow(cause)).ok_or(failed)?;
            let route = plan.forwarded(last, Who::Nobody, &placing.who, placing.when);
            return self.destination(plan, route, placing, course);
        }
        let left = hunt.until.map(|until| until.0.saturating_sub(placing.when.0));
        let left = left.map(|left| Duration::from_micros(left.unsigned_abs()));
        let each = pilot.ring_seconds.map(|seconds| Duration::from_secs(seconds.into()));
        let ring_time = [each, left].into_iter().flatten().min();
        let course = Course { rings_at: RingsAt::Hunt(Box::new(hunt)), ..course };
        Ok(Destination::Phones { branches, address: pilot.number.to_string(), name: None, ring_time, course })
    }

    /// The phones of a member who can take a call of a hunt: one who has none.
    pub(super) fn free(&self, line: &LineId, when: Timestamp) -> Vec<Branch> {
        match self.board.line_calls(line) {
            0 => {
                let mut phones = self.phones_that_ring(line, when);
                phones.retain(|phone| !place::is_device_full(self, phone));
                phones
            }
            _ => Vec::new(),
        }
    }

    /// A queue, or where its callers go while nobody could take them, or no more of them may wait.
    pub(super) fn queued(
        &self,
        plan: &DialPlan,
        queue: &Queue,
        placing: &Placing<'_>,
        course: Course,
    ) -> Result<Destination, Unplaceable> {
        let is_full = self.queues.waiting(&queue.name) >= usize::from(queue.max_waiting);
        let (instead, why) = if is_full {
            (queue.overflow.as_ref(), Why::UserBusy)
        } else if queue.no_agent.is_some() && !self.has_agents(queue) {
            (queue.no_agent.as_ref(), Why::Unavailable)
        } else {
            return Ok(Destination::Pilot { pilot: Pilot::Queue(queue.name.clone()), course });
        };
        metrics::counter!("carillon_queue_calls_total", "queue" => queue.name.clone(), "outcome" => "not_admitted")
            .increment(1);
        let to = instead.ok_or(Unplaceable::Busy)?;
        let course = course.diverted(&queue.pilot(), why).ok_or(Unplaceable::Busy)?;
        let route = plan.forwarded(to, Who::Nobody, &placing.who, placing.when);
        self.destination(plan, route, placing, course)
    }

    /// Does this agent take part: signed in, with a phone that is registered?
    pub(super) fn is_signed_in(&self, line: &LineId) -> bool {
        let is_out = self.lines.of(line).is_some_and(|settings| settings.signed_out_of_queues);
        !is_out && !self.phones.of(line, self.phones.now()).is_empty()
    }

    /// Why a hunt finds nobody, should it find nobody: all are busy, or have no phone.
    fn nobody_free(&self, hunt: &Hunt, placing: &Placing<'_>) -> Cause {
        match hunt.waiting.iter().any(|line| !self.phones.of(line, placing.when).is_empty()) {
            true => Cause::Busy,
            false => Cause::DestinationOutOfService,
        }
    }
}
