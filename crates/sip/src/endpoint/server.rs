//! The server side: requests that we received, their repetition, our responses, ACK and CANCEL.

use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;

use super::Endpoint;
use super::event::{Event, ServerTransaction, Transaction};
use super::flow::{Flow, Transport};
use super::matching::{Identity, Key};
use super::reliable::Reliable;
use crate::Refusal;
use crate::header::Via;
use crate::message::{Request, Response};
use crate::method::Method;
use crate::timer::Timer;
use crate::transaction::{Action, Input, server_invite, server_non_invite};

/// The port of a sent-by that names none (RFC 3261 §18.2.2).
const SIP_PORT: u16 = 5060;

/// A request that has just come in, and belongs to no transaction yet.
pub(super) struct Arrival {
    pub(super) request: Request,
    pub(super) identity: Identity,
    pub(super) branch: Key,
    pub(super) flow: Flow,
}

/// A request that we received.
pub(super) struct Server {
    state: State,
    /// Where responses go.
    flow: Flow,
    by_branch: Key,
    by_call: Option<Key>,
    round: u8,
    /// The final response refused the request.
    refused: bool,
    /// The latest response, for whoever repeats the request.
    pub(super) last: Option<Bytes>,
    pub(super) invite: Option<Box<Invite>>,
}

#[derive(Clone, Copy)]
enum State {
    Invite(server_invite::State),
    Other(server_non_invite::State),
}

/// What only an INVITE needs.
pub(super) struct Invite {
    /// For a 100, as long as the user has said nothing.
    request: Option<Request>,
    pub(super) to_tag: Option<Bytes>,
    acknowledged: bool,
    cancelled: bool,
    pub(super) reliable: Reliable,
}

impl Server {
    /// Does the user still owe the final response to an INVITE?
    pub(super) fn is_proceeding(&self) -> bool {
        matches!(self.state, State::Invite(server_invite::State::Proceeding))
    }

    fn is_accepted(&self) -> bool {
        matches!(self.state, State::Invite(server_invite::State::Accepted))
    }

    fn is_over(&self) -> bool {
        match self.state {
            State::Invite(state) => state == server_invite::State::Terminated,
            State::Other(state) => state == server_non_invite::State::Terminated,
        }
    }

    fn step(&self, input: Input) -> Option<(State, &'static [Action])> {
        match self.state {
            State::Invite(state) => state.step(input).map(|(next, actions)| (State::Invite(next), actions)),
            State::Other(state) => state.step(input).map(|(next, actions)| (State::Other(next), actions)),
        }
    }

    /// Is `tag` the one that we gave to the dialog of this INVITE?
    pub(super) fn has_tag(&self, tag: Option<&Bytes>) -> bool {
        self.invite.as_ref().is_some_and(|invite| invite.to_tag.is_some() && invite.to_tag.as_ref() == tag)
    }
}

impl Endpoint {
    pub(super) fn handle_request(&mut self, mut request: Request, flow: Flow, now: Instant) {
        request.set_source(flow.remote);
        let identity = match Identity::of(&request) {
            Ok(identity) => identity,
            Err(_) if *request.method() == Method::Ack => {
                self.counters.strays += 1;
                return;
            }
            Err(error) => return self.answer_stateless(&request, Refusal::from(error), flow),
        };
        if *request.method() == Method::Ack {
            return self.handle_ack(request, &identity, flow, now);
        }
        let branch = self.matcher.by_branch(&request, &identity, request.method());
        if let Some(number) = self.by_branch.get(&branch).copied() {
            self.counters.retransmissions += 1;
            return self.drive_server(number, Input::Request, now);
        }
        if let Some(refusal) = request.refusal(&self.config.extensions) {
            return self.answer_stateless(&request, refusal, flow);
        }
        if self.servers.len() >= self.config.server_transactions_max {
            self.counters.overloads += 1;
            let refusal = Refusal { status: 503, reason: "Service Unavailable" };
            return self.answer_stateless(&request, refusal, flow);
        }
        let arrival = Arrival { request, identity, branch, flow };
        match arrival.request.method() {
            Method::Cancel => self.handle_cancel(arrival, now),
            Method::Prack => self.handle_prack(arrival, now),
            _ => self.handle_new(arrival, now),
        }
    }

    fn handle_new(&mut self, arrival: Arrival, now: Instant) {
        let Arrival { request, identity, .. } = &arrival;
        let is_invite = *request.method() == Method::Invite;
        // Within a dialog only an INVITE is looked for again, by its ACK or PRACK.
        let by_call = (is_invite || identity.to_tag.is_none())
            .then(|| self.matcher.by_call(identity, identity.cseq.number, request.method()));
        if let Some(call) = by_call
            && self.is_merged(call, identity)
        {
            // RFC 3261 §8.2.2.2: "the UAS core SHOULD generate a 482 (Loop Detected) response".
            return self.answer(&arrival, 482, None, now);
        }
        let number = self.new_server(&arrival, by_call);
        let transaction = ServerTransaction(number);
        if is_invite {
            self.act_server(number, server_invite::State::START.1, now);
        }
        self.event(Event::Request { transaction, request: arrival.request, flow: arrival.flow });
    }

