//! Session descriptions on their way through a call: where a phone wants its media, and the same description
//! with our addresses and ports in it.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use media::{Encoding, Kind, Learn, Remote};
use sip::Error;
use sip::sdp::{Direction, Media, Sdp};

use super::codecs::Agreed;
use super::handshake;
use super::secrecy::{self, Keys, Secrecy};

/// Where a phone says it is, and where its signalling came from: together they show a NAT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Whereabouts {
    /// The source of its signalling.
    pub source: IpAddr,
    /// The host of its Contact, when that is an address.
    pub claimed: Option<IpAddr>,
}

/// A description as a phone sent it.
#[derive(Clone, Debug)]
pub(crate) struct Description {
    sdp: Sdp,
    lines: Vec<MediaLine>,
    /// A line was struck out because it is not as secret as it must be.
    was_too_open: bool,
}

/// What one m-line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MediaLine {
    /// What travels over it; `None` when it is refused, by the phone or because we do not carry it.
    pub kind: Option<Kind>,
    /// Which way, from the phone's point of view.
    pub direction: Direction,
    /// RTCP may share the port.
    pub mux: bool,
    reach: Option<(SocketAddr, Learn)>,
    rtcp_port: Option<u16>,
    telephone_event: Option<u8>,
    clock_hertz: Option<u32>,
    /// What it says of keys.
    pub keys: Keys,
}

/// What we have said in one dialog: every description is ours, with an origin of ours (RFC 3264 §8).
#[derive(Clone, Debug)]
pub(crate) struct Said {
    session_id: u64,
    version: u64,
    body: Option<Bytes>,
    /// The latest description was an answer.
    is_answer: bool,
    secrecy: Secrecy,
    /// m-lines of the session: there are never fewer than before (RFC 3264 §8).
    lines: usize,
}

/// How many m-lines a description that we write must have.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lines<'a> {
    /// An offer: at least as many as before; further ones are refused (RFC 3264 §8). With what the phone has described
    /// last, if it has.
    Offer(Option<&'a Description>),
    /// An answer: as many as the offer has (RFC 3264 §6).
    Answer(&'a Description),
}

impl Whereabouts {
    /// Where packets for `address:port` of this phone go, and from whom they are taken.
    fn reach(self, address: IpAddr, port: u16) -> Option<(SocketAddr, Learn)> {
        let (address, source) = (address.to_canonical(), self.source.to_canonical());
        // A group of listeners is nobody that a call is with.
        if port == 0 || address.is_unspecified() || address.is_multicast() {
            return None;
        }
        if address == source {
            return Some((SocketAddr::new(address, port), Learn::FromHost(address)));
        }
        if source.is_loopback() {
            // A phone on this machine that writes another address of the machine: its packets may come from any.
            return Some((SocketAddr::new(address, port), Learn::Any));
        }
        let claims_it = self.claimed.map(|claimed| claimed.to_canonical()) == Some(address);
        // Its own loopback is not ours: nobody sends packets to services of this machine that way.
        if claims_it || address.is_loopback() || (is_private(address) && !is_private(source)) {
            // Behind a NAT: what it writes is its address inside. Its packets come from where its signalling does.
            return Some((SocketAddr::new(source, port), Learn::FromHost(source)));
        }
        Some((SocketAddr::new(address, port), Learn::FromHost(address)))
    }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => address.is_unique_local() || address.is_unicast_link_local(),
    }
}

