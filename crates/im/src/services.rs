//! The services that we run at addresses under the domain, beside rooms.

use bytes::Bytes;
use model::{BareJid, Jid};
use xmpp::xep::disco::ITEMS;
use xmpp::{Condition, Element, Stanza, StanzaError};

use crate::component::Components;
use crate::delivery::Address;
use crate::features::{directory, upload};
use crate::outbox::Item;
use crate::proxy::{self, Relay};
use crate::pubsub;
use crate::push_service::{self, PushService};
use crate::router::{Routed, Target};
use crate::sessions::Seat;
use crate::{Im, ImConfig};

/// One of our services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServiceName {
    /// Publish and subscribe (XEP-0060).
    Pubsub,
    /// Files of users (XEP-0363).
    Upload,
    /// Push notifications (XEP-0357).
    Push,
    /// Bytestreams (XEP-0065).
    Proxy,
    /// The directory (XEP-0055).
    Directory,
}

/// The addresses of our services.
pub(crate) struct Services {
    pubsub: BareJid,
    /// `None` where no files are taken.
    upload: Option<BareJid>,
    push: BareJid,
    push_service: PushService,
    /// `None` where none are relayed.
    proxy: Option<BareJid>,
    pub(crate) relay: Relay,
    directory: BareJid,
    components: Components,
}

impl Services {
    /// The services that are set up.
    pub(crate) fn new(config: &ImConfig) -> Self {
        let under = |name: &str| {
            let address = format!("{name}.{}", config.domain);
            address.parse::<BareJid>().expect("a name before a domain is a domain")
        };
        Self {
            pubsub: under("pubsub"),
            push: under("push"),
            push_service: PushService::default(),
            upload: config.upload_url.as_ref().map(|_| under("upload")),
            proxy: config.proxy.as_ref().map(|_| under("proxy")),
            relay: Relay::default(),
            directory: under("search"),
            components: Components::new(&config.components),
        }
    }

    /// The address of publish and subscribe.
    pub(crate) fn pubsub(&self) -> &BareJid {
        &self.pubsub
    }

    /// The programs beside this server.
    pub(crate) fn components(&self) -> &Components {
        &self.components
    }

    /// The address that takes files.
    pub(crate) fn upload(&self) -> Option<&BareJid> {
        self.upload.as_ref()
    }

    /// The address of the proxy.
    pub(crate) fn proxy(&self) -> Option<&BareJid> {
        self.proxy.as_ref()
    }

    /// The address of the directory.
    pub(crate) fn directory(&self) -> &BareJid {
        &self.directory
    }

    /// Is this the domain of one of them?
    pub(crate) fn serves(&self, domain: &str) -> bool {
        domain.parse().is_ok_and(|jid: Jid| self.at(&jid).is_some())
    }

    /// The address of push notifications.
    pub(crate) fn push(&self) -> &BareJid {
        &self.push
    }

    /// What the push service keeps in memory.
    pub(crate) fn push_service(&self) -> &PushService {
        &self.push_service
    }

    /// The service that an address belongs to.
    pub(crate) fn at(&self, jid: &Jid) -> Option<ServiceName> {
        let is = |service: &BareJid| jid.domain() == service.domain();
        if is(&self.pubsub) {
            return Some(ServiceName::Pubsub);
        }
        if is(&self.directory) {
            return Some(ServiceName::Directory);
        }
        if is(&self.push) {
            return Some(ServiceName::Push);
        }
        if self.upload.as_ref().is_some_and(is) {
            return Some(ServiceName::Upload);
        }
        self.proxy.as_ref().is_some_and(is).then_some(ServiceName::Proxy)
    }
}

/// Our services among what the server offers.
pub(crate) fn items(im: &Im) -> Vec<Element> {
    let item = |address: &BareJid, name: &str| {
        Element::new("item", ITEMS).with_attr("jid", address.as_str()).with_attr("name", name)
    };
    let mut items = vec![item(&im.services.pubsub, "Publish and subscribe")];
    if im.services.push_service.is_open() {
        items.push(item(&im.services.push, "Push notifications"));
    }
    items.push(directory::service_item(im));
    items.extend(upload::service_item(im));
    items.extend(proxy::service_item(im));
    items.extend(
        im.services.components.domains().map(|jid| Element::new("item", ITEMS).with_attr("jid", jid)),
    );
    items
}

