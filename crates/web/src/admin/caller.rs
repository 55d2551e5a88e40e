//! Who asks: a signed-in browser or a program with a token, with the rights of its role.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header::{AUTHORIZATION, HeaderName};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use operations::role::{Right, Role};
use operations::{By, Context, How, Request, administrators};
use serde::de::DeserializeOwned;

use super::problem::Problem;
use crate::routes::Place;
use crate::sessions::Session;

/// The field that shows that a change comes from our own page, and not from another site.
const CSRF: HeaderName = HeaderName::from_static("x-csrf-token");

/// Whoever asks, and may.
pub(crate) struct Caller {
    pub(crate) place: Place,
    pub(crate) name: String,
    pub(crate) address: IpAddr,
    role: Role,
    /// The cookie of the browser; none for a program.
    cookie: Option<String>,
}

/// A browser that is signed in, be it only to choose a password.
pub(crate) struct Browser {
    pub(crate) place: Place,
    pub(crate) cookie: String,
    pub(crate) session: Session,
    pub(crate) address: IpAddr,
}

impl FromRequestParts<Place> for Browser {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, place: &Place) -> Result<Self, Problem> {
        let (cookie, session) = place.session(&parts.headers).ok_or_else(Problem::not_signed_in)?;
        if !is_safe(&parts.method) && !session.owns_form(csrf(&parts.headers)) {
            return Err(Problem::forbidden(
                "csrf",
                "X-CSRF-Token is missing or too old, so the request may come from another site.",
            )
            .next("GET /api/v1/admin/session, and send its csrf as X-CSRF-Token."));
        }
        pace(place, &session.name)?;
        Ok(Self { place: place.clone(), cookie, session, address: address(parts) })
    }
}

impl FromRequestParts<Place> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, place: &Place) -> Result<Self, Problem> {
        if let Some(token) = bearer(&parts.headers) {
            return by_token(token, address(parts), place).await;
        }
        let Browser { place, session, address, cookie } = Browser::from_request_parts(parts, place).await?;
        if session.must_choose_password {
            return Err(Problem::forbidden(
                "must-choose-password",
                "You signed in with a one-time password and must choose another first.",
            )
            .next("PUT /api/v1/admin/session/password."));
        }
        Ok(Self { place, name: session.name, address, role: session.role, cookie: Some(cookie) })
    }
}

impl Caller {
    /// Only goes on with this right.
    ///
    /// # Errors
    /// The role does not have it.
    pub(crate) fn needs(&self, right: Right) -> Result<(), Problem> {
        if self.role.has(right) { Ok(()) } else { Err(Problem::missing_right(right)) }
    }

    /// The cookie of the browser.
    ///
    /// # Errors
    /// It is a program, which has neither password nor second factor.
    pub(crate) fn browser(&self) -> Result<&str, Problem> {
        let detail = "Only a signed-in browser has a second factor; a token has none.";
        self.cookie.as_deref().ok_or_else(|| Problem::forbidden("not-a-browser", detail))
    }

    /// The same for the audit log.
    pub(crate) fn by(&self) -> By {
        By { who: self.name.clone(), how: How::Api, address: self.address.to_string() }
    }

    /// What operations work on.
    ///
    /// # Errors
    /// The node is just starting.
    pub(crate) fn context(&self) -> Result<&Context, Problem> {
        self.place.web.admin.context()
    }

    /// Does it, and reads the answer.
    ///
    /// # Errors
    /// The operation's failure.
    pub(crate) async fn perform<T: DeserializeOwned>(&self, request: Request) -> Result<T, Problem> {
        let answer = operations::perform_as(self.context()?, &self.by(), request, &|_| {}).await?;
        serde_json::from_value(answer).map_err(|error| {
            tracing::error!(%error, "an operation answers what the interface does not understand");
            Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "failed",
                "It could not be done",
                "The answer of the operation is not understood.",
            )
        })
    }

    /// The only one who changes something now, until it is dropped: what `If-Match` was held against stays so.
    pub(crate) async fn alone(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.place.web.admin.changes.lock().await
    }
}

/// The token of a program (RFC 6750 §2.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// A program that shows a token. No other site's page can send it, so it needs no more.
async fn by_token(token: &str, address: IpAddr, place: &Place) -> Result<Caller, Problem> {
    let web = &place.web;
    // Guessing is slowed down by where it comes from; the tokens themselves are too long for it.
    pace(place, &format!("address {address}"))?;
    let known = administrators::token(&web.rooms.store, token, web.runtime.timestamp()).await?;
    let (name, role) = known.ok_or_else(|| {
        Problem::not_signed_in().detail("The token is unknown, was taken back, or its time is over.")
    })?;
    pace(place, &name)?;
    Ok(Caller { place: place.clone(), name, address, role, cookie: None })
}

/// Is it a method that changes nothing (RFC 9110 §9.2.1)?
fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

fn csrf(headers: &HeaderMap) -> &str {
    headers.get(CSRF).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Where a request came from.
pub(crate) fn address(parts: &Parts) -> IpAddr {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    peer.map_or(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), |ConnectInfo(peer)| peer.ip())
}

fn pace(place: &Place, who: &str) -> Result<(), Problem> {
    let taken = place.web.admin.pace.take(who, place.web.runtime.now());
    taken.map_err(|wait| {
        Problem::too_many(wait.as_secs() + 1, "You ask faster than the server answers administrators.")
    })
}
