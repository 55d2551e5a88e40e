//! A call while it rings: provisional responses, the first answer, refusals, cancelling.

use bytes::Bytes;
use sip::dialog::{Dialog, State};
use sip::endpoint::{ClientTransaction, ServerTransaction};
use sip::header::{Refresher, SessionExpires};
use sip::session_timer::{Answer, SessionTimer};
use sip::{Name, Response, ResponseBuilder};

use super::branch::BranchState;
use super::describe::Said;
use super::half::Half;
use super::house::Context;
use super::incoming::{Reliability, policy};
use super::letter::Letter;
use super::outcome::{Failure, Verdict, best};
use super::outside::Outside;
use super::pair::{AckOwed, Pair};
use super::session::{finish, timer_headers};
use super::{ALLOW, Call, End, Phase, Purpose, wire};
use crate::features::{announcement, deflect};
use crate::offer::{Carrier, Exchange, Meaning, Outstanding, Side};
use crate::place::{BRANCHES_MAX, Destination, Failed, Limits, place_next};
use crate::snapshot::{Cause, ConnectionState, Event};

/// Early dialogs of one call; responses that would make more are passed over.
const PAIRS_MAX: usize = 2 * BRANCHES_MAX;

impl Call {
    /// A response to the INVITE of a branch.
    pub(super) fn branch_response(
        &mut self,
        branch: usize,
        transaction: ClientTransaction,
        response: &Response,
        context: &mut Context<'_>,
    ) {
        self.way_answers(branch, response, context);
        match response.status() {
            100 => {}
            401 | 407 if self.answers_challenge(branch, response, context) => {}
            101..=199 => self.branch_progresses(branch, response, context),
            200..=299 => self.branch_accepts(branch, transaction, response, context),
            422 => self.branch_wants_longer_sessions(branch, response, context),
            status => self.branch_failed(branch, Failure::Status(status), context),
        }
    }

    /// The pair of the early dialog that a response belongs to, made when it is the first of its dialog.
    fn pair_for(&mut self, branch: usize, response: &Response, context: &mut Context<'_>) -> Option<usize> {
        let tag = response.headers().to_tag()?;
        let known =
            |pair: &Pair| pair.branch == Some(branch) && pair.half(End::Callee).dialog.id().remote_tag == tag;
        if let Some(place) = self.pairs.iter().position(known) {
            let half = self.pairs[place].half_mut(End::Callee);
            half.learn(response.headers());
            half.dialog.answered(response).ok()?;
            return Some(place);
        }
        if self.pairs.len() >= PAIRS_MAX {
            return None;
        }
        let (leg, asker) = (&self.branches[branch], self.caller.as_ref()?);
        let invite = leg.invite.as_ref()?;
        let callee = Dialog::uac(invite, response).ok()?;
        // The first early dialog takes the tag that refusals have too; further forks take new ones.
        let caller_tag = match self.pairs.is_empty() {
            true => asker.tag.clone(),
            false => context.endpoint.new_tag(),
        };
        let caller = Dialog::uas(&asker.invite, caller_tag.as_bytes(), State::Early).ok()?;
        let mut invited = Exchange::new();
        invited.pass(Side::Local, Carrier::Invite, asker.offer.is_some()).ok()?;
        let session_id = u64::from_str_radix(&caller_tag, 16).unwrap_or(self.id.0);
        let said_to_caller = Said::new(session_id, asker.secrecy.clone());
        let headers = asker.invite.headers();
        let mut caller = Half::new(caller, asker.flow, asker.exchange, said_to_caller, headers);
        caller.heard.clone_from(&asker.offer);
        caller.outside.clone_from(&asker.outside);
        let mut callee = Half::new(callee, leg.target.flow, invited, leg.said.clone(), response.headers());
        callee.connection = leg.connection;
        callee.outside = Outside::called(leg.place.trunk.as_ref(), invite);
        // A watcher may want to pick the call up (RFC 4235 §4.1.1, RFC 3891 §1).
        self.view.set_dialog(callee.connection, callee.dialog_ids());
        self.pairs.push(Pair::new(branch, caller, callee));
        Some(self.pairs.len() - 1)
    }

