//! Phones that the server itself rings, for a leg that is already in a call: the second half of a transfer.
//!
//! The call that the answering phone will come to is its host; what rings is seen in the host's snapshots. There is
//! no INVITE of a caller behind it, so nothing of what the phones say before they answer is passed on.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;
use sip::dialog::Dialog;
use sip::endpoint::{ClientTransaction, Event, ServerTransaction, Transaction};
use sip::header::{Refresher, SessionExpires};
use sip::session_timer::SessionTimer;
use sip::{Method, Request, Response};

use super::branch::{BranchLeg, BranchState, Invitation};
use super::describe::{Description, Lines};
use super::half::Half;
use super::house::{Context, Index};
use super::incoming::{Reliability, policy};
use super::leg::Leg;
use super::letter::{Letter, Order, Place, Progress};
use super::outcome::{Failure, Verdict, best};
use super::outside::Outside;
use super::streams::Streams;
use super::view::View;
use super::{End, wire};
use crate::course::Course;
use crate::features::deflect::PHONES_MAX;
use crate::offer::{Carrier, Exchange, Meaning, Side};
use crate::place::{self, Caller, Destination, Failed, Limits};
use crate::snapshot::{CallId, Cause, ConnectionState};

/// Hops that an INVITE of ours may take (RFC 3261 §8.1.1.6).
const MAX_FORWARDS: u32 = 70;
/// Parallel branches that it may lead to (RFC 5393 §5.3.3).
const MAX_BREADTH: u32 = 60;

/// See the module.
#[derive(Debug)]
pub(crate) struct Attempt {
    id: CallId,
    host: CallId,
    branches: Vec<BranchLeg>,
    /// Our INVITEs that have no final answer, or that a further fork may still answer.
    requests: Vec<(ClientTransaction, usize)>,
    streams: Streams,
    ring_until: Option<Instant>,
    outward: Option<Box<Outward>>,
    /// What was ordered, and how the call came to the phones that ring: for where it goes when none answers.
    order: Box<(Order, Course)>,
}

/// A call out: the servers that are tried when the one that is called cannot, and what they are told.
#[derive(Debug)]
struct Outward {
    ways: VecDeque<place::Branch>,
    course: Course,
    offer: Description,
    shown: Caller,
    address: String,
    referred_by: Option<Bytes>,
    connection: usize,
    /// When a server that has said nothing is given up.
    answer_until: Option<Instant>,
}

impl Attempt {
    /// Rings the phones that an order has led to; they are added to the host's view.
    ///
    /// # Errors
    /// There is nothing that can be rung.
    pub(crate) fn start(
        (order, asked_by, found): (&Order, &Caller, Destination),
        id: CallId,
        view: &mut View,
        context: &mut Context<'_>,
    ) -> Result<Box<Self>, Verdict> {
        let phones = match found {
            phones @ Destination::Phones { .. } => phones,
            Destination::Service(_)
            | Destination::Setting(_)
            | Destination::CallBack(_)
            | Destination::Resume
            | Destination::Again { .. }
            | Destination::Pilot { .. }
            | Destination::RoutePoint { .. } => {
                return Err(Verdict::from(place::Unplaceable::NotAllowed));
            }
            Destination::Trunk { attempts, is_emergency, course } => {
                let ways = context.house.trunks.ways(&attempts, is_emergency, context.now.instant);
                return Self::outward(order, (asked_by, ways, course), id, view, context);
            }
        };
        let Destination::Phones { branches, address, name, ring_time, course } = phones else {
            return Err(Verdict::from(place::Unplaceable::NotFound));
        };
        let ring_time = order.ring_time.or(ring_time).unwrap_or(context.house.limits.ring_time);
        let mut attempt = Box::new(Self {
            id,
            host: order.host,
            branches: Vec::with_capacity(branches.len()),
            requests: Vec::with_capacity(branches.len()),
            streams: Streams::new(id.0),
            ring_until: Some(context.now.instant + ring_time),
            outward: None,
            order: Box::new((Order { rung: order.rung + branches.len(), ..order.clone() }, course.clone())),
        });
        let referred_by = referred_by(order, context);
        let shown = order.shown_as(asked_by);
        let invitation = Invitation {
            caller: &shown,
            address: &address,
            max_forwards: MAX_FORWARDS,
            max_breadth: (MAX_BREADTH / branches.len().max(1) as u32).max(1),
            inherited: None,
            reliability: Reliability::Unsupported,
            referred_by: referred_by.as_ref(),
            diversions: &course.diversions,
            answers_itself: order.answers_itself || course.is_intercom,
        };
        for branch in branches {
            let connection = view.add(&branch, &address, name.as_deref(), context.now.civil);
            let mut leg = BranchLeg::new(branch, policy(context), context);
            leg.connection = connection;
            view.calls(connection, &leg.call_id);
            attempt.invite(leg, &order.offer, &invitation, context);
        }
        Ok(attempt)
    }

