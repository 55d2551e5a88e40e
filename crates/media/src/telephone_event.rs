//! Keys pressed on a telephone, as RTP payload (RFC 4733).

use std::time::{Duration, Instant};

/// Bytes of one event report (RFC 4733 §2.3).
pub const EVENT_BYTES: usize = 4;
/// A key whose end was lost is taken for released after this time without a report of it.
const RELEASED_AFTER: Duration = Duration::from_millis(400);
/// The longest duration that one report can say; longer events go in segments (RFC 4733 §2.5.1.3).
const SEGMENT_MAX: u16 = u16::MAX;
const KEYS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D'];

/// The event code of a key.
pub fn code(key: char) -> Option<u8> {
    KEYS.iter().position(|known| *known == key).map(|code| code as u8)
}

/// One report about an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TelephoneEvent {
    /// The event's code; 0 to 15 are keys (RFC 4733 §3.2).
    pub event: u8,
    /// The key is released.
    pub end: bool,
    /// Loudness below 0 dBm0, in decibels, 0 to 63.
    pub volume: u8,
    /// Duration so far, in units of the RTP clock.
    pub duration: u16,
}

impl TelephoneEvent {
    /// Reads a payload; of several events in one packet only the first, as everybody sends one.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let [event, flags, high, low] = *payload.first_chunk::<EVENT_BYTES>()?;
        Some(Self {
            event,
            end: flags & 0x80 != 0,
            volume: flags & 0x3f,
            duration: u16::from_be_bytes([high, low]),
        })
    }

    /// Writes the payload.
    pub fn write(&self) -> [u8; EVENT_BYTES] {
        let [high, low] = self.duration.to_be_bytes();
        [self.event, (u8::from(self.end) << 7) | (self.volume & 0x3f), high, low]
    }

    /// The key, when it is one.
    pub fn key(&self) -> Option<char> {
        KEYS.get(usize::from(self.event)).copied()
    }
}

/// A key that was pressed and released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Press {
    /// `0`-`9`, `*`, `#`, `A`-`D`.
    pub key: char,
    /// For how long, in units of the RTP clock.
    pub duration: u32,
}

/// Tells presses from the reports about them, which come many times each and may be lost.
#[derive(Debug, Default)]
pub struct Detector {
    current: Option<Current>,
}

#[derive(Debug)]
struct Current {
    event: u8,
    timestamp: u32,
    key: char,
    /// Segments that are over, in units of the RTP clock.
    before: u32,
    duration: u16,
    heard_at: Instant,
    reported: bool,
}

impl Current {
    fn press(&mut self) -> Option<Press> {
        let first = !std::mem::replace(&mut self.reported, true);
        first.then(|| Press { key: self.key, duration: self.before + u32::from(self.duration) })
    }

    fn continues_in(&self, timestamp: u32, report: &TelephoneEvent, marker: bool) -> bool {
        !marker
            && report.event == self.event
            && self.duration == SEGMENT_MAX
            && timestamp == self.timestamp.wrapping_add(u32::from(SEGMENT_MAX))
    }
}

impl Detector {
    /// Takes one report. A press is given once, at its first end report, or when the next event starts.
    pub fn report(
        &mut self,
        timestamp: u32,
        marker: bool,
        report: TelephoneEvent,
        now: Instant,
    ) -> Option<Press> {
        let key = report.key()?;
        if let Some(current) = &mut self.current {
            let age = timestamp.wrapping_sub(current.timestamp) as i32;
            if age < 0 {
                return None; // A late report about an event that is over.
            }
            if age == 0 && report.event == current.event {
                current.duration = current.duration.max(report.duration);
                current.heard_at = now;
                return if report.end { current.press() } else { None };
            }
            if current.continues_in(timestamp, &report, marker) {
                current.before += u32::from(current.duration);
                current.timestamp = timestamp;
                current.duration = report.duration;
                current.heard_at = now;
                return if report.end { current.press() } else { None };
            }
        }
        let before = self.current.as_mut().and_then(Current::press);
        let mut current = Current {
            event: report.event,
            timestamp,
            key,
            before: 0,
            duration: report.duration,
            heard_at: now,
            reported: false,
        };
        // When both the last event and this one are due, this one comes with the repetition of its end
        // report (RFC 4733 §2.5.1.4 has three of them), or by `lapse`.
        let press = before.or_else(|| if report.end { current.press() } else { None });
        self.current = Some(current);
        press
    }

    /// Gives a press whose end report was lost.
    pub fn lapse(&mut self, now: Instant) -> Option<Press> {
        let current = self.current.as_mut()?;
        if now.saturating_duration_since(current.heard_at) < RELEASED_AFTER {
            return None;
        }
        current.press()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn start() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn report(event: u8, duration: u16, end: bool) -> TelephoneEvent {
        TelephoneEvent { event, end, volume: 10, duration }
    }

    #[test]
    fn a_press_is_told_once_however_often_its_end_is_repeated() {
        let (mut detector, now) = (Detector::default(), start());
        let mut presses = Vec::new();
        for (duration, end) in [(160, false), (320, false), (480, true), (480, true), (480, true)] {
            presses.extend(detector.report(1000, duration == 160, report(5, duration, end), now));
        }
        presses.extend(detector.lapse(now + Duration::from_secs(1)));
        assert_eq!(presses, [Press { key: '5', duration: 480 }]);
    }

    #[test]
    fn the_same_key_twice_is_two_presses() {
        let (mut detector, now) = (Detector::default(), start());
        let keys: Vec<char> = [1000, 2000]
            .into_iter()
            .filter_map(|timestamp| detector.report(timestamp, true, report(11, 400, true), now))
            .map(|press| press.key)
            .collect();
        assert_eq!(keys, ['#', '#']);
    }

    #[test]
    fn a_press_whose_end_was_lost_is_told_when_the_next_begins() {
        let (mut detector, now) = (Detector::default(), start());
        assert_eq!(detector.report(1000, true, report(1, 160, false), now), None);
        let press = detector.report(3000, true, report(2, 160, false), now);
        assert_eq!(press.map(|press| press.key), Some('1'));
    }

    #[test]
    fn a_press_whose_end_was_lost_is_told_after_a_while() {
        let (mut detector, now) = (Detector::default(), start());
        assert_eq!(detector.report(1000, true, report(1, 160, false), now), None);
        assert_eq!(detector.lapse(now), None);
        assert!(detector.lapse(now + Duration::from_secs(1)).is_some());
        assert_eq!(detector.lapse(now + Duration::from_secs(2)), None);
    }

    #[test]
    fn a_long_press_in_segments_is_one() {
        let (mut detector, now) = (Detector::default(), start());
        assert_eq!(detector.report(0, true, report(3, u16::MAX, false), now), None);
        let press = detector.report(65_535, false, report(3, 800, true), now);
        assert_eq!(press, Some(Press { key: '3', duration: 65_535 + 800 }));
    }

    #[test]
    fn a_report_that_comes_late_changes_nothing() {
        let (mut detector, now) = (Detector::default(), start());
        detector.report(5000, true, report(1, 160, true), now);
        assert_eq!(detector.report(4000, true, report(9, 160, true), now), None);
    }

    proptest! {
        #[test]
        fn a_report_survives_writing_and_reading(event: u8, end: bool, volume in 0_u8..64, duration: u16) {
            let report = TelephoneEvent { event, end, volume, duration };
            prop_assert_eq!(TelephoneEvent::parse(&report.write()), Some(report));
        }
    }
}
