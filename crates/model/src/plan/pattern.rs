//! Patterns of numbers (`CC-05`): which numbers one matches, how many, and which it could still become.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::digits::{DIGITS_MAX, Digits, symbol};

/// The ten digits, as a set.
const DIGITS: u16 = 0x03ff;

/// A set of symbols that may stand at one place of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Symbols(u16);

impl Symbols {
    /// `X`: any of `0` to `9`.
    pub const ANY_DIGIT: Self = Self(DIGITS);

    /// Only this one, by its place (see [`symbol`]).
    pub fn one(symbol: u8) -> Self {
        Self(1 << symbol)
    }

    /// As bits, one a symbol.
    pub fn bits(self) -> u16 {
        self.0
    }

    /// Is the symbol in it?
    pub fn has(self, symbol: u8) -> bool {
        self.0 & (1 << symbol) != 0
    }

    /// The only symbol in it.
    pub fn single(self) -> Option<u8> {
        (self.0.count_ones() == 1).then(|| self.0.trailing_zeros() as u8)
    }

    fn len(self) -> u128 {
        u128::from(self.0.count_ones())
    }

    fn has_byte(self, byte: u8) -> bool {
        symbol(byte).is_some_and(|symbol| self.has(symbol))
    }
}

/// A pattern: digits, `*`, `#`, `+` in front; `X` any digit; `[2-5]`, `[^01]` one of, none of; `!` one digit or
/// more; `.` where the access code ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern {
    text: String,
    elements: Vec<Symbols>,
    /// Which element is `!`.
    many: Option<usize>,
    /// How many elements stand before the dot.
    dot: Option<usize>,
}

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// No symbol at all.
    #[error("a pattern needs at least one symbol")]
    Empty,
    /// More symbols than a number can have.
    #[error("a pattern has at most {DIGITS_MAX} symbols")]
    TooLong,
    /// A character without meaning, or `+` behind the front.
    #[error(
        "{0:?} has no meaning in a pattern: it is made of 0-9 * # X ! [..] and one dot, with + in front only"
    )]
    BadCharacter(char),
    /// `[` without `]`, nothing between them, or a range that runs backwards.
    #[error("a choice is written such as [2-5] or [^01]")]
    BadChoice,
    /// More than one `!`, which would make it ambiguous what each of them took.
    #[error("a pattern has at most one !")]
    SecondMany,
    /// More than one dot, or one behind `!`, where nobody could say how many digits precede it.
    #[error("a pattern has at most one dot, and before any !")]
    BadDot,
}

impl Pattern {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What may stand at each place; where [`Self::many`] says so, one digit or more.
    pub fn elements(&self) -> &[Symbols] {
        &self.elements
    }

    /// The place of `!`.
    pub fn many(&self) -> Option<usize> {
        self.many
    }

    /// Does it say where the access code ends?
    pub fn has_dot(&self) -> bool {
        self.dot.is_some()
    }

    /// How many symbols of a number that matches stand before the dot.
    pub fn pre_dot(&self) -> usize {
        self.dot.unwrap_or(0)
    }

    /// The number that it is, when it is just one.
    pub fn exact(&self) -> Option<Digits> {
        let one = |element: &Symbols| element.single().map(|symbol| b"0123456789*#+"[usize::from(symbol)]);
        let bytes: Option<Vec<u8>> = self.elements.iter().map(one).collect();
        if self.many.is_some() { None } else { Digits::joined(&[&bytes?]) }
    }

    /// Does it match the number, all of it?
    pub fn matches(&self, number: &Digits) -> bool {
        let bytes = number.as_bytes();
        let fits = |elements: &[Symbols], bytes: &[u8]| {
            elements.iter().zip(bytes).all(|(element, byte)| element.has_byte(*byte))
        };
        match self.many {
            None => bytes.len() == self.elements.len() && fits(&self.elements, bytes),
            Some(many) => {
                let behind = self.elements.len() - many - 1;
                bytes.len() >= self.elements.len()
                    && fits(&self.elements[..many], bytes)
                    && fits(&self.elements[many + 1..], &bytes[bytes.len() - behind..])
                    && bytes[many..bytes.len() - behind].iter().all(u8::is_ascii_digit)
            }
        }
    }

