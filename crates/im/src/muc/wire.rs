//! What a room says: presences with their item and status codes, messages to each occupant (XEP-0045 §17).

use bytes::{Bytes, BytesMut};
use model::{BareJid, FullJid, Timestamp};
use xmpp::xep::delay::Delay;
use xmpp::{Builder, Context, Element, Stamp, Stanza, StanzaError};

use super::affiliation::{Affiliation, Role};
use super::hats;

/// The namespace of those who come in.
pub(crate) const MUC: &str = "http://jabber.org/protocol/muc";
/// The namespace of what is said about occupants.
pub(crate) const USER: &str = "http://jabber.org/protocol/muc#user";
/// The namespace of what admins do.
pub(crate) const ADMIN: &str = "http://jabber.org/protocol/muc#admin";
/// The namespace of what owners do.
pub(crate) const OWNER: &str = "http://jabber.org/protocol/muc#owner";
/// The namespace of occupants' ids (XEP-0421).
pub(crate) const OCCUPANT_ID: &str = "urn:xmpp:occupant-id:0";

/// What happens to an occupant, as everybody is told.
#[derive(Clone, Copy, Default)]
pub(crate) struct Change<'a> {
    pub(crate) codes: &'a [u16],
    pub(crate) new_nick: Option<&'a str>,
    /// Under this nickname, that is.
    pub(crate) leaves: bool,
    /// The nickname of who did it.
    pub(crate) actor: Option<&'a str>,
    pub(crate) reason: Option<&'a str>,
    pub(crate) destroyed: Option<&'a Element>,
}

/// What one viewer learns of an occupant.
pub(crate) struct Item<'a> {
    pub(crate) affiliation: Affiliation,
    pub(crate) role: Role,
    pub(crate) jid: Option<&'a FullJid>,
    pub(crate) nick: Option<&'a str>,
    pub(crate) actor: Option<&'a str>,
    pub(crate) reason: Option<&'a str>,
    pub(crate) occupant_id: String,
    pub(crate) hats: Option<Element>,
}

impl Item<'_> {
    fn element(&self) -> Element {
        let mut item = Element::new("item", USER)
            .with_attr("affiliation", self.affiliation.as_str())
            .with_attr("role", self.role.as_str());
        if let Some(jid) = self.jid {
            item.set_attr("jid", jid.as_str());
        }
        if let Some(nick) = self.nick {
            item.set_attr("nick", nick);
        }
        if let Some(actor) = self.actor {
            item.push(Element::new("actor", USER).with_attr("nick", actor));
        }
        if let Some(reason) = self.reason {
            item.push(Element::new("reason", USER).with_text(reason));
        }
        item
    }

    fn children(&self, codes: &[u16], destroyed: Option<&Element>) -> BytesMut {
        let mut x = Element::new("x", USER).with_child(self.element());
        for code in codes {
            x.push(Element::new("status", USER).with_attr("code", code.to_string()));
        }
        if let Some(destroyed) = destroyed {
            x.push(destroyed.clone());
        }
        let mut out = BytesMut::new();
        x.write(&mut out, Context::Client);
        occupant_id(&self.occupant_id).write(&mut out, Context::Client);
        out
    }
}

/// `<occupant-id/>`.
pub(crate) fn occupant_id(id: &str) -> Element {
    Element::new("occupant-id", OCCUPANT_ID).with_attr("id", id.to_owned())
}

/// A stanza without what only a room may say of its occupants, and what only a room is told.
pub(crate) fn without_room_payload(stanza: &Stanza) -> Stanza {
    let mut stanza = stanza.clone();
    stanza.cut_children(|child| {
        child.is("x", MUC)
            || child.is("x", USER)
            || child.is("occupant-id", OCCUPANT_ID)
            || child.is("hats", hats::NS)
    });
    stanza
}

/// The presence of somebody who is in.
pub(crate) fn available(shown: &Stanza, from: &str, to: &FullJid, item: &Item<'_>, codes: &[u16]) -> Bytes {
    let mut children = item.children(codes, None);
    if let Some(hats) = &item.hats {
        hats.write(&mut children, Context::Client);
    }
    shown.to_bytes(Context::Client, &Stamp::default().from(from).to(to.as_str()).adding(&children))
}

/// The presence of somebody who leaves.
pub(crate) fn unavailable(
    from: &str,
    to: &FullJid,
    item: &Item<'_>,
    codes: &[u16],
    destroyed: Option<&Element>,
) -> Bytes {
    let children = item.children(codes, destroyed);
    Builder::presence(Context::Client).type_("unavailable").from(from).to(to.as_str()).raw(&children).finish()
}

/// Why somebody does not come in. Clients know the room's refusals by the element that they came with (§7.2.5).
pub(crate) fn refusal(presence: &Stanza, to: &str, error: &StanzaError) -> Bytes {
    let (id, from) = (presence.id(), presence.to());
    Builder::presence(Context::Client)
        .type_("error")
        .attr_if("from", from.as_deref())
        .to(to)
        .attr_if("id", id.as_deref())
        .empty_child("x", MUC)
        .element(&error.to_element())
        .finish()
}

/// A message of the room to one session.
pub(crate) fn to(stanza: &Stanza, to: &FullJid) -> Bytes {
    stanza.to_bytes(Context::Client, &Stamp::default().to(to.as_str()))
}

/// What was said before, with its time (§7.2.14).
pub(crate) fn from_history(stanza: &Stanza, to: &FullJid, room: &BareJid, at: Timestamp) -> Bytes {
    let mut delay = BytesMut::new();
    Delay { from: Some(room.to_string()), stamp: at.to_string(), reason: None }.write(&mut delay);
    stanza.to_bytes(Context::Client, &Stamp::default().to(to.as_str()).adding(&delay))
}

/// There is no subject (§7.2.15): everything of the past has been told.
pub(crate) fn no_subject(room: &BareJid, to: &FullJid) -> Bytes {
    Builder::message(Context::Client)
        .type_("groupchat")
        .from(room.as_str())
        .to(to.as_str())
        .empty_child("subject", "")
        .finish()
}
