//! XMPP over HTTP at `/bosh` (XEP-0124, XEP-0206): requests are read, given to their session, and wait for an answer.
//!
//! Pages of any origin may use it, as they may use `/ws`: a session is opened by what the page itself sends, and
//! found again by 128 bits that nobody can guess. All is answered with status 200, as clients of today expect, and
//! with one content type whatever the client asks for: a page of ours must not be made of what strangers say.

mod table;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::{Body, BodyDataStream};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::StreamExt;
use xmpp::bosh::{BodyReader, Progress, Session, Terminal, terminate};

use crate::limits::{
    BOSH_BODY_BYTES_BEFORE_SIGN_IN_MAX, BOSH_BODY_BYTES_MAX, BOSH_SESSION_BYTES, BOSH_SESSIONS_MAX,
    REQUEST_TIME_MAX,
};
use crate::routes::Place;
use crate::{answer, open};
pub(crate) use table::Table;
use table::{Shared, Waits};

const METHODS: &str = "POST, OPTIONS";

/// A request of a chat client.
pub(crate) async fn post(
    State(place): State<Place>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let waits = match tokio::time::timeout(REQUEST_TIME_MAX, receive(&place, peer, request.into_body())).await
    {
        Ok(Ok(waits)) => waits,
        Ok(Err(condition)) => return respond(terminate(condition)),
        Err(_) => return respond(terminate(Terminal::BadRequest)),
    };
    respond(waits.answer().await)
}

/// The answer to a browser that asks first.
pub(crate) async fn preflight() -> Response {
    open::preflight(METHODS)
}

/// The answer to whoever comes by another method.
pub(crate) async fn about(headers: HeaderMap) -> Response {
    let text = "They send POST requests (XEP-0124).";
    let mut response =
        answer::message_for(&headers, StatusCode::METHOD_NOT_ALLOWED, "Chat clients connect here", text);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(METHODS));
    open::to_all(response)
}

fn respond(body: Bytes) -> Response {
    let kind = HeaderValue::from_static("text/xml; charset=utf-8");
    open::to_all(([(CONTENT_TYPE, kind)], body).into_response())
}

/// Reads a request and gives it to its session, or to a new one.
async fn receive(place: &Place, peer: SocketAddr, body: Body) -> Result<Waits, Terminal> {
    let web = &place.web;
    let mut reader = BodyReader::new(web.rooms.im.limits_before_sign_in());
    let (session, bytes) = read(place, &mut reader, body.into_data_stream()).await?;
    let request = reader.finish().ok_or(Terminal::BadRequest)?;
    if let Some(session) = session {
        return Ok(session.request(request, bytes, web.runtime.now()));
    }
    if web.runtime.is_stopping() {
        return Err(Terminal::SystemShutdown);
    }
    if web.bosh.len() >= BOSH_SESSIONS_MAX {
        tracing::warn!(limit = BOSH_SESSIONS_MAX, "too many sessions over BOSH");
        return Err(Terminal::UndefinedCondition);
    }
    let sid = web.runtime.random_token(BOSH_SESSION_BYTES);
    let (ticket, now) = (Shared::FIRST, web.runtime.now());
    let session = Session::create(sid.clone(), request, ticket, now)?;
    let limits = web.rooms.im.limits_before_sign_in();
    let (shared, waits) = Shared::new(session, limits, bytes, web.runtime.clone());
    web.bosh.add(&sid, &shared);
    metrics::counter!("carillon_web_bosh_sessions_total").increment(1);
    let (web, im) = (Arc::clone(web), Arc::clone(&web.rooms.im));
    web.runtime.clone().spawn_session(async move {
        let carried = Box::pin(im.carry(wire::Bosh::new(Arc::clone(&shared)), peer));
        tokio::join!(carried, web.bosh.forget(&sid, &shared, &web.runtime));
    });
    Ok(waits)
}

/// Reads a request to its end: gives its session, whose limits hold as soon as it is known, and its length.
async fn read(
    place: &Place,
    reader: &mut BodyReader,
    mut body: BodyDataStream,
) -> Result<(Option<Arc<Shared>>, usize), Terminal> {
    let (mut session, mut bytes, mut bytes_max) =
        (None::<Arc<Shared>>, 0, BOSH_BODY_BYTES_BEFORE_SIGN_IN_MAX);
    loop {
        match reader.read() {
            Err(_) => return Err(Terminal::BadRequest),
            Ok(Progress::Done) => return Ok((session, bytes)),
            Ok(Progress::Opened) => {
                let Some(sid) = reader.wrapper().and_then(|wrapper| wrapper.sid.as_deref()) else { continue };
                let found = place.web.bosh.find(sid).ok_or(Terminal::ItemNotFound)?;
                let (limits, lang) = found.terms();
                if limits != place.web.rooms.im.limits_before_sign_in() {
                    bytes_max = BOSH_BODY_BYTES_MAX;
                }
                reader.adopt(limits, lang.as_deref());
                session = Some(found);
            }
            Ok(Progress::More) => {
                let Some(Ok(data)) = body.next().await else { return Err(Terminal::BadRequest) };
                bytes += data.len();
                if bytes > bytes_max {
                    return Err(Terminal::PolicyViolation);
                }
                reader.push(&data);
            }
        }
    }
}
