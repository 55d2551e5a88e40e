//! A phone comes into a call in the place of another one: the change that stands behind every transfer.
//!
//! The pair waits until nothing is under way in it; then one of its halves is exchanged, and the phone that
//! stays is asked for a session with the one that came (RFC 3261 §14). If it does not agree, everything is as
//! it was before. The phone that was replaced hears of it only when the others have agreed.

use std::time::{Duration, Instant};

use sip::dialog::State;
use sip::endpoint::ClientTransaction;
use sip::sdp::Direction;
use sip::{Method, Response};

use super::describe::{Description, Lines};
use super::house::Context;
use super::leg::Leg;
use super::letter::Letter;
use super::outcome::{Failure, Verdict};
use super::pair::AckOwed;
use super::{Call, End, Phase, Purpose, wire};
use crate::features::transfer::Transfer;
use crate::offer::{Carrier, Meaning, Side};
use crate::snapshot::{CallId, Cause, ConnectionState, Event};

/// How long a join waits for something else to end, and how long after 491 (RFC 3261 §14.1: 2.1 to 4 seconds
/// for whoever made the Call-ID, less for the other; 491 is met again by waiting).
const AGAIN: Duration = Duration::from_millis(700);
/// How often it waits so.
const TRIES_MAX: u8 = 12;

/// What is being done to a live call beside what its phones do.
#[derive(Debug)]
pub(crate) enum Change {
    /// One end wants another phone in its place, and waits for it.
    Transfer(Transfer),
    /// Another phone has come in the place of one end.
    Join(Box<Join>),
    /// One end is on loan to another call.
    Lent,
}

/// Which descriptions the two phones are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// The newcomer has just answered an offer made of what the other phone can: that phone is offered the answer.
    Answered,
    /// The INVITE of the other phone is passed on: it is the one that arrives.
    Arriving,
    /// Both have sessions of their own: the one that stays is asked for an offer, which the other answers (one
    /// exchange from end to end, RFC 3264 §5).
    Fresh,
}

/// A phone on its way into the call.
#[derive(Debug)]
pub(crate) struct Join {
    pub pair: usize,
    /// The end that the newcomer takes.
    pub end: End,
    pub plan: Plan,
    /// The call that the newcomer comes from on loan.
    pub lender: Option<CallId>,
    /// The transfer that it belongs to.
    pub transfer: Option<Transfer>,
    /// The newcomer until the halves are exchanged, then the phone that it replaces, unless that is gone.
    pub(super) outside: Option<Leg>,
    step: Step,
    tries: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Something else is under way in the pair.
    Waiting(Instant),
    /// The halves are exchanged, and it is asked again after a glare.
    Again(Instant),
    /// The phone that stays was sent an INVITE.
    Asked,
    /// The newcomer was offered what the phone that stays has offered.
    PassedOn,
}

impl Join {
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        match self.step {
            Step::Waiting(at) | Step::Again(at) => Some(at),
            Step::Asked | Step::PassedOn => None,
        }
    }

    /// The halves are in their places, and a caller's INVITE asks for the session.
    pub(crate) fn arriving(pair: usize, end: End, lender: Option<CallId>) -> Self {
        Self::meeting(pair, end, Plan::Arriving, lender)
    }

    /// The halves are in their places.
    pub(crate) fn meeting(pair: usize, end: End, plan: Plan, lender: Option<CallId>) -> Self {
        let step = Step::Asked;
        Self { pair, end, plan, lender, transfer: None, outside: None, step, tries: 0 }
    }

    /// Has a phone come in at this end, that has no say yet?
    pub(crate) fn is_joined_by(&self, end: End) -> bool {
        self.end == end && self.is_exchanged()
    }

    pub(super) fn is_exchanged(&self) -> bool {
        !matches!(self.step, Step::Waiting(_))
    }
}

impl Call {
    /// A leg comes into a pair in the place of `end`. It is not refused: if it cannot stay, it goes back.
    pub(crate) fn join_leg(
        &mut self,
        mut leg: Leg,
        (pair, end): (usize, End),
        (plan, lender): (Plan, Option<CallId>),
        transfer: Option<Transfer>,
        context: &mut Context<'_>,
    ) {
        context.index.adopt(&leg.half, self.id, context.house);
        if lender.is_some() {
            leg.half.connection = self.view.enter(leg.member.clone());
        }
        let step = Step::Waiting(context.now.instant);
        let join = Join { pair, end, plan, lender, transfer, outside: Some(leg), step, tries: 0 };
        self.change = Some(Change::Join(Box::new(join)));
        self.try_join(context);
    }

