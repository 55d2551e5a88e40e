//! Opus (RFC 6716, RFC 7587) as this server speaks it: one channel, wideband, 20 ms a packet.
//!
//! The codec is the foreign crate's, in Rust throughout. It reads packets of strangers, so each call into it is
//! fenced: should it ever panic, one packet is lost and the codec starts anew, and no other call notices.

use std::panic::{AssertUnwindSafe, catch_unwind};

use opus_pure::{Application, OpusDecoder, OpusEncoder};

use crate::resample::Rate;

/// What is sent, in bits a second: good wideband speech (RFC 7587 §3.1.1).
const BITRATE_BPS: i32 = 24_000;
/// Effort of the encoder, 0 to 10. Above 5 the price doubles and speech at this bit rate gains nothing one hears.
const COMPLEXITY: i32 = 5;
/// The loss that the encoder prepares for, in per cent.
const LOSS_EXPECTED_PERCENT: i32 = 5;
/// The longest packet, in bytes (RFC 6716 §3.2.1: a frame has at most 1,275).
pub(crate) const PACKET_BYTES_MAX: usize = 1_276;
/// The rate that sound is decoded to and encoded from: wideband, as everything else that is mixed here.
const HERTZ: i32 = 16_000;
/// Samples of the longest packet: 120 ms (RFC 6716 §2.1.4).
const SAMPLES_MAX: usize = 1_920;

/// Sound at 16 kHz to packets.
pub(crate) struct Encoder {
    codec: Option<Box<OpusEncoder>>,
}

impl Encoder {
    pub(crate) fn new() -> Self {
        Self { codec: encoder() }
    }

    /// Encodes 20 ms; gives the number of bytes written, 0 when the codec failed.
    pub(crate) fn encode(&mut self, samples: &[i16], output: &mut [u8]) -> usize {
        let Some(codec) = &mut self.codec else { return 0 };
        let room = output.len().min(PACKET_BYTES_MAX);
        let encoded = catch_unwind(AssertUnwindSafe(|| {
            codec.encode_s16(samples, Rate::Wide.frame(), &mut output[..room])
        }));
        match encoded {
            Ok(Ok(length)) => length,
            Ok(Err(_)) => 0,
            Err(_) => {
                fell("encoder");
                self.codec = encoder();
                0
            }
        }
    }
}

fn encoder() -> Option<Box<OpusEncoder>> {
    let mut codec = OpusEncoder::new(HERTZ, 1, Application::Voip).ok()?;
    codec.bitrate_bps = BITRATE_BPS;
    codec.complexity = COMPLEXITY;
    codec.use_inband_fec = true;
    codec.packet_loss_perc = LOSS_EXPECTED_PERCENT;
    Some(Box::new(codec))
}

/// Packets to sound at 16 kHz.
pub(crate) struct Decoder {
    codec: Option<Box<OpusDecoder>>,
    samples: Vec<i16>,
}

impl Decoder {
    pub(crate) fn new() -> Self {
        Self { codec: decoder(), samples: vec![0; SAMPLES_MAX] }
    }

    /// Decodes a packet and appends its sound; false when it is none.
    pub(crate) fn decode(&mut self, packet: &[u8], output: &mut Vec<i16>) -> bool {
        let length = opus_pure::packet::samples(packet, HERTZ).unwrap_or(0);
        length > 0 && self.run(length, output, |codec, samples| codec.decode_s16(packet, length, samples))
    }

    /// Makes up `length` samples for a packet that is lost; with the packet after it, from what that says of
    /// the lost one (RFC 6716 §2.1.7).
    pub(crate) fn conceal(&mut self, next: Option<&[u8]>, length: usize, output: &mut Vec<i16>) -> bool {
        self.run(length, output, |codec, samples| match next {
            Some(packet) => codec.decode_fec_s16(packet, length, samples),
            None => codec.decode_s16(&[], length, samples),
        })
    }

    fn run(
        &mut self,
        length: usize,
        output: &mut Vec<i16>,
        work: impl FnOnce(&mut OpusDecoder, &mut [i16]) -> opus_pure::Result<usize>,
    ) -> bool {
        let Some(codec) = &mut self.codec else { return false };
        let Some(samples) = self.samples.get_mut(..length) else { return false };
        match catch_unwind(AssertUnwindSafe(|| work(codec, samples))) {
            Ok(Ok(decoded)) => output.extend(&samples[..decoded.min(length)]),
            Ok(Err(_)) => return false,
            Err(_) => {
                fell("decoder");
                self.codec = decoder();
                return false;
            }
        }
        true
    }
}

