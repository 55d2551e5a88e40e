//! The dial plan as plain data: what an administrator writes, stores and changes as a whole (`CC-02` … `CC-23`).
//!
//! One noun, one file. The plan is one document (`dialplan.toml`); [`Plan::check`] looks at all of it before it takes
//! effect. How a number is routed by it is not decided here but in `calls::dialplan`.

mod alternate;
mod attendant;
mod check;
mod codes;
mod costs;
mod device;
mod dial_rules;
mod digits;
mod document;
mod emergency;
mod feature_code;
mod forward;
mod hunt;
mod line;
mod location;
mod outside;
mod partition;
mod pattern;
mod phones;
mod presence;
mod queue;
mod reception;
mod recording;
mod region;
mod resources;
mod route;
mod route_point;
mod secret;
mod security;
mod settings;
mod sip_route;
mod sound;
mod span;
mod srtp;
mod time;
mod transformation;
mod trunk;
mod uses;

use serde::{Deserialize, Serialize};

pub use alternate::{AlternateGroup, AlternatePrefix};
pub use attendant::{Attendant, AttendantHours, Choice, Key, NotAKey};
pub use check::{Finding, Severity};
pub use codes::{AuthorizationCode, Codes, MatterCode};
pub use costs::{Allowed, COST_ENTRIES_MAX, CostClass, CostException, CostLimit, CostLimits, Costs};
pub use device::{Device, DevicePool, LAMPS_MAX, Lamp, Place};
pub use dial_rules::{DIAL_RULES_MAX, DialRule, DialRules};
pub use digits::{DIGITS_MAX, Digits, DigitsError, SYMBOLS, symbol};
pub use document::{DOCUMENT_BYTES_MAX, DocumentError};
pub use emergency::{Emergency, EmergencyLocation};
pub use feature_code::{Feature, FeatureCode};
pub use forward::{ByOrigin, ForwardTo, Forwards};
pub use hunt::{Algorithm, HuntPilot};
pub use line::{LINE_CALLS_MAX, LineCalls, LineIdentity, PlanLine};
pub use location::{Bandwidth, Location, ToLocation};
pub use outside::{LOCAL_ROUTE_GROUP, Outside, RouteGroup, RouteList, RouteListMember, Selection, Trunk};
pub use partition::{PlanPartition, SearchSpace};
pub use pattern::{Pattern, PatternError, Symbols};
pub use phones::{BUTTONS_MAX, Button, ButtonTemplate, CallManagerGroup, DeviceKey, GROUP_NODES_MAX, Phones};
pub use presence::{PRESENCE_GROUP_DEFAULT, Presence, PresenceRelation, Relation};
pub use queue::{Distribution, Queue, QueueSounds};
pub use reception::{Announcements, Reception};
pub use recording::Recording;
pub use region::{AUDIO_KBITS, Allowance, OPUS_KBITS, Region, ToRegion, codec_kbits};
pub use resources::{MediaResourceGroup, MediaResourceList, Resources};
pub use route::{RoutePattern, RouteTo, Translation};
pub use route_point::{ROUTE_SECONDS, ROUTE_SECONDS_MAX, RoutePoint};
pub use secret::HIDDEN;
pub use security::{CERTIFICATES_MAX, Fingerprint, FingerprintError, SecurityMode, SecurityProfile};
pub use settings::{HouseSpeedDial, Settings};
pub use sip_route::{DomainPattern, DomainPatternError, SipRoute};
pub use sound::{NotASoundName, SOUND_NAME_BYTES_MAX, SoundName};
pub use span::{LineSpan, LineSpanError, SPAN_NUMBERS_MAX};
pub use srtp::Srtp;
pub use time::{Date, Days, Hours, HoursError, Moment, Period, Schedule, Times};
pub use transformation::{Habits, Mask, MaskError, Transformation};
pub use trunk::{CallerId, Source, SourceError, TRUNKS_MAX, TrunkAccount, TrunkSip, TrunkTransport};
pub use uses::{Use, Uses};

/// A dial plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plan {
    /// What holds unless something says otherwise.
    pub settings: Settings,
    /// Partitions with a schedule or a description; one that is only named elsewhere need not be here.
    #[serde(rename = "partition", skip_serializing_if = "Vec::is_empty")]
    pub partitions: Vec<PlanPartition>,
    /// Calling search spaces.
    #[serde(rename = "search_space", skip_serializing_if = "Vec::is_empty")]
    pub search_spaces: Vec<SearchSpace>,
    /// Translation patterns.
    #[serde(rename = "translation", skip_serializing_if = "Vec::is_empty")]
    pub translations: Vec<Translation>,
    /// Route patterns.
    #[serde(rename = "route", skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<RoutePattern>,
    /// Hunt pilots.
    #[serde(rename = "hunt_pilot", skip_serializing_if = "Vec::is_empty")]
    pub hunt_pilots: Vec<HuntPilot>,
    /// What phones dial to set something for their line; the usual codes when none are named.
    #[serde(rename = "feature_code", skip_serializing_if = "feature_code::are_usual")]
    pub feature_codes: Vec<FeatureCode>,
    /// What holds for lines; a line that is not here has the settings' search space and no forwards.
    #[serde(rename = "line", skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<PlanLine>,
    /// Devices, by the lines they show.
    #[serde(rename = "device", skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<Device>,
    /// Device pools.
    #[serde(rename = "device_pool", skip_serializing_if = "Vec::is_empty")]
    pub device_pools: Vec<DevicePool>,
    /// The ways out: trunks, route groups and lists, SIP routes, alternate routing.
    pub outside: Outside,
    /// Periods, holidays and schedules.
    pub time: Times,
    /// Codes that a caller keys in.
    pub codes: Codes,
    /// Emergency numbers and locations.
    pub emergency: Emergency,
    /// Who may watch whom.
    pub presence: Presence,
    /// What answers callers before people do.
    pub reception: Reception,
    /// What phones have in common that are set up alike.
    #[serde(skip_serializing_if = "Phones::is_none")]
    pub phones: Phones,
    /// Media resources.
    #[serde(skip_serializing_if = "Resources::is_none")]
    pub resources: Resources,
}

impl Default for Plan {
    /// The empty plan: with the usual feature codes and emergency numbers.
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            partitions: Vec::new(),
            search_spaces: Vec::new(),
            translations: Vec::new(),
            routes: Vec::new(),
            hunt_pilots: Vec::new(),
            feature_codes: feature_code::usual(),
            lines: Vec::new(),
            devices: Vec::new(),
            device_pools: Vec::new(),
            outside: Outside::default(),
            time: Times::default(),
            codes: Codes::default(),
            emergency: Emergency::default(),
            presence: Presence::default(),
            reception: Reception::default(),
            phones: Phones::default(),
            resources: Resources::default(),
        }
    }
}

impl Plan {
    /// Are its feature codes those of a plan that names none?
    pub(crate) fn has_usual_feature_codes(&self) -> bool {
        feature_code::are_usual(&self.feature_codes)
    }

    /// Are search spaces in use? Before there is one, everybody reaches every partition.
    pub fn has_classes(&self) -> bool {
        !self.search_spaces.is_empty()
    }

    /// The search space of this name.
    pub fn search_space(&self, name: &str) -> Option<&SearchSpace> {
        self.search_spaces.iter().find(|space| space.name == name)
    }
}
