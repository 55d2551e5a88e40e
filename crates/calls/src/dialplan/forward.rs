//! Call forwarding: where a line's calls go that do not stay (`CC-17`).

use model::plan::{ByOrigin, Digits, ForwardTo};
use model::{LineId, Timestamp};

use super::DialPlan;
use super::explanation::Silent;
use super::route::{Ask, Route};
use super::who::Who;

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
        let of = |by_origin: &'_ ByOrigin| by_origin.of(is_internal).cloned();
        let to = match reason {
            Reason::All => forwards.all.clone(),
            Reason::Busy => of(&forwards.busy),
            Reason::NoAnswer => of(&forwards.no_answer),
            Reason::Unregistered => of(&forwards.unregistered),
        };
        Some(self.forwarded(&to?, Who::Line(line, None), caller, when))
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
        if !matches!(route.outcome, super::Outcome::Outside(_)) {
            route.calling = calling;
        }
        route
    }

    /// How long a line rings before nobody answers, when the plan says so.
    pub fn no_answer_seconds(&self, line: &LineId) -> Option<u16> {
        let said = self.lines[self.line_index(line)?].said?;
        self.plan.lines[said].forward.no_answer_seconds
    }
}
