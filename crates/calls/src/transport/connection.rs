//! One connection: frames in, messages out, keep-alives answered, limits kept.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use sip::endpoint::{Flow, Transmit, Transport as Kind};
use sip::framing::{Frame, StreamDecoder};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use super::patience::Patience;
use super::{Admitted, Connection, Transport, WRITES_WAITING_MAX};
use crate::shard::mailbox::Input;
use crate::trunk::Peer;

/// How long a peer may take to read what we write.
const WRITE_MAX: Duration = Duration::from_secs(20);
/// How long a broken connection stays for its last answer.
const LAST_ANSWER_MAX: Duration = Duration::from_millis(500);
/// How long opening a connection may take: less than the 32 s of a transaction.
pub(super) const CONNECT_MAX: Duration = Duration::from_secs(10);
/// Bytes that one write takes together.
const WRITE_BYTES_MAX: usize = 64 * 1024;
/// Room made for a read.
const READ_BYTES: usize = 4096;

/// Serves a connection until it ends.
pub(super) async fn run<S: AsyncRead + AsyncWrite + Unpin>(
    transport: Arc<Transport>,
    stream: S,
    (kind, local, remote): (Kind, SocketAddr, SocketAddr),
    (admitted, peer): (Admitted, Option<Arc<Peer>>),
) {
    let flow = Flow { transport: kind, local, remote, connection: Some(admitted.id) };
    let (writer, waiting) = mpsc::channel(WRITES_WAITING_MAX);
    let connection = Connection { writer, flow, newcomer: Arc::clone(&admitted.newcomer), peer };
    transport.opened(admitted.id, connection.clone());
    serve(&transport, stream, connection, waiting).await;
    transport.closed(admitted);
}

/// Reads and writes until the connection ends; gives the error that it ended by.
pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    transport: &Arc<Transport>,
    mut stream: S,
    Connection { flow, newcomer, writer, .. }: Connection,
    mut waiting: mpsc::Receiver<Bytes>,
) -> Option<std::io::Error> {
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
            () = runtime.stopping() => return None,
            () = runtime.sleep_until(patience.ends_at(newcomer.is_proved())) => return None,
            message = waiting.recv() => {
                let message = message?;
                if let Err(error) = write(&mut stream, message, &mut waiting).await {
                    return Some(error);
                }
                patience.written(runtime.now());
            }
            read = read => {
                match read {
                    Ok(1..) => {}
                    Ok(0) => return None,
                    Err(error) => return Some(error),
                }
                let mut completed = false;
                loop {
                    match decoder.next_frame() {
                        None => break,
                        Some(Frame::Pong) => {}
                        Some(Frame::Ping) => {
                            // RFC 5626 §4.4.1: a double CRLF is answered by one.
                            let pong = Bytes::from_static(b"\r\n");
                            if let Err(error) = write(&mut stream, pong, &mut waiting).await {
                                return Some(error);
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
                            say_last(&mut stream, &mut waiting).await;
                            return None;
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

/// Opens a connection for a message. Only TCP: a phone on TLS or WebSocket opens its connection to us, and the connections
/// to trunks over TLS have numbers of their own.
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
        let connection = Connection { writer, flow, newcomer: Arc::clone(&admitted.newcomer), peer: None };
        inside.opened(admitted.id, connection.clone());
        serve(&inside, stream, connection, waiting).await;
        inside.closed(admitted);
    });
}
