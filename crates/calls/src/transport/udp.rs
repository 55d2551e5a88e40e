//! Datagrams: each shard has a socket per listening address and reads its own mail without a hand-over.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use metrics::Counter;
use runtime::{Runtime, SocketOptions};
use sip::endpoint::{Flow, Transport as Kind};
use sip::message::MESSAGE_BYTES_MAX;
use sip::{Message, stun};
use tokio::net::UdpSocket;

use super::{NotSent, Transport};
use crate::shard::mailbox::Input;
use crate::{CallsConfig, Error};

/// Datagrams read from one socket before timers and others get their turn.
const READS_AT_ONCE: usize = 64;
/// The kernel's buffers of a socket: a burst of registrations fits.
const BUFFER_BYTES: usize = 4 << 20;
/// A datagram shorter than this is a keep-alive, whatever is in it (RFC 5626 §3.5, and phones of old).
const KEEP_ALIVE_BYTES_MAX: usize = 8;

/// The sockets of one shard.
pub(crate) struct UdpSockets {
    sockets: Vec<Socket>,
    buffer: Vec<u8>,
    received: Counter,
    dropped: Counter,
}

struct Socket {
    socket: UdpSocket,
    bound: SocketAddr,
}

/// The sockets of one shard, bound and not yet read.
pub(crate) struct BoundUdp(Vec<(std::net::UdpSocket, SocketAddr)>);

impl BoundUdp {
    /// Begins to watch the sockets, on the thread that will read them.
    ///
    /// # Errors
    /// The system cannot watch them.
    pub(crate) fn open(self) -> io::Result<UdpSockets> {
        let open = |(socket, bound)| Ok(Socket { socket: UdpSocket::from_std(socket)?, bound });
        Ok(UdpSockets {
            sockets: self.0.into_iter().map(open).collect::<io::Result<_>>()?,
            buffer: vec![0; MESSAGE_BYTES_MAX],
            received: crate::metrics::received(Kind::Udp),
            dropped: crate::metrics::dropped(),
        })
    }
}

impl UdpSockets {
    /// Binds the sockets of all shards: `[shard]`, each with one per address.
    ///
    /// # Errors
    /// An address is taken or not ours.
    pub(crate) fn bind(
        runtime: &Runtime,
        config: &CallsConfig,
        shards: usize,
    ) -> Result<(Vec<BoundUdp>, Vec<SocketAddr>), Error> {
        let options = SocketOptions {
            dscp: Some(config.dscp),
            buffer_bytes: Some(BUFFER_BYTES),
            reuse_port: shards > 1,
        };
        let mut all: Vec<BoundUdp> = (0..shards).map(|_| BoundUdp(Vec::new())).collect();
        let mut bound = Vec::new();
        for address in &config.listen.udp {
            let mut address = *address;
            for shard in &mut all {
                let failed = |cause| Error::Listen { address, cause };
                let socket = runtime.bind_udp_std(address, options).map_err(failed)?;
                // All shards share the port that the first one got.
                address = socket.local_addr().map_err(failed)?;
                shard.0.push((socket, address));
            }
            bound.push(address);
        }
        Ok((all, bound))
    }

    /// Ready when any socket has something to read.
    pub(crate) fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut any = Poll::Pending;
        for socket in &self.sockets {
            if socket.socket.poll_recv_ready(context).is_ready() {
                any = Poll::Ready(());
            }
        }
        any
    }

    /// Reads what is there, a while at most; gives what belongs to the reading shard and routes the rest.
    pub(crate) fn read(&mut self, transport: &Arc<Transport>, shard: usize, mut own: impl FnMut(Input)) {
        for Socket { socket, bound } in &self.sockets {
            for _ in 0..READS_AT_ONCE {
                let (length, remote) = match socket.try_recv_from(&mut self.buffer) {
                    Ok(read) => read,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    // An ICMP error of an earlier datagram (port unreachable); the timers of its transaction know.
                    Err(_) => continue,
                };
                self.received.increment(1);
                if length < KEEP_ALIVE_BYTES_MAX {
                    continue;
                }
                if stun::is_stun(&self.buffer[..length]) {
                    // A lost answer is asked for again.
                    if let Some(answer) = stun::answer(&self.buffer[..length], remote)
                        && socket.try_send_to(&answer, remote).is_err()
                    {
                        self.dropped.increment(1);
                    }
                    continue;
                }
                let local = transport.local_address(*bound, remote);
                let flow = Flow { transport: Kind::Udp, local, remote, connection: None };
                let message = Message::parse(Bytes::copy_from_slice(&self.buffer[..length]));
                if let Some(input) = transport.route(message, flow, Some(shard)) {
                    own(input);
                }
            }
        }
    }

    /// Sends a datagram from our address on the flow.
    pub(crate) fn send(&self, flow: &Flow, bytes: &[u8]) -> Result<(), NotSent> {
        let same_family = |socket: &&Socket| socket.bound.is_ipv4() == flow.remote.is_ipv4();
        let exact = self.sockets.iter().find(|socket| socket.bound == flow.local);
        let wildcard = || {
            self.sockets.iter().filter(same_family).find(|socket| socket.bound.port() == flow.local.port())
        };
        let socket =
            exact.or_else(wildcard).or_else(|| self.sockets.iter().find(same_family)).ok_or(NotSent)?;
        match socket.socket.try_send_to(bytes, flow.remote) {
            Ok(_) => Ok(()),
            // A full buffer loses a datagram as any network does: it will be sent again.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.dropped.increment(1);
                Ok(())
            }
            // The error of an earlier datagram to another peer is reported here too; try once more.
            Err(_) => socket.socket.try_send_to(bytes, flow.remote).map(drop).map_err(|_| NotSent),
        }
    }
}
