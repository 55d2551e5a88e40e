//! One conference: takes 20 ms of everybody, mixes, and gives everybody what is for him.
//!
//! All members are on one thread. Listeners that hear the same share one mix and, per codec, one encoder; only
//! who speaks, or has a role of his own, has a mix and an encoder to himself.

use std::time::Instant;

use crate::chorus::Chorus;
use crate::codec::Codec;
use crate::legs::Legs;
use crate::meter::Meter;
use crate::mixer::{self, Audience, Comfort, Heard, Voice};
use crate::port::{Leg, Role};
use crate::resample::{Rate, Resampler};
use crate::rtp::PACKET_BYTES_MAX;
use crate::talker::Talker;
use crate::tape::Side;
use crate::{Conference, ConferenceId, MixRole, PortId, Report};

/// An empty conference ends after this many ticks: a minute.
const EMPTY_TICKS_MAX: u32 = 3_000;

/// One conference.
#[derive(Debug)]
pub(crate) struct Room {
    id: ConferenceId,
    pub(crate) limits: Conference,
    members: Vec<Member>,
    pub(crate) due: Instant,
    /// Ticks in a row without a member.
    empty: u32,
    /// The rate of the mix: that of the best codec in the room.
    rate: Rate,
    /// Places of those who are heard in this tick, and their sound at the room's rate.
    speakers: Vec<usize>,
    spoken: Vec<Vec<i16>>,
    comfort: Comfort,
    quiet: Vec<i16>,
    shared: Shared,
    /// Mixes of this tick by whom they hold.
    mixes: Vec<(Heard, Vec<i16>)>,
}

/// What all those hear who only listen.
#[derive(Debug, Default)]
struct Shared {
    heard: Heard,
    mix: Vec<i16>,
    narrow: Vec<i16>,
    down: Option<Resampler>,
    chorus: Chorus,
}

#[derive(Debug)]
struct Member {
    port: PortId,
    role: MixRole,
    talker: Talker,
    /// The latest 20 ms of its sound, and their rate.
    frame: Vec<i16>,
    rate: Rate,
    has_sound: bool,
    was_heard: bool,
    /// From its rate to the room's while it is heard, and back for a mix of its own.
    up: Option<Resampler>,
    down: Option<Resampler>,
}

impl Room {
    pub(crate) fn new(id: ConferenceId, limits: Conference, seed: u32, due: Instant) -> Self {
        Self {
            id,
            limits,
            members: Vec::new(),
            due,
            empty: 0,
            rate: Rate::Narrow,
            speakers: Vec::new(),
            spoken: Vec::new(),
            comfort: Comfort::new(seed),
            quiet: Vec::new(),
            shared: Shared::default(),
            mixes: Vec::new(),
        }
    }

    /// Lets a leg in, or changes its role; false when the room is full.
    pub(crate) fn admit(&mut self, port: PortId, role: MixRole) -> bool {
        if let Some(member) = self.members.iter_mut().find(|member| member.port == port) {
            member.role = role;
            return true;
        }
        if self.members.len() >= self.limits.parties_max {
            return false;
        }
        self.members.push(Member {
            port,
            role,
            talker: Talker::default(),
            frame: Vec::new(),
            rate: Rate::Narrow,
            has_sound: false,
            was_heard: false,
            up: None,
            down: None,
        });
        true
    }

    /// Has it been empty for so long that it ends?
    pub(crate) fn is_deserted(&self) -> bool {
        self.empty > EMPTY_TICKS_MAX
    }

    pub(crate) fn ports(&self) -> impl Iterator<Item = PortId> {
        self.members.iter().map(|member| member.port)
    }

    /// One tick's first half: takes everybody's sound. Who is not here any more is struck off.
    pub(crate) fn listen(&mut self, legs: &mut Legs, at: Instant, reports: &mut Vec<(PortId, u64, Report)>) {
        let (id, tells) = (self.id, self.limits.tells_talkers);
        // Among more than can be heard at once, only those who talk are.
        let is_crowded = self.members.len() > self.limits.speakers_max.min(mixer::SPEAKERS_LIMIT);
        let mut rate = Rate::Narrow;
        self.members.retain_mut(|member| {
            let Some(leg) = legs.get(member.port) else { return false };
            if !matches!(leg.role, Role::Mix(conference) if conference == id) {
                return false;
            }
            rate = rate.max(leg.mouth.as_ref().map_or(Rate::Narrow, |mouth| mouth.codec().rate()));
            let is_idle = is_crowded && !member.was_heard && !member.talker.is_talking();
            let told = member.listen(leg, is_idle, (at, &mut *reports));
            if let (true, Some(talking)) = (tells, told) {
                reports.push((leg.id, leg.owner, Report::Talking { talking }));
            }
            true
        });
        self.empty = if self.members.is_empty() { self.empty + 1 } else { 0 };
        if rate != self.rate {
            self.rate = rate;
            self.shared.down = None;
            for member in &mut self.members {
                (member.up, member.down) = (None, None);
            }
        }
    }

