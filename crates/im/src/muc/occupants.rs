//! Who is in a room: found by nickname and by session, each without a search.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use model::{BareJid, FullJid};
use xmpp::Stanza;

use super::affiliation::Role;
use crate::rate::Rate;

/// What one occupant may say at once, as the time in which it comes at the room's rate: a page that is pasted line by
/// line is no flood.
const SPEECH_BURST: Duration = Duration::from_secs(5);

/// Somebody who is in.
pub(crate) struct Occupant {
    pub(crate) nick: String,
    pub(crate) user: BareJid,
    pub(crate) role: Role,
    /// The last presence, without what only a room may say.
    pub(crate) shown: Stanza,
    sessions: Vec<FullJid>,
    /// How fast they speak.
    rate: Rate,
}

impl Occupant {
    /// Somebody who comes in with their first session.
    pub(crate) fn new(nick: &str, session: FullJid, role: Role, shown: Stanza) -> Self {
        Self {
            nick: nick.to_owned(),
            user: session.to_bare(),
            role,
            shown,
            sessions: vec![session],
            rate: Rate::with_burst(SPEECH_BURST),
        }
    }

    /// Says something to all; false when that is too much at once, and is not to be heard.
    pub(crate) fn may_speak(&mut self, now: Instant, per_second: u32) -> bool {
        let may = self.rate.held_until(now).is_none();
        if may {
            self.rate.count(now, per_second);
        }
        may
    }

    /// The sessions of the user that came in under this nickname, oldest first.
    pub(crate) fn sessions(&self) -> &[FullJid] {
        &self.sessions
    }
}

/// All who are in.
#[derive(Default)]
pub(crate) struct Occupants {
    by_nick: BTreeMap<String, Occupant>,
    /// The nickname of every session.
    nicks: BTreeMap<FullJid, String>,
}

impl Occupants {
    /// The occupant that a session is.
    pub(crate) fn of(&self, session: &FullJid) -> Option<&Occupant> {
        self.by_nick.get(self.nicks.get(session)?)
    }

    /// The occupant with a nickname.
    pub(crate) fn get(&self, nick: &str) -> Option<&Occupant> {
        self.by_nick.get(nick)
    }

    /// The occupant with a nickname.
    pub(crate) fn get_mut(&mut self, nick: &str) -> Option<&mut Occupant> {
        self.by_nick.get_mut(nick)
    }

    /// Everybody, by nickname.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Occupant> {
        self.by_nick.values()
    }

    /// Every session of everybody.
    pub(crate) fn sessions(&self) -> impl Iterator<Item = &FullJid> {
        self.by_nick.values().flat_map(|occupant| &occupant.sessions)
    }

    /// How many are in.
    pub(crate) fn len(&self) -> usize {
        self.by_nick.len()
    }

    /// Is nobody in?
    pub(crate) fn is_empty(&self) -> bool {
        self.by_nick.is_empty()
    }

    /// Somebody comes in, under a nickname that nobody has.
    pub(crate) fn insert(&mut self, occupant: Occupant) {
        for session in &occupant.sessions {
            self.nicks.insert(session.clone(), occupant.nick.clone());
        }
        self.by_nick.insert(occupant.nick.clone(), occupant);
    }

    /// A further session of an occupant comes in.
    pub(crate) fn insert_session(&mut self, nick: &str, session: &FullJid) {
        if let Some(occupant) = self.by_nick.get_mut(nick) {
            occupant.sessions.push(session.clone());
            self.nicks.insert(session.clone(), nick.to_owned());
        }
    }

    /// A session leaves its occupant, who stays with the others.
    pub(crate) fn remove_session(&mut self, session: &FullJid) {
        let Some(nick) = self.nicks.remove(session) else { return };
        if let Some(occupant) = self.by_nick.get_mut(&nick) {
            occupant.sessions.retain(|other| other != session);
        }
    }

    /// Somebody leaves with all their sessions.
    pub(crate) fn remove(&mut self, nick: &str) -> Option<Occupant> {
        let occupant = self.by_nick.remove(nick)?;
        for session in &occupant.sessions {
            self.nicks.remove(session);
        }
        Some(occupant)
    }

    /// Everybody leaves.
    pub(crate) fn take(&mut self) -> Vec<Occupant> {
        self.nicks.clear();
        std::mem::take(&mut self.by_nick).into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(text: &str) -> FullJid {
        text.parse().unwrap()
    }

    fn room() -> Occupants {
        let shown = xmpp::parse_one("<presence xmlns='jabber:client'/>".into()).unwrap();
        let mut occupants = Occupants::default();
        occupants.insert(Occupant::new("ann", session("ann@x/1"), Role::Participant, shown));
        occupants.insert_session("ann", &session("ann@x/2"));
        occupants
    }

    #[test]
    fn every_session_finds_its_occupant_until_it_leaves() {
        let mut occupants = room();
        assert_eq!(occupants.of(&session("ann@x/2")).unwrap().nick, "ann");
        occupants.remove_session(&session("ann@x/1"));
        assert!(occupants.of(&session("ann@x/1")).is_none());
        assert_eq!(occupants.of(&session("ann@x/2")).unwrap().sessions(), [session("ann@x/2")]);
    }

    #[test]
    fn a_new_nickname_takes_all_sessions_along() {
        let mut occupants = room();
        let mut ann = occupants.remove("ann").unwrap();
        assert!(occupants.of(&session("ann@x/1")).is_none());
        ann.nick = "anna".to_owned();
        occupants.insert(ann);
        for name in ["ann@x/1", "ann@x/2"] {
            assert_eq!(occupants.of(&session(name)).unwrap().nick, "anna");
        }
        assert_eq!(occupants.take().len(), 1);
        assert!(occupants.is_empty() && occupants.of(&session("ann@x/1")).is_none());
    }
}
