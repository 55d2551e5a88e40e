//! Music on hold: one piece that plays on for all who hear it on this thread, encoded once per codec.

use std::sync::Arc;
use std::time::Instant;

use crate::PortId;
use crate::chorus::Chorus;
use crate::codec::Codec;
use crate::player::{Playing, Source};
use crate::resample::Rate;
use crate::sound::Sound;

/// A station's name on its thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StationId(pub(crate) u64);

/// One piece on the air.
#[derive(Debug)]
pub(crate) struct Station {
    source: Source,
    /// The same piece at both rates, in step.
    narrow: Playing,
    wide: Playing,
    pub(crate) listeners: Vec<PortId>,
    pub(crate) due: Instant,
    chorus: Chorus,
}

/// One tick of a station: what is encoded when it is first asked for.
#[derive(Debug, Default)]
pub(crate) struct Air {
    narrow: Vec<i16>,
    wide: Vec<i16>,
}

impl Station {
    pub(crate) fn new(source: Source, due: Instant) -> Self {
        let playing = || Playing::new(source.clone(), true);
        Self {
            narrow: playing(),
            wide: playing(),
            source,
            listeners: Vec::new(),
            due,
            chorus: Chorus::default(),
        }
    }

    /// Is this what it plays? Sounds are the same when they are the same in memory.
    pub(crate) fn plays(&self, source: &Source) -> bool {
        match (&self.source, source) {
            (Source::Tone(a), Source::Tone(b)) => a == b,
            (Source::Sounds(a), Source::Sounds(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b): (&Arc<Sound>, _)| Arc::ptr_eq(a, b))
            }
            _ => false,
        }
    }

    /// Moves on by 20 ms.
    pub(crate) fn tick(&mut self, air: &mut Air) {
        self.narrow.frame(Rate::Narrow, &mut air.narrow);
        self.wide.frame(Rate::Wide, &mut air.wide);
        self.chorus.next();
    }

    /// The payload of this tick in a codec.
    pub(crate) fn payload(&mut self, codec: Codec, air: &Air) -> &[u8] {
        let samples = if codec.rate() == Rate::Narrow { &air.narrow } else { &air.wide };
        self.chorus.payload(codec, samples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Decoder;
    use crate::speech;

    #[test]
    fn all_codecs_hear_the_same_piece_in_step_and_each_is_encoded_once() {
        let sentence = speech::sentence(16_000);
        let source = Source::Sounds(vec![Arc::new(Sound::new(Rate::Wide, &sentence))]);
        let mut station = Station::new(source, tokio::time::Instant::now().into_std());
        let (mut air, mut decoder, mut heard) = (Air::default(), Decoder::new(Codec::G722), Vec::new());
        for _ in 0..sentence.len() / 320 {
            station.tick(&mut air);
            let first = station.payload(Codec::G722, &air).to_vec();
            assert_eq!(station.payload(Codec::G722, &air), first, "a second listener gets the same bytes");
            assert_eq!(station.payload(Codec::Pcma, &air).len(), 160);
            decoder.decode(&first, &mut heard);
        }
        let score = speech::score(&sentence, &heard, 16_000);
        assert!(score.correlation > 0.98, "{score:?}");
    }

    #[test]
    fn a_piece_is_known_again() {
        let now = tokio::time::Instant::now().into_std();
        let (one, other) =
            (Arc::new(Sound::new(Rate::Narrow, &[1])), Arc::new(Sound::new(Rate::Narrow, &[1])));
        let station = Station::new(Source::Sounds(vec![Arc::clone(&one)]), now);
        assert!(station.plays(&Source::Sounds(vec![one])));
        assert!(!station.plays(&Source::Sounds(vec![other])));
    }
}