    /// Calls the first of these servers.
    fn outward(
        order: &Order,
        (asked_by, ways, course): (&Caller, VecDeque<place::Branch>, Course),
        id: CallId,
        view: &mut View,
        context: &mut Context<'_>,
    ) -> Result<Box<Self>, Verdict> {
        let first = ways.front().ok_or_else(|| Verdict::from(place::Unplaceable::NoTrunk))?;
        let address = first.address();
        let connection = view.add(first, &address, None, context.now.civil);
        let ring_time = order.ring_time.unwrap_or(context.house.limits.ring_time);
        let outward = Outward {
            ways,
            course,
            offer: order.offer.clone(),
            shown: order.shown_as(asked_by),
            address,
            referred_by: referred_by(order, context),
            connection,
            answer_until: None,
        };
        let mut attempt = Box::new(Self {
            id,
            host: order.host,
            branches: Vec::with_capacity(1),
            requests: Vec::with_capacity(1),
            streams: Streams::new(id.0),
            ring_until: Some(context.now.instant + ring_time),
            order: Box::new((order.clone(), outward.course.clone())),
            outward: Some(Box::new(outward)),
        });
        attempt.ring_next_way(context);
        Ok(attempt)
    }

    /// Calls the next server of a call out.
    fn ring_next_way(&mut self, context: &mut Context<'_>) -> bool {
        let Some(mut outward) = self.outward.take() else { return false };
        let Some(way) = outward.ways.pop_front() else { return false };
        let patience = way.trunk.as_ref().map(|outgoing| outgoing.trunk.patience());
        outward.answer_until = patience.map(|patience| context.now.instant + patience);
        let mut leg = BranchLeg::new(way, policy(context), context);
        leg.connection = outward.connection;
        let invitation = Invitation {
            caller: &outward.shown,
            address: &outward.address,
            max_forwards: MAX_FORWARDS,
            max_breadth: MAX_BREADTH,
            inherited: None,
            reliability: Reliability::Unsupported,
            referred_by: outward.referred_by.as_ref(),
            diversions: &outward.course.diversions,
            answers_itself: false,
        };
        self.invite(leg, &outward.offer, &invitation, context);
        self.outward = Some(outward);
        true
    }

    /// A server said something: it is there.
    fn way_answers(&mut self, branch: usize, response: &Response, context: &Context<'_>) {
        if self.branches[branch].hears(response, context.now.instant)
            && let Some(outward) = &mut self.outward
        {
            outward.answer_until = None;
        }
    }

    /// 401 or 407 of a trunk: the INVITE goes out again with credentials (RFC 3261 §22.2).
    fn answers_challenge(&mut self, branch: usize, response: &Response, context: &mut Context<'_>) -> bool {
        let leg = &mut self.branches[branch];
        let request = if leg.is_open() { leg.invite_signed(response) } else { None };
        match request {
            Some(request) => {
                self.send(branch, request, context);
                true
            }
            None => false,
        }
    }

    fn invite(
        &mut self,
        mut leg: BranchLeg,
        offer: &Description,
        invitation: &Invitation<'_>,
        context: &mut Context<'_>,
    ) {
        let (streams, ports) = (&mut self.streams, &*context.house.ports);
        let flow = leg.target.flow;
        let address = context.house.addresses.media(flow.local.ip(), flow.remote.ip());
        let between = context.house.directory.between(invitation.caller.into(), (&leg.place).into());
        let admitted = match leg.said.can_offer() {
            true => between.admit(Some(offer), &leg.place, false, context),
            false => Err(Failure::NotAcceptable),
        };
        let (offer, failure) = match admitted {
            Ok((offer, grant)) => {
                leg.grant = grant;
                (offer, Failure::Overloaded)
            }
            Err(failure) => (None, failure),
        };
        let body = offer.and_then(|offer| {
            leg.said.write(&offer, address, Lines::Offer(None), |at, kind| {
                streams.port(ports, at, kind, End::Callee)
            })
        });
        context.index.dialogs.begin(&leg.call_id, leg.tag.clone().into(), self.id);
        let index = self.branches.len();
        let Some(body) = body else {
            leg.state = BranchState::Failed(failure);
            self.branches.push(leg);
            return;
        };
        let request = leg.invite(invitation, Some(&body), context.house);
        self.branches.push(leg);
        self.send(index, request, context);
    }

