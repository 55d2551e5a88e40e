//! Locations: how much bandwidth there is for calls from one place to another (`CC-25`, `MD-20`).
//!
//! Bandwidth is in kbit/s, with all that packets add to the payload. What is not said is without limit.

use serde::{Deserialize, Serialize};

/// A location: a place that others are reached from over a link that is not wide enough for everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Location {
    /// Its name.
    pub name: String,
    /// For the sound of all calls that leave it or come in: the link of a spoke to its hub.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_kbits: Option<u32>,
    /// For their pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video_kbits: Option<u32>,
    /// For calls to another location; each pair is written once, in either location.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<ToLocation>,
    /// For people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// Bandwidth to another location.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ToLocation {
    /// The other location.
    pub location: String,
    /// For sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_kbits: Option<u32>,
    /// For pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video_kbits: Option<u32>,
}

/// Bandwidth of a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bandwidth {
    /// For sound.
    pub audio_kbits: Option<u32>,
    /// For pictures.
    pub video_kbits: Option<u32>,
}

impl Location {
    /// The link of the location itself.
    pub fn bandwidth(&self) -> Bandwidth {
        Bandwidth { audio_kbits: self.audio_kbits, video_kbits: self.video_kbits }
    }
}

impl ToLocation {
    /// The link.
    pub fn bandwidth(&self) -> Bandwidth {
        Bandwidth { audio_kbits: self.audio_kbits, video_kbits: self.video_kbits }
    }
}
