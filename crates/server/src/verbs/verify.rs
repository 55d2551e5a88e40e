//! `verify`: is everything that is kept whole?

use operations::exit::Exit;
use operations::{Failure, Request, Verified};
use runtime::Runtime;

use super::{Common, ask};
use crate::print;

/// Check that everything that is kept is whole, while the server runs
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) async fn run(arguments: Arguments, runtime: &Runtime) -> Result<Exit, Failure> {
    let verified: Verified = ask(&arguments.common, runtime, Request::Verify).await?;
    if arguments.common.json {
        print::json(&verified);
    } else if verified.findings.is_empty() {
        print::line("the storage is whole");
    } else {
        for finding in &verified.findings {
            print::line(finding);
        }
        eprintln!("carillon: restore the newest backup that verifies, and tell us what happened before");
    }
    Ok(if verified.findings.is_empty() { Exit::Done } else { Exit::Findings })
}
