//! A tone made of one or two sines, with a cadence, in G.711: the sound of call progress.

use crate::g711::Law;
use crate::rtp;

/// Samples a packet: 20 ms at 8,000 a second (RFC 3551 §4.2).
pub(crate) const SAMPLES_PER_PACKET: usize = 160;
/// Samples a second of G.711.
const SAMPLE_HERTZ: f64 = 8_000.0;
/// The loudness of one sine: about -13 dBm0 each, as E.180 wants call progress tones.
const AMPLITUDE: f64 = 4_800.0;

/// What to play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tone {
    /// The frequency, in hertz.
    pub hertz: u16,
    /// A second frequency sounded with it; 0 for none.
    pub second_hertz: u16,
    /// Sounding and silent time, in milliseconds, over and over; (0, 0) sounds without a pause.
    pub cadence_ms: (u32, u32),
    /// How it is coded.
    pub law: Law,
    /// The payload type that was negotiated for it.
    pub payload_type: u8,
}

impl Tone {
    /// One frequency without a pause.
    pub fn steady(hertz: u16, law: Law, payload_type: u8) -> Self {
        Self { hertz, second_hertz: 0, cadence_ms: (0, 0), law, payload_type }
    }
}

/// Makes a tone packet by packet.
#[derive(Debug)]
pub(crate) struct ToneSource {
    tone: Tone,
    sample: u64,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
}

impl ToneSource {
    /// A source whose sequence, timestamp and SSRC start at random (RFC 3550 §5.1), all drawn from `entropy`.
    pub(crate) fn new(tone: Tone, entropy: [u64; 2]) -> Self {
        Self {
            tone,
            sample: 0,
            sequence: (entropy[0] >> 48) as u16,
            timestamp: entropy[0] as u32,
            ssrc: entropy[1] as u32,
        }
    }

    /// Writes the next packet into `buffer`; gives its length.
    pub(crate) fn packet(&mut self, buffer: &mut [u8]) -> usize {
        let header = rtp::Header {
            marker: self.sample == 0,
            payload_type: self.tone.payload_type,
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
        };
        header.write(buffer);
        let payload = &mut buffer[rtp::HEADER_BYTES..][..SAMPLES_PER_PACKET];
        for byte in payload {
            *byte = self.tone.law.encode(self.level());
            self.sample += 1;
        }
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(SAMPLES_PER_PACKET as u32);
        rtp::HEADER_BYTES + SAMPLES_PER_PACKET
    }

    fn level(&self) -> i16 {
        let (on, off) = self.tone.cadence_ms;
        let period = u64::from(on) + u64::from(off);
        if period > 0 && (self.sample / 8) % period >= u64::from(on) {
            return 0;
        }
        let sine = |hertz: u16| {
            let turns = (self.sample as f64) * f64::from(hertz) / SAMPLE_HERTZ;
            AMPLITUDE * (turns.fract() * std::f64::consts::TAU).sin()
        };
        (sine(self.tone.hertz) + sine(self.tone.second_hertz)) as i16
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::goertzel;

    fn decoded(tone: Tone, packets: usize) -> Vec<i16> {
        let mut source = ToneSource::new(tone, [7, 8]);
        let mut buffer = [0; 512];
        let mut samples = Vec::new();
        for _ in 0..packets {
            let length = source.packet(&mut buffer);
            samples.extend(buffer[rtp::HEADER_BYTES..length].iter().map(|byte| tone.law.decode(*byte)));
        }
        samples
    }

    #[test]
    fn the_tone_has_its_frequency_and_no_other() {
        for law in [Law::A, Law::Mu] {
            let samples = decoded(Tone::steady(425, law, 8), 5);
            assert!(goertzel::strength(&samples, 425, 8_000) > 0.9, "{law:?}");
            assert!(goertzel::strength(&samples, 950, 8_000) < 0.01, "{law:?}");
        }
    }

    #[test]
    fn a_cadence_is_silent_in_its_pause() {
        let tone = Tone { cadence_ms: (20, 20), ..Tone::steady(425, Law::Mu, 0) };
        let samples = decoded(tone, 2);
        assert!(samples[..160].iter().any(|sample| sample.abs() > 1_000));
        assert!(samples[160..].iter().all(|sample| sample.abs() < 10));
    }

    #[test]
    fn packets_count_on_and_only_the_first_is_marked() {
        let mut source = ToneSource::new(Tone::steady(425, Law::A, 8), [u64::MAX, 3]);
        let mut buffer = [0; 512];
        let headers: Vec<rtp::Header> = (0..3)
            .map(|_| {
                let length = source.packet(&mut buffer);
                rtp::Header::parse(&buffer[..length]).unwrap()
            })
            .collect();
        assert_eq!(headers[0].sequence, u16::MAX);
        assert_eq!(headers[1].sequence, 0);
        assert_eq!(headers[2].timestamp, headers[0].timestamp.wrapping_add(320));
        assert_eq!(headers.iter().map(|header| header.marker).collect::<Vec<_>>(), [true, false, false]);
        assert_eq!(headers[0].payload_type, Law::A.payload_type());
    }
}
