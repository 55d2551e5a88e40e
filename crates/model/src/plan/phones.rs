//! What phones have in common that are set up alike: which nodes they register at, and what their keys do (`CC-01`,
//! `CC-03`).

use serde::{Deserialize, Serialize};

use super::{Device, Digits, Feature, LineSpan, Plan};
use crate::SPEED_DIAL_PLACES;

/// Nodes that a call-manager group names at most: primary, secondary and tertiary.
pub const GROUP_NODES_MAX: usize = 3;
/// Keys of a template.
pub const BUTTONS_MAX: usize = 200;

/// Call-manager groups and button templates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Phones {
    /// Which nodes phones register at.
    #[serde(rename = "call_manager_group", skip_serializing_if = "Vec::is_empty")]
    pub call_manager_groups: Vec<CallManagerGroup>,
    /// What the keys of a kind of phone are.
    #[serde(rename = "button_template", skip_serializing_if = "Vec::is_empty")]
    pub button_templates: Vec<ButtonTemplate>,
}

impl Phones {
    /// Is nothing said?
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Nodes, in the order in which phones try them (`CC-03`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CallManagerGroup {
    /// Its name.
    pub name: String,
    /// The nodes by name: primary, secondary, tertiary.
    pub nodes: Vec<String>,
    /// For people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// The keys of a kind of phone, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ButtonTemplate {
    /// Its name.
    pub name: String,
    /// What each key is.
    pub buttons: Vec<Button>,
    /// For people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// What a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Button {
    /// The next line of the device.
    Line,
    /// The next speed dial with a busy lamp of the device.
    Lamp,
    /// The number that stands at a place of the line's speed dials, or of the house's.
    SpeedDial(u16),
    /// Dials the code of a feature.
    Feature(Feature),
    /// Has the phone of this number answer by itself.
    Intercom(Digits),
    /// Nothing.
    Empty,
}

/// A key of one device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceKey {
    /// Which, counted from 1.
    pub position: usize,
    /// `line`, `lamp`, `speed dial`, `feature`, `intercom` or `empty`.
    pub kind: String,
    /// What it stands for; empty when the device has nothing for it.
    pub shows: String,
    /// What stands beside it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// What is dialled when it is pressed, if anything; behind `…` the phone is to ask for a number.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub dials: String,
}

impl Button {
    fn kind(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Lamp => "lamp",
            Self::SpeedDial(_) => "speed dial",
            Self::Feature(_) => "feature",
            Self::Intercom(_) => "intercom",
            Self::Empty => "empty",
        }
    }
}

impl Plan {
    /// The keys of a device in their order: those of its template or, without one, all its lines and then all its lamps.
    pub fn keys(&self, device: &Device) -> Vec<DeviceKey> {
        let template = device.button_template.as_ref();
        let template = template
            .and_then(|name| self.phones.button_templates.iter().find(|template| template.name == *name));
        let (mut lines, mut lamps) = (device.lines.iter(), device.lamps.iter());
        let plain = || {
            let of_lines = device.lines.iter().map(|_| Button::Line);
            of_lines.chain(device.lamps.iter().map(|_| Button::Lamp)).collect()
        };
        let buttons = template.map_or_else(plain, |template| template.buttons.clone());
        let mut keys = Vec::with_capacity(buttons.len());
        for (position, button) in (1..).zip(buttons) {
            let mut key = DeviceKey { position, kind: button.kind().to_owned(), ..DeviceKey::default() };
            match button {
                Button::Line => key.shows = lines.next().map(LineSpan::to_string).unwrap_or_default(),
                Button::Lamp => {
                    if let Some(lamp) = lamps.next() {
                        key.shows.clone_from(&lamp.watches);
                        key.dials.clone_from(&lamp.watches);
                        key.label.clone_from(&lamp.label);
                    }
                }
                Button::SpeedDial(place) => self.speed_dial_key(place, &mut key),
                Button::Feature(feature) => {
                    feature.word().clone_into(&mut key.shows);
                    let more = if feature.wants_number() { "…" } else { "" };
                    key.dials = self.code(feature).map(|code| code + more).unwrap_or_default();
                }
                Button::Intercom(number) => {
                    key.shows = number.to_string();
                    let code = self.code(Feature::Intercom);
                    key.dials = code.map(|code| format!("{code}{number}")).unwrap_or_default();
                }
                Button::Empty => {}
            }
            keys.push(key);
        }
        keys
    }

