//! The RTCP of a leg (RFC 3550 §6): what we report of the streams that end and begin here, and what the peer's
//! reports say of the way: loss, jitter, round-trip time. Reports on a relayed leg are only read.

use std::time::{Duration, Instant};

use crate::reception::Reception;
use crate::rtcp::{self, ReportBlock, SenderInfo};

/// How often we report (RFC 3550 §6.2: five seconds are the least for two parties).
pub(crate) const INTERVAL: Duration = Duration::from_secs(5);
/// The longest round trip that is believed.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(60);

/// What the peer has told, and what must be remembered to report to it.
#[derive(Debug, Default)]
pub(crate) struct Reporter {
    /// When we last reported.
    reported_at: Option<Instant>,
    /// The last sender report that went to the peer: its middle time bits, and when.
    sent: Option<(u32, Instant)>,
    /// The last sender report of the peer.
    heard: Option<(u32, Instant)>,
    /// Packets expected and received when we last reported.
    before: (u64, u64),
    round_trip: Option<Duration>,
    peer: Option<ReportBlock>,
}

impl Reporter {
    /// Takes note of a compound that came from the peer.
    pub(crate) fn hear(&mut self, compound: &[u8], now: Instant) {
        for packet in rtcp::packets(compound) {
            if let Some(middle) = packet.sender_time() {
                self.heard = Some((middle, now));
            }
            if let Some(block) = packet.reports().next() {
                self.take_block(block, now);
            }
        }
    }

    /// Takes note of a compound that goes to the peer, from wherever: its answer tells the round trip.
    pub(crate) fn sent(&mut self, compound: &[u8], now: Instant) {
        if let Some(middle) = rtcp::packets(compound).find_map(|packet| packet.sender_time()) {
            self.sent = Some((middle, now));
        }
    }

    fn take_block(&mut self, block: ReportBlock, now: Instant) {
        self.peer = Some(block);
        let Some((middle, at)) = self.sent else { return };
        if block.last_sender_report != middle {
            return;
        }
        // RFC 3550 §6.4.1: from our report to theirs, without the time that they held it.
        let held = Duration::from_micros(u64::from(block.delay_since_last) * 1_000_000 / 65_536);
        if let Some(round_trip) = now.saturating_duration_since(at).checked_sub(held)
            && round_trip < ROUND_TRIP_MAX
        {
            self.round_trip = Some(round_trip);
        }
    }

    /// The last block that the peer sent about the stream to it.
    pub(crate) fn peer(&self) -> Option<ReportBlock> {
        self.peer
    }

    /// The round trip to the peer, when its reports told.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// Is it time to report?
    pub(crate) fn is_due(&mut self, now: Instant) -> bool {
        let at = *self.reported_at.get_or_insert(now);
        let is_due = now.saturating_duration_since(at) >= INTERVAL;
        if is_due {
            self.reported_at = Some(now);
        }
        is_due
    }

    /// Writes a report about what we heard, and about what we said when that is something. Gives its length.
    pub(crate) fn write(
        &mut self,
        (ssrc, said): (u32, Option<SenderInfo>),
        reception: &Reception,
        now: Instant,
        buffer: &mut [u8],
    ) -> usize {
        let block = self.block(reception, now);
        let length = rtcp::write(ssrc, said, block, buffer);
        self.sent(&buffer[..length], now);
        length
    }

    fn block(&mut self, reception: &Reception, now: Instant) -> Option<ReportBlock> {
        let ssrc = reception.ssrc()?;
        let (received, lost) = (reception.packets(), reception.lost());
        let expected = received + lost;
        let (expected_now, received_now) =
            (expected.saturating_sub(self.before.0), received.saturating_sub(self.before.1));
        self.before = (expected, received);
        let lost_now = expected_now.saturating_sub(received_now);
        let fraction_lost = (256 * lost_now).checked_div(expected_now).unwrap_or(0).min(255) as u8;
        let (last_sender_report, delay_since_last) = self.heard.map_or((0, 0), |(middle, at)| {
            let held = now.saturating_duration_since(at).as_micros().min(1 << 35) as u64;
            (middle, (held * 65_536 / 1_000_000) as u32)
        });
        Some(ReportBlock {
            ssrc,
            fraction_lost,
            cumulative_lost: lost.min(0x7f_ffff) as i32,
            highest_sequence: reception.highest_sequence(),
            jitter: reception.jitter_ticks(),
            last_sender_report,
            delay_since_last,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::Header;

    const SAID: SenderInfo =
        SenderInfo { ntp: 0x1234_5678_9abc_def0, timestamp: 99, packets: 10, octets: 1_600 };

    fn start() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn reception(sequences: &[u16], now: Instant) -> Reception {
        let mut reception = Reception::new(8_000);
        for sequence in sequences {
            let timestamp = u32::from(*sequence) * 160;
            let header = Header { marker: false, payload_type: 0, sequence: *sequence, timestamp, ssrc: 7 };
            reception.packet(&header, true, now);
        }
        reception
    }

    #[test]
    fn two_ends_that_report_to_each_other_learn_the_round_trip() {
        let (mut near, mut far, start) = (Reporter::default(), Reporter::default(), start());
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut buffer = [0; 256];
        let length = near.write((5, Some(SAID)), &reception(&[], start), at(0), &mut buffer);
        far.hear(&buffer[..length], at(40));
        let length = far.write((7, None), &reception(&[1, 2, 4], start), at(540), &mut buffer);
        near.hear(&buffer[..length], at(590));
        let round_trip = near.round_trip().unwrap().as_millis();
        assert!((89..=91).contains(&round_trip), "{round_trip}");
        let block = near.peer().unwrap();
        assert_eq!((block.ssrc, block.cumulative_lost, block.fraction_lost), (7, 1, 64));
    }

    #[test]
    fn a_relay_learns_the_round_trip_from_reports_that_pass() {
        // The sender report of another leg passes to the peer, whose answer comes back.
        let (mut passing, mut peer, start) = (Reporter::default(), Reporter::default(), start());
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut buffer = [0; 256];
        let length = Reporter::default().write((5, Some(SAID)), &reception(&[], start), start, &mut buffer);
        passing.sent(&buffer[..length], at(10));
        peer.hear(&buffer[..length], at(20));
        let length = peer.write((7, None), &reception(&[1], start), at(20), &mut buffer);
        passing.hear(&buffer[..length], at(30));
        assert_eq!(passing.round_trip(), Some(Duration::from_millis(20)));
    }

    #[test]
    fn the_share_lost_is_that_since_the_last_report() {
        let (mut reporter, start, mut buffer) = (Reporter::default(), start(), [0; 256]);
        let mut fraction = |sequences: &[u16]| {
            let length = reporter.write((7, None), &reception(sequences, start), start, &mut buffer);
            let block = rtcp::packets(&buffer[..length]).find_map(|packet| packet.reports().next());
            block.unwrap().fraction_lost
        };
        assert_eq!(fraction(&[1, 2, 4]), 64);
        assert_eq!(fraction(&[1, 2, 4, 5, 6, 7]), 0);
    }

    #[test]
    fn reports_are_due_every_five_seconds() {
        let (mut reporter, start) = (Reporter::default(), start());
        let due: Vec<bool> =
            [0, 4, 5, 6, 10].map(|s| reporter.is_due(start + Duration::from_secs(s))).to_vec();
        assert_eq!(due, [false, false, true, false, true]);
    }
}
