//! Files of users (XEP-0363): filled slots come in by PUT, and everybody who has the address gets the file.
//!
//! What users upload is never trusted: only a short list of types is shown by browsers, everything else is saved; and
//! nothing here knows of cookies.

mod download;
mod kind;
mod range;
mod receive;
mod thumbnail;
pub(crate) mod upkeep;

use std::collections::BTreeSet;

use axum::Router;
use axum::extract::Request;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use parking_lot::Mutex;
use store::UploadId;
use tokio::sync::Semaphore;

use crate::limits::UPLOADS_AT_ONCE_MAX;
use crate::routes::Place;

/// What browsers are told of every answer: run nothing, load nothing, guess nothing, tell nobody. Pages of other
/// origins may show what they have the address of, which is what a chat client in a browser does.
const HEADERS: &[(&str, &str)] = &[
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'; sandbox"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "cross-origin"),
    // No `Access-Control-Allow-Credentials`: browsers send neither cookies nor certificates here.
    ("access-control-allow-origin", "*"),
    (
        "access-control-expose-headers",
        "Accept-Ranges, Content-Disposition, Content-Length, Content-Range, ETag, Retry-After",
    ),
];
/// What pages of other origins may do here (Fetch §3.2.3).
const PREFLIGHT: &[(&str, &str)] = &[
    ("access-control-allow-methods", "GET, HEAD, PUT, OPTIONS"),
    ("access-control-allow-headers", "Authorization, Content-Type, If-Range, Range"),
    ("access-control-max-age", "7200"),
];

/// What is going on now.
pub(crate) struct Uploads {
    /// Slots that are being filled.
    filling: Mutex<BTreeSet<UploadId>>,
    places: Semaphore,
    makers: thumbnail::Makers,
}

impl Default for Uploads {
    fn default() -> Self {
        Self {
            filling: Mutex::default(),
            places: Semaphore::new(UPLOADS_AT_ONCE_MAX),
            makers: thumbnail::Makers::default(),
        }
    }
}

/// The right to fill a slot, given to one at a time.
struct Filling<'a> {
    uploads: &'a Uploads,
    id: UploadId,
}

impl Uploads {
    fn fill(&self, id: &UploadId) -> Option<Filling<'_>> {
        let is_first = self.filling.lock().insert(id.clone());
        is_first.then(|| Filling { uploads: self, id: id.clone() })
    }
}

impl Drop for Filling<'_> {
    fn drop(&mut self) {
        self.uploads.filling.lock().remove(&self.id);
    }
}

/// The paths of files. They come without the layers of the pages, whose limits and cookies are not theirs.
pub(crate) fn router() -> Router<Place> {
    let file = get(download::get).put(receive::put).options(preflight);
    Router::new().route("/upload/{id}/{name}", file).layer(from_fn(protect))
}

async fn preflight() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    set(response.headers_mut(), PREFLIGHT);
    response
}

async fn protect(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    set(headers, HEADERS);
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn set(headers: &mut HeaderMap, fields: &'static [(&'static str, &'static str)]) {
    for (name, value) in fields {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
}

/// Why a file is neither taken nor given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Refusal {
    /// The client's: no such file, or not under this name.
    #[error("There is no such file.")]
    NotFound,
    /// Its time is over.
    #[error("The time of this file is over.")]
    Gone,
    /// The client's: it does not know what the slot was given with.
    #[error("This needs the Authorization that came with the slot.")]
    Forbidden,
    /// The client's: a file is never overwritten.
    #[error("This file is there already, or comes in just now.")]
    Conflict,
    /// The client's: XEP-0363 §6 wants it.
    #[error("This needs a Content-Length.")]
    LengthRequired,
    /// The client's.
    #[error("This is larger than the slot.")]
    TooLarge,
    /// The client's.
    #[error("This is smaller than the slot.")]
    TooSmall,
    /// The client's.
    #[error("This is of another type than the slot.")]
    WrongType,
    /// The client's, or the uploader's.
    #[error("No picture can be made of this.")]
    NoPicture,
    /// The uploader's: it would take too much memory or time.
    #[error("This picture is too large to be made small.")]
    PictureTooLarge,
    /// The client's: nothing more came.
    #[error("This came too slowly.")]
    TooSlow,
    /// The client's: a condition of the request does not hold (RFC 9110 §13.1).
    #[error("This file is another one.")]
    ConditionFailed,
    /// The load's.
    #[error("Too many files come in just now.")]
    Busy,
    /// The disk's.
    #[error("There is no room for this file.")]
    NoRoom,
    /// Ours.
    #[error("This does not work just now.")]
    Failed,
}

impl Refusal {
    fn status(self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Gone => StatusCode::GONE,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::Conflict => StatusCode::CONFLICT,
            Self::LengthRequired => StatusCode::LENGTH_REQUIRED,
            Self::TooLarge | Self::PictureTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSmall => StatusCode::BAD_REQUEST,
            Self::WrongType | Self::NoPicture => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::ConditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::Busy | Self::Failed => StatusCode::SERVICE_UNAVAILABLE,
            Self::NoRoom => StatusCode::INSUFFICIENT_STORAGE,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = self.status();
        metrics::counter!("carillon_upload_refused_total", "status" => status.as_str().to_owned())
            .increment(1);
        let mut response = (status, format!("{self}\n")).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
        }
        response
    }
}

/// Logs what the storage said; nobody else is told.
fn storage_failed(error: &store::Error) -> Refusal {
    tracing::error!(%error, "an upload cannot be looked up or kept");
    Refusal::Failed
}
