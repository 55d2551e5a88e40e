//! Measures side by side with the peers and writes docs/benchmarks.md.

use anyhow::Result;
use clap::Args;

/// Which measures to take.
#[derive(Args)]
pub struct Options {
    /// Only the measures whose name contains this
    filter: Option<String>,
}

/// Takes the measures.
pub fn run(_options: &Options) -> Result<()> {
    Ok(())
}
