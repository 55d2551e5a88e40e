//! What calls to the outside may cost: classes of numbers, and limits for each line, so that a stolen password is a
//! small loss. They hold unless the plan says otherwise.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Digits, LineSpan, Moment, Pattern, symbol};
use crate::{LineId, Timestamp};

/// Exceptions and patterns of one plan.
pub const COST_ENTRIES_MAX: usize = 10_000;

/// How dear a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CostClass {
    /// Within the country.
    National,
    /// To another one.
    International,
    /// At a price that whoever is called takes a part of.
    Premium,
}

/// The limits of one class for one line; what is left out is as usual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CostLimit {
    /// Calls at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls_max: Option<u32>,
    /// Calls that begin within an hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls_per_hour: Option<u32>,
    /// Calls that begin within a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls_per_day: Option<u32>,
    /// Minutes that are talked within a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minutes_per_day: Option<u32>,
}

/// Limits of all classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CostLimits {
    /// Within the country.
    #[serde(skip_serializing_if = "is_default")]
    pub national: CostLimit,
    /// To other countries.
    #[serde(skip_serializing_if = "is_default")]
    pub international: CostLimit,
    /// To dear numbers.
    #[serde(skip_serializing_if = "is_default")]
    pub premium: CostLimit,
}

/// Lines for which other limits hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CostException {
    /// Which lines.
    pub lines: Vec<LineSpan>,
    /// Within the country; what is left out is as for everybody.
    #[serde(default, skip_serializing_if = "is_default")]
    pub national: CostLimit,
    /// To other countries.
    #[serde(default, skip_serializing_if = "is_default")]
    pub international: CostLimit,
    /// To dear numbers.
    #[serde(default, skip_serializing_if = "is_default")]
    pub premium: CostLimit,
}

/// What calls to the outside may cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Costs {
    /// The code of our own country, such as `+49`. Without it a call is national when the calling number that is shown
    /// has the same code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<Digits>,
    /// Dear numbers, beside the usual ones, as they go out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub premium: Vec<Pattern>,
    /// Numbers of other countries, beside those with `+`, `00` and `011`, as they go out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub international: Vec<Pattern>,
    /// The limits of every line.
    #[serde(skip_serializing_if = "is_default")]
    pub limits: CostLimits,
    /// Lines for which others hold.
    #[serde(rename = "exception", skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<CostException>,
    /// When the night begins, in which calls abroad are odd.
    pub night_from: Moment,
    /// When it ends.
    pub night_to: Moment,
}

/// Limits as they hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowed {
    /// Calls at once.
    pub calls_max: u32,
    /// Calls that begin within an hour.
    pub calls_per_hour: u32,
    /// Calls that begin within a day.
    pub calls_per_day: u32,
    /// Minutes that are talked within a day.
    pub minutes_per_day: u32,
}

impl Default for Costs {
    fn default() -> Self {
        Self {
            country: None,
            premium: Vec::new(),
            international: Vec::new(),
            limits: CostLimits::default(),
            exceptions: Vec::new(),
            night_from: Moment::at(22, 0),
            night_to: Moment::at(6, 0),
        }
    }
}

impl CostClass {
    /// All, the cheapest first.
    pub const ALL: [Self; 3] = [Self::National, Self::International, Self::Premium];

    /// What holds when a plan says nothing: far more than anybody dials by hand, and far less than a program that has
    /// found a password.
    fn usual(self) -> Allowed {
        let (calls_max, calls_per_hour, calls_per_day, minutes_per_day) = match self {
            Self::National => (8, 240, 1_500, 1_440),
            Self::International => (2, 30, 100, 300),
            Self::Premium => (1, 5, 10, 30),
        };
        Allowed { calls_max, calls_per_hour, calls_per_day, minutes_per_day }
    }

    /// As people and programs spell it.
    pub fn word(self) -> &'static str {
        match self {
            Self::National => "national",
            Self::International => "international",
            Self::Premium => "premium",
        }
    }
}

