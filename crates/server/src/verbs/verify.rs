//! `carillon verify`.

use std::process::ExitCode;

use anyhow::Result;

use super::Common;
use crate::operation::Operation;

pub(super) async fn run(common: Common) -> Result<ExitCode> {
    let value = common.execute(Operation::Verify).await?;
    common.show(&value, |_| "the database is in order".to_owned())
}
