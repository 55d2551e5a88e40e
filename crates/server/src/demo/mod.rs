//! The demo.

use anyhow::Result;

/// Plays.
pub async fn run(_port_offset: u16, _scene_only: bool) -> Result<()> {
    Ok(())
}
