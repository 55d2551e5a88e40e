//! A phone for this browser: an account of the person's line that is lent as long as the token holds.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use calls::command::Refusal;
use model::LineId;
use serde::{Deserialize, Serialize};

use super::lines::own;
use super::{Body, Refused, me};
use crate::bearer::Person;
use crate::routes::Place;

/// Which line; the person's first when none is named.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Wanted {
    line: Option<String>,
}

/// What the browser's phone signs in with.
#[derive(Serialize)]
pub(crate) struct Phone {
    line: String,
    uri: String,
    username: String,
    password: String,
    /// Where it connects, on this server.
    ws: &'static str,
    expires: String,
}

/// `POST /phone`: one for each token; one that was lent before ends.
pub(crate) async fn lend(
    State(place): State<Place>,
    person: Person,
    wanted: Option<Body<Wanted>>,
) -> Result<Response, Refused> {
    let calls = &place.web.rooms.calls;
    let line: LineId = match wanted.and_then(|Body(wanted)| wanted.line) {
        Some(named) => own(&place, &person.holder.user, &named)?,
        None => {
            let first = calls.lines_of(&person.holder.user).into_iter().next();
            first.ok_or_else(|| Refused::not_found("You have no line. Ask the administrator for one."))?
        }
    };
    let (holder, expires_at) = (&person.holder.id, person.holder.expires_at);
    let lent = calls.lend_phone(holder, &line, expires_at).map_err(|refusal| match refusal {
        Refusal::NoSuchLine => Refused::not_found("The line is not in service."),
        refusal => Refused::later(format!("{refusal}. Try again.")),
    })?;
    let phone = Phone {
        uri: me::uri(&place, &line),
        line: line.to_string(),
        username: lent.username,
        password: lent.password,
        ws: "/sip",
        expires: expires_at.to_string(),
    };
    Ok((StatusCode::CREATED, Json(phone)).into_response())
}

/// `DELETE /phone`: what was lent to this token ends, and its registration with it.
pub(crate) async fn take_back(State(place): State<Place>, person: Person) -> Result<StatusCode, Refused> {
    match place.web.rooms.calls.take_back_phone(&person.holder.id) {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Refused::not_found("No phone was lent with this token.")),
    }
}
