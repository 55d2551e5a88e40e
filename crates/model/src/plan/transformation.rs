//! Transformations of a calling or called number (`CC-23`): take away, bring to E.164 or to the local form, mask, prefix.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::digits::{DIGITS_MAX, Digits};

/// What is done to a number, in the order of the fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Transformation {
    /// Take away what the pattern has before its dot. Without meaning for a calling number.
    #[serde(skip_serializing_if = "is_false")]
    pub strip_pre_dot: bool,
    /// Take away so many symbols in front.
    #[serde(skip_serializing_if = "is_zero")]
    pub strip_leading: u8,
    /// Take away so many symbols at the end.
    #[serde(skip_serializing_if = "is_zero")]
    pub strip_trailing: u8,
    /// Bring a number that was dialled by the habits of a country to `+` and E.164.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_e164: Option<Habits>,
    /// Bring `+` and E.164 to what is dialled by the habits of a country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_e164: Option<Habits>,
    /// Lay this over the number, from the right: `X` lets its symbol through, another stands instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mask: Option<Mask>,
    /// Put this in front.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<Digits>,
}

/// How numbers are dialled in a country.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Habits {
    /// Its country code, without `+`.
    pub country: Digits,
    /// What stands before a national number: `0` in most of Europe, `1` in North America.
    pub national: Digits,
    /// What stands before a number abroad: `00`, `011`.
    pub international: Digits,
}

/// A mask such as `+4930555XXXX`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mask(String);

/// The text is no mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a mask has 1 to {DIGITS_MAX} of 0-9, * # and X, with + in front only")]
pub struct MaskError;

impl Transformation {
    /// Does it change nothing?
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// The number after it; `None` when it would be longer than a number may be. `pre_dot` says how many symbols
    /// the pattern that matched has before its dot.
    pub fn apply(&self, number: &Digits, pre_dot: usize) -> Option<Digits> {
        let mut bytes = number.as_bytes();
        let leading = usize::from(self.strip_leading) + if self.strip_pre_dot { pre_dot } else { 0 };
        bytes = &bytes[leading.min(bytes.len())..];
        bytes = &bytes[..bytes.len() - usize::from(self.strip_trailing).min(bytes.len())];
        let mut number = Digits::joined(&[bytes])?;
        if let Some(habits) = &self.to_e164 {
            number = habits.normalised(&number)?;
        }
        if let Some(habits) = &self.from_e164 {
            number = habits.localised(&number)?;
        }
        if let Some(mask) = &self.mask {
            number = mask.over(&number);
        }
        match &self.prefix {
            // A plus stands in front or nowhere.
            Some(prefix) if !prefix.is_empty() => {
                let bytes = number.as_bytes();
                Digits::joined(&[prefix.as_bytes(), bytes.strip_prefix(b"+").unwrap_or(bytes)])
            }
            _ => Some(number),
        }
    }
}

impl Habits {
    fn normalised(self, number: &Digits) -> Option<Digits> {
        let bytes = number.as_bytes();
        let behind = |prefix: &Digits| bytes.strip_prefix(prefix.as_bytes()).filter(|_| !prefix.is_empty());
        if bytes.first() == Some(&b'+') {
            Some(*number)
        } else if let Some(rest) = behind(&self.international) {
            Digits::joined(&[b"+", rest])
        } else if let Some(rest) = behind(&self.national) {
            Digits::joined(&[b"+", self.country.as_bytes(), rest])
        } else {
            Some(*number)
        }
    }

    fn localised(self, number: &Digits) -> Option<Digits> {
        let Some(e164) = number.as_bytes().strip_prefix(b"+") else { return Some(*number) };
        match e164.strip_prefix(self.country.as_bytes()) {
            Some(rest) => Digits::joined(&[self.national.as_bytes(), rest]),
            None => Digits::joined(&[self.international.as_bytes(), e164]),
        }
    }
}

impl Mask {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number under the mask. An `X` for which the number has no symbol is left out.
    pub fn over(&self, number: &Digits) -> Digits {
        let (mask, bytes) = (self.0.as_bytes(), number.as_bytes());
        let missing = mask.len().saturating_sub(bytes.len());
        let skipped = bytes.len().saturating_sub(mask.len());
        let mut masked = Digits::empty();
        for (at, byte) in mask.iter().enumerate() {
            let shown = match byte {
                b'X' if at >= missing => bytes[skipped + at - missing],
                b'X' => continue,
                other => *other,
            };
            // A plus that the number brings along has no place behind the front.
            if shown == b'+' && !masked.is_empty() {
                continue;
            }
            if !masked.push(shown) {
                break;
            }
        }
        masked
    }
}

