//! A town of houses: one authority that signs their certificates, one name service, and wires in memory.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Weak};

use futures::future::BoxFuture;
use im::s2s::{FederationConfig, LookupError, Network, Service, Wire};
use im::{Im, ImConfig, Transport};
use parking_lot::Mutex;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use runtime::Runtime;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::house::{House, Identity, config};

/// The two domains of all tests.
pub const A: &str = "a.example";
pub const B: &str = "b.example";
/// What a wire holds, in bytes.
const PIPE_BYTES: usize = 256 * 1024;

/// Who listens at an address.
#[derive(Clone)]
struct Listener {
    im: Weak<Im>,
    runtime: Runtime,
    transport: Transport,
}

/// The name service and the wires.
#[derive(Default)]
pub struct Wires {
    services: Mutex<BTreeMap<String, Vec<Service>>>,
    addresses: Mutex<BTreeMap<String, IpAddr>>,
    listeners: Mutex<BTreeMap<SocketAddr, Listener>>,
    /// Every name that was asked for, in order.
    pub asked: Mutex<Vec<String>>,
    /// Connections that came about.
    pub connections: Mutex<usize>,
}

impl Network for Wires {
    fn services<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Service>, LookupError>> {
        self.asked.lock().push(name.to_owned());
        let found = self.services.lock().get(name).cloned().ok_or(LookupError::NotFound);
        Box::pin(async move { found })
    }

    fn addresses<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, LookupError>> {
        self.asked.lock().push(name.to_owned());
        let found = self.addresses.lock().get(name).map(|ip| vec![*ip]).ok_or(LookupError::NotFound);
        Box::pin(async move { found })
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Wire>> {
        let listener = self.listeners.lock().get(&address).cloned();
        Box::pin(async move {
            let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
            let listener = listener.ok_or_else(refused)?;
            let im = listener.im.upgrade().ok_or_else(refused)?;
            *self.connections.lock() += 1;
            let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
            let served = im.accept_server(theirs, address, listener.transport);
            listener.runtime.spawn_session(served);
            Ok(Box::new(ours) as Wire)
        })
    }
}

/// The town.
pub struct Town {
    pub wires: Arc<Wires>,
    issuer: Issuer<'static, KeyPair>,
    pub authority: CertificateDer<'static>,
}

impl Town {
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = params.self_signed(&key).expect("a certificate").der().clone();
        Self { wires: Arc::default(), issuer: Issuer::new(params, key), authority }
    }

    /// A certificate of the town's authority.
    pub fn issue(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate").der().clone();
        (vec![certificate], PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())))
    }

    /// The good certificate of a domain and its rooms.
    pub fn identity(&self, domain: &str) -> Identity {
        self.issue(&[domain, &format!("conference.{domain}")], |_| {})
    }

    pub fn config(&self, domain: &str) -> ImConfig {
        let mut config = config(domain);
        config.unknown_users.secret = [domain.as_bytes()[0]; 32];
        config.network = Some(Arc::clone(&self.wires) as Arc<dyn Network>);
        config.federation = FederationConfig {
            enabled: true,
            authorities: vec![self.authority.clone()],
            ..FederationConfig::default()
        };
        config
    }

    /// A house with a name, where other servers may call.
    pub async fn house(&self, domain: &str) -> House {
        self.house_with(self.config(domain), self.identity(domain)).await
    }

    pub async fn house_with(&self, config: ImConfig, identity: Identity) -> House {
        let house = House::with_config(config, identity).await;
        self.open(&house).await;
        house
    }

    /// The house has a name and takes calls.
    pub async fn open(&self, house: &House) {
        house.wait(house.im.federate()).await.expect("the queue can be read");
        self.publish(house.domain, &[(5269, Transport::StartTls)]);
        self.listen(house);
    }

    /// The address of a domain's house.
    pub fn ip(domain: &str) -> IpAddr {
        IpAddr::from([10, 0, 0, domain.as_bytes()[0]])
    }

    /// What the name service says: a server for the domain and its rooms, at these ports, the first preferred.
    pub fn publish(&self, domain: &str, ports: &[(u16, Transport)]) {
        let target = format!("xmpp.{domain}");
        self.wires.addresses.lock().insert(target.clone(), Self::ip(domain));
        let mut services = self.wires.services.lock();
        for name in [
            domain.to_owned(),
            format!("conference.{domain}"),
            format!("gateway.{domain}"),
            format!("push.{domain}"),
        ] {
            for (place, (port, transport)) in (0_u16..).zip(ports) {
                let service = match transport {
                    Transport::DirectTls => "_xmpps-server._tcp",
                    _ => "_xmpp-server._tcp",
                };
                let record = Service { priority: place, weight: 0, port: *port, target: target.clone() };
                services.insert(format!("{service}.{name}"), vec![record]);
            }
        }
    }

    /// The house takes calls.
    pub fn listen(&self, house: &House) {
        for (port, transport) in [(5269, Transport::StartTls), (5270, Transport::DirectTls)] {
            let listener =
                Listener { im: Arc::downgrade(&house.im), runtime: house.runtime.clone(), transport };
            self.wires.listeners.lock().insert(SocketAddr::new(Self::ip(house.domain), port), listener);
        }
    }

    /// Nobody answers there any more.
    pub fn hang_up(&self, domain: &str) {
        self.wires.listeners.lock().retain(|address, _| address.ip() != Self::ip(domain));
    }

    /// Two houses.
    pub async fn two(&self) -> (House, House) {
        (self.house(A).await, self.house(B).await)
    }
}

/// How another domain stands.
pub fn state(house: &House, domain: &str) -> im::s2s::FederationState {
    let all = house.im.federation();
    let found = all.iter().find(|state| state.domain == domain && state.local == house.domain);
    found.cloned().unwrap_or_else(|| panic!("{domain} is not among {all:?}"))
}

/// How another domain stands to one of a house's further domains.
pub fn state_of(house: &House, local: &str, domain: &str) -> im::s2s::FederationState {
    let all = house.im.federation();
    let found = all.iter().find(|state| state.domain == domain && state.local == local);
    found.cloned().unwrap_or_else(|| panic!("{domain} and {local} are not among {all:?}"))
}
