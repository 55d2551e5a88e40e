//! G.722 at 64 kbit/s (ITU-T G.722): wideband sound as two sub-bands of adaptive differential code.
//!
//! The names of tables and steps are those of the Recommendation, so that it can be read beside it. The vectors of ITU-T are
//! not here: it is held, bit by bit in both directions, against what libspandsp 0.0.6 makes of a noise, and with baresip,
//! which uses that library, against a spoken sentence (`tests/interop/test_sentence.py`).

/// Taps of the quadrature mirror filter that belong to one phase (ITU-T G.722, table 11; the other phase is
/// the same backwards).
const QMF: [i32; 12] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];
/// Decision levels of the lower band's quantizer (table 14, Q6).
const Q6: [i32; 30] = [
    0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023, 1121,
    1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
];
/// Code words of the lower band for negative differences, by interval; positive ones are `61 - interval + 1`.
const ILN: [u8; 31] = [
    0, 63, 62, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8,
    7, 6, 5, 4,
];
/// Quantizer outputs of the lower band by six-bit code word (table 20, QM6).
const QM6: [i32; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360,
    -8576, -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688,
    -1360, -1040, -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856,
    7192, 6576, 6000, 5456, 4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136,
    -432, -136,
];
/// Quantizer outputs of the lower band by the four bits that the predictor sees (QM4).
const QM4: [i32; 16] =
    [0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0];
/// Quantizer outputs of the upper band (QM2).
const QM2: [i32; 4] = [-7408, -1616, 7408, 1616];
/// Logarithmic scale factor multipliers of the lower band (WL), by the magnitude of the four-bit code.
const WL: [i32; 8] = [-60, -30, 58, 172, 334, 538, 1198, 3042];
/// From four-bit code to its magnitude (RL42).
const RL42: [usize; 16] = [0, 7, 6, 5, 4, 3, 2, 1, 7, 6, 5, 4, 3, 2, 1, 0];
/// Logarithmic scale factor multipliers of the upper band (WH), by magnitude; 0 does not occur.
const WH: [i32; 3] = [0, -214, 798];
/// From two-bit code to its magnitude (RH2).
const RH2: [usize; 4] = [2, 1, 2, 1];
/// Powers of two in 32 steps, from 2,048 (table 15, ILB).
const ILB: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834, 2896,
    2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];
/// The only decision level of the upper band.
const Q2: i32 = 564;

/// Which sub-band, for what differs between the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Half {
    Lower,
    Upper,
}

/// One sub-band's predictor and scale factor: the same in encoder and decoder, as both see only the code.
#[derive(Clone, Debug)]
struct Band {
    half: Half,
    /// The prediction of the next sample, and the part of it from the zeros.
    prediction: i32,
    zeros_part: i32,
    /// Reconstructed samples and partial reconstructions of the last two steps.
    reconstructed: [i32; 2],
    partial: [i32; 2],
    poles: [i32; 2],
    zeros: [i32; 6],
    differences: [i32; 6],
    /// The scale factor, logarithmic and linear.
    scale_log: i32,
    scale: i32,
}

impl Band {
    fn new(half: Half) -> Self {
        let scale = if half == Half::Lower { 32 } else { 8 };
        Self {
            half,
            prediction: 0,
            zeros_part: 0,
            reconstructed: [0; 2],
            partial: [0; 2],
            poles: [0; 2],
            zeros: [0; 6],
            differences: [0; 6],
            scale_log: 0,
            scale,
        }
    }

    /// A quantizer output at the present scale.
    fn scaled(&self, output: i32) -> i32 {
        (self.scale * output) >> 15
    }

