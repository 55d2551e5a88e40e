//! Calls: the live ones, the records of those that have ended, what was said in one, hanging up; recordings.

use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use model::BareJid;
use operations::role::Right;
use operations::{CallShown, CallTraced, CallsWanted, RecordingShown, Request};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};

use super::caller::Caller;
use super::given::{Asked, Named};
use super::list::{Page, Wanted};
use super::name_of_line;
use super::problem::{Problem, Refusals};

#[derive(OpenApi)]
#[openapi(paths(list, show, end, trace, recordings))]
struct Document;

pub(super) fn noun() -> super::Noun {
    let router = Router::new()
        .route("/api/v1/admin/calls", get(list))
        .route("/api/v1/admin/calls/{id}", get(show).delete(end))
        .route("/api/v1/admin/calls/{id}/trace", get(trace))
        .route("/api/v1/admin/recordings", get(recordings));
    (router, Document::openapi())
}

/// Which calls are wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Those that are live, rather than those that have ended.
    #[serde(default)]
    live: bool,
    /// Begun at this time or later: a time, a day, or how long ago, such as `2h`.
    #[serde(default)]
    since: Option<String>,
    /// Of this line.
    #[serde(default)]
    line: Option<String>,
    /// Of this user.
    #[serde(default)]
    user: Option<String>,
    /// Of those on the page, only those with this text in them; case does not count.
    #[serde(default)]
    q: Option<String>,
    /// The order of the page, by this field; with `-` before it the other way round. The newest come first.
    #[serde(default)]
    sort: Option<String>,
    /// Behind this call: what `next` of the page before says.
    #[serde(default)]
    after: Option<String>,
    /// At most so many: 50 when it is not said.
    #[serde(default)]
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
}

/// A page of calls. How many there are in all is not counted.
#[derive(Serialize, ToSchema)]
struct CallPage {
    /// What is on it.
    items: Vec<CallShown>,
    /// What to ask for as `after` for the next page; none when this is the last one.
    next: Option<String>,
    /// How many are on this page.
    total: usize,
}

/// Calls, the newest first
#[utoipa::path(get, path = "/api/v1/admin/calls", tag = "calls", params(Which),
    responses((status = 200, body = CallPage), Refusals))]
async fn list(caller: Caller, Asked(which): Asked<Which>) -> Result<Json<CallPage>, Problem> {
    caller.needs(Right::CallsRead)?;
    let wanted = Wanted { q: which.q, sort: which.sort, after: None, limit: which.limit };
    let limit = wanted.limit()?;
    let user = which.user.map(|user| user.parse::<BareJid>()).transpose();
    let of = CallsWanted {
        live: which.live,
        since: which.since,
        line: which.line.as_deref().map(|line| name_of_line("line", line)).transpose()?,
        user: user.map_err(|error| Problem::field("user", error.to_string()))?,
        behind: which.after,
        max: limit,
    };
    let calls: Vec<CallShown> = caller.perform(Request::CallList(of)).await?;
    let next =
        if !which.live && calls.len() == limit { calls.last().map(|call| call.id.clone()) } else { None };
    let page = wanted.page(calls, |call| call.id.clone())?;
    Ok(Json(CallPage { items: page.items, next, total: page.total }))
}

/// One call
#[utoipa::path(get, path = "/api/v1/admin/calls/{id}", tag = "calls", params(("id" = String, Path)),
    responses((status = 200, body = CallShown), Refusals))]
async fn show(caller: Caller, Named(id): Named<String>) -> Result<Json<CallShown>, Problem> {
    caller.needs(Right::CallsRead)?;
    caller.perform(Request::CallShow { id }).await.map(Json)
}

/// Ends a live call for all
#[utoipa::path(delete, path = "/api/v1/admin/calls/{id}", tag = "calls", params(("id" = String, Path)),
    responses((status = 204), Refusals))]
async fn end(caller: Caller, Named(id): Named<String>) -> Result<StatusCode, Problem> {
    caller.needs(Right::CallsEnd)?;
    let _: serde_json::Value = caller.perform(Request::CallEnd { id }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What was said in SIP in a call, for a ladder
#[utoipa::path(get, path = "/api/v1/admin/calls/{id}/trace", tag = "calls", params(("id" = String, Path)),
    responses((status = 200, body = CallTraced), Refusals))]
async fn trace(caller: Caller, Named(id): Named<String>) -> Result<Json<CallTraced>, Problem> {
    caller.needs(Right::CallsTrace)?;
    caller.perform(Request::CallTrace { id }).await.map(Json)
}

/// Which calls were recorded
#[utoipa::path(get, path = "/api/v1/admin/recordings", tag = "calls", params(Wanted),
    responses((status = 200, body = Page<RecordingShown>), Refusals))]
async fn recordings(
    caller: Caller,
    Asked(wanted): Asked<Wanted>,
) -> Result<Json<Page<RecordingShown>>, Problem> {
    caller.needs(Right::RecordingsRead)?;
    let recordings: Vec<RecordingShown> = caller.perform(Request::CallRecordings).await?;
    Ok(Json(wanted.page(recordings, |recording| recording.path.clone())?))
}
