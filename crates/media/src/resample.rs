//! From one sampling rate to another: a polyphase filter whose phases are computed once per pair of rates.
//!
//! The prototype is a sinc under a Kaiser window (β = 7): flat within 0.3 dB up to 0.85 of the lower rate's half
//! (3.4 kHz at 8 kHz), aliases from 1.2 of it more than 65 dB down, delay 24 samples of the lower rate (3 ms at 8 kHz).

use std::collections::VecDeque;
use std::f64::consts::PI;
use std::sync::{Arc, OnceLock};

/// A sampling rate that sound is kept at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rate {
    /// 8,000 a second: the telephone's.
    Narrow,
    /// 16,000 a second: G.722, and Opus as this server carries it.
    Wide,
    /// 48,000 a second: files.
    Full,
}

impl Rate {
    /// Samples a second.
    pub fn hertz(self) -> u32 {
        match self {
            Self::Narrow => 8_000,
            Self::Wide => 16_000,
            Self::Full => 48_000,
        }
    }

    /// Samples in 20 ms.
    pub fn frame(self) -> usize {
        self.hertz() as usize / 50
    }

    /// The rate with this many samples a second.
    pub fn of(hertz: u32) -> Option<Self> {
        [Self::Narrow, Self::Wide, Self::Full].into_iter().find(|rate| rate.hertz() == hertz)
    }
}

/// Zero crossings of the sinc on either side, in samples of the lower rate.
const REACH: usize = 24;
/// The window's trade between width and depth.
const KAISER_BETA: f64 = 7.0;
/// The edge of what is let through, as a share of the lower rate's half.
const CUTOFF: f64 = 0.94;

/// One way from a rate to another.
#[derive(Debug)]
struct Phases {
    /// Samples out for every `down` samples in, in lowest terms.
    up: usize,
    down: usize,
    /// One filter per phase, newest sample last.
    taps: Vec<Vec<f32>>,
}

impl Phases {
    fn new(from: Rate, to: Rate) -> Self {
        let (from, to) = (from.hertz() as usize, to.hertz() as usize);
        let shared = [48, 16, 8, 6, 3, 2, 1].into_iter().map(|n| n * 1_000);
        let unit = shared.into_iter().find(|unit| from % unit == 0 && to % unit == 0).unwrap_or(1);
        let (up, down) = (to / unit, from / unit);
        let widest = up.max(down);
        // The prototype runs at `up` times the rate of the input.
        let half = (REACH * widest) as f64;
        let cutoff = CUTOFF / widest as f64;
        let length = (2 * REACH * widest).div_ceil(up);
        let taps = (0..up)
            .map(|phase| {
                let taps: Vec<f64> = (0..length)
                    .map(|index| {
                        // Distance from the newest tap's centre, in steps of the prototype.
                        let at = ((length - 1 - index) * up + phase) as f64 - half;
                        cutoff * sinc(cutoff * at) * kaiser(at / half)
                    })
                    .collect();
                // Each phase lets a constant through unchanged, so that no hum at the phase rate arises.
                let sum: f64 = taps.iter().sum();
                taps.into_iter().map(|tap| (tap / sum) as f32).collect()
            })
            .collect();
        Self { up, down, taps }
    }

    /// The phases of a pair of rates, made at first use and then shared.
    fn shared(from: Rate, to: Rate) -> Arc<Self> {
        static WAYS: [OnceLock<Arc<Phases>>; 9] = [const { OnceLock::new() }; 9];
        let way = from as usize * 3 + to as usize;
        Arc::clone(WAYS[way].get_or_init(|| Arc::new(Self::new(from, to))))
    }
}

