//! The other opinion: documents read by rxml, and a plain reference for what forwarding must give.

#![allow(dead_code, reason = "each test binary, and the fuzz targets, use a part of it")]

use std::collections::BTreeMap;

use rxml::{Event, Options, Parse, Parser, WithOptions};
use xmpp::{ContentNamespace, Context, Element, Node, ns};

/// A canonical tree: names in namespaces, attributes in order, texts joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    pub ns: String,
    pub name: String,
    pub attributes: BTreeMap<(String, String), String>,
    pub content: Vec<Content>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    Element(Tree),
    Text(String),
}

impl Tree {
    pub fn children(&self) -> impl Iterator<Item = &Tree> {
        self.content.iter().filter_map(|c| match c {
            Content::Element(tree) => Some(tree),
            Content::Text(_) => None,
        })
    }

    fn push_text(&mut self, text: &str) {
        match self.content.last_mut() {
            Some(Content::Text(before)) => before.push_str(text),
            _ if text.is_empty() => {}
            _ => self.content.push(Content::Text(text.to_owned())),
        }
    }
}

/// Reads a document with rxml as far as it goes: what was complete, and whether rxml found a fault. The root
/// is the last of `open` that is left when the document is a stream that was not closed.
pub fn read(document: &[u8]) -> (Vec<Tree>, Option<rxml::Error>) {
    let options = Options { max_token_length: 1 << 20, ..Options::default() };
    let mut parser = Parser::with_options(options);
    // Line ends are `\n` before anything else is read (XML 1.0 §2.11). rxml does it itself, but finds a fault
    // in a lone `\r` in an attribute value.
    let document = line_ends(document);
    let mut rest = &document[..];
    let mut open: Vec<Tree> = Vec::new();
    loop {
        match parser.parse(&mut rest, false) {
            Ok(Some(Event::StartElement(_, (ns, name), attributes))) => {
                let attributes = attributes
                    .iter()
                    .map(|((ns, name), value)| ((ns.to_string(), name.to_string()), value.clone()))
                    .collect();
                open.push(Tree {
                    ns: ns.to_string(),
                    name: name.to_string(),
                    attributes,
                    content: Vec::new(),
                });
            }
            Ok(Some(Event::EndElement(_))) => {
                let Some(tree) = open.pop() else { continue };
                match open.last_mut() {
                    Some(parent) => parent.content.push(Content::Element(tree)),
                    None => return (vec![tree], None),
                }
            }
            Ok(Some(Event::Text(_, text))) => {
                if let Some(parent) = open.last_mut() {
                    parent.push_text(&text);
                }
            }
            Ok(Some(Event::XmlDeclaration(..))) => {}
            Ok(None) | Err(rxml::error::EndOrError::NeedMoreData) => return (open, None),
            Err(rxml::error::EndOrError::Error(error)) => return (open, Some(error)),
        }
    }
}

fn line_ends(document: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(document.len());
    for (at, byte) in document.iter().enumerate() {
        match (byte, document.get(at + 1)) {
            (b'\r', Some(b'\n')) => {}
            (b'\r', _) => out.push(b'\n'),
            _ => out.push(*byte),
        }
    }
    out
}

/// Reads what must be one whole element standing where `default_ns` is in force.
pub fn read_inside(xml: &[u8], default_ns: &str) -> Tree {
    let mut document = format!("<stream xmlns='{default_ns}'>").into_bytes();
    document.extend_from_slice(xml);
    document.extend_from_slice(b"</stream>");
    let (trees, fault) = read(&document);
    assert!(fault.is_none(), "{fault:?} in {}", String::from_utf8_lossy(&document));
    assert_eq!(trees.len(), 1);
    let mut children: Vec<&Tree> = trees[0].children().collect();
    assert_eq!(children.len(), 1, "{}", String::from_utf8_lossy(&document));
    children.remove(0).clone()
}

/// What forwarding a stanza must give: the tag with the five attributes and the payload whose content
/// namespace is that of the context, wherever no foreign element stands around it.
pub fn forwarded(stanza: &Tree, context: Context, from: &str, stream_lang: Option<&str>) -> Tree {
    let mut attributes = BTreeMap::new();
    for ((ns, name), value) in &stanza.attributes {
        let lang = ns == ns::XML && name == "lang";
        if lang || (ns.is_empty() && matches!(name.as_str(), "to" | "type" | "id")) {
            attributes.insert((ns.clone(), name.clone()), value.clone());
        }
    }
    attributes.insert((String::new(), "from".to_owned()), from.to_owned());
    if let Some(lang) = stream_lang {
        attributes.entry((ns::XML.to_owned(), "lang".to_owned())).or_insert_with(|| lang.to_owned());
    }
    let content = stanza.content.iter().map(|c| translated(c, context.content())).collect();
    Tree { ns: context.content().to_owned(), name: stanza.name.clone(), attributes, content }
}

fn translated(content: &Content, to: &str) -> Content {
    match content {
        Content::Element(tree) if ns::is_content(&tree.ns) => Content::Element(Tree {
            ns: to.to_owned(),
            content: tree.content.iter().map(|c| translated(c, to)).collect(),
            ..tree.clone()
        }),
        other => other.clone(),
    }
}

/// The same tree by our own reader.
pub fn from_element(element: &Element) -> Tree {
    let mut tree = Tree {
        ns: element.ns().to_owned(),
        name: element.name().to_owned(),
        attributes: BTreeMap::new(),
        content: Vec::new(),
    };
    for attribute in element.attrs() {
        let name = (attribute.ns.to_string(), attribute.name.to_string());
        assert_eq!(tree.attributes.insert(name, attribute.value.clone()), None);
    }
    for node in element.nodes() {
        match node {
            Node::Element(child) => tree.content.push(Content::Element(from_element(child))),
            Node::Text(text) => tree.push_text(text),
        }
    }
    tree
}

