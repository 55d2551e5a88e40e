//! Lines by number or by a span of numbers: `1002`, `2000-2999`, `2000-2999@berlin`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{LineId, Number, Partition};

/// Numbers that one span may have.
pub const SPAN_NUMBERS_MAX: u64 = 100_000;

/// One line, or all lines whose numbers follow each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LineSpan {
    first: Number,
    /// How many lines, the first one counted.
    count: u64,
    partition: Partition,
}

/// The text names no lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "lines are named such as 1002, 1002@partition or 2000-2999@partition, with as many digits on both sides and at \
     most {SPAN_NUMBERS_MAX} lines"
)]
pub struct LineSpanError;

impl LineSpan {
    /// The lines.
    pub fn lines(&self) -> impl Iterator<Item = LineId> + '_ {
        (0..self.count).map(|n| LineId { number: self.number(n), partition: self.partition.clone() })
    }

    /// The first line.
    pub fn first(&self) -> LineId {
        LineId { number: self.first.clone(), partition: self.partition.clone() }
    }

    /// The line of this number, when it is one of them.
    pub fn line(&self, number: &Number) -> Option<LineId> {
        let line = LineId { number: number.clone(), partition: self.partition.clone() };
        if self.count <= 1 {
            return (self.first == *number).then_some(line);
        }
        let plain = |number: &Number| number.as_str().trim_start_matches('+').parse::<u128>().ok();
        let alike = |n: &Number| (n.as_str().len(), n.as_str().starts_with('+'));
        let behind = plain(number)?.checked_sub(plain(&self.first)?)?;
        (alike(number) == alike(&self.first) && behind < u128::from(self.count)).then_some(line)
    }

    /// How many lines.
    pub fn len(&self) -> u64 {
        self.count
    }

    /// A span has a line at least.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Their partition.
    pub fn partition(&self) -> &Partition {
        &self.partition
    }

    /// Is the line one of them?
    pub fn contains(&self, line: &LineId) -> bool {
        let (one, first) = (line.number.as_str(), self.first.as_str());
        if self.partition != line.partition || one.len() != first.len() {
            return false;
        }
        // Digits of one length are in the order of their text.
        one == first || (self.count > 1 && one > first && one <= self.number(self.count - 1).as_str())
    }

    fn number(&self, n: u64) -> Number {
        let text = self.first.as_str();
        let (plus, digits) = text.strip_prefix('+').map_or(("", text), |digits| ("+", digits));
        let value = digits.parse::<u128>().map(|first| first + u128::from(n));
        let number = value.ok().and_then(|v| format!("{plus}{v:0width$}", width = digits.len()).parse().ok());
        // Only a span of digits has a second number, and parsing it proved the last one.
        number.unwrap_or_else(|| self.first.clone())
    }
}

impl From<LineId> for LineSpan {
    fn from(line: LineId) -> Self {
        Self { first: line.number, count: 1, partition: line.partition }
    }
}

impl FromStr for LineSpan {
    type Err = LineSpanError;

    fn from_str(text: &str) -> Result<Self, LineSpanError> {
        let (numbers, partition) = match text.split_once('@') {
            Some((numbers, partition)) => (numbers, partition.parse().map_err(|_| LineSpanError)?),
            None => (text, Partition::default()),
        };
        let Some((first, last)) = numbers.split_once('-') else {
            return Ok(Self { first: numbers.parse().map_err(|_| LineSpanError)?, count: 1, partition });
        };
        let plain =
            |text: &str| text.strip_prefix('+').unwrap_or(text).parse::<u128>().map_err(|_| LineSpanError);
        if first.len() != last.len() || first.starts_with('+') != last.starts_with('+') {
            return Err(LineSpanError);
        }
        let more = plain(last)?.checked_sub(plain(first)?).ok_or(LineSpanError)?;
        let more = u64::try_from(more).ok().filter(|more| *more < SPAN_NUMBERS_MAX).ok_or(LineSpanError)?;
        Ok(Self { first: first.parse().map_err(|_| LineSpanError)?, count: more + 1, partition })
    }
}

impl TryFrom<String> for LineSpan {
    type Error = LineSpanError;

    fn try_from(text: String) -> Result<Self, LineSpanError> {
        text.parse()
    }
}

impl From<LineSpan> for String {
    fn from(span: LineSpan) -> Self {
        span.to_string()
    }
}

impl fmt::Display for LineSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.count == 1 {
            return self.first().fmt(f);
        }
        let last = LineId { number: self.number(self.count - 1), partition: self.partition.clone() };
        write!(f, "{}-{last}", self.first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_names_each_of_its_lines() {
        let span: LineSpan = "0098-0101@berlin".parse().unwrap();
        let lines: Vec<String> = span.lines().map(|line| line.to_string()).collect();
        assert_eq!(lines, ["0098@berlin", "0099@berlin", "0100@berlin", "0101@berlin"]);
        assert_eq!(span.to_string(), "0098-0101@berlin");
        assert_eq!("+4930555-+4930556".parse::<LineSpan>().unwrap().len(), 2);
    }

    #[test]
    fn one_line_is_written_as_a_line() {
        for text in ["1002", "1002@lobby", "*72"] {
            let span: LineSpan = text.parse().unwrap();
            assert_eq!((span.to_string().as_str(), span.len()), (text, 1));
        }
    }

    #[test]
    fn spans_that_make_no_sense_are_refused() {
        for text in ["", "bob", "20-10", "99-100", "1*-2*", "000000-999999", "1002@", "1-2-3"] {
            assert_eq!(text.parse::<LineSpan>(), Err(LineSpanError), "{text:?}");
        }
    }
}