    /// Nothing is under way in the pair: its halves may be exchanged, or go to another call.
    pub(crate) fn is_quiet(&self, pair: usize) -> bool {
        let pair_is_free = {
            let pair = &self.pairs[pair];
            let calm = |half: &super::half::Half| half.is_quiet() || half.dialog.state() == State::Terminated;
            pair.transits.is_empty() && pair.ack_owed.is_none() && pair.halves().iter().all(calm)
        };
        let ours = |purpose: &Purpose| match purpose {
            Purpose::Refresh { pair: of, .. }
            | Purpose::Join { pair: of }
            | Purpose::Hold { pair: of, .. } => *of == pair,
            _ => false,
        };
        pair_is_free && !self.requests.iter().any(|(_, purpose)| ours(purpose))
    }

    /// Exchanges the halves when that is possible now.
    pub(super) fn try_join(&mut self, context: &mut Context<'_>) {
        let Some(Change::Join(join)) = &mut self.change else { return };
        let (pair, end, again) = (join.pair, join.end, join.is_exchanged());
        join.tries += 1;
        if join.tries > TRIES_MAX {
            return self.join_failed(Failure::Status(491).verdict(), context);
        }
        if !self.is_quiet(pair) {
            let at = context.now.instant + AGAIN;
            if let Some(Change::Join(join)) = &mut self.change {
                join.step = if again { Step::Again(at) } else { Step::Waiting(at) };
            }
            return;
        }
        if !again {
            self.exchange_halves(pair, end, context);
        }
        self.ask(pair, end, context);
    }

    fn exchange_halves(&mut self, pair: usize, end: End, context: &mut Context<'_>) {
        let Some(Change::Join(join)) = &mut self.change else { return };
        let Some(leg) = join.outside.take() else { return };
        let connection = leg.half.connection;
        let old = std::mem::replace(self.pairs[pair].half_mut(end), leg.half);
        let side = self.streams.detach(end);
        self.streams.attach(end, leg.side);
        join.step = Step::Asked;
        if old.dialog.state() == State::Terminated {
            side.close(&*context.house.ports);
        } else {
            let member = self.view.connection(old.connection).clone();
            join.outside = Some(Leg { half: old, side, member });
        }
        let ids = self.pairs[pair].half(end).dialog_ids();
        self.view.set_dialog(connection, ids);
        self.show(connection, ConnectionState::Connected, Event::Established, Cause::NormalClearing, context);
    }

    /// Asks the phone that stays for a session with the newcomer.
    fn ask(&mut self, pair: usize, end: End, context: &mut Context<'_>) {
        let Some(Change::Join(join)) = &mut self.change else { return };
        join.step = Step::Asked;
        let (stays, plan) = (end.other(), join.plan);
        let body = match (plan, self.pairs[pair].half(end).heard.clone()) {
            (Plan::Answered, Some(answer)) => {
                match self.tell(pair, stays, &answer.directed(Direction::SendRecv), context) {
                    Some(body) => Some(body),
                    None => return self.join_failed(Failure::Overloaded.verdict(), context),
                }
            }
            _ => None,
        };
        let half = self.pairs[pair].half_mut(stays);
        if half.exchange.pass(Side::Local, Carrier::Invite, body.is_some()).is_err() {
            return self.join_failed(Failure::Status(491).verdict(), context);
        }
        self.invite_again(pair, stays, body.as_ref(), context);
    }

    /// Sends a re-INVITE of ours for a join.
    fn invite_again(
        &mut self,
        pair: usize,
        end: End,
        body: Option<&bytes::Bytes>,
        context: &mut Context<'_>,
    ) {
        let half = self.pairs[pair].half_mut(end);
        let builder = half.change(Method::Invite, context.house);
        let request = match body {
            Some(body) => builder.body(wire::SDP, body),
            None => builder.finish(),
        };
        let target = half.target(context.house);
        if self.send(request, &target, Purpose::Join { pair }, context).is_none() {
            self.pairs[pair].half_mut(end).exchange.refused(Carrier::Invite);
            self.join_failed(Failure::Overloaded.verdict(), context);
        }
    }

