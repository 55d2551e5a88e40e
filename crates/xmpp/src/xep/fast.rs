//! Fast Authentication Streamlining Tokens (XEP-0484): a token in place of the password, at the next sign-in.

use bytes::Bytes;

use crate::{Builder, Element};

/// The namespace.
pub const NS: &str = "urn:xmpp:fast:0";

/// `<fast/>` in a sign-in: its initial response proves a token. The count is for TLS 0-RTT, which is not offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Use {
    /// The token is not to be used again (§3.6).
    pub invalidate: bool,
}

impl Use {
    pub(crate) fn from_element(element: &Element) -> Self {
        Self { invalidate: element.attr("invalidate").is_some_and(|value| matches!(value, "true" | "1")) }
    }
}

/// `<token/>`, for a success (§3.3). `expiry` is a time as XEP-0082 writes it.
pub fn token(token: &str, expiry: &str) -> Bytes {
    Builder::other("token", NS).attr("expiry", expiry).attr("token", token).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// XEP-0484 §3.3.
    #[test]
    fn the_example_of_a_token_is_what_we_write() {
        assert_eq!(
            token("WXZzciBwYmFmdmZnZiBqdmd1IGp2eXFhcmZm", "2020-03-12T14:36:15Z"),
            "<token xmlns='urn:xmpp:fast:0' expiry='2020-03-12T14:36:15Z' \
             token='WXZzciBwYmFmdmZnZiBqdmd1IGp2eXFhcmZm'/>"
        );
    }

    #[test]
    fn a_token_is_invalidated_on_demand_only() {
        for (attribute, invalidate) in
            [("", false), ("invalidate='0'", false), ("invalidate='1'", true), ("invalidate='true'", true)]
        {
            let xml = format!("<fast xmlns='urn:xmpp:fast:0' count='3' {attribute}/>");
            let element = Element::parse(xml.as_bytes(), NS).unwrap();
            assert_eq!(Use::from_element(&element), Use { invalidate }, "{attribute}");
        }
    }
}
