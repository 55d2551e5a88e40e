//! `carillon backup FILE`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use super::{Common, plain};
use crate::operation::Operation;

#[derive(Args)]
pub(crate) struct Options {
    /// The file to write; it must not exist
    file: PathBuf,
    #[command(flatten)]
    common: Common,
}

pub(super) async fn run(options: Options) -> Result<ExitCode> {
    let path = std::path::absolute(&options.file).context("the file's path")?;
    let value = options.common.execute(Operation::Backup { path }).await?;
    options.common.show(&value, |v| {
        format!("wrote {}; not in it, copy them yourself: {}", plain(&v["file"]), plain(&v["outside"]))
    })
}
