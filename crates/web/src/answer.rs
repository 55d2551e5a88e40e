//! Answers: rendered templates, short messages, redirections.

use askama::Template;
use axum::http::header::{self, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

#[derive(Template)]
#[template(path = "message.html")]
struct Message<'a> {
    title: &'a str,
    text: &'a str,
}

/// A page from a template.
pub(crate) fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(text) => {
            let kind = HeaderValue::from_static("text/html; charset=utf-8");
            (status, [(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(cause) => {
            tracing::error!(%cause, "page cannot be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A page with one message.
pub(crate) fn message(status: StatusCode, title: &str, text: &str) -> Response {
    page(status, &Message { title, text })
}

/// A message as the reader wants it: a page for browsers, one line for programs.
pub(crate) fn message_for(headers: &HeaderMap, status: StatusCode, title: &str, text: &str) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accept.contains("text/html") {
        return message(status, title, text);
    }
    (status, format!("{title}. {text}\n")).into_response()
}

/// A problem as programs read it (RFC 9457 §3).
pub(crate) fn problem(status: StatusCode, title: &str, detail: &str) -> Response {
    let text = serde_json::json!({ "title": title, "status": status.as_u16(), "detail": detail }).to_string();
    let kind = HeaderValue::from_static("application/problem+json");
    (status, [(header::CONTENT_TYPE, kind)], text).into_response()
}

/// Sends the browser on to another page (RFC 9110 §15.4.4), with a cookie when there is one to set.
pub(crate) fn see_other(path: &'static str, cookie: Option<String>) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, HeaderValue::from_static(path));
    if let Some(cookie) = cookie.and_then(|cookie| HeaderValue::try_from(cookie).ok()) {
        headers.insert(header::SET_COOKIE, cookie);
    }
    response
}
