//! Writes stanzas that we originate straight into bytes, without a tree.

use bytes::{Bytes, BytesMut};

use crate::{Context, Element, Kind, escape};

/// A stanza being written: attributes first, then children, then [`Builder::finish`], which closes what is open.
///
/// ```
/// use xmpp::{Builder, Context};
/// let bytes = Builder::message(Context::Client).to("bob@localhost").text_child("body", "", "hi").finish();
/// assert_eq!(bytes, "<message to='bob@localhost'><body>hi</body></message>");
/// ```
#[derive(Debug)]
pub struct Builder {
    out: BytesMut,
    /// Where the names of the open elements stand in `out`.
    open: Vec<(usize, usize)>,
    /// The last start tag still takes attributes.
    tag_open: bool,
    context: Context,
}

/// Room for a small stanza, in bytes.
const CAPACITY_BYTES: usize = 256;

impl Builder {
    /// A stanza of `kind`; [`Kind::Other`] has no name of its own: use [`Builder::other`].
    pub fn new(kind: Kind, context: Context) -> Self {
        let mut builder =
            Self { out: BytesMut::with_capacity(CAPACITY_BYTES), open: Vec::new(), tag_open: false, context };
        let ns = if context.names_content() { context.content() } else { "" };
        builder.open(kind.as_str(), ns);
        builder
    }

    /// `<message/>`.
    pub fn message(context: Context) -> Self {
        Self::new(Kind::Message, context)
    }

    /// `<presence/>`.
    pub fn presence(context: Context) -> Self {
        Self::new(Kind::Presence, context)
    }

    /// `<iq/>`.
    pub fn iq(context: Context) -> Self {
        Self::new(Kind::Iq, context)
    }

    /// Any other top-level element, such as `<enabled/>`.
    pub fn other(name: &str, ns: &str) -> Self {
        let mut builder = Self {
            out: BytesMut::with_capacity(CAPACITY_BYTES),
            open: Vec::new(),
            tag_open: false,
            context: Context::Client,
        };
        builder.open(name, ns);
        builder
    }

    /// Sets `to`.
    pub fn to(&mut self, to: &str) -> &mut Self {
        self.attr("to", to)
    }

    /// Sets `from`.
    pub fn from(&mut self, from: &str) -> &mut Self {
        self.attr("from", from)
    }

    /// Sets `id`.
    pub fn id(&mut self, id: &str) -> &mut Self {
        self.attr("id", id)
    }

    /// Sets `type`.
    pub fn type_(&mut self, kind: &str) -> &mut Self {
        self.attr("type", kind)
    }

    /// Sets `xml:lang`.
    pub fn lang(&mut self, lang: &str) -> &mut Self {
        self.attr("xml:lang", lang)
    }

    /// Adds an attribute to the element opened last; without effect once it has content. The name is written as it is.
    pub fn attr(&mut self, name: &str, value: &str) -> &mut Self {
        if self.tag_open {
            for part in [" ", name, "='"] {
                self.out.extend_from_slice(part.as_bytes());
            }
            escape::push_attribute(&mut self.out, value);
            self.out.extend_from_slice(b"'");
        }
        self
    }

    /// Adds an attribute if there is a value.
    pub fn attr_if(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        if let Some(value) = value {
            self.attr(name, value);
        }
        self
    }

    /// Opens a child element; an empty `ns` inherits its parent's.
    pub fn open(&mut self, name: &str, ns: &str) -> &mut Self {
        self.end_tag();
        self.out.extend_from_slice(b"<");
        let start = self.out.len();
        self.out.extend_from_slice(name.as_bytes());
        self.open.push((start, self.out.len()));
        self.tag_open = true;
        if !ns.is_empty() {
            self.attr("xmlns", ns);
        }
        self
    }

    /// Closes the element opened last.
    pub fn close(&mut self) -> &mut Self {
        if let Some((start, end)) = self.open.pop() {
            if self.tag_open {
                self.out.extend_from_slice(b"/>");
                self.tag_open = false;
            } else {
                self.out.extend_from_slice(b"</");
                self.out.extend_from_within(start..end);
                self.out.extend_from_slice(b">");
            }
        }
        self
    }

    /// Adds text to the element opened last.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.end_tag();
        escape::push_text(&mut self.out, text);
        self
    }

    /// Adds an element that has text only.
    pub fn text_child(&mut self, name: &str, ns: &str, text: &str) -> &mut Self {
        self.open(name, ns).text(text).close()
    }

    /// Adds an element without content.
    pub fn empty_child(&mut self, name: &str, ns: &str) -> &mut Self {
        self.open(name, ns).close()
    }

    /// Adds a tree as a direct child of the stanza, or anywhere deeper if it is not in the content namespace.
    pub fn element(&mut self, element: &Element) -> &mut Self {
        self.end_tag();
        element.write(&mut self.out, self.context);
        self
    }

    /// Adds bytes that are well-formed content by themselves.
    pub fn raw(&mut self, xml: &[u8]) -> &mut Self {
        self.end_tag();
        self.out.extend_from_slice(xml);
        self
    }

    /// Closes all that is open and gives the bytes.
    pub fn finish(&mut self) -> Bytes {
        while !self.open.is_empty() {
            self.close();
        }
        std::mem::take(&mut self.out).freeze()
    }

    fn end_tag(&mut self) {
        if self.tag_open {
            self.out.extend_from_slice(b">");
            self.tag_open = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stanza_is_written_with_escapes_and_closed() {
        let bytes = Builder::iq(Context::Framed)
            .type_("result")
            .id("'1'")
            .open("query", "jabber:iq:roster")
            .attr_if("ver", Some("a&b"))
            .attr_if("none", None)
            .empty_child("item", "")
            .text_child("item", "", "a<b")
            .finish();
        assert_eq!(
            bytes,
            "<iq xmlns='jabber:client' type='result' id='&apos;1&apos;'>\
             <query xmlns='jabber:iq:roster' ver='a&amp;b'><item/><item>a&lt;b</item></query></iq>"
        );
    }

    #[test]
    fn attributes_come_before_content() {
        let bytes = Builder::other("a", "urn:a").text("x").attr("late", "1").finish();
        assert_eq!(bytes, "<a xmlns='urn:a'>x</a>");
    }
}