    /// Learns from a difference that was coded: scale (blocks 3L, 3H) and prediction (block 4).
    fn learn(&mut self, difference: i32, multiplier: i32) {
        let (ceiling, shift) = if self.half == Half::Lower { (18_432, 8) } else { (22_528, 10) };
        self.scale_log = (((self.scale_log * 127) >> 7) + multiplier).clamp(0, ceiling);
        let fraction = ILB[((self.scale_log >> 6) & 31) as usize];
        let exponent = shift - (self.scale_log >> 11);
        self.scale = if exponent < 0 { fraction << -exponent } else { fraction >> exponent } << 2;
        self.predict(difference);
    }

    fn predict(&mut self, difference: i32) {
        let reconstructed = clip(self.prediction + difference);
        let partial = clip(self.zeros_part + difference);
        let is_negative = |value: i32| value < 0;
        let agrees = |other: i32| is_negative(partial) == is_negative(other);
        // UPPOL2, UPPOL1: the poles follow the signs of the partial reconstructions.
        let slope = clip(self.poles[0] << 2);
        let slope = if agrees(self.partial[0]) { (-slope).min(32_767) } else { slope };
        let second = (slope >> 7) + if agrees(self.partial[1]) { 128 } else { -128 };
        let second = (second + ((self.poles[1] * 32_512) >> 15)).clamp(-12_288, 12_288);
        let first = if agrees(self.partial[0]) { 192 } else { -192 };
        let limit = 15_360 - second;
        let first = clip(first + ((self.poles[0] * 32_640) >> 15)).clamp(-limit, limit);
        self.poles = [first, second];
        // UPZERO.
        let step = if difference == 0 { 0 } else { 128 };
        for (zero, old) in self.zeros.iter_mut().zip(self.differences) {
            let towards = if is_negative(old) == is_negative(difference) { step } else { -step };
            *zero = clip(towards + ((*zero * 32_640) >> 15));
        }
        // DELAYA.
        self.differences.rotate_right(1);
        self.differences[0] = difference;
        self.reconstructed = [reconstructed, self.reconstructed[0]];
        self.partial = [partial, self.partial[0]];
        // FILTEP, FILTEZ, PREDIC.
        let tap = |weight: i32, value: i32| (weight * clip(2 * value)) >> 15;
        let poles_part =
            clip(tap(self.poles[0], self.reconstructed[0]) + tap(self.poles[1], self.reconstructed[1]));
        let zeros_part =
            self.zeros.iter().zip(self.differences).map(|(weight, value)| tap(*weight, value)).sum();
        self.zeros_part = clip(zeros_part);
        self.prediction = clip(poles_part + self.zeros_part);
    }
}

fn clip(value: i32) -> i32 {
    value.clamp(-32_768, 32_767)
}

/// The magnitude that the quantizers compare: one's complement, so that both signs have the same steps.
fn magnitude(difference: i32) -> i32 {
    if difference < 0 { !difference } else { difference }
}

/// Sound at 16 kHz to code, two samples a byte.
#[derive(Clone, Debug)]
pub struct Encoder {
    lower: Band,
    upper: Band,
    history: [i32; 24],
}

impl Default for Encoder {
    fn default() -> Self {
        Self { lower: Band::new(Half::Lower), upper: Band::new(Half::Upper), history: [0; 24] }
    }
}

impl Encoder {
    /// Encodes pairs of samples; gives the number of bytes written. An odd sample at the end is left out.
    pub fn encode(&mut self, samples: &[i16], output: &mut [u8]) -> usize {
        let mut written = 0;
        for (pair, byte) in samples.chunks_exact(2).zip(output) {
            *byte = self.pair(i32::from(pair[0]), i32::from(pair[1]));
            written += 1;
        }
        written
    }

    fn pair(&mut self, first: i32, second: i32) -> u8 {
        self.history.copy_within(2.., 0);
        self.history[22] = first;
        self.history[23] = second;
        let (mut odd, mut even) = (0, 0);
        for (index, tap) in QMF.iter().enumerate() {
            odd += self.history[2 * index] * tap;
            even += self.history[23 - 2 * index] * tap;
        }
        let lower = self.lower_code((even + odd) >> 14);
        let upper = self.upper_code((even - odd) >> 14);
        (upper << 6) | lower
    }

