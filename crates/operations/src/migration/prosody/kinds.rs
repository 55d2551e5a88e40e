//! What each kind of Prosody's files becomes in a `<user/>`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Timestamp;
use xmpp::xep::{delay, forms, mam};
use xmpp::{Element, ns};

use super::part;
use super::stanza::{element, from_seconds, time};
use crate::migration::lua::{Table, Value};
use crate::migration::{CARILLON, IDLE, SCRAM, Step, vcard};

const ROSTER: &str = "jabber:iq:roster";
const PRIVATE: &str = "jabber:iq:private";
const PRIVACY: &str = "jabber:iq:privacy";
const BLOCKING: &str = "urn:xmpp:blocking";
const PUBSUB: &str = "http://jabber.org/protocol/pubsub";
const OWNER: &str = "http://jabber.org/protocol/pubsub#owner";
const VCARD4: &str = "urn:ietf:params:xml:ns:vcard-4.0";
const AVATAR_DATA: &str = "urn:xmpp:avatar:data";

/// What one account needs again later.
#[derive(Default)]
pub(super) struct Kept {
    /// The bare address.
    pub(super) address: String,
    configurations: Vec<(String, Element)>,
    card: Option<Element>,
    card4: Option<Element>,
    picture: Option<String>,
}

/// The account itself: credentials, and whether it is disabled. Salts are text, keys are hexadecimal.
pub(super) fn account(table: &Table) -> Vec<Step> {
    let mut steps = Vec::new();
    if table.field("disabled") == Some(&Value::Flag(true)) {
        steps.push(part(Element::new("account", CARILLON).with_attr("enabled", "false")));
    }
    let keys = (table.text("stored_key"), table.text("server_key"), table.field("salt"));
    let (Some(stored), Some(server), Some(Value::Text(salt))) = keys else { return steps };
    let decode = |text: &str| hex::decode(text).ok();
    let (Some(stored), Some(server)) = (decode(stored), decode(server)) else {
        steps.push(Step::LeftOut("its keys are not hexadecimal: give the user a password".to_owned()));
        return steps;
    };
    let iterations = table.field("iteration_count").and_then(Value::number).unwrap_or_default();
    // `password_hash` in the configuration says which function it was, and nothing here; its length tells.
    let mechanism = if stored.len() == 32 { "SCRAM-SHA-256" } else { "SCRAM-SHA-1" };
    let text = |name: &'static str, text: String| Element::new(name, SCRAM).with_text(text);
    steps.push(part(
        Element::new("scram-credentials", SCRAM)
            .with_attr("mechanism", mechanism)
            .with_child(text("iter-count", format!("{iterations:.0}")))
            .with_child(text("salt", STANDARD.encode(salt)))
            .with_child(text("server-key", STANDARD.encode(server)))
            .with_child(text("stored-key", STANDARD.encode(stored))),
    ));
    steps
}

/// A file with one value.
pub(super) fn single(kind: &str, value: &Value, kept: &mut Kept) -> Vec<Step> {
    let Some(table) = value.table() else {
        return vec![Step::LeftOut(format!("there is no table in this file of {kind}"))];
    };
    match kind {
        "roster" => roster(table),
        "private" => {
            let documents = table.named().filter_map(|(_, value)| element(value.table()?, ""));
            vec![part(documents.fold(Element::new("query", PRIVATE), Element::with_child))]
        }
        "vcard" => {
            kept.card = element(table, "vcard-temp");
            Vec::new()
        }
        "blocklist" => {
            let blocked = table.named().map(|(jid, _)| Element::new("item", BLOCKING).with_attr("jid", jid));
            vec![part(blocked.fold(Element::new("blocklist", BLOCKING), Element::with_child))]
        }
        "privacy" => privacy(table).into_iter().map(part).collect(),
        "pep" => {
            for (name, about) in table.named() {
                let config = about.table().and_then(|node| node.table("config"));
                kept.configurations.push((name.to_owned(), configuration(name, config)));
            }
            Vec::new()
        }
        "archive_prefs" => vec![part(preferences(table))],
        "lastlog2" | "lastlog" => last(table).into_iter().map(part).collect(),
        _ => Vec::new(),
    }
}

