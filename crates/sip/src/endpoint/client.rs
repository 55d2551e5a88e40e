//! The client side: requests that we sent, their repetition, their responses, ACK and CANCEL.

use std::time::Instant;

use bytes::Bytes;

use super::event::{ClientTransaction, CommandError, Event, Transaction};
use super::flow::{ConnectionId, Flow, Target};
use super::matching::{push_branch, read_branch};
use super::{Endpoint, wire};
use crate::message::{Name, Request, Response};
use crate::method::Method;
use crate::timer::Timer;
use crate::transaction::{Action, Input, client_invite, client_non_invite};

/// Early and confirmed dialogs that one INVITE may lead to; responses of further forks are dropped.
const FORKS_MAX: usize = 16;
/// The round from which every interval is T2 (RFC 3261 §17.1.2.2, Proceeding).
const ROUND_T2: u8 = 6;

/// A request that we sent.
pub(super) struct Client {
    state: State,
    flow: Flow,
    method: Method,
    bytes: Bytes,
    /// The part of the branch that nobody can guess.
    secret: u64,
    round: u8,
    /// A CANCEL: its fate interests nobody.
    is_quiet: bool,
    invite: Option<Box<Invite>>,
}

#[derive(Clone, Copy)]
enum State {
    Invite(client_invite::State),
    Other(client_non_invite::State),
}

/// What only an INVITE needs.
struct Invite {
    request: Request,
    via: Vec<u8>,
    cancel: Cancel,
    /// When Timer C really fires, for every provisional response moves it.
    give_up_at: Option<Instant>,
    forks: Vec<Fork>,
}

/// How far the user's wish to cancel has got.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cancel {
    Unwanted,
    /// Nothing was heard yet, and then CANCEL must wait (RFC 3261 §9.1).
    Wanted,
    Sent(u64),
}

/// One branch of the INVITE that answered, by its To tag.
struct Fork {
    tag: Bytes,
    /// The RSeq of the latest reliable provisional response.
    rseq: Option<u32>,
    accepted: bool,
    ack: Option<(Flow, Bytes)>,
}

impl Client {
    pub(super) fn waits_on(&self, connection: ConnectionId) -> bool {
        let waits = match self.state {
            State::Invite(state) => {
                matches!(state, client_invite::State::Calling | client_invite::State::Proceeding)
            }
            State::Other(state) => {
                matches!(state, client_non_invite::State::Trying | client_non_invite::State::Proceeding)
            }
        };
        waits && self.flow.connection == Some(connection)
    }
}

impl Endpoint {
    /// Sends a request, with our Via put on top of it. An ACK has no transaction: see [`Endpoint::send_ack_2xx`].
    ///
    /// # Errors
    /// [`CommandError::Full`].
    pub fn send_request(
        &mut self,
        request: Request,
        target: &Target,
        now: Instant,
    ) -> Result<ClientTransaction, CommandError> {
        if self.clients.len() >= self.config.client_transactions_max {
            return Err(CommandError::Full);
        }
        let method = request.method().clone();
        let is_invite = method == Method::Invite;
        let (state, actions) = if is_invite {
            let (state, actions) = client_invite::State::START;
            (State::Invite(state), actions)
        } else {
            let (state, actions) = client_non_invite::State::START;
            (State::Other(state), actions)
        };
        let secret = self.random.draw();
        let number = self.clients.insert(Client {
            state,
            flow: target.flow,
            method,
            bytes: Bytes::new(),
            secret,
            round: 0,
            is_quiet: false,
            invite: None,
        });
        let mut branch = Vec::with_capacity(40);
        push_branch(&mut branch, number, secret);
        let via = wire::via(target, &branch);
        if let Some(client) = self.clients.at_mut(number) {
            client.bytes = wire::with_via(&request, &via);
            client.invite = is_invite.then(|| {
                let cancel = Cancel::Unwanted;
                Box::new(Invite { request, via, cancel, give_up_at: None, forks: Vec::new() })
            });
        }
        self.act_client(number, actions, None, now);
        Ok(ClientTransaction(number))
    }

    /// Sends the ACK to a 2xx and keeps it: repetitions of that 2xx get it again (RFC 3261 §13.2.2.4).
    pub fn send_ack_2xx(&mut self, invite: ClientTransaction, ack: &Request, target: &Target) {
        let mut branch = Vec::with_capacity(40);
        // The number of no transaction: no response comes to an ACK.
        push_branch(&mut branch, u64::MAX, self.random.draw());
        let bytes = wire::with_via(ack, &wire::via(target, &branch));
        if let Some(invite) = self.clients.at_mut(invite.0).and_then(|client| client.invite.as_mut())
            && let Some(tag) = ack.headers().to_tag()
            && let Some(fork) = invite.forks.iter_mut().find(|fork| fork.tag == tag)
        {
            fork.ack = Some((target.flow, bytes.clone()));
        }
        self.transmit(target.flow, bytes, None);
    }

