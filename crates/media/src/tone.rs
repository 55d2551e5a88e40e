//! The sounds of call progress: one to three sines with a cadence, by region (ITU-T E.180 and its supplement 2).

use crate::resample::Rate;

/// The loudness of one sine: about -13 dBm0 each, as E.180 wants call progress tones.
const AMPLITUDE: f64 = 4_800.0;
/// Frequencies that sound together at most.
const SINES_MAX: usize = 3;

/// A piece of a tone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Frequencies that sound together, in hertz; 0 is none.
    pub hertz: [u16; SINES_MAX],
    /// For how long; 0 is for ever.
    pub milliseconds: u32,
}

impl Step {
    /// Up to three frequencies.
    pub const fn sound(hertz: [u16; SINES_MAX], milliseconds: u32) -> Self {
        Self { hertz, milliseconds }
    }

    /// A pause.
    pub const fn pause(milliseconds: u32) -> Self {
        Self { hertz: [0; SINES_MAX], milliseconds }
    }
}

/// What to sound: the steps one after the other; over and over when it is looped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tone(pub Vec<Step>);

/// What a tone says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Dial now.
    Dial,
    /// The other one is busy.
    Busy,
    /// It cannot be done, or the network is congested.
    Reorder,
    /// It rings there.
    RingBack,
    /// Somebody else calls.
    CallWaiting,
    /// Speak after it; also told to those who are recorded.
    Beep,
}

/// Whose tones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Region {
    /// 425 Hz, as E.180 recommends and most of the world has it.
    #[default]
    International,
    /// The United States and Canada: two frequencies.
    NorthAmerica,
    /// The United Kingdom and Ireland.
    UnitedKingdom,
    /// France.
    France,
    /// Germany.
    Germany,
    /// Switzerland.
    Switzerland,
    /// Austria.
    Austria,
    /// Italy.
    Italy,
    /// Japan.
    Japan,
    /// Australia.
    Australia,
}

impl Region {
    /// The region of a country, by its two letters (ISO 3166); others have the international tones.
    pub fn of_country(code: &str) -> Self {
        match code.to_ascii_lowercase().as_str() {
            "us" | "ca" => Self::NorthAmerica,
            "gb" | "uk" | "ie" => Self::UnitedKingdom,
            "fr" => Self::France,
            "de" => Self::Germany,
            "ch" | "li" => Self::Switzerland,
            "at" => Self::Austria,
            "it" => Self::Italy,
            "jp" => Self::Japan,
            "au" => Self::Australia,
            _ => Self::International,
        }
    }

    /// The frequencies and the sounding and silent times of a signal.
    fn row(self, signal: Signal) -> ([u16; SINES_MAX], &'static [u32]) {
        use Region as R;
        use Signal as S;
        let plain = match self {
            R::France => 440,
            R::Austria => 420,
            R::Japan => 400,
            _ => 425,
        };
        let hertz = match (self, signal) {
            (_, S::Beep) => [1_400, 0, 0],
            (R::NorthAmerica, S::Dial) | (R::UnitedKingdom, S::Dial) => [350, 440, 0],
            (R::NorthAmerica, S::Busy | S::Reorder) => [480, 620, 0],
            (R::NorthAmerica, S::RingBack) => [440, 480, 0],
            (R::NorthAmerica, S::CallWaiting) => [440, 0, 0],
            (R::UnitedKingdom, S::RingBack) => [400, 450, 0],
            (R::UnitedKingdom, _) => [400, 0, 0],
            // 400 Hz modulated with 16 Hz, and with 25 Hz: the side tones say it well enough.
            (R::Japan, S::RingBack) => [384, 416, 0],
            (R::Australia, S::Dial | S::RingBack) => [413, 438, 0],
            _ => [plain, 0, 0],
        };
        let cadence: &[u32] = match (self, signal) {
            (_, S::Beep) => &[200, 0],
            (R::Italy, S::Dial) => &[200, 200, 600, 1_000],
            (_, S::Dial) => &[],
            (R::UnitedKingdom, S::Busy) | (R::Australia, S::Busy | S::Reorder) => &[375, 375],
            (R::UnitedKingdom, S::Reorder) => &[400, 350, 225, 525],
            (R::Germany, S::Busy) => &[480, 480],
            (R::Germany, S::Reorder) => &[240, 240],
            (R::Austria, S::Busy) => &[400, 400],
            (R::NorthAmerica | R::France, S::Reorder) => &[250, 250],
            (_, S::Busy) | (R::Japan, S::Reorder) => &[500, 500],
            (_, S::Reorder) => &[200, 200],
            (R::NorthAmerica, S::RingBack) => &[2_000, 4_000],
            (R::UnitedKingdom | R::Australia, S::RingBack) => &[400, 200, 400, 2_000],
            (R::France, S::RingBack) => &[1_500, 3_500],
            (R::Austria, S::RingBack) => &[1_000, 5_000],
            (R::Japan, S::RingBack) => &[1_000, 2_000],
            (_, S::RingBack) => &[1_000, 4_000],
            (R::NorthAmerica, S::CallWaiting) => &[300, 10_000],
            (_, S::CallWaiting) => &[200, 200, 200, 4_000],
        };
        (hertz, cadence)
    }
}

