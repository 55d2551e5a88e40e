//! Unique and stable stanza ids (XEP-0359): ours on every kept message, forged ones cut.

use bytes::{Bytes, BytesMut};
use store::StanzaId;
use xmpp::{Stanza, xep};

use crate::{About, Spec};

/// What this feature is.
pub const ABOUT: About = About {
    name: "stanza_ids",
    specs: &[Spec::xep(359, "0.7.0")],
    disco: &[NS],
    // XEP-0359 §2.1: the entity that stamps says so in its own disco; for an account that is the bare address.
    account: &[NS],
};

const NS: &str = xep::stanza_ids::NS;

/// `<stanza-id/>` by the archive's owner.
pub(crate) fn mark(owner: &str, id: StanzaId) -> Bytes {
    let mut out = BytesMut::with_capacity(96 + owner.len());
    xep::stanza_ids::write(&mut out, id.encode(&mut [0; 36]), owner);
    out.freeze()
}

/// Cuts what a client must not say in our name: a stanza-id by an address of our domain (XEP-0359 §6), a delay from
/// it (XEP-0203 §5), and what only an archive or the own server says to a client, copies of messages (XEP-0280 §11)
/// and results (XEP-0313 §10). Stanzas without such children are not touched.
pub(crate) fn cut_forged(stanza: &mut Stanza, domain: &str) {
    if !stanza
        .children()
        .any(|child| matches!(child.name(), "stanza-id" | "delay" | "sent" | "received" | "result" | "fin"))
    {
        return;
    }
    stanza.cut_children(|child| {
        if child.is("delay", xep::delay::NS) {
            return child.element().attr("from").is_some_and(|from| ours(from, domain));
        }
        if matches!(&*child.ns(), xep::carbons::NS | xep::mam::NS) {
            return matches!(child.name(), "sent" | "received" | "result" | "fin");
        }
        xep::stanza_ids::is_forged(child, |by| ours(by, domain))
    });
}

/// Is this an address of our domain? An address that is none counts as ours, to be on the safe side.
fn ours(address: &str, domain: &str) -> bool {
    address.parse::<model::Jid>().map_or(true, |jid| jid.domain().as_str() == domain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use xmpp::{Context, Stamp};

    fn cut(text: &'static str) -> String {
        let mut stanza = xmpp::parse_one(Bytes::from_static(text.as_bytes())).unwrap();
        cut_forged(&mut stanza, "x");
        String::from_utf8(stanza.to_bytes(Context::Client, &Stamp::default()).to_vec()).unwrap()
    }

    #[test]
    fn what_is_said_in_our_name_is_cut() {
        let forged = "<message xmlns='jabber:client'><body>a</body><stanza-id xmlns='urn:xmpp:sid:0' by='Bob@x' id='1'/>\
                      <delay xmlns='urn:xmpp:delay' from='x' stamp='2002-09-10T23:08:25Z'/></message>";
        assert_eq!(cut(forged), "<message><body>a</body></message>");
    }

    #[test]
    fn what_others_said_stays() {
        let kept = cut(
            "<message xmlns='jabber:client'><body>a</body><stanza-id xmlns='urn:xmpp:sid:0' by='room@y' id='1'/>\
             <delay xmlns='urn:xmpp:delay' stamp='2002-09-10T23:08:25Z'/></message>",
        );
        assert!(kept.contains("room@y") && kept.contains("<delay"), "{kept}");
    }

    #[test]
    fn the_mark_escapes_the_owner() {
        let store_id: StanzaId = "018f6b0e-0000-7000-8000-000000000001".parse().unwrap();
        let text = mark("o'b@x", store_id);
        let wrapped =
            format!("<message xmlns='jabber:client'>{}</message>", std::str::from_utf8(&text).unwrap());
        let stanza = xmpp::parse_one(wrapped.into()).unwrap();
        assert_eq!(stanza.child("stanza-id", NS).unwrap().attr("by"), Some("o'b@x"));
    }
}
