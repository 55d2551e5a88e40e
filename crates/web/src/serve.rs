//! The accept loops: connections are counted, timed, and told to end when the node stops.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::hosts::Hosts;
use crate::limits::{
    CONNECTION_TIME_MAX, CONNECTIONS_MAX, CONNECTIONS_PER_HOST_MAX, HANDSHAKE_TIME_MAX, HEADER_BYTES_MAX,
    HEADER_FIELDS_MAX, HEADER_TIME_MAX, STOP_TIME_MAX, STREAMS_MAX, TRANSFER_TIME_MAX,
};
use crate::{Door, Web, routes};

/// Serves one listener until the runtime stops.
pub(crate) fn start(web: &Arc<Web>, listener: TcpListener, address: SocketAddr, door: Door) {
    let (web, runtime) = (Arc::clone(web), web.runtime.clone());
    let router = routes::router(&web, door);
    runtime.clone().spawn_listener(door.name(), &[address], async move {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let hosts = Hosts::default();
        loop {
            let accepted = tokio::select! {
                biased;
                () = runtime.stopping() => return,
                accepted = accept(&listener, &places) => accepted,
            };
            let Some((stream, peer, place)) = accepted else {
                // Out of descriptors: others will end, and the client waits in the queue.
                runtime.sleep(std::time::Duration::from_millis(100)).await;
                continue;
            };
            let max = if web.rooms.im.trusts(peer.ip()) { CONNECTIONS_MAX } else { CONNECTIONS_PER_HOST_MAX };
            let Some(share) = hosts.take(peer.ip(), max) else {
                metrics::counter!("carillon_web_connections_refused_total").increment(1);
                continue;
            };
            let connection = Connection { web: Arc::clone(&web), router: router.clone(), door, peer };
            runtime.spawn_session(async move {
                connection.serve(stream).await;
                drop((place, share));
            });
        }
    });
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, place)),
        Err(cause) => {
            tracing::warn!(%cause, "HTTP connection cannot be accepted");
            None
        }
    }
}

/// One connection's way from the handshake to its end.
struct Connection {
    web: Arc<Web>,
    router: Router,
    door: Door,
    peer: SocketAddr,
}

impl Connection {
    async fn serve(self, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        if !matches!(self.door, Door::Https(_)) {
            return self.speak(stream, false).await;
        }
        let acceptor = TlsAcceptor::from(self.web.rooms.tls.config());
        let handshake = tokio::time::timeout(HANDSHAKE_TIME_MAX, acceptor.accept(stream));
        // A client that does not speak TLS, or not in time, is no news.
        if let Ok(Ok(stream)) = handshake.await {
            let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            self.speak(stream, is_http2).await;
        }
    }

    async fn speak<S>(self, stream: S, is_http2: bool)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (router, peer) = (self.router, self.peer);
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            router.clone().oneshot(request)
        });
        let builder = builder(is_http2);
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let runtime = &self.web.runtime;
        tokio::select! {
            biased;
            () = runtime.stopping() => {}
            () = runtime.sleep(CONNECTION_TIME_MAX) => {}
            // Whatever broke the connection is the client's affair.
            _ = connection.as_mut() => return,
        }
        connection.as_mut().graceful_shutdown();
        // A file on its way has its time, unless the node stops.
        tokio::select! {
            biased;
            () = runtime.stopping() => {}
            () = runtime.sleep(TRANSFER_TIME_MAX) => {}
            _ = connection.as_mut() => return,
        }
        let _ = tokio::time::timeout(STOP_TIME_MAX, connection).await;
    }
}

fn builder(is_http2: bool) -> Builder<TokioExecutor> {
    let builder = Builder::new(TokioExecutor::new());
    let mut builder = if is_http2 { builder.http2_only() } else { builder.http1_only() };
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME_MAX)
        .max_headers(HEADER_FIELDS_MAX)
        .max_buf_size(HEADER_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADER_BYTES_MAX as u32)
        .keep_alive_interval(HEADER_TIME_MAX);
    builder
}
