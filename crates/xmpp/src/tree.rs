//! Builds a tree from bytes that the framer has checked.

use std::borrow::Cow;

use crate::element::{Attribute, Element, Node};
use crate::escape::{line_ends, unescape_attribute, unescape_text};
use crate::fault::{Fault, malformed};
use crate::lexer::{Lexer, QName, RawAttribute, Token};
use crate::{Limits, ns};

/// The declarations in force where the bytes stand; the default namespace has the empty prefix.
pub(crate) type Declarations<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// Reads the one element in `data`. With `chain`, content namespaces are taken as [`ns::CLIENT`] as long as
/// all elements around are in one too: these are the elements that belong to the stream and not to an extension.
pub(crate) fn read<'a>(
    data: &'a [u8],
    declarations: Declarations<'a>,
    chain: bool,
) -> Result<Element, Fault> {
    let limits = Limits { attributes_max: u16::MAX, name_bytes_max: u16::MAX, ..Limits::signed_in() };
    let mut lexer = Lexer::default();
    let mut tree = Tree { data, declarations, open: Vec::new() };
    while let Some(token) = lexer.next(data, u32::MAX, &limits)? {
        let closed = match token {
            Token::Text(text) => tree.text(unescape_text(text.text(data))),
            Token::Cdata(text) => tree.text(line_ends(text.text(data))),
            Token::Start { name, empty } => {
                tree.start(name, &lexer.attributes, chain)?;
                if empty { tree.end() } else { None }
            }
            Token::End { .. } => tree.end(),
        };
        if let Some(element) = closed {
            return Ok(element);
        }
    }
    Err(malformed("not a whole element"))
}

struct Tree<'a> {
    data: &'a [u8],
    declarations: Declarations<'a>,
    open: Vec<Open>,
}

struct Open {
    element: Element,
    declarations: usize,
    chain: bool,
}

impl<'a> Tree<'a> {
    fn start(&mut self, name: QName, attributes: &[RawAttribute], chain: bool) -> Result<(), Fault> {
        let data = self.data;
        let declarations = self.declarations.len();
        for attribute in attributes {
            let prefix = match attribute.name.prefix() {
                None if attribute.name.whole.of(data) == b"xmlns" => "",
                Some(prefix) if prefix.of(data) == b"xmlns" => attribute.name.local().text(data),
                _ => continue,
            };
            let uri = unescape_attribute(attribute.value.text(data));
            self.declarations.push((Cow::Borrowed(prefix), uri));
        }
        let uri = match name.prefix() {
            None => self.declared("").unwrap_or_default(),
            Some(prefix) => self.prefix(prefix.text(data))?,
        };
        let chain = self.open.last().map_or(chain, |o| o.chain) && ns::is_content(uri);
        let uri =
            if chain || uri == ns::CLIENT { Cow::Borrowed(ns::CLIENT) } else { Cow::Owned(uri.to_owned()) };
        let mut element = Element::new(name.local().text(data).to_owned(), uri);
        for attribute in attributes {
            let uri = match attribute.name.prefix() {
                None if attribute.name.whole.of(data) == b"xmlns" => continue,
                None => Cow::Borrowed(""),
                Some(prefix) => match prefix.text(data) {
                    "xmlns" => continue,
                    "xml" => Cow::Borrowed(ns::XML),
                    prefix => Cow::Owned(self.prefix(prefix)?.to_owned()),
                },
            };
            element.push_attribute(Attribute {
                name: attribute.name.local().text(data).to_owned().into(),
                ns: uri,
                value: unescape_attribute(attribute.value.text(data)).into_owned(),
            });
        }
        self.open.push(Open { element, declarations, chain });
        Ok(())
    }

    fn end(&mut self) -> Option<Element> {
        let open = self.open.pop()?;
        self.declarations.truncate(open.declarations);
        match self.open.last_mut() {
            Some(parent) => {
                parent.element.push(open.element);
                None
            }
            None => Some(open.element),
        }
    }

    fn text(&mut self, text: Cow<'_, str>) -> Option<Element> {
        if let Some(open) = self.open.last_mut()
            && !text.is_empty()
        {
            open.element.push_text(text);
        }
        None
    }

    fn declared(&self, prefix: &str) -> Option<&str> {
        self.declarations.iter().rev().find(|(p, _)| p == prefix).map(|(_, uri)| uri.as_ref())
    }

    fn prefix(&self, prefix: &str) -> Result<&str, Fault> {
        match prefix {
            "xml" => Ok(ns::XML),
            prefix => self.declared(prefix).ok_or_else(|| malformed("a prefix that was not declared")),
        }
    }
}

/// Adds text to content, so that no two texts stand side by side.
pub(crate) fn push_text(nodes: &mut Vec<Node>, text: Cow<'_, str>) {
    match nodes.last_mut() {
        Some(Node::Text(before)) => before.push_str(&text),
        _ => nodes.push(Node::Text(text.into_owned())),
    }
}
