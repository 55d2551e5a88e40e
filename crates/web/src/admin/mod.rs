//! The programming interface for administrators: `/api/v1/admin`, one file per noun, each of which does what its operation does.
//!
//! All answer in JSON and fail as RFC 9457 says ([`problem`]); lists come in pages ([`list`]); what is changed has a tag
//! ([`tag`]); every act needs a right of the role of whoever asks ([`caller`]). The OpenAPI document is made from the same
//! handlers and is kept in `docs/openapi.json`.

#![allow(unused_qualifications, reason = "the macros of the document write whole paths")]

mod administrators;
mod audit;
mod caller;
mod calls;
mod clients;
mod devices;
mod dialplan;
mod federation;
mod given;
mod groups;
mod invitations;
mod lines;
mod list;
mod openapi;
mod pace;
mod presence;
mod problem;
mod reception;
mod rooms;
mod search;
mod session;
mod status;
mod tag;
mod trunks;
mod upkeep;
mod users;

use std::str::FromStr;
use std::sync::OnceLock;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware;
use model::{LineId, Number, Partition};
use operations::{Context, LineShown};
use utoipa::openapi::OpenApi;

use crate::guard;
use crate::limits::ADMIN_BODY_BYTES_MAX;
use crate::routes::Place;

pub(crate) use openapi::document;
pub(crate) use problem::Problem;

/// What the interface keeps.
#[derive(Default)]
pub(crate) struct Admin {
    context: OnceLock<Context>,
    /// Held while something is changed on a condition.
    changes: tokio::sync::Mutex<()>,
    pace: pace::Pace,
}

impl Admin {
    /// Begins to work on this.
    pub(crate) fn operate(&self, context: Context) {
        // A second time it is the same one.
        let _set = self.context.set(context);
    }

    fn context(&self) -> Result<&Context, Problem> {
        self.context.get().ok_or_else(|| Problem::unavailable("The node is just starting."))
    }
}

/// The line that is called so: `1001`, or `1001@partition`.
fn line_named(text: &str) -> Option<LineId> {
    let (number, partition) =
        text.split_once('@').map_or((text, None), |(number, rest)| (number, Some(rest)));
    let number: Number = number.parse().ok()?;
    match partition {
        None => Some(LineId::from(number)),
        Some(partition) => Some(LineId { number, partition: partition.parse().ok()? }),
    }
}

/// A line in a path.
struct LineNamed(LineId);

impl FromStr for LineNamed {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        line_named(text).map(Self).ok_or(())
    }
}

/// What a line is called in paths.
fn line_name(line: &LineShown) -> String {
    match line.partition.parse::<Partition>() {
        Ok(partition) if partition == Partition::default() => line.number.clone(),
        _ => format!("{}@{}", line.number, line.partition),
    }
}

/// A name as it stands in a path (RFC 3986 §3.3).
fn in_path(name: &str) -> String {
    percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// The same, in a field of what is given.
fn name_of_line(field: &str, text: &str) -> Result<LineId, Problem> {
    line_named(text).ok_or_else(|| Problem::field(field, "it is no line such as 1001, or 1001@partition"))
}

/// A noun: its paths, and what the document says of them.
type Noun = (Router<Place>, OpenApi);

fn nouns() -> Vec<Noun> {
    vec![
        session::noun(),
        users::noun(),
        lines::noun(),
        devices::noun(),
        clients::noun(),
        calls::noun(),
        trunks::noun(),
        dialplan::noun(),
        status::noun(),
        presence::noun(),
        rooms::noun(),
        federation::noun(),
        groups::noun(),
        invitations::noun(),
        reception::noun(),
        upkeep::noun(),
        search::noun(),
        administrators::noun(),
        audit::noun(),
    ]
}

/// All paths.
pub(crate) fn router() -> Router<Place> {
    let mut router = Router::new().route("/api/v1/openapi.json", axum::routing::get(openapi::serve));
    for (paths, _) in nouns() {
        router = router.merge(paths);
    }
    router
        .method_not_allowed_fallback(async || {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "This cannot be done here",
                "The path is known, and not with this method: see Allow, or /api/v1/openapi.json.",
            )
        })
        .layer(DefaultBodyLimit::max(ADMIN_BODY_BYTES_MAX))
        .layer(middleware::from_fn(guard::protect))
}
