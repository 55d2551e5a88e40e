//! Items (XEP-0060 §6.5, §7.1, §7.2): published, taken back, and read in pages.

use bytes::Bytes;
use model::Jid;
use store::{KeptSize, PUBSUB_ITEMS_MAX, PubsubItem, PubsubItems, PubsubPage};
use xmpp::xep::forms::Form;
use xmpp::xep::pubsub::{NS, extended};
use xmpp::xep::rsm;
use xmpp::{Condition, Element, ErrorKind, StanzaError};

use super::config::{NodeConfig, PublishModel};
use super::standing::{Affiliation, Standing, refused};
use super::{NAME_BYTES, Service, answered, events, failed, keeps_nothing, nodes};
use crate::Im;
use crate::features::pep;

/// Items that an answer has when the asker names no number, and a page at most.
const PAGE_ITEMS: usize = 100;
/// Items that are read at a time where many are asked for: their payloads may be long, and few may fit.
const READ_ITEMS: usize = 64;
/// Bytes of payloads in one answer; what goes over is left for the next page.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// One payload, in bytes.
const PAYLOAD_BYTES_MAX: usize = 256 * 1024;

/// What a publisher hands in: the id, if one is given, and the payload.
type Given = (Option<String>, Option<Element>);

/// An item is published (§7.1).
pub(super) async fn publish(
    im: &Im,
    service: &Service,
    asker: &Jid,
    node: &str,
    item: Option<Given>,
    options: Option<&Form>,
) -> Result<Element, StanzaError> {
    let standing = Standing::of(im, service, node, asker).await?;
    let config = match service.config_if_any(im, node).await? {
        Some(config) => {
            standing.may_publish(im, &config).await?;
            if let Some(options) = options {
                config.meets(options)?;
            }
            config
        }
        // §7.1.4: only at one's own service does publishing make the node.
        None if service.personal && standing.affiliation == Affiliation::Owner => {
            nodes::made_by_publishing(service, options)?
        }
        None => return Err(Condition::ItemNotFound.into()),
    };
    let (id, payload) = checked(&config, item)?;
    let id = id.unwrap_or_else(|| im.runtime.random_token(NAME_BYTES));
    not_anothers(im, &standing, &config, &id).await?;
    let item = PubsubItem {
        id,
        publisher: standing.who.to_string(),
        at: im.runtime.timestamp(),
        payload: payload.as_ref().map_or_else(Bytes::new, Element::to_bytes),
    };
    put(im, service, node, &config, &item).await?;
    let published = Element::new("item", NS).with_attr("id", item.id.as_str());
    if service.personal {
        pep::published(im, &service.address, node, payload.as_ref()).await;
    }
    Ok(answered(Element::new("publish", NS).with_attr("node", node).with_child(published)))
}

/// Keeps an item, if the node keeps any, and tells who listens.
pub(crate) async fn put(
    im: &Im,
    service: &Service,
    node: &str,
    config: &NodeConfig,
    item: &PubsubItem,
) -> Result<(), StanzaError> {
    if config.persist {
        room_for(im, service, node, item.payload.len() as u64).await?;
        let json = config.to_json();
        let max = config.max_items;
        failed(im.store.pubsub_publish(service.key(), node, &json, item.clone(), max).await)?;
    }
    events::send(im, service, node, config, &events::published(service, node, config, item)).await;
    Ok(())
}

/// Is there room for so many bytes more: at a person's own service, or at this node of the shared one?
async fn room_for(im: &Im, service: &Service, node: &str, bytes: u64) -> Result<(), StanzaError> {
    let limits = im.limits.load().kept;
    let (owner, of_node, bytes_max) = if service.personal {
        (service.key().to_owned(), None, limits.personal_bytes_max)
    } else {
        (format!("{}/{node}", service.key()), Some(node), limits.node_bytes_max)
    };
    let most = KeptSize { entries: u64::MAX / 8, bytes: bytes_max };
    let sizes = &im.users.event_sizes;
    let added = sizes.add(&owner, bytes, most, im.runtime.now());
    let fits = if added.count {
        let size = failed(im.store.pubsub_size(service.key(), of_node).await)?;
        let size = KeptSize { entries: size.entries + 1, bytes: size.bytes + bytes };
        sizes.counted(&owner, size);
        size.bytes <= bytes_max
    } else {
        added.fits
    };
    if fits {
        return Ok(());
    }
    Err(StanzaError::new(ErrorKind::Wait, Condition::ResourceConstraint)
        .with_text("too much is kept here already; take something back first"))
}

/// §7.1.3.6: a node that keeps or delivers something needs an item; one that does neither wants none.
fn checked(config: &NodeConfig, item: Option<Given>) -> Result<Given, StanzaError> {
    let Some((id, payload)) = item else {
        return if config.persist || config.deliver_payloads {
            Err(extended(Condition::BadRequest, "item-required"))
        } else {
            Ok((None, None))
        };
    };
    match &payload {
        Some(payload) if payload.to_bytes().len() > PAYLOAD_BYTES_MAX => {
            Err(extended(Condition::NotAcceptable, "payload-too-big"))
        }
        Some(payload) if !config.payload_type.is_empty() && payload.ns() != config.payload_type => {
            Err(extended(Condition::BadRequest, "invalid-payload"))
        }
        _ => Ok((id, payload)),
    }
}