    fn speed_dial_key(&self, place: u16, key: &mut DeviceKey) {
        let dials = self.code(Feature::SpeedDial).map(|code| format!("{code}{place}"));
        key.dials = dials.unwrap_or_default();
        if place < SPEED_DIAL_PLACES {
            key.shows = format!("place {place} of the line");
        } else if let Some(dial) = self.settings.speed_dials.iter().find(|dial| dial.place == place) {
            key.shows = dial.number.to_string();
            key.label.clone_from(&dial.label);
        }
    }

    /// What is dialled for a feature, up to the number that it wants; `None` when no code does it.
    pub(super) fn code(&self, feature: Feature) -> Option<String> {
        let codes = self.feature_codes.iter().filter(|code| code.does == feature);
        let keyed = codes.filter_map(|code| {
            let text = code.pattern.as_str();
            let (before, _) = text.split_once('.').unwrap_or((text, ""));
            Digits::parse(before).ok().map(|digits| digits.to_string())
        });
        keyed.min_by_key(String::len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = r#"
        [[phones.button_template]]
        name = "desk"
        buttons = ["line", "line", "lamp", { speed-dial = 5 }, { speed-dial = 100 }, { feature = "forward-all" },
                   { feature = "redial" }, { intercom = "1003" }, "empty", "lamp"]
        [[settings.speed_dial]]
        place = 100
        number = "5000"
        label = "Help"
        [[device]]
        name = "d"
        lines = ["1001"]
        button_template = "desk"
        lamp = [{ watches = "bob", label = "Bob" }]
    "#;

    fn keys(document: &str) -> Vec<String> {
        let plan = Plan::read(document).unwrap();
        let shown = |key: DeviceKey| {
            let DeviceKey { position, kind, shows, label, dials } = key;
            format!("{position} {kind}|{shows}|{label}|{dials}")
        };
        plan.keys(&plan.devices[0]).into_iter().map(shown).collect()
    }

    #[test]
    fn a_template_says_in_which_order_the_keys_are() {
        assert_eq!(
            keys(PLAN),
            [
                "1 line|1001||",
                "2 line|||",
                "3 lamp|bob|Bob|bob",
                "4 speed dial|place 5 of the line||*05",
                "5 speed dial|5000|Help|*0100",
                "6 feature|forward-all||*72…",
                "7 feature|redial||*68",
                "8 intercom|1003||*801003",
                "9 empty|||",
                "10 lamp|||",
            ]
        );
    }

    #[test]
    fn without_a_template_lines_come_first_and_then_lamps() {
        assert_eq!(
            keys(&PLAN.replace("button_template = \"desk\"", "")),
            ["1 line|1001||", "2 lamp|bob|Bob|bob"]
        );
    }

    #[test]
    fn templates_and_groups_are_written_as_they_are_read() {
        let document = format!("{PLAN}\n[[phones.call_manager_group]]\nname = \"g\"\nnodes = [\"a\", \"b\"]");
        let plan = Plan::read(&document).unwrap();
        assert_eq!(plan.phones.call_manager_groups[0].nodes, ["a", "b"]);
        let json = serde_json::to_string(&plan).unwrap();
        assert_eq!(Plan::read(&json).unwrap(), plan);
        assert!(Plan::read("[[phones.button_template]]\nname = \"x\"\nbuttons = [\"knob\"]").is_err());
    }
}
