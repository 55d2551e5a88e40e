//! Session descriptions (RFC 8866), line by line: what is not understood passes byte for byte, and only the
//! lines that a relay must change are changed.

mod codec;
mod crypto;
mod media;

use std::net::IpAddr;

use bytes::{BufMut, Bytes, BytesMut};

use crate::error::Error;
use crate::message::put_number;

pub use codec::Codec;
pub use crypto::Crypto;
pub use media::{Direction, Media};

/// Lines of one description.
pub const LINES_MAX: usize = 1024;
/// Media sections of one description.
pub const MEDIA_MAX: usize = 32;

/// A session description.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Sdp {
    session: Lines,
    media: Vec<Media>,
}

/// The lines of the session part or of one media section, without line ends.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Lines(pub(crate) Vec<Bytes>);

impl Sdp {
    /// Reads a description. Lines may end in CRLF or LF alone; a missing `s=`, `t=` or `o=` is no fault.
    ///
    /// # Errors
    /// [`Error::Sdp`] when it does not begin with `v=0`, has an m-line that is none, or passes a limit.
    pub fn parse(bytes: &Bytes) -> Result<Self, Error> {
        let mut sdp = Self::default();
        let mut count = 0;
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
            rest = rest.get(end + 1..).unwrap_or_default();
            count += 1;
            if count > LINES_MAX || sdp.media.len() > MEDIA_MAX {
                return Err(Error::Sdp);
            }
            if line.is_empty() {
                continue;
            }
            let line = bytes.slice_ref(line);
            if sdp.session.0.is_empty() && !line.starts_with(b"v=0") {
                return Err(Error::Sdp);
            }
            if line.starts_with(b"m=") {
                sdp.media.push(Media::parse(line)?);
            } else if let Some(media) = sdp.media.last_mut() {
                media.lines.0.push(line);
            } else {
                sdp.session.0.push(line);
            }
        }
        if sdp.session.0.is_empty() || sdp.media.len() > MEDIA_MAX { Err(Error::Sdp) } else { Ok(sdp) }
    }

    /// Begins a description of our own: version, origin, a name, the address, the time.
    pub fn compose(session_id: u64, version: u64, address: IpAddr) -> Self {
        let mut sdp = Self::default();
        sdp.session.0.push(Bytes::from_static(b"v=0"));
        sdp.session.0.push(origin(session_id, version, address));
        sdp.session.0.push(Bytes::from_static(b"s=-"));
        sdp.session.0.push(connection(address));
        sdp.session.0.push(Bytes::from_static(b"t=0 0"));
        sdp
    }

    /// The media sections in order; their places never change (RFC 3264 §8).
    pub fn media(&self) -> &[Media] {
        &self.media
    }

    /// The media sections, to be changed.
    pub fn media_mut(&mut self) -> &mut [Media] {
        &mut self.media
    }

    /// Cuts the description to `count` media sections, or adds refused ones of sound (RFC 3264 §8.2: port 0).
    pub fn set_media_count(&mut self, count: usize) {
        self.media.truncate(count);
        while self.media.len() < count.min(MEDIA_MAX) {
            let mut media = Media::compose("audio", 0, "RTP/AVP", &[Codec::new(0, "PCMU", 8000)]);
            media.reject();
            self.media.push(media);
        }
    }

    /// Adds a media section.
    pub fn push_media(&mut self, media: Media) {
        self.media.push(media);
    }

    /// The session's own address (`c=` before the first m-line).
    pub fn connection(&self) -> Option<IpAddr> {
        self.session.connection()
    }

    /// Where media section `index` wants its packets: its own `c=`, else the session's.
    pub fn connection_of(&self, index: usize) -> Option<IpAddr> {
        self.media.get(index)?.connection().or_else(|| self.connection())
    }

    /// The direction of media section `index`: its own, else the session's, else both ways. An address of
    /// 0.0.0.0 receives nothing.
    pub fn direction_of(&self, index: usize) -> Direction {
        let stated = self.stated_direction_of(index);
        // RFC 3264 §8.4: RFC 2543 phones held a call by asking for packets to 0.0.0.0.
        let nowhere = self.connection_of(index).is_some_and(|address| address.is_unspecified());
        if nowhere { Direction::of(stated.sends(), false) } else { stated }
    }

    /// The direction that media section `index` states, whatever its address says: with ICE (RFC 8839 §4.3.1) an address of
    /// 0.0.0.0 only says that candidates follow.
    pub fn stated_direction_of(&self, index: usize) -> Direction {
        let own = self.media.get(index).and_then(Media::direction);
        own.or_else(|| self.session.direction()).unwrap_or(Direction::SendRecv)
    }

    /// The attribute called `name` of media section `index`: its own, else the session's.
    pub fn attribute_of(&self, index: usize, name: &str) -> Option<&[u8]> {
        self.media.get(index)?.attributes(name).next().or_else(|| self.session.attributes(name).next())
    }

    /// The values of the attributes called `name` of the session part; empty for flags.
    pub fn session_attributes(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.session.attributes(name)
    }

    /// Adds `a=<text>` to the session part.
    pub fn push_session_attribute(&mut self, text: &str) {
        self.session.0.push(Bytes::from(format!("a={text}")));
    }

    /// Puts `address` into every `c=` line; adds one to the session when there is none that counts.
    pub fn set_connection(&mut self, address: IpAddr) {
        let line = connection(address);
        let mut covered = self.session.replace_first(b"c=", &line);
        if !covered {
            covered =
                !self.media.is_empty() && self.media.iter().all(|media| media.connection_line().is_some());
        }
        for media in &mut self.media {
            media.lines.replace_all(b"c=", &line);
        }
        if !covered {
            // RFC 8866 §5: c= stands behind v, o, s, i, u, e and p.
            let before =
                |l: &Bytes| matches!(l.first(), Some(b'v' | b'o' | b's' | b'i' | b'u' | b'e' | b'p'));
            let at = self.session.0.iter().rposition(before).map_or(0, |at| at + 1);
            self.session.0.insert(at, line);
        }
    }

    /// Puts an origin line of our own in; a missing one is added.
    pub fn set_origin(&mut self, session_id: u64, version: u64, address: IpAddr) {
        let line = origin(session_id, version, address);
        if !self.session.replace_first(b"o=", &line) {
            let at = self.session.0.len().min(1);
            self.session.0.insert(at, line);
        }
    }

    /// Session id and version of the origin line, as they stand: an unchanged pair means an unchanged description
    /// (RFC 3264 §8).
    pub fn origin(&self) -> Option<(&[u8], &[u8])> {
        let line = self.session.0.iter().find(|line| line.starts_with(b"o="))?;
        let mut words = line[2..].split(|b| *b == b' ');
        words.next()?;
        Some((words.next()?, words.next()?))
    }

    /// Adds `s=-` when the line is missing: peers behind us are stricter than we are (RFC 8866 §5.3).
    pub fn complete(&mut self) {
        if !self.session.0.iter().any(|line| line.starts_with(b"s=")) {
            let at = self
                .session
                .0
                .iter()
                .rposition(|l| matches!(l.first(), Some(b'v' | b'o')))
                .map_or(0, |at| at + 1);
            self.session.0.insert(at, Bytes::from_static(b"s=-"));
        }
        if !self.session.0.iter().any(|line| line.starts_with(b"t=")) {
            let before = |l: &Bytes| {
                matches!(l.first(), Some(b'v' | b'o' | b's' | b'i' | b'u' | b'e' | b'p' | b'c' | b'b'))
            };
            let at = self.session.0.iter().rposition(before).map_or(0, |at| at + 1);
            self.session.0.insert(at, Bytes::from_static(b"t=0 0"));
        }
    }

    /// Removes the attributes called `name` from the session part.
    pub fn remove_session_attribute(&mut self, name: &str) {
        self.session.remove_attribute(name);
    }

    /// Removes what speaks of ICE (RFC 8839), in the session part and all media sections: we are the far end.
    pub fn remove_ice(&mut self) {
        let names = [
            "ice-ufrag",
            "ice-pwd",
            "ice-options",
            "ice-lite",
            "ice-pacing",
            "candidate",
            "end-of-candidates",
            "remote-candidates",
        ];
        for name in names {
            self.remove_everywhere(name);
        }
    }

    /// Removes SDES keys and DTLS fingerprints (RFC 4568, RFC 8122).
    pub fn remove_crypto(&mut self) {
        for name in ["crypto", "fingerprint", "setup", "tls-id"] {
            self.remove_everywhere(name);
        }
    }

    fn remove_everywhere(&mut self, name: &str) {
        self.session.remove_attribute(name);
        for media in &mut self.media {
            media.lines.remove_attribute(name);
        }
    }

    /// Sets the direction of every media section, and removes a session-wide one.
    pub fn set_directions(&mut self, direction: impl Fn(Direction) -> Direction) {
        let session = self.session.direction();
        self.session.remove_directions();
        for media in &mut self.media {
            let old = media.direction().or(session).unwrap_or(Direction::SendRecv);
            media.set_direction(direction(old));
        }
    }

    /// The description as it goes out, every line with CRLF.
    pub fn write(&self) -> Bytes {
        let lines = |l: &Lines| l.0.iter().map(|line| line.len() + 2).sum::<usize>();
        let length = lines(&self.session) + self.media.iter().map(|m| lines(&m.lines)).sum::<usize>();
        let mut out = BytesMut::with_capacity(length);
        let all = self.session.0.iter().chain(self.media.iter().flat_map(|media| media.lines.0.iter()));
        for line in all {
            out.put_slice(line);
            out.put_slice(b"\r\n");
        }
        out.freeze()
    }
}

