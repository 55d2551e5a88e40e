//! Our address towards a peer, when a socket is bound to all addresses.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use parking_lot::Mutex;
use runtime::{Runtime, SocketOptions};

/// Peers whose answer is remembered; when full, all are forgotten.
const PEERS_MAX: usize = 16_384;

/// What the system's routing table says, remembered.
pub(crate) struct LocalAddresses {
    runtime: Runtime,
    known: Mutex<BTreeMap<IpAddr, IpAddr>>,
}

impl LocalAddresses {
    pub(crate) fn new(runtime: &Runtime) -> Self {
        Self { runtime: runtime.clone(), known: Mutex::default() }
    }

    /// The address that `remote` sees of a socket bound to `bound`.
    pub(crate) fn towards(&self, bound: SocketAddr, remote: SocketAddr) -> SocketAddr {
        if !bound.ip().is_unspecified() {
            return bound;
        }
        let known = self.known.lock().get(&remote.ip()).copied();
        let address = known.unwrap_or_else(|| {
            let address = self.ask(bound, remote).unwrap_or(bound.ip());
            let mut table = self.known.lock();
            if table.len() >= PEERS_MAX {
                table.clear();
            }
            table.insert(remote.ip(), address);
            address
        });
        SocketAddr::new(address, bound.port())
    }

    /// Connecting a datagram socket sends nothing; it only chooses the source address.
    fn ask(&self, bound: SocketAddr, remote: SocketAddr) -> Option<IpAddr> {
        let probe =
            self.runtime.bind_udp_std(SocketAddr::new(bound.ip(), 0), SocketOptions::default()).ok()?;
        probe.connect(remote).ok()?;
        Some(probe.local_addr().ok()?.ip())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wildcard_becomes_the_address_of_the_route_and_others_stay() {
        let addresses = LocalAddresses::new(&Runtime::real());
        let towards = |bound: &str, remote: &str| {
            addresses.towards(bound.parse().unwrap(), remote.parse().unwrap()).to_string()
        };
        assert_eq!(towards("0.0.0.0:5060", "127.0.0.1:9"), "127.0.0.1:5060");
        assert_eq!(towards("192.0.2.7:5060", "127.0.0.1:9"), "192.0.2.7:5060");
    }
}
