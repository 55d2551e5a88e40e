//! `reload`: the running server reads its configuration and certificates again.

use operations::exit::Exit;
use operations::{Failure, Reloaded, Request};
use runtime::Runtime;

use super::{Common, ask};
use crate::print;

/// Let the running server read its configuration and certificates again; sessions and calls go on
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) async fn run(arguments: Arguments, runtime: &Runtime) -> Result<Exit, Failure> {
    let reloaded: Reloaded = ask(&arguments.common, runtime, Request::Reload).await?;
    if arguments.common.json {
        print::json(&reloaded);
        return Ok(Exit::Done);
    }
    print::line("certificates were read again");
    for key in &reloaded.applied {
        print::line(&format!("{key}: the new value holds"));
    }
    let warning = |key: &String| format!("{key} has changed and needs a restart: the old value holds");
    print::warnings(&reloaded.at_next_start.iter().map(warning).collect::<Vec<_>>());
    Ok(Exit::Done)
}
