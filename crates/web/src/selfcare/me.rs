//! Who one is: name, lines, rights, and the servers that a browser needs for sound.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use im::Permitted;
use model::{BareJid, LineId};
use serde::Serialize;

use super::Refused;
use crate::bearer::Person;
use crate::routes::Place;

#[derive(Serialize)]
pub(crate) struct Me {
    jid: BareJid,
    name: String,
    domain: String,
    lines: Vec<Line>,
    rights: Rights,
    /// What is to be had here: `phone` (a phone in the browser), `calls`, `directory`, `applications`.
    features: Vec<&'static str>,
    /// As `RTCPeerConnection` takes them.
    ice_servers: Vec<IceServer>,
    /// When the token ends.
    expires: String,
}

#[derive(Serialize)]
pub(super) struct Line {
    /// What it is called in paths.
    line: String,
    number: String,
    uri: String,
    /// A phone of it is registered.
    registered: bool,
}

impl Line {
    pub(super) fn new(place: &Place, line: &LineId) -> Self {
        let web = &place.web;
        Self {
            line: line.to_string(),
            number: line.number.to_string(),
            uri: uri(place, line),
            registered: web.rooms.calls.is_registered(line),
        }
    }
}

/// The address of record of a line.
pub(super) fn uri(place: &Place, line: &LineId) -> String {
    format!("sip:{}@{}", line.number, place.web.rooms.im.domain())
}

#[derive(Serialize)]
struct Rights {
    administrator: bool,
    directory: bool,
    /// Control of calls with applications: `own` lines, `all`, or none.
    #[serde(skip_serializing_if = "Option::is_none")]
    applications: Option<&'static str>,
}

#[derive(Serialize)]
struct IceServer {
    urls: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<String>,
}

/// `GET /me`.
pub(crate) async fn show(State(place): State<Place>, person: Person) -> Result<Json<Me>, Refused> {
    let (web, user) = (&place.web, person.holder.user);
    let rooms = &web.rooms;
    let stored = rooms.store.user(&user).await?.ok_or_else(|| Refused::not_found("The account has gone."))?;
    let lines: Vec<Line> = rooms.calls.lines_of(&user).iter().map(|line| Line::new(&place, line)).collect();
    let may = async |who: &Permitted| {
        let groups = "The groups cannot be read. Try again.";
        rooms.im.permits(who, &user).await.map_err(|_| Refused::later(groups))
    };
    let cti = web.cti.policy();
    let applications = match (may(&cti.used_by).await?, may(&cti.all_lines).await?) {
        (false, _) => None,
        (true, false) => Some("own"),
        (true, true) => Some("all"),
    };
    let rights = Rights {
        administrator: may(&Permitted::Administrators).await?,
        directory: may(&rooms.im.directory_searched_by()).await?,
        applications,
    };
    let features = [
        ("phone", !lines.is_empty()),
        ("calls", !lines.is_empty()),
        ("directory", rights.directory),
        ("applications", applications.is_some()),
    ];
    let ice = rooms.im.services_for(&user).into_iter().map(|service| {
        let (username, credential) = service.credentials.unzip();
        IceServer { urls: service.url, username, credential }
    });
    Ok(Json(Me {
        jid: user.clone(),
        name: stored.name,
        domain: rooms.im.domain().to_owned(),
        lines,
        rights,
        features: features.into_iter().filter(|(_, there)| *there).map(|(name, _)| name).collect(),
        ice_servers: ice.collect(),
        expires: person.holder.expires_at.to_string(),
    }))
}

/// `DELETE /token`: the person signs out; what the token was good for ends with it.
pub(crate) async fn end_token(State(place): State<Place>, person: Person) -> StatusCode {
    place.web.rooms.im.end_token(&person.token);
    place.web.rooms.calls.take_back_phone(&person.holder.id);
    StatusCode::NO_CONTENT
}
