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
            c if c.is_control() => {}
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
        Some(match inner.strip_prefix('/') {
            Some(name) => Tag::End(local_name(name)),
            None if inner.ends_with('/') => Tag::Empty(local_name(inner)),
            None => Tag::Start(local_name(inner), text),
        })
    })
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
    fn a_declaration_inside_ends_the_walk() {
        assert_eq!(tags("<a><!DOCTYPE b><c/>").collect::<Vec<_>>(), [Tag::Start("a", "")]);
    }
}
