//! Privileged components (XEP-0356): what the operator lets one do in the name of users, and doing it.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use model::{BareJid, DomainPart, Jid};
use xmpp::xep::forward;
use xmpp::xep::pubsub::{NS as PUBSUB, OWNER as PUBSUB_OWNER};
use xmpp::{Builder, Condition, Context, Element, ErrorKind, Kind, Node, Stanza, StanzaError, ns};

use crate::Im;
use crate::features::{presence, private_storage, roster, stanza_ids, vcard};
use crate::pipeline;
use crate::pubsub::{self, Service};
use crate::router::{Routed, Target};
use crate::services;

/// The namespace.
const NS: &str = "urn:xmpp:privilege:2";
/// Namespaces of requests that one component is granted.
const NAMESPACES_MAX: usize = 64;

/// Which kinds of requests are granted (§4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// None.
    #[default]
    None,
    /// To read.
    Get,
    /// To change.
    Set,
    /// Both.
    Both,
}

impl Access {
    fn allows(self, set: bool) -> bool {
        matches!((self, set), (Self::Both, _) | (Self::Set, true) | (Self::Get, false))
    }

    fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Get => "get",
            Self::Set => "set",
            Self::Both => "both",
        }
    }
}

impl FromStr for Access {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        match word {
            "get" => Ok(Self::Get),
            "set" => Ok(Self::Set),
            "both" => Ok(Self::Both),
            _ => Err(()),
        }
    }
}

/// What a component may do in the name of all users of this server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Privileges {
    /// With their rosters (§4).
    pub roster: Access,
    /// It may send messages from the server and from users (§5).
    pub messages: bool,
    /// It sees who comes and goes (§6: `managed_entity`).
    pub presence: bool,
    /// With requests of these namespaces.
    pub requests: BTreeMap<String, Access>,
}

/// The privileges of one component, as an operator writes them:
/// `pubsub.example.org roster=both message=outgoing presence=managed_entity iq:urn:example=get`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The component's domain.
    pub domain: DomainPart,
    /// What it may do.
    pub privileges: Privileges,
}

impl FromStr for Grant {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut words = text.split_whitespace();
        let domain = words.next().and_then(|word| word.parse().ok()).ok_or(())?;
        let mut privileges = Privileges::default();
        for word in words {
            let (what, how) = word.rsplit_once('=').ok_or(())?;
            match (what, how) {
                ("roster", how) => privileges.roster = how.parse()?,
                ("message", "outgoing") => privileges.messages = true,
                ("presence", "managed_entity") => privileges.presence = true,
                (what, how) => {
                    let namespace = what.strip_prefix("iq:").filter(|ns| !ns.is_empty()).ok_or(())?;
                    privileges.requests.insert(namespace.to_owned(), how.parse()?);
                }
            }
        }
        let some = privileges != Privileges::default() && privileges.requests.len() <= NAMESPACES_MAX;
        some.then_some(Self { domain, privileges }).ok_or(())
    }
}

impl Privileges {
    /// §4.2: the component is told what it may do; none when that is nothing.
    pub(super) fn advertisement(&self, from: &str, to: &str, id: &str) -> Option<Bytes> {
        let mut told = Element::new("privilege", NS);
        let perm = |access: &'static str| Element::new("perm", NS).with_attr("access", access);
        if self.roster != Access::None {
            let perm = perm("roster").with_attr("type", self.roster.word());
            // Pushes are not sent: whoever may read asks again.
            told.push(perm.with_attr("push", "false"));
        }
        if self.messages {
            told.push(perm("message").with_attr("type", "outgoing"));
        }
        if self.presence {
            told.push(perm("presence").with_attr("type", "managed_entity"));
        }
        if !self.requests.is_empty() {
            let namespace = |(name, access): (&String, &Access)| {
                Element::new("namespace", NS).with_attr("ns", name.clone()).with_attr("type", access.word())
            };
            told.push(self.requests.iter().map(namespace).fold(perm("iq"), Element::with_child));
        }
        told.children().next()?;
        let mut message = Builder::message(Context::Component);
        Some(message.from(from).to(to).id(id).element(&told).finish())
    }
}

fn forbidden(text: &'static str) -> StanzaError {
    StanzaError::new(ErrorKind::Auth, Condition::Forbidden).with_text(text)
}

impl Im {
    /// What a component sends by its privileges; none for anything else.
    pub(super) async fn privileged(
        self: &Arc<Self>,
        privileges: &Privileges,
        stanza: &Stanza,
        to: &Jid,
    ) -> Option<Result<Option<Bytes>, StanzaError>> {
        if to.domain().as_str() != self.domain() || to.resource().is_some() {
            return None;
        }
        if stanza.kind() == Kind::Message {
            let privilege = stanza.child("privilege", NS).filter(|_| to.node().is_none())?;
            return Some(self.speak(privileges, &privilege).await.map(|()| None));
        }
        let set = match (stanza.kind(), stanza.type_().as_deref()) {
            (Kind::Iq, Some("get")) => false,
            (Kind::Iq, Some("set")) => true,
            _ => return None,
        };
        let user = to.node().map(|_| to.to_bare())?;
        let payload = stanza.first_child()?.element();
        match (payload.ns(), payload.name()) {
            (ns::ROSTER, "query") if privileges.roster.allows(set) => {
                let answer = self.managed_roster(&user, set, &payload).await;
                Some(answer.map(|answer| Some(pipeline::result(stanza, &from_of(stanza), answer))))
            }
            (ns::ROSTER, "query") => Some(Err(forbidden("the component may not do this with rosters"))),
            (NS, "privileged_iq") => Some(self.ask_as(privileges, stanza, &user, set, &payload).await),
            _ => None,
        }
    }

