//! Wrong credentials, limited per address and account first; only failures count.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Failures that one account may have from one address before it must wait.
const FAILURES_PER_PAIR_MAX: u32 = 10;
/// How long until one of them is forgiven.
const FORGIVEN_AFTER: Duration = Duration::from_secs(6);
/// Failures of one address, over all accounts, after which further failures are answered later.
const FAILURES_PER_ADDRESS_MAX: u32 = 100;
/// How late a failure is answered: longer than any look-up takes, so that time tells nothing about accounts.
pub(super) const FAILURE_DELAY: Duration = Duration::from_millis(100);
/// How late a failure is answered to an address with too many.
const FAILURE_DELAY_MAX: Duration = Duration::from_secs(2);
/// Pairs and addresses that are remembered; when full, those that are nearly forgiven give way.
const REMEMBERED_MAX: usize = 65_536;

/// Counts failures. A pair that has used up its failures is not tried before one is forgiven; nobody else is
/// touched by that, whatever address they share.
#[derive(Debug, Default)]
pub(super) struct Failures {
    tables: Mutex<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    pairs: BTreeMap<(IpAddr, Vec<u8>), Bucket>,
    addresses: BTreeMap<IpAddr, Bucket>,
}

/// Failures that leak away one by one.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    count: u32,
    since: Instant,
}

impl Bucket {
    fn at(self, now: Instant) -> Self {
        let past = now.saturating_duration_since(self.since);
        let forgiven = u32::try_from(past.as_millis() / FORGIVEN_AFTER.as_millis()).unwrap_or(u32::MAX);
        let count = self.count.saturating_sub(forgiven);
        Self { count, since: self.since + FORGIVEN_AFTER * forgiven.min(self.count) }
    }
}

impl Failures {
    /// May the account be tried from this address?
    pub(super) fn admits(&self, address: IpAddr, account: &[u8], now: Instant) -> bool {
        let tables = self.tables.lock();
        if tables.pairs.is_empty() {
            return true;
        }
        let bucket = tables.pairs.get(&(address, account.to_vec()));
        bucket.is_none_or(|bucket| bucket.at(now).count < FAILURES_PER_PAIR_MAX)
    }

    /// An attempt failed: gives the time to wait before saying so.
    pub(super) fn failed(&self, address: IpAddr, account: &[u8], now: Instant) -> Duration {
        let mut tables = self.tables.lock();
        count(&mut tables.pairs, (address, account.to_vec()), now);
        let failures = count(&mut tables.addresses, address, now);
        if failures > FAILURES_PER_ADDRESS_MAX { FAILURE_DELAY_MAX } else { FAILURE_DELAY }
    }
}

fn count<K: Ord + Clone>(table: &mut BTreeMap<K, Bucket>, key: K, now: Instant) -> u32 {
    if table.len() >= REMEMBERED_MAX && !table.contains_key(&key) {
        table.retain(|_, bucket| bucket.at(now).count > 1);
        if table.len() >= REMEMBERED_MAX {
            table.pop_first();
        }
    }
    let bucket = table.entry(key).or_insert(Bucket { count: 0, since: now });
    *bucket = bucket.at(now);
    if bucket.count == 0 {
        bucket.since = now;
    }
    bucket.count += 1;
    bucket.count
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 3));

    fn start() -> Instant {
        runtime::Runtime::real().now()
    }

    #[test]
    fn a_pair_that_fails_too_often_waits_and_its_neighbours_do_not() {
        let (failures, now) = (Failures::default(), start());
        for _ in 0..FAILURES_PER_PAIR_MAX {
            assert!(failures.admits(HERE, b"ann", now));
            failures.failed(HERE, b"ann", now);
        }
        assert!(!failures.admits(HERE, b"ann", now));
        assert!(failures.admits(HERE, b"bob", now), "another account of the same address");
        assert!(failures.admits(THERE, b"ann", now), "the same account elsewhere");
        assert!(failures.admits(HERE, b"ann", now + FORGIVEN_AFTER));
    }

    #[test]
    fn an_address_with_many_failures_is_answered_late_and_never_refused() {
        let (failures, now) = (Failures::default(), start());
        for number in 0..FAILURES_PER_ADDRESS_MAX {
            assert_eq!(failures.failed(HERE, number.to_string().as_bytes(), now), FAILURE_DELAY);
        }
        assert_eq!(failures.failed(HERE, b"one more", now), FAILURE_DELAY_MAX);
        assert!(failures.admits(HERE, b"somebody", now));
        assert_eq!(failures.failed(THERE, b"one more", now), FAILURE_DELAY);
    }

    #[test]
    fn the_table_stays_within_its_limit() {
        let (failures, now) = (Failures::default(), start());
        for number in 0..REMEMBERED_MAX + 10 {
            failures.failed(HERE, &number.to_be_bytes(), now);
        }
        assert!(failures.tables.lock().pairs.len() <= REMEMBERED_MAX);
    }
}
