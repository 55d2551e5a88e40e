//! External components (XEP-0114): programs beside this server that serve domains of their own, such as gateways.
//!
//! `stream` is the connection of one; here is who may connect and how stanzas get there. What is kept waits in the
//! spool of the component's domain while it is away, as for a user.

mod delegation;
mod privilege;
mod stream;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use bytes::Bytes;
use model::{BareJid, DomainPart, Jid};
use parking_lot::Mutex;
use store::{Archives, Entry, Seq};
use xmpp::xep::hints;
use xmpp::{Condition, Context, ErrorKind, Kind, Stamp, Stanza, StanzaError};

use crate::outbox::{Item, Outbox};
use crate::{About, Im, Spec};

pub use delegation::Delegation;
pub use privilege::{Access, Grant, Privileges};

/// What this feature is.
pub const ABOUT: About = About {
    name: "component",
    specs: &[
        Spec::xep(114, "1.6"),
        Spec::partly(
            356,
            "0.4.1",
            "roster pushes, presence of contacts, and requests in the name of users to other servers and to clients",
        ),
        Spec::partly(
            355,
            "0.5",
            "delegation that users grant, attributes that filter, and discovery that is asked of components",
        ),
    ],
    disco: &[],
    account: &[],
};

/// Connections of components, also of those that have not said the secret yet.
const CONNECTIONS_MAX: usize = 64;

/// Which components may connect.
#[derive(Clone, Debug, Default)]
pub struct ComponentsConfig {
    /// The domains that they serve.
    pub domains: Vec<DomainPart>,
    /// What they and this server know.
    pub secret: Arc<str>,
    /// What they may do in the name of users (XEP-0356); those that are not named, nothing.
    pub privileges: Vec<Grant>,
    /// Which requests they answer in the server's place (XEP-0355).
    pub delegations: Vec<Delegation>,
}

/// All components that may connect, connected or not.
#[derive(Default)]
pub(crate) struct Components {
    secret: Arc<str>,
    places: BTreeMap<Box<str>, Place>,
    connections: AtomicUsize,
    delegations: delegation::Delegations,
}

struct Place {
    /// Whose spool holds what waits.
    owner: BareJid,
    connected: Mutex<Option<Arc<Outbox>>>,
    privileges: Privileges,
}

impl Components {
    /// Those that the operator named.
    pub(crate) fn new(config: &ComponentsConfig) -> Self {
        let place = |domain: &DomainPart| {
            let owner = domain.as_str().parse().ok()?;
            let granted = config.privileges.iter().find(|grant| grant.domain == *domain);
            let privileges = granted.map(|grant| grant.privileges.clone()).unwrap_or_default();
            Some((domain.as_str().into(), Place { owner, connected: Mutex::default(), privileges }))
        };
        Self {
            secret: Arc::clone(&config.secret),
            places: config.domains.iter().filter_map(place).collect(),
            connections: AtomicUsize::new(0),
            delegations: delegation::Delegations::new(&config.delegations),
        }
    }

    /// Is this the domain of a component?
    pub(crate) fn serves(&self, domain: &str) -> bool {
        self.places.contains_key(domain)
    }

    /// The domains, for discovery.
    pub(crate) fn domains(&self) -> impl Iterator<Item = &str> {
        self.places.keys().map(AsRef::as_ref)
    }

    fn outbox(&self, domain: &str) -> Option<Arc<Outbox>> {
        self.places.get(domain)?.connected.lock().clone()
    }
}

impl Im {
    /// A message for a component. What is worth keeping waits while it is away, and goes out again after a crash.
    pub(crate) fn message_to_component(
        &self,
        stanza: &Stanza,
        from: &str,
        to: &Jid,
    ) -> Result<Option<Seq>, StanzaError> {
        let domain = to.domain().as_str();
        let Some(place) = self.services.components().places.get(domain) else {
            return Err(Condition::ItemNotFound.into());
        };
        if !hints::is_kept_offline(stanza) {
            return self.pass_to_component(stanza, from, to).map(|()| None);
        }
        let accepted = self.accept_outgoing(stanza, from, to, &place.owner, true)?;
        let seq = accepted.seq;
        self.hand_to_component(domain, accepted.item);
        Ok(Some(seq))
    }

    /// Hands something that is kept to a component, if it is connected.
    fn hand_to_component(&self, domain: &str, item: Item) {
        if let Some(outbox) = self.services.components().outbox(domain) {
            // What a full queue does not take is read from the spool when the component comes again.
            let _full = outbox.push(item, &self.limits.load().session);
        }
    }

    /// What a component sends to another server: it goes out in the name of the component's domain.
    pub(crate) fn component_says_elsewhere(
        &self,
        stanza: &Stanza,
        from: &Jid,
        to: &Jid,
    ) -> Result<(), StanzaError> {
        match stanza.kind() {
            Kind::Message => self.message_remote(stanza, from.as_str(), to).map(drop),
            Kind::Iq => self.iq_remote(stanza, from.as_str(), to),
            _ => self.post_remote(stanza.to_bytes(Context::Client, &Stamp::default())),
        }
    }

    /// What a component sent comes back from another server; what was kept waits for it as any message does.
    pub(crate) fn return_to_component(&self, reply: Bytes, (from, to): (&str, &Jid), kept: bool) {
        let domain = to.domain().as_str();
        let Some(place) = self.services.components().places.get(domain).filter(|_| kept) else {
            // It has no use for an answer that comes after it has gone.
            let _away = self.post_to_component(reply, to);
            return;
        };
        let entry = Entry {
            id: self.store.stanza_id(),
            owner: place.owner.clone(),
            from: from.to_owned(),
            to: to.to_string(),
            stanza: reply.clone(),
            at: self.runtime.timestamp(),
            spool: true,
            archives: Archives::default(),
            told: None,
        };
        match self.store.journal_append(entry) {
            Ok(seq) => self.hand_to_component(domain, Item::kept(reply, seq)),
            Err(error) => tracing::warn!(%error, "a component could not be told that its message came back"),
        }
    }

    /// Something that is not kept: presence, questions and answers, signs.
    pub(crate) fn pass_to_component(&self, stanza: &Stanza, from: &str, to: &Jid) -> Result<(), StanzaError> {
        let outbox = self.services.components().outbox(to.domain().as_str());
        let outbox = outbox.ok_or_else(|| away().with_text("the component is not connected"))?;
        let bytes = stanza.to_bytes(Context::Client, &Stamp::default().from(from).to(to.as_str()));
        outbox.push(Item::passing(bytes), &self.limits.load().session).map_err(|_| away())
    }

    /// The same for what we have written for a client.
    pub(crate) fn post_to_component(&self, bytes: Bytes, to: &Jid) -> Result<(), StanzaError> {
        let outbox = self.services.components().outbox(to.domain().as_str()).ok_or_else(away)?;
        outbox.push(Item::passing(bytes), &self.limits.load().session).map_err(|_| away())
    }
}

fn away() -> StanzaError {
    StanzaError::new(ErrorKind::Wait, Condition::ServiceUnavailable)
}
