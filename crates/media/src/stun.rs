//! The STUN messages of connectivity checks (RFC 8489, RFC 8445 §7): a Binding request read and proved genuine, and its answer.
//!
//! Sans-IO, and nothing is remembered. What carries no proof of the peer is dropped without an answer: a media port is told
//! to one peer only, and whoever else sends to it learns nothing, not even that it is there.

use std::net::{IpAddr, SocketAddr};

use aws_lc_rs::hmac;

/// Type, length, cookie and transaction id (RFC 8489 §5).
const HEADER_BYTES: usize = 20;
const MAGIC_COOKIE: u32 = 0x2112_a442;
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const BINDING_ERROR: u16 = 0x0111;
const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const ERROR_CODE: u16 = 0x0009;
const UNKNOWN_ATTRIBUTES: u16 = 0x000a;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const PRIORITY: u16 = 0x0024;
const USE_CANDIDATE: u16 = 0x0025;
const FINGERPRINT: u16 = 0x8028;
const ICE_CONTROLLED: u16 = 0x8029;
/// Attributes below are to be understood by whoever gets them (RFC 8489 §14).
const OPTIONAL_FROM: u16 = 0x8000;
/// Bytes of an HMAC-SHA1 (RFC 8489 §14.5).
const INTEGRITY_BYTES: usize = 20;
/// What the CRC is masked with (RFC 8489 §14.7).
const FINGERPRINT_MASK: u32 = 0x5354_554e;
/// Attributes that an answer says we do not know; more are left out.
const UNKNOWN_MAX: usize = 4;
/// The longest answer that is written, in bytes.
pub(crate) const ANSWER_BYTES_MAX: usize = 128;

/// Is this STUN, among what shares a port with RTP and DTLS? By the first byte (RFC 7983 §7).
pub(crate) fn is_stun(packet: &[u8]) -> bool {
    matches!(packet.first(), Some(0..=3))
}

/// A Binding request that is whole; nothing in it is proved yet.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    packet: &'a [u8],
    /// Who it is for and from: their fragments, with a colon between (RFC 8445 §7.2.2).
    username: Option<&'a [u8]>,
    /// Where the proof stands.
    integrity: Option<usize>,
    /// The controlling agent has chosen this pair (RFC 8445 §7.1.2).
    pub(crate) uses_candidate: bool,
    /// The other one believes that it is controlled.
    pub(crate) is_controlled: bool,
    unknown: Vec<u16>,
}

/// What is answered to a genuine request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Where it came from.
    Source(SocketAddr),
    /// 487: both believe that they are controlled (RFC 8445 §7.3.1.1).
    RoleConflict,
    /// 420: it has attributes that must be understood and are not (RFC 8489 §6.3.1).
    Unknown,
}

impl<'a> Request<'a> {
    /// Reads a Binding request; `None` for everything else.
    pub(crate) fn parse(packet: &'a [u8]) -> Option<Self> {
        let (header, attributes) = packet.split_at_checked(HEADER_BYTES)?;
        let is_whole =
            usize::from(word(header, 2)?) == attributes.len() && attributes.len().is_multiple_of(4);
        if word(header, 0)? != BINDING_REQUEST || header[4..8] != MAGIC_COOKIE.to_be_bytes() || !is_whole {
            return None;
        }
        let mut request = Self {
            packet,
            username: None,
            integrity: None,
            uses_candidate: false,
            is_controlled: false,
            unknown: Vec::new(),
        };
        let mut at = HEADER_BYTES;
        while at < packet.len() {
            let (kind, length) = (word(packet, at)?, usize::from(word(packet, at + 2)?));
            let value = packet.get(at + 4..at + 4 + length)?;
            request.attribute(kind, value, at)?;
            at += 4 + length.next_multiple_of(4);
        }
        Some(request)
    }

