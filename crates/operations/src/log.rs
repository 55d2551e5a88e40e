//! The levels of the running node's log.

use crate::{Context, Failure, running};

pub(crate) fn set_level(
    context: &Context,
    module: &str,
    level: &str,
) -> Result<Vec<(String, String)>, Failure> {
    let node = running::node(context)?;
    node.set_level(module, level)?;
    Ok(node.levels())
}

pub(crate) fn levels(context: &Context) -> Result<Vec<(String, String)>, Failure> {
    Ok(running::node(context)?.levels())
}
