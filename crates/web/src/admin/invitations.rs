//! Invitations to make an account, and what is said to everybody.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use model::BareJid;
use operations::role::Right;
use operations::{Announced, InvitationMade, InvitationShown, MessageOfTheDay, Request};
use serde::Deserialize;
use utoipa::{OpenApi, ToSchema};

use super::caller::Caller;
use super::given::{Asked, Given, MayBeGiven, Named};
use super::list::{Page, Wanted};
use super::problem::{Problem, Refusals};

#[derive(OpenApi)]
#[openapi(paths(list, invite, remove, announce, message, set_message, clear_message))]
struct Document;

pub(super) fn noun() -> super::Noun {
    let day = "/api/v1/admin/announcements/message-of-the-day";
    let router = Router::new()
        .route("/api/v1/admin/invitations", get(list).post(invite))
        .route("/api/v1/admin/invitations/{id}", delete(remove))
        .route("/api/v1/admin/announcements", post(announce))
        .route(day, get(message).put(set_message).delete(clear_message));
    (router, Document::openapi())
}

/// Who is invited.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct InvitationGiven {
    /// Under this name only.
    #[serde(default)]
    username: Option<String>,
    /// Who becomes a contact of the new account.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    inviter: Option<BareJid>,
    /// How many days the link is good.
    #[serde(default)]
    days: Option<u32>,
}

/// Something to say.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AnnouncementGiven {
    /// What.
    text: String,
    /// Also to those who are not signed in.
    #[serde(default)]
    all: bool,
}

/// What everybody gets when they sign in, once.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MessageGiven {
    /// What it says.
    text: String,
    /// Those who are signed in get it now.
    #[serde(default)]
    tell: bool,
}

/// Invitations that stand
#[utoipa::path(get, path = "/api/v1/admin/invitations", tag = "invitations", params(Wanted),
    responses((status = 200, body = Page<InvitationShown>), Refusals))]
async fn list(caller: Caller, Asked(wanted): Asked<Wanted>) -> Result<Json<Page<InvitationShown>>, Problem> {
    caller.needs(Right::InvitationsRead)?;
    let invitations: Vec<InvitationShown> = caller.perform(Request::InvitationList).await?;
    Ok(Json(wanted.page(invitations, |invitation| invitation.id.clone())?))
}

/// Invites somebody: the link is told this once
#[utoipa::path(post, path = "/api/v1/admin/invitations", tag = "invitations", request_body = InvitationGiven,
    responses((status = 201, body = InvitationMade), Refusals))]
async fn invite(caller: Caller, MayBeGiven(given): MayBeGiven<InvitationGiven>) -> Result<Response, Problem> {
    caller.needs(Right::InvitationsWrite)?;
    let InvitationGiven { username, inviter, days } = given;
    let made: InvitationMade = caller.perform(Request::UserInvite { username, inviter, days }).await?;
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

/// Takes an invitation back
#[utoipa::path(delete, path = "/api/v1/admin/invitations/{id}", tag = "invitations",
    params(("id" = String, Path)), responses((status = 204), Refusals))]
async fn remove(caller: Caller, Named(id): Named<String>) -> Result<StatusCode, Problem> {
    caller.needs(Right::InvitationsWrite)?;
    let _: serde_json::Value = caller.perform(Request::InvitationRemove { id }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Says something to everybody
#[utoipa::path(post, path = "/api/v1/admin/announcements", tag = "announcements",
    request_body = AnnouncementGiven, responses((status = 200, body = Announced), Refusals))]
async fn announce(
    caller: Caller,
    Given(given): Given<AnnouncementGiven>,
) -> Result<Json<Announced>, Problem> {
    caller.needs(Right::AnnouncementsWrite)?;
    caller.perform(Request::Announce { text: given.text, all: given.all }).await.map(Json)
}

/// The message of the day
#[utoipa::path(get, path = "/api/v1/admin/announcements/message-of-the-day", tag = "announcements",
    responses((status = 200, body = MessageOfTheDay), Refusals))]
async fn message(caller: Caller) -> Result<Json<MessageOfTheDay>, Problem> {
    caller.needs(Right::StatusRead)?;
    caller.perform(Request::MessageOfTheDay).await.map(Json)
}

/// Sets the message of the day
#[utoipa::path(put, path = "/api/v1/admin/announcements/message-of-the-day", tag = "announcements",
    request_body = MessageGiven, responses((status = 200, body = MessageOfTheDay), Refusals))]
async fn set_message(
    caller: Caller,
    Given(given): Given<MessageGiven>,
) -> Result<Json<MessageOfTheDay>, Problem> {
    caller.needs(Right::AnnouncementsWrite)?;
    let request = Request::SetMessageOfTheDay { text: Some(given.text), tell: given.tell };
    caller.perform(request).await.map(Json)
}

/// There is no message of the day any more
#[utoipa::path(delete, path = "/api/v1/admin/announcements/message-of-the-day", tag = "announcements",
    responses((status = 204), Refusals))]
async fn clear_message(caller: Caller) -> Result<StatusCode, Problem> {
    caller.needs(Right::AnnouncementsWrite)?;
    let request = Request::SetMessageOfTheDay { text: None, tell: false };
    let _: serde_json::Value = caller.perform(request).await?;
    Ok(StatusCode::NO_CONTENT)
}
