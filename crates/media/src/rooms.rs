//! The conferences of one media thread: opened, joined, left; and two legs joined through their codecs.

use std::time::Instant;

use crate::engine::Engine;
use crate::lane::Order;
use crate::perform::Beat;
use crate::port::Role;
use crate::room::Room;
use crate::{Command, Conference, ConferenceId, MixRole, PortId, Refusal, Report};

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

    /// A key that came as telephone events to one of two legs that are joined through their codecs: the other one's peer
    /// gets it, too, as events or as sound, whichever it takes.
    pub(crate) fn pass_key_on(&mut self, from: PortId, key: char) {
        let Some(Role::Mix(id)) = self.legs.get(from).map(|leg| &leg.role) else { return };
        let Some(room) = self.rooms.get(id).filter(|_| id.is_pair()) else { return };
        let Some(to) = room.ports().find(|port| *port != from) else { return };
        if let Some(mouth) = self.legs.get(to).and_then(|leg| leg.mouth.as_deref_mut()) {
            mouth.press(key.encode_utf8(&mut [0; 4]));
        }
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
        self.tell_reports();
    }
}
