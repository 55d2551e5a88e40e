//! A request of an application, read.

use model::LineId;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::TARGET_BYTES_MAX;
use super::error::Fault;
use crate::command::{Command, OPERATIONS};
use crate::snapshot::CallId;

/// What a session itself answers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "op", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(super) enum Question {
    /// The lines in reach, lowest number first.
    ListLines {
        /// Behind this one.
        after: Option<LineId>,
    },
    /// To watch lines: these, else the user's own; or all.
    MonitorStart {
        lines: Option<Vec<LineId>>,
        #[serde(default)]
        all: bool,
    },
    /// No longer: these, else everything.
    MonitorStop { lines: Option<Vec<LineId>> },
    /// A line and its calls, now.
    SnapshotDevice { line: LineId },
    /// A call, now.
    SnapshotCall { call: CallId },
    /// The user's placed, received and missed calls, the latest first.
    CallHistory {
        kind: Option<Kind>,
        /// Behind this one.
        after: Option<CallId>,
        max: Option<usize>,
    },
    /// The user has seen the missed calls.
    CallHistorySeen,
    /// What clients do with numbers of contacts and callers.
    DialRules,
    /// The number of a contact is called, as these rules have it.
    CallContact { line: LineId, contact: String },
    /// From now on the session is asked where calls at a route point go (ECMA-269, Route Register).
    RouteRegister { route_point: String },
    /// No longer (ECMA-269, Route Register Cancel).
    RouteRegisterCancel { route_point: String },
}

/// A list of the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Kind {
    Placed,
    Received,
    Missed,
}

const QUESTIONS: &[&str] = &[
    "listLines",
    "monitorStart",
    "monitorStop",
    "snapshotDevice",
    "snapshotCall",
    "callHistory",
    "callHistorySeen",
    "dialRules",
    "callContact",
    "routeRegister",
    "routeRegisterCancel",
];

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Request {
    Question(Question),
    Command(Command),
}

/// Reads a request: its number, when it has one, and what it asks for.
pub(super) fn read(text: &[u8]) -> (Option<u64>, Result<Request, Fault>) {
    let mut fields: Map<String, Value> = match serde_json::from_slice(text) {
        Ok(fields) => fields,
        Err(error) => return (None, Err(Fault::BadRequest(format!("not a JSON object: {error}")))),
    };
    let id = fields.remove("id").and_then(|id| id.as_u64());
    (id, if id.is_some() { asked(fields) } else { Err(bad("a request has an id, a whole number")) })
}

fn asked(fields: Map<String, Value>) -> Result<Request, Fault> {
    let op = fields.get("op").and_then(Value::as_str).ok_or_else(|| bad("a request has an op, a text"))?;
    let (is_question, is_command) = (QUESTIONS.contains(&op), OPERATIONS.contains(&op));
    if !is_question && !is_command {
        return Err(Fault::NotSupported(op.chars().take(64).collect()));
    }
    let target = fields.get("target").or_else(|| fields.get("contact")).and_then(Value::as_str);
    if target.is_some_and(|target| target.is_empty() || target.len() > TARGET_BYTES_MAX) {
        return Err(bad("a target has 1 to 256 bytes"));
    }
    let fields = Value::Object(fields);
    let read = match is_question {
        true => serde_json::from_value(fields).map(Request::Question),
        false => serde_json::from_value(fields).map(Request::Command),
    };
    read.map_err(|error| Fault::BadRequest(error.to_string()))
}

fn bad(text: &str) -> Fault {
    Fault::BadRequest(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> (Option<u64>, &'static str) {
        let (id, read) = read(text.as_bytes());
        (id, read.unwrap_err().code())
    }

    #[test]
    fn questions_and_commands_are_told_apart() {
        let line = r#"{"number":"1001","partition":"internal"}"#;
        let text = format!(r#"{{"id":3,"op":"makeCall","line":{line},"target":"1002"}}"#);
        let (id, command) = read(text.as_bytes());
        assert_eq!(id, Some(3));
        assert!(matches!(command, Ok(Request::Command(Command::MakeCall { .. }))));
        let (_, question) = read(format!(r#"{{"id":4,"op":"monitorStart","lines":[{line}]}}"#).as_bytes());
        let Ok(Request::Question(Question::MonitorStart { lines: Some(lines), all: false })) = question
        else {
            panic!("{question:?}")
        };
        assert_eq!(lines[0].to_string(), "1001");
    }

    #[test]
    fn every_operation_that_is_named_can_be_read() {
        for op in OPERATIONS.iter().chain(QUESTIONS) {
            let call = "0001000000000001";
            let line = r#"{"number":"1001","partition":"internal"}"#;
            let text = format!(
                r#"{{"id":1,"op":"{op}","line":{line},"call":"{call}","held":"{call}","active":"{call}","conference":"{call}","private":true,"recording":true,"when":"all","place":7,"contact":"1","target":"1","routePoint":"a"}}"#
            );
            assert!(read(text.as_bytes()).1.is_ok(), "{op}");
        }
    }

    #[test]
    fn what_is_not_understood_is_answered_by_its_kind() {
        assert_eq!(error("{"), (None, "badRequest"));
        assert_eq!(error("[1]"), (None, "badRequest"));
        assert_eq!(error(r#"{"op":"listLines"}"#), (None, "badRequest"));
        assert_eq!(error(r#"{"id":-1,"op":"listLines"}"#), (None, "badRequest"));
        assert_eq!(error(r#"{"id":1}"#), (Some(1), "badRequest"));
        assert_eq!(error(r#"{"id":2,"op":"generateDigits"}"#), (Some(2), "notSupported"));
        assert_eq!(error(r#"{"id":3,"op":"snapshotCall","call":"7"}"#), (Some(3), "badRequest"));
        // CT-07: a number alone is no line.
        let line = r#"{"number":"1001"}"#;
        assert_eq!(
            error(&format!(r#"{{"id":4,"op":"snapshotDevice","line":{line}}}"#)),
            (Some(4), "badRequest")
        );
        let target = "1".repeat(TARGET_BYTES_MAX + 1);
        assert_eq!(
            error(&format!(r#"{{"id":5,"op":"makeCall","target":"{target}"}}"#)),
            (Some(5), "badRequest")
        );
    }
}
