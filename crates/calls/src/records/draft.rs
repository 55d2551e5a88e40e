//! The record of a call while it is live: when each device rang, was connected and left, and why.
//!
//! Pure: snapshots in, a record out. A snapshot has the state of every connection and since when; what came
//! before it is only here.

use model::Timestamp;
use store::{CallLeg, CallRecord, LegQuality, LegTimes};

use super::history;
use crate::snapshot::{CallId, CallSnapshot, Cause, Connection, ConnectionState, Direction, Event};

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// The call that a leg of this one came from or went to.
    pub linked: Option<CallId>,
    legs: Vec<Leg>,
}

/// One device, by its place in the snapshots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Leg {
    pub started: Timestamp,
    pub alerted: Option<Timestamp>,
    pub answered: Option<Timestamp>,
    pub ended: Option<(Timestamp, Cause)>,
    /// It was in another call before it came here, so nobody dialled or was rung here.
    pub came_over: bool,
}

impl Draft {
    /// Takes the next snapshot of the call in.
    pub fn note(&mut self, snapshot: &CallSnapshot) {
        for (place, connection) in snapshot.connections.iter().enumerate() {
            if place == self.legs.len() {
                self.legs.push(Leg::new(connection, snapshot));
            }
            self.legs[place].note(connection, snapshot);
        }
    }

    /// The record, with the quality that media found for each leg.
    pub(super) fn record(
        &self,
        last: &CallSnapshot,
        quality: impl Fn(usize) -> Option<LegQuality>,
    ) -> CallRecord {
        let ended = self.legs.iter().filter_map(|leg| leg.ended).map(|(at, _)| at).max();
        let ended = ended.unwrap_or(last.started);
        let mut history = history::of(&last.connections, &self.legs, &last.dialled);
        let legs = last.connections.iter().zip(&self.legs).enumerate().map(|(place, (connection, leg))| {
            let (left, cause) = leg.ended.unwrap_or((ended, last.cause));
            let particulars = &connection.particulars;
            CallLeg {
                line: connection.line.clone(),
                owner: connection.owner.clone(),
                address: connection.address.clone(),
                name: connection.name.clone(),
                calling: connection.direction == Direction::Initiator,
                times: LegTimes {
                    started: leg.started,
                    alerted: leg.alerted,
                    answered: leg.answered,
                    ended: left,
                },
                cause: cause.word().to_owned(),
                sip_call_id: String::from_utf8_lossy(&particulars.call_id).into_owned(),
                codecs: particulars.media.as_ref().map_or_else(String::new, |media| media.words()),
                quality: quality(place),
                history: history[place].take(),
            }
        });
        CallRecord {
            id: last.id.0,
            started: last.started,
            answered: last.answered,
            ended,
            dialled: last.dialled.clone(),
            cause: last.cause.word().to_owned(),
            ended_by: self.ended_by(last).and_then(|place| u32::try_from(place).ok()),
            linked: self.linked.map(|call| call.0),
            legs: legs.collect(),
        }
    }

    /// The leg that ended the call: who hung up, who gave up, who refused. `None`: the server did.
    fn ended_by(&self, last: &CallSnapshot) -> Option<usize> {
        let place_of = |direction, fits: fn(&Leg) -> bool| {
            let mut legs = last.connections.iter().zip(&self.legs);
            legs.position(|(connection, leg)| connection.direction == direction && fits(leg))
        };
        match last.cause {
            Cause::NormalClearing => last.hung_up_by,
            Cause::CallCancelled => place_of(Direction::Initiator, |_| true),
            Cause::Busy | Cause::Declined => place_of(Direction::Recipient, |leg| {
                matches!(leg.ended, Some((_, Cause::Busy | Cause::Declined)))
            }),
            _ => None,
        }
    }
}

impl Leg {
    fn new(connection: &Connection, snapshot: &CallSnapshot) -> Self {
        let connected = matches!(connection.state, ConnectionState::Connected | ConnectionState::Hold);
        Self {
            started: connection.since,
            alerted: None,
            answered: None,
            ended: None,
            came_over: connected && snapshot.sequence > 1,
        }
    }

    fn note(&mut self, connection: &Connection, snapshot: &CallSnapshot) {
        let since = connection.since;
        match connection.state {
            ConnectionState::Initiated => self.ended = None,
            ConnectionState::Alerting => {
                self.alerted.get_or_insert(since);
                self.ended = None;
            }
            ConnectionState::Connected | ConnectionState::Hold => {
                self.answered.get_or_insert(since);
                self.ended = None;
            }
            ConnectionState::Fail | ConnectionState::Null => {
                if self.ended.is_none() {
                    self.ended = Some((since, self.cause(connection, snapshot)));
                }
            }
        }
    }

