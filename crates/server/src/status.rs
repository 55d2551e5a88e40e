//! What the status page asks of messaging and call control.

use std::sync::Arc;

use calls::Calls;
use calls::snapshot::{CallSnapshot, ConnectionState, Direction};
use im::Im;
use operations::{CallRow, RegistrationRow, SessionRow, StatusSource};

/// The rooms that are asked.
pub(crate) struct Rooms {
    pub(crate) im: Arc<Im>,
    pub(crate) calls: Calls,
}

impl StatusSource for Rooms {
    fn sessions(&self) -> Vec<SessionRow> {
        let row = |session: im::SessionSnapshot| SessionRow {
            jid: session.jid,
            address: session.address.to_string(),
            since: session.since,
            show: session.show,
            idle_seconds: session.idle_seconds,
            is_waiting: session.waiting,
        };
        self.im.sessions().into_iter().map(row).collect()
    }

    fn registrations(&self) -> Vec<RegistrationRow> {
        let row = |registration: calls::Registration| RegistrationRow {
            line: registration.line.to_string(),
            owner: registration.owner.map(|owner| owner.to_string()),
            phone: registration.user_agent,
            source: registration.source,
            expires: registration.expires,
        };
        self.calls.registrations().into_iter().map(row).collect()
    }

    fn calls(&self) -> Vec<CallRow> {
        self.calls.snapshots().iter().map(|call| row(call)).collect()
    }
}

fn row(call: &CallSnapshot) -> CallRow {
    let shown = |direction| {
        let connection = call.connections.iter().find(|connection| connection.direction == direction);
        connection.map_or_else(String::new, |connection| match &connection.name {
            Some(name) => format!("{name} ({})", connection.address),
            None => connection.address.clone(),
        })
    };
    let any = |state| call.connections.iter().any(|connection| connection.state == state);
    let state = if any(ConnectionState::Hold) {
        "On hold"
    } else if call.answered.is_some() {
        "Talking"
    } else if any(ConnectionState::Alerting) {
        "Ringing"
    } else {
        "Dialling"
    };
    CallRow {
        from: shown(Direction::Initiator),
        to: shown(Direction::Recipient),
        state: state.to_owned(),
        started: call.started,
        answered: call.answered,
    }
}
