//! How much of one frequency is in a piece of sound (the Goertzel algorithm).

/// The share of the sound's energy at `hertz`, from 0 to about 1. Silence has none.
pub fn strength(samples: &[i16], hertz: u16, sample_hertz: u32) -> f64 {
    let turn = std::f64::consts::TAU * f64::from(hertz) / f64::from(sample_hertz);
    let coefficient = 2.0 * turn.cos();
    let (mut previous, mut before, mut energy) = (0.0_f64, 0.0_f64, 0.0_f64);
    for sample in samples {
        let sample = f64::from(*sample);
        energy += sample * sample;
        let next = sample + coefficient * previous - before;
        before = previous;
        previous = next;
    }
    if energy == 0.0 {
        return 0.0;
    }
    let power = previous * previous + before * before - coefficient * previous * before;
    2.0 * power / (energy * samples.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hertz: f64, samples: usize) -> Vec<i16> {
        (0..samples)
            .map(|n| (8_000.0 * (std::f64::consts::TAU * hertz * n as f64 / 8_000.0).sin()) as i16)
            .collect()
    }

    #[test]
    fn a_sine_is_all_at_its_frequency() {
        let sound = sine(1_000.0, 800);
        assert!((strength(&sound, 1_000, 8_000) - 1.0).abs() < 0.01);
        assert!(strength(&sound, 1_400, 8_000) < 0.01);
    }

    #[test]
    fn silence_has_no_frequency() {
        assert_eq!(strength(&[0; 160], 1_000, 8_000).to_bits(), 0.0_f64.to_bits());
    }
}
