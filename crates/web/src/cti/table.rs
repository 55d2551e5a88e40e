//! Who is there: connections that have not signed in, and the sessions of each user.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use model::{BareJid, Host};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::limits::{
    CTI_ARRIVALS_MAX, CTI_ARRIVALS_PER_HOST_MAX, CTI_SESSIONS_MAX, CTI_SESSIONS_PER_USER_MAX,
};

/// See the module.
#[derive(Default)]
pub(super) struct Table {
    arrivals: Mutex<BTreeMap<Host, usize>>,
    sessions: Mutex<BTreeMap<BareJid, Vec<Arc<Notify>>>>,
}

/// A connection that has not signed in, as long as this is held.
pub(super) struct Arrival {
    table: Arc<Table>,
    host: Host,
}

/// A session, as long as this is held.
pub(super) struct Seat {
    table: Arc<Table>,
    user: BareJid,
    end: Arc<Notify>,
}

impl Table {
    /// A connection has come; `None` when there are too many that have not signed in.
    pub(super) fn arrive(self: &Arc<Self>, address: IpAddr, is_trusted: bool) -> Option<Arrival> {
        let host = Host::from(address);
        let mut arrivals = self.arrivals.lock();
        let here = arrivals.get(&host).copied().unwrap_or(0);
        if arrivals.values().sum::<usize>() >= CTI_ARRIVALS_MAX
            || (here >= CTI_ARRIVALS_PER_HOST_MAX && !is_trusted)
        {
            return None;
        }
        arrivals.insert(host, here + 1);
        Some(Arrival { table: Arc::clone(self), host })
    }

    /// A user has signed in; `None` when they have too many sessions, or all together have.
    pub(super) fn enter(self: &Arc<Self>, user: &BareJid) -> Option<Seat> {
        let mut sessions = self.sessions.lock();
        let all: usize = sessions.values().map(Vec::len).sum();
        if all >= CTI_SESSIONS_MAX || sessions.get(user).map_or(0, Vec::len) >= CTI_SESSIONS_PER_USER_MAX {
            return None;
        }
        let end = Arc::new(Notify::new());
        sessions.entry(user.clone()).or_default().push(Arc::clone(&end));
        metrics::gauge!("carillon_cti_connections").increment(1.0);
        Some(Seat { table: Arc::clone(self), user: user.clone(), end })
    }

    /// Ends all sessions of a user.
    pub(super) fn end(&self, user: &BareJid) -> usize {
        let sessions = self.sessions.lock();
        let theirs = sessions.get(user).map_or(&[][..], Vec::as_slice);
        theirs.iter().for_each(|end| end.notify_one());
        theirs.len()
    }
}

impl Seat {
    /// Whose it is.
    pub(super) fn user(&self) -> &BareJid {
        &self.user
    }

    /// Waits until it is ended.
    pub(super) async fn ended(&self) {
        self.end.notified().await;
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        let mut arrivals = self.table.arrivals.lock();
        if let Some(count) = arrivals.get_mut(&self.host) {
            *count -= 1;
            if *count == 0 {
                arrivals.remove(&self.host);
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        metrics::gauge!("carillon_cti_connections").decrement(1.0);
        let mut sessions = self.table.sessions.lock();
        if let Some(theirs) = sessions.get_mut(&self.user) {
            theirs.retain(|end| !Arc::ptr_eq(end, &self.end));
            if theirs.is_empty() {
                sessions.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_of_one_host_that_do_not_sign_in_are_bounded() {
        let table = Arc::new(Table::default());
        let host = |last| IpAddr::from([192, 0, 2, last]);
        let mut held: Vec<_> =
            (0..CTI_ARRIVALS_PER_HOST_MAX).map(|_| table.arrive(host(1), false).unwrap()).collect();
        assert!(table.arrive(host(1), false).is_none());
        assert!(table.arrive(host(1), true).is_some() && table.arrive(host(2), false).is_some());
        held.pop();
        assert!(table.arrive(host(1), false).is_some());
        drop(held);
        assert!(table.arrivals.lock().is_empty());
    }

    #[tokio::test]
    async fn the_sessions_of_a_user_are_bounded_and_end_together() {
        let table = Arc::new(Table::default());
        let (ann, bob): (BareJid, BareJid) = ("ann@h".parse().unwrap(), "bob@h".parse().unwrap());
        let seats: Vec<_> = (0..CTI_SESSIONS_PER_USER_MAX).map(|_| table.enter(&ann).unwrap()).collect();
        assert!(table.enter(&ann).is_none());
        let other = table.enter(&bob).unwrap();
        assert_eq!((table.end(&ann), table.end(&"eve@h".parse().unwrap())), (CTI_SESSIONS_PER_USER_MAX, 0));
        for seat in &seats {
            seat.ended().await;
        }
        drop((seats, other));
        assert!(table.sessions.lock().is_empty());
    }
}
