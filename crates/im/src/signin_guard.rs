//! Who fails to sign in too often: limited per host and account first, then answered late per host.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use model::Host;
use parking_lot::Mutex;

use crate::limits::SignInLimits;

/// Counts failures. Only failures count: a success is never refused, nor made late, because of a neighbour.
#[derive(Default)]
pub(crate) struct SignInGuard {
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    pairs: BTreeMap<(Host, String), Failures>,
    hosts: BTreeMap<Host, Failures>,
}

#[derive(Clone, Copy)]
struct Failures {
    count: u16,
    first: Instant,
}

impl Failures {
    fn lapsed(self, window: Duration, now: Instant) -> bool {
        now.saturating_duration_since(self.first) >= window
    }
}

impl SignInGuard {
    /// May this account be tried from this address? False says that the pair has used up its failures.
    pub(crate) fn admits(&self, address: IpAddr, account: &str, limits: &SignInLimits, now: Instant) -> bool {
        let counts = self.counts.lock();
        if counts.pairs.is_empty() {
            return true;
        }
        counts.pairs.get(&(address.into(), account.to_owned())).is_none_or(|failures| {
            failures.lapsed(limits.failure_window, now) || failures.count < limits.failures_per_account_max
        })
    }

    /// An attempt failed: gives the time to wait before saying so.
    pub(crate) fn failed(
        &self,
        address: IpAddr,
        account: &str,
        limits: &SignInLimits,
        now: Instant,
    ) -> Duration {
        let mut counts = self.counts.lock();
        count(&mut counts.pairs, (address.into(), account.to_owned()), limits, now);
        let failures = count(&mut counts.hosts, address.into(), limits, now);
        delay(failures, limits)
    }

    /// The account signed in: its failures from this address are forgiven. Those of the address are not,
    /// or one good account would wash a list of guesses clean.
    pub(crate) fn succeeded(&self, address: IpAddr, account: &str) {
        let mut counts = self.counts.lock();
        if !counts.pairs.is_empty() {
            counts.pairs.remove(&(address.into(), account.to_owned()));
        }
    }
}

fn count<K: Ord + Clone>(
    table: &mut BTreeMap<K, Failures>,
    key: K,
    limits: &SignInLimits,
    now: Instant,
) -> u16 {
    if table.len() >= limits.remembered_max && !table.contains_key(&key) {
        make_room(table, limits, now);
    }
    let failures = table.entry(key).or_insert(Failures { count: 0, first: now });
    if failures.lapsed(limits.failure_window, now) {
        *failures = Failures { count: 0, first: now };
    }
    failures.count = failures.count.saturating_add(1);
    failures.count
}

/// Forgets what lapsed, else the older half: rare, and linear in the table.
fn make_room<K: Ord + Clone>(table: &mut BTreeMap<K, Failures>, limits: &SignInLimits, now: Instant) {
    table.retain(|_, failures| !failures.lapsed(limits.failure_window, now));
    if table.len() >= limits.remembered_max {
        let mut ages: Vec<Instant> = table.values().map(|failures| failures.first).collect();
        ages.sort_unstable();
        let middle = ages[ages.len() / 2];
        table.retain(|_, failures| failures.first > middle);
    }
}

fn delay(failures: u16, limits: &SignInLimits) -> Duration {
    match failures.checked_sub(limits.failures_per_address_free) {
        None | Some(0) => Duration::ZERO,
        Some(late) => {
            let doubled = limits.failure_delay_min.saturating_mul(1 << (late - 1).min(16));
            doubled.min(limits.failure_delay_max)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 3));

    fn now() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    #[test]
    fn the_pair_of_address_and_account_is_limited_first() {
        let (guard, limits, now) = (SignInGuard::default(), SignInLimits::default(), now());
        for _ in 0..limits.failures_per_account_max {
            assert!(guard.admits(HERE, "bob", &limits, now));
            guard.failed(HERE, "bob", &limits, now);
        }
        assert!(!guard.admits(HERE, "bob", &limits, now));
        assert!(guard.admits(HERE, "ann", &limits, now), "a neighbour at the same address");
        assert!(guard.admits(THERE, "bob", &limits, now), "the same user from elsewhere");
        assert!(guard.admits(HERE, "bob", &limits, now + limits.failure_window));
    }

    #[test]
    fn an_address_that_guesses_many_accounts_is_answered_late() {
        let (guard, limits, now) = (SignInGuard::default(), SignInLimits::default(), now());
        let delays: Vec<Duration> = (0..limits.failures_per_address_free + 8)
            .map(|n| guard.failed(HERE, &format!("user{n}"), &limits, now))
            .collect();
        let free = usize::from(limits.failures_per_address_free);
        assert!(delays[..free].iter().all(Duration::is_zero));
        assert_eq!(delays[free], limits.failure_delay_min);
        assert_eq!(delays[free + 1], limits.failure_delay_min * 2);
        assert_eq!(delays.last(), Some(&limits.failure_delay_max));
        assert!(guard.failed(THERE, "user0", &limits, now).is_zero());
    }

    #[test]
    fn a_success_forgives_the_pair_only() {
        let (guard, limits, now) = (SignInGuard::default(), SignInLimits::default(), now());
        for _ in 0..limits.failures_per_account_max {
            guard.failed(HERE, "bob", &limits, now);
            guard.failed(HERE, "ann", &limits, now);
        }
        guard.succeeded(HERE, "bob");
        assert!(guard.admits(HERE, "bob", &limits, now));
        assert!(!guard.admits(HERE, "ann", &limits, now));
        assert!(!guard.failed(HERE, "carol", &limits, now).is_zero());
    }

    #[test]
    fn another_ipv6_address_of_the_same_host_is_no_way_out() {
        let (guard, limits, now) = (SignInGuard::default(), SignInLimits::default(), now());
        for n in 0..limits.failures_per_account_max {
            let address = format!("2001:db8::{n:x}").parse().unwrap();
            assert!(guard.admits(address, "bob", &limits, now));
            guard.failed(address, "bob", &limits, now);
        }
        assert!(!guard.admits("2001:db8::ffff".parse().unwrap(), "bob", &limits, now));
        assert!(guard.admits("2001:db8:0:1::1".parse().unwrap(), "bob", &limits, now));
    }

    #[test]
    fn the_table_stays_within_its_limit() {
        let limits = SignInLimits { remembered_max: 16, ..SignInLimits::default() };
        let (guard, now) = (SignInGuard::default(), now());
        for n in 0..100 {
            guard.failed(HERE, &format!("user{n}"), &limits, now + Duration::from_millis(n));
        }
        assert!(guard.counts.lock().pairs.len() <= 16);
    }
}
