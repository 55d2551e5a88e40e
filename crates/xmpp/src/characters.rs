//! Which bytes and characters may stand where in XML (XML 1.0 §2.2, §2.3).

use memchr::memchr;

use crate::escape::{is_char, reference};
use crate::fault::{Fault, malformed, restricted};

/// May begin a name.
pub(crate) const NAME_START: u8 = 1;
/// May stand in a name with a prefix.
pub(crate) const NAME: u8 = 2;
/// The colon.
pub(crate) const COLON: u8 = 4;
/// Beyond ASCII.
pub(crate) const WIDE: u8 = 8;
/// Needs a look in text.
const TEXT: u8 = 16;
/// Needs a look in an attribute value.
pub(crate) const VALUE: u8 = 32;
/// Not a character (XML 1.0 §2.2).
const CONTROL: u8 = 64;

const CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        classes[byte] = match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'_' => NAME_START | NAME,
            0x80.. => NAME_START | NAME | WIDE,
            b'0'..=b'9' | b'-' | b'.' => NAME,
            b':' => NAME | COLON,
            b'\t' | b'\n' | b'\r' | b'<' | b'\'' | b'"' => VALUE,
            0..0x20 => TEXT | VALUE | CONTROL,
            b'&' => TEXT | VALUE,
            b']' => TEXT,
            _ => 0,
        };
        byte += 1;
    }
    classes
}

pub(crate) fn class(byte: u8) -> u8 {
    CLASSES[usize::from(byte)]
}

/// `S` of XML 1.0 §2.3.
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

pub(crate) fn skip_space(data: &[u8], mut at: usize) -> usize {
    while data.get(at).is_some_and(|b| is_space(*b)) {
        at += 1;
    }
    at
}

/// Names beyond ASCII (XML 1.0 §2.3, fifth edition).
pub(crate) fn check_name(name: &[u8]) -> Result<(), Fault> {
    let name = std::str::from_utf8(name).map_err(|_| malformed("not UTF-8"))?;
    let fine = name.split(':').all(|part| {
        let mut chars = part.chars();
        chars.next().is_some_and(is_name_start) && chars.all(|c| is_name_start(c) || is_name_rest(c))
    });
    if fine { Ok(()) } else { Err(malformed("a name has a character that names may not have")) }
}

fn is_name_start(c: char) -> bool {
    matches!(c, 'A'..='Z' | 'a'..='z' | '_' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}'
        | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}'
        | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}'
        | '\u{10000}'..='\u{EFFFF}')
}

fn is_name_rest(c: char) -> bool {
    matches!(c, '0'..='9' | '-' | '.' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

/// Text between tags.
pub(crate) fn check_text(text: &[u8]) -> Result<(), Fault> {
    // Without a branch for each byte, so that many are looked at at once; nearly all text is plain.
    let special = |b: u8| (b < b' ') | (b == b'&') | (b == b']');
    if !text.iter().fold(false, |any, byte| any | special(*byte)) {
        return Ok(());
    }
    let mut at = 0;
    while let Some(step) = text[at..].iter().position(|b| class(*b) & TEXT != 0) {
        at += step;
        at += match text[at] {
            b'&' => reference_bytes(&text[at..])?,
            b']' if text[at..].starts_with(b"]]>") => return Err(malformed("]]> in text")),
            b']' => 1,
            _ => return Err(malformed("a control character")),
        };
    }
    Ok(())
}

/// The content of a CDATA section.
pub(crate) fn check_controls(text: &[u8]) -> Result<(), Fault> {
    match text.iter().any(|b| class(*b) & CONTROL != 0) {
        true => Err(malformed("a control character")),
        false => Ok(()),
    }
}

/// The length of the reference at the front. An entity that nobody may declare is `restricted-xml`
/// (RFC 6120 §11.1).
pub(crate) fn reference_bytes(bytes: &[u8]) -> Result<usize, Fault> {
    if let Some((_, len)) = reference(bytes) {
        return Ok(len);
    }
    let name = bytes[1..].iter().position(|b| class(*b) & NAME == 0).unwrap_or(bytes.len() - 1);
    match bytes.get(1) {
        Some(first) if class(*first) & NAME_START != 0 && bytes.get(name + 1) == Some(&b';') => {
            Err(restricted("only the five predefined entities exist"))
        }
        _ => Err(malformed("not a character reference")),
    }
}

/// UTF-8 (RFC 6120 §11.6) of XML characters; controls were found by the tokens.
pub(crate) fn check_characters(data: &[u8]) -> Result<(), Fault> {
    if data.is_ascii() {
        return Ok(());
    }
    let text = std::str::from_utf8(data).map_err(|_| malformed("not UTF-8"))?;
    // U+FFFE and U+FFFF are the only others that are no characters, and begin with this byte.
    if memchr(0xEF, data).is_some() && text.chars().any(|c| matches!(c, '\u{FFFE}' | '\u{FFFF}')) {
        return Err(malformed("not a character"));
    }
    debug_assert!(text.chars().all(is_char));
    Ok(())
}
