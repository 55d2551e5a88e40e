//! Failed sign-ins, counted by host: guessing becomes slow, and nobody else is held up by it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use model::Host;
use parking_lot::Mutex;

use crate::limits::{FAILURE_ADDRESSES_MAX, FAILURE_WINDOW, FAILURES_MAX};

/// The failures of every host.
#[derive(Default)]
pub(crate) struct Failures(Mutex<BTreeMap<Host, Count>>);

#[derive(Clone, Copy)]
struct Count {
    failures: u32,
    first: Instant,
}

impl Failures {
    /// Counts an attempt as failed before it is looked at, so that many at once count as many.
    ///
    /// # Errors
    /// The address has used up its failures: how long it has to wait.
    pub(crate) fn charge(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let mut counts = self.0.lock();
        let key = Host::from(address);
        if counts.len() >= FAILURE_ADDRESSES_MAX && !counts.contains_key(&key) {
            make_room(&mut counts, now);
        }
        let count = counts.entry(key).or_insert(Count { failures: 0, first: now });
        let age = now.saturating_duration_since(count.first);
        if age >= FAILURE_WINDOW {
            *count = Count { failures: 0, first: now };
        } else if count.failures >= FAILURES_MAX {
            return Err(FAILURE_WINDOW - age);
        }
        count.failures += 1;
        Ok(())
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
            assert_eq!(failures.charge(host(1), now), Ok(()));
        }
        assert_eq!(failures.charge(host(1), now), Err(FAILURE_WINDOW));
        assert_eq!(failures.charge(host(2), now), Ok(()));
        assert_eq!(failures.charge(host(1), now + FAILURE_WINDOW), Ok(()));
    }

    #[test]
    fn a_success_is_forgiven() {
        let (failures, now) = (Failures::default(), now());
        for _ in 0..10 * FAILURES_MAX {
            assert_eq!(failures.charge(host(1), now), Ok(()));
            failures.forgive(host(1));
        }
    }

    #[test]
    fn all_of_a_hosts_ipv6_addresses_count_as_one() {
        let (failures, now) = (Failures::default(), now());
        for last in 0..FAILURES_MAX {
            let address = format!("2001:db8::{last:x}").parse().unwrap();
            assert_eq!(failures.charge(address, now), Ok(()));
        }
        assert!(failures.charge("2001:db8::ffff".parse().unwrap(), now).is_err());
        assert!(failures.charge("2001:db8:0:1::1".parse().unwrap(), now).is_ok());
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
