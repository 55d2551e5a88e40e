//! The levels of the running node's log.

use super::{Context, Failure};
use crate::exit::Exit;
use crate::logging::Levels;

pub(crate) fn set_level(
    context: &Context,
    module: &str,
    level: &str,
) -> Result<Vec<(String, String)>, Failure> {
    let levels = running(context)?;
    levels.set(module, level).map_err(|error| Failure::invalid(error.to_string()))?;
    Ok(levels.list())
}

pub(crate) fn levels(context: &Context) -> Result<Vec<(String, String)>, Failure> {
    Ok(running(context)?.list())
}

fn running(context: &Context) -> Result<&Levels, Failure> {
    context.levels.as_ref().ok_or_else(|| {
        Failure::new(
            Exit::Unavailable,
            "no node runs on this data directory: levels are changed while it runs, and set for its start by \
             [log] level",
        )
    })
}
