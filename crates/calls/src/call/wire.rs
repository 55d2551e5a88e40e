//! Responses and bodies: what calls write on the wire beside dialogs.

use sip::endpoint::ServerTransaction;
use sip::{Headers, Method, Name, Request, Response, ResponseBuilder};

use super::house::{Context, House};
use super::{ALLOW, EXTENSIONS};
use crate::offer::Refusal;

/// The media type of session descriptions.
pub(crate) const SDP: &str = "application/sdp";
/// Longest Retry-After of a 500 for a change that came too early: "between 0 and 10 seconds" (RFC 3261 §14.2).
const RETRY_SECONDS_MAX: u32 = 10;
/// Retry-After of a 503, in seconds.
const OVERLOAD_RETRY_SECONDS: u32 = 5;

/// Begins a response; `tag` becomes the To tag when the request has none.
pub(crate) fn response(house: &House, request: &Request, status: u16, tag: Option<&[u8]>) -> ResponseBuilder {
    Response::to(request, status, tag).header(Name::Server, &house.product)
}

/// The key that an INFO carries: `application/dtmf-relay` with `Signal=`, or `application/dtmf` with the key alone.
pub(crate) fn key(request: &Request) -> Option<char> {
    let kind = request.headers().first(Name::ContentType).filter(|_| *request.method() == Method::Info)?;
    let text = std::str::from_utf8(request.body()).ok()?;
    let value = if kind.eq_ignore_ascii_case(b"application/dtmf-relay") {
        let signal = |line: &str| line.trim().strip_prefix("Signal=").map(str::to_owned);
        text.lines().find_map(signal)?
    } else if kind.eq_ignore_ascii_case(b"application/dtmf") {
        text.to_owned()
    } else {
        return None;
    };
    match value.trim() {
        "10" => Some('*'),
        "11" => Some('#'),
        key => key.chars().next().filter(|key| key.is_ascii_digit() || matches!(key, '*' | '#' | 'A'..='D')),
    }
}

/// Refuses a request, with what the RFCs want beside the status.
pub(crate) fn refuse(
    context: &mut Context<'_>,
    transaction: ServerTransaction,
    request: &Request,
    status: u16,
) {
    let tag = context.endpoint.new_tag();
    refuse_with_tag(context, transaction, request, status, tag.as_bytes());
}

/// Refuses a call by a rule of ours, and says which: 21 is "call rejected" (RFC 6432 allows Q.850 causes in responses).
pub(crate) fn refuse_for(
    context: &mut Context<'_>,
    transaction: ServerTransaction,
    (request, tag): (&Request, &[u8]),
    status: u16,
    why: &str,
) {
    let reason = format!("Q.850;cause=21;text=\"{why}\"");
    let builder = response(context.house, request, status, Some(tag)).header(Name::Reason, reason.as_str());
    context.endpoint.respond(transaction, &builder.finish(), context.now.instant);
}

/// Says that there is no room, and keeps nothing of the request (RFC 3261 §8.2.7).
pub(crate) fn overloaded(context: &mut Context<'_>, transaction: ServerTransaction, request: &Request) {
    let tag = context.endpoint.stateless_tag(request);
    let builder = response(context.house, request, 503, Some(&tag));
    let response = builder.header(Name::RetryAfter, &OVERLOAD_RETRY_SECONDS).finish();
    context.endpoint.respond_stateless(transaction, &response);
}

/// Refuses a request under a tag of ours that it already knows.
pub(crate) fn refuse_with_tag(
    context: &mut Context<'_>,
    transaction: ServerTransaction,
    request: &Request,
    status: u16,
    tag: &[u8],
) {
    let mut builder = response(context.house, request, status, Some(tag));
    builder = match status {
        // RFC 3261 §8.2.1, §21.4.13.
        405 | 501 => builder.header(Name::Allow, ALLOW),
        415 => builder.header(Name::Accept, SDP).header(Name::AcceptEncoding, "identity"),
        420 => {
            let unknown: Vec<&[u8]> = request.unsupported(&EXTENSIONS).collect();
            builder.header(Name::Unsupported, unknown.join(&b", "[..]).as_slice())
        }
        503 => builder.header(Name::RetryAfter, &OVERLOAD_RETRY_SECONDS),
        _ => builder,
    };
    context.endpoint.respond(transaction, &builder.finish(), context.now.instant);
}

/// Refuses a call for want of bandwidth: the reorder tone, and why (RFC 3261 §20.43: 370).
pub(crate) fn refuse_for_bandwidth(
    context: &mut Context<'_>,
    transaction: ServerTransaction,
    request: &Request,
    tag: &[u8],
) {
    let warning = format!("370 {} \"Insufficient bandwidth\"", context.house.domain);
    let builder = response(context.house, request, 503, Some(tag)).header(Name::Warning, warning.as_str());
    context.endpoint.respond(transaction, &builder.finish(), context.now.instant);
}

/// Refuses an offer that cannot come now: 491, or 500 with a random Retry-After (RFC 3261 §14.2).
pub(crate) fn refuse_offer(
    context: &mut Context<'_>,
    transaction: ServerTransaction,
    request: &Request,
    refusal: Refusal,
) {
    let status = refusal.status();
    let mut builder = response(context.house, request, status, None);
    if refusal == Refusal::RetryLater {
        let random = context.endpoint.new_tag().bytes().fold(0_u32, |sum, byte| sum + u32::from(byte));
        builder = builder.header(Name::RetryAfter, &(random % (RETRY_SECONDS_MAX + 1)));
    }
    context.endpoint.respond(transaction, &builder.finish(), context.now.instant);
}

/// What a method that calls do not serve gets: 405 when it is known to us, 501 when it is not
/// (RFC 3261 §8.2.1, §21.5.2).
pub(crate) fn status_of_unserved(method: &Method) -> u16 {
    if matches!(method, Method::Other(_)) { 501 } else { 405 }
}

/// Does the message have a session description? `Err`: it has a body that is something else.
pub(crate) fn is_described(headers: &Headers, body: &[u8]) -> Result<bool, ()> {
    if body.is_empty() {
        return Ok(false);
    }
    match headers.content_type() {
        Ok(media_type) if media_type.is("application", "sdp") => Ok(true),
        // RFC 3261 §20.11: a body whose handling is optional may be passed over.
        _ if headers
            .first(Name::ContentDisposition)
            .is_some_and(|value| value.to_ascii_lowercase().ends_with(b"handling=optional")) =>
        {
            Ok(false)
        }
        _ => Err(()),
    }
}

/// Does the response want a PRACK (RFC 3262 §4)? Its RSeq, then.
pub(crate) fn reliable_rseq(response: &Response) -> Option<u32> {
    let headers = response.headers();
    let wants = (101..200).contains(&response.status()) && headers.has_token(Name::Require, b"100rel");
    if wants { headers.rseq().ok().flatten() } else { None }
}
