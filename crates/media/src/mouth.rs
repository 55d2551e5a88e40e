//! The sending half of a leg whose sound begins here: one RTP stream for all sources, with its encoder and keys.
//!
//! However often the source changes (music, announcement, conference), the peer hears one stream: the same SSRC,
//! sequence numbers without a gap, timestamps that go on with the time, and the marker where speech begins anew
//! (RFC 3550 §5.1, RFC 3551 §4.1).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::codec::{Codec, Encoder, Encoding};
use crate::dtmf;
use crate::rtcp::SenderInfo;
use crate::rtp::{HEADER_BYTES, Header};
use crate::telephone_event::{TelephoneEvent, code};

/// Time of sound in a packet (RFC 3551 §4.2).
pub(crate) const FRAME: Duration = Duration::from_millis(20);
/// How long a key sounds, and the pause after it, in frames: 100 ms each (RFC 4733 §2.5.2.1 leaves it to us).
const KEY_FRAMES: u16 = 5;
const PAUSE_FRAMES: u16 = 5;
/// Stands among the keys for a tone that is none.
const BEEP: char = 'b';
/// How long it sounds, in frames: half a second.
const BEEP_FRAMES: u16 = 25;
/// Its frequency in hertz and its loudness: that of the beep of recorders.
const BEEP_HERTZ: f64 = 1_400.0;
const BEEP_AMPLITUDE: f64 = 4_000.0;
/// Reports that say that a key was released (RFC 4733 §2.5.1.4).
const END_REPORTS: u16 = 3;
/// Loudness that events claim, in dB below 0 dBm0.
const KEY_VOLUME: u8 = 10;
/// Who sent nothing for so long reports as a receiver (RFC 3550 §6.4: two intervals).
const SILENT_AFTER: Duration = Duration::from_secs(10);
/// Keys that may wait to be sent.
const KEYS_MAX: usize = 64;

/// A key being sent.
#[derive(Debug)]
struct Key {
    key: char,
    frame: u16,
    /// The timestamp of its beginning; all its reports have it.
    timestamp: u32,
}

/// One leg's mouth.
#[derive(Debug)]
pub(crate) struct Mouth {
    encoding: Encoding,
    encoder: Option<Encoder>,
    /// The payload type of telephone events; without one, keys go out as sound.
    events: Option<u8>,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    said_at: Option<Instant>,
    keys: VecDeque<char>,
    key: Option<Key>,
    /// The last key is sent and that was not asked for yet.
    has_sent_keys: bool,
    packets: u32,
    octets: u32,
}

impl Mouth {
    /// A stream whose sequence and SSRC start at random (RFC 3550 §5.1), drawn from `entropy`; so does the timestamp,
    /// unless `timestamp` says where what was sent before has come to.
    pub(crate) fn new(
        encoding: Encoding,
        events: Option<u8>,
        entropy: [u64; 2],
        timestamp: Option<u32>,
    ) -> Self {
        Self {
            encoding,
            encoder: None,
            events,
            ssrc: entropy[1] as u32,
            sequence: (entropy[0] >> 48) as u16,
            timestamp: timestamp.unwrap_or(entropy[0] as u32),
            said_at: None,
            keys: VecDeque::new(),
            key: None,
            has_sent_keys: false,
            packets: 0,
            octets: 0,
        }
    }

    /// The codec was agreed on anew; the stream goes on.
    pub(crate) fn set_encoding(&mut self, encoding: Encoding, events: Option<u8>) {
        if self.encoding.codec != encoding.codec {
            self.encoder = None;
            // Timestamps of another clock are another stream (RFC 7160 §4.1 has the trouble that they make).
            if self.encoding.codec.clock_hertz() != encoding.codec.clock_hertz() {
                self.ssrc = self.ssrc.wrapping_add(0x9e37_79b9);
                self.said_at = None;
            }
        }
        self.encoding = encoding;
        self.events = events;
    }

    pub(crate) fn codec(&self) -> Codec {
        self.encoding.codec
    }

    pub(crate) fn ssrc(&self) -> u32 {
        self.ssrc
    }

