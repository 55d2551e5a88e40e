//! Bookmarks of rooms: kept one by one (XEP-0402), and shown as one list to clients that know no better (XEP-0048), in
//! private storage (XEP-0049) as well as among personal events. All see, and change, the same list.

use bytes::Bytes;
use model::{BareJid, Jid};
use store::{PUBSUB_ITEMS_MAX, PubsubItem};
use xmpp::{Element, StanzaError};

use crate::acceptance::storage_error;
use crate::pubsub::config::{Access, NodeConfig, SendLast};
use crate::pubsub::{Service, items};
use crate::{About, Im, Spec};

/// What this feature is.
pub const ABOUT: About = About {
    name: "bookmarks",
    specs: &[Spec::xep(402, "1.2.0"), Spec::xep(48, "1.2"), Spec::xep(411, "1.1.0")],
    disco: &[],
    account: &[
        "urn:xmpp:bookmarks:1#compat",
        "urn:xmpp:bookmarks:1#compat-pep",
        "urn:xmpp:bookmarks-conversion:0",
    ],
};

/// The node, and the namespace, of bookmarks one by one.
pub(crate) const NODE: &str = "urn:xmpp:bookmarks:1";
/// The namespace of the list, and the node where it is among events.
pub(crate) const LIST: &str = "storage:bookmarks";
/// The one item of the list's node (XEP-0223).
const LIST_ITEM: &str = "current";
/// The list among private documents.
const DOCUMENT: &str = "{storage:bookmarks}storage";

/// One bookmark, as both formats tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Bookmark {
    jid: String,
    name: Option<String>,
    autojoin: bool,
    nick: Option<String>,
    password: Option<String>,
}

impl Bookmark {
    /// Reads `<conference/>` of either namespace.
    fn read(jid: &str, conference: &Element) -> Self {
        let text =
            |name| conference.child(name, conference.ns()).map(Element::text).filter(|text| !text.is_empty());
        Self {
            jid: jid.to_owned(),
            name: conference.attr("name").map(str::to_owned),
            autojoin: matches!(conference.attr("autojoin"), Some("1" | "true")),
            nick: text("nick"),
            password: text("password"),
        }
    }

    fn write(&self, ns: &'static str) -> Element {
        let mut conference = Element::new("conference", ns);
        if ns == LIST {
            conference.set_attr("jid", self.jid.as_str());
        }
        if let Some(name) = &self.name {
            conference.set_attr("name", name.as_str());
        }
        if self.autojoin {
            conference.set_attr("autojoin", "true");
        }
        for (name, text) in [("nick", &self.nick), ("password", &self.password)] {
            if let Some(text) = text {
                conference.push(Element::new(name, ns).with_text(text.as_str()));
            }
        }
        conference
    }

    /// The same as an item; what an older client knows nothing of stays (XEP-0402 §3: extensions).
    fn item(&self, before: Option<&Element>) -> Element {
        let mut conference = self.write(NODE);
        if let Some(extensions) = before.and_then(|before| before.child("extensions", NODE)) {
            conference.push(extensions.clone());
        }
        conference
    }
}

/// The bookmarks of a list, each address once, and what else is in it.
fn read_list(storage: &Element) -> (Vec<Bookmark>, Vec<Element>) {
    let mut bookmarks = Vec::<Bookmark>::new();
    let mut others = Vec::new();
    for child in storage.children() {
        if !child.is("conference", LIST) {
            others.push(child.clone());
        } else if let Some(jid) = child.attr("jid").and_then(|jid| jid.parse::<Jid>().ok()) {
            let jid = jid.to_bare();
            if !bookmarks.iter().any(|known| known.jid == jid.as_str()) {
                bookmarks.push(Bookmark::read(jid.as_str(), child));
            }
        }
    }
    (bookmarks, others)
}

/// The bookmarks one by one: item id and payload, oldest first.
async fn kept(im: &Im, owner: &BareJid) -> Result<Vec<(String, Element)>, StanzaError> {
    let mut items = failed(im.store.pubsub_items(owner.as_str(), NODE, PUBSUB_ITEMS_MAX).await)?;
    items.reverse();
    let parsed = |item: PubsubItem| Some((item.id, Element::parse(&item.payload, "").ok()?));
    Ok(items.into_iter().filter_map(parsed).collect())
}

