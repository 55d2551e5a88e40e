//! How the node is: what it does at this moment, and what is wrong with the one next action for each.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use operations::role::Right;
use operations::{CallRow, ListenerShown, RegistrationRow, Request, SessionRow};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::caller::Caller;
use super::federation::Federated;
use super::problem::{Problem, Refusals};
use super::trunks::Trunk;
use crate::limits::{ADMIN_CERTIFICATE_DAYS_WARN, ADMIN_FEDERATION_WAIT_WARN};
use crate::routes::Place;

#[derive(OpenApi)]
#[openapi(paths(show, health))]
struct Document;

pub(super) fn noun() -> super::Noun {
    let router =
        Router::new().route("/api/v1/admin/status", get(show)).route("/api/v1/admin/health", get(health));
    (router, Document::openapi())
}

/// What the node does at this moment.
#[derive(Serialize, Deserialize, ToSchema)]
struct Status {
    /// Its version.
    version: String,
    /// Whom it serves.
    domain: String,
    /// How long it has been running, in seconds.
    uptime_seconds: u64,
    /// Why the storage takes no writes; none when it does.
    storage_failure: Option<String>,
    /// Where it listens.
    listeners: Vec<ListenerShown>,
    /// Who is signed in.
    sessions: Vec<SessionRow>,
    /// The phones that are registered.
    registrations: Vec<RegistrationRow>,
    /// The live calls.
    calls: Vec<CallRow>,
    /// What was odd about calls lately.
    alerts: Vec<Alert>,
}

/// Something odd.
#[derive(Serialize, Deserialize, ToSchema)]
struct Alert {
    /// When it was noticed first.
    at: String,
    /// What: `limit`, `short-calls`, `night-calls`, `refused-numbers`, `scanning`.
    what: String,
    /// Who: a line, or an address.
    who: String,
    /// In words.
    text: String,
    /// How often it was noticed since.
    times: u32,
}

/// Something that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
struct Check {
    /// What: `storage`, `listener`, `certificate`, `trunk`, `federation`, `calls`.
    what: &'static str,
    /// `failed`, `warning` or `fine`.
    grade: &'static str,
    /// What was seen.
    text: String,
    /// What to do next; empty when nothing.
    advice: String,
}

/// What was looked at, the worst first.
#[derive(Serialize, ToSchema)]
struct Health {
    /// The worst grade of all.
    grade: &'static str,
    checks: Vec<Check>,
}

/// What the node does at this moment
#[utoipa::path(get, path = "/api/v1/admin/status", tag = "status",
    responses((status = 200, body = Status), Refusals))]
async fn show(caller: Caller) -> Result<Json<Status>, Problem> {
    caller.needs(Right::StatusRead)?;
    caller.perform(Request::Status).await.map(Json)
}

/// What is wrong, and what to do next
#[utoipa::path(get, path = "/api/v1/admin/health", tag = "status",
    responses((status = 200, body = Health), Refusals))]
async fn health(caller: Caller, State(place): State<Place>) -> Result<Json<Health>, Problem> {
    caller.needs(Right::StatusRead)?;
    let status: Status = caller.perform(Request::Status).await?;
    let mut checks = of_status(&status);
    let trunks: Vec<Trunk> = caller.perform(Request::TrunkList).await?;
    checks.extend(trunks.iter().filter_map(of_trunk));
    let others: Vec<Federated> = caller.perform(Request::FederationList).await?;
    checks.extend(others.iter().filter_map(of_domain));
    if let Some(days) = place.web.rooms.tls.days_left(place.web.runtime.timestamp()) {
        checks.push(of_certificate(days));
    }
    Ok(Json(worst_first(checks)))
}

fn check(
    what: &'static str,
    grade: &'static str,
    text: impl Into<String>,
    advice: impl Into<String>,
) -> Check {
    Check { what, grade, text: text.into(), advice: advice.into() }
}

