//! How a call is seen from outside: its snapshot, published after every change.

use std::sync::Arc;

use bytes::Bytes;
use model::Timestamp;
use sip::Request;

use crate::line_state::LineStates;
use crate::place::{Branch, Caller};
use crate::snapshot::{
    CallId, CallSnapshot, Cause, Connection, ConnectionState, DialogIds, Direction, Event, MediaUse,
    Particulars,
};

/// Connections that a call shows, those that have ended included, before their places are taken by others.
const CONNECTIONS_KEPT: usize = 32;

/// The device of a connection as somebody who calls.
pub(crate) fn caller_of(connection: &Connection) -> Caller {
    Caller {
        line: connection.line.clone(),
        user: connection.owner.clone(),
        number: connection.address.clone(),
        name: connection.name.clone(),
        trunk: connection.trunk.clone(),
        device: connection.particulars.device.clone(),
        withheld: connection.withheld,
    }
}

/// Builds and publishes the snapshots of one call. Connection 0 is who began it; every
/// half and branch knows its own place.
#[derive(Debug)]
pub(crate) struct View {
    id: CallId,
    sequence: u64,
    started: Timestamp,
    answered: Option<Timestamp>,
    dialled: String,
    hung_up_by: Option<usize>,
    connections: Vec<Connection>,
}

impl View {
    pub(crate) fn new(id: CallId, caller: &Caller, now: Timestamp) -> Self {
        let caller = Connection {
            line: caller.line.clone(),
            owner: caller.user.clone(),
            address: caller.number.clone(),
            name: caller.name.clone(),
            direction: Direction::Initiator,
            state: ConnectionState::Initiated,
            since: now,
            dialog: None,
            particulars: Particulars { device: caller.device.clone(), ..Particulars::default() },
            trunk: caller.trunk.clone(),
            withheld: caller.withheld,
        };
        Self { connections: vec![caller], ..Self::empty(id, now) }
    }

    /// A call in which nobody is yet.
    pub(crate) fn empty(id: CallId, now: Timestamp) -> Self {
        let (dialled, connections) = (String::new(), Vec::new());
        Self { id, sequence: 0, started: now, answered: None, dialled, hung_up_by: None, connections }
    }

    /// What its caller's INVITE says for the record.
    #[must_use]
    pub(crate) fn dialling(mut self, invite: &Request) -> Self {
        let user = invite.uri().ok().map(|uri| uri.user_decoded().unwrap_or_default().into_owned());
        self.dialled = String::from_utf8_lossy(&user.unwrap_or_default()).into_owned();
        if let (Ok(call_id), Some(caller)) = (invite.headers().call_id(), self.connections.first_mut()) {
            // A copy: the record must not hold the whole message.
            caller.particulars.call_id = Bytes::copy_from_slice(&call_id);
        }
        self
    }

    /// A number is called for somebody.
    #[must_use]
    pub(crate) fn for_number(mut self, dialled: &str) -> Self {
        dialled.clone_into(&mut self.dialled);
        self
    }

    /// The record of a call that was refused before anything rang.
    pub(crate) fn refused(mut self, cause: Cause, lines: &LineStates, now: Timestamp) {
        let dialled = self.dialled.clone();
        self.add_service(&dialled, now);
        self.connections[0].state = ConnectionState::Null;
        self.connections[1].state = ConnectionState::Fail;
        let snapshot = self.snapshot(Event::Failed, cause);
        lines.board().refused(&Arc::new(snapshot));
    }

    /// A phone is called by an INVITE with this Call-ID.
    pub(crate) fn calls(&mut self, connection: usize, call_id: &Bytes) {
        if let Some(connection) = self.connections.get_mut(connection) {
            connection.particulars.call_id = call_id.clone();
        }
    }

    /// A phone is not even called.
    pub(crate) fn not_called(&mut self, connection: usize, cause: Cause, now: Timestamp) {
        self.set(connection, ConnectionState::Fail, now);
        if let Some(connection) = self.connections.get_mut(connection) {
            connection.particulars.refused = Some(cause);
        }
    }

    /// A device has hung up.
    pub(crate) fn hung_up_by(&mut self, connection: usize) {
        self.hung_up_by = Some(connection);
    }

    /// Both phones have said how they talk.
    pub(crate) fn speaks(&mut self, connection: usize, media: MediaUse) {
        if let Some(connection) = self.connections.get_mut(connection) {
            let was_recorded = connection.particulars.media.as_ref().is_some_and(|media| media.is_recorded);
            let is_recorded = media.is_recorded || was_recorded;
            connection.particulars.media = Some(Arc::new(MediaUse { is_recorded, ..media }));
        }
    }

    /// What a device says and hears is recorded.
    pub(crate) fn recorded(&mut self, connection: usize) {
        let particulars = self.connections.get_mut(connection).map(|connection| &mut connection.particulars);
        if let Some(media) = particulars.and_then(|particulars| particulars.media.as_mut()) {
            Arc::make_mut(media).is_recorded = true;
        }
    }

    /// A phone is called. It is not yet part of the call for others before it rings.
    pub(crate) fn add(
        &mut self,
        branch: &Branch,
        address: &str,
        name: Option<&str>,
        now: Timestamp,
    ) -> usize {
        self.enter(Connection {
            line: branch.line.clone(),
            owner: branch.owner.clone(),
            address: address.to_owned(),
            name: name.map(str::to_owned),
            direction: Direction::Recipient,
            state: ConnectionState::Initiated,
            since: now,
            dialog: None,
            particulars: Particulars { device: branch.device.clone(), ..Particulars::default() },
            trunk: branch.behind(),
            withheld: false,
        })
    }

