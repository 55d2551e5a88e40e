//! Who hears whom in a conference, and the sums: sans-IO, one call per 20 ms.
//!
//! The loudest who talk are picked; each listener hears those of them that it may hear, but never itself. Equal
//! sums are made once. What listeners share, and in which codec, is for [`crate::room`].

use crate::PortId;
use crate::talker::Talker;

/// Who can be heard at once at most: one bit each in [`Heard`].
pub(crate) const SPEAKERS_LIMIT: usize = 16;
/// Who is being heard stays in before somebody that is a little louder (3 dB).
const STAY: f32 = 1.41;
/// The loudness of comfort noise: peaks at about -62 dB of full scale.
const COMFORT: i32 = 24;

/// Who hears a member of a conference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Audience {
    /// All others: an ordinary party, or one who barged in.
    #[default]
    Everybody,
    /// Nobody: a muted party, or one who only listens (monitor).
    Nobody,
    /// Only these legs: one who whispers, such as a supervisor to an agent.
    Only(Vec<PortId>),
}

/// What a member of a conference says and hears: its row and its column in the matrix of who hears whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Who hears it.
    pub heard_by: Audience,
    /// Does it hear the others?
    pub hears: bool,
}

impl Default for Role {
    fn default() -> Self {
        Self { heard_by: Audience::Everybody, hears: true }
    }
}

impl Role {
    /// Hears, and is heard by nobody.
    pub fn muted() -> Self {
        Self { heard_by: Audience::Nobody, hears: true }
    }

    /// Hears, and is heard by these only.
    pub fn whisper(to: Vec<PortId>) -> Self {
        Self { heard_by: Audience::Only(to), hears: true }
    }

    fn is_heard_by(&self, listener: PortId) -> bool {
        match &self.heard_by {
            Audience::Everybody => true,
            Audience::Nobody => false,
            Audience::Only(listeners) => listeners.contains(&listener),
        }
    }
}

/// One member at one tick.
#[derive(Debug)]
pub(crate) struct Voice<'a> {
    pub(crate) port: PortId,
    pub(crate) role: &'a Role,
    pub(crate) talker: &'a Talker,
    /// Has it sent sound for this tick?
    pub(crate) has_sound: bool,
    /// Was it heard in the last tick?
    pub(crate) was_heard: bool,
}

/// Which of the speakers a listener hears: bit n is the n-th of [`pick`].
pub(crate) type Heard = u16;