impl Tone {
    /// The tone of a region for a signal. All but the beep are meant to be looped.
    pub fn of(signal: Signal, region: Region) -> Self {
        let (hertz, cadence) = region.row(signal);
        if cadence.is_empty() {
            return Self::steady(hertz[0], hertz[1]);
        }
        let steps = cadence.iter().enumerate().filter(|(_, milliseconds)| **milliseconds > 0);
        Self(
            steps
                .map(|(at, milliseconds)| match at % 2 {
                    0 => Step::sound(hertz, *milliseconds),
                    _ => Step::pause(*milliseconds),
                })
                .collect(),
        )
    }

    /// One frequency, or two, without a pause.
    pub fn steady(hertz: u16, second_hertz: u16) -> Self {
        Self(vec![Step::sound([hertz, second_hertz, 0], 0)])
    }
}

/// Where in a tone we are.
#[derive(Clone, Debug)]
pub(crate) struct ToneSource {
    tone: Tone,
    step: usize,
    /// Samples since the beginning of the step.
    sample: u64,
}

impl ToneSource {
    pub(crate) fn new(tone: Tone) -> Self {
        Self { tone, step: 0, sample: 0 }
    }

    /// Appends up to `length` samples; fewer when it ends, which a looped one never does.
    pub(crate) fn samples(&mut self, rate: Rate, is_looped: bool, length: usize, output: &mut Vec<i16>) {
        let end = output.len() + length;
        // A tone whose steps all end at once would never fill the output.
        if self.tone.0.iter().all(|step| step.milliseconds == 0 && step.hertz == [0; SINES_MAX]) {
            return;
        }
        while output.len() < end {
            if self.step == self.tone.0.len() && is_looped {
                self.step = 0;
            }
            let Some(step) = self.tone.0.get(self.step) else { return };
            let lasts = match step.milliseconds {
                0 => u64::MAX,
                milliseconds => u64::from(milliseconds) * u64::from(rate.hertz()) / 1_000,
            };
            let count = (lasts - self.sample.min(lasts)).min((end - output.len()) as u64);
            output.extend((0..count).map(|n| level(step, self.sample + n, rate)));
            self.sample += count;
            if self.sample >= lasts {
                self.sample = 0;
                self.step += 1;
            }
        }
    }
}

fn level(step: &Step, sample: u64, rate: Rate) -> i16 {
    let at = sample as f64 / f64::from(rate.hertz());
    let sine = |hertz: &u16| (std::f64::consts::TAU * (f64::from(*hertz) * at).fract()).sin();
    (AMPLITUDE * step.hertz.iter().filter(|hertz| **hertz > 0).map(sine).sum::<f64>()) as i16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::goertzel;

    fn sound(tone: &Tone, is_looped: bool, milliseconds: usize) -> Vec<i16> {
        let mut source = ToneSource::new(tone.clone());
        let mut output = Vec::new();
        for _ in 0..milliseconds / 20 {
            source.samples(Rate::Narrow, is_looped, 160, &mut output);
        }
        output
    }

    #[test]
    fn the_tone_has_its_frequencies_and_no_other() {
        let samples = sound(&Tone::of(Signal::Dial, Region::NorthAmerica), true, 200);
        for hertz in [350, 440] {
            assert!((goertzel::strength(&samples, hertz, 8_000) - 0.5).abs() < 0.02, "{hertz}");
        }
        assert!(goertzel::strength(&samples, 700, 8_000) < 0.01);
    }

    #[test]
    fn a_cadence_sounds_and_pauses_and_begins_again() {
        let samples = sound(&Tone::of(Signal::Busy, Region::Germany), true, 1_440);
        let is_loud =
            |from_ms: usize, to_ms: usize| samples[from_ms * 8..to_ms * 8].iter().any(|s| s.abs() > 1_000);
        assert!(is_loud(0, 480) && !is_loud(480, 960) && is_loud(960, 1_440));
    }

    #[test]
    fn a_tone_that_is_not_looped_ends() {
        assert_eq!(sound(&Tone::of(Signal::Beep, Region::International), false, 1_000).len(), 1_600);
    }

    #[test]
    fn every_region_has_every_signal() {
        for country in ["us", "GB", "fr", "de", "ch", "at", "it", "jp", "au", "xx"] {
            for signal in [
                Signal::Dial,
                Signal::Busy,
                Signal::Reorder,
                Signal::RingBack,
                Signal::CallWaiting,
                Signal::Beep,
            ] {
                let Tone(steps) = Tone::of(signal, Region::of_country(country));
                assert!(steps[0].hertz[0] >= 350, "{country} {signal:?}");
                let is_steady = signal == Signal::Dial && country != "it";
                assert_eq!(steps[0].milliseconds == 0, is_steady, "{country} {signal:?}");
            }
        }
    }
}