impl Lines {
    /// The values of the attributes called `name`, empty for flags: `a=name:value`.
    pub(crate) fn attributes(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.0.iter().filter_map(move |line| attribute(line, name))
    }

    pub(crate) fn remove_attribute(&mut self, name: &str) {
        self.0.retain(|line| attribute(line, name).is_none());
    }

    pub(crate) fn connection(&self) -> Option<IpAddr> {
        let line = self.0.iter().find(|line| line.starts_with(b"c="))?;
        let text = std::str::from_utf8(line.get(9..)?).ok()?;
        // RFC 8866 §5.7: a multicast address has a TTL behind a slash.
        let address = text.trim().split('/').next()?;
        (line.starts_with(b"c=IN IP4 ") || line.starts_with(b"c=IN IP6 ")).then(|| address.parse().ok())?
    }

    pub(crate) fn direction(&self) -> Option<Direction> {
        self.0.iter().find_map(|line| Direction::parse(line.strip_prefix(b"a=")?))
    }

    pub(crate) fn remove_directions(&mut self) {
        self.0.retain(|line| line.strip_prefix(b"a=").and_then(Direction::parse).is_none());
    }

    pub(crate) fn replace_first(&mut self, kind: &[u8], line: &Bytes) -> bool {
        match self.0.iter_mut().find(|l| l.starts_with(kind)) {
            Some(found) => {
                *found = line.clone();
                true
            }
            None => false,
        }
    }

