//! Erlang terms as `ejabberdctl dump` writes them: read as data, one record at a time.

use std::io::BufRead;

use super::source::{Mistake, Source, Unit};

/// One record, in bytes as it is written.
pub const RECORD_BYTES_MAX: usize = 16 << 20;
/// Terms inside each other.
pub const DEPTH_MAX: usize = 96;

const UNIT: Unit = Unit { name: "record", part: "term", bytes_max: RECORD_BYTES_MAX };

/// A term.
#[derive(Clone, Debug, PartialEq)]
pub enum Term {
    /// A name.
    Atom(String),
    /// A whole number.
    Number(i64),
    /// Bytes, or a string.
    Bytes(Vec<u8>),
    /// `{…}`
    Tuple(Vec<Term>),
    /// `[…]`
    List(Vec<Term>),
    /// What means nothing outside of its node: a process, a function, a map.
    Other,
}

impl Term {
    /// The parts of a tuple.
    pub fn tuple(&self) -> &[Self] {
        if let Self::Tuple(parts) = self { parts } else { &[] }
    }

    /// The members of a list.
    pub fn list(&self) -> &[Self] {
        if let Self::List(members) = self { members } else { &[] }
    }

    /// Bytes in UTF-8.
    pub fn text(&self) -> Option<&str> {
        if let Self::Bytes(bytes) = self { std::str::from_utf8(bytes).ok() } else { None }
    }

    /// A name.
    pub fn atom(&self) -> Option<&str> {
        if let Self::Atom(name) = self { Some(name) } else { None }
    }

    /// A whole number.
    pub fn number(&self) -> Option<i64> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }
}

/// Reads records from a file.
pub struct Reader<R> {
    source: Source<R>,
    depth: usize,
}

impl<R: BufRead> Reader<R> {
    /// A reader that is at this place of a file.
    pub fn new(from: R, line: u64, offset: u64) -> Self {
        Self { source: Source::new(from, (line, offset), UNIT), depth: 0 }
    }

    /// The place in the file, in bytes.
    pub fn offset(&self) -> u64 {
        self.source.offset()
    }

    /// The line, from 1.
    pub fn line(&self) -> u64 {
        self.source.line()
    }

