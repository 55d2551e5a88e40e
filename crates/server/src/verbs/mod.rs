//! The verbs of the command line, one file each.

mod announce;
mod archive;
mod audit;
mod backup;
mod call;
mod check;
mod completions;
mod demo;
mod device;
mod dialplan;
mod export;
mod federation;
mod group;
mod import;
mod init;
mod invitation;
mod ladder;
mod line;
mod log;
mod man;
mod queue;
mod recover_admin;
mod reload;
mod restore;
mod serve;
mod sound;
mod status;
mod trunk;
mod user;
mod verify;
mod version;

use std::io::BufRead;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, CommandFactory, Parser, Subcommand};
use operations::exit::{self, Exit};
use operations::{Failure, Request, Secret};
use runtime::Runtime;

use crate::access::Access;
use crate::print;

/// Where data lies unless said otherwise.
const DATA_DEFAULT: &str = "/var/lib/carillon";

/// How long threads may still block after a verb has ended.
const EXECUTOR_STOP_TIME: Duration = Duration::from_millis(100);

/// Chat and telephone for one organisation.
#[derive(Parser)]
#[command(name = "carillon", version, about, long_about = None, after_help = exit::TABLE)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Init(init::Arguments),
    Serve(serve::Arguments),
    Demo(demo::Arguments),
    User(user::Arguments),
    Line(line::Arguments),
    Device(device::Arguments),
    Dialplan(dialplan::Arguments),
    Trunk(trunk::Arguments),
    Sound(sound::Arguments),
    Queue(queue::Arguments),
    Group(group::Arguments),
    Announce(announce::Arguments),
    Archive(archive::Arguments),
    Call(call::Arguments),
    Import(import::Arguments),
    Export(export::Arguments),
    Backup(backup::Arguments),
    Restore(restore::Arguments),
    Verify(verify::Arguments),
    Reload(reload::Arguments),
    Status(status::Arguments),
    Log(log::Arguments),
    Federation(federation::Arguments),
    Check(check::Arguments),
    RecoverAdmin(recover_admin::Arguments),
    Audit(audit::Arguments),
    Version(version::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
}

/// What every verb that works on a data directory takes.
#[derive(Args, Clone)]
struct Common {
    /// The data directory
    #[arg(long, value_name = "DIR", env = "CARILLON_DATA", default_value = DATA_DEFAULT)]
    data: PathBuf,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

/// Reads the command line and does it.
pub fn main() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are asked for and go to standard output; mistakes to standard error.
            let _closed = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Done };
        }
    };
    let as_json = cli.verb.json();
    let executor = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(executor) => executor,
        Err(error) => {
            eprintln!("carillon: no threads could be started: {error}");
            return Exit::Failed;
        }
    };
    let ended = executor.block_on(run(cli.verb));
    // What still blocks a thread, such as a password being derived, must not hold up the end.
    executor.shutdown_timeout(EXECUTOR_STOP_TIME);
    match ended {
        Ok(exit) => exit,
        Err(failure) => {
            print::failure(&failure, as_json);
            failure.exit
        }
    }
}

async fn run(verb: Verb) -> Result<Exit, Failure> {
    let runtime = Runtime::real();
    match verb {
        Verb::Init(arguments) => init::run(arguments, &runtime).await,
        Verb::Serve(arguments) => serve::run(arguments, &runtime).await,
        Verb::Demo(arguments) => demo::run(&arguments).await,
        Verb::User(arguments) => user::run(arguments, &runtime).await,
        Verb::Line(arguments) => line::run(arguments, &runtime).await,
        Verb::Device(arguments) => device::run(arguments, &runtime).await,
        Verb::Announce(arguments) => announce::run(arguments, &runtime).await,
        Verb::Dialplan(arguments) => dialplan::run(arguments, &runtime).await,
        Verb::Sound(arguments) => sound::run(arguments, &runtime).await,
        Verb::Queue(arguments) => queue::run(arguments, &runtime).await,
        Verb::Trunk(arguments) => trunk::run(arguments, &runtime).await,
        Verb::Group(arguments) => group::run(arguments, &runtime).await,
        Verb::Archive(arguments) => archive::run(arguments, &runtime).await,
        Verb::Call(arguments) => call::run(arguments, &runtime).await,
        Verb::Import(arguments) => import::run(arguments, &runtime).await,
        Verb::Export(arguments) => export::run(arguments, &runtime).await,
        Verb::Backup(arguments) => backup::run(arguments, &runtime).await,
        Verb::Restore(arguments) => restore::run(arguments, &runtime).await,
        Verb::Verify(arguments) => verify::run(arguments, &runtime).await,
        Verb::Reload(arguments) => reload::run(arguments, &runtime).await,
        Verb::Status(arguments) => status::run(arguments, &runtime).await,
        Verb::Log(arguments) => log::run(arguments, &runtime).await,
        Verb::Federation(arguments) => federation::run(arguments, &runtime).await,
        Verb::Check(arguments) => check::run(arguments, &runtime).await,
        Verb::RecoverAdmin(arguments) => recover_admin::run(arguments, &runtime).await,
        Verb::Audit(arguments) => audit::run(arguments, &runtime).await,
        Verb::Version(arguments) => version::run(arguments, &runtime).await,
        Verb::Completions(arguments) => Ok(completions::run(&arguments)),
        Verb::Man(arguments) => man::run(&arguments),
    }
}