impl Description {
    /// Reads a description from a phone.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn read(body: &Bytes, whereabouts: Whereabouts) -> Result<Self, Error> {
        let mut sdp = Sdp::parse(body)?;
        let lines: Vec<MediaLine> =
            (0..sdp.media().len()).map(|at| MediaLine::read(&sdp, at, whereabouts)).collect();
        // The keys are read, and go nowhere else.
        sdp.remove_crypto();
        for (media, line) in sdp.media_mut().iter_mut().zip(&lines) {
            if line.keys.handshake.is_some() {
                // Another phone is offered no more than any phone knows.
                media.set_protocol("RTP/AVP");
                handshake::unbind(media);
            }
        }
        Ok(Self { sdp, lines, was_too_open: false })
    }

    /// A line was struck out because it is not as secret as it must be.
    pub(crate) fn was_too_open(&self) -> bool {
        self.was_too_open
    }

    /// Strikes out the lines that are not to be carried.
    pub(crate) fn strike(&mut self, mut is_too_open: impl FnMut(usize, &mut MediaLine) -> bool) {
        for (at, line) in self.lines.iter_mut().enumerate().filter(|(_, line)| line.kind.is_some()) {
            if is_too_open(at, line) {
                line.kind = None;
                self.was_too_open = true;
            }
        }
    }

    /// The same with only these codecs for sound, and digits; all when none would be left.
    pub(crate) fn only(&self, names: &[String]) -> Self {
        let mut limited = self.clone();
        for (media, line) in limited.sdp.media_mut().iter_mut().zip(&mut limited.lines) {
            if line.kind != Some(Kind::Audio) {
                continue;
            }
            let is = |codec: &sip::sdp::Codec, name: &str| codec.name.eq_ignore_ascii_case(name.as_bytes());
            let mut codecs = media.codecs();
            codecs.retain(|codec| is(codec, "telephone-event") || names.iter().any(|name| is(codec, name)));
            if codecs.iter().any(|codec| !is(codec, "telephone-event")) {
                line.clock_hertz = codecs.first().map(|codec| codec.clock_rate);
                media.set_codecs(&codecs);
            }
        }
        limited
    }

    /// Refuses a line.
    pub(crate) fn refuse_at(&mut self, at: usize) {
        if let Some(line) = self.lines.get_mut(at) {
            line.kind = None;
        }
    }

    /// States the bandwidth of a line.
    pub(crate) fn set_bandwidth_at(&mut self, at: usize, kbits: u32) {
        if let Some(media) = self.sdp.media_mut().get_mut(at) {
            media.set_bandwidth_kbits(kbits);
        }
    }

    /// The m-lines in order.
    pub(crate) fn lines(&self) -> &[MediaLine] {
        &self.lines
    }

    /// Is there an m-line that we can carry?
    pub(crate) fn has_media_for_us(&self) -> bool {
        self.lines.iter().any(|line| line.kind.is_some())
    }

    /// Do both phones agree to pictures on an m-line?
    pub(crate) fn has_video_with(&self, other: &Self) -> bool {
        let is_video = |line: &MediaLine| line.kind == Some(Kind::Video);
        self.lines.iter().zip(&other.lines).any(|(one, other)| is_video(one) && is_video(other))
    }

    /// A media section as it was written.
    pub(crate) fn media_at(&self, at: usize) -> Option<&Media> {
        self.sdp.media().get(at)
    }

    /// Leaves only these codecs on a line of sound.
    pub(crate) fn set_codecs_at(&mut self, at: usize, codecs: &[sip::sdp::Codec]) {
        let (Some(media), Some(line)) = (self.sdp.media_mut().get_mut(at), self.lines.get_mut(at)) else {
            return;
        };
        media.set_codecs(codecs);
        line.clock_hertz = codecs.first().map(|codec| codec.clock_rate);
        let event = codecs.iter().find(|codec| codec.name.eq_ignore_ascii_case(b"telephone-event"));
        line.telephone_event = event.map(|codec| codec.payload);
    }

    /// Is this the same description again, by its origin (RFC 3264 §8: the version rises with every change)?
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.sdp.origin().is_some() && self.sdp.origin() == other.sdp.origin()
    }

    /// The direction of the first m-line that is carried.
    pub(crate) fn direction(&self) -> Direction {
        self.lines.iter().find(|line| line.kind.is_some()).map_or(Direction::SendRecv, |line| line.direction)
    }

    /// The same description with every direction as its answer has it when the answerer wants `wanted`.
    pub(crate) fn answered(&self, wanted: Direction) -> Self {
        let mut sdp = self.sdp.clone();
        for (at, line) in self.lines.iter().enumerate() {
            sdp.media_mut()[at].set_direction(line.direction.answer(wanted));
        }
        Self { sdp, lines: self.lines.clone(), was_too_open: self.was_too_open }
    }

    /// The same description with this direction on every line: what another phone is offered of a phone that
    /// was on hold.
    pub(crate) fn directed(&self, direction: Direction) -> Self {
        let mut description = self.clone();
        description.sdp.set_directions(|_| direction);
        for line in &mut description.lines {
            line.direction = direction;
        }
        description
    }

    /// The first codec on the first line of sound that `media` itself speaks, and the line: for tones.
    pub(crate) fn spoken(&self) -> Option<(usize, Encoding)> {
        let at = self.lines.iter().position(|line| line.kind == Some(Kind::Audio))?;
        let known = |codec: &sip::sdp::Codec| {
            let spoken = media::Codec::named(codec.name.as_ref(), codec.clock_rate)?;
            Some((at, Encoding::new(spoken, codec.payload)))
        };
        self.sdp.media()[at].codecs().iter().find_map(known)
    }

    /// The same description with one line of sound, in codecs that `media` itself speaks, and digits. `None`: there is
    /// no such codec.
    pub(crate) fn spoken_only(&self) -> Option<Self> {
        let mut description = self.clone();
        let is_spoken =
            |codec: &sip::sdp::Codec| media::Codec::named(codec.name.as_ref(), codec.clock_rate).is_some();
        let mut speaks = false;
        for (at, line) in description.lines.iter_mut().enumerate() {
            let media = &mut description.sdp.media_mut()[at];
            let mut codecs = media.codecs();
            codecs.retain(|codec| is_spoken(codec) || codec.name.eq_ignore_ascii_case(b"telephone-event"));
            let first = codecs.iter().find(|codec| is_spoken(codec));
            match first.filter(|_| line.kind == Some(Kind::Audio) && !speaks) {
                Some(first) => {
                    line.clock_hertz = Some(first.clock_rate);
                    media.set_codecs(&codecs);
                    speaks = true;
                }
                None => line.kind = None,
            }
        }
        speaks.then_some(description)
    }

    /// The same description for one who is put on hold by it: it hears music, even when the phone that holds wants no
    /// sound either way.
    pub(crate) fn with_music(&self) -> Self {
        let mut description = self.clone();
        for (at, line) in description.lines.iter_mut().enumerate() {
            if line.kind == Some(Kind::Audio) && line.direction == Direction::Inactive {
                line.direction = Direction::SendOnly;
                description.sdp.media_mut()[at].set_direction(line.direction);
            }
        }
        description
    }

    /// The same description as an answer to an offer that wants no sound on some lines (RFC 3264 §6.1).
    pub(crate) fn answering(&self, offer: &Self) -> Self {
        let mut description = self.clone();
        for (at, (line, offered)) in description.lines.iter_mut().zip(&offer.lines).enumerate() {
            if offered.direction == Direction::Inactive && line.direction != Direction::Inactive {
                line.direction = Direction::Inactive;
                description.sdp.media_mut()[at].set_direction(line.direction);
            }
        }
        description
    }

    /// The ports that it names, line by line: for one that we wrote ourselves.
    pub(crate) fn named_ports(&self) -> Vec<Option<u16>> {
        self.sdp.media().iter().map(|media| Some(media.port()).filter(|port| *port > 0)).collect()
    }

    /// A description of our own.
    pub(crate) fn own(sdp: Sdp, whereabouts: Whereabouts) -> Self {
        let lines = (0..sdp.media().len()).map(|at| MediaLine::read(&sdp, at, whereabouts)).collect();
        Self { sdp, lines, was_too_open: false }
    }
}

