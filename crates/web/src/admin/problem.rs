//! What went wrong, as programs and people read it (RFC 9457): what, why, and what to do next.

use axum::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use operations::Failure;
use operations::exit::Exit;
use operations::role::Right;
use serde::Serialize;
use utoipa::ToSchema;

/// Fields of one request that are complained about.
const FIELDS_MAX: usize = 100;

/// Why a request was not carried out.
#[derive(Clone, Debug)]
pub(crate) struct Problem(Box<Told>);

/// The same as it is told.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Told {
    /// Which kind of problem it is: `urn:carillon:problem:…`, with the same word for the same kind.
    #[serde(rename = "type")]
    kind: String,
    /// The kind in words.
    title: String,
    /// The status of the answer.
    status: u16,
    /// What it is this time.
    detail: String,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    /// The right that is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    right: Option<String>,
    /// The fields that are not right.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldProblem>,
    /// After how many seconds another try may succeed.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_seconds: Option<u64>,
}

/// A field that is not right.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct FieldProblem {
    /// Where it is, such as `lines[0].number`; empty for the request as a whole.
    field: String,
    /// What is wrong with it.
    message: String,
}

/// The answers that any request may get.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "only the document is made from it")]
pub(crate) enum Refusals {
    /// The request cannot be read.
    #[response(status = 400, content_type = "application/problem+json")]
    Unreadable(Told),
    /// Nobody is signed in.
    #[response(status = 401, content_type = "application/problem+json")]
    NotSignedIn(Told),
    /// The role lacks the right that is named, or the request may come from another site.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(Told),
    /// What is named does not exist.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(Told),
    /// What is to be made exists already.
    #[response(status = 409, content_type = "application/problem+json")]
    Exists(Told),
    /// It is not as it was when it was read.
    #[response(status = 412, content_type = "application/problem+json")]
    Changed(Told),
    /// The body is too long.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLong(Told),
    /// The body is not JSON.
    #[response(status = 415, content_type = "application/problem+json")]
    NotJson(Told),
    /// What is given is not right.
    #[response(status = 422, content_type = "application/problem+json")]
    Invalid(Told),
    /// `If-Match` is missing.
    #[response(status = 428, content_type = "application/problem+json")]
    Unconditional(Told),
    /// Too many requests.
    #[response(status = 429, content_type = "application/problem+json")]
    TooMany(Told),
    /// The storage or the node cannot be used now.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Told),
}

impl Problem {
    /// A problem of a kind, in one word and in words.
    pub(crate) fn new(status: StatusCode, word: &str, title: &str, detail: impl Into<String>) -> Self {
        Self(Box::new(Told {
            kind: format!("urn:carillon:problem:{word}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            next: None,
            right: None,
            errors: Vec::new(),
            retry_seconds: None,
        }))
    }

    /// The request cannot be read.
    pub(crate) fn unreadable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "unreadable", "The request cannot be read", detail)
    }

    /// What is named does not exist.
    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "There is no such thing", detail)
    }

    /// What is given is not right.
    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "What is given is not right", detail)
    }

    /// One field of what is given is not right.
    pub(crate) fn field(field: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        let mut problem = Self::invalid(format!("{field}: {message}"));
        problem.0.errors.push(FieldProblem { field: field.to_owned(), message });
        problem
    }

    /// Nobody is signed in.
    pub(crate) fn not_signed_in() -> Self {
        let detail = "This needs a signed-in administrator or an API token.";
        Self::new(StatusCode::UNAUTHORIZED, "not-signed-in", "Nobody is signed in", detail)
            .next("Sign in by POST /api/v1/admin/session, or send Authorization: Bearer with a token.")
    }

    /// The role lacks a right.
    pub(crate) fn missing_right(right: Right) -> Self {
        let detail = format!("Your role does not have the right {}.", right.name());
        let mut problem =
            Self::new(StatusCode::FORBIDDEN, "missing-right", "Your role may not do this", detail)
                .next("Ask an administrator to do it, or to give you another role.");
        problem.0.right = Some(right.name().to_owned());
        problem
    }

    /// It must not be done this way.
    pub(crate) fn forbidden(word: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, word, "This is not allowed", detail)
    }

    /// Too many requests.
    pub(crate) fn too_many(seconds: u64, detail: impl Into<String>) -> Self {
        let seconds = seconds.max(1);
        let mut problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many", "Too many requests", detail)
            .next(format!("Try again in {seconds} seconds."));
        problem.0.retry_seconds = Some(seconds);
        problem
    }

    /// The node or its storage cannot be used now.
    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        let mut problem =
            Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "This cannot be done now", detail);
        problem.0.retry_seconds = Some(5);
        problem
    }

    /// As it is told.
    #[cfg(test)]
    pub(crate) fn told(&self) -> serde_json::Value {
        serde_json::to_value(&self.0).unwrap()
    }

    /// Says it in other words.
    #[must_use]
    pub(crate) fn detail(mut self, detail: &str) -> Self {
        detail.clone_into(&mut self.0.detail);
        self
    }

    /// Says what to do next.
    #[must_use]
    pub(crate) fn next(mut self, next: impl Into<String>) -> Self {
        self.0.next = Some(next.into());
        self
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let (status, word, title) = match failure.exit {
            Exit::NotFound => (StatusCode::NOT_FOUND, "not-found", "There is no such thing"),
            Exit::Exists => (StatusCode::CONFLICT, "exists", "It exists already"),
            Exit::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "This cannot be done now"),
            Exit::Done | Exit::Failed => {
                (StatusCode::INTERNAL_SERVER_ERROR, "failed", "It could not be done")
            }
            Exit::Usage | Exit::Configuration | Exit::Invalid | Exit::Findings => {
                (StatusCode::UNPROCESSABLE_ENTITY, "invalid", "What is given is not right")
            }
        };
        let mut problem = Self::new(status, word, title, failure.message);
        let rows = failure.rows.into_iter().take(FIELDS_MAX);
        problem.0.errors = rows
            .map(|row| FieldProblem { field: format!("line {}", row.line), message: row.message })
            .collect();
        problem
    }
}

impl From<store::Error> for Problem {
    fn from(error: store::Error) -> Self {
        Failure::from(error).into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.0.retry_seconds {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        let text = serde_json::to_string(&self.0).expect("a problem is a plain struct");
        (status, headers, text).into_response()
    }
}
