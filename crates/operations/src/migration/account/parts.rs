//! All of an account but its messages, element by element.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use model::{BareJid, Jid, Timestamp};
use store::{
    Account, AccountNode, ArchivePreference, LastActivity, PubsubItem, RosterItem, ScramRecord,
    SubscriptionRequest,
};
use xmpp::xep::{forms, mam};
use xmpp::{Context, Element, ns};

use crate::migration::{CARILLON, IDLE, NICK, SCRAM};

const ROSTER: &str = "jabber:iq:roster";
const PRIVATE: &str = "jabber:iq:private";
const PRIVACY: &str = "jabber:iq:privacy";
const BLOCKING: &str = "urn:xmpp:blocking";
const VCARD: &str = "vcard-temp";
const PUBSUB: &str = "http://jabber.org/protocol/pubsub";
const OWNER: &str = "http://jabber.org/protocol/pubsub#owner";
const AVATAR: &str = "urn:xmpp:avatar:metadata";
/// Where the hash of the newest picture is kept.
const AVATAR_HASH: &str = "avatar-hash";
/// Nodes that are for their owner alone, whatever is not said of them (XEP-0223).
const OWN: &[&str] = &["storage:bookmarks", "urn:xmpp:bookmarks:1", "urn:xmpp:mds:displayed:0"];

/// A card with its picture, in bytes.
const CARD_BYTES_MAX: usize = 131_072;
/// One private document, in bytes.
const DOCUMENT_BYTES_MAX: usize = 65_536;
/// One payload of a node, in bytes.
const PAYLOAD_BYTES_MAX: usize = 256 << 10;
/// The fewest iterations that are taken: with fewer a password is guessed too fast, and clients refuse.
const ITERATIONS_MIN: u32 = 1_000;
/// The most: a client would compute too long.
const ITERATIONS_MAX: u32 = 10_000_000;

/// What a `<pubsub/>` says.
pub(super) enum Pubsub {
    Configurations(Vec<(String, String)>),
    Nodes(Vec<AccountNode>),
}

/// The kind of a private document.
pub fn kind(document: &Element) -> String {
    format!("{{{}}}{}", document.ns(), document.name())
}

/// Takes one element into the account.
pub(super) fn read(account: &mut Account, element: &Element, left_out: &mut Vec<String>) {
    match (element.ns(), element.name()) {
        (SCRAM, "scram-credentials") => scram(account, element, left_out),
        (ROSTER, "query") => roster(account, element, left_out),
        (ns::CLIENT, "presence") => request(account, element, left_out),
        (VCARD, "vCard") => document(account, VCARD.to_owned(), element, CARD_BYTES_MAX, left_out),
        (PRIVATE, "query") => {
            for child in element.children() {
                document(account, kind(child), child, DOCUMENT_BYTES_MAX, left_out);
            }
        }
        (PRIVACY, "query") => privacy(account, element, left_out),
        (BLOCKING, "blocklist") => {
            element
                .children()
                .for_each(|item| block(account, item.attr("jid").unwrap_or_default(), left_out));
        }
        (mam::NS, "prefs") => account.preference = Some(preference(element)),
        (IDLE, "idle") => match element.attr("since").and_then(|since| since.parse().ok()) {
            Some(at) => account.last_activity = Some(LastActivity { at, status: element.text() }),
            None => left_out.push("since= is no time".to_owned()),
        },
        (NICK, "nick") => {
            let name = element.text();
            account.name = name[..name.floor_char_boundary(store::NAME_BYTES_MAX)].to_owned();
        }
        (CARILLON, "account") => account.enabled = element.attr("enabled") != Some("false"),
        (ns, name) => left_out.push(format!("<{name} xmlns='{ns}'/> is not known here")),
    }
}

fn scram(account: &mut Account, element: &Element, left_out: &mut Vec<String>) {
    let mechanism = element.attr("mechanism").unwrap_or_default();
    let mechanism = mechanism.strip_suffix("-PLUS").unwrap_or(mechanism);
    let key_bytes = match mechanism {
        "SCRAM-SHA-1" => 20,
        "SCRAM-SHA-256" => 32,
        "SCRAM-SHA-512" => 64,
        other => return left_out.push(format!("{other:?} is no mechanism that is known here")),
    };
    let text = |name| element.child(name, SCRAM).map(Element::text).unwrap_or_default().trim().to_owned();
    let bytes = |name| STANDARD.decode(text(name)).unwrap_or_default();
    let (mut salt, mut stored_key, mut server_key) =
        (bytes("salt"), bytes("stored-key"), bytes("server-key"));
    // COMPAT: ejabberd 23.01 encodes all three twice.
    let twice = |value: &[u8]| STANDARD.decode(value).ok();
    if stored_key.len() != key_bytes
        && let (Some(stored), Some(server), Some(salted)) =
            (twice(&stored_key), twice(&server_key), twice(&salt))
    {
        (salt, stored_key, server_key) = (salted, stored, server);
    }
    let iterations = text("iter-count").parse::<u32>().unwrap_or_default();
    if stored_key.len() != key_bytes || server_key.len() != key_bytes || salt.is_empty() {
        left_out.push(format!("the keys are not those of {mechanism}: give the user a new password"));
    } else if !(ITERATIONS_MIN..=ITERATIONS_MAX).contains(&iterations) {
        left_out
            .push(format!("{iterations} iterations are too few or too many: give the user a new password"));
    } else if account.scram.iter().any(|record| record.mechanism == mechanism) {
        left_out.push(format!("{mechanism} is there twice"));
    } else {
        let mechanism = mechanism.to_owned();
        account.scram.push(ScramRecord { mechanism, salt, iterations, stored_key, server_key });
    }
}

