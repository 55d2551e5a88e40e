//! STUN as the keep-alive of a flow over datagrams (RFC 5626 §4.4.2, §8): a Binding request is answered with the
//! address that it came from. Nothing else of RFC 8489 is served, and nothing is remembered.

use std::net::{IpAddr, SocketAddr};

use bytes::{BufMut, Bytes, BytesMut};

/// Type, length, cookie and transaction id (RFC 8489 §5).
const HEADER_BYTES: usize = 20;
const MAGIC_COOKIE: u32 = 0x2112_a442;
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const BINDING_ERROR: u16 = 0x0111;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const ERROR_CODE: u16 = 0x0009;
const UNKNOWN_ATTRIBUTES: u16 = 0x000a;
/// Attributes below are to be understood by whoever gets them (RFC 8489 §14).
const OPTIONAL_FROM: u16 = 0x8000;
/// Attributes that an answer says we do not know; more are left out.
const UNKNOWN_MAX: usize = 8;

/// Is this datagram STUN? No SIP message begins with a byte below 2 (RFC 5626 §8).
pub fn is_stun(datagram: &[u8]) -> bool {
    matches!(datagram.first(), Some(0 | 1))
}

/// The answer to a Binding request from `source`; `None` for everything else, which is dropped.
pub fn answer(datagram: &[u8], source: SocketAddr) -> Option<Bytes> {
    let (header, attributes) = datagram.split_at_checked(HEADER_BYTES)?;
    let word = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let is_whole = usize::from(word(2)) == attributes.len() && attributes.len().is_multiple_of(4);
    if word(0) != BINDING_REQUEST || header[4..8] != MAGIC_COOKIE.to_be_bytes() || !is_whole {
        return None;
    }
    let unknown = unknown(attributes)?;
    let mut body = BytesMut::with_capacity(32);
    let kind = if unknown.is_empty() {
        push_address(&mut body, &header[4..], source);
        BINDING_SUCCESS
    } else {
        push_refusal(&mut body, &unknown);
        BINDING_ERROR
    };
    let mut out = BytesMut::with_capacity(HEADER_BYTES + body.len());
    out.put_u16(kind);
    out.put_u16(u16::try_from(body.len()).ok()?);
    out.put_slice(&header[4..]);
    out.put_slice(&body);
    Some(out.freeze())
}

/// The attributes that must be understood and are not; `None` when the attributes are malformed.
fn unknown(mut rest: &[u8]) -> Option<Vec<u16>> {
    let mut unknown = Vec::new();
    while !rest.is_empty() {
        let (head, after) = rest.split_at_checked(4)?;
        let kind = u16::from_be_bytes([head[0], head[1]]);
        let length = usize::from(u16::from_be_bytes([head[2], head[3]])).next_multiple_of(4);
        rest = after.get(length..)?;
        if kind < OPTIONAL_FROM && unknown.len() < UNKNOWN_MAX {
            unknown.push(kind);
        }
    }
    Some(unknown)
}

/// XOR-MAPPED-ADDRESS (RFC 8489 §14.2); `key` is cookie and transaction id.
fn push_address(out: &mut BytesMut, key: &[u8], source: SocketAddr) {
    let (family, address) = match source.ip().to_canonical() {
        IpAddr::V4(address) => (1, address.octets().to_vec()),
        IpAddr::V6(address) => (2, address.octets().to_vec()),
    };
    out.put_u16(XOR_MAPPED_ADDRESS);
    out.put_u16(4 + address.len() as u16);
    out.put_u16(family);
    out.put_u16(source.port() ^ (MAGIC_COOKIE >> 16) as u16);
    out.extend(address.iter().zip(key).map(|(byte, mask)| byte ^ mask));
}

/// 420 with the attributes that were not understood (RFC 8489 §6.3.1).
fn push_refusal(out: &mut BytesMut, unknown: &[u16]) {
    out.put_u16(ERROR_CODE);
    out.put_u16(4);
    out.put_slice(&[0, 0, 4, 20]);
    out.put_u16(UNKNOWN_ATTRIBUTES);
    out.put_u16(2 * unknown.len() as u16);
    unknown.iter().for_each(|kind| out.put_u16(*kind));
    if !unknown.len().is_multiple_of(2) {
        out.put_u16(0);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The transaction id of the samples in RFC 5769 §2.
    const TRANSACTION: &str = "b7e7a701bc34d686fa87dfae";

    fn bytes(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b' ').collect();
        digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    fn request(attributes: &str) -> Vec<u8> {
        let length = bytes(attributes).len();
        bytes(&format!("0001 {length:04x} 2112a442 {TRANSACTION} {attributes}"))
    }

    fn check(attributes: &str, source: &str, expected: &str) {
        let answer = answer(&request(attributes), source.parse().unwrap()).unwrap();
        assert_eq!(answer, bytes(&expected.replace("ID", TRANSACTION)), "{attributes} from {source}");
    }

    #[test]
    fn the_address_is_told_as_in_the_samples_of_rfc_5769() {
        check("", "192.0.2.1:32853", "0101 000c 2112a442 ID 0020 0008 0001 a147 e112a643");
        check(
            "",
            "[2001:db8:1234:5678:11:2233:4455:6677]:32853",
            "0101 0018 2112a442 ID 0020 0014 0002 a147 0113a9faa5d3f179bc25f4b5bed2b9d9",
        );
    }

    #[test]
    fn what_must_be_understood_and_is_not_is_refused_and_the_rest_passed_over() {
        check("8022 0003 61626300", "192.0.2.1:32853", "0101 000c 2112a442 ID 0020 0008 0001 a147 e112a643");
        check(
            "0006 0001 61000000 8022 0000",
            "192.0.2.1:1",
            "0111 0010 2112a442 ID 0009 0004 00000414 000a 0002 0006 0000",
        );
    }

    #[test]
    fn what_is_no_whole_binding_request_is_dropped() {
        let source = "192.0.2.1:1".parse().unwrap();
        let whole = request("");
        let changed = |at: usize, byte: u8| {
            let mut other = whole.clone();
            other[at] = byte;
            other
        };
        let cut = request("8022 0008 61626300");
        for bad in [&whole[..19], &changed(0, 1), &changed(1, 0x11), &changed(3, 4), &changed(4, 0), &cut] {
            assert_eq!(answer(bad, source), None, "{bad:02x?}");
        }
        assert!(is_stun(&whole) && !is_stun(b"INVITE sip:a@b SIP/2.0\r\n") && !is_stun(b""));
    }

    proptest! {
        #[test]
        fn an_answer_is_never_much_longer_than_what_was_asked(mut datagram in prop::collection::vec(any::<u8>(), 0..80)) {
            if datagram.len() >= HEADER_BYTES {
                let length = (datagram.len() - HEADER_BYTES) as u8;
                datagram[..8].copy_from_slice(&[0, 1, 0, length, 0x21, 0x12, 0xa4, 0x42]);
            }
            if let Some(answer) = answer(&datagram, "[2001:db8::1]:5060".parse().unwrap()) {
                prop_assert!(answer.len() <= datagram.len() + 24);
            }
        }
    }
}
