//! The calls of one shard: leads every event of the shard's endpoint to the call that it belongs to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use sip::Request;
use sip::endpoint::{ClientTransaction, Endpoint, Event, Flow, ServerTransaction, Transaction};

use super::attempt::Attempt;
use super::house::{Context, House, Index, Now};
use super::incoming::{Started, dialled, start};
use super::letter::{FetchPurpose, Letter, Wanted};
use super::outcome::Failure;
use super::service::{Plays, ServiceCall};
use super::view::View;
use super::{Call, wire};
use crate::config::CallLimits;
use crate::features::announcement::Announcement;
use crate::features::make_call::Originator;
use crate::features::replaces::{self, Newcomer};
use crate::features::{call_back, caller_identity, conference};
use crate::place::{Caller, OwnPlace, Service};
use crate::snapshot::{CallId, Cause};
use crate::trunk::HalfOpen;

/// A new INVITE, from a caller who was authenticated.
#[derive(Debug)]
pub struct Arrival {
    /// What to answer to.
    pub transaction: ServerTransaction,
    /// The INVITE.
    pub request: Request,
    /// Where it came from.
    pub flow: Flow,
    /// Who calls.
    pub caller: Caller,
}

/// The calls of one shard. Takes the events of the shard's `Endpoint` and gives it its commands: drain
/// `Endpoint::poll_output` after every call of a method here.
pub struct Switchboard {
    pub(super) house: House,
    pub(super) calls: BTreeMap<CallId, Held>,
    pub(super) index: Index,
    /// When each call is due, so that it stands in the table of timers once.
    due: BTreeMap<CallId, Instant>,
    count: u64,
    /// What calls of other shards are to be told.
    pub(super) outbox: Vec<(usize, Letter)>,
    /// Letters that are delivered again a little later, for their call is busy.
    pub(super) delayed: Vec<(Instant, Letter)>,
    /// When it is looked whether lines are free that others wait for.
    call_backs_at: Option<Instant>,
    /// Dialogs that were ended away from home, and when their messages can be forgotten.
    pub(super) forgotten: Vec<(Instant, Bytes)>,
    /// Calls that came in over trunks and are not acknowledged yet.
    half_open: BTreeMap<CallId, HalfOpen>,
}

/// What a shard holds under a call's number.
pub(super) enum Held {
    /// Phones that ring, or two that talk.
    Bridge(Box<Call>),
    /// A phone that talks to the server, or waits.
    Service(Box<ServiceCall>),
    /// Phones that the server rings for another call.
    Attempt(Box<Attempt>),
    /// A caller that waits for a leg of another call.
    Newcomer(Box<Newcomer>),
    /// A call that an application makes, whose first phone has not come yet.
    Originator(Box<Originator>),
    /// A caller that hears why it is refused.
    Announcement(Box<Announcement>),
}

impl Held {
    fn next_timeout(&self) -> Option<Instant> {
        match self {
            Self::Bridge(call) => call.next_timeout(),
            Self::Service(call) => call.next_timeout(),
            Self::Attempt(attempt) => attempt.next_timeout(),
            Self::Newcomer(newcomer) => newcomer.next_timeout(),
            Self::Originator(_) => None,
            Self::Announcement(heard) => heard.next_timeout(),
        }
    }

    fn is_done(&self) -> bool {
        match self {
            Self::Bridge(call) => call.is_done(),
            Self::Service(call) => call.is_done(),
            Self::Attempt(attempt) => attempt.is_done(),
            Self::Newcomer(newcomer) => newcomer.is_done(),
            Self::Originator(originator) => originator.is_done(),
            Self::Announcement(heard) => heard.is_done(),
        }
    }
}

impl Switchboard {
    /// A switchboard without calls.
    pub fn new(house: House) -> Self {
        Self {
            index: Index { moved: Arc::clone(&house.moved), ..Index::default() },
            house,
            calls: BTreeMap::new(),
            due: BTreeMap::new(),
            count: 0,
            outbox: Vec::new(),
            delayed: Vec::new(),
            call_backs_at: None,
            forgotten: Vec::new(),
            half_open: BTreeMap::new(),
        }
    }

