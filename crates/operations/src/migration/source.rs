//! The bytes of a file, one after the other, with their place: what the readers of other servers' data stand on.

use std::io::BufRead;

/// The file does not say what it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Mistake {
    /// The line, from 1.
    pub line: u64,
    /// What is wrong.
    pub message: String,
}

/// What is read at a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unit {
    /// What people call it.
    pub(super) name: &'static str,
    /// What it is made of.
    pub(super) part: &'static str,
    /// As it is written, in bytes.
    pub(super) bytes_max: usize,
}

/// Gives the bytes of a file, and knows the line.
pub(super) struct Source<R> {
    from: R,
    /// A byte that left the buffer so that what is behind it could be seen.
    held: Option<u8>,
    unit: Unit,
    line: u64,
    offset: u64,
    /// Bytes of the unit that is being read.
    taken: usize,
}

impl<R: BufRead> Source<R> {
    /// A source that is at this line and byte of a file.
    pub(super) fn new(from: R, (line, offset): (u64, u64), unit: Unit) -> Self {
        Self { from, held: None, unit, line, offset, taken: 0 }
    }

    /// The line, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// The place in the file, in bytes.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The next unit begins.
    pub(super) fn begin(&mut self) {
        self.taken = 0;
    }

    fn buffer(&mut self) -> Result<&[u8], Mistake> {
        let line = self.line;
        self.from.fill_buf().map_err(|error| Mistake { line, message: error.to_string() })
    }

    /// The byte that comes; `None` at the end.
    pub(super) fn peek(&mut self) -> Result<Option<u8>, Mistake> {
        match self.held {
            Some(byte) => Ok(Some(byte)),
            None => Ok(self.buffer()?.first().copied()),
        }
    }

    /// The byte behind the one that comes; `None` when there is none.
    pub(super) fn peek_behind(&mut self) -> Result<Option<u8>, Mistake> {
        if self.held.is_none() {
            match *self.buffer()? {
                [] => return Ok(None),
                [_, behind, ..] => return Ok(Some(behind)),
                // The buffer ends here, the file may not.
                [byte] => {
                    self.from.consume(1);
                    self.held = Some(byte);
                }
            }
        }
        Ok(self.buffer()?.first().copied())
    }

    /// Takes a byte of the unit.
    pub(super) fn next(&mut self) -> Result<u8, Mistake> {
        let Some(byte) = self.skip()? else {
            return Err(self.mistake(format!("the file ends within a {}", self.unit.part)));
        };
        self.taken += 1;
        let Unit { name, bytes_max, .. } = self.unit;
        if self.taken > bytes_max {
            return Err(self.mistake(format!("one {name} is larger than {} MiB", bytes_max >> 20)));
        }
        Ok(byte)
    }

    /// Takes a byte that counts for nothing; `None` at the end.
    pub(super) fn skip(&mut self) -> Result<Option<u8>, Mistake> {
        let Some(byte) = self.peek()? else { return Ok(None) };
        if self.held.take().is_none() {
            self.from.consume(1);
        }
        self.offset += 1;
        self.line += u64::from(byte == b'\n');
        Ok(Some(byte))
    }

    /// Takes this byte.
    pub(super) fn sign(&mut self, sign: u8) -> Result<(), Mistake> {
        match self.peek()? {
            Some(byte) if byte == sign => self.next().map(drop),
            _ => Err(self.mistake(format!("{:?} is expected", char::from(sign)))),
        }
    }

    /// Something is wrong here.
    pub(super) fn mistake(&self, message: impl Into<String>) -> Mistake {
        Mistake { line: self.line, message: message.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: Unit = Unit { name: "line", part: "word", bytes_max: 4 };

    #[test]
    fn what_is_behind_is_seen_across_the_end_of_the_buffer() {
        for capacity in 1..4 {
            let file = std::io::BufReader::with_capacity(capacity, &b"abc"[..]);
            let mut source = Source::new(file, (1, 0), UNIT);
            for (byte, behind) in [(b'a', Some(b'b')), (b'b', Some(b'c')), (b'c', None)] {
                assert_eq!((source.peek_behind(), source.peek()), (Ok(behind), Ok(Some(byte))));
                assert_eq!((source.peek_behind(), source.next()), (Ok(behind), Ok(byte)), "{capacity}");
            }
            assert_eq!((source.peek_behind(), source.peek(), source.offset()), (Ok(None), Ok(None), 3));
        }
    }

    #[test]
    fn a_place_is_known_and_a_unit_is_bounded() {
        let mut source = Source::new(&b"a\nbcd\n"[..], (7, 100), UNIT);
        assert_eq!((source.skip(), source.next(), source.next()), (Ok(Some(b'a')), Ok(b'\n'), Ok(b'b')));
        assert_eq!((source.line(), source.offset()), (8, 103));
        source.begin();
        source.sign(b'c').unwrap();
        let wrong = source.sign(b'c').unwrap_err();
        assert_eq!((wrong.line, wrong.message.as_str()), (8, "'c' is expected"));
        assert_eq!((source.next(), source.next(), source.skip()), (Ok(b'd'), Ok(b'\n'), Ok(None)));
        assert_eq!(source.next().unwrap_err().message, "the file ends within a word");
        let mut source = Source::new(&b"abcde"[..], (1, 0), UNIT);
        assert!((0..4).all(|_| source.next().is_ok()));
        assert_eq!(source.next().unwrap_err().message, "one line is larger than 0 MiB");
    }
}
