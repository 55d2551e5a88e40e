//! Conferences: who is in which (`CC-15`), the numbers that one meets at, and how legs come in.
//!
//! A conference is a room of `media` and the calls that have a seat in it. Each party is alone with the server in a call
//! of its own (`ServiceCall`), in whatever shard; what one says the others hear. A room that was made of two calls
//! ends when one party is left; one that has a number is there whenever somebody dials it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use media::{Command, Conference, ConferenceId, MixRole, Step, Tone};
use model::Private;
use parking_lot::Mutex;
use sip::sdp::Direction;

use crate::call::describe::MediaLine;
use crate::call::house::{Context, House};
use crate::call::incoming::check;
use crate::call::letter::Letter;
use crate::call::service::{Plays, ServiceCall};
use crate::call::streams::Ports;
use crate::call::view::View;
use crate::call::{Arrival, wire};
use crate::features::pins::{self, Pins};
use crate::place::{self, Limits};
use crate::snapshot::{CallId, Cause};

/// Parties of a room unless it says otherwise.
pub const PARTIES_MAX: usize = 100;
/// How often a wrong PIN may be entered in one call; over all calls it is counted, too.
const PIN_TRIES_MAX: u8 = 3;
/// Keys of a PIN that are looked at.
const PIN_KEYS_MAX: usize = 16;

/// A number that one meets at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeetMe {
    /// What is dialled.
    pub number: String,
    /// What whoever comes must enter, ended by `#` or by its length.
    pub pin: Option<Private<String>>,
    /// Parties at most.
    pub parties_max: usize,
}

/// The conferences of the whole server.
#[derive(Debug, Default)]
pub struct Conferences {
    numbers: BTreeMap<String, MeetMe>,
    count: AtomicUsize,
    live: Mutex<BTreeMap<String, Live>>,
    pins: Pins,
}

#[derive(Debug)]
struct Live {
    conference: ConferenceId,
    parties: BTreeSet<CallId>,
}

/// A place in a conference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seat {
    pub room: String,
    conference: ConferenceId,
}

/// Somebody at the door who is asked for the PIN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Door {
    pub room: String,
    keys: String,
    tries: u8,
}

impl Conferences {
    /// Rooms with these numbers; there is nobody in them.
    pub fn new(numbers: Vec<MeetMe>) -> Self {
        let numbers = numbers.into_iter().map(|room| (room.number.clone(), room)).collect();
        Self { numbers, ..Self::default() }
    }

