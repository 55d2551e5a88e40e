//! `archive`: what was said and is kept.

use model::{BareJid, Jid};
use operations::exit::Exit;
use operations::{Deleted, Failure, Request};
use runtime::Runtime;

use super::{Common, ask};
use crate::print;

/// Delete from the archives of users and rooms
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Take messages out of one archive; those who were talked with keep theirs
    Delete(Delete),
}

#[derive(clap::Args)]
struct Delete {
    /// The user, or the room
    jid: BareJid,
    /// Only what is older than this day or time, in UTC, such as 2026-01-31
    #[arg(long, value_name = "DATE")]
    before: Option<String>,
    /// Only what was exchanged with this address
    #[arg(long, value_name = "JID")]
    with: Option<Jid>,
    #[command(flatten)]
    common: Common,
}

impl Arguments {
    pub(super) fn common(&self) -> &Common {
        let Verb::Delete(delete) = &self.verb;
        &delete.common
    }
}

pub(super) async fn run(arguments: Arguments, runtime: &Runtime) -> Result<Exit, Failure> {
    let Verb::Delete(Delete { jid, before, with, common }) = arguments.verb;
    let request = Request::ArchiveDelete { owner: jid, before, with };
    let deleted: Deleted = ask(&common, runtime, request).await?;
    if common.json {
        print::json(&deleted);
    } else {
        print::line(&format!("{} messages are gone from the archive of {}", deleted.messages, deleted.owner));
    }
    Ok(Exit::Done)
}
