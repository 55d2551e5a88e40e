//! Message Carbons (XEP-0280): what one device sends and gets, its user's other devices see too.

use bytes::{Bytes, BytesMut};

use super::forward;
use crate::{Builder, Context, Kind, Stanza, ns};

/// The namespace.
pub const NS: &str = "urn:xmpp:carbons:2";
/// The rules by which messages are chosen are those of §6.1.
pub const RULES: &str = "urn:xmpp:carbons:rules:0";
/// The namespace of chat states (XEP-0085).
const CHAT_STATES: &str = "http://jabber.org/protocol/chatstates";
/// The namespace of chat markers (XEP-0333).
const CHAT_MARKERS: &str = "urn:xmpp:chat-markers:0";

/// Which way the copied message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the user.
    Received,
    /// From the user.
    Sent,
}

/// True for a message that is copied (§6.1): of chats, and what belongs to them; never private ones, and never
/// what is a copy itself.
pub fn is_copied(message: &Stanza) -> bool {
    if message.kind() != Kind::Message
        || message.has_child("private", NS)
        || message.has_child("no-copy", super::hints::NS)
        || message.has_child("sent", NS)
        || message.has_child("received", NS)
    {
        return false;
    }
    match message.type_().as_deref() {
        Some("chat") => true,
        Some("groupchat" | "headline") => false,
        // §6.1: an error is copied when it answers what was copied; it repeats the payload then.
        None | Some("normal" | "error") | Some(_) => {
            message.has_child("body", ns::CLIENT)
                || message.has_child("received", "urn:xmpp:receipts")
                || message.has_child("encrypted", "urn:xmpp:omemo:2")
                || message.children().any(|child| matches!(&*child.ns(), CHAT_STATES | CHAT_MARKERS))
        }
    }
}

/// The copy for one device (§7, §8); `stanza` must name its namespace.
pub fn copy(direction: Direction, user: &str, device: &str, type_: Option<&str>, stanza: &[u8]) -> Bytes {
    let name = match direction {
        Direction::Received => "received",
        Direction::Sent => "sent",
    };
    let mut payload = BytesMut::with_capacity(stanza.len() + 160);
    payload.extend_from_slice(b"<");
    payload.extend_from_slice(name.as_bytes());
    payload.extend_from_slice(b" xmlns='urn:xmpp:carbons:2'>");
    forward::write(&mut payload, None, stanza);
    payload.extend_from_slice(b"</");
    payload.extend_from_slice(name.as_bytes());
    payload.extend_from_slice(b">");
    Builder::message(Context::Client).from(user).to(device).attr_if("type", type_).raw(&payload).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copied(type_: &str, payload: &str) -> bool {
        let message = format!("<message xmlns='jabber:client' {type_}>{payload}</message>");
        is_copied(&crate::parse_one(Bytes::from(message)).unwrap())
    }

    #[test]
    fn chats_are_copied_and_rooms_and_secrets_not() {
        assert!(copied("type='chat'", "<body>hi</body>"));
        assert!(copied("type='chat'", "<composing xmlns='http://jabber.org/protocol/chatstates'/>"));
        assert!(copied("", "<body>hi</body>"));
        assert!(copied("", "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>"));
        assert!(copied("type='normal'", "<paused xmlns='http://jabber.org/protocol/chatstates'/>"));
        assert!(!copied("", "<x xmlns='urn:x'/>"));
        assert!(!copied("type='groupchat'", "<body>hi</body>"));
        assert!(!copied("type='chat'", "<body>hi</body><private xmlns='urn:xmpp:carbons:2'/>"));
        assert!(!copied("type='chat'", "<body>hi</body><no-copy xmlns='urn:xmpp:hints'/>"));
        assert!(!copied("type='chat'", "<received xmlns='urn:xmpp:carbons:2'/>"));
    }

    #[test]
    fn a_copy_carries_the_stanza_as_it_was() {
        let stanza = b"<message xmlns='jabber:client' from='ann@x/desk'><body>hi</body></message>";
        let bytes = copy(Direction::Sent, "ann@x", "ann@x/phone", Some("chat"), stanza);
        let text = std::str::from_utf8(&bytes).unwrap();
        assert!(text.contains(std::str::from_utf8(stanza).unwrap()), "{text}");
        assert!(text.starts_with("<message from='ann@x' to='ann@x/phone' type='chat'><sent "), "{text}");
    }
}
