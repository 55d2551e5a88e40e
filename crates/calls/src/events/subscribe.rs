//! SUBSCRIBE: which package, which line or user, for how long (RFC 6665 §4.2.1).

use std::time::Duration;

use sip::endpoint::{Flow, ServerTransaction};
use sip::{Name, Request};

use super::Package;
use super::subscriptions::{Subject, Wanted, Watcher, decide};
use crate::authentication::Account;
use crate::dialplan::Resolution;
use crate::shard::desk::Desk;
use crate::shard::mailbox::Watch;

/// How long a subscription lasts when the watcher asks for nothing (RFC 3856 §6.4).
const EXPIRES_DEFAULT: u32 = 3600;
/// The shortest subscription; a shorter one gets 423.
const EXPIRES_MIN: u32 = 60;
/// The longest subscription; a longer one is shortened.
const EXPIRES_MAX: u32 = 3600;

/// Checks a new SUBSCRIBE, and asks whether its sender may see what it wants.
pub(crate) fn subscribe(
    transaction: ServerTransaction,
    request: Request,
    flow: Flow,
    account: &Account,
    desk: &mut Desk<'_>,
) {
    match check(&request, &flow, desk) {
        Ok((package, subject, expires)) => {
            let watcher = Watcher { line: account.line.clone(), user: account.owner.clone() };
            let (asking, asked) = (watcher.clone(), subject.clone());
            let wanted = Wanted { transaction, request, flow, package, subject, watcher, expires };
            decide(&asking, &asked, Watch::New(Box::new(wanted)), desk);
        }
        Err(status) => refuse(transaction, &request, status, desk),
    }
}

/// The package of a SUBSCRIBE or PUBLISH; `Err` is 489 (RFC 6665 §4.2.1.1: also without Event).
pub(crate) fn package(request: &Request) -> Result<Package, u16> {
    let event = request.headers().event().map_err(|_| 400_u16)?;
    event.and_then(|event| Package::parse(event.package())).ok_or(489)
}

fn check(request: &Request, flow: &Flow, desk: &Desk<'_>) -> Result<(Package, Subject, Duration), u16> {
    let package = package(request)?;
    if !package.is_acceptable(request.headers()) {
        return Err(406);
    }
    request.headers().contact().map_err(|_| 400_u16)?;
    let expires = expiry(request)?;
    let uri = request.uri().map_err(|_| 400_u16)?;
    if !desk.is_ours(uri.host(), flow) {
        return Err(404);
    }
    let user = desk.user_of(&uri).ok_or(404_u16)?;
    let Resolution::Lines(reached) = desk.rooms.plan.load().resolve(&user) else { return Err(404) };
    if package == Package::Presence && reached.user.is_none() {
        return Err(404);
    }
    let entity = desk.address(&user);
    Ok((package, Subject { user: reached.user, lines: reached.lines, entity }, expires))
}

/// For how long; `Err` is the status that refuses.
pub(super) fn expiry(request: &Request) -> Result<Duration, u16> {
    let seconds = request.headers().expires().map_err(|_| 400_u16)?.unwrap_or(EXPIRES_DEFAULT);
    if seconds != 0 && seconds < EXPIRES_MIN {
        return Err(423);
    }
    Ok(Duration::from_secs(u64::from(seconds.min(EXPIRES_MAX))))
}

/// Refuses, with what a 423 or 406 wants beside the status.
pub(super) fn refuse(transaction: ServerTransaction, request: &Request, status: u16, desk: &mut Desk<'_>) {
    let builder = desk.response(request, status);
    let builder = match status {
        423 => builder.header(Name::MinExpires, &EXPIRES_MIN),
        406 => builder.header(Name::Accept, "application/pidf+xml, application/dialog-info+xml"),
        489 => builder.header(Name::AllowEvents, super::ALLOW_EVENTS),
        _ => builder,
    };
    desk.respond(transaction, &builder.finish());
}