fn worst_first(mut checks: Vec<Check>) -> Health {
    let badness = |check: &Check| match check.grade {
        "failed" => 0,
        "warning" => 1,
        _ => 2,
    };
    checks.sort_by_key(badness);
    Health { grade: checks.first().map_or("fine", |worst| worst.grade), checks }
}

fn of_status(status: &Status) -> Vec<Check> {
    let mut checks = vec![match &status.storage_failure {
        Some(reason) => check(
            "storage",
            "failed",
            format!("The storage takes no writes: {reason}"),
            "Make room on the disk or mend the database; the node tries again by itself.",
        ),
        None => check("storage", "fine", "The storage takes writes.", ""),
    }];
    let down: Vec<&ListenerShown> = status.listeners.iter().filter(|listener| !listener.is_up).collect();
    for listener in &down {
        let text = format!("Nobody is listened to at {} ({}).", listener.address, listener.name);
        checks.push(check("listener", "failed", text, "Look into the log, and start the node again."));
    }
    if down.is_empty() {
        checks.push(check(
            "listener",
            "fine",
            format!("All {} listeners are up.", status.listeners.len()),
            "",
        ));
    }
    checks.extend(status.alerts.iter().map(|alert| {
        let text = format!("{}: {}", alert.who, alert.text);
        check(
            "calls",
            "warning",
            text,
            "Look at the calls of that line, and block it if nobody can explain them.",
        )
    }));
    checks
}

fn of_trunk(trunk: &Trunk) -> Option<Check> {
    let name = &trunk.name;
    if let Some(problem) = &trunk.problem {
        return Some(check(
            "trunk",
            "failed",
            format!("Trunk {name}: {problem}"),
            "Look at its address in the dial plan, and at the name service.",
        ));
    }
    let advice = "Test the trunk, and ask its provider when no server answers.";
    (!trunk.usable).then(|| check("trunk", "failed", format!("No calls go out over trunk {name}."), advice))
}

fn of_domain(other: &Federated) -> Option<Check> {
    let seconds = other.oldest_seconds.filter(|seconds| *seconds >= ADMIN_FEDERATION_WAIT_WARN.as_secs())?;
    let domain = &other.domain;
    let why = other.failure.as_deref().unwrap_or("it does not answer");
    let text = format!("Messages for {domain} have been waiting for {seconds} s: {why}");
    Some(check("federation", "warning", text, format!("Test the way to {domain}.")))
}

fn of_certificate(days: i64) -> Check {
    let advice = "Renew it, then read it again: POST /api/v1/admin/certificates/reload.";
    match days {
        ..0 => check("certificate", "failed", "The certificate is out of time.", advice),
        days if days < ADMIN_CERTIFICATE_DAYS_WARN => {
            check("certificate", "warning", format!("The certificate ends in {days} days."), advice)
        }
        days => check("certificate", "fine", format!("The certificate is good for {days} more days."), ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> Status {
        serde_json::from_value(serde_json::json!({
            "version": "1", "domain": "localhost", "uptime_seconds": 1, "storage_failure": null,
            "listeners": [{"name": "XMPP", "address": "127.0.0.1:5222", "is_up": true}],
            "sessions": [], "registrations": [], "calls": [], "alerts": [],
        }))
        .unwrap()
    }

    #[test]
    fn what_is_wrong_comes_first_and_says_what_to_do() {
        let mut status = status();
        assert_eq!(worst_first(of_status(&status)).grade, "fine");
        status.listeners[0].is_up = false;
        status.storage_failure = Some("disk full".to_owned());
        let health = worst_first(of_status(&status));
        assert_eq!(health.grade, "failed");
        assert!(health.checks.iter().all(|check| !check.advice.is_empty()));
    }

    #[test]
    fn a_certificate_is_warned_of_before_it_ends() {
        assert_eq!(of_certificate(-1).grade, "failed");
        assert_eq!(of_certificate(ADMIN_CERTIFICATE_DAYS_WARN - 1).grade, "warning");
        assert_eq!(of_certificate(ADMIN_CERTIFICATE_DAYS_WARN).grade, "fine");
    }
}
