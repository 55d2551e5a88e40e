//! One recording: 20 ms of both sides of a leg at a time, gathered to a second and handed to the writer.

use std::path::PathBuf;
use std::sync::Arc;

use crate::PortId;
use crate::recorder::{Job, Recorder, TapeId};
use crate::resample::{Rate, Resampler};

/// Sound that is gathered before the writer gets it, in milliseconds.
const GATHERED_MS: usize = 1_000;

/// How a recording is laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// One channel with both sides mixed.
    #[default]
    Mixed,
    /// Two channels: left what the peer says, right what it hears.
    Stereo,
}

impl Layout {
    pub(crate) fn channels(self) -> u16 {
        match self {
            Self::Mixed => 1,
            Self::Stereo => 2,
        }
    }
}

/// What to record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// The file, which must not exist: a WAV file of 16-bit samples at the rate of the leg's codec.
    pub path: PathBuf,
    /// One channel or two.
    pub layout: Layout,
}

/// A side of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// What the peer says.
    Said,
    /// What the peer hears.
    Heard,
}

/// One recording being made.
#[derive(Debug)]
pub(crate) struct Tape {
    id: TapeId,
    recorder: Arc<Recorder>,
    layout: Layout,
    rate: Rate,
    /// This tick's sound of both sides.
    sides: [Vec<i16>; 2],
    resamplers: [Option<(Rate, Resampler)>; 2],
    gathered: Vec<i16>,
    is_paused: bool,
}

impl Tape {
    /// Begins a recording; the writer tells its end by an event of `port`.
    pub(crate) fn new(
        recorder: Arc<Recorder>,
        recording: Recording,
        rate: Rate,
        (port, owner): (PortId, u64),
    ) -> Self {
        let layout = recording.layout;
        let id = recorder.open(recording, rate, port, owner);
        Self {
            id,
            recorder,
            layout,
            rate,
            sides: [Vec::new(), Vec::new()],
            resamplers: [None, None],
            gathered: Vec::new(),
            is_paused: false,
        }
    }

    pub(crate) fn pause(&mut self, is_paused: bool) {
        self.is_paused = is_paused;
    }

    /// Takes a side's 20 ms.
    pub(crate) fn put(&mut self, side: Side, samples: &[i16], rate: Rate) {
        let place = side as usize;
        let kept = &mut self.sides[place];
        kept.clear();
        if rate == self.rate {
            return kept.extend_from_slice(samples);
        }
        if self.resamplers[place].as_ref().is_none_or(|(from, _)| *from != rate) {
            self.resamplers[place] = Some((rate, Resampler::new(rate, self.rate)));
        }
        if let Some((_, resampler)) = &mut self.resamplers[place] {
            resampler.process(samples, kept);
        }
    }

    /// Ends the tick: a side without sound was silent.
    pub(crate) fn commit(&mut self) {
        let length = self.rate.frame();
        let [said, heard] = &mut self.sides;
        if !self.is_paused {
            said.resize(length, 0);
            heard.resize(length, 0);
            let both = said.iter().zip(heard.iter());
            match self.layout {
                Layout::Mixed => self.gathered.extend(both.map(|(said, heard)| said.saturating_add(*heard))),
                Layout::Stereo => self.gathered.extend(both.flat_map(|(said, heard)| [*said, *heard])),
            }
        }
        said.clear();
        heard.clear();
        let enough = GATHERED_MS / 20 * length * usize::from(self.layout.channels());
        if self.gathered.len() >= enough {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        let samples = std::mem::take(&mut self.gathered);
        self.recorder.push(Job::Samples(self.id, samples));
    }
}

impl Drop for Tape {
    fn drop(&mut self) {
        self.hand_over();
        self.recorder.push(Job::Close(self.id));
    }
}
