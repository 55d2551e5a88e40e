//! Users: added, shown, changed, removed, given passwords; what their clients sign in with.

use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use model::{BareJid, LineId};
use operations::role::Right;
use operations::{NewUser, PasswordSet, Request, Secret, TokenShown, UserShown};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};

use super::caller::Caller;
use super::given::{Asked, Given, MayBeGiven, Named};
use super::list::{Page, Wanted};
use super::name_of_line;
use super::problem::{Problem, Refusals};
use super::tag::{IfMatch, Tagged};

#[derive(OpenApi)]
#[openapi(paths(list, add, show, change, remove, set_password, sign_ins, revoke))]
struct Document;

pub(super) fn noun() -> super::Noun {
    let router = Router::new()
        .route("/api/v1/admin/users", get(list).post(add))
        .route("/api/v1/admin/users/{jid}", get(show).patch(change).delete(remove))
        .route("/api/v1/admin/users/{jid}/password", put(set_password))
        .route("/api/v1/admin/users/{jid}/sign-ins", get(sign_ins).delete(revoke));
    (router, Document::openapi())
}

/// A user to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UserGiven {
    /// The address.
    #[schema(value_type = String, example = "dora@example.org")]
    jid: BareJid,
    /// The name shown to people; the user part of the address when it is not given.
    #[serde(default)]
    name: String,
    /// The password; one is made up when none is given.
    #[serde(default)]
    password: Option<String>,
    /// The number of a new line for the user.
    #[serde(default)]
    line: Option<String>,
    /// What the line's phones sign in with; made up when it is not given.
    #[serde(default)]
    line_password: Option<String>,
}

/// What came of adding a user. Passwords are here only when they were made up, and only now.
#[derive(Serialize, ToSchema)]
struct UserMade {
    /// The address.
    jid: String,
    /// The password that was made up.
    password: Option<String>,
    /// The line.
    line: Option<String>,
    /// The line's password that was made up.
    line_password: Option<String>,
    /// What the administrator should know.
    warnings: Vec<String>,
}

/// What is to be changed; the rest stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UserChange {
    /// The name shown to people.
    #[serde(default)]
    name: Option<String>,
    /// May they sign in? Who may not is signed out at once.
    #[serde(default)]
    enabled: Option<bool>,
}

/// A password.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PasswordGiven {
    /// The password; one is made up when none is given.
    #[serde(default)]
    pub(super) password: Option<String>,
}

/// Whose sign-ins are taken back.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Revoked {
    /// Of this client only.
    #[serde(default)]
    client: Option<String>,
}

/// How many were taken back.
#[derive(Serialize, ToSchema)]
struct RevokedCount {
    /// So many sign-ins.
    revoked: u64,
}

/// All users
#[utoipa::path(get, path = "/api/v1/admin/users", tag = "users", params(Wanted),
    responses((status = 200, body = Page<UserShown>), Refusals))]
async fn list(caller: Caller, Asked(wanted): Asked<Wanted>) -> Result<Json<Page<UserShown>>, Problem> {
    caller.needs(Right::UsersRead)?;
    let users: Vec<UserShown> = caller.perform(Request::UserList).await?;
    Ok(Json(wanted.page(users, |user| user.jid.to_string())?))
}

/// Adds a user, with a line if asked
#[utoipa::path(post, path = "/api/v1/admin/users", tag = "users", request_body = UserGiven,
    responses((status = 201, body = UserMade, headers(("Location" = String, description = "The user."))), Refusals))]
async fn add(caller: Caller, Given(given): Given<UserGiven>) -> Result<Response, Problem> {
    caller.needs(Right::UsersWrite)?;
    let line: Option<LineId> = given.line.as_deref().map(|line| name_of_line("line", line)).transpose()?;
    let new = NewUser {
        jid: given.jid,
        name: given.name,
        password: given.password.map(Secret),
        line,
        line_password: given.line_password.map(Secret),
    };
    let added: operations::UserAdded = caller.perform(Request::UserAdd(new)).await?;
    let path = format!("/api/v1/admin/users/{}", added.jid);
    let made = UserMade {
        jid: added.jid.to_string(),
        password: added.password,
        line: added.line.as_ref().map(ToString::to_string),
        line_password: added.line_password,
        warnings: added.warnings,
    };
    Ok((StatusCode::CREATED, [(LOCATION, path)], Json(made)).into_response())
}

