//! The table of rooms, and presence: how people come in and leave.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use model::{BareJid, FullJid, Jid};
use parking_lot::Mutex;
use store::{ArchiveQuery, ArchiveRemoval, PageFrom};
use xmpp::{Condition, ErrorKind, Stanza, StanzaError};

use super::Visitor;
use super::affiliation::Affiliation;
use super::config::RoomConfig;
use super::invitation::Invitations;
use super::occupants::Occupants;
use super::passing::Questions;
use super::registration::Requests;
use super::room::{HISTORY_MAX, Room, Said};
use crate::Im;
use crate::acceptance::storage_error;

/// Rooms that are open at a time, kept ones included.
const ROOMS_MAX: usize = 20_000;
/// Rooms that one session is in at a time.
const ROOMS_PER_SESSION_MAX: usize = 500;
/// How often somebody tries to come in who finds a room that has just ended.
const ENTRIES_MAX: usize = 3;
/// A room's secret, in bytes.
const SECRET_BYTES: usize = 32;

/// A room that is shared: its lock is held for one stanza at a time, and never across an await.
pub(crate) type SharedRoom = Arc<Mutex<Room>>;

/// All rooms.
#[derive(Default)]
pub(crate) struct Rooms {
    domain: String,
    open: Mutex<Open>,
    /// Which rooms a session is in.
    visits: Mutex<BTreeMap<FullJid, BTreeSet<BareJid>>>,
}

#[derive(Default)]
struct Open {
    rooms: BTreeMap<BareJid, SharedRoom>,
    /// How many of them somebody made.
    made: BTreeMap<BareJid, usize>,
}

impl Open {
    fn insert(&mut self, room: Room) -> SharedRoom {
        if let Some(maker) = &room.config.origin.made_by {
            *self.made.entry(maker.clone()).or_default() += 1;
        }
        let (jid, room) = (room.jid.clone(), Arc::new(Mutex::new(room)));
        self.rooms.insert(jid, Arc::clone(&room));
        room
    }

    fn remove(&mut self, jid: &BareJid) {
        let Some(room) = self.rooms.remove(jid) else { return };
        let maker = room.lock().config.origin.made_by.clone();
        if let Some((maker, count)) = maker.and_then(|maker| self.made.get_mut(&maker).map(|c| (maker, c))) {
            *count -= 1;
            if *count == 0 {
                self.made.remove(&maker);
            }
        }
    }
}

impl Rooms {
    /// The rooms under a domain.
    pub(crate) fn new(domain: &str) -> Self {
        Self { domain: format!("conference.{domain}"), ..Self::default() }
    }

    /// The service's address.
    pub(crate) fn domain(&self) -> &str {
        &self.domain
    }

    /// Reads the rooms that are kept.
    pub(crate) async fn load(&self, store: &store::Store) -> Result<(), store::Error> {
        let kept = store.rooms().await?;
        let mut open = self.open.lock();
        for room in kept {
            open.insert(from_kept(room));
        }
        Ok(())
    }

    /// Does an address belong to this service?
    pub(crate) fn owns(&self, address: &str) -> bool {
        model::domain_of(address).eq_ignore_ascii_case(&self.domain)
    }

    /// A room that is open.
    pub(crate) fn find(&self, jid: &BareJid) -> Option<SharedRoom> {
        self.open.lock().rooms.get(jid).cloned()
    }

    /// The rooms that may be found by those who look, by address.
    pub(crate) fn public(&self, max: usize) -> Vec<(BareJid, String)> {
        let all: Vec<SharedRoom> = self.open.lock().rooms.values().cloned().collect();
        let public = all.iter().filter_map(|room| {
            let room = room.lock();
            (room.config.public && !room.locked).then(|| (room.jid.clone(), room.config.name.clone()))
        });
        public.take(max).collect()
    }

    fn find_or_make(&self, im: &Im, jid: &BareJid, owner: &BareJid) -> Result<SharedRoom, StanzaError> {
        let mut open = self.open.lock();
        if let Some(room) = open.rooms.get(jid) {
            return Ok(Arc::clone(room));
        }
        let made = open.made.get(owner).copied().unwrap_or_default();
        if open.rooms.len() >= ROOMS_MAX || made >= im.limits.load().account.rooms_made_max {
            return Err(StanzaError::new(ErrorKind::Wait, Condition::ResourceConstraint));
        }
        let (secret, begin) = (im.runtime.random_token(SECRET_BYTES).into_bytes(), im.store.stanza_id());
        Ok(open.insert(Room::new(jid.clone(), owner.clone(), secret, begin)))
    }

    /// The archive of a room was changed by somebody else: what it remembers is read anew.
    pub(crate) fn archive_changed(&self, jid: &BareJid) {
        if let Some(room) = self.find(jid) {
            let mut room = room.lock();
            if room.config.archived {
                room.history.clear();
                room.remembers = false;
            }
        }
    }

