//! Sockets and connections: they only read, frame, and hand to the shard of hash(Call-ID).
//!
//! Signalling is marked CS3 (`MD-16`). A response goes back the way its request came (RFC 3261 §18.2.2, RFC
//! 3581); a request to a registered phone goes over the flow that it registered with (RFC 5626 §5.3).

mod connection;
mod listener;
mod local;
mod newcomers;
mod patience;
mod phone_socket;
mod standing;
mod tls;
mod udp;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use parking_lot::Mutex;
use runtime::{Runtime, SocketOptions};
use sip::endpoint::{ConnectionId, Flow, Transmit, Transport as Kind};
use sip::{Malformed, Message, Method, Name, Response};
use tokio::sync::mpsc;

use crate::call::{Moved, Shard};
use crate::shard::mailbox::{Input, Mailbox};
use crate::trunk::{Peer, Trunks, is_standing};
use crate::{CallsConfig, Error, Listen};

pub(crate) use local::LocalAddresses;
use newcomers::{Newcomer, Newcomers};
pub use phone_socket::PhoneSocket;
pub use tls::Tls;
pub(crate) use udp::{BoundUdp, UdpSockets};

/// Connections at once, in and out.
pub(crate) const CONNECTIONS_MAX: usize = 16_384;
/// Messages that wait to be written to one connection; a peer that reads slower is cut off.
const WRITES_WAITING_MAX: usize = 512;
/// Retry-After of a 503 by a full queue, in seconds.
const RETRY_AFTER_SECONDS: u32 = 5;

/// What all sockets share.
pub(crate) struct Transport {
    pub(crate) runtime: Runtime,
    /// How sockets for signalling are set up.
    options: SocketOptions,
    pub(crate) mailboxes: Vec<Arc<Mailbox>>,
    /// The dialogs that left the shard of their Call-ID.
    pub(crate) moved: Arc<Moved>,
    pub(crate) tls: ArcSwapOption<Tls>,
    /// Some have connections of their own.
    trunks: Arc<Trunks>,
    /// Held while such a connection begins to be opened.
    opening: Mutex<()>,
    connections: papaya::HashMap<ConnectionId, Connection>,
    by_remote: papaya::HashMap<(Kind, SocketAddr), ConnectionId>,
    local: LocalAddresses,
    newcomers: Newcomers,
    next: AtomicU64,
    open: AtomicUsize,
}

/// The writing end of a connection.
#[derive(Clone, Debug)]
struct Connection {
    writer: mpsc::Sender<Bytes>,
    flow: Flow,
    newcomer: Arc<Newcomer>,
    /// Who connected to us, when it showed a certificate.
    peer: Option<Arc<Peer>>,
}

/// A connection that there is room for.
#[derive(Clone, Debug)]
struct Admitted {
    id: ConnectionId,
    newcomer: Arc<Newcomer>,
}

/// A message could not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotSent;

impl Transport {
    pub(crate) fn new(
        runtime: &Runtime,
        mailboxes: Vec<Arc<Mailbox>>,
        trunks: &Arc<Trunks>,
        config: &CallsConfig,
    ) -> Arc<Self> {
        Arc::new(Self {
            runtime: runtime.clone(),
            options: SocketOptions { dscp: Some(config.dscp), ..SocketOptions::default() },
            mailboxes,
            moved: Arc::default(),
            tls: ArcSwapOption::new(config.tls.clone()),
            trunks: Arc::clone(trunks),
            opening: Mutex::default(),
            connections: papaya::HashMap::new(),
            by_remote: papaya::HashMap::new(),
            local: LocalAddresses::new(runtime),
            newcomers: Newcomers::default(),
            next: AtomicU64::new(1),
            open: AtomicUsize::new(0),
        })
    }

    /// Opens the stream listeners; gives the addresses that they have.
    pub(crate) fn listen(self: &Arc<Self>, config: &CallsConfig) -> Result<Listen, Error> {
        let mut bound = Listen::default();
        for address in &config.listen.tcp {
            bound.tcp.push(listener::open(self, *address, Kind::Tcp)?);
        }
        for address in &config.listen.tls {
            bound.tls.push(listener::open(self, *address, Kind::Tls)?);
        }
        Ok(bound)
    }

    /// Our address that a peer sees: the socket's, or what the system would choose for it when that is a wildcard.
    pub(crate) fn local_address(&self, bound: SocketAddr, remote: SocketAddr) -> SocketAddr {
        self.local.towards(bound, remote)
    }

