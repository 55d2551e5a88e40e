//! Whom a line called last, and who called it last: for redial, call return and call back (`CC-34`).
//!
//! Noted from the snapshots of calls, and after a restart from their records. A line that has changed hands has no
//! last calls of its former owner.

use model::{BareJid, LineId, Timestamp};
use store::{CallRecord, HistoryKind};

use super::caller_identity::ANONYMOUS;
use crate::snapshot::{CallId, CallSnapshot, Cause, ConnectionState, Event};

/// The longest number or name that is dialled again, in bytes.
const DIALLED_BYTES_MAX: usize = 256;

/// The last calls of one line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastCalls {
    owner: Option<BareJid>,
    placed: Option<LastPlaced>,
    caller: Option<LastCaller>,
}

/// The last call that a line made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastPlaced {
    /// What was dialled, behind the codes before it.
    pub dialled: String,
    /// The call.
    call: CallId,
    started: Timestamp,
    /// Why it came to nothing; `None` when it did not.
    pub failed: Option<Cause>,
}

/// Who called a line last.
#[derive(Clone, Debug, PartialEq, Eq)]
struct LastCaller {
    /// What is dialled to call back; `None` when the number was withheld.
    number: Option<String>,
    started: Timestamp,
}

impl LastCalls {
    /// The last call that the line made while it was this owner's.
    pub fn placed(&self, owner: Option<&BareJid>) -> Option<&LastPlaced> {
        self.placed.as_ref().filter(|_| self.owner.as_ref() == owner)
    }

    /// The number of who called last while the line was this owner's; `None` when it was withheld, too.
    pub fn caller(&self, owner: Option<&BareJid>) -> Option<&str> {
        self.caller.as_ref().filter(|_| self.owner.as_ref() == owner)?.number.as_deref()
    }

    /// Something has happened to a call of the line.
    pub(crate) fn note(&mut self, line: &LineId, call: &CallSnapshot) {
        let Some(first) = call.connections.first() else { return };
        let mut own = call.of_line(line);
        let Some(owner) = own.next().map(|connection| &connection.owner) else { return };
        if self.owner != *owner {
            *self = Self { owner: owner.clone(), ..Self::default() };
        }
        // What does not exist is not dialled again: it was mistyped, or is a code that stands for nothing.
        let is_begin = call.sequence == 1
            && matches!(call.event, Event::Originated | Event::Failed)
            && call.cause != Cause::NotObtainable;
        if first.line.as_ref() == Some(line) && is_begin && is_short(&call.dialled) {
            let (dialled, started) = (call.dialled.clone(), call.started);
            self.placed = Some(LastPlaced { dialled, call: call.id, started, failed: None });
        }
        if let Some(placed) = self.placed.as_mut().filter(|placed| placed.call == call.id && call.is_over()) {
            placed.failed = call.answered.is_none().then_some(call.cause);
        }
        let rings = |at: usize| {
            let connection = &call.connections[at];
            connection.line.as_ref() == Some(line) && connection.state == ConnectionState::Alerting
        };
        if call.event == Event::Delivered
            && (1..call.connections.len()).any(rings)
            && is_short(&first.address)
        {
            let number = (!first.withheld).then(|| first.address.clone());
            self.caller = Some(LastCaller { number, started: call.started });
        }
    }

    /// What a record says of the line, unless something later is known.
    pub(crate) fn recall(&mut self, line: &LineId, record: &CallRecord) {
        for (place, leg) in record.legs.iter().enumerate().filter(|(_, leg)| leg.line.as_ref() == Some(line))
        {
            let Some(history) = &leg.history else { continue };
            let knows_nothing = self.placed.is_none() && self.caller.is_none();
            if knows_nothing {
                self.owner.clone_from(&leg.owner);
            }
            if self.owner != leg.owner {
                continue;
            }
            let is_newer = |known: Option<Timestamp>| known.is_none_or(|known| known < record.started);
            if history.kind == HistoryKind::Placed {
                if place == 0
                    && is_newer(self.placed.as_ref().map(|known| known.started))
                    && is_short(&record.dialled)
                {
                    let (dialled, call, started) =
                        (record.dialled.clone(), CallId(record.id), record.started);
                    // Why it failed is not asked for any more: nobody is called back for a call before a restart.
                    self.placed = Some(LastPlaced { dialled, call, started, failed: None });
                }
            } else if is_newer(self.caller.as_ref().map(|known| known.started)) && is_short(&history.peer) {
                let number = (history.peer != ANONYMOUS).then(|| history.peer.clone());
                self.caller = Some(LastCaller { number, started: record.started });
            }
        }
    }
}

