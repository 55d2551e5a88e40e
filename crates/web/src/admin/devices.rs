//! Telephones: those of the dial plan, their accounts, and which of them are registered.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use operations::role::Right;
use operations::{DeviceShown, NewDevice, PasswordSet, RegistrationRow, Request, Secret};
use serde::Deserialize;
use utoipa::{OpenApi, ToSchema};

use super::caller::Caller;
use super::given::{Asked, Given, MayBeGiven, Named};
use super::list::{Page, Wanted};
use super::name_of_line;
use super::problem::{Problem, Refusals};
use super::tag::{IfMatch, Tagged};
use super::users::PasswordGiven;
use crate::routes::Place;

#[derive(OpenApi)]
#[openapi(paths(list, add, show, remove, set_password, registrations))]
struct Document;

pub(super) fn noun() -> super::Noun {
    let router = Router::new()
        .route("/api/v1/admin/devices", get(list).post(add))
        .route("/api/v1/admin/devices/{name}", get(show).delete(remove))
        .route("/api/v1/admin/devices/{name}/password", put(set_password))
        .route("/api/v1/admin/registrations", get(registrations));
    (router, Document::openapi())
}

/// A device that gets an account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DeviceGiven {
    /// Its name: letters, digits, `-`, `_` and `.`.
    name: String,
    /// The line that it signs in for; the first that the dial plan gives it when none is named.
    #[serde(default)]
    line: Option<String>,
    /// What it signs in with; made up when it is not given.
    #[serde(default)]
    password: Option<String>,
}

async fn find(caller: &Caller, name: &str) -> Result<DeviceShown, Problem> {
    let devices: Vec<DeviceShown> = caller.perform(Request::DeviceList).await?;
    let found = devices.into_iter().find(|device| device.name == name);
    found.ok_or_else(|| Problem::not_found(format!("There is no device {name}.")))
}

/// All devices
#[utoipa::path(get, path = "/api/v1/admin/devices", tag = "devices", params(Wanted),
    responses((status = 200, body = Page<DeviceShown>), Refusals))]
async fn list(caller: Caller, Asked(wanted): Asked<Wanted>) -> Result<Json<Page<DeviceShown>>, Problem> {
    caller.needs(Right::DevicesRead)?;
    let devices: Vec<DeviceShown> = caller.perform(Request::DeviceList).await?;
    Ok(Json(wanted.page(devices, |device| device.name.clone())?))
}

/// Gives a device an account of its own
#[utoipa::path(post, path = "/api/v1/admin/devices", tag = "devices", request_body = DeviceGiven,
    responses((status = 201, body = PasswordSet), Refusals))]
async fn add(caller: Caller, Given(given): Given<DeviceGiven>) -> Result<Response, Problem> {
    caller.needs(Right::DevicesWrite)?;
    let line = given.line.as_deref().map(|line| name_of_line("line", line)).transpose()?;
    let new = NewDevice { name: given.name, line, password: given.password.map(Secret) };
    let set: PasswordSet = caller.perform(Request::DeviceAdd(new)).await?;
    Ok((StatusCode::CREATED, Json(set)).into_response())
}

/// One device
#[utoipa::path(get, path = "/api/v1/admin/devices/{name}", tag = "devices", params(("name" = String, Path)),
    responses((status = 200, body = DeviceShown, headers(("ETag" = String))), Refusals))]
async fn show(caller: Caller, Named(name): Named<String>) -> Result<Tagged<DeviceShown>, Problem> {
    caller.needs(Right::DevicesRead)?;
    find(&caller, &name).await.map(Tagged)
}

/// Takes the account of a device away
#[utoipa::path(delete, path = "/api/v1/admin/devices/{name}", tag = "devices",
    params(("name" = String, Path), ("If-Match" = String, Header)), responses((status = 204), Refusals))]
async fn remove(caller: Caller, Named(name): Named<String>, seen: IfMatch) -> Result<StatusCode, Problem> {
    caller.needs(Right::DevicesWrite)?;
    let _alone = caller.alone().await;
    seen.check(&find(&caller, &name).await?)?;
    let _: serde_json::Value = caller.perform(Request::DeviceRemove { name }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a device another password
#[utoipa::path(put, path = "/api/v1/admin/devices/{name}/password", tag = "devices",
    request_body = PasswordGiven, params(("name" = String, Path)),
    responses((status = 200, body = PasswordSet), Refusals))]
async fn set_password(
    caller: Caller,
    Named(name): Named<String>,
    MayBeGiven(given): MayBeGiven<PasswordGiven>,
) -> Result<Json<PasswordSet>, Problem> {
    caller.needs(Right::PasswordsWrite)?;
    let password = given.password.map(Secret);
    caller.perform(Request::DeviceSetPassword { name, password }).await.map(Json)
}

/// Which telephones are registered
#[utoipa::path(get, path = "/api/v1/admin/registrations", tag = "devices", params(Wanted),
    responses((status = 200, body = Page<RegistrationRow>), Refusals))]
async fn registrations(
    caller: Caller,
    State(place): State<Place>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Json<Page<RegistrationRow>>, Problem> {
    caller.needs(Right::DevicesRead)?;
    let rows = place.web.rooms.status.registrations();
    Ok(Json(wanted.page(rows, |row| format!("{} {}", row.line, row.source))?))
}
