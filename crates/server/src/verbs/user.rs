//! `carillon user …`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use model::{BareJid, LineId, Number};
use serde_json::Value;

use super::{Common, password_from_stdin, plain, table};
use crate::operation::{IMPORT_COLUMNS, ImportRow, Operation};

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Add a user, with a line if wanted
    Add(Add),
    /// List users
    List(List),
    /// Show one user
    Show(One),
    /// Keep a user from signing in and end their sessions; nothing is deleted
    Disable(One),
    /// Let a disabled user sign in again
    Enable(One),
    /// Remove a user with their lines and waiting messages
    Remove(One),
    /// Give a user another password
    SetPassword(SetPassword),
    /// Add many users from a CSV file with the columns jid,name,password,line,line_password: all or none
    Import(Import),
}

#[derive(Args)]
pub(crate) struct Add {
    /// The address, name@domain
    jid: BareJid,
    /// The name shown to people
    #[arg(long, default_value = "")]
    name: String,
    /// Read the password from standard input, one line
    #[arg(long, required = true)]
    password_stdin: bool,
    /// Give the user a line with this number
    #[arg(long)]
    line: Option<Number>,
    /// Read the line's password from standard input, the next line; otherwise a random one is made and shown
    #[arg(long, requires = "line")]
    line_password_stdin: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
pub(crate) struct List {
    /// Only users who cannot use this mechanism, such as scram-sha-256
    #[arg(long, value_name = "MECHANISM")]
    without: Option<String>,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
pub(crate) struct One {
    /// The address, name@domain
    jid: BareJid,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
pub(crate) struct SetPassword {
    /// The address, name@domain
    jid: BareJid,
    /// Read the password from standard input, one line
    #[arg(long, required = true)]
    password_stdin: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
pub(crate) struct Import {
    /// The CSV file; its first line names the columns
    file: PathBuf,
    #[command(flatten)]
    common: Common,
}

pub(super) async fn run(verb: Verb) -> Result<ExitCode> {
    match verb {
        Verb::Add(options) => add(options).await,
        Verb::List(List { without, common }) => {
            let value = common.execute(Operation::UserList { without }).await?;
            common.show(&value, listed)
        }
        Verb::Show(One { jid, common }) => {
            let value = common.execute(Operation::UserShow { jid }).await?;
            common.show(&value, shown)
        }
        Verb::Disable(one) => enable(one, false).await,
        Verb::Enable(one) => enable(one, true).await,
        Verb::Remove(One { jid, common }) => {
            let value = common.execute(Operation::UserRemove { jid }).await?;
            common.show(&value, |v| format!("removed {}", plain(&v["jid"])))
        }
        Verb::SetPassword(SetPassword { jid, common, .. }) => {
            let password = password_from_stdin("the password")?;
            let value = common.execute(Operation::UserSetPassword { jid, password }).await?;
            common.show(&value, |v| format!("{} has a new password", plain(&v["jid"])))
        }
        Verb::Import(options) => import(options).await,
    }
}

async fn add(options: Add) -> Result<ExitCode> {
    let password = password_from_stdin("the password")?;
    let line_password = if options.line_password_stdin { Some(password_from_stdin("the line's password")?) } else { None };
    let line = options.line.map(|number| (LineId::from(number), line_password));
    let operation = Operation::UserAdd { jid: options.jid, name: options.name, password, line };
    let value = options.common.execute(operation).await?;
    options.common.show(&value, |v| match (v["line"].as_str(), v["line_password"].as_str()) {
        (Some(line), Some(made)) => {
            format!("added {} with line {line}; the line's password, shown once: {made}", plain(&v["jid"]))
        }
        (Some(line), None) => format!("added {} with line {line}", plain(&v["jid"])),
        _ => format!("added {}", plain(&v["jid"])),
    })
}

async fn enable(One { jid, common }: One, enabled: bool) -> Result<ExitCode> {
    let value = common.execute(Operation::UserEnable { jid, enabled }).await?;
    common.show(&value, |v| {
        let word = if enabled { "enabled" } else { "disabled" };
        format!("{word} {}; sessions ended: {}", plain(&v["jid"]), plain(&v["sessions_ended"]))
    })
}

async fn import(options: Import) -> Result<ExitCode> {
    let rows = read(&options.file)?;
    let value = options.common.execute(Operation::UserImport { rows }).await?;
    let code = options.common.show(&value, |v| format!("imported {} users", plain(&v["imported"])))?;
    if let Some(weak) = value["weak_passwords"].as_u64().filter(|weak| *weak > 0 && !options.common.json) {
        eprintln!("carillon: warning: {weak} passwords are weak (fewer than 8 characters, or digits only)");
    }
    Ok(code)
}

/// Reads the file; columns are found by their names, in any order.
fn read(file: &std::path::Path) -> Result<Vec<ImportRow>> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::Headers)
        .from_path(file)
        .with_context(|| format!("cannot read {}", file.display()))?;
    let headers = reader.headers()?.clone();
    let unknown: Vec<&str> = headers.iter().filter(|name| !IMPORT_COLUMNS.contains(name)).collect();
    let known = IMPORT_COLUMNS.join(",");
    if !unknown.is_empty() {
        bail!("{}: unknown column {}; known are {known}", file.display(), unknown.join(", "));
    }
    for needed in ["jid", "password"] {
        if !headers.iter().any(|name| name == needed) {
            bail!("{}: the column {needed} is missing; the first line names the columns: {known}", file.display());
        }
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.with_context(|| format!("{} is not a CSV file", file.display()))?;
        let at = record.position().map_or(0, csv::Position::line);
        let cell = |column: &str| {
            let place = headers.iter().position(|name| name == column);
            place.and_then(|place| record.get(place)).unwrap_or_default().to_owned()
        };
        rows.push(ImportRow {
            at,
            jid: cell("jid"),
            name: cell("name"),
            password: cell("password"),
            line: cell("line"),
            line_password: cell("line_password"),
        });
    }
    Ok(rows)
}

fn listed(value: &Value) -> String {
    let mut rows = vec![vec!["ADDRESS".to_owned(), "NAME".to_owned(), "ENABLED".to_owned()]];
    for user in value.as_array().into_iter().flatten() {
        rows.push(["jid", "name", "enabled"].iter().map(|key| plain(&user[*key])).collect());
    }
    table(&rows)
}

fn shown(value: &Value) -> String {
    let rows: Vec<Vec<String>> = ["jid", "name", "enabled", "lines", "mechanisms", "contacts"]
        .iter()
        .map(|key| vec![format!("{key}:"), plain(&value[*key])])
        .collect();
    table(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<Vec<ImportRow>> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("users.csv");
        std::fs::write(&file, text)?;
        read(&file)
    }

    #[test]
    fn columns_are_found_by_name_in_any_order() {
        let rows = check("password, jid\nsecret,ann@example.org\n").unwrap();
        assert_eq!((rows[0].jid.as_str(), rows[0].password.as_str(), rows[0].at), ("ann@example.org", "secret", 2));
    }

    #[test]
    fn unknown_and_missing_columns_are_named() {
        assert!(check("jid,pass\n").unwrap_err().to_string().contains("pass"));
        assert!(check("jid,name\n").unwrap_err().to_string().contains("password"));
    }
}
