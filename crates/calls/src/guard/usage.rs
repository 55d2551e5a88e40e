//! Calls and minutes of one line and class, within an hour and a day.

use std::time::Duration;

use model::Timestamp;
use model::plan::{Allowed, CostClass};

use super::{Limit, Used};

/// The parts of an hour.
const HOUR_PART: Duration = Duration::from_secs(300);
/// The parts of a day.
const DAY_PART: Duration = Duration::from_secs(3600);

/// A sum over the time that has just passed, in parts: the oldest part falls out as a whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window<const PARTS: usize> {
    parts: [u32; PARTS],
    /// The number of the latest part, counted from 1970.
    latest: i64,
    length: Duration,
}

impl Default for Window<12> {
    fn default() -> Self {
        Self { parts: [0; 12], latest: 0, length: HOUR_PART }
    }
}

impl Default for Window<24> {
    fn default() -> Self {
        Self { parts: [0; 24], latest: 0, length: DAY_PART }
    }
}

impl<const PARTS: usize> Window<PARTS> {
    /// Adds, and gives the sum.
    pub(super) fn add(&mut self, count: u32, now: Timestamp) -> u32 {
        self.pass(now);
        let place = self.place();
        self.parts[place] = self.parts[place].saturating_add(count);
        self.sum(now)
    }

    /// The sum.
    pub(super) fn sum(&mut self, now: Timestamp) -> u32 {
        self.pass(now);
        self.parts.iter().fold(0, |sum, part| sum.saturating_add(*part))
    }

    fn place(&self) -> usize {
        usize::try_from(self.latest.rem_euclid(PARTS as i64)).unwrap_or(0)
    }

    /// A clock that goes back changes nothing.
    fn pass(&mut self, now: Timestamp) {
        let number = now.seconds().div_euclid(i64::try_from(self.length.as_secs()).unwrap_or(i64::MAX));
        let passed = number.saturating_sub(self.latest).clamp(0, PARTS as i64);
        for _ in 0..passed {
            self.latest += 1;
            let place = self.place();
            self.parts[place] = 0;
        }
        self.latest = self.latest.max(number);
    }
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Usage {
    /// Calls at this moment.
    calls: u32,
    /// The charges of those that were answered and are under way, and since when each is counted.
    talking: Vec<(u64, Timestamp)>,
    hour: Window<12>,
    day: Window<24>,
    /// Seconds that were talked.
    talked: Window<24>,
}

impl Usage {
    pub(super) fn begin(&mut self, now: Timestamp) {
        self.calls += 1;
        self.hour.add(1, now);
        self.day.add(1, now);
    }

    pub(super) fn answer(&mut self, charge: u64, now: Timestamp) {
        self.talking.push((charge, now));
    }

    pub(super) fn end(&mut self, charge: u64, now: Timestamp) {
        self.calls = self.calls.saturating_sub(1);
        if let Some(place) = self.talking.iter().position(|(talking, _)| *talking == charge) {
            let (_, since) = self.talking.swap_remove(place);
            self.talked.add(u32::try_from(now.since(since).as_secs()).unwrap_or(u32::MAX), now);
        }
    }

    /// What was used is forgotten; calls under way are not.
    pub(super) fn forget(&mut self, now: Timestamp) {
        self.talking.iter_mut().for_each(|(_, since)| *since = now);
        (self.hour, self.day, self.talked) = Default::default();
    }

    /// Has it no call?
    pub(super) fn rests(&self) -> bool {
        self.calls == 0
    }

    /// Minutes within a day; begun ones, and those of calls under way, are counted.
    fn minutes(&mut self, now: Timestamp) -> u32 {
        u32::try_from(self.seconds(now).div_ceil(60)).unwrap_or(u32::MAX)
    }

    fn seconds(&mut self, now: Timestamp) -> u64 {
        let live = self.talking.iter().fold(0_u64, |sum, (_, since)| sum + now.since(*since).as_secs());
        u64::from(self.talked.sum(now)) + live
    }

    /// How long one more call may be talked, when all that are under way go on as long.
    pub(super) fn time_left(&mut self, allowed: Allowed, now: Timestamp) -> Duration {
        let left = (u64::from(allowed.minutes_per_day) * 60).saturating_sub(self.seconds(now));
        Duration::from_secs(left / (self.talking.len() as u64).max(1))
    }

    /// The limit that stands in the way of another call.
    pub(super) fn barred(&mut self, allowed: Allowed, now: Timestamp) -> Option<Limit> {
        if self.calls >= allowed.calls_max {
            Some(Limit::CallsAtOnce)
        } else if self.hour.sum(now) >= allowed.calls_per_hour {
            Some(Limit::CallsPerHour)
        } else if self.day.sum(now) >= allowed.calls_per_day {
            Some(Limit::CallsPerDay)
        } else if self.minutes(now) >= allowed.minutes_per_day {
            Some(Limit::MinutesPerDay)
        } else {
            None
        }
    }

    pub(super) fn shown(&mut self, class: CostClass, allowed: Allowed, now: Timestamp) -> Used {
        Used {
            class,
            calls: self.calls,
            calls_this_hour: self.hour.sum(now),
            calls_this_day: self.day.sum(now),
            minutes_this_day: self.minutes(now),
            allowed,
            barred: self.barred(allowed, now),
        }
    }
}
