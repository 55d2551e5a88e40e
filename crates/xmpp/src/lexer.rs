//! Strict XML tokens over bytes that may end anywhere (RFC 6120 §11.1; XML 1.0 §2, §3).
//!
//! A token is judged only when it is complete, so that the verdict does not depend on how the bytes were split.

use memchr::{memchr, memchr3, memmem};

use crate::characters::{
    COLON, NAME, NAME_START, VALUE, WIDE, check_characters, check_controls, check_name, check_text, class,
    reference_bytes, skip_space,
};
use crate::fault::{Fault, fault, malformed, over, restricted, too_big};
use crate::{Limits, StreamCondition};

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
    /// The value means what its bytes say: no reference in it, and no white space but blanks.
    pub(crate) plain: bool,
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
    ) -> Result<Option<Token>, Fault> {
        let start = self.at;
        let found = match (data.get(start), data.get(start + 1)) {
            (None, _) | (Some(b'<'), None) => None,
            (Some(b'<'), Some(b'?')) => return Err(restricted("processing instructions are not allowed")),
            (Some(b'<'), Some(b'!')) => self.find_cdata_end(data)?,
            (Some(b'<'), Some(_)) => return self.tag(data, bytes_max, limits),
            _ => self.find_text_end(data),
        };
        let Some(end) = self.within(data, found, bytes_max)? else { return Ok(None) };
        self.pass(end);
        if data[start] == b'<' {
            let content = Span::new(start + CDATA.len(), end - 3);
            check_controls(content.of(data))?;
            return Ok(Some(Token::Cdata(content)));
        }
        check_text(&data[start..end])?;
        Ok(Some(Token::Text(Span::new(start, end))))
    }

    fn tag(&mut self, data: &[u8], bytes_max: u32, limits: &Limits) -> Result<Option<Token>, Fault> {
        // Nearly always the whole tag is there, and one look does. What is wrong with a tag is told only when
        // its end is there too: so the verdict is the same however it came in.
        let first_look = self.scanned <= self.at;
        if first_look && let Ok((token, end)) = self.read_tag(data, limits) {
            self.within(data, Some(end), bytes_max)?;
            self.pass(end);
            return Ok(Some(token));
        }
        let found = self.find_tag_end(data);
        let Some(end) = self.within(data, found, bytes_max)? else { return Ok(None) };
        let (token, _) = self.read_tag(data, limits)?;
        self.pass(end);
        Ok(Some(token))
    }

    fn within(&self, data: &[u8], end: Option<usize>, bytes_max: u32) -> Result<Option<usize>, Fault> {
        if end.unwrap_or(data.len()) > bytes_max as usize { Err(too_big()) } else { Ok(end) }
    }

    fn pass(&mut self, end: usize) {
        self.at = end;
        self.scanned = end;
        self.quote = 0;
    }

    fn find_text_end(&mut self, data: &[u8]) -> Option<usize> {
        let from = self.scanned.max(self.at);
        self.scanned = data.len();
        memchr(b'<', &data[from..]).map(|p| from + p)
    }

    fn find_cdata_end(&mut self, data: &[u8]) -> Result<Option<usize>, Fault> {
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
    fn find_tag_end(&mut self, data: &[u8]) -> Option<usize> {
        let mut at = self.scanned.max(self.at);
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

    /// Reads the tag at `at` and says where it ends.
    fn read_tag(&mut self, data: &[u8], limits: &Limits) -> Result<(Token, usize), Fault> {
        if data.get(self.at + 1) == Some(&b'/') {
            let name = qname(data, self.at + 2, limits)?.whole;
            let end = skip_space(data, name.end as usize);
            return match data.get(end) {
                Some(b'>') => Ok((Token::End { name }, end + 1)),
                _ => Err(malformed("an end tag has a name only")),
            };
        }
        self.attributes.clear();
        let name = qname(data, self.at + 1, limits)?;
        let mut at = name.whole.end as usize;
        loop {
            let before = at;
            at = skip_space(data, at);
            match (data.get(at), data.get(at + 1)) {
                (Some(b'>'), _) => return Ok((Token::Start { name, empty: false }, at + 1)),
                (Some(b'/'), Some(b'>')) => return Ok((Token::Start { name, empty: true }, at + 2)),
                _ if at == before => return Err(malformed("white space is missing between attributes")),
                _ => {}
            }
            if self.attributes.len() >= usize::from(limits.attributes_max) {
                return Err(over("too many attributes"));
            }
            let attribute = attribute(data, at, limits)?;
            at = attribute.value.end as usize + 1;
            self.attributes.push(attribute);
        }
    }
}

fn attribute(data: &[u8], at: usize, limits: &Limits) -> Result<RawAttribute, Fault> {
    let name = qname(data, at, limits)?;
    let equals = skip_space(data, name.whole.end as usize);
    let open = skip_space(data, equals + 1);
    match (data.get(equals), data.get(open)) {
        (Some(b'='), Some(b'"' | b'\'')) => {}
        _ => return Err(malformed("an attribute needs a quoted value")),
    }
    let (close, plain) = value_end(data, open)?;
    Ok(RawAttribute { name, value: Span::new(open + 1, close), plain })
}

/// Reads the value that the quote at `open` begins: where the other quote stands, and whether it is plain.
fn value_end(data: &[u8], open: usize) -> Result<(usize, bool), Fault> {
    let mut at = open + 1;
    let mut plain = true;
    while let Some(step) = data[at..].iter().position(|b| class(*b) & VALUE != 0) {
        at += step;
        at += match data[at] {
            quote if quote == data[open] => return Ok((at, plain)),
            b'"' | b'\'' => 1,
            b'\t' | b'\n' | b'\r' => {
                plain = false;
                1
            }
            b'&' => {
                plain = false;
                reference_bytes(&data[at..])?
            }
            b'<' => return Err(malformed("< in an attribute value")),
            _ => return Err(malformed("a control character")),
        };
    }
    Err(malformed("a quote is missing"))
}

/// Reads a `QName` (Namespaces in XML 1.0 §4): at most one colon, and a name on each side of it.
fn qname(data: &[u8], start: usize, limits: &Limits) -> Result<QName, Fault> {
    let bytes = data.get(start..).unwrap_or_default();
    let mut seen = 0;
    let mut len = 0;
    for byte in bytes {
        let class = class(*byte);
        if class & NAME == 0 {
            break;
        }
        seen |= class;
        len += 1;
    }
    let name = &bytes[..len];
    let starts = |part: &[u8]| part.first().is_some_and(|b| class(*b) & NAME_START != 0);
    let mut prefix = 0;
    if seen & COLON != 0 {
        prefix = memchr(b':', name).unwrap_or_default();
        let local = &name[prefix + 1..];
        if !starts(local) || memchr(b':', local).is_some() {
            return Err(malformed("a name has one colon at most, and a name on each side"));
        }
    }
    if !starts(name) {
        return Err(malformed("a name is missing or has a character that names may not have"));
    }
    if len > usize::from(limits.name_bytes_max) {
        return Err(over("a name is too long"));
    }
    if seen & WIDE != 0 {
        check_name(name)?;
    }
    Ok(QName { whole: Span::new(start, start + len), prefix_bytes: prefix as u32 })
}

/// Checks `<?xml …?>`: version 1.0 and UTF-8 (RFC 6120 §11.5, §11.6).
pub(crate) fn check_declaration(declaration: &[u8], limits: &Limits) -> Result<(), Fault> {
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
        let attribute = attribute(&declaration[..end], start, limits)?;
        if attribute.name.whole.of(declaration) != name {
            return Err(malformed("not an XML declaration"));
        }
        let value = attribute.value.of(declaration);
        match name {
            b"version" if value != b"1.0" => return Err(malformed("not XML 1.0")),
            b"encoding" if !value.eq_ignore_ascii_case(b"utf-8") => {
                return Err(fault(StreamCondition::UnsupportedEncoding, "not UTF-8"));
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