    /// Is a copy of this request being processed that came by another way? COMPAT: clients that try again with
    /// credentials but the old CSeq; after a refusal nothing can happen twice, so they may.
    fn is_merged(&self, call: Key, identity: &Identity) -> bool {
        let other = self.by_call.get(&call).and_then(|number| self.servers.at(*number));
        identity.to_tag.is_none() && other.is_some_and(|other| !other.refused)
    }

    /// Creates the transaction of a request and answers it at once.
    pub(super) fn answer(&mut self, arrival: &Arrival, status: u16, tag: Option<&[u8]>, now: Instant) {
        let number = self.new_server(arrival, None);
        let own_tag = self.matcher.by_headers(&arrival.request).tag();
        let response = Response::to(&arrival.request, status, Some(tag.unwrap_or(&own_tag))).finish();
        self.respond(ServerTransaction(number), &response, now);
    }

    pub(super) fn new_server(&mut self, arrival: &Arrival, by_call: Option<Key>) -> u64 {
        let Arrival { request, identity, branch, flow } = arrival;
        let is_invite = *request.method() == Method::Invite;
        let invite = is_invite.then(|| {
            Box::new(Invite {
                request: Some(request.clone()),
                to_tag: None,
                acknowledged: false,
                cancelled: false,
                reliable: Reliable::default(),
            })
        });
        let number = self.servers.insert(Server {
            state: if is_invite {
                State::Invite(server_invite::State::START.0)
            } else {
                State::Other(server_non_invite::State::START.0)
            },
            flow: response_flow(&identity.via, *flow),
            by_branch: *branch,
            by_call,
            round: 0,
            refused: false,
            last: None,
            invite,
        });
        self.by_branch.insert(*branch, number);
        if let Some(call) = by_call {
            self.by_call.insert(call, number);
        }
        number
    }

    /// The ACK to a refusal ends its repetition (RFC 3261 §17.2.1); the ACK to a 2xx goes to the user once.
    fn handle_ack(&mut self, request: Request, identity: &Identity, flow: Flow, now: Instant) {
        let branch = self.matcher.by_branch(&request, identity, &Method::Invite);
        if let Some(number) = self.by_branch.get(&branch).copied() {
            let accepted = self.servers.at(number).is_some_and(Server::is_accepted);
            // COMPAT: user agents that give the ACK to a 2xx the branch of its INVITE.
            if !accepted {
                return self.drive_server(number, Input::Ack, now);
            }
        }
        let call = self.matcher.by_call(identity, identity.cseq.number, &Method::Invite);
        let number = self.by_call.get(&call).copied();
        let found = number.filter(|number| {
            let server = self.servers.at(*number);
            server.is_some_and(|server| server.is_accepted() && server.has_tag(identity.to_tag.as_ref()))
        });
        let Some(number) = found else {
            self.counters.strays += 1;
            return;
        };
        if let Some(invite) = self.servers.at_mut(number).and_then(|server| server.invite.as_mut()) {
            if invite.acknowledged {
                self.counters.retransmissions += 1;
                return;
            }
            invite.acknowledged = true;
        }
        self.event(Event::Ack { transaction: ServerTransaction(number), request, flow });
    }

    /// Answers the CANCEL itself; what becomes of the INVITE is the user's decision (RFC 3261 §9.2).
    fn handle_cancel(&mut self, arrival: Arrival, now: Instant) {
        let branch = self.matcher.by_branch(&arrival.request, &arrival.identity, &Method::Invite);
        let Some(number) = self.by_branch.get(&branch).copied() else {
            return self.answer(&arrival, 481, None, now);
        };
        let proceeding = self.servers.at(number).is_some_and(Server::is_proceeding);
        let invite = self.servers.at_mut(number).and_then(|server| server.invite.as_mut());
        let news = invite.as_ref().is_some_and(|invite| proceeding && !invite.cancelled);
        let tag = invite.and_then(|invite| {
            invite.cancelled = true;
            invite.to_tag.clone()
        });
        self.answer(&arrival, 200, tag.as_deref(), now);
        if news {
            let transaction = ServerTransaction(number);
            self.event(Event::Cancelled { transaction, request: arrival.request });
        }
    }

