//! XMPP Ping (XEP-0199): is the other side there?

use crate::Element;

/// The namespace.
pub const NS: &str = "urn:xmpp:ping";

/// The payload of a ping; the answer to it is empty.
pub fn element() -> Element {
    Element::new("ping", NS)
}

/// True for a ping.
pub fn is_ping(payload: &Element) -> bool {
    payload.is("ping", NS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ping_is_known_from_other_things() {
        assert!(is_ping(&element()));
        assert!(!is_ping(&Element::new("ping", "urn:other")));
    }
}