    /// Why this leg ended. A snapshot tells the cause of what happened to the call; what that means for a phone
    /// that was rung in vain is another thing.
    fn cause(&self, connection: &Connection, snapshot: &CallSnapshot) -> Cause {
        if let Some(cause) = connection.particulars.refused {
            return cause;
        }
        let in_vain = self.answered.is_none() && connection.direction == Direction::Recipient;
        match (connection.state, snapshot.event, snapshot.cause) {
            (ConnectionState::Fail, _, Cause::NormalClearing) => Cause::DestinationOutOfService,
            (ConnectionState::Null, Event::Established | Event::Transferred, _) if in_vain => {
                Cause::AnsweredElsewhere
            }
            (ConnectionState::Null, _, Cause::NormalClearing) if in_vain => Cause::CallCancelled,
            (_, _, cause) => cause,
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use model::{LineId, Number};
    use store::HistoryKind;

    use super::*;
    use crate::snapshot::Particulars;

    fn connection(number: &str, direction: Direction, state: ConnectionState, since: i64) -> Connection {
        Connection {
            line: Some(LineId::from(number.parse::<Number>().unwrap())),
            owner: Some(format!("u{number}@localhost").parse().unwrap()),
            address: number.to_owned(),
            name: None,
            direction,
            state,
            since: Timestamp(since),
            dialog: None,
            particulars: Particulars::of(&Bytes::from(format!("leg-{number}"))),
            trunk: None,
            withheld: false,
        }
    }

    /// A leg in short: alerted, answered, ended, cause, and the list it is in.
    #[derive(Debug, PartialEq)]
    struct Short(Option<i64>, Option<i64>, i64, String, Option<HistoryKind>);

    /// What a call does, told in states: `(event, cause, caller, phones)`.
    struct Told {
        draft: Draft,
        sequence: u64,
        last: Option<CallSnapshot>,
        now: i64,
    }

    impl Told {
        fn new() -> Self {
            Self { draft: Draft::default(), sequence: 0, last: None, now: 0 }
        }

        fn then(
            mut self,
            event: Event,
            cause: Cause,
            caller: ConnectionState,
            phones: &[(&str, ConnectionState)],
        ) -> Self {
            self.sequence += 1;
            self.now += 10;
            let since = |place: usize, state| {
                let before = self.last.as_ref().and_then(|last| last.connections.get(place));
                before.filter(|before| before.state == state).map_or(self.now, |before| before.since.0)
            };
            let mut connections = vec![connection("1001", Direction::Initiator, caller, since(0, caller))];
            for (at, (number, state)) in phones.iter().enumerate() {
                let direction =
                    if number.starts_with('+') { Direction::Initiator } else { Direction::Recipient };
                connections.push(connection(
                    number.trim_start_matches('+'),
                    direction,
                    *state,
                    since(at + 1, *state),
                ));
            }
            let snapshot = CallSnapshot {
                id: CallId(7),
                sequence: self.sequence,
                started: Timestamp(10),
                answered: None,
                dialled: "1002".to_owned(),
                hung_up_by: Some(1),
                event,
                cause,
                connections,
            };
            self.draft.note(&snapshot);
            self.last = Some(snapshot);
            self
        }

        fn record(&self) -> CallRecord {
            self.draft.record(self.last.as_ref().unwrap(), |_| None)
        }

        fn legs(&self) -> Vec<Short> {
            let at = |time: Option<Timestamp>| time.map(|time| time.0);
            let legs = self.record().legs.into_iter();
            let list = |leg: &CallLeg| leg.history.as_ref().map(|line| line.kind);
            legs.map(|leg| {
                let LegTimes { alerted, answered, ended, .. } = leg.times;
                Short(at(alerted), at(answered), ended.0, leg.cause.clone(), list(&leg))
            })
            .collect()
        }
    }

    use ConnectionState::{Alerting, Connected, Fail, Hold, Initiated, Null};

    const NORMAL: Cause = Cause::NormalClearing;

    #[test]
    fn a_call_that_was_answered_has_its_times_and_who_hung_up() {
        let told = Told::new()
            .then(Event::Originated, NORMAL, Initiated, &[("1002", Initiated)])
            .then(Event::Delivered, NORMAL, Initiated, &[("1002", Alerting)])
            .then(Event::Established, NORMAL, Connected, &[("1002", Connected)])
            .then(Event::Held, NORMAL, Connected, &[("1002", Hold)])
            .then(Event::ConnectionCleared, NORMAL, Null, &[("1002", Null)]);
        let word = || "normal_clearing".to_owned();
        assert_eq!(
            told.legs(),
            [
                Short(None, Some(30), 50, word(), Some(HistoryKind::Placed)),
                Short(Some(20), Some(30), 50, word(), Some(HistoryKind::Received)),
            ]
        );
        let record = told.record();
        assert_eq!((record.started.0, record.ended.0, record.ended_by), (10, 50, Some(1)));
        assert_eq!((record.dialled.as_str(), record.legs[1].sip_call_id.as_str()), ("1002", "leg-1002"));
    }

    #[test]
    fn a_phone_that_rang_while_another_answered_was_answered_elsewhere_and_missed_nothing() {
        let told = Told::new()
            .then(Event::Delivered, NORMAL, Initiated, &[("1002", Alerting), ("1003", Alerting)])
            .then(Event::Established, NORMAL, Connected, &[("1002", Null), ("1003", Connected)])
            .then(Event::ConnectionCleared, NORMAL, Null, &[("1002", Null), ("1003", Null)]);
        let legs = told.legs();
        assert_eq!((legs[1].3.as_str(), legs[1].4), ("answered_elsewhere", None));
        assert_eq!((legs[2].3.as_str(), legs[2].4), ("normal_clearing", Some(HistoryKind::Received)));
    }

    #[test]
    fn a_call_that_nobody_answers_is_missed() {
        for (cause, by) in [(Cause::CallCancelled, Some(0)), (Cause::NoAnswer, None), (Cause::Busy, Some(1))]
        {
            let told = Told::new().then(Event::Delivered, NORMAL, Initiated, &[("1002", Alerting)]).then(
                Event::Failed,
                cause,
                Null,
                &[("1002", Fail)],
            );
            let legs = told.legs();
            assert_eq!((legs[1].1, legs[1].3.as_str()), (None, cause.word()));
            assert_eq!((legs[0].4, legs[1].4), (Some(HistoryKind::Placed), Some(HistoryKind::Missed)));
            assert_eq!(told.record().ended_by, by, "{cause:?}");
        }
    }

    #[test]
    fn a_phone_that_fails_while_others_ring_has_its_own_cause() {
        let told = Told::new()
            .then(Event::Originated, NORMAL, Initiated, &[("1002", Fail), ("1003", Initiated)])
            .then(Event::Delivered, NORMAL, Initiated, &[("1002", Fail), ("1003", Alerting)])
            .then(Event::Failed, Cause::NoAnswer, Null, &[("1002", Fail), ("1003", Fail)]);
        let causes: Vec<_> = told.legs().into_iter().map(|leg| leg.3).collect();
        assert_eq!(causes, ["no_answer", "destination_out_of_service", "no_answer"]);
    }

    #[test]
    fn whoever_came_over_from_another_call_neither_placed_nor_missed_one_here() {
        let told = Told::new()
            .then(Event::Originated, NORMAL, Initiated, &[])
            .then(Event::Established, NORMAL, Connected, &[("+1004", Connected)])
            .then(Event::ConnectionCleared, NORMAL, Null, &[("+1004", Null)]);
        let record = told.record();
        assert_eq!(record.legs[1].history, None);
        let line = record.legs[0].history.as_ref().unwrap();
        assert_eq!((line.kind, line.peer.as_str()), (HistoryKind::Received, "1004"), "it was picked up");
    }

    #[test]
    fn who_comes_by_transfer_has_talked_with_whoever_stayed() {
        let told = Told::new()
            .then(Event::Established, NORMAL, Connected, &[("1002", Connected)])
            .then(Event::Delivered, NORMAL, Connected, &[("1002", Connected), ("1003", Alerting)])
            .then(Event::Transferred, Cause::Transfer, Null, &[("1002", Connected), ("1003", Connected)])
            .then(Event::ConnectionCleared, NORMAL, Null, &[("1002", Null), ("1003", Null)]);
        let record = told.record();
        let line = record.legs[2].history.as_ref().unwrap();
        assert_eq!((line.kind, line.peer.as_str()), (HistoryKind::Received, "1002"));
        assert_eq!(record.legs[0].cause, "transfer");
    }
}
