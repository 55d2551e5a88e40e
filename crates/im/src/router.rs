//! Where an address leads: the host, an account with sessions, a contact, somebody absent, another domain.

use std::sync::Arc;

use model::{BareJid, Jid};
use xmpp::xep::hints;
use xmpp::{Condition, Stanza, StanzaError};

use crate::Im;
use crate::acceptance::storage_error;
use crate::delivery::{Address, Delivery, MessageType, Reach, What, decide};
use crate::features::{carbons, offline, push};
use crate::gateway::{Contact, GatewayMessage, Offer};
use crate::outbox::Item;
use crate::services::ServiceName;
use crate::sessions::{Account, Seat};

/// Where an address leads.
pub(crate) enum Target {
    /// The server itself.
    Host,
    /// One of our services.
    Service(ServiceName),
    /// An account that has sessions; and the session, if a full address names one.
    Online(Arc<Account>, Address, Option<Arc<Seat>>),
    /// A contact that answers by itself.
    Contact(BareJid, Arc<dyn Contact>),
    /// An address of our domain without sessions; whether there is such an account only the store knows.
    Absent(BareJid, Address),
    /// Another domain.
    Remote(Jid),
    /// No address.
    Malformed,
}

/// What became of a message.
pub(crate) enum Routed {
    /// It is on its way, or dropped as the RFC asks. With its place when it was kept.
    Done(Option<store::Seq>),
    /// The addressee has no session: the store must say whether there is such an account.
    Absent(BareJid, Address),
    /// It is for one of our services, which needs the store to answer.
    Service(ServiceName),
}

impl Im {
    /// Finds where `to` leads. Addresses that are spelled as they are kept cost one look into a table.
    pub(crate) fn locate(&self, to: &str) -> Target {
        let (bare, resource) = match to.split_once('/') {
            Some((bare, resource)) => (bare, Some(resource)),
            None => (to, None),
        };
        if let Some(account) = self.sessions.account(bare) {
            return online(account, resource);
        }
        let Ok(jid) = to.parse::<Jid>() else { return Target::Malformed };
        if jid.domain().as_str() != self.domain() {
            return match self.services.at(&jid) {
                Some(service) => Target::Service(service),
                None => Target::Remote(jid),
            };
        }
        if jid.node().is_none() {
            return Target::Host;
        }
        let bare = jid.to_bare();
        if let Some(account) = self.sessions.account(bare.as_str()) {
            return online(account, jid.resource().map(|resource| resource.as_str()));
        }
        if let Some(contact) = self.contacts.pin().get(bare.as_str()) {
            return Target::Contact(bare, Arc::clone(contact));
        }
        Target::Absent(bare, if jid.is_full() { Address::Unconnected } else { Address::Bare })
    }

    /// Routes a message from `from`, whose right to that name was checked (RFC 6121 §8.5).
    pub(crate) fn route_message(&self, stanza: &Stanza, from: &str, to: &str) -> Result<Routed, StanzaError> {
        self.check_blocked(from, to)?;
        match self.locate(to) {
            Target::Online(account, address, seat) => {
                self.message_online(stanza, from, &account, address, seat).map(Routed::Done)
            }
            Target::Absent(bare, address) => Ok(Routed::Absent(bare, address)),
            Target::Contact(bare, contact) => {
                self.message_contact(stanza, from, &bare, contact.as_ref()).map(Routed::Done)
            }
            Target::Service(service) => Ok(Routed::Service(service)),
            Target::Host => Err(Condition::ServiceUnavailable.into()),
            Target::Remote(to) => self.message_remote(stanza, from, &to).map(Routed::Done),
            Target::Malformed => Err(Condition::JidMalformed.into()),
        }
    }

    /// A message to somebody without sessions: kept if there is such an account (XEP-0160).
    pub(crate) async fn route_message_absent(
        &self,
        stanza: &Stanza,
        from: &str,
        owner: &BareJid,
        address: Address,
    ) -> Result<Option<store::Seq>, StanzaError> {
        // Asking a database that is away takes its time: who cannot be served hears it at once.
        self.store.accepts().map_err(|error| storage_error(&error))?;
        let known = self.account_exists(owner).await?;
        // A session may have come while the store was asked; it is served as if it had been there before.
        if let Some(account) = self.sessions.account(owner.as_str()).filter(|_| known) {
            return self.message_online(stanza, from, &account, address, None);
        }
        let kind = MessageType::of(stanza.type_().as_deref());
        let reach = if known { Reach::Unreachable } else { Reach::NoAccount };
        match decide(What::Message(kind), address, reach) {
            Delivery::Spool => self.spool(stanza, from, owner),
            Delivery::Bounce => Err(Condition::ServiceUnavailable.into()),
            _ => Ok(None),
        }
    }

