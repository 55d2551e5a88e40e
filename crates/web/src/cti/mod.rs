//! Call control for applications over a WebSocket at `/cti` (`CT-01`): the handshake, the sign-in, the session.
//!
//! Programs may send their user's name and password with the handshake (RFC 7617); whoever does not, and every page of
//! a browser, says them in the first message. What a browser would add by itself is not looked at: a foreign page can
//! do no more than any program.

mod sign_in;
mod table;
mod talk;

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{AUTHORIZATION, ORIGIN, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use hyper_util::rt::TokioIo;
use im::PasswordRefused;
use model::BareJid;

use crate::limits::CTI_MESSAGE_BYTES_BEFORE_SIGN_IN_MAX;
use crate::routes::Place;
use crate::websocket::{self, Frames};
use crate::{Web, answer};

/// The subprotocol: the number is the version of the conversation.
const SUBPROTOCOL: &str = "carillon-cti-1";
const _: () = assert!(calls::cti::VERSION == 1, "the subprotocol names the version");
/// Who is asked for a password (RFC 7617 §2).
const CHALLENGE: HeaderValue = HeaderValue::from_static("Basic realm=\"cti\", charset=\"UTF-8\"");

/// Who may control calls with applications (`CT-02`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CtiPolicy {
    /// Their own lines.
    pub used_by: im::Permitted,
    /// All lines.
    pub all_lines: im::Permitted,
}

impl Default for CtiPolicy {
    fn default() -> Self {
        Self { used_by: im::Permitted::Users, all_lines: im::Permitted::Administrators }
    }
}

/// All sessions, and who may have one.
#[derive(Default)]
pub(crate) struct Cti {
    table: Arc<table::Table>,
    policy: ArcSwap<CtiPolicy>,
}

impl Cti {
    /// Who may have one, at this moment.
    pub(crate) fn policy(&self) -> Arc<CtiPolicy> {
        self.policy.load_full()
    }

    pub(crate) fn new(policy: CtiPolicy) -> Self {
        Self { table: Arc::default(), policy: ArcSwap::from_pointee(policy) }
    }
}

impl Web {
    /// Replaces who may control calls with applications (a reload of the configuration); sessions that are there feel
    /// it with the next heartbeat.
    pub fn set_cti_policy(&self, policy: CtiPolicy) {
        self.cti.policy.store(Arc::new(policy));
    }

    /// Ends all sessions of applications of a user who was disabled or removed; gives their number.
    pub fn end_cti(&self, user: &BareJid) -> usize {
        self.cti.table.end(user)
    }
}

/// Turns a request into a session.
pub(crate) async fn connect(
    State(place): State<Place>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
) -> Response {
    let web = place.web;
    // Asked before the handshake, which a wrong password does not come to.
    let given = basic(request.headers());
    let (upgrade, response) = match websocket::upgrade(&mut request, SUBPROTOCOL) {
        Ok(begun) => begun,
        Err(refusal) => return refusal.into_response(),
    };
    let Some(arrival) = web.cti.table.arrive(peer.ip(), web.rooms.im.trusts(peer.ip())) else {
        let text = "Too many applications are signing in. Try again.";
        return answer::message_for(&HeaderMap::new(), StatusCode::SERVICE_UNAVAILABLE, "Try again", text);
    };
    let user = match given {
        None => None,
        Some((user, password)) => match web.rooms.im.check_password(peer.ip(), &user, &password).await {
            Ok(user) => Some(user),
            Err(refused) => return unauthorised(refused),
        },
    };
    let runtime = web.runtime.clone();
    runtime.spawn_session(async move {
        // Who goes away during the handshake is no news.
        let Ok(io) = upgrade.await else { return };
        let frames = Frames::new(TokioIo::new(io), CTI_MESSAGE_BYTES_BEFORE_SIGN_IN_MAX);
        talk::begin(web, frames, (peer.ip(), arrival), user).await;
    });
    response
}

/// The user and the password that a program sends with the handshake.
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    use base64::Engine as _;

    // A page of a browser: what it knows it says itself.
    if headers.contains_key(ORIGIN) {
        return None;
    }
    let (scheme, rest) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let bytes = base64::engine::general_purpose::STANDARD.decode(rest.trim()).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    text.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
}

fn unauthorised(refused: PasswordRefused) -> Response {
    let status = match refused {
        PasswordRefused::Wrong => StatusCode::UNAUTHORIZED,
        PasswordRefused::Later => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut response =
        answer::message_for(&HeaderMap::new(), status, "Not signed in", &format!("{refused}."))
            .into_response();
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, CHALLENGE);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_says_who_it_is_with_the_handshake_and_a_browser_does_not() {
        let mut headers = HeaderMap::new();
        assert_eq!(basic(&headers), None);
        headers.insert(AUTHORIZATION, HeaderValue::from_static("basic YW5uOnNlY3I6ZXQ="));
        assert_eq!(basic(&headers), Some(("ann".to_owned(), "secr:et".to_owned())));
        headers.insert(ORIGIN, HeaderValue::from_static("https://elsewhere.example"));
        assert_eq!(basic(&headers), None);
    }
}
