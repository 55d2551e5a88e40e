//! PubSub (XEP-0060): one engine for `pubsub.` under the domain and for everybody's personal events (XEP-0163).
//!
//! `standing` says who may do what, `nodes`, `items`, `subscriptions` and `members` do it, `events` tells who is to
//! hear of it, `discovery` what there is.

pub(crate) mod config;
mod discovery;
pub(crate) mod events;
pub(crate) mod items;
mod members;
mod nodes;
mod pending;
mod standing;
mod subscriptions;

use model::{BareJid, Jid};
use xmpp::xep::disco::{INFO, ITEMS};
use xmpp::xep::ping;
use xmpp::xep::pubsub::{self, NS, OWNER, Request, unsupported};
use xmpp::{Condition, Element, Stanza, StanzaError};

use crate::acceptance::storage_error;
use crate::features::commands::NS as COMMANDS;
use crate::{About, Im, Spec};
use config::NodeConfig;

pub(crate) use discovery::{node_info, node_items, personal_items};
pub(crate) use subscriptions::authorization;

/// What this feature is.
pub const ABOUT: About = About {
    name: "pubsub",
    specs: &[Spec::xep(60, "1.27.0"), Spec::xep(59, "1.0")],
    disco: &[],
    account: &[],
};

/// Nodes of the shared service.
const SHARED_NODES_MAX: usize = 20_000;
/// Nodes of the shared service that one person owns.
const NODES_PER_OWNER_MAX: usize = 200;
/// What item-not-found was in older protocols (XEP-0086 §3).
const NOT_FOUND: u16 = 404;
/// Random bytes in a name that we choose: of a node, or of an item.
const NAME_BYTES: usize = 12;

/// The names of what this service can do (XEP-0060 §10), behind [`pubsub::NS`] and `#`.
pub(crate) const FEATURES: &[&str] = &[
    "access-authorize",
    "access-open",
    "access-presence",
    "access-roster",
    "access-whitelist",
    "config-node",
    "config-node-max",
    "create-and-configure",
    "create-nodes",
    "delete-items",
    "delete-nodes",
    "get-pending",
    "instant-nodes",
    "item-ids",
    "last-published",
    "manage-subscriptions",
    "member-affiliation",
    "meta-data",
    "modify-affiliations",
    "multi-items",
    "outcast-affiliation",
    "persistent-items",
    "publish",
    "publish-only-affiliation",
    "publish-options",
    "publisher-affiliation",
    "purge-nodes",
    "retract-items",
    "retrieve-affiliations",
    "retrieve-default",
    "retrieve-default-sub",
    "retrieve-items",
    "retrieve-subscriptions",
    "rsm",
    "subscribe",
    "subscription-notifications",
    "subscription-options",
];

/// A service: the one that all share, or somebody's own.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    /// Its address.
    pub(crate) address: BareJid,
    /// It is that of a person's own events: that person owns all its nodes.
    pub(crate) personal: bool,
}

impl Service {
    /// Somebody's personal events.
    pub(crate) fn personal(owner: &BareJid) -> Self {
        Self { address: owner.clone(), personal: true }
    }

    /// The one that all share.
    pub(crate) fn shared(address: &BareJid) -> Self {
        Self { address: address.clone(), personal: false }
    }

    fn key(&self) -> &str {
        self.address.as_str()
    }

    /// How nodes are configured that nobody configures.
    fn defaults(&self) -> NodeConfig {
        if self.personal { NodeConfig::default() } else { NodeConfig::shared() }
    }

    /// A node's configuration.
    async fn config(&self, im: &Im, node: &str) -> Result<NodeConfig, StanzaError> {
        self.config_if_any(im, node).await?.ok_or_else(|| Condition::ItemNotFound.into())
    }

    pub(crate) async fn config_if_any(&self, im: &Im, node: &str) -> Result<Option<NodeConfig>, StanzaError> {
        let config = failed(im.store.pubsub_node(self.key(), node).await)?;
        Ok(config.map(|config| NodeConfig::from_json(&config)))
    }
}

fn failed<T>(result: Result<T, store::Error>) -> Result<T, StanzaError> {
    result.map_err(|error| storage_error(&error))
}

