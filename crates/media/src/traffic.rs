//! What happens to a packet: read, admitted, counted, sent on. No lock, no allocation, no clock.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Instant;

use mio::Token;

use crate::engine::Engine;
use crate::gate::Admission;
use crate::legs::Legs;
use crate::meter::{Dropped, Meter};
use crate::mouth::Mouth;
use crate::port::{Leg, Role};
use crate::rooms::Pressed;
use crate::telephone_event::{Press, TelephoneEvent};
use crate::way::{FIRST_WAY, TOKENS_PER_LEG};
use crate::{Report, rtp};

/// Packets read from one socket before the others have their turn.
const READS_PER_TURN: usize = 16;

/// What a packet makes known besides its content; seldom anything.
#[derive(Default)]
struct News {
    /// Its length in the clear.
    length: usize,
    /// It is a report, though it came to the RTP port (RFC 5761).
    is_report: bool,
    /// It is about a key.
    is_event: bool,
    learned: Option<SocketAddr>,
    press: Option<Press>,
}

impl Engine {
    /// Reads a socket empty, as an edge-triggered poll names it only once.
    pub(crate) fn readable(&mut self, token: Token, now: Instant) {
        let (slot, place) = (token.0 / TOKENS_PER_LEG, token.0 % TOKENS_PER_LEG);
        let is_rtcp_port = place == 1;
        for _ in 0..READS_PER_TURN {
            let Some(leg) = self.legs.at(slot) else { return };
            let read = match place {
                0 => leg.sockets.rtp.recv_from(&mut self.buffer[..]),
                1 => leg.sockets.rtcp.recv_from(&mut self.buffer[..]),
                way => leg.sockets.ways.read(way - FIRST_WAY, &mut self.buffer),
            };
            match read {
                Ok((length, source)) => self.packet(slot, is_rtcp_port, length, source, now),
                Err(cause) if cause.kind() == ErrorKind::WouldBlock => return,
                Err(_) => {} // An ICMP error of a packet sent before; the silence watch sees to it.
            }
        }
        self.unread.push(token);
    }

    fn packet(&mut self, slot: usize, is_rtcp_port: bool, length: usize, source: SocketAddr, now: Instant) {
        let is_of_link = !is_rtcp_port && length > 0 && self.buffer[0] >> 6 != 2;
        if is_of_link && self.legs.at(slot).is_some_and(|leg| leg.link.is_some()) {
            return self.linked(slot, length, source, now);
        }
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
        let sent = send_on(&mut self.legs, slot, &news, &mut self.buffer[..], now);
        count(&mut self.meter, sent, news.length);
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
            self.pass_key_on(port, digit, Pressed::AsEvent);
        }
    }
}