/// Where others than publishers may publish, nobody takes the place of what somebody else has published.
async fn not_anothers(
    im: &Im,
    standing: &Standing<'_>,
    config: &NodeConfig,
    id: &str,
) -> Result<(), StanzaError> {
    let trusted = matches!(standing.affiliation, Affiliation::Owner | Affiliation::Publisher);
    if trusted || config.publish_model == PublishModel::Publishers {
        return Ok(());
    }
    let before = failed(im.store.pubsub_item(standing.service.key(), standing.node, id).await)?;
    match before {
        Some(before) if before.publisher != standing.who.as_str() => Err(Condition::Forbidden.into()),
        _ => Ok(()),
    }
}

/// An item is taken back (§7.2), by its publisher, by a publisher of the node, or by an owner.
pub(super) async fn retract(
    im: &Im,
    service: &Service,
    asker: &Jid,
    node: &str,
    id: &str,
    notify: bool,
) -> Result<(), StanzaError> {
    let config = service.config(im, node).await?;
    let standing = Standing::of(im, service, node, asker).await?;
    standing.may_publish(im, &config).await?;
    if !config.persist {
        return Err(keeps_nothing());
    }
    let item = failed(im.store.pubsub_item(service.key(), node, id).await)?;
    let item = item.ok_or(Condition::ItemNotFound)?;
    let trusted = matches!(standing.affiliation, Affiliation::Owner | Affiliation::Publisher);
    if !trusted && item.publisher != standing.who.as_str() {
        return Err(Condition::Forbidden.into());
    }
    remove(im, service, node, &config, id, notify).await?;
    if service.personal {
        pep::removed(im, &service.address, node).await;
    }
    Ok(())
}

/// Removes an item and tells who listens.
pub(crate) async fn remove(
    im: &Im,
    service: &Service,
    node: &str,
    config: &NodeConfig,
    id: &str,
    notify: bool,
) -> Result<(), StanzaError> {
    if !failed(im.store.pubsub_retract(service.key(), node, id).await)? {
        return Err(Condition::ItemNotFound.into());
    }
    if notify || config.notify_retract {
        events::send(im, service, node, config, &events::retracted(node, id)).await;
    }
    Ok(())
}

/// Which items are asked for.
pub(super) struct Wanted {
    /// Exactly these; empty for a page.
    pub(super) ids: Vec<String>,
    /// The newest, at most so many.
    pub(super) max: Option<usize>,
    /// A page of all.
    pub(super) page: Option<rsm::Request>,
}

/// Items, for those who may read the node (§6.5), oldest first.
pub(super) async fn items(
    im: &Im,
    service: &Service,
    asker: &Jid,
    node: &str,
    wanted: &Wanted,
) -> Result<Element, StanzaError> {
    if service.personal && asker.to_bare() == service.address {
        pep::before_reading(im, &service.address, node).await?;
    }
    let config = service.config(im, node).await?;
    Standing::of(im, service, node, asker).await?.sees(im, &config).await?;
    if !config.persist {
        return Err(keeps_nothing());
    }
    let (found, page) = match &wanted.page {
        _ if !wanted.ids.is_empty() => (named(im, service, node, &wanted.ids).await?, None),
        Some(page) => {
            let (found, page) = paged(im, service, node, page).await?;
            (found, Some(page))
        }
        None => {
            let max = wanted.max.unwrap_or(PAGE_ITEMS);
            let mut found = newest_fitting(im, service, node, max).await?;
            found.reverse();
            (found, None)
        }
    };
    let items = Element::new("items", NS).with_attr("node", node);
    let items = found.iter().map(|item| element(service, item, NS)).fold(items, Element::with_child);
    let answer = answered(items);
    Ok(match page {
        Some(page) => answer.with_child(page.to_element()),
        None => answer,
    })
}

/// Items by their ids; a question for one that is not there has no answer (§6.5.9.12).
async fn named(
    im: &Im,
    service: &Service,
    node: &str,
    ids: &[String],
) -> Result<Vec<PubsubItem>, StanzaError> {
    let (mut found, mut bytes) = (Vec::new(), 0);
    for id in ids.iter().take(PUBSUB_ITEMS_MAX) {
        let Some(item) = failed(im.store.pubsub_item(service.key(), node, id).await)? else { continue };
        bytes += item.payload.len();
        if bytes > ANSWER_BYTES_MAX && !found.is_empty() {
            break;
        }
        found.push(item);
    }
    if found.is_empty() && !service.personal {
        return Err(Condition::ItemNotFound.into());
    }
    Ok(found)
}

