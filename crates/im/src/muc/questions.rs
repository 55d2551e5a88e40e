//! What is asked of rooms: discovery, configuration, lists, the archive.

use bytes::Bytes;
use model::{BareJid, Jid};
use store::StanzaId;
use xmpp::xep::disco::{INFO, ITEMS, Identity, Info};
use xmpp::xep::forms::{self, Form, FormType};
use xmpp::xep::retraction::MODERATE;
use xmpp::xep::{fulltext, mam, ping, register};
use xmpp::{Condition, Element, ErrorKind, Stanza, StanzaError};

use super::Visitor;
use super::affiliation::Affiliation;
use super::card;
use super::hat_commands;
use super::hats;
use super::passing;
use super::registration;
use super::retraction;
use super::room::Room;
use super::service::{SharedRoom, keep, post, tidy};
use super::wire::{ADMIN, OCCUPANT_ID, OWNER};
use crate::Im;
use crate::features::{archive, commands, vcard};

/// Rooms that one list shows.
const LISTED_MAX: usize = 500;

/// What goes back: stanzas before the answer, and the answer's payload; `None` when somebody else answers.
pub(crate) type Answer = Option<(Vec<Bytes>, Option<Element>)>;

pub(super) fn only(payload: Option<Element>) -> Answer {
    Some((Vec::new(), payload))
}

/// The service among what the server offers.
pub(crate) fn service_item(im: &Im) -> Element {
    Element::new("item", ITEMS).with_attr("jid", im.rooms.domain().to_owned()).with_attr("name", "Rooms")
}

/// An IQ to the service, to a room, or to somebody in it.
pub(crate) async fn answer_iq(
    im: &Im,
    who: Visitor<'_>,
    stanza: &Stanza,
    to: &str,
) -> Result<Answer, StanzaError> {
    let jid: Jid = to.parse().map_err(|_| Condition::JidMalformed)?;
    let kind = stanza.type_();
    let request = matches!(kind.as_deref(), Some("get" | "set"));
    if jid.node().is_none() {
        return if request { service(im, stanza).map(only) } else { Ok(None) };
    }
    let Some(room) = im.rooms.find(&jid.to_bare()) else {
        return if request { Err(Condition::ItemNotFound.into()) } else { Ok(None) };
    };
    if let Some(nick) = jid.resource() {
        if kind.as_deref() == Some("get") && stanza.has_child("vCard", vcard::NS) {
            return card::of_occupant(im, who, &room, nick.as_str()).await.map(only);
        }
        return passing::to_occupant(im, who, stanza, &mut room.lock(), nick.as_str());
    }
    if !request {
        return Ok(None);
    }
    let payload = stanza.first_child().ok_or(Condition::BadRequest)?.element();
    let set = kind.as_deref() == Some("set");
    let mut post = |session: &model::FullJid, bytes| post(im, session, bytes);
    match (set, payload.ns(), payload.name()) {
        (false, INFO, "query") => room_info(&room.lock(), who, &payload).map(Some).map(only),
        (set, register::NS, "query") => registration::answer(im, who, &room, set, &payload).await.map(only),
        (false, ITEMS, "query") => Ok(only(Some(hat_commands::items(&room.lock(), who, &payload)))),
        (true, commands::NS, "command") => hat_commands::run(im, who, &room, &payload).await.map(only),
        (false, ping::NS, "ping") => Ok(only(None)),
        (false, vcard::NS, "vCard") => card::get(im, &room).await.map(only),
        (true, vcard::NS, "vCard") => card::set(im, who, &room, &payload).await.map(only),
        (false, ADMIN, "query") => room.lock().list(who.jid, &payload).map(Some).map(only),
        (true, ADMIN, "query") => {
            room.lock().administer(who.jid, &payload, &mut post)?;
            keep(im, &room).await?;
            Ok(only(None))
        }
        (false, OWNER, "query") => {
            let room = room.lock();
            owner(&room, who)?;
            let form = room.config.form().to_element();
            Ok(only(Some(Element::new("query", OWNER).with_child(form))))
        }
        (true, OWNER, "query") => own(im, who, &room, &payload).await.map(only),
        (true, mam::NS, "query") => {
            let (room_jid, begin) = readable(&room.lock(), who)?;
            let (results, fin) = archive::page_of(im, &room_jid, who.jid, &payload, begin).await?;
            Ok(Some((results, Some(fin))))
        }
        (false, mam::NS, "query") => Ok(only(Some(archive::form()))),
        (false, mam::NS, "metadata") => {
            let (room_jid, begin) = readable(&room.lock(), who)?;
            archive::metadata(im, &room_jid, begin).await.map(only)
        }
        (true, MODERATE, "moderate") => retraction::moderate(im, who, &room, &payload).await.map(only),
        _ => Err(Condition::ServiceUnavailable.into()),
    }
}