impl fmt::Display for CostClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl CostLimit {
    fn over(self, before: Allowed) -> Allowed {
        Allowed {
            calls_max: self.calls_max.unwrap_or(before.calls_max),
            calls_per_hour: self.calls_per_hour.unwrap_or(before.calls_per_hour),
            calls_per_day: self.calls_per_day.unwrap_or(before.calls_per_day),
            minutes_per_day: self.minutes_per_day.unwrap_or(before.minutes_per_day),
        }
    }
}

impl Costs {
    /// Says it nothing?
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// How dear a number, or the user part of an address, is for somebody who is shown as `calling`.
    pub fn class(&self, called: &str, calling: Option<&str>) -> CostClass {
        let number = leading_number(called);
        // Both ways of writing a number of the world become one.
        let abroad = ["+", "00", "011"].iter().find_map(|prefix| number.as_str().strip_prefix(prefix));
        let premium = |pattern: &Pattern| pattern.matches(&number);
        let rest = abroad.unwrap_or_default();
        if self.premium.iter().any(premium)
            || PREMIUM_HERE.iter().any(|prefix| number.as_str().starts_with(prefix))
            || PREMIUM_ABROAD.iter().any(|prefix| rest.starts_with(prefix))
        {
            return CostClass::Premium;
        }
        if self.international.iter().any(premium) {
            return CostClass::International;
        }
        let Some(called) = abroad else { return CostClass::National };
        let own = self.country.as_ref().map(Digits::as_str).or(calling).and_then(|own| own.strip_prefix('+'));
        let is_same = own.is_some_and(|own| country_code(own) == country_code(called));
        if is_same && !is_island(called) { CostClass::National } else { CostClass::International }
    }

    /// What a line may do within a class.
    pub fn allowed(&self, line: Option<&LineId>, class: CostClass) -> Allowed {
        let all = self.limits;
        let everybody = match class {
            CostClass::National => all.national,
            CostClass::International => all.international,
            CostClass::Premium => all.premium,
        };
        let everybody = everybody.over(class.usual());
        let of_line = |exception: &&CostException| {
            line.is_some_and(|line| exception.lines.iter().any(|span| span.contains(line)))
        };
        let own = self.exceptions.iter().find(of_line).map(|exception| match class {
            CostClass::National => exception.national,
            CostClass::International => exception.international,
            CostClass::Premium => exception.premium,
        });
        own.unwrap_or_default().over(everybody)
    }

    /// Is it night, in this zone?
    pub fn is_night(&self, when: Timestamp, zone: &str) -> bool {
        let Some(minute) = Moment::of(when, zone) else { return false };
        if self.night_from <= self.night_to {
            (self.night_from..self.night_to).contains(&minute)
        } else {
            minute >= self.night_from || minute < self.night_to
        }
    }
}

/// Dear numbers as they are dialled within a country.
const PREMIUM_HERE: [&str; 2] = ["0900", "1900"];
/// Dear numbers of the world behind the `+`: international premium rate (979), satellites and networks of no country
/// (870, 878, 881, 882, 883), and where many countries have theirs.
const PREMIUM_ABROAD: [&str; 10] =
    ["979", "870", "878", "881", "882", "883", "1900", "49900", "4490", "4491"];
/// Codes within `+1` that are neither of the United States nor of Canada.
const ISLANDS: [&str; 21] = [
    "242", "246", "264", "268", "284", "345", "441", "473", "649", "658", "664", "721", "758", "767", "784",
    "809", "829", "849", "868", "869", "876",
];

/// The number that a user part begins with; a carrier looks no further than that, neither at parameters (RFC 3966 §3) nor
/// at digits that no number has. Empty for a name.
fn leading_number(user: &str) -> Digits {
    let mut number = Digits::empty();
    for byte in user.bytes().filter(|byte| !matches!(byte, b'-' | b'.' | b'(' | b')' | b' ')) {
        let fits = symbol(byte).is_some() && (byte != b'+' || number.is_empty());
        if !fits || !number.push(byte) {
            break;
        }
    }
    number
}

