//! What a call would do, before it is made.

use axum::Json;
use axum::extract::State;
use calls::DialShown;
use serde::Deserialize;

use super::lines::own;
use super::{Fields, Refused};
use crate::bearer::Person;
use crate::limits::DIAL_BYTES_MAX;
use crate::routes::Place;

/// What would be dialled.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    to: String,
    /// On which line; the person's first when none is named.
    line: Option<String>,
}

/// `GET /dial`.
pub(crate) async fn show(
    State(place): State<Place>,
    person: Person,
    Fields(wanted): Fields<Wanted>,
) -> Result<Json<DialShown>, Refused> {
    let (calls, to) = (&place.web.rooms.calls, wanted.to.trim());
    if to.is_empty() || to.len() > DIAL_BYTES_MAX {
        return Err(Refused::invalid("Say what would be dialled: a number, a name, or an address."));
    }
    let line = match &wanted.line {
        Some(named) => own(&place, &person.holder.user, named)?,
        None => {
            let first = calls.lines_of(&person.holder.user).into_iter().next();
            first.ok_or_else(|| Refused::not_found("You have no line to call from."))?
        }
    };
    Ok(Json(calls.dial_shown(&line, to)))
}
