//! Administrators and the tokens of programs.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, put};
use axum::{Json, Router};
use operations::role::{Right, Role};
use operations::{AdministratorShown, ApiTokenMade, ApiTokenShown, NewToken, PasswordSet, Request, Secret};
use serde::Deserialize;
use utoipa::{OpenApi, ToSchema};

use super::caller::Caller;
use super::given::{Asked, Given, MayBeGiven, Named};
use super::list::{Page, Wanted};
use super::problem::{Problem, Refusals};
use super::tag::{IfMatch, Tagged};
use super::users::PasswordGiven;

#[derive(OpenApi)]
#[openapi(paths(list, add, show, change, remove, set_password, tokens, token_add, token_remove))]
struct Document;

pub(super) fn noun() -> super::Noun {
    let router = Router::new()
        .route("/api/v1/admin/administrators", get(list).post(add))
        .route("/api/v1/admin/administrators/{name}", get(show).patch(change).delete(remove))
        .route("/api/v1/admin/administrators/{name}/password", put(set_password))
        .route("/api/v1/admin/tokens", get(tokens).post(token_add))
        .route("/api/v1/admin/tokens/{id}", delete(token_remove));
    (router, Document::openapi())
}

/// An administrator to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AdministratorGiven {
    /// The name to sign in with.
    name: String,
    /// What they are there for.
    role: Role,
    /// The password; a one-time one is made up when none is given.
    #[serde(default)]
    password: Option<String>,
}

/// Another role.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AdministratorChange {
    /// What they are there for from now on.
    role: Role,
}

/// A token to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TokenGiven {
    /// What it is for.
    name: String,
    /// What it may do.
    role: Role,
    /// How many days it lives: 90 when it is not said.
    #[serde(default)]
    days: Option<u32>,
}

async fn find(caller: &Caller, name: &str) -> Result<AdministratorShown, Problem> {
    let all: Vec<AdministratorShown> = caller.perform(Request::AdministratorList).await?;
    let found = all.into_iter().find(|known| known.name == name);
    found.ok_or_else(|| Problem::not_found(format!("There is no administrator {name}.")))
}

/// All administrators
#[utoipa::path(get, path = "/api/v1/admin/administrators", tag = "administrators", params(Wanted),
    responses((status = 200, body = Page<AdministratorShown>), Refusals))]
async fn list(
    caller: Caller,
    Asked(wanted): Asked<Wanted>,
) -> Result<Json<Page<AdministratorShown>>, Problem> {
    caller.needs(Right::AdministratorsRead)?;
    let all: Vec<AdministratorShown> = caller.perform(Request::AdministratorList).await?;
    Ok(Json(wanted.page(all, |known| known.name.clone())?))
}

/// Makes an administrator
#[utoipa::path(post, path = "/api/v1/admin/administrators", tag = "administrators",
    request_body = AdministratorGiven, responses((status = 201, body = PasswordSet), Refusals))]
async fn add(caller: Caller, Given(given): Given<AdministratorGiven>) -> Result<Response, Problem> {
    caller.needs(Right::AdministratorsWrite)?;
    let AdministratorGiven { name, role, password } = given;
    let password = password.map(Secret);
    let set: PasswordSet = caller.perform(Request::AdministratorAdd { name, role, password }).await?;
    Ok((StatusCode::CREATED, Json(set)).into_response())
}

/// One administrator
#[utoipa::path(get, path = "/api/v1/admin/administrators/{name}", tag = "administrators",
    params(("name" = String, Path)),
    responses((status = 200, body = AdministratorShown, headers(("ETag" = String))), Refusals))]
async fn show(caller: Caller, Named(name): Named<String>) -> Result<Tagged<AdministratorShown>, Problem> {
    caller.needs(Right::AdministratorsRead)?;
    find(&caller, &name).await.map(Tagged)
}

/// Gives an administrator another role: they are signed out
#[utoipa::path(patch, path = "/api/v1/admin/administrators/{name}", tag = "administrators",
    request_body = AdministratorChange, params(("name" = String, Path), ("If-Match" = String, Header)),
    responses((status = 200, body = AdministratorShown, headers(("ETag" = String))), Refusals))]
