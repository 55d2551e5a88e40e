//! What other servers send us, on its way to the router: as if a client of ours had sent it, but from elsewhere.

use std::sync::Arc;

use model::{BareJid, Jid};
use store::Seq;
use xmpp::{Condition, Context, Kind, Stamp, Stanza, StanzaError};

use super::repeats;
use crate::Im;
use crate::delivery::{Address, Delivery, Reach, What, decide};
use crate::features::{caps, distant_clients, presence, stanza_ids, subscription};
use crate::muc::{self, Visitor};
use crate::outbox::Item;
use crate::pipeline;
use crate::push_service;
use crate::router::{Routed, Target};
use crate::services;

impl Im {
    /// A stanza of another server, or of a component, whose right to its `from` was checked. With its place when it was kept.
    pub(crate) async fn arrived(self: &Arc<Self>, stanza: &mut Stanza, from: &Jid, to: &Jid) -> Option<Seq> {
        metrics::counter!("carillon_federation_stanzas_total").increment(1);
        let component = self.services.components().serves(to.domain().as_str());
        let done = match stanza.kind() {
            Kind::Message => self.message_once(stanza, from, to).await,
            _ if component => self.pass_to_component(stanza, from.as_str(), to).map(|()| None),
            Kind::Presence => self.presence_arrived(stanza, from, to).await.map(|()| None),
            Kind::Iq => self.iq_arrived(stanza, from, to).await.map(|()| None),
            Kind::Other => Ok(None),
        };
        match done {
            Ok(seq) => seq,
            Err(error) => {
                let reply = if stanza.kind() == Kind::Presence && self.rooms.owns(to.as_str()) {
                    Some(muc::refusal(stanza, from.as_str(), &error))
                } else {
                    error.reply(stanza, Some(to.as_str()), Context::Client)
                };
                reply.into_iter().for_each(|reply| self.tell_remote(reply));
                None
            }
        }
    }

    /// A message, unless it has come before.
    async fn message_once(
        &self,
        stanza: &mut Stanza,
        from: &Jid,
        to: &Jid,
    ) -> Result<Option<Seq>, StanzaError> {
        stanza_ids::cut_forged(stanza, self.domain());
        let name = repeats::name(stanza, &from.to_bare(), to.as_str());
        if let Some(place) = name.as_ref().and_then(|name| self.s2s.repeats.place(name)) {
            metrics::counter!("carillon_federation_repeated_total").increment(1);
            return Ok(Some(place));
        }
        let kept = match self.services.components().serves(to.domain().as_str()) {
            true => self.message_to_component(stanza, from.as_str(), to)?,
            false => self.message_arrived(stanza, from, to).await?,
        };
        if let (Some(name), Some(place)) = (name, kept) {
            self.s2s.repeats.note(name, place);
        }
        Ok(kept)
    }

    async fn message_arrived(
        &self,
        stanza: &mut Stanza,
        from: &Jid,
        to: &Jid,
    ) -> Result<Option<Seq>, StanzaError> {
        if self.rooms.owns(to.as_str()) {
            let session = from.clone().try_into_full().map_err(|_| Condition::JidMalformed)?;
            if stanza.type_().as_deref() == Some("error") {
                // XEP-0045 §9.8: an occupant who cannot be reached any more leaves.
                muc::unreachable(self, &to.to_bare(), &session);
                return Ok(None);
            }
            let user = session.to_bare();
            return match muc::message(self, Visitor { jid: &session, user: &user }, stanza, to.as_str())? {
                muc::Spoken::Done(seq) => Ok(seq),
                muc::Spoken::ToAbsent(message) => message.send(self).await,
            };
        }
        match self.route_message(stanza, from.as_str(), to.as_str())? {
            Routed::Done(seq) => Ok(seq),
            Routed::Absent(owner, address) => {
                self.route_message_absent(stanza, from.as_str(), &owner, address).await
            }
            Routed::Service(service) => services::message(self, service, from, stanza).await.map(|()| None),
        }
    }

