//! What holds in a plan unless something says otherwise.

use serde::{Deserialize, Serialize};

use super::{Allowance, DialRules, Digits, Recording, Srtp};

/// The settings of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How long a phone that sends digit by digit may pause before what it sent is taken as the number (`CC-05`).
    pub inter_digit_seconds: u16,
    /// The zone of schedules that name none.
    pub time_zone: String,
    /// The search space of lines and devices that have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search_space: Option<String>,
    /// The SUBSCRIBE search space of devices that have none (`PH-09`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscribe_search_space: Option<String>,
    /// Whether the media of lines that do not say so themselves is secret.
    pub srtp: Srtp,
    /// Whether the calls of lines that do not say so themselves are recorded.
    pub recording: Recording,
    /// What two regions allow each other that say nothing of each other.
    #[serde(skip_serializing_if = "Allowance::is_none")]
    pub between_regions: Allowance,
    /// Abbreviated numbers of the whole house, at places behind those of the lines' own speed dials.
    #[serde(rename = "speed_dial", skip_serializing_if = "Vec::is_empty")]
    pub speed_dials: Vec<HouseSpeedDial>,
    /// What clients do with numbers of contacts and callers.
    #[serde(skip_serializing_if = "DialRules::is_none")]
    pub dial_rules: DialRules,
}

/// An abbreviated number of the whole house.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HouseSpeedDial {
    /// The place: 100 to 999.
    pub place: u16,
    /// What is dialled, with the rights of whoever dials.
    pub number: Digits,
    /// What stands beside it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            inter_digit_seconds: 15,
            time_zone: "UTC".to_owned(),
            search_space: None,
            subscribe_search_space: None,
            srtp: Srtp::default(),
            recording: Recording::default(),
            speed_dials: Vec::new(),
            between_regions: Allowance::default(),
            dial_rules: DialRules::default(),
        }
    }
}
