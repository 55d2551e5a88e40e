//! The pages for browsers, as they were built from `ui/`: the client at `/`, the console at `/admin/`.

use axum::extract::State;
use axum::http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    HeaderName, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rust_embed::RustEmbed;

use crate::answer;
use crate::routes::{self, Place};

/// What was built. A program with debug assertions reads the files when they are asked for.
#[derive(RustEmbed)]
#[folder = "../../ui/dist"]
#[allow_missing = true]
struct Built;

/// The client's page, which also answers for the paths that only the client knows.
const CLIENT: &str = "index.html";
/// The console's page, likewise.
const CONSOLE: &str = "admin/index.html";
/// Paths that are never the client's: whoever asks for something unknown there is told so.
const NOT_THE_CLIENTS: [&str; 9] =
    ["/api", "/ws", "/bosh", "/upload", "/cti", "/sip", "/.well-known", "/healthz", "/metrics"];
/// What the pages may do: only what this node serves, no inline script, and text becomes markup nowhere.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; \
     connect-src 'self'; font-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types carillon",
);
/// Files with a hash in their names never change.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// All others are asked for again each time, and not sent again when they are the same.
const EACH_TIME: HeaderValue = HeaderValue::from_static("no-cache");

/// Answers what no other path does.
pub(crate) async fn page(
    State(place): State<Place>,
    uri: Uri,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let path = uri.path();
    if !matches!(method, Method::GET | Method::HEAD) {
        return routes::not_found(State(place), headers).await;
    }
    let name = path.trim_start_matches('/');
    if !name.is_empty()
        && !name.ends_with('/')
        && let Some(found) = file(name, &headers)
    {
        return found;
    }
    if path == "/admin" {
        return answer::see_other("/admin/", None);
    }
    let accepted = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let wants_page = matches!(path, "/" | "/admin/") || accepted.contains("text/html");
    let is_ours = !NOT_THE_CLIENTS
        .iter()
        .any(|other| path.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
    if wants_page && is_ours {
        let whole = if path.starts_with("/admin/") { CONSOLE } else { CLIENT };
        if let Some(found) = file(whole, &headers) {
            return found;
        }
        if path == "/" || path == "/admin/" {
            // Built without pages: there is still the status page.
            return answer::see_other("/status", None);
        }
    }
    routes::not_found(State(place), headers).await
}

/// A file, in the encoding that is best for whoever asks.
fn file(name: &str, headers: &HeaderMap) -> Option<Response> {
    let (encoding, found) = encoded(name, headers)?;
    let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&found.metadata.sha256_hash()[..12]));
    let mut fields: Vec<(HeaderName, HeaderValue)> = vec![
        (CONTENT_TYPE, HeaderValue::from_static(kind(name))),
        (CACHE_CONTROL, if name.starts_with("assets/") { FOREVER } else { EACH_TIME }),
        (CONTENT_SECURITY_POLICY, POLICY),
        (VARY, HeaderValue::from_static("accept-encoding")),
    ];
    if let Some(encoding) = encoding {
        fields.push((CONTENT_ENCODING, HeaderValue::from_static(encoding)));
    }
    let is_known = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let is_known = is_known.is_some_and(|tags| tags.split(',').any(|known| known.trim() == tag));
    fields.extend(HeaderValue::try_from(tag).map(|tag| (ETAG, tag)));
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        axum::body::Body::from(found.data.into_owned()).into_response()
    };
    for (name, value) in fields {
        response.headers_mut().insert(name, value);
    }
    Some(response)
}

/// The file as it was compressed when it was built, where there is such a one and the browser takes it.
fn encoded(name: &str, headers: &HeaderMap) -> Option<(Option<&'static str>, rust_embed::EmbeddedFile)> {
    let taken = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    for (encoding, suffix) in [("br", "br"), ("gzip", "gz")] {
        let is_taken = taken.split(',').any(|one| {
            let mut parts = one.split(';').map(str::trim);
            parts.next() == Some(encoding) && !parts.any(|weight| weight == "q=0" || weight == "q=0.0")
        });
        if let Some(found) = is_taken.then(|| Built::get(&format!("{name}.{suffix}"))).flatten() {
            return Some((Some(encoding), found));
        }
    }
    Built::get(name).map(|found| (None, found))
}

/// The media type of a file, by how its name ends.
fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "mp3" => "audio/mpeg",
        "ogg" | "opus" => "audio/ogg",
        "wav" => "audio/wav",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