    fn branch_progresses(&mut self, branch: usize, response: &Response, context: &mut Context<'_>) {
        if self.phase != Phase::Ringing || !self.branches[branch].is_open() {
            return;
        }
        self.branches[branch].state = BranchState::Ringing;
        let rings = response.status() == 180;
        match self.pair_for(branch, response, context) {
            Some(pair) => self.pass_progress_on(pair, response, context),
            None => {
                // COMPAT: provisional responses without To tag make no dialog, but the caller wants to hear it ring.
                let Some(asker) = &self.caller else { return };
                let tag = Some(asker.tag.as_bytes());
                let builder = wire::response(context.house, &asker.invite, response.status(), tag);
                context.endpoint.respond(asker.transaction, &builder.finish(), context.now.instant);
            }
        }
        if rings {
            let connection = self.branches[branch].connection;
            self.show(
                connection,
                ConnectionState::Alerting,
                Event::Delivered,
                Cause::NormalClearing,
                context,
            );
        }
    }

    /// Passes a provisional response on to the caller, with what it says about the session.
    fn pass_progress_on(&mut self, pair: usize, response: &Response, context: &mut Context<'_>) {
        let reliable = wire::reliable_rseq(response).is_some();
        let carrier = if reliable { Carrier::ReliableProvisional } else { Carrier::Provisional };
        let described = wire::is_described(response.headers(), response.body()).unwrap_or(false);
        let callee = self.pairs[pair].half_mut(End::Callee);
        let meaning = callee.exchange.pass(Side::Remote, carrier, described);
        let offered = meaning == Ok(Meaning::Offer);
        if reliable && offered {
            self.pairs[pair].prack_owed = Some(response.clone());
        } else if reliable {
            self.prack(pair, response, None, context);
        }
        let body = match meaning {
            Ok(Meaning::Offer | Meaning::Answer | Meaning::Preview) => {
                self.hear(pair, End::Callee, response.body(), context)
            }
            Ok(Meaning::Nothing | Meaning::Repeat) => None,
            // What makes no sense here is not passed on.
            Err(_) => return,
        };
        let Some(asker) = &self.caller else { return };
        let transaction = asker.transaction;
        let reliably = match asker.reliability {
            Reliability::Unsupported => false,
            Reliability::Supported => reliable,
            Reliability::Required => true,
        };
        let carrier = if reliably { Carrier::ReliableProvisional } else { Carrier::Provisional };
        let caller = self.pairs[pair].half_mut(End::Caller);
        let passed = caller.exchange.pass(Side::Local, carrier, body.is_some());
        let body = body.filter(|_| matches!(passed, Ok(Meaning::Offer | Meaning::Answer | Meaning::Preview)));
        if body.is_some() && !offered && *self.early_media.get_or_insert(pair) == pair {
            self.join(pair, context);
        }
        let Some(builder) = self.answer_to_caller(pair, response.status(), context) else { return };
        let (response, now) = (finish(builder, body.as_ref()), context.now.instant);
        if reliably {
            if let Err(error) = context.endpoint.respond_reliably(transaction, response, now) {
                tracing::debug!(call = %self.id, %error, "a provisional response was not passed on");
            }
        } else {
            context.endpoint.respond(transaction, &response, now);
        }
    }

    /// Begins a response to the caller in the dialog of a pair.
    fn answer_to_caller(&self, pair: usize, status: u16, context: &Context<'_>) -> Option<ResponseBuilder> {
        let caller = self.pairs[pair].half(End::Caller);
        let tag = &caller.dialog.id().local_tag;
        let builder = wire::response(context.house, &self.caller.as_ref()?.invite, status, Some(tag))
            .header(Name::Contact, context.house.contact(&caller.flow).as_str())
            .header(Name::Allow, ALLOW);
        // RFC 3891 §4, RFC 3911 §6: whoever may have its dialog replaced or joined says so.
        Some(if status >= 200 { builder.header(Name::Supported, "replaces, join") } else { builder })
    }

