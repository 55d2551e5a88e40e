//! What applications can ask of call control, in the words of CSTA Phase III (ECMA-269), and how it answers.
//!
//! A line address always names the partition (`CT-07`). The answer says whether the service has begun; what comes
//! of it is in the snapshots of the call: `Held`, `Retrieved`, `Diverted`, `Transferred`, or `Failed` and why.
//! Who may command which line is decided before, by whoever takes commands from outside.

use model::plan::Digits;
use model::{DoNotDisturb, ForwardWhen, LineChange, LineId, Origin, SpeedDial};
use serde::{Deserialize, Serialize};

use crate::call::outcome::Verdict;
use crate::place::Unplaceable;
use crate::snapshot::{CallId, Cause};

/// The names of all requests.
pub const OPERATIONS: &[&str] = &[
    "makeCall",
    "answerCall",
    "clearConnection",
    "clearCall",
    "holdCall",
    "retrieveCall",
    "consultationCall",
    "alternateCall",
    "transferCall",
    "conferenceCall",
    "joinConference",
    "setPrivacy",
    "setRecording",
    "singleStepTransfer",
    "deflectCall",
    "parkCall",
    "directedPickup",
    "callBack",
    "cancelCallBack",
    "routeSelect",
    "routeReject",
    "setForwarding",
    "setDoNotDisturb",
    "setCallWaiting",
    "setCallerIdStatus",
    "setAnonymousRejection",
    "setSpeedDial",
];

