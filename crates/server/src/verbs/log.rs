//! `log`: what the running server writes into its log.

use operations::exit::Exit;
use operations::{Failure, Request};
use runtime::Runtime;

use super::{Common, ask};
use crate::print;

/// See and change what the running server logs
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Set the level of a module until the next start; without arguments show all levels
    Level(Level),
}

#[derive(clap::Args)]
struct Level {
    /// The module, such as im, calls or store::writer, or all
    #[arg(requires = "level")]
    module: Option<String>,
    /// off, error, warn, info, debug or trace
    level: Option<String>,
    #[command(flatten)]
    common: Common,
}

impl Arguments {
    pub(super) fn common(&self) -> &Common {
        let Verb::Level(level) = &self.verb;
        &level.common
    }
}

pub(super) async fn run(arguments: Arguments, runtime: &Runtime) -> Result<Exit, Failure> {
    let Verb::Level(Level { module, level, common }) = arguments.verb;
    let request = match (module, level) {
        (Some(module), Some(level)) => Request::LogLevel { module, level },
        _ => Request::LogLevels,
    };
    let levels: Vec<(String, String)> = ask(&common, runtime, request).await?;
    if common.json {
        let levels: std::collections::BTreeMap<String, String> = levels.into_iter().collect();
        print::json(&levels);
    } else {
        let rows: Vec<Vec<String>> = levels.into_iter().map(|(module, level)| vec![module, level]).collect();
        print::table(&["MODULE", "LEVEL"], &rows);
    }
    Ok(Exit::Done)
}
