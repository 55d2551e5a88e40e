//! What the status page asks of messaging, call control and the listeners.

use std::sync::Arc;

use calls::Calls;
use calls::snapshot::{CallSnapshot, ConnectionState, Direction};
use im::Im;
use web::{CallRow, ListenerRow, RegistrationRow, SessionRow, StatusSource};

use crate::config::ListenSection;

/// The rooms that are asked.
pub(crate) struct Rooms {
    pub(crate) im: Arc<Im>,
    pub(crate) calls: Calls,
    pub(crate) listeners: Vec<ListenerRow>,
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

    fn listeners(&self) -> Vec<ListenerRow> {
        self.listeners.clone()
    }
}

/// Every address that a node listens on. The node starts only when all are bound.
pub(crate) fn listeners(listen: &ListenSection) -> Vec<ListenerRow> {
    let public = [
        ("XMPP", listen.xmpp),
        ("XMPP over TLS", listen.xmpps),
        ("SIP over UDP and TCP", listen.sip),
        ("SIP over TLS", listen.sips),
        ("HTTPS", listen.https),
    ];
    let loopback = [("HTTP", listen.http_loopback), ("metrics", listen.metrics)];
    let row = |name: &str, address: std::net::SocketAddr| ListenerRow {
        name: name.to_owned(),
        address: address.to_string(),
        is_up: true,
    };
    let public = public.iter().flat_map(|(name, port)| listen.at(*port).into_iter().map(|at| row(name, at)));
    let loopback =
        loopback.iter().flat_map(|(name, port)| listen.loopback(*port).into_iter().map(|at| row(name, at)));
    public.chain(loopback).collect()
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