/// A request of an application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Command {
    /// The line's phones are asked to come, and then the number is called for the one that does (ECMA-269 §17.1).
    MakeCall {
        /// Who calls.
        line: LineId,
        /// What is dialled for it.
        target: String,
    },
    /// A phone that rings is asked to answer; only some can (`Event: talk`).
    AnswerCall {
        /// The call.
        call: CallId,
        /// The line that rings.
        line: LineId,
    },
    /// A line leaves a call: hangs up, or declines.
    ClearConnection {
        /// The call.
        call: CallId,
        /// The line.
        line: LineId,
    },
    /// A call ends for all.
    ClearCall {
        /// The call.
        call: CallId,
    },
    /// A line puts the other side on hold.
    HoldCall {
        /// The call.
        call: CallId,
        /// The line that holds.
        line: LineId,
    },
    /// A line takes a call back that was put on hold by [`Command::HoldCall`].
    RetrieveCall {
        /// The call.
        call: CallId,
        /// The line that held.
        line: LineId,
    },
    /// A line holds a call and calls somebody else meanwhile.
    ConsultationCall {
        /// The call that is held.
        call: CallId,
        /// The line.
        line: LineId,
        /// What is dialled for it.
        target: String,
    },
    /// A line changes between the call that it holds and the one that it talks in.
    AlternateCall {
        /// The call that was held.
        held: CallId,
        /// The call that will be held.
        active: CallId,
        /// The line.
        line: LineId,
    },
    /// A line joins those that it talks to in two calls, and leaves both.
    TransferCall {
        /// One call: this one goes on.
        held: CallId,
        /// The other.
        active: CallId,
        /// The line that leaves.
        line: LineId,
    },
    /// A line brings those that it talks to in two calls together, and stays with them (ECMA-269 §17.1.10).
    ConferenceCall {
        /// One call; when it is a conference already, the others come into it.
        held: CallId,
        /// The other.
        active: CallId,
        /// The line.
        line: LineId,
    },
    /// A line has the other side of a call come into a conference, and leaves the call.
    JoinConference {
        /// The call.
        call: CallId,
        /// A call of somebody in the conference.
        conference: CallId,
        /// The line that leaves.
        line: LineId,
    },
    /// A line wants nobody to barge into a call, or lets them again.
    SetPrivacy {
        /// The call.
        call: CallId,
        /// The line.
        line: LineId,
        /// Nobody may?
        private: bool,
    },
    /// A line wants what is said in a call recorded from now on, or no longer.
    SetRecording {
        /// The call.
        call: CallId,
        /// The line.
        line: LineId,
        /// Recorded?
        recording: bool,
    },
    /// A line has the other side of a call transferred to a number, and leaves.
    SingleStepTransfer {
        /// The call.
        call: CallId,
        /// The line that leaves.
        line: LineId,
        /// What is dialled for the other side.
        target: String,
    },
    /// A call that rings at a line goes elsewhere; it is not answered, and no media flows (`CT-05`).
    DeflectCall {
        /// The call.
        call: CallId,
        /// The line that it rings at.
        line: LineId,
        /// Where it goes.
        target: String,
    },
    /// A line parks the other side of a call, and leaves. Whoever dials the slot has it.
    ParkCall {
        /// The call.
        call: CallId,
        /// The line that leaves.
        line: LineId,
        /// The slot; any that is free when none is named.
        slot: Option<String>,
    },
    /// A line takes a call that rings elsewhere, or that is parked: its own phones ring.
    DirectedPickup {
        /// The call.
        call: CallId,
        /// The line that takes it.
        line: LineId,
    },
    /// A line is called when a number is free, and then the number for it (ECMA-269 "Call Back Non-Call-Related").
    CallBack {
        /// The line.
        line: LineId,
        /// The number.
        target: String,
    },
    /// It is not any more, for no number (ECMA-269 "Cancel Call Back").
    CancelCallBack {
        /// The line.
        line: LineId,
    },
    /// A call at a route point goes on to a number (ECMA-269, Route Select).
    RouteSelect {
        /// The call.
        call: CallId,
        /// Where it goes.
        target: String,
    },
    /// A call at a route point is refused (ECMA-269, Route Reject).
    RouteReject {
        /// The call.
        call: CallId,
        /// Why.
        #[serde(default)]
        cause: RouteRefusal,
    },
    /// The calls of a line go elsewhere, or no longer (ECMA-269 §22.1).
    SetForwarding {
        /// The line.
        line: LineId,
        /// When.
        when: ForwardWhen,
        /// Which calls; all when it is not said.
        #[serde(default)]
        calls: Option<Origin>,
        /// Where to; none ends it.
        #[serde(default)]
        target: Option<String>,
    },
    /// A line does not want to be disturbed, or does again (ECMA-269 §22.1).
    SetDoNotDisturb {
        /// The line.
        line: LineId,
        /// How; none ends it.
        #[serde(default)]
        mode: Option<DoNotDisturb>,
    },
    /// Calls ring at a line that is in another one, or no longer.
    SetCallWaiting {
        /// The line.
        line: LineId,
        /// They do? None leaves it to the dial plan.
        #[serde(default)]
        on: Option<bool>,
    },
    /// A line's number is told to those it calls, or withheld (ECMA-269 §22.1).
    SetCallerIdStatus {
        /// The line.
        line: LineId,
        /// It is told? None leaves it to the dial plan.
        #[serde(default)]
        provided: Option<bool>,
    },
    /// Calls of whoever withholds the number are refused, or taken again.
    SetAnonymousRejection {
        /// The line.
        line: LineId,
        /// They are refused? None leaves it to the dial plan.
        #[serde(default)]
        on: Option<bool>,
    },
    /// What stands at a place of a line's speed dials.
    SetSpeedDial {
        /// The line.
        line: LineId,
        /// The place, 0 to 99.
        place: u16,
        /// What is dialled; none empties the place.
        #[serde(default)]
        target: Option<String>,
        /// What stands beside it.
        #[serde(default)]
        label: String,
    },
}

/// Why an application refuses a call at a route point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RouteRefusal {
    /// It is not wanted.
    #[default]
    Declined,
    /// Whoever it is for is busy.
    Busy,
    /// There is no such number.
    NotObtainable,
    /// The caller may not call there.
    NotAllowed,
    /// Nobody is there.
    DestinationOutOfService,
}

