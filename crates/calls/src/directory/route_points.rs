//! Calls that come to CTI route points, and where they go from there (`CC-19`).

use model::plan::{Digits, ForwardTo, RoutePoint};
use model::{LineId, Number};

use super::{Phones, Placing, PlanDirectory};
use crate::course::{Course, RingsAt, Why};
use crate::dialplan::{DialPlan, Who};
use crate::features::applications::Visit;
use crate::place::{Destination, Selected, Unplaceable};

/// A call comes to a route point; not to the number that it came from.
pub(super) fn arrive(
    point: &RoutePoint,
    called: &Digits,
    course: Course,
) -> Result<Destination, Unplaceable> {
    let number: Number = called.as_str().parse().map_err(|_| Unplaceable::NotFound)?;
    let number = LineId { number, partition: point.partition.clone() };
    if course.came_from(&number) {
        return Err(Unplaceable::Looping);
    }
    let visit = Box::new(Visit { point: point.clone(), number });
    Ok(Destination::RoutePoint { course: Course { rings_at: RingsAt::RoutePoint(visit), ..course } })
}

impl<P: Phones> PlanDirectory<P> {
    /// Where a call goes that an application sends from a route point.
    pub(super) fn select_onward(&self, selected: &Selected<'_>) -> Result<Destination, Unplaceable> {
        let RingsAt::RoutePoint(visit) = &selected.course.rings_at else {
            return Err(Unplaceable::NotFound);
        };
        let to = Digits::dialled(selected.target).ok_or(Unplaceable::NotFound)?;
        let to = ForwardTo { to, search_space: visit.point.search_space.clone() };
        let (plan, placing) = (self.plan.load(), self.placing(selected.caller));
        self.route_onward(&plan, (visit, &to, Why::Deflection), &placing, selected.course)
    }

    /// Where a call goes from a route point: on behalf of nobody, in the search space that the plan says.
    pub(super) fn route_onward(
        &self,
        plan: &DialPlan,
        (visit, to, why): (&Visit, &ForwardTo, Why),
        placing: &Placing<'_>,
        course: &Course,
    ) -> Result<Destination, Unplaceable> {
        let course = course.diverted(&visit.number, why).ok_or(Unplaceable::Looping)?;
        let route = plan.forwarded(to, Who::Nobody, &placing.who, placing.when);
        self.destination(plan, route, placing, course)
    }
}
