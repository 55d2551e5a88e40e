//! One node: everything wired together. Serves the binary, the demo and the tests.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use calls::{CallLimits, Calls, CallsConfig};
use im::{Im, ImConfig, Transport};
use media::{Media, MediaConfig};
use model::BareJid;
use presence::{Engine, Rules};
use runtime::{Runtime, SocketOptions};
use serde_json::{Value, json};
use store::Store;
use xmpp::sasl::scram::ITERATIONS_DEFAULT;

use crate::certificate::Identity;
use crate::config::{Config, Digest};
use crate::data::{Data, Lock};
use crate::operation::{House, Running};
use crate::{control, logging};

/// Every listener: its name, default port, whether it is UDP, whether it is on loopback only.
pub const PORTS: &[(&str, u16, bool, bool)] = &[
    ("XMPP", XMPP, false, false),
    ("XMPP over TLS", XMPP_TLS, false, false),
    ("SIP over UDP", SIP, true, false),
    ("SIP over TCP", SIP, false, false),
    ("SIP over TLS", SIP_TLS, false, false),
    ("HTTPS", HTTPS, false, false),
    ("HTTP", HTTP, false, true),
    ("metrics", METRICS, false, true),
];
/// XMPP with STARTTLS.
pub const XMPP: u16 = 5222;
/// XMPP over TLS.
pub const XMPP_TLS: u16 = 5223;
/// SIP over UDP and TCP.
pub const SIP: u16 = 5060;
/// SIP over TLS.
pub const SIP_TLS: u16 = 5061;
/// HTTPS.
pub const HTTPS: u16 = 8443;
/// Plain HTTP, on loopback.
pub const HTTP: u16 = 8080;
/// Metrics, on loopback.
pub const METRICS: u16 = 9464;

/// The number that echoes sound.
pub const ECHO_NUMBER: &str = "600";
/// The setting that holds the secret from which unknown users' salts are made.
const UNKNOWN_USERS_SETTING: &str = "im.unknown_users_secret";
/// How often observations that ran out are looked for.
const LAPSE_INTERVAL: Duration = Duration::from_secs(1);

/// A running node.
pub struct Node {
    data: Data,
    runtime: Runtime,
    store: Store,
    /// Messaging.
    pub im: Arc<Im>,
    /// Call control.
    pub calls: Arc<Calls>,
    /// The presence of everyone.
    pub presence: Arc<Engine>,
    /// HTTP.
    pub web: Arc<web::Web>,
    tls: Arc<im::Tls>,
    _lock: Lock,
}

impl Node {
    /// Opens the store, starts every room and its listeners, and the control socket.
    ///
    /// # Errors
    /// Something cannot be opened; the text says what and what to do. Nothing keeps running.
    pub async fn start(data: &Data, config: Config, runtime: Runtime) -> Result<Self> {
        let lock = data.lock()?;
        let identity = data.identity(&config)?;
        let store = data.store(&config, &runtime).await?;
        let presence = Arc::new(Engine::new(Rules::default()));
        let tls = Arc::new(im::Tls::new(identity.chain.clone(), identity.key.clone_key())?);
        let im = start_im(&config, &store, &presence, &runtime, &tls).await?;
        let (media, reports) = Media::start(media_config(&config), &runtime).context("media")?;
        let calls_config = calls_config(&config, &identity)?;
        let calls =
            Calls::start(calls_config, store.clone(), Arc::clone(&presence), runtime.clone(), media, reports).await?;
        apps::gateway::simple::join(&im, &calls, &runtime);
        let web = start_web(&config, &identity, &runtime, &store, (&im, &calls, &presence)).await?;
        lapse(&presence, &runtime);
        let node = Self { data: data.clone(), runtime, store, im, calls, presence, web, tls, _lock: lock };
        node.open_control(config.domain)?;
        Ok(node)
    }

    fn open_control(&self, domain: String) -> Result<()> {
        let running = Rooms { im: Arc::clone(&self.im), calls: Arc::clone(&self.calls) };
        let house = House {
            store: self.store.clone(),
            domain,
            runtime: self.runtime.clone(),
            running: Some(Arc::new(running)),
        };
        control::serve(&self.data.control_socket(), house)
    }

    /// Reads configuration and certificates again: sessions stay, new ones get the new certificate and limits.
    ///
    /// # Errors
    /// Something is wrong with the files; then nothing was changed.
    pub fn reload(&self) -> Result<()> {
        let config = self.data.config()?;
        let identity = self.data.identity(&config)?;
        let sip_tls = Arc::new(identity.server_config()?);
        self.tls.replace(identity.chain.clone(), identity.key.clone_key())?;
        self.im.set_limits(im_limits(&config));
        self.calls.set_tls(sip_tls);
        self.web.set_tls(identity.server_config()?);
        Ok(())
    }

    /// Stops: streams are told, what waits is written, at most `time` long.
    pub async fn stop(self, time: Duration) {
        self.runtime.stop();
        let closing = async {
            self.store.close().await;
        };
        let drained = self.runtime.drained(time / 2).await;
        if !drained {
            tracing::warn!("some tasks had not ended in time");
        }
        if tokio::time::timeout(time / 2, closing).await.is_err() {
            tracing::error!("the storage did not close in time");
        }
        let _gone = std::fs::remove_file(self.data.control_socket());
    }
}

