//! Route points of one application: it registers, is asked where calls go, and answers (`CC-19`).

use std::collections::BTreeSet;

use super::ROUTE_POINTS_MAX;
use super::error::Fault;
use super::session::{Session, write};
use super::shown::{Answer, Message, RouteEvent};
use crate::command::{Command, Refusal};
use crate::features::applications::{RouteEnd, RouteRequest};
use crate::snapshot::CallId;

/// What a session has to do with route points.
#[derive(Debug, Default)]
pub(super) struct Routes {
    /// Those that it is registered for.
    points: BTreeSet<String>,
    /// The calls that it was told of and has not answered.
    asked: BTreeSet<CallId>,
}

impl Session {
    /// Whoever may not register is told the same as whoever names a route point that is not there.
    pub(super) fn route_register(&mut self, name: &str) -> Result<Answer, Fault> {
        let plan = self.calls.plan();
        let point = plan.plan().outside.route_points.iter().find(|point| point.name == name);
        if !point.is_some_and(|point| point.allows(&self.user)) {
            return Err(Fault::NoSuchRoutePoint);
        }
        let points = &mut self.routes.points;
        if !points.contains(name) && points.len() >= ROUTE_POINTS_MAX
            || !self.calls.applications().register(name, &self.user, &self.feed)
        {
            return Err(Fault::Refused(Refusal::Resources));
        }
        points.insert(name.to_owned());
        Ok(Answer::Nothing {})
    }

    pub(super) fn route_register_cancel(&mut self, name: &str) -> Result<Answer, Fault> {
        if !self.routes.points.remove(name) {
            return Err(Fault::NoSuchRoutePoint);
        }
        self.calls.applications().cancel(name, &self.feed);
        Ok(Answer::Nothing {})
    }

    /// Says where a call goes that the session was asked about; about others it has no say.
    pub(super) async fn route(&mut self, call: CallId, command: Command) -> Result<Answer, Fault> {
        if !self.calls.applications().is_asked(call, &self.feed) {
            return Err(Fault::Refused(Refusal::NoSuchCall));
        }
        let done = self.calls.command(command).await?;
        self.routes.asked.remove(&call);
        Ok(Answer::Done(done))
    }

    pub(super) fn route_request(&mut self, request: &RouteRequest) -> Option<String> {
        // A caller may have given up before the session had its turn.
        let call = self.calls.board().call(request.call)?;
        self.routes.asked.insert(request.call);
        self.sequence += 1;
        Some(write(&Message::RouteRequest {
            sequence: self.sequence,
            event: RouteEvent::RouteRequest,
            route_point: &request.point,
            called: &request.called,
            calling: &request.calling,
            name: request.name.as_deref(),
            seconds: request.seconds,
            call: self.shown(&call),
        }))
    }

    pub(super) fn route_end(&mut self, end: &RouteEnd) -> Option<String> {
        if !self.routes.asked.remove(&end.call) {
            return None;
        }
        self.sequence += 1;
        let (sequence, event) = (self.sequence, RouteEvent::RouteEnd);
        Some(write(&Message::RouteEnd {
            sequence,
            event,
            route_point: &end.point,
            cause: end.cause,
            call: end.call,
        }))
    }
}
