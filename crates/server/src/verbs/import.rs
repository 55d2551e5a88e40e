//! `import`: moving in from another XMPP server.

use std::path::PathBuf;

use operations::Failure;
use operations::exit::Exit;
use operations::migration::{Extent, Files, Origin};
use runtime::Runtime;
use serde_json::json;

use super::Common;
use crate::access::Access;
use crate::moving::{Import, Imported};
use crate::print;

/// What is told of a file's mistakes on the terminal.
const TOLD_MAX: usize = 100;

/// Move in from another XMPP server; what is there already stays, so it may be run again
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// From a file as XEP-0227 describes it
    Xep0227(Source),
    /// From the main file that `ejabberdctl export_piefxis DIR` writes, then from what `ejabberdctl dump FILE` does
    Ejabberd(Source),
    /// From Prosody's data folder (storage "internal"), such as /var/lib/prosody
    Prosody(Source),
}

#[derive(clap::Args)]
struct Source {
    /// The file or folder; it is read here, not by the running server
    path: PathBuf,
    /// Keep nothing, and say what would be done
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    common: Common,
}

impl Arguments {
    pub(super) fn common(&self) -> &Common {
        &self.source().1.common
    }

    fn source(&self) -> (Origin, &Source) {
        match &self.verb {
            Verb::Xep0227(source) => (Origin::Xep0227, source),
            Verb::Ejabberd(source) => (Origin::Ejabberd, source),
            Verb::Prosody(source) => (Origin::Prosody, source),
        }
    }
}

pub(super) async fn run(arguments: Arguments, runtime: &Runtime) -> Result<Exit, Failure> {
    let (origin, source) = arguments.source();
    // Everything is read once before anything is done: a file that is torn is noticed, and the time left is known.
    let extent = Extent::measure(origin, &source.path)?;
    let mut files = Files::open(origin, &source.path)?;
    let mut access = Access::open(&source.common.data, runtime).await?;
    let bar = print::progress_bar(if source.dry_run { "Looking" } else { "Moving in" });
    let imported = Import::new(&mut access, source.dry_run).run(&mut files, extent.steps, &bar).await;
    access.close().await;
    let imported = imported?;
    tell(source, &imported);
    Ok(if imported.left_out_count == 0 { Exit::Done } else { Exit::Invalid })
}

fn tell(source: &Source, imported: &Imported) {
    let counts = &imported.counts;
    if source.common.json {
        let left_out = imported.left_out.iter().map(|(place, whose, message)| {
            json!({ "file": place.file, "line": place.line, "account": whose, "message": message })
        });
        print::json(&json!({
            "dry_run": source.dry_run,
            "accounts_read": imported.accounts,
            "added": counts,
            "left_out": left_out.collect::<Vec<_>>(),
            "left_out_count": imported.left_out_count,
        }));
        return;
    }
    for (place, whose, message) in imported.left_out.iter().take(TOLD_MAX) {
        let line = if place.line > 0 { format!(", line {}", place.line) } else { String::new() };
        eprintln!("carillon: {}{line}: {whose}: {message}", place.file.display());
    }
    let told = u64::try_from(imported.left_out.len().min(TOLD_MAX)).unwrap_or(u64::MAX);
    if imported.left_out_count > told {
        eprintln!(
            "carillon: and {} more were left out; --json tells more of them",
            imported.left_out_count - told
        );
    }
    let done = if source.dry_run { "would be added" } else { "added" };
    print::line(&format!(
        "{} accounts {done}, {} with their passwords; {} accounts were read",
        counts.accounts, counts.passwords, imported.accounts
    ));
    print::line(&format!(
        "{done}: {} contacts, {} requests, {} documents, {} blocked addresses, {} nodes with {} items",
        counts.contacts, counts.requests, counts.documents, counts.blocked, counts.nodes, counts.items
    ));
    print::line(&format!(
        "{done}: {} archived messages, {} waiting messages",
        counts.archived, counts.waiting
    ));
    if imported.left_out_count > 0 {
        print::line(&format!(
            "{} left out: mend them, and run this again; what is there already is not brought twice",
            imported.left_out_count
        ));
    }
}