    /// Cancels an INVITE that has no final response yet: at once, or as soon as anything is heard of it
    /// (RFC 3261 §9.1). A 2xx may still come first; then it wants ACK and BYE.
    ///
    /// # Errors
    /// [`CommandError::Unknown`] when the transaction is over or no INVITE.
    pub fn cancel(&mut self, invite: ClientTransaction, now: Instant) -> Result<(), CommandError> {
        let client = self.clients.at_mut(invite.0).ok_or(CommandError::Unknown)?;
        let state = match client.state {
            State::Invite(state) => state,
            State::Other(_) => return Err(CommandError::Unknown),
        };
        let data = client.invite.as_mut().ok_or(CommandError::Unknown)?;
        match (state, data.cancel) {
            (client_invite::State::Calling, _) => data.cancel = Cancel::Wanted,
            (client_invite::State::Proceeding, Cancel::Unwanted | Cancel::Wanted) => {
                self.send_cancel(invite.0, now);
            }
            _ => {}
        }
        Ok(())
    }

    fn send_cancel(&mut self, number: u64, now: Instant) {
        let Some(client) = self.clients.at(number) else { return };
        let Some(invite) = &client.invite else { return };
        let (state, actions) = client_non_invite::State::START;
        let bytes = wire::cancel(&invite.request, &invite.via);
        let (flow, secret) = (client.flow, client.secret);
        // Not counted against the limit: what ends a transaction must not fail for want of room.
        let cancel = self.clients.insert(Client {
            state: State::Other(state),
            flow,
            method: Method::Cancel,
            bytes,
            secret,
            round: 0,
            is_quiet: true,
            invite: None,
        });
        if let Some(invite) = self.clients.at_mut(number).and_then(|client| client.invite.as_mut()) {
            invite.cancel = Cancel::Sent(cancel);
        }
        self.act_client(cancel, actions, None, now);
        // RFC 3261 §9.1: without a final response in 64*T1, the INVITE counts as cancelled.
        self.start_timer(Transaction::Client(ClientTransaction(number)), Timer::Cancelled, true, 0, now);
    }

    /// Finds the transaction of a response by branch and CSeq method (RFC 3261 §17.1.3); others are dropped
    /// (RFC 6026 §8.9).
    pub(super) fn handle_response(&mut self, response: Response, flow: Flow, now: Instant) {
        let Some(number) = self.match_response(&response) else {
            self.counters.strays += 1;
            return;
        };
        let input = Input::response(response.status());
        self.drive_client(number, input, Some((response, flow)), now);
    }

    fn match_response(&self, response: &Response) -> Option<u64> {
        let headers = response.headers();
        let (number, secret) = read_branch(headers.via().ok()?.branch()?)?;
        let client = self.clients.at(number).filter(|client| client.secret == secret)?;
        let method = headers.cseq().ok()?.method;
        if method == client.method {
            return Some(number);
        }
        match client.invite.as_ref()?.cancel {
            Cancel::Sent(cancel) if method == Method::Cancel => Some(cancel),
            _ => None,
        }
    }

    pub(super) fn fire_client(&mut self, number: u64, timer: Timer, now: Instant) {
        if timer == Timer::C {
            let Some(client) = self.clients.at(number) else { return };
            let due = client.invite.as_ref().and_then(|invite| invite.give_up_at).is_some_and(|at| now >= at);
            let rings = matches!(client.state, State::Invite(client_invite::State::Proceeding));
            if due && rings {
                // RFC 3261 §16.8: "If the client transaction has received a provisional response, [..] CANCEL".
                self.cancel(ClientTransaction(number), now).ok();
            }
            return;
        }
        self.drive_client(number, Input::Fired(timer), None, now);
    }

    pub(super) fn drive_client(
        &mut self,
        number: u64,
        input: Input,
        response: Option<(Response, Flow)>,
        now: Instant,
    ) {
        let Some(client) = self.clients.at_mut(number) else { return };
        let actions = match &mut client.state {
            State::Invite(state) => {
                let Some((next, actions)) = state.step(input) else { return };
                *state = next;
                actions
            }
            State::Other(state) => {
                let Some((next, actions)) = state.step(input) else { return };
                *state = next;
                if input == Input::Provisional {
                    client.round = ROUND_T2;
                }
                actions
            }
        };
        let heard = input == Input::Provisional
            && client.invite.as_ref().is_some_and(|invite| invite.cancel == Cancel::Wanted);
        self.act_client(number, actions, response, now);
        if heard {
            self.send_cancel(number, now);
        }
        self.forget_client(number, input);
    }

