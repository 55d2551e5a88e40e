//! One published port for all browsers, for datagrams and for streams: whose a first packet is says its check (RFC 8445), and
//! from then on a way of the leg's own.
//!
//! A way is a socket of the same port that is connected to the peer, so that the kernel leads all that follows to it: no packet
//! is looked up twice, and a leg stays with its thread. Streams (RFC 6544, RFC 4571) are for networks that let no datagrams out.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::{TcpListener, UdpSocket};
use mio::{Interest, Token};
use parking_lot::Mutex;
use runtime::SocketOptions;

use crate::engine::Engine;
use crate::lane::Order;
use crate::meter::Dropped;
use crate::rtp::PACKET_BYTES_MAX;
use crate::stun::{ANSWER_BYTES_MAX, Request};
use crate::way::{FIRST_WAY, Framed, TOKENS_PER_LEG, Way};
use crate::{PortId, media::Shared};

/// The token of datagrams at the published port.
pub(crate) const DATAGRAMS: Token = Token(usize::MAX - 1);
/// The token of new connections there.
pub(crate) const CONNECTIONS: Token = Token(usize::MAX - 2);
/// Tokens of connections that have not said yet whose they are begin here.
pub(crate) const NEWCOMERS: usize = usize::MAX / 2;
/// Connections that have not said yet whose they are; the oldest makes room.
const NEWCOMERS_MAX: usize = 64;
/// How long a connection may take to say whose it is.
const NEWCOMER_TIME: Duration = Duration::from_secs(5);
/// Packets and connections taken before others have their turn.
const READS_PER_TURN: usize = 64;

/// What all threads know of the published port.
#[derive(Debug)]
pub(crate) struct Published {
    /// Where it is.
    pub(crate) address: SocketAddr,
    /// Whose checks are addressed how: by our fragments. No longer than the ports that there are.
    fragments: Mutex<BTreeMap<String, PortId>>,
}

/// The published port itself, on one thread.
#[derive(Debug)]
pub(crate) struct Hub {
    datagrams: UdpSocket,
    connections: TcpListener,
    newcomers: BTreeMap<usize, (Framed, Instant)>,
    next: usize,
}

/// What came to the published port for a leg.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) port: PortId,
    peer: SocketAddr,
    check: Vec<u8>,
    /// The connection over which it came.
    stream: Option<Framed>,
}

impl Published {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, fragments: Mutex::default() }
    }

    /// The leg has another fragment, or none any more.
    fn name(&self, before: Option<String>, now: Option<String>, port: PortId) {
        if before == now {
            return;
        }
        let mut fragments = self.fragments.lock();
        if let Some(before) = before {
            fragments.remove(&before);
        }
        if let Some(now) = now {
            fragments.insert(now, port);
        }
    }

    fn leg_of(&self, check: &[u8]) -> Option<PortId> {
        let request = Request::parse(check)?;
        let fragment = std::str::from_utf8(request.recipient()?).ok()?;
        self.fragments.lock().get(fragment).copied()
    }
}

impl Hub {
    /// Binds the port for both.
    ///
    /// # Errors
    /// It is not free.
    pub(crate) fn bind(address: SocketAddr, runtime: &runtime::Runtime) -> io::Result<Self> {
        let options = SocketOptions { reuse_port: true, ..SocketOptions::default() };
        Ok(Self {
            datagrams: UdpSocket::from_std(runtime.bind_udp_std(address, options)?),
            connections: TcpListener::from_std(runtime.listen_tcp_std(address, SocketOptions::default())?),
            newcomers: BTreeMap::new(),
            next: 0,
        })
    }

    /// Has its sockets watched.
    ///
    /// # Errors
    /// The poll does not take them.
    pub(crate) fn watch(&mut self, registry: &mio::Registry) -> io::Result<()> {
        registry.register(&mut self.datagrams, DATAGRAMS, Interest::READABLE)?;
        registry.register(&mut self.connections, CONNECTIONS, Interest::READABLE)
    }
}

impl Engine {
    /// Reads what came to the published port.
    pub(crate) fn published(&mut self, token: Token, now: Instant) {
        for _ in 0..READS_PER_TURN {
            let outcome = match token {
                DATAGRAMS => self.datagram(),
                CONNECTIONS => self.connection(now),
                _ => return self.newcomer(token),
            };
            match outcome {
                Ok(()) => {}
                Err(cause) if cause.kind() == ErrorKind::WouldBlock => return,
                Err(_) => {} // A connection that was gone at once.
            }
        }
        self.unread.push(token);
    }

    fn datagram(&mut self) -> io::Result<()> {
        let Some(hub) = &self.hub else { return Err(ErrorKind::WouldBlock.into()) };
        let (length, peer) = hub.datagrams.recv_from(&mut self.buffer[..])?;
        let check = &self.buffer[..length];
        match self.shared.published.as_ref().and_then(|published| published.leg_of(check)) {
            Some(port) => self.shared.arrived(Arrival { port, peer, check: check.to_vec(), stream: None }),
            None => self.meter.dropped(Dropped::Stranger),
        }
        Ok(())
    }

