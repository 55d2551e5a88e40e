//! The conferences of one media thread: opened, joined, left; and two legs joined through their codecs.

use std::time::Instant;

use crate::engine::Engine;
use crate::lane::Order;
use crate::perform::Beat;
use crate::port::Role;
use crate::room::Room;
use crate::{Command, Conference, ConferenceId, MixRole, PortId, Refusal, Report};

/// How a key came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pressed {
    /// By telephone events (RFC 4733).
    AsEvent,
    /// As sound.
    AsSound,
}

impl Engine {
    pub(crate) fn open_room(&mut self, id: ConferenceId, limits: Conference, now: Instant) {
        let seed = self.random_u64() as u32;
        self.rooms.insert(id, Room::new(id, limits, seed, now));
        metrics::gauge!("carillon_media_conferences").increment(1.0);
        self.beat_at(now, Beat::Room(id));
    }

    /// Ends a conference; its members rest.
    pub(crate) fn end_room(&mut self, id: ConferenceId) {
        let Some(room) = self.rooms.remove(&id) else { return };
        metrics::gauge!("carillon_media_conferences").decrement(1.0);
        for port in room.ports().collect::<Vec<_>>() {
            self.leave(port, id);
        }
    }

    pub(crate) fn mix(&mut self, id: ConferenceId, port: PortId, role: MixRole) {
        let Some(room) = self.rooms.get_mut(&id) else { return self.refuse(port, Refusal::NoConference) };
        let was_in = room.ports().any(|member| member == port);
        if !was_in && !self.prepare(port) {
            return;
        }
        let Some(room) = self.rooms.get_mut(&id) else { return };
        if !room.admit(port, role) {
            return self.refuse(port, Refusal::ConferenceFull);
        }
        let is_in =
            |leg: &mut crate::port::Leg| matches!(leg.role, Role::Mix(conference) if conference == id);
        if !self.legs.get(port).is_some_and(is_in) {
            self.set_role(port, Role::Mix(id));
        }
    }

    pub(crate) fn unmix(&mut self, port: PortId) {
        if self.legs.get(port).is_some_and(|leg| matches!(leg.role, Role::Mix(_))) {
            self.set_role(port, Role::Rest);
        }
    }

    /// Joins two legs through their codecs: a conference of two that ends with either.
    pub(crate) fn transcode(&mut self, a: PortId, b: PortId, now: Instant) {
        // As in `connect`: `b` may still be on its way here.
        if let Some(waiting) = self.expected.get_mut(&b) {
            return waiting.push(Order::Do(Command::Transcode { a: b, b: a }));
        }
        if !self.prepare(a) || !self.prepare(b) {
            return;
        }
        let id = ConferenceId::of_pair(a);
        self.end_room(id);
        self.open_room(
            id,
            Conference { parties_max: 2, speakers_max: 2, tells_talkers: false, owner: 0 },
            now,
        );
        for port in [a, b] {
            self.mix(id, port, MixRole::default());
        }
    }

    /// A key of one of two legs that are joined: the other one's peer gets it, too, as events or as sound, whichever it takes,
    /// unless it got it already with what is relayed or with the sound.
    pub(crate) fn pass_key_on(&mut self, from: PortId, key: char, pressed: Pressed) {
        let Some(leg) = self.legs.get(from) else { return };
        let (to, is_relayed) = match leg.role {
            Role::Relay { peer, .. } => (Some(peer), true),
            Role::Mix(id) if id.is_pair() => (self.partner(id, from), false),
            _ => return,
        };
        let takes = |leg: &mut crate::port::Leg| {
            let speech = leg.gate.as_ref().map(|gate| &gate.remote().speech);
            speech.map(|speech| (speech.events_to_peer.is_some(), speech.is_without_events()))
        };
        let Some((to, (takes_events, takes_sound))) =
            to.and_then(|to| Some((to, self.legs.get(to).and_then(takes)?)))
        else {
            return;
        };
        let is_due = match pressed {
            Pressed::AsEvent if is_relayed => takes_sound,
            Pressed::AsEvent => true,
            Pressed::AsSound => takes_events,
        };
        if is_due {
            self.send_digits(to, key.encode_utf8(&mut [0; 4]));
            let now = self.shared.runtime.now();
            self.settle(to, now);
        }
    }

    fn partner(&self, id: ConferenceId, port: PortId) -> Option<PortId> {
        self.rooms.get(&id)?.ports().find(|other| *other != port)
    }

    pub(crate) fn refuse(&self, port: PortId, why: Refusal) {
        let owner = self.legs.owner(port);
        self.emit(port, owner.unwrap_or_default(), Report::Refused(why));
    }

    fn leave(&mut self, port: PortId, id: ConferenceId) {
        if self
            .legs
            .get(port)
            .is_some_and(|leg| matches!(leg.role, Role::Mix(conference) if conference == id))
        {
            self.set_role(port, Role::Rest);
        }
    }

    pub(crate) fn room_beat(&mut self, id: ConferenceId, at: Instant, next: Instant) {
        let Self { legs, buffer, meter, scratch, rooms, .. } = self;
        let Some(room) = rooms.get_mut(&id).filter(|room| room.due == at) else { return };
        room.listen(legs, at, &mut scratch.reports);
        room.mix();
        room.speak(legs, at, (buffer, meter), &mut scratch.reports);
        room.due = next;
        // A pair is over when one of it went, a conference when nobody comes for a minute.
        if id.is_pair() && room.ports().count() < 2 || room.is_deserted() {
            self.end_room(id);
        } else {
            self.beat_at(next, Beat::Room(id));
        }
        let keys =
            self.scratch.reports.iter().filter(|_| id.is_pair()).filter_map(
                |(port, _, report)| match report {
                    Report::Dtmf { digit, .. } => Some((*port, *digit)),
                    _ => None,
                },
            );
        for (port, key) in keys.collect::<Vec<_>>() {
            self.pass_key_on(port, key, Pressed::AsSound);
        }
        self.tell_reports();
    }
}
