//! `export`: all accounts in a file for other servers.

use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use operations::exit::Exit;
use operations::migration::{MAM, PIE};
use operations::{AccountExported, Failure, Listener, Progress, Request, UserShown};
use runtime::Runtime;

use super::Common;
use crate::access::Access;
use crate::print;

/// Write all accounts into a file for other XMPP servers
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// As XEP-0227 describes it, with credentials and archives
    Xep0227(Target),
}

#[derive(clap::Args)]
struct Target {
    /// The file to write; it must not be there yet
    path: PathBuf,
    #[command(flatten)]
    common: Common,
}

impl Arguments {
    pub(super) fn common(&self) -> &Common {
        let Verb::Xep0227(target) = &self.verb;
        &target.common
    }
}

pub(super) async fn run(arguments: Arguments, runtime: &Runtime) -> Result<Exit, Failure> {
    let Verb::Xep0227(target) = arguments.verb;
    let mut access = Access::open(&target.common.data, runtime).await?;
    let bar = print::progress_bar("Writing accounts");
    let written = write(&mut access, &target.path, &bar).await;
    access.close().await;
    let accounts = written?;
    if target.common.json {
        print::json(&serde_json::json!({ "file": target.path, "accounts": accounts }));
    } else {
        print::line(&format!(
            "{accounts} accounts are in {}; it is as secret as the server itself",
            target.path.display()
        ));
    }
    Ok(Exit::Done)
}

async fn write(access: &mut Access, path: &Path, progress: Listener<'_>) -> Result<u64, Failure> {
    let failed = |error: std::io::Error| Failure::invalid(format!("{}: {error}", path.display()));
    let users: Vec<UserShown> = access.perform(Request::UserList, progress).await?;
    // It holds what passwords became: for its owner alone.
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    let mut file = BufWriter::new(file);
    let total = users.len() as u64;
    let mut host = String::new();
    writeln!(file, "<?xml version='1.0' encoding='UTF-8'?>\n<server-data xmlns='{PIE}'>").map_err(failed)?;
    for (done, user) in (1..).zip(users) {
        let domain = user.jid.domain().as_str();
        if domain != host {
            let end = if host.is_empty() { "" } else { "</host>\n" };
            writeln!(file, "{end}<host jid='{}'>", escaped(domain)).map_err(failed)?;
            host = domain.to_owned();
        }
        account(access, &user, &mut file, &failed).await?;
        progress(Progress { done, total });
    }
    let end = if host.is_empty() { "" } else { "</host>\n" };
    writeln!(file, "{end}</server-data>").map_err(failed)?;
    let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)?;
    Ok(total)
}

async fn account(
    access: &mut Access,
    user: &UserShown,
    file: &mut impl Write,
    failed: &impl Fn(std::io::Error) -> Failure,
) -> Result<(), Failure> {
    let name = user.jid.node().map(|node| node.to_string()).unwrap_or_default();
    let mut after = None;
    writeln!(file, "<user name='{}'>", escaped(&name)).map_err(failed)?;
    loop {
        let first = after.is_none();
        let request = Request::AccountExport { jid: user.jid.clone(), after };
        let page: AccountExported = access.perform(request, &|_| {}).await?;
        for part in &page.parts {
            writeln!(file, "{part}").map_err(failed)?;
        }
        if !page.waiting.is_empty() {
            let waiting = page.waiting.join("\n");
            writeln!(file, "<offline-messages>\n{waiting}\n</offline-messages>").map_err(failed)?;
        }
        let any = !page.archived.is_empty();
        if first && any {
            writeln!(file, "<archive xmlns='{MAM}'>").map_err(failed)?;
        }
        for result in &page.archived {
            writeln!(file, "{result}").map_err(failed)?;
        }
        after = page.next;
        if after.is_none() {
            // A later page is asked for only behind a first one that has some.
            if any || !first {
                writeln!(file, "</archive>").map_err(failed)?;
            }
            break;
        }
    }
    writeln!(file, "</user>").map_err(failed)
}

fn escaped(text: &str) -> String {
    let mut out = bytes::BytesMut::new();
    xmpp::escape::push_attribute(&mut out, text);
    String::from_utf8_lossy(&out).into_owned()
}
