//! Requests that come in: calls that ring here, changes of calls, messages, and all others.

use sip::dialog::{Dialog, State};
use sip::endpoint::ServerTransaction;
use sip::sdp::Direction;
use sip::{Method, Name, Request, Response, ResponseBuilder};

use super::super::audio::Audio;
use super::super::event::{CallState, Ending, Event, Message};
use super::calls::{CallRecord, Invite};
use super::{ALLOW, Agent, description};

impl Agent {
    pub(super) fn on_request(&mut self, transaction: ServerTransaction, request: Request) {
        if let Some(call) = self.call_of(&request) {
            return self.on_request_in_call(call, transaction, &request);
        }
        let in_dialog = request.headers().to_tag().is_some();
        match request.method() {
            Method::Notify => self.on_notify(transaction, &request),
            _ if in_dialog => self.answer(transaction, &request, 481),
            Method::Invite => self.ring(transaction, request),
            Method::Message => {
                self.answer(transaction, &request, 200);
                let headers = request.headers();
                let from = headers.from().map(|from| from.uri().as_bytes().to_vec()).unwrap_or_default();
                let content_type = headers.first(Name::ContentType).unwrap_or_default();
                self.tell(Event::Message(Message {
                    from: String::from_utf8_lossy(&from).into_owned(),
                    content_type: String::from_utf8_lossy(content_type).into_owned(),
                    body: request.body().clone(),
                }));
            }
            Method::Options => self.answer(transaction, &request, 200),
            _ => self.answer(transaction, &request, 405),
        }
    }

    /// Somebody calls.
    fn ring(&mut self, transaction: ServerTransaction, request: Request) {
        let (number, tag) = (self.next_number(), self.endpoint.new_tag());
        let audio = Audio::open(self.wire.local().ip(), &self.runtime);
        let dialog = Dialog::uas(&request, tag.as_bytes(), State::Early);
        let (Ok(audio), Ok(dialog), Ok(from)) = (audio, dialog, request.headers().from()) else {
            return self.answer(transaction, &request, 400);
        };
        let ringing = self.in_dialog(&request, 180, &dialog).header(Name::AllowEvents, "talk").finish();
        let reliably = request.headers().has_token(Name::Require, b"100rel");
        let invite = Invite::In { transaction, request };
        let mut record = CallRecord::new(audio, self.runtime.random_u64(), invite, CallState::Ringing);
        record.dialog = Some(dialog);
        self.calls.insert(number, record);
        let now = self.runtime.now();
        if reliably {
            self.endpoint.respond_reliably(transaction, ringing, now).ok();
        } else {
            self.endpoint.respond(transaction, &ringing, now);
        }
        if let Some(call) = self.handle(number, &from) {
            self.tell(Event::Incoming(call));
        }
    }

    /// Begins a response in a dialog, with its tag and our Contact.
    fn in_dialog(&self, request: &Request, status: u16, dialog: &Dialog) -> ResponseBuilder {
        Response::to(request, status, Some(&dialog.id().local_tag))
            .header(Name::Contact, &self.contact())
            .header(Name::Allow, ALLOW)
    }

    /// Answers a call that rings here. An INVITE without an offer gets ours, and its ACK the answer.
    pub(super) fn accept(&mut self, call: u64) -> Option<()> {
        let record = self.calls.get_mut(&call)?;
        let Invite::In { transaction, request } = &record.invite else { return None };
        let (transaction, request) = (*transaction, request.clone());
        let body = if request.body().is_empty() {
            Some(record.session.offer(Direction::SendRecv))
        } else {
            let answer = record.session.answer(request.body(), Direction::SendRecv);
            answer.map(|(body, remote)| {
                record.hear(&remote);
                body
            })
        };
        let Some(body) = body else {
            self.refuse(call, transaction, &request, 488);
            self.end(call, Ending::Refused(488));
            return None;
        };
        let dialog = record.dialog.as_mut()?;
        dialog.confirm();
        let dialog = dialog.clone();
        record.connected();
        record.accepted = Some(transaction);
        let response = self.in_dialog(&request, 200, &dialog).body("application/sdp", &body);
        self.endpoint.respond(transaction, &response, self.runtime.now());
        Some(())
    }

    pub(super) fn reject(&mut self, call: u64, status: u16) -> Option<()> {
        let Invite::In { transaction, request } = &self.calls.get(&call)?.invite else { return None };
        let (transaction, request) = (*transaction, request.clone());
        let status = status.clamp(300, 699);
        self.refuse(call, transaction, &request, status);
        self.end(call, Ending::Refused(status));
        Some(())
    }

