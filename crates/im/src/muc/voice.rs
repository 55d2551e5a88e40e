//! Visitors ask for voice, and moderators give it to them (XEP-0045 §7.13, §8.6).

use xmpp::xep::forms::{self, Form, FormType};
use xmpp::{Builder, Condition, Context, Element, ErrorKind, Stanza, StanzaError};

use super::Visitor;
use super::affiliation::Role;
use super::room::{Post, Room};
use super::speech::{forbidden, not_an_occupant};
use super::wire::ADMIN;

/// The kind of the form.
const REQUEST: &str = "http://jabber.org/protocol/muc#request";

/// The request, or the verdict, that a message to the room is.
pub(super) fn form_of(stanza: &Stanza) -> Option<Form> {
    let form = Form::from_element(&stanza.child("x", forms::NS)?).ok()?;
    (form.form_type() == Some(REQUEST) && form.type_ == FormType::Submit).then_some(form)
}

/// Somebody fills in the form: a visitor to ask for voice, a moderator to give it.
pub(super) fn heed(
    room: &mut Room,
    who: Visitor<'_>,
    form: &Form,
    post: &mut Post<'_>,
) -> Result<(), StanzaError> {
    let me = room.occupant_of(who.jid).ok_or_else(not_an_occupant)?;
    match (form.field("muc#request_allow"), me.role) {
        (Some(_), Role::Moderator) => decide(room, who, form, post),
        (Some(_), _) => Err(forbidden()),
        (None, Role::Visitor) => ask(room, who, form, post),
        (None, _) => Err(StanzaError::new(ErrorKind::Cancel, Condition::NotAllowed)
            .with_text("you have a voice in this room")),
    }
}

/// §7.13: all moderators get the form with which they decide.
fn ask(room: &Room, who: Visitor<'_>, form: &Form, post: &mut Post<'_>) -> Result<(), StanzaError> {
    let me = room.occupant_of(who.jid).ok_or_else(not_an_occupant)?;
    if form.value("muc#role").is_some_and(|role| role != Role::Participant.as_str()) {
        return Err(Condition::NotAcceptable.into());
    }
    let question = Form::new(FormType::Form, REQUEST)
        .with("muc#role", "list-single", [Role::Participant.as_str()])
        .labelled("Requested role")
        .option("Participant", Role::Participant.as_str())
        .with("muc#jid", "jid-single", [who.jid.as_str()])
        .labelled("Address")
        .with("muc#roomnick", "text-single", [me.nick.as_str()])
        .labelled("Nickname")
        .with("muc#request_allow", "boolean", ["0"])
        .labelled("Give this person a voice?")
        .to_element();
    let mut asked = false;
    for moderator in room.occupants.values().filter(|occupant| occupant.role == Role::Moderator) {
        for session in moderator.sessions() {
            let mut message = Builder::message(Context::Client);
            message.from(room.jid.as_str()).to(session.as_str());
            post(session, message.element(&question).finish());
            asked = true;
        }
    }
    if asked {
        return Ok(());
    }
    Err(StanzaError::new(ErrorKind::Wait, Condition::RecipientUnavailable)
        .with_text("no moderator is in the room"))
}

/// §8.6: a moderator gives the voice that was asked for, or does not, which nobody hears of.
fn decide(room: &mut Room, who: Visitor<'_>, form: &Form, post: &mut Post<'_>) -> Result<(), StanzaError> {
    if form.flag("muc#request_allow")? != Some(true) {
        return Ok(());
    }
    let nick = form.value("muc#roomnick").ok_or(Condition::BadRequest)?;
    let asker = room.occupants.get(nick).ok_or(Condition::ItemNotFound)?;
    // Somebody else may have the nickname by now.
    let same = |jid: &str| asker.sessions().iter().any(|session| session.as_str() == jid);
    if !form.value("muc#jid").is_none_or(same) {
        return Err(Condition::ItemNotFound.into());
    }
    if asker.role != Role::Visitor {
        return Ok(());
    }
    let item =
        Element::new("item", ADMIN).with_attr("nick", nick).with_attr("role", Role::Participant.as_str());
    room.administer(who.jid, &Element::new("query", ADMIN).with_child(item), post)
}
