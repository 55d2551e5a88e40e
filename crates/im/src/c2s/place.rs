//! Places among the connections that are not signed in: so many for all, and a share of them for each host.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use model::Host;
use parking_lot::Mutex;

use crate::Im;

/// How many places are taken, and by whom.
#[derive(Default)]
pub(crate) struct Places(Mutex<Taken>);

#[derive(Default)]
struct Taken {
    all: usize,
    /// Without the trusted addresses, whose share is the whole.
    hosts: BTreeMap<Host, usize>,
}

/// A place, until it is dropped.
pub(super) struct Place {
    im: Arc<Im>,
    host: Option<Host>,
}

impl Places {
    /// Takes a place; none when all are taken, or all of this host's.
    fn take(&self, host: Option<Host>, (all_max, host_max): (usize, usize)) -> bool {
        let mut taken = self.0.lock();
        let of_host = host.map_or(0, |host| taken.hosts.get(&host).copied().unwrap_or_default());
        if taken.all >= all_max || of_host >= host_max {
            return false;
        }
        taken.all += 1;
        if let Some(host) = host {
            taken.hosts.insert(host, of_host + 1);
        }
        true
    }

    fn give_back(&self, host: Option<Host>) {
        let mut taken = self.0.lock();
        taken.all -= 1;
        let Some(host) = host else { return };
        if let Some(count) = taken.hosts.get_mut(&host) {
            *count -= 1;
            if *count == 0 {
                taken.hosts.remove(&host);
            }
        }
    }
}

impl Im {
    /// A place among the connections that are not signed in; none when all are taken.
    pub(super) fn place(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let limits = self.limits.load().sign_in;
        let most = (limits.unauthenticated_connections_max, limits.unauthenticated_connections_per_host_max);
        let host = (!self.trusts(peer)).then(|| Host::from(peer));
        if !self.arrivals.places.take(host, most) {
            metrics::counter!("carillon_im_connections_refused_total").increment(1);
            tracing::debug!(all = most.0, host = most.1, "too many connections that are not signed in");
            return None;
        }
        Some(Place { im: Arc::clone(self), host })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.im.arrivals.places.give_back(self.host);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(address: &str) -> Option<Host> {
        Some(address.parse::<IpAddr>().unwrap().into())
    }

    #[test]
    fn a_host_that_has_its_share_takes_no_more_and_others_do() {
        let places = Places::default();
        let (greedy, neighbour) = (host("192.0.2.1"), host("192.0.2.2"));
        assert!(places.take(greedy, (5, 2)) && places.take(greedy, (5, 2)));
        assert!(!places.take(greedy, (5, 2)));
        assert!(places.take(neighbour, (5, 2)));
        places.give_back(greedy);
        assert!(places.take(greedy, (5, 2)));
    }

    #[test]
    fn all_addresses_of_an_ipv6_host_share_its_places() {
        let places = Places::default();
        assert!(places.take(host("2001:db8::1"), (5, 1)));
        assert!(!places.take(host("2001:db8::2"), (5, 1)));
        assert!(places.take(host("2001:db8:0:1::1"), (5, 1)));
    }

    #[test]
    fn who_is_trusted_may_have_all_and_no_more() {
        let places = Places::default();
        assert!((0..5).all(|_| places.take(None, (5, 1))));
        assert!(!places.take(None, (5, 1)));
        assert!(!places.take(host("192.0.2.1"), (5, 1)));
    }

    #[test]
    fn nothing_is_remembered_of_a_host_that_has_gone() {
        let places = Places::default();
        assert!(places.take(host("192.0.2.1"), (5, 1)));
        places.give_back(host("192.0.2.1"));
        assert!(places.0.lock().hosts.is_empty());
    }
}
