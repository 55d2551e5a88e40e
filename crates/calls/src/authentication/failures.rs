//! Wrong credentials, limited per address and account first; only failures count.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use model::Host;
use parking_lot::Mutex;

use crate::SignInLimits;

/// The time that limits of failures are meant for: over it they are forgiven, one by one.
const WINDOW: Duration = Duration::from_secs(600);
/// How late a failure is answered: longer than any look-up takes, so that time tells nothing about accounts.
pub(super) const FAILURE_DELAY: Duration = Duration::from_millis(100);
/// How late a failure is answered to an address with too many.
const FAILURE_DELAY_MAX: Duration = Duration::from_secs(2);
/// Hosts, and pairs of host and account, that are remembered; when full, those that are nearly forgiven give way.
const REMEMBERED_MAX: usize = 65_536;

/// Counts failures. A pair that has used up its failures is not tried before one is forgiven; nobody else is
/// touched by that, whatever address they share.
#[derive(Debug)]
pub(super) struct Failures {
    tables: Mutex<Tables>,
    per_account_max: AtomicU16,
    per_address_free: AtomicU16,
}

#[derive(Debug, Default)]
struct Tables {
    pairs: BTreeMap<(Host, Vec<u8>), Bucket>,
    hosts: BTreeMap<Host, Bucket>,
}

/// What follows from a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failed {
    /// The time to wait before saying so.
    pub delay: Duration,
    /// The address has failed more often than people do.
    pub is_scan: bool,
}

/// Failures that leak away one by one.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    count: u32,
    since: Instant,
}

impl Bucket {
    /// What is left of it when `limit` failures are forgiven in [`WINDOW`].
    fn at(self, now: Instant, limit: u16) -> Self {
        let forgiven_after = WINDOW / u32::from(limit.max(1));
        let past = now.saturating_duration_since(self.since);
        let forgiven = u32::try_from(past.as_millis() / forgiven_after.as_millis()).unwrap_or(u32::MAX);
        let count = self.count.saturating_sub(forgiven);
        Self { count, since: self.since + forgiven_after * forgiven.min(self.count) }
    }
}

impl Failures {
    pub(super) fn new(limits: SignInLimits) -> Self {
        Self {
            tables: Mutex::default(),
            per_account_max: AtomicU16::new(limits.failures_per_account_max),
            per_address_free: AtomicU16::new(limits.failures_per_address_free),
        }
    }

    /// Other limits hold from now on.
    pub(super) fn set_limits(&self, limits: SignInLimits) {
        self.per_account_max.store(limits.failures_per_account_max, Ordering::Relaxed);
        self.per_address_free.store(limits.failures_per_address_free, Ordering::Relaxed);
    }

    /// May the account be tried from this address?
    pub(super) fn admits(&self, address: IpAddr, account: &[u8], now: Instant) -> bool {
        let tables = self.tables.lock();
        if tables.pairs.is_empty() {
            return true;
        }
        let bucket = tables.pairs.get(&(address.into(), account.to_vec()));
        let limit = self.per_account_max.load(Ordering::Relaxed);
        bucket.is_none_or(|bucket| bucket.at(now, limit).count < u32::from(limit))
    }

    /// An attempt failed.
    pub(super) fn failed(&self, address: IpAddr, account: &[u8], now: Instant) -> Failed {
        let mut tables = self.tables.lock();
        let limit = self.per_account_max.load(Ordering::Relaxed);
        count(&mut tables.pairs, (address.into(), account.to_vec()), limit, now);
        let free = self.per_address_free.load(Ordering::Relaxed);
        let failures = count(&mut tables.hosts, address.into(), free, now);
        let is_scan = failures > u32::from(free);
        Failed { delay: if is_scan { FAILURE_DELAY_MAX } else { FAILURE_DELAY }, is_scan }
    }
}

fn count<K: Ord + Clone>(table: &mut BTreeMap<K, Bucket>, key: K, limit: u16, now: Instant) -> u32 {
    if table.len() >= REMEMBERED_MAX && !table.contains_key(&key) {
        table.retain(|_, bucket| bucket.at(now, limit).count > 1);
        if table.len() >= REMEMBERED_MAX {
            table.pop_first();
        }
    }
    let bucket = table.entry(key).or_insert(Bucket { count: 0, since: now });
    *bucket = bucket.at(now, limit);
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

    const LIMITS: SignInLimits =
        SignInLimits { failures_per_account_max: 10, failures_per_address_free: 100 };

    fn start() -> Instant {
        runtime::Runtime::real().now()
    }

    #[test]
    fn a_pair_that_fails_too_often_waits_and_its_neighbours_do_not() {
        let (failures, now) = (Failures::new(LIMITS), start());
        for _ in 0..LIMITS.failures_per_account_max {
            assert!(failures.admits(HERE, b"ann", now));
            failures.failed(HERE, b"ann", now);
        }
        assert!(!failures.admits(HERE, b"ann", now));
        assert!(failures.admits(HERE, b"bob", now), "another account of the same address");
        assert!(failures.admits(THERE, b"ann", now), "the same account elsewhere");
        assert!(failures.admits(HERE, b"ann", now + WINDOW / 10));
    }

    #[test]
    fn other_limits_hold_at_once() {
        let (failures, now) = (Failures::new(LIMITS), start());
        failures.failed(HERE, b"ann", now);
        assert!(failures.admits(HERE, b"ann", now));
        failures.set_limits(SignInLimits { failures_per_account_max: 1, failures_per_address_free: 1 });
        assert!(!failures.admits(HERE, b"ann", now));
        assert_eq!(failures.failed(HERE, b"bob", now).delay, FAILURE_DELAY_MAX);
        assert!(failures.admits(HERE, b"ann", now + WINDOW));
    }

    #[test]
    fn an_address_with_many_failures_is_answered_late_and_never_refused() {
        let (failures, now) = (Failures::new(LIMITS), start());
        for number in 0..LIMITS.failures_per_address_free {
            assert_eq!(failures.failed(HERE, number.to_string().as_bytes(), now).delay, FAILURE_DELAY);
        }
        assert_eq!(failures.failed(HERE, b"one more", now).delay, FAILURE_DELAY_MAX);
        assert!(failures.admits(HERE, b"somebody", now));
        assert_eq!(failures.failed(THERE, b"one more", now).delay, FAILURE_DELAY);
    }

    #[test]
    fn the_table_stays_within_its_limit() {
        let (failures, now) = (Failures::new(LIMITS), start());
        for number in 0..REMEMBERED_MAX + 10 {
            failures.failed(HERE, &number.to_be_bytes(), now);
        }
        assert!(failures.tables.lock().pairs.len() <= REMEMBERED_MAX);
    }
}
