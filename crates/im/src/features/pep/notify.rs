//! Who hears of a personal event: the owner's clients and those of watchers that ask for the node (XEP-0163 §4.3).

use std::sync::Arc;

use bytes::Bytes;
use model::BareJid;
use store::{PubsubItem, Roster};
use xmpp::xep::pubsub::EVENT;
use xmpp::{Builder, Context, Element};

use super::config::{Access, NodeConfig, SendLast};
use crate::Im;
use crate::features::presence::watchers;
use crate::sessions::Seat;

/// Nodes whose newest items one sign-in asks for.
const NODES_MAX: usize = 64;

/// An item was published.
pub(super) fn published(node: &str, item: &PubsubItem) -> Element {
    event(items(node).with_child(super::element(item, EVENT)))
}

/// An item was taken back.
pub(super) fn retracted(node: &str, id: &str) -> Element {
    event(items(node).with_child(Element::new("retract", EVENT).with_attr("id", id.to_owned())))
}

/// All items were removed.
pub(super) fn purged(node: &str) -> Element {
    event(Element::new("purge", EVENT).with_attr("node", node.to_owned()))
}

/// The node was removed.
pub(super) fn deleted(node: &str) -> Element {
    event(Element::new("delete", EVENT).with_attr("node", node.to_owned()))
}

fn items(node: &str) -> Element {
    Element::new("items", EVENT).with_attr("node", node.to_owned())
}

fn event(child: Element) -> Element {
    Element::new("event", EVENT).with_child(child)
}

/// Tells all who may hear of it and asked for it.
pub(super) async fn send(im: &Im, owner: &BareJid, node: &str, config: &NodeConfig, event: &Element) {
    let roster = match im.sessions.account(owner.as_str()) {
        Some(account) => im.roster(&account).await,
        None => im.store.roster(owner).await.map(Arc::new),
    };
    let roster = match roster {
        Ok(roster) => roster,
        Err(error) => {
            tracing::warn!(%error, "watchers do not hear of an event: the roster cannot be read");
            return;
        }
    };
    watchers(im, owner, &roster, |account| {
        if !super::may_hear(config.access, owner, &account.jid, &roster) {
            return;
        }
        let mut bytes = None;
        for seat in account.seats().iter().filter(|seat| wants(seat, node)) {
            let bytes = bytes.get_or_insert_with(|| message(owner, account.jid.as_str(), event));
            im.push_bytes(seat, bytes.clone());
        }
    });
}

fn wants(seat: &Seat, node: &str) -> bool {
    seat.priority().is_some() && seat.wants_events_of(node)
}

fn message(owner: &BareJid, to: &str, event: &Element) -> Bytes {
    Builder::message(Context::Client).type_("headline").from(owner.as_str()).to(to).element(event).finish()
}

/// A session whose interests have just become known hears the newest items of those it sees (§4.3.3).
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
        if may && config.send_last == SendLast::OnSubAndPresence {
            let event = published(&newest.node, &newest.item);
            im.push_bytes(seat, message(&owner, own.as_str(), &event));
        }
    }
}
