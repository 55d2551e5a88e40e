//! What a plan says of lines: their class of service, their forwards, how they are reached from outside (`CC-02`).

use serde::{Deserialize, Serialize};

use super::{Forwards, LineSpan, Mask, Recording, SoundName, Srtp};

/// What holds for a line, or for each line of a span.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanLine {
    /// Which lines.
    pub number: LineSpan,
    /// What may be dialled; looked through before the search space of the device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search_space: Option<String>,
    /// Where its calls go when they do not stay.
    #[serde(default, skip_serializing_if = "Forwards::is_none")]
    pub forward: Forwards,
    /// How many calls it takes part in at once.
    #[serde(default, skip_serializing_if = "LineCalls::is_none")]
    pub calls: LineCalls,
    /// Who it is for those it calls, and whose calls it takes.
    #[serde(default, skip_serializing_if = "LineIdentity::is_none")]
    pub identity: LineIdentity,
    /// What the number is outside, such as `+4930555XXXX` (`CC-21`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_mask: Option<Mask>,
    /// The group of automated alternate routing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alternate_group: Option<String>,
    /// The presence group (`PH-10`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presence_group: Option<String>,
    /// Whether its media is secret; as the settings of the plan say when it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub srtp: Option<Srtp>,
    /// Whether its calls are recorded; as the settings of the plan say when it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<Recording>,
    /// What callers hear whom it puts on hold; what its device's place says when none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub music: Option<SoundName>,
    /// May applications control it, for whoever may otherwise (*Allow Control of Device from CTI*, `CT-02`)?
    #[serde(default = "allowed", skip_serializing_if = "Clone::clone")]
    pub cti: bool,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

fn allowed() -> bool {
    true
}

/// Calls that a line may be set to take part in at once.
pub const LINE_CALLS_MAX: u16 = 100;

/// How many calls a line takes part in at once (*Maximum Number of Calls*, *Busy Trigger*).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LineCalls {
    /// So many, in both directions together; the server's setting when it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<u16>,
    /// With so many it is busy for further callers; with `max` when it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub busy_at: Option<u16>,
    /// Do calls ring while the line is in another one, unless its user says otherwise? Yes when it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<bool>,
}

impl LineCalls {
    /// Is nothing said?
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Who a line is for those it calls (RFC 3323), and whether it takes calls of nobody (RFC 5079). What its user sets goes
/// before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LineIdentity {
    /// It withholds its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withhold: Option<bool>,
    /// Calls of whoever withholds the number are refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reject_anonymous: Option<bool>,
}

impl LineIdentity {
    /// Is nothing said?
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}
