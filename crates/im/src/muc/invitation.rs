//! Invitations that a room passes on, and their refusals (XEP-0045 §7.8.2).

use std::collections::VecDeque;

use model::{BareJid, FullJid, Jid};
use store::Seq;
use xmpp::{Builder, Condition, Context, Element, ErrorKind, Stanza, StanzaError};

use super::Visitor;
use super::affiliation::{Affiliation, Role};
use super::registration;
use super::room::Room;
use super::service::{SharedRoom, keep_behind, post};
use super::speech::{Spoken, forbidden, may_speak, not_an_occupant};
use super::voice;
use super::wire::USER;
use crate::Im;
use crate::delivery::Address;
use crate::router::Routed;

/// Invitations of one room that can still be refused; the oldest go first.
const OPEN_INVITATIONS_MAX: usize = 500;

/// Who was invited and has not refused.
#[derive(Default)]
pub(crate) struct Invitations(VecDeque<Invitation>);

#[derive(PartialEq, Eq)]
struct Invitation {
    inviter: BareJid,
    invited: BareJid,
}

impl Invitations {
    fn note(&mut self, inviter: BareJid, invited: BareJid) {
        let invitation = Invitation { inviter, invited };
        self.0.retain(|open| *open != invitation);
        self.0.truncate(OPEN_INVITATIONS_MAX - 1);
        self.0.push_front(invitation);
    }

    /// The invitation is refused; false when there was none.
    fn refuse(&mut self, inviter: &BareJid, invited: &BareJid) -> bool {
        let before = self.0.len();
        self.0.retain(|open| open.inviter != *inviter || open.invited != *invited);
        self.0.len() < before
    }
}

/// A message of a room to somebody who is not signed in: the store must say whether there is such an account.
pub(crate) struct ToAbsent {
    message: Stanza,
    room: String,
    owner: BareJid,
    address: Address,
}

impl ToAbsent {
    /// Keeps it until its addressee comes (XEP-0160).
    pub(crate) async fn send(self, im: &Im) -> Result<Option<Seq>, StanzaError> {
        im.route_message_absent(&self.message, &self.room, &self.owner, self.address).await
    }
}

/// A message to a room that is not said in it: an invitation, a refusal, or a form about voice or membership.
pub(super) fn mediate(
    im: &Im,
    who: Visitor<'_>,
    stanza: &Stanza,
    shared: &SharedRoom,
) -> Result<Spoken, StanzaError> {
    if let Some(form) = voice::form_of(stanza) {
        let mut room = shared.lock();
        may_speak(im, who, &mut room)?;
        let mut post = |session: &FullJid, bytes| post(im, session, bytes);
        return voice::heed(&mut room, who, &form, &mut post).map(|()| Spoken::Done(None));
    }
    if let Some(form) = registration::form_of(stanza) {
        let mut room = shared.lock();
        let mut post = |session: &FullJid, bytes| post(im, session, bytes);
        if registration::heed(&mut room, who, &form, &mut post)? {
            keep_behind(im, &room);
        }
        return Ok(Spoken::Done(None));
    }
    let x =
        stanza.child("x", USER).ok_or_else(|| StanzaError::new(ErrorKind::Modify, Condition::BadRequest))?;
    match x.child("invite", USER) {
        Some(invitation) => invite(im, who, invitation, shared),
        None => decline(im, who, x.child("decline", USER).ok_or(Condition::BadRequest)?, shared),
    }
}

fn invite(im: &Im, who: Visitor<'_>, invite: &Element, shared: &SharedRoom) -> Result<Spoken, StanzaError> {
    let invited: Jid = invite.attr("to").and_then(|to| to.parse().ok()).ok_or(Condition::JidMalformed)?;
    // Whom somebody blocks does not reach them by way of a room either (XEP-0191 §3.4).
    im.check_blocked(who.jid.as_str(), invited.as_str())?;
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
        room.invitations.note(who.user.clone(), invited.to_bare());
        let password = room.config.password.as_deref();
        (relay(&room, "invite", (who, invite), &invited, password), room.jid.to_string())
    };
    send(im, invitation, room_jid, invited.as_str())
}

/// Only who was invited refuses, once, and only to who invited them: a room is no way to write to anybody.
fn decline(im: &Im, who: Visitor<'_>, decline: &Element, shared: &SharedRoom) -> Result<Spoken, StanzaError> {
    let inviter: Jid = decline.attr("to").and_then(|to| to.parse().ok()).ok_or(Condition::JidMalformed)?;
    im.check_blocked(who.jid.as_str(), inviter.as_str())?;
    let (refusal, room_jid) = {
        let mut room = shared.lock();
        if !room.invitations.refuse(&inviter.to_bare(), who.user) {
            return Err(forbidden());
        }
        (relay(&room, "decline", (who, decline), &inviter, None), room.jid.to_string())
    };
    send(im, refusal, room_jid, inviter.as_str())
}

fn relay(
    room: &Room,
    name: &'static str,
    (who, asked): (Visitor<'_>, &Element),
    to: &Jid,
    password: Option<&str>,
) -> bytes::Bytes {
    let mut told = Element::new(name, USER).with_attr("from", who.user.as_str());
    if let Some(reason) = asked.child("reason", USER) {
        told.push(reason.clone());
    }
    let mut x = Element::new("x", USER).with_child(told);
    if let Some(password) = password {
        x.push(Element::new("password", USER).with_text(password));
    }
    let mut message = Builder::message(Context::Framed);
    message.from(room.jid.as_str()).to(to.as_str()).element(&x).finish()
}

/// A message of the room to somebody who need not be in it.
fn send(im: &Im, message: bytes::Bytes, room: String, to: &str) -> Result<Spoken, StanzaError> {
    let message = xmpp::parse_one(message).map_err(|_| Condition::InternalServerError)?;
    match im.route_message(&message, &room, to)? {
        Routed::Done(seq) => Ok(Spoken::Done(seq)),
        Routed::Absent(owner, address) => {
            Ok(Spoken::ToAbsent(Box::new(ToAbsent { message, room, owner, address })))
        }
        Routed::Service(_) => Err(Condition::ServiceUnavailable.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jid(name: &str) -> BareJid {
        format!("{name}@x").parse().unwrap()
    }

    #[test]
    fn an_invitation_is_refused_once_and_by_whom_it_was_for() {
        let mut open = Invitations::default();
        open.note(jid("ann"), jid("bob"));
        assert!(!open.refuse(&jid("ann"), &jid("carol")));
        assert!(!open.refuse(&jid("carol"), &jid("bob")));
        assert!(open.refuse(&jid("ann"), &jid("bob")));
        assert!(!open.refuse(&jid("ann"), &jid("bob")));
    }

    #[test]
    fn the_oldest_invitations_are_forgotten() {
        let mut open = Invitations::default();
        for number in 0..=OPEN_INVITATIONS_MAX {
            open.note(jid("ann"), jid(&format!("guest{number}")));
            open.note(jid("ann"), jid(&format!("guest{number}")));
        }
        assert_eq!(open.0.len(), OPEN_INVITATIONS_MAX);
        assert!(!open.refuse(&jid("ann"), &jid("guest0")));
        assert!(open.refuse(&jid("ann"), &jid("guest1")));
    }
}