    /// Answers a request. What comes too late (a second final response, anything for a transaction that is
    /// over) is discarded (RFC 3261 §17.2.2). A 2xx to an INVITE waits while a reliable provisional response
    /// with a body waits for its PRACK (RFC 3262 §3).
    pub fn respond(&mut self, transaction: ServerTransaction, response: &Response, now: Instant) {
        let status = response.status();
        let Some(server) = self.servers.at_mut(transaction.0) else { return };
        if server.step(Input::response(status)).is_none() {
            return;
        }
        if let Some(invite) = &mut server.invite {
            if response.is_success() && invite.reliable.holds_back_success() {
                return invite.reliable.hold(response.clone());
            }
            if status >= 200 {
                // RFC 3262 §3: after a final response, provisional ones are not sent again.
                invite.reliable = Reliable::default();
            }
            if status > 100 {
                invite.to_tag = response.headers().to_tag();
            }
            invite.request = None;
        }
        server.refused = status >= 300;
        // A copy that fits: a message that was just built has room for much more.
        server.last = Some(Bytes::copy_from_slice(response.bytes()));
        self.drive_server(transaction.0, Input::response(status), now);
    }

    /// The To tag that the answer to every repetition of this request gets too (RFC 3261 §8.2.7).
    pub fn stateless_tag(&self, request: &Request) -> Vec<u8> {
        self.matcher.by_headers(request).tag()
    }

    /// Answers a request and forgets it: whoever repeats it is answered anew. For challenges, and for refusals when
    /// there is no room, which cost nothing to make again, so that nobody unknown makes us keep anything; the response
    /// wants [`Self::stateless_tag`]. An INVITE is forgotten as well: an answer that was lost is asked for again by its
    /// repetition, and its ACK is ignored (RFC 3261 §8.2.7: "a stateless UAS MUST ignore ACK requests").
    pub fn respond_stateless(&mut self, transaction: ServerTransaction, response: &Response) {
        let Some(server) = self.servers.at(transaction.0) else { return };
        self.transmit(server.flow, response.bytes().clone(), None);
        self.forget_server(transaction.0);
    }

    pub(super) fn fire_server(&mut self, number: u64, timer: Timer, now: Instant) {
        match timer {
            Timer::Reliable | Timer::ReliableGiveUp => return self.fire_reliable(number, timer, now),
            Timer::Success | Timer::L => {
                let Some(server) = self.servers.at(number) else { return };
                let acknowledged = server.invite.as_ref().is_none_or(|invite| invite.acknowledged);
                if acknowledged && timer == Timer::Success {
                    return;
                }
                if !acknowledged && timer == Timer::L {
                    self.event(Event::NoAck { transaction: ServerTransaction(number) });
                }
            }
            _ => {}
        }
        self.drive_server(number, Input::Fired(timer), now);
    }

    pub(super) fn drive_server(&mut self, number: u64, input: Input, now: Instant) {
        let Some(server) = self.servers.at_mut(number) else { return };
        let Some((next, actions)) = server.step(input) else { return };
        server.state = next;
        self.act_server(number, actions, now);
        if self.servers.at(number).is_some_and(Server::is_over) {
            self.forget_server(number);
        }
    }

    fn act_server(&mut self, number: u64, actions: &[Action], now: Instant) {
        let transaction = ServerTransaction(number);
        let origin = Transaction::Server(transaction);
        for action in actions {
            let Some(server) = self.servers.at_mut(number) else { return };
            let flow = server.flow;
            match action {
                Action::Transmit => {
                    if let Some(bytes) = server.last.clone() {
                        self.transmit(flow, bytes, Some(origin));
                    }
                }
                Action::Trying => {
                    let request = server.invite.as_mut().and_then(|invite| invite.request.take());
                    if let (None, Some(request)) = (&server.last, request) {
                        let bytes = Response::to(&request, 100, None).finish().bytes().clone();
                        server.last = Some(bytes.clone());
                        self.transmit(flow, bytes, Some(origin));
                    }
                }
                Action::Start(timer) => {
                    let round = server.round;
                    if matches!(timer, Timer::G | Timer::Success) {
                        server.round = round.saturating_add(1);
                    }
                    let reliable = flow.transport.is_reliable();
                    if self.start_timer(origin, *timer, reliable, round, now) {
                        self.drive_server(number, Input::Fired(*timer), now);
                    }
                }
                Action::InformTimeout => self.event(Event::NoAck { transaction }),
                Action::InformTransportError => self.event(Event::TransportError { transaction: origin }),
                Action::Acknowledge | Action::Deliver => {}
            }
        }
    }

    fn forget_server(&mut self, number: u64) {
        let Some(server) = self.servers.remove(number) else { return };
        self.by_branch.remove(&server.by_branch);
        if let Some(call) = server.by_call
            && self.by_call.get(&call) == Some(&number)
        {
            self.by_call.remove(&call);
        }
    }
}

/// Where the responses to a request go: back over the connection, or to where the datagram came from, at the
/// port that Via asks for (RFC 3261 §18.2.2, RFC 3581 §4). `maddr` is not obeyed: it would let anyone aim
/// our responses at a third party.
pub(super) fn response_flow(via: &Via, flow: Flow) -> Flow {
    if flow.transport != Transport::Udp || via.rport().is_some() {
        return flow;
    }
    let port = via.port().unwrap_or(SIP_PORT);
    Flow { remote: SocketAddr::new(flow.remote.ip(), port), ..flow }
}
