//! A stanza as the bytes that came in, with the places in them that routing looks at.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};

use crate::{ContentNamespace, Context, Element};

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
        match self { Self::Message => "message", Self::Presence => "presence", Self::Iq => "iq", Self::Other => "" }
    }
}

/// A top-level element of a stream. Cloning shares the bytes.
#[derive(Clone, Debug)]
pub struct Stanza { bytes: Bytes }

/// A direct child of a stanza.
#[derive(Clone, Copy, Debug)]
pub struct Child<'a> { stanza: &'a Stanza }

impl<'a> Child<'a> {
    /// The local name.
    pub fn name(&self) -> &'a str { todo!() }
    /// The namespace; `jabber:client` for content.
    pub fn ns(&self) -> Cow<'a, str> { todo!() }
    /// True for this name in this namespace.
    pub fn is(&self, _name: &str, _ns: &str) -> bool { todo!() }
    /// The child as a tree.
    pub fn element(&self) -> Option<Element> { let _ = self.stanza; todo!() }
}

/// What is written on a stanza's tag instead of what came in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Value<'a> {
    /// As it came in.
    #[default]
    Keep,
    /// This, unescaped.
    Set(&'a str),
    /// Nothing.
    Remove,
}

/// What to change while a stanza is written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stamp<'a> {
    /// The `from`.
    pub from: Value<'a>,
    /// The `to`.
    pub to: Value<'a>,
    /// The `id`.
    pub id: Value<'a>,
    /// The `type`.
    pub type_: Value<'a>,
    /// Children to add at the end, each naming its namespace: well-formed XML.
    pub add: &'a [u8],
}

impl<'a> Stamp<'a> {
    /// Sets `from`.
    #[must_use]
    pub fn from(self, from: &'a str) -> Self { Self { from: Value::Set(from), ..self } }
    /// Sets `to`.
    #[must_use]
    pub fn to(self, to: &'a str) -> Self { Self { to: Value::Set(to), ..self } }
    /// Sets `id`.
    #[must_use]
    pub fn id(self, id: &'a str) -> Self { Self { id: Value::Set(id), ..self } }
    /// Sets `type`.
    #[must_use]
    pub fn type_(self, kind: &'a str) -> Self { Self { type_: Value::Set(kind), ..self } }
    /// Adds children.
    #[must_use]
    pub fn add(self, xml: &'a [u8]) -> Self { Self { add: xml, ..self } }
}

impl Stanza {
    /// What it is.
    pub fn kind(&self) -> Kind { todo!() }
    /// The element's local name.
    pub fn name(&self) -> &str { todo!() }
    /// The element's namespace; `jabber:client` for stanzas of any stream.
    pub fn ns(&self) -> Cow<'_, str> { todo!() }
    /// True for this name in this namespace.
    pub fn is(&self, _name: &str, _ns: &str) -> bool { todo!() }
    /// The content namespace of the stream it came from.
    pub fn content(&self) -> ContentNamespace { todo!() }
    /// The bytes that came in.
    pub fn bytes(&self) -> &Bytes { &self.bytes }
    /// `to`, unescaped.
    pub fn to(&self) -> Option<Cow<'_, str>> { todo!() }
    /// `from`.
    pub fn from(&self) -> Option<Cow<'_, str>> { todo!() }
    /// `id`.
    pub fn id(&self) -> Option<Cow<'_, str>> { todo!() }
    /// `type`.
    pub fn type_(&self) -> Option<Cow<'_, str>> { todo!() }
    /// The language in force: the stanza's own, else the stream's (RFC 6120 §8.1.5).
    pub fn lang(&self) -> Option<Cow<'_, str>> { todo!() }
    /// An attribute without prefix of the stanza's own tag, such as `h` of `<a h='5'/>`.
    pub fn attr(&self, _name: &str) -> Option<Cow<'_, str>> { todo!() }
    /// The direct children that were not cut.
    pub fn children(&self) -> impl Iterator<Item = Child<'_>> { std::iter::empty() }
    /// The first child of this name, as a tree.
    pub fn child(&self, _name: &str, _ns: &str) -> Option<Element> { todo!() }
    /// True if there is such a child.
    pub fn has_child(&self, _name: &str, _ns: &str) -> bool { todo!() }
    /// The first child.
    pub fn first_child(&self) -> Option<Child<'_>> { todo!() }
    /// The text directly inside, as in `<auth>…</auth>`.
    pub fn text(&self) -> String { todo!() }
    /// The whole stanza as a tree.
    pub fn element(&self) -> Element { todo!() }
    /// Cuts the direct children for which `forged` answers true; says how many.
    pub fn cut_children(&mut self, _forged: impl FnMut(&Child<'_>) -> bool) -> usize { todo!() }
    /// Appends the stanza as it must look in `context`, changed by `stamp`.
    pub fn write(&self, _out: &mut BytesMut, _context: Context, _stamp: &Stamp<'_>) { todo!() }
    /// The same as bytes of its own.
    pub fn to_bytes(&self, context: Context, stamp: &Stamp<'_>) -> Bytes {
        let mut out = BytesMut::with_capacity(self.bytes.len() + 256);
        self.write(&mut out, context, stamp);
        out.freeze()
    }
}
