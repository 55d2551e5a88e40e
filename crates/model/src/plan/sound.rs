//! Sounds by name: what is played is said in the plan, the files themselves are imported (`carillon sound import`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest name, in bytes.
pub const SOUND_NAME_BYTES_MAX: usize = 64;

/// The name of a sound: small letters, digits, `-` and `_`. It is also the name of a file, so nothing else is let in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SoundName(String);

/// The text is no name of a sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sound is named by up to {SOUND_NAME_BYTES_MAX} small letters, digits, - and _, such as welcome-2")]
pub struct NotASoundName;

impl SoundName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SoundName {
    type Err = NotASoundName;

    fn from_str(text: &str) -> Result<Self, NotASoundName> {
        let fits =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
        let is_name = (1..=SOUND_NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(fits);
        if is_name { Ok(Self(text.to_owned())) } else { Err(NotASoundName) }
    }
}

impl TryFrom<String> for SoundName {
    type Error = NotASoundName;

    fn try_from(text: String) -> Result<Self, NotASoundName> {
        text.parse()
    }
}

impl From<SoundName> for String {
    fn from(name: SoundName) -> Self {
        name.0
    }
}

impl fmt::Display for SoundName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_no_other_folder() {
        for name in ["welcome", "digit-7", "a_b", &"x".repeat(SOUND_NAME_BYTES_MAX)] {
            assert_eq!(name.parse::<SoundName>().unwrap().as_str(), name);
        }
        for name in ["", ".", "..", "a/b", "Welcome", "a.wav", "é", &"x".repeat(SOUND_NAME_BYTES_MAX + 1)] {
            assert_eq!(name.parse::<SoundName>(), Err(NotASoundName), "{name}");
        }
    }
}
