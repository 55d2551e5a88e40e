//! One search over users, numbers, devices, rooms and trunks: a few of each.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use operations::role::Right;
use operations::{DeviceShown, LineShown, Request, UserShown};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};

use super::caller::Caller;
use super::given::Asked;
use super::problem::{Problem, Refusals};
use super::trunks::Trunk;
use crate::limits::ADMIN_HITS_OF_A_KIND_MAX;
use crate::routes::Place;

#[derive(OpenApi)]
#[openapi(paths(search))]
struct Document;

pub(super) fn noun() -> super::Noun {
    (Router::new().route("/api/v1/admin/search", get(search)), Document::openapi())
}

/// What is searched for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Sought {
    /// The text; case does not count.
    q: String,
}

/// Something that was found.
#[derive(Serialize, ToSchema)]
struct Hit {
    /// `user`, `line`, `device`, `room` or `trunk`.
    kind: &'static str,
    /// What it is called in the path of its kind.
    id: String,
    /// What people call it.
    title: String,
}

/// What was found.
#[derive(Serialize, ToSchema)]
struct Hits {
    items: Vec<Hit>,
}

impl Hits {
    /// Adds those of a kind that say the words.
    fn add(&mut self, kind: &'static str, all: impl Iterator<Item = (String, String)>, words: &str) {
        let found = all
            .filter(|(id, title)| id.to_lowercase().contains(words) || title.to_lowercase().contains(words));
        self.items.extend(found.take(ADMIN_HITS_OF_A_KIND_MAX).map(|(id, title)| Hit { kind, id, title }));
    }
}

/// Searches users, lines, devices, rooms and trunks that the caller may see
#[utoipa::path(get, path = "/api/v1/admin/search", tag = "search", params(Sought),
    responses((status = 200, body = Hits), Refusals))]
async fn search(
    caller: Caller,
    State(place): State<Place>,
    Asked(sought): Asked<Sought>,
) -> Result<Json<Hits>, Problem> {
    let (words, mut hits) = (sought.q.trim().to_lowercase(), Hits { items: Vec::new() });
    if words.is_empty() {
        return Ok(Json(hits));
    }
    if caller.needs(Right::UsersRead).is_ok() {
        let users: Vec<UserShown> = caller.perform(Request::UserList).await?;
        hits.add("user", users.into_iter().map(|user| (user.jid.to_string(), user.name)), &words);
    }
    if caller.needs(Right::LinesRead).is_ok() {
        let lines: Vec<LineShown> = caller.perform(Request::LineList).await?;
        let named = lines.into_iter().map(|line| {
            let id = super::line_name(&line);
            let owner = line.owner.map(|owner| format!(" ({owner})")).unwrap_or_default();
            (id.clone(), format!("{id}{owner}"))
        });
        hits.add("line", named, &words);
    }
    if caller.needs(Right::DevicesRead).is_ok() {
        let devices: Vec<DeviceShown> = caller.perform(Request::DeviceList).await?;
        let named = devices.into_iter().map(|device| {
            let title = format!("{} {}", device.name, device.lines.join(", "));
            (device.name, title.trim().to_owned())
        });
        hits.add("device", named, &words);
    }
    if caller.needs(Right::RoomsRead).is_ok() {
        let rooms = place.web.rooms.store.rooms().await?;
        hits.add("room", rooms.iter().map(|room| (room.jid.to_string(), room.jid.to_string())), &words);
    }
    // Without a running node there are no trunks to be found.
    if caller.needs(Right::TrunksRead).is_ok()
        && let Ok(trunks) = caller.perform::<Vec<Trunk>>(Request::TrunkList).await
    {
        hits.add("trunk", trunks.into_iter().map(|trunk| (trunk.name.clone(), trunk.name)), &words);
    }
    Ok(Json(hits))
}
