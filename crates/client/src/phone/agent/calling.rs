//! Calls that we make: INVITE, what rings, who answers, ACK.

use sip::dialog::{Dialog, Forks};
use sip::endpoint::{ClientTransaction, Target};
use sip::sdp::Direction;
use sip::{Method, Name, NameAddr, Response};

use super::super::Error;
use super::super::audio::Audio;
use super::super::call::Call;
use super::super::command::Reply;
use super::super::event::{CallState, Ending};
use super::calls::{CallRecord, Invite};
use super::{ALLOW, Agent, Purpose, description};

impl Agent {
    pub(super) fn call(&mut self, target: &str, reply: Reply<Call>) {
        let prepared = self.resolve(target).and_then(|(uri, destination)| {
            Ok((uri, destination, Audio::open(self.wire.local().ip(), &self.runtime)?))
        });
        let (uri, destination, audio) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => return drop(reply.send(Err(error))),
        };
        let number = self.next_number();
        let contact = self.contact();
        let builder = self
            .outside(Method::Invite, &uri)
            .header(Name::Contact, &contact)
            .header(Name::Allow, ALLOW)
            .header(Name::Supported, "100rel");
        let session = self.runtime.random_u64();
        // The record needs the INVITE and the INVITE the record's session: the description is written first.
        let mut described = description::Session { id: session >> 16, version: 0, address: audio.address() };
        let request = builder.body("application/sdp", &described.offer(Direction::SendRecv));
        let invite = Invite::Out { transaction: None, forks: Forks::new(request.clone()) };
        let mut record = CallRecord::new(audio, session, invite, CallState::Calling);
        record.session = described;
        self.calls.insert(number, record);
        match self.handle(number, &NameAddr::compose(None, &uri, None)) {
            Some(call) => _ = reply.send(Ok(call)),
            None => _ = reply.send(Err(Error::Stopped)),
        }
        self.send(request, destination, Purpose::Invite(number));
    }

    /// A provisional response or a 2xx to the first INVITE of a call.
    pub(super) fn on_invite_response(
        &mut self,
        call: u64,
        transaction: ClientTransaction,
        response: &Response,
    ) {
        let Some(record) = self.calls.get_mut(&call) else {
            return self.decline_fork(transaction, response);
        };
        let dialog = match &mut record.invite {
            Invite::Out { forks, .. } | Invite::Cancelled { forks } => match forks.answered(response) {
                Ok(Some(dialog)) => dialog,
                Ok(None) => return,
                Err(error) => {
                    tracing::debug!(%error, "a response to INVITE makes no dialog");
                    return;
                }
            },
            Invite::In { .. } | Invite::Settled => return self.decline_fork(transaction, response),
        };
        if response.is_provisional() {
            let prack = dialog.prack(response);
            let dialog = dialog.clone();
            return self.on_ringing(call, response, &dialog, prack.map(sip::RequestBuilder::finish));
        }
        let dialog = dialog.clone();
        let cancelled = matches!(record.invite, Invite::Cancelled { .. });
        self.acknowledge(transaction, &dialog, response);
        let remote = description::remote(response.body());
        let Some(record) = self.calls.get_mut(&call) else { return };
        match remote {
            Some(remote) if !cancelled => {
                record.hear(&remote);
                record.dialog = Some(dialog);
                record.connected();
            }
            _ => {
                // Too late, or nothing in common: RFC 3261 §13.2.2.4 wants ACK and then BYE.
                self.bye(dialog);
                self.end(call, Ending::Refused(488));
            }
        }
    }

    fn on_ringing(&mut self, call: u64, response: &Response, dialog: &Dialog, prack: Option<sip::Request>) {
        if let Some(prack) = prack {
            let destination = self.destination(dialog);
            self.send(prack, destination, Purpose::Nothing);
        }
        let Some(record) = self.calls.get_mut(&call) else { return };
        if let (Some(remote), Invite::Out { .. }) = (description::remote(response.body()), &record.invite) {
            // Early media.
            record.hear(&remote);
        }
        record.state.send_if_modified(|state| {
            let news = *state == CallState::Calling;
            if news {
                *state = CallState::Ringing;
            }
            news
        });
    }

    /// One more fork has answered a call that is settled: it gets its ACK and a BYE (RFC 3261 §13.2.2.4).
    fn decline_fork(&mut self, transaction: ClientTransaction, response: &Response) {
        let Some(pending) = self.pending.get(&transaction).filter(|_| response.is_success()) else { return };
        let Ok(dialog) = Dialog::uac(&pending.request, response) else { return };
        self.acknowledge(transaction, &dialog, response);
        self.bye(dialog);
    }

    pub(super) fn acknowledge(
        &mut self,
        transaction: ClientTransaction,
        dialog: &Dialog,
        response: &Response,
    ) {
        let number = response.headers().cseq().map_or(1, |cseq| cseq.number);
        let mut ack = dialog.ack(number);
        if let Some(pending) = self.pending.get(&transaction) {
            // RFC 3261 §22.1: the ACK carries the credentials of its INVITE.
            let headers = pending.request.headers();
            ack = ack.copy(headers, Name::Authorization).copy(headers, Name::ProxyAuthorization);
        }
        let target = Target::from(self.wire.flow(self.destination(dialog)));
        self.endpoint.send_ack_2xx(transaction, &ack.finish(), &target);
    }

    /// The first INVITE of a call was refused, or got no answer.
    pub(super) fn on_invite_refused(&mut self, call: u64, status: u16) {
        let ending = match self.calls.get(&call).map(|record| &record.invite) {
            Some(Invite::Out { .. }) => Ending::Refused(status),
            Some(Invite::Cancelled { .. }) => Ending::ByUs,
            _ => return,
        };
        self.end(call, ending);
    }
}