    fn send(&mut self, branch: usize, request: Request, context: &mut Context<'_>) {
        let leg = &mut self.branches[branch];
        match context.endpoint.send_request(request, &leg.target, context.now.instant) {
            Ok(transaction) => {
                leg.transaction = Some(transaction);
                self.requests.push((transaction, branch));
                context.index.clients.insert(transaction, self.id);
            }
            Err(_) => leg.state = BranchState::Failed(Failure::Overloaded),
        }
    }

    /// What happens to its INVITEs.
    pub(crate) fn handle_event(&mut self, event: Event, context: &mut Context<'_>) {
        match event {
            Event::Response { transaction, response, .. } => {
                let Some(branch) = self.branch_of(transaction) else { return };
                // An INVITE that was accepted may be accepted by further forks (RFC 6026 §7.2).
                if !response.is_provisional() && !response.is_success() {
                    self.settle(transaction, context);
                }
                self.response(branch, transaction, &response, context);
            }
            Event::Timeout { transaction } => self.request_failed(transaction, Failure::Silent, context),
            Event::TransportError { transaction: Transaction::Client(transaction) } => {
                self.request_failed(transaction, Failure::Unreachable, context);
            }
            Event::NoMoreForks { transaction } => self.settle(transaction, context),
            Event::Request { transaction, request, .. } | Event::Prack { transaction, request, .. } => {
                self.request(transaction, &request, context);
            }
            _ => {}
        }
    }

    fn branch_of(&self, transaction: ClientTransaction) -> Option<usize> {
        self.requests.iter().find(|(known, _)| *known == transaction).map(|(_, branch)| *branch)
    }

    fn settle(&mut self, transaction: ClientTransaction, context: &mut Context<'_>) {
        self.requests.retain(|(known, _)| *known != transaction);
        context.index.clients.remove(&transaction);
    }

    fn request_failed(
        &mut self,
        transaction: ClientTransaction,
        failure: Failure,
        context: &mut Context<'_>,
    ) {
        let Some(branch) = self.branch_of(transaction) else { return };
        self.settle(transaction, context);
        self.branch_failed(branch, failure, context);
    }

    /// A request in an early dialog: nothing can be said there, but to end it.
    fn request(&mut self, transaction: ServerTransaction, request: &Request, context: &mut Context<'_>) {
        let of = |leg: &BranchLeg| request.headers().call_id().is_ok_and(|id| id == leg.call_id);
        let branch = self.branches.iter().position(of);
        match (branch, request.method()) {
            (Some(branch), Method::Bye) if self.branches[branch].is_open() => {
                let response = wire::response(context.house, request, 200, None).finish();
                context.endpoint.respond(transaction, &response, context.now.instant);
                self.cancel(branch, context);
                self.branch_failed(branch, Failure::Status(480), context);
            }
            _ => wire::refuse(context, transaction, request, 481),
        }
    }

    fn response(
        &mut self,
        branch: usize,
        transaction: ClientTransaction,
        response: &Response,
        context: &mut Context<'_>,
    ) {
        self.way_answers(branch, response, context);
        match response.status() {
            100 => {}
            101..=199 => self.progresses(branch, response, context),
            200..=299 => self.accepts(branch, transaction, response, context),
            401 | 407 if self.answers_challenge(branch, response, context) => {}
            422 => {
                let leg = &mut self.branches[branch];
                let asked = leg.policy.session_expires;
                let min_se = response.headers().min_se().ok().flatten().unwrap_or(0);
                let again = leg.policy.after_too_small(asked, min_se).filter(|_| leg.is_open());
                match again.and_then(|policy| leg.invite_again(policy)) {
                    Some(request) => self.send(branch, request, context),
                    None => self.branch_failed(branch, Failure::Status(422), context),
                }
            }
            status => self.branch_failed(branch, Failure::Status(status), context),
        }
    }

    fn progresses(&mut self, branch: usize, response: &Response, context: &mut Context<'_>) {
        let leg = &mut self.branches[branch];
        if !leg.is_open() || self.ring_until.is_none() {
            return;
        }
        leg.state = BranchState::Ringing;
        let (flow, said, connection) = (leg.target.flow, leg.said.clone(), leg.connection);
        let dialog = leg.invite.as_ref().and_then(|invite| Dialog::uac(invite, response).ok());
        let dialog = dialog
            .map(|dialog| Half::new(dialog, flow, Exchange::new(), said, response.headers()).dialog_ids());
        let rings = response.status() == 180;
        let state = if rings { ConnectionState::Alerting } else { ConnectionState::Initiated };
        let status = Some(response.status());
        self.report(Progress { host: self.host, connection, state, dialog, status }, context);
    }

