//! REGISTER (RFC 3261 §10.3, RFC 3327, RFC 5626 §6): whose line, and the answer.

use model::NodePart;
use sip::endpoint::{Flow, ServerTransaction};
use sip::{Name, Request};

use super::desk::Desk;
use crate::authentication::Account;
use crate::device;
use crate::registrar::{EXPIRES_MIN, Refused, Update};

/// Does the request name a domain of ours? `Err` is the status that refuses: 403 for another registrar's
/// domain (RFC 3261 §10.3 step 1), 404 for an address of another domain (step 5).
pub(super) fn domain(request: &Request, flow: &Flow, desk: &Desk<'_>) -> Result<(), u16> {
    let uri = request.uri().map_err(|_| 400_u16)?;
    if !desk.is_ours(uri.host(), flow) {
        return Err(403);
    }
    let to = request.headers().to().map_err(|_| 400_u16)?;
    if desk.is_ours(to.uri().host(), flow) { Ok(()) } else { Err(404) }
}

/// Handles a REGISTER of an authenticated line.
pub(super) fn register(
    transaction: ServerTransaction,
    request: &Request,
    flow: Flow,
    account: &Account,
    desk: &mut Desk<'_>,
) {
    if !names(request, account, desk) {
        return desk.answer(transaction, request, 403);
    }
    let update = Update::read(request, flow);
    let registered = update.and_then(|mut update| {
        update.device = device::registers(account, &update, desk);
        if let Some(lent) = &account.lent {
            update.of_lent(lent, desk.now.civil);
        }
        let owner = account.owner.as_ref();
        let all = desk.rooms.registrar.register(&account.line, owner, &update, desk.now.civil)?;
        Ok((all, update.outbound))
    });
    let (all, outbound) = match registered {
        Ok(registered) => registered,
        Err(Refused::TooBrief) => {
            let response = desk.response(request, 423).header(Name::MinExpires, &EXPIRES_MIN).finish();
            return desk.respond(transaction, &response);
        }
        Err(Refused::Malformed | Refused::TooMany) => return desk.answer(transaction, request, 400),
        Err(Refused::OutOfOrder) => return desk.answer(transaction, request, 500),
    };
    let mut response = desk.response(request, 200);
    for binding in &all {
        response = response.header(Name::Contact, &binding.contact_value(desk.now.civil));
    }
    if request.headers().has_token(Name::Supported, b"path") {
        response = response.copy(request.headers(), Name::Path);
    }
    // RFC 5626 §6: "MUST include the outbound option-tag in a Require header field" when flows are used.
    if outbound && all.iter().any(|binding| binding.identity.is_flow()) {
        response = response.header(Name::Require, "outbound");
    }
    desk.respond(transaction, &response.finish());
}

/// Is the address of record the line's number or its owner's name (RFC 3261 §10.3 step 4)?
fn names(request: &Request, account: &Account, desk: &Desk<'_>) -> bool {
    let Ok(to) = request.headers().to() else { return false };
    let Some(user) = desk.user_of(to.uri()) else { return false };
    if user == account.line.number.as_str() {
        return true;
    }
    let owner = account.owner.as_ref().and_then(|owner| owner.node());
    NodePart::new(&user).is_ok_and(|name| owner.is_some_and(|owner| owner.as_str() == name.as_str()))
}