    /// Hands a message to the shard of its Call-ID; gives it back to a shard that reads its own mail.
    pub(crate) fn route(
        &self,
        read: Result<Message, Malformed>,
        flow: Flow,
        own: Option<usize>,
    ) -> Option<Input> {
        let count = self.mailboxes.len();
        let shard = match &read {
            Ok(message) => self.moved.shard_of(message, count),
            Err(malformed) => {
                let call_id = malformed.answerable.as_ref().and_then(|r| r.headers().first(Name::CallId));
                Shard::of(call_id.unwrap_or_default(), count)
            }
        };
        let input = match read {
            Ok(Message::Request(mut request)) => {
                request.set_source(flow.remote);
                Input::Message(Message::Request(request), flow)
            }
            Ok(message) => Input::Message(message, flow),
            Err(malformed) => Input::Malformed(malformed, flow),
        };
        if own == Some(shard) {
            return Some(input);
        }
        if let Err(input) = self.mailboxes[shard].offer(input) {
            crate::metrics::overload().increment(1);
            self.refuse(*input);
        }
        None
    }

    /// Answers a request that no shard has room for, over a connection; a datagram is sent again by itself.
    fn refuse(&self, input: Input) {
        let Input::Message(Message::Request(request), flow) = input else { return };
        if *request.method() == Method::Ack || flow.connection.is_none() {
            return;
        }
        let response =
            Response::to(&request, 503, None).header(Name::RetryAfter, &RETRY_AFTER_SECONDS).finish();
        let sent = self.send_stream(&Transmit { flow, bytes: response.bytes().clone(), origin: None });
        if sent.is_err() {
            tracing::debug!("a connection went while it was told that there is no room");
        }
    }

    /// Sends over a connection: the one of the flow, one that is open to the same address, or a new one.
    pub(crate) fn send_stream(&self, transmit: &Transmit) -> Result<(), NotSent> {
        let flow = transmit.flow;
        let known =
            flow.connection.or_else(|| self.by_remote.pin().get(&(flow.transport, flow.remote)).copied());
        let connections = self.connections.pin();
        let Some(connection) = known.and_then(|id| connections.get(&id)) else { return Err(NotSent) };
        connection.writer.try_send(transmit.bytes.clone()).map_err(|_| NotSent)
    }

    /// Is there a connection that a message over `flow` could take?
    pub(crate) fn has_connection(&self, flow: &Flow) -> bool {
        match flow.connection {
            Some(id) => self.connections.pin().contains_key(&id),
            None => self.by_remote.pin().contains_key(&(flow.transport, flow.remote)),
        }
    }

    /// Opens a connection for a message, and sends it; the shard hears when that fails.
    pub(crate) fn connect(self: &Arc<Self>, transmit: Transmit, shard: usize) {
        match transmit.flow.connection {
            Some(id) if is_standing(id) => standing::send(self, id, transmit, shard),
            _ => connection::dial(self, transmit, shard),
        }
    }

    /// Who connected to us over this flow, when it showed a certificate.
    pub(crate) fn peer(&self, flow: &Flow) -> Option<Arc<Peer>> {
        let id = flow.connection.filter(|_| flow.transport == Kind::Tls)?;
        self.connections.pin().get(&id).and_then(|connection| connection.peer.clone())
    }

    /// A request over this flow was authenticated: its connection may stay.
    pub(crate) fn prove(&self, flow: &Flow) {
        let Some(id) = flow.connection else { return };
        if let Some(connection) = self.connections.pin().get(&id) {
            connection.newcomer.prove();
        }
    }

    /// Makes room for a connection from `address`; `None` when there are too many.
    fn admit(&self, address: IpAddr) -> Option<Admitted> {
        let newcomer = self.newcomers.admit(address)?;
        let admitted = self.admit_as(Arc::clone(&newcomer));
        if admitted.is_none() {
            newcomer.leave();
        }
        admitted
    }

    /// Makes room for a connection of our own to `address`.
    fn admit_own(&self, address: IpAddr) -> Option<Admitted> {
        self.admit_as(self.newcomers.known(address))
    }

    /// Makes room for a connection to a trunk at `address`, which has its number already.
    fn admit_standing(&self, id: ConnectionId, address: IpAddr) -> Option<Admitted> {
        Some(Admitted { id, ..self.admit_own(address)? })
    }

    fn admit_as(&self, newcomer: Arc<Newcomer>) -> Option<Admitted> {
        if self.open.fetch_add(1, Ordering::Relaxed) >= CONNECTIONS_MAX {
            self.open.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        crate::metrics::connections().increment(1);
        Some(Admitted { id: ConnectionId(self.next.fetch_add(1, Ordering::Relaxed)), newcomer })
    }

    fn opened(&self, id: ConnectionId, connection: Connection) {
        self.by_remote.pin().insert((connection.flow.transport, connection.flow.remote), id);
        self.connections.pin().insert(id, connection);
    }

    fn closed(&self, Admitted { id, newcomer }: Admitted) {
        newcomer.leave();
        let connections = self.connections.pin();
        if let Some(connection) = connections.remove(&id) {
            let key = (connection.flow.transport, connection.flow.remote);
            let by_remote = self.by_remote.pin();
            if by_remote.get(&key) == Some(&id) {
                by_remote.remove(&key);
            }
        }
        self.open.fetch_sub(1, Ordering::Relaxed);
        crate::metrics::connections().decrement(1);
        for mailbox in &self.mailboxes {
            mailbox.put(Input::ConnectionLost(id));
        }
    }
}
