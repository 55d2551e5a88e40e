//! What comes with a request: its body, its query, the names in its path. What is not right is told field by field.

use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// A body in JSON.
pub(crate) struct Given<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Given<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if !(kind == "application/json" || kind.ends_with("+json")) {
            let detail = "The body must be JSON, with Content-Type: application/json.";
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "not-json",
                "The body is not JSON",
                detail,
            ));
        }
        let body = Bytes::from_request(request, state).await.map_err(too_long)?;
        read(&body).map(Self)
    }
}

/// A body in JSON, or none at all.
pub(crate) struct MayBeGiven<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for MayBeGiven<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let body = Bytes::from_request(request, state).await.map_err(too_long)?;
        if body.is_empty() { Ok(Self(T::default())) } else { read(&body).map(Self) }
    }
}

fn too_long(rejection: BytesRejection) -> Problem {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-long",
            "The body is too long",
            rejection.body_text(),
        ),
        _ => Problem::unreadable(rejection.body_text()),
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        match inner.classify() {
            serde_json::error::Category::Data => {
                Problem::field(if path == "." { "" } else { &path }, inner.to_string())
            }
            _ => Problem::unreadable(inner.to_string()),
        }
    })?;
    reader.end().map_err(|error| Problem::unreadable(error.to_string()))?;
    Ok(value)
}

/// A query.
pub(crate) struct Asked<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        query.map(|Query(asked)| Self(asked)).map_err(|rejection| Problem::unreadable(rejection.body_text()))
    }
}

/// The name in a path. What is no name at all names nothing.
pub(crate) struct Named<T>(pub(crate) T);

impl<S: Send + Sync, T: FromStr + Send> FromRequestParts<S> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let name = Path::<String>::from_request_parts(parts, state).await;
        let Path(name) = name.map_err(|rejection| Problem::not_found(rejection.body_text()))?;
        let parsed = name.parse().map_err(|_| Problem::not_found(format!("{name:?} names nothing here.")))?;
        Ok(Self(parsed))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wish {
        number: u32,
    }

    #[test]
    fn a_field_that_is_not_right_is_named() {
        let problem = |body: &str| read::<Wish>(body.as_bytes()).unwrap_err().told();
        let wrong = problem(r#"{"number":"seven"}"#);
        assert_eq!((&wrong["status"], &wrong["errors"][0]["field"]), (&422.into(), &"number".into()));
        assert_eq!(problem(r#"{"number":7,"colour":1}"#)["errors"][0]["field"], "colour");
        assert_eq!(problem("{")["status"], 400);
        assert_eq!(read::<Wish>(br#"{"number":7}"#).ok().map(|wish| wish.number), Some(7));
        assert_eq!(problem(r#"{"number":7} {}"#)["status"], 400);
    }
}
