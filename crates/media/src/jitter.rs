//! The jitter buffer of a leg whose sound ends here: puts packets in order and gives them out evenly.
//!
//! Sans-IO: packets are put in as they arrive, and taken out when sound is needed. The delay follows the
//! measured jitter between two limits; what comes too late, twice, or too early by far is counted and dropped.

use std::time::{Duration, Instant};

use crate::rtp::Header;

/// Packets that can wait; a power of two.
const SLOTS: usize = 64;
/// The least and the most that a packet is delayed.
const DELAY: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(200));
/// The delay is this many times the mean jitter (RFC 3550 §A.8), plus the least.
const JITTER_FACTOR: u32 = 3;
/// Packets made up in a row while nothing waits; after them the talk spurt is over.
const MADE_UP_MAX: u32 = 3;
/// So many times in a row more than enough must wait before one packet is left out to catch up.
const SLACK_TAKES: u32 = 50;

/// What was done with the packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JitterCounts {
    /// Came after their turn.
    pub late: u64,
    /// Came twice.
    pub duplicate: u64,
    /// Did not come in time, and were made up.
    pub concealed: u64,
    /// Left out because too much waited.
    pub discarded: u64,
}

/// What there is to play.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken<'a> {
    /// The next packet's payload, and its payload type.
    Packet(u8, &'a [u8]),
    /// The next packet is missing; with the one after it, when that is there.
    Lost(Option<&'a [u8]>),
    /// A packet without sound, such as a telephone event.
    Blank,
    /// Nothing: before the first packet, between talk spurts.
    Silence,
}

#[derive(Debug, Default)]
struct Slot {
    sequence: Option<u64>,
    payload_type: u8,
    has_sound: bool,
    payload: Vec<u8>,
}

/// One leg's buffer.
#[derive(Debug)]
pub(crate) struct JitterBuffer {
    slots: Vec<Slot>,
    ssrc: Option<u32>,
    /// The next to be given out, extended by wraps; `None` while a talk spurt is awaited.
    next: Option<u64>,
    /// All before it were given out.
    floor: u64,
    /// When the first packet of the spurt came.
    began: Option<Instant>,
    newest: u64,
    waiting: usize,
    made_up: u32,
    slack: u32,
    arrival: Option<(Instant, u32)>,
    /// Mean jitter, in microseconds times 16.
    jitter: u64,
    clock_hertz: u32,
    counts: JitterCounts,
}

impl JitterBuffer {
    pub(crate) fn new(clock_hertz: u32) -> Self {
        Self {
            slots: (0..SLOTS).map(|_| Slot::default()).collect(),
            ssrc: None,
            next: None,
            floor: 0,
            began: None,
            newest: 0,
            waiting: 0,
            made_up: 0,
            slack: 0,
            arrival: None,
            jitter: 0,
            clock_hertz: clock_hertz.max(1),
            counts: JitterCounts::default(),
        }
    }

    /// Takes a packet in. `payload` is `None` for one without sound.
    pub(crate) fn put(&mut self, header: &Header, payload: Option<&[u8]>, now: Instant) {
        if self.ssrc != Some(header.ssrc) {
            self.restart(header.ssrc, header.sequence);
        }
        if payload.is_some() {
            self.measure(header.timestamp, now);
        }
        let sequence = extend(self.newest, header.sequence);
        let awaited = self.next.unwrap_or(self.floor);
        let reach = SLOTS as u64;
        if sequence < awaited && awaited - sequence < reach {
            self.counts.late += 1;
            return;
        }
        // Far behind or far ahead of what is awaited: the sender began anew.
        if sequence < awaited || self.next.is_some_and(|next| sequence >= next + reach) {
            self.restart(header.ssrc, header.sequence);
            return self.store(self.newest, header, payload, now);
        }
        self.store(sequence, header, payload, now);
    }

    fn store(&mut self, sequence: u64, header: &Header, payload: Option<&[u8]>, now: Instant) {
        let slot = &mut self.slots[place(sequence)];
        if slot.sequence == Some(sequence) {
            self.counts.duplicate += 1;
            return;
        }
        if slot.sequence.is_none() {
            self.waiting += 1;
        }
        slot.sequence = Some(sequence);
        slot.payload_type = header.payload_type;
        slot.has_sound = payload.is_some();
        slot.payload.clear();
        slot.payload.extend_from_slice(payload.unwrap_or_default());
        self.newest = self.newest.max(sequence);
        if self.waiting == 1 && self.next.is_none() {
            self.began = Some(now);
        }
    }

    fn restart(&mut self, ssrc: u32, sequence: u16) {
        for slot in &mut self.slots {
            slot.sequence = None;
        }
        self.ssrc = Some(ssrc);
        // Room below, so that disorder at the start needs no negative numbers.
        self.newest = (1 << 32) + u64::from(sequence);
        self.next = None;
        self.floor = 0;
        self.began = None;
        self.waiting = 0;
        self.made_up = 0;
        self.arrival = None;
    }

    /// RFC 3550 §A.8, in microseconds.
    fn measure(&mut self, timestamp: u32, now: Instant) {
        let Some((arrival, last)) = self.arrival.replace((now, timestamp)) else { return };
        let sent = i64::from(timestamp.wrapping_sub(last) as i32) * 1_000_000 / i64::from(self.clock_hertz);
        let elapsed = now.saturating_duration_since(arrival).as_micros().min(10_000_000) as i64;
        let apart = (elapsed - sent).unsigned_abs();
        // A pause of the sender is no jitter.
        if apart < 500_000 {
            self.jitter = self.jitter + apart - ((self.jitter + 8) >> 4);
        }
    }

    /// How long the first packet of a talk spurt waits.
    pub(crate) fn delay(&self) -> Duration {
        (DELAY.0 + JITTER_FACTOR * Duration::from_micros(self.jitter >> 4)).min(DELAY.1)
    }

    /// Gives out what is next. `packet_time` is what one packet holds.
    pub(crate) fn take(&mut self, packet_time: Duration, now: Instant) -> Taken<'_> {
        let Some(next) = self.next.or_else(|| self.spurt(now)) else { return Taken::Silence };
        if self.waiting == 0 {
            return self.run_dry();
        }
        self.made_up = 0;
        let next = self.catch_up(next, packet_time);
        self.next = Some(next + 1);
        self.floor = next + 1;
        let slot = &mut self.slots[place(next)];
        if slot.sequence != Some(next) {
            self.counts.concealed += 1;
            let after = &self.slots[place(next + 1)];
            let is_there = after.sequence == Some(next + 1) && after.has_sound;
            return Taken::Lost(is_there.then_some(&after.payload));
        }
        slot.sequence = None;
        self.waiting -= 1;
        let slot = &self.slots[place(next)];
        if slot.has_sound { Taken::Packet(slot.payload_type, &slot.payload) } else { Taken::Blank }
    }

    /// Begins a talk spurt when its first packet has waited long enough.
    fn spurt(&mut self, now: Instant) -> Option<u64> {
        let began = self.began?;
        if now.saturating_duration_since(began) < self.delay() {
            return None;
        }
        self.began = None;
        self.slack = 0;
        self.next = self.slots.iter().filter_map(|slot| slot.sequence).min();
        self.next
    }

    /// Nothing waits: the packet is made up without giving up its turn, as it may only be late; then the spurt ends.
    fn run_dry(&mut self) -> Taken<'_> {
        if self.made_up < MADE_UP_MAX {
            self.made_up += 1;
            self.counts.concealed += 1;
            return Taken::Lost(None);
        }
        self.next = None;
        self.made_up = 0;
        Taken::Silence
    }

    /// Leaves one packet out when more than enough has waited for a while, or all that is over the limit.
    fn catch_up(&mut self, mut next: u64, packet_time: Duration) -> u64 {
        let packet_time = packet_time.max(Duration::from_millis(1));
        let enough = (self.delay() + packet_time).div_duration_f64(packet_time).ceil() as usize;
        let most = (DELAY.1 + packet_time).div_duration_f64(packet_time).ceil() as usize;
        self.slack = if self.waiting > enough { self.slack + 1 } else { 0 };
        let excess = match self.waiting.saturating_sub(most) {
            0 if self.slack >= SLACK_TAKES => 1,
            excess => excess,
        };
        for _ in 0..excess {
            let slot = &mut self.slots[place(next)];
            if slot.sequence.take().is_some() {
                self.waiting -= 1;
                self.counts.discarded += 1;
            }
            next += 1;
            self.slack = 0;
        }
        next
    }

    pub(crate) fn counts(&self) -> JitterCounts {
        self.counts
    }
}

