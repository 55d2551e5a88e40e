//! The clients that sign in by themselves (XEP-0484): seen, and signed out.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use store::SignInToken;

use super::Refused;
use crate::bearer::Person;
use crate::routes::Place;

/// A client that holds a token.
#[derive(Serialize)]
pub(crate) struct Client {
    client: String,
    software: String,
    device: String,
    issued: String,
    expires: String,
    /// Within a day; none when it waits for its first use.
    #[serde(skip_serializing_if = "Option::is_none")]
    used: Option<String>,
}

impl From<SignInToken> for Client {
    fn from(token: SignInToken) -> Self {
        Self {
            client: token.client,
            software: token.software,
            device: token.device,
            issued: token.issued_at.to_string(),
            expires: token.expires_at.to_string(),
            used: token.used_at.map(|at| at.to_string()),
        }
    }
}

/// `GET /sign-ins`: a client that has its next token already is there once.
pub(crate) async fn list(State(place): State<Place>, person: Person) -> Result<Json<Vec<Client>>, Refused> {
    let mut clients: Vec<Client> = Vec::new();
    for token in place.web.rooms.store.sign_in_tokens_of(&person.holder.user).await? {
        match clients.iter_mut().find(|known| known.client == token.client) {
            Some(known) if token.in_use => *known = token.into(),
            Some(_) => {}
            None => clients.push(token.into()),
        }
    }
    Ok(Json(clients))
}

/// `DELETE /sign-ins/CLIENT`: it must show the password again; its session goes on.
pub(crate) async fn revoke(
    State(place): State<Place>,
    person: Person,
    Path(client): Path<String>,
) -> Result<StatusCode, Refused> {
    match place.web.rooms.store.sign_in_tokens_revoke(&person.holder.user, Some(&client)).await? {
        0 => Err(Refused::not_found("No client of that name signs in by itself.")),
        _ => Ok(StatusCode::NO_CONTENT),
    }
}

/// `DELETE /sign-ins`: all of them.
pub(crate) async fn revoke_all(State(place): State<Place>, person: Person) -> Result<StatusCode, Refused> {
    place.web.rooms.store.sign_in_tokens_revoke(&person.holder.user, None).await?;
    Ok(StatusCode::NO_CONTENT)
}
