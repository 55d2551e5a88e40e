//! Codecs: what a payload type means in one description (RFC 3551, RFC 8866 §6.6).

use bytes::{BufMut, Bytes, BytesMut};

use crate::message::put_number;
use crate::scan;
use crate::sdp::Lines;

/// One payload type and what it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codec {
    /// The payload type, 0 to 127.
    pub payload: u8,
    /// The encoding's name, as it stands.
    pub name: Bytes,
    /// The clock rate in hertz.
    pub clock_rate: u32,
    /// Channels, 1 when not stated.
    pub channels: u8,
    /// The value of the fmtp line, without the payload type.
    pub parameters: Option<Bytes>,
}

/// The payload types that mean the same everywhere (RFC 3551 §6), as far as anyone still offers them without rtpmap.
const STATIC: [(u8, &str, u32); 9] = [
    (0, "PCMU", 8000),
    (3, "GSM", 8000),
    (4, "G723", 8000),
    (8, "PCMA", 8000),
    (9, "G722", 8000),
    (13, "CN", 8000),
    (15, "G728", 8000),
    (18, "G729", 8000),
    (34, "H263", 90000),
];

impl Codec {
    /// A codec of our own.
    pub fn new(payload: u8, name: &'static str, clock_rate: u32) -> Self {
        Self { payload, name: Bytes::from_static(name.as_bytes()), clock_rate, channels: 1, parameters: None }
    }

    /// What `payload` means among `lines`; `None` when it is dynamic and not explained.
    pub(crate) fn find(lines: &Lines, payload: u8) -> Option<Self> {
        let parameters = lines.0.iter().find_map(|line| {
            let (number, rest) = numbered(super::attribute(line, "fmtp")?)?;
            (number == payload).then(|| line.slice_ref(rest))
        });
        let mapped = lines.0.iter().find_map(|line| {
            let (number, rest) = numbered(super::attribute(line, "rtpmap")?)?;
            (number == payload).then_some((line, rest))
        });
        let Some((line, map)) = mapped else {
            let (_, name, clock_rate) = STATIC.iter().find(|(number, ..)| *number == payload)?;
            return Some(Self { parameters, ..Self::new(payload, name, *clock_rate) });
        };
        let mut parts = map.split(|b| *b == b'/');
        let name = line.slice_ref(scan::trim(parts.next()?));
        let clock_rate = parts.next().and_then(scan::number)?;
        let channels = parts.next().and_then(scan::number).unwrap_or(1);
        Some(Self { payload, name, clock_rate, channels, parameters })
    }

    /// Do both mean the same encoding, whatever their payload types?
    pub fn is_same(&self, other: &Self) -> bool {
        self.name.eq_ignore_ascii_case(&other.name)
            && self.clock_rate == other.clock_rate
            && self.channels == other.channels
    }

    /// Is it this encoding?
    pub fn is(&self, name: &str, clock_rate: u32) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes()) && self.clock_rate == clock_rate
    }

    /// Those of `offered` that are also in `known`, in the offer's order and with its payload types (RFC 3264 §6.1:
    /// "the answerer SHOULD use the same payload type numbers").
    pub fn intersect(offered: &[Self], known: &[Self]) -> Vec<Self> {
        offered.iter().filter(|codec| known.iter().any(|k| k.is_same(codec))).cloned().collect()
    }

    /// Adds its rtpmap and fmtp lines.
    pub(crate) fn put_lines(&self, lines: &mut Vec<Bytes>) {
        let mut line = BytesMut::with_capacity(40);
        line.put_slice(b"a=rtpmap:");
        put_number(&mut line, u64::from(self.payload));
        line.put_u8(b' ');
        line.put_slice(&self.name);
        line.put_u8(b'/');
        put_number(&mut line, u64::from(self.clock_rate));
        if self.channels != 1 {
            line.put_u8(b'/');
            put_number(&mut line, u64::from(self.channels));
        }
        lines.push(line.freeze());
        if let Some(parameters) = &self.parameters {
            let mut line = BytesMut::with_capacity(24 + parameters.len());
            line.put_slice(b"a=fmtp:");
            put_number(&mut line, u64::from(self.payload));
            line.put_u8(b' ');
            line.put_slice(parameters);
            lines.push(line.freeze());
        }
    }
}

/// `96 opus/48000/2` as the number and the rest.
fn numbered(value: &[u8]) -> Option<(u8, &[u8])> {
    let space = memchr::memchr(b' ', value)?;
    Some((scan::number::<u8>(&value[..space]).filter(|n| *n < 128)?, scan::trim(&value[space..])))
}
