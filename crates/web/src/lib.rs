//! HTTP: the status page behind the administrator's sign-in, health, metrics, files of users, XMPP for browsers, and notices
//! for sleeping devices.
//!
//! Owns: the HTTPS, loopback HTTP and metrics listeners, the administrator's sign-in, the pages. Does not own
//! what it shows: `im`, `calls` and `presence` are asked through [`operations::StatusSource`]. Chat over
//! WebSocket and BOSH is a wire of `im`'s, and what applications say at `/cti` is a session of `calls`'.
//!
//! Specs: RFC 9110, RFC 6455, RFC 7395 and RFC 7118 (WebSocket), XEP-0124 and XEP-0206 (BOSH), XEP-0156
//! (host-meta), RFC 8030, RFC 8291 and RFC 8292 (Web Push), RFC 6265 (cookies), RFC 7617 (Basic), Content Security Policy Level 3, WCAG 2.2 AA.

mod about;
mod admin;
mod answer;
mod archive;
mod bearer;
mod bosh;
mod browser;
mod cti;
mod failures;
mod guard;
mod health;
mod host_meta;
mod hosts;
pub mod limits;
mod links;
mod metrics_page;
mod open;
mod pages;
pub mod push;
mod routes;
mod selfcare;
mod serve;
mod sessions;
mod tls;
mod upload;
mod websocket;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use runtime::{Runtime, SocketOptions};
use store::Store;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

pub use about::SPECIFICATIONS;
pub use cti::CtiPolicy;
pub use metrics_page::Metrics;
pub use tls::Tls;

use failures::Failures;
use links::Links;
use sessions::Sessions;

/// Why HTTP could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A listening address is taken or not ours: the operator's configuration.
    #[error("cannot listen for HTTP on {address}: {cause}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        cause: std::io::Error,
    },
    /// Plain HTTP would carry the administrator's password over a network: the operator's configuration.
    #[error("plain HTTP is for loopback addresses only, not {0}; use HTTPS there")]
    NotLoopback(SocketAddr),
    /// The certificate or its key is unusable: the operator's configuration.
    #[error("certificate: {0}")]
    Certificate(#[from] rustls::Error),
    /// Another recorder of metrics is installed in this process: our fault.
    #[error("metrics: {0}")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
}

/// How HTTP is set up.
#[derive(Clone, Debug, Default)]
pub struct WebConfig {
    /// The domain that is served; shown on the pages.
    pub domain: String,
    /// The version of this program.
    pub version: String,
    /// Where HTTPS listens.
    pub https: Vec<SocketAddr>,
    /// Where plain HTTP listens: loopback only.
    pub http: Vec<SocketAddr>,
    /// Where metrics are to be had.
    pub metrics: Vec<SocketAddr>,
    /// Who may control calls with applications.
    pub cti: CtiPolicy,
}

/// The addresses that are listened on, after port 0 became a real one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// HTTPS.
    pub https: Vec<SocketAddr>,
    /// Plain HTTP on loopback.
    pub http: Vec<SocketAddr>,
    /// Metrics.
    pub metrics: Vec<SocketAddr>,
}

/// What HTTP shows and stands on.
pub struct Rooms {
    /// The administrator's password is kept here.
    pub store: Store,
    /// Presence, with its reasons.
    pub presence: Arc<presence::Engine>,
    /// Sessions, lines, calls.
    pub status: Arc<dyn operations::StatusSource>,
    /// The recorder of metrics.
    pub metrics: Metrics,
    /// The contents of the files that users upload.
    pub files: store::Files,
    /// The certificate for HTTPS.
    pub tls: Arc<Tls>,
    /// Messaging, for chat clients that come by HTTP.
    pub im: Arc<im::Im>,
    /// Call control, for applications.
    pub calls: calls::Calls,
}

/// The HTTP side of a node.
pub struct Web {
    config: WebConfig,
    runtime: Runtime,
    rooms: Rooms,
    sign_in: SignIn,
    uploads: upload::Uploads,
    bosh: bosh::Table,
    cti: cti::Cti,
    admin: admin::Admin,
    addresses: Addresses,
    started: Instant,
}

