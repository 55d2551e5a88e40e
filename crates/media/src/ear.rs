//! The receiving half of a leg whose sound ends here: jitter buffer, decoder, keys in the sound.

use std::time::{Duration, Instant};

use crate::codec::{Codec, Decoder, Encoding};
use crate::dtmf;
use crate::jitter::{JitterBuffer, JitterCounts, Taken};
use crate::opus;
use crate::resample::Rate;
use crate::rtp::Header;

/// What a packet is taken to hold until one was decoded (RFC 3551 §4.2).
const PACKET_TIME: Duration = Duration::from_millis(20);
/// Decoded sound that may wait to be heard, in milliseconds: the longest Opus packet twice.
const AHEAD_MS_MAX: usize = 240;

/// One leg's ear.
#[derive(Debug)]
pub(crate) struct Ear {
    encodings: Vec<Encoding>,
    buffer: JitterBuffer,
    decoder: Option<(Codec, Decoder)>,
    /// Decoded and not yet heard, at the rate of the decoder.
    ahead: Vec<i16>,
    packet_time: Duration,
    keys: Option<dtmf::Detector>,
    /// Nobody wants to hear it before it speaks.
    is_idle: bool,
    /// Packets were not decoded: what is decoded next begins anew, as after a pause.
    is_stale: bool,
}

impl Ear {
    /// An ear for these codecs; `hears_keys` when keys are looked for in the sound.
    pub(crate) fn new(encodings: &[Encoding], hears_keys: bool) -> Self {
        let clock_hertz = encodings.first().map_or(8_000, |encoding| encoding.codec.clock_hertz());
        Self {
            encodings: encodings.to_vec(),
            buffer: JitterBuffer::new(clock_hertz),
            decoder: None,
            ahead: Vec::new(),
            packet_time: PACKET_TIME,
            keys: hears_keys.then(dtmf::Detector::default),
            is_idle: false,
            is_stale: false,
        }
    }

    /// Whether packets without a voice need not be decoded: one of many in a conference, who is not heard.
    pub(crate) fn set_idle(&mut self, is_idle: bool) {
        self.is_idle = is_idle && self.keys.is_none();
    }

    /// Does it know just these codecs?
    pub(crate) fn knows(&self, encodings: &[Encoding]) -> bool {
        self.encodings == encodings
    }

    /// Takes a packet in. Payload types that were not agreed on have no sound for us, but keep their turn.
    pub(crate) fn hear(&mut self, header: &Header, payload: &[u8], now: Instant) {
        let is_known = self.encodings.iter().any(|encoding| encoding.payload_type == header.payload_type);
        let has_sound = is_known && !payload.is_empty();
        self.buffer.put(header, has_sound.then_some(payload), now);
    }

    /// The rate of the sound that [`Ear::pull`] gives next.
    pub(crate) fn rate(&self) -> Rate {
        let first = self.encodings.first().map(|encoding| encoding.codec);
        self.decoder.as_ref().map(|(codec, _)| *codec).or(first).map_or(Rate::Narrow, Codec::rate)
    }

    /// The next 20 ms into `frame`, and their rate; `None` when there is nothing to hear.
    pub(crate) fn pull(&mut self, frame: &mut Vec<i16>, now: Instant) -> Option<Rate> {
        while self.ahead.len() < self.rate().frame() {
            if !self.decode_next(now) {
                break;
            }
        }
        let rate = self.rate();
        let needed = rate.frame();
        frame.clear();
        if self.ahead.is_empty() {
            return None;
        }
        let there = needed.min(self.ahead.len());
        frame.extend(self.ahead.drain(..there));
        frame.resize(needed, 0);
        Some(rate)
    }

    /// The key that ended with this frame, when keys are looked for.
    pub(crate) fn key(&mut self, frame: &[i16], rate: Rate) -> Option<dtmf::Heard> {
        self.keys.as_mut()?.frame(frame, rate)
    }

