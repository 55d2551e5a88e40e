//! Signing in and out, and who is signed in.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, SET_COOKIE};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use model::Private;
use operations::administrator;
use operations::role::Role;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::caller::{Browser, address};
use super::given::Given;
use super::problem::{Problem, Refusals};
use crate::pages::sign_in::{self, Refused};
use crate::routes::Place;
use crate::sessions::{Session, SignedIn};

#[derive(OpenApi)]
#[openapi(paths(show, sign_in, sign_out, choose_password))]
struct Document;

pub(super) fn noun() -> super::Noun {
    let router = Router::new()
        .route("/api/v1/admin/session", get(show).post(sign_in).delete(sign_out))
        .route("/api/v1/admin/session/password", put(choose_password));
    (router, Document::openapi())
}

/// What somebody signs in with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Proof {
    /// Who: `admin` is the first administrator.
    username: String,
    /// The password.
    password: String,
}

/// Who is signed in.
#[derive(Serialize, ToSchema)]
struct SessionShown {
    /// Who.
    name: String,
    /// What they are there for.
    role: Role,
    /// What they may do.
    rights: Vec<&'static str>,
    /// They signed in with a one-time password and can do nothing but choose another.
    must_choose_password: bool,
    /// What every change must carry as `X-CSRF-Token`.
    csrf: String,
}

/// Another password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Choice {
    /// The password that is in force; not asked of who signed in with a one-time password.
    #[serde(default)]
    current: String,
    /// The new one: 12 characters at least.
    password: String,
}

impl From<&Session> for SessionShown {
    fn from(session: &Session) -> Self {
        Self {
            name: session.name.clone(),
            role: session.role,
            rights: session.role.rights().map(operations::role::Right::name).collect(),
            must_choose_password: session.must_choose_password,
            csrf: session.form_token.clone(),
        }
    }
}

/// Who is signed in
#[utoipa::path(get, path = "/api/v1/admin/session", tag = "session",
    responses((status = 200, body = SessionShown), Refusals))]
async fn show(browser: Browser) -> Json<SessionShown> {
    Json(SessionShown::from(&browser.session))
}

/// Signs in: sets the session's cookie
#[utoipa::path(post, path = "/api/v1/admin/session", tag = "session", request_body = Proof, security(()),
    responses((status = 201, body = SessionShown), Refusals))]
async fn sign_in(State(place): State<Place>, request: Request) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let address = address(&parts);
    // Who is signed in already is signed out by it: one browser, one session.
    let former = Browser::from_request_parts(&mut parts, &place).await.ok();
    let request = Request::from_parts(parts, body);
    let Given(proof) =
        <Given<Proof> as axum::extract::FromRequest<Place>>::from_request(request, &place).await?;
    let checked = sign_in::judge(&place, address, &proof.username, &proof.password).await.map_err(refused)?;
    tracing::info!(address = %Private(address), name = proof.username, "an administrator signed in");
    if let Some(former) = former {
        place.web.sign_in.sessions.remove(&former.cookie);
    }
    let (cookie, session) = place.begin_session(checked);
    Ok((StatusCode::CREATED, set(cookie), Json(SessionShown::from(&session))).into_response())
}

/// Signs out
#[utoipa::path(delete, path = "/api/v1/admin/session", tag = "session",
    responses((status = 204), Refusals))]
async fn sign_out(browser: Browser) -> Response {
    browser.place.web.sign_in.sessions.remove(&browser.cookie);
    (StatusCode::NO_CONTENT, set(browser.place.end_session())).into_response()
}

/// Chooses another password: from then on only this browser is signed in
#[utoipa::path(put, path = "/api/v1/admin/session/password", tag = "session", request_body = Choice,
    responses((status = 200, body = SessionShown), Refusals))]
async fn choose_password(browser: Browser, Given(choice): Given<Choice>) -> Result<Response, Problem> {
    let Browser { place, session, address, .. } = browser;
    let web = &place.web;
    if !session.must_choose_password {
        sign_in::judge(&place, address, &session.name, &choice.current).await.map_err(refused)?;
    }
    let _place = web.sign_in.hashing.acquire().await;
    match administrator::set_password(&web.rooms.store, &web.runtime, &choice.password).await {
        Ok(()) => {}
        Err(error @ (administrator::Error::TooShort | administrator::Error::TooLong)) => {
            return Err(Problem::field("password", error.to_string()));
        }
        Err(error) => {
            tracing::error!(%error, "the administrator's password cannot be set");
            return Err(Problem::unavailable(
                "The password could not be stored. The former one still holds.",
            ));
        }
    }
    web.sign_in.sessions.remove_all_of(&session.name);
    let signed_in = SignedIn { name: session.name, role: session.role, must_choose_password: false };
    let (cookie, session) = place.begin_session(signed_in);
    Ok((set(cookie), Json(SessionShown::from(&session))).into_response())
}

fn set(cookie: String) -> [(axum::http::HeaderName, HeaderValue); 1] {
    let cookie =
        HeaderValue::try_from(cookie).expect("a cookie of ours is of hexadecimal digits and fixed words");
    [(SET_COOKIE, cookie)]
}

fn refused(refused: Refused) -> Problem {
    let (_, text) = refused.words();
    match refused {
        Refused::Wrong => Problem::forbidden("wrong-password", "The name or the password is not right."),
        Refused::TooMany(wait) => Problem::too_many(wait.as_secs(), text),
        Refused::Storage => Problem::unavailable(text),
    }
}
