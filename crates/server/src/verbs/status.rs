//! `carillon status`.

use std::process::ExitCode;

use anyhow::Result;

use super::{Common, plain, table};
use crate::operation::Operation;

pub(super) async fn run(common: Common) -> Result<ExitCode> {
    let value = common.execute(Operation::Status).await?;
    common.show(&value, |v| {
        let rows: Vec<Vec<String>> = v
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, value)| vec![format!("{}:", key.replace('_', " ")), plain(value)])
            .collect();
        table(&rows)
    })
}