fn roster(account: &mut Account, query: &Element, left_out: &mut Vec<String>) {
    for item in query.children().filter(|child| child.is("item", ROSTER)) {
        let jid = item.attr("jid").unwrap_or_default();
        let subscription = item.attr("subscription").unwrap_or("none");
        let (Ok(contact), Ok(subscription)) = (jid.parse::<Jid>(), subscription.parse()) else {
            left_out.push(format!(
                "contact {jid:?}: the address or the subscription {subscription:?} is not right"
            ));
            continue;
        };
        let contact = contact.to_bare();
        if contact == account.jid || account.roster.iter().any(|known| known.contact == contact) {
            continue;
        }
        if account.roster.len() >= store::ROSTER_ITEMS_MAX {
            left_out.push(format!("a roster has at most {} contacts", store::ROSTER_ITEMS_MAX));
            break;
        }
        let mut groups: Vec<String> = Vec::new();
        for group in item.children().filter(|child| child.is("group", ROSTER)).map(Element::text) {
            if !group.is_empty() && !groups.contains(&group) && groups.len() < store::ROSTER_GROUPS_MAX {
                groups.push(group);
            }
        }
        account.roster.push(RosterItem {
            contact,
            name: item.attr("name").unwrap_or_default().to_owned(),
            subscription,
            ask: item.attr("ask") == Some("subscribe"),
            approved: matches!(item.attr("approved"), Some("true" | "1")),
            groups,
        });
    }
}

fn request(account: &mut Account, presence: &Element, left_out: &mut Vec<String>) {
    let from = presence.attr("from").unwrap_or_default();
    let contact = from.parse::<Jid>().map(|from| from.to_bare());
    let (Some("subscribe"), Ok(contact)) = (presence.attr("type"), contact) else {
        return left_out.push("this is no request of anybody to see the user's presence".to_owned());
    };
    if account.requests.len() >= store::SUBSCRIPTION_REQUESTS_MAX {
        return left_out.push(format!("at most {} requests wait", store::SUBSCRIPTION_REQUESTS_MAX));
    }
    let stamps = presence.children().filter_map(|child| child.attr("stamp")?.parse().ok());
    let at = stamps.into_iter().next().unwrap_or(Timestamp(0));
    let mut presence = presence.clone();
    presence.set_attr("from", contact.as_str());
    presence.set_attr("to", account.jid.as_str());
    let mut stanza = BytesMut::new();
    presence.write(&mut stanza, Context::Client);
    account.requests.push(SubscriptionRequest { contact, stanza: stanza.freeze(), at });
}

fn document(account: &mut Account, kind: String, content: &Element, max: usize, left_out: &mut Vec<String>) {
    let content = content.to_bytes();
    if content.len() > max {
        left_out.push(format!("{kind} is larger than {} KiB", max >> 10));
    } else if account.documents.len() >= store::USER_DOCUMENTS_MAX - 2 {
        // Two are the server's own: the hash of a picture, and the marks of an import.
        left_out.push(format!("at most {} private documents are kept", store::USER_DOCUMENTS_MAX - 2));
    } else {
        account.documents.retain(|(known, _)| *known != kind);
        account.documents.push((kind, content));
    }
}

/// Of privacy lists (XEP-0016) what a block list (XEP-0191) can say: whom the default list denies everything, or to
/// be written to and seen by.
fn privacy(account: &mut Account, query: &Element, left_out: &mut Vec<String>) {
    let default = query.child("default", PRIVACY).and_then(|default| default.attr("name"));
    let lists: Vec<&Element> = query.children().filter(|child| child.is("list", PRIVACY)).collect();
    let Some(list) = lists.iter().find(|list| default.is_some() && list.attr("name") == default) else {
        if !lists.is_empty() {
            left_out.push("of privacy lists only a default one is taken, as a block list".to_owned());
        }
        return;
    };
    let mut others = 0;
    for item in list.children().filter(|child| child.is("item", PRIVACY)) {
        let whole = item.children().next().is_none() || item.child("message", PRIVACY).is_some();
        match (item.attr("type"), item.attr("action"), item.attr("value")) {
            (Some("jid"), Some("deny"), Some(jid)) if whole => block(account, jid, left_out),
            // What closes a list and lets everybody else through says nothing.
            (None, Some("allow"), _) => {}
            _ => others += 1,
        }
    }
    if others > 0 {
        left_out.push(format!("{others} rules of the privacy list say more than a block list can"));
    }
}