impl FromStr for Mask {
    type Err = MaskError;

    fn from_str(text: &str) -> Result<Self, MaskError> {
        let text = text.replace('x', "X");
        Digits::parse(&text.replace('X', "0")).map_err(|_| MaskError)?;
        if text.is_empty() { Err(MaskError) } else { Ok(Self(text)) }
    }
}

impl TryFrom<String> for Mask {
    type Error = MaskError;

    fn try_from(text: String) -> Result<Self, MaskError> {
        text.parse()
    }
}

impl From<Mask> for String {
    fn from(mask: Mask) -> Self {
        mask.0
    }
}

impl fmt::Display for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_false(value: &bool) -> bool {
    !*value
}

fn is_zero(value: &u8) -> bool {
    *value == 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn digits(text: &str) -> Digits {
        Digits::parse(text).unwrap()
    }

    fn check(transformation: &Transformation, pre_dot: usize, from: &str, to: &str) {
        assert_eq!(transformation.apply(&digits(from), pre_dot), Some(digits(to)), "{from}");
    }

    fn habits(country: &str, national: &str, international: &str) -> Habits {
        let (country, national) = (digits(country), digits(national));
        Habits { country, national, international: digits(international) }
    }

    #[test]
    fn the_access_code_is_what_stands_before_the_dot() {
        let strip = Transformation { strip_pre_dot: true, ..Transformation::default() };
        check(&strip, 1, "9011441", "011441");
        check(&strip, 0, "9011441", "9011441");
        check(&strip, 9, "901", "");
    }

    #[test]
    fn leading_and_trailing_symbols_go_before_the_prefix_comes() {
        let both = Transformation {
            strip_leading: 2,
            strip_trailing: 1,
            prefix: Some(digits("+49")),
            ..Transformation::default()
        };
        check(&both, 0, "00301#", "+49301");
    }

    #[test]
    fn a_mask_lies_over_the_number_from_the_right() {
        let mask = |text: &str| Transformation { mask: text.parse().ok(), ..Transformation::default() };
        check(&mask("+1408555XXXX"), 0, "1002", "+14085551002");
        check(&mask("5XXX"), 0, "4081002", "5002");
        check(&mask("30XXXX"), 0, "12", "3012");
        check(&mask("XX"), 0, "+12", "12");
    }

    #[test]
    fn a_country_dials_by_its_habits() {
        let uk = habits("44", "0", "00");
        let normalise = Transformation { to_e164: Some(uk), ..Transformation::default() };
        check(&normalise, 0, "02079460000", "+442079460000");
        check(&normalise, 0, "0049301234", "+49301234");
        check(&normalise, 0, "+49301234", "+49301234");
        check(&normalise, 0, "1002", "1002");
        let localise = Transformation { from_e164: Some(uk), ..Transformation::default() };
        check(&localise, 0, "+442079460000", "02079460000");
        check(&localise, 0, "+49301234", "0049301234");
        check(&localise, 0, "1002", "1002");
    }

    #[test]
    fn a_number_that_grows_too_long_is_no_number() {
        let prefix = Transformation { prefix: Some(digits("123456789")), ..Transformation::default() };
        assert_eq!(prefix.apply(&digits(&"1".repeat(32)), 0), None);
    }

    proptest! {
        #[test]
        fn localising_undoes_normalising(number in "0[1-9][0-9]{4,9}|00[1-9][0-9]{6,12}") {
            let de = habits("49", "0", "00");
            prop_assume!(!number.starts_with("0049"));
            let e164 = de.normalised(&digits(&number)).unwrap();
            prop_assert_eq!(de.localised(&e164), Some(digits(&number)));
        }

        #[test]
        fn what_comes_out_is_a_number_again(
            strip in 0_u8..6, tail in 0_u8..6, mask in "[+]?[0-9X]{0,6}", prefix in "[+]?[0-9]{0,4}", number in "[+]?[0-9*#]{0,20}",
        ) {
            let prefix = Some(digits(&prefix));
            let transformation = Transformation {
                strip_leading: strip, strip_trailing: tail, mask: mask.parse().ok(), prefix, ..Transformation::default()
            };
            if let Some(result) = transformation.apply(&digits(&number), 0) {
                prop_assert!(Digits::parse(result.as_str()).is_ok(), "{}", result);
            }
        }
    }
}