    /// Numbers calls from here on, so that no call of this start has the number of one of an earlier start.
    #[must_use]
    pub fn counting_from(mut self, count: u64) -> Self {
        self.count = count;
        self
    }

    /// What all calls share.
    pub fn house(&self) -> &House {
        &self.house
    }

    /// Other limits hold for the calls and ringing that begin from now on.
    pub fn set_limits(&mut self, limits: CallLimits) {
        self.house.limits = limits;
    }

    /// How many calls are held, those included that only wait for a last answer.
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// No call is held.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// No key of any call is left in the tables: what holds between calls.
    pub fn is_at_rest(&self) -> bool {
        let index = &self.index;
        self.calls.is_empty()
            && index.dialogs.is_empty()
            && index.clients.is_empty()
            && index.servers.is_empty()
            && index.timers.is_empty()
            && self.due.is_empty()
            && self.delayed.is_empty()
            && self.forgotten.is_empty()
            && self.half_open.is_empty()
    }

    /// A new INVITE (without To tag), from a caller who was authenticated.
    pub fn handle_invite(&mut self, mut arrival: Arrival, endpoint: &mut Endpoint, now: Now) {
        caller_identity::settle(&mut arrival.caller, &arrival.request, &*self.house.directory);
        if self.calls.len() >= self.house.limits.calls_per_shard_max {
            metrics::counter!("carillon_calls_refused_total", "reason" => "full").increment(1);
            let mut context = Context { endpoint, house: &self.house, index: &mut self.index, now };
            return wire::overloaded(&mut context, arrival.transaction, &arrival.request);
        }
        let circles = arrival.caller.trunk.is_some()
            && arrival.request.headers().call_id().is_ok_and(|id| self.index.dialogs.contains(&id));
        let id = self.new_id();
        let caller = arrival.caller.clone();
        let mut context = Context { endpoint, house: &self.house, index: &mut self.index, now };
        if circles {
            // What comes back to whoever sent it (RFC 3261 §16.3 item 4): a proxy keeps the Call-ID, and a dialog of
            // ours has it already.
            return wire::refuse(&mut context, arrival.transaction, &arrival.request, 482);
        }
        let Ok(half_open) = self.half_open(&caller) else {
            metrics::counter!("carillon_calls_refused_total", "reason" => "half_open").increment(1);
            let mut context = Context { endpoint, house: &self.house, index: &mut self.index, now };
            return wire::overloaded(&mut context, arrival.transaction, &arrival.request);
        };
        self.half_open.extend(half_open.map(|place| (id, place)));
        self.begin(arrival, id, endpoint, now);
    }

    /// The place that a caller takes as long as nobody has acknowledged the call; none for phones of ours, whose lines
    /// have limits of their own. An error: there is none left.
    fn half_open(&self, caller: &Caller) -> Result<Option<HalfOpen>, ()> {
        let trunk = caller.trunk.as_ref().and_then(|from| self.house.trunks.by_name(&from.name));
        trunk.map(|trunk| trunk.begin().ok_or(())).transpose()
    }

    /// A call begins, for which there is room.
    fn begin(&mut self, arrival: Arrival, id: CallId, endpoint: &mut Endpoint, now: Now) {
        let caller = arrival.caller.clone();
        let mut context = Context { endpoint, house: &self.house, index: &mut self.index, now };
        if replaces::is_asked(&arrival) {
            let newcomer = replaces::arrive(arrival, id, &mut context);
            return self.hold(id, newcomer.map(Held::Newcomer), endpoint, now);
        }
        let own = own_place(&arrival, context.house);
        if let Some(call) = own.as_ref().and_then(|own| parked_at(own, &arrival, context.house)) {
            let newcomer =
                replaces::wait_for(arrival, (Wanted::Parked(call), FetchPurpose::Replace), id, &mut context);
            return self.hold(id, newcomer.map(Held::Newcomer), endpoint, now);
        }
        if let Some(OwnPlace::Conference(room)) = own {
            let party = conference::meet(arrival, &room, id, &mut context);
            return self.hold(id, party.map(Held::Service), endpoint, now);
        }
        let held = match start(arrival, id, &mut context) {
            Started::Call(call) => Held::Bridge(call),
            Started::Fetches(newcomer) => Held::Newcomer(newcomer),
            Started::Service(leg, service, number) => {
                let plays = match service {
                    Service::Echo => Plays::Echo,
                    Service::Confirmation => Plays::Confirmation,
                };
                let view = View::new(id, &caller, now.civil).dialling(&leg.invite);
                match ServiceCall::answer(*leg, view, (plays, Some(&number)), id, &mut context) {
                    Some(call) => Held::Service(call),
                    None => return self.hold(id, None, endpoint, now),
                }
            }
            Started::Pilot(leg, caller, comes_to) => {
                match self.admit(*leg, &caller, comes_to, (id, endpoint, now)) {
                    Some(call) => Held::Service(call),
                    None => return self.hold(id, None, endpoint, now),
                }
            }
            Started::Refused => return self.hold(id, None, endpoint, now),
        };
        self.hold(id, Some(held), endpoint, now);
    }