    /// `None`: the message is damaged.
    fn attribute(&mut self, kind: u16, value: &'a [u8], at: usize) -> Option<()> {
        if kind == FINGERPRINT {
            let crc = u32::from_be_bytes(*value.first_chunk()?);
            return (value.len() == 4 && crc == crc32(&self.packet[..at]) ^ FINGERPRINT_MASK).then_some(());
        }
        if self.integrity.is_some() {
            // RFC 8489 §14.5: what follows the proof is not proved, and passed over.
            return Some(());
        }
        match kind {
            USERNAME => self.username = Some(value),
            MESSAGE_INTEGRITY if value.len() == INTEGRITY_BYTES => self.integrity = Some(at),
            MESSAGE_INTEGRITY => return None,
            USE_CANDIDATE => self.uses_candidate = true,
            ICE_CONTROLLED => self.is_controlled = true,
            PRIORITY => {}
            _ if kind < OPTIONAL_FROM && self.unknown.len() < UNKNOWN_MAX => self.unknown.push(kind),
            _ => {}
        }
        Some(())
    }

    /// The fragment of whom it is for (RFC 8445 §7.3: the part before the colon).
    pub(crate) fn recipient(&self) -> Option<&'a [u8]> {
        self.username?.split(|byte| *byte == b':').next()
    }

    /// Was it written by one who knows our password (RFC 8489 §9.1.3)?
    pub(crate) fn is_genuine(&self, password: &[u8]) -> bool {
        let Some(at) = self.integrity else { return false };
        let tag = self.packet.get(at + 4..at + 4 + INTEGRITY_BYTES).unwrap_or_default();
        let mut head = [0; 2];
        // The length counts up to the proof, whatever follows it.
        head.copy_from_slice(&((at + 4 + INTEGRITY_BYTES - HEADER_BYTES) as u16).to_be_bytes());
        let mut context = hmac::Context::with_key(&key(password));
        context.update(&self.packet[..2]);
        context.update(&head);
        context.update(&self.packet[4..at]);
        aws_lc_rs::constant_time::verify_slices_are_equal(context.sign().as_ref(), tag).is_ok()
    }

    /// Must it be refused for attributes that are not understood?
    pub(crate) fn has_unknown(&self) -> bool {
        !self.unknown.is_empty()
    }

    /// Writes the answer under our password (RFC 8445 §7.3.1); gives its length.
    pub(crate) fn answer(&self, answer: Answer, password: &[u8], out: &mut [u8; ANSWER_BYTES_MAX]) -> usize {
        let mut writer = Writer::begin(
            out,
            if matches!(answer, Answer::Source(_)) { BINDING_SUCCESS } else { BINDING_ERROR },
            &self.packet[8..HEADER_BYTES],
        );
        match answer {
            Answer::Source(source) => writer.source(source),
            Answer::RoleConflict => writer.attribute(ERROR_CODE, &[0, 0, 4, 87]),
            Answer::Unknown => {
                writer.attribute(ERROR_CODE, &[0, 0, 4, 20]);
                let unknown: Vec<u8> = self.unknown.iter().flat_map(|kind| kind.to_be_bytes()).collect();
                writer.attribute(UNKNOWN_ATTRIBUTES, &unknown);
            }
        }
        writer.prove(password)
    }
}

/// Writes a message attribute by attribute.
struct Writer<'a> {
    out: &'a mut [u8; ANSWER_BYTES_MAX],
    length: usize,
}

impl<'a> Writer<'a> {
    fn begin(out: &'a mut [u8; ANSWER_BYTES_MAX], kind: u16, transaction: &[u8]) -> Self {
        out[..2].copy_from_slice(&kind.to_be_bytes());
        out[4..8].copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
        out[8..HEADER_BYTES].copy_from_slice(transaction);
        Self { out, length: HEADER_BYTES }
    }

    fn attribute(&mut self, kind: u16, value: &[u8]) {
        let at = self.length;
        self.out[at..at + 2].copy_from_slice(&kind.to_be_bytes());
        self.out[at + 2..at + 4].copy_from_slice(&(value.len() as u16).to_be_bytes());
        let padded = value.len().next_multiple_of(4);
        self.out[at + 4..at + 4 + padded].fill(0);
        self.out[at + 4..at + 4 + value.len()].copy_from_slice(value);
        self.length = at + 4 + padded;
    }

