//! SUBSCRIBE: which package, which line or user, for how long (RFC 6665 §4.2.1).

use std::time::Duration;

use sip::endpoint::{Flow, ServerTransaction};
use sip::subscription::Reason;
use sip::{Name, Request};

use super::Package;
use super::resource_list::{self, Entry};
use super::subject::{self, Watcher, asked, decide};
use super::subscriptions::{Checked, Wanted, WantedItem};
use crate::authentication::Account;
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
    let watcher =
        Watcher { line: account.line.clone(), user: account.owner.clone(), device: account.device.clone() };
    match check(&request, &flow, &watcher, desk) {
        Ok(what) => {
            let asked = asked(&watcher, what.items.iter().map(|item| item.subject.as_ref().ok()));
            let user = watcher.user.clone();
            let wanted = Wanted { transaction, request, flow, watcher, what };
            decide(user, asked, Watch::New(Box::new(wanted)), desk);
        }
        Err(status) => refuse(transaction, &request, status, desk),
    }
}

/// The package of a SUBSCRIBE or PUBLISH; `Err` is 489 (RFC 6665 §4.2.1.1: also without Event).
pub(crate) fn package(request: &Request) -> Result<Package, u16> {
    let event = request.headers().event().map_err(|_| 400_u16)?;
    event.and_then(|event| Package::parse(event.package())).ok_or(489)
}

fn check(request: &Request, flow: &Flow, watcher: &Watcher, desk: &Desk<'_>) -> Result<Checked, u16> {
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
    let user = desk.user_of(&uri);
    let entries = match resource_list::brought(request)? {
        Some(entries) => Some(entries),
        None => user.as_deref().and_then(|user| resource_list::kept(user, &watcher.line, desk)),
    };
    if let Some(entries) = entries {
        // RFC 4662 §4.1: whoever does not know lists cannot be told of one.
        if !request.headers().has_token(Name::Supported, b"eventlist") {
            return Err(421);
        }
        let items = entries.into_iter().map(|entry| member(package, entry, flow, watcher, desk)).collect();
        return Ok(Checked { package, expires, list: Some(uri.to_string()), items });
    }
    let user = user.ok_or(404_u16)?;
    let subject = subject::find(package, &user, watcher, desk)?;
    let (uri, dialled) = (subject.entity.clone(), Some(user));
    let item = WantedItem { uri, name: None, dialled, subject: Ok(subject) };
    Ok(Checked { package, expires, list: None, items: vec![item] })
}

/// One resource of a list; what is not there, or may not be watched, is told as such.
fn member(package: Package, entry: Entry, flow: &Flow, watcher: &Watcher, desk: &Desk<'_>) -> WantedItem {
    let Entry { uri, name } = entry;
    let dialled = desk.user_of(&uri).filter(|_| desk.is_ours(uri.host(), flow));
    let subject = dialled.as_deref().ok_or(404).and_then(|user| subject::find(package, user, watcher, desk));
    let subject = subject.map_err(|status| match status {
        403 => Reason::Rejected,
        _ => Reason::NoResource,
    });
    WantedItem { uri: uri.to_string(), name, dialled, subject }
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
        421 => builder.header(Name::Require, "eventlist"),
        489 => builder.header(Name::AllowEvents, super::ALLOW_EVENTS),
        _ => builder,
    };
    desk.respond(transaction, &builder.finish());
}