/// Reads choices out of a string of bytes, so that the same generator serves property tests and fuzzing.
pub struct Choices<'a>(pub &'a [u8]);

impl Choices<'_> {
    /// A number below `n`; 0 when the bytes have run out.
    pub fn below(&mut self, n: usize) -> usize {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                usize::from(*first) % n
            }
            None => 0,
        }
    }

    pub fn of<'t>(&mut self, list: &[&'t str]) -> &'t str {
        list[self.below(list.len())]
    }

    fn yes(&mut self) -> bool {
        self.below(4) == 1
    }
}

/// A stream with one stanza in it, of all the shapes that namespaces allow.
pub struct Document {
    pub content: ContentNamespace,
    pub header: String,
    pub lang: Option<&'static str>,
    pub stanza: String,
}

pub fn document(choices: &mut Choices<'_>) -> Document {
    let content = [ContentNamespace::Client, ContentNamespace::Server][choices.below(2)];
    let prefixed = choices.yes();
    let lang = choices.yes().then_some("de");
    let mut header = match prefixed {
        true => format!("<stream xmlns='{}' xmlns:c='{}'", ns::STREAMS, content.as_str()),
        false => format!("<s:stream xmlns:s='{}' xmlns='{}'", ns::STREAMS, content.as_str()),
    };
    let mut prefixes = vec!["xml"];
    if prefixed || choices.yes() {
        prefixes.push("c");
        if !prefixed {
            header.push_str(&format!(" xmlns:c='{}'", content.as_str()));
        }
    }
    if choices.yes() {
        prefixes.push("o");
        header.push_str(" xmlns:o='urn:outer'");
    }
    if let Some(lang) = lang {
        header.push_str(&format!(" xml:lang='{lang}'"));
    }
    header.push('>');
    let by_prefix = prefixed || (prefixes.contains(&"c") && choices.yes());
    let stanza = stanza(choices, by_prefix, prefixes);
    Document { content, header, lang, stanza }
}

fn stanza(choices: &mut Choices<'_>, prefixed: bool, mut prefixes: Vec<&'static str>) -> String {
    let kind = choices.of(&["message", "presence", "iq"]);
    let name = if prefixed { format!("c:{kind}") } else { kind.to_owned() };
    let mut out = format!("<{name}");
    for attribute in
        [" to='bob@x/ä'", " from=\"ann@x/it's\"", " id='a&amp;&#x31;'", " type\n=\t'chat'", " xml:lang='fr'"]
    {
        if choices.below(2) == 1 {
            out.push_str(attribute);
        }
    }
    if prefixed && choices.yes() {
        out.push_str(choices.of(&[" xmlns='urn:weird'", " xmlns=''", " xmlns='jabber:client'"]));
    }
    if choices.yes() {
        out.push_str(choices.of(&[
            " xmlns:q='urn:stanza'",
            " xmlns:q='jabber:client'",
            " xmlns:q='jabber:server'",
        ]));
        prefixes.push("q");
    }
    out.push('>');
    content(choices, &mut prefixes, 4, &mut out);
    out.push_str(&format!("</{name} >"));
    out
}

fn content(choices: &mut Choices<'_>, prefixes: &mut Vec<&'static str>, depth: usize, out: &mut String) {
    for _ in 0..choices.below(4) {
        match choices.below(6) {
            0 => out.push_str(choices.of(&["text", "a &lt; b &#xe4;", "\r\n", "]] >", "ü€😀", "'\""])),
            1 => out.push_str(choices.of(&["<![CDATA[<x>&amp;]]>", "<![CDATA[]]>", "<![CDATA[]]]]>"])),
            _ if depth > 0 => element(choices, prefixes, depth - 1, out),
            _ => {}
        }
    }
}

fn element(choices: &mut Choices<'_>, prefixes: &mut Vec<&'static str>, depth: usize, out: &mut String) {
    let before = prefixes.len();
    let declared = choices.of(&[
        "",
        "",
        "",
        " xmlns='urn:a'",
        " xmlns='urn:b'",
        " xmlns='jabber:client'",
        " xmlns='jabber:server'",
        " xmlns='&#106;abber:client'",
        " xmlns=''",
        " xmlns:p='urn:p'",
        " xmlns:p='jabber:client'",
        " xmlns:c='urn:c'",
        " xmlns:q='urn:q'",
    ]);
    if let Some(at) = declared.find("xmlns:") {
        prefixes.push(&declared[at + 6..at + 7]);
    }
    let local = choices.of(&["body", "x", "message", "delay", "ünï"]);
    let prefix = match choices.yes() {
        true => prefixes[choices.below(prefixes.len())],
        false => "",
    };
    let name = match prefix {
        "" | "xml" => local.to_owned(),
        prefix => format!("{prefix}:{local}"),
    };
    out.push_str(&format!("<{name}{declared}"));
    if choices.yes() {
        out.push_str(choices.of(&[" a='1'", " a=\"'&gt;\"", " b='\t\n&#10;&quot;'"]));
    }
    if choices.yes() {
        let prefix = prefixes[choices.below(prefixes.len())];
        out.push_str(&format!(" {prefix}:lang='en'"));
    }
    if choices.yes() {
        out.push_str("/>");
    } else {
        out.push('>');
        content(choices, prefixes, depth, out);
        out.push_str(&format!("</{name}>"));
    }
    prefixes.truncate(before);
}