    /// A phone answers: the first one takes the call.
    fn branch_accepts(
        &mut self,
        branch: usize,
        transaction: ClientTransaction,
        response: &Response,
        context: &mut Context<'_>,
    ) {
        let Some(pair) = self.pair_for(branch, response, context) else {
            tracing::warn!(call = %self.id, "a phone answered without a dialog");
            return self.branch_failed(branch, Failure::Status(500), context);
        };
        let described = wire::is_described(response.headers(), response.body()).unwrap_or(false);
        let callee = self.pairs[pair].half_mut(End::Callee);
        let cseq = response.headers().cseq().map_or(1, |cseq| cseq.number);
        let meaning = callee.exchange.pass(Side::Remote, Carrier::Success, described);
        if self.phase != Phase::Ringing {
            // RFC 3261 §13.2.2.4, §16.7 step 10: a 2xx that comes too late is acknowledged and ended.
            self.acknowledge(pair, End::Callee, transaction, cseq, None, context);
            return self.bye(pair, End::Callee, context);
        }
        let body = match meaning {
            Ok(Meaning::Offer | Meaning::Answer) => self.hear(pair, End::Callee, response.body(), context),
            Ok(_) => None,
            Err(_) => return self.unusable(pair, branch, transaction, cseq, context),
        };
        if matches!(meaning, Ok(Meaning::Offer | Meaning::Answer)) && body.is_none() {
            return self.unusable(pair, branch, transaction, cseq, context);
        }
        if meaning == Ok(Meaning::Offer) {
            self.pairs[pair].ack_owed = Some(AckOwed { to: End::Callee, invite: transaction, cseq });
        } else {
            self.acknowledge(pair, End::Callee, transaction, cseq, None, context);
        }
        self.branches[branch].state = BranchState::Answered;
        self.cancel_branches(Some(branch), context);
        self.start_timer_of_callee(pair, response, context);
        self.answered(pair, body, context);
    }

    /// A 2xx whose session description is missing or cannot be used.
    fn unusable(
        &mut self,
        pair: usize,
        branch: usize,
        transaction: ClientTransaction,
        cseq: u32,
        context: &mut Context<'_>,
    ) {
        self.acknowledge(pair, End::Callee, transaction, cseq, None, context);
        self.bye(pair, End::Callee, context);
        self.branch_failed(branch, Failure::NotAcceptable, context);
    }

    /// Tells the caller that the call is answered.
    fn answered(&mut self, pair: usize, body: Option<Bytes>, context: &mut Context<'_>) {
        let owed = Some(Outstanding { side: Side::Remote, carrier: Carrier::Invite });
        // The answer may have come in a reliable provisional response that the caller got as a preview only.
        let body = match body {
            None if self.pairs[pair].half(End::Caller).exchange.outstanding() == owed => {
                self.pairs[pair].half(End::Caller).said.body().cloned()
            }
            body => body,
        };
        let Some(transaction) = self.caller.as_ref().map(|caller| caller.transaction) else { return };
        self.phase = Phase::Answered(pair);
        (self.timers.ring, self.timers.answer) = (None, None);
        self.unask(Some(Cause::AnsweredElsewhere), context);
        self.timers.length = Some(self.pairs[pair].half(End::Callee).ends_at(context));
        let caller = self.pairs[pair].half_mut(End::Caller);
        if let Err(refusal) = caller.exchange.pass(Side::Local, Carrier::Success, body.is_some()) {
            tracing::warn!(call = %self.id, %refusal, "the caller cannot be told of the answer");
            self.phase = Phase::Ringing;
            self.bye(pair, End::Callee, context);
            return self.refuse_caller(Failure::NotAcceptable.verdict(), context);
        }
        caller.dialog.confirm();
        caller.awaiting_ack = Some(transaction);
        let Some(builder) = self.answer_to_caller(pair, 200, context) else { return };
        let response = finish(self.with_session_timer(pair, builder, context), body.as_ref());
        context.endpoint.respond(transaction, &response, context.now.instant);
        if self.pairs[pair].ack_owed.is_none() {
            self.join(pair, context);
        }
        let now = context.now.civil;
        for end in [End::Caller, End::Callee] {
            let connection = self.connection(pair, end);
            let dialog = self.pairs[pair].half(end).dialog_ids();
            self.view.set_dialog(connection, dialog);
            self.view.set(connection, ConnectionState::Connected, now);
        }
        self.view.mark_answered(now);
        self.publish(Event::Established, Cause::NormalClearing, context);
        metrics::counter!("carillon_calls_answered_total").increment(1);
    }