    /// Could the number, with more symbols behind it, still match?
    pub fn could_become(&self, number: &Digits) -> bool {
        let bytes = number.as_bytes();
        let fits = |from: usize, bytes: &[u8]| {
            bytes.iter().enumerate().all(|(at, byte)| self.elements[from + at].has_byte(*byte))
        };
        if bytes.len() >= DIGITS_MAX {
            return false;
        }
        let Some(many) = self.many else {
            return bytes.len() < self.elements.len() && fits(0, bytes);
        };
        if bytes.len() <= many {
            return fits(0, bytes);
        }
        let run = &bytes[many..];
        if !fits(0, &bytes[..many]) {
            return false;
        }
        // What `!` took already is digits; behind them may stand a part of what follows it.
        let behind = self.elements.len() - many - 1;
        (0..behind.max(1)).any(|tail| {
            run.len() > tail
                && run[..run.len() - tail].iter().all(u8::is_ascii_digit)
                && fits(many + 1, &run[run.len() - tail..])
        })
    }

    /// How many numbers of this length it matches: the fewer, the closer the match (`CC-04`).
    pub fn breadth(&self, length: usize) -> u128 {
        let fixed = self.elements.iter().enumerate().filter(|(at, _)| Some(*at) != self.many);
        let (count, product) =
            fixed.fold((0, 1_u128), |(n, product), (_, set)| (n + 1, product.saturating_mul(set.len())));
        match self.many {
            None => product,
            Some(_) => product.saturating_mul(
                10_u128.saturating_pow(u32::try_from(length.saturating_sub(count)).unwrap_or(0)),
            ),
        }
    }

    /// Do both match the same numbers, however they are written?
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.elements == other.elements && self.many == other.many
    }

    /// Is there a number that both match?
    pub fn overlaps(&self, other: &Self) -> bool {
        let both = |length| {
            let (mine, theirs) = (self.stretched(length)?, other.stretched(length)?);
            mine.iter().zip(&theirs).all(|(a, b)| a.0 & b.0 != 0).then_some(())
        };
        let (one, two) = (self.elements.len(), other.elements.len());
        (one.max(two)..=(one + two).min(DIGITS_MAX)).any(|length| both(length).is_some())
    }

    /// Does it match every number that the other matches?
    pub fn covers(&self, other: &Self) -> bool {
        let lengths = match other.many {
            None => other.elements.len()..=other.elements.len(),
            Some(_) => other.elements.len()..=(self.elements.len() + other.elements.len()).min(DIGITS_MAX),
        };
        let all = |length| match (self.stretched(length), other.stretched(length)) {
            (Some(mine), Some(theirs)) => mine.iter().zip(&theirs).all(|(a, b)| b.0 & !a.0 == 0),
            _ => false,
        };
        lengths.into_iter().all(all)
    }

    /// One number that it matches, made of `wish` wherever that is possible.
    pub fn sample(&self, wish: u8, length: usize) -> Digits {
        let length = if self.many.is_some() { length.max(self.elements.len()) } else { self.elements.len() };
        let mut sample = Digits::empty();
        for set in self.stretched(length).unwrap_or_default() {
            let symbol = if set.has(wish) { wish } else { set.0.trailing_zeros() as u8 };
            if !sample.push(b"0123456789*#+"[usize::from(symbol)]) {
                break;
            }
        }
        sample
    }

    /// The sets for a number of this length; `None` when it matches none so long.
    fn stretched(&self, length: usize) -> Option<Vec<Symbols>> {
        let more = length.checked_sub(self.elements.len())?;
        match self.many {
            None => (more == 0).then(|| self.elements.clone()),
            Some(many) => {
                let mut sets = self.elements.clone();
                sets.splice(many..many, std::iter::repeat_n(Symbols::ANY_DIGIT, more));
                Some(sets)
            }
        }
    }

    fn add(&mut self, set: Symbols) -> Result<(), PatternError> {
        if self.elements.len() == DIGITS_MAX {
            return Err(PatternError::TooLong);
        }
        self.elements.push(set);
        Ok(())
    }
}

