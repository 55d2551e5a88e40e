//! Directory numbers, partitions and lines (`CC-02`): a line is a number in a partition.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest directory number, in characters.
const NUMBER_CHARS_MAX: usize = 32;
/// The longest partition name, in bytes.
const PARTITION_BYTES_MAX: usize = 64;
/// The partition of lines that were given none.
pub const PARTITION_DEFAULT: &str = "internal";

/// A directory number: digits, `*`, `#`, and `+` in front only (`CC-05`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Number(String);

/// Why a text is not a directory number or a partition name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NumberError {
    /// Nothing was given.
    #[error("a number needs at least one digit")]
    Empty,
    /// More than 32 characters.
    #[error("a number has at most {NUMBER_CHARS_MAX} characters")]
    TooLong,
    /// A character that no phone can dial.
    #[error("a number is made of 0-9, * and #, with + in front only; found {0:?}")]
    BadCharacter(char),
    /// A partition name that is empty, too long, or has control characters.
    #[error("a partition name has 1 to {PARTITION_BYTES_MAX} bytes and no control characters")]
    BadPartition,
}

impl Number {
    /// The number as it is dialled.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Number {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Self, NumberError> {
        let digits = text.strip_prefix('+').unwrap_or(text);
        if digits.is_empty() {
            return Err(NumberError::Empty);
        }
        if text.len() > NUMBER_CHARS_MAX {
            return Err(NumberError::TooLong);
        }
        match digits.chars().find(|c| !c.is_ascii_digit() && !matches!(c, '*' | '#')) {
            Some(c) => Err(NumberError::BadCharacter(c)),
            None => Ok(Self(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Number {
    type Error = NumberError;

    fn try_from(text: String) -> Result<Self, NumberError> {
        text.parse()
    }
}

impl From<Number> for String {
    fn from(number: Number) -> Self {
        number.0
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A named set of lines; calling search spaces list partitions (`CC-04`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Partition(String);

impl Partition {
    /// The partition's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Partition {
    fn default() -> Self {
        Self(PARTITION_DEFAULT.to_owned())
    }
}

impl FromStr for Partition {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Self, NumberError> {
        if text.is_empty() || text.len() > PARTITION_BYTES_MAX || text.chars().any(char::is_control) {
            return Err(NumberError::BadPartition);
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Partition {
    type Error = NumberError;

    fn try_from(text: String) -> Result<Self, NumberError> {
        text.parse()
    }
}

impl From<Partition> for String {
    fn from(partition: Partition) -> Self {
        partition.0
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A line: a directory number in a partition (`CC-02`). The same number in two partitions is two lines.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LineId {
    /// The directory number.
    pub number: Number,
    /// The partition it lives in.
    pub partition: Partition,
}

impl From<Number> for LineId {
    fn from(number: Number) -> Self {
        Self { number, partition: Partition::default() }
    }
}

impl fmt::Display for LineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.number)?;
        if self.partition.as_str() != PARTITION_DEFAULT {
            write!(f, "@{}", self.partition)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_a_phone_can_dial_are_accepted() {
        for text in ["1001", "*72", "#31#0441", "+18005551212"] {
            assert_eq!(text.parse::<Number>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn what_no_phone_can_dial_is_refused() {
        assert_eq!("".parse::<Number>(), Err(NumberError::Empty));
        assert_eq!("+".parse::<Number>(), Err(NumberError::Empty));
        assert_eq!("10+1".parse::<Number>(), Err(NumberError::BadCharacter('+')));
        assert_eq!("bob".parse::<Number>(), Err(NumberError::BadCharacter('b')));
        assert_eq!("1".repeat(33).parse::<Number>(), Err(NumberError::TooLong));
    }

    #[test]
    fn a_line_shows_its_partition_only_when_it_is_not_the_default() {
        let line = LineId::from("1001".parse::<Number>().unwrap());
        assert_eq!(line.to_string(), "1001");
        let lobby = LineId { partition: "lobby".parse().unwrap(), ..line };
        assert_eq!(lobby.to_string(), "1001@lobby");
    }
}
