//! What the reader found in a stanza: kinds and places, no text.

use crate::Kind;
use crate::lexer::Span;
use crate::scope::Uri;

/// The places of a stanza that routing looks at.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) kind: Kind,
    /// The local name.
    pub(crate) name: Span,
    pub(crate) uri: Uri,
    /// The stanza's tag is in the stream's content namespace.
    pub(crate) in_content: bool,
    pub(crate) to: Span,
    pub(crate) from: Span,
    pub(crate) id: Span,
    pub(crate) type_: Span,
    pub(crate) lang: Span,
    /// All between the stanza's tags.
    pub(crate) payload: Span,
    pub(crate) children: Vec<ChildPart>,
    /// Prefixes declared on the stanza's tag.
    pub(crate) outer_bindings: usize,
    pub(crate) flags: Flags,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            kind: Kind::Other,
            name: Span::default(),
            uri: Uri::Empty,
            in_content: false,
            to: Span::default(),
            from: Span::default(),
            id: Span::default(),
            type_: Span::default(),
            lang: Span::default(),
            payload: Span::default(),
            children: Vec::new(),
            outer_bindings: 0,
            flags: Flags::default(),
        }
    }
}

/// A direct child.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChildPart {
    /// From its start tag to the end of its end tag.
    pub(crate) span: Span,
    pub(crate) name: Span,
    pub(crate) uri: Uri,
    /// Not to be seen or forwarded.
    pub(crate) cut: bool,
}

/// What forbids to forward a payload as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags(u8);

impl Flags {
    /// Names use a declaration that stands outside of the payload, other than the stream's content as
    /// the default; or an element names another stream's content. Forbids it always.
    pub(crate) const OUTER: u8 = 1;
    /// The content namespace is named inside. Forbids it into another content namespace.
    pub(crate) const CONTENT_EXPLICIT: u8 = 2;
    /// An element inside a foreign one inherits the stream's content. Forbids it likewise: it must
    /// keep the namespace that it had.
    pub(crate) const INHERITED_IN_FOREIGN: u8 = 4;

    pub(crate) fn set(&mut self, flag: u8) {
        self.0 |= flag;
    }

    pub(crate) fn has(self, flags: u8) -> bool {
        self.0 & flags != 0
    }
}
