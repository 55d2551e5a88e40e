//! The messages that the transaction layer writes itself: our Via, ACK to refusals, CANCEL, RSeq.

use bytes::{BufMut, Bytes, BytesMut};

use super::flow::Target;
use crate::header::CSeq;
use crate::message::{Name, Request, RequestBuilder, Response, put_number};
use crate::method::Method;

/// Hops that a request of ours may take (RFC 3261 §8.1.1.6).
const MAX_FORWARDS: u32 = 70;

/// The value of our Via, with `rport` so that the response comes back through a NAT (RFC 3581 §3).
pub(super) fn via(target: &Target, branch: &[u8]) -> Vec<u8> {
    let mut via = Vec::with_capacity(80);
    via.extend_from_slice(b"SIP/2.0/");
    via.extend_from_slice(target.flow.transport.name().as_bytes());
    via.push(b' ');
    match &target.sent_by {
        Some(sent_by) => via.extend_from_slice(sent_by.as_bytes()),
        None => via.extend_from_slice(target.flow.local.to_string().as_bytes()),
    }
    via.extend_from_slice(b";branch=");
    via.extend_from_slice(branch);
    via.extend_from_slice(b";rport");
    via
}

/// The request with `via` on top of whatever Via it has.
pub(super) fn with_via(request: &Request, via: &[u8]) -> Bytes {
    let bytes = request.bytes();
    let start_line = memchr::memchr(b'\n', bytes).map_or(0, |at| at + 1);
    let mut out = BytesMut::with_capacity(bytes.len() + via.len() + 8);
    out.put_slice(&bytes[..start_line]);
    out.put_slice(b"Via: ");
    out.put_slice(via);
    out.put_slice(b"\r\n");
    out.put_slice(&bytes[start_line..]);
    out.freeze()
}

/// The ACK to a refusal: it belongs to the INVITE's transaction and takes its way (RFC 3261 §17.1.1.3).
pub(super) fn ack(invite: &Request, via: &[u8], refusal: &Response) -> Bytes {
    let to = refusal.headers().first(Name::To);
    hop_by_hop(Method::Ack, invite, via, to)
}

/// The CANCEL of an INVITE (RFC 3261 §9.1).
pub(super) fn cancel(invite: &Request, via: &[u8]) -> Bytes {
    hop_by_hop(Method::Cancel, invite, via, invite.headers().first(Name::To))
}

fn hop_by_hop(method: Method, invite: &Request, via: &[u8], to: Option<&[u8]>) -> Bytes {
    let headers = invite.headers();
    let number = headers.cseq().map_or(1, |cseq| cseq.number);
    let request = RequestBuilder::new(method.clone(), invite.uri_bytes())
        .header(Name::Via, via)
        .header(Name::MaxForwards, &MAX_FORWARDS)
        .copy(headers, Name::Route)
        .copy(headers, Name::From)
        .header_opt(Name::To, to)
        .copy(headers, Name::CallId)
        .header(Name::CSeq, &CSeq { number, method })
        .finish();
    request.bytes().clone()
}

/// The response made reliable: `Require: 100rel` and its RSeq (RFC 3262 §3).
pub(super) fn with_rseq(response: &Response, rseq: u32) -> Bytes {
    let bytes = response.bytes();
    let headers_end = bytes.len() - response.body().len() - 2;
    let mut out = BytesMut::with_capacity(bytes.len() + 40);
    out.put_slice(&bytes[..headers_end]);
    out.put_slice(b"Require: 100rel\r\nRSeq: ");
    put_number(&mut out, u64::from(rseq));
    out.put_slice(b"\r\n");
    out.put_slice(&bytes[headers_end..]);
    out.freeze()
}
