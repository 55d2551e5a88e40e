//! Sessions of chat clients: who is signed in, and ending one.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{delete, get};
use axum::{Json, Router};
use model::Jid;
use operations::role::Right;
use operations::{Request, SessionRow};
use utoipa::OpenApi;

use super::caller::Caller;
use super::given::{Asked, Named};
use super::list::{Page, Wanted};
use super::problem::{Problem, Refusals};
use crate::routes::Place;

#[derive(OpenApi)]
#[openapi(paths(list, end))]
struct Document;

pub(super) fn noun() -> super::Noun {
    let router = Router::new()
        .route("/api/v1/admin/sessions", get(list))
        .route("/api/v1/admin/sessions/{jid}", delete(end));
    (router, Document::openapi())
}

/// Who is signed in with chat clients
#[utoipa::path(get, path = "/api/v1/admin/sessions", tag = "sessions", params(Wanted),
    responses((status = 200, body = Page<SessionRow>), Refusals))]
async fn list(
    caller: Caller,
    State(place): State<Place>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Json<Page<SessionRow>>, Problem> {
    caller.needs(Right::SessionsRead)?;
    Ok(Json(wanted.page(place.web.rooms.status.sessions(), |row| row.jid.clone())?))
}

/// Ends a session: its client may sign in again
#[utoipa::path(delete, path = "/api/v1/admin/sessions/{jid}", tag = "sessions",
    params(("jid" = String, Path, description = "The full address, with the resource.")),
    responses((status = 204), Refusals))]
async fn end(caller: Caller, Named(jid): Named<Jid>) -> Result<StatusCode, Problem> {
    caller.needs(Right::SessionsEnd)?;
    let _: serde_json::Value = caller.perform(Request::SessionEnd { jid }).await?;
    Ok(StatusCode::NO_CONTENT)
}
