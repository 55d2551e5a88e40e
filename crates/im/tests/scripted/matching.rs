//! Compares what came with what the script expects: by meaning, not by bytes.
//!
//! `{any}` stands for any text, alone or within a value; `{maybe}` for an attribute that may be missing;
//! `{more}` inside an element for further children. Any other `{name}` stands for the same text
//! wherever it is used in the script, also in what is sent.

use std::collections::BTreeMap;

use xmpp::{Element, Node};

/// What the names in braces stand for so far.
#[derive(Clone, Debug, Default)]
pub struct Names(BTreeMap<String, String>);

impl Names {
    /// Puts what the names stand for into XML that is sent.
    pub fn fill(&self, xml: &str) -> Result<String, String> {
        let mut out = String::new();
        for piece in pieces(xml) {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Name(name) => {
                    out.push_str(self.0.get(name).ok_or(format!("{{{name}}} stands for nothing"))?)
                }
            }
        }
        Ok(out)
    }

    /// Says how `actual` differs from `expected`, or learns the names in it.
    pub fn match_element(&mut self, expected: &Element, actual: &Element) -> Result<(), String> {
        let mut learned = self.clone();
        learned.element(expected, actual)?;
        *self = learned;
        Ok(())
    }

    fn element(&mut self, expected: &Element, actual: &Element) -> Result<(), String> {
        let name = expected.name();
        if !actual.is(name, expected.ns()) {
            return Err(format!(
                "<{} xmlns='{}'> instead of <{name} xmlns='{}'>",
                actual.name(),
                actual.ns(),
                expected.ns()
            ));
        }
        self.attributes(expected, actual)?;
        let mut wanted = children(expected);
        let mut got = children(actual).into_iter();
        let more = wanted.iter().position(|node| matches!(node, Node::Text(text) if text.trim() == "{more}"));
        if let Some(more) = more {
            wanted.remove(more);
            return self.some_children(&wanted, got.collect(), name);
        }
        for node in &wanted {
            let Some(other) = got.next() else { return Err(format!("<{name}> ends before {}", show(node))) };
            self.node(node, &other)?;
        }
        match got.next() {
            Some(extra) => Err(format!("<{name}> also has {}", show(&extra))),
            None => Ok(()),
        }
    }

    /// Every wanted child is somewhere, in whatever order.
    fn some_children(&mut self, wanted: &[Node], mut got: Vec<Node>, name: &str) -> Result<(), String> {
        for node in wanted {
            let found = got.iter().position(|other| {
                let mut trial = self.clone();
                trial.node(node, other).is_ok()
            });
            let found = found.ok_or_else(|| format!("<{name}> has no {}", show(node)))?;
            self.node(node, &got.remove(found))?;
        }
        Ok(())
    }

    fn node(&mut self, expected: &Node, actual: &Node) -> Result<(), String> {
        match (expected, actual) {
            (Node::Element(expected), Node::Element(actual)) => self.element(expected, actual),
            (Node::Text(expected), Node::Text(actual)) if self.text(expected, actual) => Ok(()),
            _ => Err(format!("{} instead of {}", show(actual), show(expected))),
        }
    }

    fn attributes(&mut self, expected: &Element, actual: &Element) -> Result<(), String> {
        let name = expected.name();
        for wanted in expected.attrs() {
            match actual.attr_ns(&wanted.name, &wanted.ns) {
                None if wanted.value == "{maybe}" => {}
                None => return Err(format!("<{name}> has no {}", wanted.name)),
                Some(_) if wanted.value == "{maybe}" => {}
                Some(value) if self.text(&wanted.value, value) => {}
                Some(value) => {
                    return Err(format!(
                        "<{name}> has {}='{value}' instead of '{}'",
                        wanted.name, wanted.value
                    ));
                }
            }
        }
        let extra = actual.attrs().iter().find(|other| expected.attr_ns(&other.name, &other.ns).is_none());
        match extra {
            Some(extra) => Err(format!("<{name}> also has {}='{}'", extra.name, extra.value)),
            None => Ok(()),
        }
    }

    /// Compares text with its wildcards; the shortest match of each counts.
    fn text(&mut self, expected: &str, actual: &str) -> bool {
        let mut pieces = pieces(expected).peekable();
        let mut rest = actual;
        while let Some(piece) = pieces.next() {
            let name = match piece {
                Piece::Text(text) => match rest.strip_prefix(text) {
                    Some(after) => {
                        rest = after;
                        continue;
                    }
                    None => return false,
                },
                Piece::Name(name) => name,
            };
            if let Some(known) = self.0.get(name) {
                match rest.strip_prefix(known.as_str()) {
                    Some(after) => rest = after,
                    None => return false,
                }
                continue;
            }
            let end = match pieces.peek() {
                Some(Piece::Text(next)) => match rest.find(next) {
                    Some(end) => end,
                    None => return false,
                },
                _ => rest.len(),
            };
            if name != "any" {
                self.0.insert(name.to_owned(), rest[..end].to_owned());
            }
            rest = &rest[end..];
        }
        rest.is_empty()
    }
}

