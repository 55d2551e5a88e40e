//! Personal events (XEP-0163): every user's address is a PubSub service of its own. The engine is `pubsub`.

use model::BareJid;
use xmpp::xep::pubsub::NS;
use xmpp::{Element, StanzaError};

use super::{avatars, bookmarks};
use crate::{About, Im, Spec};

/// What this feature is.
pub const ABOUT: About = About {
    name: "pep",
    specs: &[Spec::xep(163, "1.2.2"), Spec::xep(222, "1.0"), Spec::xep(223, "1.1"), Spec::xep(490, "1.0.1")],
    // COMPAT: profanity asks the server, and not the account, whether it may publish with options.
    disco: &[
        "http://jabber.org/protocol/pubsub#publish",
        "http://jabber.org/protocol/pubsub#publish-options",
    ],
    account: &[
        NS,
        "http://jabber.org/protocol/pubsub#access-authorize",
        "http://jabber.org/protocol/pubsub#access-open",
        "http://jabber.org/protocol/pubsub#access-presence",
        "http://jabber.org/protocol/pubsub#access-roster",
        "http://jabber.org/protocol/pubsub#access-whitelist",
        "http://jabber.org/protocol/pubsub#auto-create",
        "http://jabber.org/protocol/pubsub#auto-subscribe",
        "http://jabber.org/protocol/pubsub#config-node",
        "http://jabber.org/protocol/pubsub#config-node-max",
        "http://jabber.org/protocol/pubsub#create-and-configure",
        "http://jabber.org/protocol/pubsub#create-nodes",
        "http://jabber.org/protocol/pubsub#delete-items",
        "http://jabber.org/protocol/pubsub#delete-nodes",
        "http://jabber.org/protocol/pubsub#filtered-notifications",
        "http://jabber.org/protocol/pubsub#instant-nodes",
        "http://jabber.org/protocol/pubsub#item-ids",
        "http://jabber.org/protocol/pubsub#last-published",
        "http://jabber.org/protocol/pubsub#manage-subscriptions",
        "http://jabber.org/protocol/pubsub#member-affiliation",
        "http://jabber.org/protocol/pubsub#meta-data",
        "http://jabber.org/protocol/pubsub#modify-affiliations",
        "http://jabber.org/protocol/pubsub#multi-items",
        "http://jabber.org/protocol/pubsub#outcast-affiliation",
        "http://jabber.org/protocol/pubsub#persistent-items",
        "http://jabber.org/protocol/pubsub#presence-notifications",
        "http://jabber.org/protocol/pubsub#presence-subscribe",
        "http://jabber.org/protocol/pubsub#publish",
        "http://jabber.org/protocol/pubsub#publish-only-affiliation",
        "http://jabber.org/protocol/pubsub#publish-options",
        "http://jabber.org/protocol/pubsub#publisher-affiliation",
        "http://jabber.org/protocol/pubsub#purge-nodes",
        "http://jabber.org/protocol/pubsub#retract-items",
        "http://jabber.org/protocol/pubsub#retrieve-affiliations",
        "http://jabber.org/protocol/pubsub#retrieve-default",
        "http://jabber.org/protocol/pubsub#retrieve-default-sub",
        "http://jabber.org/protocol/pubsub#retrieve-items",
        "http://jabber.org/protocol/pubsub#retrieve-subscriptions",
        "http://jabber.org/protocol/pubsub#rsm",
        "http://jabber.org/protocol/pubsub#subscribe",
        "http://jabber.org/protocol/pubsub#subscription-notifications",
        "http://jabber.org/protocol/pubsub#subscription-options",
    ],
};

/// The owner published an item: what the server does with some nodes.
pub(crate) async fn published(im: &Im, owner: &BareJid, node: &str, payload: Option<&Element>) {
    match (node, payload) {
        (avatars::METADATA, Some(metadata)) => avatars::published(im, owner, metadata).await,
        (bookmarks::NODE | bookmarks::LIST, _) => bookmarks::changed(im, owner, node, payload).await,
        _ => {}
    }
}

/// The owner took items, or a node, away.
pub(crate) async fn removed(im: &Im, owner: &BareJid, node: &str) {
    if matches!(node, bookmarks::NODE | bookmarks::LIST) {
        bookmarks::changed(im, owner, node, None).await;
    }
}

/// The owner is about to read a node.
pub(crate) async fn before_reading(im: &Im, owner: &BareJid, node: &str) -> Result<(), StanzaError> {
    match node {
        bookmarks::NODE | bookmarks::LIST => bookmarks::before_reading(im, owner, node).await,
        _ => Ok(()),
    }
}
