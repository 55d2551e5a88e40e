//! Namespace names by reference: where in the stanza or its stream a namespace was declared.

use std::borrow::Cow;

use crate::escape::unescape_attribute;
use crate::fault::{Fault, malformed};
use crate::lexer::{RawAttribute, Span};
use crate::{ContentNamespace, ns};

/// What a stream header puts in force for all stanzas of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) content: ContentNamespace,
    pub(crate) default: Uri,
    /// Prefixes and their namespaces.
    pub(crate) prefixes: Vec<(Box<str>, Box<str>)>,
    /// The default language (RFC 6120 §4.7.4).
    pub(crate) lang: Option<Box<str>>,
    /// The header's name with its prefix, as the end tag must repeat it.
    pub(crate) root: Box<[u8]>,
}

impl Scope {
    /// No header at all: an element that stands alone.
    pub(crate) fn standalone(content: ContentNamespace, default_ns: &str) -> Self {
        let mut scope =
            Self { content, default: Uri::Empty, prefixes: Vec::new(), lang: None, root: Box::default() };
        scope.default = scope.intern(default_ns);
        scope
    }

    /// A namespace declared by the header; a default one is kept under the empty prefix.
    pub(crate) fn intern(&mut self, uri: &str) -> Uri {
        Uri::known(uri).unwrap_or_else(|| {
            self.prefixes.push((Box::default(), uri.into()));
            Uri::Scope(self.prefixes.len() - 1)
        })
    }

    /// The namespace of a prefix.
    pub(crate) fn prefix(&self, prefix: &[u8]) -> Option<Uri> {
        let at = self.prefixes.iter().position(|(p, _)| !p.is_empty() && p.as_bytes() == prefix)?;
        Some(Uri::known(&self.prefixes[at].1).unwrap_or(Uri::Scope(at)))
    }
}

/// A namespace name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Uri {
    /// No namespace.
    Empty,
    /// That of the prefix `xml`.
    Xml,
    /// A content namespace.
    Content(ContentNamespace),
    /// An attribute value in the stanza.
    Value(Span),
    /// Declared by the stream header.
    Scope(usize),
}

impl Uri {
    fn known(uri: &str) -> Option<Self> {
        Self::known_bytes(uri.as_bytes())
    }

    fn known_bytes(uri: &[u8]) -> Option<Self> {
        const CLIENT: &[u8] = ns::CLIENT.as_bytes();
        const SERVER: &[u8] = ns::SERVER.as_bytes();
        const COMPONENT: &[u8] = ns::COMPONENT.as_bytes();
        const XML: &[u8] = ns::XML.as_bytes();
        Some(match uri {
            b"" => Self::Empty,
            CLIENT => Self::Content(ContentNamespace::Client),
            SERVER => Self::Content(ContentNamespace::Server),
            COMPONENT => Self::Content(ContentNamespace::Component),
            XML => Self::Xml,
            _ => return None,
        })
    }

    /// The value of a declaration.
    pub(crate) fn declared(attribute: &RawAttribute, data: &[u8]) -> Self {
        let value = attribute.value;
        if attribute.plain {
            return Self::known_bytes(value.of(data)).unwrap_or(Self::Value(value));
        }
        Self::known(&unescape_attribute(value.text(data))).unwrap_or(Self::Value(value))
    }

    pub(crate) fn text<'a>(self, data: &'a [u8], scope: &'a Scope) -> Cow<'a, str> {
        match self {
            Self::Empty => Cow::Borrowed(""),
            Self::Xml => Cow::Borrowed(ns::XML),
            Self::Content(content) => Cow::Borrowed(content.as_str()),
            Self::Value(span) => unescape_attribute(span.text(data)),
            Self::Scope(at) => Cow::Borrowed(scope.prefixes.get(at).map_or("", |(_, uri)| uri)),
        }
    }
}

/// What an attribute declares, if it is a namespace declaration: `None` for the default namespace.
pub(crate) enum Declaration {
    Default,
    Prefix(Span),
}

/// Reads a namespace declaration (Namespaces in XML 1.0 §3); `None` for any other attribute.
pub(crate) fn declaration(attribute: &RawAttribute, data: &[u8]) -> Result<Option<Declaration>, Fault> {
    let name = attribute.name;
    let declared = match name.prefix() {
        None if name.whole.of(data) == b"xmlns" => Declaration::Default,
        Some(prefix) if prefix.of(data) == b"xmlns" => Declaration::Prefix(name.local()),
        _ => return Ok(None),
    };
    let prefix = match &declared {
        Declaration::Default => &b""[..],
        Declaration::Prefix(prefix) => prefix.of(data),
    };
    let meaning;
    let uri = match attribute.plain {
        true => attribute.value.of(data),
        false => {
            meaning = unescape_attribute(attribute.value.text(data));
            meaning.as_bytes()
        }
    };
    let fixed = uri == ns::XML.as_bytes() || uri == ns::XMLNS.as_bytes();
    match (prefix, uri) {
        (b"xml", _) if uri == ns::XML.as_bytes() => Ok(Some(declared)),
        (b"xml" | b"xmlns", _) => Err(malformed("the prefixes xml and xmlns are fixed")),
        _ if fixed => Err(malformed("the prefixes xml and xmlns are fixed")),
        ([_, ..], b"") => Err(malformed("a prefix needs a namespace")),
        _ => Ok(Some(declared)),
    }
}