    fn message_online(
        &self,
        stanza: &Stanza,
        from: &str,
        account: &Arc<Account>,
        address: Address,
        seat: Option<Arc<Seat>>,
    ) -> Result<Option<store::Seq>, StanzaError> {
        let kind = MessageType::of(stanza.type_().as_deref());
        let reachable = account.seats().iter().any(|seat| seat.takes_messages());
        let reach = if reachable { Reach::Reachable } else { Reach::Unreachable };
        match decide(What::Message(kind), address, reach) {
            Delivery::Spool => self.spool(stanza, from, &account.jid),
            Delivery::Bounce => Err(Condition::ServiceUnavailable.into()),
            delivery @ (Delivery::Resource | Delivery::NonNegative) => {
                let accepted =
                    self.accept_message(stanza, from, &account.jid, hints::is_kept_offline(stanza))?;
                let alone = match delivery {
                    Delivery::Resource => seat,
                    _ => self.answering_device(account, stanza, from),
                };
                let got_it = |seat: &Seat| match &alone {
                    Some(alone) => std::ptr::eq(&**alone, seat),
                    None => seat.takes_messages(),
                };
                carbons::received(self, account, stanza, from, &accepted, got_it);
                carbons::sent(self, stanza, from, account.jid.as_str(), &accepted);
                match &alone {
                    Some(seat) => self.push(seat, accepted.item.clone()),
                    // Asked again, after the journal gave its number: a session that came in between has
                    // looked for that number in the spool (see `features::offline`).
                    None => self.push_to_all(account, &accepted.item),
                };
                if accepted.kept.is_some() {
                    push::consider(self, &account.jid, from, stanza);
                }
                Ok(accepted.item.seq)
            }
            Delivery::Available | Delivery::OnBehalf | Delivery::Ignore => Ok(None),
        }
    }

    /// Keeps a message until its addressee comes, or a gateway takes it.
    fn spool(&self, stanza: &Stanza, from: &str, owner: &BareJid) -> Result<Option<store::Seq>, StanzaError> {
        if !hints::is_kept_offline(stanza) {
            // A chat state for nobody is dropped; words that must not be stored go back (XEP-0334 §4.1).
            let words = stanza.has_child("body", xmpp::ns::CLIENT);
            return if words { Err(Condition::ServiceUnavailable.into()) } else { Ok(None) };
        }
        offline::admit(self, stanza, from, owner)?;
        let accepted = self.accept_message(stanza, from, owner, true)?;
        carbons::sent(self, stanza, from, owner.as_str(), &accepted);
        if let (Some(gateway), Some((id, at)), Some(seq), Ok(from)) =
            (self.users.gateway.load().as_ref(), accepted.kept, accepted.item.seq, from.parse())
        {
            let message = GatewayMessage {
                owner: owner.clone(),
                seq,
                id,
                from,
                at,
                stanza: accepted.item.bytes.clone(),
            };
            if gateway.offer(message) == Offer::Taken {
                metrics::counter!("carillon_im_messages_gatewayed_total").increment(1);
            }
        }
        metrics::counter!("carillon_im_messages_spooled_total").increment(1);
        push::consider(self, owner, from, stanza);
        // A session that became available since the decision has looked into the spool too early, or too late
        // for it to matter: it drops what it gets twice.
        if let Some(account) = self.sessions.account(owner.as_str()) {
            self.push_to_all(&account, &accepted.item);
        }
        Ok(accepted.item.seq)
    }

    /// A contact hears a message and may answer it; the answer is a message like any other.
    fn message_contact(
        &self,
        stanza: &Stanza,
        from: &str,
        bare: &BareJid,
        contact: &dyn Contact,
    ) -> Result<Option<store::Seq>, StanzaError> {
        let kind = MessageType::of(stanza.type_().as_deref());
        let body = stanza.child("body", xmpp::ns::CLIENT).map(|body| body.text());
        let (Some(body), MessageType::Chat | MessageType::Normal, Ok(sender)) =
            (body, kind, from.parse::<Jid>())
        else {
            return Ok(None);
        };
        let Some(answer) = contact.message(&sender.to_bare(), &body) else { return Ok(None) };
        let id = self.runtime.random_token(8);
        let answer = xmpp::Builder::message(xmpp::Context::Framed)
            .type_(if kind == MessageType::Chat { "chat" } else { "normal" })
            .id(&id)
            .to(from)
            .text_child("body", "", &answer)
            .finish();
        let Ok(answer) = xmpp::parse_one(answer) else { return Ok(None) };
        match self.route_message(&answer, &contact_jid(bare), from)? {
            Routed::Done(seq) => Ok(seq),
            Routed::Absent(..) | Routed::Service(_) => Ok(None),
        }
    }

    /// Hands bytes to every available resource of an account, whatever its priority.
    pub(crate) fn push_to_available(&self, account: &Account, bytes: &bytes::Bytes) {
        for seat in account.seats().iter().filter(|seat| seat.priority().is_some()) {
            self.push(seat, Item::passing(bytes.clone()));
        }
    }

    /// Does the store know this account?
    pub(crate) async fn account_exists(&self, jid: &BareJid) -> Result<bool, StanzaError> {
        self.store.user_exists(jid).await.map_err(|error| storage_error(&error))
    }
}

/// The full address of a contact: it has one resource, always there.
pub(crate) fn contact_jid(bare: &BareJid) -> String {
    format!("{bare}/contact")
}

fn online(account: Arc<Account>, resource: Option<&str>) -> Target {
    let Some(resource) = resource else { return Target::Online(account, Address::Bare, None) };
    match account.seat(resource) {
        Some(seat) => Target::Online(account, Address::Connected, Some(seat)),
        None => Target::Online(account, Address::Unconnected, None),
    }
}
