//! `line`: which numbers phones may register.

use model::{BareJid, LineId, Number, Partition};
use runtime::Runtime;

use super::user::password_set;
use super::{Common, ask, secret_from_stdin};
use crate::exit::Exit;
use crate::operations::{Failure, LineAdded, LineShown, NewLine, Request};
use crate::print;

/// Add, list, change and remove lines
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Add a line; without --password-stdin the password is made up and shown once
    Add(Add),
    /// List all lines
    List(Common),
    /// Remove a line; its phones can no longer register
    Remove(One),
    /// Give a line another password; without --password-stdin it is made up and shown once
    SetPassword(SetPassword),
}

#[derive(clap::Args)]
struct Which {
    /// The number: digits, * and #
    number: Number,
    /// The partition that the line is in
    #[arg(long, value_name = "NAME", default_value_t = Partition::default())]
    partition: Partition,
}

impl From<Which> for LineId {
    fn from(which: Which) -> Self {
        Self { number: which.number, partition: which.partition }
    }
}

#[derive(clap::Args)]
struct Add {
    #[command(flatten)]
    which: Which,
    /// The user whose line it is
    #[arg(long, value_name = "JID")]
    owner: Option<BareJid>,
    /// Read the password from standard input, one line
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct One {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct SetPassword {
    #[command(flatten)]
    which: Which,
    /// Read the password from standard input, one line
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    common: Common,
}

impl Arguments {
    pub(super) fn common(&self) -> &Common {
        match &self.verb {
            Verb::Add(add) => &add.common,
            Verb::List(common) => common,
            Verb::Remove(one) => &one.common,
            Verb::SetPassword(set) => &set.common,
        }
    }
}

pub(super) async fn run(arguments: Arguments, runtime: &Runtime) -> Result<Exit, Failure> {
    let common = arguments.common().clone();
    match arguments.verb {
        Verb::Add(Add { which, owner, password_stdin, .. }) => {
            let password = secret_from_stdin(password_stdin)?;
            let request = Request::LineAdd(NewLine { line: which.into(), owner, password });
            let added: LineAdded = ask(&common, runtime, request).await?;
            print::warnings(&added.warnings);
            if common.json {
                print::json(&added);
            } else {
                print::line(&format!("line {} added", added.line));
                if let Some(password) = added.password {
                    print::line(&format!("password, shown this once: {password}"));
                }
            }
        }
        Verb::List(_) => list(&common, runtime).await?,
        Verb::Remove(One { which, .. }) => {
            let line: LineShown = ask(&common, runtime, Request::LineRemove { line: which.into() }).await?;
            if common.json {
                print::json(&line);
            } else {
                print::line(&format!("line {} is removed", line.number));
            }
        }
        Verb::SetPassword(SetPassword { which, password_stdin, .. }) => {
            let password = secret_from_stdin(password_stdin)?;
            let request = Request::LineSetPassword { line: which.into(), password };
            password_set(&common, &ask(&common, runtime, request).await?);
        }
    }
    Ok(Exit::Done)
}

async fn list(common: &Common, runtime: &Runtime) -> Result<(), Failure> {
    let lines: Vec<LineShown> = ask(common, runtime, Request::LineList).await?;
    if common.json {
        print::json(&lines);
        return Ok(());
    }
    let rows: Vec<Vec<String>> = lines
        .into_iter()
        .map(|line| {
            let owner = line.owner.map(|owner| owner.to_string()).unwrap_or_default();
            vec![line.number, line.partition, owner]
        })
        .collect();
    print::table(&["NUMBER", "PARTITION", "OWNER"], &rows);
    Ok(())
}
