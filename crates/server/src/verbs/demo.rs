//! `carillon demo`: the main job on loopback, played and then left running to be joined.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::demo;

#[derive(Args)]
pub(crate) struct Options {
    /// Added to every default port
    #[arg(long, default_value_t = 0, value_name = "N")]
    port_offset: u16,
    /// Play the scene and exit: 0 when every step was seen, 1 when not
    #[arg(long)]
    scene_only: bool,
}

pub(super) fn run(options: &Options) -> Result<ExitCode> {
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let played = tokio.block_on(demo::run(options.port_offset, options.scene_only));
    tokio.shutdown_background();
    played.map(|()| ExitCode::SUCCESS)
}
