//! A stanza as the bytes that came in, with the places in them that routing looks at.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use crate::escape::{line_ends, unescape_attribute, unescape_text};
use crate::lexer::{Lexer, Span, Token};
use crate::parts::{ChildPart, Flags, Parts};
use crate::scope::{Declaration, Scope, Uri, declaration};
use crate::{ContentNamespace, Element, Limits, ns, tree};

/// What a top-level element is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `<message/>` in the stream's content namespace.
    Message,
    /// `<presence/>`.
    Presence,
    /// `<iq/>`.
    Iq,
    /// Anything else: SASL, stream management, framing.
    Other,
}

impl Kind {
    /// The element's name; empty for `Other`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Presence => "presence",
            Self::Iq => "iq",
            Self::Other => "",
        }
    }
}

/// A top-level element of a stream. Cloning shares the bytes. In what it says of itself, the stream's
/// content namespace is [`ns::CLIENT`] whatever the stream is.
#[derive(Clone, Debug)]
pub struct Stanza {
    bytes: Bytes,
    scope: Arc<Scope>,
    parts: Parts,
}

/// A direct child of a stanza.
#[derive(Clone, Copy, Debug)]
pub struct Child<'a> {
    stanza: &'a Stanza,
    part: &'a ChildPart,
}

impl<'a> Child<'a> {
    /// The local name.
    pub fn name(&self) -> &'a str {
        self.part.name.text(&self.stanza.bytes)
    }

    /// The namespace; [`ns::CLIENT`] for content.
    pub fn ns(&self) -> Cow<'a, str> {
        self.stanza.uri_text(self.part.uri)
    }

    /// True for this name in this namespace.
    pub fn is(&self, name: &str, ns: &str) -> bool {
        self.part.name.of(&self.stanza.bytes) == name.as_bytes() && self.ns() == ns
    }

    /// The child's bytes as they came in, from its start tag to its end tag. They may use declarations that
    /// stand before them.
    pub fn bytes(&self) -> &'a [u8] {
        self.part.span.of(&self.stanza.bytes)
    }

    /// The child as a tree.
    pub fn element(&self) -> Element {
        tree::read(self.bytes(), self.stanza.declarations(), self.stanza.parts.in_content)
            .expect("the framer has checked these bytes by the same rules")
    }
}

impl Stanza {
    pub(crate) fn new(bytes: Bytes, scope: Arc<Scope>, parts: Parts) -> Self {
        Self { bytes, scope, parts }
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        self.parts.kind
    }

    /// The element's local name.
    pub fn name(&self) -> &str {
        self.parts.name.text(&self.bytes)
    }

