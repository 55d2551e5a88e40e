//! The phone's task: everything that can wake it, one after the other.

mod answering;
mod calling;
mod calls;
mod description;
mod registration;
mod subscriptions;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use runtime::Runtime;
use sip::digest;
use sip::endpoint::{
    ClientTransaction, Config, Endpoint, Event as SipEvent, Output, ServerTransaction, Target,
};
use sip::message::Edit;
use sip::uri::Scheme;
use sip::{CSeq, Message, Method, Name, NameAddr, Request, RequestBuilder, Response, Uri};
use tokio::sync::{mpsc, oneshot};

use super::command::{Command, Reply};
use super::event::Event;
use super::wire::{Received, Wire};
use super::{Error, PhoneConfig};
use calls::CallRecord;
use registration::Registration;
use subscriptions::Subscription;

/// How often a request is sent again with credentials: a stale nonce earns one more.
const CREDENTIALS_TRIES_MAX: u8 = 2;
/// The port of a SIP URI that names none (RFC 3261 §19.1.2).
const SIP_PORT: u16 = 5060;
/// What we understand.
const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, MESSAGE, NOTIFY, REFER";
/// Who we are.
const USER_AGENT: &str = "Carillon phone";
/// Hops that a request of ours may take.
const MAX_FORWARDS: u32 = 70;

/// See the module.
pub(super) struct Agent {
    config: PhoneConfig,
    runtime: Runtime,
    endpoint: Endpoint,
    wire: Wire,
    commands: mpsc::WeakSender<Command>,
    wishes: mpsc::Receiver<Command>,
    events: mpsc::Sender<Event>,
    registration: Registration,
    pending: BTreeMap<ClientTransaction, Pending>,
    calls: BTreeMap<u64, CallRecord>,
    subscriptions: BTreeMap<u64, Subscription>,
    /// The number of the call or subscription made last.
    numbered: u64,
}

/// A request of ours that waits for its final response.
struct Pending {
    request: Request,
    destination: SocketAddr,
    purpose: Purpose,
    tries: u8,
}

/// What a request is for.
enum Purpose {
    Register,
    Unregister(Reply),
    /// The first INVITE of a call.
    Invite(u64),
    /// A re-INVITE that changes whether we hold.
    Change {
        call: u64,
        hold: bool,
        reply: Reply,
    },
    /// PRACK, BYE: nobody waits for the answer.
    Nothing,
    /// MESSAGE, REFER: somebody waits for whether it was accepted.
    Accepted(Reply),
    Subscribe {
        subscription: u64,
        reply: Option<Reply<u64>>,
    },
}

