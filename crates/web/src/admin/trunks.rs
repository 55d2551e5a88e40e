//! Trunks: how each stands, and asking its servers whether they are there.

use axum::routing::{get, post};
use axum::{Json, Router};
use operations::Request;
use operations::role::Right;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::caller::Caller;
use super::given::{Asked, Named};
use super::list::{Page, Wanted};
use super::problem::{Problem, Refusals};

#[derive(OpenApi)]
#[openapi(paths(list, show, test))]
struct Document;

pub(super) fn noun() -> super::Noun {
    let router = Router::new()
        .route("/api/v1/admin/trunks", get(list))
        .route("/api/v1/admin/trunks/{name}", get(show))
        .route("/api/v1/admin/trunks/{name}/test", post(test));
    (router, Document::openapi())
}

/// A trunk at this moment.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub(super) struct Trunk {
    /// Its name in the dial plan.
    pub(super) name: String,
    /// Where it is; empty when calls only come in.
    address: String,
    /// Calls go out over it.
    pub(super) usable: bool,
    /// The registration, in words; none when it does not register.
    registration: Option<String>,
    /// It is registered.
    pub(super) registered: bool,
    /// Live calls over it.
    calls: usize,
    /// As many as there may be.
    calls_max: Option<u32>,
    /// Whom it takes calls from.
    from: Vec<String>,
    /// Its servers, in the order of the name service.
    servers: Vec<TrunkServer>,
    /// Why its name leads nowhere, while it does.
    pub(super) problem: Option<String>,
}

/// A server of a trunk.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
struct TrunkServer {
    /// `udp 192.0.2.1:5060`.
    server: String,
    /// `up`, `down`, or `unknown`.
    state: String,
    /// For how many seconds.
    seconds: u64,
    /// Calls try it last for so many seconds, because one failed there.
    rests_seconds: Option<u64>,
}

/// What came of asking a server whether it is there.
#[derive(Serialize, Deserialize, ToSchema)]
struct TrunkProbe {
    /// `udp 192.0.2.1:5060`.
    server: String,
    /// The status that it answered; none when it did not.
    status: Option<u16>,
    /// After how long, in milliseconds.
    milliseconds: u64,
}

/// All trunks
#[utoipa::path(get, path = "/api/v1/admin/trunks", tag = "trunks", params(Wanted),
    responses((status = 200, body = Page<Trunk>), Refusals))]
async fn list(caller: Caller, Asked(wanted): Asked<Wanted>) -> Result<Json<Page<Trunk>>, Problem> {
    caller.needs(Right::TrunksRead)?;
    let trunks: Vec<Trunk> = caller.perform(Request::TrunkList).await?;
    Ok(Json(wanted.page(trunks, |trunk| trunk.name.clone())?))
}

/// One trunk
#[utoipa::path(get, path = "/api/v1/admin/trunks/{name}", tag = "trunks", params(("name" = String, Path)),
    responses((status = 200, body = Trunk), Refusals))]
async fn show(caller: Caller, Named(name): Named<String>) -> Result<Json<Trunk>, Problem> {
    caller.needs(Right::TrunksRead)?;
    let trunks: Vec<Trunk> = caller.perform(Request::TrunkList).await?;
    let found = trunks.into_iter().find(|trunk| trunk.name == name);
    found.map(Json).ok_or_else(|| Problem::not_found(format!("There is no trunk {name}.")))
}

/// Asks the servers of a trunk whether they are there
#[utoipa::path(post, path = "/api/v1/admin/trunks/{name}/test", tag = "trunks",
    params(("name" = String, Path)), responses((status = 200, body = Vec<TrunkProbe>), Refusals))]
async fn test(caller: Caller, Named(name): Named<String>) -> Result<Json<Vec<TrunkProbe>>, Problem> {
    caller.needs(Right::TrunksTest)?;
    caller.perform(Request::TrunkTest { name }).await.map(Json)
}
