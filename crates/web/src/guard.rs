//! What holds for every request: where forms may come from, whose cookie it is, and what browsers are told.

use axum::extract::Request;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::admin::Problem;
use crate::answer;
use crate::routes::Place;
use crate::sessions::{Session, SignedIn};
use crate::{Door, Web};

/// Nothing but what this node itself serves: no inline script or style, no frames, no foreign anything.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// `same-origin` rather than `no-referrer`, which would make browsers hide the origin of our own forms.
const HEADERS: &[(&str, &str)] = &[
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// Refuses forms from other sites, and adds the headers that browsers obey.
pub(crate) async fn protect(request: Request, next: Next) -> Response {
    let mut response = if is_forged(request.method(), request.uri().authority(), request.headers()) {
        let (title, text) = ("This form came from another site", "Open this page directly and try again.");
        match request.uri().path().starts_with("/api/") {
            true => Problem::forbidden("cross-site", "The request comes from another site.").into_response(),
            false => answer::message(StatusCode::FORBIDDEN, title, text),
        }
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        // The pages that were built have a policy of their own.
        headers.entry(HeaderName::from_static(name)).or_insert(HeaderValue::from_static(value));
    }
    // Pages show who talks to whom: nothing of them is to be kept.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Did another site's page send this? Browsers say so, by `Sec-Fetch-Site` or `Origin`; other programs send
/// neither and have no cookies of ours that another site could use.
fn is_forged(method: &Method, authority: Option<&axum::http::uri::Authority>, headers: &HeaderMap) -> bool {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return false;
    }
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or("?"));
    if let Some(site) = text(HeaderName::from_static("sec-fetch-site")) {
        return !matches!(site, "same-origin" | "none");
    }
    // HTTP/2 has the host in the request's target (RFC 9113 §8.3.1).
    let host = authority.map(axum::http::uri::Authority::as_str).or(text(header::HOST));
    match text(header::ORIGIN) {
        Some(origin) => origin.split_once("://").map(|(_, host)| host) != host,
        None => false,
    }
}

impl Place {
    /// The name of the session cookie at this door. `__Host-` makes browsers insist on HTTPS, on this very host
    /// (RFC 6265bis §4.1.3.2); cookies are shared by all ports of a host, so the port is in the name.
    fn cookie_name(&self) -> String {
        match self.door {
            Door::Https(port) => format!("__Host-carillon-{port}"),
            Door::Http(port) => format!("carillon-{port}"),
            Door::Metrics => "carillon-none".to_owned(),
        }
    }

    /// The session of a request, with its cookie.
    pub(crate) fn session(&self, headers: &HeaderMap) -> Option<(String, Session)> {
        let name = self.cookie_name();
        let values = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
        let cookie = values
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value.to_owned())?;
        let session = self.web.sign_in.sessions.find(&cookie, self.web.runtime.now())?;
        Some((cookie, session))
    }

    /// Starts a session; gives the `Set-Cookie` value.
    pub(crate) fn start_session(&self, who: SignedIn) -> String {
        self.begin_session(who).0
    }

    /// Starts a session; gives the `Set-Cookie` value and the session.
    pub(crate) fn begin_session(&self, who: SignedIn) -> (String, Session) {
        let Web { runtime, sign_in, .. } = &*self.web;
        let (cookie, form_token) = (runtime.random_token(32), runtime.random_token(32));
        let header = self.set_cookie(&cookie, crate::limits::SESSION_TIME.as_secs());
        (header, sign_in.sessions.add(cookie, form_token, who, runtime.now()))
    }

    /// The `Set-Cookie` value that makes the browser forget its session.
    pub(crate) fn end_session(&self) -> String {
        self.set_cookie("", 0)
    }

    fn set_cookie(&self, value: &str, seconds: u64) -> String {
        let secure = if matches!(self.door, Door::Https(_)) { "; Secure" } else { "" };
        let name = self.cookie_name();
        format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forged(pairs: &[(&'static str, &'static str)]) -> bool {
        let headers = pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        is_forged(&Method::POST, None, &headers)
    }

    #[test]
    fn a_form_of_another_site_is_told_by_what_browsers_say() {
        assert!(!forged(&[("sec-fetch-site", "same-origin")]));
        assert!(forged(&[("sec-fetch-site", "cross-site")]));
        assert!(forged(&[("sec-fetch-site", "same-site")]));
        assert!(!forged(&[("host", "localhost:8080"), ("origin", "http://localhost:8080")]));
        assert!(forged(&[("host", "localhost:8080"), ("origin", "http://localhost:9999")]));
        assert!(forged(&[("host", "localhost:8080"), ("origin", "null")]));
        assert!(!forged(&[("host", "localhost:8080")]));
    }
}
