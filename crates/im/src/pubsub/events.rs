//! Who hears of an event: subscribers of a node, and for personal events the owner's clients and those of watchers
//! that ask for the node (XEP-0060 §7.1.2, XEP-0163 §4.3).

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use model::{BareJid, FullJid, Jid};
use store::{PubsubItem, PubsubSubscription, Roster};
use xmpp::xep::pubsub::EVENT;
use xmpp::{Builder, Context, Element};

use super::config::{Access, NodeConfig, SendLast};
use super::standing::{SUBSCRIBED, Standing, in_groups};
use super::subscriptions::Options;
use super::{Service, items};
use crate::Im;
use crate::features::distant_clients;
use crate::features::presence::watchers;
use crate::sessions::{Interests, Seat};

/// Nodes whose newest items one sign-in asks for.
const NODES_MAX: usize = 64;

/// An item was published.
pub(crate) fn published(service: &Service, node: &str, config: &NodeConfig, item: &PubsubItem) -> Element {
    let shown = if config.deliver_payloads {
        items::element(service, item, EVENT)
    } else {
        // §7.1.2.2: a notification without the payload.
        Element::new("item", EVENT).with_attr("id", item.id.as_str())
    };
    let items = items_of(node);
    // §7.1.2.1: a node that keeps and delivers nothing tells that something happened.
    event(if config.persist || config.deliver_payloads { items.with_child(shown) } else { items })
}

/// An item was taken back.
pub(super) fn retracted(node: &str, id: &str) -> Element {
    event(items_of(node).with_child(Element::new("retract", EVENT).with_attr("id", id.to_owned())))
}

/// All items were removed.
pub(super) fn purged(node: &str) -> Element {
    event(Element::new("purge", EVENT).with_attr("node", node.to_owned()))
}

/// The node was removed.
pub(super) fn deleted(node: &str) -> Element {
    event(Element::new("delete", EVENT).with_attr("node", node.to_owned()))
}

/// The node is configured otherwise (§8.2.5).
pub(super) fn configured(node: &str, form: Option<Element>) -> Element {
    let configuration = Element::new("configuration", EVENT).with_attr("node", node.to_owned());
    event(form.into_iter().fold(configuration, Element::with_child))
}

fn items_of(node: &str) -> Element {
    Element::new("items", EVENT).with_attr("node", node.to_owned())
}

fn event(child: Element) -> Element {
    Element::new("event", EVENT).with_child(child)
}

/// Tells all who are to hear of it.
pub(super) async fn send(im: &Im, service: &Service, node: &str, config: &NodeConfig, event: &Element) {
    listeners(im, service, node, config).await.tell(im, service, event);
}

/// Those who are to hear of an event.
#[derive(Default)]
pub(super) struct Listeners {
    /// Addresses of subscribers.
    subscribers: Vec<String>,
    /// Clients that ask for the node, by the address that they are told at.
    clients: Vec<(BareJid, Vec<Arc<Seat>>)>,
    /// Clients elsewhere that ask for it.
    distant: Vec<FullJid>,
}

impl Listeners {
    /// Tells them all. Whoever is both hears once.
    pub(super) fn tell(&self, im: &Im, service: &Service, event: &Element) {
        let mut told = BTreeSet::new();
        for (to, seats) in &self.clients {
            let bytes = message(service, to.as_str(), event);
            for seat in seats {
                im.push_bytes(seat, bytes.clone());
                told.insert(seat.jid.as_str());
            }
        }
        for to in &self.distant {
            let subscribed = |bare: &BareJid| {
                self.subscribers.iter().any(|other| other == to.as_str() || other == bare.as_str())
            };
            if !subscribed(&to.to_bare()) {
                im.tell_remote(message(service, to.as_str(), event));
            }
        }
        for to in &self.subscribers {
            post(im, service, to, event, |seat| !told.contains(seat.jid.as_str()));
        }
    }
}

/// Who is to hear of a node's events now.
pub(super) async fn listeners(im: &Im, service: &Service, node: &str, config: &NodeConfig) -> Listeners {
    if !config.notifies {
        return Listeners::default();
    }
    match found(im, service, node, config).await {
        Ok(listeners) => listeners,
        Err(error) => {
            tracing::warn!(%error, "subscribers do not hear of an event: the storage cannot be read");
            Listeners::default()
        }
    }
}

async fn found(
    im: &Im,
    service: &Service,
    node: &str,
    config: &NodeConfig,
) -> Result<Listeners, store::Error> {
    let mut listeners = Listeners::default();
    for subscription in im.store.pubsub_subscriptions(service.address.as_str(), node).await? {
        if subscription.state == SUBSCRIBED
            && Options::from_json(&subscription.options).deliver
            && still_admitted(im, service, node, config, &subscription).await
        {
            listeners.subscribers.push(subscription.jid);
        }
    }
    if service.personal {
        let owner = &service.address;
        let roster = im.roster_of(owner).await?;
        listeners.distant = distant_clients::wanting(im, owner, &roster, node);
        listeners.distant.retain(|client| may_hear(config, owner, &client.to_bare(), &roster));
        watchers(im, owner, &roster, |account| {
            if may_hear(config, owner, &account.jid, &roster) {
                let wants = |seat: &&Arc<Seat>| seat.priority().is_some() && seat.wants_events_of(node);
                let seats: Vec<_> = account.seats().iter().filter(wants).cloned().collect();
                if !seats.is_empty() {
                    listeners.clients.push((account.jid.clone(), seats));
                }
            }
        });
    }
    Ok(listeners)
}

