//! One media section: the m-line, its address, codecs and direction.

use std::net::IpAddr;

use bytes::{BufMut, Bytes, BytesMut};

use crate::error::Error;
use crate::message::put_number;
use crate::scan;
use crate::sdp::{Codec, Lines};

/// Which way media flows, from the describer's point of view (RFC 3264 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Both ways.
    SendRecv,
    /// The describer only sends.
    SendOnly,
    /// The describer only receives.
    RecvOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    /// The direction called `name`.
    pub fn parse(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"sendrecv" => Self::SendRecv,
            b"sendonly" => Self::SendOnly,
            b"recvonly" => Self::RecvOnly,
            b"inactive" => Self::Inactive,
            _ => return None,
        })
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// Does the describer send?
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Does the describer receive?
    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The direction with these two abilities.
    pub fn of(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// The same flow seen from the other side.
    #[must_use]
    pub fn inverted(self) -> Self {
        Self::of(self.receives(), self.sends())
    }

    /// The answer to an offer of this direction by one who would like `wanted` (RFC 3264 §6.1).
    #[must_use]
    pub fn answer(self, wanted: Self) -> Self {
        Self::of(self.receives() && wanted.sends(), self.sends() && wanted.receives())
    }
}

/// A media section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// The m-line first, then what follows it.
    pub(crate) lines: Lines,
    kind: (usize, usize),
    port: u16,
    /// From behind the port (with its count) to the end: ` RTP/AVP 0 8`.
    tail: usize,
}

impl Media {
    /// `m=<media> <port>[/<count>] <proto> <fmt> ...` (RFC 8866 §5.14).
    pub(crate) fn parse(line: Bytes) -> Result<Self, Error> {
        let kind_end = 2 + memchr::memchr(b' ', &line[2..]).ok_or(Error::Sdp)?;
        let port_start = kind_end + 1;
        let port_end = port_start + memchr::memchr(b' ', &line[port_start..]).ok_or(Error::Sdp)?;
        let digits = line[port_start..port_end].split(|b| *b == b'/').next().unwrap_or_default();
        let port = scan::number(digits).ok_or(Error::Sdp)?;
        if kind_end == 2 || line[port_end..].iter().all(|b| *b == b' ') {
            return Err(Error::Sdp);
        }
        Ok(Self { lines: Lines(vec![line]), kind: (2, kind_end), port, tail: port_end })
    }

    /// Begins a section of our own with these codecs, in order of preference.
    pub fn compose(kind: &str, port: u16, protocol: &str, codecs: &[Codec]) -> Self {
        let mut line = BytesMut::with_capacity(64);
        line.put_slice(b"m=");
        line.put_slice(kind.as_bytes());
        line.put_u8(b' ');
        put_number(&mut line, u64::from(port));
        let tail = line.len();
        line.put_u8(b' ');
        line.put_slice(protocol.as_bytes());
        for codec in codecs {
            line.put_u8(b' ');
            put_number(&mut line, u64::from(codec.payload));
        }
        let mut lines = vec![line.freeze()];
        for codec in codecs {
            codec.put_lines(&mut lines);
        }
        Self { lines: Lines(lines), kind: (2, 2 + kind.len()), port, tail }
    }

    /// The kind: `audio`, `video`, `image`, ...
    pub fn kind(&self) -> &[u8] {
        &self.lines.0[0][self.kind.0..self.kind.1]
    }

    /// The port; 0 means refused or ended (RFC 3264 §6).
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sets the port. A number of ports behind a slash goes away.
    pub fn set_port(&mut self, port: u16) {
        let old = &self.lines.0[0];
        let mut line = BytesMut::with_capacity(old.len() + 5);
        line.put_slice(&old[..self.kind.1 + 1]);
        put_number(&mut line, u64::from(port));
        let tail = line.len();
        line.put_slice(&old[self.tail..]);
        self.port = port;
        self.tail = tail;
        self.lines.0[0] = line.freeze();
    }

