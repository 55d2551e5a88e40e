//! Signing in and out, and who is signed in.

use std::net::IpAddr;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, SET_COOKIE};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use model::Private;
use operations::administrator;
use operations::administrators::{self, Enrolment};
use operations::audit::{Act, DONE};
use operations::role::Role;
use operations::{By, How, audit};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::caller::{Browser, Caller, address};
use super::given::Given;
use super::problem::{Problem, Refusals};
use crate::pages::sign_in::{self, Refused};
use crate::routes::Place;
use crate::sessions::Session;

#[derive(OpenApi)]
#[openapi(paths(
    show,
    sign_in,
    sign_out,
    choose_password,
    second_factor,
    enrol,
    confirm,
    remove_second_factor
))]
struct Document;

pub(super) fn noun() -> super::Noun {
    let router = Router::new()
        .route("/api/v1/admin/session", get(show).post(sign_in).delete(sign_out))
        .route("/api/v1/admin/session/password", put(choose_password))
        .route(
            "/api/v1/admin/session/totp",
            get(second_factor).post(enrol).put(confirm).delete(remove_second_factor),
        );
    (router, Document::openapi())
}

/// Characters of a name that are written down, whoever says it.
const NAME_CHARACTERS_MAX: usize = 64;

/// What somebody signs in with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Proof {
    /// Who: `admin` is the first administrator.
    username: String,
    /// The password.
    password: String,
    /// The code of the second factor, or a recovery code; asked for when there is one.
    #[serde(default)]
    code: Option<String>,
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
    /// The code of the second factor, when there is one.
    #[serde(default)]
    code: Option<String>,
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
    let Proof { username: name, password, code } = &proof;
    let shown = sign_in::Proof { name, password, code: code.as_deref() };
    let checked = sign_in::judge(&place, address, shown).await;
    let result = match &checked {
        Ok(_) => DONE.to_owned(),
        Err(refused) => refused.words().1,
    };
    note(&place, name, address, "sign-in", result).await;
    let checked = checked.map_err(refused)?;
    tracing::info!(address = %Private(address), name, "an administrator signed in");
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
        prove(&place, address, &session, &choice.current, choice.code.as_deref()).await?;
    }
    let _place = web.sign_in.hashing.acquire().await;
    match administrators::choose_password(&web.rooms.store, &web.runtime, &session.name, &choice.password)
        .await
    {
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
    note(&place, &session.name, address, "choose-password", DONE.to_owned()).await;
    web.sign_in.sessions.remove_all_of(&session.name);
    let (cookie, session) = place.begin_session(session.with_password());
    Ok((set(cookie), Json(SessionShown::from(&session))).into_response())
}

/// Whether a second factor is asked for.
#[derive(Serialize, ToSchema)]
struct SecondFactor {
    /// It is.
    enabled: bool,
}

/// A code of the second factor.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CodeGiven {
    /// Six digits, or a recovery code.
    code: String,
}

/// What is for who has lost the device: told this once, each good once.
#[derive(Serialize, ToSchema)]
struct RecoveryCodes {
    recovery_codes: Vec<String>,
}

/// Does the one who is signed in sign in with a code?
#[utoipa::path(get, path = "/api/v1/admin/session/totp", tag = "session",
    responses((status = 200, body = SecondFactor), Refusals))]
async fn second_factor(browser: Browser) -> Result<Json<SecondFactor>, Problem> {
    let store = &browser.place.web.rooms.store;
    Ok(Json(SecondFactor { enabled: administrators::has_second_factor(store, &browser.session.name).await? }))
}

/// Makes a secret for codes (RFC 6238): it is in force when a code of it was shown
#[utoipa::path(post, path = "/api/v1/admin/session/totp", tag = "session",
    responses((status = 201, body = Enrolment), Refusals))]
async fn enrol(caller: Caller) -> Result<Response, Problem> {
    let session = caller.browser()?;
    if administrators::has_second_factor(&caller.place.web.rooms.store, &caller.name).await? {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "exists",
            "It exists already",
            "There is a second factor.",
        )
        .next("Take it away first: DELETE /api/v1/admin/session/totp."));
    }
    let enrolment = administrators::enrol(caller.context()?, &caller.name);
    caller.place.web.sign_in.sessions.set_enrolment(session, &enrolment.secret);
    Ok((StatusCode::CREATED, Json(enrolment)).into_response())
}

/// Puts the secret in force, by a code of it; gives recovery codes
#[utoipa::path(put, path = "/api/v1/admin/session/totp", tag = "session", request_body = CodeGiven,
    responses((status = 200, body = RecoveryCodes), Refusals))]
async fn confirm(caller: Caller, Given(given): Given<CodeGiven>) -> Result<Json<RecoveryCodes>, Problem> {
    let session = caller.browser()?;
    let secret = caller.place.web.sign_in.sessions.enrolment(session).ok_or_else(|| {
        Problem::invalid("No secret was made in this session.").next("POST /api/v1/admin/session/totp first.")
    })?;
    let context = caller.context()?;
    let recovery_codes = administrators::confirm(context, &caller.name, &secret, &given.code).await?;
    caller.place.web.sign_in.sessions.set_enrolment(session, "");
    note(&caller.place, &caller.name, caller.address, "second-factor-add", DONE.to_owned()).await;
    Ok(Json(RecoveryCodes { recovery_codes }))
}

/// Takes the second factor away, by a code
#[utoipa::path(delete, path = "/api/v1/admin/session/totp", tag = "session", request_body = CodeGiven,
    responses((status = 204), Refusals))]
async fn remove_second_factor(caller: Caller, Given(given): Given<CodeGiven>) -> Result<StatusCode, Problem> {
    caller.browser()?;
    administrators::without_second_factor(caller.context()?, &caller.name, &given.code).await?;
    note(&caller.place, &caller.name, caller.address, "second-factor-remove", DONE.to_owned()).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Has whoever is signed in prove once more who they are.
async fn prove(
    place: &Place,
    address: IpAddr,
    session: &Session,
    password: &str,
    code: Option<&str>,
) -> Result<(), Problem> {
    let shown = sign_in::Proof { name: &session.name, password, code };
    sign_in::judge(place, address, shown).await.map(drop).map_err(refused)
}

/// Writes down what is no operation: signing in, passwords and codes of one's own.
async fn note(place: &Place, who: &str, address: IpAddr, act: &str, result: String) {
    if let Ok(context) = place.web.admin.context() {
        let who: String = who.chars().filter(|c| !c.is_control()).take(NAME_CHARACTERS_MAX).collect();
        let by = By { who: who.clone(), how: How::Api, address: address.to_string() };
        let act = Act { act: act.to_owned(), target: who, result, ..Act::default() };
        audit::note(context, &by, act).await;
    }
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
        Refused::NeedsCode => Problem::new(
            StatusCode::FORBIDDEN,
            "code-wanted",
            "A code is wanted as well",
            "You sign in with a code as well.",
        )
        .next("Send the code of your second factor, or a recovery code, as code."),
        Refused::TooMany(wait) => Problem::too_many(wait.as_secs(), text),
        Refused::Storage => Problem::unavailable(text),
    }
}