    /// An event of the endpoint; gives it back when it belongs to no call: a request outside of any dialog, a
    /// response to a request that was not ours. Requests within dialogs of INVITEs that are not known get 481
    /// from whoever takes them back.
    pub fn handle_event(&mut self, event: Event, endpoint: &mut Endpoint, now: Now) -> Option<Event> {
        let Some(id) = self.call_of(&event) else { return Some(event) };
        let Some(held) = self.calls.get_mut(&id) else { return Some(event) };
        if matches!(event, Event::Ack { .. }) {
            self.half_open.remove(&id);
        }
        let mut context = Context { endpoint, house: &self.house, index: &mut self.index, now };
        match held {
            Held::Bridge(call) => bridge_event(call, event, &mut context),
            Held::Service(call) => service_event(call, event, &mut context),
            Held::Attempt(attempt) => attempt.handle_event(event, &mut context),
            Held::Newcomer(newcomer) => newcomer.handle_event(event, &mut context),
            Held::Announcement(heard) => heard.handle_event(event, &mut context),
            Held::Originator(_) => {}
        }
        self.tidy(id);
        self.deliver(endpoint, now);
        None
    }

    /// Fires all timers of calls that are due.
    pub fn handle_timeout(&mut self, endpoint: &mut Endpoint, now: Now) {
        while let Some((at, id)) = self.index.timers.first().copied() {
            if at > now.instant {
                break;
            }
            self.index.timers.pop_first();
            self.due.remove(&id);
            let Some(held) = self.calls.get_mut(&id) else { continue };
            let mut context = Context { endpoint, house: &self.house, index: &mut self.index, now };
            match held {
                Held::Bridge(call) => call.handle_timeout(&mut context),
                Held::Service(call) => call.handle_timeout(&mut context),
                Held::Attempt(attempt) => attempt.handle_timeout(&mut context),
                Held::Newcomer(newcomer) => newcomer.handle_timeout(&mut context),
                Held::Announcement(heard) => heard.handle_timeout(&mut context),
                Held::Originator(_) => {}
            }
            self.tidy(id);
            self.deliver(endpoint, now);
        }
        self.deliver_delayed(endpoint, now);
        if self.call_backs_at.is_some_and(|at| at <= now.instant) {
            for (line, target) in call_back::due(&self.house, now) {
                // Whoever cannot be called now has had their chance.
                drop(self.originate(&line, &target, false, endpoint, now));
            }
            self.call_backs_at = call_back::next_look(&self.house, now);
        }
    }

    pub(super) fn new_id(&mut self) -> CallId {
        self.count += 1;
        CallId::of(self.house.shard.index, self.count)
    }

    /// Holds something from now on, and delivers what it had to say.
    pub(super) fn hold(&mut self, id: CallId, held: Option<Held>, endpoint: &mut Endpoint, now: Now) {
        if let Some(held) = held {
            self.calls.insert(id, held);
        }
        self.call_backs_at = self.call_backs_at.or_else(|| call_back::next_look(&self.house, now));
        self.tidy(id);
        self.deliver(endpoint, now);
    }

