//! The connections that we keep to trunks over TLS: one for each server, by a number that stays when it is opened again.
//!
//! A request to such a server names the connection by its number, so that no other connection to the same address can
//! take it, and what comes in over it is the trunk's: its certificate was held against the trunk's name. Other sides may use
//! it in both directions as long as it is open (RFC 5923), but only because it is we who opened it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, UnixTime};
use sip::endpoint::{ConnectionId, Flow, Transport as Kind};
use sip::location::Hop;

use super::trust::Trust;
use super::{Trunk, Trunks};

/// The numbers of these connections begin here; all others count from 1.
const FIRST: u64 = 1 << 63;
/// How long to wait before a connection that failed is opened again: twice as long after each failure.
const PAUSE: Duration = Duration::from_secs(1);
/// Failures that make the pause longer: 32 s at most, as a server of a trunk rests.
const FAILURES_COUNTED_MAX: u32 = 6;
/// A connection that did not last so long has failed.
const SHORT: Duration = Duration::from_secs(10);

/// A connection to one server.
#[derive(Debug)]
pub(super) struct Way {
    id: ConnectionId,
    failures: u32,
    not_before: Option<Instant>,
    problem: Option<String>,
}

/// The connections of all trunks, by number.
pub(super) type Standing = BTreeMap<ConnectionId, (std::sync::Weak<Trunk>, Hop)>;

/// Is it one of these?
pub(crate) fn is_standing(id: ConnectionId) -> bool {
    id.0 >= FIRST
}

impl Trunks {
    /// The connection to a server of a trunk, open or not; none where a connection is nobody's in particular.
    pub(super) fn connection(&self, trunk: &Arc<Trunk>, hop: Hop) -> Option<ConnectionId> {
        if hop.transport != Kind::Tls {
            return None;
        }
        let mut ways = trunk.ways.lock();
        if let Some(way) = ways.get(&hop) {
            return Some(way.id);
        }
        let id = ConnectionId(FIRST + self.numbered.fetch_add(1, Ordering::Relaxed));
        ways.insert(hop, Way { id, failures: 0, not_before: None, problem: None });
        drop(ways);
        let mut standing = self.standing.lock();
        // A trunk that changed is another one; it keeps its old connections as long as calls need them.
        standing.retain(|_, (trunk, _)| trunk.strong_count() > 0);
        standing.insert(id, (Arc::downgrade(trunk), hop));
        Some(id)
    }

    /// The trunk and server that a connection leads to.
    pub(crate) fn standing(&self, id: ConnectionId) -> Option<(Arc<Trunk>, Hop)> {
        let (trunk, hop) = self.standing.lock().get(&id).cloned()?;
        Some((trunk.upgrade()?, hop))
    }

    /// The trunk of the plan, as it is now, whose connection a message came in over.
    pub(super) fn by_connection(&self, flow: &Flow) -> Option<Arc<Trunk>> {
        let (trunk, _) = self.standing(flow.connection.filter(|id| is_standing(*id))?)?;
        self.by_name(&trunk.name).filter(|known| Arc::ptr_eq(known, &trunk))
    }
}

impl Trunk {
    /// May a connection be opened to a server, or has it failed too lately?
    pub(crate) fn may_open(&self, hop: Hop, now: Instant) -> bool {
        self.opens_at(hop).is_none_or(|at| at <= now)
    }

    /// Until when a connection to a server is not opened.
    pub(super) fn opens_at(&self, hop: Hop) -> Option<Instant> {
        self.ways.lock().get(&hop).and_then(|way| way.not_before)
    }

    /// A connection to a server is open, and the server is who it should be.
    pub(crate) fn connected(&self, hop: Hop) {
        let had_problem = self.ways.lock().get_mut(&hop).and_then(|way| way.problem.take()).is_some();
        if had_problem {
            tracing::info!(trunk = self.name, server = %hop.address, "a trunk is connected over TLS again");
        }
    }

    /// A connection to a server could not be opened, or has ended after a time.
    pub(crate) fn disconnected(&self, hop: Hop, why: String, lasted: Option<Duration>, now: Instant) {
        let mut ways = self.ways.lock();
        let Some(way) = ways.get_mut(&hop) else { return };
        if lasted.is_some_and(|lasted| lasted >= SHORT) {
            (way.failures, way.not_before) = (0, None);
            return;
        }
        way.failures = (way.failures + 1).min(FAILURES_COUNTED_MAX);
        way.not_before = Some(now + PAUSE * (1 << (way.failures - 1)));
        if way.problem.as_ref() != Some(&why) {
            tracing::warn!(trunk = self.name, server = %hop.address, why, "a trunk is not connected over TLS");
            way.problem = Some(why);
        }
    }

    /// Why a server cannot be connected to, while it cannot.
    pub(super) fn connection_problem(&self, hop: Hop) -> Option<String> {
        self.ways.lock().get(&hop).and_then(|way| way.problem.clone())
    }

    /// The name that a server is asked for, and shows a certificate for (RFC 5922 §7.2: the domain that was looked up, not
    /// what the look-up gave).
    pub(crate) fn server_name(&self) -> String {
        self.sip.domain.clone().unwrap_or_else(|| self.sip.host_and_port().0.to_owned())
    }

    /// Is our certificate shown to servers that ask for one?
    pub(crate) fn shows_certificate(&self) -> bool {
        self.profile.client_certificate
    }