impl MediaLine {
    fn read(sdp: &Sdp, at: usize, whereabouts: Whereabouts) -> Self {
        let media = &sdp.media()[at];
        let kind = carried_kind(media);
        let codecs = if kind.is_some() { media.codecs() } else { Vec::new() };
        let telephone_event = codecs.iter().find(|codec| codec.name.eq_ignore_ascii_case(b"telephone-event"));
        let keys = Keys::read(sdp, at);
        let makes_checks = keys.handshake.as_ref().is_some_and(handshake::Heard::has_ice);
        let address = sdp.connection_of(at);
        let (direction, reach) = match address.filter(|_| makes_checks) {
            // Its address is what its checks prove; what it writes, often 0.0.0.0, says nothing.
            Some(address) => {
                let named = SocketAddr::new(address, media.port());
                (sdp.stated_direction_of(at), Some((named, Learn::Checked)))
            }
            None => {
                let reach = address.and_then(|address| whereabouts.reach(address, media.port()));
                (sdp.direction_of(at), reach)
            }
        };
        Self {
            kind,
            direction,
            mux: media.has_rtcp_mux(),
            reach,
            rtcp_port: media.rtcp().map(|(port, _)| port),
            telephone_event: telephone_event.map(|codec| codec.payload),
            clock_hertz: codecs.first().map(|codec| codec.clock_rate),
            keys,
        }
    }