    /// XOR-MAPPED-ADDRESS (RFC 8489 §14.2), masked with cookie and transaction id.
    fn source(&mut self, source: SocketAddr) {
        let mut value = [0; 20];
        let mask: [u8; 16] = *self.out[4..HEADER_BYTES].first_chunk().expect("cookie and id are 16 bytes");
        value[2..4].copy_from_slice(&(source.port() ^ (MAGIC_COOKIE >> 16) as u16).to_be_bytes());
        let length = match source.ip().to_canonical() {
            IpAddr::V4(address) => {
                value[1] = 1;
                value[4..8].copy_from_slice(&address.octets());
                8
            }
            IpAddr::V6(address) => {
                value[1] = 2;
                value[4..20].copy_from_slice(&address.octets());
                20
            }
        };
        value[4..length].iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
        self.attribute(XOR_MAPPED_ADDRESS, &value[..length]);
    }

    /// Ends the message with its proof and its checksum (RFC 8489 §14.5, §14.7).
    fn prove(mut self, password: &[u8]) -> usize {
        self.set_length(4 + INTEGRITY_BYTES);
        let tag = hmac::sign(&key(password), &self.out[..self.length]);
        self.attribute(MESSAGE_INTEGRITY, tag.as_ref());
        self.set_length(8);
        let crc = crc32(&self.out[..self.length]) ^ FINGERPRINT_MASK;
        self.attribute(FINGERPRINT, &crc.to_be_bytes());
        self.length
    }

    /// The length as it is with `more` bytes.
    fn set_length(&mut self, more: usize) {
        let length = (self.length + more - HEADER_BYTES) as u16;
        self.out[2..4].copy_from_slice(&length.to_be_bytes());
    }
}

fn key(password: &[u8]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, password)
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