fn count(meter: &mut Meter, sent: Result<bool, Dropped>, length: usize) {
    match sent {
        Ok(true) => meter.relayed(length),
        Ok(false) => {}
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
    if gate.remote().is_udptl {
        return fax(leg, packet.len(), source, now);
    }
    if leg.link.is_some() && leg.vault.is_none() {
        return Err(Dropped::Held);
    }
    let Some(header) = rtp::Header::parse(packet) else {
        return short_rtcp(leg, packet, source, now);
    };
    if gate.remote().mux && rtp::is_rtcp(packet) {
        if !gate.takes_reports_from(source) {
            return Err(Dropped::Stranger);
        }
        return hear_report(leg, packet, now);
    }
    let length = match &mut leg.vault {
        Some(vault) => vault.open(packet, false)?,
        None => packet.len(),
    };
    let packet = &mut packet[..length];
    let mut news = News { length, ..News::default() };
    match gate.admit_rtp(source) {
        Admission::Known => {}
        Admission::First { moved } => {
            leg.sockets.hold_to(Some(source));
            news.learned = moved.then_some(source);
        }
        Admission::Refused => return Err(Dropped::Stranger),
    }
    let is_event = gate.remote().telephone_event == Some(header.payload_type);
    news.is_event = is_event;
    if let Some(payload_type) = gate.mapped(header.payload_type) {
        rtp::set_payload_type(packet, payload_type);
    }
    if !gate.remote().direction.receives() {
        return Err(Dropped::Held);
    }
    leg.watch.heard_at = now;
    leg.watch.is_reported_silent = false;
    leg.reception.packet(&header, !is_event, now);
    if let Some(ear) = leg.ear.as_deref_mut()
        && !is_event
    {
        ear.hear(&header, rtp::payload(packet).unwrap_or_default(), now);
    }
    if is_event && let Some(event) = rtp::payload(packet).and_then(TelephoneEvent::parse) {
        news.press = leg.keys.report(header.timestamp, header.marker, event, now);
    }
    Ok(news)
}

/// Admits a packet of a facsimile: whatever it is, it goes on.
fn fax(leg: &mut Leg, length: usize, source: SocketAddr, now: Instant) -> Result<News, Dropped> {
    let gate = leg.gate.as_mut().ok_or(Dropped::Stranger)?;
    let mut news = News { length, ..News::default() };
    match gate.admit_rtp(source) {
        Admission::Known => {}
        Admission::First { moved } => {
            leg.sockets.hold_to(Some(source));
            news.learned = moved.then_some(source);
        }
        Admission::Refused => return Err(Dropped::Stranger),
    }
    if !gate.remote().direction.receives() {
        return Err(Dropped::Held);
    }
    leg.watch.heard_at = now;
    leg.watch.is_reported_silent = false;
    Ok(news)
}

/// The shortest RTCP packet is shorter than an RTP header: an empty receiver report of 8 bytes.
fn short_rtcp(leg: &mut Leg, packet: &mut [u8], source: SocketAddr, now: Instant) -> Result<News, Dropped> {
    let is_the_peers =
        leg.gate.as_ref().is_some_and(|gate| gate.remote().mux && gate.takes_reports_from(source));
    if !is_the_peers || !rtp::is_rtcp(packet) {
        return Err(Dropped::Malformed);
    }
    hear_report(leg, packet, now)
}

/// Admits a packet that came to a leg's RTCP port.
fn report(
    legs: &mut Legs,
    slot: usize,
    packet: &mut [u8],
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
    hear_report(leg, packet, now)
}

/// Opens a report, when it is secret, and takes note of it.
fn hear_report(leg: &mut Leg, packet: &mut [u8], now: Instant) -> Result<News, Dropped> {
    let length = match &mut leg.vault {
        Some(vault) => vault.open(packet, true)?,
        None => packet.len(),
    };
    leg.watch.heard_at = now;
    leg.watch.is_reported_silent = false;
    leg.reporter.hear(&packet[..length], now);
    Ok(News { is_report: true, length, ..News::default() })
}

/// Sends an admitted packet where the leg's role says; false when that is nowhere.
fn send_on(
    legs: &mut Legs,
    slot: usize,
    &News { is_report, is_event, length, .. }: &News,
    buffer: &mut [u8],
    now: Instant,
) -> Result<bool, Dropped> {
    let leg = legs.at(slot).ok_or(Dropped::Held)?;
    let target = match leg.role {
        Role::Relay { slot: Some(peer), .. } => legs.at(peer).ok_or(Dropped::Held)?,
        Role::Echo if !is_report => leg,
        // Heard here.
        Role::Play(_) | Role::Listen(_) | Role::Mix(_) => return Ok(false),
        _ => return Err(Dropped::Held),
    };
    let gate = target.gate.as_ref().ok_or(Dropped::Held)?;
    // The peer takes keys as sound only: it gets them so when they are released.
    if is_event && gate.remote().speech.is_without_events() {
        return Ok(false);
    }
    // A key or a tone of ours takes the place of what is relayed, packet for packet.
    if !is_report && target.mouth.as_deref().is_some_and(Mouth::has_keys) {
        return Err(Dropped::Held);
    }
    // Reports keep flowing on hold: they keep bindings in NATs alive and say that the peer is there.
    if !is_report && !gate.remote().direction.sends() {
        return Err(Dropped::Held);
    }
    if is_report {
        target.reporter.sent(&buffer[..length], now);
    }
    target.send(buffer, length, is_report).map(|_| true)
}
