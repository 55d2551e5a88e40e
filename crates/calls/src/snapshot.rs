//! What a call looks like from outside: immutable snapshots with sequence numbers.
//!
//! The words are those of CSTA Phase III (ECMA-269): a call has connections, a connection has a state, a
//! change has an event and a cause. RFC 4235 notifications, the status page and applications read these.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use media::PortId;
use model::{BareJid, LineId, Timestamp};
use serde::{Deserialize, Serialize, Serializer};

use crate::features::caller_identity::ANONYMOUS;
use crate::trunk::FromTrunk;

/// A call's number, shown in logs, on the status page and to applications: as text, since it may be more than the
/// numbers of JSON hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct CallId(pub u64);

/// The text is not the number of a call: sixteen hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a call is named by sixteen hexadecimal digits")]
pub struct NotACall;

/// The state of one connection (ECMA-269 §6.1.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ConnectionState {
    /// The device asks for service: it dials.
    Initiated,
    /// The device rings.
    Alerting,
    /// The device takes part in the call.
    Connected,
    /// The device has put the call on hold.
    Hold,
    /// The device could not be reached, or is busy.
    Fail,
    /// The device is no longer in the call.
    Null,
}

/// What happened last (ECMA-269 §17.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Event {
    /// The caller dialled, and the call was accepted.
    Originated,
    /// The caller waits in a queue.
    Queued,
    /// A called device rings.
    Delivered,
    /// A called device answered.
    Established,
    /// A device put the call on hold.
    Held,
    /// A device took the call back from hold.
    Retrieved,
    /// The call went to another device than the one that it was for, before that answered.
    Diverted,
    /// Another device has taken the place of one in the call.
    Transferred,
    /// Further devices have come into the call.
    Conferenced,
    /// The call could not be completed.
    Failed,
    /// A connection ended; when the last one did, so did the call.
    ConnectionCleared,
}

/// Why it happened, in words that applications and people understand (ECMA-269 §12.2.15), never SIP codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Cause {
    /// Somebody hung up.
    NormalClearing,
    /// The called line is busy.
    Busy,
    /// Nobody answered in time.
    NoAnswer,
    /// The caller gave up while it rang.
    CallCancelled,
    /// The number or the name does not exist here.
    NotObtainable,
    /// No phone of the called line is registered or reachable.
    DestinationOutOfService,
    /// The called person declined.
    Declined,
    /// The caller may not make this call.
    NotAllowed,
    /// The two phones have no codec in common.
    IncompatibleDestination,
    /// A limit of this server is reached: media ports, calls, call length.
    ResourcesNotAvailable,
    /// There is not enough bandwidth between the two places.
    NetworkCongestion,
    /// A phone stopped answering in mid-call.
    NetworkSignalLost,
    /// Answered by another phone of the same line or user.
    AnsweredElsewhere,
    /// Somebody has transferred the call.
    Transfer,
    /// Somebody has sent the call elsewhere before it was answered.
    Redirected,
    /// Somebody has parked the call.
    Park,
    /// The line has called outside as often, or as long, as it may.
    CostLimit,
}

/// Which end of the call a connection is, in the words of RFC 4235 §4.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The device called.
    Initiator,
    /// The device was called.
    Recipient,
}

/// The SIP dialog behind a connection, as the phone sees it (RFC 4235 §4.1.1); for Replaces and lamps.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct DialogIds {
    /// Call-ID of the leg.
    pub call_id: String,
    /// The phone's tag.
    pub phone_tag: String,
    /// Our tag.
    pub server_tag: String,
}

/// One device in the call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Connection {
    /// The line, when it is one of ours.
    pub line: Option<LineId>,
    /// The line's owner.
    #[serde(serialize_with = "as_text")]
    pub owner: Option<BareJid>,
    /// The number or name shown to the other side.
    pub address: String,
    /// The name shown to people, when there is one.
    pub name: Option<String>,
    /// Calling or called.
    pub direction: Direction,
    /// Its state.
    pub state: ConnectionState,
    /// Since when it is in this state.
    pub since: Timestamp,
    /// Its dialog, once there is one.
    pub dialog: Option<DialogIds>,
    /// What only records want to know.
    #[serde(skip)]
    pub particulars: Particulars,
    /// The trunk that it is behind: which, and the number as it came.
    #[serde(serialize_with = "trunk_name", skip_serializing_if = "Option::is_none")]
    pub trunk: Option<Arc<FromTrunk>>,
    /// Only administrators shall be told who it is.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub withheld: bool,
}

/// What a device's record tells beside what others see of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Particulars {
    /// Call-ID of the leg: known before there is a dialog. Empty when there is no leg.
    pub call_id: Bytes,
    /// What media does for it, once both phones have described themselves.
    pub media: Option<Arc<MediaUse>>,
    /// The device of the line, when it is known.
    pub device: Option<Arc<str>>,
    /// Why it was not even called.
    pub refused: Option<Cause>,
}

/// The media of a device in a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MediaUse {
    /// The codec of each stream that was agreed on with it.
    pub codecs: Vec<String>,
    /// Its ports.
    pub ports: Vec<PortId>,
    /// Its sound is made anew for the other device, as they share no codec.
    pub is_transcoded: bool,
    /// Its packets are secret (SRTP).
    pub is_secret: bool,
    /// It was recorded, wholly or in part.
    pub is_recorded: bool,
}

