//! The RTP packet (RFC 3550 §5.1): its fixed header, read and written in place.

/// Bytes of the fixed header.
pub const HEADER_BYTES: usize = 12;
/// The longest packet that is relayed, in bytes: an Ethernet frame's worth and room to spare.
pub const PACKET_BYTES_MAX: usize = 2_048;

/// The fields of the fixed header that a relay needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The marker bit: first packet of a talk spurt (RFC 3551 §4.1).
    pub marker: bool,
    /// The payload type, 0 to 127.
    pub payload_type: u8,
    /// Counts packets.
    pub sequence: u16,
    /// Counts samples.
    pub timestamp: u32,
    /// Whose stream it is.
    pub ssrc: u32,
}

/// Is this RTCP, on a port that carries both? By the second byte (RFC 5761 §4).
pub fn is_rtcp(packet: &[u8]) -> bool {
    packet.len() >= 8 && packet[0] >> 6 == 2 && (192..=223).contains(&packet[1])
}

impl Header {
    /// Reads the fixed header; `None` when this is not RTP version 2 (RFC 3550 §A.1).
    pub fn parse(packet: &[u8]) -> Option<Self> {
        let fixed = packet.first_chunk::<HEADER_BYTES>()?;
        if fixed[0] >> 6 != 2 {
            return None;
        }
        Some(Self {
            marker: fixed[1] & 0x80 != 0,
            payload_type: fixed[1] & 0x7f,
            sequence: u16::from_be_bytes([fixed[2], fixed[3]]),
            timestamp: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
            ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
        })
    }

    /// Writes a fixed header without padding, extension or contributing sources into the first bytes of `buffer`.
    pub fn write(&self, buffer: &mut [u8]) {
        buffer[0] = 0x80;
        buffer[1] = (u8::from(self.marker) << 7) | (self.payload_type & 0x7f);
        buffer[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        buffer[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        buffer[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
    }
}

/// Writes another payload type into a packet that [`Header::parse`] took; the marker stays.
pub fn set_payload_type(packet: &mut [u8], payload_type: u8) {
    packet[1] = (packet[1] & 0x80) | (payload_type & 0x7f);
}

/// Bytes of the whole header: with contributing sources and extension (RFC 3550 §5.1, §5.3.1); `None` when the
/// packet ends before it does.
pub fn header_length(packet: &[u8]) -> Option<usize> {
    let first = *packet.first()?;
    let mut length = HEADER_BYTES + 4 * usize::from(first & 0x0f);
    if first & 0x10 != 0 {
        let extension = packet.get(length..length + 4)?;
        length += 4 + 4 * usize::from(u16::from_be_bytes([extension[2], extension[3]]));
    }
    (length <= packet.len()).then_some(length)
}

/// The payload behind the header, without padding; `None` when the lengths contradict each other.
pub fn payload(packet: &[u8]) -> Option<&[u8]> {
    let start = header_length(packet)?;
    let is_padded = packet[0] & 0x20 != 0;
    let padding = if is_padded { usize::from(*packet.last()?).max(1) } else { 0 };
    packet.get(start..packet.len().checked_sub(padding)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_header_survives_writing_and_reading(
            marker: bool, payload_type in 0_u8..128, sequence: u16, timestamp: u32, ssrc: u32,
        ) {
            let header = Header { marker, payload_type, sequence, timestamp, ssrc };
            let mut buffer = [0; HEADER_BYTES];
            header.write(&mut buffer);
            prop_assert_eq!(Header::parse(&buffer), Some(header));
            prop_assert_eq!(payload(&buffer), Some(&[][..]));
        }

        #[test]
        fn no_packet_makes_the_parser_fall(packet in prop::collection::vec(any::<u8>(), 0..64)) {
            if let (Some(_), Some(part)) = (Header::parse(&packet), payload(&packet)) {
                    prop_assert!(part.len() <= packet.len() - HEADER_BYTES);
            }
            let _ = is_rtcp(&packet);
        }
    }

    #[test]
    fn the_payload_is_what_is_left_between_extension_and_padding() {
        let mut packet = vec![0x80 | 0x20 | 0x10 | 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9];
        packet.extend([0, 0, 0, 5]); // one contributing source
        packet.extend([0xbe, 0xde, 0, 1, 1, 2, 3, 4]); // an extension of one word
        packet.extend([7, 7, 7]);
        packet.extend([0, 2]); // padding of two bytes
        assert_eq!(payload(&packet), Some(&[7, 7, 7][..]));
    }

    #[test]
    fn rtcp_is_told_from_rtp_with_the_marker_set() {
        assert!(is_rtcp(&[0x80, 200, 0, 1, 0, 0, 0, 0]));
        assert!(!is_rtcp(&[0x80, 0x80 | 8, 0, 1, 0, 0, 0, 0]));
    }

    #[test]
    fn another_payload_type_leaves_the_marker() {
        let mut packet = [0x80, 0x80 | 101, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        set_payload_type(&mut packet, 96);
        let header = Header::parse(&packet).unwrap();
        assert!(header.marker);
        assert_eq!(header.payload_type, 96);
    }
}