    pub(crate) fn packets(&self) -> u32 {
        self.packets
    }

    /// What it said lately, for a report at `now`, which is `ntp` by the time of day.
    pub(crate) fn said(&self, ntp: u64, now: Instant) -> Option<SenderInfo> {
        let elapsed = now.saturating_duration_since(self.said_at?);
        let ticks = elapsed.as_micros() * u128::from(self.encoding.codec.clock_hertz()) / 1_000_000;
        (elapsed < SILENT_AFTER).then(|| SenderInfo {
            ntp,
            timestamp: self.timestamp.wrapping_add(ticks as u32),
            packets: self.packets,
            octets: self.octets,
        })
    }

    /// Encodes 20 ms of sound at the codec's rate into a packet; gives its length, 0 for none.
    pub(crate) fn say(&mut self, samples: &[i16], due: Instant, packet: &mut [u8]) -> usize {
        if self.has_keys() {
            return self.say_key(samples, due, packet);
        }
        let encoder = self.encoder.get_or_insert_with(|| Encoder::new(self.encoding.codec));
        let length = encoder.encode(samples, &mut packet[HEADER_BYTES..]);
        self.finish(self.encoding.payload_type, length, due, packet)
    }

    /// Sends 20 ms that somebody else encoded; gives the packet's length, 0 for none.
    pub(crate) fn say_coded(&mut self, payload: &[u8], due: Instant, packet: &mut [u8]) -> usize {
        if self.has_keys() {
            return self.say_key(&[], due, packet);
        }
        // What this leg says of its own again begins with a fresh encoder.
        self.encoder = None;
        let length = payload.len().min(packet.len() - HEADER_BYTES);
        packet[HEADER_BYTES..HEADER_BYTES + length].copy_from_slice(&payload[..length]);
        self.finish(self.encoding.payload_type, length, due, packet)
    }

    /// Puts keys in line to be sent. Others than the sixteen are left out, and so are those over the limit.
    pub(crate) fn press(&mut self, keys: &str) {
        let room = KEYS_MAX - self.keys.len();
        let known = keys.chars().map(|key| key.to_ascii_uppercase()).filter(|key| code(*key).is_some());
        self.keys.extend(known.take(room));
    }

    /// Puts a short tone in line to be said.
    pub(crate) fn beep(&mut self) {
        if self.keys.len() < KEYS_MAX {
            self.keys.push_back(BEEP);
        }
    }

    /// Is a key being sent, or waiting?
    pub(crate) fn has_keys(&self) -> bool {
        self.key.is_some() || !self.keys.is_empty()
    }

    /// Was the last key sent since this was last asked?
    pub(crate) fn take_sent_keys(&mut self) -> bool {
        std::mem::take(&mut self.has_sent_keys)
    }

    fn say_key(&mut self, samples: &[i16], due: Instant, packet: &mut [u8]) -> usize {
        let is_marked = self.advance(due);
        if self.key.is_none() {
            self.key = self.keys.pop_front().map(|key| Key { key, frame: 0, timestamp: self.timestamp });
        }
        let Some(Key { key, frame, timestamp }) = &mut self.key else { return 0 };
        let (key, at, began) = (*key, *frame, *timestamp);
        *frame += 1;
        let is_over = *frame == if key == BEEP { BEEP_FRAMES } else { KEY_FRAMES + PAUSE_FRAMES };
        if is_over {
            self.key = None;
            self.has_sent_keys = key != BEEP && self.keys.is_empty();
        }
        match self.events.filter(|_| key != BEEP) {
            Some(payload_type) => self.event_packet(payload_type, (key, at, began), packet),
            None => self.key_sound(key, at, samples.len(), is_marked, packet),
        }
    }