    /// Takes away a room that is over: destroyed, or left by all and not to stay. True when it leaves words behind.
    fn tidy(&self, jid: &BareJid) -> bool {
        let mut open = self.open.lock();
        let Some(shared) = open.rooms.get(jid).cloned() else { return false };
        let mut room = shared.lock();
        room.closed |= room.occupants.is_empty() && (room.locked || !room.config.persistent);
        room.rest();
        // What is not remembered may be in the archive.
        let spoken = room.subject.is_some() || !room.history.is_empty() || !room.remembers;
        let over = room.closed;
        drop(room);
        if over {
            open.remove(jid);
        }
        over && spoken
    }

    fn visits(&self, session: &FullJid, room: &BareJid) -> Result<(), StanzaError> {
        let mut visits = self.visits.lock();
        let visited = visits.entry(session.clone()).or_default();
        if visited.len() >= ROOMS_PER_SESSION_MAX && !visited.contains(room) {
            return Err(StanzaError::new(ErrorKind::Wait, Condition::ResourceConstraint));
        }
        visited.insert(room.clone());
        Ok(())
    }

    fn left(&self, session: &FullJid, room: &BareJid) {
        let mut visits = self.visits.lock();
        if let Some(visited) = visits.get_mut(session) {
            visited.remove(room);
            if visited.is_empty() {
                visits.remove(session);
            }
        }
    }
}

fn from_kept(kept: store::Room) -> Room {
    let affiliations =
        kept.affiliations.iter().filter_map(|(jid, word)| Some((jid.clone(), Affiliation::of(word)?)));
    let affiliations = affiliations.collect();
    let subject = xmpp::parse_one(kept.subject).ok();
    Room {
        config: RoomConfig::from_json(&kept.config),
        affiliations,
        occupants: Occupants::default(),
        invitations: Invitations::default(),
        questions: Questions::default(),
        requests: Requests::default(),
        subject: subject.map(|stanza| Said { stanza, at: model::Timestamp(0) }),
        history: std::collections::VecDeque::new(),
        remembers: false,
        secret: kept.secret,
        locked: false,
        closed: false,
        jid: kept.jid,
    }
}

/// A room as it is kept; `None` for one that goes with its last occupant.
fn kept(room: &Room) -> Option<store::Room> {
    (room.config.persistent && !room.locked && !room.closed).then(|| store::Room {
        jid: room.jid.clone(),
        config: room.config.to_json(),
        subject: room.subject.as_ref().map_or_else(Bytes::new, |said| said.stanza.bytes().clone()),
        secret: room.secret.clone(),
        affiliations: room.affiliations.iter().map(|(jid, a)| (jid.clone(), a.as_str().to_owned())).collect(),
    })
}

/// Takes away a room that is over, and what was said in it (`IM-04`). Another room of the same name would not show it
/// in any case.
pub(crate) fn tidy(im: &Im, jid: &BareJid) {
    if !im.rooms.tidy(jid) {
        return;
    }
    let removal = ArchiveRemoval { owner: jid.clone(), with: None, before: Some(im.runtime.timestamp()) };
    let store = im.store.clone();
    im.runtime.spawn_session(async move {
        if let Err(error) = store.archive_remove(&removal).await {
            tracing::warn!(%error, "what was said in a room that is over was not removed");
        }
    });
}

/// Gives bytes to a session, if it is there.
pub(crate) fn post(im: &Im, session: &FullJid, bytes: Bytes) {
    if let Some(seat) = im.sessions.seat(model::bare_of(session.as_str()), session.resource().as_str()) {
        im.push_bytes(&seat, bytes);
    } else if im.is_remote(session.domain().as_str()) {
        im.tell_remote(bytes);
    }
}

/// An occupant cannot be reached any more: they are out (XEP-0045 §9.8).
pub(crate) fn unreachable(im: &Im, room: &BareJid, session: &FullJid) {
    if let Some(found) = im.rooms.find(room) {
        found.lock().leave(session, None, &mut |other, bytes| post(im, other, bytes));
        im.rooms.left(session, room);
        tidy(im, room);
    }
}

/// Presence to a room: somebody comes in, shows themselves, takes another nickname, or leaves.
pub(crate) async fn presence(
    im: &Im,
    who: Visitor<'_>,
    stanza: &Stanza,
    to: &str,
) -> Result<(), StanzaError> {
    let jid: Jid = to.parse().map_err(|_| Condition::JidMalformed)?;
    let bare = jid.to_bare();
    match stanza.type_().as_deref() {
        Some("unavailable" | "error") => {
            if let Some(room) = im.rooms.find(&bare) {
                room.lock().leave(who.jid, Some(stanza), &mut |session, bytes| post(im, session, bytes));
                im.rooms.left(who.jid, &bare);
                tidy(im, &bare);
            }
            return Ok(());
        }
        Some(_) => return Ok(()),
        None => {}
    }
    if bare.node().is_none() {
        return Err(Condition::ServiceUnavailable.into());
    }
    let nick = jid.resource().ok_or_else(|| StanzaError::new(ErrorKind::Modify, Condition::JidMalformed))?;
    if stanza.bytes().len() > im.limits.load().session.presence_bytes_max {
        return Err(Condition::PolicyViolation.into());
    }
    im.rooms.visits(who.jid, &bare)?;
    for _ in 0..ENTRIES_MAX {
        let room = match come_to(im, &bare, who.user).await {
            Ok(room) => room,
            Err(error) => {
                im.rooms.left(who.jid, &bare);
                return Err(error);
            }
        };
        remember(im, &room).await?;
        let (entered, is_in) = {
            let mut room = room.lock();
            if room.closed {
                // It ended after it was found: the next one that is found is another.
                continue;
            }
            let tell = &mut |session: &FullJid, bytes| post(im, session, bytes);
            let entered = room.enter(who.jid, nick.as_str(), (stanza, im.runtime.timestamp()), tell);
            (entered, room.occupant_of(who.jid).is_some())
        };
        if !is_in {
            im.rooms.left(who.jid, &bare);
            tidy(im, &bare);
        }
        return entered;
    }
    im.rooms.left(who.jid, &bare);
    Err(Condition::Gone.into())
}

