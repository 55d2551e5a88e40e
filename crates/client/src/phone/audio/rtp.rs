//! RTP packets (RFC 3550 §5.1) and telephone events (RFC 4733 §2.3), as far as a phone needs them.

/// The fixed header, in bytes.
const HEADER: usize = 12;
/// The digits by event code (RFC 4733 §3.2).
const DIGITS: &[u8; 16] = b"0123456789*#ABCD";

/// One packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    pub(super) marker: bool,
    pub(super) payload_type: u8,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    pub(super) source: u32,
    pub(super) payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a packet; `None` when it is none.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, mut payload) = bytes.split_at_checked(HEADER)?;
        if header[0] >> 6 != 2 {
            return None;
        }
        payload = payload.get(usize::from(header[0] & 0x0f) * 4..)?;
        if header[0] & 0x10 != 0 {
            let words = u16::from_be_bytes([*payload.get(2)?, *payload.get(3)?]);
            payload = payload.get(4 + usize::from(words) * 4..)?;
        }
        if header[0] & 0x20 != 0 {
            let padding = usize::from(*payload.last()?);
            payload = payload.get(..payload.len().checked_sub(padding)?)?;
        }
        Some(Self {
            marker: header[1] & 0x80 != 0,
            payload_type: header[1] & 0x7f,
            sequence: u16::from_be_bytes([header[2], header[3]]),
            timestamp: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
            source: u32::from_be_bytes([header[8], header[9], header[10], header[11]]),
            payload,
        })
    }

    /// Writes the packet.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.clear();
        out.push(0x80);
        out.push(u8::from(self.marker) << 7 | self.payload_type);
        out.extend_from_slice(&self.sequence.to_be_bytes());
        out.extend_from_slice(&self.timestamp.to_be_bytes());
        out.extend_from_slice(&self.source.to_be_bytes());
        out.extend_from_slice(self.payload);
    }
}

/// The payload of a telephone event.
pub(super) fn event(digit: u8, ended: bool, duration: u16) -> Option<[u8; 4]> {
    let code = DIGITS.iter().position(|known| *known == digit.to_ascii_uppercase())?;
    let [high, low] = duration.to_be_bytes();
    // -10 dBm0: the usual volume.
    Some([u8::try_from(code).ok()?, u8::from(ended) << 7 | 10, high, low])
}

/// The digit of a telephone event's payload.
pub(super) fn digit(payload: &[u8]) -> Option<char> {
    DIGITS.get(usize::from(*payload.first()?)).map(|digit| char::from(*digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_reads_back() {
        let packet = Packet {
            marker: true,
            payload_type: 101,
            sequence: 65_535,
            timestamp: 4_000_000_000,
            source: 7,
            payload: b"abc",
        };
        let mut bytes = Vec::new();
        packet.write(&mut bytes);
        assert_eq!(Packet::parse(&bytes), Some(packet));
    }

    #[test]
    fn contributors_extension_and_padding_are_skipped() {
        let mut bytes = vec![0xb1, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 9, 9, 9, 9, 0xbe, 0xde, 0, 1, 1, 1, 1, 1];
        bytes.extend_from_slice(b"audio\0\0\x03");
        assert_eq!(Packet::parse(&bytes).map(|packet| packet.payload), Some(&b"audio"[..]));
        for end in 0..bytes.len() {
            _ = Packet::parse(&bytes[..end]);
        }
        assert_eq!(Packet::parse(&[0x40; 40]), None, "another version");
    }

    #[test]
    fn digits_have_their_codes() {
        assert_eq!(event(b'#', true, 1600), Some([11, 0x8a, 6, 64]));
        assert_eq!(event(b'x', false, 0), None);
        assert_eq!(digit(&[13, 0, 0, 0]), Some('B'));
        assert_eq!(digit(&[16]), None);
    }
}