fn place(sequence: u64) -> usize {
    (sequence % SLOTS as u64) as usize
}

/// The sequence number nearest to `newest` with these lower bits.
fn extend(newest: u64, sequence: u16) -> u64 {
    let ahead = i64::from(sequence.wrapping_sub(newest as u16) as i16);
    newest.saturating_add_signed(ahead)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PACKET: Duration = Duration::from_millis(20);

    /// A buffer, and a clock moved by hand.
    struct Bench {
        buffer: JitterBuffer,
        start: Instant,
    }

    impl Bench {
        fn new() -> Self {
            Self { buffer: JitterBuffer::new(8_000), start: tokio::time::Instant::now().into_std() }
        }

        fn put(&mut self, sequence: u16, at_ms: u64) {
            let header = Header {
                marker: false,
                payload_type: 0,
                sequence,
                timestamp: u32::from(sequence).wrapping_mul(160),
                ssrc: 1,
            };
            let payload = [sequence as u8, (sequence >> 8) as u8];
            self.buffer.put(&header, Some(&payload), self.start + Duration::from_millis(at_ms));
        }

        /// The sequence number that comes out, or a letter for what else does.
        fn take(&mut self, at_ms: u64) -> String {
            match self.buffer.take(PACKET, self.start + Duration::from_millis(at_ms)) {
                Taken::Packet(_, payload) => u16::from_le_bytes([payload[0], payload[1]]).to_string(),
                Taken::Lost(next) => if next.is_some() { "lost+" } else { "lost" }.to_owned(),
                Taken::Blank => "blank".to_owned(),
                Taken::Silence => "-".to_owned(),
            }
        }
    }

    #[test]
    fn packets_come_out_in_order_after_the_least_delay() {
        let mut bench = Bench::new();
        bench.put(100, 0);
        assert_eq!(bench.take(10), "-");
        bench.put(102, 20);
        bench.put(101, 22);
        assert_eq!([30, 50, 70].map(|at| bench.take(at)), ["100", "101", "102"]);
    }

    #[test]
    fn a_lost_packet_is_made_up_with_the_next_at_hand() {
        let mut bench = Bench::new();
        for sequence in [1, 2, 4, 5] {
            bench.put(sequence, u64::from(sequence) * 20);
        }
        assert_eq!([100, 120, 140, 160].map(|at| bench.take(at)), ["1", "2", "lost+", "4"]);
        assert_eq!(bench.buffer.counts().concealed, 1);
    }

    #[test]
    fn late_and_double_packets_are_counted_and_dropped() {
        let mut bench = Bench::new();
        bench.put(1, 0);
        bench.put(1, 1);
        bench.put(3, 5);
        assert_eq!([30, 50, 70].map(|at| bench.take(at)), ["1", "lost+", "3"]);
        bench.put(2, 75);
        let counts = bench.buffer.counts();
        assert_eq!((counts.late, counts.duplicate), (1, 1));
    }

    #[test]
    fn a_sender_that_falls_silent_is_made_up_shortly_and_then_awaited_again() {
        let mut bench = Bench::new();
        bench.put(65_535, 0);
        let heard: Vec<String> = (0..6).map(|n| bench.take(30 + 20 * n)).collect();
        assert_eq!(heard, ["65535", "lost", "lost", "lost", "-", "-"]);
        bench.put(0, 500);
        assert_eq!(bench.take(505), "-");
        assert_eq!(bench.take(560), "0");
    }

    #[test]
    fn the_delay_grows_with_the_jitter_and_stays_in_its_bounds() {
        let delay = |late_ms: u64| {
            let mut bench = Bench::new();
            for sequence in 0..200_u16 {
                let late = if sequence % 2 == 0 { 0 } else { late_ms };
                bench.put(sequence, u64::from(sequence) * 20 + late);
                bench.take(u64::from(sequence) * 20 + 25);
            }
            bench.buffer.delay().as_millis()
        };
        assert_eq!(delay(0), 20);
        assert!((45..=55).contains(&delay(10)), "{}", delay(10));
        assert!(delay(19) > 70 && delay(300) <= 200);
    }

    #[test]
    fn a_burst_after_a_stall_does_not_stay_as_delay() {
        let mut bench = Bench::new();
        for sequence in 0..30 {
            bench.put(sequence, 0);
        }
        let first: usize = bench.take(250).parse().unwrap();
        assert!(first >= 18, "at most 200 ms are kept: {first}");
        assert!(bench.buffer.counts().discarded >= 18);
    }

    #[test]
    fn a_standing_excess_is_taken_down_packet_by_packet() {
        let mut bench = Bench::new();
        for sequence in 0..5 {
            bench.put(sequence, 0);
        }
        for n in 0..200_u16 {
            bench.put(n + 5, 20 * u64::from(n));
            bench.take(30 + 20 * u64::from(n));
        }
        let counts = bench.buffer.counts();
        assert!((2..=5).contains(&counts.discarded), "{counts:?}");
        assert_eq!((counts.concealed, counts.late), (0, 0));
    }

    #[test]
    fn another_source_begins_anew() {
        let mut bench = Bench::new();
        bench.put(7, 0);
        assert_eq!(bench.take(30), "7");
        let header = Header { marker: true, payload_type: 0, sequence: 50_000, timestamp: 9, ssrc: 2 };
        bench.buffer.put(&header, Some(&[80, 195]), bench.start + Duration::from_millis(40));
        assert_eq!(bench.take(80), "50000");
    }

    #[test]
    fn packets_without_sound_keep_their_turn() {
        let mut bench = Bench::new();
        bench.put(1, 0);
        let header = Header { marker: true, payload_type: 101, sequence: 2, timestamp: 320, ssrc: 1 };
        bench.buffer.put(&header, None, bench.start);
        bench.put(3, 40);
        assert_eq!([60, 80, 100].map(|at| bench.take(at)), ["1", "blank", "3"]);
    }

    proptest! {
        #[test]
        fn whatever_comes_goes_out_at_most_once_and_in_order(
            events in prop::collection::vec((0_u16..60, 0_u64..40, any::<bool>()), 1..300),
        ) {
            let mut bench = Bench::new();
            let (mut now, mut last) = (0, None);
            for (sequence, wait, takes) in events {
                now += wait;
                bench.put(sequence, now);
                if takes && bench.buffer.next.is_some() && let Ok(number) = bench.take(now).parse::<u16>() {
                    prop_assert!(last.is_none_or(|last| number > last));
                    last = Some(number);
                }
                let held = bench.buffer.slots.iter().filter(|slot| slot.sequence.is_some()).count();
                prop_assert_eq!(held, bench.buffer.waiting);
            }
        }
    }
}