    /// Nobody confers.
    pub fn is_empty(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    /// Has any room a number?
    pub(crate) fn has_numbers(&self) -> bool {
        !self.numbers.is_empty()
    }

    /// The room that a call has a seat in.
    pub(crate) fn room_of(&self, call: CallId) -> Option<String> {
        if self.is_empty() {
            return None;
        }
        let live = self.live.lock();
        live.iter().find(|(_, live)| live.parties.contains(&call)).map(|(room, _)| room.clone())
    }

    /// Has a room this many seats left?
    pub(crate) fn has_room(&self, room: &str, seats: usize) -> bool {
        let live = self.live.lock();
        live.get(room).is_none_or(|live| live.parties.len() + seats <= self.parties_max(room))
    }

    fn parties_max(&self, room: &str) -> usize {
        self.numbers.get(room).map_or(PARTIES_MAX, |number| number.parties_max)
    }

    fn pin(&self, room: &str) -> Option<&Private<String>> {
        self.numbers.get(room)?.pin.as_ref()
    }

    /// A seat; `None` when there is none left.
    fn enter(&self, room: &str, call: CallId, ports: &dyn Ports) -> Option<Seat> {
        let parties_max = self.parties_max(room);
        let mut rooms = self.live.lock();
        let live = rooms.entry(room.to_owned()).or_insert_with(|| {
            let limits = Conference { parties_max, ..Conference::new(call.0) };
            Live { conference: ports.conference(limits), parties: BTreeSet::new() }
        });
        if live.parties.len() >= parties_max && !live.parties.contains(&call) {
            return None;
        }
        live.parties.insert(call);
        let conference = live.conference;
        self.count.store(rooms.len(), Ordering::Release);
        Some(Seat { room: room.to_owned(), conference })
    }

    /// A seat is given back. Gives the call that is left alone in a room without a number.
    fn leave(&self, room: &str, call: CallId, ports: &dyn Ports) -> Option<CallId> {
        let mut rooms = self.live.lock();
        let live = rooms.get_mut(room)?;
        live.parties.remove(&call);
        let alone = (live.parties.len() == 1 && !self.numbers.contains_key(room))
            .then(|| live.parties.first().copied())
            .flatten();
        if live.parties.is_empty() {
            ports.command(Command::EndConference { conference: live.conference });
            rooms.remove(room);
        }
        self.count.store(rooms.len(), Ordering::Release);
        alone
    }
}

/// Somebody has dialled the number of a room.
pub(crate) fn meet(
    arrival: Arrival,
    room: &str,
    id: CallId,
    context: &mut Context<'_>,
) -> Option<Box<ServiceCall>> {
    let (transaction, request) = (arrival.transaction, arrival.request.clone());
    let (leg, caller) = match check(arrival, context) {
        Ok(checked) => checked,
        Err(status) => {
            if status != 422 {
                wire::refuse(context, transaction, &request, status);
            }
            return None;
        }
    };
    let view = View::new(id, &caller, context.now.civil).dialling(&request);
    let limits = Limits { calls_per_line_max: context.house.limits.calls_per_line_max };
    let full = |line: &model::LineId| place::is_full(&*context.house.directory, line, limits);
    let verdict = if caller.line.as_ref().is_some_and(full) {
        Err((403, Cause::NotAllowed))
    } else if leg.offer.as_ref().is_some_and(|offer| offer.spoken_only().is_none()) {
        Err((488, Cause::IncompatibleDestination))
    } else {
        come_in(room, id, context.house).ok_or((486, Cause::Busy))
    };
    match verdict {
        Ok(plays) => ServiceCall::answer(leg, view, (plays, Some(room)), id, context),
        Err((status, cause)) => {
            view.refused(cause, &context.house.lines, context.now.civil);
            wire::refuse(context, transaction, &request, status);
            None
        }
    }
}

/// The room that is made of a call.
pub(crate) fn room_of_call(call: CallId) -> String {
    format!("conference-{call}")
}

/// How a leg comes into a room: it has a seat, or is asked for the PIN at the door. `None`: the room is full.
pub(crate) fn come_in(room: &str, call: CallId, house: &House) -> Option<Plays> {
    if house.conferences.pin(room).is_some() {
        return Some(Plays::Door(Door { room: room.to_owned(), keys: String::new(), tries: 0 }));
    }
    house.conferences.enter(room, call, &*house.ports).map(Plays::Conference)
}

impl Seat {
    /// Brings a leg in. A phone that holds is not heard: it may play music.
    pub(crate) fn take(&self, port: media::PortId, line: &MediaLine) -> Command {
        let role = if line.direction == Direction::SendRecv { MixRole::default() } else { MixRole::muted() };
        Command::Mix { conference: self.conference, port, role }
    }
}

/// What is heard at the door: three short beeps, and a pause to enter the PIN.
pub(crate) fn door_tone() -> Tone {
    let beep = Step::sound([1_000, 0, 0], 120);
    Tone(vec![beep, Step::pause(120), beep, Step::pause(120), beep, Step::pause(4_000)])
}

impl ServiceCall {
    /// The phone pressed a key.
    pub(crate) fn key(&mut self, key: char, context: &mut Context<'_>) {
        if !matches!(self.plays, Plays::Door(_)) {
            return self.menu_key(key, context);
        }
        let (source, now) = (pins::source(&self.member()), context.now.instant);
        let Plays::Door(door) = &mut self.plays else { return };
        let conferences = &context.house.conferences;
        let Some(pin) = conferences.pin(&door.room) else { return };
        if conferences.pins.is_deaf(&source, &door.room, now) {
            return door.keys.clear();
        }
        // Behind a PIN of full length, which was looked at already, `#` says nothing.
        if key == '#' && door.keys.is_empty() {
            return;
        }
        if key != '#' && door.keys.len() < PIN_KEYS_MAX {
            door.keys.push(key);
        }
        if key != '#' && door.keys.len() < pin.0.len() {
            return;
        }
        if door.keys != pin.0 {
            door.keys.clear();
            door.tries += 1;
            conferences.pins.failed(&source, &door.room, now);
            if door.tries >= PIN_TRIES_MAX {
                self.end(Cause::NotAllowed, context);
            }
            return;
        }
        let room = door.room.clone();
        conferences.pins.right(&source, &room);
        match conferences.enter(&room, self.id, &*context.house.ports) {
            Some(seat) => {
                self.plays = Plays::Conference(seat);
                self.serve(context);
            }
            None => self.end(Cause::Busy, context),
        }
    }

