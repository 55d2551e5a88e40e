//! G.711 µ-law (ITU-T G.711): eight bits a sample, eight thousand samples a second.

/// Added before the logarithm, so that the smallest segment is linear too.
const BIAS: i32 = 0x84;
/// The largest magnitude that can be coded.
const CLIP: i32 = 32_635;

/// Codes one sample.
pub(super) fn encode(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = i32::from(sample).abs().min(CLIP) + BIAS;
    // The segment is the place of the highest bit above the eighth.
    let segment = (magnitude.ilog2() as i32 - 7).clamp(0, 7);
    let step = (magnitude >> (segment + 3)) & 0x0f;
    !(sign | (segment << 4) as u8 | step as u8)
}

/// Decodes one sample.
pub(super) fn decode(code: u8) -> i16 {
    let code = !code;
    let segment = i32::from(code >> 4 & 7);
    let step = i32::from(code & 0x0f);
    let magnitude = (((step << 3) + BIAS) << segment) - BIAS;
    let sample = if code & 0x80 == 0 { magnitude } else { -magnitude };
    i16::try_from(sample).unwrap_or(if sample < 0 { i16::MIN } else { i16::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_corners_come_out() {
        assert_eq!((encode(0), encode(32_767), encode(-32_768)), (0xff, 0x80, 0x00));
        assert_eq!((decode(0xff), decode(0x80), decode(0x00)), (0, 32_124, -32_124));
    }

    #[test]
    fn every_code_survives_a_round_and_every_sample_comes_close() {
        for code in 0..=255 {
            // 0x7f is the other zero.
            if code != 0x7f {
                assert_eq!(encode(decode(code)), code);
            }
        }
        for sample in (-32_000..32_000).step_by(7) {
            let heard = i32::from(decode(encode(sample)));
            assert!(
                (heard - i32::from(sample)).abs() <= i32::from(sample).abs() / 16 + 8,
                "{sample} {heard}"
            );
        }
    }
}