    fn event_packet(
        &mut self,
        payload_type: u8,
        (key, at, began): (char, u16, u32),
        packet: &mut [u8],
    ) -> usize {
        let end = at + 1 >= KEY_FRAMES;
        if at + 1 >= KEY_FRAMES + END_REPORTS {
            return 0;
        }
        let duration = (at + 1).min(KEY_FRAMES) * self.encoding.codec.ticks_per_frame() as u16;
        let event =
            TelephoneEvent { event: code(key).unwrap_or_default(), end, volume: KEY_VOLUME, duration };
        let payload = event.write();
        packet[HEADER_BYTES..HEADER_BYTES + payload.len()].copy_from_slice(&payload);
        // The marker is set in the first report of an event (RFC 4733 §2.2.1).
        self.write(
            Header { marker: at == 0, payload_type, sequence: 0, timestamp: began, ssrc: 0 },
            payload.len(),
            packet,
        )
    }

    fn key_sound(&mut self, key: char, at: u16, length: usize, marker: bool, packet: &mut [u8]) -> usize {
        let rate = self.encoding.codec.rate();
        let mut samples = vec![0; length.max(rate.frame())];
        if key == BEEP {
            let turn = std::f64::consts::TAU * BEEP_HERTZ / f64::from(rate.hertz());
            let begin = usize::from(at) * rate.frame();
            for (place, sample) in samples.iter_mut().enumerate() {
                *sample = (BEEP_AMPLITUDE * (turn * (begin + place) as f64).sin()) as i16;
            }
        } else if at < KEY_FRAMES {
            dtmf::sound(key, usize::from(at) * rate.frame(), rate, &mut samples);
        }
        let encoder = self.encoder.get_or_insert_with(|| Encoder::new(self.encoding.codec));
        let length = encoder.encode(&samples, &mut packet[HEADER_BYTES..]);
        let payload_type = self.encoding.payload_type;
        self.write(
            Header { marker, payload_type, sequence: 0, timestamp: self.timestamp, ssrc: 0 },
            length,
            packet,
        )
    }

    fn finish(&mut self, payload_type: u8, length: usize, due: Instant, packet: &mut [u8]) -> usize {
        let marker = self.advance(due);
        if length == 0 {
            return 0;
        }
        self.write(
            Header { marker, payload_type, sequence: 0, timestamp: self.timestamp, ssrc: 0 },
            length,
            packet,
        )
    }

    /// Moves the timestamp on to `due`; true when something begins after a pause.
    fn advance(&mut self, due: Instant) -> bool {
        let ticks = self.encoding.codec.ticks_per_frame();
        let Some(said_at) = self.said_at.replace(due) else { return true };
        let elapsed = due.saturating_duration_since(said_at);
        // Half a frame early or late is the clock's, not a pause.
        let frames = ((elapsed + FRAME / 2).as_micros() / FRAME.as_micros()).clamp(1, 1 << 24) as u32;
        self.timestamp = self.timestamp.wrapping_add(frames.wrapping_mul(ticks));
        frames > 1
    }

