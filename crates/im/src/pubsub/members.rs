//! Who belongs to a node: one's own affiliations (XEP-0060 §5.7), and the lists that owners see and change (§8.8, §8.9).

use model::{BareJid, Jid};
use store::PubsubSubscription;
use xmpp::xep::pubsub::{self, NS, OWNER};
use xmpp::{Condition, Element, StanzaError};

use super::nodes::owned;
use super::standing::{Affiliation, PENDING, SUBSCRIBED};
use super::subscriptions::{Options, set_state};
use super::{Service, answered, failed};
use crate::Im;

/// One's own affiliations.
pub(super) async fn own(
    im: &Im,
    service: &Service,
    asker: &Jid,
    node: Option<&str>,
) -> Result<Element, StanzaError> {
    let all = failed(im.store.pubsub_affiliations_of(service.key(), &asker.to_bare()).await)?;
    let all = all.into_iter().filter(|(name, _)| node.is_none_or(|node| node == name));
    let mut list = Element::new("affiliations", NS);
    if let Some(node) = node {
        list.set_attr("node", node);
    }
    let element = |(node, word): (String, String)| {
        Element::new("affiliation", NS).with_attr("node", node).with_attr("affiliation", word)
    };
    Ok(answered(all.map(element).fold(list, Element::with_child)))
}

/// Who is subscribed, for owners (§8.8.1).
pub(super) async fn subscribers(
    im: &Im,
    service: &Service,
    asker: &Jid,
    node: &str,
) -> Result<Element, StanzaError> {
    owned(im, service, asker, node).await?;
    let element = |one: PubsubSubscription| {
        Element::new("subscription", OWNER).with_attr("jid", one.jid).with_attr("subscription", one.state)
    };
    let all = failed(im.store.pubsub_subscriptions(service.key(), node).await)?.into_iter().map(element);
    let list = Element::new("subscriptions", OWNER).with_attr("node", node);
    Ok(pubsub::answer(OWNER, all.fold(list, Element::with_child)))
}

/// Owners change subscriptions (§8.8.2): all that are named, or none.
pub(super) async fn set_subscribers(
    im: &Im,
    service: &Service,
    asker: &Jid,
    node: &str,
    changes: &[(String, String)],
) -> Result<(), StanzaError> {
    let config = owned(im, service, asker, node).await?;
    let mut wanted = Vec::with_capacity(changes.len());
    for (jid, word) in changes {
        let jid: Jid = jid.parse().map_err(|_| Condition::JidMalformed)?;
        let state = match word.as_str() {
            SUBSCRIBED => Some(SUBSCRIBED),
            PENDING => Some(PENDING),
            "none" => None,
            // §4.2: we have no subscriptions that wait for options.
            _ => return Err(Condition::NotAcceptable.into()),
        };
        wanted.push((jid, state));
    }
    let known = failed(im.store.pubsub_subscriptions(service.key(), node).await)?;
    for (jid, state) in wanted {
        let before = known.iter().find(|one| one.jid == jid.as_str());
        if before.map(|one| one.state.as_str()) == state {
            continue;
        }
        let subscription = before.cloned().unwrap_or_else(|| PubsubSubscription {
            node: node.to_owned(),
            jid: jid.to_string(),
            subscriber: jid.to_bare(),
            state: PENDING.to_owned(),
            options: Options::default().to_json(),
        });
        set_state(im, service, &config, subscription, state).await?;
    }
    Ok(())
}

/// Who has which affiliation, for owners (§8.9.1).
pub(super) async fn affiliates(
    im: &Im,
    service: &Service,
    asker: &Jid,
    node: &str,
) -> Result<Element, StanzaError> {
    owned(im, service, asker, node).await?;
    let all = with_owner(service, failed(im.store.pubsub_affiliations(service.key(), node).await)?);
    let element = |(jid, word): (BareJid, String)| {
        Element::new("affiliation", OWNER).with_attr("jid", jid.as_str()).with_attr("affiliation", word)
    };
    let list = Element::new("affiliations", OWNER).with_attr("node", node);
    Ok(pubsub::answer(OWNER, all.into_iter().map(element).fold(list, Element::with_child)))
}

/// The owner of a person's own service is nowhere written down.
fn with_owner(service: &Service, mut all: Vec<(BareJid, String)>) -> Vec<(BareJid, String)> {
    if service.personal {
        all.insert(0, (service.address.clone(), Affiliation::Owner.as_str().to_owned()));
    }
    all
}

/// Owners change affiliations (§8.9.2): all that are named, or none.
pub(super) async fn set_affiliates(
    im: &Im,
    service: &Service,
    asker: &Jid,
    node: &str,
    changes: &[(String, String)],
) -> Result<(), StanzaError> {
    owned(im, service, asker, node).await?;
    let mut wanted = Vec::with_capacity(changes.len());
    for (jid, word) in changes {
        let jid: BareJid = jid.parse::<Jid>().map_err(|_| Condition::JidMalformed)?.to_bare();
        let affiliation = Affiliation::of(word).ok_or(Condition::NotAcceptable)?;
        if service.personal && jid == service.address {
            return Err(Condition::NotAcceptable.into());
        }
        wanted.push((jid, affiliation));
    }
    let before = failed(im.store.pubsub_affiliations(service.key(), node).await)?;
    if !service.personal && !keeps_an_owner(&before, &wanted) {
        // §8.9.2.4: a node has an owner.
        return Err(Condition::NotAcceptable.into());
    }
    let rows = wanted.iter().map(|(jid, affiliation)| {
        let word = (*affiliation != Affiliation::None).then(|| affiliation.as_str().to_owned());
        (jid.clone(), word)
    });
    failed(im.store.pubsub_affiliations_put(service.key(), node, rows.collect()).await)?;
    for (jid, _) in wanted.iter().filter(|(_, affiliation)| *affiliation == Affiliation::Outcast) {
        // §4.1: whoever is cast out hears nothing more.
        failed(im.store.pubsub_unsubscribe_all(service.key(), node, jid).await)?;
    }
    Ok(())
}

fn keeps_an_owner(before: &[(BareJid, String)], wanted: &[(BareJid, Affiliation)]) -> bool {
    let last = |jid: &BareJid| wanted.iter().rev().find(|(other, _)| other == jid).map(|(_, now)| *now);
    let stays = before.iter().any(|(jid, word)| {
        last(jid).map_or(word == Affiliation::Owner.as_str(), |now| now == Affiliation::Owner)
    });
    stays || wanted.iter().any(|(jid, _)| last(jid) == Some(Affiliation::Owner))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jid(text: &str) -> BareJid {
        text.parse().unwrap()
    }

    #[test]
    fn the_last_owner_stays() {
        let before = [(jid("a@x"), "owner".to_owned()), (jid("b@x"), "member".to_owned())];
        let to = |who: &str, affiliation| (jid(who), affiliation);
        assert!(keeps_an_owner(&before, &[to("b@x", Affiliation::Outcast)]));
        assert!(!keeps_an_owner(&before, &[to("a@x", Affiliation::Member)]));
        assert!(keeps_an_owner(&before, &[to("a@x", Affiliation::None), to("b@x", Affiliation::Owner)]));
        assert!(!keeps_an_owner(
            &before,
            &[to("c@x", Affiliation::Owner), to("c@x", Affiliation::None), to("a@x", Affiliation::None)]
        ));
    }
}
