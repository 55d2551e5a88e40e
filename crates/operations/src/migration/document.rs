//! Writing an account as XEP-0227 has it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use store::{Account, AccountNode, Entry, ScramRecord, Spooled};
use xmpp::xep::{delay, mam};
use xmpp::{Element, ns};

use super::{CARILLON, IDLE, NICK, SCRAM};

const ROSTER: &str = "jabber:iq:roster";
const PRIVATE: &str = "jabber:iq:private";
const PRIVACY: &str = "jabber:iq:privacy";
const VCARD: &str = "vcard-temp";
const PUBSUB: &str = "http://jabber.org/protocol/pubsub";
const OWNER: &str = "http://jabber.org/protocol/pubsub#owner";
/// The name of the list that says who is blocked.
const LIST: &str = "blocked";

/// All that stands in `<user/>` but messages.
pub fn parts(account: &Account) -> Vec<Element> {
    let mut parts: Vec<Element> = account.scram.iter().map(scram).collect();
    parts.push(Element::new("nick", NICK).with_text(account.name.as_str()));
    if !account.enabled {
        parts.push(Element::new("account", CARILLON).with_attr("enabled", "false"));
    }
    if !account.roster.is_empty() {
        parts.push(roster(account));
    }
    parts.extend(account.requests.iter().filter_map(|request| {
        let stamp = Element::new("delay", delay::NS).with_attr("stamp", request.at.to_string());
        let presence = Element::parse(&request.stanza, ns::CLIENT).ok()?;
        let told = presence.children().any(|child| child.is("delay", delay::NS));
        Some(if told || request.at.0 == 0 { presence } else { presence.with_child(stamp) })
    }));
    parts.extend(documents(account));
    if !account.blocked.is_empty() {
        parts.push(blocked(account));
    }
    if !account.nodes.is_empty() {
        let configure = |node: &AccountNode| {
            let form = im::node_config_form(&node.config);
            Element::new("configure", OWNER).with_attr("node", node.node.as_str()).with_child(form)
        };
        parts.push(
            account.nodes.iter().map(configure).fold(Element::new("pubsub", OWNER), Element::with_child),
        );
        let with_items = account.nodes.iter().filter(|node| !node.items.is_empty());
        parts.push(with_items.map(items).fold(Element::new("pubsub", PUBSUB), Element::with_child));
    }
    if let Some(preference) = &account.preference {
        let list = |name: &'static str, all: &std::collections::BTreeSet<model::BareJid>| {
            let jid = |jid: &model::BareJid| Element::new("jid", mam::NS).with_text(jid.as_str());
            all.iter().map(jid).fold(Element::new(name, mam::NS), Element::with_child)
        };
        let prefs = Element::new("prefs", mam::NS).with_attr("default", preference.otherwise.as_str());
        let prefs = prefs.with_child(list("always", &preference.always));
        parts.push(prefs.with_child(list("never", &preference.never)));
    }
    if let Some(last) = &account.last_activity {
        let idle = Element::new("idle", IDLE).with_attr("since", last.at.to_string());
        parts.push(if last.status.is_empty() { idle } else { idle.with_text(last.status.as_str()) });
    }
    parts
}

fn scram(record: &ScramRecord) -> Element {
    let text = |name: &'static str, text: String| Element::new(name, SCRAM).with_text(text);
    Element::new("scram-credentials", SCRAM)
        .with_attr("mechanism", record.mechanism.as_str())
        .with_child(text("iter-count", record.iterations.to_string()))
        .with_child(text("salt", STANDARD.encode(&record.salt)))
        .with_child(text("server-key", STANDARD.encode(&record.server_key)))
        .with_child(text("stored-key", STANDARD.encode(&record.stored_key)))
}

fn roster(account: &Account) -> Element {
    let mut query = Element::new("query", ROSTER);
    for contact in &account.roster {
        let mut item = Element::new("item", ROSTER)
            .with_attr("jid", contact.contact.as_str())
            .with_attr("subscription", contact.subscription.as_str());
        if !contact.name.is_empty() {
            item.set_attr("name", contact.name.as_str());
        }
        if contact.ask {
            item.set_attr("ask", "subscribe");
        }
        if contact.approved {
            item.set_attr("approved", "true");
        }
        for group in &contact.groups {
            item.push(Element::new("group", ROSTER).with_text(group.as_str()));
        }
        query.push(item);
    }
    query
}

fn documents(account: &Account) -> Vec<Element> {
    let mut all = Vec::new();
    let mut private = Element::new("query", PRIVATE);
    for (kind, content) in &account.documents {
        // What is neither is the server's own.
        let Ok(content) = Element::parse(content, "") else { continue };
        if kind == VCARD {
            all.push(content);
        } else if kind.starts_with('{') {
            private.push(content);
        }
    }
    if private.children().next().is_some() {
        all.push(private);
    }
    all
}

/// XEP-0227 §4.8 knows privacy lists, of which a block list is one.
fn blocked(account: &Account) -> Element {
    let mut list = Element::new("list", PRIVACY).with_attr("name", LIST);
    for (order, jid) in account.blocked.iter().enumerate() {
        let item = Element::new("item", PRIVACY)
            .with_attr("type", "jid")
            .with_attr("value", jid.as_str())
            .with_attr("action", "deny")
            .with_attr("order", order.to_string());
        list.push(item);
    }
    let default = Element::new("default", PRIVACY).with_attr("name", LIST);
    Element::new("query", PRIVACY).with_child(default).with_child(list)
}

fn items(node: &AccountNode) -> Element {
    let mut items = Element::new("items", PUBSUB).with_attr("node", node.node.as_str());
    for kept in &node.items {
        let mut item = Element::new("item", PUBSUB)
            .with_attr("id", kept.id.as_str())
            .with_attr("publisher", kept.publisher.as_str());
        if let Ok(payload) = Element::parse(&kept.payload, "") {
            item.push(payload);
        }
        items.push(item);
    }
    items
}

/// A message that waits, with the time when it was taken (XEP-0203).
pub fn waiting(domain: &str, spooled: &Spooled) -> Option<Element> {
    let message = message(&spooled.stanza)?;
    let stamp =
        Element::new("delay", delay::NS).with_attr("from", domain).with_attr("stamp", spooled.at.to_string());
    Some(message.with_child(stamp))
}

/// A message of the archive.
pub fn archived(entry: &Entry) -> Option<Element> {
    let stamp = Element::new("delay", delay::NS).with_attr("stamp", entry.at.to_string());
    let forwarded = Element::new("forwarded", "urn:xmpp:forward:0");
    let forwarded = forwarded.with_child(stamp).with_child(message(&entry.stanza)?);
    Some(Element::new("result", mam::NS).with_attr("id", entry.id.to_string()).with_child(forwarded))
}

fn message(stanza: &Bytes) -> Option<Element> {
    Element::parse(stanza, ns::CLIENT).ok()
}
