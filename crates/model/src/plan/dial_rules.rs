//! What clients do with numbers before they dial them, and with those of callers before they look for a name: clean-up
//! (`CSF-19`), application dial rules (`CC-06`), directory lookup rules (`CC-07`), in the order of `CC-09`.

use serde::{Deserialize, Serialize};

use super::digits::{DIGITS_MAX, Digits};

/// Rules of each kind.
pub const DIAL_RULES_MAX: usize = 1_000;

/// The rules of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DialRules {
    /// A leading `+` is dropped with all else that is no digit, as old rules expect it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub strip_plus: bool,
    /// From the number of a contact to what is dialled; the first that matches counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub application: Vec<DialRule>,
    /// From the number of a caller to the one that a directory has; the first that matches counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub directory: Vec<DialRule>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DialRule {
    /// How the number begins.
    #[serde(default = "Digits::empty", skip_serializing_if = "Digits::is_empty")]
    pub begins_with: Digits,
    /// How many symbols it has, a `+` counted; any number of them when it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u8>,
    /// How many symbols are taken away in front.
    #[serde(default)]
    pub remove: u8,
    /// What is put in front then.
    #[serde(default = "Digits::empty", skip_serializing_if = "Digits::is_empty")]
    pub prefix: Digits,
}

impl DialRule {
    /// What it makes of a number; `None` when it does not match, or when nothing would be left.
    fn apply(&self, number: &Digits) -> Option<Digits> {
        let fits = number.as_bytes().starts_with(self.begins_with.as_bytes())
            && self.length.is_none_or(|length| number.len() == usize::from(length));
        let rest = number.as_bytes().get(usize::from(self.remove)..).filter(|_| fits)?;
        let text = [self.prefix.as_bytes(), rest].concat();
        Digits::parse(std::str::from_utf8(&text).ok()?).ok().filter(|number| !number.is_empty())
    }
}

impl DialRules {
    /// Is nothing said?
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// What is dialled for a contact's number, as it stands in an address book.
    pub fn dialled(&self, contact: &str) -> Option<Digits> {
        let number = clean(contact, self.strip_plus)?;
        Some(self.application.iter().find_map(|rule| rule.apply(&number)).unwrap_or(number))
    }

    /// Under which number a directory has a caller.
    pub fn looked_up(&self, caller: &Digits) -> Digits {
        self.directory.iter().find_map(|rule| rule.apply(caller)).unwrap_or(*caller)
    }
}

/// Digits of a contact's number: letters by the keys that they stand on (ITU-T E.161), all else dropped but a leading `+`.
fn clean(contact: &str, strip_plus: bool) -> Option<Digits> {
    let mut digits = Digits::empty();
    for symbol in contact.trim_start().chars() {
        let key = match symbol.to_ascii_uppercase() {
            '+' if digits.is_empty() && !strip_plus => '+',
            digit @ '0'..='9' => digit,
            'A'..='C' => '2',
            'D'..='F' => '3',
            'G'..='I' => '4',
            'J'..='L' => '5',
            'M'..='O' => '6',
            'P'..='S' => '7',
            'T'..='V' => '8',
            'W'..='Z' => '9',
            _ => continue,
        };
        if digits.len() == DIGITS_MAX || !digits.push(key as u8) {
            return None;
        }
    }
    Some(digits).filter(|digits| digits.as_bytes().iter().any(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> Digits {
        Digits::parse(text).unwrap()
    }

    fn rule(begins_with: &str, length: u8, remove: u8, prefix: &str) -> DialRule {
        let (begins_with, prefix) = (digits(begins_with), digits(prefix));
        DialRule { begins_with, length: Some(length), remove, prefix }
    }

    fn cleaned(text: &str) -> Option<String> {
        clean(text, false).map(|number| number.to_string())
    }

    #[test]
    fn t_01_letters_become_the_keys_that_they_stand_on() {
        assert_eq!(cleaned("1-800-4UCSRND").as_deref(), Some("18004827763"));
        assert_eq!(cleaned(" +49 (30) 123/45 ext.").as_deref(), Some("+493012345398"));
        assert_eq!(clean("+49 30", true).map(|number| number.to_string()).as_deref(), Some("4930"));
        assert_eq!((cleaned("+"), cleaned("()"), cleaned(&"1".repeat(41))), (None, None, None));
    }

    #[test]
    fn t_02_an_application_dial_rule_makes_an_extension_of_a_number() {
        let application = vec![rule("+1800555", 12, 7, ""), rule("+1", 12, 1, "9")];
        let rules = DialRules { application, ..DialRules::default() };
        let dialled = |contact| rules.dialled(contact).map(|number| number.to_string());
        assert_eq!(dialled("+18005551212").as_deref(), Some("51212"), "the first that matches");
        assert_eq!(dialled("+1 (212) 555-0100").as_deref(), Some("912125550100"));
        assert_eq!(dialled("51212").as_deref(), Some("51212"), "none matches");
    }

    #[test]
    fn t_03_a_directory_lookup_rule_makes_a_number_of_an_extension() {
        let rules = DialRules { directory: vec![rule("5", 5, 0, "+180055")], ..DialRules::default() };
        assert_eq!(rules.looked_up(&digits("51212")).as_str(), "+18005551212");
        assert_eq!(rules.looked_up(&digits("41212")).as_str(), "41212");
    }

    #[test]
    fn a_rule_that_leaves_nothing_or_no_number_does_not_count() {
        assert_eq!(rule("5", 5, 5, "").apply(&digits("51212")), None);
        assert_eq!(rule("5", 5, 9, "").apply(&digits("51212")), None);
        assert_eq!(rule("+", 3, 0, "9").apply(&digits("+49")), None, "+ stands in front only");
    }
}