impl RouteRefusal {
    /// What the caller is told.
    pub(crate) fn verdict(self) -> Verdict {
        let (status, cause) = match self {
            Self::Declined => (603, Cause::Declined),
            Self::Busy => (486, Cause::Busy),
            Self::NotObtainable => (404, Cause::NotObtainable),
            Self::NotAllowed => (403, Cause::NotAllowed),
            Self::DestinationOutOfService => (480, Cause::DestinationOutOfService),
        };
        Verdict { status, cause }
    }
}

/// What a command led to, as far as that is known at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Done {
    /// The call that was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<CallId>,
    /// The slot that the call is parked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot: Option<String>,
}

/// Why a command was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Refusal {
    /// There is no such line.
    #[error("there is no such line")]
    NoSuchLine,
    /// There is no such call (any more).
    #[error("there is no such call")]
    NoSuchCall,
    /// The line takes no part in it.
    #[error("the line takes no part in the call")]
    NoSuchConnection,
    /// Not in the state that the connection is in: ringing, talking, held.
    #[error("the call is in another state")]
    WrongState,
    /// Something else is under way in the call: to be tried again.
    #[error("something else is under way in the call")]
    Busy,
    /// The phone cannot do it.
    #[error("the phone cannot do that")]
    PhoneCannot,
    /// The target leads nowhere, or may not be dialled.
    #[error("the call cannot be placed: {0:?}")]
    Unplaceable(Cause),
    /// The line may not.
    #[error("the line may not do that")]
    NotAllowed,
    /// The slot is taken, or there is none.
    #[error("the slot is not free")]
    NoSlot,
    /// A limit of this server is reached.
    #[error("a limit of this server is reached")]
    Resources,
}

impl From<Unplaceable> for Refusal {
    fn from(reason: Unplaceable) -> Self {
        Self::Unplaceable(reason.cause())
    }
}

impl Command {
    /// The call that decides where the command is carried out; `None` when it makes one.
    pub fn call(&self) -> Option<CallId> {
        match self {
            Self::MakeCall { .. }
            | Self::CallBack { .. }
            | Self::CancelCallBack { .. }
            | Self::SetForwarding { .. }
            | Self::SetDoNotDisturb { .. }
            | Self::SetCallWaiting { .. }
            | Self::SetCallerIdStatus { .. }
            | Self::SetAnonymousRejection { .. }
            | Self::SetSpeedDial { .. } => None,
            Self::TransferCall { held: call, .. }
            | Self::ConferenceCall { active: call, .. }
            | Self::AlternateCall { active: call, .. } => Some(*call),
            Self::AnswerCall { call, .. }
            | Self::ClearConnection { call, .. }
            | Self::ClearCall { call }
            | Self::HoldCall { call, .. }
            | Self::RetrieveCall { call, .. }
            | Self::ConsultationCall { call, .. }
            | Self::SingleStepTransfer { call, .. }
            | Self::DeflectCall { call, .. }
            | Self::ParkCall { call, .. }
            | Self::JoinConference { call, .. }
            | Self::SetPrivacy { call, .. }
            | Self::SetRecording { call, .. }
            | Self::RouteSelect { call, .. }
            | Self::RouteReject { call, .. }
            | Self::DirectedPickup { call, .. } => Some(*call),
        }
    }

    /// All calls that it names.
    pub fn calls(&self) -> impl Iterator<Item = CallId> {
        let second = match self {
            Self::TransferCall { active, .. } => Some(*active),
            Self::AlternateCall { held, .. } | Self::ConferenceCall { held, .. } => Some(*held),
            Self::JoinConference { conference, .. } => Some(*conference),
            _ => None,
        };
        self.call().into_iter().chain(second)
    }

