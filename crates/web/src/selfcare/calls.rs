//! The person's calls: placed, received, missed (`PC-06`).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use operations::exit::Exit;
use operations::{Failure, HistoryShown, history_of};
use serde::Deserialize;

use super::{Fields, Refused};
use crate::bearer::Person;
use crate::limits::{HISTORY_PAGE, HISTORY_PAGE_MAX};
use crate::routes::Place;

/// Which calls.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// `placed`, `received` or `missed`; all when it is not said.
    kind: Option<String>,
    /// Behind this call, for the next page.
    behind: Option<String>,
    limit: Option<usize>,
}

/// `GET /calls`: the newest first.
pub(crate) async fn list(
    State(place): State<Place>,
    person: Person,
    Fields(wanted): Fields<Wanted>,
) -> Result<Json<HistoryShown>, Refused> {
    let max = wanted.limit.unwrap_or(HISTORY_PAGE).clamp(1, HISTORY_PAGE_MAX);
    let (kind, behind) = (wanted.kind.as_deref(), wanted.behind.as_deref());
    let store = &place.web.rooms.store;
    history_of(store, &person.holder.user, kind, behind, max).await.map(Json).map_err(refused)
}

/// `POST /calls/seen`: the person has looked; nothing is missed any more.
pub(crate) async fn seen(State(place): State<Place>, person: Person) -> Result<StatusCode, Refused> {
    let now = place.web.runtime.timestamp();
    place.web.rooms.store.call_history_mark_seen(&person.holder.user, now).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn refused(failure: Failure) -> Refused {
    match failure.exit {
        Exit::NotFound => Refused::not_found(failure.message),
        Exit::Invalid => Refused::invalid(failure.message),
        _ => Refused::later(failure.message),
    }
}