fn roster(table: &Table) -> Vec<Step> {
    let mut query = Element::new("query", ROSTER);
    let mut steps = Vec::new();
    for (jid, about) in table.named() {
        let Some(about) = about.table() else { continue };
        // COMPAT: Prosody before 0.10 keeps these two beside the contacts.
        if jid == "pending" {
            steps.extend(pending(about));
            continue;
        }
        let mut item = Element::new("item", ROSTER).with_attr("jid", jid);
        for name in ["name", "subscription", "ask", "approved"] {
            if let Some(text) = about.text(name) {
                item.set_attr(name, text);
            } else if about.field(name) == Some(&Value::Flag(true)) {
                item.set_attr(name, "true");
            }
        }
        for (group, _) in about.table("groups").into_iter().flat_map(Table::named) {
            item.push(Element::new("group", ROSTER).with_text(group));
        }
        query.push(item);
    }
    if let Some(waiting) = table.about().and_then(Value::table).and_then(|about| about.table("pending")) {
        steps.extend(pending(waiting));
    }
    steps.insert(0, part(query));
    steps
}

/// Who waits for an answer: the stanza, or `true` for one that was not kept.
fn pending(table: &Table) -> Vec<Step> {
    let presence = |(jid, value): (&str, &Value)| {
        let kept = value.table().and_then(|table| element(table, ns::CLIENT));
        let presence = kept.unwrap_or_else(|| Element::new("presence", ns::CLIENT));
        part(presence.with_attr("from", jid).with_attr("type", "subscribe"))
    };
    table.named().map(presence).collect()
}

fn privacy(table: &Table) -> Option<Element> {
    let default = table.text("default");
    let mut query = Element::new("query", PRIVACY);
    if let Some(default) = default {
        query.push(Element::new("default", PRIVACY).with_attr("name", default));
    }
    for (name, list) in table.table("lists")?.named() {
        let mut element = Element::new("list", PRIVACY).with_attr("name", name);
        for item in list.table()?.table("items").into_iter().flat_map(|items| &items.row) {
            let Some(item) = item.table() else { continue };
            let mut rule = Element::new("item", PRIVACY);
            for name in ["type", "value", "action"] {
                if let Some(text) = item.text(name) {
                    rule.set_attr(name, text);
                }
            }
            if let Some(order) = item.field("order").and_then(Value::number) {
                rule.set_attr("order", format!("{order:.0}"));
            }
            for name in ["message", "iq", "presence-in", "presence-out"] {
                if item.field(name) == Some(&Value::Flag(true)) {
                    rule.push(Element::new(name, PRIVACY));
                }
            }
            element.push(rule);
        }
        query.push(element);
    }
    Some(query)
}

/// A node's configuration as a form. Names lack the prefix here.
fn configuration(node: &str, config: Option<&Table>) -> Element {
    let mut form = forms::Form::new(forms::FormType::Submit, "http://jabber.org/protocol/pubsub#node_config");
    for (name, value) in config.into_iter().flat_map(Table::named).filter(|(name, _)| !name.starts_with('_'))
    {
        let name = if name == "payload_type" { "type" } else { name };
        let value = match value {
            Value::Flag(flag) => if *flag { "1" } else { "0" }.to_owned(),
            Value::Number(number) => format!("{number:.0}"),
            value => value.text().unwrap_or_default().to_owned(),
        };
        form = form.with(&format!("pubsub#{name}"), "text-single", [value]);
    }
    let configure = Element::new("configure", OWNER).with_attr("node", node);
    Element::new("pubsub", OWNER).with_child(configure.with_child(form.to_element()))
}

fn preferences(table: &Table) -> Element {
    let default = match table.about() {
        Some(Value::Flag(true)) => "always",
        Some(Value::Flag(false)) => "never",
        _ => "roster",
    };
    let list = |name: &'static str, wanted: bool| {
        let listed = table.named().filter(|(_, value)| **value == Value::Flag(wanted));
        let jid = |(jid, _): (&str, &Value)| Element::new("jid", mam::NS).with_text(jid);
        listed.map(jid).fold(Element::new(name, mam::NS), Element::with_child)
    };
    Element::new("prefs", mam::NS)
        .with_attr("default", default)
        .with_child(list("always", true))
        .with_child(list("never", false))
}

