//! A sentence-like sound, and how well what was heard agrees with what was said.
#![allow(dead_code, reason = "each test that includes this uses a part of it")]

use std::f64::consts::TAU;

/// Loudness of consonants beside vowels.
const BREATH: f64 = 0.000_4;

/// How well a sound survived.
#[derive(Clone, Copy, Debug)]
pub struct Score {
    /// Mean of the signal-to-noise ratios of the 20 ms segments that have speech in them, each held between
    /// -10 and 35 dB, in dB.
    pub segmental_snr_db: f64,
    /// Normalised cross-correlation at the best delay.
    pub correlation: f64,
    /// The delay, in samples.
    pub delay: usize,
}

/// One frequency.
pub fn sine(hertz: f64, amplitude: f64, sample_hertz: u32, samples: usize) -> Vec<i16> {
    (0..samples)
        .map(|n| (amplitude * (TAU * hertz * n as f64 / f64::from(sample_hertz)).sin()) as i16)
        .collect()
}

/// About three seconds of voice-like sound: syllables of a gliding glottal pulse train shaped by three
/// formants, with breathy consonants and pauses between them. The same at every call.
pub fn sentence(sample_hertz: u32) -> Vec<i16> {
    let vowels =
        [(730.0, 1090.0, 2440.0), (270.0, 2290.0, 3010.0), (300.0, 870.0, 2240.0), (530.0, 1840.0, 2480.0)];
    let rate = f64::from(sample_hertz);
    let mut sound = Vec::new();
    let mut noise = Noise(7);
    for syllable in 0..12_usize {
        let (first, second, third) = vowels[syllable % vowels.len()];
        let mut formants = [
            Formant::new(first, 80.0, rate),
            Formant::new(second, 100.0, rate),
            Formant::new(third, 140.0, rate),
        ];
        let breath = (0.05 * rate) as usize;
        sound.extend((0..breath).map(|_| BREATH * noise.next()));
        let length = (0.16 * rate) as usize;
        let (mut phase, mut glottis) = (0.0_f64, [0.0_f64; 2]);
        let softness = (-TAU * 350.0 / rate).exp();
        for n in 0..length {
            let at = n as f64 / length as f64;
            let pitch = 110.0 + 25.0 * (TAU * (at + syllable as f64 * 0.37)).sin();
            phase += pitch / rate;
            let pulse = if phase >= 1.0 {
                phase -= 1.0;
                1.0
            } else {
                0.0
            };
            // The glottis falls by 12 dB an octave.
            glottis[0] = softness * glottis[0] + (1.0 - softness) * pulse;
            glottis[1] = softness * glottis[1] + (1.0 - softness) * glottis[0];
            let voiced: f64 = formants.iter_mut().map(|formant| formant.filter(glottis[1])).sum();
            let envelope = (std::f64::consts::PI * at).sin();
            sound.push(envelope * voiced);
        }
        let pause = if syllable % 4 == 3 { 0.12 } else { 0.03 };
        sound.extend((0..(pause * rate) as usize).map(|_| BREATH / 300.0 * noise.next()));
    }
    let loudest = sound.iter().fold(1e-9_f64, |loudest, sample| loudest.max(sample.abs()));
    sound.iter().map(|sample| (sample * 16_000.0 / loudest) as i16).collect()
}

struct Formant {
    feedback: [f64; 2],
    gain: f64,
    past: [f64; 2],
}

impl Formant {
    fn new(hertz: f64, width: f64, rate: f64) -> Self {
        let radius = (-std::f64::consts::PI * width / rate).exp();
        let turn = TAU * hertz / rate;
        Self { feedback: [2.0 * radius * turn.cos(), -radius * radius], gain: 1.0 - radius, past: [0.0; 2] }
    }

    fn filter(&mut self, input: f64) -> f64 {
        let output = self.gain * input + self.feedback[0] * self.past[0] + self.feedback[1] * self.past[1];
        self.past = [output, self.past[0]];
        output
    }
}

struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f64 / f64::from(1 << 23) - 1.0
    }
}

/// Compares `heard` with `said`, both at `sample_hertz`: aligned by the best delay up to 400 ms, scaled by the
/// best gain.
pub fn score(said: &[i16], heard: &[i16], sample_hertz: u32) -> Score {
    let longest = (sample_hertz as usize * 2 / 5).min(heard.len().saturating_sub(said.len() / 2));
    let (mut delay, mut correlation) = (0, -1.0);
    for candidate in 0..=longest {
        let found = correlate(said, &heard[candidate..]);
        if found > correlation {
            (delay, correlation) = (candidate, found);
        }
    }
    let heard = &heard[delay..];
    let shared = said.len().min(heard.len());
    let (said, heard) = (&said[..shared], &heard[..shared]);
    let dot =
        |a: &[i16], b: &[i16]| -> f64 { a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum() };
    let gain = dot(said, heard) / dot(said, said).max(1.0);
    let segment = sample_hertz as usize / 50;
    let mut ratios = Vec::new();
    for (said, heard) in said.chunks_exact(segment).zip(heard.chunks_exact(segment)) {
        let signal = gain * gain * dot(said, said);
        // Segments below about -46 dB of full scale are pauses.
        if signal / (segment as f64) < 150.0 * 150.0 {
            continue;
        }
        let noise: f64 =
            said.iter().zip(heard).map(|(s, h)| (gain * f64::from(*s) - f64::from(*h)).powi(2)).sum();
        ratios.push((10.0 * (signal / noise.max(1.0)).log10()).clamp(-10.0, 35.0));
    }
    let segmental_snr_db = ratios.iter().sum::<f64>() / ratios.len().max(1) as f64;
    Score { segmental_snr_db, correlation, delay }
}

fn correlate(said: &[i16], heard: &[i16]) -> f64 {
    let (mut both, mut one, mut other) = (0.0, 1e-9, 1e-9);
    // Every third sample is enough to find the delay.
    for (s, h) in said.iter().zip(heard).step_by(3) {
        let (s, h) = (f64::from(*s), f64::from(*h));
        both += s * h;
        one += s * s;
        other += h * h;
    }
    both / f64::sqrt(one * other)
}
