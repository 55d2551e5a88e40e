//! Lines: added, shown with what their users have set, changed, removed, given passwords.

use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use model::{BareJid, LineChange, LineId};
use operations::role::Right;
use operations::{LineAdded, LineShown, NewLine, PasswordSet, Request, Secret};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::caller::Caller;
use super::given::{Asked, Given, MayBeGiven, Named};
use super::list::{Page, Wanted};
use super::problem::{Problem, Refusals};
use super::tag::{IfMatch, Tagged};
use super::users::PasswordGiven;
use super::{LineNamed, name_of_line};

#[derive(OpenApi)]
#[openapi(paths(list, add, show, change, remove, set_password, release))]
struct Document;

pub(super) fn noun() -> super::Noun {
    let router = Router::new()
        .route("/api/v1/admin/lines", get(list).post(add))
        .route("/api/v1/admin/lines/{line}", get(show).patch(change).delete(remove))
        .route("/api/v1/admin/lines/{line}/password", put(set_password))
        .route("/api/v1/admin/lines/{line}/release", post(release));
    (router, Document::openapi())
}

/// A line to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LineGiven {
    /// Its number, such as `1004`, or `1004@partition`.
    line: String,
    /// The user whose line it is to be.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    owner: Option<BareJid>,
    /// What its phones sign in with; made up when it is not given.
    #[serde(default)]
    password: Option<String>,
}

/// What came of adding a line. The password is here only when it was made up, and only now.
#[derive(Serialize, ToSchema)]
struct LineMade {
    /// The line.
    line: String,
    /// The password that was made up.
    password: Option<String>,
    /// What the administrator should know.
    warnings: Vec<String>,
}

/// A line with what its user has set.
#[derive(Serialize, Deserialize, ToSchema)]
struct LineDetail {
    #[serde(flatten)]
    line: LineShown,
    /// What its user has set: forwards, do not disturb, speed dials and so on; what is not set is not there.
    #[schema(value_type = Object)]
    settings: serde_json::Value,
    /// What it has used of what it may call outside, class by class.
    #[schema(value_type = Vec<Object>)]
    outside: serde_json::Value,
}

/// What is to be set; done one after the other.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LineChanges {
    /// Each has `set` with what it sets, such as `{"set": "do-not-disturb", "mode": "reject"}` or
    /// `{"set": "forward", "when": "busy", "to": "1003"}`.
    #[schema(value_type = Vec<Object>, max_items = 100)]
    changes: Vec<LineChange>,
}

/// All lines
#[utoipa::path(get, path = "/api/v1/admin/lines", tag = "lines", params(Wanted),
    responses((status = 200, body = Page<LineShown>), Refusals))]
async fn list(caller: Caller, Asked(wanted): Asked<Wanted>) -> Result<Json<Page<LineShown>>, Problem> {
    caller.needs(Right::LinesRead)?;
    let lines: Vec<LineShown> = caller.perform(Request::LineList).await?;
    Ok(Json(wanted.page(lines, super::line_name)?))
}

/// Adds a line
#[utoipa::path(post, path = "/api/v1/admin/lines", tag = "lines", request_body = LineGiven,
    responses((status = 201, body = LineMade, headers(("Location" = String, description = "The line."))), Refusals))]
async fn add(caller: Caller, Given(given): Given<LineGiven>) -> Result<Response, Problem> {
    caller.needs(Right::LinesWrite)?;
    let line: LineId = name_of_line("line", &given.line)?;
    let new = NewLine { line, owner: given.owner, password: given.password.map(Secret) };
    let added: LineAdded = caller.perform(Request::LineAdd(new)).await?;
    let line = added.line.to_string();
    let path = format!("/api/v1/admin/lines/{}", super::in_path(&line));
    let made = LineMade { line, password: added.password, warnings: added.warnings };
    Ok((StatusCode::CREATED, [(LOCATION, path)], Json(made)).into_response())
}

/// One line, with what its user has set
#[utoipa::path(get, path = "/api/v1/admin/lines/{line}", tag = "lines", params(("line" = String, Path)),
    responses((status = 200, body = LineDetail, headers(("ETag" = String))), Refusals))]
async fn show(
    caller: Caller,
    Named(LineNamed(line)): Named<LineNamed>,
) -> Result<Tagged<LineDetail>, Problem> {
    caller.needs(Right::LinesRead)?;
    caller.perform(Request::LineShow { line }).await.map(Tagged)
}

/// Changes what the user of a line has set
#[utoipa::path(patch, path = "/api/v1/admin/lines/{line}", tag = "lines", request_body = LineChanges,
    params(("line" = String, Path), ("If-Match" = String, Header)),
    responses((status = 200, body = LineDetail, headers(("ETag" = String))), Refusals))]
async fn change(
    caller: Caller,
    Named(LineNamed(line)): Named<LineNamed>,
    seen: IfMatch,
    Given(given): Given<LineChanges>,
) -> Result<Tagged<LineDetail>, Problem> {
    caller.needs(Right::LinesWrite)?;
    let _alone = caller.alone().await;
    let current: LineDetail = caller.perform(Request::LineShow { line: line.clone() }).await?;
    seen.check(&current)?;
    for change in given.changes {
        let _: serde_json::Value = caller.perform(Request::LineSet { line: line.clone(), change }).await?;
    }
    caller.perform(Request::LineShow { line }).await.map(Tagged)
}

/// Removes a line
#[utoipa::path(delete, path = "/api/v1/admin/lines/{line}", tag = "lines",
    params(("line" = String, Path), ("If-Match" = String, Header)), responses((status = 204), Refusals))]
async fn remove(
    caller: Caller,
    Named(LineNamed(line)): Named<LineNamed>,
    seen: IfMatch,
) -> Result<StatusCode, Problem> {
    caller.needs(Right::LinesWrite)?;
    let _alone = caller.alone().await;
    let current: LineDetail = caller.perform(Request::LineShow { line: line.clone() }).await?;
    seen.check(&current)?;
    let _: serde_json::Value = caller.perform(Request::LineRemove { line }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives the phones of a line another password
#[utoipa::path(put, path = "/api/v1/admin/lines/{line}/password", tag = "lines",
    request_body = PasswordGiven, params(("line" = String, Path)),
    responses((status = 200, body = PasswordSet), Refusals))]
async fn set_password(
    caller: Caller,
    Named(LineNamed(line)): Named<LineNamed>,
    MayBeGiven(given): MayBeGiven<PasswordGiven>,
) -> Result<Json<PasswordSet>, Problem> {
    caller.needs(Right::PasswordsWrite)?;
    let password = given.password.map(Secret);
    caller.perform(Request::LineSetPassword { line, password }).await.map(Json)
}

/// Forgets what a line has used of what it may call outside
#[utoipa::path(post, path = "/api/v1/admin/lines/{line}/release", tag = "lines",
    params(("line" = String, Path)), responses((status = 200, body = LineDetail), Refusals))]
async fn release(
    caller: Caller,
    Named(LineNamed(line)): Named<LineNamed>,
) -> Result<Json<LineDetail>, Problem> {
    caller.needs(Right::LinesWrite)?;
    caller.perform(Request::LineRelease { line }).await.map(Json)
}
