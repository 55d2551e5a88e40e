//! Rooms that are kept: who owns them, and how they are set up.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use operations::role::Right;
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use super::caller::Caller;
use super::given::Asked;
use super::list::{Page, Wanted};
use super::problem::{Problem, Refusals};
use crate::routes::Place;

#[derive(OpenApi)]
#[openapi(paths(list))]
struct Document;

pub(super) fn noun() -> super::Noun {
    (Router::new().route("/api/v1/admin/rooms", get(list)), Document::openapi())
}

/// A room.
#[derive(Serialize, ToSchema)]
struct Room {
    /// Its address.
    jid: String,
    /// Who owns it.
    owners: Vec<String>,
    /// Who administrates it.
    admins: Vec<String>,
    /// How many are members.
    members: usize,
    /// How many may not come in.
    outcasts: usize,
    /// Nobody owns it.
    orphaned: bool,
}

fn shown(room: &store::Room) -> Room {
    let with = |wanted: &str| {
        let with = room.affiliations.iter().filter(|(_, affiliation)| *affiliation == wanted);
        with.map(|(jid, _)| jid.to_string()).collect::<Vec<String>>()
    };
    let owners = with("owner");
    Room {
        jid: room.jid.to_string(),
        orphaned: owners.is_empty(),
        owners,
        admins: with("admin"),
        members: with("member").len(),
        outcasts: with("outcast").len(),
    }
}

/// Rooms that outlive those who are in them
#[utoipa::path(get, path = "/api/v1/admin/rooms", tag = "rooms", params(Wanted),
    responses((status = 200, body = Page<Room>), Refusals))]
async fn list(
    caller: Caller,
    State(place): State<Place>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Json<Page<Room>>, Problem> {
    caller.needs(Right::RoomsRead)?;
    let rooms = place.web.rooms.store.rooms().await?;
    Ok(Json(wanted.page(rooms.iter().map(shown).collect(), |room| room.jid.clone())?))
}
