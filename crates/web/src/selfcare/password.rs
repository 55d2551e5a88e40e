//! Another password, for whoever knows the old one.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use im::{PasswordNotSet, PasswordRefused};
use serde::Deserialize;

use super::{Body, Refused};
use crate::bearer::Person;
use crate::routes::Place;

/// Both passwords. Shows itself to nobody.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Passwords {
    old: String,
    new: String,
}

/// `PUT /password`: all tokens end with the old one, this one too. Guesses are counted like failed sign-ins.
pub(crate) async fn set(
    State(place): State<Place>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    person: Person,
    Body(passwords): Body<Passwords>,
) -> Result<StatusCode, Refused> {
    let (im, user) = (&place.web.rooms.im, &person.holder.user);
    im.check_password(peer.ip(), user.as_str(), &passwords.old).await.map_err(|refused| match refused {
        PasswordRefused::Wrong => {
            Refused(StatusCode::FORBIDDEN, "Not the password", "The old password is wrong.".to_owned())
        }
        PasswordRefused::Later => Refused::later("Too many were wrong before, or the storage is away."),
    })?;
    im.set_own_password(user, passwords.new).await.map_err(|refused| match refused {
        PasswordNotSet::Unacceptable(why) => Refused::invalid(format!("{why}.")),
        PasswordNotSet::Later => Refused::later("The password cannot be changed now. Try again."),
    })?;
    Ok(StatusCode::NO_CONTENT)
}
