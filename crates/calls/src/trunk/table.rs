//! All trunks of the plan, and which of their servers a call out tries, in order.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use arc_swap::{ArcSwap, ArcSwapOption};
use model::plan::Plan;
use parking_lot::Mutex;
use sip::Uri;
use sip::digest::{Algorithm, ha1};
use sip::endpoint::{Flow, Target, Transport as Kind};
use sip::location::Hop;
use sip::uri::Scheme;

use super::standing::Standing;
use super::{Outgoing, Trunk};
use crate::board::Board;
use crate::place::{Branch, TrunkAttempt};
use crate::transport::Tls;

/// Servers that one call tries in all, over all trunks.
pub const WAYS_MAX: usize = 16;
/// Digits of the token in our Contact: 80 bits, which nobody guesses.
const TOKEN_DIGITS: usize = 20;

/// Which of our addresses a server sees; `None`: we cannot reach it.
pub type Local = Arc<dyn Fn(Kind, SocketAddr) -> Option<SocketAddr> + Send + Sync>;

/// See the module. Shared by all shards, changed with the plan.
pub struct Trunks {
    pub(super) by_name: ArcSwap<BTreeMap<String, Arc<Trunk>>>,
    board: Arc<Board>,
    local: OnceLock<Local>,
    /// What tokens are made of, so that they are the same after a restart.
    secret: OnceLock<String>,
    pub(super) standing: Mutex<Standing>,
    /// Counts connections that are kept.
    pub(super) numbered: AtomicU64,
    /// Counts changes of the plan and of authorities.
    state: AtomicU64,
    tls: ArcSwapOption<Tls>,
}

impl fmt::Debug for Trunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trunks").field("names", &self.by_name.load().keys()).finish_non_exhaustive()
    }
}

impl Trunks {
    /// None yet.
    pub fn new(board: Arc<Board>) -> Self {
        Self {
            by_name: ArcSwap::default(),
            board,
            local: OnceLock::new(),
            secret: OnceLock::new(),
            standing: Mutex::default(),
            numbered: AtomicU64::new(0),
            state: AtomicU64::new(0),
            tls: ArcSwapOption::empty(),
        }
    }

    /// Sets what is known only later, once: which of our addresses others see, and what tokens are made of.
    pub fn settle(&self, local: Local, secret: String) {
        // Whoever sets it twice keeps the first: there is one transport.
        let _ = (self.local.set(local), self.secret.set(secret));
    }

    /// Takes the trunks of a plan. One that did not change keeps all that is known of it.
    pub fn follow(&self, plan: &Plan) {
        let old = self.by_name.load();
        let mut by_name = BTreeMap::new();
        for trunk in &plan.outside.trunks {
            let Some(sip) = &trunk.sip else { continue };
            let profile = plan.outside.security_profile(trunk);
            let same = |known: &&Arc<Trunk>| known.is(trunk, sip, profile);
            let live = old.get(&trunk.name).filter(same).cloned();
            let new = || Arc::new(Trunk::new(trunk, (sip, profile), self.token(&trunk.name)));
            let live = live.unwrap_or_else(new);
            self.tell_authorities(&live);
            by_name.insert(trunk.name.clone(), live);
        }
        self.by_name.store(Arc::new(by_name));
        self.state.fetch_add(1, Ordering::Release);
    }

    /// Takes other authorities, and reads again those that trunks name.
    pub(crate) fn believe(&self, tls: Option<Arc<Tls>>) {
        self.tls.store(tls);
        self.by_name.load().values().for_each(|trunk| self.tell_authorities(trunk));
        self.state.fetch_add(1, Ordering::Release);
    }

    fn tell_authorities(&self, trunk: &Trunk) {
        if let Some(tls) = &*self.tls.load() {
            trunk.believe(tls.authorities(), |path| tls.read_authorities(path));
        }
    }

    /// Changes when the plan or the authorities do.
    pub(super) fn state(&self) -> u64 {
        self.state.load(Ordering::Acquire)
    }

    fn token(&self, name: &str) -> String {
        let secret = self.secret.get().map_or("", String::as_str);
        let mut token = ha1(Algorithm::Sha256, name, "trunk", secret);
        token.truncate(TOKEN_DIGITS);
        token
    }

    /// The name service has answered for a trunk: its servers, in order.
    pub fn found(&self, trunk: &str, servers: Vec<Hop>, now: Instant) {
        if let Some(trunk) = self.by_name(trunk) {
            trunk.found(Ok(servers), now);
        }
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.by_name.load().is_empty()
    }

    /// The trunk of this name, when calls can go over it.
    pub fn by_name(&self, name: &str) -> Option<Arc<Trunk>> {
        self.by_name.load().get(name).cloned()
    }

    /// All, by name.
    pub fn all(&self) -> Vec<Arc<Trunk>> {
        self.by_name.load().values().cloned().collect()
    }

    /// Live calls over a trunk.
    pub fn calls(&self, trunk: &str) -> usize {
        self.board.trunk_calls(trunk)
    }

    /// Has it as many calls as it may have?
    pub fn is_full(&self, trunk: &Trunk) -> bool {
        trunk.sip.calls_max.is_some_and(|max| self.calls(&trunk.name) >= max as usize)
    }

    /// The path to a server.
    pub(crate) fn target(&self, trunk: &Arc<Trunk>, hop: Hop) -> Option<Target> {
        let local = self.local.get()?(hop.transport, hop.address)?;
        let connection = self.connection(trunk, hop);
        Some(Target::from(Flow { transport: hop.transport, local, remote: hop.address, connection }))
    }

    /// The servers that a call tries, one after the other: in the order of the attempts, and within a trunk of its
    /// servers. What is known to be down comes last; a trunk that is full is left out, but for an emergency call.
    pub fn ways(&self, attempts: &[TrunkAttempt], is_emergency: bool, now: Instant) -> VecDeque<Branch> {
        let by_name = self.by_name.load();
        let (mut ways, mut last) = (VecDeque::new(), VecDeque::new());
        for attempt in attempts {
            let Some(trunk) = by_name.get(&attempt.trunk) else {
                tracing::warn!(trunk = attempt.trunk, "a route leads to a trunk without a sip table");
                continue;
            };
            if !is_emergency && self.is_full(trunk) {
                metrics::counter!("carillon_trunk_full_total", "trunk" => trunk.name.clone()).increment(1);
                continue;
            }
            for (hop, usable) in trunk.in_order(now) {
                let Some(branch) = self.branch(trunk, hop, attempt) else { continue };
                if usable { ways.push_back(branch) } else { last.push_back(branch) }
            }
        }
        ways.append(&mut last);
        ways.truncate(WAYS_MAX);
        ways
    }

    fn branch(&self, trunk: &Arc<Trunk>, hop: Hop, attempt: &TrunkAttempt) -> Option<Branch> {
        let target = self.target(trunk, hop)?;
        let contact = match &attempt.domain {
            Some(domain) => {
                Uri::compose(Scheme::Sip, Some(attempt.called.as_bytes()), domain, None, "").ok()?
            }
            None => trunk.uri(Some(&attempt.called))?,
        };
        let outgoing = Outgoing {
            trunk: Arc::clone(trunk),
            hop,
            called: contact.clone(),
            calling: attempt.calling.clone(),
            is_address: attempt.domain.is_some(),
            charge: attempt.charge.clone(),
        };
        Some(Branch {
            is_silent: false,
            contact,
            target,
            path: Vec::new(),
            line: None,
            owner: None,
            trunk: Some(Arc::new(outgoing)),
            device: None,
        })
    }
}
