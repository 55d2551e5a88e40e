//! One room: who is in it and what they see of each other (XEP-0045 §7). Sans-IO: stanzas go to a `Post`.

use std::collections::{BTreeMap, VecDeque};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use model::{BareJid, FullJid, Timestamp};
use sha2::{Digest, Sha256};
use store::StanzaId;
use xmpp::{Condition, ErrorKind, Stanza, StanzaError};

use super::affiliation::{Affiliation, Role};
use super::config::{Origin, RoomConfig};
use super::invitation::Invitations;
use super::join::Join;
use super::occupants::{Occupant, Occupants};
use super::passing::Questions;
use super::registration::Requests;
use super::wire::{self, Change, Item};

/// Messages that a room remembers for those who come in (`IM-05`).
pub(crate) const HISTORY_MAX: usize = 100;
/// Bytes of messages that a room remembers.
const HISTORY_BYTES_MAX: usize = 256 * 1024;
/// Messages that somebody who comes in gets without asking for a number.
const HISTORY_DEFAULT: usize = 20;
/// Sessions of one user under one nickname.
const SESSIONS_MAX: usize = 16;
/// A nickname, in bytes.
pub(super) const NICK_BYTES_MAX: usize = 256;

/// Where stanzas go: to a session, as bytes.
pub(crate) type Post<'a> = dyn FnMut(&FullJid, Bytes) + 'a;

/// A message as it went out, with its marks.
#[derive(Clone)]
pub(crate) struct Said {
    pub(crate) stanza: Stanza,
    pub(crate) at: Timestamp,
}

/// A room.
pub(crate) struct Room {
    pub(crate) jid: BareJid,
    pub(crate) config: RoomConfig,
    /// Affiliations other than none.
    pub(crate) affiliations: BTreeMap<BareJid, Affiliation>,
    pub(crate) occupants: Occupants,
    pub(crate) invitations: Invitations,
    pub(crate) questions: Questions,
    pub(crate) requests: Requests,
    pub(crate) subject: Option<Said>,
    pub(crate) history: VecDeque<Said>,
    /// What was said before the last restart is in `history`.
    pub(crate) remembers: bool,
    pub(crate) secret: Vec<u8>,
    /// Its owner has not yet said how it is to be (§10.1).
    pub(crate) locked: bool,
    /// It was destroyed, or everybody has left: nobody comes in any more.
    pub(crate) closed: bool,
}

impl Room {
    /// A room that `owner` has just made; its archive begins behind `begin`.
    pub(crate) fn new(jid: BareJid, owner: BareJid, secret: Vec<u8>, begin: StanzaId) -> Self {
        let origin = Origin { made_by: Some(owner.clone()), begin: begin.to_string() };
        Self {
            jid,
            config: RoomConfig { origin, ..RoomConfig::default() },
            affiliations: [(owner, Affiliation::Owner)].into(),
            occupants: Occupants::default(),
            invitations: Invitations::default(),
            questions: Questions::default(),
            requests: Requests::default(),
            subject: None,
            history: VecDeque::new(),
            remembers: true,
            secret,
            locked: true,
            closed: false,
        }
    }

    /// What somebody is to the room.
    pub(crate) fn affiliation(&self, user: &BareJid) -> Affiliation {
        self.affiliations.get(user).copied().unwrap_or_default()
    }

    /// The occupant that a session is.
    pub(crate) fn occupant_of(&self, session: &FullJid) -> Option<&Occupant> {
        self.occupants.of(session)
    }

    /// The address of an occupant.
    pub(crate) fn address(&self, nick: &str) -> String {
        format!("{}/{nick}", self.jid)
    }

    /// The id under which everybody knows a user in this room, whatever their nickname (XEP-0421).
    pub(crate) fn occupant_id(&self, user: &BareJid) -> String {
        let digest = Sha256::new().chain_update(&self.secret).chain_update(user.as_str()).finalize();
        URL_SAFE_NO_PAD.encode(&digest[..20])
    }

    /// A session comes in, or shows itself anew, under `nick` (§7.2, §7.6, §7.7).
    pub(crate) fn enter(
        &mut self,
        session: &FullJid,
        nick: &str,
        (presence, now): (&Stanza, Timestamp),
        post: &mut Post<'_>,
    ) -> Result<(), StanzaError> {
        let join = Join::of(presence, now)?;
        let shown = wire::without_room_payload(presence);
        match self.occupant_of(session).map(|occupant| occupant.nick.clone()) {
            // A client that lost its state comes in anew and wants to see everything (§17.3).
            Some(old) if old == nick && join.is_some() => self.welcome(session, nick, join.as_ref(), post),
            Some(old) if old == nick => self.show(nick, shown, post),
            Some(old) => return self.rename(&old, nick, shown, post),
            None => self.join(session, nick, shown, &join.unwrap_or_default(), post)?,
        }
        Ok(())
    }

