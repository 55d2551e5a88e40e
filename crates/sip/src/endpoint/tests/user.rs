//! A user of an endpoint that follows a script: it calls, rings, answers, changes, hangs up.

use std::time::{Duration, Instant};

use crate::dialog::{Dialog, Forks, State};
use crate::endpoint::{ClientTransaction, Config, Endpoint, Event, Flow, ServerTransaction, Target};
use crate::message::{Name, Request, RequestBuilder, Response};
use crate::method::Method;

/// How long a caller lets it ring, and a callee before it says that nobody is there.
const PATIENCE: [Duration; 2] = [Duration::from_secs(30), Duration::from_secs(20)];

/// What happens in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Script {
    /// Rings, is answered, is changed by a re-INVITE, the caller hangs up.
    Answer,
    /// The same with a reliable 183 before the answer.
    AnswerReliably,
    /// Rings, and the caller gives up.
    Cancel,
    /// Busy.
    Refuse,
    /// Rings, is answered, and the callee hangs up as soon as it hears the ACK.
    CalleeHangsUp,
}

/// One side of a call.
pub(super) struct User {
    pub(super) endpoint: Endpoint,
    script: Script,
    is_caller: bool,
    invite: Option<ClientTransaction>,
    forks: Option<Forks>,
    dialog: Option<Dialog>,
    /// The INVITE that waits for our answer.
    ringing: Option<(ServerTransaction, Request)>,
    changed: bool,
    give_up_at: Option<Instant>,
    pub(super) log: Vec<String>,
}

