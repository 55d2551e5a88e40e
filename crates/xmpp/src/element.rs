//! A small owned tree, for handlers that look into a payload.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};

use crate::{Context, StreamError};

/// An element with its attributes and content. In trees the content namespace of any stream is
/// [`crate::ns::CLIENT`]; [`Element::write`] gives it the name that the context has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    name: Cow<'static, str>,
    ns: Cow<'static, str>,
    attrs: Vec<Attribute>,
    nodes: Vec<Node>,
}

/// An attribute; `ns` is empty for the usual ones without a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The local name.
    pub name: Cow<'static, str>,
    /// The namespace, or empty.
    pub ns: Cow<'static, str>,
    /// The value, unescaped.
    pub value: String,
}

/// A piece of an element's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A child element.
    Element(Element),
    /// Text, unescaped.
    Text(String),
}

impl Element {
    /// An empty element.
    pub fn new(name: impl Into<Cow<'static, str>>, ns: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into(), ns: ns.into(), attrs: Vec::new(), nodes: Vec::new() }
    }
    /// Reads one element; `default_ns` is the default namespace where it stands.
    pub fn parse(_xml: &[u8], _default_ns: &str) -> Result<Self, StreamError> { todo!() }
    /// The local name.
    pub fn name(&self) -> &str { &self.name }
    /// The namespace.
    pub fn ns(&self) -> &str { &self.ns }
    /// True for this name in this namespace.
    pub fn is(&self, name: &str, ns: &str) -> bool { self.name == name && self.ns == ns }
    /// The value of an attribute without prefix.
    pub fn attr(&self, name: &str) -> Option<&str> { self.attr_ns(name, "") }
    /// The value of an attribute in a namespace.
    pub fn attr_ns(&self, name: &str, ns: &str) -> Option<&str> {
        self.attrs.iter().find(|a| a.name == name && a.ns == ns).map(|a| a.value.as_str())
    }
    /// All attributes.
    pub fn attrs(&self) -> &[Attribute] { &self.attrs }
    /// All content.
    pub fn nodes(&self) -> &[Node] { &self.nodes }
    /// The child elements.
    pub fn children(&self) -> impl DoubleEndedIterator<Item = &Element> {
        self.nodes.iter().filter_map(|n| match n { Node::Element(e) => Some(e), Node::Text(_) => None })
    }
    /// The first child of this name.
    pub fn child(&self, name: &str, ns: &str) -> Option<&Element> { self.children().find(|c| c.is(name, ns)) }
    /// The text directly inside.
    pub fn text(&self) -> String {
        self.nodes.iter().filter_map(|n| match n { Node::Text(t) => Some(t.as_str()), Node::Element(_) => None }).collect()
    }
    /// Sets an attribute without prefix.
    pub fn set_attr(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) { let _ = (name.into(), value.into()); todo!() }
    /// The same with an attribute.
    #[must_use]
    pub fn with_attr(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self { self.set_attr(name, value); self }
    /// The same with one more child.
    #[must_use]
    pub fn with_child(mut self, child: Element) -> Self { self.push(child); self }
    /// The same with one more text.
    #[must_use]
    pub fn with_text(mut self, text: impl Into<String>) -> Self { self.push_text(text); self }
    /// Adds a child.
    pub fn push(&mut self, child: Element) { self.nodes.push(Node::Element(child)); }
    /// Adds text.
    pub fn push_text(&mut self, text: impl Into<String>) { self.nodes.push(Node::Text(text.into())); }
    /// Appends the element as a stanza's child in `context`.
    pub fn write(&self, _out: &mut BytesMut, _context: Context) { todo!() }
    /// The element by itself, its namespace named: as it stands outside of any stream.
    pub fn to_bytes(&self) -> Bytes { todo!() }
}
