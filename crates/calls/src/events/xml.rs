//! The little XML that event documents need: escaped text out, element names and text in.

/// Appends `text` with the characters escaped that XML reserves; control characters are left out (XML 1.0 §2.2).
pub(super) fn push_escaped(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\t' | '\n' | '\r' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
}

/// An element's start or end in a document, by local name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag<'a> {
    /// `<name ...>`, and the text up to the next tag.
    Start(&'a str, &'a str),
    /// `<name ... />`.
    Empty(&'a str),
    /// `</name>`.
    End(&'a str),
}

/// The tags of a document in order. Declarations, comments and CDATA end the walk: no presence document that a
/// phone sends has them, and nobody shall smuggle anything in them (an XML declaration in front is passed over).
pub(super) fn tags(document: &str) -> impl Iterator<Item = Tag<'_>> {
    raw_tags(document).map(|(inner, text)| match inner.strip_prefix('/') {
        Some(name) => Tag::End(local_name(name)),
        None if inner.ends_with('/') => Tag::Empty(local_name(inner)),
        None => Tag::Start(local_name(inner), text),
    })
}

/// What stands between `<` and `>`, and the text behind it.
fn raw_tags(document: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = document.trim_start_matches('\u{feff}').trim_start();
    if rest.starts_with("<?xml") {
        rest = rest.find("?>").map_or("", |end| &rest[end + 2..]);
    }
    std::iter::from_fn(move || {
        let open = rest.find('<')?;
        let close = open + rest[open..].find('>')?;
        let inner = &rest[open + 1..close];
        rest = &rest[close + 1..];
        if inner.starts_with(['!', '?']) {
            rest = "";
            return None;
        }
        let text = &rest[..rest.find('<').unwrap_or(rest.len())];
        Some((inner, text))
    })
}

/// An element with what it says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element<'a> {
    /// Its local name.
    pub name: &'a str,
    /// Its attributes, as they are written.
    attributes: &'a str,
    /// The text up to the next tag, as it is written.
    pub text: &'a str,
}

impl Element<'_> {
    /// The value of an attribute without a prefix.
    pub(super) fn attribute(&self, name: &str) -> Option<String> {
        let mut rest = self.attributes;
        while let Some((key, behind)) = rest.split_once('=') {
            let behind = behind.trim_start();
            let quote = behind.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
            let (value, more) = behind[1..].split_once(quote)?;
            if key.trim() == name {
                return Some(unescaped(value));
            }
            rest = more;
        }
        None
    }
}

/// All elements of a document in the order of their start tags; see [`tags`] for what ends the walk.
pub(super) fn elements(document: &str) -> impl Iterator<Item = Element<'_>> {
    raw_tags(document).filter(|(inner, _)| !inner.starts_with('/')).map(|(inner, text)| {
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        let end = inner.find(|c: char| c.is_ascii_whitespace()).unwrap_or(inner.len());
        Element { name: local_name(inner), attributes: &inner[end..], text }
    })
}

/// Text without the escapes that XML knows by itself and those by number; others stay.
pub(super) fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.find(';').unwrap_or(0);
        let known = match &rest[..end] {
            "&amp" => Some('&'),
            "&lt" => Some('<'),
            "&gt" => Some('>'),
            "&quot" => Some('"'),
            "&apos" => Some('\''),
            other => other.strip_prefix("&#").and_then(|number| {
                let hexadecimal = number.strip_prefix('x').map(|digits| u32::from_str_radix(digits, 16));
                char::from_u32(hexadecimal.unwrap_or_else(|| number.parse()).ok()?)
            }),
        };
        match known {
            Some(c) => {
                out.push(c);
                rest = &rest[end + 1..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

fn local_name(tag: &str) -> &str {
    let name = tag.split(|c: char| c.is_ascii_whitespace() || c == '/').next().unwrap_or_default();
    name.rsplit(':').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_stripped_of_control_characters() {
        let mut out = String::new();
        push_escaped(&mut out, "<a & 'b'>\u{1}\"");
        assert_eq!(out, "&lt;a &amp; &apos;b&apos;&gt;&quot;");
    }

    #[test]
    fn tags_are_found_by_local_name() {
        let all: Vec<_> =
            tags("<?xml version='1.0'?><p:presence x='1'><basic> open </basic><away/>").collect();
        assert_eq!(
            all,
            [
                Tag::Start("presence", ""),
                Tag::Start("basic", " open "),
                Tag::End("basic"),
                Tag::Empty("away")
            ]
        );
    }

    #[test]
    fn attributes_are_found_in_either_quotes_and_unescaped() {
        let text = "<l:entry x='1' uri = \"sip:a&amp;b&#64;h\" note='&unknown; &#x41;'><d>Ann</d></l:entry>";
        let all: Vec<_> = elements(text).collect();
        assert_eq!((all.len(), all[0].name, all[1].text), (2, "entry", "Ann"));
        assert_eq!(all[0].attribute("uri").as_deref(), Some("sip:a&b@h"));
        assert_eq!(all[0].attribute("note").as_deref(), Some("&unknown; A"));
        assert_eq!(all[0].attribute("none"), None);
        assert_eq!(elements("<a b=c/>").next().unwrap().attribute("b"), None);
    }

    #[test]
    fn a_declaration_inside_ends_the_walk() {
        assert_eq!(tags("<a><!DOCTYPE b><c/>").collect::<Vec<_>>(), [Tag::Start("a", "")]);
    }
}
