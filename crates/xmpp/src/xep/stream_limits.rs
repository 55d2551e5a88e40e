//! Stream Limits Advertisement (XEP-0478): what a peer may send on a stream before it is cut off.

use bytes::BytesMut;

/// The namespace.
pub const NS: &str = "urn:xmpp:stream-limits:0";

/// The limits of one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamLimits {
    /// The largest stanza, in bytes.
    pub stanza_bytes_max: u32,
    /// Silence after which the stream is asked for a sign of life or ended, in seconds.
    pub idle_seconds_max: u64,
}

impl StreamLimits {
    /// Appends `<limits/>` (§4.1).
    pub fn write(&self, out: &mut BytesMut) {
        let (bytes, seconds) = (self.stanza_bytes_max.to_string(), self.idle_seconds_max.to_string());
        for part in [
            "<limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>",
            &bytes,
            "</max-bytes><idle-seconds>",
            &seconds,
            "</idle-seconds></limits>",
        ] {
            out.extend_from_slice(part.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// XEP-0478 §4.1.
    #[test]
    fn the_example_is_what_we_write() {
        let mut out = BytesMut::new();
        StreamLimits { stanza_bytes_max: 10_000, idle_seconds_max: 1_800 }.write(&mut out);
        assert_eq!(
            out,
            "<limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>10000</max-bytes>\
             <idle-seconds>1800</idle-seconds></limits>"
        );
    }
}
