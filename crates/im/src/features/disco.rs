//! Service discovery (XEP-0030), made from what the features say about themselves.

use model::{BareJid, Jid};
pub(crate) use xmpp::xep::disco::{INFO, ITEMS};
use xmpp::xep::disco::{Identity, Info, Items};
use xmpp::{Condition, Element, StanzaError};

use super::ALL;
use crate::acceptance::storage_error;
use crate::pubsub::{self, Service};
use crate::services;
use crate::{About, Im, Spec};

/// What this feature is.
pub const ABOUT: About =
    About { name: "disco", specs: &[Spec::xep(30, "2.5.0")], disco: &[INFO, ITEMS], account: &[INFO, ITEMS] };

/// Who the server is and what it can do.
pub(crate) fn host_info(im: &Im, query: &Element) -> Result<Option<Element>, StanzaError> {
    without_node(query)?;
    let mut info = server_info();
    if let Some(form) = super::contact_addresses::form(&im.users.policies.load().contacts) {
        info.push(form);
    }
    Ok(Some(info))
}

fn server_info() -> Element {
    let features = ALL.iter().flat_map(|about| about.disco.iter().copied());
    info(("server", "im", Some("Carillon")), features)
}

/// What the server offers under other addresses.
pub(crate) fn host_items(im: &Im, query: &Element) -> Result<Option<Element>, StanzaError> {
    without_node(query)?;
    let items = Items::default().to_element().with_child(crate::muc::service_item(im));
    Ok(Some(services::items(im).into_iter().fold(items, Element::with_child)))
}

/// What an account offers: its nodes of personal events (XEP-0163 §6.2), or the items of one.
pub(crate) async fn items(
    im: &Im,
    asker: &Jid,
    user: &BareJid,
    query: &Element,
) -> Result<Option<Element>, StanzaError> {
    let service = Service::personal(user);
    match query.attr("node").filter(|node| !node.is_empty()) {
        Some(node) => pubsub::node_items(im, &service, asker, node).await.map(Some),
        None => {
            may_look(im, asker, user).await?;
            pubsub::personal_items(im, &service, asker).await.map(Some)
        }
    }
}

/// Who does not see an account's presence finds nobody (XEP-0030 §8).
async fn may_look(im: &Im, asker: &Jid, user: &BareJid) -> Result<(), StanzaError> {
    let asker = asker.to_bare();
    let may = presence::may_watch(&im.store, &asker, user).await.map_err(|error| storage_error(&error))?;
    if may { Ok(()) } else { Err(Condition::ServiceUnavailable.into()) }
}

/// What an account can do: for its owner and for those who see its presence (XEP-0030 §8); to others it
/// looks like one that does not exist.
pub(crate) async fn account_info(
    im: &Im,
    asker: &Jid,
    user: &BareJid,
    query: &Element,
) -> Result<Option<Element>, StanzaError> {
    if let Some(node) = query.attr("node").filter(|node| !node.is_empty()) {
        return pubsub::node_info(im, &Service::personal(user), asker, node).await.map(Some);
    }
    may_look(im, asker, user).await?;
    let features = ALL.iter().flat_map(|about| about.account.iter().copied());
    let mut info = info(("account", "registered", None), features);
    // XEP-0163 §6.1: the service of personal events says that it is one.
    info.push(Element::new("identity", INFO).with_attr("category", "pubsub").with_attr("type", "pep"));
    Ok(Some(info))
}

/// A contact that answers by itself (XEP-0030 registry: `client/bot`).
pub(crate) fn contact_info(query: &Element) -> Result<Option<Element>, StanzaError> {
    without_node(query)?;
    Ok(Some(info(("client", "bot", None), [INFO, super::ping::NS].into_iter())))
}

/// Nodes are for services that have them (XEP-0030 §3.2).
fn without_node(query: &Element) -> Result<(), StanzaError> {
    match query.attr("node") {
        None | Some("") => Ok(()),
        Some(_) => Err(Condition::ItemNotFound.into()),
    }
}

fn info(
    (category, type_, name): (&str, &str, Option<&str>),
    features: impl Iterator<Item = &'static str>,
) -> Element {
    let identity = Identity {
        category: category.to_owned(),
        type_: type_.to_owned(),
        lang: None,
        name: name.map(str::to_owned),
    };
    let mut features: Vec<String> = features.map(str::to_owned).collect();
    features.sort_unstable();
    features.dedup();
    Info { identities: vec![identity], features, ..Info::default() }.to_element()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(query: &Element) -> Vec<&str> {
        query
            .children()
            .filter(|child| child.name() == "feature")
            .filter_map(|child| child.attr("var"))
            .collect()
    }

    #[test]
    fn every_feature_of_the_host_is_named_once() {
        let info = server_info();
        let found = features(&info);
        for about in ALL {
            for feature in about.disco {
                assert_eq!(found.iter().filter(|other| *other == feature).count(), 1, "{feature}");
            }
        }
        assert!(info.child("identity", INFO).is_some_and(|identity| identity.attr("type") == Some("im")));
    }

    #[test]
    fn a_node_that_nobody_has_is_not_found() {
        let query = Element::new("query", INFO).with_attr("node", "urn:nothing");
        assert_eq!(without_node(&query).unwrap_err().condition, Condition::ItemNotFound);
    }

    #[test]
    fn the_features_have_different_names() {
        let mut names: Vec<&str> = ALL.iter().map(|about| about.name).collect();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
        assert!(names.is_sorted());
    }
}
