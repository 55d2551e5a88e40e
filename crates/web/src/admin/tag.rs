//! Optimistic concurrency (RFC 9110 §8.8.3, §13.1.1; RFC 6585 §3): what is changed is what was read.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::header::{ETAG, HeaderValue, IF_MATCH};
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use super::problem::Problem;

/// Bytes of a hash that make a tag.
const TAG_BYTES: usize = 12;

/// One thing with the tag of its state.
pub(crate) struct Tagged<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let tag = tag(&self.0);
        let mut response = Json(self.0).into_response();
        if let Ok(tag) = HeaderValue::try_from(tag) {
            response.headers_mut().insert(ETAG, tag);
        }
        response
    }
}

/// The tag of a state.
pub(crate) fn tag(state: &impl Serialize) -> String {
    let text = serde_json::to_vec(state).unwrap_or_default();
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &text);
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(&hash.as_ref()[..TAG_BYTES]))
}

/// The states that the sender of a request has seen.
pub(crate) struct IfMatch {
    tags: Option<String>,
    uri: Uri,
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let tags = parts.headers.get(IF_MATCH).map(|value| value.to_str().unwrap_or_default().to_owned());
        Ok(Self { tags, uri: parts.uri.clone() })
    }
}

impl IfMatch {
    /// Is this the state that the sender has seen?
    ///
    /// # Errors
    /// The sender does not say what they have seen, or it was something else.
    pub(crate) fn check(&self, current: &impl Serialize) -> Result<(), Problem> {
        let Some(tags) = &self.tags else {
            let detail = "A change must say by If-Match which state it was made from.";
            return Err(Problem::new(
                StatusCode::PRECONDITION_REQUIRED,
                "unconditional",
                "If-Match is missing",
                detail,
            )
            .next(format!("GET {}, and send its ETag as If-Match.", self.uri.path())));
        };
        let current = tag(current);
        // RFC 9110 §13.1.1: tags are compared strongly, and * is whatever there is.
        if tags.split(',').any(|tag| tag.trim() == "*" || tag.trim() == current) {
            return Ok(());
        }
        let detail = "Somebody changed it since you have read it.";
        Err(Problem::new(StatusCode::PRECONDITION_FAILED, "changed", "It is not as it was", detail)
            .next("Read it again, look at what is different, and send your change once more."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(tags: Option<&str>) -> IfMatch {
        IfMatch { tags: tags.map(str::to_owned), uri: Uri::from_static("/here") }
    }

    #[test]
    fn a_change_needs_the_state_that_it_was_made_from() {
        let current = "state";
        assert!(seen(Some(&tag(&current))).check(&current).is_ok());
        assert!(seen(Some(&format!("\"other\", {}", tag(&current)))).check(&current).is_ok());
        assert!(seen(Some("*")).check(&current).is_ok());
        assert!(seen(Some("\"other\"")).check(&current).is_err());
        assert!(seen(Some(&format!("W/{}", tag(&current)))).check(&current).is_err());
        assert!(seen(None).check(&current).is_err());
    }
}