    /// A phone answers a re-INVITE of a join.
    pub(super) fn join_response(
        &mut self,
        pair: usize,
        transaction: ClientTransaction,
        response: &Response,
        context: &mut Context<'_>,
    ) {
        if response.is_provisional() {
            return;
        }
        let Some((end, passed_on)) = self.asked_end() else {
            return self.join_is_gone(pair, transaction, response, context);
        };
        let who = if passed_on { end } else { end.other() };
        let half = self.pairs[pair].half_mut(who);
        half.dialog.answered(response).ok();
        if !response.is_success() {
            half.exchange.refused(Carrier::Invite);
            return self.join_refused(pair, who, response.status(), context);
        }
        half.learn(response.headers());
        half.agree(response.headers(), true, context.now.instant);
        let described = wire::is_described(response.headers(), response.body()).unwrap_or(false);
        let meaning = half.exchange.pass(Side::Remote, Carrier::Success, described);
        let cseq = response.headers().cseq().map_or(1, |cseq| cseq.number);
        match meaning {
            Ok(Meaning::Offer) => {
                self.pairs[pair].ack_owed = Some(AckOwed { to: who, invite: transaction, cseq });
                match self.hear(pair, who, response.body(), context) {
                    Some(offer) => self.pass_join_on(pair, end, &offer, context),
                    None => self.join_failed(Failure::NotAcceptable.verdict(), context),
                }
            }
            Ok(Meaning::Answer) => {
                self.acknowledge(pair, who, transaction, cseq, None, context);
                self.join_answered(pair, who, response, context);
            }
            _ => {
                self.acknowledge(pair, who, transaction, cseq, None, context);
                self.join_failed(Failure::NotAcceptable.verdict(), context);
            }
        }
    }

    fn asked_end(&self) -> Option<(End, bool)> {
        match &self.change {
            Some(Change::Join(join)) if join.is_exchanged() => Some((join.end, join.step == Step::PassedOn)),
            _ => None,
        }
    }

    /// An answer to a re-INVITE of a join that has failed meanwhile: a 2xx wants its ACK all the same.
    fn join_is_gone(
        &mut self,
        pair: usize,
        transaction: ClientTransaction,
        response: &Response,
        context: &mut Context<'_>,
    ) {
        let ends = [End::Caller, End::Callee];
        let tag = response.headers().to_tag().unwrap_or_default();
        let of = |end: &End| self.pairs[pair].half(*end).dialog.id().remote_tag == tag;
        let Some(end) = ends.into_iter().find(of) else { return };
        if response.is_success() {
            let cseq = response.headers().cseq().map_or(1, |cseq| cseq.number);
            self.acknowledge(pair, end, transaction, cseq, None, context);
        }
        self.pairs[pair].half_mut(end).exchange.refused(Carrier::Invite);
    }

    /// The newcomer is offered what the phone that stays has offered.
    fn pass_join_on(&mut self, pair: usize, end: End, offer: &bytes::Bytes, context: &mut Context<'_>) {
        if let Some(Change::Join(join)) = &mut self.change {
            join.step = Step::PassedOn;
        }
        let half = self.pairs[pair].half_mut(end);
        if half.exchange.pass(Side::Local, Carrier::Invite, true).is_err() {
            return self.join_failed(Failure::Status(491).verdict(), context);
        }
        self.invite_again(pair, end, Some(offer), context);
    }

    fn join_answered(&mut self, pair: usize, who: End, response: &Response, context: &mut Context<'_>) {
        let Some(answer) = self.hear(pair, who, response.body(), context) else {
            return self.join_failed(Failure::NotAcceptable.verdict(), context);
        };
        if let Some(owed) = self.pairs[pair].ack_owed.take() {
            self.acknowledge(pair, owed.to, owed.invite, owed.cseq, Some(&answer), context);
        }
        for end in [End::Caller, End::Callee] {
            self.pairs[pair].half_mut(end).held = false;
        }
        self.join(pair, context);
        self.joined(context);
    }

    /// A phone refuses the change.
    fn join_refused(&mut self, pair: usize, who: End, status: u16, context: &mut Context<'_>) {
        match status {
            491 => {
                if let Some(Change::Join(join)) = &mut self.change
                    && join.step == Step::Asked
                {
                    join.step = Step::Again(context.now.instant + AGAIN);
                    return;
                }
                self.join_failed(Failure::Status(491).verdict(), context);
            }
            408 | 481 => self.join_lost(pair, who, context),
            status => self.join_failed(Failure::Status(status).verdict(), context),
        }
    }

    /// A phone does not answer any more, or does not know the dialog.
    pub(super) fn join_lost(&mut self, pair: usize, who: End, context: &mut Context<'_>) {
        let newcomer = self.asked_end().is_some_and(|(end, _)| end == who);
        self.pairs[pair].half_mut(who).dialog.terminate();
        match newcomer {
            true => self.join_failed(Failure::Silent.verdict(), context),
            false => self.end(Cause::NetworkSignalLost, context),
        }
    }

    /// The end that a re-INVITE of the join went to last.
    pub(super) fn join_asks(&self) -> Option<End> {
        self.asked_end().map(|(end, passed_on)| if passed_on { end } else { end.other() })
    }

