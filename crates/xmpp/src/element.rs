//! A small owned tree, for handlers that look into a payload.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};

use crate::framer::parse_alone;
use crate::scope::Scope;
use crate::{ContentNamespace, Context, Limits, StreamError, escape, ns, tree};

/// An element with its attributes and content. In trees the content namespace of any stream is
/// [`ns::CLIENT`]; [`Element::write`] gives it the name that the context has.
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

    /// Reads one element, as strictly as the framer does; `default_ns` is the default namespace where it stands.
    pub fn parse(xml: &[u8], default_ns: &str) -> Result<Self, StreamError> {
        let scope = Scope::standalone(ContentNamespace::Client, default_ns);
        Ok(parse_alone(Bytes::copy_from_slice(xml), scope, Limits::signed_in())?.element())
    }

    /// The local name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The namespace.
    pub fn ns(&self) -> &str {
        &self.ns
    }

    /// True for this name in this namespace.
    pub fn is(&self, name: &str, ns: &str) -> bool {
        self.name == name && self.ns == ns
    }

    /// The value of an attribute without prefix.
    pub fn attr(&self, name: &str) -> Option<&str> {
        self.attr_ns(name, "")
    }

    /// The value of an attribute in a namespace, such as `lang` in [`ns::XML`].
    pub fn attr_ns(&self, name: &str, ns: &str) -> Option<&str> {
        self.attrs.iter().find(|a| a.name == name && a.ns == ns).map(|a| a.value.as_str())
    }

    /// All attributes.
    pub fn attrs(&self) -> &[Attribute] {
        &self.attrs
    }

    /// All content.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The child elements.
    pub fn children(&self) -> impl DoubleEndedIterator<Item = &Element> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// The first child of this name.
    pub fn child(&self, name: &str, ns: &str) -> Option<&Element> {
        self.children().find(|c| c.is(name, ns))
    }

    /// The text directly inside.
    pub fn text(&self) -> String {
        let texts = self.nodes.iter().filter_map(|node| match node {
            Node::Text(text) => Some(text.as_str()),
            Node::Element(_) => None,
        });
        texts.collect()
    }

    /// Sets an attribute without prefix.
    pub fn set_attr(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) {
        self.set_attr_ns(name, "", value);
    }

    /// Sets an attribute in a namespace.
    pub fn set_attr_ns(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        ns: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
    ) {
        let attribute = Attribute { name: name.into(), ns: ns.into(), value: value.into() };
        match self.attrs.iter_mut().find(|a| a.name == attribute.name && a.ns == attribute.ns) {
            Some(before) => *before = attribute,
            None => self.attrs.push(attribute),
        }
    }

    /// Takes an attribute without prefix away.
    pub fn remove_attr(&mut self, name: &str) {
        self.attrs.retain(|a| a.name != name || !a.ns.is_empty());
    }

    /// The same with an attribute.
    #[must_use]
    pub fn with_attr(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.set_attr(name, value);
        self
    }

    /// The same with one more child.
    #[must_use]
    pub fn with_child(mut self, child: Element) -> Self {
        self.push(child);
        self
    }

    /// The same with one more text.
    #[must_use]
    pub fn with_text(mut self, text: impl Into<String>) -> Self {
        self.push_text(text.into());
        self
    }

    /// Adds a child.
    pub fn push(&mut self, child: Element) {
        self.nodes.push(Node::Element(child));
    }

    /// Adds text.
    pub fn push_text<'a>(&mut self, text: impl Into<Cow<'a, str>>) {
        tree::push_text(&mut self.nodes, text.into());
    }

    /// Keeps only the child elements for which `keep` answers true.
    pub fn retain_children(&mut self, mut keep: impl FnMut(&Element) -> bool) {
        self.nodes.retain(|node| match node {
            Node::Element(element) => keep(element),
            Node::Text(_) => true,
        });
    }

    /// Appends the element as a stanza's child in `context`.
    pub fn write(&self, out: &mut BytesMut, context: Context) {
        self.write_in(out, context.content(), Some(context.content()));
    }

    /// The element by itself, its namespace named: as it stands outside of any stream.
    pub fn to_bytes(&self) -> Bytes {
        let mut out = BytesMut::new();
        self.write_in(&mut out, "", None);
        out.freeze()
    }

    /// The caller has checked that the attribute is not there yet.
    pub(crate) fn push_attribute(&mut self, attribute: Attribute) {
        self.attrs.push(attribute);
    }

    /// Writes under the default namespace `inherited`; in the chain of content elements, `content` is
    /// what [`ns::CLIENT`] becomes.
    pub(crate) fn write_in(&self, out: &mut BytesMut, inherited: &str, content: Option<&str>) {
        let content = content.filter(|_| self.ns == ns::CLIENT);
        let ns = content.unwrap_or(&self.ns);
        out.extend_from_slice(b"<");
        out.extend_from_slice(self.name.as_bytes());
        if ns != inherited {
            push(out, "xmlns", ns);
        }
        for (at, attribute) in self.attrs.iter().enumerate() {
            match attribute.ns.as_ref() {
                "" => push(out, &attribute.name, &attribute.value),
                ns::XML => push(out, &format!("xml:{}", attribute.name), &attribute.value),
                uri => {
                    push(out, &format!("xmlns:a{at}"), uri);
                    push(out, &format!("a{at}:{}", attribute.name), &attribute.value);
                }
            }
        }
        if self.nodes.is_empty() {
            out.extend_from_slice(b"/>");
            return;
        }
        out.extend_from_slice(b">");
        for node in &self.nodes {
            match node {
                Node::Element(element) => element.write_in(out, ns, content),
                Node::Text(text) => escape::push_text(out, text),
            }
        }
        out.extend_from_slice(b"</");
        out.extend_from_slice(self.name.as_bytes());
        out.extend_from_slice(b">");
    }
}

