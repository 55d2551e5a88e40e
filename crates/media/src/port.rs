//! One leg: its sockets, its far end, what it does with packets, and what it has counted.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use runtime::Dscp;

use crate::codec::Codec;
use crate::dtls::Identity;
use crate::ear::Ear;
use crate::gate::Gate;
use crate::link::Link;
use crate::meter::Dropped;
use crate::mouth::{FRAME, Mouth};
use crate::opinion::mean_opinion_score;
use crate::player::Playing;
use crate::pool::Pair;
use crate::reporter::Reporter;
use crate::station::StationId;
use crate::tape::Tape;
use crate::telephone_event::{Detector, Press};
use crate::vault::Vault;
use crate::way::Ways;
use crate::{ConferenceId, Crypto, Kind, OpenPort, PortId, Quality, Reception};

/// What is done with the packets of a leg.
#[derive(Debug)]
pub(crate) enum Role {
    /// Counted and dropped.
    Rest,
    /// Relayed to the peer leg, once it is on this thread; `slot` is its place there.
    Relay { peer: PortId, slot: Option<usize> },
    /// Sent back.
    Echo,
    /// Only listened to for keys; this is played to the peer.
    Play(Box<Playing>),
    /// Only listened to for keys; the peer hears what others hear too.
    Listen(StationId),
    /// In a conference.
    Mix(ConferenceId),
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
    /// Where the leg is reached over the published port.
    pub(crate) ways: Ways,
}

impl Sockets {
    /// Sends to an address of the peer: over the way that it came, if there is one, else from the leg's own port.
    pub(crate) fn transmit(&mut self, packet: &[u8], target: SocketAddr) -> io::Result<usize> {
        match self.ways.send(packet, target) {
            Some(sent) => sent,
            None => self.send_rtp(packet, target),
        }
    }

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
    pub(crate) reporter: Reporter,
    /// What hears and what speaks for a leg whose sound ends and begins here.
    pub(crate) ear: Option<Box<Ear>>,
    pub(crate) mouth: Option<Box<Mouth>>,
    /// The keys, when its packets are secret and they are known.
    pub(crate) vault: Option<Box<Vault>>,
    /// How they become known, when that is over its own port.
    pub(crate) link: Option<Box<Link>>,
    /// What it is recorded on.
    pub(crate) tape: Option<Box<Tape>>,
    /// When its next turn is, when it has one.
    pub(crate) beat: Option<Instant>,
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
                ways: Ways::default(),
            },
            gate: None,
            role: Role::Rest,
            reception: Reception::new(CLOCK_HERTZ_DEFAULT),
            keys: Detector::default(),
            watch: Watch { heard_at: now, is_reported_silent: false, quality_at: now, quality_packets: 0 },
            reporter: Reporter::default(),
            ear: None,
            mouth: None,
            vault: None,
            link: None,
            tape: None,
            beat: None,
        }
    }

    /// Takes keys, or how to agree on them, or takes them away. If the cipher library refuses them, nothing passes until
    /// others come.
    pub(crate) fn set_crypto(&mut self, crypto: Option<Crypto>, identity: &Identity, now: Instant) {
        let keys = match crypto {
            Some(Crypto::Keys(keys)) => keys,
            Some(Crypto::Handshake(handshake)) => {
                if !self.link.as_mut().is_some_and(|link| link.goes_on(&handshake)) {
                    self.vault = None;
                    self.link = Some(Box::new(Link::new(&handshake, identity, now)));
                }
                return;
            }
            None => return (self.vault, self.link) = (None, None),
        };
        self.link = None;
        if self.vault.as_ref().is_some_and(|vault| vault.holds(&keys)) {
            return;
        }
        self.vault = match self.vault.take() {
            Some(vault) => vault.renewed(keys),
            None => Vault::new(keys),
        }
        .map(Box::new);
        if self.vault.is_none() {
            tracing::error!("the cipher library refuses SRTP keys; a call has no media");
            self.gate = None;
        }
    }

    /// Protects what is in the first `length` bytes of `buffer`, when it must be, and sends it to the peer. There must be
    /// room behind it.
    pub(crate) fn send(
        &mut self,
        buffer: &mut [u8],
        length: usize,
        is_report: bool,
    ) -> Result<usize, Dropped> {
        let gate = self.gate.as_ref().ok_or(Dropped::Held)?;
        let has_own_port = is_report && !gate.remote().mux;
        let target = if has_own_port { Some(gate.rtcp_target()) } else { gate.rtp_target() };
        let target = target.filter(|_| !self.is_locked()).ok_or(Dropped::Held)?;
        let length = match &mut self.vault {
            Some(vault) => vault.protect(buffer, length, is_report)?,
            None => length,
        };
        let packet = &buffer[..length];
        let sent = match has_own_port {
            true => self.sockets.rtcp.send_to(packet, target),
            false => self.sockets.transmit(packet, target),
        };
        sent.map_err(|_| Dropped::Unsent)
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
        let codec = self.codec();
        let heard = self.ear.as_ref().map(|ear| ear.counts()).unwrap_or_default();
        let (packets, lost, jitter) =
            (self.reception.packets(), self.reception.lost(), self.reception.jitter());
        let round_trip = self.reporter.round_trip();
        let peer = self.reporter.peer();
        let clock_hertz =
            self.gate.as_ref().map_or(CLOCK_HERTZ_DEFAULT, |gate| gate.remote().clock_hertz).max(1);
        let peer_jitter = peer
            .map(|block| Duration::from_micros(u64::from(block.jitter) * 1_000_000 / u64::from(clock_hertz)));
        // Mouth to ear: one way, a packet's time, and a buffer of twice the jitter.
        let delay = |jitter: Duration| round_trip.unwrap_or_default() / 2 + FRAME + 2 * jitter;
        let expected = (packets + lost).max(1) as f64;
        let unheard = (lost + heard.late + heard.discarded) as f64 / expected;
        Quality {
            packets,
            lost,
            jitter,
            peer_fraction_lost: peer.map(|block| block.fraction_lost),
            sent: self.mouth.as_ref().map_or(0, |mouth| u64::from(mouth.packets())),
            peer_lost: peer.map(|block| block.cumulative_lost),
            peer_jitter,
            round_trip,
            opinion: mean_opinion_score(codec, unheard, delay(jitter)),
            peer_opinion: peer.map(|block| {
                let lost = f64::from(block.fraction_lost) / 256.0;
                mean_opinion_score(codec, lost, delay(peer_jitter.unwrap_or_default()))
            }),
            heard,
            buffer_delay: self.ear.as_ref().map(|ear| ear.delay()).unwrap_or_default(),
        }
    }

    /// The codec that was agreed on, when it is one that we speak.
    fn codec(&self) -> Option<Codec> {
        self.gate.as_ref()?.remote().speech.encodings.first().map(|encoding| encoding.codec)
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
                .find_map(|port| Pair::bind(&runtime, address, port, Kind::Audio, Dscp::EF).ok());
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
            assert_eq!(marks(&leg), [Dscp::EF.tos(); 2]);
            leg.sockets.mark(Dscp::AF41);
            assert_eq!(marks(&leg), [Dscp::AF41.tos(); 2]);
            leg.sockets.mark(Dscp::EF);
            assert_eq!(marks(&leg), [Dscp::EF.tos(); 2]);
        }
    }
}
