//! SOCKS5 Bytestreams (XEP-0065): where a proxy is, and the wish to join two that have come there.

use sha1::{Digest, Sha1};

use super::PayloadError;
use crate::Element;

/// The namespace.
pub const NS: &str = "http://jabber.org/protocol/bytestreams";
/// A stream's id, in bytes (§2: less than 128 characters).
pub const STREAM_ID_BYTES_MAX: usize = 512;

/// Where a proxy is (§4.3).
pub fn address(proxy: &str, host: &str, port: u16) -> Element {
    let host = Element::new("streamhost", NS)
        .with_attr("jid", proxy)
        .with_attr("host", host)
        .with_attr("port", port.to_string());
    Element::new("query", NS).with_child(host)
}

/// The wish to join two parties (§6.3.5): the stream's id, and the target.
///
/// # Errors
/// One of them is missing, or the id is too long.
pub fn activation(query: &Element) -> Result<(String, String), PayloadError> {
    let sid = query.attr("sid").filter(|sid| !sid.is_empty() && sid.len() <= STREAM_ID_BYTES_MAX);
    let target = query.child("activate", NS).map(|activate| activate.text().trim().to_owned());
    let target = target.filter(|target| !target.is_empty());
    Ok((
        sid.ok_or(PayloadError("a bytestream without an id"))?.to_owned(),
        target.ok_or(PayloadError("a bytestream without a target"))?,
    ))
}

/// The name under which both parties come to the proxy (§5.3.2): only they and we can say it.
pub fn destination(sid: &str, initiator: &str, target: &str) -> String {
    let mut hash = Sha1::new();
    for part in [sid, initiator, target] {
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_parties_come_by_the_same_name() {
        // SHA-1 of "abc", the first test vector of FIPS 180.
        assert_eq!(destination("a", "b", "c"), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_ne!(destination("mySID", "a@x/1", "b@x/2"), destination("mySID", "b@x/2", "a@x/1"));
    }

    #[test]
    fn a_wish_names_its_stream_and_its_target() {
        let parse = |xml: &str| activation(&Element::parse(xml.as_bytes(), "").unwrap());
        let good = format!("<query xmlns='{NS}' sid='s'><activate> b@x/2\n</activate></query>");
        assert_eq!(parse(&good), Ok(("s".to_owned(), "b@x/2".to_owned())));
        let long = "s".repeat(STREAM_ID_BYTES_MAX + 1);
        for bad in [
            format!("<query xmlns='{NS}'><activate>b@x/2</activate></query>"),
            format!("<query xmlns='{NS}' sid='s'/>"),
            format!("<query xmlns='{NS}' sid='s'><activate/></query>"),
            format!("<query xmlns='{NS}' sid='{long}'><activate>b@x/2</activate></query>"),
        ] {
            assert!(parse(&bad).is_err(), "{bad}");
        }
    }
}