    fn join(
        &mut self,
        session: &FullJid,
        nick: &str,
        shown: Stanza,
        join: &Join,
        post: &mut Post<'_>,
    ) -> Result<(), StanzaError> {
        let user = session.to_bare();
        let affiliation = self.affiliation(&user);
        self.admits(&user, affiliation, nick, join)?;
        if let Some(occupant) = self.occupants.get_mut(nick) {
            // Another device of the same person.
            if occupant.sessions().len() >= SESSIONS_MAX {
                return Err(Condition::ResourceConstraint.into());
            }
            occupant.shown = shown;
            self.occupants.insert_session(nick, session);
        } else {
            let role = affiliation.entry_role(self.config.moderated);
            self.occupants.insert(Occupant::new(nick, session.clone(), role, shown));
        }
        self.welcome(session, nick, Some(join), post);
        Ok(())
    }

    /// May somebody come in (§7.2.5 to §7.2.11)?
    fn admits(
        &self,
        user: &BareJid,
        affiliation: Affiliation,
        nick: &str,
        join: &Join,
    ) -> Result<(), StanzaError> {
        let refuse = |kind, condition| Err(StanzaError::new(kind, condition));
        if nick.len() > NICK_BYTES_MAX {
            return refuse(ErrorKind::Modify, Condition::NotAcceptable);
        }
        if affiliation == Affiliation::Outcast {
            return refuse(ErrorKind::Auth, Condition::Forbidden);
        }
        if self.locked && affiliation < Affiliation::Owner {
            return refuse(ErrorKind::Cancel, Condition::ItemNotFound);
        }
        if self.config.members_only && affiliation < Affiliation::Member {
            return refuse(ErrorKind::Auth, Condition::RegistrationRequired);
        }
        if self.config.password.as_ref().is_some_and(|password| Some(password) != join.password.as_ref())
            && affiliation < Affiliation::Owner
        {
            return refuse(ErrorKind::Auth, Condition::NotAuthorized);
        }
        let in_use = self.occupants.get(nick).is_some_and(|occupant| occupant.user != *user);
        if in_use || self.is_reserved_for_another(nick, user) {
            return refuse(ErrorKind::Cancel, Condition::Conflict);
        }
        if self.occupants.len() >= self.config.occupants_max && affiliation < Affiliation::Admin {
            return refuse(ErrorKind::Wait, Condition::ServiceUnavailable);
        }
        Ok(())
    }

    /// Everybody's presence to the one who came in, theirs to everybody and last to themselves; then what was said
    /// and the subject (§7.1).
    fn welcome(&self, session: &FullJid, nick: &str, join: Option<&Join>, post: &mut Post<'_>) {
        for other in self.occupants.values().filter(|other| other.nick != nick) {
            self.tell(other, session, &Change::default(), post);
        }
        let Some(me) = self.occupants.get(nick) else { return };
        for other in self.occupants.sessions().filter(|other| *other != session) {
            self.tell(me, other, &Change::default(), post);
        }
        let codes: &[u16] = match (self.locked, self.config.open_addresses) {
            (true, _) => &[201],
            (false, true) => &[100],
            (false, false) => &[],
        };
        self.tell(me, session, &Change { codes, ..Change::default() }, post);
        let number = join.and_then(|join| join.history_max).unwrap_or(HISTORY_DEFAULT);
        let since = join.and_then(|join| join.since);
        let fits = |said: &&Said| since.is_none_or(|since| said.at >= since);
        let mut bytes = join.and_then(|join| join.history_bytes_max).unwrap_or(usize::MAX);
        let mut chosen: Vec<&Said> = Vec::new();
        for said in self.history.iter().rev().filter(fits).take(number) {
            let Some(rest) = bytes.checked_sub(said.stanza.bytes().len()) else { break };
            bytes = rest;
            chosen.push(said);
        }
        for said in chosen.into_iter().rev() {
            post(session, wire::from_history(&said.stanza, session, &self.jid, said.at));
        }
        let subject = match &self.subject {
            Some(said) => wire::to(&said.stanza, session),
            None => wire::no_subject(&self.jid, session),
        };
        post(session, subject);
    }

    /// An occupant shows themselves anew (§7.7).
    fn show(&mut self, nick: &str, shown: Stanza, post: &mut Post<'_>) {
        if let Some(occupant) = self.occupants.get_mut(nick) {
            occupant.shown = shown;
        }
        self.announce(nick, &Change::default(), post);
    }

