//! What to keep for users who are away (XEP-0160 §3) and what the sender says about it (XEP-0334).

use crate::{Child, Kind, Stanza, ns};

/// The namespace of processing hints.
pub const NS: &str = "urn:xmpp:hints";
/// The namespace of chat states (XEP-0085).
const CHAT_STATES: &str = "http://jabber.org/protocol/chatstates";

/// True when the message is to be kept for a user who has no session that takes messages.
///
/// Kept are messages of type `normal` and `chat` that are more than a chat state; never `groupchat`,
/// `headline` and `error` (XEP-0160 §3). The sender's `no-store` and `store` decide before that, within those
/// types (XEP-0334 §4).
pub fn is_kept_offline(message: &Stanza) -> bool {
    if message.kind() != Kind::Message {
        return false;
    }
    let kept_type = match message.type_().as_deref() {
        None | Some("normal" | "chat") => true,
        Some("groupchat" | "headline" | "error") => false,
        // RFC 6121 §5.2.2: an unknown type is `normal`.
        Some(_) => true,
    };
    let hint = |name| message.has_child(name, NS);
    if !kept_type || hint("no-store") {
        return false;
    }
    hint("store")
        || message.children().any(|child| !matches!(&*child.ns(), CHAT_STATES | NS) && !is_thread(&child))
}

/// True when a message that is kept may also stay in archives and not only until it is delivered (XEP-0334 §4.1).
pub fn is_archived(message: &Stanza) -> bool {
    !message.has_child("no-permanent-store", NS) && !message.has_child("no-store", NS)
}

/// A thread alone says nothing; it goes with a body or with a chat state (XEP-0085 §5.3).
fn is_thread(child: &Child<'_>) -> bool {
    child.is("thread", ns::CLIENT)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::parse_one;

    fn kept(type_: &str, payload: &str) -> bool {
        let message = format!("<message xmlns='jabber:client' {type_}>{payload}</message>");
        is_kept_offline(&parse_one(Bytes::from(message)).unwrap())
    }

    #[test]
    fn chat_and_normal_messages_are_kept_and_others_not() {
        let body = "<body>hi</body>";
        for type_ in ["", "type='normal'", "type='chat'", "type='unheard-of'"] {
            assert!(kept(type_, body), "{type_}");
        }
        for type_ in ["type='groupchat'", "type='headline'", "type='error'"] {
            assert!(!kept(type_, body), "{type_}");
        }
    }

    #[test]
    fn a_chat_state_alone_is_not_kept() {
        let state = "<composing xmlns='http://jabber.org/protocol/chatstates'/><thread>1</thread>";
        assert!(!kept("type='chat'", state));
        assert!(kept("type='chat'", &format!("{state}<body>hi</body>")));
        assert!(kept("type='chat'", "<received xmlns='urn:xmpp:receipts' id='1'/>"));
        assert!(!kept("type='chat'", ""));
    }

    #[test]
    fn the_sender_may_say_otherwise() {
        assert!(!kept("type='chat'", "<body>hi</body><no-store xmlns='urn:xmpp:hints'/>"));
        assert!(kept("type='chat'", "<body>hi</body><no-permanent-store xmlns='urn:xmpp:hints'/>"));
        assert!(kept(
            "type='chat'",
            "<active xmlns='http://jabber.org/protocol/chatstates'/><store xmlns='urn:xmpp:hints'/>"
        ));
        assert!(!kept("type='headline'", "<body>hi</body><store xmlns='urn:xmpp:hints'/>"));
    }
}
