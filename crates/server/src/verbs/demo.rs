//! `demo`: a whole server in a temporary directory, and the scene that it plays.

use operations::Failure;
use operations::exit::Exit;

use crate::demo;

/// Play the demonstration: a server of its own, three users, a call that chat sees; then stay up to be joined
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Add this to every port
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=20_000))]
    port_offset: u16,
    /// End after the scene, with 0 when all was seen and 1 when not
    #[arg(long)]
    scene_only: bool,
}

pub(super) async fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    demo::run(arguments.port_offset, arguments.scene_only)
        .await
        .map(|()| Exit::Done)
        .map_err(|error| Failure::new(Exit::Failed, format!("{error:#}")))
}
