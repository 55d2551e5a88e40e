//! Where this domain's other ways in are (XEP-0156 §4, RFC 6415), for clients that cannot ask the DNS.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{HeaderValue, Request as HttpRequest};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::routes::Place;
use crate::{Door, open};

const BOSH: &str = "urn:xmpp:alt-connections:xbosh";
const WEBSOCKET: &str = "urn:xmpp:alt-connections:websocket";
/// The longest host that is repeated, in bytes: a domain name (RFC 1035 §2.3.4) and a port.
const HOST_BYTES_MAX: usize = 261;

#[derive(Serialize)]
struct HostMeta {
    links: [Link; 2],
}

#[derive(Serialize)]
struct Link {
    rel: &'static str,
    href: String,
}

/// The XML form, which every client of host-meta knows (RFC 6415 §3).
pub(crate) async fn xml(State(place): State<Place>, request: Request) -> Response {
    let links = links(&place, &request);
    let links: String =
        links.iter().map(|link| format!("<Link rel=\"{}\" href=\"{}\"/>", link.rel, link.href)).collect();
    let text = format!(
        "<?xml version='1.0' encoding='utf-8'?>\n<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>{links}</XRD>\n"
    );
    open::to_all((([(CONTENT_TYPE, HeaderValue::from_static("application/xrd+xml"))]), text).into_response())
}

/// The JSON form (RFC 6415 appendix A).
pub(crate) async fn json(State(place): State<Place>, request: Request) -> Response {
    open::to_all(Json(HostMeta { links: links(&place, &request) }).into_response())
}

/// The answer to a browser that asks first.
pub(crate) async fn preflight() -> Response {
    open::preflight("GET, OPTIONS")
}

/// The addresses by which this very request came in: they work for whoever asks.
fn links<B>(place: &Place, request: &HttpRequest<B>) -> [Link; 2] {
    let asked = request
        .uri()
        .authority()
        .map(|authority| authority.as_str())
        .or_else(|| request.headers().get(HOST).and_then(|host| host.to_str().ok()))
        .filter(|host| is_host(host));
    let port = match place.door {
        Door::Https(port) | Door::Http(port) => port,
        Door::Metrics => 0,
    };
    let host = asked.map_or_else(|| format!("{}:{port}", place.web.config.domain), str::to_owned);
    // A proxy on this machine, which has TLS of its own, says so.
    let forwarded = request.headers().get("x-forwarded-proto").is_some_and(|scheme| scheme == "https");
    let (http, ws) = match place.door {
        Door::Http(_) if !forwarded => ("http", "ws"),
        _ => ("https", "wss"),
    };
    [
        Link { rel: BOSH, href: format!("{http}://{host}/bosh") },
        Link { rel: WEBSOCKET, href: format!("{ws}://{host}/ws") },
    ]
}

/// Only what a host and a port consist of is repeated.
fn is_host(host: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']');
    !host.is_empty() && host.len() <= HOST_BYTES_MAX && host.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hosts_are_repeated() {
        for host in ["localhost:8080", "chat.example.org", "[::1]:8443", "192.0.2.1"] {
            assert!(is_host(host), "{host}");
        }
        for text in ["", "a\"b", "a/b", "a b", "a'><b"] {
            assert!(!is_host(text), "{text}");
        }
    }
}