    async fn presence_arrived(&self, stanza: &Stanza, from: &Jid, to: &Jid) -> Result<(), StanzaError> {
        let kind = stanza.type_();
        if self.check_blocked(from.as_str(), to.as_str()).is_err() {
            // XEP-0191 §3.4: whoever is blocked hears nothing.
            return Ok(());
        }
        if self.rooms.owns(to.as_str()) {
            let session = from.clone().try_into_full().map_err(|_| Condition::JidMalformed)?;
            let user = session.to_bare();
            return muc::presence(self, Visitor { jid: &session, user: &user }, stanza, to.as_str()).await;
        }
        let (contact, user) = (from.to_bare(), to.to_bare());
        if to.node().is_none() {
            // RFC 6121 §8.3: the server itself shows nothing.
            return Ok(());
        }
        match kind.as_deref() {
            None | Some("unavailable" | "error") => {
                let bytes = stanza.to_bytes(Context::Client, &Stamp::default());
                presence::deliver(self, to.as_str(), &bytes);
                distant_clients::seen(self, stanza, from, &user).await;
                Ok(())
            }
            Some("probe") => presence::probed(self, &contact, &user).await,
            Some(word) => match subscription::request(word) {
                Some(request) => {
                    let stamp = Stamp::default().from(contact.as_str()).to(user.as_str());
                    let bytes = stanza.to_bytes(Context::Client, &stamp);
                    subscription::inbound(self, &contact, &user, bytes, request).await
                }
                None => Err(Condition::BadRequest.into()),
            },
        }
    }

    async fn iq_arrived(self: &Arc<Self>, stanza: &Stanza, from: &Jid, to: &Jid) -> Result<(), StanzaError> {
        let request = pipeline::check_iq(stanza)?;
        let unless = |error: StanzaError| if request { Err(error) } else { Ok(()) };
        if !request && to.resource().is_none() && push_service::answered(self, stanza, from, to).await {
            return Ok(());
        }
        if let Err(error) = self.check_blocked(from.as_str(), to.as_str()) {
            return unless(error);
        }
        if self.rooms.owns(to.as_str()) {
            return self.room_asked(stanza, from, to).await.or_else(unless);
        }
        if !request && to.resource().is_none() {
            caps::answer_distant(self, from, to, stanza).await;
            return Ok(());
        }
        let what = if request { What::IqRequest } else { What::IqAnswer };
        let answer = match self.locate(to.as_str()) {
            Target::Online(account, address, seat) => match (decide(what, address, Reach::Reachable), seat) {
                (Delivery::Resource, Some(seat)) => {
                    let bytes = stanza.to_bytes(Context::Client, &Stamp::default());
                    let taken = self.push(&seat, Item::passing(bytes));
                    return if taken { Ok(()) } else { unless(Condition::RecipientUnavailable.into()) };
                }
                (Delivery::OnBehalf, _) => pipeline::other_account(self, from, stanza, &account.jid).await,
                (Delivery::Bounce, _) => Err(Condition::ServiceUnavailable.into()),
                _ => return Ok(()),
            },
            _ if !request => return Ok(()),
            Target::Host => pipeline::host(self, stanza).await,
            Target::Absent(user, Address::Bare) => pipeline::other_account(self, from, stanza, &user).await,
            Target::Absent(..) => Err(Condition::ServiceUnavailable.into()),
            Target::Contact(..) => pipeline::contact(stanza),
            Target::Service(service) => services::iq(self, service, from, stanza).await,
            Target::Remote(_) | Target::Malformed => Err(Condition::ItemNotFound.into()),
        };
        self.tell_remote(pipeline::result(stanza, from.as_str(), answer?));
        Ok(())
    }

    async fn room_asked(&self, stanza: &Stanza, from: &Jid, to: &Jid) -> Result<(), StanzaError> {
        // What a server asks of a service has no resource; rooms know their occupants by it.
        let session = match from.clone().try_into_full() {
            Ok(session) => session,
            Err(bare) => BareJid::with_resource_str(&bare, "server").map_err(|_| Condition::JidMalformed)?,
        };
        let user = session.to_bare();
        let visitor = Visitor { jid: &session, user: &user };
        if let Some((answers, payload)) = muc::answer_iq(self, visitor, stanza, to.as_str()).await? {
            answers.into_iter().for_each(|answer| self.tell_remote(answer));
            self.tell_remote(pipeline::result(stanza, from.as_str(), payload));
        }
        Ok(())
    }
}
