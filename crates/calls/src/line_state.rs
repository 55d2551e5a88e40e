//! What a line does, told to presence for its owner: registered, ringing, in a call.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{BareJid, LineId, Timestamp};
use parking_lot::Mutex;
use presence::{Engine, Observation, Observed, Source};

use crate::board::Board;
use crate::features::call_back::CallBacks;
use crate::snapshot::{CallSnapshot, ConnectionState};

/// Joins what the registrar knows about lines with what the board knows, and tells the presence engine.
pub struct LineStates {
    engine: Arc<Engine>,
    board: Arc<Board>,
    registered: Mutex<BTreeMap<LineId, Timestamp>>,
    call_backs: CallBacks,
}

impl LineStates {
    /// No line is registered yet.
    pub fn new(engine: Arc<Engine>, board: Arc<Board>) -> Self {
        Self { engine, board, registered: Mutex::default(), call_backs: CallBacks::default() }
    }

    /// The board that the calls are on.
    pub fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// The lines that wait for others to be free.
    pub fn call_backs(&self) -> &CallBacks {
        &self.call_backs
    }

    /// The line got its first contact.
    pub fn registered(&self, line: &LineId, owner: Option<&BareJid>, now: Timestamp) {
        self.registered.lock().entry(line.clone()).or_insert(now);
        self.board.touch(line);
        self.tell(line, owner, now);
    }

    /// The line lost its last contact.
    pub fn unregistered(&self, line: &LineId, owner: Option<&BareJid>, now: Timestamp) {
        self.registered.lock().remove(line);
        self.board.touch(line);
        self.tell(line, owner, now);
    }

    /// Has the line a contact?
    pub fn is_registered(&self, line: &LineId) -> bool {
        self.registered.lock().contains_key(line)
    }

    /// Publishes a call's newest snapshot, and tells presence what its lines do now.
    pub fn publish(&self, snapshot: &Arc<CallSnapshot>, now: Timestamp) {
        self.board.publish(snapshot);
        let mut told: Vec<&LineId> = Vec::with_capacity(snapshot.connections.len());
        for connection in &snapshot.connections {
            if let Some(line) = &connection.line
                && !told.contains(&line)
            {
                told.push(line);
                self.tell(line, connection.owner.as_ref(), now);
            }
        }
    }

    fn tell(&self, line: &LineId, owner: Option<&BareJid>, now: Timestamp) {
        let Some(owner) = owner else { return };
        let source = Source::Line(line.clone());
        let registered = self.registered.lock().get(line).copied();
        match observed(line, &self.board.line(line).0, registered) {
            Some((state, since)) => {
                self.engine
                    .observe(Observation { user: owner.clone(), source, state, since, until: None }, now);
            }
            None => self.engine.withdraw(owner, &source, now),
        }
    }
}

/// The strongest thing that a line does, and since when: in a call, ringing (or dialling), registered.
fn observed(
    line: &LineId,
    calls: &[Arc<CallSnapshot>],
    registered: Option<Timestamp>,
) -> Option<(Observed, Timestamp)> {
    let mut in_call: Option<Timestamp> = None;
    let mut ringing: Option<Timestamp> = None;
    for call in calls {
        for connection in call.of_line(line) {
            match (connection.state, call.answered) {
                (ConnectionState::Connected | ConnectionState::Hold, Some(answered)) => {
                    in_call = Some(in_call.map_or(answered, |since| since.min(answered)));
                }
                (ConnectionState::Null | ConnectionState::Fail, _) => {}
                _ => ringing = Some(ringing.map_or(connection.since, |since| since.min(connection.since))),
            }
        }
    }
    in_call
        .map(|since| (Observed::InCall, since))
        .or(ringing.map(|since| (Observed::Ringing, since)))
        .or(registered.map(|since| (Observed::Registered, since)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{CallId, Cause, Connection, Direction, Event};
    use presence::{Rules, State};

    struct House {
        engine: Arc<Engine>,
        states: LineStates,
        line: LineId,
        bob: BareJid,
    }

    fn house() -> House {
        let engine = Arc::new(Engine::new(Rules::default()));
        let states = LineStates::new(Arc::clone(&engine), Arc::new(Board::new()));
        let line = LineId::from("1002".parse::<model::Number>().unwrap());
        House { engine, states, line, bob: "bob@localhost".parse().unwrap() }
    }

    impl House {
        fn call(&self, id: u64, sequence: u64, state: ConnectionState, now: i64) {
            let connection = Connection {
                line: Some(self.line.clone()),
                owner: Some(self.bob.clone()),
                address: "1002".to_owned(),
                name: None,
                direction: Direction::Recipient,
                state,
                since: Timestamp(now),
                dialog: None,
                particulars: crate::snapshot::Particulars::default(),
                trunk: None,
                withheld: false,
            };
            let answered = (state == ConnectionState::Connected).then_some(Timestamp(now));
            let snapshot = CallSnapshot {
                id: CallId(id),
                sequence,
                started: Timestamp(0),
                answered,
                dialled: String::new(),
                hung_up_by: None,
                event: Event::Established,
                cause: Cause::NormalClearing,
                connections: vec![connection],
            };
            self.states.publish(&Arc::new(snapshot), Timestamp(now));
        }

        fn line_says(&self) -> Option<(Observed, i64)> {
            let all = self.engine.observations(&self.bob);
            all.first().map(|observation| (observation.state.clone(), observation.since.0))
        }
    }

    #[test]
    fn a_line_rings_talks_and_rests() {
        let house = house();
        house.states.registered(&house.line, Some(&house.bob), Timestamp(1));
        assert_eq!(house.line_says(), Some((Observed::Registered, 1)));
        house.call(7, 1, ConnectionState::Alerting, 5);
        assert_eq!(house.line_says(), Some((Observed::Ringing, 5)));
        house.call(7, 2, ConnectionState::Connected, 9);
        assert_eq!(house.line_says(), Some((Observed::InCall, 9)));
        assert_eq!(house.engine.composed(&house.bob, Timestamp(9)).state, State::OnThePhone);
        house.call(7, 3, ConnectionState::Null, 20);
        assert_eq!(house.line_says(), Some((Observed::Registered, 1)));
        house.states.unregistered(&house.line, Some(&house.bob), Timestamp(30));
        assert_eq!(house.line_says(), None);
    }

    #[test]
    fn the_longest_of_several_calls_counts() {
        let house = house();
        house.call(7, 1, ConnectionState::Connected, 10);
        house.call(8, 1, ConnectionState::Alerting, 11);
        house.call(9, 1, ConnectionState::Connected, 12);
        assert_eq!(house.line_says(), Some((Observed::InCall, 10)));
        house.call(7, 2, ConnectionState::Null, 13);
        assert_eq!(house.line_says(), Some((Observed::InCall, 12)));
        house.call(9, 2, ConnectionState::Null, 14);
        assert_eq!(house.line_says(), Some((Observed::Ringing, 11)));
    }
}
