//! Devices and device pools: where a phone stands, and what follows from it (`CC-01`, `CC-11`, `CC-30`).

use serde::{Deserialize, Serialize};

use super::{LineSpan, SoundName};

/// A device, or with a span of lines one device for each of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Device {
    /// Its name.
    pub name: String,
    /// The lines it shows.
    pub lines: Vec<LineSpan>,
    /// The instance that it names when it registers (RFC 5626 §4.1), such as `urn:uuid:…`, for a phone that signs in
    /// with its line's account; not needed when the name ends in the phone's MAC address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Its device pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// What may be dialled; looked through after the search space of the line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search_space: Option<String>,
    /// Which partitions its user may watch (`PH-09`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscribe_search_space: Option<String>,
    /// The presence group (`PH-10`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presence_group: Option<String>,
    /// Where it stands; what is not said here says its pool.
    #[serde(skip_serializing_if = "Place::is_none")]
    pub place: Place,
    /// Calls that it takes part in at once, over all its lines; a span of lines is a device for each of them. Without it
    /// only the limits of the lines hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls_max: Option<u16>,
    /// What its keys are, in their order; without it all its lines, then all its lamps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub button_template: Option<String>,
    /// Its speed dials with a busy lamp, in the order of their keys (`PH-07`): what one subscription to
    /// `sip:lamps-<line>@domain` watches.
    #[serde(rename = "lamp", skip_serializing_if = "Vec::is_empty")]
    pub lamps: Vec<Lamp>,
    /// For people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// Lamps that one device may have.
pub const LAMPS_MAX: usize = 200;

/// A speed dial with a busy lamp.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lamp {
    /// What it watches: a number, a user's name, or an address such as `sip:bob@example.net`.
    pub watches: String,
    /// What stands beside it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
}

/// What devices of one place share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DevicePool {
    /// Its name.
    pub name: String,
    /// What follows from the place.
    pub place: Place,
    /// The nodes that its devices register at, in their order (`CC-03`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_manager_group: Option<String>,
    /// For people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// What follows from where a device stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Place {
    /// The route group that `local` stands for (`CC-11`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_route_group: Option<String>,
    /// The region, for codecs (`CC-25`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The location, for admission (`CC-25`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The emergency location (`CC-22`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emergency_location: Option<String>,
    /// The search space of automated alternate routing (`CC-21`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alternate_search_space: Option<String>,
    /// The group of automated alternate routing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alternate_group: Option<String>,
    /// What callers hear who are put on hold there; the house's music when none is named (`CC-15`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub music: Option<SoundName>,
    /// The list of media resources: music, conferences, transcoding; without one, all that the server has (`CC-24`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_resources: Option<String>,
}

impl Place {
    /// Is nothing said?
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// This place, with what it does not say taken from another.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        let or = |mine: &Option<String>, theirs: &Option<String>| mine.clone().or_else(|| theirs.clone());
        Self {
            local_route_group: or(&self.local_route_group, &other.local_route_group),
            region: or(&self.region, &other.region),
            location: or(&self.location, &other.location),
            emergency_location: or(&self.emergency_location, &other.emergency_location),
            alternate_search_space: or(&self.alternate_search_space, &other.alternate_search_space),
            alternate_group: or(&self.alternate_group, &other.alternate_group),
            music: self.music.clone().or_else(|| other.music.clone()),
            media_resources: or(&self.media_resources, &other.media_resources),
        }
    }
}