impl Agent {
    pub(super) async fn open(
        config: PhoneConfig,
        runtime: Runtime,
        (commands, wishes): (mpsc::WeakSender<Command>, mpsc::Receiver<Command>),
        events: mpsc::Sender<Event>,
    ) -> io::Result<Self> {
        let wire = Wire::open(&config, &runtime).await?;
        let mut seed = [0; 32];
        runtime.fill(&mut seed);
        let mut endpoint = Endpoint::new(Config::default(), seed);
        let registration = Registration::new(&mut endpoint);
        Ok(Self {
            config,
            runtime,
            endpoint,
            wire,
            commands,
            wishes,
            events,
            registration,
            pending: BTreeMap::new(),
            calls: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            numbered: 0,
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.wire.local()
    }

    /// Runs until all handles are gone, the runtime stops, or the connection ends.
    pub(super) async fn run(mut self, first: Option<oneshot::Sender<Result<(), Error>>>) {
        if let Some(first) = first {
            self.registration.first = Some(first);
            self.register(self.runtime.now());
        }
        loop {
            self.drain().await;
            let runtime = self.runtime.clone();
            let next = self.next_timeout();
            let timer = async {
                match next {
                    Some(at) => runtime.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = self.runtime.stopping() => break,
                () = timer => self.tick(),
                wish = self.wishes.recv() => match wish {
                    Some(command) => self.obey(command),
                    None => break,
                },
                received = self.wire.receive() => match received {
                    Ok((message, flow)) => self.take(message, flow),
                    Err(error) => {
                        tracing::debug!(%error, "the phone lost its connection");
                        self.tell(Event::Disconnected);
                        break;
                    }
                },
            }
        }
        for record in self.calls.values() {
            record.lose();
        }
    }

    fn take(&mut self, message: Received, flow: sip::endpoint::Flow) {
        let now = self.runtime.now();
        match message {
            Ok(message) => self.endpoint.handle_message(message, flow, now),
            Err(malformed) => self.endpoint.handle_malformed(malformed, flow),
        }
    }

    /// Sends and tells all that the endpoint has to say.
    async fn drain(&mut self) {
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                Output::Event(event) => self.on(event),
                Output::Transmit(transmit) => {
                    if let (Err(_), Some(origin)) =
                        (self.wire.send(&transmit.flow, &transmit.bytes).await, transmit.origin)
                    {
                        self.endpoint.handle_transport_error(origin, self.runtime.now());
                    }
                }
            }
        }
    }

    fn next_timeout(&self) -> Option<Instant> {
        let subscriptions = self.subscriptions.values().filter_map(Subscription::next_timeout);
        subscriptions.chain(self.endpoint.next_timeout()).chain(self.registration.again_at).min()
    }

    fn tick(&mut self) {
        let now = self.runtime.now();
        self.endpoint.handle_timeout(now);
        if self.registration.again_at.is_some_and(|at| now >= at) {
            self.register(now);
        }
        self.refresh_subscriptions(now);
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Call { target, reply } => self.call(&target, reply),
            Command::InCall { call, verb, reply } => self.in_call(call, verb, reply),
            Command::Message { target, content_type, body, reply } => {
                match self.resolve(&target) {
                    Ok((uri, destination)) => {
                        let request = self.outside(Method::Message, &uri).body(&content_type, &body);
                        self.send(request, destination, Purpose::Accepted(reply));
                    }
                    Err(error) => _ = reply.send(Err(error)),
                };
            }
            Command::Subscribe { target, package, accept, expires, reply } => {
                self.subscribe(&target, (package, accept), expires, reply);
            }
            Command::Unsubscribe { subscription, reply } => self.unsubscribe(subscription, reply),
            Command::Unregister { reply } => self.unregister(reply),
        }
    }

    fn on(&mut self, event: SipEvent) {
        match event {
            SipEvent::Request { transaction, request, .. } => self.on_request(transaction, request),
            SipEvent::Prack { transaction, request, .. } => self.answer(transaction, &request, 200),
            SipEvent::Cancelled { transaction, .. } => self.on_cancelled(transaction),
            SipEvent::Ack { request, .. } => self.on_ack(&request),
            SipEvent::NoAck { transaction } => self.on_no_ack(transaction),
            SipEvent::Response { transaction, response, .. } => self.on_response(transaction, &response),
            SipEvent::Timeout { transaction } => self.on_silence(transaction, 408),
            SipEvent::TransportError { transaction: sip::endpoint::Transaction::Client(transaction) } => {
                self.on_silence(transaction, 503);
            }
            SipEvent::NoMoreForks { transaction } => _ = self.pending.remove(&transaction),
            SipEvent::TransportError { .. } | SipEvent::NoPrack { .. } => {}
        }
    }

    fn on_response(&mut self, transaction: ClientTransaction, response: &Response) {
        if let Some(Purpose::Invite(call)) = self.pending.get(&transaction).map(|pending| &pending.purpose) {
            let call = *call;
            if response.status() < 300 {
                // The entry stays: more forks may accept.
                return self.on_invite_response(call, transaction, response);
            }
        }
        if response.is_provisional() {
            return;
        }
        if let Some(Purpose::Change { call, .. }) =
            self.pending.get(&transaction).map(|pending| &pending.purpose)
            && response.is_success()
            && let Some(dialog) = self.calls.get(call).and_then(|record| record.dialog.clone())
        {
            self.acknowledge(transaction, &dialog, response);
        }
        let Some(pending) = self.pending.remove(&transaction) else { return };
        if let (401 | 407, Some(request)) = (response.status(), self.authorized(&pending, response)) {
            return self.try_again(pending, request);
        }
        self.finish(pending, response.status(), Some(response));
    }

