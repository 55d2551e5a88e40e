//! RTCP (RFC 3550 §6): compound packets taken apart, as far as a relay looks at them.

/// A sender report.
pub const SENDER_REPORT: u8 = 200;
/// A receiver report.
pub const RECEIVER_REPORT: u8 = 201;
/// Descriptions of sources.
pub const DESCRIPTION: u8 = 202;
/// The sender leaves.
pub const BYE: u8 = 203;

/// The item of a description that names its source.
const CANONICAL_NAME: u8 = 1;
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
    /// The middle of the time in the last sender report about the stream; 0 when there was none.
    pub last_sender_report: u32,
    /// How long ago that came, in 1/65,536 s.
    pub delay_since_last: u32,
}

/// What a sender says of its stream (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderInfo {
    /// The time of day: seconds since 1900, and their fraction in the lower half.
    pub ntp: u64,
    /// The stream's timestamp at that time.
    pub timestamp: u32,
    /// Packets sent.
    pub packets: u32,
    /// Bytes of payload sent.
    pub octets: u32,
}

/// Writes a compound of a sender or receiver report and a description with a canonical name (RFC 3550 §6.1, §6.5)
/// into `buffer`; gives its length, 0 when there is no room for it.
pub fn write(ssrc: u32, sender: Option<SenderInfo>, block: Option<ReportBlock>, buffer: &mut [u8]) -> usize {
    let mut bytes = Bytes { buffer, length: 0 };
    let kind = if sender.is_some() { SENDER_REPORT } else { RECEIVER_REPORT };
    let sender_words = if sender.is_some() { SENDER_INFO_BYTES / 4 } else { 0 };
    let block_words = if block.is_some() { REPORT_BLOCK_BYTES / 4 } else { 0 };
    bytes.put(&[0x80 | u8::from(block.is_some()), kind, 0, (1 + sender_words + block_words) as u8]);
    bytes.put(&ssrc.to_be_bytes());
    if let Some(sender) = sender {
        bytes.put(&sender.ntp.to_be_bytes());
        for word in [sender.timestamp, sender.packets, sender.octets] {
            bytes.put(&word.to_be_bytes());
        }
    }
    if let Some(block) = block {
        let lost = (u32::from(block.fraction_lost) << 24) | (block.cumulative_lost as u32 & 0x00ff_ffff);
        let words = [block.ssrc, lost, block.highest_sequence, block.jitter, block.last_sender_report];
        for word in words.into_iter().chain([block.delay_since_last]) {
            bytes.put(&word.to_be_bytes());
        }
    }
    // One chunk: the SSRC, a name of eight hexadecimal digits, zeros up to the next word (RFC 7022 §4.2 asks for
    // a name that tells nothing).
    bytes.put(&[0x81, DESCRIPTION, 0, 4]);
    bytes.put(&ssrc.to_be_bytes());
    bytes.put(&[CANONICAL_NAME, 8]);
    let name: [u8; 8] =
        std::array::from_fn(|at| b"0123456789abcdef"[(ssrc.rotate_left(7) >> (4 * at)) as usize & 15]);
    bytes.put(&name);
    bytes.put(&[0, 0]);
    if bytes.length > bytes.buffer.len() { 0 } else { bytes.length }
}

/// Bytes put one after the other, as far as there is room.
struct Bytes<'a> {
    buffer: &'a mut [u8],
    length: usize,
}

impl Bytes<'_> {
    fn put(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        if let Some(room) = self.buffer.get_mut(self.length..end) {
            room.copy_from_slice(bytes);
        }
        self.length = end;
    }
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
    /// The middle 32 bits of the time in a sender report, by which it is known again (RFC 3550 §6.4.1, LSR).
    pub fn sender_time(&self) -> Option<u32> {
        let middle = self.body.get(6..10)?.first_chunk()?;
        (self.kind == SENDER_REPORT).then(|| u32::from_be_bytes(*middle))
    }

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
                last_sender_report: word(16),
                delay_since_last: word(20),
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
                jitter: 9,
                last_sender_report: 0,
                delay_since_last: 0,
            }]
        );
    }

    #[test]
    fn what_is_written_is_read() {
        let sender = SenderInfo { ntp: 0x0011_2233_4455_6677, timestamp: 3, packets: 4, octets: 5 };
        let block = ReportBlock {
            ssrc: 9,
            fraction_lost: 8,
            cumulative_lost: -2,
            highest_sequence: 70_000,
            jitter: 6,
            last_sender_report: 11,
            delay_since_last: 12,
        };
        let mut buffer = [0; 128];
        for (sender, block) in
            [(Some(sender), Some(block)), (None, Some(block)), (Some(sender), None), (None, None)]
        {
            let length = write(77, sender, block, &mut buffer);
            let kinds: Vec<u8> = packets(&buffer[..length]).map(|packet| packet.kind).collect();
            assert_eq!(kinds, [if sender.is_some() { SENDER_REPORT } else { RECEIVER_REPORT }, DESCRIPTION]);
            let read: usize = packets(&buffer[..length]).map(|packet| packet.body.len() + 4).sum();
            assert_eq!(read, length, "nothing is left over");
            assert_eq!(packets(&buffer[..length]).find_map(|packet| packet.reports().next()), block);
            let middle = packets(&buffer[..length]).find_map(|packet| packet.sender_time());
            assert_eq!(middle, sender.map(|_| 0x2233_4455));
        }
        assert_eq!(write(77, None, None, &mut [0; 10]), 0);
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
