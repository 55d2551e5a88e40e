//! `carillon restore FILE`: into a data directory that has no database yet.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::json;

use super::{Common, plain};

#[derive(Args)]
pub(crate) struct Options {
    /// The backup
    file: PathBuf,
    #[command(flatten)]
    common: Common,
}

pub(super) async fn run(options: Options) -> Result<ExitCode> {
    let data = options.common.data.data();
    let config = data.config()?;
    let _lock = data.lock()?;
    let Some(target) = data.storage_url(&config).strip_prefix("sqlite:").map(PathBuf::from) else {
        bail!("a PostgreSQL database is restored with pg_restore or psql, not here");
    };
    if target.exists() {
        bail!("{} exists; restore goes into a directory without a database, so that nothing is overwritten", target.display());
    }
    let version = store::backup_check(&options.file).await.context("the backup cannot be used")?;
    let part = target.with_extension("restoring");
    std::fs::copy(&options.file, &part).with_context(|| format!("cannot copy to {}", part.display()))?;
    std::fs::File::open(&part)?.sync_all()?;
    std::fs::rename(&part, &target)?;
    let value = json!({ "database": target, "schema": version });
    options.common.show(&value, |v| format!("restored {} (schema {})", plain(&v["database"]), plain(&v["schema"])))
}
