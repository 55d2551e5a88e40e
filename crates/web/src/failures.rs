//! Failed sign-ins, counted by host: guessing becomes slow, and nobody else is held up by it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use model::Host;
use parking_lot::Mutex;

use crate::limits::{
    FAILURE_ADDRESSES_MAX, FAILURE_WINDOW, FAILURES_MAX, LATE_ATTEMPT_INTERVAL, LATE_ATTEMPT_WAIT_MAX,
};

/// The failures of every host.
#[derive(Default)]
pub(crate) struct Failures(Mutex<BTreeMap<Host, Count>>);

#[derive(Clone, Copy)]
struct Count {
    failures: u32,
    first: Instant,
    /// When the next attempt of a host that has used up its failures is looked at.
    next: Instant,
}

impl Failures {
    /// Counts an attempt as failed before it is looked at, so that many at once count as many. Gives the time to
    /// wait before it is looked at: a host that has used up its failures guesses slowly, and whoever knows the
    /// password gets in from there all the same.
    ///
    /// # Errors
    /// Too many attempts of the host wait already: how long the next one has to wait.
    pub(crate) fn charge(&self, address: IpAddr, now: Instant) -> Result<Duration, Duration> {
        let mut counts = self.0.lock();
        let key = Host::from(address);
        if counts.len() >= FAILURE_ADDRESSES_MAX && !counts.contains_key(&key) {
            make_room(&mut counts, now);
        }
        let fresh = Count { failures: 0, first: now, next: now };
        let count = counts.entry(key).or_insert(fresh);
        if now.saturating_duration_since(count.first) >= FAILURE_WINDOW {
            *count = fresh;
        }
        if count.failures < FAILURES_MAX {
            count.failures += 1;
            return Ok(Duration::ZERO);
        }
        let at = count.next.max(now) + LATE_ATTEMPT_INTERVAL;
        let wait = at.saturating_duration_since(now);
        if wait > LATE_ATTEMPT_WAIT_MAX {
            return Err(wait);
        }
        count.next = at;
        Ok(wait)
    }

    /// The attempt was right after all; with it, the address is forgiven.
    pub(crate) fn forgive(&self, address: IpAddr) {
        self.0.lock().remove(&Host::from(address));
    }
}

/// Forgets what no longer counts, else the older half.
fn make_room(counts: &mut BTreeMap<Host, Count>, now: Instant) {
    counts.retain(|_, count| now.saturating_duration_since(count.first) < FAILURE_WINDOW);
    if counts.len() >= FAILURE_ADDRESSES_MAX {
        let mut ages: Vec<Instant> = counts.values().map(|count| count.first).collect();
        ages.sort_unstable();
        let middle = ages[ages.len() / 2];
        counts.retain(|_, count| count.first > middle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn host(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn an_address_that_guesses_has_to_wait_and_its_neighbours_have_not() {
        let (failures, now) = (Failures::default(), now());
        for _ in 0..FAILURES_MAX {
            assert_eq!(failures.charge(host(1), now), Ok(Duration::ZERO));
        }
        assert_eq!(failures.charge(host(1), now), Ok(LATE_ATTEMPT_INTERVAL));
        assert_eq!(failures.charge(host(1), now), Ok(2 * LATE_ATTEMPT_INTERVAL), "one after the other");
        assert_eq!(failures.charge(host(2), now), Ok(Duration::ZERO));
        assert_eq!(failures.charge(host(1), now + FAILURE_WINDOW), Ok(Duration::ZERO));
    }

    #[test]
    fn so_many_attempts_wait_and_no_more() {
        let (failures, now) = (Failures::default(), now());
        let waits: Vec<_> = (0..1_000).map_while(|_| failures.charge(host(1), now).ok()).collect();
        assert_eq!(waits.last(), Some(&LATE_ATTEMPT_WAIT_MAX));
        assert!(failures.charge(host(1), now).is_err());
        assert_eq!(failures.charge(host(1), now + LATE_ATTEMPT_INTERVAL), Ok(LATE_ATTEMPT_WAIT_MAX));
    }

    #[test]
    fn a_success_is_forgiven() {
        let (failures, now) = (Failures::default(), now());
        for _ in 0..10 * FAILURES_MAX {
            assert_eq!(failures.charge(host(1), now), Ok(Duration::ZERO));
            failures.forgive(host(1));
        }
    }

    #[test]
    fn all_of_a_hosts_ipv6_addresses_count_as_one() {
        let (failures, now) = (Failures::default(), now());
        for last in 0..FAILURES_MAX {
            let address = format!("2001:db8::{last:x}").parse().unwrap();
            assert_eq!(failures.charge(address, now), Ok(Duration::ZERO));
        }
        assert_ne!(failures.charge("2001:db8::ffff".parse().unwrap(), now), Ok(Duration::ZERO));
        assert_eq!(failures.charge("2001:db8:0:1::1".parse().unwrap(), now), Ok(Duration::ZERO));
    }

    #[test]
    fn the_table_is_bounded() {
        let (failures, now) = (Failures::default(), now());
        for number in 0..u32::try_from(FAILURE_ADDRESSES_MAX).unwrap() + 10 {
            let address = IpAddr::from((0x0a00_0000 + number).to_be_bytes());
            failures.charge(address, now + Duration::from_micros(u64::from(number))).unwrap();
        }
        assert!(failures.0.lock().len() <= FAILURE_ADDRESSES_MAX);
    }
}