/// An IQ to the shared service.
pub(crate) async fn iq(
    im: &Im,
    service: &Service,
    asker: &Jid,
    stanza: &Stanza,
) -> Result<Option<Element>, StanzaError> {
    let set = stanza.type_().as_deref() == Some("set");
    let payload = stanza.first_child().ok_or(Condition::BadRequest)?.element();
    let node = payload.attr("node").filter(|node| !node.is_empty());
    if !set && let Some(about_commands) = pending::discovered(service, &payload) {
        return Ok(Some(about_commands));
    }
    match (set, payload.ns(), payload.name()) {
        (true, COMMANDS, "command") => pending::run(im, service, asker, &payload).await.map(Some),
        (false, INFO, "query") => match node {
            None => Ok(Some(discovery::service_info())),
            Some(node) => node_info(im, service, asker, node).await.map(Some),
        },
        (false, ITEMS, "query") => match node {
            None => discovery::service_items(im, service, asker, &payload).await.map(Some),
            Some(node) => node_items(im, service, asker, node).await.map(Some),
        },
        (false, ping::NS, "ping") => Ok(None),
        (_, NS | OWNER, "pubsub") => answer(im, service, asker, set, &payload).await,
        _ => Err(Condition::ServiceUnavailable.into()),
    }
}

/// Answers a request of `asker` to a service.
pub(crate) async fn answer(
    im: &Im,
    service: &Service,
    asker: &Jid,
    set: bool,
    payload: &Element,
) -> Result<Option<Element>, StanzaError> {
    let request = Request::from_element(payload, set)?;
    match request {
        Request::Items { node, ids, max, page } => {
            let found = items::items(im, service, asker, &node, &items::Wanted { ids, max, page }).await;
            // COMPAT: profanity tells by the number that somebody has no list of devices yet (XEP-0384).
            found.map(Some).map_err(|error| match error.condition {
                Condition::ItemNotFound => StanzaError { code: Some(NOT_FOUND), ..error },
                _ => error,
            })
        }
        Request::Publish { node, item, options } => {
            items::publish(im, service, asker, &node, item, options.as_ref()).await.map(Some)
        }
        Request::Retract { node, id, notify } => {
            items::retract(im, service, asker, &node, &id, notify).await.map(|()| None)
        }
        Request::Create { node, config } => nodes::create(im, service, asker, node, config.as_ref()).await,
        Request::Configuration { node } => nodes::configuration(im, service, asker, &node).await.map(Some),
        Request::Configure { node, config } => {
            nodes::configure(im, service, asker, &node, &config).await.map(|()| None)
        }
        Request::Default => Ok(Some(nodes::default(service))),
        Request::Delete { node } => nodes::delete(im, service, asker, &node).await.map(|()| None),
        Request::Purge { node } => nodes::purge(im, service, asker, &node).await.map(|()| None),
        Request::Subscribe { node, jid, options } => {
            subscriptions::subscribe(im, service, asker, (&node, &jid), options.as_ref()).await.map(Some)
        }
        Request::Unsubscribe { node, jid } => {
            subscriptions::unsubscribe(im, service, asker, &node, &jid).await.map(|()| None)
        }
        Request::Options { node, jid } => {
            subscriptions::options(im, service, asker, &node, &jid).await.map(Some)
        }
        Request::SetOptions { node, jid, options } => {
            subscriptions::set_options(im, service, asker, (&node, &jid), &options).await.map(|()| None)
        }
        Request::DefaultOptions => Ok(Some(subscriptions::default_options())),
        Request::Subscriptions(node) => {
            subscriptions::own(im, service, asker, node.as_deref()).await.map(Some)
        }
        Request::Affiliations(node) => members::own(im, service, asker, node.as_deref()).await.map(Some),
        Request::Subscribers { node } => members::subscribers(im, service, asker, &node).await.map(Some),
        Request::SetSubscribers { node, changes } => {
            members::set_subscribers(im, service, asker, &node, &changes).await.map(|()| None)
        }
        Request::Affiliates { node } => members::affiliates(im, service, asker, &node).await.map(Some),
        Request::SetAffiliates { node, changes } => {
            members::set_affiliates(im, service, asker, &node, &changes).await.map(|()| None)
        }
    }
}

/// The node keeps nothing (§6.5.9.4, §7.2.3.6, §8.5.3.3).
fn keeps_nothing() -> StanzaError {
    unsupported("persistent-items")
}

fn answered(child: Element) -> Element {
    pubsub::answer(NS, child)
}
