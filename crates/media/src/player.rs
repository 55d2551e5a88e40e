//! What is played to a leg of its own: tones and announcements, once or over and over.

use std::sync::Arc;
use std::time::Duration;

use crate::resample::Rate;
use crate::sound::Sound;
use crate::tone::{Step, Tone, ToneSource};

/// What to play.
#[derive(Clone, Debug)]
pub enum Source {
    /// A tone.
    Tone(Tone),
    /// Pieces of sound, one after the other.
    Sounds(Vec<Arc<Sound>>),
}

impl Source {
    /// How long it lasts when it is played once; `None`: for ever.
    pub fn duration(&self) -> Option<Duration> {
        match self {
            Self::Tone(Tone(steps)) => {
                let lasts = |step: &Step| Duration::from_millis(step.milliseconds.into());
                let is_endless = steps.iter().any(|step| step.milliseconds == 0);
                (!is_endless).then(|| steps.iter().map(lasts).sum())
            }
            Self::Sounds(sounds) => Some(sounds.iter().map(|sound| sound.duration()).sum()),
        }
    }
}

/// How to play it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlayMode {
    /// Once; [`crate::Report::Played`] tells its end.
    Once,
    /// From the beginning, over and over, for this leg alone.
    Loop,
    /// Over and over with all who hear the same piece: whoever comes joins in the middle, and the piece is
    /// encoded once per codec. For music on hold.
    Shared,
}

/// Where in what is played a leg is.
#[derive(Debug)]
pub(crate) struct Playing {
    kind: Playable,
    is_looped: bool,
}

#[derive(Debug)]
enum Playable {
    Tone(ToneSource),
    Sounds { sounds: Vec<Arc<Sound>>, piece: usize, sample: usize },
}

impl Playing {
    pub(crate) fn new(source: Source, is_looped: bool) -> Self {
        let kind = match source {
            Source::Tone(tone) => Playable::Tone(ToneSource::new(tone)),
            Source::Sounds(sounds) => Playable::Sounds { sounds, piece: 0, sample: 0 },
        };
        Self { kind, is_looped }
    }

    /// The next 20 ms into `frame`, filled up with silence; false when nothing was left to play.
    pub(crate) fn frame(&mut self, rate: Rate, frame: &mut Vec<i16>) -> bool {
        frame.clear();
        match &mut self.kind {
            Playable::Tone(tone) => tone.samples(rate, self.is_looped, rate.frame(), frame),
            Playable::Sounds { sounds, piece, sample } => {
                // A looped piece without a sample would never fill the frame.
                let is_looped = self.is_looped && sounds.iter().any(|sound| !sound.samples(rate).is_empty());
                while frame.len() < rate.frame() {
                    if *piece == sounds.len() && is_looped {
                        *piece = 0;
                    }
                    let Some(sound) = sounds.get(*piece) else { break };
                    let rest = sound.samples(rate).get(*sample..).unwrap_or_default();
                    let count = rest.len().min(rate.frame() - frame.len());
                    frame.extend_from_slice(&rest[..count]);
                    *sample += count;
                    if count == rest.len() {
                        (*piece, *sample) = (*piece + 1, 0);
                    }
                }
            }
        }
        let is_something = !frame.is_empty();
        frame.resize(rate.frame(), 0);
        is_something
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound(level: i16, milliseconds: usize) -> Arc<Sound> {
        Arc::new(Sound::new(Rate::Narrow, &vec![level; 8 * milliseconds]))
    }

    #[test]
    fn pieces_follow_each_other_without_a_gap_and_end() {
        let source = Source::Sounds(vec![sound(100, 30), sound(200, 30)]);
        let mut playing = Playing::new(source, false);
        let (mut all, mut frame) = (Vec::<i16>::new(), Vec::new());
        while playing.frame(Rate::Narrow, &mut frame) {
            all.extend(&frame);
        }
        assert_eq!(all.len(), 480);
        assert!(
            all[..240].iter().all(|sample| *sample == 100) && all[240..].iter().all(|sample| *sample == 200)
        );
    }

    #[test]
    fn a_loop_begins_again_in_the_middle_of_a_frame() {
        let mut playing = Playing::new(Source::Sounds(vec![sound(100, 30), sound(200, 10)]), true);
        let mut frame = Vec::new();
        for _ in 0..7 {
            assert!(playing.frame(Rate::Narrow, &mut frame));
        }
        assert_eq!((frame[0], frame[159]), (100, 100));
        assert!(playing.frame(Rate::Narrow, &mut frame));
        assert_eq!((frame[0], frame[159]), (100, 200));
    }

    #[test]
    fn a_source_knows_how_long_it_lasts() {
        let sounds = Source::Sounds(vec![sound(100, 30), sound(200, 30)]);
        assert_eq!(sounds.duration(), Some(Duration::from_millis(60)));
        assert_eq!(Source::Tone(Tone::steady(440, 0)).duration(), None);
        let tone = Tone(vec![Step::sound([440, 0, 0], 20), Step::pause(30)]);
        assert_eq!(Source::Tone(tone).duration(), Some(Duration::from_millis(50)));
    }

    #[test]
    fn nothing_to_play_ends_at_once_even_when_looped() {
        for source in [Source::Sounds(vec![]), Source::Sounds(vec![sound(1, 0)]), Source::Tone(Tone(vec![]))]
        {
            assert!(!Playing::new(source, true).frame(Rate::Wide, &mut Vec::new()));
        }
    }
}
