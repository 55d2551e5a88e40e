//! The two things that a server asks of the network: names and connections. Real, or a test's own.

use std::io;
use std::net::{IpAddr, SocketAddr};

use futures::future::BoxFuture;
use hickory_resolver::TokioResolver;
use hickory_resolver::net::NetError;
use hickory_resolver::proto::rr::RData;
use runtime::{Runtime, SocketOptions};
use tokio::io::{AsyncRead, AsyncWrite};

/// A connection in both directions.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// A connection to another server, whatever carries it.
pub type Wire = Box<dyn Duplex>;

/// One SRV record (RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Lower ones first.
    pub priority: u16,
    /// The share among those of one priority.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// The server's name.
    pub target: String,
}

/// Why a name leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// There is no such name, or it has no such records: asking again gives the same.
    #[error("there is no such name")]
    NotFound,
    /// The name service did not answer, or answered that it cannot: it may later.
    #[error("the name service did not answer: {0}")]
    Failed(String),
}

/// Names and connections.
pub trait Network: Send + Sync + 'static {
    /// The SRV records of a name.
    fn services<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Service>, LookupError>>;
    /// The addresses of a name.
    fn addresses<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, LookupError>>;
    /// A connection.
    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Wire>>;
}

/// The real one: the system's name servers, and TCP.
pub(super) struct RealNetwork {
    runtime: Runtime,
    /// Made at the first question, inside the executor.
    resolver: tokio::sync::OnceCell<TokioResolver>,
}

impl RealNetwork {
    pub(super) fn new(runtime: Runtime) -> Self {
        Self { runtime, resolver: tokio::sync::OnceCell::new() }
    }

    async fn resolver(&self) -> Result<&TokioResolver, LookupError> {
        let make = || async { TokioResolver::builder_tokio()?.build() };
        self.resolver.get_or_try_init(make).await.map_err(|error| failed(&error))
    }
}

fn failed(error: &NetError) -> LookupError {
    if error.is_no_records_found() { LookupError::NotFound } else { LookupError::Failed(error.to_string()) }
}

/// A dot at the end: the name is complete, and no search list of this machine is tried.
fn absolute(name: &str) -> String {
    format!("{}.", name.trim_end_matches('.'))
}

impl Network for RealNetwork {
    fn services<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Service>, LookupError>> {
        Box::pin(async move {
            let found = self.resolver().await?.srv_lookup(absolute(name)).await.map_err(|e| failed(&e))?;
            let services = found.answers().iter().filter_map(|record| match &record.data {
                RData::SRV(srv) => Some(Service {
                    priority: srv.priority,
                    weight: srv.weight,
                    port: srv.port,
                    target: srv.target.to_string(),
                }),
                _ => None,
            });
            Ok(services.collect())
        })
    }

    fn addresses<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, LookupError>> {
        Box::pin(async move {
            let found = self.resolver().await?.lookup_ip(absolute(name)).await.map_err(|e| failed(&e))?;
            Ok(found.iter().collect())
        })
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Wire>> {
        Box::pin(async move {
            let stream = self.runtime.connect_tcp(address, SocketOptions::default()).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Wire)
        })
    }
}