fn push(out: &mut BytesMut, name: &str, value: &str) {
    out.extend_from_slice(b" ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"='");
    escape::push_attribute(out, value);
    out.extend_from_slice(b"'");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Element {
        Element::parse(text.as_bytes(), "").unwrap()
    }

    #[test]
    fn prefixes_become_default_namespaces() {
        let element =
            parse("<p:a xmlns:p='urn:p' xmlns='urn:d' p:x='1' x='2' xml:lang='en'><b/><p:c>t</p:c></p:a>");
        assert_eq!(element.attr_ns("x", "urn:p"), Some("1"));
        assert_eq!(element.attr("x"), Some("2"));
        assert_eq!(element.attr_ns("lang", ns::XML), Some("en"));
        assert!(element.child("b", "urn:d").is_some());
        assert_eq!(element.child("c", "urn:p").unwrap().text(), "t");
        assert_eq!(parse(std::str::from_utf8(&element.to_bytes()).unwrap()), element);
    }

    #[test]
    fn content_takes_the_name_of_the_context_but_not_inside_a_foreign_element() {
        let body = Element::new("body", ns::CLIENT).with_text("hi");
        let inner = Element::new("message", ns::CLIENT).with_child(body.clone());
        let forwarded = Element::new("forwarded", "urn:xmpp:forward:0").with_child(inner);
        let message = Element::new("message", ns::CLIENT).with_child(body).with_child(forwarded);
        let mut out = BytesMut::new();
        message.write(&mut out, Context::Server);
        assert_eq!(
            out,
            "<message><body>hi</body><forwarded xmlns='urn:xmpp:forward:0'>\
             <message xmlns='jabber:client'><body>hi</body></message></forwarded></message>"
        );
    }

    #[test]
    fn texts_and_cdata_are_one_text() {
        let element = parse("<a>x<![CDATA[<y>]]>&amp;\r\n</a>");
        assert_eq!(element.nodes(), [Node::Text("x<y>&\n".to_owned())]);
    }

    #[test]
    fn attributes_are_set_once_and_children_kept_by_choice() {
        let mut element = parse("<a x='1'><b/><c/></a>").with_attr("x", "2");
        element.retain_children(|c| c.name() == "c");
        assert_eq!(element.to_bytes(), "<a x='2'><c/></a>");
        element.remove_attr("x");
        assert_eq!(element.attrs(), []);
    }

    #[test]
    fn what_the_framer_refuses_is_no_element() {
        for text in ["<a>", "<a/><b/>", "a", "", "<a b='1' b='2'/>", "<p:a/>", "<a>&x;</a>"] {
            assert!(Element::parse(text.as_bytes(), "").is_err(), "{text}");
        }
    }
}
