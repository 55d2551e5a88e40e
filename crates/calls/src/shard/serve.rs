//! What a shard does with what belongs to no call: requests outside of calls, by method; answers to its own.

use std::sync::Arc;
use std::time::Instant;

use sip::endpoint::{Event, Flow, ServerTransaction, Transaction};
use sip::subscription::NotifyOutcome;
use sip::{Message, Method, Name, Request};

use super::desk::ALLOW_ALL;
use super::mailbox::{Input, Waiting, Watch};
use super::{Shard, register};
use crate::authentication::{Account, Arrived, Proof};
use crate::call::Arrival;
use crate::device;
use crate::events;
use crate::message::Relays;
use crate::place::Caller;
use crate::trunk::{Hands, Keeper};

/// Accounts that one shard reads at once; more requests get 503.
const READS_MAX: usize = 1_000;

impl Shard {
    /// Takes an input that came by mail.
    pub(super) fn handle_input(&mut self, input: Input) {
        let now = self.now.instant;
        match input {
            Input::Message(message, flow) => self.message(message, flow),
            Input::Malformed(malformed, flow) => self.endpoint.handle_malformed(malformed, flow),
            Input::NotSent(origin) => self.endpoint.handle_transport_error(origin, now),
            Input::ConnectionLost(connection) => {
                self.endpoint.handle_connection_lost(connection, now);
                // Every shard does so, behind the REGISTERs of its own that came over the connection.
                self.rooms.registrar.connection_lost(connection, self.now.civil);
            }
            Input::Read(waiting, read) => {
                self.reads -= 1;
                let Waiting { transaction, request, flow, came_at } = *waiting;
                match read {
                    Ok(account) => {
                        let arrived = self.arrived(&flow);
                        let authentication = &self.rooms.authentication;
                        let proof = authentication.check_with(&request, account.as_deref(), arrived);
                        self.proved((transaction, request, flow), came_at, proof);
                    }
                    Err(error) => {
                        tracing::warn!(%error, "an account could not be read");
                        self.desk(|desk| desk.answer(transaction, &request, 503));
                    }
                }
            }
            Input::MayWatch(Watch::New(wanted), allowed) => {
                self.with_subscriptions(|all, desk| all.accept(*wanted, &allowed, desk));
            }
            Input::MayWatch(Watch::Held(id), allowed) => {
                self.with_subscriptions(|all, desk| all.decided(id, &allowed, desk));
            }
            Input::LineChanged(line) => self.with_subscriptions(|all, desk| all.line_changed(&line, desk)),
            Input::AccountsChanged => {
                self.with_keeper(|keeper, hands| {
                    keeper.plan_changed();
                    keeper.handle_timeout(hands);
                });
                self.with_subscriptions(|all, desk| all.accounts_changed(desk));
            }
            Input::TrunkFound(found) => {
                self.with_keeper(|keeper, hands| keeper.found(found, hands));
            }
            Input::TrunkLost(connection) => {
                self.with_keeper(|keeper, hands| keeper.connection_lost(connection, hands));
            }
            Input::TrunkTest(trunk, answer) => {
                self.with_keeper(|keeper, hands| keeper.test(&trunk, answer, hands));
            }
            Input::UserChanged(user) => self.with_subscriptions(|all, desk| all.user_changed(&user, desk)),
            Input::Taken(transaction, request, taken) => {
                self.desk(|desk| Relays::taken(transaction, &request, taken, desk));
            }
            Input::Deliver(delivery) => self.with_relays(|relays, desk| relays.deliver(*delivery, desk)),
            Input::End(call) => {
                let cause = crate::snapshot::Cause::NormalClearing;
                self.switchboard.end(call, cause, &mut self.endpoint, self.now);
            }
            Input::Key(call, key) => self.switchboard.key(call, key, &mut self.endpoint, self.now),
            Input::Command(command, answer) => {
                let done = self.switchboard.command(&command, &mut self.endpoint, self.now);
                // Whoever asked may have gone meanwhile.
                drop(answer.send(done));
            }
            Input::Letter(letter) => self.post(vec![*letter]),
            Input::Limits(limits) => self.switchboard.set_limits(limits),
            // Whoever asked may have gone.
            Input::Trace(asked) => drop(asked.answer.send(self.traces.of(&asked.call_ids))),
        }
    }

