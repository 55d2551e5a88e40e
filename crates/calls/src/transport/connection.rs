//! One connection: frames in, messages out, keep-alives answered, limits kept.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use sip::endpoint::{Flow, Transmit, Transport as Kind};
use sip::framing::{Frame, StreamDecoder};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use super::{Admitted, Connection, Transport, WRITES_WAITING_MAX};
use crate::shard::mailbox::Input;

/// How long a message may be incomplete, and how long a connection may stay without a message over which nobody has
/// proved who he is. Keep-alives are no messages.
const INCOMPLETE_MAX: Duration = Duration::from_secs(30);
/// How long a connection of somebody known may be idle: longer than the longest registration.
const IDLE_MAX: Duration = Duration::from_secs(3 * 3600);
/// How long a peer may take to read what we write.
const WRITE_MAX: Duration = Duration::from_secs(20);
/// How long a broken connection stays for its last answer.
const LAST_ANSWER_MAX: Duration = Duration::from_millis(500);
/// How long opening a connection may take: less than the 32 s of a transaction.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// Bytes that one write takes together.
const WRITE_BYTES_MAX: usize = 64 * 1024;
/// Room made for a read.
const READ_BYTES: usize = 4096;

/// Serves a connection until it ends.
pub(super) async fn run<S: AsyncRead + AsyncWrite + Unpin>(
    transport: Arc<Transport>,
    stream: S,
    (kind, local, remote): (Kind, SocketAddr, SocketAddr),
    admitted: Admitted,
) {
    let flow = Flow { transport: kind, local, remote, connection: Some(admitted.id) };
    let (writer, waiting) = mpsc::channel(WRITES_WAITING_MAX);
    let connection = Connection { writer, flow, newcomer: Arc::clone(&admitted.newcomer) };
    transport.opened(admitted.id, connection.clone());
    serve(&transport, stream, connection, waiting).await;
    transport.closed(admitted);
}

/// Until when a connection may stay as it is.
struct Patience {
    /// When it was opened, or the last message was complete.
    message_at: Instant,
    /// When the message that is incomplete began.
    began_at: Option<Instant>,
    /// When anything was last read or written.
    heard_at: Instant,
}

impl Patience {
    fn new(now: Instant) -> Self {
        Self { message_at: now, began_at: None, heard_at: now }
    }

    /// Something was read: were messages completed, and is a further one incomplete?
    fn read(&mut self, completed: bool, incomplete: bool, now: Instant) {
        self.heard_at = now;
        if completed {
            self.message_at = now;
            self.began_at = None;
        }
        self.began_at = if incomplete { self.began_at.or(Some(now)) } else { None };
    }

