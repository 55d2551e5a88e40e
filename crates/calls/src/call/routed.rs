//! A call at a CTI route point: it is put before an application and waits, unanswered, for where it shall go (`CC-19`).
//! When nobody says so in time, it goes on where the route point leads on a failure (`CC-17`).

use std::time::Duration;

use sip::Name;

use super::house::Context;
use super::incoming::Reliability;
use super::outcome::Failure;
use super::{ALLOW, BranchLeg, Call, Phase, wire};
use crate::command::{Refusal, RouteRefusal};
use crate::course::{Course, RingsAt};
use crate::features::applications::{RouteRequest, Visit};
use crate::features::caller_identity::ANONYMOUS;
use crate::features::deflect::PHONES_MAX;
use crate::place::{self, Destination, Limits, Selected, Unplaceable};
use crate::snapshot::{Cause, ConnectionState, Event};

/// How far the question has got that a call asks at a route point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Routing {
    /// It will be asked as soon as others have seen that the call is there.
    Due,
    /// An application thinks.
    Asked,
    /// Nobody said where.
    Failed,
}

impl Call {
    /// The call has come to a route point.
    pub(super) fn come_to_route_point(&mut self, course: Course, context: &Context<'_>) {
        if let RingsAt::RoutePoint(visit) = &course.rings_at {
            let number = visit.number.number.as_str();
            self.ringing.point = Some(self.view.add_route_point(number, context.now.civil));
        }
        self.course = course;
        self.ringing.first_branch = self.branches.len();
        self.ringing.routing = Some(Routing::Due);
        self.timers.answer = None;
        if !self.branches.iter().any(BranchLeg::is_open) {
            self.timers.ring = None;
        }
    }

    /// Puts the call before an application, when that is due. The caller hears that it rings meanwhile.
    pub(super) fn ask_application(&mut self, context: &mut Context<'_>) {
        if self.ringing.routing != Some(Routing::Due) {
            return;
        }
        let RingsAt::RoutePoint(visit) = &self.course.rings_at else { return };
        let request = self.request(visit);
        if !context.house.lines.board().applications().ask(visit, request) {
            metrics::counter!("carillon_route_requests_total", "outcome" => "nobody").increment(1);
            return self.routing_failed(context);
        }
        let patience = Duration::from_secs(visit.point.patience().into());
        self.timers.route = Some(context.now.instant + patience);
        self.ringing.routing = Some(Routing::Asked);
        if let Some(point) = self.ringing.point {
            self.show(point, ConnectionState::Alerting, Event::Delivered, Cause::NormalClearing, context);
        }
        self.let_caller_hear_ringing(context);
    }

    fn request(&self, visit: &Visit) -> RouteRequest {
        let withheld = self.placed_by.withheld;
        RouteRequest {
            point: visit.point.name.clone(),
            call: self.id,
            called: visit.number.number.to_string(),
            calling: if withheld { ANONYMOUS.to_owned() } else { self.placed_by.number.clone() },
            name: self.placed_by.name.clone().filter(|_| !withheld),
            seconds: visit.point.patience(),
        }
    }

    /// 180 without a phone behind it. A caller that wants all such responses reliably waits without it: there is no
    /// dialog of a phone yet that a PRACK could be for.
    fn let_caller_hear_ringing(&self, context: &mut Context<'_>) {
        let Some(asker) = &self.caller else { return };
        if asker.reliability == Reliability::Required {
            return;
        }
        let builder = wire::response(context.house, &asker.invite, 180, Some(asker.tag.as_bytes()))
            .header(Name::Contact, context.house.contact(&asker.flow).as_str())
            .header(Name::Allow, ALLOW);
        context.endpoint.respond(asker.transaction, &builder.finish(), context.now.instant);
    }

    /// Does the call wait for an application?
    pub(super) fn waits_for_application(&self) -> bool {
        self.ringing.routing == Some(Routing::Asked)
    }

    /// What the route point adds to the failures of phones.
    pub(super) fn routing_failure(&self) -> Option<Failure> {
        (self.ringing.routing == Some(Routing::Failed)).then_some(Failure::Unreachable)
    }

    /// The application need not answer any more; it is told why, unless it just did.
    pub(super) fn unask(&mut self, told: Option<Cause>, context: &Context<'_>) {
        if self.waits_for_application() {
            context.house.lines.board().applications().leave(self.id, told);
        }
        self.ringing.routing = None;
        self.timers.route = None;
        self.leave_route_point(ConnectionState::Null, context);
    }

    fn routing_failed(&mut self, context: &Context<'_>) {
        self.leave_route_point(ConnectionState::Fail, context);
        self.ringing.routing = Some(Routing::Failed);
    }

    fn leave_route_point(&mut self, state: ConnectionState, context: &Context<'_>) {
        if let Some(point) = self.ringing.point.take() {
            self.view.set(point, state, context.now.civil);
        }
    }

    /// No application will say where: it has not in time, or is gone.
    pub(crate) fn unrouted(&mut self, context: &mut Context<'_>) {
        if !self.waits_for_application() {
            return;
        }
        metrics::counter!("carillon_route_requests_total", "outcome" => "failed").increment(1);
        context.house.lines.board().applications().leave(self.id, Some(Cause::NoAnswer));
        self.timers.route = None;
        self.routing_failed(context);
        self.conclude(context);
    }

    /// The application says where. When that leads nowhere, it may name another number.
    pub(super) fn route_select(&mut self, target: &str, context: &mut Context<'_>) -> Result<(), Refusal> {
        if self.phase != Phase::Ringing || !self.waits_for_application() {
            return Err(Refusal::WrongState);
        }
        let selected = Selected { caller: &self.placed_by, course: &self.course, target };
        let limits = Limits { calls_per_line_max: context.house.limits.calls_per_line_max };
        let destination = place::place_selected(&*context.house.directory, &selected, limits)?;
        match &destination {
            Destination::Phones { branches, .. } if self.branches.len() + branches.len() > PHONES_MAX => {
                return Err(Refusal::Resources);
            }
            Destination::Phones { .. }
            | Destination::Trunk { is_emergency: false, .. }
            | Destination::Pilot { .. }
            | Destination::RoutePoint { .. } => {}
            // Nobody has rescuers called by whoever calls them.
            Destination::Trunk { .. }
            | Destination::Service(_)
            | Destination::Setting(_)
            | Destination::CallBack(_)
            | Destination::Resume
            | Destination::Again { .. } => {
                return Err(Unplaceable::NotAllowed.into());
            }
        }
        metrics::counter!("carillon_route_requests_total", "outcome" => "selected").increment(1);
        self.unask(None, context);
        self.ring(destination, context);
        self.publish(Event::Diverted, Cause::Redirected, context);
        self.conclude(context);
        Ok(())
    }

    /// The application does not want the call.
    pub(super) fn route_reject(
        &mut self,
        cause: RouteRefusal,
        context: &mut Context<'_>,
    ) -> Result<(), Refusal> {
        if self.phase != Phase::Ringing || !self.waits_for_application() {
            return Err(Refusal::WrongState);
        }
        metrics::counter!("carillon_route_requests_total", "outcome" => "rejected").increment(1);
        context.house.lines.board().applications().leave(self.id, None);
        self.routing_failed(context);
        self.cancel_branches(None, context);
        self.refuse_caller(cause.verdict(), context);
        Ok(())
    }
}
