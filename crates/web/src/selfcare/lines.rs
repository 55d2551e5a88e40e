//! What the person has set for a line of theirs: forwards, do not disturb, speed dials, as `carillon line set` has them.

use axum::Json;
use axum::extract::{Path, State};
use calls::command::Refusal;
use model::plan::{ByOrigin, ForwardTo, Forwards};
use model::{BareJid, DoNotDisturb, ForwardWhen, LineChange, LineId, LineSettings, Origin, SpeedDial};
use serde::{Deserialize, Serialize};

use super::me::Line;
use super::{Body, Refused};
use crate::bearer::Person;
use crate::limits::LINE_CHANGES_MAX;
use crate::routes::Place;

/// A line with what is set.
#[derive(Serialize)]
pub(crate) struct Shown {
    #[serde(flatten)]
    line: Line,
    /// As lists, for pages.
    forwards: Vec<Forward>,
    do_not_disturb: Option<DoNotDisturb>,
    speed_dials: Vec<Dial>,
    /// All of it, as the server keeps it.
    settings: LineSettings,
}

/// Where some calls of a line go.
#[derive(Serialize)]
struct Forward {
    when: ForwardWhen,
    /// Which calls; both kinds when it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    calls: Option<Origin>,
    target: String,
    /// How long it rings before, in seconds, where the person has said.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<u16>,
}

/// A number at a place.
#[derive(Serialize)]
struct Dial {
    place: u16,
    number: String,
    label: String,
}

fn forwards(all: &Forwards) -> Vec<Forward> {
    let of = |when, calls, to: &Option<ForwardTo>| {
        let after = all.no_answer_seconds.filter(|_| when == ForwardWhen::NoAnswer);
        to.as_ref().map(|to| Forward { when, calls, target: to.to.to_string(), after })
    };
    let by_origin = |when, by: &ByOrigin| match by.internal == by.external {
        true => [of(when, None, &by.internal), None],
        false => {
            [of(when, Some(Origin::Internal), &by.internal), of(when, Some(Origin::External), &by.external)]
        }
    };
    let rest = [
        by_origin(ForwardWhen::Busy, &all.busy),
        by_origin(ForwardWhen::NoAnswer, &all.no_answer),
        by_origin(ForwardWhen::Unregistered, &all.unregistered),
    ];
    of(ForwardWhen::All, None, &all.all).into_iter().chain(rest.into_iter().flatten().flatten()).collect()
}

/// Changes, made one after the other; one alone need not be a list.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Changes {
    One(LineChange),
    Many(Vec<LineChange>),
}

/// The line of this name, if it is the person's. One of somebody else is as unknown as one that is not there.
pub(super) fn own(place: &Place, user: &BareJid, name: &str) -> Result<LineId, Refused> {
    let lines = place.web.rooms.calls.lines_of(user);
    let named = |line: &LineId| line.to_string() == name || line.number.as_str() == name;
    lines.into_iter().find(named).ok_or_else(|| Refused::not_found("You have no such line."))
}

/// `GET /lines/LINE`.
pub(crate) async fn show(
    State(place): State<Place>,
    person: Person,
    Path(name): Path<String>,
) -> Result<Json<Shown>, Refused> {
    let line = own(&place, &person.holder.user, &name)?;
    Ok(Json(shown(&place, &line)))
}

/// `PATCH /lines/LINE`: they hold from now on, and are kept when this is answered.
pub(crate) async fn change(
    State(place): State<Place>,
    person: Person,
    Path(name): Path<String>,
    Body(changes): Body<Changes>,
) -> Result<Json<Shown>, Refused> {
    let line = own(&place, &person.holder.user, &name)?;
    let changes = match changes {
        Changes::One(change) => vec![change],
        Changes::Many(changes) => changes,
    };
    if changes.len() > LINE_CHANGES_MAX {
        return Err(Refused::invalid(format!("More than {LINE_CHANGES_MAX} changes. Send them in parts.")));
    }
    for change in &changes {
        place.web.rooms.calls.set_line(&line, change).await.map_err(|refusal| match refusal {
            Refusal::Resources => Refused::later("The settings cannot be kept now. Try again."),
            refusal => Refused::invalid(format!("{refusal}. What stands before it is done.")),
        })?;
    }
    Ok(Json(shown(&place, &line)))
}

fn shown(place: &Place, line: &LineId) -> Shown {
    let settings = place.web.rooms.calls.line_settings(line);
    let dial = |(place, dial): (&u16, &SpeedDial)| Dial {
        place: *place,
        number: dial.number.to_string(),
        label: dial.label.clone(),
    };
    Shown {
        line: Line::new(place, line),
        forwards: forwards(&settings.forward),
        do_not_disturb: settings.do_not_disturb,
        speed_dials: settings.speed_dials.iter().map(dial).collect(),
        settings,
    }
}