impl From<Digits> for Pattern {
    fn from(digits: Digits) -> Self {
        let elements = digits.as_bytes().iter().filter_map(|byte| symbol(*byte)).map(Symbols::one).collect();
        Self { text: digits.to_string(), elements, many: None, dot: None }
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let mut pattern = Self { text: text.to_owned(), elements: Vec::new(), many: None, dot: None };
        // `\+` is how others write a plus that is meant.
        let mut rest = text.strip_prefix('\\').filter(|rest| rest.starts_with('+')).unwrap_or(text).chars();
        while let Some(c) = rest.next() {
            match c {
                '0'..='9' | '*' | '#' => pattern.add(literal(c)?)?,
                '+' if pattern.elements.is_empty() && pattern.dot.is_none() => pattern.add(literal(c)?)?,
                'X' | 'x' => pattern.add(Symbols::ANY_DIGIT)?,
                '!' if pattern.many.is_some() => return Err(PatternError::SecondMany),
                '!' => {
                    pattern.many = Some(pattern.elements.len());
                    pattern.add(Symbols::ANY_DIGIT)?;
                }
                '.' if pattern.dot.is_some() || pattern.many.is_some() => return Err(PatternError::BadDot),
                '.' => pattern.dot = Some(pattern.elements.len()),
                '[' => {
                    let (inside, behind) = rest.as_str().split_once(']').ok_or(PatternError::BadChoice)?;
                    pattern.add(choice(inside)?)?;
                    rest = behind.chars();
                }
                other => return Err(PatternError::BadCharacter(other)),
            }
        }
        if pattern.elements.is_empty() { Err(PatternError::Empty) } else { Ok(pattern) }
    }
}

fn literal(c: char) -> Result<Symbols, PatternError> {
    let symbol = u8::try_from(c).ok().and_then(symbol).ok_or(PatternError::BadCharacter(c))?;
    Ok(Symbols::one(symbol))
}

/// What stands between the brackets: `2-5`, `13579`, `^01`, `*#`.
fn choice(inside: &str) -> Result<Symbols, PatternError> {
    let (members, negated) = inside.strip_prefix('^').map_or((inside, false), |rest| (rest, true));
    let mut bits = 0;
    let mut rest = members.bytes().peekable();
    while let Some(from) = rest.next() {
        let first = symbol(from).filter(|_| from != b'+').ok_or(PatternError::BadChoice)?;
        if rest.next_if_eq(&b'-').is_none() {
            bits |= 1 << first;
            continue;
        }
        let to = rest.next().filter(u8::is_ascii_digit).ok_or(PatternError::BadChoice)?;
        if !from.is_ascii_digit() || to < from {
            return Err(PatternError::BadChoice);
        }
        bits |= (from - b'0'..=to - b'0').fold(0, |bits, digit| bits | 1 << digit);
    }
    let bits = if negated { DIGITS & !bits } else { bits };
    if members.is_empty() || bits == 0 { Err(PatternError::BadChoice) } else { Ok(Symbols(bits)) }
}

impl TryFrom<String> for Pattern {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        text.parse()
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.text
    }
}

impl PartialOrd for Pattern {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Pattern {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> Pattern {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn digits(text: &str) -> Digits {
        Digits::parse(text).unwrap()
    }

    #[test]
    fn each_wildcard_matches_what_it_says() {
        for (text, yes, no) in [
            ("6XXXX", "61234", "6123"),
            ("9.011!", "9011441", "9011"),
            ("9.011!#", "901144#", "901144"),
            ("1[2-5]X", "139", "169"),
            ("1[^2-5]X", "169", "139"),
            ("[*#]21", "#21", "121"),
            ("+1!", "+18005551212", "18005551212"),
            ("\\+44.!", "+441", "+44"),
            ("0!", "00", "0"),
            ("X!", "12", "1*"),
        ] {
            assert!(pattern(text).matches(&digits(yes)), "{text} {yes}");
            assert!(!pattern(text).matches(&digits(no)), "{text} {no}");
        }
    }

    #[test]
    fn what_is_no_pattern_says_why() {
        use PatternError::{BadCharacter, BadChoice, BadDot, Empty, SecondMany, TooLong};
        for (text, error) in [
            ("", Empty),
            (".", Empty),
            ("9@", BadCharacter('@')),
            ("1+2", BadCharacter('+')),
            ("[5-2]", BadChoice),
            ("[]", BadChoice),
            ("[12", BadChoice),
            ("[^0-9]", BadChoice),
            ("!1!", SecondMany),
            ("9..1", BadDot),
            ("!.1", BadDot),
        ] {
            assert_eq!(text.parse::<Pattern>(), Err(error), "{text}");
        }
        assert_eq!("X".repeat(41).parse::<Pattern>(), Err(TooLong));
    }

