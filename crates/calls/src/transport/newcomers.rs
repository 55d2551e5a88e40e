//! Connections over which nobody has proved who he is: few from one address, so that none takes all there is room for.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

/// Connections of one address, of which nobody has proved who he is; more are closed at once. A house of phones
/// behind one address that starts after a power cut fits.
pub(crate) const NEWCOMERS_PER_ADDRESS_MAX: usize = 1_024;

/// The newcomers, by address.
#[derive(Clone, Debug, Default)]
pub(crate) struct Newcomers {
    counts: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
}

/// One connection's place among them, until it is proved or ends.
#[derive(Debug)]
pub(crate) struct Newcomer {
    all: Newcomers,
    address: IpAddr,
    /// It takes no place any more.
    left: AtomicBool,
    proved: AtomicBool,
}

impl Newcomers {
    /// A place for a connection from `address`; `None` when it has too many already.
    pub(crate) fn admit(&self, address: IpAddr) -> Option<Arc<Newcomer>> {
        let address = address.to_canonical();
        let mut counts = self.counts.lock();
        let count = counts.entry(address).or_default();
        if *count >= NEWCOMERS_PER_ADDRESS_MAX {
            return None;
        }
        *count += 1;
        Some(self.newcomer(address, false))
    }

    /// A connection that we opened ourselves, to somebody known.
    pub(crate) fn known(&self, address: IpAddr) -> Arc<Newcomer> {
        self.newcomer(address.to_canonical(), true)
    }

    fn newcomer(&self, address: IpAddr, known: bool) -> Arc<Newcomer> {
        let (left, proved) = (AtomicBool::new(known), AtomicBool::new(known));
        Arc::new(Newcomer { all: self.clone(), address, left, proved })
    }
}

impl Newcomer {
    /// A request over it was authenticated.
    pub(crate) fn prove(&self) {
        self.proved.store(true, Ordering::Relaxed);
        self.leave();
    }

    /// Was a request over it authenticated?
    pub(crate) fn is_proved(&self) -> bool {
        self.proved.load(Ordering::Relaxed)
    }

    /// The connection has ended, or needs the place no more.
    pub(crate) fn leave(&self) {
        if self.left.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut counts = self.all.counts.lock();
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    #[test]
    fn an_address_has_so_many_places_and_those_who_prove_who_they_are_or_leave_give_theirs_back() {
        let newcomers = Newcomers::default();
        let all: Vec<_> = (0..NEWCOMERS_PER_ADDRESS_MAX).map(|_| newcomers.admit(HERE).unwrap()).collect();
        assert!(newcomers.admit(HERE).is_none());
        assert!(newcomers.admit(THERE).is_some());
        assert!(newcomers.known(HERE).is_proved());
        all[0].prove();
        assert!(all[0].is_proved());
        assert!(newcomers.admit(HERE).is_some());
        all[0].leave();
        assert!(newcomers.admit(HERE).is_none(), "a place is given back once");
        all[1].leave();
        assert!(!all[1].is_proved());
        assert!(newcomers.admit(HERE).is_some());
    }

    #[test]
    fn nothing_is_remembered_of_who_has_left() {
        let newcomers = Newcomers::default();
        newcomers.admit(HERE).unwrap().leave();
        newcomers.admit(THERE).unwrap().prove();
        assert!(newcomers.counts.lock().is_empty());
    }
}
