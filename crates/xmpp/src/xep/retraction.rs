//! Message Retraction (XEP-0424) and moderation (XEP-0425): what asks for it, and what is left of the message.

use bytes::Bytes;

use super::PayloadError;
use crate::{Builder, Context, Element, Stanza};

/// The namespace.
pub const NS: &str = "urn:xmpp:message-retract:1";
/// The feature of archives that leave a mark where a message was (XEP-0424 §5).
pub const TOMBSTONE: &str = "urn:xmpp:message-retract:1#tombstone";
/// The namespace of moderation.
pub const MODERATE: &str = "urn:xmpp:message-moderate:1";
/// The occupant's id in a room (XEP-0421), which stays with the message.
const OCCUPANT_ID: &str = "urn:xmpp:occupant-id:0";

/// The id of the message that this one takes back (XEP-0424 §3): the sender's own between two, the room's in a room.
pub fn retracted_id(message: &Stanza) -> Option<String> {
    let retract = message.child("retract", NS)?;
    retract.attr("id").filter(|id| !id.is_empty()).map(str::to_owned)
}

/// A moderator asks for the retraction of a message (XEP-0425 §3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moderation {
    /// The id that the room gave to the message.
    pub id: String,
    /// Why.
    pub reason: Option<String>,
}

impl Moderation {
    /// Reads `<moderate/>`.
    ///
    /// # Errors
    /// It names no message, or asks for something else than a retraction.
    pub fn from_element(moderate: &Element) -> Result<Self, PayloadError> {
        let id = moderate.attr("id").filter(|id| !id.is_empty());
        let id = id.ok_or(PayloadError("a moderation without the id of a message"))?.to_owned();
        if moderate.child("retract", NS).is_none() {
            return Err(PayloadError("a moderation that is no retraction"));
        }
        let reason =
            moderate.child("reason", MODERATE).map(Element::text).filter(|reason| !reason.is_empty());
        Ok(Self { id, reason })
    }

    /// `<retract/>` as the room tells it: by whom, and why.
    pub fn retract(&self, by: &str, occupant_id: &Element) -> Element {
        self.told(Element::new("retract", NS).with_attr("id", self.id.as_str()), by, occupant_id)
    }

    /// `<retracted/>` as it stands in the archive.
    pub fn retracted(&self, stamp: &str, by: &str, occupant_id: &Element) -> Element {
        self.told(Element::new("retracted", NS).with_attr("stamp", stamp), by, occupant_id)
    }

    fn told(&self, element: Element, by: &str, occupant_id: &Element) -> Element {
        let moderated =
            Element::new("moderated", MODERATE).with_attr("by", by).with_child(occupant_id.clone());
        let element = element.with_child(moderated);
        match &self.reason {
            Some(reason) => element.with_child(Element::new("reason", NS).with_text(reason.as_str())),
            None => element,
        }
    }
}

/// `<retracted/>` of a message that its own sender took back (XEP-0424 §5).
pub fn retracted(stamp: &str, by_message: Option<&str>) -> Element {
    let retracted = Element::new("retracted", NS).with_attr("stamp", stamp);
    match by_message {
        Some(id) => retracted.with_attr("id", id),
        None => retracted,
    }
}

/// What is left of a message: who said it to whom and when, and not what (XEP-0424 §5).
pub fn tombstone(message: &Stanza, retracted: &Element) -> Bytes {
    let (id, from, to, type_) = (message.id(), message.from(), message.to(), message.type_());
    let mut left = Builder::message(Context::Client);
    left.attr_if("from", from.as_deref()).attr_if("to", to.as_deref());
    left.attr_if("type", type_.as_deref()).attr_if("id", id.as_deref());
    for child in message.children() {
        if child.is("stanza-id", super::stanza_ids::NS) || child.is("occupant-id", OCCUPANT_ID) {
            left.element(&child.element());
        }
    }
    left.element(retracted).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Stanza {
        crate::parse_one(Bytes::from(text.to_owned())).unwrap()
    }

    #[test]
    fn a_retraction_names_a_message() {
        let named =
            "<message xmlns='jabber:client'><retract xmlns='urn:xmpp:message-retract:1' id='m1'/></message>";
        assert_eq!(retracted_id(&parse(named)).as_deref(), Some("m1"));
        for nothing in ["<retract xmlns='urn:xmpp:message-retract:1'/>", "<retract xmlns='urn:x' id='m1'/>"] {
            let message = parse(&format!("<message xmlns='jabber:client'>{nothing}</message>"));
            assert_eq!(retracted_id(&message), None, "{nothing}");
        }
    }

    #[test]
    fn a_tombstone_says_nothing_of_what_was_said() {
        let message = parse(
            "<message xmlns='jabber:client' from='ann@x/desk' to='bob@x' type='chat' id='m1'><body>secret</body>\
             <subject>secret</subject><stanza-id xmlns='urn:xmpp:sid:0' id='1' by='bob@x'/></message>",
        );
        let left = tombstone(&message, &retracted("2026-11-21T00:00:00Z", Some("m2")));
        assert_eq!(
            std::str::from_utf8(&left).unwrap(),
            "<message from='ann@x/desk' to='bob@x' type='chat' id='m1'><stanza-id xmlns='urn:xmpp:sid:0' id='1' by='bob@x'/>\
             <retracted xmlns='urn:xmpp:message-retract:1' stamp='2026-11-21T00:00:00Z' id='m2'/></message>"
        );
    }

    #[test]
    fn a_moderation_is_told_with_its_reason() {
        let asked = Element::new("moderate", MODERATE)
            .with_attr("id", "sid-1")
            .with_child(Element::new("retract", NS))
            .with_child(Element::new("reason", MODERATE).with_text("rude"));
        let read = Moderation::from_element(&asked).unwrap();
        assert_eq!(read, Moderation { id: "sid-1".to_owned(), reason: Some("rude".to_owned()) });
        let told = read.retract("room@x/witch", &Element::new("occupant-id", OCCUPANT_ID));
        assert_eq!(told.attr("id"), Some("sid-1"));
        assert_eq!(told.child("moderated", MODERATE).unwrap().attr("by"), Some("room@x/witch"));
        assert_eq!(told.child("reason", NS).unwrap().text(), "rude");
        let other = Element::new("moderate", MODERATE).with_attr("id", "sid-1");
        assert!(Moderation::from_element(&other).is_err());
    }
}
