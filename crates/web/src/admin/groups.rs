//! Groups of people: made, shared, filled, forgotten.

use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use model::BareJid;
use operations::role::Right;
use operations::{GroupChange, GroupShown, Request};
use serde::Deserialize;
use utoipa::{OpenApi, ToSchema};

use super::caller::Caller;
use super::given::{Asked, Given, Named};
use super::list::{Page, Wanted};
use super::problem::{Problem, Refusals};
use super::tag::{IfMatch, Tagged};

#[derive(OpenApi)]
#[openapi(paths(list, add, show, change, remove))]
struct Document;

pub(super) fn noun() -> super::Noun {
    let router = Router::new()
        .route("/api/v1/admin/groups", get(list).post(add))
        .route("/api/v1/admin/groups/{name}", get(show).patch(change).delete(remove));
    (router, Document::openapi())
}

/// A group to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct GroupGiven {
    /// Its name.
    name: String,
    /// Its members stand in each other's rosters.
    #[serde(default)]
    shared: bool,
    /// Who belongs to it.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    members: Vec<BareJid>,
}

/// What is to be changed; the rest stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct GroupChanges {
    /// Its members stand in each other's rosters.
    #[serde(default)]
    shared: Option<bool>,
    /// Exactly these belong to it.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    members: Option<Vec<BareJid>>,
}

async fn find(caller: &Caller, name: &str) -> Result<GroupShown, Problem> {
    let groups: Vec<GroupShown> = caller.perform(Request::GroupList).await?;
    let found = groups.into_iter().find(|group| group.name == name);
    found.ok_or_else(|| Problem::not_found(format!("There is no group {name}.")))
}

async fn alter(caller: &Caller, name: &str, change: GroupChange) -> Result<(), Problem> {
    let request = Request::GroupChange { name: name.to_owned(), change };
    caller.perform::<serde_json::Value>(request).await.map(drop)
}

/// All groups
#[utoipa::path(get, path = "/api/v1/admin/groups", tag = "groups", params(Wanted),
    responses((status = 200, body = Page<GroupShown>), Refusals))]
async fn list(caller: Caller, Asked(wanted): Asked<Wanted>) -> Result<Json<Page<GroupShown>>, Problem> {
    caller.needs(Right::GroupsRead)?;
    let groups: Vec<GroupShown> = caller.perform(Request::GroupList).await?;
    Ok(Json(wanted.page(groups, |group| group.name.clone())?))
}

/// Makes a group
#[utoipa::path(post, path = "/api/v1/admin/groups", tag = "groups", request_body = GroupGiven,
    responses((status = 201, body = GroupShown), Refusals))]
async fn add(caller: Caller, Given(given): Given<GroupGiven>) -> Result<Response, Problem> {
    caller.needs(Right::GroupsWrite)?;
    let _alone = caller.alone().await;
    alter(&caller, &given.name, GroupChange::Add { shared: given.shared }).await?;
    if !given.members.is_empty() {
        alter(&caller, &given.name, GroupChange::MemberAdd(given.members)).await?;
    }
    let path = format!("/api/v1/admin/groups/{}", super::in_path(&given.name));
    let group = find(&caller, &given.name).await?;
    Ok((StatusCode::CREATED, [(LOCATION, path)], Json(group)).into_response())
}

/// One group
#[utoipa::path(get, path = "/api/v1/admin/groups/{name}", tag = "groups", params(("name" = String, Path)),
    responses((status = 200, body = GroupShown, headers(("ETag" = String))), Refusals))]
async fn show(caller: Caller, Named(name): Named<String>) -> Result<Tagged<GroupShown>, Problem> {
    caller.needs(Right::GroupsRead)?;
    find(&caller, &name).await.map(Tagged)
}

/// Changes a group
#[utoipa::path(patch, path = "/api/v1/admin/groups/{name}", tag = "groups", request_body = GroupChanges,
    params(("name" = String, Path), ("If-Match" = String, Header)),
    responses((status = 200, body = GroupShown, headers(("ETag" = String))), Refusals))]
async fn change(
    caller: Caller,
    Named(name): Named<String>,
    seen: IfMatch,
    Given(given): Given<GroupChanges>,
) -> Result<Tagged<GroupShown>, Problem> {
    caller.needs(Right::GroupsWrite)?;
    let _alone = caller.alone().await;
    let group = find(&caller, &name).await?;
    seen.check(&group)?;
    if let Some(members) = given.members {
        let added: Vec<BareJid> =
            members.iter().filter(|member| !group.members.contains(member)).cloned().collect();
        let removed: Vec<BareJid> =
            group.members.iter().filter(|member| !members.contains(member)).cloned().collect();
        if !added.is_empty() {
            alter(&caller, &name, GroupChange::MemberAdd(added)).await?;
        }
        if !removed.is_empty() {
            alter(&caller, &name, GroupChange::MemberRemove(removed)).await?;
        }
    }
    if let Some(shared) = given.shared.filter(|shared| *shared != group.shared) {
        alter(&caller, &name, GroupChange::Share(shared)).await?;
    }
    find(&caller, &name).await.map(Tagged)
}

/// Forgets a group: its members stay users
#[utoipa::path(delete, path = "/api/v1/admin/groups/{name}", tag = "groups",
    params(("name" = String, Path), ("If-Match" = String, Header)), responses((status = 204), Refusals))]
async fn remove(caller: Caller, Named(name): Named<String>, seen: IfMatch) -> Result<StatusCode, Problem> {
    caller.needs(Right::GroupsWrite)?;
    let _alone = caller.alone().await;
    seen.check(&find(&caller, &name).await?)?;
    alter(&caller, &name, GroupChange::Remove).await?;
    Ok(StatusCode::NO_CONTENT)
}