    fn write(&mut self, header: Header, length: usize, packet: &mut [u8]) -> usize {
        Header { sequence: self.sequence, ssrc: self.ssrc, ..header }.write(packet);
        self.sequence = self.sequence.wrapping_add(1);
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(length as u32);
        HEADER_BYTES + length
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp;
    use crate::telephone_event::Detector;

    struct Bench {
        mouth: Mouth,
        start: Instant,
        packet: [u8; 1_500],
    }

    impl Bench {
        fn new(codec: Codec, events: Option<u8>) -> Self {
            let encoding = Encoding::new(codec, codec.static_payload_type().unwrap_or(96));
            let start = tokio::time::Instant::now().into_std();
            Self { mouth: Mouth::new(encoding, events, [u64::MAX, 3], None), start, packet: [0; 1_500] }
        }

        fn say(&mut self, at_ms: u64) -> Option<(Header, Vec<u8>)> {
            let samples = vec![500; self.mouth.codec().rate().frame()];
            let length =
                self.mouth.say(&samples, self.start + Duration::from_millis(at_ms), &mut self.packet);
            let packet = &self.packet[..length];
            Some((Header::parse(packet)?, rtp::payload(packet)?.to_vec()))
        }
    }

    #[test]
    fn a_beep_is_sound_for_half_a_second_whatever_the_peer_takes() {
        for (codec, events) in [(Codec::Pcma, Some(101)), (Codec::Pcma, None)] {
            let mut bench = Bench::new(codec, events);
            bench.mouth.beep();
            let mut heard = Vec::new();
            for n in 0..25 {
                let (header, payload) = bench.say(20 * n).unwrap();
                assert_eq!(header.payload_type, 8);
                heard.extend(payload.iter().map(|code| crate::g711::Law::A.decode(*code)));
            }
            assert!(crate::goertzel::strength(&heard, 1_400, 8_000) > 0.95);
            assert!(!bench.mouth.has_keys() && !bench.mouth.take_sent_keys(), "it is none of the keys");
        }
    }

    #[test]
    fn packets_count_on_and_only_the_first_is_marked() {
        let mut bench = Bench::new(Codec::Pcma, None);
        let headers: Vec<Header> = (0..3).map(|n| bench.say(20 * n).unwrap().0).collect();
        assert_eq!([headers[0].sequence, headers[1].sequence], [u16::MAX, 0]);
        assert_eq!(headers[2].timestamp, headers[0].timestamp.wrapping_add(320));
        assert_eq!(headers.iter().map(|header| header.marker).collect::<Vec<_>>(), [true, false, false]);
    }

    #[test]
    fn after_a_pause_the_timestamp_has_gone_on_and_the_packet_is_marked() {
        for (codec, ticks) in [(Codec::Pcma, 8_000), (Codec::G722, 8_000), (Codec::Opus, 48_000)] {
            let mut bench = Bench::new(codec, None);
            let first = bench.say(0).unwrap().0;
            let second = bench.say(1_003).unwrap().0;
            assert_eq!(second.timestamp, first.timestamp.wrapping_add(ticks));
            assert_eq!(second.sequence, first.sequence.wrapping_add(1));
            assert!(second.marker && second.ssrc == first.ssrc);
        }
    }

    #[test]
    fn keys_go_out_as_events_of_the_same_stream_and_are_understood() {
        let mut bench = Bench::new(Codec::Pcma, Some(101));
        let before = bench.say(0).unwrap().0;
        bench.mouth.press("1#x");
        let (mut detector, mut keys, mut last) = (Detector::default(), String::new(), before.sequence);
        let mut n = 1;
        while bench.mouth.has_keys() {
            if let Some((header, payload)) = bench.say(20 * n) {
                assert_eq!((header.sequence, header.ssrc), (last.wrapping_add(1), before.ssrc));
                assert_eq!(header.payload_type, 101);
                last = header.sequence;
                let event = TelephoneEvent::parse(&payload).unwrap();
                keys.extend(
                    detector
                        .report(header.timestamp, header.marker, event, bench.start)
                        .map(|press| press.key),
                );
            }
            n += 1;
        }
        assert_eq!(keys, "1#");
        let after = bench.say(20 * n).unwrap().0;
        assert_eq!(after.timestamp, before.timestamp.wrapping_add(160 * n as u32), "the time went on");
    }

    #[test]
    fn without_events_keys_go_out_as_sound() {
        let mut bench = Bench::new(Codec::Pcmu, None);
        bench.mouth.press("58");
        let (mut detector, mut keys) = (dtmf::Detector::default(), String::new());
        for n in 0..30 {
            let (header, payload) = bench.say(20 * n).unwrap();
            assert_eq!(header.payload_type, 0);
            let samples: Vec<i16> = payload.iter().map(|code| crate::g711::Law::Mu.decode(*code)).collect();
            keys.extend(detector.frame(&samples, crate::Rate::Narrow).map(|heard| heard.key));
        }
        assert_eq!(keys, "58");
    }

    #[test]
    fn another_clock_is_another_stream() {
        let mut bench = Bench::new(Codec::Pcma, None);
        let before = bench.say(0).unwrap().0;
        bench.mouth.set_encoding(Encoding::new(Codec::G722, 9), None);
        assert_eq!(bench.say(20).unwrap().0.ssrc, before.ssrc);
        bench.mouth.set_encoding(Encoding::new(Codec::Opus, 96), None);
        let after = bench.say(40).unwrap().0;
        assert!(after.ssrc != before.ssrc && after.marker);
    }
}
