//! A call out tries servers of trunks one after the other (RFC 3263 §4.3): each is given a time to say anything at all,
//! and what says that the server cannot, not that the callee will not, leads on to the next.

use std::sync::Arc;
use std::time::Instant;

use sip::Response;

use super::branch::{BranchLeg, BranchState};
use super::house::Context;
use super::outcome::Failure;
use super::{Call, Purpose};
use crate::place::Branch;
use crate::snapshot::{Cause, Event};
use crate::trunk::{FromTrunk, retry_after};

impl Failure {
    /// Does it say that this server cannot, so that another one is tried? What it says of the callee goes back to the
    /// caller. A trunk that does not know our credentials cannot, either.
    pub(crate) fn leads_on(self) -> bool {
        match self {
            // Another trunk may stand elsewhere.
            Self::Silent | Self::Unreachable | Self::NoBandwidth => true,
            Self::Status(status) => matches!(status, 401 | 407 | 408 | 500..600),
            // Our own limits hold on every way.
            Self::NoAnswer | Self::NotAcceptable | Self::Overloaded => false,
        }
    }
}

impl Branch {
    /// What was called: the number of the line, or what the trunk was told.
    pub(crate) fn address(&self) -> String {
        let of_line = self.line.as_ref().map(|line| line.number.to_string());
        of_line.unwrap_or_else(|| {
            let called = self.trunk.as_ref().and_then(|outgoing| outgoing.called.user_decoded());
            String::from_utf8_lossy(&called.unwrap_or_default()).into_owned()
        })
    }

    /// The trunk that it is behind.
    pub(crate) fn behind(&self) -> Option<Arc<FromTrunk>> {
        let name = self.trunk.as_ref()?.trunk.name().to_owned();
        Some(Arc::new(FromTrunk { name, number: self.address() }))
    }
}

impl BranchLeg {
    /// Takes note of what a server of a trunk says of itself; false for a phone.
    pub(super) fn hears(&self, response: &Response, now: Instant) -> bool {
        let Some(outgoing) = &self.place.trunk else { return false };
        if let Some(charge) = &outgoing.charge {
            charge.hears(response.status());
        }
        match response.status() {
            503 => outgoing.trunk.failed(outgoing.hop, retry_after(response), now),
            _ => outgoing.trunk.answered(outgoing.hop),
        }
        true
    }
}

impl BranchLeg {
    /// Does not hold what a call over a trunk is counted by any longer; other ways of the same call go on holding it.
    pub(super) fn forget_charge(&mut self) {
        if let Some(outgoing) = self.place.trunk.as_mut().filter(|outgoing| outgoing.charge.is_some()) {
            Arc::make_mut(outgoing).charge = None;
        }
    }
}

impl Call {
    /// Goes on to the next server, when there is one and the last one could not.
    pub(super) fn goes_on(&mut self, context: &mut Context<'_>) -> bool {
        let failure = self.branches.last().and_then(BranchLeg::failure);
        if !failure.is_some_and(Failure::leads_on) {
            self.ringing.ways.clear();
            return false;
        }
        let rings = self.ring_next_way(context);
        if rings {
            metrics::counter!("carillon_trunk_failovers_total").increment(1);
            self.publish(Event::Diverted, Cause::DestinationOutOfService, context);
        }
        rings
    }

    /// Calls the next server.
    pub(super) fn ring_next_way(&mut self, context: &mut Context<'_>) -> bool {
        let Some(way) = self.ringing.ways.pop_front() else { return false };
        let Some(trunk) = way.trunk.clone() else { return false };
        self.timers.answer = Some(context.now.instant + trunk.trunk.patience());
        let address = way.address();
        self.ring_branches(vec![way], (address, None), None, context);
        true
    }

    /// A server said something: it is there.
    pub(super) fn way_answers(&mut self, branch: usize, response: &Response, context: &Context<'_>) {
        if self.branches[branch].hears(response, context.now.instant) {
            self.timers.answer = None;
        }
    }

    /// The server that was called last has said nothing for too long.
    pub(super) fn way_is_silent(&mut self, context: &mut Context<'_>) {
        self.timers.answer = None;
        let silent =
            |branch: &BranchLeg| branch.place.trunk.is_some() && branch.state == BranchState::Calling;
        if let Some(branch) = self.branches.iter().rposition(silent) {
            // Nothing came, so the CANCEL waits for the first answer, if there ever is one (RFC 3261 §9.1).
            self.cancel_branch(branch, context);
            self.branch_failed(branch, Failure::Silent, context);
        }
    }

    /// A server that did not answer, or could not be reached, is tried last for a while.
    pub(super) fn way_failed(&self, branch: usize, failure: Failure, context: &Context<'_>) {
        if let (Some(outgoing), Failure::Silent | Failure::Unreachable) =
            (&self.branches[branch].place.trunk, failure)
        {
            outgoing.trunk.failed(outgoing.hop, None, context.now.instant);
        }
    }

    /// 401 or 407 of a trunk: the INVITE goes out again with credentials (RFC 3261 §22.2). False when there is nothing
    /// to answer with.
    pub(super) fn answers_challenge(
        &mut self,
        branch: usize,
        response: &Response,
        context: &mut Context<'_>,
    ) -> bool {
        let leg = &mut self.branches[branch];
        if !leg.is_open() {
            return false;
        }
        let Some(request) = leg.invite_signed(response) else { return false };
        let target = leg.target.clone();
        match self.send(request, &target, Purpose::Invite { branch }, context) {
            Some(transaction) => {
                self.branches[branch].transaction = Some(transaction);
                if let Some(outgoing) = &self.branches[branch].place.trunk {
                    self.timers.answer = Some(context.now.instant + outgoing.trunk.patience());
                }
                true
            }
            None => false,
        }
    }
}
