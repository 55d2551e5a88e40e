//! What there is to find (XEP-0060 §5): the service, its nodes, their items, and what is told of a node.

use model::Jid;
use xmpp::xep::disco::{INFO, ITEMS, Identity, Info, Item, Items};
use xmpp::xep::pubsub::NS;
use xmpp::xep::{ping, rsm};
use xmpp::{Condition, Element, StanzaError};

use super::config::{Access, NodeConfig};
use super::standing::{Standing, owners};
use super::{FEATURES, Service, failed};
use crate::Im;
use crate::features::commands::NS as COMMANDS;

/// Nodes, or items, that one list shows.
const LISTED_MAX: usize = 200;

/// What the service can do (§5.1).
pub(super) fn service_info() -> Element {
    let identities = vec![Identity::new("pubsub", "service", "Publish and subscribe")];
    let mut features = features();
    features.extend([INFO, ITEMS, ping::NS, rsm::NS, COMMANDS].map(str::to_owned));
    Info { identities, features, ..Info::default() }.to_element()
}

fn features() -> Vec<String> {
    let named = FEATURES.iter().map(|feature| format!("{NS}#{feature}"));
    std::iter::once(NS.to_owned()).chain(named).collect()
}

/// The nodes of the service that the asker may find (§5.2), in pages.
pub(super) async fn service_items(
    im: &Im,
    service: &Service,
    asker: &Jid,
    query: &Element,
) -> Result<Element, StanzaError> {
    let asked = query.child("set", rsm::NS).map(rsm::Request::from_element).transpose()?;
    let after = asked.as_ref().and_then(|asked| asked.after.clone()).unwrap_or_default();
    let max = asked.as_ref().and_then(|asked| asked.max).unwrap_or(LISTED_MAX).min(LISTED_MAX);
    let mut items = Items::default();
    let mut place = after;
    // Hidden nodes are left out, and the page is filled with what follows; a bounded number of nodes is looked at.
    'pages: for _ in 0..LOOKED_AT_PAGES_MAX {
        let nodes = failed(im.store.pubsub_nodes_after(service.key(), &place, LISTED_MAX).await)?;
        let complete = nodes.len() < LISTED_MAX;
        for (node, config) in nodes {
            if items.items.len() >= max {
                break 'pages;
            }
            let config = NodeConfig::from_json(&config);
            if is_shown(im, service, asker, &node, &config).await? {
                let name = Some(config.title).filter(|title| !title.is_empty());
                items.items.push(Item { jid: service.key().to_owned(), node: Some(node.clone()), name });
            }
            place = node;
        }
        if complete {
            break;
        }
    }
    let name = |item: Option<&Item>| item.and_then(|item| item.node.clone());
    let ends = name(items.items.first()).zip(name(items.items.last()));
    let element = items.to_element();
    Ok(match asked {
        Some(_) => element.with_child(rsm::Page { ends, index: None, count: None }.to_element()),
        None => element,
    })
}

/// Pages of nodes that one list of visible ones looks at.
const LOOKED_AT_PAGES_MAX: usize = 10;

async fn is_shown(
    im: &Im,
    service: &Service,
    asker: &Jid,
    node: &str,
    config: &NodeConfig,
) -> Result<bool, StanzaError> {
    // §5.2: whoever may ask to be let in may find the node.
    if matches!(config.access, Access::Open | Access::Authorize) {
        return Ok(true);
    }
    let standing = Standing::of(im, service, node, asker).await?;
    Ok(standing.may_subscribe(im, config).await.is_ok())
}

/// What is told of a node (§5.3, §5.4).
pub(crate) async fn node_info(
    im: &Im,
    service: &Service,
    asker: &Jid,
    node: &str,
) -> Result<Element, StanzaError> {
    let config = service.config(im, node).await?;
    if !is_shown(im, service, asker, node, &config).await? {
        return Err(Condition::ItemNotFound.into());
    }
    let owners = owners(im, service, node).await?.iter().map(ToString::to_string).collect();
    let subscribers = failed(im.store.pubsub_subscriptions(service.key(), node).await)?.len();
    let name = if config.title.is_empty() { node } else { config.title.as_str() };
    let identities = vec![Identity::new("pubsub", "leaf", name)];
    let forms = vec![config.meta_data(owners, subscribers).to_element()];
    let features = vec![NS.to_owned(), INFO.to_owned(), ITEMS.to_owned()];
    Ok(Info { node: Some(node.to_owned()), identities, features, forms }.to_element())
}

/// The items of a node by name (§5.5).
pub(crate) async fn node_items(
    im: &Im,
    service: &Service,
    asker: &Jid,
    node: &str,
) -> Result<Element, StanzaError> {
    let config = service.config(im, node).await?;
    Standing::of(im, service, node, asker).await?.sees(im, &config).await?;
    let mut found = failed(im.store.pubsub_items(service.key(), node, LISTED_MAX).await)?;
    found.reverse();
    let item =
        |item: store::PubsubItem| Item { jid: service.key().to_owned(), node: None, name: Some(item.id) };
    let items = found.into_iter().map(item).collect();
    Ok(Items { node: Some(node.to_owned()), items }.to_element())
}

/// The nodes of a person's own service that the asker may read (XEP-0163 §6.2).
pub(crate) async fn personal_items(im: &Im, service: &Service, asker: &Jid) -> Result<Element, StanzaError> {
    let mut items = Items::default();
    for (node, config) in failed(im.store.pubsub_nodes(service.key()).await)? {
        let config = NodeConfig::from_json(&config);
        if Standing::of(im, service, &node, asker).await?.sees(im, &config).await.is_ok() {
            let name = Some(config.title).filter(|title| !title.is_empty());
            items.items.push(Item { jid: service.key().to_owned(), node: Some(node), name });
        }
    }
    Ok(items.to_element())
}
