//! WebSockets: the handshake (RFC 6455 §4.2), XMPP over one at `/ws` (RFC 7395), a session like
//! any other, and SIP over one at `/sip` (RFC 7118), a phone like any other.
//!
//! Pages of any origin may connect: nothing of a browser's (no cookie) signs a client in, only what the page itself
//! sends, so that a foreign page can do no more than any program.

mod codec;
mod frames;
pub(crate) mod sip;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use sha1::{Digest, Sha1};

use crate::answer;
use crate::routes::Place;

pub(crate) use codec::CloseCode;
pub(crate) use frames::Frames;
use wire::WebSocket;

/// What a server proves its understanding with (RFC 6455 §1.3).
const ACCEPT_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// The one version of the protocol (RFC 6455 §4.1).
const VERSION: HeaderValue = HeaderValue::from_static("13");
/// The subprotocol (RFC 7395 §3.1).
const SUBPROTOCOL: &str = "xmpp";

/// Why a handshake fails: whoever asks made a mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A browser's address bar, or HTTP/2.
    NoHandshake,
    /// A version that nobody speaks any more.
    Version,
    /// No key, or one that is none.
    Key,
    /// The client does not speak what is spoken here.
    Subprotocol(&'static str),
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let subprotocol;
        let (status, title, text) = match self {
            Self::NoHandshake => {
                (StatusCode::UPGRADE_REQUIRED, "Programs connect here", "They speak the WebSocket protocol.")
            }
            Self::Version => (
                StatusCode::UPGRADE_REQUIRED,
                "Only version 13 of the WebSocket protocol is spoken",
                "See RFC 6455.",
            ),
            Self::Key => {
                (StatusCode::BAD_REQUEST, "No Sec-WebSocket-Key of 16 bytes", "See RFC 6455, section 4.1.")
            }
            Self::Subprotocol(name) => {
                subprotocol = format!("Send Sec-WebSocket-Protocol: {name} (RFC 6455, section 4.1).");
                (StatusCode::BAD_REQUEST, "Another subprotocol is spoken here", &*subprotocol)
            }
        };
        let mut response = answer::message_for(&HeaderMap::new(), status, title, text);
        if status == StatusCode::UPGRADE_REQUIRED {
            let headers = response.headers_mut();
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(SEC_WEBSOCKET_VERSION, VERSION);
        }
        response
    }
}

/// Turns a request into a session.
pub(crate) async fn connect(
    State(place): State<Place>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
) -> Response {
    let (upgrade, response) = match upgrade(&mut request, SUBPROTOCOL) {
        Ok(begun) => begun,
        Err(refusal) => return refusal.into_response(),
    };
    let im = Arc::clone(&place.web.rooms.im);
    place.web.runtime.spawn_session(async move {
        // Who goes away during the handshake is no news.
        let Ok(io) = upgrade.await else { return };
        let limits = im.limits_before_sign_in();
        im.carry(WebSocket::new(TokioIo::new(io), limits), peer).await;
    });
    metrics::counter!("carillon_web_websockets_total").increment(1);
    response
}

/// Checks a handshake (RFC 6455 §4.2.1); gives the connection to be, and the answer that makes it one.
pub(crate) fn upgrade(
    request: &mut Request,
    subprotocol: &'static str,
) -> Result<(OnUpgrade, Response), Refusal> {
    let accept = accept(request.method(), request.headers(), subprotocol)?;
    let upgrade = request.extensions_mut().remove::<OnUpgrade>().ok_or(Refusal::NoHandshake)?;
    let fields = [
        (CONNECTION, HeaderValue::from_static("upgrade")),
        (UPGRADE, HeaderValue::from_static("websocket")),
        (SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(subprotocol)),
        (SEC_WEBSOCKET_ACCEPT, accept),
    ];
    Ok((upgrade, (StatusCode::SWITCHING_PROTOCOLS, fields).into_response()))
}

/// The answer's `Sec-WebSocket-Accept`.
fn accept(method: &Method, headers: &HeaderMap, subprotocol: &'static str) -> Result<HeaderValue, Refusal> {
    if *method != Method::GET || !has(headers, CONNECTION, "upgrade") || !has(headers, UPGRADE, "websocket") {
        return Err(Refusal::NoHandshake);
    }
    if headers.get(SEC_WEBSOCKET_VERSION) != Some(&VERSION) {
        return Err(Refusal::Version);
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).ok_or(Refusal::Key)?.as_bytes();
    if BASE64.decode(key).ok().is_none_or(|key| key.len() != 16) {
        return Err(Refusal::Key);
    }
    if !has(headers, SEC_WEBSOCKET_PROTOCOL, subprotocol) {
        return Err(Refusal::Subprotocol(subprotocol));
    }
    let digest = Sha1::new().chain_update(key).chain_update(ACCEPT_SUFFIX).finalize();
    HeaderValue::try_from(BASE64.encode(digest)).map_err(|_| Refusal::Key)
}

/// Is this one of the words of a header field that lists them?
fn has(headers: &HeaderMap, name: HeaderName, word: &str) -> bool {
    let texts = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).any(|found| found.trim().eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handshake(changes: &[(HeaderName, &'static str)]) -> Result<HeaderValue, Refusal> {
        let mut headers = HeaderMap::new();
        headers.insert(CONNECTION, HeaderValue::from_static("keep-alive, Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_VERSION, VERSION);
        headers.insert(SEC_WEBSOCKET_KEY, HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ=="));
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("chat, xmpp"));
        for (name, value) in changes {
            headers.insert(name, HeaderValue::from_static(value));
        }
        accept(&Method::GET, &headers, SUBPROTOCOL)
    }

    /// RFC 6455 §1.3: the example.
    #[test]
    fn the_example_of_the_specification_is_accepted() {
        assert_eq!(handshake(&[]).unwrap(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn every_mistake_has_its_refusal() {
        for (name, value, refusal) in [
            (UPGRADE, "h2c", Refusal::NoHandshake),
            (CONNECTION, "close", Refusal::NoHandshake),
            (SEC_WEBSOCKET_VERSION, "8", Refusal::Version),
            (SEC_WEBSOCKET_KEY, "c2hvcnQ=", Refusal::Key),
            (SEC_WEBSOCKET_KEY, "?", Refusal::Key),
            (SEC_WEBSOCKET_PROTOCOL, "chat", Refusal::Subprotocol("xmpp")),
        ] {
            assert_eq!(handshake(&[(name, value)]).unwrap_err(), refusal, "{value}");
        }
        assert_eq!(accept(&Method::POST, &HeaderMap::new(), SUBPROTOCOL), Err(Refusal::NoHandshake));
        assert_eq!(Refusal::Version.into_response().status(), StatusCode::UPGRADE_REQUIRED);
    }
}