    pub(super) fn refuse(
        &mut self,
        call: u64,
        transaction: ServerTransaction,
        request: &Request,
        status: u16,
    ) {
        let Some(dialog) = self.calls.get(&call).and_then(|record| record.dialog.as_ref()) else { return };
        let response = Response::to(request, status, Some(&dialog.id().local_tag)).finish();
        self.endpoint.respond(transaction, &response, self.runtime.now());
    }

    pub(super) fn on_cancelled(&mut self, transaction: ServerTransaction) {
        let rings = |record: &CallRecord| matches!(&record.invite, Invite::In { transaction: of, .. } if *of == transaction);
        let call = self.calls.iter().find(|(_, record)| rings(record)).map(|(number, _)| *number);
        let Some(call) = call else { return };
        if let Some(Invite::In { request, .. }) = self.calls.get(&call).map(|record| &record.invite) {
            let request = request.clone();
            self.refuse(call, transaction, &request, 487);
        }
        self.end(call, Ending::ByThem);
    }

    /// An ACK to our 2xx: it may bring the answer to our offer.
    pub(super) fn on_ack(&mut self, request: &Request) {
        let call = self.call_of(request);
        let record = call.and_then(|call| self.calls.get_mut(&call));
        if let (Some(record), Some(remote)) = (record, description::remote(request.body())) {
            record.hear(&remote);
            if record.is_connected() {
                record.state.send_replace(CallState::Connected(record.hold));
            }
        }
    }

    /// Our 2xx was never acknowledged: "the UAS SHOULD send a BYE" (RFC 3261 §13.3.1.4).
    pub(super) fn on_no_ack(&mut self, transaction: ServerTransaction) {
        let accepted = |record: &CallRecord| record.accepted == Some(transaction);
        let call = self.calls.iter().find(|(_, record)| accepted(record)).map(|(number, _)| *number);
        let Some(mut record) = call.and_then(|call| self.calls.remove(&call)) else { return };
        if let Some(dialog) = record.dialog.take() {
            self.bye(dialog);
        }
        record.lose();
    }

    fn on_request_in_call(&mut self, call: u64, transaction: ServerTransaction, request: &Request) {
        let Some(record) = self.calls.get_mut(&call) else { return };
        if let Some(Err(refusal)) = record.dialog.as_mut().map(|dialog| dialog.receive(request)) {
            return self.answer(transaction, request, refusal.status);
        }
        match request.method() {
            Method::Bye => {
                let open = std::mem::replace(&mut record.invite, Invite::Settled);
                if let Invite::In { transaction, request } = open {
                    self.refuse(call, transaction, &request, 487);
                }
                self.answer(transaction, request, 200);
                self.end(call, Ending::ByThem);
            }
            Method::Invite | Method::Update => self.on_change(call, transaction, request),
            Method::Notify if asks_to_answer(request) => {
                self.answer(transaction, request, 200);
                self.accept(call);
            }
            Method::Notify => self.on_notify_in_call(transaction, request),
            Method::Info | Method::Options | Method::Message => self.answer(transaction, request, 200),
            Method::Refer => self.answer(transaction, request, 603),
            _ => self.answer(transaction, request, 405),
        }
    }

    /// The other side changes the call: a new offer, the wish for one of ours, or only a sign of life.
    fn on_change(&mut self, call: u64, transaction: ServerTransaction, request: &Request) {
        let Some(record) = self.calls.get_mut(&call) else { return };
        let is_invite = *request.method() == Method::Invite;
        if record.changing || (is_invite && !record.is_connected()) {
            // RFC 3261 §14.2: two changes at once.
            return self.answer(transaction, request, 491);
        }
        let wanted = record.wanted();
        let body = if request.body().is_empty() {
            is_invite.then(|| record.session.offer(wanted))
        } else {
            let Some((body, remote)) = record.session.answer(request.body(), wanted) else {
                return self.answer(transaction, request, 488);
            };
            record.hear(&remote);
            Some(body)
        };
        if record.is_connected() {
            record.state.send_replace(CallState::Connected(record.hold));
        }
        if is_invite {
            record.accepted = Some(transaction);
        }
        let Some(dialog) = record.dialog.clone() else { return };
        let response = self.in_dialog(request, 200, &dialog);
        let response = match body {
            Some(body) => response.body("application/sdp", &body),
            None => response.finish(),
        };
        self.endpoint.respond(transaction, &response, self.runtime.now());
    }
}

/// The package `talk`: an application has the phone answer a call that rings.
fn asks_to_answer(request: &Request) -> bool {
    request.headers().event().ok().flatten().is_some_and(|event| event.package() == b"talk")
}