    /// A device comes in; gives its place. In a call that has seen many, it is the place of one that has gone.
    pub(crate) fn enter(&mut self, connection: Connection) -> usize {
        let gone = |known: &Connection| matches!(known.state, ConnectionState::Null | ConnectionState::Fail);
        if self.connections.len() >= CONNECTIONS_KEPT
            && let Some(place) = self.connections.iter().position(gone)
        {
            self.connections[place] = connection;
            return place;
        }
        self.connections.push(connection);
        self.connections.len() - 1
    }

    /// Who a device is shall be told, or not.
    pub(crate) fn withhold(&mut self, connection: usize, withheld: bool) {
        if let Some(connection) = self.connections.get_mut(connection) {
            connection.withheld = withheld;
        }
    }

    /// A device as it is seen now.
    pub(crate) fn connection(&self, connection: usize) -> &Connection {
        &self.connections[connection]
    }

    /// The call comes to a route point, which is a device like others: it is there, and takes no part.
    pub(crate) fn add_route_point(&mut self, address: &str, now: Timestamp) -> usize {
        self.enter(Connection {
            line: None,
            owner: None,
            address: address.to_owned(),
            name: None,
            direction: Direction::Recipient,
            state: ConnectionState::Initiated,
            since: now,
            dialog: None,
            particulars: Particulars::default(),
            trunk: None,
            withheld: false,
        })
    }

    /// A service of this server takes the call.
    pub(crate) fn add_service(&mut self, address: &str, now: Timestamp) {
        self.connections.push(Connection {
            line: None,
            owner: None,
            address: address.to_owned(),
            name: None,
            direction: Direction::Recipient,
            state: ConnectionState::Connected,
            since: now,
            dialog: None,
            particulars: Particulars::default(),
            trunk: None,
            withheld: false,
        });
    }

    /// The services of this server have no part in the call any more.
    pub(crate) fn end_services(&mut self, now: Timestamp) {
        for index in 0..self.connections.len() {
            let known = &self.connections[index];
            let is_service =
                known.line.is_none() && known.trunk.is_none() && known.particulars.call_id.is_empty();
            if is_service && known.dialog.is_none() && known.direction == Direction::Recipient {
                self.set(index, ConnectionState::Null, now);
            }
        }
    }

    /// When the first phone answered.
    pub(crate) fn answered(&self) -> Option<Timestamp> {
        self.answered
    }

    pub(crate) fn mark_answered(&mut self, now: Timestamp) {
        self.answered.get_or_insert(now);
    }

    pub(crate) fn state(&self, connection: usize) -> ConnectionState {
        self.connections.get(connection).map_or(ConnectionState::Null, |connection| connection.state)
    }

    /// Sets a connection's state; true when that is a change.
    pub(crate) fn set(&mut self, connection: usize, state: ConnectionState, now: Timestamp) -> bool {
        match self.connections.get_mut(connection) {
            Some(connection) if connection.state != state => {
                connection.state = state;
                connection.since = now;
                true
            }
            _ => false,
        }
    }

    pub(crate) fn set_dialog(&mut self, connection: usize, dialog: DialogIds) {
        if let Some(connection) = self.connections.get_mut(connection) {
            connection.dialog = Some(dialog);
        }
    }

    /// All connections but one end.
    pub(crate) fn alone(&mut self, stays: usize, now: Timestamp) {
        for index in (0..self.connections.len()).filter(|index| *index != stays) {
            if self.state(index) != ConnectionState::Fail {
                self.set(index, ConnectionState::Null, now);
            }
        }
    }

    /// All connections end.
    pub(crate) fn clear(&mut self, now: Timestamp) {
        for index in 0..self.connections.len() {
            if self.state(index) != ConnectionState::Fail {
                self.set(index, ConnectionState::Null, now);
            }
        }
    }

    /// Publishes the call as it is now.
    pub(crate) fn publish(&mut self, event: Event, cause: Cause, lines: &LineStates, now: Timestamp) {
        let snapshot = self.snapshot(event, cause);
        lines.publish(&Arc::new(snapshot), now);
    }

    fn snapshot(&mut self, event: Event, cause: Cause) -> CallSnapshot {
        self.sequence += 1;
        CallSnapshot {
            id: self.id,
            sequence: self.sequence,
            started: self.started,
            answered: self.answered,
            dialled: self.dialled.clone(),
            hung_up_by: self.hung_up_by,
            event,
            cause,
            connections: self.connections.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_has_seen_many_devices_does_not_grow() {
        let caller = Caller { number: "1001".to_owned(), ..Caller::nobody() };
        let mut view = View::new(CallId(1), &caller, Timestamp(0));
        let connection = view.connection(0).clone();
        let places: Vec<usize> = (0..200)
            .map(|_| {
                let place = view.enter(connection.clone());
                view.set(place, ConnectionState::Null, Timestamp(1));
                place
            })
            .collect();
        assert!(places.iter().all(|place| (1..=CONNECTIONS_KEPT).contains(place)));
        assert_eq!(view.state(0), ConnectionState::Initiated, "whoever is there keeps its place");
    }
}
