//! Which device a request comes from, and on which of its lines (`CC-01`).
//!
//! A device that has an account of its own is known by it, on every line that the plan shows on it. A phone that signs
//! in with its line's account is known by where it registered from, once it has: by the instance that its Contact named
//! (RFC 5626 §4.1). Whoever is still not known is the first device that shows the line.

use std::sync::Arc;

use sip::endpoint::Flow;
use sip::{Method, Request};

use crate::authentication::Account;
use crate::registrar::Update;
use crate::shard::desk::Desk;

/// The account as the line that the request is of, on the device that sends it.
pub(crate) fn known(account: Account, request: &Request, flow: &Flow, desk: &Desk<'_>) -> Account {
    let registers = *request.method() == Method::Register;
    let Some(device) = account.device.clone() else {
        // What a REGISTER says itself counts, not what was registered before.
        let device = if registers { None } else { desk.rooms.registrar.device_at(&account.line, flow) };
        return Account { device, ..account };
    };
    let headers = request.headers();
    // RFC 3261 §10.2: To names whom a REGISTER is for; else From says who sends.
    let address = if registers { headers.to() } else { headers.from() };
    let Some(user) = address.ok().and_then(|address| desk.user_of(address.uri())) else { return account };
    let plan = desk.rooms.plan.load();
    match plan.line_on_device(&device, &user) {
        Some(line) if *line != account.line && plan.accounts().is_in_service(line) => {
            let owner = plan.accounts().owner(line).flatten().cloned();
            Account { line: line.clone(), owner, device: Some(device), lent: account.lent }
        }
        _ => account,
    }
}

/// The device that a REGISTER is from: whose account it is, else the one of the line that has this instance.
pub(crate) fn registers(account: &Account, update: &Update, desk: &Desk<'_>) -> Option<Arc<str>> {
    if account.device.is_some() {
        return account.device.clone();
    }
    let plan = desk.rooms.plan.load();
    plan.device_by_instance(&account.line, &update.instance()?).map(Arc::from)
}
