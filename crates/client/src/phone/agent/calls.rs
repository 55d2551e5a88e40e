//! The record of one call, and what its user can do with it.

use sip::dialog::{Dialog, DialogId, Forks};
use sip::endpoint::{ClientTransaction, ServerTransaction};
use sip::sdp::Direction;
use sip::{Method, Name, NameAddr, Request, Response};
use tokio::sync::watch;

use super::super::Error;
use super::super::audio::Audio;
use super::super::call::Call;
use super::super::command::{Reply, Verb};
use super::super::event::{CallState, Ending, Hold};
use super::description::{Remote, Session};
use super::{Agent, Purpose};

/// One call.
pub(super) struct CallRecord {
    pub(super) state: watch::Sender<CallState>,
    pub(super) audio: Audio,
    pub(super) dialog: Option<Dialog>,
    pub(super) invite: Invite,
    pub(super) session: Session,
    pub(super) hold: Hold,
    /// A re-INVITE of ours is under way.
    pub(super) changing: bool,
    /// The INVITE of theirs that we accepted last.
    pub(super) accepted: Option<ServerTransaction>,
}

/// The INVITE that is not settled yet.
pub(super) enum Invite {
    Settled,
    /// Ours.
    Out {
        transaction: Option<ClientTransaction>,
        forks: Forks,
    },
    /// Theirs.
    In {
        transaction: ServerTransaction,
        request: Request,
    },
    /// Ours, and we want it no more; a 2xx may still come.
    Cancelled {
        forks: Forks,
    },
}

impl CallRecord {
    pub(super) fn new(audio: Audio, session: u64, invite: Invite, state: CallState) -> Self {
        let session = Session { id: session >> 16, version: 0, address: audio.address() };
        let (state, _) = watch::channel(state);
        Self {
            state,
            audio,
            dialog: None,
            invite,
            session,
            hold: Hold::default(),
            changing: false,
            accepted: None,
        }
    }

    /// The INVITE goes out again with credentials: its dialogs begin anew.
    pub(super) fn asked_again(&mut self, request: &Request) {
        if let Invite::Out { forks, .. } = &mut self.invite {
            *forks = Forks::new(request.clone());
        }
    }

    pub(super) fn sent_as(&mut self, sent: ClientTransaction) {
        if let Invite::Out { transaction, .. } = &mut self.invite {
            *transaction = Some(sent);
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        matches!(*self.state.borrow(), CallState::Connected(_))
    }

    /// What we want to send and hear.
    pub(super) fn wanted(&self) -> Direction {
        if self.hold.by_us { Direction::SendOnly } else { Direction::SendRecv }
    }

    /// Takes in what the other side says of its audio.
    pub(super) fn hear(&mut self, remote: &Remote) {
        self.hold.by_them = !remote.direction.receives();
        self.listen(remote);
    }

    fn listen(&self, remote: &Remote) {
        let sending = remote.direction.receives() && !self.hold.by_us;
        self.audio.connect(remote.address, remote.telephone_event, sending);
    }

    pub(super) fn connected(&mut self) {
        self.invite = Invite::Settled;
        self.state.send_replace(CallState::Connected(self.hold));
    }

    pub(super) fn end(&self, ending: Ending) {
        self.audio.close();
        self.state.send_if_modified(|state| {
            let first = !matches!(state, CallState::Ended(_));
            if first {
                *state = CallState::Ended(ending);
            }
            first
        });
    }

    pub(super) fn lose(&self) {
        self.end(Ending::Lost);
    }
}

impl Agent {
    /// The handle to a call.
    pub(super) fn handle(&self, number: u64, remote: &NameAddr) -> Option<Call> {
        let record = self.calls.get(&number)?;
        Some(Call {
            number,
            commands: self.commands.upgrade()?,
            state: record.state.subscribe(),
            audio: record.audio.clone(),
            remote: String::from_utf8_lossy(remote.uri().as_bytes()).into_owned(),
            display: String::from_utf8_lossy(&remote.display()).into_owned(),
        })
    }

    /// The call that a request belongs to.
    pub(super) fn call_of(&self, request: &Request) -> Option<u64> {
        let id = DialogId::of_request(request)?;
        let has = |record: &CallRecord| record.dialog.as_ref().is_some_and(|dialog| *dialog.id() == id);
        self.calls.iter().find(|(_, record)| has(record)).map(|(number, _)| *number)
    }

    pub(super) fn end(&mut self, call: u64, ending: Ending) {
        if let Some(record) = self.calls.remove(&call) {
            record.end(ending);
        }
    }

