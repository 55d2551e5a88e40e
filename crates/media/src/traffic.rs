//! What happens to a packet: read, admitted, counted, sent on. No lock, no allocation, no clock.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Instant;

use mio::Token;

use crate::engine::Engine;
use crate::gate::Admission;
use crate::legs::Legs;
use crate::meter::{Dropped, Meter};
use crate::port::{Leg, Role};
use crate::telephone_event::{Press, TelephoneEvent};
use crate::{Report, rtcp, rtp};

/// Packets read from one socket before the others have their turn.
const READS_PER_TURN: usize = 16;

/// What a packet makes known besides its content; seldom anything.
#[derive(Default)]
struct News {
    /// It is a report, though it came to the RTP port (RFC 5761).
    is_report: bool,
    learned: Option<SocketAddr>,
    press: Option<Press>,
}

impl Engine {
    /// Reads a socket empty, as an edge-triggered poll names it only once.
    pub(crate) fn readable(&mut self, token: Token, now: Instant) {
        let (slot, is_rtcp_port) = (token.0 / 2, token.0 % 2 == 1);
        for _ in 0..READS_PER_TURN {
            let Some(leg) = self.legs.at(slot) else { return };
            let socket = if is_rtcp_port { &leg.sockets.rtcp } else { &leg.sockets.rtp };
            match socket.recv_from(&mut self.buffer[..]) {
                Ok((length, source)) => self.packet(slot, is_rtcp_port, length, source, now),
                Err(cause) if cause.kind() == ErrorKind::WouldBlock => return,
                Err(_) => {} // An ICMP error of a packet sent before; the silence watch sees to it.
            }
        }
        self.unread.push(token);
    }

    fn packet(&mut self, slot: usize, is_rtcp_port: bool, length: usize, source: SocketAddr, now: Instant) {
        let packet = &mut self.buffer[..length];
        let outcome = if is_rtcp_port {
            report(&mut self.legs, slot, packet, source, now)
        } else {
            media(&mut self.legs, slot, packet, source, now)
        };
        let news = match outcome {
            Ok(news) => news,
            Err(reason) => return self.meter.dropped(reason),
        };
        let sent = send_on(&mut self.legs, slot, news.is_report, packet);
        count(&mut self.meter, sent, length);
        if news.learned.is_some() || news.press.is_some() {
            self.tell(slot, &news);
        }
    }

    fn tell(&mut self, slot: usize, news: &News) {
        let Some(leg) = self.legs.at(slot) else { return };
        let (port, owner) = (leg.id, leg.owner);
        let press = news.press.map(|press| (press.key, leg.press_duration(press)));
        if let Some(source) = news.learned {
            self.emit(port, owner, Report::Learned { source });
        }
        if let Some((digit, duration)) = press {
            metrics::counter!("carillon_media_dtmf_digits_total").increment(1);
            self.emit(port, owner, Report::Dtmf { digit, duration });
        }
    }
}

fn count(meter: &mut Meter, sent: Result<(), Dropped>, length: usize) {
    match sent {
        Ok(()) => meter.relayed(length),
        Err(reason) => meter.dropped(reason),
    }
}

/// Admits and counts a packet that came to a leg's RTP port.
fn media(
    legs: &mut Legs,
    slot: usize,
    packet: &mut [u8],
    source: SocketAddr,
    now: Instant,
) -> Result<News, Dropped> {
    let leg = legs.at(slot).ok_or(Dropped::Stranger)?;
    let gate = leg.gate.as_mut().ok_or(Dropped::Stranger)?;
    let Some(header) = rtp::Header::parse(packet) else {
        return short_rtcp(leg, packet, source, now);
    };
    if gate.remote().mux && rtp::is_rtcp(packet) {
        if gate.rtp_target() != source {
            return Err(Dropped::Stranger);
        }
        hear_report(leg, packet, now);
        return Ok(News { is_report: true, ..News::default() });
    }
    let mut news = News::default();
    match gate.admit_rtp(source) {
        Admission::Known => {}
        Admission::First { moved } => {
            leg.sockets.hold_to(Some(source));
            news.learned = moved.then_some(source);
        }
        Admission::Refused => return Err(Dropped::Stranger),
    }
    let is_event = gate.remote().telephone_event == Some(header.payload_type);
    if let Some(payload_type) = gate.mapped(header.payload_type) {
        rtp::set_payload_type(packet, payload_type);
    }
    if !gate.remote().direction.receives() {
        return Err(Dropped::Held);
    }
    leg.watch.heard_at = now;
    leg.watch.is_reported_silent = false;
    leg.reception.packet(&header, !is_event, now);
    if is_event && let Some(event) = rtp::payload(packet).and_then(TelephoneEvent::parse) {
        news.press = leg.keys.report(header.timestamp, header.marker, event, now);
    }
    Ok(news)
}

/// The shortest RTCP packet is shorter than an RTP header: an empty receiver report of 8 bytes.
fn short_rtcp(leg: &mut Leg, packet: &[u8], source: SocketAddr, now: Instant) -> Result<News, Dropped> {
    let is_the_peers = leg.gate.as_ref().is_some_and(|gate| gate.remote().mux && gate.rtp_target() == source);
    if !is_the_peers || !rtp::is_rtcp(packet) {
        return Err(Dropped::Malformed);
    }
    hear_report(leg, packet, now);
    Ok(News { is_report: true, ..News::default() })
}

/// Admits a packet that came to a leg's RTCP port.
fn report(
    legs: &mut Legs,
    slot: usize,
    packet: &[u8],
    source: SocketAddr,
    now: Instant,
) -> Result<News, Dropped> {
    let leg = legs.at(slot).ok_or(Dropped::Stranger)?;
    let gate = leg.gate.as_mut().ok_or(Dropped::Stranger)?;
    if !rtp::is_rtcp(packet) {
        return Err(Dropped::Malformed);
    }
    if !gate.admit_rtcp(source) {
        return Err(Dropped::Stranger);
    }
    hear_report(leg, packet, now);
    Ok(News { is_report: true, ..News::default() })
}

fn hear_report(leg: &mut Leg, packet: &[u8], now: Instant) {
    leg.watch.heard_at = now;
    leg.watch.is_reported_silent = false;
    if let Some(block) = rtcp::packets(packet).flat_map(|packet| packet.reports()).next() {
        leg.peer_fraction_lost = Some(block.fraction_lost);
    }
}

/// Sends an admitted packet where the leg's role says.
fn send_on(legs: &mut Legs, slot: usize, is_report: bool, packet: &[u8]) -> Result<(), Dropped> {
    let leg = legs.at(slot).ok_or(Dropped::Held)?;
    let target = match leg.role {
        Role::Relay { slot: Some(peer), .. } => legs.at(peer).ok_or(Dropped::Held)?,
        Role::Echo if !is_report => leg,
        _ => return Err(Dropped::Held),
    };
    let gate = target.gate.as_ref().ok_or(Dropped::Held)?;
    let sent = if is_report && !gate.remote().mux {
        // Reports keep flowing on hold: they keep bindings in NATs alive and say that the peer is there.
        target.sockets.rtcp.send_to(packet, gate.rtcp_target())
    } else {
        if !is_report && !gate.remote().direction.sends() {
            return Err(Dropped::Held);
        }
        target.sockets.send_rtp(packet, gate.rtp_target())
    };
    sent.map(|_| ()).map_err(|_| Dropped::Unsent)
}
