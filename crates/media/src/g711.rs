//! G.711: the two logarithmic codes of the telephone, µ-law and A-law.

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// µ-law (PCMU).
    Mu,
    /// A-law (PCMA).
    A,
}

/// Added before the logarithm of µ-law, on 16-bit samples (ITU-T G.191 form of G.711).
const MU_BIAS: i32 = 0x84;
/// The loudest 16-bit sample that µ-law can say.
const MU_CLIP: i32 = 32_635;

const MU_DECODED: [i16; 256] = table(Law::Mu);
const A_DECODED: [i16; 256] = table(Law::A);

impl Law {
    /// The static payload type (RFC 3551 §6).
    pub fn payload_type(self) -> u8 {
        match self {
            Self::Mu => 0,
            Self::A => 8,
        }
    }

    /// One 16-bit sample to one byte.
    pub fn encode(self, sample: i16) -> u8 {
        match self {
            Self::Mu => encode_mu(sample),
            Self::A => encode_a(sample),
        }
    }

    /// One byte to one 16-bit sample.
    pub fn decode(self, code: u8) -> i16 {
        match self {
            Self::Mu => MU_DECODED[usize::from(code)],
            Self::A => A_DECODED[usize::from(code)],
        }
    }
}

const fn table(law: Law) -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = match law {
            Law::Mu => decode_mu(code as u8),
            Law::A => decode_a(code as u8),
        };
        code += 1;
    }
    table
}

fn encode_mu(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = i32::from(sample).abs().min(MU_CLIP) + MU_BIAS;
    let segment = 24 - magnitude.leading_zeros();
    let step = (magnitude >> (segment + 3)) & 0x0f;
    !(sign | (segment << 4) as u8 | step as u8)
}

const fn decode_mu(code: u8) -> i16 {
    let code = !code;
    let segment = (code >> 4) & 7;
    let magnitude = ((((code & 0x0f) as i32) << 3) + MU_BIAS) << segment;
    let level = magnitude - MU_BIAS;
    if code & 0x80 == 0 { level as i16 } else { -level as i16 }
}

fn encode_a(sample: i16) -> u8 {
    // Negative samples are counted from -1 down, so that both signs have the same steps.
    let (sign, magnitude) = if sample < 0 { (0, !sample) } else { (0x80, sample) };
    let magnitude = i32::from(magnitude);
    let code = if magnitude < 256 {
        magnitude >> 4
    } else {
        let segment = 24 - magnitude.leading_zeros() as i32;
        (segment << 4) | ((magnitude >> (segment + 3)) & 0x0f)
    };
    // Every other bit is inverted on the line.
    (sign | code as u8) ^ 0x55
}

const fn decode_a(code: u8) -> i16 {
    let code = code ^ 0x55;
    let segment = (code >> 4) & 7;
    let step = ((code & 0x0f) as i32) << 4;
    let level = match segment {
        0 => step + 8,
        segment => (step + 0x108) << (segment - 1),
    };
    if code & 0x80 == 0 { -level as i16 } else { level as i16 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_code_survives_decoding_and_encoding() {
        for law in [Law::Mu, Law::A] {
            for code in 0..=255 {
                // µ-law has a negative zero, which is zero.
                let expected = if law == Law::Mu && code == 0x7f { 0xff } else { code };
                assert_eq!(law.encode(law.decode(code)), expected, "{law:?} {code:#x}");
            }
        }
    }

    #[test]
    fn known_values_are_those_of_the_recommendation() {
        assert_eq!(Law::Mu.encode(0), 0xff);
        assert_eq!(Law::A.encode(0), 0xd5);
        assert_eq!(Law::Mu.decode(0x00), -32_124);
        assert_eq!(Law::Mu.decode(0x80), 32_124);
        assert_eq!(Law::A.decode(0xaa), 32_256);
        assert_eq!(Law::A.decode(0x2a), -32_256);
        assert_eq!(Law::A.decode(0xd5), 8);
    }

    proptest! {
        #[test]
        fn the_error_is_small_beside_the_sample(sample in any::<i16>()) {
            for law in [Law::Mu, Law::A] {
                let error = (i32::from(law.decode(law.encode(sample))) - i32::from(sample)).abs();
                prop_assert!(error <= 16 + i32::from(sample).abs() / 24, "{law:?} {sample} {error}");
            }
        }
    }
}
