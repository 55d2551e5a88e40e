//! Call forwarding: where a line's calls go that do not stay (`CC-17`).

use model::plan::{Digits, ForwardTo, Recording, Srtp};
use model::{LineId, Timestamp};

use super::DialPlan;
use super::explanation::Silent;
use super::route::{Ask, Outcome, Route};
use super::who::Who;
use crate::features::forward;
use crate::place::Unplaceable;

/// Why a call goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The line forwards all calls.
    All,
    /// The line is busy.
    Busy,
    /// Nobody answers.
    NoAnswer,
    /// No phone of the line is registered.
    Unregistered,
}

impl DialPlan {
    /// Where the calls of a line go for this reason; `None` when they stay. The destination is looked up in the
    /// forward's own search space, so that nobody gains a class of service by being forwarded.
    pub fn forward(
        &self,
        line: &LineId,
        reason: Reason,
        caller: &Who<'_>,
        when: Timestamp,
    ) -> Option<Route<'_>> {
        let said = self.lines[self.line_index(line)?].said?;
        let forwards = &self.plan.lines[said].forward;
        let is_internal = !matches!(caller, Who::Trunk(..));
        let to = forward::destination(forwards, reason, is_internal)?;
        Some(self.forwarded(to, Who::Line(line, None), caller, when))
    }

    /// Looks a forward's destination up, on behalf of who forwards.
    pub(crate) fn forwarded(
        &self,
        to: &ForwardTo,
        behalf: Who<'_>,
        caller: &Who<'_>,
        when: Timestamp,
    ) -> Route<'_> {
        let named = to.search_space.as_deref().map(|name| self.names.space(name));
        let space = match named {
            None => self.stranger.space,
            Some(Some(space)) => space,
            // A search space that is not there reaches nothing.
            Some(None) => self.names.unknown_trunk.space,
        };
        let ask = Ask::new(to.to.as_str(), behalf, when);
        let mut route = self.analyse(&ask, Some(space), &mut Silent);
        // Inside, the called phone shows who calls; outside, a number of ours vouches for the call.
        let calling: Option<Digits> = self.caller(caller).calling;
        if !matches!(route.outcome, Outcome::Outside(_)) {
            route.calling = calling;
        }
        route
    }

    /// Where calls go that the user of a line forwards: looked up where the plan lets this line forward to.
    pub(crate) fn forwarded_by_user(
        &self,
        line: &LineId,
        to: &ForwardTo,
        caller: &Who<'_>,
        when: Timestamp,
    ) -> Route<'_> {
        let said = self.line_index(line).and_then(|index| self.lines[index].said);
        let search_space = said.and_then(|said| self.plan.lines[said].forward.search_space.clone());
        let to = ForwardTo { to: to.to, search_space: to.search_space.clone().or(search_space) };
        self.forwarded(&to, Who::Line(line, None), caller, when)
    }

    /// May the user of a line forward its calls there?
    ///
    /// # Errors
    /// Why not.
    pub fn may_forward(&self, line: &LineId, to: &Digits, when: Timestamp) -> Result<(), Unplaceable> {
        let to = ForwardTo { to: *to, search_space: None };
        let route = self.forwarded_by_user(line, &to, &Who::Line(line, None), when);
        match route.outcome {
            Outcome::Line(reached) if reached == line => Err(Unplaceable::Looping),
            Outcome::Line(_)
            | Outcome::User(..)
            | Outcome::HuntPilot(_)
            | Outcome::Attendant(_)
            | Outcome::Queue(_)
            | Outcome::RoutePoint(_)
            | Outcome::Service(_) => Ok(()),
            // Nobody shall have rescuers called by whoever calls them.
            Outcome::Outside(way) if !way.is_emergency => Ok(()),
            Outcome::Unallocated | Outcome::Incomplete | Outcome::More(_) | Outcome::Looping => {
                Err(Unplaceable::NotFound)
            }
            _ => Err(Unplaceable::NotAllowed),
        }
    }

    /// How long a line rings before nobody answers, when the plan says so.
    pub fn no_answer_seconds(&self, line: &LineId) -> Option<u16> {
        let said = self.lines[self.line_index(line)?].said?;
        self.plan.lines[said].forward.no_answer_seconds
    }

    /// Whether the calls of a line are recorded.
    pub fn recording(&self, line: &LineId) -> Recording {
        let said = self.line_index(line).and_then(|index| self.lines[index].said);
        said.and_then(|said| self.plan.lines[said].recording).unwrap_or(self.plan.settings.recording)
    }

    /// Whether the media of a line is secret.
    pub fn srtp(&self, line: Option<&LineId>) -> Srtp {
        let said = line.and_then(|line| self.lines[self.line_index(line)?].said);
        said.and_then(|said| self.plan.lines[said].srtp).unwrap_or(self.plan.settings.srtp)
    }
}
