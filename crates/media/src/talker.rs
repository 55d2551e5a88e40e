//! Who talks: loudness of 20 ms frames against the noise of the same leg, with hysteresis. Sans-IO.

/// Loudness below which nobody talks: root mean square, about -46 dB of full scale.
const LEVEL_MIN: f32 = 160.0;
/// Speech is this much louder than the noise around it (9.5 dB).
const ABOVE_NOISE: f32 = 3.0;
/// Who talks is heard for so long after the last loud frame, in frames: 400 ms bridge the gaps between words.
const HANG_FRAMES: u32 = 20;
/// Frames of speech before it is told, and of silence before the end is told: 200 ms, 1 s.
const TOLD_AFTER_FRAMES: u32 = 10;
const TOLD_SILENT_AFTER_FRAMES: u32 = 50;
/// How fast the estimate of the noise rises towards louder frames: by 4 % a frame, 15 dB a second.
const NOISE_RISE: f32 = 1.04;
/// How much of a new frame goes into the loudness that talkers are compared by.
const SMOOTHING: f32 = 0.2;

/// Watches one leg.
#[derive(Clone, Debug)]
pub(crate) struct Talker {
    noise: f32,
    loudness: f32,
    /// Frames until it is no longer taken for talking.
    hang: u32,
    /// Loud and quiet frames in a row, for what is told.
    talked: u32,
    silent: u32,
    is_told: bool,
}

impl Default for Talker {
    fn default() -> Self {
        Self { noise: LEVEL_MIN / ABOVE_NOISE, loudness: 0.0, hang: 0, talked: 0, silent: 0, is_told: false }
    }
}

impl Talker {
    /// Takes a frame, or that there is none; gives whether the leg began (true) or ceased (false) to talk, when
    /// that is to be told now.
    pub(crate) fn frame(&mut self, samples: Option<&[i16]>) -> Option<bool> {
        let level = samples.map_or(0.0, level);
        self.loudness += SMOOTHING * (level - self.loudness);
        let is_loud = level > LEVEL_MIN && level > ABOVE_NOISE * self.noise;
        if samples.is_some() {
            self.noise =
                if level < self.noise { level.max(1.0) } else { (self.noise * NOISE_RISE).min(level) };
        }
        self.hang = if is_loud { HANG_FRAMES } else { self.hang.saturating_sub(1) };
        if self.hang > 0 {
            self.talked += 1;
            self.silent = 0;
        } else {
            self.silent += 1;
            self.talked = 0;
        }
        let tells = if self.is_told {
            self.silent >= TOLD_SILENT_AFTER_FRAMES
        } else {
            self.talked >= TOLD_AFTER_FRAMES
        };
        if tells {
            self.is_told = !self.is_told;
        }
        tells.then_some(self.is_told)
    }

    /// Does it talk, or did it just now?
    pub(crate) fn is_talking(&self) -> bool {
        self.hang > 0
    }

    /// How loud it has been lately.
    pub(crate) fn loudness(&self) -> f32 {
        self.loudness
    }
}

/// Root mean square.
fn level(samples: &[i16]) -> f32 {
    let energy: i64 = samples.iter().map(|sample| i64::from(*sample) * i64::from(*sample)).sum();
    (energy as f32 / samples.len().max(1) as f32).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speech;

    fn noise(amplitude: i32, frames: usize) -> Vec<i16> {
        let mut seed = 1_u32;
        (0..frames * 160)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (((seed >> 16) as i32 % (2 * amplitude)) - amplitude) as i16
            })
            .collect()
    }

    #[test]
    fn speech_is_talking_through_its_pauses_and_is_told_once() {
        let mut talker = Talker::default();
        let mut told = Vec::new();
        let (mut talking, mut frames) = (0, 0);
        for frame in speech::sentence(8_000).chunks_exact(160) {
            told.extend(talker.frame(Some(frame)));
            talking += usize::from(talker.is_talking());
            frames += 1;
        }
        assert!(talking * 10 > frames * 9, "{talking} of {frames}");
        assert_eq!(told, [true]);
        for _ in 0..100 {
            told.extend(talker.frame(None));
        }
        assert_eq!(told, [true, false]);
    }

    #[test]
    fn a_steady_noise_is_not_talking_for_long() {
        let mut talker = Talker::default();
        let noise = noise(1_500, 300);
        let talking: Vec<bool> = noise
            .chunks_exact(160)
            .map(|frame| {
                talker.frame(Some(frame));
                talker.is_talking()
            })
            .collect();
        assert!(talking[150..].iter().all(|is_talking| !is_talking));
    }

    #[test]
    fn quiet_noise_is_never_talking() {
        let mut talker = Talker::default();
        assert!(noise(100, 50).chunks_exact(160).all(|frame| {
            talker.frame(Some(frame));
            !talker.is_talking()
        }));
    }

    #[test]
    fn speech_above_noise_is_found() {
        let mut talker = Talker::default();
        let sentence = speech::sentence(8_000);
        let hiss = noise(300, sentence.len() / 160);
        for frame in hiss.chunks_exact(160) {
            talker.frame(Some(frame));
        }
        let mixed: Vec<i16> = sentence.iter().zip(&hiss).map(|(a, b)| a.saturating_add(*b)).collect();
        let talking = mixed.chunks_exact(160).filter(|frame| {
            talker.frame(Some(frame));
            talker.is_talking()
        });
        assert!(talking.count() > 80);
    }
}
