//! Strict XML tokens over bytes that may end anywhere (RFC 6120 §11.1; XML 1.0 §2, §3).
//!
//! A token is judged only when it is complete, so that the verdict does not depend on how the bytes were split.

use memchr::{memchr, memchr3, memmem};

use crate::escape::{is_char, reference};
use crate::{Limits, StreamCondition, StreamError};

/// A range of bytes of the stanza (or header) being read. A value never starts at 0, so 0..0 is "none".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    /// The lexer has bounded `end` by a limit that is a `u32`.
    fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    pub(crate) fn of(self, data: &[u8]) -> &[u8] {
        data.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// The text there; `data` has passed [`check_characters`].
    pub(crate) fn text(self, data: &[u8]) -> &str {
        std::str::from_utf8(self.of(data)).unwrap_or_default()
    }

    pub(crate) fn is_none(self) -> bool {
        self.end == 0
    }
}

/// A name with an optional prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QName {
    pub(crate) whole: Span,
    /// Bytes of the prefix, 0 when there is none.
    prefix_bytes: u32,
}

impl QName {
    pub(crate) fn prefix(self) -> Option<Span> {
        (self.prefix_bytes > 0)
            .then(|| Span { start: self.whole.start, end: self.whole.start + self.prefix_bytes })
    }

    pub(crate) fn local(self) -> Span {
        match self.prefix_bytes {
            0 => self.whole,
            prefix => Span { start: self.whole.start + prefix + 1, end: self.whole.end },
        }
    }
}

/// An attribute as it stands in the tag; the value is still escaped and lies between its quotes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawAttribute {
    pub(crate) name: QName,
    pub(crate) value: Span,
}

/// One token. The attributes of a start tag are in the lexer's list.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Token {
    Start { name: QName, empty: bool },
    End { name: Span },
    Text(Span),
    Cdata(Span),
}

/// Where reading stands. Offsets are into the data given to [`Lexer::next`], which only grows until
/// [`Lexer::reset`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Lexer {
    /// The first byte of the next token.
    pub(crate) at: usize,
    /// Bytes of an incomplete token that need no second look.
    scanned: usize,
    /// The quote that is open at `scanned`, or 0.
    quote: u8,
    /// The attributes of the last start tag.
    pub(crate) attributes: Vec<RawAttribute>,
}

const CDATA: &[u8] = b"<![CDATA[";

impl Lexer {
    /// Starts again at the front of other data.
    pub(crate) fn reset(&mut self) {
        self.at = 0;
        self.scanned = 0;
        self.quote = 0;
    }

    /// The next token; none while it is incomplete. Nothing may lie beyond `bytes_max`.
    pub(crate) fn next(
        &mut self,
        data: &[u8],
        bytes_max: u32,
        limits: &Limits,
    ) -> Result<Option<Token>, StreamError> {
        let found = self.find_end(data)?;
        if found.unwrap_or(data.len()) > bytes_max as usize {
            return Err(too_big());
        }
        let Some(end) = found else { return Ok(None) };
        let start = self.at;
        self.at = end;
        self.scanned = end;
        self.quote = 0;
        let token = match (data[start], data.get(start + 1)) {
            (b'<', Some(b'/')) => end_tag(data, start, end, limits)?,
            (b'<', Some(b'!')) => {
                let content = Span::new(start + CDATA.len(), end - 3);
                check_controls(content.of(data))?;
                Token::Cdata(content)
            }
            (b'<', _) => self.start_tag(data, start, end, limits)?,
            _ => {
                check_text(&data[start..end])?;
                Token::Text(Span::new(start, end))
            }
        };
        Ok(Some(token))
    }

    /// The end of the token at `at`, once it is there.
    fn find_end(&mut self, data: &[u8]) -> Result<Option<usize>, StreamError> {
        let from = self.scanned.max(self.at);
        let Some(first) = data.get(self.at) else { return Ok(None) };
        if *first != b'<' {
            let end = memchr(b'<', &data[from..]).map(|p| from + p);
            self.scanned = data.len();
            return Ok(end);
        }
        match data.get(self.at + 1) {
            None => Ok(None),
            Some(b'?') => Err(restricted("processing instructions are not allowed")),
            Some(b'!') => self.find_cdata_end(data),
            Some(_) => Ok(self.find_tag_end(data, from)),
        }
    }

