//! Personal events (XEP-0163): every user's address is a PubSub service of its own.

pub(crate) mod config;
pub(crate) mod notify;

use bytes::Bytes;
use model::BareJid;
use store::{PubsubItem, Roster};
use xmpp::xep::forms::{Form, FormType};
use xmpp::xep::pubsub::{self, NS, OWNER, Request, extended};
use xmpp::{Condition, Element, StanzaError};

use crate::acceptance::storage_error;
use crate::{About, Im, Spec};
use config::{Access, NodeConfig};

/// What this feature is.
pub const ABOUT: About = About {
    name: "pep",
    specs: &[
        Spec::xep(60, "1.27.0"),
        Spec::xep(163, "1.2.2"),
        Spec::xep(222, "1.0"),
        Spec::xep(223, "1.1"),
        Spec::xep(402, "1.2.0"),
    ],
    disco: &["http://jabber.org/protocol/pubsub#publish"],
    account: &[
        NS,
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
        "http://jabber.org/protocol/pubsub#item-ids",
        "http://jabber.org/protocol/pubsub#last-published",
        "http://jabber.org/protocol/pubsub#modify-affiliations",
        "http://jabber.org/protocol/pubsub#multi-items",
        "http://jabber.org/protocol/pubsub#persistent-items",
        "http://jabber.org/protocol/pubsub#presence-notifications",
        "http://jabber.org/protocol/pubsub#publish",
        "http://jabber.org/protocol/pubsub#publish-options",
        "http://jabber.org/protocol/pubsub#purge-nodes",
        "http://jabber.org/protocol/pubsub#retract-items",
        "http://jabber.org/protocol/pubsub#retrieve-items",
        // The bookmarks of XEP-0402 and those of XEP-0048 are not translated into each other.
    ],
};

/// Items that a page has when the asker names no number.
const ITEMS_DEFAULT: usize = 100;
/// Bytes of payloads in one answer; the newest that fit are given.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Answers a request to the service of `owner` by `asker`.
pub(crate) async fn answer(
    im: &Im,
    asker: &BareJid,
    owner: &BareJid,
    set: bool,
    payload: &Element,
) -> Result<Option<Element>, StanzaError> {
    let request = Request::from_element(payload, set)?;
    if let Request::Items { node, ids, max } = request {
        return items(im, asker, owner, &node, &ids, max).await.map(Some);
    }
    // Everything else is the owner's; to others the node is not there.
    if asker != owner {
        return Err(Condition::ItemNotFound.into());
    }
    match request {
        Request::Publish { node, item: Some((id, payload)), options } => {
            let id = id.unwrap_or_else(|| im.runtime.random_token(12));
            publish(im, owner, &node, (&id, payload), options.as_ref()).await?;
            let item = Element::new("item", NS).with_attr("id", id);
            let publish = Element::new("publish", NS).with_attr("node", node).with_child(item);
            Ok(Some(pubsub::answer(NS, publish)))
        }
        Request::Publish { item: None, .. } => Err(extended(Condition::BadRequest, "item-required")),
        Request::Retract { node, id, notify } => retract(im, owner, &node, &id, notify).await,
        Request::Create { node, config } => create(im, owner, node, config.as_ref()).await,
        Request::Configuration { node } => {
            let config = known(im, owner, &node).await?;
            let configure = Element::new("configure", OWNER).with_attr("node", node);
            let form = config.form(FormType::Form).to_element();
            Ok(Some(pubsub::answer(OWNER, configure.with_child(form))))
        }
        Request::Default => {
            let form = NodeConfig::default().form(FormType::Form).to_element();
            Ok(Some(pubsub::answer(OWNER, Element::new("default", OWNER).with_child(form))))
        }
        Request::Configure { config, .. } if config.type_ == FormType::Cancel => Ok(None),
        Request::Configure { node, config } => {
            let config = known(im, owner, &node).await?.with(&config)?;
            put(im, owner, &node, &config).await.map(|()| None)
        }
        Request::Delete { node } => {
            let config = known(im, owner, &node).await?;
            failed(im.store.pubsub_node_remove(owner.as_str(), &node).await)?;
            if config.notify_delete {
                notify::send(im, owner, &node, &config, &notify::deleted(&node)).await;
            }
            Ok(None)
        }
        Request::Purge { node } => {
            let config = known(im, owner, &node).await?;
            failed(im.store.pubsub_purge(owner.as_str(), &node).await)?;
            notify::send(im, owner, &node, &config, &notify::purged(&node)).await;
            Ok(None)
        }
        // Whoever sees the owner's presence is subscribed by that (XEP-0163 §4.3).
        _ => Err(extended(Condition::FeatureNotImplemented, "unsupported")),
    }
}

fn failed<T>(result: Result<T, store::Error>) -> Result<T, StanzaError> {
    result.map_err(|error| storage_error(&error))
}

/// The configuration of a node of the owner's.
async fn known(im: &Im, owner: &BareJid, node: &str) -> Result<NodeConfig, StanzaError> {
    let config = failed(im.store.pubsub_node(owner.as_str(), node).await)?;
    Ok(NodeConfig::from_json(&config.ok_or(Condition::ItemNotFound)?))
}

