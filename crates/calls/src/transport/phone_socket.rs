//! A connection that somebody else carries: the WebSocket of a phone in a browser (RFC 7118). Whole messages come in and
//! go out; the limits are those of any connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use sip::Message;
use sip::endpoint::{Flow, Transport as Kind};
use tokio::sync::mpsc;

use super::patience::Patience;
use super::{Admitted, Connection, Transport, WRITES_WAITING_MAX};

/// What a browser asks whether we are there with, and what it is answered (RFC 5626 §4.4.1).
const PING: &[u8] = b"\r\n\r\n";
const PONG: &[u8] = b"\r\n";

/// Our end of a WebSocket that a phone has opened. When it is dropped, the connection is gone, and with it what was
/// registered over it.
pub struct PhoneSocket {
    transport: Arc<Transport>,
    /// Taken when it ends.
    admitted: Option<Admitted>,
    connection: Connection,
    waiting: mpsc::Receiver<Bytes>,
    received: metrics::Counter,
    patience: Patience,
}

impl PhoneSocket {
    /// The largest message that is read, in bytes.
    pub const MESSAGE_BYTES_MAX: usize = sip::message::MESSAGE_BYTES_MAX;

    pub(crate) fn open(
        transport: &Arc<Transport>,
        kind: Kind,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Option<Self> {
        let Some(admitted) = transport.admit(remote.ip()) else {
            crate::metrics::connections_refused().increment(1);
            return None;
        };
        let flow = Flow { transport: kind, local, remote, connection: Some(admitted.id) };
        let (writer, waiting) = mpsc::channel(WRITES_WAITING_MAX);
        let connection = Connection { writer, flow, newcomer: Arc::clone(&admitted.newcomer), peer: None };
        transport.opened(admitted.id, connection.clone());
        Some(Self {
            transport: Arc::clone(transport),
            admitted: Some(admitted),
            connection,
            waiting,
            received: crate::metrics::received(kind),
            patience: Patience::new(transport.runtime.now()),
        })
    }

    /// Takes the payload of a WebSocket message: one SIP message, which needs no Content-Length (RFC 7118 §4.2), or a
    /// keep-alive.
    pub fn received(&mut self, payload: Bytes) {
        let now = self.transport.runtime.now();
        if payload.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
            self.patience.read(false, false, now);
            if *payload == *PING && self.connection.writer.try_send(Bytes::from_static(PONG)).is_err() {
                tracing::debug!("a phone that does not read asks whether we are there");
            }
            return;
        }
        self.received.increment(1);
        self.patience.read(true, false, now);
        self.transport.route(Message::parse(payload), self.connection.flow, None);
    }

    /// The next message for the phone. Nothing is lost when the future is dropped before its end.
    pub async fn to_send(&mut self) -> Bytes {
        match self.waiting.recv().await {
            Some(message) => {
                self.patience.written(self.transport.runtime.now());
                message
            }
            // Never: a writer is held here.
            None => std::future::pending().await,
        }
    }

    /// Until when the connection may stay as it is: not long, while nobody has proved who he is over it.
    pub fn ends_at(&self) -> Instant {
        self.patience.ends_at(self.connection.newcomer.is_proved())
    }
}

impl Drop for PhoneSocket {
    fn drop(&mut self) {
        if let Some(admitted) = self.admitted.take() {
            self.transport.closed(admitted);
        }
    }
}

impl std::fmt::Debug for PhoneSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PhoneSocket").field("flow", &self.connection.flow).finish_non_exhaustive()
    }
}
