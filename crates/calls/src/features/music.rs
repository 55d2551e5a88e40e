//! Music on hold (`CC-15`): whoever is put on hold by a phone or by an application hears it until the other one is
//! back, whatever the phone that holds sends meanwhile.
//!
//! A phone holds when it has listened to the other one in this call and does no more (RFC 3264 §8.4); one that never
//! did only speaks, and is heard. Without music in the house all this is left to the phones.

use std::borrow::Cow;

use media::{Kind, Source};
use model::LineId;

use crate::call::End;
use crate::call::describe::Description;
use crate::call::half::Half;
use crate::call::house::{Context, House};
use crate::call::pair::Pair;
use crate::call::streams::Streams;

/// What the other phone is offered in place of an offer that may put it on hold.
pub(crate) fn offer<'a>(offer: &'a Description, from: &Half, house: &House) -> Cow<'a, Description> {
    match &house.reception.music {
        Some(_) if from.has_listened => Cow::Owned(offer.with_music()),
        _ => Cow::Borrowed(offer),
    }
}

/// After a session was agreed on: plays music to whoever is on hold now. Whoever is held by an application and cannot
/// have music hears nothing.
pub(crate) fn hold(streams: &mut Streams, pair: &Pair, lines: [Option<&LineId>; 2], context: &Context<'_>) {
    let house = context.house;
    let ports = &*house.ports;
    if pair.halves().iter().any(|half| half.held) {
        streams.rest(ports, End::Caller);
        streams.rest(ports, End::Callee);
    }
    if house.reception.music.is_none() {
        return;
    }
    for end in [End::Caller, End::Callee] {
        let (held, holder) = (pair.half(end), pair.half(end.other()));
        let Some(heard) = held.heard.as_ref().filter(|_| holder.holds()) else { continue };
        let Some(music) = music_of(lines[end.other().index()], house) else { continue };
        for (at, line) in heard.lines().iter().enumerate() {
            if line.kind == Some(Kind::Audio) && line.direction.receives() {
                streams.music(ports, at, end, &music);
            }
        }
    }
}

/// What whoever is put on hold by a line hears: what the plan says of it, else what all hear.
fn music_of(line: Option<&LineId>, house: &House) -> Option<Source> {
    let said = line.and_then(|line| house.directory.music_of(line));
    let sound = said.and_then(|name| house.reception.sounds.sound(name.as_str()));
    sound.map(|sound| Source::Sounds(vec![sound])).or_else(|| house.reception.music.clone())
}

impl Half {
    /// Notes that this phone listens.
    pub(crate) fn note_listening(&mut self) {
        self.has_listened |= self.heard.as_ref().is_some_and(|heard| heard.direction().receives());
    }

    /// Has this phone put the other one on hold, or has an application for it?
    fn holds(&self) -> bool {
        let is_deaf = || self.heard.as_ref().is_some_and(|heard| !heard.direction().receives());
        self.held || (self.has_listened && is_deaf())
    }
}