enum Piece<'a> {
    Text(&'a str),
    Name(&'a str),
}

fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let named = rest.strip_prefix('{').and_then(|inside| inside.split_once('}'));
        // A namespace between braces (XEP-0068) is no name of ours.
        if let Some((name, after)) = named.filter(|(name, _)| !name.contains(':')) {
            rest = after;
            return Some(Piece::Name(name));
        }
        let end = rest[1..].find('{').map_or(rest.len(), |at| at + 1);
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(Piece::Text(piece))
    })
}

/// The content without white space that is only for the eye.
fn children(element: &Element) -> Vec<Node> {
    let blank = |node: &&Node| !matches!(node, Node::Text(text) if text.trim().is_empty());
    element.nodes().iter().filter(blank).cloned().collect()
}

fn show(node: &Node) -> String {
    match node {
        Node::Element(element) => String::from_utf8_lossy(&element.to_bytes()).into_owned(),
        Node::Text(text) => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(expected: &str, actual: &str) -> Result<Names, String> {
        let mut names = Names::default();
        let parse = |xml: &str| Element::parse(xml.as_bytes(), "jabber:client").unwrap();
        names.match_element(&parse(expected), &parse(actual)).map(|()| names)
    }

    #[test]
    fn what_means_the_same_matches() {
        for (expected, actual) in [
            ("<a b='1' c='2'/>", "<a c=\"2\" b='1'></a>"),
            ("<a><b xmlns='u'/></a>", "<a xmlns:x='u'>\n <x:b/></a>"),
            ("<a b='{any}'/>", "<a b='whatever'/>"),
            ("<a b='{maybe}'/>", "<a/>"),
            ("<a b='x-{any}-z'>{any}!</a>", "<a b='x-y-z'>hi!</a>"),
            ("<a>{more}<b/></a>", "<a><c/><b/>text</a>"),
            ("<a b='{id}'><b>{id}</b></a>", "<a b='7'><b>7</b></a>"),
        ] {
            assert!(compare(expected, actual).is_ok(), "{expected} {actual}");
        }
    }

    #[test]
    fn what_means_something_else_does_not() {
        for (expected, actual) in [
            ("<a/>", "<a xmlns='u'/>"),
            ("<a/>", "<b/>"),
            ("<a/>", "<a b='1'/>"),
            ("<a b='1'/>", "<a/>"),
            ("<a b='{any}'/>", "<a/>"),
            ("<a b='1'/>", "<a b='2'/>"),
            ("<a/>", "<a><b/></a>"),
            ("<a><b/></a>", "<a/>"),
            ("<a><b/><c/></a>", "<a><c/><b/></a>"),
            ("<a>hi</a>", "<a>ho</a>"),
            ("<a b='x-{any}'/>", "<a b='y-1'/>"),
            ("<a>{more}<b/><b/></a>", "<a><b/></a>"),
            ("<a b='{id}'><b>{id}</b></a>", "<a b='7'><b>8</b></a>"),
        ] {
            assert!(compare(expected, actual).is_err(), "{expected} {actual}");
        }
    }

    #[test]
    fn a_name_is_filled_in_where_it_is_sent() {
        let names = compare("<a b='{id}'/>", "<a b='7'/>").unwrap();
        assert_eq!(names.fill("<r id='{id}'/>").unwrap(), "<r id='7'/>");
        assert!(names.fill("<r id='{other}'/>").is_err());
    }
}
