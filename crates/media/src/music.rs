//! The music that held callers hear when no file is named: a piece of our own, composed from sines and therefore free of
//! anybody's rights.
//!
//! Four chords of four seconds, each broken into eighths over a bass, soft enough to talk over. Its pitches are those of
//! C major in equal temperament, all within the band of a telephone.

use std::sync::{Arc, OnceLock};

use crate::resample::Rate;
use crate::sound::Sound;

/// The chords, lowest note first, in hertz: C major, A minor, F major, G major.
const CHORDS: [[f64; 4]; 4] = [
    [523.25, 659.26, 783.99, 1046.50],
    [440.00, 523.25, 659.26, 880.00],
    [349.23, 440.00, 523.25, 698.46],
    [392.00, 493.88, 587.33, 783.99],
];
/// In which order the notes of a chord sound, an eighth each.
const FIGURE: [usize; 8] = [0, 1, 2, 3, 2, 1, 2, 1];
/// The length of an eighth, in milliseconds; the figure sounds twice a chord.
const EIGHTH: usize = 250;
/// The loudness of one note at its beginning; three sound at once at most.
const AMPLITUDE: f64 = 3_000.0;
/// How much of a note's loudness is left after one eighth.
const DECAY: f64 = 0.35;

/// The piece, made when it is first asked for.
pub(crate) fn piece() -> Arc<Sound> {
    static PIECE: OnceLock<Arc<Sound>> = OnceLock::new();
    Arc::clone(PIECE.get_or_init(|| Arc::new(Sound::new(Rate::Wide, &compose()))))
}

fn compose() -> Vec<i16> {
    let rate = Rate::Wide.hertz() as usize;
    let eighth = rate * EIGHTH / 1000;
    let mut sum = vec![0.0_f64; CHORDS.len() * 2 * FIGURE.len() * eighth];
    for (at, chord) in CHORDS.iter().enumerate() {
        let begin = at * 2 * FIGURE.len() * eighth;
        // The bass rings through half of the chord; the figure's notes through two eighths each.
        for half in 0..2 {
            let begin = begin + half * FIGURE.len() * eighth;
            pluck(&mut sum, begin, FIGURE.len() * eighth, chord[0], DECAY.powf(0.25));
            for (place, note) in FIGURE.iter().enumerate() {
                pluck(&mut sum, begin + place * eighth, 2 * eighth, chord[*note], DECAY);
            }
        }
    }
    sum.into_iter().map(|sample| sample as i16).collect()
}

/// Adds a note that sounds away; what rings beyond the end rings at the beginning, so that the loop has no seam.
fn pluck(sum: &mut [f64], begin: usize, length: usize, hertz: f64, decay: f64) {
    let rate = f64::from(Rate::Wide.hertz());
    let fall = decay.powf(1000.0 / (EIGHTH as f64 * rate));
    // A sine by its recurrence: s(n) = 2 cos(w) s(n-1) - s(n-2), with the decay worked in.
    let angle = std::f64::consts::TAU * hertz / rate;
    let (turn, damp) = (2.0 * angle.cos() * fall, fall * fall);
    let (mut last, mut sample) = (0.0, AMPLITUDE * angle.sin());
    let (attack, release) = (rate as usize / 200, rate as usize / 100);
    for at in 0..length {
        let edge = (at as f64 / attack as f64).min((length - at) as f64 / release as f64).min(1.0);
        let place = (begin + at) % sum.len();
        sum[place] += sample * edge;
        (last, sample) = (sample, turn * sample - damp * last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::goertzel;

    #[test]
    fn each_chord_sounds_in_its_place_and_nothing_is_too_loud() {
        let samples = compose();
        assert_eq!(samples.len(), 16 * 16_000);
        assert!(samples.iter().all(|sample| sample.unsigned_abs() < 16_000));
        let bass = |at: usize, hertz: u16| {
            goertzel::strength(&samples[at * 64_000 + 8_000..][..16_000], hertz, 16_000)
        };
        for (at, own, other) in [(0, 523, 587), (1, 440, 494), (2, 349, 392), (3, 392, 349)] {
            assert!(bass(at, own) > 20.0 * bass(at, other), "{at}: {} {}", bass(at, own), bass(at, other));
        }
    }

    #[test]
    fn the_end_goes_over_into_the_beginning() {
        let samples = compose();
        let jump = (i32::from(samples[0]) - i32::from(samples[samples.len() - 1])).abs();
        let largest = samples.windows(2).map(|pair| (i32::from(pair[0]) - i32::from(pair[1])).abs()).max();
        assert!(Some(jump) <= largest);
    }

    #[test]
    fn it_is_composed_once() {
        assert!(Arc::ptr_eq(&piece(), &piece()));
    }
}
