//! Registration with a room (XEP-0045 §7.10, §9.9): a nickname of one's own, and membership that an admin approves.

use std::collections::VecDeque;

use model::{BareJid, FullJid};
use xmpp::xep::disco::{Identity, Info};
use xmpp::xep::forms::{self, Form, FormType};
use xmpp::xep::register::NS;
use xmpp::{Builder, Condition, Context, Element, ErrorKind, Stanza, StanzaError};

use super::Visitor;
use super::affiliation::Affiliation;
use super::room::{NICK_BYTES_MAX, Post, Room};
use super::service::{SharedRoom, keep, post};
use super::speech::forbidden;
use crate::Im;

/// The kind of both forms, and the feature of rooms that know them.
pub(super) const REGISTER: &str = "http://jabber.org/protocol/muc#register";
/// The node that tells one's own nickname (§7.12).
pub(super) const OWN_NICK: &str = "x-roomuser-item";
/// The field of the nickname.
const NICK: &str = "muc#register_roomnick";
/// The field of the verdict.
const ALLOW: &str = "muc#register_allow";
/// Requests of one room that wait for an admin; the oldest go first.
const REQUESTS_MAX: usize = 100;

/// Who wants to be a member, and under which nickname.
#[derive(Default)]
pub(crate) struct Requests(VecDeque<(BareJid, String)>);

impl Requests {
    /// One request of each user: the last counts.
    fn note(&mut self, user: BareJid, nick: String) {
        self.0.retain(|(other, _)| *other != user);
        self.0.truncate(REQUESTS_MAX - 1);
        self.0.push_front((user, nick));
    }

    fn is_anothers(&self, nick: &str, user: &BareJid) -> bool {
        self.0.iter().any(|(other, wanted)| wanted == nick && other != user)
    }

    fn take(&mut self, nick: &str) -> Option<BareJid> {
        let place = self.0.iter().position(|(_, wanted)| wanted == nick)?;
        self.0.remove(place).map(|(user, _)| user)
    }
}

impl Room {
    /// Is this the nickname of somebody else, whether they are in or not (§7.2.8)?
    pub(super) fn is_reserved_for_another(&self, nick: &str, user: &BareJid) -> bool {
        self.config.people.registered.iter().any(|(owner, own)| own == nick && owner != user)
    }

    /// §7.12: under which nickname the room knows who asks.
    pub(super) fn own_nick(&self, user: &BareJid) -> Element {
        let nick = self.config.people.registered.get(user);
        let identities =
            nick.map(|nick| Identity::new("conference", "text", nick.as_str())).into_iter().collect();
        Info { node: Some(OWN_NICK.to_owned()), identities, ..Info::default() }.to_element()
    }

    /// Reserves a nickname, or asks the admins who are in (§9.9).
    fn register(&mut self, who: Visitor<'_>, nick: &str, post: &mut Post<'_>) -> Result<(), StanzaError> {
        let conflict = || StanzaError::new(ErrorKind::Cancel, Condition::Conflict);
        let whole = self.address(nick).parse::<FullJid>();
        if nick.is_empty() || nick.len() > NICK_BYTES_MAX || whole.is_err() {
            return Err(StanzaError::new(ErrorKind::Modify, Condition::NotAcceptable));
        }
        let in_use = self.occupants.get(nick).is_some_and(|occupant| occupant.user != *who.user);
        if in_use || self.is_reserved_for_another(nick, who.user) || self.requests.is_anothers(nick, who.user)
        {
            return Err(conflict());
        }
        if self.affiliation(who.user) >= Affiliation::Member {
            self.config.people.registered.insert(who.user.clone(), nick.to_owned());
            return Ok(());
        }
        let question = Form::new(FormType::Form, REGISTER)
            .with("muc#jid", "jid-single", [who.user.as_str()])
            .labelled("Address")
            .with(NICK, "text-single", [nick])
            .labelled("Nickname")
            .with(ALLOW, "boolean", ["0"])
            .labelled("Make this person a member?")
            .to_element();
        let admins =
            self.occupants.values().filter(|other| self.affiliation(&other.user) >= Affiliation::Admin);
        let admins: Vec<FullJid> = admins.flat_map(|admin| admin.sessions().iter().cloned()).collect();
        if admins.is_empty() {
            return Err(StanzaError::new(ErrorKind::Wait, Condition::RecipientUnavailable)
                .with_text("nobody is in the room who could approve it"));
        }
        for admin in &admins {
            let mut message = Builder::message(Context::Client);
            post(admin, message.from(self.jid.as_str()).to(admin.as_str()).element(&question).finish());
        }
        self.requests.note(who.user.clone(), nick.to_owned());
        Ok(())
    }

