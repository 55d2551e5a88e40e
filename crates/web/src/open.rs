//! What pages of any origin may use (Cross-Origin Resource Sharing): no cookie opens any of it.

use axum::http::StatusCode;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, CACHE_CONTROL, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse, Response};

/// How long a browser remembers what it may do, in seconds.
const MEMORY_SECONDS: HeaderValue = HeaderValue::from_static("7200");

/// An answer that every page may read.
pub(crate) fn to_all(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let fields: [(HeaderName, &'static str); 3] = [
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in fields {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The answer to a browser that asks before it sends.
pub(crate) fn preflight(methods: &'static str) -> Response {
    let fields = [
        (ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods)),
        (ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type")),
        (ACCESS_CONTROL_MAX_AGE, MEMORY_SECONDS),
    ];
    to_all((StatusCode::NO_CONTENT, fields).into_response())
}