fn block(account: &mut Account, jid: &str, left_out: &mut Vec<String>) {
    match jid.parse::<Jid>() {
        Ok(jid) if account.blocked.contains(&jid) => {}
        Ok(_) if account.blocked.len() >= store::BLOCKED_MAX => {
            left_out.push(format!("at most {} addresses are blocked", store::BLOCKED_MAX));
        }
        Ok(jid) => account.blocked.push(jid),
        Err(_) => left_out.push(format!("blocked {jid:?} is no address")),
    }
}

fn preference(prefs: &Element) -> ArchivePreference {
    let list = |name| {
        let jids = prefs.child(name, mam::NS).into_iter().flat_map(Element::children);
        jids.filter_map(|jid| jid.text().trim().parse::<Jid>().ok()).map(|jid| jid.to_bare())
    };
    let max = store::ARCHIVE_PREFERENCE_ADDRESSES_MAX / 2;
    ArchivePreference {
        otherwise: prefs.attr("default").and_then(|word| word.parse().ok()).unwrap_or_default(),
        always: list("always").take(max).collect(),
        never: list("never").take(max).collect(),
    }
}

/// What a `<pubsub/>` says, of one's own nodes (XEP-0227 §4.10); `None` for everything else.
pub(super) fn pubsub(jid: &BareJid, element: &Element, left_out: &mut Vec<String>) -> Option<Pubsub> {
    if element.is("pubsub", OWNER) {
        let all = element.children().filter(|child| child.is("configure", OWNER));
        let all = all.filter_map(|configure| {
            let node = configure.attr("node")?.to_owned();
            let form = configure.child("x", forms::NS);
            match im::node_config(form) {
                Ok(config) => Some((node, config)),
                Err(field) => {
                    left_out.push(format!(
                        "node {node:?} is configured in a way that is not known here: {field}; \
                        it is for its owner alone"
                    ));
                    Some((node, im::node_config_for_owner()))
                }
            }
        });
        return Some(Pubsub::Configurations(all.collect()));
    }
    if !element.is("pubsub", PUBSUB) {
        return None;
    }
    let mut nodes = Vec::new();
    for items in element.children().filter(|child| child.is("items", PUBSUB)) {
        let Some(name) = items.attr("node").filter(|node| !node.is_empty()) else { continue };
        let config = if OWN.contains(&name) {
            im::node_config_for_owner()
        } else {
            im::node_config(None).unwrap_or_default()
        };
        let items = self::items(jid, items, left_out);
        nodes.push(AccountNode { node: name.to_owned(), config, items });
    }
    Some(Pubsub::Nodes(nodes))
}

fn items(jid: &BareJid, items: &Element, left_out: &mut Vec<String>) -> Vec<PubsubItem> {
    let mut kept: Vec<PubsubItem> = Vec::new();
    for (place, item) in items.children().filter(|child| child.is("item", PUBSUB)).enumerate() {
        let payload = item.children().next().map(Element::to_bytes).unwrap_or_default();
        if payload.len() > PAYLOAD_BYTES_MAX {
            left_out.push(format!("an item is larger than {} KiB", PAYLOAD_BYTES_MAX >> 10));
            continue;
        }
        let id = item.attr("id").map_or_else(|| format!("item-{place}"), str::to_owned);
        let publisher = item.attr("publisher").unwrap_or(jid.as_str()).to_owned();
        kept.retain(|known| known.id != id);
        kept.push(PubsubItem { id, publisher, at: Timestamp(0), payload });
    }
    let over = kept.len().saturating_sub(store::PUBSUB_ITEMS_MAX);
    if over > 0 {
        left_out.push(format!("the oldest {over} items are over the number of items of a node"));
        kept.drain(..over);
    }
    kept
}

/// The newest picture is known by its hash: presence tells it (XEP-0153).
pub(super) fn note_picture(account: &mut Account) {
    let newest = account.nodes.iter().find(|node| node.node == AVATAR).and_then(|node| node.items.last());
    let Some(item) = newest else { return };
    let told =
        Element::parse(&item.payload, "").is_ok_and(|metadata| metadata.child("info", AVATAR).is_some());
    let is_hash = item.id.len() == 40 && item.id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if told && is_hash {
        account.documents.push((AVATAR_HASH.to_owned(), Bytes::from(item.id.to_ascii_lowercase())));
    }
}
