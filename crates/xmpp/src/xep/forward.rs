//! Stanza Forwarding (XEP-0297): a stanza within a stanza, with the time at which it was.

use bytes::BytesMut;

use crate::escape::push_attribute;

/// The namespace.
pub const NS: &str = "urn:xmpp:forward:0";

/// Appends `<forwarded/>` around a stanza, which must name its namespace.
pub fn write(out: &mut BytesMut, stamp: Option<&str>, stanza: &[u8]) {
    out.extend_from_slice(b"<forwarded xmlns='urn:xmpp:forward:0'>");
    if let Some(stamp) = stamp {
        out.extend_from_slice(b"<delay xmlns='urn:xmpp:delay' stamp='");
        push_attribute(out, stamp);
        out.extend_from_slice(b"'/>");
    }
    out.extend_from_slice(stanza);
    out.extend_from_slice(b"</forwarded>");
}