    /// Goes to the beginning of the next record; false at the end.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn find(&mut self) -> Result<bool, Mistake> {
        self.space()?;
        Ok(self.source.peek()?.is_some())
    }

    /// The record that begins here, to its full stop.
    ///
    /// # Errors
    /// It is no term, or too large.
    pub fn record(&mut self) -> Result<Term, Mistake> {
        self.source.begin();
        self.depth = 0;
        let term = self.term()?;
        self.sign(b'.')?;
        Ok(term)
    }

    fn term(&mut self) -> Result<Term, Mistake> {
        self.space()?;
        match self.source.peek()? {
            Some(b'{') => Ok(Term::Tuple(self.members(b'{', b'}')?)),
            Some(b'[') => Ok(Term::List(self.members(b'[', b']')?)),
            Some(b'"') => self.strings().map(Term::Bytes),
            Some(b'\'') => {
                let name = self.quoted(b'\'')?;
                Ok(Term::Atom(String::from_utf8_lossy(&name).into_owned()))
            }
            Some(b'<') => self.binary(),
            Some(b'#') => self.other(),
            Some(b'0'..=b'9' | b'-') => self.number(),
            Some(byte) if byte.is_ascii_lowercase() => {
                let mut name = String::new();
                while let Some(byte) =
                    self.source.peek()?.filter(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'@'))
                {
                    name.push(char::from(byte));
                    self.source.next()?;
                }
                Ok(Term::Atom(name))
            }
            Some(byte) => Err(self.source.mistake(format!("{:?} begins no term", char::from(byte)))),
            None => Err(self.source.mistake("the file ends where a term should be")),
        }
    }

    fn members(&mut self, open: u8, close: u8) -> Result<Vec<Term>, Mistake> {
        self.sign(open)?;
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.source.mistake(format!("more than {DEPTH_MAX} terms are inside each other")));
        }
        let mut members = Vec::new();
        loop {
            self.space()?;
            match self.source.peek()? {
                Some(byte) if byte == close => break,
                Some(b',' | b'|') if !members.is_empty() => drop(self.source.next()?),
                _ => members.push(self.term()?),
            }
        }
        self.sign(close)?;
        self.depth -= 1;
        Ok(members)
    }

    /// `<<"text">>`, `<<1,2>>`, several of these; or a process, `<0.1.0>`.
    fn binary(&mut self) -> Result<Term, Mistake> {
        self.source.next()?;
        if self.source.peek()? != Some(b'<') {
            while self.source.next()? != b'>' {}
            return Ok(Term::Other);
        }
        self.source.next()?;
        let mut bytes = Vec::new();
        loop {
            self.space()?;
            match self.source.peek()? {
                Some(b'>') => {
                    self.source.next()?;
                    self.sign(b'>')?;
                    return Ok(Term::Bytes(bytes));
                }
                Some(b'"') => bytes.extend(self.strings()?),
                Some(b',') => drop(self.source.next()?),
                // `/utf8`
                Some(b'/') => {
                    while self.source.peek()?.is_some_and(|b| b == b'/' || b.is_ascii_alphanumeric()) {
                        self.source.next()?;
                    }
                }
                _ => match self.number()? {
                    Term::Number(byte) => {
                        bytes.push(u8::try_from(byte).map_err(|_| self.source.mistake("this is no byte"))?);
                    }
                    _ => return Err(self.source.mistake("this is no byte")),
                },
            }
        }
    }

    /// Long texts are written as several strings behind each other.
    fn strings(&mut self) -> Result<Vec<u8>, Mistake> {
        let mut text = Vec::new();
        while self.source.peek()? == Some(b'"') {
            text.extend(self.quoted(b'"')?);
            self.space()?;
        }
        Ok(text)
    }

    fn quoted(&mut self, quote: u8) -> Result<Vec<u8>, Mistake> {
        self.source.next()?;
        let mut text = Vec::new();
        loop {
            match self.source.next()? {
                b'\\' => self.escaped(&mut text)?,
                byte if byte == quote => return Ok(text),
                byte => text.push(byte),
            }
        }
    }

    fn escaped(&mut self, text: &mut Vec<u8>) -> Result<(), Mistake> {
        let byte = self.source.next()?;
        text.push(match byte {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b's' => b' ',
            b'b' => 8,
            b'v' => 11,
            b'f' => 12,
            b'e' => 27,
            b'd' => 127,
            b'^' => self.source.next()? & 31,
            b'0'..=b'7' => {
                let mut code = u32::from(byte - b'0');
                for _ in 0..2 {
                    match self.source.peek()? {
                        Some(digit @ b'0'..=b'7') => {
                            code = code * 8 + u32::from(digit - b'0');
                            self.source.next()?;
                        }
                        _ => break,
                    }
                }
                u8::try_from(code).map_err(|_| self.source.mistake("an escape is larger than a byte"))?
            }
            b'x' => {
                self.sign(b'{')?;
                let mut code = 0_u32;
                loop {
                    let digit = self.source.next()?;
                    if digit == b'}' {
                        break;
                    }
                    let digit = char::from(digit).to_digit(16).filter(|_| code < 1 << 24);
                    code = code * 16
                        + digit.ok_or_else(|| self.source.mistake("an escape is not hexadecimal"))?;
                }
                let char =
                    char::from_u32(code).ok_or_else(|| self.source.mistake("an escape is no character"))?;
                text.extend(char.encode_utf8(&mut [0; 4]).bytes());
                return Ok(());
            }
            byte => byte,
        });
        Ok(())
    }

    fn number(&mut self) -> Result<Term, Mistake> {
        let mut text = String::new();
        while let Some(byte) = self.source.peek()? {
            let fraction = byte == b'.' && !text.contains('.');
            if !(byte.is_ascii_alphanumeric() || byte == b'-' || fraction) {
                break;
            }
            if fraction {
                // A full stop ends the record, unless digits follow.
                if !self.source.peek_behind()?.is_some_and(|behind| behind.is_ascii_digit()) {
                    break;
                }
            }
            text.push(char::from(self.source.next()?));
        }
        match text.parse() {
            Ok(number) => Ok(Term::Number(number)),
            Err(_) if text.parse::<f64>().is_ok() => Ok(Term::Other),
            Err(_) => Err(self.source.mistake(format!("{text:?} is no number"))),
        }
    }

    /// `#Ref<…>`, `#Fun<…>`, `#{…}`.
    fn other(&mut self) -> Result<Term, Mistake> {
        self.source.next()?;
        if self.source.peek()? == Some(b'{') {
            self.sign(b'{')?;
            self.depth += 1;
            if self.depth > DEPTH_MAX {
                return Err(self
                    .source
                    .mistake(format!("more than {DEPTH_MAX} terms are inside each other")));
            }
            loop {
                self.space()?;
                match self.source.peek()? {
                    Some(b'}') => break,
                    Some(b',' | b'=' | b'>') => drop(self.source.next()?),
                    _ => drop(self.term()?),
                }
            }
            self.depth -= 1;
            self.sign(b'}')?;
        } else {
            while self.source.next()? != b'>' {}
        }
        Ok(Term::Other)
    }

    fn sign(&mut self, sign: u8) -> Result<(), Mistake> {
        self.space()?;
        self.source.sign(sign)
    }

    fn space(&mut self) -> Result<(), Mistake> {
        while let Some(byte) = self.source.peek()? {
            if byte == b'%' {
                while !matches!(self.source.peek()?, None | Some(b'\n')) {
                    self.source.skip()?;
                }
            } else if byte.is_ascii_whitespace() {
                self.source.skip()?;
            } else {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn records(text: &[u8]) -> Result<Vec<Term>, Mistake> {
        let mut reader = Reader::new(text, 1, 0);
        let mut records = Vec::new();
        while reader.find()? {
            records.push(reader.record()?);
        }
        Ok(records)
    }

    #[test]
    fn records_are_read_as_mnesia_writes_them() {
        let text = b"{a,<<\"x\\\"y\\n\" \"z\">>,[1,-2],'B c',<<195,188>>}.\n{pid,<0.1.0>,#Ref<0.1>,#{a => 1},1.5,[],[a|b],\"s\"}.\n";
        let bytes = |text: &str| Term::Bytes(text.into());
        let atom = |name: &str| Term::Atom(name.to_owned());
        let first = vec![
            atom("a"),
            bytes("x\"y\nz"),
            Term::List(vec![Term::Number(1), Term::Number(-2)]),
            atom("B c"),
            bytes("ü"),
        ];
        let records = records(text).unwrap();
        assert_eq!(records[0], Term::Tuple(first));
        assert_eq!(records[1].tuple()[1..5], [Term::Other, Term::Other, Term::Other, Term::Other]);
        assert_eq!(records[1].tuple()[6..], [Term::List(vec![atom("a"), atom("b")]), bytes("s")]);
    }

    #[test]
    fn a_fraction_is_read_wherever_the_buffer_ends() {
        for capacity in 1..8 {
            let text = std::io::BufReader::with_capacity(capacity, &b"{a,1.5,2}."[..]);
            let record = Reader::new(text, 1, 0).record().unwrap();
            assert_eq!(record.tuple()[1..], [Term::Other, Term::Number(2)]);
        }
    }

    #[test]
    fn a_record_is_found_again_by_its_place() {
        let text = b"{a}.\n\n{b,\n1}.\n";
        let mut reader = Reader::new(&text[..], 1, 0);
        assert!(reader.find().unwrap());
        reader.record().unwrap();
        assert!(reader.find().unwrap());
        assert_eq!((reader.line(), reader.offset()), (3, 6));
        let mut again = Reader::new(&text[6..], 3, 6);
        assert_eq!(again.record().unwrap(), reader.record().unwrap());
        assert!(!reader.find().unwrap());
    }

    #[test]
    fn what_is_no_term_is_refused_with_its_line() {
        for text in ["{a", "{a}", "Var.", "{a}}.", "<<300>>.", "\"\\x{110000}\".", "1-2.", "<<a>>."] {
            assert!(records(text.as_bytes()).is_err(), "{text}");
        }
        assert_eq!(records(b"{a}.\n{a,\n^}.").unwrap_err().line, 3);
        let deep = format!("{}{}.", "[".repeat(DEPTH_MAX + 1), "]".repeat(DEPTH_MAX + 1));
        assert!(records(deep.as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _read = records(&bytes);
        }

        #[test]
        fn nothing_like_terms_makes_it_panic(text in "[\\[\\]{}<>,|.\"'\\\\0-9a-c#\n -]{0,60}") {
            let _read = records(text.as_bytes());
        }
    }
}
