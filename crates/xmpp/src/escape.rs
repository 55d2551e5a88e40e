//! Escaping and unescaping of text and attribute values (XML 1.0 §2.4, §3.3.3, §4.6).

use std::borrow::Cow;

use bytes::BytesMut;
use memchr::memchr3;

/// Appends `text` so that it may stand between tags.
pub fn push_text(out: &mut BytesMut, text: &str) {
    let mut rest = text.as_bytes();
    // `\r` must be a reference or the reader makes `\n` of it (XML 1.0 §2.11); `>` because of `]]>`.
    while let Some(at) = rest.iter().position(|b| matches!(b, b'<' | b'&' | b'>' | b'\r')) {
        out.extend_from_slice(&rest[..at]);
        push_reference(out, rest[at]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

/// Appends `value` so that it may stand in an attribute quoted with `'`.
pub fn push_attribute(out: &mut BytesMut, value: &str) {
    let mut rest = value.as_bytes();
    while let Some(at) =
        rest.iter().position(|b| matches!(b, b'<' | b'&' | b'>' | b'\'' | b'"' | b'\t' | b'\n' | b'\r'))
    {
        out.extend_from_slice(&rest[..at]);
        push_reference(out, rest[at]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

fn push_reference(out: &mut BytesMut, byte: u8) {
    out.extend_from_slice(match byte {
        b'<' => b"&lt;",
        b'>' => b"&gt;",
        b'&' => b"&amp;",
        b'\'' => b"&apos;",
        b'"' => b"&quot;",
        b'\t' => b"&#9;",
        b'\n' => b"&#10;",
        _ => b"&#13;",
    });
}

/// The meaning of raw character data: references resolved, line ends as `\n`.
pub fn unescape_text(raw: &str) -> Cow<'_, str> {
    if memchr::memchr2(b'&', b'\r', raw.as_bytes()).is_none() {
        return Cow::Borrowed(raw);
    }
    Cow::Owned(unescape(&line_ends(raw), false))
}

/// The meaning of a CDATA section's content: line ends as `\n`, nothing else.
pub fn line_ends(raw: &str) -> Cow<'_, str> {
    if memchr::memchr(b'\r', raw.as_bytes()).is_none() {
        return Cow::Borrowed(raw);
    }
    Cow::Owned(raw.replace("\r\n", "\n").replace('\r', "\n"))
}

/// The meaning of a raw attribute value: references resolved, white space as blanks (XML 1.0 §3.3.3).
pub fn unescape_attribute(raw: &str) -> Cow<'_, str> {
    let bytes = raw.as_bytes();
    if memchr3(b'&', b'\r', b'\n', bytes).is_none() && memchr::memchr(b'\t', bytes).is_none() {
        return Cow::Borrowed(raw);
    }
    Cow::Owned(unescape(&line_ends(raw), true))
}

fn unescape(raw: &str, blanks: bool) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find(|c| c == '&' || (blanks && matches!(c, '\t' | '\n'))) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if !rest.starts_with('&') {
            out.push(' ');
            rest = &rest[1..];
            continue;
        }
        match reference(rest.as_bytes()) {
            Some((c, len)) => {
                out.push(c);
                rest = &rest[len..];
            }
            None => {
                // The framer lets no such reference in; what did not come through it is kept as it is.
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// Reads the reference at the start of `bytes`: its character and its length. Only the five predefined
/// entities and character references exist on an XMPP stream (RFC 6120 §11.1).
pub(crate) fn reference(bytes: &[u8]) -> Option<(char, usize)> {
    let end = bytes.iter().take(REFERENCE_BYTES_MAX).position(|b| *b == b';')?;
    let c = match bytes.get(1..end)? {
        b"lt" => '<',
        b"gt" => '>',
        b"amp" => '&',
        b"apos" => '\'',
        b"quot" => '"',
        [b'#', b'x', hex @ ..] => code(hex, 16)?,
        [b'#', decimal @ ..] => code(decimal, 10)?,
        _ => return None,
    };
    Some((c, end + 1))
}

/// The longest reference that we read, in bytes: leading zeros have no use.
const REFERENCE_BYTES_MAX: usize = 10;

fn code(digits: &[u8], radix: u32) -> Option<char> {
    if digits.is_empty() {
        return None;
    }
    let mut value = 0_u32;
    for digit in digits {
        value = value.checked_mul(radix)?.checked_add(char::from(*digit).to_digit(radix)?)?;
    }
    char::from_u32(value).filter(|c| is_char(*c))
}

/// `Char` of XML 1.0 §2.2.
pub(crate) fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved_and_written_again() {
        assert_eq!(unescape_text("a &lt;b&gt; &amp; &#x41;&#66;&apos;&quot;"), "a <b> & AB'\"");
        let mut out = BytesMut::new();
        push_text(&mut out, "a<b>&\r");
        assert_eq!(&out[..], b"a&lt;b&gt;&amp;&#13;");
        out.clear();
        push_attribute(&mut out, "'\"\n");
        assert_eq!(&out[..], b"&apos;&quot;&#10;");
    }

    #[test]
    fn white_space_in_attributes_is_blank_unless_referenced() {
        assert_eq!(unescape_attribute("a\tb\r\nc&#10;d"), "a b c\nd");
        assert_eq!(unescape_text("a\r\nb\rc"), "a\nb\nc");
    }

    #[test]
    fn only_the_five_entities_and_valid_characters_are_references() {
        for bad in
            ["&nbsp;", "&#0;", "&#xD800;", "&#xFFFE;", "&;", "&#;", "&#x;", "&lt", "&#1114112;", "&#-1;"]
        {
            assert_eq!(reference(bad.as_bytes()), None, "{bad}");
        }
    }
}