    /// Both phones have agreed: the one that was replaced goes, and the call of the newcomer lets it go.
    pub(super) fn joined(&mut self, context: &mut Context<'_>) {
        let Some(Change::Join(join)) = self.change.take_if(|change| matches!(change, Change::Join(_))) else {
            return;
        };
        let Join { pair, end, lender, mut transfer, outside, .. } = *join;
        let replaced = outside.as_ref().map(|leg| leg.half.connection);
        if let Some(mut leg) = outside {
            if let Some(transfer) = &mut transfer {
                transfer.tell(&mut leg.half, 200, context);
            }
            self.depart(&leg, context);
            leg.dismiss(context);
        }
        if let Some(lender) = lender {
            context.index.letters.push_back(Letter::Kept { lender });
        }
        let now = context.now.civil;
        if let Some(replaced) = replaced {
            self.view.set(replaced, ConnectionState::Null, now);
        }
        self.view.mark_answered(now);
        for end in [end, end.other()] {
            let (half, is_held) = (self.pairs[pair].half(end), self.is_held_by(pair, end));
            let state = if is_held { ConnectionState::Hold } else { ConnectionState::Connected };
            self.view.set(half.connection, state, now);
        }
        self.publish(Event::Transferred, Cause::Transfer, context);
    }

    fn is_held_by(&self, pair: usize, end: End) -> bool {
        let direction = self.pairs[pair].half(end).heard.as_ref().map(Description::direction);
        matches!(direction, Some(Direction::SendOnly | Direction::Inactive))
    }

    /// The newcomer cannot stay: the call is as it was before, if the other phone is still there.
    pub(super) fn join_failed(&mut self, verdict: Verdict, context: &mut Context<'_>) {
        let Some(Change::Join(join)) = self.change.take_if(|change| matches!(change, Change::Join(_))) else {
            return;
        };
        let exchanged = join.is_exchanged();
        let Join { pair, end, lender, mut transfer, outside, .. } = *join;
        self.settle_owed_offer(pair, context);
        self.refuse_transits(pair, verdict.status, context);
        let (newcomer, stayed) = match (exchanged, outside) {
            (false, Some(leg)) => (Some(leg), true),
            (false, None) => (None, true),
            (true, outside) => {
                let stayed = outside.is_some();
                (Some(self.put_back(pair, end, outside)), stayed)
            }
        };
        if let Some(leg) = newcomer {
            self.view.set(leg.half.connection, ConnectionState::Null, context.now.civil);
            context.index.forget_dialog(&leg.half.dialog.id().call_id, self.id);
            match lender {
                Some(lender) if leg.half.is_quiet() => {
                    context.index.letters.push_back(Letter::Returned { lender, leg: Box::new(leg) });
                }
                Some(lender) => {
                    leg.dismiss(context);
                    context.index.letters.push_back(Letter::Kept { lender });
                }
                None => leg.dismiss(context),
            }
        }
        if let Some(transfer) = &mut transfer {
            transfer.tell(self.pairs[pair].half_mut(end), verdict.status, context);
        }
        if stayed && self.phase == Phase::Answered(pair) {
            self.publish(Event::ConnectionCleared, verdict.cause, context);
        } else {
            self.end(verdict.cause, context);
        }
    }

    /// Takes the newcomer out of the pair, and the phone that it replaced back in.
    fn put_back(&mut self, pair: usize, end: End, outside: Option<Leg>) -> Leg {
        let side = self.streams.detach(end);
        let half = match outside {
            Some(old) => {
                self.streams.attach(end, old.side);
                std::mem::replace(self.pairs[pair].half_mut(end), old.half)
            }
            None => {
                let half = self.pairs[pair].half(end).clone();
                self.pairs[pair].half_mut(end).dialog.terminate();
                half
            }
        };
        let member = self.view.connection(half.connection).clone();
        Leg { half, side, member }
    }

    /// The phone that stays has offered, and waits for an answer that will not come: it gets the session that it
    /// had. A payload type keeps its meaning within a session (RFC 3264 §8.3.2), so that answer fits its offer.
    fn settle_owed_offer(&mut self, pair: usize, context: &mut Context<'_>) {
        let Some(owed) = self.pairs[pair].ack_owed.take() else { return };
        let half = self.pairs[pair].half_mut(owed.to);
        let (address, whereabouts) = (half.media_address(context.house), half.whereabouts());
        let last = half.said.body().and_then(|body| Description::read(body, whereabouts).ok());
        let answer = last.and_then(|last| {
            let ports = last.named_ports();
            let lines = half.heard.as_ref().map_or(Lines::Offer(None), Lines::Answer);
            half.said.write(&last, address, lines, |at, _| ports.get(at).copied().flatten())
        });
        self.acknowledge(pair, owed.to, owed.invite, owed.cseq, answer.as_ref(), context);
    }
}