impl User {
    pub(super) fn new(script: Script, is_caller: bool) -> Self {
        Self {
            endpoint: Endpoint::new(Config::default(), [u8::from(is_caller); 32]),
            script,
            is_caller,
            invite: None,
            forks: None,
            dialog: None,
            ringing: None,
            changed: false,
            give_up_at: None,
            log: Vec::new(),
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.endpoint.next_timeout().into_iter().chain(self.give_up_at).min()
    }

    /// Lets time pass; true when the user lost patience and did something about it.
    pub(super) fn tick(&mut self, now: Instant) -> bool {
        self.endpoint.handle_timeout(now);
        let impatient = self.give_up_at.is_some_and(|at| now >= at);
        if impatient {
            self.give_up_at = None;
            match (self.invite, &self.ringing) {
                (Some(invite), _) => _ = self.endpoint.cancel(invite, now),
                (None, Some(_)) => self.decide(480, now),
                (None, None) => {}
            }
        }
        impatient
    }

    pub(super) fn call(&mut self, flow: Flow, now: Instant) {
        let request = RequestBuilder::new(Method::Invite, b"sip:bob@192.0.2.2")
            .header(Name::MaxForwards, &70)
            .header(Name::From, "<sip:ann@example.org>;tag=ann")
            .header(Name::To, "<sip:bob@example.org>")
            .header(Name::CallId, "call")
            .header(Name::CSeq, "1 INVITE")
            .header(Name::Supported, "100rel")
            .header(Name::Contact, "<sip:ann@192.0.2.1>")
            .body("application/sdp", b"v=0\r\n");
        self.forks = Some(Forks::new(request.clone()));
        self.invite = self.endpoint.send_request(request, &Target::from(flow), now).ok();
        self.give_up_at = Some(now + PATIENCE[0]);
    }

    pub(super) fn on(&mut self, event: Event, flow: Flow, now: Instant) {
        match event {
            Event::Request { transaction, request, .. } => self.on_request(transaction, request, now),
            Event::Prack { transaction, request, .. } => {
                self.log.push("PRACK".to_owned());
                self.endpoint.respond(transaction, &Response::to(&request, 200, None).finish(), now);
            }
            Event::Cancelled { .. } => self.decide(487, now),
            Event::Ack { .. } => {
                self.log.push("ACK".to_owned());
                if self.script == Script::CalleeHangsUp {
                    self.hang_up(flow, now);
                }
            }
            Event::Response { transaction, response, .. } => {
                self.on_response(transaction, &response, flow, now);
            }
            Event::Timeout { .. } => self.log.push("timeout".to_owned()),
            Event::TransportError { .. } => self.log.push("transport error".to_owned()),
            Event::NoAck { .. } => self.log.push("no ACK".to_owned()),
            Event::NoPrack { .. } => self.decide(504, now),
            Event::NoMoreForks { .. } => {}
        }
    }

    fn on_request(&mut self, transaction: ServerTransaction, request: Request, now: Instant) {
        self.log.push(request.method().to_string());
        let Some(dialog) = &mut self.dialog else {
            if *request.method() != Method::Invite {
                let answer = Response::to(&request, 481, Some(b"bob")).finish();
                return self.endpoint.respond(transaction, &answer, now);
            }
            self.dialog = Dialog::uas(&request, b"bob", State::Early).ok();
            self.ringing = Some((transaction, request));
            self.give_up_at = Some(now + PATIENCE[1]);
            return self.ring(now);
        };
        let status = match dialog.receive(&request) {
            Ok(()) => 200,
            Err(refusal) => refusal.status,
        };
        if *request.method() == Method::Bye {
            dialog.terminate();
        }
        let answer = Response::to(&request, status, None).header(Name::Contact, "<sip:x@192.0.2.2>").finish();
        self.endpoint.respond(transaction, &answer, now);
    }

    fn ring(&mut self, now: Instant) {
        let Some((transaction, request)) = self.ringing.clone() else { return };
        let ringing = |status| {
            Response::to(&request, status, Some(b"bob")).header(Name::Contact, "<sip:bob@192.0.2.2>")
        };
        match self.script {
            Script::Answer | Script::CalleeHangsUp => {
                self.endpoint.respond(transaction, &ringing(180).finish(), now);
                self.decide(200, now);
            }
            Script::AnswerReliably => {
                let early = ringing(183).body("application/sdp", b"v=0\r\n");
                self.endpoint.respond_reliably(transaction, early, now).ok();
                self.decide(200, now);
            }
            Script::Cancel => self.endpoint.respond(transaction, &ringing(180).finish(), now),
            Script::Refuse => self.decide(486, now),
        }
    }

    /// Gives the INVITE its final response.
    fn decide(&mut self, status: u16, now: Instant) {
        self.give_up_at = None;
        // Kept, for a 2xx that waits for a PRACK may yet have to become a refusal.
        let Some((transaction, request)) = self.ringing.clone() else { return };
        let answer = Response::to(&request, status, Some(b"bob"))
            .header(Name::Contact, "<sip:bob@192.0.2.2>")
            .finish();
        self.endpoint.respond(transaction, &answer, now);
    }

    fn on_response(&mut self, transaction: ClientTransaction, response: &Response, flow: Flow, now: Instant) {
        let method = response.headers().cseq().map(|cseq| cseq.method);
        if !response.is_provisional() {
            self.log.push(format!("{} {}", response.status(), method.clone().unwrap()));
        }
        match (method, response.status()) {
            (Ok(Method::Invite), 101..=199) => self.on_progress(transaction, response, flow, now),
            (Ok(Method::Invite), 200..=299) => self.on_answer(transaction, response, flow, now),
            (Ok(Method::Invite), 300..) => {
                self.invite = None;
                self.give_up_at = None;
            }
            _ => {}
        }
    }

    fn on_progress(&mut self, transaction: ClientTransaction, response: &Response, flow: Flow, now: Instant) {
        let Some(Ok(Some(dialog))) = self.forks.as_mut().map(|forks| forks.answered(response)) else {
            return;
        };
        if let Some(prack) = dialog.prack(response) {
            let target = Target::from(flow);
            self.endpoint.send_request(prack.finish(), &target, now).unwrap();
        }
        if self.script == Script::Cancel {
            self.endpoint.cancel(transaction, now).ok();
        }
    }

    fn on_answer(&mut self, transaction: ClientTransaction, response: &Response, flow: Flow, now: Instant) {
        if let Some(Ok(Some(dialog))) = self.forks.as_mut().map(|forks| forks.answered(response)) {
            self.dialog.get_or_insert(dialog.clone());
        }
        self.invite = None;
        self.give_up_at = None;
        let Some(dialog) = &mut self.dialog else { return };
        let number = response.headers().cseq().unwrap().number;
        self.endpoint.send_ack_2xx(transaction, &dialog.ack(number).finish(), &Target::from(flow));
        if self.script == Script::CalleeHangsUp {
            return;
        }
        if self.changed || self.script == Script::Cancel {
            return self.hang_up(flow, now);
        }
        self.changed = true;
        self.forks = None;
        let change = dialog.request(Method::Invite).header(Name::Contact, "<sip:ann@192.0.2.1>").finish();
        self.endpoint.send_request(change, &Target::from(flow), now).unwrap();
    }

    fn hang_up(&mut self, flow: Flow, now: Instant) {
        let Some(dialog) = self.dialog.as_mut().filter(|dialog| dialog.state() != State::Terminated) else {
            return;
        };
        let bye = dialog.request(Method::Bye).finish();
        dialog.terminate();
        self.endpoint.send_request(bye, &Target::from(flow), now).unwrap();
    }

    pub(super) fn role(&self) -> &'static str {
        if self.is_caller { "caller" } else { "callee" }
    }
}
