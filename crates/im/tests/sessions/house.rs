//! A messaging house in one process: its own store, no network, and a clock that the test moves.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use im::{Im, ImConfig, Limits, Tls, Transport};
use model::{BareJid, LineId, Timestamp};
use presence::{Observation, Observed, Source};
use runtime::Runtime;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use store::Store;
use tokio::io::DuplexStream;
use xmpp::sasl::Mechanism;

use super::client::Client;
use super::foundation::{PASSWORD, drive, identity, tick_with, ticking, user};

/// 2026-11-20T09:30:00Z.
const EPOCH: Timestamp = Timestamp(1_795_167_000_000_000);
/// What a connection holds, in bytes.
const PIPE_BYTES: usize = 256 * 1024;

/// A certificate chain and its key.
pub type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// What the houses of all tests are like.
pub fn config(domain: &str) -> ImConfig {
    let mut config = ImConfig::new(domain.parse().expect("a domain"), [7; 32], 1);
    config.sign_in.mechanisms = vec![Mechanism::ScramSha256Plus, Mechanism::Plain];
    config
}

/// The house; one that is opened again has the same store.
pub struct House {
    pub im: Arc<Im>,
    pub runtime: Runtime,
    pub store: Store,
    pub engine: Arc<presence::Engine>,
    pub tls: Arc<Tls>,
    /// The domain of its users.
    pub domain: &'static str,
    directory: tempfile::TempDir,
    /// While it is held, the paused clock moves only when the test says so.
    _clock: mpsc::Sender<()>,
}

impl House {
    /// A house with the usual limits, where ann, bob and carol live.
    pub async fn open() -> Self {
        Self::with(Limits::default()).await
    }

    /// A house with other limits.
    pub async fn with(limits: Limits) -> Self {
        Self::configured(|config| config.limits = limits).await
    }

    /// A house whose operator decided something else.
    pub async fn configured(decide: impl FnOnce(&mut ImConfig)) -> Self {
        let mut config = config("localhost");
        decide(&mut config);
        Self::with_config(config, identity()).await
    }

    /// A house as `config` says, with a certificate of its own.
    pub async fn with_config(config: ImConfig, identity: Identity) -> Self {
        Self::start(tempfile::tempdir().expect("a directory"), config, identity, true).await
    }

    async fn start(
        directory: tempfile::TempDir,
        config: ImConfig,
        (chain, key): Identity,
        fresh: bool,
    ) -> Self {
        let domain: &'static str = String::leak(config.domain.to_string());
        let seed = domain.bytes().map(u64::from).sum();
        let runtime = Runtime::simulated(seed, EPOCH);
        let (clock, held) = mpsc::channel::<()>();
        runtime.blocking(move || held.recv().is_err());
        let url = format!("sqlite:{}", directory.path().join("carillon.db").display());
        let store = drive(&runtime, Store::open(&url, &runtime)).await.expect("a store");
        if fresh {
            let users = ["ann", "bob", "carol"].map(|name| user(&format!("{name}@{domain}"), 1)).to_vec();
            drive(&runtime, store.users_import(users)).await.expect("accounts");
        }
        let engine = Arc::new(presence::Engine::new(presence::Rules::default()));
        let tls = Arc::new(Tls::new(chain, key).expect("its own key fits"));
        let im = Im::start(config, store.clone(), Arc::clone(&engine), runtime.clone(), Arc::clone(&tls));
        Self { im, runtime, store, engine, tls, domain, directory, _clock: clock }
    }

    /// Stops the house in good order and opens it again.
    pub async fn again(self) -> Self {
        let config = config("localhost");
        self.again_with(config, identity()).await
    }

    /// The same, with another configuration.
    pub async fn again_with(self, config: ImConfig, identity: Identity) -> Self {
        self.stop().await;
        let Self { runtime, store, directory, .. } = self;
        drive(&runtime, store.close()).await;
        Self::start(directory, config, identity, false).await
    }

    /// Stops the house and waits until nobody is signed in.
    pub async fn stop(&self) {
        self.runtime.stop();
        while !self.im.sessions().is_empty() {
            self.tick().await;
        }
    }

    /// A new connection from `address`.
    pub fn connect_from(&self, address: [u8; 4]) -> DuplexStream {
        self.accept(address, Transport::Protected)
    }

    /// A new connection to one of the ports.
    pub fn connect_by(&self, transport: Transport) -> DuplexStream {
        self.accept([127, 0, 0, 1], transport)
    }

    fn accept(&self, address: [u8; 4], transport: Transport) -> DuplexStream {
        let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
        let peer = SocketAddr::from((Ipv4Addr::from(address), 4000));
        self.runtime.spawn_session(Arc::clone(&self.im).accept(theirs, peer, transport));
        ours
    }

    /// A new connection.
    pub fn connect(&self) -> DuplexStream {
        self.connect_from([127, 0, 0, 1])
    }

    /// A client that is signed in, has its roster and is available.
    pub async fn available(&self, user: &str, resource: &str) -> Client<'_> {
        let mut client = self.bound(user, resource).await;
        client.send("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>").await;
        client.expect("the roster", |stanza| stanza.id().as_deref() == Some("roster")).await;
        client.send("<presence/>").await;
        let own = client.jid();
        client.expect("its own presence", |stanza| stanza.from().as_deref() == Some(&own)).await;
        client
    }

    /// A client that is signed in.
    pub async fn bound(&self, user: &str, resource: &str) -> Client<'_> {
        let mut client = Client::new(self, self.connect(), user);
        client.sign_in(PASSWORD).await;
        client.bind(resource).await;
        client
    }

    /// Puts bob's line into a call, or ends it.
    pub fn line_of(&self, user: &str, in_call: bool) {
        let user: BareJid = format!("{user}@{}", self.domain).parse().expect("an address");
        let source = Source::Line(LineId::from("1002".parse::<model::Number>().expect("a number")));
        let now = self.runtime.timestamp();
        if in_call {
            let state = Observed::InCall;
            self.engine.observe(Observation { user, source, state, since: now, until: None }, now);
        } else {
            self.engine.withdraw(&user, &source, now);
        }
    }

    /// Makes two users see each other, by the real requests.
    pub async fn befriend<'c>(&self, one: &mut Client<'c>, other: &mut Client<'c>) {
        for (asks, grants) in [(0, 1), (1, 0)] {
            let pair = [&mut *one, &mut *other];
            let (to, from) = (pair[grants].bare(), pair[asks].bare());
            pair[asks].send(&format!("<presence to='{to}' type='subscribe'/>")).await;
            pair[grants].presence(&from, Some("subscribe")).await;
            pair[grants].send(&format!("<presence to='{from}' type='subscribed'/>")).await;
            pair[asks].presence(&to, Some("subscribed")).await;
            let full = pair[grants].jid();
            pair[asks].presence(&full, None).await;
        }
        one.settle().await;
        other.settle().await;
    }

    /// Lets everybody work for a moment.
    pub async fn tick(&self) {
        tick_with(&self.runtime, &self.store).await;
    }

    /// Lets time pass.
    pub async fn pass(&self, time: Duration) {
        // The store works in real time: what waits for it must not seem to wait for all of `time`.
        let _failing = self.wait(self.store.setting_put("test.settled", "")).await.is_err();
        let steps = 20;
        for _ in 0..steps {
            tokio::time::advance(time / steps).await;
            self.tick().await;
        }
    }

    /// Waits for something that the store does.
    pub async fn wait<F: Future>(&self, work: F) -> F::Output {
        ticking(work, async || self.tick().await).await
    }
}
