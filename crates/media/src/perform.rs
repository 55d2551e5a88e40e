//! What a media thread does every 20 ms for legs whose sound begins here: music, announcements, tones, keys.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::meter::Meter;
use crate::mouth::{FRAME, Mouth};
use crate::player::{PlayMode, Playing, Source};
use crate::port::{Leg, Role};
use crate::resample::Rate;
use crate::rooms::Pressed;
use crate::rtp::PACKET_BYTES_MAX;
use crate::station::{Air, Station, StationId};
use crate::tape::{Recording, Side, Tape};
use crate::{ConferenceId, PortId, Refusal, Report};

/// A thread that was held up by more than this does not send what it missed.
const BEHIND_MAX: Duration = Duration::from_millis(200);

/// Whose turn comes every 20 ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Beat {
    /// A leg that is played to, or that sends keys.
    Leg(PortId),
    /// A piece that several legs hear.
    Station(StationId),
    /// A conference.
    Room(ConferenceId),
    /// A handshake of which something is to be repeated.
    Link(PortId),
}

/// Buffers that every beat uses anew.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) frame: Vec<i16>,
    other: Vec<i16>,
    pub(crate) air: Air,
    /// What is to be told when the beat is over.
    pub(crate) reports: Vec<(PortId, u64, Report)>,
}

impl Engine {
    /// Does what is due.
    pub(crate) fn beats(&mut self, now: Instant) {
        while let Some(Reverse((at, beat))) = self.beats.peek().copied()
            && at <= now
        {
            self.beats.pop();
            let next = if now.saturating_duration_since(at) > BEHIND_MAX { now } else { at } + FRAME;
            match beat {
                Beat::Leg(port) => self.leg_beat(port, at, next),
                Beat::Station(station) => self.station_beat(station, at, next),
                Beat::Room(conference) => self.room_beat(conference, at, next),
                Beat::Link(port) => self.link_beat(port, at, now),
            }
        }
    }

    pub(crate) fn beat_at(&mut self, at: Instant, beat: Beat) {
        self.beats.push(Reverse((at, beat)));
    }

    pub(crate) fn play(&mut self, port: PortId, source: Source, mode: PlayMode, now: Instant) {
        if !self.prepare(port) {
            return;
        }
        let role = match mode {
            PlayMode::Once => Role::Play(Box::new(Playing::new(source, false))),
            PlayMode::Loop => Role::Play(Box::new(Playing::new(source, true))),
            PlayMode::Shared => Role::Listen(self.tune_in(port, source, now)),
        };
        self.set_role(port, role);
    }

    pub(crate) fn stop_playing(&mut self, port: PortId) {
        let plays = |leg: &mut Leg| matches!(leg.role, Role::Play(_) | Role::Listen(_));
        if self.legs.get(port).is_some_and(plays) {
            self.set_role(port, Role::Rest);
        }
    }

    pub(crate) fn send_digits(&mut self, port: PortId, digits: &str) {
        if !self.prepare(port) {
            return;
        }
        if let Some(mouth) = self.legs.get(port).and_then(|leg| leg.mouth.as_mut()) {
            mouth.press(digits);
        }
    }

    pub(crate) fn beep(&mut self, port: PortId) {
        if !self.prepare(port) {
            return;
        }
        if let Some(mouth) = self.legs.get(port).and_then(|leg| leg.mouth.as_mut()) {
            mouth.beep();
        }
    }

    /// Gives a leg mouth and ear; false, and told, when no codec of it is spoken here.
    pub(crate) fn prepare(&mut self, port: PortId) -> bool {
        let entropy = [self.random_u64(), self.random_u64()];
        let timestamp = self.relayed_timestamp(port);
        let Some(leg) = self.legs.get(port) else { return false };
        let is_ready = leg.prepare(entropy, timestamp);
        if !is_ready {
            self.refuse(port, Refusal::NoCodec);
        }
        is_ready
    }

