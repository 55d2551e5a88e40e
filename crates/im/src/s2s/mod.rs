//! Other servers (RFC 6120, RFC 6121 §8.4): streams to them and from them, what waits for them, and how they stand.
//!
//! What goes out: `sending` -> the queue of a `peer` -> the task of `outbound` -> `connect` -> `stream`. What comes in:
//! `inbound` -> `stream` -> `arriving` -> the router. With XEP-0288 both take one stream.

mod address;
mod arriving;
mod config;
mod connect;
mod inbound;
mod link;
mod network;
mod outbound;
mod peer;
mod rate;
mod repeats;
mod returning;
mod sending;
mod state;
mod stream;
mod tls;
mod trace;
mod trust;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use arc_swap::ArcSwap;
use model::DomainPart;
use parking_lot::Mutex;
use rustls::pki_types::CertificateDer;
use tokio::sync::Notify;
use xmpp::stream::peer::ReceivingPolicy;
use xmpp::xep::dialback::Secret;

use crate::{About, Im, ImConfig, Spec};

pub use config::{Domains, FederationConfig, Route};
pub use network::{Duplex, LookupError, Network, Service, Wire};
pub use state::{FederationState, IncomingState};
pub(crate) use tls::PeerTls;
pub use trace::{Grade, Step};

/// What this feature is: streams have features of their own, so disco has none.
pub const ABOUT: About = About {
    name: "federation",
    specs: &[
        Spec::rfc(6120, "§3.2, §13.7"),
        Spec::xep(220, "1.1.1"),
        Spec::xep(185, "1.0"),
        Spec::xep(178, "1.2"),
        Spec::xep(288, "1.0.1"),
        Spec::xep(344, "0.3"),
        Spec::xep(368, "1.1.0"),
    ],
    disco: &[],
    account: &[],
};

/// The services under our domain that other servers may talk to.
const SERVICES: &[&str] = &["conference", "pubsub", "push"];

/// All that messaging knows of other servers.
pub(crate) struct Federation {
    config: ArcSwap<FederationConfig>,
    trust: ArcSwap<trust::Trust>,
    network: Arc<dyn Network>,
    policy: Arc<ReceivingPolicy>,
    peers: peer::Peers,
    /// Streams of other servers, by number.
    incoming: Mutex<BTreeMap<u64, state::Incoming>>,
    number: AtomicU64,
    rates: rate::Rates,
    repeats: repeats::Repeats,
    /// Peers whose task is to be started.
    starting: Mutex<Vec<Arc<peer::Peer>>>,
    wake: Notify,
}

impl Federation {
    pub(crate) fn new(config: &ImConfig, runtime: &runtime::Runtime) -> Self {
        let secret = [b"dialback ".as_slice(), &config.unknown_users.secret].concat();
        let service = |name: &str| format!("{name}.{}", config.domain).parse::<DomainPart>().ok();
        let services = SERVICES.iter().filter_map(|name| service(name));
        // Programs beside this server have no way of their own to other servers.
        let components = config.components.domains.iter().cloned();
        let domains = std::iter::once(config.domain.clone()).chain(services).chain(components).collect();
        let network = config.network.clone();
        Self {
            config: ArcSwap::from_pointee(config.federation.clone()),
            trust: ArcSwap::from_pointee(trust::Trust::new(&config.federation.authorities)),
            network: network.unwrap_or_else(|| Arc::new(network::RealNetwork::new(runtime.clone()))),
            policy: Arc::new(ReceivingPolicy { domains, secret: Arc::new(Secret::new(&secret)) }),
            peers: peer::Peers::default(),
            incoming: Mutex::default(),
            number: AtomicU64::new(0),
            rates: rate::Rates::default(),
            repeats: repeats::Repeats::default(),
            starting: Mutex::default(),
            wake: Notify::new(),
        }
    }

    /// Starts the task of a peer: whoever found that it is needed may not hold the house itself.
    fn start(&self, peer: &Arc<peer::Peer>) {
        self.starting.lock().push(Arc::clone(peer));
        self.wake.notify_one();
    }

    /// What is a certificate worth for a domain?
    fn judge(&self, im: &Im, chain: Option<&[CertificateDer<'_>]>, domain: &str) -> trust::Worth {
        self.trust.load().judge(chain, domain, im.runtime.timestamp().seconds())
    }
}

impl Im {
    /// Takes up what waits for other servers since before the last stop, and starts to send. To be called once,
    /// after [`Im::load`].
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn federate(self: &Arc<Self>) -> Result<(), store::Error> {
        let im = Arc::clone(self);
        self.runtime.spawn("im-federation", async move {
            loop {
                tokio::select! {
                    biased;
                    () = im.runtime.stopping() => return,
                    () = im.s2s.wake.notified() => {}
                }
                for peer in std::mem::take(&mut *im.s2s.starting.lock()) {
                    im.runtime.spawn_session(Box::pin(outbound::run(Arc::clone(&im), peer)));
                }
            }
        });
        if self.s2s.config.load().enabled {
            self.s2s.repeats.load(&self.store, self.domain()).await?;
        }
        self.take_up().await
    }

    /// Replaces what the operator decided (a reload of the configuration): for streams that begin from now on.
    pub fn set_federation(&self, config: FederationConfig) {
        self.s2s.trust.store(Arc::new(trust::Trust::new(&config.authorities)));
        self.s2s.config.store(Arc::new(config));
    }

    /// Is this one of the domains that other servers find here: ours, or that of a component?
    pub(crate) fn is_found_here(&self, domain: &str) -> bool {
        self.s2s.policy.domains.iter().any(|ours| ours.as_str() == domain)
    }

    /// Is this one of the domains that we serve ourselves?
    pub(crate) fn is_ours(&self, domain: &str) -> bool {
        self.is_found_here(domain) && !self.services.components().serves(domain)
    }

    /// Tries the way to another domain, and tells every step.
    pub async fn test_federation(&self, domain: &DomainPart) -> Vec<Step> {
        let mut trace = trace::Trace::default();
        if self.is_found_here(domain.as_str()) {
            trace.fine("policy", format!("{domain} is served here"));
            return trace.0;
        }
        if !self.s2s.config.load().permits(domain.as_str()) {
            let advice = "see [federation] enabled, allow and deny";
            trace.failed("policy", format!("{domain} is not allowed here"), advice);
            return trace.0;
        }
        trace.fine("policy", format!("{domain} is allowed"));
        let from = &self.config.domain;
        if let Ok(mut connected) = Box::pin(self.reach(from, domain, &mut trace)).await {
            connected.link.queue(b"</stream:stream>");
            let time = self.limits.load().federation.connect_time_max;
            tokio::select! {
                biased;
                () = self.runtime.sleep(time) => {}
                _ = connected.link.flush() => {}
            }
        }
        trace.0
    }
}
