//! Which path leads where, for each listener.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use tower::ServiceBuilder;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;

use crate::limits::{BODY_BYTES_MAX, REQUEST_TIME_MAX};
use crate::pages::{password, sign_in, status};
use crate::{
    Door, Web, admin, answer, archive, bosh, browser, cti, guard, health, host_meta, selfcare, upload,
    websocket,
};

const STYLE: &str = include_str!("../assets/style.css");
const REFRESH: &str = include_str!("../assets/refresh.js");
const ICON: &str = include_str!("../assets/icon.svg");

/// What every handler is given.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) web: Arc<Web>,
    pub(crate) door: Door,
}

/// All that one listener serves.
pub(crate) fn router(web: &Arc<Web>, door: Door) -> Router {
    let place = Place { web: Arc::clone(web), door };
    let health =
        Router::new().route("/healthz/live", get(health::live)).route("/healthz/ready", get(health::ready));
    let paths = match door {
        Door::Metrics => health.route("/metrics", get(metrics)),
        Door::Https(_) | Door::Http(_) => health.merge(pages()).merge(interface()).merge(selfcare::router()),
    };
    let layers = ServiceBuilder::new()
        .layer(middleware::from_fn(guard::protect))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, REQUEST_TIME_MAX))
        .layer(RequestBodyLimitLayer::new(BODY_BYTES_MAX));
    let paths = match door {
        Door::Metrics => paths.fallback(not_found),
        Door::Https(_) | Door::Http(_) => paths.fallback(browser::page),
    };
    let paths = paths.layer(layers);
    match door {
        Door::Metrics => paths.with_state(place),
        Door::Https(_) | Door::Http(_) => {
            paths.merge(admin::router()).merge(for_all()).merge(upload::router()).with_state(place)
        }
    }
}

/// What needs no cookie, so that pages of any origin may use it.
fn for_all() -> Router<Place> {
    Router::new()
        .route("/ws", any(websocket::connect))
        .route("/sip", any(websocket::sip::connect))
        .route("/cti", any(cti::connect))
        .route("/bosh", post(bosh::post).options(bosh::preflight).fallback(bosh::about))
        .route("/.well-known/host-meta", get(host_meta::xml).options(host_meta::preflight))
        .route("/.well-known/host-meta.json", get(host_meta::json).options(host_meta::preflight))
}

fn pages() -> Router<Place> {
    Router::new()
        .route("/status", get(status::show))
        .route("/sign-in", get(sign_in::form).post(sign_in::sign_in))
        .route("/sign-in/link/{token}", get(sign_in::by_link))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/password", get(password::form).post(password::choose))
        .route("/style.css", get(|| asset("text/css; charset=utf-8", STYLE)))
        .route("/refresh.js", get(|| asset("text/javascript; charset=utf-8", REFRESH)))
        .route("/icon.svg", get(|| asset("image/svg+xml", ICON)))
}

/// The programming interface. What it does not know it says as programs read it.
fn interface() -> Router<Place> {
    let known = Router::new().route("/api/v1/archive/search", get(archive::search));
    ["/api/v1", "/api/v1/{*rest}"].into_iter().fold(known, |router, path| router.route(path, any(unknown)))
}

async fn asset(kind: &'static str, text: &'static str) -> Response {
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "max-age=300")], text).into_response()
}

async fn metrics(State(place): State<Place>, headers: HeaderMap) -> Response {
    place.web.rooms.metrics.page(&headers)
}

async fn unknown() -> Response {
    let detail = "GET /api/v1/openapi.json says what there is.";
    answer::problem(StatusCode::NOT_FOUND, "The programming interface has no such path", detail)
}

pub(crate) async fn not_found(State(place): State<Place>, headers: HeaderMap) -> Response {
    let text = match place.door {
        Door::Metrics => "Here are /metrics, /healthz/live and /healthz/ready.",
        _ => "The status page is at /status, health at /healthz/live and /healthz/ready.",
    };
    answer::message_for(&headers, StatusCode::NOT_FOUND, "There is no such page", text)
}
