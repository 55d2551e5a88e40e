//! Emergency calls: which numbers, which way out, which calling number (`CC-22`).

use serde::{Deserialize, Serialize};

use super::{Digits, Pattern, RouteTo};

/// Emergency calling.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Emergency {
    /// The numbers: everybody may dial them, whatever the class of service. A dot ends an access code, which is
    /// taken away.
    pub numbers: Vec<Pattern>,
    /// The way out for locations that name none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<RouteTo>,
    /// Emergency response locations.
    #[serde(rename = "location", skip_serializing_if = "Vec::is_empty")]
    pub locations: Vec<EmergencyLocation>,
}

/// An emergency response location: a place that rescuers can find.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmergencyLocation {
    /// Its name.
    pub name: String,
    /// The way out of this place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<RouteTo>,
    /// The calling number by which rescuers know the place, and call back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calling: Option<Digits>,
    /// Where it is, for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub address: String,
}

impl Default for Emergency {
    /// The numbers of North America, of Europe and by GSM everywhere, and of Britain.
    fn default() -> Self {
        let numbers = ["911", "112", "999"].into_iter().filter_map(|number| number.parse().ok()).collect();
        Self { numbers, to: None, locations: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_numbers_are_there_before_anything_is_configured() {
        let numbers: Vec<String> = Emergency::default().numbers.iter().map(ToString::to_string).collect();
        assert_eq!(numbers, ["911", "112", "999"]);
    }
}