    /// When to call [`Switchboard::handle_timeout`].
    pub fn next_timeout(&self) -> Option<Instant> {
        let forgotten = self.forgotten.iter().map(|(at, _)| *at);
        let delayed = self.delayed.iter().map(|(at, _)| *at).chain(forgotten).min();
        let timer = self.index.timers.first().map(|(at, _)| *at);
        [timer, delayed, self.call_backs_at].into_iter().flatten().min()
    }

    /// The phone at a media port of a call pressed a key.
    pub fn key(&mut self, id: CallId, key: char, endpoint: &mut Endpoint, now: Now) {
        let Some(Held::Service(call)) = self.calls.get_mut(&id) else { return };
        call.key(key, &mut Context { endpoint, house: &self.house, index: &mut self.index, now });
        self.tidy(id);
        self.deliver(endpoint, now);
    }

    /// Ends all calls, as before a stop.
    pub fn end_all(&mut self, endpoint: &mut Endpoint, now: Now) {
        let ids: Vec<CallId> = self.calls.keys().copied().collect();
        for id in ids {
            self.end(id, Cause::ResourcesNotAvailable, endpoint, now);
        }
    }

    /// Ends one call, by an administrator or an application.
    pub fn end(&mut self, id: CallId, cause: Cause, endpoint: &mut Endpoint, now: Now) {
        let Some(held) = self.calls.get_mut(&id) else { return };
        let mut context = Context { endpoint, house: &self.house, index: &mut self.index, now };
        match held {
            Held::Bridge(call) => call.end(cause, &mut context),
            Held::Service(call) => call.end(cause, &mut context),
            Held::Attempt(attempt) => attempt.give_up(&mut context),
            Held::Newcomer(newcomer) => newcomer.give_up(&mut context),
            Held::Announcement(heard) => heard.give_up(&mut context),
            Held::Originator(originator) => originator.failed(cause, &mut context),
        }
        self.tidy(id);
        self.deliver(endpoint, now);
    }

    /// The call that an event belongs to.
    fn call_of(&self, event: &Event) -> Option<CallId> {
        match event {
            Event::Request { request, .. } => self.call_of_request(request),
            Event::Prack { invite, .. } => self.index.servers.get(invite).copied(),
            Event::Cancelled { transaction, .. }
            | Event::Ack { transaction, .. }
            | Event::NoAck { transaction }
            | Event::NoPrack { transaction } => self.index.servers.get(transaction).copied(),
            Event::Response { transaction, .. }
            | Event::Timeout { transaction }
            | Event::NoMoreForks { transaction } => self.index.clients.get(transaction).copied(),
            Event::TransportError { transaction: Transaction::Client(transaction) } => {
                self.index.clients.get(transaction).copied()
            }
            Event::TransportError { transaction: Transaction::Server(transaction) } => {
                self.index.servers.get(transaction).copied()
            }
        }
    }

    fn call_of_request(&self, request: &Request) -> Option<CallId> {
        // Without a To tag it is no request within a dialog, whatever its Call-ID.
        let to = request.headers().to_tag()?;
        let from = request.headers().from_tag().unwrap_or_default();
        let call_id = request.headers().call_id().ok()?;
        self.index.dialogs.find(&call_id, [&from, &to])
    }

    /// Puts a call's timer where it belongs now, and forgets a call that is done.
    pub(super) fn tidy(&mut self, id: CallId) {
        let Some(held) = self.calls.get_mut(&id) else {
            self.half_open.remove(&id);
            if let Some(at) = self.due.remove(&id) {
                self.index.timers.remove(&(at, id));
            }
            return;
        };
        match held {
            Held::Bridge(call) => call.release(),
            Held::Attempt(attempt) => attempt.release(),
            Held::Service(_) | Held::Newcomer(_) | Held::Originator(_) | Held::Announcement(_) => {}
        }
        let next = if held.is_done() { None } else { held.next_timeout() };
        let before = self.due.get(&id).copied();
        if before != next {
            if let Some(at) = before {
                self.index.timers.remove(&(at, id));
                self.due.remove(&id);
            }
            if let Some(at) = next {
                self.index.timers.insert((at, id));
                self.due.insert(id, at);
            }
        }
        if held.is_done() {
            match held {
                Held::Bridge(call) => call.forget(&mut self.index),
                Held::Service(call) => call.forget(&mut self.index),
                Held::Attempt(attempt) => attempt.forget(&mut self.index),
                Held::Newcomer(newcomer) => newcomer.forget(&mut self.index),
                Held::Announcement(heard) => heard.forget(&mut self.index),
                Held::Originator(_) => {}
            }
            self.calls.remove(&id);
            self.half_open.remove(&id);
        }
    }
}