/// The samples that a packet lasts whose encoder has heard no voice in it, without decoding it; `None` when there may
/// be one. A packet of one frame whose lower band is SILK's begins with a bit of voice activity for every 20 ms, each as
/// likely as not, so that they are the first bits of the frame as they stand (RFC 6716 §4.2.3, §4.1.2).
pub(crate) fn voiceless_samples(packet: &[u8]) -> Option<usize> {
    let [contents, first, ..] = packet else { return None };
    let (config, is_stereo, count) = (contents >> 3, contents & 0b100 != 0, contents & 0b11);
    // RFC 6716 §3.1: 0 to 11 are SILK's at 10, 20, 40 and 60 ms, 12 to 15 both layers at 10 and 20 ms.
    let frames = match config {
        0..=11 => [1, 1, 2, 3][usize::from(config % 4)],
        12..=15 => 1,
        _ => return None,
    };
    if is_stereo || count != 0 || first >> (8 - frames) != 0 {
        return None;
    }
    opus_pure::packet::samples(packet, HERTZ).ok()
}

fn decoder() -> Option<Box<OpusDecoder>> {
    OpusDecoder::new(HERTZ, 1).ok().map(Box::new)
}

fn fell(half: &'static str) {
    metrics::counter!("carillon_media_codec_failures_total", "codec" => "opus").increment(1);
    tracing::error!(half, "the Opus codec panicked; a packet is lost and it starts anew");
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("opus::Encoder")
    }
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("opus::Decoder")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::speech;

    fn packets(sound: &[i16]) -> Vec<Vec<u8>> {
        let mut encoder = Encoder::new();
        let mut buffer = [0; PACKET_BYTES_MAX];
        let encode = |frame: &[i16]| {
            let length = encoder.encode(frame, &mut buffer);
            buffer[..length].to_vec()
        };
        sound.chunks_exact(Rate::Wide.frame()).map(encode).collect()
    }

    #[test]
    fn packets_without_a_voice_are_known_without_decoding_them() {
        let room: Vec<i16> =
            (0..16_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 28) as i16 - 8).collect();
        let quiet =
            packets(&room).iter().skip(10).filter(|packet| voiceless_samples(packet) == Some(320)).count();
        assert_eq!(quiet, 40);
        let sound = speech::sentence(16_000);
        for (packet, frame) in packets(&sound).iter().zip(sound.chunks_exact(320)) {
            let loud = frame.iter().any(|sample| sample.abs() > 3_000);
            assert!(!loud || voiceless_samples(packet).is_none());
        }
        // One layer only, two channels, several frames, nothing.
        for packet in [&[31 << 3, 0, 0][..], &[9 << 3 | 4, 0, 0], &[9 << 3 | 1, 0, 0], &[9 << 3], &[]] {
            assert_eq!(voiceless_samples(packet), None);
        }
    }

    #[test]
    fn speech_survives_at_about_its_bit_rate() {
        let sound = speech::sentence(16_000);
        let packets = packets(&sound);
        let (mut decoder, mut heard) = (Decoder::new(), Vec::new());
        assert!(packets.iter().all(|packet| decoder.decode(packet, &mut heard)));
        let score = speech::score(&sound, &heard, 16_000);
        // A speech codec keeps what is heard, not the wave: lower figures than G.722's are right.
        assert!(score.correlation > 0.87 && score.segmental_snr_db > 4.5, "{score:?}");
        let bytes: usize = packets.iter().map(Vec::len).sum();
        let bits_per_second = 8.0 * bytes as f64 / (packets.len() as f64 / 50.0);
        assert!((10_000.0..32_000.0).contains(&bits_per_second), "{bits_per_second}");
    }

    #[test]
    fn a_lost_packet_is_made_up_for() {
        let sound = speech::sentence(16_000);
        let packets = packets(&sound);
        let (mut decoder, mut heard) = (Decoder::new(), Vec::new());
        for (number, packet) in packets.iter().enumerate() {
            let done = match number % 20 {
                10 => decoder.conceal(packets.get(number + 1).map(Vec::as_slice), 320, &mut heard),
                _ => decoder.decode(packet, &mut heard),
            };
            assert!(done);
        }
        assert_eq!(heard.len(), packets.len() * 320);
        let score = speech::score(&sound, &heard, 16_000);
        assert!(score.correlation > 0.8, "{score:?}");
    }

    #[test]
    fn packets_of_any_duration_are_taken() {
        let (mut decoder, mut heard) = (Decoder::new(), Vec::new());
        let mut encoder = OpusEncoder::new(48_000, 2, Application::Audio).unwrap();
        let mut buffer = [0; 4_000];
        for milliseconds in [5, 10, 20, 40, 60] {
            let samples = 48 * milliseconds;
            let length = encoder.encode_s16(&vec![100; 2 * samples], samples, &mut buffer).unwrap();
            heard.clear();
            assert!(decoder.decode(&buffer[..length], &mut heard), "{milliseconds} ms");
            assert_eq!(heard.len(), 16 * milliseconds);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_fall_or_run_on(
            packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..6),
        ) {
            let mut decoder = Decoder::new();
            for packet in packets {
                let mut heard = Vec::new();
                decoder.decode(&packet, &mut heard);
                prop_assert!(heard.len() <= SAMPLES_MAX);
            }
        }
    }
}