fn is_island(number: &str) -> bool {
    number.strip_prefix('1').is_some_and(|rest| ISLANDS.iter().any(|code| rest.starts_with(code)))
}

/// The country code that a number of the world begins with (ITU-T E.164, list of assigned codes): one digit for 1 and 7,
/// two for those that were given early, three for all others.
fn country_code(number: &str) -> &str {
    const TWO: [&str; 44] = [
        "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47", "48",
        "49", "51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65", "66", "81",
        "82", "84", "86", "90", "91", "92", "93", "94", "95", "98",
    ];
    let length = match number.get(..2) {
        _ if number.starts_with(['1', '7']) => 1,
        Some(two) if TWO.contains(&two) => 2,
        _ => 3,
    };
    number.get(..length).unwrap_or(number)
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::super::Plan;
    use super::*;

    fn costs(document: &str) -> Costs {
        Plan::read(document).unwrap().outside.costs
    }

    fn class(called: &str, calling: Option<&str>) -> CostClass {
        Costs::default().class(called, calling)
    }

    #[test]
    fn a_number_has_the_class_of_where_it_leads() {
        use CostClass::{International, National, Premium};
        let berlin = Some("+49305551001");
        for (called, calling, expected) in [
            ("0301234", berlin, National),
            ("+49891234", berlin, National),
            ("0049891234", berlin, National),
            ("+44201234", berlin, International),
            ("+49891234", None, International),
            ("01144201234", Some("+12125551001"), International),
            ("+13105551234", Some("+12125551001"), National),
            ("+18765551234", Some("+12125551001"), International),
            ("09001234567", berlin, Premium),
            ("+4990012345", berlin, Premium),
            ("+8821612345", berlin, Premium),
            ("+979112345678", berlin, Premium),
            ("+37112345678", Some("+37061234567"), International),
            ("alice", berlin, National),
            ("0044201234;phone-context=x", berlin, International),
            ("00-44 201234567890123456789012345678901234567890", berlin, International),
            ("+8821612345abc", berlin, Premium),
        ] {
            assert_eq!(class(called, calling), expected, "{called} from {calling:?}");
        }
    }

    #[test]
    fn a_plan_names_its_own_country_and_its_own_dear_numbers() {
        let costs =
            costs("[outside.costs]\ncountry = \"+49\"\npremium = [\"0137X!\"]\ninternational = [\"810!\"]");
        assert_eq!(costs.class("+49891234", None), CostClass::National);
        assert_eq!(costs.class("01371234", None), CostClass::Premium);
        assert_eq!(costs.class("8104912345", None), CostClass::International);
    }

    #[test]
    fn limits_are_as_usual_then_everybodys_then_the_lines() {
        let costs = costs(
            "[outside.costs.limits.international]\ncalls_per_hour = 50\n\
             [[outside.costs.exception]]\nlines = [\"1001\", \"2000-2099\"]\ninternational = { calls_per_day = 5 }\n",
        );
        let of = |number: &str| {
            let line = LineId::from(number.parse::<crate::Number>().unwrap());
            let allowed = costs.allowed(Some(&line), CostClass::International);
            (allowed.calls_max, allowed.calls_per_hour, allowed.calls_per_day)
        };
        assert_eq!(of("1002"), (2, 50, 100));
        assert_eq!(of("1001"), (2, 50, 5));
        assert_eq!(of("2055"), (2, 50, 5));
        assert_eq!(costs.allowed(None, CostClass::Premium), CostClass::Premium.usual());
    }

    #[test]
    fn the_night_goes_over_midnight() {
        let costs = Costs::default();
        let night = |when: &str| costs.is_night(when.parse().unwrap(), "Europe/Berlin");
        assert!(night("2026-11-20T21:00:00Z") && night("2026-11-21T04:59:00Z"));
        assert!(!night("2026-11-20T20:59:00Z") && !night("2026-11-21T05:00:00Z"));
    }

    #[test]
    fn a_plan_that_says_nothing_of_costs_writes_nothing_of_them() {
        let json = serde_json::to_string(&Plan::default()).unwrap();
        assert!(!json.contains("costs"), "{json}");
    }
}
