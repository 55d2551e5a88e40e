//! The calls of one shard: leads every event of the shard's endpoint to the call that it belongs to.

use std::collections::BTreeMap;
use std::time::Instant;

use sip::Request;
use sip::endpoint::{ClientTransaction, Endpoint, Event, Flow, ServerTransaction, Transaction};

use super::house::{Context, House, Index, Now};
use super::incoming::{Started, start};
use super::outcome::Failure;
use super::service::ServiceCall;
use super::{Call, wire};
use crate::config::CallLimits;
use crate::place::Caller;
use crate::snapshot::{CallId, Cause};

/// Bits of a call's number that count calls; the shard stands above them.
const COUNT_BITS: u32 = 48;

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
    house: House,
    calls: BTreeMap<CallId, Held>,
    index: Index,
    /// When each call is due, so that it stands in the table of timers once.
    due: BTreeMap<CallId, Instant>,
    count: u64,
}

enum Held {
    Bridge(Box<Call>),
    Service(Box<ServiceCall>),
}

impl Held {
    fn next_timeout(&self) -> Option<Instant> {
        match self {
            Self::Bridge(call) => call.next_timeout(),
            Self::Service(call) => call.next_timeout(),
        }
    }

    fn is_done(&self) -> bool {
        match self {
            Self::Bridge(call) => call.is_done(),
            Self::Service(call) => call.is_done(),
        }
    }
}

impl Switchboard {
    /// A switchboard without calls.
    pub fn new(house: House) -> Self {
        Self { house, calls: BTreeMap::new(), index: Index::default(), due: BTreeMap::new(), count: 0 }
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
            && index.legs.is_empty()
            && index.clients.is_empty()
            && index.servers.is_empty()
            && index.timers.is_empty()
            && self.due.is_empty()
    }

    /// A new INVITE (without To tag), from a caller who was authenticated.
    pub fn handle_invite(&mut self, arrival: Arrival, endpoint: &mut Endpoint, now: Now) {
        if self.calls.len() >= self.house.limits.calls_per_shard_max {
            metrics::counter!("carillon_calls_refused_total", "reason" => "full").increment(1);
            let mut context = Context { endpoint, house: &self.house, index: &mut self.index, now };
            return wire::refuse(&mut context, arrival.transaction, &arrival.request, 503);
        }
        self.count += 1;
        let id = CallId((self.house.shard.index as u64) << COUNT_BITS | self.count);
        let caller = arrival.caller.clone();
        let mut context = Context { endpoint, house: &self.house, index: &mut self.index, now };
        let held = match start(arrival, id, &mut context) {
            Started::Call(call) => Held::Bridge(call),
            Started::Service(leg, service, number) => {
                match ServiceCall::answer(*leg, &caller, (service, &number), id, &mut context) {
                    Some(call) => Held::Service(call),
                    None => return,
                }
            }
            Started::Refused => return,
        };
        self.calls.insert(id, held);
        self.tidy(id);
    }

    /// An event of the endpoint; gives it back when it belongs to no call: a request outside of any dialog, a
    /// response to a request that was not ours. Requests within dialogs of INVITEs that are not known get 481
    /// from whoever takes them back.
    pub fn handle_event(&mut self, event: Event, endpoint: &mut Endpoint, now: Now) -> Option<Event> {
        let Some(id) = self.call_of(&event) else { return Some(event) };
        let Some(held) = self.calls.get_mut(&id) else { return Some(event) };
        let mut context = Context { endpoint, house: &self.house, index: &mut self.index, now };
        match held {
            Held::Bridge(call) => bridge_event(call, event, &mut context),
            Held::Service(call) => service_event(call, event, &mut context),
        }
        self.tidy(id);
        None
    }

    /// Fires all timers of calls that are due.
    pub fn handle_timeout(&mut self, endpoint: &mut Endpoint, now: Now) {
        while let Some((at, id)) = self.index.timers.first().copied() {
            if at > now.instant {
                return;
            }
            self.index.timers.pop_first();
            self.due.remove(&id);
            let Some(held) = self.calls.get_mut(&id) else { continue };
            let mut context = Context { endpoint, house: &self.house, index: &mut self.index, now };
            match held {
                Held::Bridge(call) => call.handle_timeout(&mut context),
                Held::Service(call) => call.handle_timeout(&mut context),
            }
            self.tidy(id);
        }
    }

    /// When to call [`Switchboard::handle_timeout`].
    pub fn next_timeout(&self) -> Option<Instant> {
        self.index.timers.first().map(|(at, _)| *at)
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
        }
        self.tidy(id);
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
        request.headers().to_tag()?;
        let call_id = request.headers().call_id().ok()?;
        self.index.legs.get(&call_id).map(|(id, _)| *id)
    }

    /// Puts a call's timer where it belongs now, and forgets a call that is done.
    fn tidy(&mut self, id: CallId) {
        let Some(held) = self.calls.get(&id) else { return };
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
            }
            self.calls.remove(&id);
        }
    }
}

fn bridge_event(call: &mut Call, event: Event, context: &mut Context<'_>) {
    match event {
        Event::Request { transaction, request, flow } => {
            let call_id = request.headers().call_id().unwrap_or_default();
            let Some((_, leg)) = context.index.legs.get(&call_id).copied() else { return };
            call.handle_request(leg, transaction, request, flow, context);
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
        // Nothing of a service rings, so nothing can be cancelled or acknowledged early; a PRACK for nothing
        // was answered by the endpoint.
        Event::Prack { transaction, request, .. } => wire::refuse(context, transaction, &request, 481),
        Event::Cancelled { .. }
        | Event::NoPrack { .. }
        | Event::NoMoreForks { .. }
        | Event::TransportError { transaction: Transaction::Server(_) } => {}
    }
}
