//! The codecs that sound is coded and decoded with: G.711, G.722, Opus. All others are only relayed.

use crate::conceal::Concealer;
use crate::g711::Law;
use crate::resample::Rate;
use crate::{g722, opus};

/// A codec that this server can itself speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Codec {
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722 at 64 kbit/s.
    G722,
    /// Opus, carried in wideband.
    Opus,
}

impl Codec {
    /// The codec of this name in an `a=rtpmap` (RFC 8866 §6.6), when we speak it.
    pub fn named(name: &[u8], clock_hertz: u32) -> Option<Self> {
        let all = [(Self::Pcmu, "PCMU"), (Self::Pcma, "PCMA"), (Self::G722, "G722"), (Self::Opus, "opus")];
        let (codec, _) = all.into_iter().find(|(_, known)| name.eq_ignore_ascii_case(known.as_bytes()))?;
        (codec.clock_hertz() == clock_hertz).then_some(codec)
    }

    /// The clock of its RTP timestamps. G.722's is 8,000 for historical reasons (RFC 3551 §4.5.2), that of
    /// Opus always 48,000 (RFC 7587 §4.1).
    pub fn clock_hertz(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => 8_000,
            Self::Opus => 48_000,
        }
    }

    /// The rate of its sound here.
    pub fn rate(self) -> Rate {
        match self {
            Self::Pcmu | Self::Pcma => Rate::Narrow,
            Self::G722 | Self::Opus => Rate::Wide,
        }
    }

    /// The payload type that needs no `a=rtpmap` (RFC 3551 §6).
    pub fn static_payload_type(self) -> Option<u8> {
        match self {
            Self::Pcmu => Some(0),
            Self::Pcma => Some(8),
            Self::G722 => Some(9),
            Self::Opus => None,
        }
    }

    /// Timestamp units in 20 ms.
    pub(crate) fn ticks_per_frame(self) -> u32 {
        self.clock_hertz() / 50
    }
}

/// A codec and the payload type that was agreed on for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoding {
    /// The codec.
    pub codec: Codec,
    /// Its payload type on this leg.
    pub payload_type: u8,
}

impl Encoding {
    /// A codec under the payload type agreed on.
    pub fn new(codec: Codec, payload_type: u8) -> Self {
        Self { codec, payload_type }
    }
}

impl From<Law> for Encoding {
    fn from(law: Law) -> Self {
        let codec = match law {
            Law::Mu => Codec::Pcmu,
            Law::A => Codec::Pcma,
        };
        Self::new(codec, law.payload_type())
    }
}

/// Sound to payloads, 20 ms at a time, at the codec's rate.
#[derive(Debug)]
pub(crate) enum Encoder {
    G711(Law),
    G722(Box<g722::Encoder>),
    Opus(opus::Encoder),
}

impl Encoder {
    pub(crate) fn new(codec: Codec) -> Self {
        match codec {
            Codec::Pcmu => Self::G711(Law::Mu),
            Codec::Pcma => Self::G711(Law::A),
            Codec::G722 => Self::G722(Box::default()),
            Codec::Opus => Self::Opus(opus::Encoder::new()),
        }
    }

    /// Encodes one frame; gives the number of bytes written.
    pub(crate) fn encode(&mut self, samples: &[i16], output: &mut [u8]) -> usize {
        match self {
            Self::G711(law) => {
                for (byte, sample) in output.iter_mut().zip(samples) {
                    *byte = law.encode(*sample);
                }
                samples.len().min(output.len())
            }
            Self::G722(encoder) => encoder.encode(samples, output),
            Self::Opus(encoder) => encoder.encode(samples, output),
        }
    }
}

/// Payloads to sound at the codec's rate, and something in place of those that are lost.
#[derive(Debug)]
pub(crate) enum Decoder {
    G711(Law, Box<Concealer>),
    G722(Box<g722::Decoder>, Box<Concealer>),
    Opus(Box<opus::Decoder>),
}

impl Decoder {
    pub(crate) fn new(codec: Codec) -> Self {
        let concealer = Box::new(Concealer::new(codec.rate().hertz()));
        match codec {
            Codec::Pcmu => Self::G711(Law::Mu, concealer),
            Codec::Pcma => Self::G711(Law::A, concealer),
            Codec::G722 => Self::G722(Box::default(), concealer),
            Codec::Opus => Self::Opus(Box::new(opus::Decoder::new())),
        }
    }

    /// Decodes a payload and appends its sound; false when it is none of this codec.
    pub(crate) fn decode(&mut self, payload: &[u8], output: &mut Vec<i16>) -> bool {
        let start = output.len();
        match self {
            Self::G711(law, concealer) => {
                output.extend(payload.iter().map(|code| law.decode(*code)));
                concealer.heard(&mut output[start..]);
            }
            Self::G722(decoder, concealer) => {
                decoder.decode(payload, output);
                concealer.heard(&mut output[start..]);
            }
            Self::Opus(decoder) => return decoder.decode(payload, output),
        }
        !payload.is_empty()
    }

    /// Appends `length` samples for a packet that is lost; `next` is the payload after it, when it is there.
    pub(crate) fn conceal(&mut self, next: Option<&[u8]>, length: usize, output: &mut Vec<i16>) {
        match self {
            Self::G711(_, concealer) | Self::G722(_, concealer) => concealer.conceal(length, output),
            Self::Opus(decoder) => {
                if !decoder.conceal(next, length, output) {
                    output.extend(std::iter::repeat_n(0, length));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speech;

    const ALL: [Codec; 4] = [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus];

    #[test]
    fn every_codec_carries_speech_in_frames_of_20_ms() {
        for (codec, snr_db, correlation) in [
            (Codec::Pcmu, 30.0, 0.999),
            (Codec::Pcma, 30.0, 0.999),
            (Codec::G722, 18.0, 0.995),
            (Codec::Opus, 4.5, 0.87),
        ] {
            let hertz = codec.rate().hertz();
            let sound = speech::sentence(hertz);
            let (mut encoder, mut decoder) = (Encoder::new(codec), Decoder::new(codec));
            let (mut buffer, mut heard) = ([0; 1_500], Vec::new());
            for frame in sound.chunks_exact(codec.rate().frame()) {
                let length = encoder.encode(frame, &mut buffer);
                assert!(decoder.decode(&buffer[..length], &mut heard));
            }
            let score = speech::score(&sound, &heard, hertz);
            assert!(
                score.segmental_snr_db > snr_db && score.correlation > correlation,
                "{codec:?} {score:?}"
            );
        }
    }

    #[test]
    fn a_lost_packet_is_as_long_as_asked_for() {
        for codec in ALL {
            let mut samples = Vec::new();
            Decoder::new(codec).conceal(None, codec.rate().frame(), &mut samples);
            assert_eq!(samples.len(), codec.rate().frame(), "{codec:?}");
        }
    }

    #[test]
    fn codecs_are_known_by_name_and_clock() {
        assert_eq!(Codec::named(b"pcma", 8_000), Some(Codec::Pcma));
        assert_eq!(Codec::named(b"OPUS", 48_000), Some(Codec::Opus));
        assert_eq!(Codec::named(b"G722", 8_000), Some(Codec::G722));
        assert_eq!(Codec::named(b"G722", 16_000), None);
        assert_eq!(Codec::named(b"G729", 8_000), None);
    }

    #[test]
    fn twenty_milliseconds_are_as_many_ticks_as_the_clock_says() {
        assert_eq!(ALL.map(Codec::ticks_per_frame), [160, 160, 160, 960]);
    }
}
