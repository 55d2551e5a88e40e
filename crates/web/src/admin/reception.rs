//! What callers meet: queues, and the sounds that they hear.

use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use model::plan::SoundName;
use operations::role::Right;
use operations::{Request, SoundShown};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::caller::Caller;
use super::given::{Asked, Given, Named};
use super::list::{Page, Wanted};
use super::problem::{Problem, Refusals};
use super::tag::{IfMatch, Tagged};

#[derive(OpenApi)]
#[openapi(paths(queues, sounds, sound, set_sound, remove_sound))]
struct Document;

pub(super) fn noun() -> super::Noun {
    let router = Router::new()
        .route("/api/v1/admin/queues", get(queues))
        .route("/api/v1/admin/sounds", get(sounds))
        .route("/api/v1/admin/sounds/{name}", get(sound).put(set_sound).delete(remove_sound));
    (router, Document::openapi())
}

/// A line.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = LineName)]
struct Line {
    number: String,
    partition: String,
}

/// A queue of callers at this moment.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Queue {
    /// Its name.
    name: String,
    /// Its number.
    number: Line,
    /// Which agent is rung, in the word of the dial plan.
    distribution: String,
    /// How many may wait.
    max_waiting: u16,
    /// Who waits, first to last.
    callers: Vec<QueuedCaller>,
    /// Its agents.
    agents: Vec<Agent>,
}

/// A caller that waits.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct QueuedCaller {
    /// Its call.
    call: String,
    /// Its number.
    number: String,
    /// Its name.
    #[serde(default)]
    name: Option<String>,
    /// Since when.
    since: String,
    /// The agents who are rung for it.
    rings: Vec<Line>,
}

/// An agent of a queue.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Agent {
    /// The line.
    line: Line,
    /// How it stands.
    state: String,
    /// Calls of queues that it has taken since the start of the server.
    taken: u64,
    /// Calls that it was rung for in vain.
    missed: u64,
}

/// A sound to be taken.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SoundGiven {
    /// The WAV file, in base64.
    wav: String,
}

/// Queues of callers
#[utoipa::path(get, path = "/api/v1/admin/queues", tag = "queues", params(Wanted),
    responses((status = 200, body = Page<Queue>), Refusals))]
async fn queues(caller: Caller, Asked(wanted): Asked<Wanted>) -> Result<Json<Page<Queue>>, Problem> {
    caller.needs(Right::QueuesRead)?;
    let queues: Vec<Queue> = caller.perform(Request::QueueList { which: None }).await?;
    Ok(Json(wanted.page(queues, |queue| queue.name.clone())?))
}

/// All sounds
#[utoipa::path(get, path = "/api/v1/admin/sounds", tag = "sounds", params(Wanted),
    responses((status = 200, body = Page<SoundShown>), Refusals))]
async fn sounds(caller: Caller, Asked(wanted): Asked<Wanted>) -> Result<Json<Page<SoundShown>>, Problem> {
    caller.needs(Right::SoundsRead)?;
    let sounds: Vec<SoundShown> = caller.perform(Request::SoundList).await?;
    Ok(Json(wanted.page(sounds, |sound| sound.name.clone())?))
}

async fn find(caller: &Caller, name: &SoundName) -> Result<SoundShown, Problem> {
    let sounds: Vec<SoundShown> = caller.perform(Request::SoundList).await?;
    let found = sounds.into_iter().find(|sound| sound.name == name.as_str());
    found.ok_or_else(|| Problem::not_found(format!("There is no sound {name}.")))
}

/// One sound
#[utoipa::path(get, path = "/api/v1/admin/sounds/{name}", tag = "sounds", params(("name" = String, Path)),
    responses((status = 200, body = SoundShown, headers(("ETag" = String))), Refusals))]
async fn sound(caller: Caller, Named(name): Named<SoundName>) -> Result<Tagged<SoundShown>, Problem> {
    caller.needs(Right::SoundsRead)?;
    find(&caller, &name).await.map(Tagged)
}

/// Takes a sound, in place of the one that had the name
#[utoipa::path(put, path = "/api/v1/admin/sounds/{name}", tag = "sounds", request_body = SoundGiven,
    params(("name" = String, Path)), responses((status = 200, body = SoundShown), Refusals))]
async fn set_sound(
    caller: Caller,
    Named(name): Named<SoundName>,
    Given(given): Given<SoundGiven>,
) -> Result<Json<SoundShown>, Problem> {
    caller.needs(Right::SoundsWrite)?;
    caller.perform(Request::SoundImport { name, wav: given.wav }).await.map(Json)
}

/// Forgets a sound
#[utoipa::path(delete, path = "/api/v1/admin/sounds/{name}", tag = "sounds",
    params(("name" = String, Path), ("If-Match" = String, Header)), responses((status = 204), Refusals))]
async fn remove_sound(
    caller: Caller,
    Named(name): Named<SoundName>,
    seen: IfMatch,
) -> Result<StatusCode, Problem> {
    caller.needs(Right::SoundsWrite)?;
    let _alone = caller.alone().await;
    seen.check(&find(&caller, &name).await?)?;
    let _: serde_json::Value = caller.perform(Request::SoundRemove { name }).await?;
    Ok(StatusCode::NO_CONTENT)
}
