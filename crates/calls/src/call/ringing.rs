//! A call while it rings: provisional responses, the first answer, refusals, cancelling.

use bytes::Bytes;
use sip::dialog::{Dialog, State};
use sip::endpoint::{ClientTransaction, ServerTransaction};
use sip::header::{Refresher, SessionExpires};
use sip::session_timer::{Answer, SessionTimer};
use sip::{Method, Name, Request, Response, ResponseBuilder};

use super::branch::BranchState;
use super::describe::{Description, Said};
use super::half::Half;
use super::house::Context;
use super::incoming::{Reliability, policy};
use super::outcome::{Failure, Verdict, best};
use super::pair::{AckOwed, Pair};
use super::{ALLOW, Call, End, Phase, Purpose, wire};
use crate::offer::{Carrier, Exchange, Meaning, Outstanding, Side};
use crate::place::BRANCHES_MAX;
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
        match response.status() {
            100 => {}
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
            |pair: &Pair| pair.branch == branch && pair.half(End::Callee).dialog.id().remote_tag == tag;
        if let Some(place) = self.pairs.iter().position(known) {
            let half = self.pairs[place].half_mut(End::Callee);
            half.learn(response.headers());
            half.dialog.answered(response).ok()?;
            return Some(place);
        }
        if self.pairs.len() >= PAIRS_MAX {
            return None;
        }
        let leg = &self.branches[branch];
        let callee = Dialog::uac(leg.invite.as_ref()?, response).ok()?;
        // The first early dialog takes the tag that refusals have too; further forks take new ones.
        let caller_tag = match self.pairs.is_empty() {
            true => self.caller.tag.clone(),
            false => context.endpoint.new_tag(),
        };
        let caller = Dialog::uas(&self.caller.invite, caller_tag.as_bytes(), State::Early).ok()?;
        let mut invited = Exchange::new();
        invited.pass(Side::Local, Carrier::Invite, self.caller.offer.is_some()).ok()?;
        let said_to_caller = Said::new(u64::from_str_radix(&caller_tag, 16).unwrap_or(self.id.0));
        let headers = self.caller.invite.headers();
        let mut caller = Half::new(caller, self.caller.flow, self.caller.exchange, said_to_caller, headers);
        caller.heard.clone_from(&self.caller.offer);
        let callee = Half::new(callee, leg.target.flow, invited, leg.said.clone(), response.headers());
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
                let tag = self.caller.tag.clone();
                let builder = wire::response(
                    context.house,
                    &self.caller.invite,
                    response.status(),
                    Some(tag.as_bytes()),
                );
                context.endpoint.respond(self.caller.transaction, &builder.finish(), context.now.instant);
            }
        }
        if rings {
            self.show(
                branch + 1,
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
        let reliably = match self.caller.reliability {
            Reliability::Unsupported => false,
            Reliability::Supported => reliable,
            Reliability::Required => true,
        };
        let carrier = if reliably { Carrier::ReliableProvisional } else { Carrier::Provisional };
        let caller = self.pairs[pair].half_mut(End::Caller);
        let passed = caller.exchange.pass(Side::Local, carrier, body.is_some());
        let body = body.filter(|_| matches!(passed, Ok(Meaning::Offer | Meaning::Answer | Meaning::Preview)));
        if body.is_some() && !offered {
            self.join(pair, context);
        }
        let response = finish(self.answer_to_caller(pair, response.status(), context), body.as_ref());
        let (transaction, now) = (self.caller.transaction, context.now.instant);
        if reliably {
            if let Err(error) = context.endpoint.respond_reliably(transaction, response, now) {
                tracing::debug!(call = %self.id, %error, "a provisional response was not passed on");
            }
        } else {
            context.endpoint.respond(transaction, &response, now);
        }
    }

    /// Begins a response to the caller in the dialog of a pair.
    fn answer_to_caller(&self, pair: usize, status: u16, context: &Context<'_>) -> ResponseBuilder {
        let caller = self.pairs[pair].half(End::Caller);
        let tag = &caller.dialog.id().local_tag;
        wire::response(context.house, &self.caller.invite, status, Some(tag))
            .header(Name::Contact, context.house.contact(&caller.flow).as_str())
            .header(Name::Allow, ALLOW)
    }

    /// Acknowledges a reliable provisional response (RFC 3262 §4), with the answer to its offer if it had one.
    pub(super) fn prack(
        &mut self,
        pair: usize,
        response: &Response,
        answer: Option<&Bytes>,
        context: &mut Context<'_>,
    ) {
        let callee = self.pairs[pair].half_mut(End::Callee);
        let Some(builder) = callee.dialog.prack(response) else { return };
        if callee.exchange.pass(Side::Local, Carrier::Prack, answer.is_some()).is_err() {
            tracing::debug!(call = %self.id, "a PRACK without the answer that is due");
        }
        let builder = builder.header(Name::UserAgent, &context.house.product);
        let request = match answer {
            Some(body) => builder.body(wire::SDP, body),
            None => builder.finish(),
        };
        let target = callee.target(context.house);
        self.send(request, &target, Purpose::Prack { pair }, context);
    }

    /// The caller acknowledges a reliable provisional response, perhaps with an answer or a new offer.
    pub(crate) fn caller_pracks(
        &mut self,
        transaction: ServerTransaction,
        request: Request,
        flow: sip::endpoint::Flow,
        context: &mut Context<'_>,
    ) {
        let Some((pair, End::Caller)) = self.pair_of(super::Leg::Caller, &request) else {
            return wire::refuse(context, transaction, &request, 481);
        };
        let caller = self.pairs[pair].half_mut(End::Caller);
        if let Err(status) = caller.take(&request, flow) {
            return wire::refuse(context, transaction, &request, status);
        }
        let Ok(described) = wire::is_described(request.headers(), request.body()) else {
            return wire::refuse(context, transaction, &request, 415);
        };
        let mut table = caller.exchange;
        match table.pass(Side::Remote, Carrier::Prack, described) {
            Ok(Meaning::Offer) => {
                return self.offered(pair, End::Caller, transaction, request, Carrier::Prack, context);
            }
            Ok(Meaning::Answer) => {
                self.pairs[pair].half_mut(End::Caller).exchange = table;
                let answer = self.hear(pair, End::Caller, request.body(), context);
                if let Some(response) = self.pairs[pair].prack_owed.take() {
                    self.prack(pair, &response, answer.as_ref(), context);
                }
                self.join(pair, context);
            }
            Ok(_) => self.pairs[pair].half_mut(End::Caller).exchange = table,
            Err(refusal) => return wire::refuse_offer(context, transaction, &request, refusal),
        }
        let response = wire::response(context.house, &request, 200, None).finish();
        context.endpoint.respond(transaction, &response, context.now.instant);
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
        self.phase = Phase::Answered(pair);
        self.timers.ring = None;
        self.timers.length = Some(context.now.instant + context.house.limits.call_length_max);
        let caller = self.pairs[pair].half_mut(End::Caller);
        if let Err(refusal) = caller.exchange.pass(Side::Local, Carrier::Success, body.is_some()) {
            tracing::warn!(call = %self.id, %refusal, "the caller cannot be told of the answer");
            self.phase = Phase::Ringing;
            self.bye(pair, End::Callee, context);
            return self.refuse_caller(Failure::NotAcceptable.verdict(), context);
        }
        caller.dialog.confirm();
        caller.awaiting_ack = Some(self.caller.transaction);
        let builder = self.with_session_timer(pair, self.answer_to_caller(pair, 200, context), context);
        let response = finish(builder, body.as_ref());
        context.endpoint.respond(self.caller.transaction, &response, context.now.instant);
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
            let seconds = self.branches[self.pairs[pair].branch].policy.session_expires;
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
        let Answer::Timer { session_expires, require } = policy(context).answer(&self.caller.timer) else {
            return builder;
        };
        let timer = SessionTimer::start(session_expires, false, context.now.instant);
        self.pairs[pair].half_mut(End::Caller).timer = Some(timer);
        timer_headers(builder, session_expires, require)
    }

    /// Sends the ACK to a 2xx of one end, with the answer to its offer if it had one.
    pub(super) fn acknowledge(
        &mut self,
        pair: usize,
        end: End,
        invite: ClientTransaction,
        cseq: u32,
        answer: Option<&Bytes>,
        context: &mut Context<'_>,
    ) {
        let half = self.pairs[pair].half_mut(end);
        // Without the answer that is due the table refuses; whoever sends such an ACK says BYE next.
        half.exchange.pass(Side::Local, Carrier::Ack, answer.is_some()).ok();
        let builder = half.dialog.ack(cseq).header(Name::UserAgent, &context.house.product);
        let ack = match answer {
            Some(body) => builder.body(wire::SDP, body),
            None => builder.finish(),
        };
        let target = half.target(context.house);
        context.endpoint.send_ack_2xx(invite, &ack, &target);
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
    pub(super) fn branch_failed(&mut self, branch: usize, failure: Failure, context: &mut Context<'_>) {
        let leg = &mut self.branches[branch];
        if !leg.is_open() && leg.state != BranchState::Answered {
            return;
        }
        leg.state = BranchState::Failed(failure);
        self.view.set(branch + 1, ConnectionState::Fail, context.now.civil);
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
    pub(super) fn conclude(&mut self, context: &mut Context<'_>) {
        if self.phase != Phase::Ringing || self.branches.iter().any(super::BranchLeg::is_open) {
            return;
        }
        let failures = self.branches.iter().filter_map(super::BranchLeg::failure);
        let verdict = best(failures).unwrap_or(Failure::Unreachable).verdict();
        self.refuse_caller(verdict, context);
    }

    /// The time to ring is over.
    pub(super) fn nobody_answers(&mut self, context: &mut Context<'_>) {
        self.timers.ring = None;
        for branch in 0..self.branches.len() {
            let failure = match self.branches[branch].state {
                BranchState::Ringing => Failure::NoAnswer,
                BranchState::Calling => Failure::Silent,
                _ => continue,
            };
            self.cancel_branch(branch, context);
            self.branches[branch].state = BranchState::Failed(failure);
        }
        self.conclude(context);
    }

    /// The caller gives up (RFC 3261 §9.2).
    pub(crate) fn caller_cancels(&mut self, transaction: ServerTransaction, context: &mut Context<'_>) {
        if transaction == self.caller.transaction && self.phase == Phase::Ringing {
            self.cancel_branches(None, context);
            self.refuse_caller(Verdict { status: 487, cause: Cause::CallCancelled }, context);
        } else {
            self.transit_cancelled(transaction, context);
        }
    }

    /// A reliable provisional response never got its PRACK (RFC 3262 §3: "the UAS SHOULD reject the original
    /// request with a 5xx").
    pub(crate) fn caller_never_pracked(&mut self, context: &mut Context<'_>) {
        if self.phase == Phase::Ringing {
            self.cancel_branches(None, context);
            self.refuse_caller(Verdict { status: 504, cause: Cause::NetworkSignalLost }, context);
        }
    }

    /// Cancels all branches that may still answer, but `except`.
    pub(super) fn cancel_branches(&mut self, except: Option<usize>, context: &mut Context<'_>) {
        for branch in 0..self.branches.len() {
            if Some(branch) != except && self.branches[branch].is_open() {
                self.cancel_branch(branch, context);
                self.branches[branch].state = BranchState::Cancelled;
                self.view.set(branch + 1, ConnectionState::Null, context.now.civil);
            }
        }
    }

    fn cancel_branch(&mut self, branch: usize, context: &mut Context<'_>) {
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
        for pair in 0..self.pairs.len() {
            self.refuse_transits(pair, 487, context);
        }
        let (transaction, invite) = (self.caller.transaction, self.caller.invite.clone());
        let tag = self.pairs.last().map(|pair| pair.half(End::Caller).dialog.id().local_tag.clone());
        let tag = tag.unwrap_or_else(|| self.caller.tag.clone().into());
        wire::refuse_with_tag(context, transaction, &invite, verdict.status, &tag);
        let event = match verdict.cause {
            Cause::CallCancelled => Event::ConnectionCleared,
            _ => Event::Failed,
        };
        self.over(event, verdict.cause, context);
    }

    /// Takes a description of one end in, and gives what the other end is told. `None`: it cannot be used.
    pub(super) fn hear(
        &mut self,
        pair: usize,
        from: End,
        body: &Bytes,
        context: &Context<'_>,
    ) -> Option<Bytes> {
        let description = self.pairs[pair].half(from).read(body).ok()?;
        let written = self.tell(pair, from.other(), &description, context);
        self.pairs[pair].half_mut(from).heard = Some(description);
        written
    }

    /// Writes a description of the other end for `to`, and opens the ports that it names.
    pub(super) fn tell(
        &mut self,
        pair: usize,
        to: End,
        description: &Description,
        context: &Context<'_>,
    ) -> Option<Bytes> {
        let ports = &*context.house.ports;
        let streams = &mut self.streams;
        let half = self.pairs[pair].half_mut(to);
        let address = half.media_address(context.house);
        half.said.write(description, address, |at, kind| {
            // Both sides of a line get their port together, or the line is refused.
            streams.port(ports, at, kind, to.other())?;
            streams.port(ports, at, kind, to)
        })
    }

    /// Tells media where both ends of a pair are, by what they have described last.
    pub(super) fn join(&mut self, pair: usize, context: &Context<'_>) {
        let ports = &*context.house.ports;
        let (caller, callee) = (self.pairs[pair].half(End::Caller), self.pairs[pair].half(End::Callee));
        let (Some(a), Some(b)) = (&caller.heard, &callee.heard) else { return };
        for (at, (a, b)) in a.lines().iter().zip(b.lines()).enumerate() {
            if a.kind.is_none() || b.kind.is_none() {
                self.streams.refuse(ports, at);
                continue;
            }
            for (end, line, other) in [(End::Caller, a, b), (End::Callee, b, a)] {
                if let Some(remote) = line.remote(Some(other)) {
                    self.streams.reach(ports, at, end, remote);
                }
            }
        }
    }

    /// Says BYE to one end.
    pub(super) fn bye(&mut self, pair: usize, end: End, context: &mut Context<'_>) {
        let half = self.pairs[pair].half_mut(end);
        if half.dialog.state() == State::Terminated {
            return;
        }
        if end == End::Caller && half.awaiting_ack == Some(self.caller.transaction) {
            // RFC 3261 §15: "the callee's UA MUST NOT send a BYE [..] until it has received an ACK".
            self.pairs[pair].bye_owed = true;
            return;
        }
        let request = half.request(Method::Bye, context.house).finish();
        half.dialog.terminate();
        let target = half.target(context.house);
        self.send(request, &target, Purpose::Bye, context);
    }
}

/// Ends a response with or without a description.
pub(super) fn finish(builder: ResponseBuilder, body: Option<&Bytes>) -> Response {
    match body {
        Some(body) => builder.body(wire::SDP, body),
        None => builder.finish(),
    }
}

/// What a 2xx says about session timers (RFC 4028 §9).
pub(super) fn timer_headers(
    builder: ResponseBuilder,
    expires: SessionExpires,
    require: bool,
) -> ResponseBuilder {
    let builder = builder.header(Name::Supported, "timer").header(Name::SessionExpires, &expires);
    if require { builder.header(Name::Require, "timer") } else { builder }
}