impl MediaUse {
    /// What records and people are shown: the codecs and, in brackets, what is done with them.
    pub fn words(&self) -> String {
        let codecs = self.codecs.join(", ");
        let notes =
            [(self.is_transcoded, "transcoded"), (self.is_secret, "SRTP"), (self.is_recorded, "recorded")];
        let notes: Vec<&str> = notes.into_iter().filter_map(|(is, note)| is.then_some(note)).collect();
        if notes.is_empty() { codecs } else { format!("{codecs} ({})", notes.join(", ")) }
    }
}

impl Particulars {
    /// A leg with this Call-ID.
    pub fn of(call_id: &Bytes) -> Self {
        Self { call_id: call_id.clone(), ..Self::default() }
    }
}

impl Connection {
    /// What others are told of it: its number or name, and the name for people.
    pub fn shown(&self) -> (&str, Option<&str>) {
        match self.withheld {
            true => (ANONYMOUS, None),
            false => (&self.address, self.name.as_deref()),
        }
    }

    /// The device takes no part in the call any more.
    pub(crate) fn has_left(&self) -> bool {
        matches!(self.state, ConnectionState::Null | ConnectionState::Fail)
    }
}

fn trunk_name<S: Serializer>(trunk: &Option<Arc<FromTrunk>>, serializer: S) -> Result<S::Ok, S::Error> {
    trunk.as_ref().map(|trunk| &trunk.name).serialize(serializer)
}

fn as_text<S: Serializer>(owner: &Option<BareJid>, serializer: S) -> Result<S::Ok, S::Error> {
    owner.as_ref().map(ToString::to_string).serialize(serializer)
}

/// One call at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallSnapshot {
    /// The call.
    pub id: CallId,
    /// Rises by one with every change of this call.
    pub sequence: u64,
    /// When the call was accepted.
    pub started: Timestamp,
    /// When it was first answered.
    pub answered: Option<Timestamp>,
    /// What the caller dialled.
    pub dialled: String,
    /// The place of the connection whose device hung up.
    pub hung_up_by: Option<usize>,
    /// What happened last.
    pub event: Event,
    /// Why.
    pub cause: Cause,
    /// The devices: the caller first.
    pub connections: Vec<Connection>,
}

impl CallSnapshot {
    /// Does a user take part in it, on a line of theirs?
    pub fn is_of(&self, user: &BareJid) -> bool {
        self.connections.iter().any(|connection| connection.owner.as_ref() == Some(user))
    }
}

impl Cause {
    /// The cause as metrics and logs spell it.
    pub fn word(self) -> &'static str {
        match self {
            Self::NormalClearing => "normal_clearing",
            Self::Busy => "busy",
            Self::NoAnswer => "no_answer",
            Self::CallCancelled => "call_cancelled",
            Self::NotObtainable => "not_obtainable",
            Self::DestinationOutOfService => "destination_out_of_service",
            Self::Declined => "declined",
            Self::NotAllowed => "not_allowed",
            Self::IncompatibleDestination => "incompatible_destination",
            Self::ResourcesNotAvailable => "resources_not_available",
            Self::NetworkCongestion => "network_congestion",
            Self::NetworkSignalLost => "network_signal_lost",
            Self::AnsweredElsewhere => "answered_elsewhere",
            Self::Transfer => "transfer",
            Self::Redirected => "redirected",
            Self::Park => "park",
            Self::CostLimit => "cost_limit",
        }
    }
}

impl FromStr for CallId {
    type Err = NotACall;

    fn from_str(text: &str) -> Result<Self, NotACall> {
        let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = digits.then(|| u64::from_str_radix(text, 16).ok()).flatten();
        number.map(Self).ok_or(NotACall)
    }
}

impl TryFrom<String> for CallId {
    type Error = NotACall;

    fn try_from(text: String) -> Result<Self, NotACall> {
        text.parse()
    }
}

impl From<CallId> for String {
    fn from(call: CallId) -> Self {
        call.to_string()
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl CallSnapshot {
    /// No device takes part any more: this is the last snapshot of the call.
    pub fn is_over(&self) -> bool {
        self.connections.iter().all(Connection::has_left)
    }

    /// Does a line that `fits` still take part in it?
    pub fn has_live(&self, fits: impl Fn(&LineId) -> bool) -> bool {
        self.connections.iter().any(|c| !c.has_left() && c.line.as_ref().is_some_and(&fits))
    }

    /// The connections of one line (several when several phones of it ring).
    pub fn of_line<'a>(&'a self, line: &'a LineId) -> impl Iterator<Item = &'a Connection> {
        self.connections.iter().filter(move |connection| connection.line.as_ref() == Some(line))
    }

    /// The Call-IDs of its legs, as far as they have any.
    pub fn call_ids(&self) -> impl Iterator<Item = &Bytes> {
        self.connections.iter().map(|leg| &leg.particulars.call_id).filter(|call_id| !call_id.is_empty())
    }

    /// The lines that take part or took part.
    pub fn lines(&self) -> BTreeSet<&LineId> {
        self.connections.iter().filter_map(|connection| connection.line.as_ref()).collect()
    }
}