    /// Where the timestamps of what is relayed to a leg are now. What begins here goes on from there: some phones take
    /// a new source for old packets when its timestamps are lower than those before.
    fn relayed_timestamp(&mut self, port: PortId) -> Option<u32> {
        let leg = self.legs.get(port).filter(|leg| leg.mouth.is_none())?;
        let Role::Relay { slot: Some(slot), .. } = leg.role else { return None };
        let now = self.shared.runtime.now();
        self.legs.at(slot)?.reception.timestamp_at(now)
    }

    /// Sees to it that a leg has its turn every 20 ms.
    fn wake(&mut self, port: PortId, now: Instant) {
        let Some(leg) = self.legs.get(port) else { return };
        if leg.beat.is_none() && leg.needs_beat() {
            leg.beat = Some(now);
            self.beat_at(now, Beat::Leg(port));
        }
    }

    fn leg_beat(&mut self, port: PortId, at: Instant, next: Instant) {
        let Self { legs, buffer, meter, scratch, .. } = self;
        let Some(leg) = legs.get(port) else { return };
        if leg.beat != Some(at) {
            return; // The leg was closed and another has its number, or it was woken anew.
        }
        if matches!(leg.role, Role::Mix(_)) {
            leg.beat = None; // Its turn is the conference's.
            return;
        }
        let owner = leg.owner;
        let relayed_to = match leg.role {
            Role::Relay { slot, .. } if leg.tape.is_some() => slot,
            _ => None,
        };
        let key = leg.listen(&mut scratch.frame, at);
        let other = relayed_to.and_then(|slot| legs.at(slot)).and_then(|leg| leg.ear.as_deref_mut());
        let other = other.and_then(|ear| ear.pull(&mut scratch.other, at));
        let Some(leg) = legs.get(port) else { return };
        if let (Some(tape), Some(rate)) = (&mut leg.tape, other) {
            tape.put(Side::Heard, &scratch.other, rate);
        }
        let is_over = leg.speak(&mut scratch.frame, at, buffer, meter);
        let are_keys_sent = leg.mouth.as_deref_mut().is_some_and(Mouth::take_sent_keys);
        leg.commit_tape();
        leg.beat = leg.needs_beat().then_some(next);
        match leg.beat {
            Some(next) => self.beat_at(next, Beat::Leg(port)),
            None => self.settle(port, next),
        }
        if let Some(report) = key {
            if let Report::Dtmf { digit, .. } = report {
                self.pass_key_on(port, digit, Pressed::AsSound);
            }
            self.emit(port, owner, report);
        }
        if is_over {
            self.emit(port, owner, Report::Played);
        }
        if are_keys_sent {
            self.emit(port, owner, Report::DigitsSent);
        }
    }

    pub(crate) fn record(&mut self, port: PortId, recording: Recording) {
        let recorder = Arc::clone(&self.shared.recorder);
        if !self.prepare(port) {
            return;
        }
        let Some(leg) = self.legs.get(port) else { return };
        if leg.tape.is_some() {
            return self.refuse(port, Refusal::AlreadyRecorded);
        }
        let rate = leg.mouth.as_ref().map_or(Rate::Narrow, |mouth| mouth.codec().rate());
        leg.tape = Some(Box::new(Tape::new(recorder, recording, rate, (port, leg.owner))));
    }

    pub(crate) fn stop_recording(&mut self, port: PortId) {
        if let Some(leg) = self.legs.get(port) {
            leg.tape = None;
        }
    }

    /// After every command: sees to it that a leg has its turn, and gives the legs of a relay ears when one of them
    /// is recorded or keys are looked for in their sound, and takes them away when not: what is only relayed shall cost no
    /// more than that.
    pub(crate) fn settle(&mut self, port: PortId, now: Instant) {
        let peer = match self.legs.get(port).map(|leg| &leg.role) {
            Some(Role::Relay { peer, .. }) => *peer,
            _ => return self.wake(port, now),
        };
        let pair = [port, peer];
        let is_recorded = pair.iter().any(|port| self.legs.get(*port).is_some_and(|leg| leg.tape.is_some()));
        for port in pair {
            let hears_keys =
                |leg: &mut Leg| leg.gate.as_ref().is_some_and(|gate| gate.remote().speech.keys_in_sound);
            if is_recorded || self.legs.get(port).is_some_and(hears_keys) {
                self.prepare(port);
            } else if let Some(leg) = self.legs.get(port) {
                leg.ear = None;
            }
            self.wake(port, now);
        }
    }