    pub(crate) fn hears_keys(&self) -> bool {
        self.keys.is_some()
    }

    /// Decodes one packet more, or makes one up; false when nothing is to be had.
    fn decode_next(&mut self, now: Instant) -> bool {
        let Self { encodings, buffer, decoder, ahead, packet_time, is_idle, is_stale, .. } = self;
        let rate = decoder.as_ref().map_or(Rate::Narrow, |(codec, _)| codec.rate());
        let length = packet_time.as_millis() as usize * rate.frame() / 20;
        match buffer.take(*packet_time, now) {
            Taken::Silence => return false,
            Taken::Blank => ahead.extend(std::iter::repeat_n(0, length)),
            Taken::Lost(_) if *is_stale => ahead.extend(std::iter::repeat_n(0, length)),
            Taken::Lost(next) => {
                if let Some((_, decoder)) = decoder {
                    decoder.conceal(next, length, ahead);
                }
            }
            Taken::Packet(payload_type, payload) => {
                let known = encodings.iter().find(|encoding| encoding.payload_type == payload_type);
                let Some(Encoding { codec, .. }) = known.copied() else { return true };
                let is_other = decoder.as_ref().is_none_or(|(current, _)| *current != codec);
                if *is_idle
                    && !is_other
                    && codec == Codec::Opus
                    && let Some(length) = opus::voiceless_samples(payload)
                {
                    *is_stale = true;
                    ahead.extend(std::iter::repeat_n(0, length));
                    return true;
                }
                if is_other {
                    ahead.clear();
                }
                if is_other || std::mem::take(is_stale) {
                    *decoder = Some((codec, Decoder::new(codec)));
                }
                let before = ahead.len();
                if let Some((_, decoder)) = decoder
                    && decoder.decode(payload, ahead)
                {
                    let milliseconds = (ahead.len() - before) * 20 / codec.rate().frame();
                    *packet_time = Duration::from_millis(milliseconds.clamp(5, 120) as u64);
                }
                ahead.truncate(AHEAD_MS_MAX * codec.rate().frame() / 20);
            }
        }
        true
    }

    pub(crate) fn counts(&self) -> JitterCounts {
        self.buffer.counts()
    }