    fn on_silence(&mut self, transaction: ClientTransaction, status: u16) {
        if let Some(pending) = self.pending.remove(&transaction) {
            self.finish(pending, status, None);
        }
    }

    /// A request has its final outcome; `response` is `None` when there was silence.
    fn finish(&mut self, pending: Pending, status: u16, response: Option<&Response>) {
        let outcome = if (200..300).contains(&status) { Ok(()) } else { Err(Error::Refused(status)) };
        match pending.purpose {
            Purpose::Register => self.registered(status, response),
            Purpose::Unregister(reply) | Purpose::Accepted(reply) => _ = reply.send(outcome),
            Purpose::Invite(call) => self.on_invite_refused(call, status),
            Purpose::Change { call, hold, reply } => self.on_changed(call, hold, status, response, reply),
            Purpose::Nothing => {}
            Purpose::Subscribe { subscription, reply } => {
                self.on_subscribed(subscription, status, response, reply);
            }
        }
    }

    /// The request once more, with credentials and the next CSeq (RFC 3261 §22.2); `None` when we have none.
    fn authorized(&mut self, pending: &Pending, response: &Response) -> Option<Request> {
        if pending.tries >= CREDENTIALS_TRIES_MAX || self.config.password.is_empty() {
            return None;
        }
        let (asks, answers) = match response.status() {
            401 => (Name::WwwAuthenticate, Name::Authorization),
            _ => (Name::ProxyAuthenticate, Name::ProxyAuthorization),
        };
        let username = self.config.username.as_ref().unwrap_or(&self.config.user).clone();
        let account = digest::Account { username, password: self.config.password.clone() };
        let request = &pending.request;
        let method = request.method().clone();
        let number = request.headers().cseq().ok()?.number + 1;
        let cnonce = self.runtime.random_token(8);
        let challenges = response.headers().challenges(asks);
        let uri = request.uri_bytes();
        let value = digest::answer(challenges, &account, method.as_bytes(), uri, &cnonce, 1)?;
        let edited = Edit::request(request)
            .replace(Name::CSeq, &CSeq { number, method })
            .remove(answers)
            .push(answers, &value)
            .finish();
        match edited {
            Message::Request(request) => Some(request),
            Message::Response(_) => None,
        }
    }

    fn try_again(&mut self, pending: Pending, request: Request) {
        let number = request.headers().cseq().map_or(0, |cseq| cseq.number);
        match &pending.purpose {
            Purpose::Invite(call) => {
                if let Some(record) = self.calls.get_mut(call) {
                    record.asked_again(&request);
                }
            }
            Purpose::Change { call, .. } => {
                if let Some(dialog) = self.calls.get_mut(call).and_then(|record| record.dialog.as_mut()) {
                    dialog.raise_local_cseq(number);
                }
            }
            Purpose::Subscribe { subscription, .. } => {
                if let Some(subscription) = self.subscriptions.get_mut(subscription) {
                    subscription.asked_again(&request);
                }
            }
            Purpose::Register | Purpose::Unregister(_) => self.registration.cseq = number,
            Purpose::Nothing | Purpose::Accepted(_) => {}
        }
        self.send_pending(Pending { request, tries: pending.tries + 1, ..pending });
    }

    fn send(&mut self, request: Request, destination: SocketAddr, purpose: Purpose) {
        self.send_pending(Pending { request, destination, purpose, tries: 0 });
    }

