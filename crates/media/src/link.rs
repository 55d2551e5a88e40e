//! What a leg does that agrees on its keys over its own port: answers checks (ICE), shakes hands (DTLS), and opens when both
//! have led to something.
//!
//! A handshake costs about half a millisecond of a media thread. The ends of many handshakes never come at once, for calls
//! do not; should they, what is not done in one turn waits for the next, behind the sound of all others.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use crate::dtls::{Failure, Handshake, Identity, Session};
use crate::engine::Engine;
use crate::ice::{Agent, Checked};
use crate::meter::Dropped;
use crate::perform::Beat;
use crate::port::Leg;
use crate::stun::{self, ANSWER_BYTES_MAX};
use crate::vault::Vault;
use crate::{PortId, Refusal, Report};

/// Datagrams of handshakes that one turn of a thread takes; each may cost a signature.
const DATAGRAMS_PER_TURN: usize = 8;
/// Datagrams of handshakes that wait for the next turn; the peers of those that are dropped repeat them.
const WAITING_MAX: usize = 256;

/// How the packets of a leg become secret.
#[derive(Debug)]
pub(crate) struct Link {
    ice: Option<Agent>,
    /// `None` once it has failed.
    session: Option<Session>,
    /// Where its last datagram came from.
    peer: Option<SocketAddr>,
    is_client: bool,
    /// It was begun, by us or by the peer.
    has_begun: bool,
    /// When its beat is.
    pub(crate) due: Option<Instant>,
}

/// What a turn has left for handshakes, and the datagrams that wait for the next one.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    left: usize,
    datagrams: VecDeque<(PortId, SocketAddr, Vec<u8>)>,
}

impl Waiting {
    pub(crate) fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }
}

impl Link {
    pub(crate) fn new(handshake: &Handshake, identity: &Identity, now: Instant) -> Self {
        Self {
            ice: handshake.ice.clone().map(Agent::new),
            session: Some(Session::new(identity, handshake, now)),
            peer: None,
            is_client: handshake.is_client,
            has_begun: false,
            due: None,
        }
    }

    /// Takes another description of the same association; false when it speaks of another one (RFC 8842 §5.5).
    pub(crate) fn goes_on(&mut self, handshake: &Handshake) -> bool {
        if !self.session.as_ref().is_some_and(|session| session.is_of(handshake)) {
            return false;
        }
        match (&mut self.ice, &handshake.ice) {
            (Some(agent), Some(local)) => agent.restart(local.clone()),
            (None, None) => {}
            _ => return false,
        }
        true
    }

    /// Where the peer's packets are to go, as its checks say.
    pub(crate) fn selected(&self) -> Option<SocketAddr> {
        self.ice.as_ref().and_then(Agent::selected)
    }

    /// The peer has proved nothing for long; true when it was in use.
    pub(crate) fn lapse(&mut self, now: Instant) -> bool {
        self.ice.as_mut().is_some_and(|agent| agent.lapse(now))
    }
}

impl Engine {
    /// Takes a packet that is no RTP, of a leg that has a link: checks at once, handshakes a few in a turn.
    pub(crate) fn linked(&mut self, slot: usize, length: usize, source: SocketAddr, now: Instant) {
        let packet = &self.buffer[..length];
        if stun::is_stun(packet) {
            return self.check(slot, length, source, now);
        }
        // RFC 7983 §7: what begins with 20 to 63 is DTLS.
        let Some(leg) = self.legs.at(slot).filter(|_| matches!(packet.first(), Some(20..=63))) else {
            return self.meter.dropped(Dropped::Malformed);
        };
        if !leg.takes_handshake_from(source) {
            return self.meter.dropped(Dropped::Stranger);
        }
        let port = leg.id;
        if self.waiting.datagrams.len() >= WAITING_MAX {
            return self.meter.dropped(Dropped::Held);
        }
        self.waiting.datagrams.push_back((port, source, packet.to_vec()));
        // At once if it can be: sound may follow on its heels.
        if self.waiting.left > 0 && self.waiting.datagrams.len() == 1 {
            self.next_handshake(now);
        }
    }

    fn check(&mut self, slot: usize, length: usize, source: SocketAddr, now: Instant) {
        let Self { legs, buffer, meter, .. } = self;
        let Some(leg) = legs.at(slot) else { return };
        let mut out = [0; ANSWER_BYTES_MAX];
        let Some(checked) = leg.checked(&buffer[..length], source, now, &mut out) else {
            return meter.dropped(Dropped::Stranger);
        };
        self.answer_check(slot, source, (checked, &out), now);
    }

    /// Answers a check that was proved, and does what comes of it.
    pub(crate) fn answer_check(
        &mut self,
        slot: usize,
        source: SocketAddr,
        (checked, answer): (Checked, &[u8; ANSWER_BYTES_MAX]),
        now: Instant,
    ) {
        let Some(leg) = self.legs.at(slot) else { return };
        if leg.sockets.transmit(&answer[..checked.answer], source).is_err() {
            self.meter.dropped(Dropped::Unsent);
        }
        if checked.has_moved {
            let (port, owner) = (leg.id, leg.owner);
            if let Some(gate) = &mut leg.gate {
                gate.follow(Some(source));
            }
            self.emit(port, owner, Report::Learned { source });
            self.begin(port, now);
        }
    }

