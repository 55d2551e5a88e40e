//! What somebody sees of somebody at this moment, and why: the composed presence, and what it was composed from.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use model::BareJid;
use operations::Request;
use operations::UserShown;
use operations::role::Right;
use presence::{Observation, Observed, Source};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};

use super::caller::Caller;
use super::given::{Asked, Named};
use super::problem::{Problem, Refusals};
use crate::routes::Place;

#[derive(OpenApi)]
#[openapi(paths(show))]
struct Document;

pub(super) fn noun() -> super::Noun {
    (Router::new().route("/api/v1/admin/presence/{jid}", get(show)), Document::openapi())
}

/// Whose eyes are looked through.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Eyes {
    /// Who watches: a user, or somebody elsewhere. Without one, all is shown that there is.
    #[serde(default)]
    watcher: Option<String>,
}

/// What is seen, and why.
#[derive(Serialize, ToSchema)]
struct Seen {
    /// Whom.
    user: String,
    /// Who watches.
    watcher: Option<String>,
    /// The watcher may see the user.
    may_watch: bool,
    /// Why, or why not.
    why: String,
    /// The state that is seen: `Available`, `On the phone`, `Offline`, …
    state: String,
    /// The state in a sentence, with its reason.
    explanation: String,
    /// The status text that is seen.
    status: Option<String>,
    /// A client is signed in.
    reachable_by_chat: bool,
    /// A phone is registered.
    reachable_by_phone: bool,
    /// What the state was composed from, whoever watches.
    observations: Vec<ObservationShown>,
}

/// What one source says.
#[derive(Serialize, ToSchema)]
#[schema(as = PresenceObservation)]
struct ObservationShown {
    /// Who says it: `client desk`, `line 1001`, `choice`, …
    source: String,
    /// What.
    says: String,
    /// Since when.
    since: String,
    /// Until when, if it lapses by itself.
    until: Option<String>,
}

/// What somebody sees of a user now, and why
#[utoipa::path(get, path = "/api/v1/admin/presence/{jid}", tag = "presence",
    params(("jid" = String, Path), Eyes), responses((status = 200, body = Seen), Refusals))]
async fn show(
    caller: Caller,
    State(place): State<Place>,
    Named(jid): Named<BareJid>,
    Asked(eyes): Asked<Eyes>,
) -> Result<Json<Seen>, Problem> {
    caller.needs(Right::PresenceRead)?;
    let rooms = &place.web.rooms;
    let user: UserShown = caller.perform(Request::UserShow { jid: jid.clone() }).await?;
    let watcher =
        eyes.watcher.filter(|watcher| !watcher.is_empty()).map(|watcher| watcher.parse::<BareJid>());
    let watcher = watcher.transpose().map_err(|error| Problem::field("watcher", error.to_string()))?;
    let (may_watch, why) = match &watcher {
        None => (true, "Nobody watches: this is all there is.".to_owned()),
        Some(watcher) => may_watch(&place, watcher, &jid).await?,
    };
    let composed = rooms.presence.composed(&jid, place.web.runtime.timestamp());
    let (state, explanation, status) = match (may_watch, user.enabled) {
        (_, false) => ("Offline".to_owned(), "Offline, because the account is disabled".to_owned(), None),
        (false, _) => ("Offline".to_owned(), "Nothing is seen, so the user appears offline".to_owned(), None),
        (true, true) => (composed.state.words().to_owned(), composed.explanation(), composed.status.clone()),
    };
    Ok(Json(Seen {
        user: jid.to_string(),
        watcher: watcher.map(|watcher| watcher.to_string()),
        may_watch,
        why,
        state,
        explanation,
        status,
        reachable_by_chat: may_watch && composed.reachable_by_chat,
        reachable_by_phone: may_watch && composed.reachable_by_phone,
        observations: rooms.presence.observations(&jid).iter().map(observed).collect(),
    }))
}

/// May they, and why (RFC 6121 §3.1; shared groups)?
async fn may_watch(place: &Place, watcher: &BareJid, user: &BareJid) -> Result<(bool, String), Problem> {
    if watcher == user {
        return Ok((true, format!("{watcher} is the user.")));
    }
    let store = &place.web.rooms.store;
    let may = presence::may_watch(store, watcher, user).await?;
    let item = store.roster_item(user, watcher).await?;
    let why = match (may, item) {
        (true, Some(item)) if item.subscription.to_contact() => {
            format!("{user} has approved that {watcher} sees them.")
        }
        (true, _) => "Both are in a shared group.".to_owned(),
        (false, Some(_)) => format!("{user} has {watcher} in the roster, and has not approved it."),
        (false, None) => format!("{user} has not approved it, and no shared group has both."),
    };
    Ok((may, why))
}

fn observed(observation: &Observation) -> ObservationShown {
    let source = match &observation.source {
        Source::Resource(resource) => format!("client {resource}"),
        Source::Line(line) => format!("line {line}"),
        Source::Publication(_) => "a phone's publication".to_owned(),
        Source::Choice => "choice".to_owned(),
        Source::Calendar => "calendar".to_owned(),
    };
    let says = match &observation.state {
        Observed::Client { show, status, priority } => {
            let status = status.as_ref().map(|status| format!(", “{status}”")).unwrap_or_default();
            format!("{show:?}, priority {priority}{status}")
        }
        other => format!("{other:?}"),
    };
    ObservationShown {
        source,
        says,
        since: observation.since.to_string(),
        until: observation.until.map(|until| until.to_string()),
    }
}
