//! PUBLISH (RFC 3903): a phone tells its owner's presence.

use sip::endpoint::{Flow, ServerTransaction};
use sip::{Name, Request};

use super::publication::{Change, Refused};
use super::{Package, pidf, subscribe};
use crate::authentication::Account;
use crate::dialplan::Resolution;
use crate::shard::desk::Desk;

/// Handles a PUBLISH of an authenticated line.
pub(crate) fn publish(
    transaction: ServerTransaction,
    request: &Request,
    flow: Flow,
    account: &Account,
    desk: &mut Desk<'_>,
) {
    let (tag, expires) = match take(request, &flow, account, desk) {
        Ok(done) => done,
        Err(415) => {
            let response = desk.response(request, 415).header(Name::Accept, Package::Presence.content_type());
            return desk.respond(transaction, &response.finish());
        }
        Err(status) => return subscribe::refuse(transaction, request, status, desk),
    };
    let response = desk.response(request, 200).header(Name::SipETag, &tag).header(Name::Expires, &expires);
    desk.respond(transaction, &response.finish());
}

/// Carries it out; `Err` is the status that refuses.
fn take(
    request: &Request,
    flow: &Flow,
    account: &Account,
    desk: &mut Desk<'_>,
) -> Result<(String, u32), u16> {
    let headers = request.headers();
    if subscribe::package(request)? != Package::Presence {
        return Err(489);
    }
    let uri = request.uri().map_err(|_| 400_u16)?;
    if !desk.is_ours(uri.host(), flow) {
        return Err(404);
    }
    let name = desk.user_of(&uri).ok_or(404_u16)?;
    let plan = desk.rooms.plan.load();
    let Resolution::Lines(reached) = plan.address(&name, desk.now.civil) else { return Err(404) };
    // Nobody speaks for somebody else, nor for a line without owner, which has no presence.
    let user = account.owner.as_ref().filter(|owner| reached.user.as_ref() == Some(owner)).ok_or(403_u16)?;
    let expires = subscribe::expiry(request)?;
    let if_match = headers.first(Name::SipIfMatch).map(|tag| String::from_utf8_lossy(tag).into_owned());
    let state = match (request.body().is_empty(), &if_match) {
        // RFC 3903 §4.1: the first publication has a body, a refresh or removal has none.
        (true, None) => return Err(400),
        (true, Some(_)) => None,
        (false, _) => {
            let media_type = headers.content_type().map_err(|_| 415_u16)?;
            if !media_type.is("application", "pidf+xml") {
                return Err(415);
            }
            Some(pidf::read(request.body()).ok_or(400_u16)?)
        }
    };
    let new_tag = desk.endpoint.new_tag();
    let change = Change { user, if_match: if_match.as_deref(), state, expires, new_tag: new_tag.clone() };
    desk.rooms.publications.change(change, desk.now.civil).map_err(|refused| match refused {
        Refused::NoSuchTag => 412_u16,
        Refused::Full => 503,
    })?;
    Ok((new_tag, u32::try_from(expires.as_secs()).unwrap_or(u32::MAX)))
}