    /// Begins the handshake when that is ours to do and there is somewhere to send it.
    pub(crate) fn begin(&mut self, port: PortId, now: Instant) {
        let Some(leg) = self.legs.get(port) else { return };
        let target = leg.gate.as_ref().and_then(|gate| gate.rtp_target());
        let Some(link) = leg.link.as_mut().filter(|link| link.is_client && !link.has_begun) else { return };
        if let Some(target) = target {
            link.peer = Some(target);
            self.shake(port, None, now);
        }
    }

    /// A turn begins: what waits of handshakes is done as far as it may.
    pub(crate) fn handshakes(&mut self, now: Instant) {
        self.waiting.left = DATAGRAMS_PER_TURN;
        while self.waiting.left > 0 && !self.waiting.is_empty() {
            self.next_handshake(now);
        }
    }

    fn next_handshake(&mut self, now: Instant) {
        let Some((port, source, datagram)) = self.waiting.datagrams.pop_front() else { return };
        self.waiting.left -= 1;
        if let Some(link) = self.legs.get(port).and_then(|leg| leg.link.as_mut()) {
            link.peer = Some(source);
            self.shake(port, Some(&datagram), now);
        }
    }

    /// It is time to repeat something, or to give up.
    pub(crate) fn link_beat(&mut self, port: PortId, at: Instant, now: Instant) {
        let link = self.legs.get(port).and_then(|leg| leg.link.as_mut());
        if link.is_some_and(|link| link.due == Some(at)) {
            self.shake(port, None, now);
        }
    }

    fn shake(&mut self, port: PortId, datagram: Option<&[u8]>, now: Instant) {
        let Some(leg) = self.legs.get(port) else { return };
        let owner = leg.owner;
        let outcome = leg.shake(datagram, now);
        let due = leg.link.as_ref().and_then(|link| link.due);
        if let Some(due) = due {
            self.beats.push(Reverse((due, Beat::Link(port))));
        }
        match outcome {
            Ok(false) => {}
            Ok(true) => {
                metrics::counter!("carillon_media_handshakes_total", "outcome" => "done").increment(1)
            }
            Err(failure) => {
                tracing::warn!(%failure, "the keys of a leg cannot be agreed on by DTLS; it has no media");
                metrics::counter!("carillon_media_handshakes_total", "outcome" => "failed").increment(1);
                self.emit(port, owner, Report::Refused(Refusal::NoKeys));
            }
        }
    }
}

impl Leg {
    /// May a handshake come from there: from where checks have come, or else from where media may?
    fn takes_handshake_from(&self, source: SocketAddr) -> bool {
        match self.link.as_ref().and_then(|link| link.ice.as_ref()) {
            Some(agent) => agent.knows(source),
            None => self.gate.as_ref().is_some_and(|gate| gate.may_be(source)),
        }
    }

    /// Goes on with the handshake; true when it has led to keys.
    fn shake(&mut self, datagram: Option<&[u8]>, now: Instant) -> Result<bool, Failure> {
        let Some(link) = self.link.as_deref_mut() else { return Ok(false) };
        let (Some(session), Some(peer)) = (&mut link.session, link.peer) else { return Ok(false) };
        link.has_begun = true;
        // A handshake in the way of its own checks would be lost: it goes where the peer wants its packets.
        let target = link.ice.as_ref().and_then(Agent::selected).unwrap_or(peer);
        let sockets = &mut self.sockets;
        let turned = session.turn(datagram, now, |record| {
            if let Err(cause) = sockets.transmit(record, target) {
                tracing::debug!(%cause, "a datagram of a handshake cannot be sent; it is repeated");
            }
        });
        link.due = session.due().filter(|due| *due > now);
        let keys = match turned {
            Ok(Some(keys)) => keys,
            Ok(None) => return Ok(false),
            Err(failure) => {
                (link.session, link.due) = (None, None);
                // What was agreed on before holds on; without, nothing passes.
                return Err(failure);
            }
        };
        self.vault = Vault::new(keys).map(Box::new);
        Ok(true)
    }

    /// Takes a check of the peer.
    pub(crate) fn checked(
        &mut self,
        packet: &[u8],
        source: SocketAddr,
        now: Instant,
        out: &mut [u8; ANSWER_BYTES_MAX],
    ) -> Option<Checked> {
        self.link.as_mut()?.ice.as_mut()?.check(packet, source, now, out)
    }

    /// How checks of the peer are addressed.
    pub(crate) fn fragment(&self) -> Option<String> {
        Some(self.link.as_ref()?.ice.as_ref()?.fragment().to_owned())
    }

    /// Packets go where the checks say, when the peer makes any.
    pub(crate) fn follow_link(&mut self) {
        if let (Some(link), Some(gate)) = (&self.link, &mut self.gate) {
            gate.follow(link.selected());
        }
    }

    /// Would a packet go out in the clear that must not?
    pub(crate) fn is_locked(&self) -> bool {
        self.link.is_some() && self.vault.is_none()
    }
}
