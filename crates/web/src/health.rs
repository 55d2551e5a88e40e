//! Health for load balancers and supervisors: alive, and ready for work.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use store::StorageState;

use crate::routes::Place;

#[derive(Serialize)]
struct Ready {
    ready: bool,
    storage: &'static str,
    listeners: Vec<Listener>,
}

#[derive(Serialize)]
struct Listener {
    name: &'static str,
    up: bool,
}

/// The process answers.
pub(crate) async fn live() -> &'static str {
    "live\n"
}

/// Storage takes writes and every listener is up; 503 when not. Says what, never why: that is on the status
/// page, behind the sign-in.
pub(crate) async fn ready(State(place): State<Place>) -> Response {
    let web = &place.web;
    let storage = matches!(*web.rooms.store.state().borrow(), StorageState::Ok);
    let listeners: Vec<Listener> = web
        .runtime
        .listeners()
        .into_iter()
        .map(|listener| Listener { name: listener.name, up: listener.is_up })
        .collect();
    let ready = storage && listeners.iter().all(|listener| listener.up) && !web.runtime.is_stopping();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let storage = if storage { "ok" } else { "failing" };
    (status, Json(Ready { ready, storage, listeners })).into_response()
}