fn sinc(x: f64) -> f64 {
    if x.abs() < 1e-9 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

fn kaiser(x: f64) -> f64 {
    if x.abs() >= 1.0 { 0.0 } else { bessel(KAISER_BETA * (1.0 - x * x).sqrt()) / bessel(KAISER_BETA) }
}

/// The modified Bessel function of order zero, by its series.
fn bessel(x: f64) -> f64 {
    let (mut sum, mut term) = (1.0, 1.0);
    for k in 1..40 {
        term *= (x / (2.0 * f64::from(k))).powi(2);
        sum += term;
    }
    sum
}

/// Carries one stream from a rate to another, piece by piece.
#[derive(Clone, Debug)]
pub struct Resampler {
    phases: Arc<Phases>,
    past: VecDeque<f32>,
    /// Where the next output lies between the inputs, in units of 1/`up` of an input sample.
    phase: usize,
}

impl Resampler {
    /// A stream that begins in silence.
    pub fn new(from: Rate, to: Rate) -> Self {
        let phases = Phases::shared(from, to);
        let past = std::iter::repeat_n(0.0, phases.taps[0].len()).collect();
        Self { phases, past, phase: 0 }
    }

    /// Takes samples and appends what they become.
    pub fn process(&mut self, input: &[i16], output: &mut Vec<i16>) {
        let Phases { up, down, taps } = &*self.phases;
        for sample in input {
            self.past.pop_front();
            self.past.push_back(f32::from(*sample));
            while self.phase < *up {
                let (front, back) = self.past.as_slices();
                let taps = &taps[self.phase];
                let (taps_front, taps_back) = taps.split_at(front.len());
                let value = dot(front, taps_front) + dot(back, taps_back);
                output.push(value.round().clamp(-32_768.0, 32_767.0) as i16);
                self.phase += down;
            }
            self.phase -= up;
        }
    }
}

/// Four sums beside each other, so that the compiler may use vector registers.
fn dot(samples: &[f32], taps: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 4];
    let (samples_in_four, samples_left) = samples.as_chunks::<4>();
    let (taps_in_four, taps_left) = taps.as_chunks::<4>();
    for (samples, taps) in samples_in_four.iter().zip(taps_in_four) {
        for lane in 0..4 {
            sums[lane] += samples[lane] * taps[lane];
        }
    }
    let left: f32 = samples_left.iter().zip(taps_left).map(|(sample, tap)| sample * tap).sum();
    sums.iter().sum::<f32>() + left
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::goertzel;
    use crate::speech;

    fn resampled(sound: &[i16], from: Rate, to: Rate) -> Vec<i16> {
        let mut output = Vec::new();
        Resampler::new(from, to).process(sound, &mut output);
        output
    }

    const ALL: [Rate; 3] = [Rate::Narrow, Rate::Wide, Rate::Full];

    fn level(sound: &[i16]) -> f64 {
        let energy: f64 = sound.iter().map(|sample| f64::from(*sample).powi(2)).sum();
        (energy / sound.len() as f64).sqrt()
    }

    #[test]
    fn every_way_keeps_pitch_and_loudness_of_what_fits() {
        for from in ALL {
            for to in ALL.into_iter().filter(|to| *to != from) {
                for hertz in [300.0, 1_000.0, 3_400.0] {
                    let sound = speech::sine(hertz, 10_000.0, from.hertz(), from.frame() * 25);
                    let heard = &resampled(&sound, from, to)[to.frame()..];
                    let strength = goertzel::strength(heard, hertz as u16, to.hertz());
                    let decibels = 20.0 * (level(heard) / level(&sound)).log10();
                    assert!(strength > 0.999, "{from:?} {to:?} {hertz}: {strength}");
                    assert!(decibels.abs() < 0.3, "{from:?} {to:?} {hertz}: {decibels} dB");
                }
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_taken_away() {
        for (from, to, hertz) in [
            (Rate::Wide, Rate::Narrow, 5_000.0),
            (Rate::Full, Rate::Wide, 10_000.0),
            (Rate::Full, Rate::Narrow, 4_800.0),
        ] {
            let sound = speech::sine(hertz, 20_000.0, from.hertz(), from.frame() * 25);
            let heard = &resampled(&sound, from, to)[to.frame()..];
            let decibels = 20.0 * (level(heard).max(0.1) / level(&sound)).log10();
            assert!(decibels < -65.0, "{from:?} {to:?}: {decibels} dB");
        }
    }

    #[test]
    fn pieces_give_the_same_as_the_whole() {
        let sound = speech::sentence(16_000);
        let whole = resampled(&sound, Rate::Wide, Rate::Full);
        let mut resampler = Resampler::new(Rate::Wide, Rate::Full);
        let mut pieces = Vec::new();
        for piece in sound.chunks(77) {
            resampler.process(piece, &mut pieces);
        }
        assert!(whole == pieces);
        assert_eq!(whole.len(), 3 * sound.len());
    }

    #[test]
    fn speech_that_goes_up_and_comes_down_is_what_it_was() {
        let sound = speech::sentence(8_000);
        for over in [Rate::Wide, Rate::Full] {
            let back = resampled(&resampled(&sound, Rate::Narrow, over), over, Rate::Narrow);
            let score = speech::score(&sound, &back, 8_000);
            assert!(score.segmental_snr_db > 25.0 && score.correlation > 0.999, "{over:?} {score:?}");
        }
    }
}
