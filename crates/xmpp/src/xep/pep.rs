//! Notifications of personal events (XEP-0163 §4.3): one item of a node, pushed in a message.

use crate::Element;

/// The namespace of notifications (XEP-0060 §7.1.2.1).
pub const EVENT: &str = "http://jabber.org/protocol/pubsub#event";

/// `<event/>` with one item of `node`.
pub fn event(node: &str, item_id: &str, payload: Element) -> Element {
    let item = Element::new("item", EVENT).with_attr("id", item_id).with_child(payload);
    Element::new("event", EVENT)
        .with_child(Element::new("items", EVENT).with_attr("node", node).with_child(item))
}

/// The payload of the first item, if `event` is about `node`.
pub fn payload<'a>(event: &'a Element, node: &str) -> Option<&'a Element> {
    let items = event.child("items", EVENT).filter(|items| items.attr("node") == Some(node))?;
    items.child("item", EVENT)?.children().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_carries_its_payload() {
        let event = event("urn:node", "1", Element::new("x", "urn:x"));
        assert!(payload(&event, "urn:node").is_some_and(|payload| payload.is("x", "urn:x")));
        assert_eq!(payload(&event, "urn:other"), None);
    }
}