/// Picks the places of those who are heard, at most `speakers_max`, in the order of their places. While there are
/// no more voices than that, all are heard as they are; among more, only those who talk.
pub(crate) fn pick(voices: &[Voice<'_>], speakers_max: usize, speakers: &mut Vec<usize>) {
    speakers.clear();
    let can_be_heard = |voice: &Voice<'_>| voice.has_sound && voice.role.heard_by != Audience::Nobody;
    let all = voices.iter().enumerate().filter(|(_, voice)| can_be_heard(voice));
    speakers.extend(all.map(|(place, _)| place));
    if speakers.len() <= speakers_max {
        return;
    }
    speakers.retain(|place| voices[*place].talker.is_talking());
    if speakers.len() > speakers_max {
        let rank = |place: &usize| {
            let voice = &voices[*place];
            voice.talker.loudness() * if voice.was_heard { STAY } else { 1.0 }
        };
        speakers.sort_by(|a, b| rank(b).total_cmp(&rank(a)));
        speakers.truncate(speakers_max);
        speakers.sort_unstable();
    }
}

/// Whom of the speakers the member at `place` hears.
pub(crate) fn heard_at(voices: &[Voice<'_>], speakers: &[usize], place: usize) -> Heard {
    let listener = &voices[place];
    if !listener.role.hears {
        return 0;
    }
    let hears = |speaker: usize| speaker != place && voices[speaker].role.is_heard_by(listener.port);
    let bits = speakers.iter().enumerate().filter(|(_, speaker)| hears(**speaker));
    bits.fold(0, |heard, (bit, _)| heard | 1 << bit)
}

/// Adds the frames of `heard` into `mix`, held at full scale; without any, `comfort` is what is heard.
pub(crate) fn mix(frames: &[Vec<i16>], heard: Heard, comfort: &[i16], mix: &mut Vec<i16>) {
    mix.clear();
    let mut frames =
        frames.iter().enumerate().filter(|(bit, _)| heard & (1 << bit) != 0).map(|(_, frame)| frame);
    let Some(first) = frames.next() else { return mix.extend_from_slice(comfort) };
    mix.extend_from_slice(first);
    for frame in frames {
        for (sum, sample) in mix.iter_mut().zip(frame) {
            *sum = sum.saturating_add(*sample);
        }
    }
}

/// Comfort noise: so that a quiet room does not sound like a dead line.
#[derive(Clone, Debug)]
pub(crate) struct Comfort {
    seed: u32,
    last: i32,
}

impl Comfort {
    pub(crate) fn new(seed: u32) -> Self {
        Self { seed, last: 0 }
    }

    pub(crate) fn frame(&mut self, length: usize, frame: &mut Vec<i16>) {
        frame.clear();
        frame.extend((0..length).map(|_| {
            self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let white = (self.seed >> 16) as i32 % (2 * COMFORT + 1) - COMFORT;
            // Softer in the heights, as rooms are.
            self.last = (self.last + white) / 2;
            self.last as i16
        }));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn port(number: u64) -> PortId {
        PortId::numbered(number)
    }

    fn talking(loudness: i16) -> Talker {
        let mut talker = Talker::default();
        for _ in 0..10 {
            talker.frame(Some(&[loudness; 160]));
        }
        talker
    }

    /// Members with loudness (0 is silence) and role; gives who hears whom as lists of places.
    fn matrix(members: &[(i16, Role)], speakers_max: usize) -> Vec<Vec<usize>> {
        let talkers: Vec<Talker> = members.iter().map(|(loudness, _)| talking(*loudness)).collect();
        let voices: Vec<Voice<'_>> = members
            .iter()
            .zip(&talkers)
            .enumerate()
            .map(|(place, ((_, role), talker))| Voice {
                port: port(place as u64),
                role,
                talker,
                has_sound: true,
                was_heard: false,
            })
            .collect();
        let mut speakers = Vec::new();
        pick(&voices, speakers_max, &mut speakers);
        (0..members.len())
            .map(|place| {
                let heard = heard_at(&voices, &speakers, place);
                (0..speakers.len()).filter(|bit| heard & (1 << bit) != 0).map(|bit| speakers[bit]).collect()
            })
            .collect()
    }

    #[test]
    fn everybody_hears_all_but_himself() {
        let party = || Role::default();
        let members = [(5_000, party()), (4_000, party()), (0, party())];
        assert_eq!(matrix(&members, 5), [vec![1, 2], vec![0, 2], vec![0, 1]]);
    }

    #[test]
    fn among_many_only_the_loudest_who_talk_are_heard() {
        let members: Vec<(i16, Role)> =
            [0, 3_000, 0, 5_000, 0, 4_000, 0].map(|loudness| (loudness, Role::default())).to_vec();
        assert_eq!(matrix(&members, 2)[0], [3, 5]);
        assert_eq!(matrix(&members, 2)[3], [5]);
        assert_eq!(matrix(&members, 4)[0], [1, 3, 5]);
    }

    #[test]
    fn a_muted_party_hears_and_is_not_heard() {
        let members = [(5_000, Role::muted()), (4_000, Role::default())];
        assert_eq!(matrix(&members, 5), [vec![1], vec![]]);
    }

    #[test]
    fn a_whisper_reaches_one_ear_only() {
        // A supervisor whispers to the agent at place 1; the customer at 2 hears the agent alone.
        let members =
            [(5_000, Role::whisper(vec![port(1)])), (4_000, Role::default()), (3_000, Role::default())];
        assert_eq!(matrix(&members, 5), [vec![1, 2], vec![0, 2], vec![1]]);
    }

    #[test]
    fn who_is_being_heard_is_not_pushed_out_by_one_a_little_louder() {
        let (a, b, c) = (talking(4_000), talking(4_400), talking(9_000));
        let role = Role::default();
        let mut voices: Vec<Voice<'_>> = [&a, &b, &c]
            .into_iter()
            .enumerate()
            .map(|(place, talker)| Voice {
                port: port(place as u64),
                role: &role,
                talker,
                has_sound: true,
                was_heard: place != 1,
            })
            .collect();
        let mut speakers = Vec::new();
        pick(&voices, 2, &mut speakers);
        assert_eq!(speakers, [0, 2]);
        voices[0].was_heard = false;
        pick(&voices, 2, &mut speakers);
        assert_eq!(speakers, [1, 2]);
    }

    #[test]
    fn one_voice_is_passed_on_bit_by_bit_and_none_is_comfort_noise() {
        let frames = [vec![30_000, -5], vec![7, 8]];
        let mut sum = Vec::new();
        mix(&frames, 0b01, &[], &mut sum);
        assert_eq!(sum, [30_000, -5]);
        mix(&frames, 0, &[1, -1], &mut sum);
        assert_eq!(sum, [1, -1]);
        mix(&frames, 0b11, &[], &mut sum);
        assert_eq!(sum[1], 3);
    }

    #[test]
    fn comfort_noise_is_quiet_and_not_silent() {
        let mut frame = Vec::new();
        Comfort::new(5).frame(320, &mut frame);
        assert!(frame.iter().all(|sample| sample.abs() <= 24) && frame.iter().any(|sample| *sample != 0));
    }

    proptest! {
        #[test]
        fn nobody_ever_hears_himself_and_never_more_than_the_limit(
            members in prop::collection::vec((0_i16..9_000, 0_u8..3, any::<bool>()), 0..30), limit in 1_usize..8,
        ) {
            let members: Vec<(i16, Role)> = members
                .into_iter()
                .map(|(loudness, kind, hears)| {
                    let heard_by = match kind {
                        0 => Audience::Everybody,
                        1 => Audience::Nobody,
                        _ => Audience::Only(vec![port(1), port(2)]),
                    };
                    (loudness, Role { heard_by, hears })
                })
                .collect();
            for (place, heard) in matrix(&members, limit).into_iter().enumerate() {
                prop_assert!(!heard.contains(&place) && heard.len() <= limit);
                prop_assert!(members[place].1.hears || heard.is_empty());
            }
        }
    }
}