/// Presence and rosters change behind a subscription: whoever lost them is not told any more (§12.4 of the
/// specification's access models: a subscription lives as long as what admitted it).
async fn still_admitted(
    im: &Im,
    service: &Service,
    node: &str,
    config: &NodeConfig,
    subscription: &PubsubSubscription,
) -> bool {
    if !matches!(config.access, Access::Presence | Access::Roster) {
        return true;
    }
    let who: Jid = subscription.subscriber.clone().into();
    match Standing::of(im, service, node, &who).await {
        Ok(standing) => standing.may_subscribe(im, config).await.is_ok(),
        Err(_) => false,
    }
}

/// May a contact, as the owner's roster has it, hear of a node?
fn may_hear(config: &NodeConfig, owner: &BareJid, contact: &BareJid, roster: &Roster) -> bool {
    contact == owner
        || match config.access {
            Access::Open | Access::Presence => true,
            Access::Roster => roster
                .items
                .iter()
                .any(|item| item.contact == *contact && in_groups(&item.groups, &config.roster_groups)),
            Access::Whitelist | Access::Authorize => false,
        }
}

/// One message to one address: to all clients of a bare one that take messages, or to the client that is named.
fn post(im: &Im, service: &Service, to: &str, event: &Element, wanted: impl Fn(&Seat) -> bool) {
    if im.check_blocked(service.address.as_str(), to).is_err() {
        return;
    }
    im.post(to, &message(service, to, event), wanted);
}

/// Somebody's subscription is another now (§8.6, §8.8.4).
pub(super) async fn tell_subscription(im: &Im, service: &Service, node: &str, jid: &str, state: &str) {
    let subscription = Element::new("subscription", EVENT)
        .with_attr("node", node)
        .with_attr("jid", jid)
        .with_attr("subscription", state);
    post(im, service, jid, &event(subscription), |_| true);
}

/// The newest item goes to a new subscriber (§6.1.7).
pub(super) async fn tell_newest(im: &Im, service: &Service, node: &str, config: &NodeConfig, to: &str) {
    if config.send_last != SendLast::Never
        && let Some(item) = items::newest(im, service, node).await
    {
        post(im, service, to, &published(service, node, config, &item), |_| true);
    }
}

fn message(service: &Service, to: &str, event: &Element) -> Bytes {
    let from = service.address.as_str();
    Builder::message(Context::Client).type_("headline").from(from).to(to).element(event).finish()
}

/// A session whose interests have just become known hears the newest items of those it sees (XEP-0163 §4.3.3).
pub(crate) async fn catch_up(im: &Im, seat: &Seat, roster: &Roster) {
    let Some(interests) = seat.interests() else { return };
    let nodes: Vec<&str> = interests.iter().map(|node| &**node).take(NODES_MAX).collect();
    if nodes.is_empty() {
        return;
    }
    let own = &seat.account.jid;
    let contacts = roster.items.iter().filter(|item| item.subscription.from_contact());
    let services: Vec<&str> =
        std::iter::once(own.as_str()).chain(contacts.map(|item| item.contact.as_str())).collect();
    let newest = match im.store.pubsub_newest(&services, &nodes).await {
        Ok(newest) => newest,
        Err(error) => {
            tracing::warn!(%error, "a client does not hear of newest items");
            return;
        }
    };
    for newest in newest {
        let config = NodeConfig::from_json(&newest.config);
        let Ok(owner) = newest.service.parse::<BareJid>() else { continue };
        // Who sees a contact's presence is subscribed; rosters of others are not looked into one by one.
        let may = owner == *own
            || !im.users.blocked.parts(own, &owner)
                && matches!(config.access, Access::Open | Access::Presence);
        if may && config.notifies && config.send_last == SendLast::OnSubAndPresence {
            let service = Service::personal(&owner);
            let event = published(&service, &newest.node, &config, &newest.item);
            im.push_bytes(seat, message(&service, own.as_str(), &event));
        }
    }
}

/// A client elsewhere that sees the user hears the newest items of what it asks for (XEP-0163 §4.3.3).
pub(crate) async fn catch_up_distant(
    im: &Im,
    user: &BareJid,
    client: &FullJid,
    interests: &Interests,
    roster: &Roster,
) {
    let nodes: Vec<&str> = interests.iter().map(|node| &**node).take(NODES_MAX).collect();
    let newest = match im.store.pubsub_newest(&[user.as_str()], &nodes).await {
        Ok(newest) => newest,
        Err(error) => {
            tracing::warn!(%error, "a client elsewhere does not hear of newest items");
            return;
        }
    };
    let service = Service::personal(user);
    for newest in newest {
        let config = NodeConfig::from_json(&newest.config);
        if config.notifies
            && config.send_last == SendLast::OnSubAndPresence
            && may_hear(&config, user, &client.to_bare(), roster)
        {
            let event = published(&service, &newest.node, &config, &newest.item);
            im.tell_remote(message(&service, client.as_str(), &event));
        }
    }
}
