//! Other domains: how each stands, and trying the way there.

use axum::routing::{get, post};
use axum::{Json, Router};
use model::DomainPart;
use operations::Request;
use operations::role::Right;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::caller::Caller;
use super::given::{Asked, Named};
use super::list::{Page, Wanted};
use super::problem::{Problem, Refusals};

#[derive(OpenApi)]
#[openapi(paths(list, test))]
struct Document;

pub(super) fn noun() -> super::Noun {
    let router = Router::new()
        .route("/api/v1/admin/federation", get(list))
        .route("/api/v1/admin/federation/{domain}/test", post(test));
    (router, Document::openapi())
}

/// How another domain stands to one of ours.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub(super) struct Federated {
    /// The other domain.
    pub(super) domain: String,
    /// Ours.
    local: String,
    /// `connected`, `connecting`, `waiting` or `idle`: our way to it.
    state: String,
    /// How we are connected.
    how: Option<String>,
    /// Since when we are connected.
    since: Option<String>,
    /// Stanzas that wait for it.
    queued: usize,
    /// How long the oldest of them has been waiting, in seconds.
    pub(super) oldest_seconds: Option<u64>,
    /// In how many seconds the next try is made.
    next_try_seconds: Option<u64>,
    /// Why the last try failed, if it did.
    pub(super) failure: Option<String>,
    /// When that was.
    failed_at: Option<String>,
    /// Stanzas that it has got since we started.
    sent: u64,
    /// Stanzas for it that went back to their senders.
    returned: u64,
    /// Its streams to us.
    incoming: Vec<Incoming>,
}

/// A stream of another server to us.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
struct Incoming {
    /// Where it comes from.
    address: String,
    /// Since when.
    since: String,
    /// How it is authenticated.
    authentication: String,
}

/// A step on the way to another domain.
#[derive(Serialize, Deserialize, ToSchema)]
struct FederationStep {
    /// What was done: `policy`, `dns`, `connect`, `tls`, `certificate`, `authentication`.
    what: String,
    /// `fine`, `warning` or `failed`.
    grade: String,
    /// What was seen.
    text: String,
    /// What to do about it; empty when nothing.
    advice: String,
}

/// How other domains stand that something was sent to or came from
#[utoipa::path(get, path = "/api/v1/admin/federation", tag = "federation", params(Wanted),
    responses((status = 200, body = Page<Federated>), Refusals))]
async fn list(caller: Caller, Asked(wanted): Asked<Wanted>) -> Result<Json<Page<Federated>>, Problem> {
    caller.needs(Right::FederationRead)?;
    let domains: Vec<Federated> = caller.perform(Request::FederationList).await?;
    Ok(Json(wanted.page(domains, |other| format!("{} {}", other.domain, other.local))?))
}

/// Tries the way to another domain, and tells every step
#[utoipa::path(post, path = "/api/v1/admin/federation/{domain}/test", tag = "federation",
    params(("domain" = String, Path)), responses((status = 200, body = Vec<FederationStep>), Refusals))]
async fn test(
    caller: Caller,
    Named(domain): Named<DomainPart>,
) -> Result<Json<Vec<FederationStep>>, Problem> {
    caller.needs(Right::FederationTest)?;
    caller.perform(Request::FederationTest { domain }).await.map(Json)
}