/// The CRC of ITU V.42. Checks come every few seconds and are a hundred bytes: no table is worth it.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The request of RFC 5769 §2.1 and its answers of §2.2 and §2.3: the same attributes as in checks.
    const PASSWORD: &[u8] = b"VOkJxbRl1RmTxUk/WvJxBt";
    const REQUEST: &str = "00010058 2112a442 b7e7a701 bc34d686 fa87dfae 80220010 5354554e 20746573 7420636c 69656e74
        00240004 6e0001ff 80290008 932ff9b1 51263b36 00060009 6576746a 3a683676 59202020 00080014 9aeaa70c bfd8cb56
        781ef2b5 b2d3f249 c1b571a2 80280004 e57a3bcf";

    pub(crate) fn bytes(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.chunks(2).map(byte).collect()
    }

    /// A check as a browser writes it, with these attributes more.
    pub(crate) fn check(username: &str, password: &[u8], more: &[(u16, &[u8])]) -> Vec<u8> {
        let mut out = [0; ANSWER_BYTES_MAX];
        let mut writer = Writer::begin(&mut out, BINDING_REQUEST, b"transactions");
        writer.attribute(USERNAME, username.as_bytes());
        writer.attribute(PRIORITY, &[1, 2, 3, 4]);
        more.iter().for_each(|(kind, value)| writer.attribute(*kind, value));
        let length = writer.prove(password);
        out[..length].to_vec()
    }

    pub(crate) const NOMINATION: (u16, &[u8]) = (USE_CANDIDATE, &[]);
    pub(crate) const CONTROLLED: (u16, &[u8]) = (ICE_CONTROLLED, &[7; 8]);

    #[test]
    fn the_sample_of_rfc_5769_is_genuine_and_for_whom_it_says() {
        let sample = bytes(REQUEST);
        let request = Request::parse(&sample).unwrap();
        assert!(request.is_genuine(PASSWORD) && !request.is_genuine(b"another"));
        assert_eq!(request.recipient(), Some(&b"evtj"[..]));
        assert!(request.is_controlled && !request.uses_candidate && !request.has_unknown());
    }

    #[test]
    fn the_answers_tell_the_address_as_in_rfc_5769() {
        let sample = bytes(REQUEST);
        let request = Request::parse(&sample).unwrap();
        let mut out = [0; ANSWER_BYTES_MAX];
        // The samples have a name of the software before, which ours have not: their addresses are compared.
        for (source, mapped) in [
            ("192.0.2.1:32853", "00200008 0001a147 e112a643"),
            (
                "[2001:db8:1234:5678:11:2233:4455:6677]:32853",
                "00200014 0002a147 0113a9fa a5d3f179 bc25f4b5 bed2b9d9",
            ),
        ] {
            let length = request.answer(Answer::Source(source.parse().unwrap()), PASSWORD, &mut out);
            let mapped = bytes(mapped);
            assert_eq!(out[..2], [1, 1]);
            assert_eq!(usize::from(word(&out, 2).unwrap()), length - HEADER_BYTES);
            assert_eq!(out[HEADER_BYTES..HEADER_BYTES + mapped.len()], mapped);
        }
    }

    #[test]
    fn what_is_written_is_genuine_and_carries_what_it_should() {
        let packet = check("ours:theirs", b"secret", &[NOMINATION]);
        let request = Request::parse(&packet).unwrap();
        assert!(request.is_genuine(b"secret") && request.uses_candidate && !request.is_controlled);
        assert_eq!(request.recipient(), Some(&b"ours"[..]));
    }

    #[test]
    fn what_follows_the_proof_counts_for_nothing() {
        // The attributes of another message, put behind the proof by somebody on the way.
        let genuine = check("ours:theirs", b"secret", &[]);
        let mut forged = genuine[..genuine.len() - 8].to_vec();
        forged.extend([0, 0x25, 0, 0]);
        let length = (forged.len() - HEADER_BYTES) as u16;
        forged[2..4].copy_from_slice(&length.to_be_bytes());
        let request = Request::parse(&forged).unwrap();
        assert!(request.is_genuine(b"secret") && !request.uses_candidate);
    }

    #[test]
    fn attributes_that_must_be_understood_are_named_in_the_refusal() {
        let packet = check("ours:theirs", b"secret", &[(0x7001, b"abc"), (0x8001, b"abcd")]);
        let request = Request::parse(&packet).unwrap();
        assert!(request.has_unknown() && request.is_genuine(b"secret"));
        let mut out = [0; ANSWER_BYTES_MAX];
        request.answer(Answer::Unknown, b"secret", &mut out);
        assert_eq!(out[HEADER_BYTES..HEADER_BYTES + 16], bytes("00090004 00000414 000a0002 70010000"));
        assert_eq!(out[..2], [1, 0x11]);
    }

    #[test]
    fn what_is_no_whole_request_is_none() {
        let whole = check("ours:theirs", b"secret", &[]);
        for (at, byte) in [(0, 1), (1, 0x11), (3, 4), (4, 0), (whole.len() - 1, whole[whole.len() - 1] ^ 1)] {
            let mut bad = whole.clone();
            bad[at] = byte;
            assert!(Request::parse(&bad).is_none(), "{at}");
        }
        assert!(is_stun(&whole) && !is_stun(&[0x80, 0]) && !is_stun(&[22]) && !is_stun(&[]));
    }

    proptest! {
        #[test]
        fn one_changed_byte_is_never_genuine(at in 0_usize..80, change in 1_u8..) {
            let mut packet = check("ours:theirs", b"secret", &[NOMINATION]);
            let end = packet.len() - 8;
            packet.truncate(end);
            let length = (end - HEADER_BYTES) as u16;
            packet[2..4].copy_from_slice(&length.to_be_bytes());
            let at = at % end;
            packet[at] ^= change;
            let is_genuine = Request::parse(&packet).is_some_and(|request| request.is_genuine(b"secret"));
            prop_assert!(!is_genuine);
        }

        #[test]
        fn nothing_that_comes_panics(packet in prop::collection::vec(any::<u8>(), 0..200), fix: bool) {
            let mut packet = packet;
            if fix && packet.len() >= HEADER_BYTES {
                packet.truncate(packet.len() / 4 * 4);
                let length = (packet.len() - HEADER_BYTES) as u16;
                packet[..2].copy_from_slice(&[0, 1]);
                packet[2..4].copy_from_slice(&length.to_be_bytes());
                packet[4..8].copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
            }
            if let Some(request) = Request::parse(&packet) {
                request.is_genuine(b"secret");
                let mut out = [0; ANSWER_BYTES_MAX];
                prop_assert!(request.answer(Answer::Unknown, b"secret", &mut out) <= ANSWER_BYTES_MAX);
            }
        }
    }
}