    #[test]
    fn the_fewer_numbers_a_pattern_matches_the_closer_it_is() {
        let breadth = |text: &str, length| pattern(text).breadth(length);
        assert_eq!(breadth("1002", 4), 1);
        assert_eq!(breadth("1[0-4]XX", 4), 500);
        assert_eq!(breadth("!", 4), 10_000);
        assert_eq!(breadth("9.011!", 12), 100_000_000);
        assert!(breadth("9.011!", 12) < breadth("9!", 12));
    }

    #[test]
    fn overlap_and_cover_look_at_all_lengths() {
        assert!(pattern("1X2").overlaps(&pattern("12X")));
        assert!(!pattern("1X2").overlaps(&pattern("1X3")));
        assert!(pattern("0!").overlaps(&pattern("00!")));
        assert!(pattern("0!").covers(&pattern("00!")));
        assert!(!pattern("00!").covers(&pattern("0!")));
        assert!(pattern("!").covers(&pattern("1XX")));
        assert!(!pattern("1XX").covers(&pattern("1!")));
        assert!(pattern("[0-9]").is_same_as(&pattern("X")));
    }

    #[test]
    fn a_dot_says_how_much_is_the_access_code() {
        assert_eq!(pattern("9.011!").pre_dot(), 1);
        assert_eq!(pattern("+49.X").pre_dot(), 3);
        assert!(!pattern("9011!").has_dot());
    }

    #[test]
    fn the_breadth_of_the_longest_pattern_is_still_a_number() {
        assert_eq!(pattern("!").breadth(DIGITS_MAX), u128::MAX);
        assert_eq!(pattern(&"[0-9*#]".repeat(DIGITS_MAX)).breadth(DIGITS_MAX), u128::MAX);
    }

    fn any_pattern() -> impl Strategy<Value = Pattern> {
        ("[+]?", "([0-3X]|\\[1-3\\]|\\[\\^2\\]){0,3}", "!?", "[0-2X#]{0,2}")
            .prop_filter_map("empty", |(plus, front, many, tail)| {
                format!("{plus}{front}{many}{tail}").parse().ok()
            })
    }

    proptest! {
        #[test]
        fn what_could_become_a_match_does_with_some_symbols_more(
            pattern in any_pattern(), text in "[+]?[0-3#]{0,4}", more in "[0-3#]{1,4}",
        ) {
            let number = digits(&text);
            let longer = digits(&format!("{text}{more}"));
            if pattern.matches(&longer) {
                prop_assert!(pattern.could_become(&number), "{} {} {}", pattern, number, longer);
            }
        }

        #[test]
        fn what_could_not_become_a_match_never_does(pattern in any_pattern(), text in "[0-3#]{0,5}") {
            let number = digits(&text);
            let becomes = ["0", "1", "2", "3", "#", "00", "11", "1#", "000", "0000", "00000", "01#", "10", "12", "20"]
                .iter()
                .any(|more| pattern.matches(&digits(&format!("{text}{more}"))));
            prop_assert!(!becomes || pattern.could_become(&number));
        }

        #[test]
        fn a_sample_matches_its_pattern(pattern in any_pattern(), wish in 0_u8..13, length in 1_usize..12) {
            prop_assert!(pattern.matches(&pattern.sample(wish, length)));
        }

        #[test]
        fn covering_means_that_every_match_is_shared(a in any_pattern(), b in any_pattern(), text in "[0-3#]{1,6}") {
            let number = digits(&text);
            if a.covers(&b) && b.matches(&number) {
                prop_assert!(a.matches(&number));
            }
            if a.matches(&number) && b.matches(&number) {
                prop_assert!(a.overlaps(&b));
            }
        }

        #[test]
        fn no_text_breaks_the_parser(text in ".{0,24}") {
            if let Ok(pattern) = text.parse::<Pattern>() {
                prop_assert_eq!(String::from(pattern), text);
            }
        }
    }
}
