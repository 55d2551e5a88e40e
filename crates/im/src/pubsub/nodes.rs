//! What owners do with nodes (XEP-0060 §8.1 to §8.5): make, configure, purge, remove.

use model::Jid;
use xmpp::xep::forms::{Form, FormType};
use xmpp::xep::pubsub::{self, OWNER, extended};
use xmpp::{Condition, Element, StanzaError};

use super::config::{Access, NodeConfig};
use super::standing::Standing;
use super::{
    NAME_BYTES, NODES_PER_OWNER_MAX, SHARED_NODES_MAX, Service, answered, events, failed, keeps_nothing,
};
use crate::Im;
use crate::features::pep;

/// A node is made (§8.1): at one's own service, or by a user of ours at the shared one.
pub(super) async fn create(
    im: &Im,
    service: &Service,
    asker: &Jid,
    node: Option<String>,
    form: Option<&Form>,
) -> Result<Option<Element>, StanzaError> {
    let who = asker.to_bare();
    let own = service.personal && who == service.address;
    if !own && (service.personal || !im.is_local(&who)) {
        // §8.1.1: not everybody makes nodes here; of a person's own service a stranger learns nothing.
        let condition = if service.personal { Condition::ItemNotFound } else { Condition::Forbidden };
        return Err(condition.into());
    }
    let instant = node.is_none();
    let node = node.unwrap_or_else(|| im.runtime.random_token(NAME_BYTES));
    let config = match form {
        Some(form) => service.defaults().with(form)?,
        None => service.defaults(),
    };
    let (owner, max) = if service.personal {
        (None, store::PUBSUB_NODES_MAX)
    } else {
        let owned = failed(im.store.pubsub_nodes_owned(service.key(), &who).await)?;
        if owned >= NODES_PER_OWNER_MAX {
            return Err(extended(Condition::NotAllowed, "max-nodes-exceeded"));
        }
        (Some(&who), SHARED_NODES_MAX)
    };
    if !failed(im.store.pubsub_node_create(service.key(), &node, &config.to_json(), owner, max).await)? {
        return Err(Condition::Conflict.into());
    }
    // §8.1.2: a name of our choice is told.
    let create = || answered(Element::new("create", pubsub::NS).with_attr("node", node));
    Ok(instant.then(create))
}

/// A node for whoever publishes to it first, at one's own service (XEP-0163 §3).
pub(super) fn made_by_publishing(
    service: &Service,
    options: Option<&Form>,
) -> Result<NodeConfig, StanzaError> {
    match options {
        Some(options) => service.defaults().with(options),
        None => Ok(service.defaults()),
    }
}

/// How nodes are configured that nobody configures (§8.3).
pub(super) fn default(service: &Service) -> Element {
    let form = service.defaults().form(FormType::Form).to_element();
    pubsub::answer(OWNER, Element::new("default", OWNER).with_child(form))
}

/// How a node is configured (§8.2.1).
pub(super) async fn configuration(
    im: &Im,
    service: &Service,
    asker: &Jid,
    node: &str,
) -> Result<Element, StanzaError> {
    let config = owned(im, service, asker, node).await?;
    let configure = Element::new("configure", OWNER).with_attr("node", node);
    Ok(pubsub::answer(OWNER, configure.with_child(config.form(FormType::Form).to_element())))
}

/// A node is configured anew (§8.2.4).
pub(super) async fn configure(
    im: &Im,
    service: &Service,
    asker: &Jid,
    node: &str,
    form: &Form,
) -> Result<(), StanzaError> {
    let before = owned(im, service, asker, node).await?;
    if form.type_ == FormType::Cancel {
        return Ok(());
    }
    let config = before.clone().with(form)?;
    failed(im.store.pubsub_node_put(service.key(), node, &config.to_json()).await)?;
    if config.max_items < before.max_items {
        failed(im.store.pubsub_prune(service.key(), node, config.max_items).await)?;
    }
    if config.notify_config {
        // §8.2.5: with the configuration itself, where payloads are delivered.
        let shown = config.deliver_payloads.then(|| config.form(FormType::Result).to_element());
        events::send(im, service, node, &config, &events::configured(node, shown)).await;
    }
    // Who is not admitted any more is not told any more: `events` asks again for personal events; at the shared
    // service the owner takes their subscriptions away.
    if config.access == Access::Whitelist && before.access != Access::Whitelist && !service.personal {
        only_affiliates_stay(im, service, node).await?;
    }
    Ok(())
}

/// §8.2.5, §4.5: a node that closes keeps those subscribers who have an affiliation.
async fn only_affiliates_stay(im: &Im, service: &Service, node: &str) -> Result<(), StanzaError> {
    let known = failed(im.store.pubsub_affiliations(service.key(), node).await)?;
    for subscription in failed(im.store.pubsub_subscriptions(service.key(), node).await)? {
        if !known.iter().any(|(jid, _)| *jid == subscription.subscriber) {
            failed(im.store.pubsub_unsubscribe(service.key(), node, &subscription.jid).await)?;
            events::tell_subscription(im, service, node, &subscription.jid, "none").await;
        }
    }
    Ok(())
}

/// A node is removed (§8.4).
pub(super) async fn delete(im: &Im, service: &Service, asker: &Jid, node: &str) -> Result<(), StanzaError> {
    let config = owned(im, service, asker, node).await?;
    // Who is to be told is known as long as the node is there.
    let told = events::listeners(im, service, node, &config).await;
    failed(im.store.pubsub_node_remove(service.key(), node).await)?;
    if config.notify_delete {
        told.tell(im, service, &events::deleted(node));
    }
    if service.personal {
        pep::removed(im, &service.address, node).await;
    }
    Ok(())
}

/// All items of a node are removed (§8.5).
pub(super) async fn purge(im: &Im, service: &Service, asker: &Jid, node: &str) -> Result<(), StanzaError> {
    let config = owned(im, service, asker, node).await?;
    if !config.persist {
        return Err(keeps_nothing());
    }
    failed(im.store.pubsub_purge(service.key(), node).await)?;
    events::send(im, service, node, &config, &events::purged(node)).await;
    if service.personal {
        pep::removed(im, &service.address, node).await;
    }
    Ok(())
}

/// The configuration of a node that `asker` owns.
pub(super) async fn owned(
    im: &Im,
    service: &Service,
    asker: &Jid,
    node: &str,
) -> Result<NodeConfig, StanzaError> {
    let config = service.config(im, node).await?;
    Standing::of(im, service, node, asker).await?.owns()?;
    Ok(config)
}
