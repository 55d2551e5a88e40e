//! Dialog information (RFC 4235): what a busy lamp shows, in full at first and then what changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::LineId;

use super::xml::push_escaped;
use crate::snapshot::{CallSnapshot, Connection, ConnectionState, DialogIds, Direction};

/// The state of one dialog, as a watcher was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    state: &'static str,
    direction: Direction,
    ids: Option<DialogIds>,
    remote: Option<(String, Option<String>)>,
}

/// The dialogs of a watched line or of all watched lines, by their id in the document.
pub(super) type Dialogs = BTreeMap<String, Shown>;

/// What the calls of these lines look like now; ended ones are not in it.
pub(super) fn dialogs<'a>(calls: impl Iterator<Item = (&'a LineId, &'a Arc<CallSnapshot>)>) -> Dialogs {
    let mut all = Dialogs::new();
    for (line, call) in calls {
        for (index, connection) in call.connections.iter().enumerate() {
            if connection.line.as_ref() != Some(line) {
                continue;
            }
            if let Some(state) = state(call, connection) {
                let remote = other_side(call, index).map(|c| (c.address.clone(), c.name.clone()));
                let shown =
                    Shown { state, direction: connection.direction, ids: connection.dialog.clone(), remote };
                all.insert(format!("{}-{index}", call.id), shown);
            }
        }
    }
    all
}

/// RFC 4235 §3.7.1: trying, early, confirmed; what has ended is not there.
fn state(call: &CallSnapshot, connection: &Connection) -> Option<&'static str> {
    Some(match connection.state {
        ConnectionState::Null | ConnectionState::Fail => return None,
        ConnectionState::Connected | ConnectionState::Hold if call.answered.is_some() => "confirmed",
        ConnectionState::Alerting => "early",
        _ if call.connections.iter().any(|other| other.state == ConnectionState::Alerting) => "early",
        _ => "trying",
    })
}

/// The device at the other end: whoever takes part beside this one, else the first on the other side. After a
/// transfer both may be phones that were called.
fn other_side(call: &CallSnapshot, index: usize) -> Option<&Connection> {
    let own = call.connections.get(index)?;
    let others = call.connections.iter().enumerate().filter(|(at, _)| *at != index).map(|(_, other)| other);
    let takes_part =
        |other: &&Connection| matches!(other.state, ConnectionState::Connected | ConnectionState::Hold);
    let mut opposite = others.clone().filter(|other| other.direction != own.direction);
    match own.state {
        ConnectionState::Connected | ConnectionState::Hold => {
            others.clone().find(takes_part).or_else(|| opposite.next())
        }
        _ => opposite.clone().find(takes_part).or_else(|| opposite.next()),
    }
}

/// What goes into a document: the entity, its version, and the dialogs before and now.
pub(super) struct Document<'a> {
    /// The watched resource, as a URI.
    pub entity: &'a str,
    /// Rises by one with every document of a subscription (RFC 4235 §4.1.1).
    pub version: u32,
    /// What the watcher was told last; `None` for a full document.
    pub before: Option<&'a Dialogs>,
    /// What holds now.
    pub now: &'a Dialogs,
    /// `sip:` and this domain make the URIs of the other side.
    pub domain: &'a str,
}