    /// Refuses or ends the section: port 0, no attributes but its formats stay (RFC 3264 §6).
    pub fn reject(&mut self) {
        self.set_port(0);
        self.lines.0.truncate(1);
    }

    /// The protocol: `RTP/AVP`, `RTP/SAVP`, `udptl`, ...
    pub fn protocol(&self) -> &[u8] {
        self.words().next().unwrap_or_default()
    }

    /// Names another protocol for the same formats.
    pub fn set_protocol(&mut self, protocol: &str) {
        if self.protocol() == protocol.as_bytes() {
            return;
        }
        let formats = self.formats().collect::<Vec<_>>().join(&b' ');
        self.set_tail(protocol.as_bytes(), &formats);
    }

    /// The formats: payload types of RTP, or other words.
    pub fn formats(&self) -> impl Iterator<Item = &[u8]> {
        self.words().skip(1)
    }

    fn words(&self) -> impl Iterator<Item = &[u8]> {
        self.lines.0[0][self.tail..].split(|b| *b == b' ').filter(|word| !word.is_empty())
    }

    fn set_tail(&mut self, protocol: &[u8], formats: &[u8]) {
        let old = &self.lines.0[0];
        let mut line = BytesMut::with_capacity(old.len() + 16);
        line.put_slice(&old[..self.tail]);
        line.put_u8(b' ');
        line.put_slice(protocol);
        line.put_u8(b' ');
        line.put_slice(formats);
        self.lines.0[0] = line.freeze();
    }

    /// The section's own address.
    pub fn connection(&self) -> Option<IpAddr> {
        self.lines.connection()
    }

    pub(crate) fn connection_line(&self) -> Option<&Bytes> {
        self.lines.0.iter().find(|line| line.starts_with(b"c="))
    }

    /// The section's own direction, when it states one.
    pub fn direction(&self) -> Option<Direction> {
        self.lines.direction()
    }

    /// States a direction.
    pub fn set_direction(&mut self, direction: Direction) {
        self.lines.remove_directions();
        self.push_attribute(direction.as_str());
    }

    /// The values of the attributes called `name`; empty for flags.
    pub fn attributes(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.lines.attributes(name)
    }

    /// Is there an attribute called `name`?
    pub fn has_attribute(&self, name: &str) -> bool {
        self.attributes(name).next().is_some()
    }

    /// Removes the attributes called `name`.
    pub fn remove_attribute(&mut self, name: &str) {
        self.lines.remove_attribute(name);
    }

    /// Keeps only those attributes called `name` whose value is wanted.
    pub fn retain_attributes(&mut self, name: &str, is_wanted: impl Fn(&[u8]) -> bool) {
        self.lines.0.retain(|line| super::attribute(line, name).is_none_or(&is_wanted));
    }

    /// Adds `a=<text>` at the end.
    pub fn push_attribute(&mut self, text: &str) {
        let mut line = BytesMut::with_capacity(text.len() + 2);
        line.put_slice(b"a=");
        line.put_slice(text.as_bytes());
        self.lines.0.push(line.freeze());
    }

    /// The packet time in milliseconds.
    pub fn packet_time_ms(&self) -> Option<u16> {
        self.attributes("ptime").next().and_then(scan::number)
    }

    /// Sets the packet time in milliseconds; `None` removes it.
    pub fn set_packet_time_ms(&mut self, time: Option<u16>) {
        self.remove_attribute("ptime");
        if let Some(time) = time {
            self.push_attribute(&format!("ptime:{time}"));
        }
    }

    /// Where RTCP is wanted when it is not the next port (RFC 3605).
    pub fn rtcp(&self) -> Option<(u16, Option<IpAddr>)> {
        let value = self.attributes("rtcp").next()?;
        let mut words = value.split(|b| *b == b' ');
        let port = scan::number(words.next()?)?;
        let address = words.nth(2).and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
        Some((port, address))
    }