    fn send_pending(&mut self, pending: Pending) {
        let target = Target::from(self.wire.flow(pending.destination));
        let sent = self.endpoint.send_request(pending.request.clone(), &target, self.runtime.now());
        match sent {
            Ok(transaction) => {
                if let Purpose::Invite(call) = pending.purpose
                    && let Some(record) = self.calls.get_mut(&call)
                {
                    record.sent_as(transaction);
                }
                self.pending.insert(transaction, pending);
            }
            Err(_) => self.finish(pending, 503, None),
        }
    }

    /// Begins a request outside of any dialog.
    fn outside(&mut self, method: Method, uri: &Uri) -> RequestBuilder {
        let tag = self.endpoint.new_tag();
        let call_id = self.endpoint.new_call_id();
        let from = self.own_address(Some(tag.as_bytes()));
        RequestBuilder::new(method.clone(), uri.as_bytes())
            .header(Name::MaxForwards, &MAX_FORWARDS)
            .header(Name::From, &from)
            .header(Name::To, &NameAddr::compose(None, uri, None))
            .header(Name::CallId, &call_id)
            .header(Name::CSeq, &CSeq { number: 1, method })
            .header(Name::UserAgent, USER_AGENT)
    }

    fn own_address(&self, tag: Option<&[u8]>) -> NameAddr {
        let uri = Uri::compose(Scheme::Sip, Some(self.config.user.as_bytes()), &self.config.domain, None, "")
            .unwrap_or_else(|_| self.contact_uri());
        NameAddr::compose(Some(&self.config.display), &uri, tag)
    }

    /// Where requests in our dialogs go to.
    fn contact(&self) -> NameAddr {
        NameAddr::compose(None, &self.contact_uri(), None)
    }

    fn contact_uri(&self) -> Uri {
        let local = self.wire.local();
        let params = match self.config.transport {
            sip::endpoint::Transport::Tcp => ";transport=tcp",
            sip::endpoint::Transport::Tls => ";transport=tls",
            _ => "",
        };
        let (user, host) = (self.config.user.as_bytes(), local.ip().to_string());
        Uri::compose(Scheme::Sip, Some(user), &host, Some(local.port()), params)
            .expect("an IP address and an escaped user make a URI")
    }

    /// The URI that `target` means, and where it is reached.
    fn resolve(&self, target: &str) -> Result<(Uri, SocketAddr), Error> {
        let bad = || Error::Target(target.to_owned());
        let text = if target.starts_with("sip:") || target.starts_with("sips:") {
            target.to_owned()
        } else if target.contains('@') {
            format!("sip:{target}")
        } else {
            format!("sip:{target}@{}", self.config.domain)
        };
        let uri = Uri::parse(text.into()).map_err(|_| bad())?;
        let destination = self.config.server.or_else(|| address_of(&uri)).ok_or_else(bad)?;
        Ok((uri, destination))
    }

    /// Where the next request of a dialog goes.
    fn destination(&self, dialog: &sip::dialog::Dialog) -> SocketAddr {
        let unreachable = self.wire.local();
        address_of(dialog.next_hop()).or(self.config.server).unwrap_or(unreachable)
    }

    fn answer(&mut self, transaction: ServerTransaction, request: &Request, status: u16) {
        let tag = self.endpoint.new_tag();
        let mut response = Response::to(request, status, Some(tag.as_bytes()));
        if status == 405 || status == 200 {
            response = response.header(Name::Allow, ALLOW);
        }
        self.endpoint.respond(transaction, &response.finish(), self.runtime.now());
    }

    fn tell(&self, event: Event) {
        if self.events.try_send(event).is_err() {
            tracing::warn!(limit = super::EVENTS_MAX, "nobody takes the phone's events");
        }
    }

    fn next_number(&mut self) -> u64 {
        self.numbered += 1;
        self.numbered
    }
}

/// The address of a URI whose host is one.
fn address_of(uri: &Uri) -> Option<SocketAddr> {
    let host = std::str::from_utf8(uri.host()).ok()?;
    let ip: IpAddr = host.trim_matches(['[', ']']).parse().ok()?;
    Some(SocketAddr::new(ip, uri.port().unwrap_or(SIP_PORT)))
}
