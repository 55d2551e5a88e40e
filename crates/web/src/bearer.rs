//! Who a person's program is: the token of the programming interface, as it comes with a request (RFC 6750 §2.1).

use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use im::{TokenHolder, TokenRefused};

use crate::answer;
use crate::routes::Place;

/// What is asked for when no token came (RFC 6750 §3), and when one came that is none.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"self\"");
const INVALID: HeaderValue = HeaderValue::from_static("Bearer realm=\"self\", error=\"invalid_token\"");

/// The person whose program asks.
pub(crate) struct Person {
    pub(crate) holder: TokenHolder,
    /// What proved it.
    pub(crate) token: String,
}

impl FromRequestParts<Place> for Person {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, place: &Place) -> Result<Self, Response> {
        let Some(token) = token(&parts.headers) else {
            let text =
                "Send Authorization: Bearer with a token, which chat clients get from urn:carillon:api:0.";
            return Err(refused(CHALLENGE, text));
        };
        match place.web.rooms.im.token_holder(token).await {
            Ok(holder) => Ok(Self { holder, token: token.to_owned() }),
            Err(TokenRefused::Wrong) => {
                Err(refused(INVALID, "The token has ended, or is none. Get another one over chat."))
            }
            Err(TokenRefused::Later) => {
                let text = "The storage cannot be read. Try again.";
                Err(answer::problem(StatusCode::SERVICE_UNAVAILABLE, "Nobody can sign in now", text))
            }
        }
    }
}

/// The token of a request.
fn token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim()).filter(|token| !token.is_empty())
}

fn refused(challenge: HeaderValue, text: &str) -> Response {
    let mut response = answer::problem(StatusCode::UNAUTHORIZED, "Not signed in", text);
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_what_stands_behind_bearer() {
        let of = |value: &'static str| {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(value))]);
            token(&headers).map(str::to_owned)
        };
        assert_eq!(of("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(of("bearer  abc").as_deref(), Some("abc"));
        for wrong in ["Basic abc", "Bearer", "Bearer ", "abc"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
        assert_eq!(token(&HeaderMap::new()), None);
    }
}