/// What the sign-in keeps, all of it in memory.
struct SignIn {
    sessions: Sessions,
    links: Links,
    failures: Failures,
    hashing: Semaphore,
}

/// Which listener a request came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// HTTPS on this port.
    Https(u16),
    /// Plain HTTP on this loopback port.
    Http(u16),
    /// The metrics listener.
    Metrics,
}

impl Door {
    /// What the listener is called on the status page.
    fn name(self) -> &'static str {
        match self {
            Self::Https(_) => "HTTPS",
            Self::Http(_) => "HTTP",
            Self::Metrics => "metrics",
        }
    }
}

impl Web {
    /// Listens, and serves until the runtime stops.
    ///
    /// # Errors
    /// An address cannot be listened on, or plain HTTP was asked for beyond loopback.
    pub fn start(config: WebConfig, rooms: Rooms, runtime: &Runtime) -> Result<Arc<Self>, Error> {
        if let Some(address) = config.http.iter().find(|address| !address.ip().is_loopback()) {
            return Err(Error::NotLoopback(*address));
        }
        if let Some(address) = config.metrics.iter().find(|address| !address.ip().is_loopback()) {
            tracing::warn!(%address, "metrics are open to the network");
        }
        let https = listen(runtime, &config.https)?;
        let http = listen(runtime, &config.http)?;
        let metrics = listen(runtime, &config.metrics)?;
        metrics::gauge!("carillon_info", "version" => config.version.clone()).set(1.0);
        let web = Arc::new(Self {
            addresses: Addresses {
                https: addresses(&https),
                http: addresses(&http),
                metrics: addresses(&metrics),
            },
            started: runtime.now(),
            sign_in: SignIn {
                sessions: Sessions::default(),
                links: Links::default(),
                failures: Failures::default(),
                hashing: Semaphore::new(limits::HASHES_AT_ONCE_MAX),
            },
            uploads: upload::Uploads::default(),
            bosh: bosh::Table::default(),
            cti: cti::Cti::new(config.cti.clone()),
            admin: admin::Admin::default(),
            config,
            runtime: runtime.clone(),
            rooms,
        });
        for (listener, address) in https {
            serve::start(&web, listener, address, Door::Https(address.port()));
        }
        for (listener, address) in http {
            serve::start(&web, listener, address, Door::Http(address.port()));
        }
        for (listener, address) in metrics {
            serve::start(&web, listener, address, Door::Metrics);
        }
        web.rooms.metrics.keep_up(runtime);
        upload::upkeep::start(&web);
        Ok(web)
    }

    /// Where it listens.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Lets administrators work by HTTP: what they ask for is done on this.
    pub fn operate(&self, context: operations::Context) {
        self.admin.operate(context);
    }

    /// The programming interface for administrators, as OpenAPI describes it.
    pub fn openapi() -> serde_json::Value {
        serde_json::to_value(admin::document()).expect("the document is made of plain structs")
    }

    /// A path that signs its first visitor in as the administrator, once, within `time`.
    pub fn one_time_link(&self, time: Duration) -> String {
        let token = self.runtime.random_token(32);
        self.sign_in.links.add(token.clone(), self.runtime.now() + time);
        format!("/sign-in/link/{token}")
    }
}

fn listen(runtime: &Runtime, wanted: &[SocketAddr]) -> Result<Vec<(TcpListener, SocketAddr)>, Error> {
    wanted
        .iter()
        .map(|address| {
            let cannot = |cause| Error::Listen { address: *address, cause };
            let listener = runtime.listen_tcp(*address, SocketOptions::default()).map_err(cannot)?;
            let bound = listener.local_addr().map_err(cannot)?;
            Ok((listener, bound))
        })
        .collect()
}

fn addresses(listeners: &[(TcpListener, SocketAddr)]) -> Vec<SocketAddr> {
    listeners.iter().map(|(_, address)| *address).collect()
}
