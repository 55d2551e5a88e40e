//! Unique and Stable Stanza IDs (XEP-0359): the name that a server gives to a message.

use bytes::BytesMut;

use super::PayloadError;
use crate::{Child, Element, escape};

/// The namespace.
pub const NS: &str = "urn:xmpp:sid:0";

/// The name that `by` has given to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StanzaId {
    /// The name.
    pub id: String,
    /// Who gave it.
    pub by: String,
}

impl StanzaId {
    /// Reads `<stanza-id/>`.
    pub fn from_element(element: &Element) -> Result<Self, PayloadError> {
        let attribute = |name| element.attr(name).filter(|value| !value.is_empty()).map(str::to_owned);
        Ok(Self {
            id: attribute("id").ok_or(PayloadError("stanza-id without id"))?,
            by: attribute("by").ok_or(PayloadError("stanza-id without by"))?,
        })
    }
}

/// Appends `<stanza-id/>`, naming its namespace: as [`crate::Stamp::add`] wants it.
pub fn write(out: &mut BytesMut, id: &str, by: &str) {
    out.extend_from_slice(b"<stanza-id xmlns='urn:xmpp:sid:0' id='");
    escape::push_attribute(out, id);
    out.extend_from_slice(b"' by='");
    escape::push_attribute(out, by);
    out.extend_from_slice(b"'/>");
}

/// True for a `<stanza-id/>` that claims to be given by one of ours and so is forged: a server MUST
/// remove it (XEP-0359 §5, business rule 6). `ours` says which givers are ours.
pub fn is_forged(child: &Child<'_>, ours: impl Fn(&str) -> bool) -> bool {
    child.is("stanza-id", NS) && child.element().attr("by").is_none_or(ours)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::parse_one;

    #[test]
    fn a_stanza_id_survives_the_wire() {
        let mut out = BytesMut::new();
        write(&mut out, "0193-a", "ann'x@localhost");
        let read = StanzaId::from_element(&Element::parse(&out, "").unwrap());
        assert_eq!(read, Ok(StanzaId { id: "0193-a".into(), by: "ann'x@localhost".into() }));
        assert!(StanzaId::from_element(&Element::new("stanza-id", NS).with_attr("id", "1")).is_err());
    }

    #[test]
    fn an_id_in_our_name_or_in_nobodys_is_forged() {
        let message = "<message xmlns='jabber:client'><stanza-id xmlns='urn:xmpp:sid:0' id='1' by='us'/>\
                       <stanza-id xmlns='urn:xmpp:sid:0' id='2' by='them'/><stanza-id xmlns='urn:xmpp:sid:0' id='3'/>\
                       <body>by us</body></message>";
        let mut stanza = parse_one(Bytes::from_static(message.as_bytes())).unwrap();
        assert_eq!(stanza.cut_children(|child| is_forged(child, |by| by == "us")), 2);
        assert_eq!(stanza.child("stanza-id", NS).unwrap().attr("by"), Some("them"));
    }
}
