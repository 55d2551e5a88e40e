//! Choosing the administrator's password.

use std::net::SocketAddr;

use askama::Template;
use axum::Form;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use operations::administrator::{self, PASSWORD_CHARS_MIN};
use operations::administrators;
use serde::Deserialize;

use crate::answer;
use crate::pages::sign_in;
use crate::routes::Place;
use crate::sessions::Session;

#[derive(Template)]
#[template(path = "password.html")]
struct PasswordPage<'a> {
    form_token: &'a str,
    must_choose: bool,
    chars_min: usize,
    problem: Option<&'a str>,
}

/// The fields of the form.
#[derive(Deserialize)]
pub(crate) struct PasswordForm {
    #[serde(default)]
    form_token: String,
    #[serde(default)]
    current: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    again: String,
}

/// The form.
pub(crate) async fn form(State(place): State<Place>, headers: HeaderMap) -> Response {
    match place.session(&headers) {
        Some((_, session)) => page(&session, StatusCode::OK, None),
        None => answer::see_other("/sign-in", None),
    }
}

/// Takes the form. Who signed in by the one-time password has just shown it; others show their password again.
/// Afterwards only this browser is signed in.
pub(crate) async fn choose(
    State(place): State<Place>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Form(form): Form<PasswordForm>,
) -> Response {
    let Some((_, session)) = place.session(&headers) else { return answer::see_other("/sign-in", None) };
    if !session.owns_form(&form.form_token) {
        return page(&session, StatusCode::FORBIDDEN, Some("This form is too old. Try again."));
    }
    if form.password != form.again {
        return page(&session, StatusCode::UNPROCESSABLE_ENTITY, Some("The two new passwords differ."));
    }
    if !session.must_choose_password
        && let Err(refused) = sign_in::judge(
            &place,
            peer.ip(),
            sign_in::Proof { name: &session.name, password: &form.current, code: None },
        )
        .await
    {
        let (status, text) = refused.words();
        return page(&session, status, Some(&text));
    }
    let web = &place.web;
    let _place = web.sign_in.hashing.acquire().await;
    match administrators::choose_password(&web.rooms.store, &web.runtime, &session.name, &form.password).await
    {
        Ok(()) => {
            tracing::info!("the administrator chose a password");
            web.sign_in.sessions.remove_all_of(&session.name);
            answer::see_other("/status", Some(place.start_session(session.with_password())))
        }
        Err(cause @ (administrator::Error::TooShort | administrator::Error::TooLong)) => {
            page(&session, StatusCode::UNPROCESSABLE_ENTITY, Some(&sentence(&cause.to_string())))
        }
        Err(cause) => {
            tracing::error!(%cause, "the administrator's password cannot be set");
            let problem = "The password could not be stored. The former one still holds.";
            page(&session, StatusCode::SERVICE_UNAVAILABLE, Some(problem))
        }
    }
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}

fn page(session: &Session, status: StatusCode, problem: Option<&str>) -> Response {
    let template = PasswordPage {
        form_token: &session.form_token,
        must_choose: session.must_choose_password,
        chars_min: PASSWORD_CHARS_MIN,
        problem,
    };
    answer::page(status, &template)
}
