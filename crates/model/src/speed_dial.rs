//! Speed dials: short places that numbers stand at, of a line or of the whole house (`CC-34`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::plan::Digits;

/// Places that the speed dials of a line have: `0` to `99`. What is above is the house's.
pub const SPEED_DIAL_PLACES: u16 = 100;

/// The speed dials of a line, by their places.
pub type SpeedDials = BTreeMap<u16, SpeedDial>;

/// A number that stands at a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpeedDial {
    /// What is dialled.
    pub number: Digits,
    /// What stands beside it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// The line's phones show by a lamp what it does (`PH-07`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lamp: bool,
}

/// The place that digits name.
pub fn speed_dial_place(digits: &Digits) -> Option<u16> {
    let text = digits.as_str();
    let is_place = (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_place.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_named_by_up_to_three_digits() {
        let place = |text: &str| speed_dial_place(&Digits::parse(text).unwrap());
        assert_eq!((place("1"), place("01"), place("100")), (Some(1), Some(1), Some(100)));
        assert_eq!((place("1001"), place("*1"), place("+1")), (None, None, None));
    }
}
