//! One leg: its sockets, its far end, what it does with packets, and what it has counted.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use runtime::Dscp;

use crate::gate::Gate;
use crate::pool::Pair;
use crate::telephone_event::{Detector, Press};
use crate::tone::ToneSource;
use crate::{Kind, OpenPort, PortId, Quality, Reception};

/// What is done with the packets of a leg.
#[derive(Debug)]
pub(crate) enum Role {
    /// Counted and dropped.
    Rest,
    /// Relayed to the peer leg, once it is on this thread; `slot` is its place there.
    Relay { peer: PortId, slot: Option<usize> },
    /// Sent back.
    Echo,
    /// Dropped; a tone goes out instead, next at `due`.
    Tone { source: Box<ToneSource>, due: Instant },
}

/// The sockets of a leg.
#[derive(Debug)]
pub(crate) struct Sockets {
    pub(crate) rtp: UdpSocket,
    pub(crate) rtcp: UdpSocket,
    /// Whom the kernel holds the RTP socket to.
    held_to: Option<SocketAddr>,
    dscp: Dscp,
    pub(crate) port: u16,
    pub(crate) kind: Kind,
}

impl Sockets {
    /// Holds the RTP socket to the peer that was learned, or lets go of the former one. The kernel then
    /// drops what others send, and needs no look at its routes for what we send: a sixth of a packet's cost.
    pub(crate) fn hold_to(&mut self, peer: Option<SocketAddr>) {
        if self.held_to == peer {
            return;
        }
        let done = match peer {
            Some(peer) => self.rtp.connect(peer),
            None => rustix::net::connect_unspec(&self.rtp).map_err(Into::into),
        };
        match done {
            Ok(()) => self.held_to = peer,
            Err(cause) => tracing::debug!(%cause, "media socket cannot be held to its peer"),
        }
    }

    /// Marks what is sent from now on.
    pub(crate) fn mark(&mut self, dscp: Dscp) {
        if self.dscp == dscp {
            return;
        }
        match dscp.mark(&self.rtp).and_then(|()| dscp.mark(&self.rtcp)) {
            Ok(()) => self.dscp = dscp,
            Err(cause) => tracing::debug!(%cause, "media sockets cannot be marked"),
        }
    }

    /// Sends RTP, or reports that share its port, to the peer.
    pub(crate) fn send_rtp(&self, packet: &[u8], target: SocketAddr) -> io::Result<usize> {
        match self.held_to {
            Some(peer) if peer == target => self.rtp.send(packet),
            _ => self.rtp.send_to(packet, target),
        }
    }
}

/// When something was last heard, and what of it was reported.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) heard_at: Instant,
    pub(crate) is_reported_silent: bool,
    pub(crate) quality_at: Instant,
    pub(crate) quality_packets: u64,
}

/// One leg.
#[derive(Debug)]
pub(crate) struct Leg {
    pub(crate) id: PortId,
    pub(crate) owner: u64,
    pub(crate) sockets: Sockets,
    pub(crate) gate: Option<Gate>,
    pub(crate) role: Role,
    pub(crate) reception: Reception,
    pub(crate) keys: Detector,
    pub(crate) watch: Watch,
    pub(crate) peer_fraction_lost: Option<u8>,
}

/// The clock that is counted with until the far end is known, in hertz.
const CLOCK_HERTZ_DEFAULT: u32 = 8_000;

impl Leg {
    pub(crate) fn new(id: PortId, open: OpenPort, pair: Pair, now: Instant) -> Self {
        Self {
            id,
            owner: open.owner,
            sockets: Sockets {
                rtp: UdpSocket::from_std(pair.rtp),
                rtcp: UdpSocket::from_std(pair.rtcp),
                held_to: None,
                dscp: pair.dscp,
                port: pair.port,
                kind: open.kind,
            },
            gate: None,
            role: Role::Rest,
            reception: Reception::new(CLOCK_HERTZ_DEFAULT),
            keys: Detector::default(),
            watch: Watch { heard_at: now, is_reported_silent: false, quality_at: now, quality_packets: 0 },
            peer_fraction_lost: None,
        }
    }

    /// How long the peer has been silent, when that is longer than `limit`, it should not be, and nobody
    /// was told yet.
    pub(crate) fn newly_silent(&mut self, limit: Duration, now: Instant) -> Option<Duration> {
        let should_send = self.gate.as_ref().is_some_and(|gate| gate.remote().direction.receives());
        if !should_send {
            // Silence counts from the end of the hold.
            self.watch.heard_at = now;
            return None;
        }
        let silent = now.saturating_duration_since(self.watch.heard_at);
        if silent < limit || self.watch.is_reported_silent {
            return None;
        }
        self.watch.is_reported_silent = true;
        Some(silent)
    }

    /// The counts, when `interval` has passed since the last ones and packets have come.
    pub(crate) fn due_quality(&mut self, interval: Duration, now: Instant) -> Option<Quality> {
        if now.saturating_duration_since(self.watch.quality_at) < interval {
            return None;
        }
        self.watch.quality_at = now;
        let packets = self.reception.packets();
        let more = packets > self.watch.quality_packets;
        self.watch.quality_packets = packets;
        more.then(|| self.quality())
    }

    /// The counts from the start.
    pub(crate) fn quality(&self) -> Quality {
        Quality {
            packets: self.reception.packets(),
            lost: self.reception.lost(),
            jitter: self.reception.jitter(),
            peer_fraction_lost: self.peer_fraction_lost,
        }
    }

    /// How long a key was pressed, by the leg's clock.
    pub(crate) fn press_duration(&self, press: Press) -> Duration {
        let hertz = self.gate.as_ref().map_or(CLOCK_HERTZ_DEFAULT, |gate| gate.remote().clock_hertz).max(1);
        Duration::from_micros(u64::from(press.duration) * 1_000_000 / u64::from(hertz))
    }
}

#[cfg(test)]
mod tests {
    use runtime::Runtime;

    use super::*;

    #[tokio::test]
    async fn a_mark_can_change_while_the_sockets_are_open() {
        for address in ["127.0.0.1", "::1"] {
            let runtime = Runtime::real();
            let address: std::net::IpAddr = address.parse().unwrap();
            let mut bound = (20_000..20_400)
                .step_by(2)
                .find_map(|port| Pair::bind(&runtime, address, port, Kind::Audio, Dscp::Ef).ok());
            let Some(pair) = bound.take() else {
                assert!(address.is_ipv6(), "no port is free");
                continue; // A machine without IPv6.
            };
            let open = OpenPort { kind: Kind::Audio, owner: 1 };
            let mut leg = Leg::new(PortId::numbered(1), open, pair, runtime.now());
            let marks = |leg: &Leg| {
                [&leg.sockets.rtp, &leg.sockets.rtcp].map(|socket| match address.is_ipv6() {
                    true => rustix::net::sockopt::ipv6_tclass(socket).unwrap(),
                    false => u32::from(rustix::net::sockopt::ip_tos(socket).unwrap()),
                })
            };
            assert_eq!(marks(&leg), [Dscp::Ef.tos(); 2]);
            leg.sockets.mark(Dscp::Af41);
            assert_eq!(marks(&leg), [Dscp::Af41.tos(); 2]);
            leg.sockets.mark(Dscp::Ef);
            assert_eq!(marks(&leg), [Dscp::Ef.tos(); 2]);
        }
    }
}