    /// Takes a message, unless its dialog has moved to another shard while it waited.
    fn message(&mut self, message: Message, flow: Flow) {
        if !self.transport.moved.is_empty() {
            let mailboxes = &self.transport.mailboxes;
            let shard = self.transport.moved.shard_of(&message, mailboxes.len());
            if shard != self.index() {
                // Bounded: it was counted when it came.
                return mailboxes[shard].put(Input::Message(message, flow));
            }
        }
        self.traces.received(&message, &flow, self.now.civil);
        self.endpoint.handle_message(message, flow, self.now.instant);
    }

    /// Takes an event that belongs to no call.
    pub(super) fn serve(&mut self, event: Event) {
        match event {
            Event::Request { transaction, request, flow } => self.request(transaction, request, flow),
            Event::Prack { transaction, request, .. } => {
                self.desk(|desk| desk.answer(transaction, &request, 481));
            }
            Event::Response { transaction, response, .. } => {
                let kept = |keeper: &mut Keeper, hands: &mut Hands<'_>| {
                    keeper.answered(transaction, Some(&response), hands)
                };
                if self.with_keeper(kept) == Some(true) {
                    return;
                }
                if self
                    .with_subscriptions(|all, desk| all.answered_abroad(transaction, Some(&response), desk))
                {
                    return;
                }
                let status = response.status();
                let outcome = NotifyOutcome::Response(status);
                if !self.with_subscriptions(|all, desk| all.notified(transaction, outcome, desk)) {
                    self.with_relays(|relays, desk| relays.answered(transaction, Some(status), desk));
                }
            }
            Event::Timeout { transaction }
            | Event::TransportError { transaction: Transaction::Client(transaction) } => {
                let kept =
                    |keeper: &mut Keeper, hands: &mut Hands<'_>| keeper.answered(transaction, None, hands);
                if self.with_keeper(kept) == Some(true) {
                    return;
                }
                if self.with_subscriptions(|all, desk| all.answered_abroad(transaction, None, desk)) {
                    return;
                }
                let silence = NotifyOutcome::Silence;
                if !self.with_subscriptions(|all, desk| all.notified(transaction, silence, desk)) {
                    self.with_relays(|relays, desk| relays.answered(transaction, None, desk));
                }
            }
            // What is left of calls that are over.
            Event::Cancelled { .. }
            | Event::Ack { .. }
            | Event::NoAck { .. }
            | Event::NoPrack { .. }
            | Event::NoMoreForks { .. }
            | Event::TransportError { transaction: Transaction::Server(_) } => {}
        }
    }

    fn request(&mut self, transaction: ServerTransaction, request: Request, flow: Flow) {
        self.metrics.request(request.method());
        if request.headers().to_tag().is_some() {
            let refreshed = *request.method() == Method::Subscribe
                && self.with_subscriptions(|all, desk| all.refresh(transaction, &request, flow, desk));
            let notified = *request.method() == Method::Notify
                && self.with_subscriptions(|all, desk| {
                    all.notified_abroad(transaction, (&request, &flow), desk)
                });
            if !refreshed && !notified {
                self.desk(|desk| desk.answer(transaction, &request, 481));
            }
            return;
        }
        if matches!(request.method(), Method::Invite | Method::Refer | Method::Subscribe)
            && let Some(trunk) = self.sender(&request, &flow)
        {
            return self.trunk_request(&trunk, (transaction, request, flow));
        }
        let refusal = match request.method() {
            Method::Options => return self.options(transaction, &request),
            Method::Register => self.desk(|desk| register::domain(&request, &flow, desk)).err(),
            Method::Subscribe | Method::Publish => events::package(&request).err(),
            Method::Invite | Method::Message => None,
            // Only a trunk may ask for that outside of a dialog (`CC-27`), and it says who it is.
            Method::Refer if self.rooms.trunks.any_refers() => None,
            // Requests that only make sense within a dialog (RFC 3261 §12.2.2).
            Method::Bye | Method::Info | Method::Update | Method::Prack | Method::Notify => Some(481),
            Method::Ack | Method::Cancel | Method::Refer | Method::Other(_) => Some(405),
        };
        match refusal {
            Some(status) => self.desk(|desk| desk.answer(transaction, &request, status)),
            None => {
                let proof = self.rooms.authentication.check(&request, self.arrived(&flow));
                self.proved((transaction, request, flow), self.now.instant, proof);
            }
        }
    }

    /// What we can do (RFC 3261 §11.2); the same for everybody, so that it tells nothing about who exists.
    fn options(&mut self, transaction: ServerTransaction, request: &Request) {
        self.desk(|desk| {
            let response = desk
                .response(request, 200)
                .header(Name::Allow, ALLOW_ALL)
                .header(
                    Name::Accept,
                    "application/sdp, application/pidf+xml, application/resource-lists+xml, text/plain",
                )
                .header(
                    Name::Supported,
                    "100rel, timer, replaces, join, path, outbound, eventlist, recipient-list-subscribe",
                )
                .header(Name::AllowEvents, events::ALLOW_EVENTS);
            desk.respond(transaction, &response.finish());
        });
    }

    /// Goes on with a request by what its credentials are worth. Refusals are late from when it came, so that a
    /// look-up that a guess cost does not show.
    fn proved(
        &mut self,
        (transaction, request, flow): (ServerTransaction, Request, Flow),
        came_at: Instant,
        proof: Proof,
    ) {
        match proof {
            Proof::Given(account) => self.authenticated(transaction, request, flow, account),
            Proof::Trunk(trunk) if self.may_come_from(&trunk, &flow) => {
                self.trunk_request(&trunk, (transaction, request, flow));
            }
            Proof::Trunk(_) => self.desk(|desk| desk.answer(transaction, &request, 403)),
            Proof::Wanted { stale } => {
                let response = self.challenge(&request, &flow, stale);
                self.desk(|desk| desk.respond_stateless(transaction, &response));
            }
            Proof::Wrong(delay) => {
                let response = self.challenge(&request, &flow, false);
                self.answer_late(transaction, response, came_at + delay);
            }
            Proof::TooOften(delay) => {
                let response = self.desk(|desk| desk.stateless_response(&request, 403).finish());
                self.answer_late(transaction, response, came_at + delay);
            }
            Proof::Unread { .. } if self.reads >= READS_MAX => {
                self.metrics.overload.increment(1);
                self.desk(|desk| desk.answer(transaction, &request, 503));
            }
            Proof::Unread { username } => {
                self.reads += 1;
                let (rooms, mailbox) = (Arc::clone(&self.rooms), Arc::clone(&self.mailbox));
                let waiting = Box::new(Waiting { transaction, request, flow, came_at });
                self.rooms.runtime.spawn_session(async move {
                    let read = rooms.authentication.read(&username).await;
                    mailbox.put(Input::Read(waiting, read));
                });
            }
        }
    }

    fn challenge(&mut self, request: &Request, flow: &Flow, stale: bool) -> sip::Response {
        let rooms = Arc::clone(&self.rooms);
        let challenges = rooms.authentication.challenges(self.now.civil, flow.remote.ip(), stale);
        let mut response = self.desk(|desk| desk.stateless_response(request, 401));
        for challenge in challenges {
            response = response.header(Name::WwwAuthenticate, &challenge);
        }
        response.finish()
    }

    fn answer_late(&mut self, transaction: ServerTransaction, response: sip::Response, at: Instant) {
        if let Err(response) = self.late.put(transaction, response, at) {
            self.desk(|desk| desk.respond_stateless(transaction, &response));
        }
    }

    fn authenticated(
        &mut self,
        transaction: ServerTransaction,
        request: Request,
        flow: Flow,
        account: Account,
    ) {
        self.transport.prove(&flow);
        let account = &self.desk(|desk| device::known(account, &request, &flow, desk));
        match request.method() {
            // Nobody would hear the answer, and nobody would tell the registrar again that the connection is gone.
            Method::Register if flow.connection.is_some() && !self.transport.has_connection(&flow) => {}
            Method::Register => {
                self.desk(|desk| register::register(transaction, &request, flow, account, desk));
            }
            Method::Invite => {
                let user = account.owner.clone();
                let name = user.as_ref().and_then(|user| self.rooms.plan.load().accounts().name(user));
                let number = account.line.number.to_string();
                let (line, device) = (Some(account.line.clone()), account.device.clone());
                let caller = Caller { line, user, number, name, trunk: None, device, withheld: false };
                let arrival = Arrival { transaction, request, flow, caller };
                self.switchboard.handle_invite(arrival, &mut self.endpoint, self.now);
            }
            Method::Message => {
                self.with_relays(|relays, desk| relays.take(transaction, request, flow, account, desk));
            }
            Method::Subscribe => {
                self.desk(|desk| events::subscribe(transaction, request, flow, account, desk));
            }
            Method::Publish => {
                self.desk(|desk| events::publish(transaction, &request, flow, account, desk));
            }
            _ => self.desk(|desk| desk.answer(transaction, &request, 405)),
        }
    }

    fn arrived(&self, flow: &Flow) -> Arrived {
        Arrived { from: flow.remote.ip(), instant: self.now.instant, civil: self.now.civil }
    }
}
