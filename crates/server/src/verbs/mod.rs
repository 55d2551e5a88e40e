//! The verbs of the command, one file each, and what is the same for all: data directory, `--json`, exit codes.

mod backup;
mod check;
mod demo;
mod init;
mod line;
mod log;
mod manual;
mod restore;
mod serve;
mod status;
mod user;
mod verify;

use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use runtime::Runtime;
use serde_json::Value;

use crate::config::ConfigError;
use crate::control::{Answered, ask};
use crate::data::Data;
use crate::operation::{Failure, FailureKind, House, Operation};

/// Chat, calls and presence for one organisation.
#[derive(Parser)]
#[command(name = "carillon", version, about, after_help = EXIT_CODES, max_term_width = 100)]
pub struct Command {
    #[command(subcommand)]
    verb: Verb,
}

/// What every exit code means.
const EXIT_CODES: &str = "Exit codes:
  0  done
  1  something failed; the text says what
  2  the words of the command were wrong
  3  carillon.toml is wrong; the text names file, line and key
  4  refused: it exists already, does not exist, or is not allowed
  5  the storage does not work";

#[derive(Subcommand)]
enum Verb {
    /// Play the main job on loopback with three users and their phones, then stay up to be joined
    Demo(demo::Options),
    /// Make a data directory: configuration, database, certificate, administrator's password
    Init(init::Options),
    /// Run the server
    Serve(DataOption),
    /// Users: add, list, show, disable, enable, remove, set-password, import
    #[command(subcommand)]
    User(user::Verb),
    /// Lines: add, list, remove, set-password
    #[command(subcommand)]
    Line(line::Verb),
    /// Write a backup to one file, while the server runs
    Backup(backup::Options),
    /// Bring a backup into a data directory that has no database
    Restore(restore::Options),
    /// Check the database, while the server runs
    Verify(Common),
    /// Change a module's log level at run time
    #[command(subcommand)]
    Log(log::Verb),
    /// Check configuration, certificates, ports and DNS, and say what to do
    Check(Common),
    /// What the running server does
    Status(Common),
    /// The version
    Version(manual::VersionOptions),
    /// Print completions for a shell
    Completions(manual::CompletionsOptions),
    /// Write the man pages into a folder
    Man(manual::ManOptions),
}

/// Where the data is.
#[derive(Args, Clone)]
pub(crate) struct DataOption {
    /// The data directory
    #[arg(long, value_name = "DIR", default_value = "/var/lib/carillon", env = "CARILLON_DATA")]
    data: PathBuf,
}

/// Where the data is, and how to answer.
#[derive(Args, Clone)]
pub(crate) struct Common {
    #[command(flatten)]
    data: DataOption,
    /// Answer with JSON
    #[arg(long)]
    json: bool,
}

impl Command {
    /// Runs the verb to its end.
    pub fn run(self) -> ExitCode {
        let done = match self.verb {
            Verb::Serve(options) => serve::run(&options),
            Verb::Demo(options) => demo::run(&options),
            Verb::Init(options) => block_on(init::run(options)),
            Verb::User(verb) => block_on(user::run(verb)),
            Verb::Line(verb) => block_on(line::run(verb)),
            Verb::Backup(options) => block_on(backup::run(options)),
            Verb::Restore(options) => block_on(restore::run(options)),
            Verb::Verify(common) => block_on(verify::run(common)),
            Verb::Log(verb) => block_on(log::run(verb)),
            Verb::Check(common) => block_on(check::run(common)),
            Verb::Status(common) => block_on(status::run(common)),
            Verb::Version(options) => manual::version(&options),
            Verb::Completions(options) => manual::completions(&options),
            Verb::Man(options) => manual::man(&options),
        };
        match done {
            Ok(code) => code,
            Err(error) => {
                eprintln!("carillon: {error:#}");
                if let Some(failure) = error.downcast_ref::<Failure>() {
                    failure.rows.iter().for_each(|row| eprintln!("  {row}"));
                }
                ExitCode::from(exit_code(&error))
            }
        }
    }
}

fn exit_code(error: &anyhow::Error) -> u8 {
    if error.downcast_ref::<ConfigError>().is_some() {
        return 3;
    }
    match error.downcast_ref::<Failure>().map(|failure| failure.kind) {
        Some(FailureKind::Refused) => 4,
        Some(FailureKind::Storage) => 5,
        None => 1,
    }
}

/// A runtime for a verb that does one thing.
fn block_on(future: impl Future<Output = Result<ExitCode>>) -> Result<ExitCode> {
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    tokio.block_on(future)
}

impl DataOption {
    fn data(&self) -> Data {
        Data::new(&self.data)
    }
}

impl Common {
    /// Has the operation done: by the running node if there is one, else here under the directory's lock.
    async fn execute(&self, operation: Operation) -> Result<Value> {
        let bar = ProgressBar::hidden();
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} {percent}% {eta} left") {
            bar.set_style(style);
        }
        let progress = |done: usize, all: usize| {
            if bar.is_hidden() && all > 1 {
                bar.set_draw_target(indicatif::ProgressDrawTarget::stderr());
            }
            bar.set_length(all as u64);
            bar.set_position(done as u64);
        };
        let data = self.data.data();
        let outcome = match ask(&data.control_socket(), operation, &progress).await? {
            Answered::Yes(outcome) => outcome,
            Answered::NobodyThere(operation) => {
                let config = data.config()?;
                let _lock = data.lock()?;
                let runtime = Runtime::real();
                let store = data.store(&config, &runtime).await?;
                let house = House { store: store.clone(), domain: config.domain, runtime, running: None };
                let outcome = house.execute(operation, &progress).await;
                store.close().await;
                outcome
            }
        };
        bar.finish_and_clear();
        Ok(outcome?)
    }

    /// Shows what an operation gave: as JSON, or as `words` say it.
    fn show(&self, value: &Value, words: impl FnOnce(&Value) -> String) -> Result<ExitCode> {
        let text = if self.json { serde_json::to_string_pretty(value)? } else { words(value) };
        print(&text)?;
        if let Some(warning) = value["warning"].as_str().filter(|_| !self.json) {
            eprintln!("carillon: warning: {warning}");
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Prints a text; a reader that went away is no error.
fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// The next line of standard input, for a password: never an argument, which everybody on the machine could read.
fn password_from_stdin(what: &str) -> Result<String> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).with_context(|| format!("cannot read {what}"))?;
    let password = line.trim_end_matches(['\r', '\n']);
    anyhow::ensure!(!password.is_empty(), "{what} is expected on standard input, one line");
    Ok(password.to_owned())
}

/// A table as text: columns as wide as their widest cell.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|r| r.get(column)).map(|c| c.chars().count()).max();
    let widths: Vec<usize> = (0..columns).filter_map(width).collect();
    let line = |row: &Vec<String>| -> String {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A value as a person reads it.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Command::command().debug_assert();
    }

    #[test]
    fn exit_codes_follow_the_kind_of_failure() {
        assert_eq!(exit_code(&Failure::refused("x").into()), 4);
        let storage = Failure { kind: FailureKind::Storage, ..Failure::refused("x") };
        assert_eq!(exit_code(&anyhow::Error::from(storage).context("more")), 5);
        assert_eq!(exit_code(&anyhow::anyhow!("x")), 1);
    }

    #[test]
    fn a_table_lines_up() {
        let rows = [vec!["a".to_owned(), "b".to_owned()], vec!["long".to_owned(), "c".to_owned()]];
        assert_eq!(table(&rows), "a     b\nlong  c");
    }
}
