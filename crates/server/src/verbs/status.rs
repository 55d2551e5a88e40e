//! `status`: what the running server does at this moment.

use operations::exit::Exit;
use operations::{Failure, Request, Status};
use runtime::Runtime;

use super::{Common, ask};
use crate::print;

/// Show who is signed in, which phones are registered, the live calls, and how the running server is
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) async fn run(arguments: Arguments, runtime: &Runtime) -> Result<Exit, Failure> {
    let status: Status = ask(&arguments.common, runtime, Request::Status).await?;
    if arguments.common.json {
        print::json(&status);
    } else {
        show(&status);
    }
    let is_well = status.storage_failure.is_none() && status.listeners.iter().all(|listener| listener.is_up);
    Ok(if is_well { Exit::Done } else { Exit::Findings })
}

fn show(status: &Status) {
    print::line(&format!(
        "carillon {} serves {} since {} s; the storage {}",
        status.version,
        status.domain,
        status.uptime_seconds,
        status.storage_failure.as_deref().map_or("takes writes".to_owned(), |why| format!("fails: {why}")),
    ));
    let rows = status.listeners.iter().map(|listener| {
        let state = if listener.is_up { "up" } else { "DOWN" };
        vec![listener.name.clone(), listener.address.clone(), state.to_owned()]
    });
    section("Listeners", &["SPEAKS", "ADDRESS", "STATE"], rows.collect());
    let rows = status.sessions.iter().map(|session| {
        let show =
            if session.is_waiting { "may resume" } else { session.show.as_deref().unwrap_or("invisible") };
        vec![session.jid.clone(), show.to_owned(), session.address.clone(), session.since.to_string()]
    });
    section("Signed in", &["ADDRESS", "SHOWS", "FROM", "SINCE"], rows.collect());
    let rows = status.registrations.iter().map(|registration| {
        vec![
            registration.line.clone(),
            registration.owner.clone().unwrap_or_default(),
            registration.source.clone(),
            registration.expires.to_string(),
            registration.phone.clone().unwrap_or_default(),
        ]
    });
    section("Registered phones", &["LINE", "OWNER", "FROM", "UNTIL", "PHONE"], rows.collect());
    let rows = status
        .calls
        .iter()
        .map(|call| vec![call.from.clone(), call.to.clone(), call.state.clone(), call.started.to_string()]);
    section("Live calls", &["FROM", "TO", "STATE", "STARTED"], rows.collect());
    if !status.alerts.is_empty() {
        let rows = status.alerts.iter().map(|alert| {
            let times = alert.times.to_string();
            vec![
                alert.at.to_string(),
                alert.what.word().to_owned(),
                alert.who.clone(),
                times,
                alert.text.clone(),
            ]
        });
        section("ALERTS", &["SINCE", "WHAT", "WHO", "TIMES", "WHY"], rows.collect());
    }
}

/// A table under its name and count; the name alone when there is nothing in it.
fn section(name: &str, header: &[&str], rows: Vec<Vec<String>>) {
    print::line(&format!("\n{name}: {}", rows.len()));
    if !rows.is_empty() {
        print::table(header, &rows);
    }
}
