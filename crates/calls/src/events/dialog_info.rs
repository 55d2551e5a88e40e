//! Dialog information (RFC 4235): what a busy lamp shows, in full at first and then what changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::LineId;

use super::body::Body;
use super::xml::elements;
use crate::snapshot::{CallSnapshot, Connection, ConnectionState, DialogIds, Direction};

/// The longest document of another server that is read, in bytes.
const DOCUMENT_BYTES_MAX: usize = 64 * 1024;
/// Dialogs of such a document that are kept.
const DIALOGS_MAX: usize = 64;

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
                // Who withholds the number is nobody to watchers, too.
                let remote = other_side(call, index).filter(|other| !other.withheld);
                let remote = remote.map(|other| (other.address.clone(), other.name.clone()));
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

/// What the lines of a watched resource do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LineView {
    /// Is anything known of them: is a phone registered, or is there a call (`PH-01`)?
    pub is_known: bool,
    /// Their dialogs.
    pub dialogs: Dialogs,
}

impl LineView {
    /// A line on the other side of a trunk of which no more is known than that it is busy, or idle.
    pub(super) fn simple(is_busy: bool) -> Self {
        let shown = Shown { state: "confirmed", direction: Direction::Recipient, ids: None, remote: None };
        let dialogs = is_busy.then(|| ("outside".to_owned(), shown)).into_iter().collect();
        Self { is_known: true, dialogs }
    }

    /// The three indications of a lamp (`PH-07`).
    pub(super) fn is_busy(&self) -> bool {
        !self.dialogs.is_empty()
    }
}

/// Reads a document of another server: what its lines do now, when they did `before`. `None`: it is none.
pub(super) fn read(document: &[u8], before: &LineView) -> Option<LineView> {
    let document = std::str::from_utf8(document).ok().filter(|text| text.len() <= DOCUMENT_BYTES_MAX)?;
    let mut all = elements(document);
    let root = all.next().filter(|root| root.name == "dialog-info")?;
    // RFC 4235 §4.1: a partial document names only what has changed.
    let is_partial = root.attribute("state").as_deref() == Some("partial");
    let mut dialogs = if is_partial { before.dialogs.clone() } else { Dialogs::new() };
    let mut inside = None;
    for element in all {
        match element.name {
            "dialog" => inside = element.attribute("id").map(|id| (id, element.attribute("direction"))),
            "state" => {
                let Some((id, direction)) = inside.take() else { continue };
                let state = match element.text.trim() {
                    "terminated" => {
                        dialogs.remove(&id);
                        continue;
                    }
                    "trying" | "proceeding" => "trying",
                    "early" => "early",
                    _ => "confirmed",
                };
                let is_caller = direction.as_deref() == Some("initiator");
                let direction = if is_caller { Direction::Initiator } else { Direction::Recipient };
                if dialogs.len() < DIALOGS_MAX {
                    dialogs.insert(id, Shown { state, direction, ids: None, remote: None });
                }
            }
            _ => {}
        }
    }
    Some(LineView { is_known: true, dialogs })
}

/// What goes into a document: the entity, and what was and is to be shown.
pub(super) struct Document<'a> {
    /// The watched resource, as a URI.
    pub entity: &'a str,
    /// What the watcher was told last; `None` for a full document.
    pub before: Option<&'a LineView>,
    /// What holds now.
    pub now: &'a LineView,
    /// `sip:` and this domain make the URIs of the other side.
    pub domain: &'a str,
}

