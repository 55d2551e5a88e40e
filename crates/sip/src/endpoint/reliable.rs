//! Reliable provisional responses (RFC 3262), the server's side: RSeq, repetition, PRACK.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use super::event::{CommandError, Event, ServerTransaction, Transaction};
use super::matching::Identity;
use super::server::Arrival;
use super::{Endpoint, wire};
use crate::message::{Request, Response};
use crate::method::Method;
use crate::timer::Timer;
use crate::transaction::Input;

/// Reliable provisional responses that may wait for the PRACK of an earlier one.
const WAITING_MAX: usize = 8;
/// The first RSeq is at most this (RFC 3262 §3: "between 1 and 2**31 - 1").
const RSEQ_FIRST_MASK: u64 = (1 << 30) - 1;

/// The reliable provisional responses of one INVITE.
#[derive(Default)]
pub(super) struct Reliable {
    /// The RSeq of the latest one; 0 before the first.
    rseq: u32,
    in_flight: Option<InFlight>,
    waiting: VecDeque<Response>,
    success: Option<Response>,
}

/// Sent, and not yet acknowledged: one at a time.
struct InFlight {
    bytes: Bytes,
    /// The dialog that it belongs to: one INVITE may have several, when it is answered for several forks.
    to_tag: Option<Bytes>,
    has_body: bool,
    round: u8,
    again_at: Option<Instant>,
    give_up_at: Option<Instant>,
}

impl Reliable {
    /// RFC 3262 §3: a 2xx must not overtake a provisional response with a session description.
    pub(super) fn holds_back_success(&self) -> bool {
        let in_flight = self.in_flight.as_ref().is_some_and(|in_flight| in_flight.has_body);
        in_flight || self.waiting.iter().any(|response| !response.body().is_empty())
    }

    pub(super) fn hold(&mut self, success: Response) {
        self.success.get_or_insert(success);
    }
}

impl Endpoint {
    /// Sends a provisional response (not 100) that wants a PRACK: adds `Require: 100rel` and RSeq, and repeats it
    /// until the PRACK. One is in flight at a time, more wait their turn. Only for an INVITE whose sender
    /// supports `100rel`, and within the dialog that the response's To tag makes.
    ///
    /// # Errors
    /// [`CommandError::Unknown`] when the INVITE is answered or over, [`CommandError::Full`] when too many wait.
    pub fn respond_reliably(
        &mut self,
        transaction: ServerTransaction,
        response: Response,
        now: Instant,
    ) -> Result<(), CommandError> {
        let server = self.servers.at_mut(transaction.0).ok_or(CommandError::Unknown)?;
        if !server.is_proceeding() {
            return Err(CommandError::Unknown);
        }
        let invite = server.invite.as_mut().ok_or(CommandError::Unknown)?;
        if invite.reliable.waiting.len() >= WAITING_MAX {
            return Err(CommandError::Full);
        }
        invite.reliable.waiting.push_back(response);
        self.next_reliable(transaction.0, now);
        Ok(())
    }

    /// Sends what may go out: the next reliable response, or at last the 2xx that was held back.
    fn next_reliable(&mut self, number: u64, now: Instant) {
        let random = self.random.draw();
        let Some(server) = self.servers.at_mut(number) else { return };
        let Some(invite) = &mut server.invite else { return };
        let reliable = &mut invite.reliable;
        if reliable.in_flight.is_some() {
            return;
        }
        let Some(response) = reliable.waiting.pop_front() else {
            if let Some(success) = reliable.success.take() {
                self.respond(ServerTransaction(number), &success, now);
            }
            return;
        };
        reliable.rseq = match reliable.rseq {
            0 => u32::try_from(random & RSEQ_FIRST_MASK).unwrap_or(0) + 1,
            last => last + 1,
        };
        let bytes = wire::with_rseq(&response, reliable.rseq);
        let has_body = !response.body().is_empty();
        let to_tag = response.headers().to_tag();
        let in_flight = InFlight {
            bytes: bytes.clone(),
            to_tag: to_tag.clone(),
            has_body,
            round: 0,
            again_at: None,
            give_up_at: None,
        };
        reliable.in_flight = Some(in_flight);
        invite.to_tag = to_tag;
        server.last = Some(bytes);
        self.drive_server(number, Input::Provisional, now);
        self.wait_for_prack(number, Timer::ReliableGiveUp, now);
        self.wait_for_prack(number, Timer::Reliable, now);
    }

    fn wait_for_prack(&mut self, number: u64, timer: Timer, now: Instant) {
        let times = self.config.times;
        let Some(in_flight) = self.in_flight(number) else { return };
        let round = in_flight.round;
        let due = timer.delay(&times, true, round).map(|delay| now + delay);
        if timer == Timer::Reliable {
            in_flight.round = round.saturating_add(1);
            in_flight.again_at = due;
        } else {
            in_flight.give_up_at = due;
        }
        self.start_timer(Transaction::Server(ServerTransaction(number)), timer, true, round, now);
    }

    fn in_flight(&mut self, number: u64) -> Option<&mut InFlight> {
        self.servers.at_mut(number)?.invite.as_mut()?.reliable.in_flight.as_mut()
    }

    /// A timer of an earlier response that was acknowledged finds another one in flight, whose time has not come.
    pub(super) fn fire_reliable(&mut self, number: u64, timer: Timer, now: Instant) {
        let Some(in_flight) = self.in_flight(number) else { return };
        let reached = |at: Option<Instant>| at.is_some_and(|at| now >= at);
        if timer == Timer::ReliableGiveUp {
            if reached(in_flight.give_up_at) {
                if let Some(invite) = self.servers.at_mut(number).and_then(|server| server.invite.as_mut()) {
                    invite.reliable.in_flight = None;
                    invite.reliable.waiting.clear();
                    invite.reliable.success = None;
                }
                self.event(Event::NoPrack { transaction: ServerTransaction(number) });
            }
        } else if reached(in_flight.again_at) {
            let bytes = in_flight.bytes.clone();
            if let Some(server) = self.servers.at_mut(number) {
                server.last = Some(bytes);
            }
            self.drive_server(number, Input::Provisional, now);
            self.wait_for_prack(number, Timer::Reliable, now);
        }
    }

    /// Finds the response that a PRACK acknowledges; one for nothing gets 481 (RFC 3262 §3).
    pub(super) fn handle_prack(&mut self, arrival: Arrival, now: Instant) {
        let Some(invite) = self.match_prack(&arrival.request, &arrival.identity) else {
            return self.answer(&arrival, 481, None, now);
        };
        if let Some(invite) = self.servers.at_mut(invite).and_then(|server| server.invite.as_mut()) {
            invite.reliable.in_flight = None;
        }
        let transaction = ServerTransaction(self.new_server(&arrival, None));
        let Arrival { request, flow, .. } = arrival;
        self.event(Event::Prack { transaction, invite: ServerTransaction(invite), request, flow });
        self.next_reliable(invite, now);
    }

    fn match_prack(&self, request: &Request, identity: &Identity) -> Option<u64> {
        let rack = request.headers().rack().ok()??;
        let call = self.matcher.by_call(identity, rack.cseq.number, &Method::Invite);
        let number = *self.by_call.get(&call)?;
        let server = self.servers.at(number)?;
        let reliable = &server.invite.as_ref()?.reliable;
        let fits = rack.cseq.method == Method::Invite
            && reliable
                .in_flight
                .as_ref()
                .is_some_and(|sent| sent.to_tag.is_some() && sent.to_tag == identity.to_tag)
            && reliable.rseq == rack.rseq;
        fits.then_some(number)
    }
}