    fn find_cdata_end(&mut self, data: &[u8]) -> Result<Option<usize>, StreamError> {
        let opening = &data[self.at..data.len().min(self.at + CDATA.len())];
        if !CDATA.starts_with(opening) {
            return Err(restricted("comments and document types are not allowed"));
        }
        if opening.len() < CDATA.len() {
            return Ok(None);
        }
        // Two bytes of `]]>` may have been there before.
        let from = (self.at + CDATA.len()).max(self.scanned.saturating_sub(2));
        self.scanned = data.len();
        Ok(memmem::find(&data[from..], b"]]>").map(|p| from + p + 3))
    }

    /// Finds `>` outside of quotes.
    fn find_tag_end(&mut self, data: &[u8], from: usize) -> Option<usize> {
        let mut at = from;
        loop {
            let rest = &data[at..];
            if self.quote != 0 {
                let Some(p) = memchr(self.quote, rest) else { break };
                self.quote = 0;
                at += p + 1;
                continue;
            }
            let Some(p) = memchr3(b'>', b'"', b'\'', rest) else { break };
            if rest[p] == b'>' {
                return Some(at + p + 1);
            }
            self.quote = rest[p];
            at += p + 1;
        }
        self.scanned = data.len();
        None
    }

    fn start_tag(
        &mut self,
        data: &[u8],
        start: usize,
        end: usize,
        limits: &Limits,
    ) -> Result<Token, StreamError> {
        self.attributes.clear();
        let name = qname(data, start + 1, limits)?;
        let mut at = name.whole.end as usize;
        loop {
            let before = at;
            at = skip_space(data, at);
            match &data[at..end] {
                [b'>'] => return Ok(Token::Start { name, empty: false }),
                [b'/', b'>'] => return Ok(Token::Start { name, empty: true }),
                _ if at == before => return Err(malformed("white space is missing between attributes")),
                _ => {}
            }
            if self.attributes.len() >= usize::from(limits.attributes_max) {
                return Err(over("too many attributes"));
            }
            let attribute = attribute(data, at, end, limits)?;
            at = attribute.value.end as usize + 1;
            self.attributes.push(attribute);
        }
    }
}

fn end_tag(data: &[u8], start: usize, end: usize, limits: &Limits) -> Result<Token, StreamError> {
    let name = qname(data, start + 2, limits)?.whole;
    if skip_space(data, name.end as usize) != end - 1 {
        return Err(malformed("an end tag has a name only"));
    }
    Ok(Token::End { name })
}

fn attribute(data: &[u8], at: usize, end: usize, limits: &Limits) -> Result<RawAttribute, StreamError> {
    let name = qname(data, at, limits)?;
    let equals = skip_space(data, name.whole.end as usize);
    let open = skip_space(data, equals + 1);
    let quote = match (data.get(equals), data.get(open)) {
        (Some(b'='), Some(quote @ (b'"' | b'\''))) => *quote,
        _ => return Err(malformed("an attribute needs a quoted value")),
    };
    // The tag's end was searched outside of quotes, so the closing quote lies before it.
    let close = memchr(quote, &data[open + 1..end]).map(|p| open + 1 + p);
    let close = close.ok_or_else(|| malformed("a quote is missing"))?;
    check_value(&data[open + 1..close])?;
    Ok(RawAttribute { name, value: Span::new(open + 1, close) })
}

/// Byte classes.
const NAME_START: u8 = 1;
const NAME: u8 = 2;
/// Needs a look in text.
const TEXT: u8 = 4;
/// Needs a look in an attribute value.
const VALUE: u8 = 8;
/// Not a character (XML 1.0 §2.2).
const CONTROL: u8 = 16;

const CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        classes[byte] = match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'_' | 0x80.. => NAME_START | NAME,
            b'0'..=b'9' | b'-' | b'.' => NAME,
            b'\t' | b'\n' | b'\r' => 0,
            0..0x20 => TEXT | VALUE | CONTROL,
            b'&' => TEXT | VALUE,
            b'<' => VALUE,
            b']' => TEXT,
            _ => 0,
        };
        byte += 1;
    }
    classes
}

fn class(byte: u8) -> u8 {
    CLASSES[usize::from(byte)]
}

fn skip_space(data: &[u8], mut at: usize) -> usize {
    while data.get(at).is_some_and(|b| is_space(*b)) {
        at += 1;
    }
    at
}

