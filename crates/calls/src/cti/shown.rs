//! What applications are shown of lines, calls and histories. Nothing of SIP: no dialog of another phone, which would
//! let whoever knows it take the call over.

use model::plan::DialRules;
use model::{BareJid, LineId, Timestamp};
use serde::{Serialize, Serializer};
use store::{HistoryEntry, HistoryKind};

use super::error::Fault;
use crate::command::Done;
use crate::snapshot::{CallId, CallSnapshot, Cause, Connection, ConnectionState, Direction, Event};

/// What goes to the application.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(super) enum Message<'a> {
    /// To a request: `result` or `error`.
    Answer {
        id: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        result: Option<Answer>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<&'a Fault>,
    },
    /// Something has happened to a call.
    Event { sequence: u64, event: Event, cause: Cause, call: CallShown },
    /// A call has come to a route point.
    #[serde(rename = "event")]
    RouteRequest {
        sequence: u64,
        event: RouteEvent,
        route_point: &'a str,
        called: &'a str,
        calling: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<&'a str>,
        seconds: u16,
        call: CallShown,
    },
    /// The session need not say any more where it goes.
    #[serde(rename = "event")]
    RouteEnd { sequence: u64, event: RouteEvent, route_point: &'a str, cause: Cause, call: CallId },
    /// The phones of a line have come, or gone.
    #[serde(rename = "event")]
    LineEvent { sequence: u64, event: LineEvent, line: LineShown },
}

/// What a session is told of the calls of a route point (ECMA-269, routeing services).
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum RouteEvent {
    /// A call wants to know where it goes.
    RouteRequest,
    /// It does not any more.
    RouteEnd,
}

/// What happens to a line beside its calls (ECMA-269 "logical device features").
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum LineEvent {
    /// A phone of it is registered again.
    BackInService,
    /// No phone of it is registered any more.
    OutOfService,
}

/// The result of a request.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Answer {
    Done(Done),
    Lines { lines: Vec<LineShown>, more: bool },
    Snapshot { sequence: u64, lines: Vec<LineShown>, calls: Vec<CallShown> },
    Call { call: CallShown },
    History { unseen: u64, calls: Vec<PastCall> },
    DialRules(DialRules),
    Nothing {},
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LineShown {
    pub line: LineId,
    #[serde(serialize_with = "as_text", skip_serializing_if = "Option::is_none")]
    pub owner: Option<BareJid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A phone of it is registered.
    pub in_service: bool,
}

/// A call at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct CallShown {
    id: CallId,
    sequence: u64,
    started: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    answered: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dialled: Option<String>,
    connections: Vec<ConnectionShown>,
}

/// A device in a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct ConnectionShown {
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<LineId>,
    #[serde(serialize_with = "as_text", skip_serializing_if = "Option::is_none")]
    owner: Option<BareJid>,
    address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    direction: Direction,
    state: ConnectionState,
    since: Timestamp,
}

/// A call of a history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct PastCall {
    call: CallId,
    kind: &'static str,
    peer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    started: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    answered: Option<Timestamp>,
    ended: Timestamp,
    seen: bool,
}

impl CallShown {
    /// `reaches`: is this line in the session's reach? Only then it is told what was dialled there: it may have codes
    /// in it.
    pub(super) fn of(call: &CallSnapshot, reaches: impl Fn(&LineId) -> bool) -> Self {
        let caller = call.connections.first().and_then(|connection| connection.line.as_ref());
        Self {
            id: call.id,
            sequence: call.sequence,
            started: call.started,
            answered: call.answered,
            dialled: caller.is_some_and(&reaches).then(|| call.dialled.clone()),
            connections: call.connections.iter().map(|one| ConnectionShown::of(one, &reaches)).collect(),
        }
    }
}

impl ConnectionShown {
    /// Who withholds the number is nobody to whoever does not reach the line.
    fn of(connection: &Connection, reaches: impl Fn(&LineId) -> bool) -> Self {
        let is_nobody = connection.withheld && !connection.line.as_ref().is_some_and(reaches);
        let (address, name) = if is_nobody {
            connection.shown()
        } else {
            (connection.address.as_str(), connection.name.as_deref())
        };
        Self {
            line: connection.line.clone().filter(|_| !is_nobody),
            owner: connection.owner.clone().filter(|_| !is_nobody),
            address: address.to_owned(),
            name: name.map(str::to_owned),
            direction: connection.direction,
            state: connection.state,
            since: connection.since,
        }
    }
}

impl PastCall {
    pub(super) fn of(entry: &HistoryEntry, seen: Option<Timestamp>) -> Self {
        Self {
            call: CallId(entry.place.id),
            kind: match entry.line.kind {
                HistoryKind::Placed => "placed",
                HistoryKind::Received => "received",
                HistoryKind::Missed => "missed",
            },
            peer: entry.line.peer.clone(),
            name: entry.line.peer_name.clone(),
            started: entry.place.started,
            answered: entry.answered,
            ended: entry.ended,
            seen: seen.is_some_and(|seen| entry.place.started <= seen),
        }
    }
}

fn as_text<S: Serializer>(user: &Option<BareJid>, serializer: S) -> Result<S::Ok, S::Error> {
    user.as_ref().map(ToString::to_string).serialize(serializer)
}
