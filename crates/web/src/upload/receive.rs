//! PUT: a slot is filled once, with what was announced, and is acknowledged when the file is durable (XEP-0363 §6).

use std::io;

use axum::body::{Body, BodyDataStream};
use axum::extract::{Path, Request, State};
use axum::http::header;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use store::{Incoming, Upload, UploadId};
use subtle::ConstantTimeEq;

use super::{Refusal, storage_failed};
use crate::Web;
use crate::limits::{TRANSFER_PAUSE_MAX, TRANSFER_TIME_MAX};
use crate::routes::Place;

/// Takes a file.
pub(crate) async fn put(
    State(place): State<Place>,
    Path((id, name)): Path<(String, String)>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    match receive(&place.web, &id, &name, &parts.headers, body).await {
        Ok(size) => {
            metrics::counter!("carillon_upload_stored_total").increment(1);
            metrics::counter!("carillon_upload_stored_bytes_total").increment(size);
            StatusCode::CREATED.into_response()
        }
        Err(refusal) => refusal.into_response(),
    }
}

async fn receive(web: &Web, id: &str, name: &str, headers: &HeaderMap, body: Body) -> Result<u64, Refusal> {
    let id: UploadId = id.parse().map_err(|_| Refusal::NotFound)?;
    let store = &web.rooms.store;
    // Held to the end: what one client fills no other overwrites.
    let _filling = web.uploads.fill(&id).ok_or(Refusal::Conflict)?;
    let slot = store.upload(&id).await.map_err(|error| storage_failed(&error))?;
    let slot = slot.filter(|slot| slot.name == name).ok_or(Refusal::NotFound)?;
    let now = web.runtime.timestamp();
    check(&slot, headers, now)?;
    let _place = web.uploads.places.try_acquire().map_err(|_| Refusal::Busy)?;
    // A line that is slow has its time, though the slot itself is short-lived.
    let until = now.plus(2 * TRANSFER_TIME_MAX);
    store.upload_begun(&id, now, until).await.map_err(|error| storage_failed(&error))?;
    let incoming = web.rooms.files.create(&id).await.map_err(|error| disk_failed(&error))?;
    let transfer = transfer(web, body.into_data_stream(), incoming, slot.size);
    let incoming =
        tokio::time::timeout(TRANSFER_TIME_MAX, transfer).await.map_err(|_| Refusal::TooSlow)??;
    incoming.keep().await.map_err(|error| disk_failed(&error))?;
    let stored = store.upload_stored(&id, web.runtime.timestamp()).await;
    if stored.map_err(|error| storage_failed(&error))? {
        return Ok(slot.size);
    }
    // The user was removed meanwhile: nothing of theirs is to stay.
    if let Err(error) = web.rooms.files.remove(vec![id]).await {
        tracing::warn!(%error, "a file that nobody may have was not removed yet");
    }
    Err(Refusal::Gone)
}

/// Everything that is known before the first byte of the file.
fn check(slot: &Upload, headers: &HeaderMap, now: model::Timestamp) -> Result<(), Refusal> {
    if slot.stored.is_some() {
        return Err(Refusal::Conflict);
    }
    if slot.is_expired(now) {
        return Err(Refusal::Gone);
    }
    let text = |name| headers.get(name).and_then(|value: &header::HeaderValue| value.to_str().ok());
    let given = text(header::AUTHORIZATION).and_then(|value| value.split_once(' '));
    let token =
        given.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
    let is_right = |token: &str| bool::from(token.as_bytes().ct_eq(slot.token.as_bytes()));
    if slot.token.is_empty() || !token.is_some_and(is_right) {
        return Err(Refusal::Forbidden);
    }
    let length = text(header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    match length.ok_or(Refusal::LengthRequired)?.cmp(&slot.size) {
        std::cmp::Ordering::Less => return Err(Refusal::TooSmall),
        std::cmp::Ordering::Greater => return Err(Refusal::TooLarge),
        std::cmp::Ordering::Equal => {}
    }
    // COMPAT: browsers add a charset to the type that was asked for; only type and subtype count.
    let essence = |text: &str| text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let announced = essence(&slot.content_type);
    match text(header::CONTENT_TYPE) {
        Some(type_) if !announced.is_empty() && essence(type_) != announced => Err(Refusal::WrongType),
        _ => Ok(()),
    }
}

async fn transfer(
    web: &Web,
    mut body: BodyDataStream,
    mut incoming: Incoming,
    size: u64,
) -> Result<Incoming, Refusal> {
    let _active = Active::new();
    let mut received = 0_u64;
    loop {
        let chunk = tokio::select! {
            biased;
            () = web.runtime.stopping() => return Err(Refusal::Failed),
            chunk = tokio::time::timeout(TRANSFER_PAUSE_MAX, body.next()) => chunk,
        };
        match chunk.map_err(|_| Refusal::TooSlow)? {
            Some(Ok(bytes)) => {
                received += bytes.len() as u64;
                if received > size {
                    return Err(Refusal::TooLarge);
                }
                incoming.write(bytes).await.map_err(|error| disk_failed(&error))?;
            }
            None if received == size => return Ok(incoming),
            // It ended early, or the connection broke.
            None | Some(Err(_)) => return Err(Refusal::TooSmall),
        }
    }
}

/// One more transfer, as long as this lives.
struct Active;

impl Active {
    fn new() -> Self {
        metrics::gauge!("carillon_upload_active").increment(1.0);
        Self
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        metrics::gauge!("carillon_upload_active").decrement(1.0);
    }
}

fn disk_failed(error: &io::Error) -> Refusal {
    tracing::error!(%error, "an uploaded file cannot be written");
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Refusal::NoRoom,
        _ => Refusal::Failed,
    }
}