    /// An occupant takes another nickname (§7.6).
    fn rename(
        &mut self,
        old: &str,
        new: &str,
        shown: Stanza,
        post: &mut Post<'_>,
    ) -> Result<(), StanzaError> {
        if new.len() > NICK_BYTES_MAX {
            return Err(StanzaError::new(ErrorKind::Modify, Condition::NotAcceptable));
        }
        let user = self.occupants.get(old).map(|occupant| &occupant.user);
        let reserved = user.is_some_and(|user| self.is_reserved_for_another(new, user));
        if reserved || self.occupants.get(new).is_some() {
            return Err(StanzaError::new(ErrorKind::Cancel, Condition::Conflict));
        }
        self.announce(
            old,
            &Change { codes: &[303], new_nick: Some(new), leaves: true, ..Change::default() },
            post,
        );
        if let Some(mut occupant) = self.occupants.remove(old) {
            occupant.nick = new.to_owned();
            occupant.shown = shown;
            self.occupants.insert(occupant);
        }
        self.announce(new, &Change::default(), post);
        Ok(())
    }

    /// A session leaves (§7.14); the occupant with the last one. `shown` is what the client said when it left.
    pub(crate) fn leave(&mut self, session: &FullJid, shown: Option<&Stanza>, post: &mut Post<'_>) {
        let Some(nick) = self.occupant_of(session).map(|occupant| occupant.nick.clone()) else { return };
        let Some(occupant) = self.occupants.get_mut(&nick) else { return };
        if occupant.sessions().len() > 1 {
            self.occupants.remove_session(session);
            let Some(occupant) = self.occupants.get(&nick) else { return };
            let mut item = self.item(occupant, session, &Change::default());
            item.role = Role::None;
            post(session, wire::unavailable(&self.address(&nick), session, &item, &[110], None));
            return;
        }
        if let Some(shown) = shown {
            occupant.shown = wire::without_room_payload(shown);
        }
        occupant.role = Role::None;
        self.announce(&nick, &Change { leaves: true, ..Change::default() }, post);
        self.occupants.remove(&nick);
    }

    /// Sends an occupant out: everybody hears why, with the status codes of the occasion.
    pub(crate) fn send_out(&mut self, nick: &str, change: &Change<'_>, post: &mut Post<'_>) {
        if let Some(occupant) = self.occupants.get_mut(nick) {
            occupant.role = Role::None;
        }
        self.announce(nick, &Change { leaves: true, ..*change }, post);
        self.occupants.remove(nick);
    }

    /// Tells everybody how an occupant is now.
    pub(crate) fn announce(&self, nick: &str, change: &Change<'_>, post: &mut Post<'_>) {
        let Some(occupant) = self.occupants.get(nick) else { return };
        for session in self.occupants.sessions() {
            self.tell(occupant, session, change, post);
        }
    }

    fn tell(&self, occupant: &Occupant, session: &FullJid, change: &Change<'_>, post: &mut Post<'_>) {
        let own = occupant.sessions().contains(session);
        let mut codes: Vec<u16> = change.codes.to_vec();
        if own {
            codes.push(110);
        }
        let item = self.item(occupant, session, change);
        let from = self.address(&occupant.nick);
        let bytes = if change.leaves {
            wire::unavailable(&from, session, &item, &codes, change.destroyed)
        } else {
            wire::available(&occupant.shown, &from, session, &item, &codes)
        };
        post(session, bytes);
    }

    fn item<'a>(&self, occupant: &'a Occupant, viewer: &FullJid, change: &Change<'a>) -> Item<'a> {
        let moderator = self.occupant_of(viewer).is_some_and(|viewer| viewer.role == Role::Moderator);
        let sees = self.config.open_addresses || moderator || occupant.user == viewer.to_bare();
        Item {
            affiliation: self.affiliation(&occupant.user),
            role: if change.leaves && change.new_nick.is_none() { Role::None } else { occupant.role },
            jid: if sees { occupant.sessions().first() } else { None },
            nick: change.new_nick,
            actor: change.actor,
            reason: change.reason,
            occupant_id: self.occupant_id(&occupant.user),
            hats: self.config.people.hats.shown(&occupant.user),
        }
    }

    /// Gives a message that is on its way to everybody who is in.
    pub(crate) fn broadcast(&self, stanza: &Stanza, post: &mut Post<'_>) {
        for session in self.occupants.sessions() {
            post(session, wire::to(stanza, session));
        }
    }

    /// Remembers what was said for those who come later.
    pub(crate) fn remember(&mut self, said: Said) {
        let mut bytes: usize = self.history.iter().map(|said| said.stanza.bytes().len()).sum();
        bytes += said.stanza.bytes().len();
        self.history.push_back(said);
        while self.history.len() > HISTORY_MAX || bytes > HISTORY_BYTES_MAX {
            let Some(oldest) = self.history.pop_front() else { return };
            bytes -= oldest.stanza.bytes().len();
        }
    }

    /// Everybody has left a room that stays: its memory goes back, for the archive has what was said.
    pub(crate) fn rest(&mut self) {
        if self.occupants.is_empty() && self.config.persistent && self.config.archived {
            self.history = VecDeque::new();
            self.remembers = false;
        }
    }
}
