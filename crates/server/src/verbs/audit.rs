//! `audit`: who did what as an administrator.

use model::Timestamp;
use operations::exit::Exit;
use operations::{AuditPage, AuditWanted, Failure, Request};
use runtime::Runtime;

use super::{Common, ask};
use crate::print;

/// Say who did what as an administrator, the latest first: over HTTP, by the control socket, with a chat client
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Only what this one did
    #[arg(long)]
    who: Option<String>,
    /// Only this act, such as user-add
    #[arg(long)]
    act: Option<String>,
    /// Only what was done to this one
    #[arg(long)]
    target: Option<String>,
    /// At this time or later, such as 2026-01-31T08:00:00Z
    #[arg(long)]
    since: Option<Timestamp>,
    /// At most so many
    #[arg(long, default_value_t = 50)]
    max: usize,
    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) async fn run(arguments: Arguments, runtime: &Runtime) -> Result<Exit, Failure> {
    let Arguments { who, act, target, since, max, common } = arguments;
    let wanted = AuditWanted {
        who: who.unwrap_or_default(),
        act: act.unwrap_or_default(),
        target: target.unwrap_or_default(),
        since,
        max,
        ..AuditWanted::default()
    };
    let page: AuditPage = ask(&common, runtime, Request::AuditList(wanted)).await?;
    print::shown(common.json, &page, |page| {
        let rows: Vec<Vec<String>> = page
            .acts
            .iter()
            .map(|act| {
                let target = act.target.clone().unwrap_or_default();
                vec![
                    act.at.to_string(),
                    act.who.clone(),
                    act.how.clone(),
                    act.act.clone(),
                    target,
                    act.result.clone(),
                ]
            })
            .collect();
        print::table(&["AT", "WHO", "HOW", "ACT", "TARGET", "RESULT"], &rows);
    });
    Ok(Exit::Done)
}