async fn put(im: &Im, owner: &BareJid, node: &str, config: &NodeConfig) -> Result<(), StanzaError> {
    failed(im.store.pubsub_node_put(owner.as_str(), node, &config.to_json()).await)
}

async fn create(
    im: &Im,
    owner: &BareJid,
    node: Option<String>,
    form: Option<&Form>,
) -> Result<Option<Element>, StanzaError> {
    let instant = node.is_none();
    let node = node.unwrap_or_else(|| im.runtime.random_token(12));
    if failed(im.store.pubsub_node(owner.as_str(), &node).await)?.is_some() {
        return Err(Condition::Conflict.into());
    }
    let config = form.map_or_else(|| Ok(NodeConfig::default()), |form| NodeConfig::default().with(form))?;
    put(im, owner, &node, &config).await?;
    let create = || pubsub::answer(NS, Element::new("create", NS).with_attr("node", node));
    Ok(instant.then(create))
}

async fn publish(
    im: &Im,
    owner: &BareJid,
    node: &str,
    (id, payload): (&str, Option<Element>),
    options: Option<&Form>,
) -> Result<(), StanzaError> {
    let config = match failed(im.store.pubsub_node(owner.as_str(), node).await)? {
        Some(config) => {
            let config = NodeConfig::from_json(&config);
            if let Some(options) = options {
                config.meets(options)?;
            }
            config
        }
        None => match options {
            Some(options) => NodeConfig::default().with(options)?,
            None => NodeConfig::default(),
        },
    };
    let item = PubsubItem {
        id: id.to_owned(),
        publisher: owner.as_str().to_owned(),
        at: im.runtime.timestamp(),
        payload: payload.map_or_else(Bytes::new, |payload| payload.to_bytes()),
    };
    if config.persist {
        let json = config.to_json();
        failed(im.store.pubsub_publish(owner.as_str(), node, &json, item.clone(), config.max_items).await)?;
    }
    notify::send(im, owner, node, &config, &notify::published(node, &item)).await;
    Ok(())
}

async fn retract(
    im: &Im,
    owner: &BareJid,
    node: &str,
    id: &str,
    notify: bool,
) -> Result<Option<Element>, StanzaError> {
    let config = known(im, owner, node).await?;
    if !failed(im.store.pubsub_retract(owner.as_str(), node, id).await)? {
        return Err(Condition::ItemNotFound.into());
    }
    if notify || config.notify_retract {
        notify::send(im, owner, node, &config, &notify::retracted(node, id)).await;
    }
    Ok(None)
}

/// Items, for those who may read the node; to others it is not there, as for one that nobody has.
async fn items(
    im: &Im,
    asker: &BareJid,
    owner: &BareJid,
    node: &str,
    ids: &[String],
    max: Option<usize>,
) -> Result<Element, StanzaError> {
    let config = known(im, owner, node).await?;
    if asker != owner && !may_read(im, asker, owner, config.access).await? {
        return Err(Condition::ItemNotFound.into());
    }
    let mut found = Vec::new();
    if ids.is_empty() {
        found = failed(im.store.pubsub_items(owner.as_str(), node, max.unwrap_or(ITEMS_DEFAULT)).await)?;
        found.reverse();
    }
    for id in ids {
        found.extend(failed(im.store.pubsub_item(owner.as_str(), node, id).await)?);
    }
    let mut bytes = 0;
    let fits = |item: &&PubsubItem| {
        bytes += item.payload.len();
        bytes <= ANSWER_BYTES_MAX
    };
    let count = found.iter().rev().take_while(fits).count();
    let items = Element::new("items", NS).with_attr("node", node.to_owned());
    let items =
        found[found.len() - count..].iter().map(|item| element(item, NS)).fold(items, Element::with_child);
    Ok(pubsub::answer(NS, items))
}

/// An item as it goes out.
fn element(item: &PubsubItem, ns: &'static str) -> Element {
    let element = Element::new("item", ns).with_attr("id", item.id.as_str());
    match Element::parse(&item.payload, "") {
        Ok(payload) if !item.payload.is_empty() => element.with_child(payload),
        _ => element,
    }
}

async fn may_read(im: &Im, asker: &BareJid, owner: &BareJid, access: Access) -> Result<bool, StanzaError> {
    match access {
        Access::Open => Ok(true),
        Access::Presence => failed(presence::may_watch(&im.store, asker, owner).await),
        Access::Roster => Ok(failed(im.store.roster_item(owner, asker).await)?.is_some()),
        Access::Whitelist => Ok(false),
    }
}

/// May a contact, as the owner's roster has it, hear of a node?
fn may_hear(access: Access, owner: &BareJid, contact: &BareJid, roster: &Roster) -> bool {
    contact == owner
        || match access {
            Access::Open | Access::Presence => true,
            Access::Roster => roster.items.iter().any(|item| item.contact == *contact),
            Access::Whitelist => false,
        }
}