    /// The line that it is for.
    pub fn line(&self) -> Option<&LineId> {
        match self {
            Self::ClearCall { .. } | Self::RouteSelect { .. } | Self::RouteReject { .. } => None,
            Self::MakeCall { line, .. }
            | Self::AnswerCall { line, .. }
            | Self::ClearConnection { line, .. }
            | Self::HoldCall { line, .. }
            | Self::RetrieveCall { line, .. }
            | Self::ConsultationCall { line, .. }
            | Self::AlternateCall { line, .. }
            | Self::TransferCall { line, .. }
            | Self::SingleStepTransfer { line, .. }
            | Self::DeflectCall { line, .. }
            | Self::ParkCall { line, .. }
            | Self::ConferenceCall { line, .. }
            | Self::JoinConference { line, .. }
            | Self::SetPrivacy { line, .. }
            | Self::SetRecording { line, .. }
            | Self::CallBack { line, .. }
            | Self::CancelCallBack { line }
            | Self::SetForwarding { line, .. }
            | Self::SetDoNotDisturb { line, .. }
            | Self::SetCallWaiting { line, .. }
            | Self::SetCallerIdStatus { line, .. }
            | Self::SetAnonymousRejection { line, .. }
            | Self::SetSpeedDial { line, .. }
            | Self::DirectedPickup { line, .. } => Some(line),
        }
    }

    /// The change of a line's settings that it asks for; `None` when it is about calls.
    ///
    /// # Errors
    /// The target is no number.
    pub fn change(&self) -> Result<Option<(&LineId, LineChange)>, Refusal> {
        let number = |target: &Option<String>| match target {
            Some(target) => {
                let number = Digits::dialled(target).filter(|number| !number.is_empty());
                number.map(Some).ok_or(Refusal::Unplaceable(Cause::NotObtainable))
            }
            None => Ok(None),
        };
        let change = match self {
            Self::SetForwarding { line, when, calls, target } => {
                (line, LineChange::Forward { when: *when, calls: *calls, to: number(target)? })
            }
            Self::SetCallerIdStatus { line, provided } => {
                (line, LineChange::WithholdNumber { on: provided.map(|provided| !provided) })
            }
            Self::SetAnonymousRejection { line, on } => (line, LineChange::RejectAnonymous { on: *on }),
            Self::SetSpeedDial { line, place, target, label } => {
                let label = label.clone();
                let dial = number(target)?.map(|number| SpeedDial { number, label, lamp: false });
                (line, LineChange::SpeedDial { place: *place, dial })
            }
            Self::SetDoNotDisturb { line, mode } => (line, LineChange::DoNotDisturb { mode: *mode }),
            Self::SetCallWaiting { line, on } => (line, LineChange::CallWaiting { on: *on }),
            _ => return Ok(None),
        };
        Ok(Some(change))
    }

    /// What is done after it, in another call, when it has begun.
    pub fn then(&self) -> Option<Self> {
        match self {
            Self::AlternateCall { held, line, .. } => {
                Some(Self::RetrieveCall { call: *held, line: line.clone() })
            }
            Self::ConferenceCall { held, active, line } => {
                Some(Self::JoinConference { call: *held, conference: *active, line: line.clone() })
            }
            Self::ConsultationCall { line, target, .. } => {
                Some(Self::MakeCall { line: line.clone(), target: target.clone() })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_read_as_json_with_the_partition_of_every_line() {
        let text = r#"{"op":"deflectCall","call":"0001000000000001","line":{"number":"1002","partition":"internal"},"target":"1003"}"#;
        let command: Command = serde_json::from_str(text).unwrap();
        let line: LineId = "1002".parse::<model::Number>().unwrap().into();
        let expected = Command::DeflectCall { call: CallId(1 << 48 | 1), line, target: "1003".to_owned() };
        assert_eq!(command, expected);
        assert_eq!(command.call().map(CallId::shard), Some(1));
        assert_eq!(serde_json::to_string(&command).unwrap(), text);
    }
}