async fn start_im(
    config: &Config,
    store: &Store,
    presence: &Arc<Engine>,
    runtime: &Runtime,
    tls: &Arc<im::Tls>,
) -> Result<Arc<Im>> {
    let secret = kept_secret(store, runtime).await?;
    let mut im_config = ImConfig::new(config.domain.parse()?, secret, ITERATIONS_DEFAULT);
    im_config.limits = im_limits(config);
    let trusted = config.network.trusted.clone();
    im_config.trusted = Arc::new(move |address| trusted.iter().any(|network| network.contains(address)));
    let im = Im::start(im_config, store.clone(), Arc::clone(presence), runtime.clone(), Arc::clone(tls));
    for (port, transport) in [(XMPP, Transport::StartTls), (XMPP_TLS, Transport::DirectTls)] {
        let address = SocketAddr::new(config.listen.address, config.port(port));
        let listener = runtime
            .listen_tcp(address, SocketOptions::default())
            .with_context(|| format!("cannot listen on {address}; `carillon check` says what has it"))?;
        im.listen(listener, transport);
    }
    Ok(im)
}

fn im_limits(config: &Config) -> im::Limits {
    let mut limits = im::Limits::default();
    limits.sign_in.unauthenticated_connections_max = config.limits.unauthenticated_connections;
    limits.session.resume_time_max = Duration::from_secs(config.limits.resume_seconds);
    limits.stream.signed_in.stanza_bytes_max = config.limits.stanza_bytes;
    limits
}

/// The secret that must stay the same over restarts, made at the first one.
async fn kept_secret(store: &Store, runtime: &Runtime) -> Result<[u8; 32]> {
    let text = match store.setting(UNKNOWN_USERS_SETTING).await? {
        Some(text) => text,
        None => {
            let made = runtime.random_token(32);
            store.setting_put(UNKNOWN_USERS_SETTING, &made).await?;
            made
        }
    };
    let mut secret = [0; 32];
    for (byte, digits) in secret.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits)?, 16).context("the kept secret")?;
    }
    Ok(secret)
}

fn media_config(config: &Config) -> MediaConfig {
    MediaConfig { rtp_ports: config.media.rtp_ports, bind: config.listen.address, ..MediaConfig::default() }
}

fn calls_config(config: &Config, identity: &Identity) -> Result<CallsConfig> {
    let address = |port| SocketAddr::new(config.listen.address, config.port(port));
    Ok(CallsConfig {
        domain: config.domain.parse()?,
        listen: calls::Listen { udp: vec![address(SIP)], tcp: vec![address(SIP)], tls: vec![address(SIP_TLS)] },
        tls: Some(Arc::new(identity.server_config()?)),
        addresses: calls::address::Addresses {
            sip_advertise: config.sip.advertise,
            media_advertise: config.media.advertise,
            local: config.network.local.clone(),
        },
        digest: config
            .sip
            .digest
            .iter()
            .map(|digest| match digest {
                Digest::Md5 => sip::digest::Algorithm::Md5,
                Digest::Sha256 => sip::digest::Algorithm::Sha256,
            })
            .collect(),
        trusted: config.network.trusted.clone(),
        shards: 0,
        echo_number: Some(ECHO_NUMBER.to_owned()),
        limits: CallLimits { ring_time: Duration::from_secs(config.sip.ring_seconds), ..CallLimits::default() },
    })
}

async fn start_web(
    config: &Config,
    identity: &Identity,
    runtime: &Runtime,
    store: &Store,
    (im, calls, presence): (&Arc<Im>, &Arc<Calls>, &Arc<Engine>),
) -> Result<Arc<web::Web>> {
    let loopback = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), config.port(port));
    let web_config = web::WebConfig {
        domain: config.domain.clone(),
        https: SocketAddr::new(config.listen.address, config.port(HTTPS)),
        http_loopback: config.listen.http_loopback.then(|| loopback(HTTP)),
        metrics: config.listen.metrics.then(|| loopback(METRICS)),
        version: env!("CARGO_PKG_VERSION"),
    };
    let rooms = web::Rooms { im: Arc::clone(im), calls: Arc::clone(calls), presence: Arc::clone(presence) };
    web::Web::start(web_config, identity.server_config()?, store.clone(), rooms, runtime.clone()).await.context("web")
}

/// Lets observations run out.
fn lapse(presence: &Arc<Engine>, runtime: &Runtime) {
    let (presence, inside) = (Arc::clone(presence), runtime.clone());
    runtime.spawn("presence-lapse", async move {
        loop {
            tokio::select! {
                biased;
                () = inside.stopping() => return,
                () = inside.sleep(LAPSE_INTERVAL) => presence.lapse(inside.timestamp()),
            }
        }
    });
}

/// What verbs reach of a running node.
struct Rooms {
    im: Arc<Im>,
    calls: Arc<Calls>,
}

impl Running for Rooms {
    fn end_sessions(&self, user: &BareJid) -> usize {
        self.im.disable(user)
    }

    fn log_level(&self, module: &str, level: &str) -> Result<(), String> {
        logging::set_level(module, level)
    }

    fn status(&self) -> Value {
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "uptime_seconds": self.im.uptime().as_secs(),
            "sessions": self.im.sessions().len(),
            "registrations": self.calls.registrations().len(),
            "calls": self.calls.snapshots().len(),
        })
    }
}