    /// Which authorities vouch for the other side: those of the profile's file, else those of the system.
    pub(super) fn believe(
        &self,
        system: &Arc<RootCertStore>,
        read: impl Fn(&str) -> Result<RootCertStore, String>,
    ) {
        let believed = match &self.profile.ca_file {
            Some(path) => read(path).map(Arc::new),
            None => Ok(Arc::clone(system)),
        };
        if let Err(why) = &believed {
            tracing::warn!(trunk = self.name, why, "a trunk has no authorities to believe");
        }
        self.authorities.store(Arc::new(believed));
    }

    /// What is the certificate of a server worth?
    ///
    /// # Errors
    /// Nothing, and why.
    pub(crate) fn judge_server(&self, chain: &[CertificateDer<'_>], at: UnixTime) -> Result<(), String> {
        let domain = [self.server_name()];
        let named = &self.profile.subject_names;
        self.judge(chain, if named.is_empty() { &domain } else { named }, at)
    }

    /// What is the certificate of somebody worth who connected to us?
    ///
    /// # Errors
    /// Nothing, and why.
    pub(super) fn judge_caller(&self, chain: &[CertificateDer<'_>], at: UnixTime) -> Result<(), String> {
        if !self.profile.knows_by_certificate() {
            return Err("nobody is known by a certificate".to_owned());
        }
        self.judge(chain, &self.profile.subject_names, at)
    }

    fn judge(&self, chain: &[CertificateDer<'_>], names: &[String], at: UnixTime) -> Result<(), String> {
        let believed = self.authorities.load();
        let authorities = believed.as_ref().as_ref().map_err(Clone::clone)?;
        let pinned = &self.profile.pinned;
        // Who pins certificates wants no others, unless authorities are named too.
        let counts = pinned.is_empty() || self.profile.ca_file.is_some();
        Trust { authorities: counts.then_some(&**authorities), pinned, names }.judge(chain, at)
    }
}

#[cfg(test)]
mod tests {
    use model::plan::{self, TrunkSip};

    use super::*;
    use crate::board::Board;

    fn trunks() -> (Trunks, Arc<Trunk>, Hop) {
        let trunks = Trunks::new(Arc::new(Board::new()));
        let sip = TrunkSip { address: "sip.example.org".to_owned(), ..TrunkSip::default() };
        let trunk = plan::Trunk { name: "pstn".to_owned(), sip: Some(sip), ..plan::Trunk::default() };
        let outside = plan::Outside { trunks: vec![trunk], ..plan::Outside::default() };
        trunks.follow(&plan::Plan { outside, ..plan::Plan::default() });
        let trunk = trunks.by_name("pstn").unwrap();
        (trunks, trunk, Hop { transport: Kind::Tls, address: "192.0.2.1:5061".parse().unwrap() })
    }

    #[test]
    fn a_server_has_one_connection_and_who_speaks_over_it_is_the_trunk_as_long_as_the_plan_says_so() {
        let (trunks, trunk, hop) = trunks();
        let id = trunks.connection(&trunk, hop).unwrap();
        assert_eq!(trunks.connection(&trunk, hop), Some(id));
        assert_eq!(trunks.connection(&trunk, Hop { transport: Kind::Tcp, ..hop }), None);
        let local = "192.0.2.9:5061".parse().unwrap();
        let flow = |id| Flow {
            transport: Kind::Tls,
            local,
            remote: hop.address,
            connection: Some(ConnectionId(id)),
        };
        assert!(trunks.by_connection(&flow(id.0)).is_some());
        assert!(trunks.by_connection(&flow(id.0 + 1)).is_none());
        assert!(trunks.by_connection(&flow(1)).is_none());
        trunks.follow(&plan::Plan::default());
        assert!(trunks.standing(id).is_some(), "a call that still goes over it finds it");
        assert!(trunks.by_connection(&flow(id.0)).is_none());
    }

    #[test]
    fn a_connection_that_fails_is_opened_again_later_and_later() {
        let (trunks, trunk, hop) = trunks();
        trunks.connection(&trunk, hop);
        let start = runtime::Runtime::real().now();
        let mut now = start;
        let mut pauses = Vec::new();
        for _ in 0..8 {
            assert!(trunk.may_open(hop, now));
            trunk.disconnected(hop, "no connection".to_owned(), None, now);
            let until = trunk.opens_at(hop).unwrap();
            pauses.push((until - now).as_secs());
            assert!(!trunk.may_open(hop, until - Duration::from_millis(1)));
            now = until;
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 32, 32]);
        assert_eq!(trunk.connection_problem(hop).as_deref(), Some("no connection"));
        trunk.connected(hop);
        assert_eq!(trunk.connection_problem(hop), None);
        trunk.disconnected(hop, "it was closed".to_owned(), Some(SHORT), now);
        assert!(trunk.may_open(hop, now), "one that lasted may be opened again at once");
        trunk.disconnected(hop, "it was closed".to_owned(), Some(SHORT / 2), now);
        assert!(!trunk.may_open(hop, now), "one that did not has failed");
    }

    #[test]
    fn the_certificate_is_for_the_domain_and_not_for_what_the_look_up_gave() {
        let name = |domain: Option<&str>, address: &str| {
            let domain = domain.map(str::to_owned);
            let sip = TrunkSip { address: address.to_owned(), domain, ..TrunkSip::default() };
            Trunk::new(&plan::Trunk::default(), (&sip, None), String::new()).server_name()
        };
        assert_eq!(name(None, "sip.example.org:5061"), "sip.example.org");
        assert_eq!(name(Some("example.org"), "192.0.2.1"), "example.org");
    }
}