fn failed<T>(result: Result<T, store::Error>) -> Result<T, StanzaError> {
    result.map_err(|error| storage_error(&error))
}

async fn document(im: &Im, owner: &BareJid) -> Result<Option<Element>, StanzaError> {
    let kept = failed(im.store.user_document(owner, DOCUMENT).await)?;
    Ok(kept.and_then(|content| Element::parse(&content, "").ok()))
}

/// The list as older clients see it (XEP-0402 §5.4).
pub(crate) async fn list(im: &Im, owner: &BareJid) -> Result<Element, StanzaError> {
    adopt(im, owner).await?;
    let mut storage = Element::new("storage", LIST);
    for (id, conference) in kept(im, owner).await? {
        storage.push(Bookmark::read(&id, &conference).write(LIST));
    }
    // What is no room, such as the address of a page, is kept beside.
    if let Some(document) = document(im, owner).await? {
        document.children().filter(|child| !child.is("conference", LIST)).for_each(|child| {
            storage.push(child.clone());
        });
    }
    Ok(storage)
}

/// A client that knows only the list writes it whole: what changed in it changes one by one.
pub(crate) async fn set_list(im: &Im, owner: &BareJid, storage: &Element) -> Result<(), StanzaError> {
    let (bookmarks, others) = read_list(storage);
    keep_others(im, owner, others).await?;
    replace(im, owner, &bookmarks).await?;
    refresh(im, owner).await
}

async fn keep_others(im: &Im, owner: &BareJid, others: Vec<Element>) -> Result<(), StanzaError> {
    let document = others.into_iter().fold(Element::new("storage", LIST), Element::with_child);
    failed(im.store.user_document_put(owner, DOCUMENT, document.to_bytes()).await)
}

/// XEP-0402 §5.4: updates and retractions as needed, and none for what is as it was.
async fn replace(im: &Im, owner: &BareJid, bookmarks: &[Bookmark]) -> Result<(), StanzaError> {
    let before = kept(im, owner).await?;
    let service = Service::personal(owner);
    let config = config(im, &service, NODE).await?;
    for bookmark in bookmarks {
        let known = before.iter().find(|(id, _)| *id == bookmark.jid).map(|(_, conference)| conference);
        if known.is_none_or(|known| Bookmark::read(&bookmark.jid, known) != *bookmark) {
            put(im, &service, NODE, &config, (&bookmark.jid, &bookmark.item(known))).await?;
        }
    }
    for (id, _) in before {
        if !bookmarks.iter().any(|bookmark| bookmark.jid == id) {
            items::remove(im, &service, NODE, &config, &id, true).await?;
        }
    }
    Ok(())
}

/// A list that was kept before bookmarks had items of their own becomes such items, once.
async fn adopt(im: &Im, owner: &BareJid) -> Result<(), StanzaError> {
    let Some(document) = document(im, owner).await? else { return Ok(()) };
    let (mut bookmarks, others) = read_list(&document);
    if bookmarks.is_empty() {
        return Ok(());
    }
    for (id, conference) in kept(im, owner).await? {
        bookmarks.retain(|bookmark| bookmark.jid != id);
        bookmarks.push(Bookmark::read(&id, &conference));
    }
    replace(im, owner, &bookmarks).await?;
    keep_others(im, owner, others).await
}

/// The configuration of one of the two nodes; one that is made here is for the owner alone (XEP-0223).
async fn config(im: &Im, service: &Service, node: &str) -> Result<NodeConfig, StanzaError> {
    let config = service.config_if_any(im, node).await?;
    Ok(config.unwrap_or_else(|| NodeConfig {
        access: Access::Whitelist,
        max_items: if node == NODE { PUBSUB_ITEMS_MAX } else { 1 },
        send_last: if node == NODE { SendLast::Never } else { SendLast::OnSubAndPresence },
        ..NodeConfig::default()
    }))
}

async fn put(
    im: &Im,
    service: &Service,
    node: &str,
    config: &NodeConfig,
    (id, payload): (&str, &Element),
) -> Result<(), StanzaError> {
    items::put(im, service, node, config, &item(im, service, id, payload.to_bytes())).await
}

fn item(im: &Im, service: &Service, id: &str, payload: Bytes) -> PubsubItem {
    let publisher = service.address.to_string();
    PubsubItem { id: id.to_owned(), publisher, at: im.runtime.timestamp(), payload }
}

