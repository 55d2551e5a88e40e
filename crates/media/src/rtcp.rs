//! RTCP (RFC 3550 §6): compound packets taken apart, as far as a relay looks at them.

/// A sender report.
pub const SENDER_REPORT: u8 = 200;
/// A receiver report.
pub const RECEIVER_REPORT: u8 = 201;
/// The sender leaves.
pub const BYE: u8 = 203;

const HEADER_BYTES: usize = 4;
const SENDER_INFO_BYTES: usize = 20;
const REPORT_BLOCK_BYTES: usize = 24;

/// One packet of a compound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The packet type.
    pub kind: u8,
    /// The five bits that count reports or sources.
    pub count: u8,
    /// What follows the header.
    pub body: &'a [u8],
}

/// What a receiver says about one stream it gets (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportBlock {
    /// The stream.
    pub ssrc: u32,
    /// Share lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Lost since the start; negative with duplicates.
    pub cumulative_lost: i32,
    /// Highest sequence number, extended.
    pub highest_sequence: u32,
    /// Jitter in units of the stream's clock.
    pub jitter: u32,
}

/// The packets of a compound; `None` at the first that is not RTCP version 2 or runs over the end.
pub fn packets(mut compound: &[u8]) -> impl Iterator<Item = Packet<'_>> {
    std::iter::from_fn(move || {
        let [first, kind, high, low] = *compound.first_chunk::<HEADER_BYTES>()?;
        if first >> 6 != 2 {
            return None;
        }
        let length = 4 * usize::from(u16::from_be_bytes([high, low]));
        let body = compound.get(HEADER_BYTES..HEADER_BYTES + length)?;
        compound = &compound[HEADER_BYTES + length..];
        Some(Packet { kind, count: first & 0x1f, body })
    })
}

impl<'a> Packet<'a> {
    /// The report blocks of a sender or receiver report.
    pub fn reports(&self) -> impl Iterator<Item = ReportBlock> + use<'a> {
        let start = match self.kind {
            SENDER_REPORT => 4 + SENDER_INFO_BYTES,
            RECEIVER_REPORT => 4,
            _ => usize::MAX,
        };
        let blocks = self.body.get(start..).unwrap_or_default();
        blocks.chunks_exact(REPORT_BLOCK_BYTES).take(usize::from(self.count)).map(|block| {
            let word =
                |at: usize| u32::from_be_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]]);
            ReportBlock {
                ssrc: word(0),
                fraction_lost: block[4],
                // 24 bits, signed.
                cumulative_lost: (word(4) << 8) as i32 >> 8,
                highest_sequence: word(8),
                jitter: word(12),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn block(ssrc: u32, fraction: u8, lost: i32) -> Vec<u8> {
        let mut block = ssrc.to_be_bytes().to_vec();
        block.extend(((u32::from(fraction) << 24) | (lost as u32 & 0x00ff_ffff)).to_be_bytes());
        block.extend([0, 1, 0, 2, 0, 0, 0, 9]);
        block.extend([0; 8]);
        block
    }

    fn packet(kind: u8, count: u8, body: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x80 | count, kind];
        packet.extend(u16::try_from(body.len() / 4).unwrap().to_be_bytes());
        packet.extend(body);
        packet
    }

    #[test]
    fn reports_are_found_in_a_compound() {
        let mut sender = vec![0; 4 + SENDER_INFO_BYTES];
        sender.extend(block(7, 25, -3));
        let mut compound = packet(SENDER_REPORT, 1, &sender);
        compound.extend(packet(202, 1, &[0; 8]));
        compound.extend(packet(BYE, 1, &[0; 4]));
        let kinds: Vec<u8> = packets(&compound).map(|packet| packet.kind).collect();
        assert_eq!(kinds, [SENDER_REPORT, 202, BYE]);
        let reports: Vec<ReportBlock> = packets(&compound).flat_map(|packet| packet.reports()).collect();
        assert_eq!(
            reports,
            [ReportBlock {
                ssrc: 7,
                fraction_lost: 25,
                cumulative_lost: -3,
                highest_sequence: 0x0001_0002,
                jitter: 9
            }]
        );
    }

    #[test]
    fn a_packet_that_runs_over_the_end_is_not_read() {
        let mut compound = packet(RECEIVER_REPORT, 1, &[0; 28]);
        compound.truncate(20);
        assert_eq!(packets(&compound).count(), 0);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_fall_or_run_on(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
            let reports: usize = packets(&bytes).map(|packet| packet.reports().count()).sum();
            prop_assert!(reports * REPORT_BLOCK_BYTES <= bytes.len());
        }
    }
}