fn last(table: &Table) -> Option<Element> {
    let seconds = |table: &Table| table.field("timestamp").and_then(Value::number);
    let events = ["login", "logout"].into_iter().filter_map(|event| seconds(table.table(event)?));
    let newest = events
        .chain(seconds(table))
        .fold(None, |newest: Option<f64>, at| Some(newest.map_or(at, |newest| newest.max(at))));
    let at = from_seconds(newest?)?;
    Some(Element::new("idle", IDLE).with_attr("since", at.to_string()))
}

/// A message that waits, or one of the archive.
pub(super) fn message(kind: &str, item: &Value, host: &str) -> Step {
    let Some((table, message)) = item.table().and_then(|table| Some((table, element(table, ns::CLIENT)?)))
    else {
        return Step::LeftOut("this is no stanza".to_owned());
    };
    let mut message = message;
    message.remove_attr("stamp");
    message.remove_attr("stamp_legacy");
    let Some(at) = time(table) else {
        return Step::LeftOut("it is not said when this message came".to_owned());
    };
    let stamp = Element::new("delay", delay::NS).with_attr("stamp", at.to_string());
    if kind == "offline" {
        return part(message.with_child(stamp.with_attr("from", host)));
    }
    let mut result = Element::new("result", mam::NS);
    if let Some(key) = table.text("key") {
        result.set_attr("id", key);
    }
    let forwarded = Element::new("forwarded", "urn:xmpp:forward:0").with_child(stamp).with_child(message);
    part(result.with_child(forwarded))
}

impl Kept {
    /// The nodes there are.
    pub(super) fn nodes(&self) -> Vec<String> {
        self.configurations.iter().map(|(name, _)| name.clone()).collect()
    }

    /// The items of a node.
    pub(super) fn node(&mut self, node: &str, items: &[Value]) -> Vec<Step> {
        let mut all = Element::new("items", PUBSUB).with_attr("node", node);
        let mut newest = (None, Timestamp(i64::MIN));
        for (table, mut payload) in items
            .iter()
            .filter_map(|item| item.table())
            .filter_map(|table| Some((table, element(table, "")?)))
        {
            payload.remove_attr("stamp");
            payload.remove_attr("stamp_legacy");
            if payload.is("vcard", VCARD4) {
                self.card4 = Some(payload.clone());
            }
            let at = time(table).unwrap_or(Timestamp(0));
            if node == AVATAR_DATA && at >= newest.1 {
                newest = (Some(payload.text()), at);
            }
            let mut item = Element::new("item", PUBSUB);
            if let Some(key) = table.text("key") {
                item.set_attr("id", key);
            }
            if let Some(publisher) = table.text("with").filter(|with| !with.is_empty()) {
                item.set_attr("publisher", publisher);
            }
            all.push(item.with_child(payload));
        }
        self.picture = newest.0.or(self.picture.take());
        let configuration = self.configurations.iter().find(|(name, _)| name == node).map(|(_, form)| form);
        // Prosody configures nodes that were never used.
        if all.children().next().is_none() {
            return Vec::new();
        }
        let configuration = configuration.cloned().map(part);
        configuration.into_iter().chain([part(Element::new("pubsub", PUBSUB).with_child(all))]).collect()
    }

    /// The card: Prosody keeps that of older clients as one of vCard4, and its picture among the avatars.
    pub(super) fn together(&mut self) -> Vec<Step> {
        let card = self.card.take().or_else(|| self.card4.as_ref().map(vcard::from_vcard4));
        let card = match (card, &self.picture) {
            (card, None) => card,
            (card, Some(picture)) => {
                let card = card.unwrap_or_else(|| Element::new("vCard", vcard::NS));
                Some(vcard::with_picture(card, picture))
            }
        };
        card.map(part).into_iter().collect()
    }
}