    /// §5.3: a message in the name of the server or of a user.
    async fn speak(&self, privileges: &Privileges, privilege: &Element) -> Result<(), StanzaError> {
        let forwarded = privilege.child("forwarded", forward::NS).ok_or(Condition::BadRequest)?;
        let mut messages = forwarded.children().map(as_client);
        let message = messages.find(|child| child.is("message", ns::CLIENT)).ok_or(Condition::BadRequest)?;
        let from: Jid = message
            .attr("from")
            .ok_or(Condition::BadRequest)?
            .parse()
            .map_err(|_| Condition::JidMalformed)?;
        // §5.1: from a bare address of ours.
        if !privileges.messages || from.resource().is_some() || from.domain().as_str() != self.domain() {
            return Err(forbidden("the component may not say this"));
        }
        let to = message.attr("to").ok_or(Condition::BadRequest)?.to_owned();
        if self.rooms.owns(&to) {
            // Rooms know sessions, and a component has none of the user's.
            return Err(Condition::FeatureNotImplemented.into());
        }
        let mut stanza = xmpp::parse_one(message.to_bytes()).map_err(|_| Condition::BadRequest)?;
        stanza_ids::cut_forged(&mut stanza, self.domain());
        match self.route_message(&stanza, from.as_str(), &to)? {
            Routed::Done(_) => Ok(()),
            Routed::Absent(owner, address) => {
                self.route_message_absent(&stanza, from.as_str(), &owner, address).await.map(drop)
            }
            Routed::Service(service) => services::message(self, service, &from, &stanza).await,
        }
    }

    /// §4.3: the roster of a user, as they would get it.
    async fn managed_roster(
        &self,
        user: &BareJid,
        set: bool,
        query: &Element,
    ) -> Result<Option<Element>, StanzaError> {
        if !self.account_exists(user).await? {
            return Err(Condition::ItemNotFound.into());
        }
        if set {
            return roster::set(self, user, query).await.map(|()| None);
        }
        roster::whole(self, user, query).await.map(Some)
    }

    /// A request in the name of a user: to their own account, to another's, to the server or to one of our services.
    async fn ask_as(
        self: &Arc<Self>,
        privileges: &Privileges,
        stanza: &Stanza,
        user: &BareJid,
        set: bool,
        payload: &Element,
    ) -> Result<Option<Bytes>, StanzaError> {
        let inner = payload.child("iq", ns::CLIENT).ok_or(Condition::BadRequest)?;
        let (Some(question), None) = (inner.children().next(), inner.children().nth(1)) else {
            return Err(Condition::BadRequest.into());
        };
        let granted = privileges.requests.get(question.ns()).copied().unwrap_or_default();
        let same_type = inner.attr("type") == Some(if set { "set" } else { "get" });
        let in_their_name = inner.attr("from").is_none_or(|from| from == user.as_str());
        if !granted.allows(set) || !same_type || !in_their_name {
            return Err(forbidden("the component may not ask this"));
        }
        if !self.account_exists(user).await? {
            return Err(Condition::ItemNotFound.into());
        }
        let mut inner = inner.clone();
        inner.set_attr("from", user.as_str());
        if inner.attr("to").is_none() {
            inner.set_attr("to", user.as_str());
        }
        let asked = xmpp::parse_one(inner.to_bytes()).map_err(|_| Condition::BadRequest)?;
        pipeline::check_iq(&asked)?;
        let answer = match self.answer_as(user, &asked, set, question).await {
            Ok(answer) => (pipeline::result(&asked, user.as_str(), answer), "result"),
            Err(error) => {
                let to = asked.to();
                let reply = error.reply(&asked, to.as_deref(), Context::Client);
                (reply.ok_or(Condition::BadRequest)?, "error")
            }
        };
        self.wrapped(stanza, user, answer)
    }

