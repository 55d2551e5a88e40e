//! What is heard in place of a lost packet of a codec that cannot say it itself: the last pitch period again,
//! fading (after ITU-T G.711 Appendix I, simplified).

/// How much of the past is looked at, in milliseconds: three periods of the lowest voice.
const PAST_MS: usize = 45;
/// The shortest and the longest pitch period, in milliseconds: 400 Hz to 66 Hz.
const PERIOD_MS: (f64, usize) = (2.5, 15);
/// Full loudness lasts this long; after it the sound fades.
const FULL_MS: usize = 10;
/// After this much made-up sound there is silence.
const SILENT_AFTER_MS: usize = 60;
/// Over this time the real sound takes over again.
const BLEND_MS: usize = 4;

/// Remembers what was heard, and continues it.
#[derive(Clone, Debug)]
pub(crate) struct Concealer {
    per_millisecond: usize,
    past: Vec<i16>,
    /// The period that is repeated, and the place in it.
    period: Vec<i16>,
    at: usize,
    /// Samples made up since the last real one.
    made_up: usize,
}

impl Concealer {
    pub(crate) fn new(hertz: u32) -> Self {
        let per_millisecond = hertz as usize / 1_000;
        Self {
            per_millisecond,
            past: vec![0; PAST_MS * per_millisecond],
            period: Vec::new(),
            at: 0,
            made_up: 0,
        }
    }

    /// Takes note of real sound; blends its beginning with the made-up sound before it.
    pub(crate) fn heard(&mut self, samples: &mut [i16]) {
        if self.made_up > 0 {
            let length = (BLEND_MS * self.per_millisecond).min(samples.len());
            for (n, sample) in samples[..length].iter_mut().enumerate() {
                let real = i32::from(*sample) * n as i32;
                let made_up = i32::from(self.next()) * (length - n) as i32;
                *sample = ((real + made_up) / length as i32) as i16;
            }
            self.made_up = 0;
        }
        self.remember(samples);
    }

    /// Appends `length` made-up samples.
    pub(crate) fn conceal(&mut self, length: usize, output: &mut Vec<i16>) {
        if self.made_up == 0 {
            let period = self.find_period();
            self.period.clear();
            self.period.extend_from_slice(&self.past[self.past.len() - period..]);
            self.at = 0;
        }
        let start = output.len();
        output.extend((0..length).map(|_| self.next()));
        self.remember(&output[start..]);
    }

    fn next(&mut self) -> i16 {
        let sample = i32::from(self.period.get(self.at).copied().unwrap_or(0));
        self.at = (self.at + 1) % self.period.len().max(1);
        let (full, end) = (FULL_MS * self.per_millisecond, SILENT_AFTER_MS * self.per_millisecond);
        let left = end.saturating_sub(self.made_up.max(full)) as i32;
        self.made_up += 1;
        (sample * left / (end - full) as i32) as i16
    }

    fn remember(&mut self, samples: &[i16]) {
        let kept = self.past.len();
        let newest = &samples[samples.len().saturating_sub(kept)..];
        self.past.rotate_left(newest.len());
        self.past[kept - newest.len()..].copy_from_slice(newest);
    }

    /// The shift at which the last 20 ms look most like what was before them.
    fn find_period(&self) -> usize {
        let shortest = (PERIOD_MS.0 * self.per_millisecond as f64) as usize;
        let longest = PERIOD_MS.1 * self.per_millisecond;
        let window = 20 * self.per_millisecond;
        let recent = &self.past[self.past.len() - window..];
        let likeness = |shift: usize| {
            let earlier = &self.past[self.past.len() - window - shift..][..window];
            let (mut both, mut energy) = (0.0_f32, 1.0_f32);
            // Every other sample tells enough.
            for (a, b) in recent.iter().zip(earlier).step_by(2) {
                both += f32::from(*a) * f32::from(*b);
                energy += f32::from(*b) * f32::from(*b);
            }
            both / energy.sqrt()
        };
        (shortest..=longest).max_by(|a, b| likeness(*a).total_cmp(&likeness(*b))).unwrap_or(longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speech;

    #[test]
    fn a_steady_voice_goes_on_through_a_hole() {
        let sound = speech::sine(200.0, 8_000.0, 8_000, 1_600);
        let mut concealer = Concealer::new(8_000);
        concealer.heard(&mut sound[..800].to_vec());
        let mut made_up = Vec::new();
        concealer.conceal(80, &mut made_up);
        let error: i32 =
            made_up.iter().zip(&sound[800..]).map(|(a, b)| i32::from(a - b).abs()).max().unwrap();
        assert!(error < 800, "{error}");
    }

    #[test]
    fn a_long_hole_fades_to_silence() {
        let sound = speech::sine(200.0, 8_000.0, 16_000, 1_600);
        let mut concealer = Concealer::new(16_000);
        concealer.heard(&mut sound.clone());
        let mut made_up = Vec::new();
        concealer.conceal(320 * 4, &mut made_up);
        let loudest = |range: std::ops::Range<usize>| made_up[range].iter().map(|s| s.unsigned_abs()).max();
        assert!(loudest(480..640) < loudest(0..160));
        assert_eq!(loudest(960..1280), Some(0));
    }

    #[test]
    fn the_return_of_the_sound_has_no_step() {
        let sound = speech::sine(200.0, 8_000.0, 8_000, 1_600);
        let mut concealer = Concealer::new(8_000);
        concealer.heard(&mut sound[..800].to_vec());
        let mut heard = Vec::new();
        concealer.conceal(160, &mut heard);
        // The sound returns in another phase.
        let mut back = sound[990..1150].to_vec();
        concealer.heard(&mut back);
        heard.extend(back);
        let step =
            heard.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max().unwrap();
        assert!(step < 3_000, "{step}");
    }

    #[test]
    fn silence_is_continued_by_silence() {
        let mut made_up = Vec::new();
        Concealer::new(8_000).conceal(160, &mut made_up);
        assert_eq!(made_up, [0; 160]);
    }
}
