//! How fast one caller may ask: a bucket of requests each, that fills up again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::limits::{ADMIN_CALLERS_MAX, ADMIN_REQUESTS_AT_ONCE_MAX, ADMIN_REQUESTS_PER_SECOND_MAX};

/// Who has asked how much lately.
#[derive(Default)]
pub(crate) struct Pace(Mutex<BTreeMap<String, Bucket>>);

#[derive(Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Pace {
    /// Takes one request out of somebody's bucket.
    ///
    /// # Errors
    /// It is empty: after how long there is one in it again.
    pub(crate) fn take(&self, who: &str, now: Instant) -> Result<(), Duration> {
        let (most, rate) = (f64::from(ADMIN_REQUESTS_AT_ONCE_MAX), f64::from(ADMIN_REQUESTS_PER_SECOND_MAX));
        let mut buckets = self.0.lock();
        if buckets.len() >= ADMIN_CALLERS_MAX && !buckets.contains_key(who) {
            let is_full = |bucket: &Bucket| {
                bucket.left + now.saturating_duration_since(bucket.at).as_secs_f64() * rate >= most
            };
            buckets.retain(|_, bucket| !is_full(bucket));
            if buckets.len() >= ADMIN_CALLERS_MAX {
                return Err(Duration::from_secs(1));
            }
        }
        let bucket = buckets.entry(who.to_owned()).or_insert(Bucket { left: most, at: now });
        let filled = now.saturating_duration_since(bucket.at).as_secs_f64() * rate;
        *bucket = Bucket { left: (bucket.left + filled).min(most), at: now };
        if bucket.left < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - bucket.left) / rate));
        }
        bucket.left -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_too_fast_has_to_wait_and_others_have_not() {
        let (pace, now) = (Pace::default(), tokio::time::Instant::now().into_std());
        for _ in 0..ADMIN_REQUESTS_AT_ONCE_MAX {
            assert_eq!(pace.take("ann", now), Ok(()));
        }
        let wait = pace.take("ann", now).unwrap_err();
        assert_eq!(pace.take("bob", now), Ok(()));
        assert_eq!(pace.take("ann", now + wait), Ok(()));
        assert!(pace.take("ann", now + wait).is_err());
    }

    #[test]
    fn the_table_is_bounded_and_forgets_who_is_quiet() {
        let (pace, now) = (Pace::default(), tokio::time::Instant::now().into_std());
        for number in 0..ADMIN_CALLERS_MAX {
            pace.take(&number.to_string(), now).unwrap();
        }
        assert!(pace.take("one more", now).is_err());
        assert_eq!(pace.take("one more", now + Duration::from_secs(60)), Ok(()));
    }
}
