//! The stream header: `<stream:stream>` as read and as written (RFC 6120 §4.7).

use bytes::BytesMut;

use crate::{ContentNamespace, escape};

/// The attributes of a stream header, the peer's or ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamHeader {
    /// Whom the sender wants to talk to.
    pub to: Option<String>,
    /// Who the sender is.
    pub from: Option<String>,
    /// The stream's identifier, given by the receiving side.
    pub id: Option<String>,
    /// Major and minor version; absent means 0.9 (RFC 6120 §4.7.5).
    pub version: Option<(u16, u16)>,
    /// `xml:lang`: the default language of what follows (RFC 6120 §4.7.4).
    pub lang: Option<String>,
    /// The content namespace.
    pub content: ContentNamespace,
    /// The peer declared the prefix of server dialback (XEP-0220 §2.1).
    pub dialback: bool,
}

impl StreamHeader {
    /// A header of version 1.0 with nothing else in it.
    pub fn new(content: ContentNamespace) -> Self {
        Self { to: None, from: None, id: None, version: Some((1, 0)), lang: None, content, dialback: false }
    }

    /// Appends the XML declaration and the open tag, with the prefix `stream` declared.
    pub fn write(&self, out: &mut BytesMut) {
        out.extend_from_slice(b"<?xml version='1.0'?><stream:stream xmlns='");
        out.extend_from_slice(self.content.as_str().as_bytes());
        out.extend_from_slice(b"' xmlns:stream='http://etherx.jabber.org/streams'");
        if self.dialback {
            out.extend_from_slice(b" xmlns:db='jabber:server:dialback'");
        }
        let version = self.version.map(|(major, minor)| format!("{major}.{minor}"));
        let attributes = [
            ("from", &self.from),
            ("to", &self.to),
            ("id", &self.id),
            ("version", &version),
            ("xml:lang", &self.lang),
        ];
        for (name, value) in attributes {
            if let Some(value) = value {
                out.extend_from_slice(b" ");
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(b"='");
                escape::push_attribute(out, value);
                out.extend_from_slice(b"'");
            }
        }
        out.extend_from_slice(b">");
    }
}