    pub(crate) fn replace_all(&mut self, kind: &[u8], line: &Bytes) {
        for found in self.0.iter_mut().filter(|l| l.starts_with(kind)) {
            *found = line.clone();
        }
    }
}

/// The value of `line` when it is an attribute called `name`.
fn attribute<'a>(line: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let rest = line.strip_prefix(b"a=")?.strip_prefix(name.as_bytes())?;
    match rest {
        [] => Some(rest),
        [b':', value @ ..] => Some(value),
        _ => None,
    }
}

fn put_address(out: &mut BytesMut, address: IpAddr) {
    out.put_slice(if address.is_ipv4() { b"IN IP4 " } else { b"IN IP6 " });
    out.put_slice(address.to_string().as_bytes());
}

fn connection(address: IpAddr) -> Bytes {
    let mut out = BytesMut::with_capacity(32);
    out.put_slice(b"c=");
    put_address(&mut out, address);
    out.freeze()
}

fn origin(session_id: u64, version: u64, address: IpAddr) -> Bytes {
    let mut out = BytesMut::with_capacity(80);
    out.put_slice(b"o=- ");
    put_number(&mut out, session_id);
    out.put_u8(b' ');
    put_number(&mut out, version);
    out.put_u8(b' ');
    put_address(&mut out, address);
    out.freeze()
}

#[cfg(test)]
mod tests;
