//! Upkeep: the levels of the log, backups, the check of the storage, certificates.

use axum::extract::State;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use operations::role::Right;
use operations::{Reloaded, Request, Verified};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::caller::Caller;
use super::given::{Given, Named};
use super::problem::{Problem, Refusals};
use crate::routes::Place;
use crate::tls::Certificate;

#[derive(OpenApi)]
#[openapi(paths(levels, set_level, backup, verify, certificates, reload))]
struct Document;

pub(super) fn noun() -> super::Noun {
    let router = Router::new()
        .route("/api/v1/admin/log-levels", get(levels))
        .route("/api/v1/admin/log-levels/{module}", put(set_level))
        .route("/api/v1/admin/backup", post(backup))
        .route("/api/v1/admin/backup/verify", post(verify))
        .route("/api/v1/admin/certificates", get(certificates))
        .route("/api/v1/admin/certificates/reload", post(reload));
    (router, Document::openapi())
}

/// The level of a module.
#[derive(Serialize, ToSchema)]
struct Level {
    /// The module; `all` for those without a level of their own.
    module: String,
    /// `off`, `error`, `warn`, `info`, `debug` or `trace`.
    level: String,
}

/// The levels of the log.
#[derive(Serialize, ToSchema)]
struct Levels {
    items: Vec<Level>,
    total: usize,
}

/// Another level.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LevelGiven {
    /// `off`, `error`, `warn`, `info`, `debug` or `trace`.
    level: String,
}

/// Where a backup goes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BackupGiven {
    /// A path on the server that nothing is at yet.
    path: String,
}

/// A backup.
#[derive(Serialize, ToSchema)]
struct BackupMade {
    /// Where it is, on the server.
    path: String,
}

/// The certificates in use.
#[derive(Serialize, ToSchema)]
struct Certificates {
    items: Vec<Certificate>,
    total: usize,
}

fn shown(levels: Vec<(String, String)>) -> Json<Levels> {
    let items: Vec<Level> = levels.into_iter().map(|(module, level)| Level { module, level }).collect();
    Json(Levels { total: items.len(), items })
}

/// The levels of the log
#[utoipa::path(get, path = "/api/v1/admin/log-levels", tag = "log",
    responses((status = 200, body = Levels), Refusals))]
async fn levels(caller: Caller) -> Result<Json<Levels>, Problem> {
    caller.needs(Right::LogRead)?;
    Ok(shown(caller.perform(Request::LogLevels).await?))
}

/// Changes the level of a module, until the next start
#[utoipa::path(put, path = "/api/v1/admin/log-levels/{module}", tag = "log", request_body = LevelGiven,
    params(("module" = String, Path)), responses((status = 200, body = Levels), Refusals))]
async fn set_level(
    caller: Caller,
    Named(module): Named<String>,
    Given(given): Given<LevelGiven>,
) -> Result<Json<Levels>, Problem> {
    caller.needs(Right::LogWrite)?;
    Ok(shown(caller.perform(Request::LogLevel { module, level: given.level }).await?))
}

/// Writes a backup into a new file on the server
#[utoipa::path(post, path = "/api/v1/admin/backup", tag = "backup", request_body = BackupGiven,
    responses((status = 200, body = BackupMade), Refusals))]
async fn backup(caller: Caller, Given(given): Given<BackupGiven>) -> Result<Json<BackupMade>, Problem> {
    caller.needs(Right::BackupWrite)?;
    let path = caller.perform(Request::Backup { path: given.path.into() }).await?;
    Ok(Json(BackupMade { path }))
}

/// Checks the storage while it works
#[utoipa::path(post, path = "/api/v1/admin/backup/verify", tag = "backup",
    responses((status = 200, body = Verified), Refusals))]
async fn verify(caller: Caller) -> Result<Json<Verified>, Problem> {
    caller.needs(Right::BackupWrite)?;
    caller.perform(Request::Verify).await.map(Json)
}

/// The certificates in use, the node's own first
#[utoipa::path(get, path = "/api/v1/admin/certificates", tag = "certificates",
    responses((status = 200, body = Certificates), Refusals))]
async fn certificates(caller: Caller, State(place): State<Place>) -> Result<Json<Certificates>, Problem> {
    caller.needs(Right::CertificatesRead)?;
    let items = place.web.rooms.tls.certificates(place.web.runtime.timestamp());
    Ok(Json(Certificates { total: items.len(), items }))
}

/// Reads certificates and the configuration again: connections stay
#[utoipa::path(post, path = "/api/v1/admin/certificates/reload", tag = "certificates",
    responses((status = 200, body = Reloaded), Refusals))]
async fn reload(caller: Caller) -> Result<Json<Reloaded>, Problem> {
    caller.needs(Right::ParametersWrite)?;
    caller.perform(Request::Reload).await.map(Json)
}
