//! Tests against foreign software on real sockets; each result is a line in tests/interop/results.jsonl.

use anyhow::Result;
use clap::Args;

/// Which tests to run.
#[derive(Args)]
pub struct Options {
    /// Run only the tests whose name contains this
    filter: Option<String>,
}

impl Options {
    /// Every test.
    pub fn all() -> Self {
        Self { filter: None }
    }
}

/// Runs the tests one after the other against a fresh server each.
pub fn run(_options: &Options) -> Result<()> {
    Ok(())
}