    async fn answer_as(
        self: &Arc<Self>,
        user: &BareJid,
        asked: &Stanza,
        set: bool,
        question: &Element,
    ) -> Result<Option<Element>, StanzaError> {
        let to = asked.to();
        let to = to.as_deref().unwrap_or(user.as_str());
        let asker = Jid::from(user.clone());
        self.check_blocked(user.as_str(), to)?;
        if to == user.as_str() {
            return match (set, question.ns(), question.name()) {
                (_, PUBSUB | PUBSUB_OWNER, "pubsub") => {
                    pubsub::answer(self, &Service::personal(user), &asker, set, question).await
                }
                (false, private_storage::NS, "query") => private_storage::get(self, user, question).await,
                (true, private_storage::NS, "query") => private_storage::set(self, user, question).await,
                (false, vcard::NS, "vCard") => vcard::own(self, user).await,
                (true, vcard::NS, "vCard") => vcard::set(self, user, question).await,
                _ => pipeline::other_account(self, &asker, asked, user).await,
            };
        }
        match self.locate(to) {
            Target::Host => pipeline::host(self, asked).await,
            Target::Service(service) => services::iq(self, service, &asker, asked).await,
            Target::Online(account, crate::delivery::Address::Bare, _) => {
                pipeline::other_account(self, &asker, asked, &account.jid).await
            }
            Target::Absent(other, crate::delivery::Address::Bare) => {
                pipeline::other_account(self, &asker, asked, &other).await
            }
            _ => Err(Condition::FeatureNotImplemented.into()),
        }
    }

    /// The answer, as it would have gone to the user, within an answer to the component.
    fn wrapped(
        &self,
        stanza: &Stanza,
        user: &BareJid,
        (answer, type_): (Bytes, &'static str),
    ) -> Result<Option<Bytes>, StanzaError> {
        let answer = xmpp::parse_inheriting(answer).map_err(|_| Condition::InternalServerError)?;
        let mut forwarded = BytesMut::new();
        forward::write(&mut forwarded, None, &answer.to_bytes(Context::Framed, &xmpp::Stamp::default()));
        let id = stanza.id();
        let mut reply = Builder::iq(Context::Client);
        reply.type_(type_).from(user.as_str()).to(&from_of(stanza)).attr_if("id", id.as_deref());
        reply.open("privilege", NS).raw(&forwarded).close();
        if let Some(error) = StanzaError::from_stanza(&answer) {
            reply.element(&error.to_element());
        }
        Ok(Some(reply.finish()))
    }

    /// §6.3: whoever may see all presence hears that a client is there now, or is gone.
    pub(crate) fn tell_privileged(&self, presence: impl Fn(&str) -> Bytes) {
        for (domain, place) in &self.services.components().places {
            if place.privileges.presence
                && let Ok(to) = domain.parse()
            {
                // One that is away is told when it comes.
                let _away = self.post_to_component(presence(domain), &to);
            }
        }
    }

    /// A component that may see all presence has come: it hears who is there.
    pub(super) fn show_all_to(&self, domain: &str) {
        let Ok(to) = domain.parse() else { return };
        for account in self.sessions.accounts() {
            for bytes in presence::now_shown(self, &account.jid, &to) {
                let _full = self.post_to_component(bytes, &Jid::from(to.clone()));
            }
        }
    }
}

/// COMPAT: slixmpp 1.17.0 leaves what it forwards in the namespace of its own stream.
fn as_client(element: &Element) -> Element {
    let ns = if element.ns() == ns::COMPONENT { ns::CLIENT } else { element.ns() };
    let mut copy = Element::new(element.name().to_owned(), ns.to_owned());
    for attribute in element.attrs().iter().filter(|attribute| attribute.ns.is_empty()) {
        copy.set_attr(attribute.name.clone(), attribute.value.clone());
    }
    for node in element.nodes() {
        match node {
            Node::Element(child) if child.ns() == ns::COMPONENT => copy.push(as_client(child)),
            Node::Element(child) => copy.push(child.clone()),
            Node::Text(text) => copy.push_text(text.as_str()),
        }
    }
    copy
}

fn from_of(stanza: &Stanza) -> String {
    stanza.from().map(|from| from.into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn privileges_are_read_as_operators_write_them() {
        let grant: Grant =
            "pubsub.x roster=both message=outgoing presence=managed_entity iq:urn:a=b=get iq:urn:c=set"
                .parse()
                .unwrap();
        assert_eq!(grant.domain.as_str(), "pubsub.x");
        let it = grant.privileges;
        assert!(it.messages && it.presence && it.roster == Access::Both);
        assert!(it.requests["urn:a=b"].allows(false) && !it.requests["urn:a=b"].allows(true));
        assert!(it.requests["urn:c"].allows(true) && !it.requests["urn:c"].allows(false));
        for wrong in [
            "",
            "x",
            "x roster",
            "x roster=all",
            "x message=both",
            "x presence=roster",
            "x iq:=get",
            "x urn:a=get",
        ] {
            assert!(wrong.parse::<Grant>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_granted_is_told_and_nothing_else() {
        assert_eq!(Privileges::default().advertisement("x", "y", "1"), None);
        let grant: Grant = "y message=outgoing iq:urn:c=set".parse().unwrap();
        let told = grant.privileges.advertisement("x", "y", "1").unwrap();
        let told = String::from_utf8(told.to_vec()).unwrap();
        assert!(told.contains("<perm access='message' type='outgoing'/>"), "{told}");
        assert!(told.contains("<perm access='iq'><namespace ns='urn:c' type='set'/></perm>"), "{told}");
        assert!(!told.contains("roster") && !told.contains("presence"), "{told}");
    }
}