/// XEP-0045 §10.1: whoever comes to a room that is not there makes it, if they may.
async fn come_to(im: &Im, room: &BareJid, user: &BareJid) -> Result<SharedRoom, StanzaError> {
    if let Some(room) = im.rooms.find(room) {
        return Ok(room);
    }
    let policies = im.users.policies.load_full();
    if im.permits(&policies.rooms_created_by, user).await? {
        return im.rooms.find_or_make(im, room, user);
    }
    Err(StanzaError::new(ErrorKind::Cancel, Condition::NotAllowed).with_text("you may not make rooms here"))
}

/// A session is gone: it leaves all rooms that it is in.
pub(crate) fn session_gone(im: &Im, session: &FullJid, stanza: Option<&Stanza>) {
    let Some(visited) = im.rooms.visits.lock().remove(session) else { return };
    for jid in visited {
        if let Some(room) = im.rooms.find(&jid) {
            room.lock().leave(session, stanza, &mut |other, bytes| post(im, other, bytes));
            tidy(im, &jid);
        }
    }
}

/// Reads what was said before the last restart, once.
async fn remember(im: &Im, room: &SharedRoom) -> Result<(), StanzaError> {
    let (jid, after) = {
        let room = room.lock();
        if room.remembers {
            return Ok(());
        }
        (room.jid.clone(), room.config.begin())
    };
    let query = ArchiveQuery { from: PageFrom::End, max: HISTORY_MAX, after, ..ArchiveQuery::default() };
    let page = im.store.archive_page(&jid, &query).await.map_err(|error| storage_error(&error))?;
    let mut room = room.lock();
    if std::mem::replace(&mut room.remembers, true) {
        return Ok(());
    }
    // What was said since the page was read is there already.
    let newer = std::mem::take(&mut room.history);
    let until = newer.front().map_or(model::Timestamp(i64::MAX), |said| said.at);
    for entry in page.entries.into_iter().filter(|entry| entry.at < until) {
        if let Ok(stanza) = xmpp::parse_inheriting(entry.stanza) {
            room.remember(Said { stanza, at: entry.at });
        }
    }
    newer.into_iter().for_each(|said| room.remember(said));
    Ok(())
}

/// Keeps a room as it is now, behind what goes on.
pub(crate) fn keep_behind(im: &Im, room: &Room) {
    let Some(kept) = kept(room) else { return };
    let store = im.store.clone();
    im.runtime.spawn_session(async move {
        if let Err(error) = store.room_put(kept).await {
            tracing::warn!(%error, "a change of a room was not kept");
        }
    });
}

/// Keeps a room as it is now, or forgets one that is not to stay. What was said in one that goes on stays as long as it
/// does: its owner may make it one that stays (`IM-04`).
pub(crate) async fn keep(im: &Im, room: &SharedRoom) -> Result<(), StanzaError> {
    let (jid, kept, closed) = {
        let room = room.lock();
        (room.jid.clone(), kept(&room), room.closed)
    };
    let done = match kept {
        Some(kept) => im.store.room_put(kept).await,
        None if closed => im.store.room_remove(&jid).await,
        None => im.store.room_forget(&jid).await,
    };
    done.map_err(|error| storage_error(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_that_stays_has_its_affiliations_and_hats_after_a_restart() {
        let (romeo, juliet): (BareJid, BareJid) = ("romeo@x".parse().unwrap(), "juliet@x".parse().unwrap());
        let mut room = Room::new(
            "ball@c.x".parse().unwrap(),
            romeo.clone(),
            vec![7; 32],
            store::StanzaId::from_bytes([0; 16]),
        );
        room.locked = false;
        assert!(kept(&room).is_none(), "one that goes with its last occupant");
        room.config.persistent = true;
        room.config.people.hats.give(&juliet, "urn:hat:host", Some("Host")).unwrap();
        room.config.people.registered.insert(juliet.clone(), "juliet".to_owned());
        let again = from_kept(kept(&room).unwrap());
        assert_eq!(again.affiliation(&romeo), Affiliation::Owner);
        assert_eq!(again.config.people.registered, room.config.people.registered);
        assert!(again.config.people.hats.wears(&juliet, "urn:hat:host"));
        assert_eq!(again.config, room.config);
    }
}