    pub(super) fn in_call(&mut self, call: u64, verb: Verb, reply: Reply) {
        let done = match verb {
            Verb::Answer => self.accept(call),
            Verb::Reject(status) => self.reject(call, status),
            Verb::HangUp => self.hang_up(call),
            Verb::Hold(hold) => return self.change(call, hold, reply),
            Verb::Refer(target) => return self.refer(call, &target, reply),
        };
        reply.send(done.ok_or(Error::NotPossible)).ok();
    }

    fn hang_up(&mut self, call: u64) -> Option<()> {
        let record = self.calls.get_mut(&call)?;
        match std::mem::replace(&mut record.invite, Invite::Settled) {
            Invite::Out { transaction, forks } => {
                record.invite = Invite::Cancelled { forks };
                record.end(Ending::ByUs);
                self.endpoint.cancel(transaction?, self.runtime.now()).ok()
            }
            Invite::In { transaction, request } => {
                self.refuse(call, transaction, &request, 486);
                self.end(call, Ending::ByUs);
                Some(())
            }
            Invite::Cancelled { forks } => {
                record.invite = Invite::Cancelled { forks };
                None
            }
            Invite::Settled => {
                let dialog = record.dialog.take()?;
                self.bye(dialog);
                self.end(call, Ending::ByUs);
                Some(())
            }
        }
    }

    pub(super) fn bye(&mut self, mut dialog: Dialog) {
        let destination = self.destination(&dialog);
        let request = dialog.request(Method::Bye).finish();
        self.send(request, destination, Purpose::Nothing);
    }

    /// Changes by re-INVITE whether we hold.
    fn change(&mut self, call: u64, hold: bool, reply: Reply) {
        let contact = self.contact();
        let prepared = self.calls.get_mut(&call).and_then(|record| {
            if !record.is_connected() || record.changing {
                return None;
            }
            record.changing = true;
            let direction = if hold { Direction::SendOnly } else { Direction::SendRecv };
            let offer = record.session.offer(direction);
            let dialog = record.dialog.as_mut()?;
            let request = dialog.request(Method::Invite).header(Name::Contact, &contact);
            Some((request.body("application/sdp", &offer), dialog.clone()))
        });
        let Some((request, dialog)) = prepared else {
            reply.send(Err(Error::NotPossible)).ok();
            return;
        };
        let destination = self.destination(&dialog);
        self.send(request, destination, Purpose::Change { call, hold, reply });
    }

    /// The outcome of our re-INVITE.
    pub(super) fn on_changed(
        &mut self,
        call: u64,
        hold: bool,
        status: u16,
        response: Option<&Response>,
        reply: Reply,
    ) {
        let Some(record) = self.calls.get_mut(&call) else {
            reply.send(Err(Error::NotPossible)).ok();
            return;
        };
        record.changing = false;
        let success = response.filter(|response| response.is_success());
        if let (Some(response), Some(dialog)) = (success, record.dialog.as_mut()) {
            dialog.answered(response).ok();
            record.hold.by_us = hold;
            if let Some(remote) = super::description::remote(response.body()) {
                // A recvonly or inactive answer to our hold is no hold of theirs.
                record.listen(&remote);
                if !hold {
                    record.hear(&remote);
                }
            }
            record.state.send_replace(CallState::Connected(record.hold));
            reply.send(Ok(())).ok();
            return;
        }
        reply.send(Err(Error::Refused(status))).ok();
        if matches!(status, 408 | 481) {
            // RFC 3261 §12.2.1.2: the other side knows nothing of the call.
            self.end(call, Ending::Lost);
        }
    }

    fn refer(&mut self, call: u64, target: &str, reply: Reply) {
        let resolved = self.resolve(target);
        let contact = self.contact();
        let dialog = self.calls.get_mut(&call).filter(|record| record.is_connected());
        match (resolved, dialog.and_then(|record| record.dialog.as_mut())) {
            (Err(error), _) => _ = reply.send(Err(error)),
            (_, None) => _ = reply.send(Err(Error::NotPossible)),
            (Ok((uri, _)), Some(dialog)) => {
                let request = dialog
                    .request(Method::Refer)
                    .header(Name::Contact, &contact)
                    .header(Name::ReferTo, &NameAddr::compose(None, &uri, None))
                    .finish();
                let dialog = dialog.clone();
                let destination = self.destination(&dialog);
                self.send(request, destination, Purpose::Accepted(reply));
            }
        }
    }
}