    /// How long packets wait now.
    pub(crate) fn delay(&self) -> Duration {
        self.buffer.delay()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Encoder;
    use crate::speech;

    /// Sends `sound` in packets of `packet_frames` times 20 ms and hears it every 20 ms.
    fn heard(codec: Codec, sound: &[i16], lost: impl Fn(usize) -> bool) -> (Vec<i16>, JitterCounts) {
        let encoding = Encoding::new(codec, 96);
        let mut ear = Ear::new(&[encoding], false);
        let mut encoder = Encoder::new(codec);
        let start = tokio::time::Instant::now().into_std();
        let (mut output, mut frame, mut buffer) = (Vec::new(), Vec::new(), [0; 1_500]);
        for (number, piece) in sound.chunks_exact(codec.rate().frame()).enumerate() {
            let now = start + Duration::from_millis(20) * number as u32;
            let length = encoder.encode(piece, &mut buffer);
            let sequence = number as u16;
            let timestamp = u32::from(sequence) * codec.ticks_per_frame();
            let header = Header { marker: false, payload_type: 96, sequence, timestamp, ssrc: 5 };
            if !lost(number) {
                ear.hear(&header, &buffer[..length], now);
            }
            if ear.pull(&mut frame, now + Duration::from_millis(1)).is_some() {
                output.extend(&frame);
            }
        }
        (output, ear.counts())
    }

    #[test]
    fn speech_comes_through_every_codec_a_little_later() {
        for (codec, correlation) in
            [(Codec::Pcma, 0.999), (Codec::Pcmu, 0.999), (Codec::G722, 0.98), (Codec::Opus, 0.87)]
        {
            let sound = speech::sentence(codec.rate().hertz());
            let (output, counts) = heard(codec, &sound, |_| false);
            let score = speech::score(&sound, &output, codec.rate().hertz());
            assert!(score.correlation > correlation, "{codec:?} {score:?}");
            assert_eq!(counts, JitterCounts::default(), "{codec:?}");
        }
    }

    #[test]
    fn three_per_cent_of_loss_leave_speech_intelligible() {
        for (codec, correlation) in [(Codec::Pcma, 0.93), (Codec::G722, 0.9), (Codec::Opus, 0.8)] {
            let sound = speech::sentence(codec.rate().hertz());
            let (output, counts) = heard(codec, &sound, |number| number % 33 == 20);
            let score = speech::score(&sound, &output, codec.rate().hertz());
            assert!(score.correlation > correlation, "{codec:?} {score:?}");
            assert!(counts.concealed >= 3, "{codec:?} {counts:?}");
        }
    }

    #[test]
    fn an_idle_ear_hears_a_voice_begin_all_the_same() {
        let codec = Codec::Opus;
        let (mut ear, mut encoder) = (Ear::new(&[Encoding::new(codec, 96)], false), Encoder::new(codec));
        let start = tokio::time::Instant::now().into_std();
        // A second of a quiet room, then speech.
        let mut sound: Vec<i16> =
            (0..16_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 28) as i16 - 8).collect();
        sound.extend(speech::sentence(16_000));
        let (mut output, mut frame, mut buffer) = (Vec::new(), Vec::new(), [0; 1_500]);
        ear.set_idle(true);
        for (number, piece) in sound.chunks_exact(320).enumerate() {
            let now = start + Duration::from_millis(20) * number as u32;
            let length = encoder.encode(piece, &mut buffer);
            let sequence = number as u16;
            let timestamp = u32::from(sequence) * codec.ticks_per_frame();
            let header = Header { marker: false, payload_type: 96, sequence, timestamp, ssrc: 5 };
            ear.hear(&header, &buffer[..length], now);
            if ear.pull(&mut frame, now + Duration::from_millis(5)).is_some() {
                output.extend(&frame);
                // As a conference does: whoever talks is not idle.
                ear.set_idle(frame.iter().all(|sample| sample.abs() < 200));
            }
        }
        let room = output[8_000..14_000].iter().filter(|sample| **sample == 0).count();
        assert!(room > 5_000, "{room} samples of the room were not decoded");
        let score = speech::score(&speech::sentence(16_000), &output[14_000..], 16_000);
        assert!(score.correlation > 0.8, "{score:?}");
    }

    #[test]
    fn packets_of_other_lengths_are_heard_in_pieces_of_20_ms() {
        let sound = speech::sentence(8_000);
        for milliseconds in [10, 30, 60] {
            let mut ear = Ear::new(&[Encoding::new(Codec::Pcma, 8)], false);
            let start = tokio::time::Instant::now().into_std();
            let (mut output, mut frame) = (Vec::new(), Vec::new());
            let length = milliseconds * 8;
            let mut coded = vec![0; length];
            let mut pulled = 0;
            for (number, piece) in sound.chunks_exact(length).enumerate() {
                let now = start + Duration::from_millis((number * milliseconds) as u64);
                Encoder::new(Codec::Pcma).encode(piece, &mut coded);
                let timestamp = (number * length) as u32;
                let header =
                    Header { marker: false, payload_type: 8, sequence: number as u16, timestamp, ssrc: 5 };
                ear.hear(&header, &coded, now);
                while pulled * 20 < (number + 1) * milliseconds {
                    let at = start + Duration::from_millis((pulled * 20 + 45) as u64).max(now - start);
                    if ear.pull(&mut frame, at).is_some() {
                        output.extend(&frame);
                    }
                    pulled += 1;
                }
            }
            let score = speech::score(&sound, &output, 8_000);
            assert!(score.correlation > 0.99, "{milliseconds} ms {score:?}");
        }
    }
}