    /// The session timer with the called phone, when its 2xx agrees to one (RFC 4028 §7.2).
    fn start_timer_of_callee(&mut self, pair: usize, response: &Response, context: &Context<'_>) {
        let half = self.pairs[pair].half_mut(End::Callee);
        half.agree(response.headers(), true, context.now.instant);
        if half.timer.is_none() {
            // The phone knows no timers: then we alone keep the session alive, and see when it is gone (RFC 4028 §7.2).
            let seconds = policy(context).session_expires;
            let agreed = SessionExpires { seconds, refresher: Some(Refresher::Uac) };
            let timer = SessionTimer::start(agreed, true, context.now.instant);
            self.pairs[pair].half_mut(End::Callee).timer = Some(timer);
        }
    }

    /// The session timer with the caller: what its INVITE asked for decides (RFC 4028 §9).
    fn with_session_timer(
        &mut self,
        pair: usize,
        builder: ResponseBuilder,
        context: &Context<'_>,
    ) -> ResponseBuilder {
        let Some(asker) = &self.caller else { return builder };
        let Answer::Timer { session_expires, require } = policy(context).answer(&asker.timer) else {
            return builder;
        };
        let timer = SessionTimer::start(session_expires, false, context.now.instant);
        self.pairs[pair].half_mut(End::Caller).timer = Some(timer);
        timer_headers(builder, session_expires, require)
    }

    /// 422: the phone wants a longer session interval, and is asked once more (RFC 4028 §7.4).
    fn branch_wants_longer_sessions(
        &mut self,
        branch: usize,
        response: &Response,
        context: &mut Context<'_>,
    ) {
        let leg = &mut self.branches[branch];
        let asked = leg.policy.session_expires;
        let min_se = response.headers().min_se().ok().flatten().unwrap_or(0);
        let again = leg.policy.after_too_small(asked, min_se).filter(|_| leg.is_open());
        let Some(request) = again.and_then(|policy| leg.invite_again(policy)) else {
            return self.branch_failed(branch, Failure::Status(422), context);
        };
        let target = leg.target.clone();
        match self.send(request, &target, Purpose::Invite { branch }, context) {
            Some(transaction) => self.branches[branch].transaction = Some(transaction),
            None => self.branch_failed(branch, Failure::Overloaded, context),
        }
    }

    /// A branch failed; with the last one, the call does.
    pub(crate) fn branch_failed(&mut self, branch: usize, failure: Failure, context: &mut Context<'_>) {
        let leg = &mut self.branches[branch];
        if !leg.is_open() && leg.state != BranchState::Answered {
            return;
        }
        leg.state = BranchState::Failed(failure);
        self.view.set(leg.connection, ConnectionState::Fail, context.now.civil);
        self.way_failed(branch, failure, context);
        if self.early_media.is_some_and(|pair| self.pairs[pair].branch == Some(branch)) {
            self.early_media = None;
        }
        if self.phase != Phase::Ringing {
            return;
        }
        if failure.is_global() {
            self.cancel_branches(None, context);
        }
        if self.branches.iter().any(super::BranchLeg::is_open) {
            // The lamp of this line goes out while others still ring.
            self.publish(Event::ConnectionCleared, failure.verdict().cause, context);
        }
        self.conclude(context);
    }

    /// Refuses the caller when no branch can answer any more.
    pub(crate) fn conclude(&mut self, context: &mut Context<'_>) {
        if self.phase != Phase::Ringing {
            return;
        }
        self.ask_application(context);
        let waits = self.ringing.leaves || self.waits_for_application();
        if waits || self.branches.iter().any(super::BranchLeg::is_open) {
            return;
        }
        if self.goes_on(context) {
            return self.conclude(context);
        }
        let failures =
            self.branches.iter().filter_map(super::BranchLeg::failure).chain(self.routing_failure());
        // A call that nothing at all was tried for had to go out, and every trunk is full or nowhere to be found.
        let nothing = if self.branches.is_empty() { Failure::Overloaded } else { Failure::Unreachable };
        let verdict = best(failures).unwrap_or(nothing).verdict();
        match self.next_destination(context) {
            Some(
                next @ (Destination::Phones { .. }
                | Destination::Trunk { .. }
                | Destination::Pilot { .. }
                | Destination::RoutePoint { .. }),
            ) => {
                self.ring(next, context);
                self.publish(Event::Diverted, verdict.cause, context);
                self.conclude(context);
            }
            // A call that has rung goes on to people: a service of this server is taken before anything rings.
            _ => self.refuse_caller(verdict, context),
        }
    }

