//! Writes a stanza for the place where it goes: a new tag, and the payload as it came in whenever it may be.

use bytes::{Bytes, BytesMut};

use crate::escape::push_attribute;
use crate::lexer::Span;
use crate::parts::Flags;
use crate::{Context, Kind, Node, Stanza};

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
    /// Children to add at the end: well-formed XML, each naming its namespace.
    pub add: &'a [u8],
}

impl<'a> Stamp<'a> {
    /// Sets `from`.
    #[must_use]
    pub fn from(self, from: &'a str) -> Self {
        Self { from: Value::Set(from), ..self }
    }

    /// Sets `to`.
    #[must_use]
    pub fn to(self, to: &'a str) -> Self {
        Self { to: Value::Set(to), ..self }
    }

    /// Sets `id`.
    #[must_use]
    pub fn id(self, id: &'a str) -> Self {
        Self { id: Value::Set(id), ..self }
    }

    /// Sets `type`.
    #[must_use]
    pub fn type_(self, kind: &'a str) -> Self {
        Self { type_: Value::Set(kind), ..self }
    }

    /// Takes `to` away.
    #[must_use]
    pub fn to_nobody(self) -> Self {
        Self { to: Value::Remove, ..self }
    }

    /// Adds children.
    #[must_use]
    pub fn adding(self, xml: &'a [u8]) -> Self {
        Self { add: xml, ..self }
    }
}

/// Room for a tag of ours, in bytes: two addresses, an id and names.
const TAG_BYTES: usize = 256;

impl Stanza {
    /// True if the payload may stand in `context` as it came in.
    pub fn is_verbatim_in(&self, context: Context) -> bool {
        let flags = self.parts().flags;
        let same = self.content().as_str() == context.content();
        !flags.has(Flags::OUTER)
            && (same || !flags.has(Flags::CONTENT_EXPLICIT | Flags::INHERITED_IN_FOREIGN))
    }

    /// Appends the stanza as it must look in `context`, changed by `stamp`. Of the attributes the five of
    /// RFC 6120 §8.1 are written; the stream's language is added where the stanza has none (§8.1.5).
    /// What is no stanza is written by itself and takes no stamp.
    pub fn write(&self, out: &mut BytesMut, context: Context, stamp: &Stamp<'_>) {
        let parts = self.parts();
        if parts.kind == Kind::Other {
            self.element().write(out, context);
            return;
        }
        let name = parts.kind.as_str().as_bytes();
        out.extend_from_slice(b"<");
        out.extend_from_slice(name);
        if context.names_content() {
            out.extend_from_slice(b" xmlns='");
            out.extend_from_slice(context.content().as_bytes());
            out.extend_from_slice(b"'");
        }
        self.write_value(out, b" from=", stamp.from, parts.from);
        self.write_value(out, b" to=", stamp.to, parts.to);
        self.write_value(out, b" type=", stamp.type_, parts.type_);
        self.write_value(out, b" id=", stamp.id, parts.id);
        let lang = match self.stream_lang() {
            Some(lang) if parts.lang.is_none() => Value::Set(lang),
            _ => Value::Keep,
        };
        self.write_value(out, b" xml:lang=", lang, parts.lang);
        if parts.payload.of(self.bytes()).is_empty() && stamp.add.is_empty() {
            out.extend_from_slice(b"/>");
            return;
        }
        out.extend_from_slice(b">");
        if self.is_verbatim_in(context) {
            self.write_payload(out);
        } else {
            self.rewrite_payload(out, context);
        }
        out.extend_from_slice(stamp.add);
        out.extend_from_slice(b"</");
        out.extend_from_slice(name);
        out.extend_from_slice(b">");
    }

    /// [`Stanza::write`] as bytes of its own.
    pub fn to_bytes(&self, context: Context, stamp: &Stamp<'_>) -> Bytes {
        let mut out = BytesMut::with_capacity(self.bytes().len() + stamp.add.len() + TAG_BYTES);
        self.write(&mut out, context, stamp);
        out.freeze()
    }

    fn write_value(&self, out: &mut BytesMut, name: &[u8], value: Value<'_>, kept: Span) {
        match value {
            Value::Keep if !kept.is_none() => {
                out.extend_from_slice(name);
                // With its own quotes, which the value may contain the other kind of.
                let quoted = Span { start: kept.start - 1, end: kept.end + 1 };
                out.extend_from_slice(quoted.of(self.bytes()));
            }
            Value::Set(text) => {
                out.extend_from_slice(name);
                out.extend_from_slice(b"'");
                push_attribute(out, text);
                out.extend_from_slice(b"'");
            }
            Value::Keep | Value::Remove => {}
        }
    }

    /// Copies the payload but for the children that were cut.
    fn write_payload(&self, out: &mut BytesMut) {
        let mut at = self.parts().payload.start;
        for child in self.parts().children.iter().filter(|c| c.cut) {
            out.extend_from_slice(Span { start: at, end: child.span.start }.of(self.bytes()));
            at = child.span.end;
        }
        out.extend_from_slice(Span { start: at, end: self.parts().payload.end }.of(self.bytes()));
    }

    /// Writes the payload anew, so that every name has its namespace where it goes.
    fn rewrite_payload(&self, out: &mut BytesMut, context: Context) {
        for node in self.element().nodes() {
            match node {
                Node::Element(element) => element.write(out, context),
                Node::Text(text) => crate::escape::push_text(out, text),
            }
        }
    }
}
