//! What is said in a room: to all, to one, and invitations (XEP-0045 §7.4 to §7.8, §8.1).

use bytes::BytesMut;
use model::Jid;
use store::{Archives, Entry, Seq};
use xmpp::{Builder, Condition, Context, Element, ErrorKind, Stamp, Stanza, StanzaError, ns, xep};

use super::Visitor;
use super::affiliation::{Affiliation, Role};
use super::retraction;
use super::room::{Room, Said};
use super::service::{SharedRoom, keep_behind, post};
use super::wire::{self, OCCUPANT_ID, USER};
use crate::Im;
use crate::acceptance::storage_error;
use crate::features::stanza_ids;
use crate::router::Routed;

/// The namespace of chat states, which nobody wants to read later.
const CHAT_STATES: &str = "http://jabber.org/protocol/chatstates";

/// A message to a room, or to somebody in it. With its place when it was kept.
pub(crate) fn message(
    im: &Im,
    who: Visitor<'_>,
    stanza: &Stanza,
    to: &str,
) -> Result<Option<Seq>, StanzaError> {
    let jid: Jid = to.parse().map_err(|_| Condition::JidMalformed)?;
    let room = im.rooms.find(&jid.to_bare()).ok_or(Condition::ItemNotFound)?;
    match (stanza.type_().as_deref(), jid.resource()) {
        (Some("error"), _) => Ok(None),
        (Some("groupchat"), None) => to_all(im, who, stanza, &room),
        (Some("groupchat"), Some(_)) => Err(StanzaError::new(ErrorKind::Modify, Condition::BadRequest)),
        (_, Some(nick)) => to_one(im, who, stanza, &room.lock(), nick.as_str()),
        (_, None) => invite(im, who, stanza, &room),
    }
}

fn not_an_occupant() -> StanzaError {
    StanzaError::new(ErrorKind::Modify, Condition::NotAcceptable).with_text("only occupants speak in a room")
}

fn forbidden() -> StanzaError {
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

/// §7.8.2: an invitation that the room passes on.
fn invite(
    im: &Im,
    who: Visitor<'_>,
    stanza: &Stanza,
    shared: &SharedRoom,
) -> Result<Option<Seq>, StanzaError> {
    let x =
        stanza.child("x", USER).ok_or_else(|| StanzaError::new(ErrorKind::Modify, Condition::BadRequest))?;
    let Some(invite) = x.child("invite", USER) else {
        // §7.8.2: a refusal goes back to who invited.
        return decline(im, who, &x, &shared.lock());
    };
    let invited: Jid = invite.attr("to").and_then(|to| to.parse().ok()).ok_or(Condition::JidMalformed)?;
    let (invitation, room_jid) = {
        let mut room = shared.lock();
        let me = room.occupant_of(who.jid).ok_or_else(not_an_occupant)?;
        let admin = room.affiliation(&me.user) >= Affiliation::Admin;
        if !admin && (!room.config.open_invitations || me.role < Role::Participant) {
            return Err(forbidden());
        }
        if room.config.members_only && room.affiliation(&invited.to_bare()) == Affiliation::None {
            if room.affiliations.len() >= store::ROOM_AFFILIATIONS_MAX {
                return Err(Condition::ResourceConstraint.into());
            }
            room.affiliations.insert(invited.to_bare(), Affiliation::Member);
            keep_behind(im, &room);
        }
        let mut told = Element::new("invite", USER).with_attr("from", who.user.as_str());
        if let Some(reason) = invite.child("reason", USER) {
            told.push(reason.clone());
        }
        let mut x = Element::new("x", USER).with_child(told);
        if let Some(password) = &room.config.password {
            x.push(Element::new("password", USER).with_text(password.as_str()));
        }
        let mut message = Builder::message(Context::Framed);
        message.from(room.jid.as_str()).to(invited.as_str()).element(&x);
        (message.finish(), room.jid.to_string())
    };
    send(im, invitation, &room_jid, invited.as_str())
}

fn decline(im: &Im, who: Visitor<'_>, x: &Element, room: &Room) -> Result<Option<Seq>, StanzaError> {
    let decline = x.child("decline", USER).ok_or(Condition::BadRequest)?;
    let to: Jid = decline.attr("to").and_then(|to| to.parse().ok()).ok_or(Condition::JidMalformed)?;
    let mut told = Element::new("decline", USER).with_attr("from", who.user.as_str());
    if let Some(reason) = decline.child("reason", USER) {
        told.push(reason.clone());
    }
    let mut message = Builder::message(Context::Framed);
    message.from(room.jid.as_str()).to(to.as_str()).element(&Element::new("x", USER).with_child(told));
    send(im, message.finish(), room.jid.as_str(), to.as_str())
}

/// A message of the room to somebody who need not be in it. Who is not signed in misses an invitation.
fn send(im: &Im, message: bytes::Bytes, from: &str, to: &str) -> Result<Option<Seq>, StanzaError> {
    let message = xmpp::parse_one(message).map_err(|_| Condition::InternalServerError)?;
    match im.route_message(&message, from, to)? {
        Routed::Done(seq) => Ok(seq),
        Routed::Absent(..) | Routed::Service(_) => Err(Condition::RecipientUnavailable.into()),
    }
}
