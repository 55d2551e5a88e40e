//! The levels of the running node's log.

use super::{Context, Failure, running};

pub(crate) fn set_level(
    context: &Context,
    module: &str,
    level: &str,
) -> Result<Vec<(String, String)>, Failure> {
    let levels = running::node(context)?.levels();
    levels.set(module, level).map_err(|error| Failure::invalid(error.to_string()))?;
    Ok(levels.list())
}

pub(crate) fn levels(context: &Context) -> Result<Vec<(String, String)>, Failure> {
    Ok(running::node(context)?.levels().list())
}
