//! Opens the connections that are kept to trunks over TLS; what waits to be said over one is said when it is open.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustls::pki_types::ServerName;
use sip::endpoint::{ConnectionId, Transmit};
use sip::location::Hop;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::connection::{CONNECT_MAX, serve};
use super::{Admitted, Connection, Transport, WRITES_WAITING_MAX};
use crate::shard::mailbox::Input;
use crate::trunk::Trunk;

/// How long a TLS handshake may take: with the connection, less than the 32 s of a transaction.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// Sends over a connection of a trunk, and opens it before where it is not open. The shard hears when that fails, and when it
/// has failed too lately to be tried again.
pub(super) fn send(transport: &Arc<Transport>, id: ConnectionId, transmit: Transmit, shard: usize) {
    // Two shards that find it closed open one connection.
    let turn = transport.opening.lock();
    if transport.has_connection(&transmit.flow) {
        if transport.send_stream(&transmit).is_err() {
            refuse(transport, &transmit, shard);
        }
        return;
    }
    let now = transport.runtime.now();
    let way = transport.trunks.standing(id).filter(|(trunk, hop)| trunk.may_open(*hop, now));
    let Some((trunk, hop)) = way else { return refuse(transport, &transmit, shard) };
    let Some(admitted) = transport.admit_standing(id, hop.address.ip()) else {
        return refuse(transport, &transmit, shard);
    };
    let (writer, waiting) = mpsc::channel(WRITES_WAITING_MAX);
    // The queue is new and has room.
    let queued = writer.try_send(transmit.bytes).is_ok();
    debug_assert!(queued, "a new queue has room");
    let newcomer = Arc::clone(&admitted.newcomer);
    let connection = Connection { writer, flow: transmit.flow, newcomer, peer: None };
    // Not among those that are found by their address: only the trunk may use it.
    transport.connections.pin().insert(id, connection.clone());
    drop(turn);
    let inside = Arc::clone(transport);
    transport.runtime.spawn_session(keep(inside, (trunk, hop), connection, waiting, admitted));
}

fn refuse(transport: &Transport, transmit: &Transmit, shard: usize) {
    if let Some(origin) = transmit.origin {
        transport.mailboxes[shard].put(Input::NotSent(origin));
    }
}

/// Opens a connection and serves it until it ends.
async fn keep(
    transport: Arc<Transport>,
    (trunk, hop): (Arc<Trunk>, Hop),
    connection: Connection,
    waiting: mpsc::Receiver<Bytes>,
    admitted: Admitted,
) {
    let id = admitted.id;
    let now = |transport: &Transport| -> Instant { transport.runtime.now() };
    let opened = open(&transport, &trunk, hop).await;
    let since = now(&transport);
    let (why, is_open) = match opened {
        Err(why) => (why, false),
        Ok(stream) => {
            trunk.connected(hop);
            let ended = serve(&transport, stream, connection, waiting).await;
            let why = ended.map_or_else(|| "it closes connections at once".to_owned(), |error| words(&error));
            (why, true)
        }
    };
    let ended = now(&transport);
    trunk.disconnected(hop, why, is_open.then(|| ended.saturating_duration_since(since)), ended);
    transport.closed(admitted);
    if is_open && let Some(keeper) = transport.mailboxes.first() {
        keeper.put(Input::TrunkLost(id));
    }
}

async fn open(transport: &Transport, trunk: &Arc<Trunk>, hop: Hop) -> Result<TlsStream<TcpStream>, String> {
    let tls = transport.tls.load_full().ok_or("this server has no certificate, so it speaks no TLS")?;
    let name = trunk.server_name();
    let name = ServerName::try_from(name.clone()).map_err(|_| format!("{name} is no name for TLS"))?;
    let config = tls.client(trunk).map_err(|error| error.to_string())?;
    let connecting = transport.runtime.connect_tcp(hop.address, transport.options);
    let stream = tokio::time::timeout(CONNECT_MAX, connecting)
        .await
        .map_err(|_| "no connection within 10 s".to_owned())?
        .map_err(|error| format!("no connection: {error}"))?;
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    let handshake = TlsConnector::from(Arc::new(config)).connect(name, stream);
    tokio::time::timeout(HANDSHAKE_MAX, handshake)
        .await
        .map_err(|_| "it speaks no TLS: no handshake within 10 s".to_owned())?
        .map_err(|error| words(&error))
}

/// What went wrong, in words: what was found wrong with a certificate as it was said.
fn words(error: &std::io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::General(said)) => said.clone(),
        Some(other) => format!("TLS: {other}"),
        None => format!("TLS: {error}"),
    }
}