/// The owner is about to read one of the nodes: what another format has is in it.
pub(crate) async fn before_reading(im: &Im, owner: &BareJid, node: &str) -> Result<(), StanzaError> {
    if node == NODE {
        return adopt(im, owner).await;
    }
    let list = list(im, owner).await?.to_bytes();
    let service = Service::personal(owner);
    let known = failed(im.store.pubsub_item(owner.as_str(), LIST, LIST_ITEM).await)?;
    // Nobody has ever had a bookmark: the node is not there.
    let nothing = known.is_none() && Element::parse(&list, "").is_ok_and(|list| list.children().count() == 0);
    if nothing || known.is_some_and(|known| known.payload == list) {
        return Ok(());
    }
    let config = config(im, &service, LIST).await?;
    let item = item(im, &service, LIST_ITEM, list);
    let kept = im.store.pubsub_publish(owner.as_str(), LIST, &config.to_json(), item, 1).await;
    failed(kept)
}

/// The owner changed one of the nodes: the other follows.
pub(crate) async fn changed(im: &Im, owner: &BareJid, node: &str, payload: Option<&Element>) {
    let done = match (node, payload) {
        (LIST, Some(storage)) => {
            let (bookmarks, others) = read_list(storage);
            match keep_others(im, owner, others).await {
                Ok(()) => replace(im, owner, &bookmarks).await,
                refused => refused,
            }
        }
        // Taking the list's item away says nothing about bookmarks: it is made anew from them.
        (LIST, None) => Ok(()),
        _ => refresh(im, owner).await,
    };
    if let Err(error) = done {
        tracing::warn!(%error, "two formats of somebody's bookmarks differ until the next change");
    }
}

/// Writes the list's item anew, where somebody has it or wants it.
async fn refresh(im: &Im, owner: &BareJid) -> Result<(), StanzaError> {
    let service = Service::personal(owner);
    let wanted = im
        .sessions
        .account(owner.as_str())
        .is_some_and(|account| account.seats().iter().any(|seat| seat.wants_events_of(LIST)));
    if !wanted && service.config_if_any(im, LIST).await?.is_none() {
        return Ok(());
    }
    let list = list(im, owner).await?;
    put(im, &service, LIST, &config(im, &service, LIST).await?, (LIST_ITEM, &list)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(xml: &str) -> Element {
        Element::parse(xml.as_bytes(), "").unwrap()
    }

    #[test]
    fn a_bookmark_is_the_same_in_both_formats() {
        let old = parse(
            "<conference xmlns='storage:bookmarks' jid='ball@rooms' name='Ball' autojoin='1'>\
             <nick>R</nick><password>cap</password></conference>",
        );
        let bookmark = Bookmark::read("ball@rooms", &old);
        assert!(bookmark.autojoin);
        assert_eq!(Bookmark::read("ball@rooms", &bookmark.write(NODE)), bookmark);
        assert_eq!(Bookmark::read("ball@rooms", &bookmark.write(LIST)), bookmark);
        assert_eq!(bookmark.write(LIST).attr("jid"), Some("ball@rooms"));
        assert_eq!(bookmark.write(NODE).attr("jid"), None);
    }

    #[test]
    fn extensions_outlive_a_client_that_does_not_know_them() {
        let before = parse(
            "<conference xmlns='urn:xmpp:bookmarks:1'><extensions><pinned xmlns='urn:p'/></extensions></conference>",
        );
        let bookmark = Bookmark { name: Some("New".into()), ..Bookmark::read("b@r", &before) };
        let after = bookmark.item(Some(&before));
        assert!(after.child("extensions", NODE).unwrap().child("pinned", "urn:p").is_some());
        assert_eq!(after.attr("name"), Some("New"));
    }

    #[test]
    fn a_list_gives_each_address_once_and_keeps_the_rest() {
        let list = parse(
            "<storage xmlns='storage:bookmarks'><conference jid='a@r'/><conference jid='A@r/x' name='2'/>\
             <conference name='nowhere'/><url name='u' url='http://u'/></storage>",
        );
        let (bookmarks, others) = read_list(&list);
        assert_eq!(bookmarks.iter().map(|b| b.jid.as_str()).collect::<Vec<_>>(), ["a@r"]);
        assert_eq!(others.len(), 1);
    }
}