    fn connection(&mut self, now: Instant) -> io::Result<()> {
        let Some(hub) = &mut self.hub else { return Err(ErrorKind::WouldBlock.into()) };
        let (stream, peer) = hub.connections.accept()?;
        if hub.newcomers.len() >= NEWCOMERS_MAX {
            hub.newcomers.pop_first();
        }
        let mut framed = Framed::new(stream, peer)?;
        hub.next = (hub.next + 1) % (NEWCOMERS / 2);
        let token = Token(NEWCOMERS + hub.next);
        self.poll.registry().register(framed.stream(), token, Interest::READABLE)?;
        hub.newcomers.insert(hub.next, (framed, now));
        Ok(())
    }

    /// A connection says whose it is, by its first check.
    fn newcomer(&mut self, token: Token) {
        let at = token.0 - NEWCOMERS;
        let Some((framed, _)) = self.hub.as_mut().and_then(|hub| hub.newcomers.get_mut(&at)) else { return };
        let mut packet = [0; PACKET_BYTES_MAX];
        let length = match framed.read(&mut packet) {
            Ok(length) => length,
            Err(cause) if cause.kind() == ErrorKind::WouldBlock => return,
            Err(_) => 0,
        };
        let newcomer = self.hub.as_mut().and_then(|hub| hub.newcomers.remove(&at));
        let Some((mut framed, _)) = newcomer else { return };
        let _ = self.poll.registry().deregister(framed.stream());
        let check = &packet[..length];
        let Some(port) = self.shared.published.as_ref().and_then(|published| published.leg_of(check)) else {
            return self.meter.dropped(Dropped::Stranger);
        };
        let peer = framed.peer();
        self.shared.arrived(Arrival { port, peer, check: check.to_vec(), stream: Some(framed) });
    }

    /// Lets go of connections that have not said in time whose they are.
    pub(crate) fn forget_newcomers(&mut self, now: Instant) {
        if let Some(hub) = &mut self.hub {
            hub.newcomers.retain(|_, (_, at)| now.saturating_duration_since(*at) < NEWCOMER_TIME);
        }
    }

    /// Something came to the published port for a leg: when it is proved, it has a way of its own from now on.
    pub(crate) fn arrive(&mut self, arrival: Box<Arrival>, now: Instant) {
        let port = arrival.port;
        if let Some(waiting) = self.expected.get_mut(&port) {
            return waiting.push(Order::Arrive(arrival));
        }
        let Some(slot) = self.legs.slot(port) else {
            // It moved between the sender's look and now, or is closed.
            if self.shared.thread_of(port) != self.index {
                self.shared.arrived(*arrival);
            }
            return;
        };
        let Arrival { peer, check, stream, .. } = *arrival;
        let mut out = [0; ANSWER_BYTES_MAX];
        let Some(checked) = self.legs.at(slot).and_then(|leg| leg.checked(&check, peer, now, &mut out))
        else {
            return self.meter.dropped(Dropped::Stranger);
        };
        if let Err(cause) = self.open_way(slot, peer, stream) {
            tracing::debug!(%cause, "a browser's way cannot be opened; it tries again");
            return;
        }
        self.answer_check(slot, peer, (checked, &out), now);
        // What else its connection brought along.
        for place in 0..TOKENS_PER_LEG - FIRST_WAY {
            self.unread.push(Token(slot * TOKENS_PER_LEG + FIRST_WAY + place));
        }
    }

    fn open_way(&mut self, slot: usize, peer: SocketAddr, stream: Option<Framed>) -> io::Result<()> {
        let Some(published) = &self.shared.published else { return Ok(()) };
        let Some(leg) = self.legs.at(slot) else { return Ok(()) };
        let way = match stream {
            Some(framed) => Way::Stream(Box::new(framed)),
            None if leg.sockets.ways.leads_to(peer) => return Ok(()),
            None => {
                let dscp = Some(self.shared.config.dscp(leg.sockets.kind, false));
                let options = SocketOptions { dscp, reuse_port: true, ..SocketOptions::default() };
                let socket =
                    UdpSocket::from_std(self.shared.runtime.bind_udp_std(published.address, options)?);
                socket.connect(peer)?;
                Way::Datagrams(socket, peer)
            }
        };
        let in_use = leg.link.as_ref().and_then(|link| link.selected());
        let (place, old) = leg.sockets.ways.put(way, in_use);
        let registry = self.poll.registry();
        if let Some(mut old) = old {
            old.forget(registry);
        }
        leg.sockets.ways.watch(place, slot, registry)
    }
}

impl Shared {
    /// The checks for a leg are addressed otherwise from now on.
    pub(crate) fn name(&self, before: Option<String>, now: Option<String>, port: PortId) {
        if let Some(published) = &self.published {
            published.name(before, now, port);
        }
    }

    /// Leads what came to the published port to the thread of its leg.
    fn arrived(&self, arrival: Arrival) {
        if let Some(lane) = self.lanes.get(self.thread_of(arrival.port)) {
            lane.push(Order::Arrive(Box::new(arrival)));
        }
    }
}
