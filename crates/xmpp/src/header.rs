//! The stream header: `<stream:stream>` as read and as written (RFC 6120 §4.7).

use bytes::BytesMut;

use crate::escape::unescape_attribute;
use crate::fault::{Fault, fault};
use crate::lexer::{QName, RawAttribute};
use crate::root::{Root, undeclared};
use crate::scope::Scope;
use crate::{ContentNamespace, StreamCondition, escape, ns};

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

/// The namespace of server dialback (XEP-0220).
const DIALBACK: &str = "jabber:server:dialback";

/// Reads the header's tag, whose attribute names are unique.
pub(crate) fn read_header(
    data: &[u8],
    name: QName,
    attributes: &[RawAttribute],
    content: ContentNamespace,
) -> Result<(StreamHeader, Scope), Fault> {
    let root = Root::read(data, name, attributes, content)?;
    check_name(data, name, &root)?;
    check_content(&root.default_ns, content)?;
    let Root { mut scope, default_ns } = root;
    scope.default = scope.intern(&default_ns);

    let mut header = StreamHeader { version: None, ..StreamHeader::new(content) };
    header.dialback = scope.prefixes.iter().any(|(_, uri)| &**uri == DIALBACK);
    for attribute in attributes {
        let value = || Some(unescape_attribute(attribute.value.text(data)).into_owned());
        match attribute.name.whole.of(data) {
            b"to" => header.to = value(),
            b"from" => header.from = value(),
            b"id" => header.id = value(),
            b"version" => header.version = Some(version(attribute.value.text(data))?),
            b"xml:lang" => header.lang = value(),
            _ => {}
        }
    }
    scope.lang = header.lang.as_deref().map(Into::into);
    Ok((header, scope))
}

/// The root is `stream` in the stream namespace (RFC 6120 §4.8.1).
fn check_name(data: &[u8], name: QName, root: &Root) -> Result<(), Fault> {
    let uri = root.uri(data, name).ok_or_else(undeclared)?;
    if uri != ns::STREAMS {
        return Err(fault(StreamCondition::InvalidNamespace, "not the stream namespace"));
    }
    if name.local().of(data) != b"stream" {
        return Err(fault(StreamCondition::BadFormat, "a stream begins with <stream>"));
    }
    Ok(())
}

/// The default namespace is the content namespace, unless stanzas name it by a prefix (RFC 6120 §4.8.3).
fn check_content(default_ns: &str, content: ContentNamespace) -> Result<(), Fault> {
    if default_ns == content.as_str() || default_ns == ns::STREAMS || default_ns.is_empty() {
        return Ok(());
    }
    Err(fault(StreamCondition::InvalidNamespace, "not the content namespace served here"))
}

/// `major.minor`, each a number that may have leading zeros (RFC 6120 §4.7.5).
pub(crate) fn version(text: &str) -> Result<(u16, u16), Fault> {
    let number =
        |digits: &str| digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten();
    text.split_once('.')
        .and_then(|(major, minor)| Some((number(major)?, number(minor)?)))
        .ok_or_else(|| fault(StreamCondition::UnsupportedVersion, "not a version"))
}