/// One user
#[utoipa::path(get, path = "/api/v1/admin/users/{jid}", tag = "users", params(("jid" = String, Path)),
    responses((status = 200, body = UserShown, headers(("ETag" = String))), Refusals))]
async fn show(caller: Caller, Named(jid): Named<BareJid>) -> Result<Tagged<UserShown>, Problem> {
    caller.needs(Right::UsersRead)?;
    caller.perform(Request::UserShow { jid }).await.map(Tagged)
}

/// Changes a user
#[utoipa::path(patch, path = "/api/v1/admin/users/{jid}", tag = "users", request_body = UserChange,
    params(("jid" = String, Path), ("If-Match" = String, Header)),
    responses((status = 200, body = UserShown, headers(("ETag" = String))), Refusals))]
async fn change(
    caller: Caller,
    Named(jid): Named<BareJid>,
    seen: IfMatch,
    Given(change): Given<UserChange>,
) -> Result<Tagged<UserShown>, Problem> {
    caller.needs(Right::UsersWrite)?;
    let _alone = caller.alone().await;
    let user: UserShown = caller.perform(Request::UserShow { jid: jid.clone() }).await?;
    seen.check(&user)?;
    if let Some(name) = change.name.filter(|name| *name != user.name) {
        let _: UserShown = caller.perform(Request::UserSetName { jid: jid.clone(), name }).await?;
    }
    if let Some(enabled) = change.enabled.filter(|enabled| *enabled != user.enabled) {
        let _: serde_json::Value =
            caller.perform(Request::UserSetEnabled { jid: jid.clone(), enabled }).await?;
    }
    caller.perform(Request::UserShow { jid }).await.map(Tagged)
}

/// Removes a user with their lines
#[utoipa::path(delete, path = "/api/v1/admin/users/{jid}", tag = "users",
    params(("jid" = String, Path), ("If-Match" = String, Header)), responses((status = 204), Refusals))]
async fn remove(caller: Caller, Named(jid): Named<BareJid>, seen: IfMatch) -> Result<StatusCode, Problem> {
    caller.needs(Right::UsersWrite)?;
    let _alone = caller.alone().await;
    let user: UserShown = caller.perform(Request::UserShow { jid: jid.clone() }).await?;
    seen.check(&user)?;
    let _: serde_json::Value = caller.perform(Request::UserRemove { jid }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a user another password
#[utoipa::path(put, path = "/api/v1/admin/users/{jid}/password", tag = "users",
    request_body = PasswordGiven, params(("jid" = String, Path)),
    responses((status = 200, body = PasswordSet), Refusals))]
async fn set_password(
    caller: Caller,
    Named(jid): Named<BareJid>,
    MayBeGiven(given): MayBeGiven<PasswordGiven>,
) -> Result<Json<PasswordSet>, Problem> {
    caller.needs(Right::PasswordsWrite)?;
    let password = given.password.map(Secret);
    caller.perform(Request::UserSetPassword { jid, password }).await.map(Json)
}

/// What a user's clients sign in with in place of the password
#[utoipa::path(get, path = "/api/v1/admin/users/{jid}/sign-ins", tag = "users",
    params(("jid" = String, Path), Wanted), responses((status = 200, body = Page<TokenShown>), Refusals))]
async fn sign_ins(
    caller: Caller,
    Named(jid): Named<BareJid>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Json<Page<TokenShown>>, Problem> {
    caller.needs(Right::UsersRead)?;
    let tokens: Vec<TokenShown> = caller.perform(Request::UserTokens { jid }).await?;
    Ok(Json(wanted.page(tokens, |token| token.client.clone())?))
}

/// Takes sign-ins back: the clients need the password again
#[utoipa::path(delete, path = "/api/v1/admin/users/{jid}/sign-ins", tag = "users",
    params(("jid" = String, Path), Revoked), responses((status = 200, body = RevokedCount), Refusals))]
async fn revoke(
    caller: Caller,
    Named(jid): Named<BareJid>,
    Asked(which): Asked<Revoked>,
) -> Result<Json<RevokedCount>, Problem> {
    caller.needs(Right::PasswordsWrite)?;
    let revoked = caller.perform(Request::UserRevoke { jid, client: which.client }).await?;
    Ok(Json(RevokedCount { revoked }))
}