async fn change(
    caller: Caller,
    Named(name): Named<String>,
    seen: IfMatch,
    Given(given): Given<AdministratorChange>,
) -> Result<Tagged<AdministratorShown>, Problem> {
    caller.needs(Right::AdministratorsWrite)?;
    let _alone = caller.alone().await;
    seen.check(&find(&caller, &name).await?)?;
    let request = Request::AdministratorSetRole { name: name.clone(), role: given.role };
    let _: serde_json::Value = caller.perform(request).await?;
    caller.place.web.sign_in.sessions.remove_all_of(&name);
    find(&caller, &name).await.map(Tagged)
}

/// Removes an administrator: they are signed out
#[utoipa::path(delete, path = "/api/v1/admin/administrators/{name}", tag = "administrators",
    params(("name" = String, Path), ("If-Match" = String, Header)), responses((status = 204), Refusals))]
async fn remove(caller: Caller, Named(name): Named<String>, seen: IfMatch) -> Result<StatusCode, Problem> {
    caller.needs(Right::AdministratorsWrite)?;
    let _alone = caller.alone().await;
    seen.check(&find(&caller, &name).await?)?;
    let _: serde_json::Value = caller.perform(Request::AdministratorRemove { name: name.clone() }).await?;
    caller.place.web.sign_in.sessions.remove_all_of(&name);
    Ok(StatusCode::NO_CONTENT)
}

/// Gives an administrator another password: they are signed out
#[utoipa::path(put, path = "/api/v1/admin/administrators/{name}/password", tag = "administrators",
    request_body = PasswordGiven, params(("name" = String, Path)),
    responses((status = 200, body = PasswordSet), Refusals))]
async fn set_password(
    caller: Caller,
    Named(name): Named<String>,
    MayBeGiven(given): MayBeGiven<PasswordGiven>,
) -> Result<Json<PasswordSet>, Problem> {
    caller.needs(Right::AdministratorsWrite)?;
    let password = given.password.map(Secret);
    let request = Request::AdministratorGivePassword { name: name.clone(), password };
    let set: PasswordSet = caller.perform(request).await?;
    caller.place.web.sign_in.sessions.remove_all_of(&name);
    Ok(Json(set))
}

/// The tokens of programs, without the tokens
#[utoipa::path(get, path = "/api/v1/admin/tokens", tag = "tokens", params(Wanted),
    responses((status = 200, body = Page<ApiTokenShown>), Refusals))]
async fn tokens(caller: Caller, Asked(wanted): Asked<Wanted>) -> Result<Json<Page<ApiTokenShown>>, Problem> {
    caller.needs(Right::AdministratorsRead)?;
    let all: Vec<ApiTokenShown> = caller.perform(Request::TokenList).await?;
    Ok(Json(wanted.page(all, |token| token.id.clone())?))
}

/// Makes a token for a program: it is told this once
#[utoipa::path(post, path = "/api/v1/admin/tokens", tag = "tokens", request_body = TokenGiven,
    responses((status = 201, body = ApiTokenMade), Refusals))]
async fn token_add(caller: Caller, Given(given): Given<TokenGiven>) -> Result<Response, Problem> {
    caller.needs(Right::AdministratorsWrite)?;
    let TokenGiven { name, role, days } = given;
    let made_by = caller.name.clone();
    let made: ApiTokenMade =
        caller.perform(Request::TokenAdd(NewToken { name, role, days, made_by })).await?;
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

/// Takes a token back
#[utoipa::path(delete, path = "/api/v1/admin/tokens/{id}", tag = "tokens", params(("id" = String, Path)),
    responses((status = 204), Refusals))]
async fn token_remove(caller: Caller, Named(id): Named<String>) -> Result<StatusCode, Problem> {
    caller.needs(Right::AdministratorsWrite)?;
    let _: serde_json::Value = caller.perform(Request::TokenRemove { id }).await?;
    Ok(StatusCode::NO_CONTENT)
}