fn service(im: &Im, stanza: &Stanza) -> Result<Option<Element>, StanzaError> {
    let payload = stanza.first_child().ok_or(Condition::BadRequest)?.element();
    match (stanza.type_().as_deref(), payload.ns(), payload.name()) {
        (Some("get"), INFO, "query") => {
            let muc = "http://jabber.org/protocol/muc";
            let features = [INFO, ITEMS, ping::NS, vcard::NS, OCCUPANT_ID, hats::NS, muc];
            Ok(Some(info("Rooms", features.iter().copied(), Vec::new())))
        }
        (Some("get"), ITEMS, "query") => {
            let item = |(jid, name): (BareJid, String)| {
                let name = if name.is_empty() {
                    jid.node().map_or("", |node| node.as_str()).to_owned()
                } else {
                    name
                };
                Element::new("item", ITEMS).with_attr("jid", jid.as_str()).with_attr("name", name)
            };
            let rooms = im.rooms.public(LISTED_MAX).into_iter().map(item);
            Ok(Some(rooms.fold(Element::new("query", ITEMS), Element::with_child)))
        }
        (Some("get"), ping::NS, "ping") => Ok(None),
        _ => Err(Condition::ServiceUnavailable.into()),
    }
}

fn info(name: &str, features: impl Iterator<Item = &'static str>, forms: Vec<Element>) -> Element {
    let identities = vec![Identity::new("conference", "text", name)];
    Info { identities, features: features.map(str::to_owned).collect(), forms, ..Info::default() }
        .to_element()
}

/// §6.4: how the room is, and how many are in it.
fn room_info(room: &Room, who: Visitor<'_>, query: &Element) -> Result<Element, StanzaError> {
    if let Some(node) = query.attr("node").filter(|node| !node.is_empty()) {
        if node == registration::OWN_NICK {
            return Ok(room.own_nick(who.user));
        }
        return hat_commands::info(node).ok_or_else(|| Condition::ItemNotFound.into());
    }
    let own = [INFO, ITEMS, mam::NS, mam::EXTENDED, fulltext::NS, "urn:xmpp:sid:0", OCCUPANT_ID, ping::NS];
    let mut form = Form::new(FormType::Result, "http://jabber.org/protocol/muc#roominfo")
        .with("muc#roominfo_description", "text-single", [room.config.description.as_str()])
        .with("muc#roominfo_occupants", "text-single", [room.occupants.len().to_string()])
        .with("muc#maxhistoryfetch", "text-single", [super::room::HISTORY_MAX.to_string()]);
    if !room.config.avatars.is_empty() {
        // XEP-0486 §3.3: only where there is a picture.
        form = form.with("muc#roominfo_avatarhash", "text-multi", room.config.avatars.clone());
    }
    let name = room.jid.node().map_or("", |node| node.as_str());
    let name = if room.config.name.is_empty() { name } else { room.config.name.as_str() };
    Ok(info(
        name,
        own.into_iter().chain(retraction::FEATURES).chain(room.config.features()),
        vec![form.to_element()],
    ))
}

fn owner(room: &Room, who: Visitor<'_>) -> Result<(), StanzaError> {
    if room.affiliation(who.user) == Affiliation::Owner {
        return Ok(());
    }
    Err(StanzaError::new(ErrorKind::Auth, Condition::Forbidden))
}

/// What was said is for those who are in, and for those who belong to the room: whose archive it is, and where it begins.
fn readable(room: &Room, who: Visitor<'_>) -> Result<(BareJid, Option<StanzaId>), StanzaError> {
    let belongs = room.affiliation(who.user) >= Affiliation::Member;
    if belongs || room.occupant_of(who.jid).is_some() {
        return Ok((room.jid.clone(), room.config.begin()));
    }
    Err(StanzaError::new(ErrorKind::Auth, Condition::Forbidden))
}

async fn own(
    im: &Im,
    who: Visitor<'_>,
    shared: &SharedRoom,
    query: &Element,
) -> Result<Option<Element>, StanzaError> {
    let mut post = |session: &model::FullJid, bytes| post(im, session, bytes);
    let jid = {
        let mut room = shared.lock();
        owner(&room, who)?;
        if let Some(destroy) = query.child("destroy", OWNER) {
            room.destroy(destroy, &mut post);
        } else {
            let form = query.child("x", forms::NS).ok_or(Condition::BadRequest)?;
            let form = Form::from_element(form)?;
            match form.type_ {
                // §10.1.3: an owner who gives up takes the room with them.
                FormType::Cancel if room.locked => room.destroy(&Element::new("destroy", OWNER), &mut post),
                FormType::Cancel => return Ok(None),
                _ => {
                    let config = room.config.clone().with(&form)?;
                    room.configure(config, &mut post);
                }
            }
        }
        room.jid.clone()
    };
    keep(im, shared).await?;
    tidy(im, &jid);
    Ok(None)
}