    fn act_client(
        &mut self,
        number: u64,
        actions: &[Action],
        mut response: Option<(Response, Flow)>,
        now: Instant,
    ) {
        let transaction = ClientTransaction(number);
        let origin = Transaction::Client(transaction);
        for action in actions {
            let Some(client) = self.clients.at_mut(number) else { return };
            let flow = client.flow;
            match action {
                Action::Transmit => {
                    let bytes = client.bytes.clone();
                    self.transmit(flow, bytes, Some(origin));
                }
                Action::Acknowledge => {
                    if let (Some(invite), Some((refusal, _))) = (&client.invite, &response) {
                        let ack = wire::ack(&invite.request, &invite.via, refusal);
                        self.transmit(flow, ack, Some(origin));
                    }
                }
                Action::Deliver => {
                    if let Some((response, flow)) = response.take() {
                        self.deliver(transaction, response, flow);
                    }
                }
                Action::Start(timer) => {
                    let round = client.round;
                    if matches!(timer, Timer::A | Timer::E) {
                        client.round = round.saturating_add(1);
                    }
                    if let (Timer::C, Some(invite)) = (timer, &mut client.invite) {
                        let delay = timer.delay(&self.config.times, false, 0);
                        invite.give_up_at = delay.map(|delay| now + delay);
                    }
                    let reliable = flow.transport.is_reliable();
                    if self.start_timer(origin, *timer, reliable, round, now) {
                        self.drive_client(number, Input::Fired(*timer), None, now);
                    }
                }
                Action::InformTimeout if client.is_quiet => {}
                Action::InformTimeout => self.event(Event::Timeout { transaction }),
                Action::InformTransportError if client.is_quiet => {}
                Action::InformTransportError => self.event(Event::TransportError { transaction: origin }),
                Action::Trying => {}
            }
        }
    }

    /// Passes a response up, unless it is one that the user has seen.
    fn deliver(&mut self, transaction: ClientTransaction, response: Response, flow: Flow) {
        let Some(client) = self.clients.at_mut(transaction.0) else { return };
        if client.is_quiet {
            return;
        }
        if let Some(invite) = &mut client.invite {
            match invite.repetition(&response) {
                Seen::New => {}
                Seen::Before => return,
                Seen::Acknowledged(flow, ack) => {
                    // RFC 3261 §13.2.2.4: the ACK goes out again "for each 2xx".
                    return self.transmit(flow, ack, None);
                }
            }
        }
        self.event(Event::Response { transaction, response, flow });
    }

    fn forget_client(&mut self, number: u64, input: Input) {
        let over = match self.clients.at(number) {
            Some(client) => match client.state {
                State::Invite(state) => state == client_invite::State::Terminated,
                State::Other(state) => state == client_non_invite::State::Terminated,
            },
            None => false,
        };
        if !over {
            return;
        }
        if input == Input::Fired(Timer::M) {
            self.event(Event::NoMoreForks { transaction: ClientTransaction(number) });
        }
        let client = self.clients.remove(number);
        // With its INVITE over, a CANCEL has nothing left to do.
        if let Some(Cancel::Sent(cancel)) =
            client.and_then(|client| client.invite).map(|invite| invite.cancel)
        {
            self.clients.remove(cancel);
        }
    }
}

/// Was a response to an INVITE seen before?
enum Seen {
    New,
    Before,
    Acknowledged(Flow, Bytes),
}

impl Invite {
    fn repetition(&mut self, response: &Response) -> Seen {
        let (status, headers) = (response.status(), response.headers());
        if status == 100 || status >= 300 {
            return Seen::New;
        }
        let Some(tag) = headers.to_tag() else { return Seen::New };
        let rseq = match headers.rseq() {
            Ok(Some(rseq)) if headers.has_token(Name::Require, b"100rel") => Some(rseq),
            _ => None,
        };
        let place = match self.forks.iter().position(|fork| fork.tag == tag) {
            Some(place) => place,
            None if self.forks.len() >= FORKS_MAX => return Seen::Before,
            None => {
                // A copy, so that the whole response is not kept for its tag.
                let tag = Bytes::copy_from_slice(&tag);
                self.forks.push(Fork { tag, rseq: None, accepted: false, ack: None });
                self.forks.len() - 1
            }
        };
        let fork = &mut self.forks[place];
        if response.is_success() {
            return match &fork.ack {
                Some((flow, ack)) => Seen::Acknowledged(*flow, ack.clone()),
                None if fork.accepted => Seen::Before,
                None => {
                    fork.accepted = true;
                    Seen::New
                }
            };
        }
        match (fork.rseq, rseq) {
            // RFC 3262 §4: repetitions are discarded, and what comes out of order "MUST NOT be acknowledged".
            (Some(last), Some(rseq)) if rseq != last.wrapping_add(1) => Seen::Before,
            (_, Some(rseq)) => {
                fork.rseq = Some(rseq);
                Seen::New
            }
            (_, None) => Seen::New,
        }
    }
}
