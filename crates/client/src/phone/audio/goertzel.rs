//! How much of what is heard is one tone: the algorithm of Goertzel.

use super::SAMPLE_RATE;

/// The share of the power of `samples` that lies at `hertz`: 1 for that pure tone, 0 for silence.
pub(super) fn share(samples: &[i16], hertz: f64) -> f64 {
    let total: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    if total <= SILENCE * samples.len() as f64 {
        return 0.0;
    }
    let coefficient = 2.0 * (std::f64::consts::TAU * hertz / f64::from(SAMPLE_RATE)).cos();
    let (mut last, mut before) = (0.0, 0.0);
    for sample in samples {
        let next = f64::from(*sample) + coefficient * last - before;
        before = last;
        last = next;
    }
    let power = last * last + before * before - coefficient * last * before;
    // A pure tone over n samples has n/2 times its total power in its bin.
    (power * 2.0 / (total * samples.len() as f64)).min(1.0)
}

/// The mean square below which nothing is heard, so that the noise of coding is no tone.
const SILENCE: f64 = 100.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hertz: f64) -> Vec<i16> {
        let step = std::f64::consts::TAU * hertz / f64::from(SAMPLE_RATE);
        (0..1600).map(|n| ((f64::from(n) * step).sin() * 8_000.0) as i16).collect()
    }

    #[test]
    fn a_tone_is_told_from_its_neighbours_and_from_silence() {
        assert!(share(&tone(440.0), 440.0) > 0.99);
        for other in [400.0, 480.0, 880.0, 1000.0] {
            assert!(share(&tone(440.0), other) < 0.05, "{other}");
        }
        assert_eq!(share(&[0; 1600], 440.0), 0.0);
        assert_eq!(share(&[], 440.0), 0.0);
    }

    #[test]
    fn two_tones_share_the_power() {
        let mixed: Vec<i16> = tone(440.0).iter().zip(tone(1000.0)).map(|(a, b)| a / 2 + b / 2).collect();
        for hertz in [440.0, 1000.0] {
            let share = share(&mixed, hertz);
            assert!((0.45..0.55).contains(&share), "{hertz} {share}");
        }
    }
}