/// `S` of XML 1.0 §2.3.
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Reads a `QName` (Namespaces in XML 1.0 §4): at most one colon, and a name on each side of it.
fn qname(data: &[u8], start: usize, limits: &Limits) -> Result<QName, StreamError> {
    let mut at = start;
    let mut part = start;
    let mut prefix = 0;
    let mut ascii = true;
    loop {
        let byte = data.get(at).copied().unwrap_or(b'>');
        let wanted = if at == part { NAME_START } else { NAME };
        if class(byte) & wanted != 0 {
            ascii &= byte < 0x80;
            at += 1;
        } else if at == part {
            return Err(malformed("a name is missing or has a character that names may not have"));
        } else if byte == b':' && prefix == 0 {
            prefix = at - start;
            at += 1;
            part = at;
        } else {
            break;
        }
    }
    if at - start > usize::from(limits.name_bytes_max) {
        return Err(over("a name is too long"));
    }
    if !ascii {
        check_name(&data[start..at])?;
    }
    Ok(QName { whole: Span::new(start, at), prefix_bytes: prefix as u32 })
}

/// Names beyond ASCII (XML 1.0 §2.3, fifth edition).
fn check_name(name: &[u8]) -> Result<(), StreamError> {
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

fn check_text(text: &[u8]) -> Result<(), StreamError> {
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

fn check_value(value: &[u8]) -> Result<(), StreamError> {
    let mut at = 0;
    while let Some(step) = value[at..].iter().position(|b| class(*b) & VALUE != 0) {
        at += step;
        at += match value[at] {
            b'&' => reference_bytes(&value[at..])?,
            b'<' => return Err(malformed("< in an attribute value")),
            _ => return Err(malformed("a control character")),
        };
    }
    Ok(())
}

fn check_controls(text: &[u8]) -> Result<(), StreamError> {
    match text.iter().any(|b| class(*b) & CONTROL != 0) {
        true => Err(malformed("a control character")),
        false => Ok(()),
    }
}

/// The length of a reference. An entity that nobody may declare is `restricted-xml` (RFC 6120 §11.1).
fn reference_bytes(bytes: &[u8]) -> Result<usize, StreamError> {
    match reference(bytes) {
        Some((_, len)) => Ok(len),
        None if bytes.get(1).is_some_and(|b| class(*b) & NAME_START != 0)
            && memchr(b';', bytes).is_some() =>
        {
            Err(restricted("only the five predefined entities exist"))
        }
        None => Err(malformed("not a character reference")),
    }
}

/// UTF-8 (RFC 6120 §11.6) of XML characters; controls were found by the tokens.
pub(crate) fn check_characters(data: &[u8]) -> Result<(), StreamError> {
    let text = std::str::from_utf8(data).map_err(|_| malformed("not UTF-8"))?;
    // U+FFFE and U+FFFF are the only others that are no characters, and begin with this byte.
    if memchr(0xEF, data).is_some() && text.chars().any(|c| matches!(c, '\u{FFFE}' | '\u{FFFF}')) {
        return Err(malformed("not a character"));
    }
    debug_assert!(text.chars().all(is_char));
    Ok(())
}

/// Checks `<?xml …?>`: version 1.0 and UTF-8 (RFC 6120 §11.5, §11.6).
pub(crate) fn check_declaration(declaration: &[u8], limits: &Limits) -> Result<(), StreamError> {
    let end = declaration.len() - 2;
    let mut at = b"<?xml".len();
    for (name, needed) in [(&b"version"[..], true), (b"encoding", false), (b"standalone", false)] {
        let start = skip_space(declaration, at);
        if !declaration[start..end].starts_with(name) {
            if needed {
                return Err(malformed("the XML declaration has no version"));
            }
            continue;
        }
        if start == at {
            return Err(malformed("white space is missing in the XML declaration"));
        }
        let attribute = attribute(declaration, start, end, limits)?;
        if attribute.name.whole.of(declaration) != name {
            return Err(malformed("not an XML declaration"));
        }
        let value = attribute.value.of(declaration);
        match name {
            b"version" if value != b"1.0" => return Err(malformed("not XML 1.0")),
            b"encoding" if !value.eq_ignore_ascii_case(b"utf-8") => {
                return Err(StreamError::new(StreamCondition::UnsupportedEncoding, "not UTF-8"));
            }
            b"standalone" if !matches!(value, b"yes" | b"no") => {
                return Err(malformed("not an XML declaration"));
            }
            _ => {}
        }
        at = attribute.value.end as usize + 1;
    }
    if skip_space(declaration, at) != end {
        return Err(malformed("not an XML declaration"));
    }
    check_characters(declaration)
}

pub(crate) fn malformed(text: &'static str) -> StreamError {
    StreamError::new(StreamCondition::NotWellFormed, text)
}

pub(crate) fn restricted(text: &'static str) -> StreamError {
    StreamError::new(StreamCondition::RestrictedXml, text)
}

pub(crate) fn over(text: &'static str) -> StreamError {
    StreamError::new(StreamCondition::PolicyViolation, text)
}

pub(crate) fn too_big() -> StreamError {
    over("too big")
}
