//! `version`: of this program, and of the node that runs.

use operations::exit::Exit;
use operations::folder;
use operations::{Failure, Request};
use runtime::Runtime;

use super::Common;
use crate::control::Client;
use crate::print;

/// Show the version of this program and of the server that runs
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) async fn run(arguments: Arguments, runtime: &Runtime) -> Result<Exit, Failure> {
    let ours = env!("CARGO_PKG_VERSION");
    let running = match Client::connect(runtime, &folder::socket_path(&arguments.common.data)).await {
        Some(mut node) => {
            let value = node.request(&Request::Version, &|_| {}).await?;
            value.as_str().map(str::to_owned)
        }
        None => None,
    };
    if arguments.common.json {
        print::json(&serde_json::json!({ "version": ours, "running": running }));
    } else {
        print::line(&format!("carillon {ours}"));
        if let Some(running) = running {
            print::line(&format!("running: carillon {running}"));
        }
    }
    Ok(Exit::Done)
}
