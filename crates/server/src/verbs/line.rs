//! `carillon line …`.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};
use model::{BareJid, LineId, Number, Partition};
use serde_json::Value;

use super::{Common, password_from_stdin, plain, table};
use crate::operation::Operation;

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Add a line
    Add(Add),
    /// List lines
    List(Common),
    /// Remove a line and its registrations
    Remove(One),
    /// Give a line another password
    SetPassword(SetPassword),
}

#[derive(Args)]
pub(crate) struct One {
    /// The number
    number: Number,
    /// Its partition
    #[arg(long, default_value = model::PARTITION_DEFAULT)]
    partition: Partition,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
pub(crate) struct Add {
    #[command(flatten)]
    one: One,
    /// The user whose line it is
    #[arg(long)]
    owner: Option<BareJid>,
    /// Read the password from standard input, one line; otherwise a random one is made and shown
    #[arg(long)]
    password_stdin: bool,
}

#[derive(Args)]
pub(crate) struct SetPassword {
    #[command(flatten)]
    one: One,
    /// Read the password from standard input, one line; otherwise a random one is made and shown
    #[arg(long)]
    password_stdin: bool,
}

pub(super) async fn run(verb: Verb) -> Result<ExitCode> {
    match verb {
        Verb::Add(Add { one, owner, password_stdin }) => {
            let (line, common) = one.split();
            let operation = Operation::LineAdd { line, owner, password: password(password_stdin)? };
            let value = common.execute(operation).await?;
            common.show(&value, |v| told("added", v))
        }
        Verb::List(common) => {
            let value = common.execute(Operation::LineList).await?;
            common.show(&value, listed)
        }
        Verb::Remove(one) => {
            let (line, common) = one.split();
            let value = common.execute(Operation::LineRemove { line }).await?;
            common.show(&value, |v| format!("removed line {}", plain(&v["line"])))
        }
        Verb::SetPassword(SetPassword { one, password_stdin }) => {
            let (line, common) = one.split();
            let operation = Operation::LineSetPassword { line, password: password(password_stdin)? };
            let value = common.execute(operation).await?;
            common.show(&value, |v| told("changed", v))
        }
    }
}

impl One {
    fn split(self) -> (LineId, Common) {
        (LineId { number: self.number, partition: self.partition }, self.common)
    }
}

fn password(from_stdin: bool) -> Result<Option<String>> {
    if from_stdin { Ok(Some(password_from_stdin("the line's password")?)) } else { Ok(None) }
}

fn told(word: &str, value: &Value) -> String {
    match value["line_password"].as_str() {
        Some(made) => format!("{word} line {}; its password, shown once: {made}", plain(&value["line"])),
        None => format!("{word} line {}", plain(&value["line"])),
    }
}

fn listed(value: &Value) -> String {
    let mut rows = vec![vec!["NUMBER".to_owned(), "PARTITION".to_owned(), "OWNER".to_owned()]];
    for line in value.as_array().into_iter().flatten() {
        rows.push(["number", "partition", "owner"].iter().map(|key| plain(&line[*key])).collect());
    }
    table(&rows)
}
