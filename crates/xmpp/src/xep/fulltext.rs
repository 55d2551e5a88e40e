//! Full Text Search in archives (XEP-0431): the field of a query, and what of a message is words.

use crate::{Stanza, ns};

/// The feature of archives that can be searched (§2.1).
pub const NS: &str = "urn:xmpp:fulltext:0";
/// The field of a query (§2.2), its name in the notation of XEP-0068.
pub const FIELD: &str = "{urn:xmpp:fulltext:0}fulltext";
/// Explicit Message Encryption (XEP-0380).
const ENCRYPTION: &str = "urn:xmpp:eme:0";
/// OMEMO (XEP-0384), today's and that of its first years.
const OMEMO: [&str; 2] = ["urn:xmpp:omemo:2", "eu.siacs.conversations.axolotl"];

/// The words of a message, if it has some. The body beside an encrypted payload says only that there is one
/// (XEP-0380 §3), and that beside a retraction is for clients that know none: they are not looked for.
pub fn words_of(message: &Stanza) -> Option<String> {
    let beside = |child: &crate::Child<'_>| match child.name() {
        "encrypted" => OMEMO.contains(&&*child.ns()),
        "encryption" => child.ns() == ENCRYPTION,
        "retract" => child.ns() == super::retraction::NS,
        _ => false,
    };
    if message.children().any(|child| beside(&child)) {
        return None;
    }
    let body = message.child("body", ns::CLIENT)?.text();
    (!body.is_empty()).then_some(body)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn words(payload: &str) -> Option<String> {
        let message = format!("<message xmlns='jabber:client'>{payload}</message>");
        words_of(&crate::parse_one(Bytes::from(message)).unwrap())
    }

    #[test]
    fn the_body_is_what_is_looked_for() {
        assert_eq!(words("<subject>s</subject><body>Tea &amp; cake</body>").as_deref(), Some("Tea & cake"));
        assert_eq!(words("<composing xmlns='http://jabber.org/protocol/chatstates'/>"), None);
    }

    #[test]
    fn the_stand_in_of_an_encrypted_message_is_not() {
        let body = "<body>I sent you an encrypted message</body>";
        for beside in [
            "<encrypted xmlns='urn:xmpp:omemo:2'/>",
            "<encrypted xmlns='eu.siacs.conversations.axolotl'/>",
            "<encryption xmlns='urn:xmpp:eme:0' namespace='urn:xmpp:openpgp:0'/>",
            "<retract xmlns='urn:xmpp:message-retract:1' id='1'/>",
        ] {
            assert_eq!(words(&format!("{body}{beside}")), None, "{beside}");
        }
    }
}