    pub(crate) fn pause_recording(&mut self, port: PortId, is_paused: bool) {
        if let Some(tape) = self.legs.get(port).and_then(|leg| leg.tape.as_mut()) {
            tape.pause(is_paused);
        }
    }

    fn tune_in(&mut self, port: PortId, source: Source, now: Instant) -> StationId {
        let playing = self.stations.iter_mut().find(|(_, station)| station.plays(&source));
        if let Some((id, station)) = playing {
            // Told twice within a beat, it is not to hear everything twice.
            if !station.listeners.contains(&port) {
                station.listeners.push(port);
            }
            return *id;
        }
        let id = StationId(self.stations.keys().next_back().map_or(0, |last| last.0 + 1));
        let mut station = Station::new(source, now);
        station.listeners.push(port);
        self.stations.insert(id, station);
        self.beat_at(now, Beat::Station(id));
        id
    }

    fn station_beat(&mut self, id: StationId, at: Instant, next: Instant) {
        let Self { legs, buffer, meter, scratch, stations, .. } = self;
        let Some(station) = stations.get_mut(&id) else { return };
        if station.due != at {
            return;
        }
        let mut listeners = std::mem::take(&mut station.listeners);
        listeners.retain(|port| {
            legs.get(*port).is_some_and(|leg| matches!(leg.role, Role::Listen(to) if to == id))
        });
        if listeners.is_empty() {
            stations.remove(&id);
            return;
        }
        station.tick(&mut scratch.air);
        for port in &listeners {
            let Some(leg) = legs.get(*port) else { continue };
            let Some(codec) = leg.mouth.as_ref().map(|mouth| mouth.codec()) else { continue };
            leg.say_coded(station.payload(codec, &scratch.air), at, buffer, meter);
            leg.tell_sent_keys(&mut scratch.reports);
        }
        station.listeners = listeners;
        station.due = next;
        self.beat_at(next, Beat::Station(id));
        self.tell_reports();
    }

    /// Tells what the beat found.
    pub(crate) fn tell_reports(&mut self) {
        let mut reports = std::mem::take(&mut self.scratch.reports);
        for (port, owner, report) in reports.drain(..) {
            self.emit(port, owner, report);
        }
        self.scratch.reports = reports;
    }
}

impl Leg {
    /// Is there something to do for it every 20 ms that nobody else does?
    fn needs_beat(&self) -> bool {
        let hears_keys = || self.ear.as_deref().is_some_and(crate::ear::Ear::hears_keys);
        match self.role {
            Role::Play(_) => true,
            Role::Listen(_) => hears_keys() || self.tape.is_some(),
            Role::Mix(_) => false,
            Role::Rest | Role::Relay { .. } | Role::Echo => {
                let has_keys = || self.mouth.as_deref().is_some_and(Mouth::has_keys);
                self.tape.is_some() || hears_keys() || has_keys()
            }
        }
    }

    /// Gives the leg mouth and ear for what its peer speaks; false when that is nothing that is spoken here.
    fn prepare(&mut self, entropy: [u64; 2], timestamp: Option<u32>) -> bool {
        let Some(gate) = &self.gate else { return false };
        let speech = &gate.remote().speech;
        let Some(encoding) = speech.encodings.first().copied() else { return false };
        match &mut self.mouth {
            Some(mouth) => mouth.set_encoding(encoding, speech.events_to_peer),
            None => {
                self.mouth = Some(Box::new(Mouth::new(encoding, speech.events_to_peer, entropy, timestamp)))
            }
        }
        let knows =
            |ear: &crate::ear::Ear| ear.knows(speech.heard()) && ear.hears_keys() == speech.keys_in_sound;
        if !self.ear.as_deref().is_some_and(knows) {
            self.ear = Some(Box::new(crate::ear::Ear::new(speech.heard(), speech.keys_in_sound)));
        }
        true
    }