    /// The phone as `media` is told of it. `agreed` is what this phone and the server have agreed on. `with_video`: the
    /// call has pictures too.
    pub(crate) fn remote(&self, agreed: &Agreed, with_video: bool) -> Option<Remote> {
        let (rtp, learn) = self.reach?;
        let mut remote = Remote::new(rtp);
        remote.learn = learn;
        remote.mux = agreed.mux;
        remote.with_video = with_video;
        remote.is_udptl = self.kind == Some(Kind::Fax);
        remote.rtcp = self.rtcp_port.map(|port| SocketAddr::new(rtp.ip(), port));
        remote.direction = match (self.direction.receives(), self.direction.sends()) {
            (true, true) => media::Direction::SendReceive,
            (true, false) => media::Direction::SendOnly,
            (false, true) => media::Direction::ReceiveOnly,
            (false, false) => media::Direction::Inactive,
        };
        remote.telephone_event = agreed.events_from_phone();
        if let Some(hertz) = agreed.clock_hertz().or(self.clock_hertz) {
            remote.clock_hertz = hertz;
        }
        Some(remote)
    }
}

/// What we carry: sound and pictures over RTP and SRTP (RFC 3551, RFC 4585, RFC 3711, RFC 5124), and facsimile over UDPTL
/// (T.38 Annex D, RFC 3362). Keys end at us, whether they come in the description or of a handshake.
fn carried_kind(media: &Media) -> Option<Kind> {
    let is_plain = ["RTP/AVP", "RTP/AVPF"]
        .iter()
        .any(|profile| media.protocol().eq_ignore_ascii_case(profile.as_bytes()));
    if media.port() > 0 && media.kind() == b"image" && media.protocol().eq_ignore_ascii_case(b"udptl") {
        return media.formats().any(|format| format.eq_ignore_ascii_case(b"t38")).then_some(Kind::Fax);
    }
    match media.kind() {
        _ if media.port() == 0 || !(is_plain || secrecy::insists(media.protocol())) => None,
        b"audio" => Some(Kind::Audio),
        b"video" => Some(Kind::Video),
        _ => None,
    }
}

impl crate::place::Branch {
    /// What is offered there: what the server can make of it, too, if it may; over a trunk that names codecs, only those.
    pub(crate) fn offer<'a>(&self, offer: &'a Description, transcodes: bool) -> Cow<'a, Description> {
        let offer = if transcodes { offer.with_transcoded() } else { Cow::Borrowed(offer) };
        match self.trunk.as_ref().map(|outgoing| outgoing.trunk.codecs()) {
            Some(codecs) if !codecs.is_empty() => Cow::Owned(offer.only(codecs)),
            _ => offer,
        }
    }
}

impl Said {
    /// Nothing was said yet. The number only has to be unlike others (RFC 8866 §5.2).
    pub(crate) fn new(session_id: u64, secrecy: Secrecy) -> Self {
        // COMPAT: some phones read it into a signed 64-bit number.
        Self { session_id: session_id >> 2, version: 0, body: None, is_answer: false, secrecy, lines: 0 }
    }