    /// It leaves the conference, if it is in one.
    pub(crate) fn leave_seat(&mut self, context: &mut Context<'_>) {
        let Plays::Conference(seat) = &self.plays else { return };
        let alone = context.house.conferences.leave(&seat.room, self.id, &*context.house.ports);
        self.plays = Plays::Silence;
        if let Some(call) = alone {
            context.index.letters.push_back(Letter::LeftAlone { call });
        }
    }

    /// The room that it is in.
    pub(crate) fn room(&self) -> Option<&str> {
        match &self.plays {
            Plays::Conference(seat) => Some(&seat.room),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use media::{NoPort, OpenPort, Port};

    use super::*;

    /// Media that only remembers which conferences have ended.
    #[derive(Default)]
    struct Told(Mutex<(u64, Vec<ConferenceId>)>);

    impl Ports for Told {
        fn open(&self, open: OpenPort) -> Result<Port, NoPort> {
            Err(NoPort(open.kind))
        }

        fn command(&self, command: Command) {
            if let Command::EndConference { conference } = command {
                self.0.lock().1.push(conference);
            }
        }

        fn fingerprint(&self) -> String {
            String::new()
        }

        fn published_port(&self) -> Option<u16> {
            None
        }

        fn conference(&self, _: Conference) -> ConferenceId {
            let mut told = self.0.lock();
            told.0 += 1;
            ConferenceId::numbered(told.0)
        }
    }

    #[test]
    fn a_room_with_a_number_takes_as_many_as_it_may_and_ends_with_the_last() {
        let room = MeetMe { number: "800".to_owned(), pin: None, parties_max: 2 };
        let (rooms, ports) = (Conferences::new(vec![room]), Told::default());
        assert!(rooms.has_numbers() && rooms.is_empty());
        let seat = rooms.enter("800", CallId(1), &ports);
        assert_eq!(rooms.enter("800", CallId(2), &ports), seat);
        assert_eq!(rooms.enter("800", CallId(2), &ports), seat, "who is in stays in");
        assert!(rooms.enter("800", CallId(3), &ports).is_none() && !rooms.has_room("800", 1));
        assert_eq!(rooms.room_of(CallId(2)).as_deref(), Some("800"));
        assert_eq!(rooms.leave("800", CallId(1), &ports), None, "one waits for others");
        rooms.leave("800", CallId(2), &ports);
        assert!(rooms.is_empty() && rooms.has_room("800", 1));
        assert_eq!(ports.0.lock().1, [ConferenceId::numbered(1)]);
    }

    #[test]
    fn whoever_is_left_in_a_room_without_a_number_is_told() {
        let (rooms, ports) = (Conferences::default(), Told::default());
        for call in 1..=3 {
            rooms.enter("ad hoc", CallId(call), &ports);
        }
        assert_eq!(rooms.leave("ad hoc", CallId(2), &ports), None);
        assert_eq!(rooms.leave("ad hoc", CallId(1), &ports), Some(CallId(3)));
        assert_eq!(rooms.leave("ad hoc", CallId(3), &ports), None);
        assert!(rooms.is_empty());
    }
}
