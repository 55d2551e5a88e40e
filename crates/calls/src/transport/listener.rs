//! Stream listeners: they accept, and each connection gets a task of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, UnixTime};
use sip::endpoint::Transport as Kind;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::{Transport, connection};
use crate::Error;
use crate::trunk::Peer;

/// How long a TLS handshake may take.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// Listens on `address`; gives the address that the socket got.
pub(super) fn open(transport: &Arc<Transport>, address: SocketAddr, kind: Kind) -> Result<SocketAddr, Error> {
    let failed = |cause| Error::Listen { address, cause };
    let listener = transport.runtime.listen_tcp(address, transport.options).map_err(failed)?;
    let name = if kind == Kind::Tls { "SIP over TLS" } else { "SIP over TCP" };
    let inside = Arc::clone(transport);
    let begin = move |stream, remote| Some(begin(Arc::clone(&inside), stream, remote, kind));
    transport.runtime.spawn_acceptor(name, listener, begin).map_err(failed)
}

async fn begin(transport: Arc<Transport>, stream: TcpStream, remote: SocketAddr, kind: Kind) {
    let Ok(local) = stream.local_addr() else { return };
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let Some(admitted) = transport.admit(remote.ip()) else {
        crate::metrics::connections_refused().increment(1);
        tracing::debug!(%remote, "too many SIP connections");
        return;
    };
    if kind == Kind::Tcp {
        return connection::run(transport, stream, (kind, local, remote), (admitted, None)).await;
    }
    let Some(tls) = transport.tls.load_full() else { return transport.closed(admitted) };
    let config = tls.server(transport.trunks.any_knows_by_certificate());
    let handshake = tokio::time::timeout(HANDSHAKE_MAX, TlsAcceptor::from(config).accept(stream));
    match handshake.await {
        Ok(Ok(stream)) => {
            let seconds = u64::try_from(transport.runtime.timestamp().seconds()).unwrap_or(0);
            let shown_at = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
            let shown = stream.get_ref().1.peer_certificates();
            let owned =
                |chain: &[CertificateDer<'_>]| chain.iter().map(|one| one.clone().into_owned()).collect();
            let peer = shown.map(|chain| Arc::new(Peer::new(owned(chain), shown_at)));
            connection::run(transport, stream, (kind, local, remote), (admitted, peer)).await;
        }
        _ => transport.closed(admitted),
    }
}
