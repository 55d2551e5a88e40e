//! `backup`: everything in one file, while the server runs.

use std::path::PathBuf;

use operations::exit::Exit;
use operations::{Failure, Request};
use runtime::Runtime;

use super::{Common, ask};
use crate::print;

/// Write database, configuration and certificate into one new file, while the server runs; DIR/files is not in it
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The file to write; the running server writes it, as its user
    file: PathBuf,
    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) async fn run(arguments: Arguments, runtime: &Runtime) -> Result<Exit, Failure> {
    let path = std::path::absolute(&arguments.file)
        .map_err(|error| Failure::invalid(format!("{}: {error}", arguments.file.display())))?;
    let path: PathBuf = ask(&arguments.common, runtime, Request::Backup { path }).await?;
    if arguments.common.json {
        print::json(&serde_json::json!({ "file": path }));
    } else {
        print::line(&format!(
            "{} holds everything but the files that users sent, which lie in DIR/files: copy that folder too. It is as \
             secret as the server itself. Restore it with `carillon restore {} --data DIR`",
            path.display(),
            path.display()
        ));
    }
    Ok(Exit::Done)
}
