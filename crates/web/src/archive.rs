//! The archives for the administrator: searched for words, in JSON, page by page (`AR-01`).

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use model::{BareJid, Jid, Timestamp};
use operations::role::Right;
use serde::{Deserialize, Serialize};
use store::{ArchiveQuery, Entry, PageFrom, StanzaId, TextQuery};

use crate::limits::{ARCHIVE_PAGE, ARCHIVE_PAGE_MAX};
use crate::routes::Place;

/// What is asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    /// The words.
    q: String,
    /// Whose archive: a user's or a room's.
    user: BareJid,
    with: Option<Jid>,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    /// The page behind this id.
    after: Option<String>,
    /// The page before this id; empty for the last page.
    before: Option<String>,
    max: Option<usize>,
}

/// A page, oldest first.
#[derive(Serialize)]
struct Found {
    messages: Vec<Message>,
    /// How many there are in all.
    count: i64,
    /// Nothing more fits in the direction of the page.
    complete: bool,
}

#[derive(Serialize)]
struct Message {
    id: String,
    at: Timestamp,
    from: String,
    to: String,
    body: String,
}

impl From<Entry> for Message {
    fn from(entry: Entry) -> Self {
        let stanza = xmpp::parse_inheriting(entry.stanza).ok();
        let body = stanza.and_then(|stanza| stanza.child("body", xmpp::ns::CLIENT)).map(|body| body.text());
        Self {
            id: entry.id.to_string(),
            at: entry.at,
            from: entry.from,
            to: entry.to,
            body: body.unwrap_or_default(),
        }
    }
}

/// Answers a search. Only the administrator reads what others wrote.
pub(crate) async fn search(
    State(place): State<Place>,
    headers: HeaderMap,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
) -> Response {
    match place.session(&headers) {
        Some((_, session)) if !session.must_choose_password && session.role.has(Right::ArchiveRead) => {}
        Some((_, session)) if !session.must_choose_password => {
            return refused(StatusCode::FORBIDDEN, "your role does not have the right archive:read");
        }
        _ => return refused(StatusCode::UNAUTHORIZED, "sign in as the administrator first"),
    }
    let asked = match asked {
        Ok(Query(asked)) => asked,
        Err(error) => return refused(StatusCode::BAD_REQUEST, &error.body_text()),
    };
    let query = match read(&asked) {
        Ok(query) => query,
        Err(text) => return refused(StatusCode::BAD_REQUEST, &text),
    };
    tracing::info!(archive = %model::Private(&asked.user), "the administrator searches an archive");
    let store = &place.web.rooms.store;
    let found = async {
        let page = store.archive_page(&asked.user, &query).await?;
        let whole = ArchiveQuery { from: PageFrom::Start, ..query.clone() };
        Ok::<_, store::Error>((page, store.archive_count(&asked.user, &whole).await?))
    };
    match found.await {
        Ok((page, count)) => {
            let messages = page.entries.into_iter().map(Message::from).collect();
            Json(Found { messages, count, complete: page.complete }).into_response()
        }
        Err(error) => refused(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    }
}

fn read(asked: &Asked) -> Result<ArchiveQuery, String> {
    let id = |text: &str| text.parse::<StanzaId>().map_err(|error| error.to_string());
    let from = match (&asked.after, asked.before.as_deref()) {
        (None, None) => PageFrom::Start,
        (Some(after), None) => PageFrom::After(id(after)?),
        (None, Some("")) => PageFrom::End,
        (None, Some(before)) => PageFrom::Before(id(before)?),
        (Some(_), Some(_)) => return Err("either after or before, not both".to_owned()),
    };
    Ok(ArchiveQuery {
        with: asked.with.clone(),
        start: asked.start,
        end: asked.end,
        text: Some(TextQuery::new(&asked.q).map_err(|error| error.to_string())?),
        from,
        max: asked.max.unwrap_or(ARCHIVE_PAGE).clamp(1, ARCHIVE_PAGE_MAX),
        ..ArchiveQuery::default()
    })
}

/// A refusal in JSON, as programs want it.
fn refused(status: StatusCode, error: &str) -> Response {
    (status, Json(serde_json::json!({ "error": error }))).into_response()
}
