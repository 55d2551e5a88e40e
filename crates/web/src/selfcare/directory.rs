//! People with their addresses and numbers: the directory that chat searches (XEP-0055), with lines.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use im::SearchRefused;
use model::BareJid;
use serde::{Deserialize, Serialize};

use super::{Fields, Refused};
use crate::bearer::Person;
use crate::routes::Place;

/// Whom to look for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    q: String,
}

/// Those who were found: the first of them, and how many there are.
#[derive(Serialize)]
pub(crate) struct Found {
    people: Vec<Somebody>,
    count: usize,
}

#[derive(Serialize)]
struct Somebody {
    jid: BareJid,
    name: String,
    numbers: Vec<String>,
    groups: Vec<String>,
}

/// `GET /directory`.
pub(crate) async fn search(
    State(place): State<Place>,
    person: Person,
    Fields(wanted): Fields<Wanted>,
) -> Result<Json<Found>, Refused> {
    let rooms = &place.web.rooms;
    let found = rooms.im.look_for(&person.holder.user, &wanted.q).await;
    let (people, count) = found.map_err(|refused| match refused {
        SearchRefused::TooShort => Refused::invalid("Give at least two letters."),
        SearchRefused::NotAllowed => {
            let text = "The administrator does not let you search the directory.";
            Refused(StatusCode::FORBIDDEN, "Not allowed", text.to_owned())
        }
        SearchRefused::Storage => Refused::later("The directory cannot be read. Try again."),
    })?;
    let numbers =
        |user: &BareJid| rooms.calls.lines_of(user).iter().map(|line| line.number.to_string()).collect();
    let somebody = |found: im::PersonFound| Somebody {
        numbers: numbers(&found.jid),
        jid: found.jid,
        name: found.name,
        groups: found.groups,
    };
    Ok(Json(Found { people: people.into_iter().map(somebody).collect(), count }))
}
