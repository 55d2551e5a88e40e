//! Wrong PINs, counted for each caller and conference over all calls: whoever guesses is listened to less and less.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::place::Caller;

/// Wrong PINs of one caller for one conference that cost nothing.
const FREE: u32 = 3;
/// The longest time for which keys are not looked at.
const DEAF_MAX: Duration = Duration::from_secs(300);
/// After so long without another one, wrong PINs are forgiven.
const FORGIVEN_AFTER: Duration = Duration::from_secs(600);
/// Pairs of caller and conference that are remembered; when full, those that are nearly forgiven give way.
const REMEMBERED_MAX: usize = 4_096;

/// Who has entered wrong PINs, where, how often and when last.
#[derive(Debug, Default)]
pub(crate) struct Pins {
    wrong: Mutex<BTreeMap<(String, String), (u32, Instant)>>,
}

/// Who a caller is for the count: the line, whatever phone; behind a trunk the number.
pub(crate) fn source(caller: &Caller) -> String {
    match (&caller.line, &caller.trunk) {
        (Some(line), _) => format!("line {line}"),
        (None, Some(trunk)) => format!("{} over {}", trunk.number, trunk.name),
        (None, None) => "nobody".to_owned(),
    }
}

impl Pins {
    /// Are keys of this caller not looked at now? The longer, the more often it was wrong.
    pub(crate) fn is_deaf(&self, source: &str, room: &str, now: Instant) -> bool {
        let wrong = self.wrong.lock();
        wrong
            .get(&(source.to_owned(), room.to_owned()))
            .is_some_and(|(count, last)| now < *last + deaf(*count))
    }

    /// A wrong PIN.
    pub(crate) fn failed(&self, source: &str, room: &str, now: Instant) {
        let mut wrong = self.wrong.lock();
        wrong.retain(|_, (_, last)| now < *last + FORGIVEN_AFTER);
        let key = (source.to_owned(), room.to_owned());
        if wrong.len() >= REMEMBERED_MAX && !wrong.contains_key(&key) {
            let oldest = wrong.iter().min_by_key(|(_, (_, last))| *last).map(|(key, _)| key.clone());
            oldest.and_then(|key| wrong.remove(&key));
        }
        let (count, last) = wrong.entry(key).or_insert((0, now));
        (*count, *last) = (count.saturating_add(1), now);
        metrics::counter!("carillon_conference_wrong_pins_total").increment(1);
        if *count >= FREE {
            tracing::warn!(%source, %room, count = *count, "somebody guesses the PIN of a conference");
        }
    }

    /// The right one: whoever knows it has not guessed.
    pub(crate) fn right(&self, source: &str, room: &str) {
        self.wrong.lock().remove(&(source.to_owned(), room.to_owned()));
    }
}

/// One second after the last free one, and twice as long after each further one.
fn deaf(count: u32) -> Duration {
    match count.checked_sub(FREE) {
        Some(more) => Duration::from_secs(1 << more.min(9)).min(DEAF_MAX),
        None => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods, reason = "an Instant cannot be had otherwise; it is moved by hand")]
    fn whoever_guesses_waits_longer_each_time_and_others_do_not() {
        let (pins, mut now) = (Pins::default(), Instant::now());
        for _ in 0..2 {
            pins.failed("line 1001", "801", now);
            assert!(!pins.is_deaf("line 1001", "801", now), "anybody mistypes");
        }
        for seconds in [1, 2, 4, 8] {
            pins.failed("line 1001", "801", now);
            assert!(pins.is_deaf(
                "line 1001",
                "801",
                now + Duration::from_secs(seconds) - Duration::from_millis(1)
            ));
            now += Duration::from_secs(seconds);
            assert!(!pins.is_deaf("line 1001", "801", now));
        }
        assert!(!pins.is_deaf("line 1002", "801", now) && !pins.is_deaf("line 1001", "802", now));
        pins.right("line 1001", "801");
        pins.failed("line 1001", "801", now);
        assert!(!pins.is_deaf("line 1001", "801", now));
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "an Instant cannot be had otherwise; it is moved by hand")]
    fn the_table_is_bounded_and_forgives() {
        let (pins, now) = (Pins::default(), Instant::now());
        for caller in 0..2 * REMEMBERED_MAX {
            pins.failed(&caller.to_string(), "801", now);
        }
        assert_eq!(pins.wrong.lock().len(), REMEMBERED_MAX);
        pins.failed("late", "801", now + FORGIVEN_AFTER);
        assert_eq!(pins.wrong.lock().len(), 1);
    }
}
