//! Keys of media in a description (RFC 4568): the `a=crypto` lines of a media section.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use crate::scan;
use crate::sdp::Media;

/// Bytes of key and salt of one line: more than any suite has.
pub const KEY_BYTES_MAX: usize = 64;

/// One `a=crypto` line: a way to protect, and the key of whoever wrote it.
#[derive(Clone, PartialEq, Eq)]
pub struct Crypto {
    /// Which line of an offer an answer means (RFC 4568 §9.1: up to nine digits).
    pub tag: u32,
    /// The suite, such as `AES_CM_128_HMAC_SHA1_80`.
    pub suite: String,
    /// Master key and salt, one behind the other.
    pub key: Vec<u8>,
}

/// Keys are not for logs.
impl fmt::Debug for Crypto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crypto").field("tag", &self.tag).field("suite", &self.suite).finish_non_exhaustive()
    }
}

impl Crypto {
    /// Reads `1 AES_CM_128_HMAC_SHA1_80 inline:<key>|2^20`. `None`: it is none, or asks for what we do not do: several
    /// keys or an MKI, packets in the clear, another key rate (RFC 4568 §6.3). RFC 4568 §5.1.2: such a line is passed over.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok()?;
        let mut words = text.split(' ').filter(|word| !word.is_empty());
        let tag = words.next().filter(|tag| tag.len() <= 9).and_then(|tag| scan::number(tag.as_bytes()))?;
        let suite = words.next()?.to_owned();
        let mut parts = words.next()?.strip_prefix("inline:")?.split('|');
        let encoded = parts.next()?;
        // What follows is a lifetime, such as `2^20`, or an MKI with its length, `1:4`.
        if encoded.contains(';') || parts.any(|part| part.contains([':', ';'])) {
            return None;
        }
        // The window is the receiver's own business (RFC 4568 §6.3.7).
        if words.any(|parameter| !parameter.starts_with("WSH=")) {
            return None;
        }
        let decoded = STANDARD_NO_PAD.decode(encoded.trim_end_matches('=')).ok()?;
        (decoded.len() <= KEY_BYTES_MAX).then_some(Self { tag, suite, key: decoded })
    }

    /// The key as it stands behind `inline:`.
    pub fn inline(&self) -> String {
        STANDARD.encode(&self.key)
    }

    fn value(&self) -> String {
        format!("crypto:{} {} inline:{}", self.tag, self.suite, self.inline())
    }
}

impl Media {
    /// The usable `a=crypto` lines, in the order of preference (RFC 4568 §5.1.1).
    pub fn crypto(&self) -> impl Iterator<Item = Crypto> {
        self.attributes("crypto").filter_map(Crypto::parse)
    }

    /// States keys instead of those that are there.
    pub fn set_crypto(&mut self, lines: &[Crypto]) {
        self.remove_attribute("crypto");
        for line in lines {
            self.push_attribute(&line.value());
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::sdp::Sdp;

    /// The example of RFC 4568 §6.1 (key and salt of 30 bytes).
    const KEY: &str = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";

    #[test]
    fn a_line_is_read_as_rfc_4568_writes_it() {
        let line = Crypto::parse(format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20").as_bytes()).unwrap();
        assert_eq!((line.tag, line.suite.as_str(), line.key.len()), (1, "AES_CM_128_HMAC_SHA1_80", 30));
        assert_eq!(line.key[..4], *b"wDfv");
    }

    #[test]
    fn what_cannot_be_obeyed_is_passed_over() {
        for more in
            ["|2^20|1:4", "|1:32", ";inline:abcd", " UNENCRYPTED_SRTP", " KDR=1", " FEC_ORDER=FEC_SRTP"]
        {
            let text = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}{more}");
            assert_eq!(Crypto::parse(text.as_bytes()), None, "{more}");
        }
        let window = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} WSH=128");
        assert!(Crypto::parse(window.as_bytes()).is_some());
        for bad in
            ["", "1", "x AES inline:AAAA", "1 AES keys:AAAA", "1 AES inline:%", "1234567890 AES inline:AAAA"]
        {
            assert_eq!(Crypto::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn lines_are_written_in_place_of_those_before() {
        let text = format!("v=0\r\nm=audio 9 RTP/SAVP 8\r\na=crypto:7 OLD inline:{KEY}\r\na=sendonly\r\n");
        let mut sdp = Sdp::parse(&Bytes::from(text)).unwrap();
        let line = Crypto { tag: 2, suite: "NEW".to_owned(), key: vec![0; 30] };
        sdp.media_mut()[0].set_crypto(std::slice::from_ref(&line));
        sdp.media_mut()[0].set_protocol("RTP/AVP");
        let written = String::from_utf8(sdp.write().to_vec()).unwrap();
        assert_eq!(
            written,
            "v=0\r\nm=audio 9 RTP/AVP 8\r\na=sendonly\r\na=crypto:2 NEW inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n"
        );
        assert_eq!(sdp.media()[0].crypto().collect::<Vec<_>>(), [line]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(tag in 1_u32..1_000_000_000, key in prop::collection::vec(any::<u8>(), 0..64)) {
            let line = Crypto { tag, suite: "AEAD_AES_256_GCM".to_owned(), key };
            let value = line.value();
            prop_assert_eq!(Crypto::parse(value.strip_prefix("crypto:").unwrap().as_bytes()), Some(line));
        }

        #[test]
        fn nothing_makes_it_fall(value in prop::collection::vec(any::<u8>(), 0..200)) {
            Crypto::parse(&value);
        }
    }
}
