//! How a connection to the server comes about: over TCP, or as a test says.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use futures::future::BoxFuture;
use runtime::{Runtime, SocketOptions};
use tokio::io::{AsyncRead, AsyncWrite};

/// A connection in the clear.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// A function that makes a connection.
trait Connect: Fn() -> BoxFuture<'static, io::Result<Box<dyn Connection>>> + Send + Sync {}

impl<F: Fn() -> BoxFuture<'static, io::Result<Box<dyn Connection>>> + Send + Sync> Connect for F {}

/// Makes a new connection each time that it is asked for one.
#[derive(Clone)]
pub struct Dial(Arc<dyn Connect>);

impl Dial {
    /// Connects to `address` over TCP.
    pub fn tcp(runtime: &Runtime, address: SocketAddr) -> Self {
        let runtime = runtime.clone();
        Self::by(move || {
            let runtime = runtime.clone();
            Box::pin(async move {
                Ok(Box::new(runtime.connect_tcp(address, SocketOptions::default()).await?)
                    as Box<dyn Connection>)
            })
        })
    }

    /// Connects as `connect` does.
    pub fn by(
        connect: impl Fn() -> BoxFuture<'static, io::Result<Box<dyn Connection>>> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(connect))
    }

    pub(super) async fn connect(&self) -> io::Result<Box<dyn Connection>> {
        (self.0)().await
    }
}