fn is_short(dialled: &str) -> bool {
    (1..=DIALLED_BYTES_MAX).contains(&dialled.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{Connection, Direction, Particulars};
    use store::{CallLeg, HistoryLine, LegTimes};

    fn line(number: &str) -> LineId {
        LineId::from(number.parse::<model::Number>().unwrap())
    }

    fn bob() -> Option<BareJid> {
        Some("bob@localhost".parse().unwrap())
    }

    fn connection(number: &str, direction: Direction, state: ConnectionState) -> Connection {
        Connection {
            line: Some(line(number)),
            owner: (number == "1002").then(bob).flatten(),
            address: number.to_owned(),
            name: None,
            direction,
            state,
            since: Timestamp(0),
            dialog: None,
            particulars: Particulars::default(),
            trunk: None,
            withheld: false,
        }
    }

    fn call(from: &str, to: &str, event: Event, callee: ConnectionState) -> CallSnapshot {
        let over = callee == ConnectionState::Fail;
        let caller = if over { ConnectionState::Null } else { ConnectionState::Initiated };
        CallSnapshot {
            id: CallId(7),
            sequence: if event == Event::Originated { 1 } else { 2 },
            started: Timestamp(5),
            answered: None,
            dialled: to.to_owned(),
            hung_up_by: None,
            event,
            cause: if over { Cause::Busy } else { Cause::NormalClearing },
            connections: vec![
                connection(from, Direction::Initiator, caller),
                connection(to, Direction::Recipient, callee),
            ],
        }
    }

    #[test]
    fn the_last_call_is_kept_with_why_it_failed() {
        let mut last = LastCalls::default();
        last.note(&line("1002"), &call("1002", "1003", Event::Originated, ConnectionState::Initiated));
        assert_eq!(last.placed(bob().as_ref()).unwrap().failed, None);
        last.note(&line("1002"), &call("1002", "1003", Event::Failed, ConnectionState::Fail));
        let placed = last.placed(bob().as_ref()).unwrap();
        assert_eq!((placed.dialled.as_str(), placed.failed), ("1003", Some(Cause::Busy)));
        assert_eq!(last.placed(None), None, "the line has another owner now");
    }

    #[test]
    fn who_rang_last_is_kept_and_who_withholds_the_number_is_not() {
        let mut last = LastCalls::default();
        last.note(&line("1002"), &call("1001", "1002", Event::Originated, ConnectionState::Initiated));
        assert_eq!(last.caller(bob().as_ref()), None);
        let mut rings = call("1001", "1002", Event::Delivered, ConnectionState::Alerting);
        last.note(&line("1002"), &rings);
        assert_eq!(last.caller(bob().as_ref()), Some("1001"));
        rings.connections[0].withheld = true;
        last.note(&line("1002"), &rings);
        assert_eq!(
            last.caller(bob().as_ref()),
            None,
            "the last one is not to be called, and so is none before"
        );
        assert_eq!(last.placed(bob().as_ref()), None);
    }

    fn record(kind: HistoryKind, peer: &str, started: i64, owner: Option<BareJid>) -> CallRecord {
        let at = Timestamp(started);
        let leg = CallLeg {
            line: Some(line("1002")),
            owner,
            address: "1002".to_owned(),
            name: None,
            calling: kind == HistoryKind::Placed,
            times: LegTimes { started: at, alerted: None, answered: None, ended: at },
            cause: "busy".to_owned(),
            sip_call_id: String::new(),
            codecs: String::new(),
            quality: None,
            history: Some(HistoryLine { kind, peer: peer.to_owned(), peer_name: None }),
        };
        CallRecord {
            id: 3,
            started: at,
            answered: None,
            ended: at,
            dialled: "1009".to_owned(),
            cause: "busy".to_owned(),
            ended_by: None,
            linked: None,
            legs: vec![leg],
        }
    }

    #[test]
    fn records_tell_what_was_before_a_restart() {
        let mut last = LastCalls::default();
        last.recall(&line("1002"), &record(HistoryKind::Missed, "1007", 4, bob()));
        last.recall(&line("1002"), &record(HistoryKind::Missed, "1006", 3, bob()));
        last.recall(&line("1002"), &record(HistoryKind::Placed, "1009", 2, bob()));
        last.recall(&line("1002"), &record(HistoryKind::Received, "1001", 9, None));
        assert_eq!(last.caller(bob().as_ref()), Some("1007"));
        assert_eq!(last.placed(bob().as_ref()).map(|placed| placed.dialled.as_str()), Some("1009"));
        last.recall(&line("1002"), &record(HistoryKind::Missed, ANONYMOUS, 8, bob()));
        assert_eq!(last.caller(bob().as_ref()), None);
    }
}
