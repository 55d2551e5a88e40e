//! How many connections each host has: none takes the places of all others.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use model::Host;
use parking_lot::Mutex;

/// The connections of one listener, by host.
#[derive(Clone, Default)]
pub(crate) struct Hosts(Arc<Mutex<BTreeMap<Host, usize>>>);

/// A connection, until it is dropped.
pub(crate) struct Share {
    hosts: Hosts,
    host: Host,
}

impl Hosts {
    /// A place for one more connection of a host; none when it has `max` of them.
    pub(crate) fn take(&self, address: IpAddr, max: usize) -> Option<Share> {
        let host = Host::from(address);
        let mut open = self.0.lock();
        let count = open.entry(host).or_default();
        if *count >= max {
            return None;
        }
        *count += 1;
        Some(Share { hosts: self.clone(), host })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut open = self.hosts.0.lock();
        if let Some(count) = open.get_mut(&self.host) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.host);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_its_share_and_gives_it_back() {
        let hosts = Hosts::default();
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let one = hosts.take(address("2001:db8::1"), 2);
        let two = hosts.take(address("2001:db8::2"), 2);
        assert!(one.is_some() && two.is_some());
        assert!(hosts.take(address("2001:db8::3"), 2).is_none(), "a host has a whole network");
        assert!(hosts.take(address("192.0.2.1"), 2).is_some());
        drop(one);
        let three = hosts.take(address("2001:db8::3"), 2);
        assert!(three.is_some());
        drop((two, three));
        assert!(hosts.0.lock().is_empty(), "nothing is remembered of hosts that have gone");
    }
}