impl Verb {
    fn json(&self) -> bool {
        match self {
            Self::Init(arguments) => arguments.json(),
            Self::User(arguments) => arguments.common().json,
            Self::Line(arguments) => arguments.common().json,
            Self::Device(arguments) => arguments.common().json,
            Self::Announce(arguments) => arguments.common().json,
            Self::Dialplan(arguments) => arguments.common().json,
            Self::Group(arguments) => arguments.common().json,
            Self::Archive(arguments) => arguments.common().json,
            Self::Call(arguments) => arguments.common().json,
            Self::Import(arguments) => arguments.common().json,
            Self::Export(arguments) => arguments.common().json,
            Self::Backup(arguments) => arguments.common.json,
            Self::Restore(arguments) => arguments.common.json,
            Self::Verify(arguments) => arguments.common.json,
            Self::Reload(arguments) => arguments.common.json,
            Self::Status(arguments) => arguments.common.json,
            Self::Log(arguments) => arguments.common().json,
            Self::Sound(arguments) => arguments.common().json,
            Self::Queue(arguments) => arguments.common().json,
            Self::Trunk(arguments) => arguments.common().json,
            Self::Federation(arguments) => arguments.common().json,
            Self::Check(arguments) => arguments.common.json,
            Self::RecoverAdmin(arguments) => arguments.common.json,
            Self::Audit(arguments) => arguments.common.json,
            Self::Version(arguments) => arguments.common.json,
            Self::Serve(_) | Self::Demo(_) | Self::Completions(_) | Self::Man(_) => false,
        }
    }
}

/// Makes a data directory as `init` does; answers the administrator's one-time password.
///
/// # Errors
/// Something is there already, or the domain is not one; then nothing is left behind.
pub async fn make_data(
    data: &Path,
    domain: &str,
    listen: Option<IpAddr>,
    port_offset: u16,
    runtime: &Runtime,
) -> Result<String, Failure> {
    let domain = domain
        .parse()
        .map_err(|_| Failure::invalid(format!("{domain:?} is not a domain such as example.org")))?;
    let start = crate::config::Start { domain, addresses: listen.into_iter().collect(), port_offset };
    init::make(data, &start, runtime).await
}

fn command() -> clap::Command {
    Cli::command()
}

/// Does one operation, wherever the way in leads.
async fn ask<T: serde::de::DeserializeOwned>(
    common: &Common,
    runtime: &Runtime,
    request: Request,
) -> Result<T, Failure> {
    ask_with(common, runtime, request, &|_| {}).await
}

async fn ask_with<T: serde::de::DeserializeOwned>(
    common: &Common,
    runtime: &Runtime,
    request: Request,
    progress: operations::Listener<'_>,
) -> Result<T, Failure> {
    let mut access = Access::open(&common.data, runtime).await?;
    let answer = access.perform(request, progress).await;
    access.close().await;
    answer
}

/// Reads passwords from standard input, one a line: they must never stand in a command line, which others can see.
fn secrets_from_stdin(wanted: &[&str]) -> Result<Vec<Secret>, Failure> {
    let mut lines = std::io::stdin().lock().lines();
    wanted
        .iter()
        .map(|what| match lines.next() {
            Some(Ok(line)) => Ok(Secret(line.trim_end_matches('\r').to_owned())),
            Some(Err(error)) => Err(Failure::invalid(format!("{what} could not be read: {error}"))),
            None => Err(Failure::invalid(format!("{what} is missing on standard input, one line each"))),
        })
        .collect()
}

fn secret_from_stdin(given: bool) -> Result<Option<Secret>, Failure> {
    if given { Ok(secrets_from_stdin(&["the password"])?.pop()) } else { Ok(None) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn no_verb_takes_a_password_as_an_argument() {
        fn check(command: &clap::Command) {
            for argument in command.get_arguments().filter(|a| a.get_id().as_str().contains("password")) {
                assert!(
                    !argument.get_action().takes_values(),
                    "{} {}",
                    command.get_name(),
                    argument.get_id()
                );
            }
            command.get_subcommands().for_each(check);
        }
        check(&command());
    }

    #[test]
    fn every_verb_and_argument_has_a_help_text() {
        fn check(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
            }
            command.get_subcommands().for_each(check);
        }
        check(&command());
    }
}
