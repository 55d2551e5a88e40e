//! Automatic attendants: a menu that is heard and answered by keys (`CC-15`, `CC-36`).

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Digits, Pattern, SoundName};
use crate::{LineId, Number, Partition};

/// A menu. With a number it is reached by it, else only from other menus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attendant {
    /// Its name.
    pub name: String,
    /// Its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<Number>,
    /// Where the number lives.
    #[serde(default)]
    pub partition: Partition,
    /// What its callers reach by it, whoever they are; the settings' search space when none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search_space: Option<String>,
    /// What is heard first, once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub greeting: Vec<SoundName>,
    /// What is heard then, and again whenever a key is awaited anew.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub menu: Vec<SoundName>,
    /// What is heard after a key that means nothing, or a number that cannot be called.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub invalid: Vec<SoundName>,
    /// What each key does.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub keys: BTreeMap<Key, Choice>,
    /// Numbers that may be dialled directly, such as `1XXX`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<Pattern>,
    /// How long the first key is awaited after the menu was heard.
    #[serde(default = "first_key_seconds")]
    pub first_key_seconds: u8,
    /// How long the next digit of a number is awaited.
    #[serde(default = "next_key_seconds")]
    pub next_key_seconds: u8,
    /// How often nothing, or nothing of use, may be keyed in before `last`.
    #[serde(default = "tries")]
    pub tries: u8,
    /// What is done then.
    #[serde(default)]
    pub last: Choice,
    /// What is otherwise at some hours; the first whose schedule fits holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hours: Vec<AttendantHours>,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// What a menu is while a schedule is open. What is not said stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttendantHours {
    /// The schedule.
    pub schedule: String,
    /// It holds while the schedule is closed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub while_closed: bool,
    /// What is heard first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub greeting: Option<Vec<SoundName>>,
    /// What is heard then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub menu: Option<Vec<SoundName>>,
    /// What each key does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<BTreeMap<Key, Choice>>,
    /// What is done after the greeting, without waiting for a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<Choice>,
}

/// What a menu does: `"repeat"`, `"hang-up"`, `{ dial = "1001" }`, `{ menu = "sales" }`, `{ play = ["hours"] }`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Choice {
    /// Says the menu again.
    Repeat,
    /// Ends the call.
    #[default]
    HangUp,
    /// Calls a number.
    Dial(Digits),
    /// Goes to another menu.
    Menu(String),
    /// Says something, and then the menu again.
    Play(Vec<SoundName>),
}

/// A key of a telephone: `0` to `9`, `*` or `#`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key(char);

/// The text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key is one of 0 to 9, * and #")]
pub struct NotAKey;

impl Attendant {
    /// Its number as that of a line; `None` when it has none.
    pub fn pilot(&self) -> Option<LineId> {
        Some(LineId { number: self.number.clone()?, partition: self.partition.clone() })
    }

    /// All that its keys and hours may do.
    pub fn choices(&self) -> impl Iterator<Item = &Choice> {
        let at_hours = self.hours.iter().flat_map(AttendantHours::choices);
        self.keys.values().chain(at_hours).chain([&self.last])
    }

    /// All sounds that it plays.
    pub fn sounds(&self) -> impl Iterator<Item = &SoundName> {
        let of_hours = self.hours.iter().flat_map(|hours| [&hours.greeting, &hours.menu]).flatten().flatten();
        let played = self.choices().filter_map(|choice| match choice {
            Choice::Play(sounds) => Some(sounds),
            _ => None,
        });
        let own = [&self.greeting, &self.menu, &self.invalid].into_iter().flatten();
        own.chain(of_hours).chain(played.flatten())
    }
}

impl AttendantHours {
    fn choices(&self) -> impl Iterator<Item = &Choice> {
        self.keys.iter().flat_map(BTreeMap::values).chain(&self.then)
    }
}

impl Key {
    /// The key of this sign.
    pub fn of(sign: char) -> Option<Self> {
        (sign.is_ascii_digit() || matches!(sign, '*' | '#')).then_some(Self(sign))
    }
}

impl TryFrom<String> for Key {
    type Error = NotAKey;

    fn try_from(text: String) -> Result<Self, NotAKey> {
        let mut signs = text.chars();
        match (signs.next().and_then(Self::of), signs.next()) {
            (Some(key), None) => Ok(key),
            _ => Err(NotAKey),
        }
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.0.to_string()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

fn first_key_seconds() -> u8 {
    5
}

fn next_key_seconds() -> u8 {
    3
}

fn tries() -> u8 {
    3
}

#[cfg(test)]
mod tests {
    use super::super::Plan;
    use super::*;

    const DOCUMENT: &str = r##"
        [[reception.attendant]]
        name = "main"
        number = "1000"
        greeting = ["welcome"]
        extensions = ["1XXX"]
        keys = { 1 = { dial = "5000" }, 2 = { menu = "sales" }, 3 = { play = ["hours"] }, "*" = "repeat", "#" = "hang-up" }

        [[reception.attendant.hours]]
        schedule = "office"
        while_closed = true
        greeting = ["closed"]
        then = { dial = "5900" }

        [[reception.attendant]]
        name = "sales"
    "##;

    #[test]
    fn a_menu_reads_as_it_is_written_and_comes_back_the_same() {
        let plan = Plan::read(DOCUMENT).unwrap();
        let [main, sales] = plan.reception.attendants.as_slice() else { panic!("{plan:?}") };
        assert_eq!(main.keys[&Key('1')], Choice::Dial(Digits::parse("5000").unwrap()));
        assert_eq!((main.tries, main.first_key_seconds, &main.last), (3, 5, &Choice::HangUp));
        assert_eq!((main.pilot().is_some(), sales.pilot()), (true, None));
        let sounds: Vec<&str> = main.sounds().map(SoundName::as_str).collect();
        assert_eq!(sounds, ["welcome", "closed", "hours"]);
        assert_eq!(main.choices().count(), 7);
        let json = serde_json::to_string(&plan).unwrap();
        assert_eq!(Plan::read(&json).unwrap(), plan);
    }

    #[test]
    fn only_keys_of_a_telephone_are_keys() {
        for wrong in ["10", "A", "", "é"] {
            assert_eq!(Key::try_from(wrong.to_owned()), Err(NotAKey), "{wrong}");
        }
    }
}