    fn report(&self, progress: Progress, context: &mut Context<'_>) {
        context.index.letters.push_back(Letter::Progress(Box::new(progress)));
    }

    /// A phone answers: the first one goes to the host.
    fn accepts(
        &mut self,
        branch: usize,
        transaction: ClientTransaction,
        response: &Response,
        context: &mut Context<'_>,
    ) {
        let Some(mut half) = self.answered_half(branch, response, context) else {
            return self.branch_failed(branch, Failure::Status(500), context);
        };
        let number = response.headers().cseq().map_or(1, |cseq| cseq.number);
        let ack = half.ack(number, context.house).finish();
        half.exchange.pass(Side::Local, Carrier::Ack, false).ok();
        context.endpoint.send_ack_2xx(transaction, &ack, &half.target(context.house));
        let wanted = self.ring_until.is_some() && self.branches[branch].is_open();
        let leg = &mut self.branches[branch];
        let member = crate::snapshot::Connection {
            line: leg.place.line.clone(),
            owner: leg.place.owner.clone(),
            address: leg.place.address(),
            name: None,
            direction: crate::snapshot::Direction::Recipient,
            state: ConnectionState::Connected,
            since: context.now.civil,
            dialog: None,
            particulars: crate::snapshot::Particulars {
                device: leg.place.device.clone(),
                ..crate::snapshot::Particulars::of(&leg.call_id)
            },
            trunk: leg.place.behind(),
            withheld: false,
        };
        let usable = half.heard.is_some();
        if !wanted || !usable {
            Leg { half, side: super::streams::Side::default(), member }.dismiss(context);
            if wanted {
                self.branch_failed(branch, Failure::NotAcceptable, context);
            }
            return;
        }
        leg.state = BranchState::Answered;
        (self.ring_until, self.outward) = (None, None);
        self.cancel_open(context);
        let leg = Box::new(Leg { half, side: self.streams.detach(End::Callee), member });
        context.index.letters.push_back(Letter::Answered { host: self.host, leg });
    }

    fn answered_half(&self, branch: usize, response: &Response, context: &Context<'_>) -> Option<Half> {
        let leg = &self.branches[branch];
        let invite = leg.invite.as_ref()?;
        let dialog = Dialog::uac(invite, response).ok()?;
        let mut exchange = Exchange::new();
        exchange.pass(Side::Local, Carrier::Invite, true).ok()?;
        let described = wire::is_described(response.headers(), response.body()).unwrap_or(false);
        let meaning = exchange.pass(Side::Remote, Carrier::Success, described);
        let mut half = Half::new(dialog, leg.target.flow, exchange, leg.said.clone(), response.headers());
        half.connection = leg.connection;
        half.outside = Outside::called(leg.place.trunk.as_ref(), invite);
        if meaning == Ok(Meaning::Answer) {
            half.heard = half.read(response.body()).ok();
        } else {
            half.exchange.refused(Carrier::Invite);
        }
        half.agree(response.headers(), true, context.now.instant);
        if half.timer.is_none() {
            // The phone knows no timers: then we alone keep the session alive (RFC 4028 §7.2).
            let agreed =
                SessionExpires { seconds: leg.policy.session_expires, refresher: Some(Refresher::Uac) };
            half.timer = Some(SessionTimer::start(agreed, true, context.now.instant));
        }
        Some(half)
    }

    fn branch_failed(&mut self, branch: usize, failure: Failure, context: &mut Context<'_>) {
        let leg = &mut self.branches[branch];
        if !leg.is_open() {
            return;
        }
        leg.state = BranchState::Failed(failure);
        let connection = leg.connection;
        if let (Some(outgoing), Failure::Silent | Failure::Unreachable) = (&leg.place.trunk, failure) {
            outgoing.trunk.failed(outgoing.hop, None, context.now.instant);
        }
        if failure.leads_on() && self.ring_next_way(context) {
            return;
        }
        let state = ConnectionState::Fail;
        self.report(Progress { host: self.host, connection, state, dialog: None, status: None }, context);
        if failure.is_global() {
            self.cancel_open(context);
        }
        self.conclude(context);
    }

    /// Gives back what was taken for phones that do not ring any more; for one that has answered, the host takes it.
    pub(crate) fn release(&mut self) {
        super::terms::release(&mut self.branches, self.ring_until.is_none());
    }