/// A request to a service, from an address whose right to it was checked.
pub(crate) async fn iq(
    im: &Im,
    service: ServiceName,
    asker: &Jid,
    stanza: &Stanza,
) -> Result<Option<Element>, StanzaError> {
    at_its_own_address(stanza)?;
    match service {
        ServiceName::Pubsub => {
            let service = pubsub::Service::shared(im.services.pubsub());
            pubsub::iq(im, &service, asker, stanza).await
        }
        ServiceName::Upload => upload::answer(im, asker, stanza).await,
        ServiceName::Push => push_service::iq(im, asker, stanza).await,
        ServiceName::Proxy => proxy::answer(im, asker, stanza),
        ServiceName::Directory => directory::answer(im, asker, stanza).await,
    }
}

/// A message to a service.
pub(crate) async fn message(
    im: &Im,
    service: ServiceName,
    sender: &Jid,
    stanza: &Stanza,
) -> Result<(), StanzaError> {
    if stanza.type_().as_deref() == Some("error") {
        return Ok(());
    }
    at_its_own_address(stanza)?;
    match service {
        ServiceName::Pubsub => {
            let service = pubsub::Service::shared(im.services.pubsub());
            pubsub::authorization(im, &service, sender, stanza).await
        }
        ServiceName::Upload | ServiceName::Push | ServiceName::Proxy | ServiceName::Directory => {
            Err(Condition::ServiceUnavailable.into())
        }
    }
}

/// Nobody lives at a service: only it itself answers.
fn at_its_own_address(stanza: &Stanza) -> Result<(), StanzaError> {
    let to = stanza.to();
    let to = to.as_deref().unwrap_or_default();
    if to.contains('@') || to.contains('/') { Err(Condition::ItemNotFound.into()) } else { Ok(()) }
}

impl Im {
    /// Hands bytes that are not kept to whoever is at an address: the client that it names, or those of a bare one
    /// that take messages and are `wanted`.
    pub(crate) fn post(&self, to: &str, bytes: &Bytes, wanted: impl Fn(&Seat) -> bool) {
        match self.locate(to) {
            Target::Online(_, Address::Connected, Some(seat)) if wanted(&seat) => {
                self.push_bytes(&seat, bytes.clone());
            }
            Target::Online(account, Address::Bare, _) => {
                for seat in account.seats().iter().filter(|seat| seat.takes_messages() && wanted(seat)) {
                    self.push(seat, Item::passing(bytes.clone()));
                }
            }
            Target::Remote(_) => self.tell_remote(bytes.clone()),
            _ => {}
        }
    }

    /// Sends a message of ours as if somebody had: it is kept for one who is away. What cannot be sent is dropped,
    /// for there is nobody to tell.
    pub(crate) async fn send(&self, message: Bytes, from: &str, to: &str) {
        let Ok(stanza) = xmpp::parse_one(message) else { return };
        let sent = match self.route_message(&stanza, from, to) {
            Ok(Routed::Absent(owner, address)) => {
                self.route_message_absent(&stanza, from, &owner, address).await.map(drop)
            }
            other => other.map(drop),
        };
        if let Err(error) = sent {
            tracing::debug!(%error, "a message of a service went nowhere");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_known_by_their_domain() {
        let mut config = ImConfig::new("example.org".parse().unwrap(), [7; 32], 1);
        let without = Services::new(&config);
        config.upload_url = Some("https://example.org".to_owned());
        let services = Services::new(&config);
        let at = |address: &str| services.at(&address.parse().unwrap());
        assert_eq!(at("pubsub.example.org"), Some(ServiceName::Pubsub));
        assert_eq!(at("x@pubsub.example.org/y"), Some(ServiceName::Pubsub));
        assert_eq!(at("upload.example.org"), Some(ServiceName::Upload));
        assert_eq!(at("example.org"), None);
        assert_eq!(without.at(&"upload.example.org".parse().unwrap()), None);
    }
}
