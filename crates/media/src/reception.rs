//! How well a stream arrives: lost packets and jitter by the rules of RFC 3550, appendix A.

use std::time::{Duration, Instant};

use crate::rtp::Header;

/// A jump ahead larger than this is a restart, not loss (RFC 3550 §A.1, MAX_DROPOUT).
const DROPOUT_MAX: u16 = 3_000;
/// A packet further behind than this is a restart, not disorder (RFC 3550 §A.1, MAX_MISORDER).
const MISORDER_MAX: u16 = 100;

/// Counts one direction of one leg.
#[derive(Debug)]
pub struct Reception {
    stream: Option<Stream>,
    packets: u64,
    /// Packets lost in streams that are over.
    lost_before: u64,
    jitter: u32,
    clock_hertz: u32,
}

#[derive(Debug)]
struct Stream {
    ssrc: u32,
    /// Extended: with the number of wraps in the upper bits.
    first: u64,
    highest: u64,
    received: u64,
    /// The sequence number that would prove a restart.
    restart: Option<u16>,
    arrival: Option<(Instant, u32)>,
}

impl Stream {
    fn new(header: &Header) -> Self {
        let first = u64::from(header.sequence);
        Self { ssrc: header.ssrc, first, highest: first, received: 0, restart: None, arrival: None }
    }

    fn lost(&self) -> u64 {
        (self.highest - self.first + 1).saturating_sub(self.received)
    }

    /// Counts a packet; false when the stream started anew with it (RFC 3550 §A.1).
    fn count(&mut self, sequence: u16) -> bool {
        let ahead = sequence.wrapping_sub(self.highest as u16);
        if ahead < DROPOUT_MAX {
            self.highest += u64::from(ahead);
        } else if ahead <= u16::MAX - MISORDER_MAX {
            let restarted = self.restart == Some(sequence);
            self.restart = Some(sequence.wrapping_add(1));
            return !restarted;
        }
        self.received += 1;
        true
    }
}

impl Reception {
    /// Nothing has arrived yet.
    pub fn new(clock_hertz: u32) -> Self {
        Self { stream: None, packets: 0, lost_before: 0, jitter: 0, clock_hertz }
    }

    /// The negotiated codec changed.
    pub fn set_clock_hertz(&mut self, clock_hertz: u32) {
        self.clock_hertz = clock_hertz;
    }

    /// Counts a packet that arrived. `timed` is false for packets whose timestamp does not say when they
    /// were sent (telephone events keep that of their start).
    pub fn packet(&mut self, header: &Header, timed: bool, now: Instant) {
        self.packets += 1;
        let stream = match &mut self.stream {
            Some(stream) if stream.ssrc == header.ssrc => stream,
            other => {
                self.lost_before += other.as_ref().map_or(0, Stream::lost);
                other.insert(Stream::new(header))
            }
        };
        if !stream.count(header.sequence) {
            self.lost_before += stream.lost();
            *stream = Stream::new(header);
            stream.received = 1;
        }
        if !timed {
            return;
        }
        if let Some((arrival, timestamp)) = stream.arrival.replace((now, header.timestamp)) {
            let elapsed = now.saturating_duration_since(arrival).as_micros() * u128::from(self.clock_hertz);
            let elapsed = i64::try_from(elapsed / 1_000_000).unwrap_or(i64::MAX);
            let sent = i64::from(header.timestamp.wrapping_sub(timestamp) as i32);
            let apart = u32::try_from(elapsed.abs_diff(sent)).unwrap_or(u32::MAX).min(u32::MAX / 32);
            // RFC 3550 §A.8: the jitter is kept scaled by 16.
            self.jitter = self.jitter.saturating_add(apart) - ((self.jitter.saturating_add(8)) >> 4);
        }
    }

    /// The timestamp that the stream has come to by now, when it goes on with the time.
    pub(crate) fn timestamp_at(&self, now: Instant) -> Option<u32> {
        let (arrival, timestamp) = self.stream.as_ref()?.arrival?;
        let elapsed = now.saturating_duration_since(arrival).as_micros() * u128::from(self.clock_hertz);
        Some(timestamp.wrapping_add((elapsed / 1_000_000) as u32))
    }

    /// Packets that arrived.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Packets that were sent and did not arrive.
    pub fn lost(&self) -> u64 {
        self.lost_before + self.stream.as_ref().map_or(0, Stream::lost)
    }

    /// The present stream.
    pub fn ssrc(&self) -> Option<u32> {
        self.stream.as_ref().map(|stream| stream.ssrc)
    }

    /// The highest sequence number of the present stream, extended by wraps (RFC 3550 §6.4.1).
    pub fn highest_sequence(&self) -> u32 {
        self.stream.as_ref().map_or(0, |stream| stream.highest as u32)
    }

    /// Interarrival jitter in units of the clock.
    pub fn jitter_ticks(&self) -> u32 {
        self.jitter >> 4
    }

    /// Interarrival jitter.
    pub fn jitter(&self) -> Duration {
        Duration::from_micros(u64::from(self.jitter >> 4) * 1_000_000 / u64::from(self.clock_hertz.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(sequence: u16, ssrc: u32) -> Header {
        let timestamp = u32::from(sequence).wrapping_mul(160);
        Header { marker: false, payload_type: 0, sequence, timestamp, ssrc }
    }

    fn received(sequences: impl IntoIterator<Item = u16>) -> Reception {
        let mut reception = Reception::new(8_000);
        let now = tokio::time::Instant::now().into_std();
        for sequence in sequences {
            reception.packet(&header(sequence, 1), true, now);
        }
        reception
    }

    #[test]
    fn a_gap_is_loss_and_disorder_is_not() {
        let reception = received([10, 11, 14, 13, 16]);
        assert_eq!((reception.packets(), reception.lost()), (5, 2));
    }

    #[test]
    fn timestamps_go_on_with_the_time() {
        let mut reception = Reception::new(8_000);
        let now = tokio::time::Instant::now().into_std();
        assert_eq!(reception.timestamp_at(now), None);
        reception.packet(&header(10, 1), true, now);
        assert_eq!(reception.timestamp_at(now + Duration::from_millis(30)), Some(1_840));
    }

    #[test]
    fn the_sequence_may_wrap() {
        let reception = received([65_534, 65_535, 0, 1, 3]);
        assert_eq!(reception.lost(), 1);
    }

    #[test]
    fn a_restarted_sender_has_lost_nothing() {
        let reception = received([10, 11, 40_000, 40_001, 40_002]);
        assert_eq!(reception.lost(), 0);
    }

    #[test]
    fn another_source_starts_anew_and_keeps_the_sum() {
        let mut reception = received([1, 3]);
        let now = tokio::time::Instant::now().into_std();
        reception.packet(&header(50_000, 2), true, now);
        reception.packet(&header(50_002, 2), true, now);
        assert_eq!((reception.packets(), reception.lost()), (4, 2));
    }

    #[test]
    fn even_arrival_has_no_jitter_and_uneven_arrival_has() {
        let start = tokio::time::Instant::now().into_std();
        let jitter = |late_ms: u64| {
            let mut reception = Reception::new(8_000);
            for sequence in 0..200_u16 {
                let late = if sequence % 2 == 0 { 0 } else { late_ms };
                let now = start + Duration::from_millis(u64::from(sequence) * 20 + late);
                reception.packet(&header(sequence, 1), true, now);
            }
            reception.jitter()
        };
        assert_eq!(jitter(0), Duration::ZERO);
        let uneven = jitter(10);
        assert!(uneven > Duration::from_millis(8) && uneven < Duration::from_millis(12), "{uneven:?}");
    }
}