    fn lower_code(&mut self, sample: i32) -> u8 {
        let difference = clip(sample - self.lower.prediction);
        let size = magnitude(difference);
        let interval = (1..30).find(|index| size < (Q6[*index] * self.lower.scale) >> 12).unwrap_or(30);
        let code = if difference < 0 { ILN[interval] } else { 62 - interval as u8 };
        let seen = usize::from(code >> 2);
        let quantized = self.lower.scaled(QM4[seen]);
        self.lower.learn(quantized, WL[RL42[seen]]);
        code
    }

    fn upper_code(&mut self, sample: i32) -> u8 {
        let difference = clip(sample - self.upper.prediction);
        let is_large = magnitude(difference) >= (Q2 * self.upper.scale) >> 12;
        let code = match (difference < 0, is_large) {
            (true, true) => 0,
            (true, false) => 1,
            (false, true) => 2,
            (false, false) => 3,
        };
        let quantized = self.upper.scaled(QM2[code]);
        self.upper.learn(quantized, WH[RH2[code]]);
        code as u8
    }
}

/// Code to sound at 16 kHz, two samples a byte.
#[derive(Clone, Debug)]
pub struct Decoder {
    lower: Band,
    upper: Band,
    history: [i32; 24],
}

impl Default for Decoder {
    fn default() -> Self {
        Self { lower: Band::new(Half::Lower), upper: Band::new(Half::Upper), history: [0; 24] }
    }
}

impl Decoder {
    /// Decodes bytes and appends the samples.
    pub fn decode(&mut self, code: &[u8], samples: &mut Vec<i16>) {
        for byte in code {
            samples.extend(self.byte(*byte));
        }
    }

