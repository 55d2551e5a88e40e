//! What is said in a room: to all and to one (XEP-0045 §7.4, §7.5, §8.1).

use bytes::BytesMut;
use model::Jid;
use store::{Archives, Entry, Seq};
use xmpp::{Condition, Context, Element, ErrorKind, Stamp, Stanza, StanzaError, ns, xep};

use super::Visitor;
use super::affiliation::Role;
use super::invitation::{ToAbsent, mediate};
use super::retraction;
use super::room::{Room, Said};
use super::service::{SharedRoom, keep_behind, post};
use super::wire::{self, OCCUPANT_ID, USER};
use crate::Im;
use crate::acceptance::storage_error;
use crate::features::stanza_ids;

/// The namespace of chat states, which nobody wants to read later.
const CHAT_STATES: &str = "http://jabber.org/protocol/chatstates";

/// What became of a message to a room.
pub(crate) enum Spoken {
    /// It went out, or was dropped. With its place when it was kept.
    Done(Option<Seq>),
    /// It is for somebody who is not signed in.
    ToAbsent(Box<ToAbsent>),
}

/// A message to a room, or to somebody in it.
pub(crate) fn message(im: &Im, who: Visitor<'_>, stanza: &Stanza, to: &str) -> Result<Spoken, StanzaError> {
    let jid: Jid = to.parse().map_err(|_| Condition::JidMalformed)?;
    let room = im.rooms.find(&jid.to_bare()).ok_or(Condition::ItemNotFound)?;
    match (stanza.type_().as_deref(), jid.resource()) {
        (Some("error"), _) => Ok(Spoken::Done(None)),
        (Some("groupchat"), None) => to_all(im, who, stanza, &room).map(Spoken::Done),
        (Some("groupchat"), Some(_)) => Err(StanzaError::new(ErrorKind::Modify, Condition::BadRequest)),
        (_, Some(nick)) => to_one(im, who, stanza, &room.lock(), nick.as_str()).map(Spoken::Done),
        (_, None) => mediate(im, who, stanza, &room),
    }
}

pub(super) fn not_an_occupant() -> StanzaError {
    StanzaError::new(ErrorKind::Modify, Condition::NotAcceptable).with_text("only occupants speak in a room")
}

pub(super) fn forbidden() -> StanzaError {
    StanzaError::new(ErrorKind::Auth, Condition::Forbidden)
}

fn to_all(
    im: &Im,
    who: Visitor<'_>,
    stanza: &Stanza,
    shared: &SharedRoom,
) -> Result<Option<Seq>, StanzaError> {
    let mut room = shared.lock();
    let me = room.occupant_of(who.jid).ok_or_else(not_an_occupant)?;
    // §7.2.15: a subject is a message with a subject and without words.
    let subject = stanza.has_child("subject", ns::CLIENT) && !stanza.has_child("body", ns::CLIENT);
    let allowed = if subject && !room.config.open_subject { Role::Moderator } else { Role::Participant };
    if me.role < allowed {
        return Err(forbidden());
    }
    let (from, author) = (room.address(&me.nick), room.occupant_id(&me.user));
    may_speak(im, who, &mut room)?;
    let mut stanza = wire::without_room_payload(stanza);
    let own = room.jid.as_str().to_owned();
    stanza.cut_children(|child| {
        child.is("delay", xep::delay::NS) || xep::stanza_ids::is_forged(child, |by| by == own)
    });
    let (said, seq) = say(im, &room, &stanza, (&from, who.jid.as_str()), Some(&author))?;
    if subject {
        room.subject = Some(said);
        keep_behind(im, &room);
    } else {
        retraction::heed(im, &mut room, &said.stanza, &author);
        if is_kept(&said.stanza) {
            room.remember(said);
        }
    }
    Ok(seq)
}