    /// States where RTCP is wanted; `None` removes the line.
    pub fn set_rtcp(&mut self, port: Option<u16>) {
        self.remove_attribute("rtcp");
        if let Some(port) = port {
            self.push_attribute(&format!("rtcp:{port}"));
        }
    }

    /// May RTCP share the port of RTP (RFC 5761)?
    pub fn has_rtcp_mux(&self) -> bool {
        self.has_attribute("rtcp-mux")
    }

    /// States whether RTCP may share the port of RTP.
    pub fn set_rtcp_mux(&mut self, on: bool) {
        self.remove_attribute("rtcp-mux");
        if on {
            self.push_attribute("rtcp-mux");
        }
    }

    /// The bandwidth that the section states, in kbit/s: `b=AS` (RFC 8866 §5.8), else `b=TIAS` (RFC 3890 §6.2).
    pub fn bandwidth_kbits(&self) -> Option<u32> {
        let value = |kind: &[u8]| {
            let found = self.lines.0.iter().find_map(|line| line.strip_prefix(kind))?;
            scan::number::<u32>(scan::trim(found))
        };
        value(b"b=AS:").or_else(|| value(b"b=TIAS:").map(|bits| bits.div_ceil(1_000)))
    }

    /// States the bandwidth by `b=AS`, in the place of what was stated.
    pub fn set_bandwidth_kbits(&mut self, kbits: u32) {
        self.lines.0.retain(|line| !line.starts_with(b"b="));
        let mut line = BytesMut::with_capacity(12);
        line.put_slice(b"b=AS:");
        put_number(&mut line, u64::from(kbits));
        // RFC 8866 §9: behind the title and the address, before keys and attributes.
        let before = |line: &Bytes| [b"m=", b"i=", b"c="].iter().any(|kind| line.starts_with(*kind));
        let place = self.lines.0.iter().take_while(|line| before(line)).count();
        self.lines.0.insert(place, line.freeze());
    }

    /// The codecs in the m-line's order of preference; formats that are no payload types are left out.
    pub fn codecs(&self) -> Vec<Codec> {
        self.formats().filter_map(|format| Codec::find(&self.lines, scan::number(format)?)).collect()
    }

    /// Leaves out all codecs but these, which are some of its own; what is said of them stays as it is.
    pub fn keep_codecs(&mut self, codecs: &[Codec]) {
        let kept: Vec<String> = codecs.iter().map(|codec| codec.payload.to_string()).collect();
        let protocol = Bytes::copy_from_slice(self.protocol());
        self.set_tail(&protocol, kept.join(" ").as_bytes());
        let is_kept = |value: &[u8]| {
            let payload = value.split(|byte| *byte == b' ').next().unwrap_or_default();
            payload == b"*" || kept.iter().any(|kept| kept.as_bytes() == payload)
        };
        for name in ["rtpmap", "fmtp", "rtcp-fb"] {
            self.retain_attributes(name, is_kept);
        }
    }

    /// Keeps only these codecs, in this order, with their rtpmap and fmtp lines; other attributes stay.
    pub fn set_codecs(&mut self, codecs: &[Codec]) {
        let mut formats = BytesMut::new();
        for codec in codecs {
            if !formats.is_empty() {
                formats.put_u8(b' ');
            }
            put_number(&mut formats, u64::from(codec.payload));
        }
        let protocol = Bytes::copy_from_slice(self.protocol());
        self.set_tail(&protocol, &formats);
        let speaks_of_others = |line: &Bytes| {
            ["rtpmap", "fmtp", "rtcp-fb"].iter().any(|name| super::attribute(line, name).is_some())
        };
        self.lines.0.retain(|line| !speaks_of_others(line));
        for codec in codecs {
            codec.put_lines(&mut self.lines.0);
        }
    }
}
