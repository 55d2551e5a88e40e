//! What a person's own programs do for the person alone, `/api/v1/self/…` ([`Person`] says who): who they are, a phone for
//! this browser, their calls, lines, password and clients.

mod calls;
mod dial;
mod directory;
mod lines;
mod me;
mod password;
mod phone;
mod sign_ins;

use axum::Json;
use axum::Router;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, OptionalFromRequest, Query, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use serde::de::DeserializeOwned;

use crate::answer;
use crate::bearer::Person;
use crate::routes::Place;

/// All of it.
pub(crate) fn router() -> Router<Place> {
    let here = Router::new()
        .route("/me", get(me::show))
        .route("/token", delete(me::end_token))
        .route("/phone", post(phone::lend).delete(phone::take_back))
        .route("/calls", get(calls::list))
        .route("/calls/seen", post(calls::seen))
        .route("/lines/{line}", get(lines::show).patch(lines::change))
        .route("/dial", get(dial::show))
        .route("/directory", get(directory::search))
        .route("/password", put(password::set))
        .route("/sign-ins", get(sign_ins::list).delete(sign_ins::revoke_all))
        .route("/sign-ins/{client}", delete(sign_ins::revoke))
        .method_not_allowed_fallback(not_so);
    Router::new().nest("/api/v1/self", here)
}

/// Why a request was not carried out.
pub(crate) struct Refused(StatusCode, &'static str, String);

impl Refused {
    fn invalid(detail: impl Into<String>) -> Self {
        Self(StatusCode::UNPROCESSABLE_ENTITY, "Not right", detail.into())
    }

    fn not_found(detail: impl Into<String>) -> Self {
        Self(StatusCode::NOT_FOUND, "Not there", detail.into())
    }

    fn later(detail: impl Into<String>) -> Self {
        Self(StatusCode::SERVICE_UNAVAILABLE, "Not now", detail.into())
    }
}

impl From<store::Error> for Refused {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::NotFound(_) => Self::not_found(format!("{error}.")),
            _ => Self::later(format!("{error}. Try again.")),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        answer::problem(self.0, self.1, &self.2)
    }
}

/// The fields behind the path's `?`, refused as a problem.
struct Fields<T>(T);

impl<T: DeserializeOwned + Send> FromRequestParts<Place> for Fields<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, place: &Place) -> Result<Self, Refused> {
        let read: Result<Query<T>, QueryRejection> = Query::from_request_parts(parts, place).await;
        read.map(|Query(fields)| Self(fields))
            .map_err(|error| Refused(StatusCode::BAD_REQUEST, "Not readable", error.body_text()))
    }
}

/// A body of JSON, refused as a problem.
struct Body<T>(T);

impl<T: DeserializeOwned> FromRequest<Place> for Body<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, place: &Place) -> Result<Self, Refused> {
        let read: Result<Json<T>, JsonRejection> =
            <Json<T> as FromRequest<Place>>::from_request(request, place).await;
        read.map(|Json(body)| Self(body)).map_err(|error| {
            let status = match &error {
                JsonRejection::JsonDataError(_) => StatusCode::UNPROCESSABLE_ENTITY,
                JsonRejection::MissingJsonContentType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
                JsonRejection::BytesRejection(_) => StatusCode::PAYLOAD_TOO_LARGE,
                _ => StatusCode::BAD_REQUEST,
            };
            Refused(status, "Not readable", error.body_text())
        })
    }
}

impl<T: DeserializeOwned> OptionalFromRequest<Place> for Body<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, place: &Place) -> Result<Option<Self>, Refused> {
        if !request.headers().contains_key(CONTENT_TYPE) {
            return Ok(None);
        }
        <Self as FromRequest<Place>>::from_request(request, place).await.map(Some)
    }
}

async fn not_so(_: Person) -> Refused {
    Refused(StatusCode::METHOD_NOT_ALLOWED, "Not so", "The path is there, the method is not.".to_owned())
}
