//! What is dialled: up to 40 symbols, held in place so that routing a call allocates nothing.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest dialled or rewritten number, in symbols.
pub const DIGITS_MAX: usize = 40;
/// How many symbols there are: `0` to `9`, `*`, `#`, and `+` in front.
pub const SYMBOLS: usize = 13;

/// Digits, `*` and `#`, with `+` in front only; it may be empty, as while a number is being dialled.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digits {
    bytes: [u8; DIGITS_MAX],
    len: u8,
}

/// The text is not a number that can be dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a number to dial has up to {DIGITS_MAX} of 0-9, * and #, with + in front only")]
pub struct DigitsError;

/// The place of a symbol in sets: digits have their value, then `*`, `#` and `+`.
pub fn symbol(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'*' => Some(10),
        b'#' => Some(11),
        b'+' => Some(12),
        _ => None,
    }
}

impl Digits {
    /// Nothing dialled yet.
    pub const fn empty() -> Self {
        Self { bytes: [0; DIGITS_MAX], len: 0 }
    }

    /// Exactly these symbols.
    ///
    /// # Errors
    /// Another character, `+` behind the front, or too many.
    pub fn parse(text: &str) -> Result<Self, DigitsError> {
        let mut digits = Self::empty();
        for (at, byte) in text.bytes().enumerate() {
            let fits = symbol(byte).is_some() && (byte != b'+' || at == 0);
            if !fits || !digits.push(byte) {
                return Err(DigitsError);
            }
        }
        Ok(digits)
    }

    /// What a person dialled or a book holds: without the visual separators of RFC 3966 §5.1.1. `None` when it is
    /// no number, such as a name.
    pub fn dialled(text: &str) -> Option<Self> {
        let mut digits = Self::empty();
        for byte in text.bytes().filter(|byte| !matches!(byte, b'-' | b'.' | b'(' | b')' | b' ')) {
            let fits = symbol(byte).is_some() && (byte != b'+' || digits.is_empty());
            if !fits || !digits.push(byte) {
                return None;
            }
        }
        (!digits.is_empty()).then_some(digits)
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// As ASCII.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// How many symbols.
    pub fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds one symbol; false when it is full.
    #[must_use]
    pub fn push(&mut self, byte: u8) -> bool {
        match self.bytes.get_mut(usize::from(self.len)) {
            Some(place) => {
                *place = byte;
                self.len += 1;
                true
            }
            None => false,
        }
    }

    /// These symbols one after the other; `None` when they are too many.
    pub fn joined(parts: &[&[u8]]) -> Option<Self> {
        let mut all = Self::empty();
        parts.iter().flat_map(|part| part.iter()).all(|byte| all.push(*byte)).then_some(all)
    }
}

impl TryFrom<String> for Digits {
    type Error = DigitsError;

    fn try_from(text: String) -> Result<Self, DigitsError> {
        Self::parse(&text)
    }
}

impl From<Digits> for String {
    fn from(digits: Digits) -> Self {
        digits.as_str().to_owned()
    }
}

impl fmt::Display for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_of_people_are_dropped_and_a_leading_plus_stays() {
        assert_eq!(Digits::dialled("+1 (800) 555-12.12").unwrap().as_str(), "+18005551212");
        assert_eq!(Digits::dialled("*72#").unwrap().as_str(), "*72#");
    }

    #[test]
    fn names_and_what_no_phone_dials_are_no_digits() {
        for text in ["bob", "10+1", "", "--", "1002@x"] {
            assert_eq!(Digits::dialled(text), None, "{text:?}");
        }
        assert_eq!(Digits::parse("10 1"), Err(DigitsError));
        assert_eq!(Digits::parse(&"1".repeat(DIGITS_MAX + 1)), Err(DigitsError));
        assert_eq!(Digits::parse(&"1".repeat(DIGITS_MAX)).unwrap().len(), DIGITS_MAX);
    }
}