    /// Reads a description of the phone; `is_answer`: it answers what we have said last.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn read(
        &mut self,
        body: &Bytes,
        whereabouts: Whereabouts,
        is_answer: bool,
    ) -> Result<Description, Error> {
        self.secrecy.read(body, whereabouts, self.body.as_ref().filter(|_| is_answer))
    }

    /// May the phone be told anything at all?
    pub(crate) fn can_offer(&self) -> bool {
        self.secrecy.can_offer()
    }

    /// The latest description that we sent.
    pub(crate) fn body(&self) -> Option<&Bytes> {
        self.body.as_ref()
    }

    /// What the phone that has said `heard` and this server have agreed on, line by line.
    pub(crate) fn agreed(&self, heard: &Description) -> Vec<Agreed> {
        let told = self.body.as_ref().and_then(|body| Sdp::parse(body).ok()).unwrap_or_default();
        let lines = heard.sdp.media().iter().zip(&heard.lines).enumerate();
        lines
            .map(|(at, (media, line))| match told.media().get(at) {
                Some(told) => {
                    let mut agreed = Agreed::of(told, media, self.is_answer);
                    agreed.crypto = self.secrecy.crypto(at, told, line);
                    // RFC 5761 §5.1.1: only when both say so.
                    agreed.mux = told.has_rtcp_mux() && line.mux;
                    agreed
                }
                None => Agreed::default(),
            })
            .zip(&heard.lines)
            .map(|(mut agreed, line)| {
                agreed.is_too_open = agreed.crypto.is_none() && self.secrecy.wants_secrecy(line);
                agreed
            })
            .collect()
    }

    /// Writes the description of the other phone as ours: origin, address and ports are this server's; codecs
    /// and what is not understood stay. The version rises only when something changed (RFC 3264 §8).
    /// `None`: no m-line got a port.
    pub(crate) fn write(
        &mut self,
        description: &Description,
        address: IpAddr,
        lines: Lines<'_>,
        mut port: impl FnMut(usize, Kind) -> Option<u16>,
    ) -> Option<Bytes> {
        let mut sdp = description.sdp.clone();
        let mut carried = 0;
        for (at, line) in description.lines.iter().enumerate() {
            let got = line.kind.and_then(|kind| port(at, kind));
            let media = &mut sdp.media_mut()[at];
            match got {
                Some(port) => {
                    carried += 1;
                    media.set_port(port);
                    media.set_rtcp(None);
                    if media.connection().is_some_and(|address| address.is_unspecified()) {
                        media.set_direction(line.direction);
                    }
                }
                None => media.reject(),
            }
        }
        if carried == 0 && description.has_media_for_us() {
            return None;
        }
        if sdp.connection().is_some_and(|address| address.is_unspecified()) {
            // An RFC 2543 hold, said in today's words: c=0.0.0.0 would not survive our own address.
            for (at, line) in description.lines.iter().enumerate() {
                sdp.media_mut()[at].set_direction(line.direction);
            }
        }
        self.is_answer = matches!(lines, Lines::Answer(_));
        let count = match lines {
            Lines::Offer(_) => self.lines.max(sdp.media().len()),
            Lines::Answer(offer) => offer.lines.len(),
        };
        sdp.set_media_count(count);
        self.lines = self.lines.max(count);
        sdp.remove_ice();
        sdp.remove_crypto();
        let heard = match lines {
            Lines::Offer(heard) => heard,
            Lines::Answer(offer) => Some(offer),
        };
        let mut has_ice = false;
        for (at, media) in sdp.media_mut().iter_mut().enumerate() {
            let heard = heard.and_then(|heard| heard.lines.get(at));
            if self.is_answer && !heard.is_some_and(|heard| heard.mux) {
                media.set_rtcp_mux(false);
            }
            has_ice |= self.secrecy.write(at, media, (heard, self.is_answer), address);
        }
        if has_ice {
            // RFC 8445 §5.2, §10: we make no checks, and nominate nothing.
            sdp.push_session_attribute("ice-lite");
            sdp.push_session_attribute("ice-options:ice2");
        }
        sdp.remove_session_attribute("extmap-allow-mixed");
        // Bundled lines would share one port; ours have one each.
        sdp.remove_session_attribute("group");
        sdp.remove_session_attribute("msid-semantic");
        sdp.set_connection(address);
        sdp.complete();
        if let Some(last) = &self.body {
            sdp.set_origin(self.session_id, self.version, address);
            let same = sdp.write();
            if same == *last {
                return Some(same);
            }
        }
        self.version += 1;
        sdp.set_origin(self.session_id, self.version, address);
        let body = sdp.write();
        self.body = Some(body.clone());
        Some(body)
    }
}

#[cfg(test)]
mod tests;
