//! What is taken back in a room: by who said it (XEP-0424), or by a moderator (XEP-0425).

use model::BareJid;
use store::StanzaId;
use xmpp::xep::retraction::{self as xep, MODERATE, Moderation, NS};
use xmpp::{Builder, Condition, Context, Element, ErrorKind, Stanza, StanzaError};

use super::Visitor;
use super::affiliation::Role;
use super::room::Room;
use super::service::SharedRoom;
use super::speech;
use super::wire::{self, OCCUPANT_ID};
use crate::Im;
use crate::acceptance::storage_error;

/// An occupant may take back what they said themselves; the room's id names it (XEP-0424 §6).
pub(crate) fn heed(im: &Im, room: &mut Room, said: &Stanza, author: &str) {
    let Some(id) = xep::retracted_id(said) else { return };
    let retracted = xep::retracted(&im.runtime.timestamp().to_string(), said.id().as_deref());
    forget(room, &id, &retracted, Some(author));
    let Ok(id) = id.parse::<StanzaId>() else { return };
    let (store, jid, author) = (im.store.clone(), room.jid.clone(), author.to_owned());
    im.runtime.spawn_session(async move {
        if let Err(error) = replace(&store, &jid, id, &retracted, Some(&author)).await {
            tracing::warn!(%error, "a message that was taken back stays in the archive of a room");
        }
    });
}

/// A moderator asks that a message be taken back (XEP-0425 §3): everybody is told, by the room.
pub(crate) async fn moderate(
    im: &Im,
    who: Visitor<'_>,
    shared: &SharedRoom,
    payload: &Element,
) -> Result<Option<Element>, StanzaError> {
    let asked = Moderation::from_element(payload)?;
    let id: StanzaId = asked.id.parse().map_err(|_| Condition::ItemNotFound)?;
    let (jid, retracted) = {
        let mut room = shared.lock();
        let me = room.occupant_of(who.jid).filter(|me| me.role == Role::Moderator);
        let me = me.ok_or_else(|| {
            let text = "only moderators take back what others said";
            StanzaError::new(ErrorKind::Auth, Condition::Forbidden).with_text(text)
        })?;
        let (by, occupant_id) = (room.address(&me.nick), wire::occupant_id(&room.occupant_id(&me.user)));
        let told = Builder::message(Context::Framed)
            .type_("groupchat")
            .id(&im.runtime.random_token(8))
            .from(room.jid.as_str())
            .element(&asked.retract(&by, &occupant_id))
            .finish();
        let told = xmpp::parse_one(told).map_err(|_| Condition::InternalServerError)?;
        let (from, sender) = (room.jid.to_string(), who.jid.as_str());
        speech::say(im, &room, &told, (&from, sender), None)?;
        let retracted = asked.retracted(&im.runtime.timestamp().to_string(), &by, &occupant_id);
        forget(&mut room, &id.to_string(), &retracted, None);
        (room.jid.clone(), retracted)
    };
    let replaced = replace(&im.store, &jid, id, &retracted, None).await;
    replaced.map(|()| None).map_err(|error| storage_error(&error))
}

/// Puts a tombstone where a message was in what the room remembers. With an `author`, only if it was theirs.
fn forget(room: &mut Room, id: &str, retracted: &Element, author: Option<&str>) {
    for said in &mut room.history {
        let named = said.stanza.child("stanza-id", xmpp::xep::stanza_ids::NS);
        let named = named.is_some_and(|named| named.attr("id") == Some(id));
        if named && may(&said.stanza, author) {
            let left = xep::tombstone(&said.stanza, retracted);
            if let Ok(stanza) = xmpp::parse_inheriting(left) {
                said.stanza = stanza;
            }
        }
    }
}

/// Does the same in the room's archive.
async fn replace(
    store: &store::Store,
    room: &BareJid,
    id: StanzaId,
    retracted: &Element,
    author: Option<&str>,
) -> Result<(), store::Error> {
    let Some(entry) = store.archive_entry(room, id).await? else { return Ok(()) };
    let Ok(message) = xmpp::parse_inheriting(entry.stanza) else { return Ok(()) };
    if may(&message, author) {
        store.archive_replace(room, id, xep::tombstone(&message, retracted)).await?;
    }
    Ok(())
}

/// Was it the author's? A retraction itself stays: who comes later is to know of it (XEP-0424 §6).
fn may(message: &Stanza, author: Option<&str>) -> bool {
    let by = message.child("occupant-id", OCCUPANT_ID);
    let same = author.is_none_or(|author| by.is_some_and(|by| by.attr("id") == Some(author)));
    same && !message.has_child("retract", NS)
}

/// What a room says that it can do.
pub(crate) const FEATURES: [&str; 3] = [NS, xep::TOMBSTONE, MODERATE];