    /// Where the call goes when its destination has failed: to where the line forwards, or the next member of a hunt.
    fn next_destination(&self, context: &Context<'_>) -> Option<Destination> {
        if self.branches.len() >= deflect::PHONES_MAX {
            return None;
        }
        let failures =
            self.branches[self.ringing.first_branch..].iter().filter_map(super::BranchLeg::failure);
        let cause = best(failures).unwrap_or(Failure::Unreachable).verdict().cause;
        let failed = Failed { caller: &self.placed_by, course: &self.course, cause };
        let limits = Limits { calls_per_line_max: context.house.limits.calls_per_line_max };
        place_next(&*context.house.directory, &failed, limits)
    }

    /// The time to ring is over.
    pub(super) fn nobody_answers(&mut self, context: &mut Context<'_>) {
        (self.timers.ring, self.timers.answer) = (None, None);
        self.ringing.ways.clear();
        for branch in 0..self.branches.len() {
            let failure = match self.branches[branch].state {
                BranchState::Ringing => Failure::NoAnswer,
                BranchState::Calling => Failure::Silent,
                _ => continue,
            };
            self.cancel_branch(branch, context);
            self.branches[branch].state = BranchState::Failed(failure);
            // The lamp of this line goes out, should the call go on elsewhere.
            self.view.set(self.branches[branch].connection, ConnectionState::Fail, context.now.civil);
        }
        self.conclude(context);
    }

    /// The caller gives up (RFC 3261 §9.2).
    pub(crate) fn caller_cancels(&mut self, transaction: ServerTransaction, context: &mut Context<'_>) {
        let is_passed_on = self.pairs.iter().flat_map(|pair| &pair.transits).any(|t| t.server == transaction);
        match is_passed_on {
            true => self.transit_cancelled(transaction, context),
            false => self.caller_gives_up(context),
        }
    }

    /// The caller does not want the call any more.
    pub(crate) fn caller_gives_up(&mut self, context: &mut Context<'_>) {
        let verdict = Verdict { status: 487, cause: Cause::CallCancelled };
        if self.phase == Phase::Ringing {
            self.cancel_branches(None, context);
            self.refuse_caller(verdict, context);
        } else {
            self.withdraw_answer(verdict, context);
        }
    }

    /// Cancels all branches that may still answer, but `except`.
    pub(super) fn cancel_branches(&mut self, except: Option<usize>, context: &mut Context<'_>) {
        for branch in 0..self.branches.len() {
            if Some(branch) != except && self.branches[branch].is_open() {
                self.cancel_branch(branch, context);
                self.branches[branch].state = BranchState::Cancelled;
                self.view.set(self.branches[branch].connection, ConnectionState::Null, context.now.civil);
            }
        }
    }

    pub(crate) fn cancel_branch(&mut self, branch: usize, context: &mut Context<'_>) {
        if let Some(transaction) = self.branches[branch].transaction {
            // An error means that the final response is already on its way up: nothing is left to cancel.
            context.endpoint.cancel(transaction, context.now.instant).ok();
        }
    }

    /// The caller's INVITE is refused, and the call is over.
    pub(super) fn refuse_caller(&mut self, verdict: Verdict, context: &mut Context<'_>) {
        if self.phase != Phase::Ringing {
            return;
        }
        let Some(asker) = &self.caller else { return };
        let (transaction, invite) = (asker.transaction, asker.invite.clone());
        let tag = self.pairs.last().map(|pair| pair.half(End::Caller).dialog.id().local_tag.clone());
        let tag = tag.unwrap_or_else(|| asker.tag.clone().into());
        match self.caller.take_if(|asker| announcement::is_wanted(asker, verdict.cause, context)) {
            Some(mut leg) => {
                // A further fork as the caller sees it: what its early dialogs have said does not bind this one.
                leg.tag = context.endpoint.new_tag();
                context.index.letters.push_back(Letter::Announce { leg: Box::new(leg), verdict });
            }
            None if verdict.cause == Cause::NetworkCongestion => {
                wire::refuse_for_bandwidth(context, transaction, &invite, &tag);
            }
            None => wire::refuse_with_tag(context, transaction, &invite, verdict.status, &tag),
        }
        let event = match verdict.cause {
            Cause::CallCancelled => Event::ConnectionCleared,
            _ => Event::Failed,
        };
        self.over(event, verdict.cause, context);
    }
}
