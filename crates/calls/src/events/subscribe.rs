//! SUBSCRIBE: which package, which line or user, for how long (RFC 6665 §4.2.1).

use std::time::Duration;

use sip::endpoint::{Flow, ServerTransaction};
use sip::subscription::Reason;
use sip::{Name, Request};

use super::resource_list::{self, Entry};
use super::subject::{self, Party, Subject, Watcher, asked, decide};
use super::subscriptions::{Checked, Wanted, WantedItem};
use super::{Package, abroad};
use crate::authentication::Account;
use crate::shard::desk::Desk;
use crate::shard::mailbox::Watch;
use crate::trunk::Trunk;

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
    let watcher = Watcher {
        party: Party::Line(account.line.clone()),
        user: account.owner.clone(),
        device: account.device.clone(),
    };
    begin(transaction, request, flow, watcher, desk);
}

/// The same of somebody on the other side of a trunk (`PH-03`).
pub(crate) fn subscribe_over(
    trunk: &Trunk,
    (transaction, request, flow): (ServerTransaction, Request, Flow),
    desk: &mut Desk<'_>,
) {
    let watcher = Watcher { party: Party::Trunk(trunk.name().to_owned()), user: None, device: None };
    begin(transaction, request, flow, watcher, desk);
}

fn begin(
    transaction: ServerTransaction,
    request: Request,
    flow: Flow,
    watcher: Watcher,
    desk: &mut Desk<'_>,
) {
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
    // What host the other side of a trunk thinks we are says nothing.
    let Some(line) = watcher.line() else {
        let user = over_trunk(request, watcher, desk).ok_or(404_u16)?;
        let subject = subject::find(package, &user, watcher, desk)?;
        return Ok(one(package, expires, Some(user), subject));
    };
    let user = desk.user_of(&uri);
    if !desk.is_ours(uri.host(), flow) {
        let host = String::from_utf8_lossy(uri.host()).into_owned();
        let user = user.ok_or(404_u16)?;
        return Ok(one(package, expires, None, abroad::find((&user, Some(&host)), watcher, desk)?));
    }
    let entries = match resource_list::brought(request)? {
        Some(entries) => Some(entries),
        None => user.as_deref().and_then(|user| resource_list::kept(user, line, desk)),
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
    let (subject, dialled) = seen(package, &user, watcher, desk)?;
    Ok(one(package, expires, dialled, subject))
}

fn one(package: Package, expires: Duration, dialled: Option<String>, subject: Subject) -> Checked {
    let uri = subject.entity.clone();
    let item = WantedItem { uri, name: None, dialled, subject: Ok(subject) };
    Checked { package, expires, list: None, items: vec![item] }
}

/// What somebody on the other side of a trunk wants to watch.
fn over_trunk(request: &Request, watcher: &Watcher, desk: &Desk<'_>) -> Option<String> {
    let Party::Trunk(name) = &watcher.party else { return None };
    Some(desk.rooms.trunks.by_name(name)?.dialled(request)?.user)
}

/// What a number or name stands for: a line or user of ours, with what was dialled, else what a route leads to.
fn seen(
    package: Package,
    user: &str,
    watcher: &Watcher,
    desk: &Desk<'_>,
) -> Result<(Subject, Option<String>), u16> {
    match subject::find(package, user, watcher, desk) {
        Ok(subject) => Ok((subject, Some(user.to_owned()))),
        Err(404) => abroad::find((user, None), watcher, desk).map(|subject| (subject, None)),
        Err(status) => Err(status),
    }
}

/// One resource of a list; what is not there, or may not be watched, is told as such.
fn member(package: Package, entry: Entry, flow: &Flow, watcher: &Watcher, desk: &Desk<'_>) -> WantedItem {
    let Entry { uri, name } = entry;
    let user = desk.user_of(&uri);
    let found = match &user {
        None => Err(404),
        Some(user) if desk.is_ours(uri.host(), flow) => seen(package, user, watcher, desk),
        Some(user) => {
            let host = String::from_utf8_lossy(uri.host()).into_owned();
            abroad::find((user, Some(&host)), watcher, desk).map(|subject| (subject, None))
        }
    };
    let (subject, dialled) = match found {
        Ok((subject, dialled)) => (Ok(subject), dialled),
        Err(status) => (Err(status), user),
    };
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