    fn byte(&mut self, byte: u8) -> [i16; 2] {
        let (low, high) = (usize::from(byte & 0x3f), usize::from(byte >> 6));
        // The sound has the finer quantization; the predictor sees what every mode of the code sees.
        let lower = (self.lower.prediction + self.lower.scaled(QM6[low])).clamp(-16_384, 16_383);
        let seen = low >> 2;
        let quantized = self.lower.scaled(QM4[seen]);
        self.lower.learn(quantized, WL[RL42[seen]]);
        let quantized = self.upper.scaled(QM2[high]);
        let upper = (self.upper.prediction + quantized).clamp(-16_384, 16_383);
        self.upper.learn(quantized, WH[RH2[high]]);

        self.history.copy_within(2.., 0);
        self.history[22] = lower + upper;
        self.history[23] = lower - upper;
        let (mut first, mut second) = (0, 0);
        for (index, tap) in QMF.iter().enumerate() {
            second += self.history[2 * index] * tap;
            first += self.history[23 - 2 * index] * tap;
        }
        [clip(first >> 11) as i16, clip(second >> 11) as i16]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::goertzel;

    /// A tenth of a second of noise that gets louder and softer, made of whole numbers so that it is the same everywhere.
    fn noise() -> Vec<i16> {
        let (mut random, mut level) = (1_u32, 0_i32);
        let samples = (0..1_600).map(|number| {
            random = random.wrapping_mul(1_103_515_245).wrapping_add(12_345);
            let drawn = ((random >> 16) & 0x7fff) as i32 - 16_384;
            level += (drawn - level) >> (3 + (number / 200) % 4);
            (level * 2).clamp(-32_768, 32_767) as i16
        });
        samples.collect()
    }

    /// FNV-1a: enough to tell one sequence of bytes from another.
    fn fingerprint(bytes: impl IntoIterator<Item = u8>) -> u64 {
        bytes
            .into_iter()
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }

    #[test]
    fn code_and_sound_are_those_of_libspandsp_bit_by_bit() {
        let mut code = vec![0; 800];
        assert_eq!(Encoder::default().encode(&noise(), &mut code), 800);
        let begin =
            [0x5e, 0x30, 0x89, 0x20, 0x87, 0x29, 0x84, 0x06, 0x17, 0x0e, 0x84, 0x89, 0x12, 0x3d, 0xf4, 0x2d];
        assert_eq!(code[..16], begin);
        assert_eq!(fingerprint(code.iter().copied()), 0x7ceb_f84f_52ce_be01);
        let mut samples = Vec::new();
        Decoder::default().decode(&code, &mut samples);
        assert_eq!(samples[1_592..], [1_525, 1_115, 1_343, 1_637, 1_546, 1_612, 2_159, 1_807]);
        assert_eq!(
            fingerprint(samples.iter().flat_map(|sample| sample.to_le_bytes())),
            0x3250_6c71_8849_8525
        );
    }
    use crate::speech;

    fn round_trip(sound: &[i16]) -> Vec<i16> {
        let mut code = vec![0; sound.len() / 2];
        assert_eq!(Encoder::default().encode(sound, &mut code), code.len());
        let mut samples = Vec::new();
        Decoder::default().decode(&code, &mut samples);
        samples
    }

    #[test]
    fn speech_survives_with_the_quality_of_the_recommendation() {
        let sound = speech::sentence(16_000);
        let score = speech::score(&sound, &round_trip(&sound), 16_000);
        assert!(score.segmental_snr_db > 18.0 && score.correlation > 0.995, "{score:?}");
    }

    #[test]
    fn tones_of_both_sub_bands_come_out_at_their_frequency() {
        for hertz in [300, 1_000, 3_000, 5_000, 6_500] {
            let sound = speech::sine(f64::from(hertz), 8_000.0, 16_000, 8_000);
            let heard = round_trip(&sound);
            let strength = goertzel::strength(&heard[800..], hertz, 16_000);
            assert!(strength > 0.95, "{hertz} Hz: {strength}");
        }
    }

    #[test]
    fn the_delay_is_that_of_the_two_filters() {
        let mut sound = vec![0; 400];
        sound[100] = 20_000;
        let heard = round_trip(&sound);
        let peak = (0..heard.len()).max_by_key(|index| heard[*index].unsigned_abs()).unwrap();
        // Two filters of 24 taps: 22 or 23 samples, 1.4 ms.
        assert!((122..=123).contains(&peak), "{peak}");
    }

    #[test]
    fn silence_is_the_code_of_silence() {
        // With nothing to follow, the lower band says the smallest positive step and the upper too.
        let mut code = [0; 4];
        Encoder::default().encode(&[0; 8], &mut code);
        assert!(code.iter().all(|byte| *byte & 0x3f >= 0x3a || *byte & 0x3f == 0x3d), "{code:x?}");
        let heard = round_trip(&[0; 3_200]);
        assert!(heard.iter().all(|sample| sample.abs() <= 8));
    }

    #[test]
    fn a_decoder_that_starts_late_finds_in() {
        let sound = speech::sentence(16_000);
        let mut code = vec![0; sound.len() / 2];
        Encoder::default().encode(&sound, &mut code);
        let late = 8_000;
        let mut samples = Vec::new();
        Decoder::default().decode(&code[late..], &mut samples);
        // 200 ms later it follows the encoder as if it had heard everything.
        let skip = 3_200;
        let score = speech::score(&sound[2 * late + skip..], &samples[skip..], 16_000);
        assert!(score.segmental_snr_db > 15.0, "{score:?}");
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_fall(code in prop::collection::vec(any::<u8>(), 0..640)) {
            let mut samples = Vec::new();
            Decoder::default().decode(&code, &mut samples);
            prop_assert_eq!(samples.len(), 2 * code.len());
        }

        #[test]
        fn no_sound_makes_the_encoder_fall(sound in prop::collection::vec(any::<i16>(), 0..640)) {
            let mut code = vec![0; sound.len()];
            prop_assert_eq!(Encoder::default().encode(&sound, &mut code), sound.len() / 2);
        }
    }
}