    /// Tells the host when nobody can answer any more.
    pub(crate) fn conclude(&mut self, context: &mut Context<'_>) {
        if self.ring_until.is_none() || self.branches.iter().any(BranchLeg::is_open) {
            return;
        }
        self.ring_until = None;
        self.streams.close(&*context.house.ports);
        let failures = self.branches.iter().filter_map(BranchLeg::failure);
        let verdict = best(failures).unwrap_or(Failure::Unreachable).verdict();
        let letter = match self.next_destination(verdict.cause, context) {
            Some(next) => {
                let (order, _) = &*self.order;
                Letter::Ring(Box::new(Order { place: Place::Next(Box::new(next)), ..order.clone() }))
            }
            None => Letter::Failed { host: self.host, verdict },
        };
        context.index.letters.push_back(letter);
    }

    /// Where the line that rang forwards to, or the next member of a hunt.
    fn next_destination(&self, cause: Cause, context: &Context<'_>) -> Option<Destination> {
        let (order, course) = &*self.order;
        if order.rung >= PHONES_MAX {
            return None;
        }
        let failed = Failed { caller: &order.allowed_as, course, cause };
        let limits = Limits { calls_per_line_max: context.house.limits.calls_per_line_max };
        place::place_next(&*context.house.directory, &failed, limits)
    }

    fn cancel(&self, branch: usize, context: &mut Context<'_>) {
        if let Some(transaction) = self.branches[branch].transaction {
            // An error means that the final response is already on its way up: nothing is left to cancel.
            context.endpoint.cancel(transaction, context.now.instant).ok();
        }
    }

    fn cancel_open(&mut self, context: &mut Context<'_>) {
        for branch in 0..self.branches.len() {
            if self.branches[branch].is_open() {
                self.cancel(branch, context);
                self.branches[branch].state = BranchState::Cancelled;
                let connection = self.branches[branch].connection;
                let state = ConnectionState::Null;
                let progress = Progress { host: self.host, connection, state, dialog: None, status: None };
                self.report(progress, context);
            }
        }
    }

    /// It is not wanted any more.
    pub(crate) fn give_up(&mut self, context: &mut Context<'_>) {
        self.outward = None;
        if self.ring_until.take().is_some() {
            self.cancel_open(context);
            self.streams.close(&*context.house.ports);
        }
    }

    pub(crate) fn handle_timeout(&mut self, context: &mut Context<'_>) {
        let now = context.now.instant;
        if let Some(outward) = self.outward.as_mut().filter(|o| o.answer_until.is_some_and(|at| at <= now)) {
            outward.answer_until = None;
            self.give_up_open(|branch| branch.state == BranchState::Calling, context);
        }
        if self.ring_until.is_none_or(|at| at > now) {
            return;
        }
        self.outward = None;
        self.give_up_open(BranchLeg::is_open, context);
    }

    /// Who has not answered is cancelled.
    fn give_up_open(&mut self, which: impl Fn(&BranchLeg) -> bool, context: &mut Context<'_>) {
        for branch in 0..self.branches.len() {
            if !which(&self.branches[branch]) {
                continue;
            }
            let failure = match self.branches[branch].state {
                BranchState::Ringing => Failure::NoAnswer,
                BranchState::Calling => Failure::Silent,
                _ => continue,
            };
            self.cancel(branch, context);
            self.branch_failed(branch, failure, context);
        }
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let answer = self.outward.as_ref().and_then(|outward| outward.answer_until);
        self.ring_until.and_then(|until| [Some(until), answer].into_iter().flatten().min())
    }

    /// Nothing more can come, but from forks of phones that have answered.
    pub(crate) fn is_done(&self) -> bool {
        let waits =
            |(_, branch): &(ClientTransaction, usize)| self.branches[*branch].state != BranchState::Answered;
        self.ring_until.is_none() && !self.requests.iter().any(waits)
    }

    pub(crate) fn forget(&self, index: &mut Index) {
        for branch in &self.branches {
            index.forget_dialog(&branch.call_id, self.id);
        }
        for (transaction, _) in &self.requests {
            index.clients.remove(transaction);
        }
    }
}

/// Who had the call made, when that is not who is shown.
fn referred_by(order: &Order, context: &Context<'_>) -> Option<Bytes> {
    if order.shown.line.is_none() || order.allowed_as == order.shown || order.allowed_as.withheld {
        return None;
    }
    let own = || crate::features::transfer::referred_by(&order.allowed_as, &context.house.domain);
    order.referred_by.clone().or_else(own)
}
