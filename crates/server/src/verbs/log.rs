//! `carillon log level MODULE LEVEL`.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};

use super::{Common, plain};
use crate::operation::Operation;

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Change one module's level until the next start
    Level(Level),
}

#[derive(Args)]
pub(crate) struct Level {
    /// The module, such as im or calls; `all` for the rest
    module: String,
    /// error, warn, info, debug, trace or off
    level: String,
    #[command(flatten)]
    common: Common,
}

pub(super) async fn run(Verb::Level(options): Verb) -> Result<ExitCode> {
    let Level { module, level, common } = options;
    let value = common.execute(Operation::LogLevel { module, level }).await?;
    common.show(&value, |v| format!("{} logs at {}", plain(&v["module"]), plain(&v["level"])))
}
