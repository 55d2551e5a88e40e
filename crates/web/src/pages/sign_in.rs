//! Signing in by password or one-time link, and out.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use askama::Template;
use axum::Form;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::header::{HeaderValue, RETRY_AFTER};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use model::Private;
use operations::administrator;
use operations::administrators::{self, SignIn};
use operations::role::Role;
use serde::Deserialize;

use crate::answer;
use crate::routes::Place;
use crate::sessions::SignedIn;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    domain: &'a str,
    problem: Option<&'a str>,
}

/// The sign-in form's field.
#[derive(Deserialize)]
pub(crate) struct SignInForm {
    #[serde(default)]
    password: String,
}

/// A form of a signed-in browser that carries nothing else.
#[derive(Deserialize)]
pub(crate) struct SignOutForm {
    #[serde(default)]
    form_token: String,
}

/// Why a password was not taken.
pub(crate) enum Refused {
    /// It is not the administrator's.
    Wrong,
    /// It is right, and a code is wanted as well.
    NeedsCode,
    /// Too many were wrong before.
    TooMany(Duration),
    /// It could not be looked up.
    Storage,
}

/// The form.
pub(crate) async fn form(State(place): State<Place>, headers: HeaderMap) -> Response {
    if place.session(&headers).is_some() {
        return answer::see_other("/status", None);
    }
    page(&place, StatusCode::OK, None)
}

/// Takes the form.
pub(crate) async fn sign_in(
    State(place): State<Place>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Form(form): Form<SignInForm>,
) -> Response {
    match judge(&place, peer.ip(), by_password(&form.password)).await {
        Ok(who) => {
            tracing::info!(address = %Private(peer.ip()), "the administrator signed in");
            let next = if who.must_choose_password { "/password" } else { "/status" };
            answer::see_other(next, Some(place.start_session(who)))
        }
        Err(refused) => {
            let (status, text) = refused.words();
            refused.with_retry(page(&place, status, Some(&text)))
        }
    }
}

/// Signs in by a link that works once. Looking at its headers does not use it up.
pub(crate) async fn by_link(
    State(place): State<Place>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(token): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    if method == Method::HEAD {
        return StatusCode::OK.into_response();
    }
    if !place.web.sign_in.links.redeem(&token, place.web.runtime.now()) {
        let problem = "This link was used before, or its time is over. Sign in with the password.";
        return page(&place, StatusCode::FORBIDDEN, Some(problem));
    }
    tracing::info!(address = %Private(peer.ip()), "the administrator signed in by a one-time link");
    let cookie = place.start_session(first(false));
    let is_cross_site = headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site");
    let mut response = answer::see_other("/admin/", Some(cookie));
    if is_cross_site {
        // A strict cookie is not sent along the way from another site's page: the next step must be our own.
        *response.status_mut() = StatusCode::OK;
        response.headers_mut().insert("refresh", HeaderValue::from_static("0; url=/admin/"));
        let body =
            "<!doctype html><html lang=en><title>Signed in</title><p><a href=/admin/>Go to the console</a>";
        *response.body_mut() = Html(body).into_response().into_body();
        response.headers_mut().insert("content-type", HeaderValue::from_static("text/html; charset=utf-8"));
    }
    response
}

/// Ends the session.
pub(crate) async fn sign_out(
    State(place): State<Place>,
    headers: HeaderMap,
    Form(form): Form<SignOutForm>,
) -> Response {
    if let Some((cookie, session)) = place.session(&headers) {
        if !session.owns_form(&form.form_token) {
            return answer::message(StatusCode::FORBIDDEN, "This form is too old", "Open the page again.");
        }
        place.web.sign_in.sessions.remove(&cookie);
    }
    answer::see_other("/sign-in", Some(place.end_session()))
}

/// The first administrator's password, and no code.
pub(crate) fn by_password(password: &str) -> Proof<'_> {
    Proof { name: administrator::FIRST, password, code: None }
}

/// The first administrator, who may do everything.
pub(crate) fn first(must_choose_password: bool) -> SignedIn {
    SignedIn { name: administrator::FIRST.to_owned(), role: Role::Administrator, must_choose_password }
}

/// What somebody signs in with.
pub(crate) struct Proof<'a> {
    pub(crate) name: &'a str,
    pub(crate) password: &'a str,
    pub(crate) code: Option<&'a str>,
}

/// Tells whether somebody is the administrator that they say they are, at the price of a failure when not.
pub(crate) async fn judge(place: &Place, address: IpAddr, proof: Proof<'_>) -> Result<SignedIn, Refused> {
    let web = &place.web;
    if !web.rooms.im.trusts(address) {
        let wait = web.sign_in.failures.charge(address, web.runtime.now()).map_err(Refused::TooMany)?;
        web.runtime.sleep(wait).await;
    }
    let _place = web.sign_in.hashing.acquire().await;
    let Proof { name, password, code } = proof;
    match administrators::sign_in(&web.rooms.store, &web.runtime, name, password, code).await {
        Ok(SignIn::Wrong) => {
            metrics::counter!("carillon_web_sign_in_failures_total").increment(1);
            tracing::warn!(address = %Private(address), "a wrong administrator password");
            Err(Refused::Wrong)
        }
        Ok(SignIn::NeedsCode) => {
            web.sign_in.failures.forgive(address);
            Err(Refused::NeedsCode)
        }
        Ok(SignIn::In { role, must_choose_password }) => {
            web.sign_in.failures.forgive(address);
            Ok(SignedIn { name: name.to_owned(), role, must_choose_password })
        }
        Err(cause) => {
            tracing::error!(%cause, "the administrator's password cannot be looked up");
            web.sign_in.failures.forgive(address);
            Err(Refused::Storage)
        }
    }
}

impl Refused {
    /// What the browser is told.
    pub(crate) fn words(&self) -> (StatusCode, String) {
        match self {
            Self::Wrong => (StatusCode::FORBIDDEN, "That is not the administrator's password.".to_owned()),
            Self::NeedsCode => {
                let text = "You sign in with a code as well: do it at /admin/.".to_owned();
                (StatusCode::FORBIDDEN, text)
            }
            Self::TooMany(wait) => {
                let seconds = wait.as_secs().max(1);
                let text =
                    format!("Too many wrong passwords from your address. Try again in {seconds} seconds.");
                (StatusCode::TOO_MANY_REQUESTS, text)
            }
            Self::Storage => {
                let text = "The storage does not answer, so nobody can sign in with a password.".to_owned();
                (StatusCode::SERVICE_UNAVAILABLE, text)
            }
        }
    }

    fn with_retry(&self, mut response: Response) -> Response {
        if let Self::TooMany(wait) = self {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
        }
        response
    }
}

fn page(place: &Place, status: StatusCode, problem: Option<&str>) -> Response {
    answer::page(status, &SignInPage { domain: &place.web.config.domain, problem })
}