impl Document<'_> {
    /// Writes it.
    pub(super) fn write(&self) -> String {
        let mut out = String::with_capacity(512);
        out.push_str(
            "<?xml version=\"1.0\"?>\r\n<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"",
        );
        out.push_str(&self.version.to_string());
        out.push_str(if self.before.is_some() {
            "\" state=\"partial\" entity=\""
        } else {
            "\" state=\"full\" entity=\""
        });
        push_escaped(&mut out, self.entity);
        out.push_str("\">\r\n");
        for (id, shown) in self.now {
            if self.before.is_none_or(|before| before.get(id) != Some(shown)) {
                self.push_dialog(&mut out, id, shown, shown.state);
            }
        }
        for (id, shown) in self.before.into_iter().flatten() {
            if !self.now.contains_key(id) {
                self.push_dialog(&mut out, id, shown, "terminated");
            }
        }
        out.push_str("</dialog-info>\r\n");
        out
    }

    fn push_dialog(&self, out: &mut String, id: &str, shown: &Shown, state: &str) {
        out.push_str("<dialog id=\"");
        push_escaped(out, id);
        if let Some(ids) = &shown.ids {
            // The tags are those of the watched phone (RFC 4235 §4.1.2).
            for (name, value) in
                [("call-id", &ids.call_id), ("local-tag", &ids.phone_tag), ("remote-tag", &ids.server_tag)]
            {
                out.push_str("\" ");
                out.push_str(name);
                out.push_str("=\"");
                push_escaped(out, value);
            }
        }
        out.push_str("\" direction=\"");
        out.push_str(match shown.direction {
            Direction::Initiator => "initiator",
            Direction::Recipient => "recipient",
        });
        out.push_str("\"><state>");
        out.push_str(state);
        out.push_str("</state>");
        if let Some((address, name)) = &shown.remote {
            out.push_str("<remote><identity");
            if let Some(name) = name {
                out.push_str(" display=\"");
                push_escaped(out, name);
                out.push('"');
            }
            out.push_str(">sip:");
            push_escaped(out, address);
            out.push('@');
            push_escaped(out, self.domain);
            out.push_str("</identity></remote>");
        }
        out.push_str("</dialog>\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{CallId, Cause, Event};
    use model::{Number, Timestamp};

    fn call(caller: ConnectionState, callee: ConnectionState) -> (LineId, Arc<CallSnapshot>) {
        let line: LineId = "1002".parse::<Number>().unwrap().into();
        let connection = |number: &str, direction, state| Connection {
            line: Some(number.parse::<Number>().unwrap().into()),
            owner: None,
            address: number.to_owned(),
            name: Some(format!("<{number}>")),
            direction,
            state,
            since: Timestamp(0),
            dialog: Some(DialogIds {
                call_id: "c".to_owned(),
                phone_tag: "p".to_owned(),
                server_tag: "s".to_owned(),
            }),
        };
        let snapshot = CallSnapshot {
            id: CallId(1),
            sequence: 1,
            started: Timestamp(0),
            answered: (callee == ConnectionState::Connected).then_some(Timestamp(0)),
            event: Event::Delivered,
            cause: Cause::NormalClearing,
            connections: vec![
                connection("1001", Direction::Initiator, caller),
                connection("1002", Direction::Recipient, callee),
            ],
        };
        (line, Arc::new(snapshot))
    }

    fn shown(caller: ConnectionState, callee: ConnectionState) -> Dialogs {
        let (line, call) = call(caller, callee);
        dialogs(std::iter::once((&line, &call)))
    }

    fn write(version: u32, before: Option<&Dialogs>, now: &Dialogs) -> String {
        Document { entity: "sip:1002@example.org", version, before, now, domain: "example.org" }.write()
    }

    #[test]
    fn a_full_document_shows_the_ringing_phone() {
        let text = write(0, None, &shown(ConnectionState::Initiated, ConnectionState::Alerting));
        for part in [
            "version=\"0\" state=\"full\" entity=\"sip:1002@example.org\"",
            "call-id=\"c\" local-tag=\"p\" remote-tag=\"s\" direction=\"recipient\"><state>early</state>",
            "<identity display=\"&lt;1001&gt;\">sip:1001@example.org</identity>",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn after_a_transfer_the_lamp_shows_who_is_there_now() {
        let (line, call) = call(ConnectionState::Null, ConnectionState::Connected);
        let mut call = CallSnapshot::clone(&call);
        let mut third = call.connections[1].clone();
        third.line = None;
        third.address = "1003".to_owned();
        call.connections.push(third);
        let shown = dialogs(std::iter::once((&line, &Arc::new(call))));
        assert!(write(0, None, &shown).contains("sip:1003@example.org"));
    }

    #[test]
    fn a_partial_document_shows_only_what_changed() {
        let ringing = shown(ConnectionState::Initiated, ConnectionState::Alerting);
        let talking = shown(ConnectionState::Connected, ConnectionState::Connected);
        assert!(write(1, Some(&ringing), &talking).contains("state=\"partial\""));
        assert!(write(1, Some(&ringing), &talking).contains("<state>confirmed</state>"));
        assert!(!write(2, Some(&talking), &talking).contains("<dialog "));
    }

    #[test]
    fn an_ended_dialog_is_told_as_terminated_once() {
        let talking = shown(ConnectionState::Connected, ConnectionState::Connected);
        let over = shown(ConnectionState::Null, ConnectionState::Null);
        assert!(over.is_empty());
        assert!(write(3, Some(&talking), &over).contains("<state>terminated</state>"));
    }
}