impl Document<'_> {
    /// Writes it. The version rises by one with every document of a subscription (RFC 4235 §4.1.1).
    pub(super) fn write(&self) -> Body {
        // Only a full document can take back that anything is known.
        let before = self.before.filter(|before| before.is_known == self.now.is_known);
        let mut out = Body::versioned(
            "<?xml version=\"1.0\"?>\r\n<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"",
        );
        out.push(if before.is_some() {
            "\" state=\"partial\" entity=\""
        } else {
            "\" state=\"full\" entity=\""
        });
        out.push_escaped(self.entity);
        out.push("\">\r\n");
        for (id, shown) in &self.now.dialogs {
            if before.is_none_or(|before| before.dialogs.get(id) != Some(shown)) {
                self.push_dialog(&mut out, id, shown, shown.state);
            }
        }
        for (id, shown) in before.into_iter().flat_map(|before| &before.dialogs) {
            if !self.now.dialogs.contains_key(id) {
                self.push_dialog(&mut out, id, shown, "terminated");
            }
        }
        if before.is_none() && self.now.is_known && !self.now.is_busy() {
            // COMPAT: Yealink T4x, Snom: a lamp without a call is lit as idle by a dialog that has ended, and not by
            // a document without any; that one says that nothing is known (`PH-01`).
            out.push("<dialog id=\"idle\"><state>terminated</state></dialog>\r\n");
        }
        out.push("</dialog-info>\r\n");
        out
    }

    fn push_dialog(&self, out: &mut Body, id: &str, shown: &Shown, state: &str) {
        out.push("<dialog id=\"");
        out.push_escaped(id);
        if let Some(ids) = &shown.ids {
            // The tags are those of the watched phone (RFC 4235 §4.1.2).
            for (name, value) in
                [("call-id", &ids.call_id), ("local-tag", &ids.phone_tag), ("remote-tag", &ids.server_tag)]
            {
                out.push("\" ");
                out.push(name);
                out.push("=\"");
                out.push_escaped(value);
            }
        }
        out.push("\" direction=\"");
        out.push(match shown.direction {
            Direction::Initiator => "initiator",
            Direction::Recipient => "recipient",
        });
        out.push("\"><state>");
        out.push(state);
        out.push("</state>");
        if let Some((address, name)) = &shown.remote {
            out.push("<remote><identity");
            if let Some(name) = name {
                out.push(" display=\"");
                out.push_escaped(name);
                out.push("\"");
            }
            out.push(">sip:");
            out.push_escaped(address);
            out.push("@");
            out.push_escaped(self.domain);
            out.push("</identity></remote>");
        }
        out.push("</dialog>\r\n");
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
            particulars: crate::snapshot::Particulars::default(),
            trunk: None,
            withheld: false,
        };
        let snapshot = CallSnapshot {
            id: CallId(1),
            sequence: 1,
            started: Timestamp(0),
            answered: (callee == ConnectionState::Connected).then_some(Timestamp(0)),
            dialled: String::new(),
            hung_up_by: None,
            event: Event::Delivered,
            cause: Cause::NormalClearing,
            connections: vec![
                connection("1001", Direction::Initiator, caller),
                connection("1002", Direction::Recipient, callee),
            ],
        };
        (line, Arc::new(snapshot))
    }

    fn shown(caller: ConnectionState, callee: ConnectionState) -> LineView {
        let (line, call) = call(caller, callee);
        LineView { is_known: true, dialogs: dialogs(std::iter::once((&line, &call))) }
    }

    fn write(version: u32, before: Option<&LineView>, now: &LineView) -> String {
        let mut out = Vec::new();
        let document = Document { entity: "sip:1002@example.org", before, now, domain: "example.org" };
        document.write().write(version, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_idle_line_shows_an_ended_dialog_and_an_unknown_one_shows_none() {
        let idle = LineView { is_known: true, ..LineView::default() };
        let unknown = LineView::default();
        assert!(write(0, None, &idle).contains("<state>terminated</state>"));
        assert!(!write(0, None, &unknown).contains("<dialog "));
        let lost = write(1, Some(&idle), &unknown);
        assert!(lost.contains("state=\"full\"") && !lost.contains("<dialog "), "{lost}");
        assert!(write(2, Some(&unknown), &idle).contains("<state>terminated</state>"));
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
        let dialogs = dialogs(std::iter::once((&line, &Arc::new(call))));
        let shown = LineView { is_known: true, dialogs };
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
        assert!(!over.is_busy());
        assert!(write(3, Some(&talking), &over).contains("<state>terminated</state>"));
    }

    #[test]
    fn documents_of_other_servers_are_followed() {
        let document = |state: &str, dialogs: &str| {
            format!(
                "<?xml version='1.0'?><dialog-info state='{state}' version='1' entity='sip:2001@h'>{dialogs}</dialog-info>"
            )
        };
        let dialog = |id: &str, state: &str| {
            format!("<dialog id='{id}' direction='initiator'><state event='x'>{state}</state></dialog>")
        };
        let read = |text: String, before: &LineView| read(text.as_bytes(), before);
        let idle = read(document("full", ""), &LineView::default()).unwrap();
        assert!(idle.is_known && !idle.is_busy());
        let ringing = read(document("partial", &dialog("a", "early")), &idle).unwrap();
        assert!(ringing.is_busy());
        let both = read(document("partial", &dialog("b", "confirmed")), &ringing).unwrap();
        assert_eq!(both.dialogs.len(), 2);
        let one = read(document("partial", &dialog("a", "terminated")), &both).unwrap();
        assert_eq!(one.dialogs.keys().collect::<Vec<_>>(), ["b"]);
        assert!(!read(document("full", ""), &one).unwrap().is_busy());
        assert_eq!(read("<presence/>".to_owned(), &idle), None);
        assert_eq!(read("no document".to_owned(), &idle), None);
    }
}