/// Nobody hears what one occupant says too much in a second.
pub(super) fn may_speak(im: &Im, who: Visitor<'_>, room: &mut Room) -> Result<(), StanzaError> {
    let nick = room.occupant_of(who.jid).ok_or_else(not_an_occupant)?.nick.clone();
    let per_second = im.limits.load().account.room_messages_per_second_max;
    if room.occupants.get_mut(&nick).is_some_and(|me| me.may_speak(im.runtime.now(), per_second)) {
        return Ok(());
    }
    Err(StanzaError::new(ErrorKind::Wait, Condition::ResourceConstraint)
        .with_text("too many messages to this room in a second; wait a moment"))
}

/// A message of the room, `from` an occupant or from the room itself, goes into the archive and to everybody. With
/// its place when it was kept; `sender` is told if it cannot be.
pub(crate) fn say(
    im: &Im,
    room: &Room,
    stanza: &Stanza,
    (from, sender): (&str, &str),
    author: Option<&str>,
) -> Result<(Said, Option<Seq>), StanzaError> {
    let (id, at) = (im.store.stanza_id(), im.runtime.timestamp());
    let mut marks = BytesMut::from(&stanza_ids::mark(room.jid.as_str(), id)[..]);
    if let Some(author) = author {
        wire::occupant_id(author).write(&mut marks, Context::Client);
    }
    let keeps = room.config.archived && is_kept(stanza) && xep::hints::is_archived(stanza);
    let stamp = Stamp::default().from(from).to_nobody().adding(&marks);
    let bytes = stanza.to_bytes(Context::Framed, &stamp);
    let stanza = xmpp::parse_one(bytes).map_err(|_| Condition::InternalServerError)?;
    let seq = if keeps { Some(archive(im, room, &stanza, (from, sender), (id, at))?) } else { None };
    room.broadcast(&stanza, &mut |session, bytes| post(im, session, bytes));
    Ok((Said { stanza, at }, seq))
}

fn archive(
    im: &Im,
    room: &Room,
    said: &Stanza,
    (from, sender): (&str, &str),
    (id, at): (store::StanzaId, model::Timestamp),
) -> Result<Seq, StanzaError> {
    let entry = Entry {
        id,
        owner: room.jid.clone(),
        from: from.to_owned(),
        to: room.jid.to_string(),
        stanza: said.to_bytes(Context::Client, &Stamp::default()),
        at,
        spool: false,
        archives: Archives { owner: true, sender: false },
        // What is kept is from the nickname: the words themselves are the sender's.
        told: Some(sender.to_owned()),
    };
    im.store.journal_append(entry).map_err(|error| storage_error(&error))
}

/// Is this worth reading later: more than a chat state, and not said in confidence (XEP-0334 §4)?
fn is_kept(stanza: &Stanza) -> bool {
    !stanza.has_child("no-store", xep::hints::NS)
        && stanza.children().any(|child| {
            !matches!(&*child.ns(), CHAT_STATES | xep::hints::NS | OCCUPANT_ID | xep::stanza_ids::NS)
        })
}

/// §7.5: to one occupant, under the nickname of the sender.
fn to_one(
    im: &Im,
    who: Visitor<'_>,
    stanza: &Stanza,
    room: &Room,
    nick: &str,
) -> Result<Option<Seq>, StanzaError> {
    let me = room.occupant_of(who.jid).ok_or_else(not_an_occupant)?;
    let other = room.occupants.get(nick).ok_or(Condition::ItemNotFound)?;
    let mut marks = BytesMut::new();
    Element::new("x", USER).write(&mut marks, Context::Client);
    wire::occupant_id(&room.occupant_id(&me.user)).write(&mut marks, Context::Client);
    let (from, stanza) = (room.address(&me.nick), wire::without_room_payload(stanza));
    for session in other.sessions() {
        let stamp = Stamp::default().from(&from).to(session.as_str()).adding(&marks);
        post(im, session, stanza.to_bytes(Context::Client, &stamp));
    }
    Ok(None)
}
