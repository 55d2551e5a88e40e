//! The OpenAPI document, made from the handlers.

use axum::Json;
use utoipa::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};

use super::problem::Told;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Carillon: administration",
        description = "What administrators can do, for programs. Every path needs a right of the role of whoever asks. \
            A browser signs in by POST /api/v1/admin/session and sends the session's csrf as X-CSRF-Token with every change; \
            a program sends Authorization: Bearer with an API token.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(Told)),
    security(("cookie" = []), ("token" = []))
)]
struct Document;

/// The whole document.
pub(crate) fn document() -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    env!("CARGO_PKG_VERSION").clone_into(&mut document.info.version);
    for (_, noun) in super::nouns() {
        document.merge(noun);
    }
    let components = document.components.get_or_insert_with(Default::default);
    let cookie = ApiKeyValue::with_description(
        "__Host-carillon-8443",
        "What POST /api/v1/admin/session sets: the name has the port in it, and no __Host- on plain HTTP.",
    );
    components.add_security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("An API token.")).build();
    components.add_security_scheme("token", SecurityScheme::Http(token));
    document
}

/// Gives it to whoever asks: it says what the interface is, and nothing of this node.
pub(super) async fn serve() -> Json<utoipa::openapi::OpenApi> {
    Json(document())
}