/// The newest items that fit into one answer, newest first.
async fn newest_fitting(
    im: &Im,
    service: &Service,
    node: &str,
    max: usize,
) -> Result<Vec<PubsubItem>, StanzaError> {
    let (mut found, mut bytes, mut before) = (Vec::new(), 0, None);
    while found.len() < max {
        let count = READ_ITEMS.min(max - found.len());
        let place = PubsubPage::Before(before.take());
        // None when somebody has taken away the item that the last ones ended with.
        let page = failed(im.store.pubsub_page(service.key(), node, &place, count).await)?;
        let items = page.map(|page| page.items).unwrap_or_default();
        before = items.first().filter(|_| items.len() == count).map(|item| item.id.clone());
        for item in items.into_iter().rev() {
            bytes += item.payload.len();
            if bytes > ANSWER_BYTES_MAX && !found.is_empty() {
                return Ok(found);
            }
            found.push(item);
        }
        if before.is_none() {
            break;
        }
    }
    Ok(found)
}

/// A page (XEP-0059), with the ends that lead to the next one.
async fn paged(
    im: &Im,
    service: &Service,
    node: &str,
    asked: &rsm::Request,
) -> Result<(Vec<PubsubItem>, rsm::Page), StanzaError> {
    let place = match (&asked.after, &asked.before, asked.index) {
        (Some(after), _, _) => PubsubPage::After(after.clone()),
        (None, Some(before), _) => PubsubPage::Before(Some(before.clone()).filter(|id| !id.is_empty())),
        (None, None, index) => PubsubPage::From(index.unwrap_or(0)),
    };
    let max = asked.max.unwrap_or(PAGE_ITEMS).min(PAGE_ITEMS);
    let found = failed(im.store.pubsub_page(service.key(), node, &place, max).await)?;
    // XEP-0059 §2.2: a page behind what is not there.
    let PubsubItems { mut items, mut index, count } =
        found.ok_or_else(|| StanzaError::from(Condition::ItemNotFound))?;
    if matches!(place, PubsubPage::Before(_)) {
        items.reverse();
        let fits = fitting(&items);
        index += items.len() - fits;
        items.truncate(fits);
        items.reverse();
    } else {
        items.truncate(fitting(&items));
    }
    let ends = match (items.first(), items.last()) {
        (Some(first), Some(last)) => Some((first.id.clone(), last.id.clone())),
        _ => None,
    };
    let page = rsm::Page { index: ends.is_some().then_some(index), ends, count: Some(count) };
    Ok((items, page))
}

/// How many of the items fit into one answer; one always does.
fn fitting(items: &[PubsubItem]) -> usize {
    let mut bytes = 0;
    let fits = |item: &&PubsubItem| {
        bytes += item.payload.len();
        bytes <= ANSWER_BYTES_MAX
    };
    items.iter().take_while(fits).count().max(1)
}

/// An item as it goes out; at the shared service with its publisher (§7.1.2.3).
pub(super) fn element(service: &Service, item: &PubsubItem, ns: &'static str) -> Element {
    let mut element = Element::new("item", ns).with_attr("id", item.id.as_str());
    if !service.personal {
        element.set_attr("publisher", item.publisher.as_str());
    }
    match Element::parse(&item.payload, "") {
        Ok(payload) if !item.payload.is_empty() => element.with_child(payload),
        _ => element,
    }
}

/// The newest item, for somebody who has just subscribed (§6.1.7).
pub(super) async fn newest(im: &Im, service: &Service, node: &str) -> Option<PubsubItem> {
    im.store.pubsub_items(service.key(), node, 1).await.ok()?.pop()
}

/// There are as many subscriptions as there may be (§6.1.3.11).
pub(super) fn too_many_subscriptions() -> StanzaError {
    refused(ErrorKind::Wait, Condition::PolicyViolation, "too-many-subscriptions")
}

#[cfg(test)]
mod tests {
    use model::Timestamp;

    use super::*;

    fn item(bytes: usize) -> PubsubItem {
        PubsubItem {
            id: "1".to_owned(),
            publisher: "ann@localhost".to_owned(),
            at: Timestamp(0),
            payload: vec![b'x'; bytes].into(),
        }
    }

    #[test]
    fn an_answer_has_as_many_items_as_fit_and_always_one() {
        let half = ANSWER_BYTES_MAX / 2;
        assert_eq!(fitting(&[item(half), item(half), item(1)]), 2);
        assert_eq!(fitting(&[item(ANSWER_BYTES_MAX + 1), item(1)]), 1);
    }

    #[test]
    fn a_node_that_keeps_something_needs_an_item_of_its_type() {
        let config = NodeConfig { payload_type: "urn:a".to_owned(), ..NodeConfig::default() };
        let app = |given| checked(&config, given).unwrap_err().app.unwrap().name().to_owned();
        assert_eq!(app(None), "item-required");
        assert_eq!(app(Some((None, Some(Element::new("b", "urn:b"))))), "invalid-payload");
        let big = Element::new("a", "urn:a").with_text("x".repeat(PAYLOAD_BYTES_MAX));
        assert_eq!(app(Some((None, Some(big)))), "payload-too-big");
        assert!(checked(&config, Some((None, Some(Element::new("a", "urn:a"))))).is_ok());
        let bare = NodeConfig { persist: false, deliver_payloads: false, ..config.clone() };
        assert_eq!(checked(&bare, None), Ok((None, None)));
    }
}
