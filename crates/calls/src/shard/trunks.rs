//! What a shard does for trunks: the first one keeps them up; all of them take calls that come in over them.

use std::sync::Arc;

use model::plan::Digits;
use sip::dialog::{Dialog, State};
use sip::endpoint::{Flow, ServerTransaction, Target};
use sip::{Method, Name, Request, Response};
use tokio::sync::oneshot;

use super::Shard;
use super::mailbox::Input;
use crate::call::{Arrival, Shard as Place};
use crate::command::Command;
use crate::dialplan::{Reached, Resolution, Who};
use crate::events;
use crate::features::{replaces, transfer};
use crate::trunk::{Found, Hands, Keeper, Origin, Trunk};

impl Shard {
    /// Lets the keeper do what is due, and asks the name service what it wants to know.
    pub(super) fn keep_trunks(&mut self) {
        self.with_keeper(|keeper, hands| keeper.handle_timeout(hands));
    }

    /// Does something with the keeper, in the shard that has it.
    pub(super) fn with_keeper<T>(
        &mut self,
        work: impl FnOnce(&mut Keeper, &mut Hands<'_>) -> T,
    ) -> Option<T> {
        let mut keeper = self.keeper.take()?;
        let rooms = Arc::clone(&self.rooms);
        let done = work(
            &mut keeper,
            &mut Hands {
                endpoint: &mut self.endpoint,
                house: self.switchboard.house(),
                trunks: &rooms.trunks,
                now: self.now,
            },
        );
        for trunk in keeper.wanted() {
            let (names, mailbox) = (rooms.names.clone(), Arc::clone(&self.mailbox));
            let Some(destination) = trunk.destination() else { continue };
            rooms.runtime.spawn_session(async move {
                let found = names.look_up(destination).await;
                mailbox.put(Input::TrunkFound(Found { trunk, found }));
            });
        }
        self.keeper = Some(keeper);
        Some(done)
    }

    /// The trunk that a request is from, when that needs no password.
    pub(super) fn sender(&self, request: &Request, flow: &Flow) -> Option<Arc<Trunk>> {
        let trunks = &self.rooms.trunks;
        let peer = if trunks.is_empty() { None } else { self.transport.peer(flow) };
        trunks.sender(request, Origin { flow, peer: peer.as_deref() })
    }

    /// May a request that was signed with the credentials of a trunk come from there?
    pub(super) fn may_come_from(&self, trunk: &Arc<Trunk>, flow: &Flow) -> bool {
        let peer = self.transport.peer(flow);
        self.rooms.trunks.may_come_from(trunk, Origin { flow, peer: peer.as_deref() })
    }

    /// A request outside of any dialog, from a trunk that was recognised.
    pub(super) fn trunk_request(
        &mut self,
        trunk: &Arc<Trunk>,
        (transaction, request, flow): (ServerTransaction, Request, Flow),
    ) {
        self.transport.prove(&flow);
        match request.method() {
            Method::Invite if !trunk.accepts_replaces() && replaces::is_named(&request) => {
                self.desk(|desk| desk.answer(transaction, &request, 403));
            }
            Method::Invite => {
                let full = self.rooms.trunks.is_full(trunk);
                let (name, outcome) = (trunk.name().to_owned(), if full { "full" } else { "taken" });
                metrics::counter!("carillon_trunk_calls_in_total", "trunk" => name, "outcome" => outcome)
                    .increment(1);
                if full {
                    return self.desk(|desk| desk.answer(transaction, &request, 503));
                }
                let caller = trunk.caller(&request, self.rooms.plan.load().plan());
                let arrival = Arrival { transaction, request, flow, caller };
                self.switchboard.handle_invite(arrival, &mut self.endpoint, self.now);
            }
            Method::Refer => {
                let status = match self.originate(trunk, &request) {
                    Ok(()) => return self.referred(transaction, &request, &flow),
                    Err(status) => status,
                };
                self.desk(|desk| desk.answer(transaction, &request, status));
            }
            Method::Subscribe => match events::package(&request) {
                Ok(_) => {
                    self.desk(|desk| events::subscribe_over(trunk, (transaction, request, flow), desk));
                }
                Err(status) => self.desk(|desk| desk.answer(transaction, &request, status)),
            },
            _ => self.desk(|desk| desk.answer(transaction, &request, 405)),
        }
    }

    /// A REFER outside of a dialog has a call made (`CC-27`, `ST-01`): the phones of the line that it is sent to ring
    /// first, then Refer-To is dialled with that line's rights. `Err` is the status that refuses.
    fn originate(&mut self, trunk: &Trunk, request: &Request) -> Result<(), u16> {
        if !trunk.accepts_refer() {
            return Err(403);
        }
        let target = transfer::target(request, &self.switchboard.house().domain)?;
        let dialled = trunk.dialled(request).ok_or(416_u16)?;
        if target.foreign_domain.is_some() || target.user.is_empty() {
            return Err(416);
        }
        let who = Who::Trunk(trunk.name(), Digits::empty());
        let reached = self.rooms.plan.load().reach(&dialled.user, &who, self.now.civil);
        let Resolution::Lines(Reached { lines, .. }) = reached else { return Err(404) };
        let line = lines.into_iter().next().ok_or(404_u16)?;
        let mailboxes = &self.transport.mailboxes;
        let shard = Place::of(line.number.as_str().as_bytes(), mailboxes.len());
        // What comes of it is seen on the board.
        let (answer, _) = oneshot::channel();
        let command = Box::new(Command::MakeCall { line, target: target.user });
        metrics::counter!("carillon_trunk_refers_total", "trunk" => trunk.name().to_owned()).increment(1);
        mailboxes[shard].offer(Input::Command(command, answer)).map_err(|_| 503)
    }

    /// 202, and the one NOTIFY that ends the subscription of a REFER (RFC 3515 §2.4.4): the call is being made.
    fn referred(&mut self, transaction: ServerTransaction, request: &Request, flow: &Flow) {
        let now = self.now.instant;
        let tag = self.endpoint.new_tag();
        let unwanted = request.headers().first(Name::ReferSub).is_some_and(|value| value == b"false");
        let house = self.switchboard.house();
        let contact = house.contact(flow);
        let response = Response::to(request, 202, Some(tag.as_bytes()))
            .header(Name::Server, &house.product)
            .header(Name::Contact, contact.as_str());
        let response = if unwanted { response.header(Name::ReferSub, "false") } else { response };
        self.endpoint.respond(transaction, &response.finish(), now);
        let dialog = Dialog::uas(request, tag.as_bytes(), State::Confirmed).ok().filter(|_| !unwanted);
        let Some(mut dialog) = dialog else { return };
        let notify = dialog
            .request(Method::Notify)
            .header(Name::Contact, contact.as_str())
            .header(Name::Event, "refer")
            .header(Name::SubscriptionState, "terminated;reason=noresource")
            .body("message/sipfrag;version=2.0", b"SIP/2.0 100 Trying\r\n");
        let target = house.target(Target::from(*flow));
        if let Err(error) = self.endpoint.send_request(notify, &target, now) {
            tracing::debug!(%error, "a NOTIFY about a REFER was not sent");
        }
    }
}
