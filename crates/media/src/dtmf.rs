//! Keys as sound (ITU-T Q.23, Q.24): found in the voice of phones that send them no other way, and made for them.

use std::time::Duration;

use crate::Report;
use crate::goertzel::strength;
use crate::resample::Rate;

/// The frequencies of the rows and the columns, in hertz.
const ROWS: [u16; 4] = [697, 770, 852, 941];
const COLUMNS: [u16; 4] = [1209, 1336, 1477, 1633];
/// What is on the keys, row by row.
const KEYS: [[char; 4]; 4] =
    [['1', '2', '3', 'A'], ['4', '5', '6', 'B'], ['7', '8', '9', 'C'], ['*', '0', '#', 'D']];
/// The share of a frame's energy that both frequencies together must have: speech has less.
const SHARE_MIN: f64 = 0.8;
/// One frequency may be this much stronger than the other (8 dB).
const TWIST_MAX: f64 = 6.3;
/// Root mean square below which nothing is looked for: -40 dB of full scale.
const LEVEL_MIN: f64 = 328.0;
/// Frames of 20 ms in a row that make a key pressed, and that make it released (Q.24: 40 ms are a key).
const FRAMES_PRESSED: u32 = 2;
const FRAMES_RELEASED: u32 = 2;
/// The loudness of each of the two sines: about -10 dBm0.
const AMPLITUDE: f64 = 7_000.0;

/// Finds keys in 20 ms frames.
#[derive(Clone, Debug, Default)]
pub(crate) struct Detector {
    candidate: Option<char>,
    /// Frames that the candidate was there, or was missing.
    present: u32,
    absent: u32,
    told: bool,
}

/// A key that was heard, and for how many milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) key: char,
    pub(crate) milliseconds: u32,
}

impl Heard {
    /// What is told of it.
    pub(crate) fn report(self) -> Report {
        Report::Dtmf { digit: self.key, duration: Duration::from_millis(self.milliseconds.into()) }
    }
}

impl Detector {
    /// Takes a frame; gives a key when it is released.
    pub(crate) fn frame(&mut self, samples: &[i16], rate: Rate) -> Option<Heard> {
        let key = key_in(samples, rate);
        if key.is_some() && key == self.candidate {
            self.present += 1 + self.absent;
            self.absent = 0;
            self.told |= self.present >= FRAMES_PRESSED;
            return None;
        }
        if self.candidate.is_some() && key.is_none() {
            self.absent += 1;
            if self.absent < FRAMES_RELEASED {
                return None;
            }
        }
        let released = self.candidate.take().filter(|_| self.told);
        let milliseconds = 20 * self.present;
        *self = Self { candidate: key, present: u32::from(key.is_some()), ..Self::default() };
        released.map(|key| Heard { key, milliseconds })
    }
}

fn key_in(samples: &[i16], rate: Rate) -> Option<char> {
    let energy: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    if energy < LEVEL_MIN * LEVEL_MIN * samples.len() as f64 {
        return None;
    }
    let strongest = |hertz: [u16; 4]| {
        let strengths = hertz.map(|hertz| strength(samples, hertz, rate.hertz()));
        (0..4).map(|index| (strengths[index], index)).max_by(|a, b| a.0.total_cmp(&b.0))
    };
    let ((row_share, row), (column_share, column)) = (strongest(ROWS)?, strongest(COLUMNS)?);
    let is_key = row_share + column_share > SHARE_MIN
        && row_share < TWIST_MAX * column_share
        && column_share < TWIST_MAX * row_share;
    is_key.then(|| KEYS[row][column])
}

/// The two frequencies of a key.
pub(crate) fn frequencies(key: char) -> Option<[u16; 2]> {
    (0..16)
        .map(|at| (at / 4, at % 4))
        .find(|(row, column)| KEYS[*row][*column] == key)
        .map(|(row, column)| [ROWS[row], COLUMNS[column]])
}

/// Writes the sound of a key over `samples`, as if it had begun `from` samples ago.
pub(crate) fn sound(key: char, from: usize, rate: Rate, samples: &mut [i16]) {
    let frequencies = frequencies(key).unwrap_or_default();
    for (n, sample) in samples.iter_mut().enumerate() {
        let at = (from + n) as f64 / f64::from(rate.hertz());
        let level: f64 =
            frequencies.iter().map(|hertz| (std::f64::consts::TAU * f64::from(*hertz) * at).sin()).sum();
        *sample = (AMPLITUDE * level) as i16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::g711::Law;
    use crate::speech;

    fn heard(sound: &[i16], rate: Rate) -> Vec<Heard> {
        let mut detector = Detector::default();
        sound.chunks_exact(rate.frame()).filter_map(|frame| detector.frame(frame, rate)).collect()
    }

    fn press(key: char, milliseconds: usize, rate: Rate) -> Vec<i16> {
        let mut samples = vec![0; rate.hertz() as usize / 1_000 * milliseconds];
        sound(key, 0, rate, &mut samples);
        samples
    }

    #[test]
    fn every_key_is_heard_once_through_the_telephone_code() {
        for rate in [Rate::Narrow, Rate::Wide] {
            let mut sound = Vec::new();
            for key in KEYS.iter().flatten() {
                // Not in step with the frames, and coded as on the line.
                sound.extend(vec![0; 77]);
                sound
                    .extend(press(*key, 80, rate).iter().map(|sample| Law::A.decode(Law::A.encode(*sample))));
                sound.extend(vec![0; rate.frame() * 4]);
            }
            let keys: String = heard(&sound, rate).iter().map(|heard| heard.key).collect();
            assert_eq!(keys, "123A456B789C*0#D", "{rate:?}");
        }
    }

    #[test]
    fn a_key_held_is_one_key() {
        let mut sound = press('5', 1_000, Rate::Narrow);
        sound.extend([0; 800]);
        assert_eq!(heard(&sound, Rate::Narrow), [Heard { key: '5', milliseconds: 1_000 }]);
    }

    #[test]
    fn a_click_is_no_key() {
        let mut sound = vec![0; 160];
        sound.extend(press('5', 15, Rate::Narrow));
        sound.extend([0; 800]);
        assert_eq!(heard(&sound, Rate::Narrow), []);
    }

    #[test]
    fn speech_has_no_keys_in_it() {
        for rate in [Rate::Narrow, Rate::Wide] {
            assert_eq!(heard(&speech::sentence(rate.hertz()), rate), []);
        }
    }

    #[test]
    fn one_of_the_two_frequencies_alone_is_no_key() {
        assert_eq!(heard(&speech::sine(770.0, 8_000.0, 8_000, 1_600), Rate::Narrow), []);
    }
}