    fn ends_at(&self, is_proved: bool) -> Instant {
        match self.began_at {
            Some(began_at) => began_at + INCOMPLETE_MAX,
            None if is_proved => self.heard_at + IDLE_MAX,
            None => self.message_at + INCOMPLETE_MAX,
        }
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    transport: &Arc<Transport>,
    mut stream: S,
    Connection { flow, newcomer, writer }: Connection,
    mut waiting: mpsc::Receiver<Bytes>,
) {
    // The queue ends with the table's own sender.
    drop(writer);
    let received = crate::metrics::received(flow.transport);
    let mut decoder = StreamDecoder::new();
    let runtime = &transport.runtime;
    let mut patience = Patience::new(runtime.now());
    loop {
        if decoder.is_idle() {
            decoder.release();
        }
        let read = async {
            decoder.buffer().reserve(READ_BYTES);
            stream.read_buf(decoder.buffer()).await
        };
        tokio::select! {
            biased;
            () = runtime.stopping() => return,
            () = runtime.sleep_until(patience.ends_at(newcomer.is_proved())) => return,
            message = waiting.recv() => {
                let Some(message) = message else { return };
                if write(&mut stream, message, &mut waiting).await.is_err() {
                    return;
                }
                patience.heard_at = runtime.now();
            }
            read = read => {
                let Ok(1..) = read else { return };
                let mut completed = false;
                loop {
                    match decoder.next_frame() {
                        None => break,
                        Some(Frame::Pong) => {}
                        Some(Frame::Ping) => {
                            // RFC 5626 §4.4.1: a double CRLF is answered by one.
                            if write(&mut stream, Bytes::from_static(b"\r\n"), &mut waiting).await.is_err() {
                                return;
                            }
                        }
                        Some(Frame::Message(message)) => {
                            received.increment(1);
                            completed = true;
                            transport.route(Ok(message), flow, None);
                        }
                        Some(Frame::Malformed(malformed)) => {
                            completed = true;
                            transport.route(Err(malformed), flow, None);
                        }
                        Some(Frame::Broken(malformed)) => {
                            transport.route(Err(malformed), flow, None);
                            return say_last(&mut stream, &mut waiting).await;
                        }
                    }
                }
                patience.read(completed, !decoder.is_idle(), runtime.now());
            }
        }
    }
}

/// Waits a little for the answer to what broke the stream, and writes it.
async fn say_last<S: AsyncWrite + Unpin>(stream: &mut S, waiting: &mut mpsc::Receiver<Bytes>) {
    let last = tokio::time::timeout(LAST_ANSWER_MAX, waiting.recv()).await;
    if let Ok(Some(message)) = last
        && write(stream, message, waiting).await.is_ok()
        && stream.shutdown().await.is_err()
    {
        tracing::debug!("a connection was gone before it was closed");
    }
}

/// Writes a message and what waits behind it, as one.
async fn write<S: AsyncWrite + Unpin>(
    stream: &mut S,
    first: Bytes,
    waiting: &mut mpsc::Receiver<Bytes>,
) -> std::io::Result<()> {
    let bytes = match waiting.try_recv() {
        Err(_) => first,
        Ok(second) => {
            let mut joined = BytesMut::with_capacity(first.len() + second.len());
            joined.extend_from_slice(&first);
            joined.extend_from_slice(&second);
            while joined.len() < WRITE_BYTES_MAX
                && let Ok(next) = waiting.try_recv()
            {
                joined.extend_from_slice(&next);
            }
            joined.freeze()
        }
    };
    let written = tokio::time::timeout(WRITE_MAX, async {
        stream.write_all(&bytes).await?;
        stream.flush().await
    });
    written.await.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
}

/// Opens a connection for a message. Only TCP: a phone on TLS or WebSocket opens its connection to us.
pub(super) fn dial(transport: &Arc<Transport>, transmit: Transmit, shard: usize) {
    let inside = Arc::clone(transport);
    transport.runtime.spawn_session(async move {
        let remote = transmit.flow.remote;
        let stream = match (transmit.flow.transport, transmit.flow.connection) {
            (Kind::Tcp, None) => {
                let connected =
                    tokio::time::timeout(CONNECT_MAX, inside.runtime.connect_tcp(remote, inside.options))
                        .await;
                connected.ok().and_then(Result::ok)
            }
            _ => None,
        };
        let opened = stream
            .and_then(|stream| Some((stream.local_addr().ok()?, stream, inside.admit_own(remote.ip())?)));
        let Some((local, stream, admitted)) = opened else {
            if let Some(origin) = transmit.origin {
                inside.mailboxes[shard].put(Input::NotSent(origin));
            }
            return;
        };
        let flow = Flow { transport: Kind::Tcp, local, remote, connection: Some(admitted.id) };
        let (writer, waiting) = mpsc::channel(WRITES_WAITING_MAX);
        // The queue is new and has room.
        let queued = writer.try_send(transmit.bytes).is_ok();
        debug_assert!(queued, "a new queue has room");
        let connection = Connection { writer, flow, newcomer: Arc::clone(&admitted.newcomer) };
        inside.opened(admitted.id, connection.clone());
        serve(&inside, stream, connection, waiting).await;
        inside.closed(admitted);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_message_that_trickles_in_is_not_waited_for_longer_than_one_that_stops() {
        let start = runtime::Runtime::real().now();
        let mut patience = Patience::new(start);
        for seconds in 1..20 {
            patience.read(false, true, start + seconds * SECOND);
            assert_eq!(patience.ends_at(true), start + SECOND + INCOMPLETE_MAX);
        }
        patience.read(true, true, start + 20 * SECOND);
        assert_eq!(
            patience.ends_at(true),
            start + 20 * SECOND + INCOMPLETE_MAX,
            "the next one has its own time"
        );
        patience.read(true, false, start + 21 * SECOND);
        assert_eq!(patience.ends_at(true), start + 21 * SECOND + IDLE_MAX);
    }

    #[test]
    fn keep_alives_keep_a_connection_only_of_somebody_known() {
        let start = runtime::Runtime::real().now();
        let mut patience = Patience::new(start);
        patience.read(false, false, start + 20 * SECOND);
        assert_eq!(patience.ends_at(false), start + INCOMPLETE_MAX);
        assert_eq!(patience.ends_at(true), start + 20 * SECOND + IDLE_MAX);
    }
}