    /// The second half: picks, mixes.
    pub(crate) fn mix(&mut self) {
        let voices: Vec<Voice<'_>> = self.members.iter().map(Member::voice).collect();
        mixer::pick(&voices, self.limits.speakers_max.min(mixer::SPEAKERS_LIMIT), &mut self.speakers);
        self.spoken.resize_with(self.speakers.len().max(self.spoken.len()), Vec::new);
        for member in &mut self.members {
            member.was_heard = false;
        }
        self.shared.heard = 0;
        for (bit, place) in self.speakers.iter().enumerate() {
            let member = &mut self.members[*place];
            member.was_heard = true;
            member.speak_at(self.rate, &mut self.spoken[bit]);
            if member.role.heard_by == Audience::Everybody {
                self.shared.heard |= 1 << bit;
            }
        }
        self.comfort.frame(self.rate.frame(), &mut self.quiet);
        self.mixes.clear();
        let Shared { heard, mix, narrow, down, chorus } = &mut self.shared;
        mixer::mix(&self.spoken[..self.speakers.len()], *heard, &self.quiet, mix);
        chorus.next();
        if self.rate != Rate::Narrow {
            narrow.clear();
            down.get_or_insert_with(|| Resampler::new(self.rate, Rate::Narrow)).process(mix, narrow);
        }
    }

    /// The last: says to everybody what is for him.
    pub(crate) fn speak(
        &mut self,
        legs: &mut Legs,
        at: Instant,
        (buffer, meter): (&mut [u8; PACKET_BYTES_MAX], &mut Meter),
        reports: &mut Vec<(PortId, u64, Report)>,
    ) {
        let Self { members, speakers, spoken, quiet, shared, mixes, rate, .. } = self;
        let spoken = &spoken[..speakers.len()];
        let heard: Vec<Heard> = {
            let voices: Vec<Voice<'_>> = members.iter().map(Member::voice).collect();
            (0..voices.len()).map(|place| mixer::heard_at(&voices, speakers, place)).collect()
        };
        for (member, heard) in members.iter_mut().zip(heard) {
            let Some(leg) = legs.get(member.port) else { continue };
            let Some(codec) = leg.mouth.as_ref().map(|mouth| mouth.codec()) else { continue };
            if heard == shared.heard && !member.was_heard {
                let samples = if codec.rate() == *rate { &shared.mix } else { &shared.narrow };
                if let Some(tape) = &mut leg.tape {
                    tape.put(Side::Heard, samples, codec.rate());
                }
                leg.say_coded(shared.chorus.payload(codec, samples), at, buffer, meter);
                member.down = None;
            } else {
                let known = mixes.iter().position(|(whom, _)| *whom == heard);
                let place = known.unwrap_or_else(|| {
                    let mut mix = Vec::new();
                    mixer::mix(spoken, heard, quiet, &mut mix);
                    mixes.push((heard, mix));
                    mixes.len() - 1
                });
                member.say_own(leg, codec, (*rate, &mixes[place].1), at, (buffer, meter));
            }
            if let Some(tape) = &mut leg.tape {
                tape.commit();
            }
            leg.tell_sent_keys(reports);
        }
    }
}

impl Member {
    fn listen(
        &mut self,
        leg: &mut Leg,
        is_idle: bool,
        (at, reports): (Instant, &mut Vec<(PortId, u64, Report)>),
    ) -> Option<bool> {
        let ear = leg.ear.as_deref_mut()?;
        ear.set_idle(is_idle && leg.tape.is_none());
        let rate = ear.pull(&mut self.frame, at);
        self.has_sound = rate.is_some();
        if let Some(rate) = rate {
            if rate != self.rate {
                (self.rate, self.up) = (rate, None);
            }
            if let Some(tape) = &mut leg.tape {
                tape.put(Side::Said, &self.frame, rate);
            }
            if let Some(heard) = ear.key(&self.frame, rate) {
                reports.push((leg.id, leg.owner, heard.report()));
            }
        }
        self.talker.frame(rate.is_some().then_some(&self.frame[..]))
    }

    fn voice(&self) -> Voice<'_> {
        Voice {
            port: self.port,
            role: &self.role,
            talker: &self.talker,
            has_sound: self.has_sound,
            was_heard: self.was_heard,
        }
    }

    /// Its sound at the room's rate.
    fn speak_at(&mut self, rate: Rate, spoken: &mut Vec<i16>) {
        spoken.clear();
        if self.rate == rate {
            spoken.extend_from_slice(&self.frame);
        } else {
            self.up.get_or_insert_with(|| Resampler::new(self.rate, rate)).process(&self.frame, spoken);
            spoken.resize(rate.frame(), 0);
        }
    }

    fn say_own(
        &mut self,
        leg: &mut Leg,
        codec: Codec,
        (rate, mix): (Rate, &[i16]),
        at: Instant,
        (buffer, meter): (&mut [u8; PACKET_BYTES_MAX], &mut Meter),
    ) {
        if codec.rate() == rate {
            return leg.say(mix, at, buffer, meter);
        }
        let mut samples = Vec::with_capacity(codec.rate().frame());
        self.down.get_or_insert_with(|| Resampler::new(rate, codec.rate())).process(mix, &mut samples);
        leg.say(&samples, at, buffer, meter);
    }
}

#[cfg(test)]
#[path = "room_tests.rs"]
mod tests;