    /// XEP-0077 §3.2: the nickname is free again, and whoever was a member is none.
    fn unregister(&mut self, who: Visitor<'_>, post: &mut Post<'_>) -> Result<(), StanzaError> {
        let known = self.config.people.registered.remove(who.user).is_some();
        if !known {
            return Err(StanzaError::new(ErrorKind::Auth, Condition::RegistrationRequired));
        }
        if self.affiliation(who.user) == Affiliation::Member {
            self.give_affiliation(who.user, Affiliation::None, None, None, post);
        }
        Ok(())
    }

    /// An admin's verdict (§9.9). True when somebody has become a member by it.
    fn decide(&mut self, who: Visitor<'_>, form: &Form, post: &mut Post<'_>) -> Result<bool, StanzaError> {
        let actor = self.occupant_of(who.jid).map(|occupant| occupant.nick.clone());
        if self.affiliation(who.user) < Affiliation::Admin {
            return Err(forbidden());
        }
        let nick = form.value(NICK).ok_or(Condition::BadRequest)?;
        let allow = form.flag(ALLOW)?.ok_or(Condition::BadRequest)?;
        let user = self.requests.take(nick).ok_or(Condition::ItemNotFound)?;
        if !allow || self.affiliation(&user) != Affiliation::None {
            return Ok(false);
        }
        if self.affiliations.len() >= store::ROOM_AFFILIATIONS_MAX {
            return Err(Condition::ResourceConstraint.into());
        }
        self.give_affiliation(&user, Affiliation::Member, actor.as_deref(), None, post);
        if !self.is_reserved_for_another(nick, &user) {
            self.config.people.registered.insert(user, nick.to_owned());
        }
        Ok(true)
    }
}

/// A registration form, or the end of a registration (§7.10).
pub(super) async fn answer(
    im: &Im,
    who: Visitor<'_>,
    shared: &SharedRoom,
    set: bool,
    query: &Element,
) -> Result<Option<Element>, StanzaError> {
    {
        let mut room = shared.lock();
        // Whoever may not come in has no business here, and nobody while the room is being made.
        if room.locked || room.affiliation(who.user) == Affiliation::Outcast {
            return Err(StanzaError::new(ErrorKind::Cancel, Condition::NotAllowed));
        }
        if !set {
            return Ok(Some(form(&room, who.user)));
        }
        let mut post = |session: &FullJid, bytes| post(im, session, bytes);
        if query.child("remove", NS).is_some() {
            room.unregister(who, &mut post)?;
        } else {
            let form = query.child("x", forms::NS).ok_or(Condition::BadRequest)?;
            let form = Form::from_element(form)?;
            match form.type_ {
                FormType::Cancel => return Ok(None),
                _ if form.form_type() != Some(REGISTER) => return Err(Condition::BadRequest.into()),
                _ => room.register(who, form.value(NICK).ok_or(Condition::BadRequest)?, &mut post)?,
            }
        }
    }
    keep(im, shared).await?;
    Ok(None)
}

fn form(room: &Room, user: &BareJid) -> Element {
    let query = Element::new("query", NS);
    if let Some(nick) = room.config.people.registered.get(user) {
        let registered = query.with_child(Element::new("registered", NS));
        return registered.with_child(Element::new("username", NS).with_text(nick.as_str()));
    }
    let form = Form::new(FormType::Form, REGISTER).with(NICK, "text-single", [""]).labelled("Your nickname");
    let instructions =
        "Choose the nickname that is to be yours. An admin makes you a member if you are none.";
    query.with_child(Element::new("instructions", NS).with_text(instructions)).with_child(form.to_element())
}

/// The verdict that a message to the room is.
pub(super) fn form_of(stanza: &Stanza) -> Option<Form> {
    let form = Form::from_element(&stanza.child("x", forms::NS)?).ok()?;
    (form.form_type() == Some(REGISTER) && form.type_ == FormType::Submit).then_some(form)
}

/// An admin fills in the form.
pub(super) fn heed(
    room: &mut Room,
    who: Visitor<'_>,
    form: &Form,
    post: &mut Post<'_>,
) -> Result<bool, StanzaError> {
    room.decide(who, form, post)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> BareJid {
        format!("{name}@x").parse().unwrap()
    }

    #[test]
    fn the_last_request_of_a_user_counts_and_is_decided_once() {
        let mut requests = Requests::default();
        requests.note(user("ann"), "a".to_owned());
        requests.note(user("ann"), "anna".to_owned());
        assert!(requests.is_anothers("anna", &user("bob")) && !requests.is_anothers("anna", &user("ann")));
        assert_eq!(requests.take("a"), None);
        assert_eq!(requests.take("anna"), Some(user("ann")));
        assert_eq!(requests.take("anna"), None);
    }

    #[test]
    fn the_oldest_requests_are_forgotten() {
        let mut requests = Requests::default();
        (0..=REQUESTS_MAX).for_each(|number| requests.note(user(&format!("u{number}")), number.to_string()));
        assert_eq!(requests.0.len(), REQUESTS_MAX);
        assert_eq!(requests.take("0"), None);
    }
}
