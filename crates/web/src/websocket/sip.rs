//! SIP over a WebSocket at `/sip` (RFC 7118): each message is one of SIP, and the connection a flow like that of any phone
//! (RFC 5626).
//!
//! What a browser says of the page that connects is not looked at: a phone proves who it is by its credentials.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use calls::PhoneSocket;
use hyper_util::rt::TokioIo;
use im::Moved;
use runtime::Runtime;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{CloseCode, Frames};
use crate::limits::{SIP_CLOSING_TIME_MAX, SIP_HEARTBEAT, SIP_SILENCE_MAX};
use crate::routes::Place;
use crate::{Door, answer};

/// The subprotocol (RFC 7118 §4.1).
const SUBPROTOCOL: &str = "sip";

/// Turns a request into the connection of a phone.
pub(crate) async fn connect(
    State(place): State<Place>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
) -> Response {
    let (upgrade, response) = match super::upgrade(&mut request, SUBPROTOCOL) {
        Ok(begun) => begun,
        Err(refusal) => return refusal.into_response(),
    };
    let is_secure = matches!(place.door, Door::Https(_));
    let phone =
        bound(&place, peer).and_then(|bound| place.web.rooms.calls.take_socket(bound, peer, is_secure));
    let Some(phone) = phone else {
        let text = "Too many phones are signing in. Try again.";
        return answer::message_for(&HeaderMap::new(), StatusCode::SERVICE_UNAVAILABLE, "Try again", text);
    };
    let runtime = place.web.runtime.clone();
    runtime.clone().spawn_session(async move {
        // Who goes away during the handshake is no news; the phone's place is given back.
        let Ok(io) = upgrade.await else { return };
        let mut frames = Frames::new(TokioIo::new(io), PhoneSocket::MESSAGE_BYTES_MAX);
        frames.take_binary();
        Talk { frames, phone, heard: runtime.now(), heartbeat: runtime.now() + SIP_HEARTBEAT, runtime }
            .run()
            .await;
    });
    metrics::counter!("carillon_web_sip_websockets_total").increment(1);
    response
}

/// Where the listener is bound that a request came by.
fn bound(place: &Place, peer: SocketAddr) -> Option<SocketAddr> {
    let (all, port) = match place.door {
        Door::Https(port) => (&place.web.addresses.https, port),
        Door::Http(port) => (&place.web.addresses.http, port),
        Door::Metrics => return None,
    };
    let here = || all.iter().filter(|address| address.port() == port);
    here().find(|address| address.is_ipv4() == peer.is_ipv4()).or_else(|| here().next()).copied()
}

/// A phone on its WebSocket.
struct Talk<S> {
    frames: Frames<S>,
    phone: PhoneSocket,
    runtime: Runtime,
    /// When something was last heard.
    heard: Instant,
    heartbeat: Instant,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<S> {
    async fn run(mut self) {
        let code = loop {
            if let Err(code) = self.step().await {
                break code;
            }
        };
        let Self { mut frames, phone, .. } = self;
        // What was registered over it goes now, not when the browser has closed its side.
        drop(phone);
        frames.close(code, "");
        let shut = poll_fn(|cx| frames.poll_shut(cx));
        // Whoever does not take its end in in time is cut off.
        let _ = tokio::time::timeout(SIP_CLOSING_TIME_MAX, shut).await;
    }

    async fn step(&mut self) -> Result<(), CloseCode> {
        while let Some(message) = self.frames.next_text()? {
            self.phone.received(message);
        }
        if self.frames.is_closed() {
            return Err(CloseCode::Normal);
        }
        self.frames.release();
        let (has_room, until) = (self.frames.has_room(), self.phone.ends_at().min(self.heartbeat));
        let Self { frames, phone, runtime, .. } = self;
        tokio::select! {
            biased;
            () = runtime.stopping() => Err(CloseCode::GoingAway),
            message = phone.to_send(), if has_room => {
                self.send(&message);
                Ok(())
            }
            moved = poll_fn(|cx| frames.poll_moved(cx, true)) => self.moved(moved),
            () = runtime.sleep_until(until) => self.tick(),
        }
    }

    /// RFC 7118 §4.2: what is not UTF-8 goes as binary.
    fn send(&mut self, message: &Bytes) {
        if std::str::from_utf8(message).is_ok() {
            self.frames.text(&[message]);
        } else {
            self.frames.binary(&[message]);
        }
    }

    fn moved(&mut self, moved: io::Result<Moved>) -> Result<(), CloseCode> {
        match moved {
            Ok(Moved::Eof) | Err(_) => Err(CloseCode::Normal),
            Ok(Moved::Written) => Ok(()),
            Ok(Moved::Read(_)) => {
                self.heard = self.runtime.now();
                Ok(())
            }
        }
    }

    /// Is the browser there (RFC 6455 §5.5.2), and has somebody proved who it is?
    fn tick(&mut self) -> Result<(), CloseCode> {
        let now = self.runtime.now();
        if now >= self.phone.ends_at() || now.saturating_duration_since(self.heard) >= SIP_SILENCE_MAX {
            return Err(CloseCode::PolicyViolation);
        }
        if now >= self.heartbeat {
            self.heartbeat = now + SIP_HEARTBEAT;
            self.frames.ping();
        }
        Ok(())
    }
}