    /// The element's namespace; [`ns::CLIENT`] for stanzas of any stream.
    pub fn ns(&self) -> Cow<'_, str> {
        self.uri_text(self.parts.uri)
    }

    /// True for this name in this namespace.
    pub fn is(&self, name: &str, ns: &str) -> bool {
        self.parts.name.of(&self.bytes) == name.as_bytes() && self.ns() == ns
    }

    /// The content namespace of the stream it came from.
    pub fn content(&self) -> ContentNamespace {
        self.scope.content
    }

    /// The bytes that came in.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// `to`, unescaped.
    pub fn to(&self) -> Option<Cow<'_, str>> {
        self.value(self.parts.to)
    }

    /// `from`, unescaped.
    pub fn from(&self) -> Option<Cow<'_, str>> {
        self.value(self.parts.from)
    }

    /// `id`, unescaped.
    pub fn id(&self) -> Option<Cow<'_, str>> {
        self.value(self.parts.id)
    }

    /// `type`, unescaped.
    pub fn type_(&self) -> Option<Cow<'_, str>> {
        self.value(self.parts.type_)
    }

    /// The language in force: the stanza's own, else the stream's (RFC 6120 §8.1.5).
    pub fn lang(&self) -> Option<Cow<'_, str>> {
        self.value(self.parts.lang).or_else(|| self.scope.lang.as_deref().map(Cow::Borrowed))
    }

    /// An attribute without prefix of the stanza's own tag, such as `h` of `<a h='5'/>`.
    pub fn attr(&self, name: &str) -> Option<Cow<'_, str>> {
        let tag = self.tag();
        let found = tag.attributes.iter().find(|a| a.name.whole.of(&self.bytes) == name.as_bytes());
        found.and_then(|a| self.value(a.value))
    }

    /// The direct children that were not cut.
    pub fn children(&self) -> impl DoubleEndedIterator<Item = Child<'_>> {
        self.parts.children.iter().filter(|c| !c.cut).map(|part| Child { stanza: self, part })
    }

    /// The first child of this name, as a tree.
    pub fn child(&self, name: &str, ns: &str) -> Option<Element> {
        self.children().find(|c| c.is(name, ns)).map(|c| c.element())
    }

    /// True if there is such a child.
    pub fn has_child(&self, name: &str, ns: &str) -> bool {
        self.children().any(|c| c.is(name, ns))
    }

    /// The first child.
    pub fn first_child(&self) -> Option<Child<'_>> {
        self.children().next()
    }

    /// The text directly inside, as in `<auth>…</auth>`.
    pub fn text(&self) -> String {
        let payload = self.parts.payload.of(&self.bytes);
        let mut text = String::new();
        let mut at = 0;
        let base = self.parts.payload.start as usize;
        for child in &self.parts.children {
            push_texts(&mut text, &payload[at..child.span.start as usize - base]);
            at = child.span.end as usize - base;
        }
        push_texts(&mut text, &payload[at..]);
        text
    }

    /// The whole stanza as a tree, without the children that were cut.
    pub fn element(&self) -> Element {
        let mut declarations = Vec::new();
        self.declare_scope(&mut declarations);
        let mut element = tree::read(&self.bytes, declarations, self.parts.in_content)
            .expect("the framer has checked these bytes by the same rules");
        let mut parts = self.parts.children.iter();
        element.retain_children(|_| parts.next().is_none_or(|c| !c.cut));
        element
    }

    /// Cuts the direct children for which `forged` answers true: they are neither seen nor forwarded.
    /// Says how many.
    pub fn cut_children(&mut self, mut forged: impl FnMut(&Child<'_>) -> bool) -> usize {
        let mut cut = 0;
        for at in 0..self.parts.children.len() {
            let part = &self.parts.children[at];
            if !part.cut && forged(&Child { stanza: self, part }) {
                self.parts.children[at].cut = true;
                cut += 1;
            }
        }
        cut
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.parts
    }

    pub(crate) fn stream_lang(&self) -> Option<&str> {
        self.scope.lang.as_deref()
    }

    fn value(&self, span: Span) -> Option<Cow<'_, str>> {
        (!span.is_none()).then(|| unescape_attribute(span.text(&self.bytes)))
    }

    /// Content is named alike for all streams, where it is content.
    fn uri_text(&self, uri: Uri) -> Cow<'_, str> {
        match uri {
            Uri::Content(_) if self.parts.in_content => Cow::Borrowed(ns::CLIENT),
            uri => uri.text(&self.bytes, &self.scope),
        }
    }

    /// The stanza's own tag, read again.
    fn tag(&self) -> Lexer {
        let mut lexer = Lexer::default();
        let limits = Limits { attributes_max: u16::MAX, name_bytes_max: u16::MAX, ..Limits::signed_in() };
        let tag = lexer.next(&self.bytes, u32::MAX, &limits);
        debug_assert!(matches!(tag, Ok(Some(Token::Start { .. }))));
        lexer
    }

    fn declare_scope<'a>(&'a self, declarations: &mut tree::Declarations<'a>) {
        for (prefix, uri) in self.scope.prefixes.iter().filter(|(p, _)| !p.is_empty()) {
            declarations.push((Cow::Borrowed(prefix), Cow::Borrowed(uri)));
        }
        declarations.push((Cow::Borrowed(""), self.scope.default.text(&self.bytes, &self.scope)));
    }

    /// What is in force for the children.
    fn declarations(&self) -> tree::Declarations<'_> {
        let mut declarations = Vec::new();
        if !self.parts.flags.has(Flags::OUTER) {
            declarations.push((Cow::Borrowed(""), Cow::Borrowed(self.scope.content.as_str())));
            return declarations;
        }
        self.declare_scope(&mut declarations);
        for attribute in self.tag().attributes {
            let uri = unescape_attribute(attribute.value.text(&self.bytes));
            match declaration(&attribute, &self.bytes) {
                Ok(Some(Declaration::Default)) => declarations.push((Cow::Borrowed(""), uri)),
                Ok(Some(Declaration::Prefix(prefix))) => {
                    declarations.push((Cow::Borrowed(prefix.text(&self.bytes)), uri));
                }
                _ => {}
            }
        }
        declarations
    }
}

/// Appends the meaning of content that has text and CDATA sections only.
fn push_texts(out: &mut String, raw: &[u8]) {
    let mut rest = std::str::from_utf8(raw).unwrap_or_default();
    while let Some((before, after)) = rest.split_once("<![CDATA[") {
        out.push_str(&unescape_text(before));
        let (section, after) = after.split_once("]]>").unwrap_or((after, ""));
        out.push_str(&line_ends(section));
        rest = after;
    }
    out.push_str(&unescape_text(rest));
}