/// The conference or slot that was dialled, as the dial plan has it.
fn own_place(arrival: &Arrival, house: &House) -> Option<OwnPlace> {
    if house.parking.is_empty() && !house.conferences.has_numbers() {
        return None;
    }
    let of_trunk = arrival.caller.trunk.as_ref().and_then(|from| house.trunks.by_name(&from.name));
    let dialled = match of_trunk {
        Some(trunk) => trunk.dialled(&arrival.request),
        None => dialled(&arrival.request.uri().ok()?, &house.domain),
    };
    house.directory.own_place(&dialled?, &arrival.caller)
}

/// The call that is parked at the slot that was dialled.
fn parked_at(own: &OwnPlace, arrival: &Arrival, house: &House) -> Option<CallId> {
    match own {
        // Slots are for phones of ours.
        OwnPlace::Slot(slot) if arrival.caller.trunk.is_none() => house.parking.at(slot),
        OwnPlace::Slot(_) | OwnPlace::Conference(_) => None,
    }
}

fn bridge_event(call: &mut Call, event: Event, context: &mut Context<'_>) {
    match event {
        Event::Request { transaction, request, flow } => {
            call.handle_request(transaction, request, flow, context);
        }
        Event::Prack { transaction, request, flow, .. } => {
            call.caller_pracks(transaction, request, flow, context)
        }
        Event::Cancelled { transaction, .. } => call.caller_cancels(transaction, context),
        Event::Ack { transaction, request, .. } => call.acknowledged(transaction, &request, context),
        Event::NoAck { transaction } => call.never_acknowledged(transaction, context),
        Event::NoPrack { .. } => call.caller_never_pracked(context),
        Event::Response { transaction, response, .. } => {
            call.handle_response(transaction, &response, context)
        }
        Event::Timeout { transaction } => call.handle_failure(transaction, Failure::Silent, context),
        Event::TransportError { transaction: Transaction::Client(transaction) } => {
            call.handle_failure(transaction, Failure::Unreachable, context);
        }
        Event::NoMoreForks { transaction } => call.no_more_forks(transaction, context),
        // A response that could not be sent: the transaction's own timers say what becomes of it.
        Event::TransportError { transaction: Transaction::Server(_) } => {}
    }
}

fn service_event(call: &mut ServiceCall, event: Event, context: &mut Context<'_>) {
    let failed = |call: &mut ServiceCall, transaction: ClientTransaction, context: &mut Context<'_>| {
        call.handle_failure(transaction, context);
    };
    match event {
        Event::Request { transaction, request, flow } => {
            call.handle_request(transaction, &request, flow, context)
        }
        Event::Ack { transaction, request, .. } => call.acknowledged(transaction, &request, context),
        Event::NoAck { transaction } => call.never_acknowledged(transaction, context),
        Event::Response { transaction, response, .. } => {
            call.handle_response(transaction, &response, context)
        }
        Event::Timeout { transaction } => failed(call, transaction, context),
        Event::TransportError { transaction: Transaction::Client(transaction) } => {
            failed(call, transaction, context)
        }
        // Only a call that rang before, and was picked up, has anything to acknowledge early, or to cancel.
        Event::Prack { transaction, request, .. } => {
            let response = wire::response(context.house, &request, 200, None).finish();
            context.endpoint.respond(transaction, &response, context.now.instant);
        }
        Event::Cancelled { .. } => call.withdraw_answer(487, context),
        Event::NoPrack { .. } => call.withdraw_answer(504, context),
        Event::NoMoreForks { .. } | Event::TransportError { transaction: Transaction::Server(_) } => {}
    }
}