    /// Takes 20 ms from the ear, when they are recorded or keys may be in them.
    fn listen(&mut self, frame: &mut Vec<i16>, now: Instant) -> Option<Report> {
        let is_recorded = self.tape.is_some();
        let ear = self.ear.as_deref_mut().filter(|ear| is_recorded || ear.hears_keys())?;
        let rate = ear.pull(frame, now)?;
        if let Some(tape) = &mut self.tape {
            tape.put(Side::Said, frame, rate);
        }
        ear.key(frame, rate).map(crate::dtmf::Heard::report)
    }

    /// The recording's tick is over, unless the conference ends it.
    fn commit_tape(&mut self) {
        if let Some(tape) = self.tape.as_deref_mut().filter(|_| !matches!(self.role, Role::Mix(_))) {
            tape.commit();
        }
    }

    /// Says what the role has to say; true when a piece that is played once is over.
    fn speak(
        &mut self,
        frame: &mut Vec<i16>,
        at: Instant,
        buffer: &mut [u8; PACKET_BYTES_MAX],
        meter: &mut Meter,
    ) -> bool {
        let Some(rate) = self.mouth.as_ref().map(|mouth| mouth.codec().rate()) else { return false };
        match &mut self.role {
            Role::Play(playing) => {
                if !playing.frame(rate, frame) {
                    self.role = Role::Rest;
                    return true;
                }
                self.say(frame, at, buffer, meter);
            }
            Role::Listen(_) | Role::Mix(_) => {}
            Role::Rest | Role::Relay { .. } | Role::Echo => {
                if !self.mouth.as_deref().is_some_and(Mouth::has_keys) {
                    return false;
                }
                frame.clear();
                frame.resize(rate.frame(), 0);
                self.say(frame, at, buffer, meter);
            }
        }
        false
    }

    /// Sends 20 ms of sound at the rate of the leg's codec.
    pub(crate) fn say(
        &mut self,
        samples: &[i16],
        at: Instant,
        buffer: &mut [u8; PACKET_BYTES_MAX],
        meter: &mut Meter,
    ) {
        if let Some(mouth) = self.mouth.as_deref_mut() {
            if let Some(tape) = &mut self.tape {
                tape.put(Side::Heard, samples, mouth.codec().rate());
            }
            let length = mouth.say(samples, at, buffer);
            self.utter(length, buffer, meter);
        }
    }

    /// Sends 20 ms that are coded already.
    pub(crate) fn say_coded(
        &mut self,
        payload: &[u8],
        at: Instant,
        buffer: &mut [u8; PACKET_BYTES_MAX],
        meter: &mut Meter,
    ) {
        if let Some(mouth) = self.mouth.as_deref_mut() {
            let length = mouth.say_coded(payload, at, buffer);
            self.utter(length, buffer, meter);
        }
    }

    /// Notes that its keys are sent, once.
    pub(crate) fn tell_sent_keys(&mut self, reports: &mut Vec<(PortId, u64, Report)>) {
        if self.mouth.as_deref_mut().is_some_and(Mouth::take_sent_keys) {
            reports.push((self.id, self.owner, Report::DigitsSent));
        }
    }

    /// Does sound end or begin here, so that we report to the peer?
    pub(crate) fn speaks_itself(&self) -> bool {
        matches!(self.role, Role::Play(_) | Role::Listen(_) | Role::Mix(_)) && self.mouth.is_some()
    }

    /// Sends a report to the peer.
    pub(crate) fn report(&mut self, ntp: u64, now: Instant, buffer: &mut [u8], meter: &mut Meter) {
        let Some(mouth) = &self.mouth else { return };
        let said = (mouth.ssrc(), mouth.said(ntp, now));
        let length = self.reporter.write(said, &self.reception, now, buffer);
        if let Err(reason) = self.send(buffer, length, true) {
            meter.dropped(reason);
        }
    }

    fn utter(&mut self, length: usize, buffer: &mut [u8; PACKET_BYTES_MAX], meter: &mut Meter) {
        let takes = self.gate.as_ref().is_some_and(|gate| gate.remote().direction.sends());
        if length == 0 || !takes {
            return;
        }
        match self.send(buffer, length, false) {
            Ok(_) => meter.said(length),
            Err(reason) => meter.dropped(reason),
        }
    }
}
