//! `user`: who has an account.

use std::path::PathBuf;

use model::{BareJid, LineId, Number};
use operations::exit::Exit;
use operations::{
    Failure, Imported, NewUser, PasswordSet, Request, Secret, TokenShown, UserAdded, UserShown,
};
use runtime::Runtime;

use super::{Common, ask, ask_with, invitation, secret_from_stdin, secrets_from_stdin};
use crate::print;

/// Add, show, change and remove users
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Add a user; without --password-stdin the password is made up and shown once
    Add(Add),
    /// List all users, or those who have no record for a mechanism
    List(List),
    /// Show one user
    Show(One),
    /// Keep a user from signing in, and end their sessions
    Disable(One),
    /// Let a user sign in again
    Enable(One),
    /// Remove a user with their lines, roster and waiting messages
    Remove(One),
    /// Give a user another password; without --password-stdin it is made up and shown once
    SetPassword(SetPassword),
    /// Show the tokens that a user's clients sign in with in place of the password
    Tokens(One),
    /// Take a user's tokens back: the clients need the password at their next sign-in
    Revoke(Revoke),
    /// Make a link with which somebody makes an account, once
    Invite(invitation::Invite),
    /// List the invitations that stand
    Invitations(invitation::All),
    /// Take an invitation back
    Uninvite(invitation::Uninvite),
    /// Add many users from a CSV file, all or none; columns: jid,name,password,line,line_password
    Import(Import),
}

#[derive(clap::Args)]
struct Add {
    /// The address, such as ann@example.org
    jid: BareJid,
    /// The name shown to people [default: the part before the @]
    #[arg(long)]
    name: Option<String>,
    /// Read the password from standard input, one line
    #[arg(long)]
    password_stdin: bool,
    /// Make a line with this number for the user
    #[arg(long, value_name = "NUMBER")]
    line: Option<Number>,
    /// Read the line's password from standard input, after the user's when both are asked for
    #[arg(long, requires = "line")]
    line_password_stdin: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct List {
    /// Only who has no record for this mechanism, such as scram-sha-256: it came from a server that kept none
    #[arg(long, value_name = "MECHANISM")]
    without: Option<String>,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct One {
    /// The address, such as ann@example.org
    jid: BareJid,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct Revoke {
    /// The address, such as ann@example.org
    jid: BareJid,
    /// Only the tokens of this client, as `user tokens` shows it
    #[arg(long, value_name = "CLIENT")]
    client: Option<String>,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct SetPassword {
    /// The address, such as ann@example.org
    jid: BareJid,
    /// Read the password from standard input, one line
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct Import {
    /// The CSV file, in UTF-8, with a header
    file: PathBuf,
    #[command(flatten)]
    common: Common,
}

impl Arguments {
    pub(super) fn common(&self) -> &Common {
        match &self.verb {
            Verb::Add(add) => &add.common,
            Verb::List(list) => &list.common,
            Verb::Revoke(revoke) => &revoke.common,
            Verb::Invite(invite) => &invite.common,
            Verb::Invitations(all) => &all.common,
            Verb::Uninvite(uninvite) => &uninvite.common,
            Verb::Show(one)
            | Verb::Disable(one)
            | Verb::Enable(one)
            | Verb::Remove(one)
            | Verb::Tokens(one) => &one.common,
            Verb::SetPassword(set) => &set.common,
            Verb::Import(import) => &import.common,
        }
    }
}

pub(super) async fn run(arguments: Arguments, runtime: &Runtime) -> Result<Exit, Failure> {
    let common = arguments.common().clone();
    match arguments.verb {
        Verb::Add(new) => add(&common, runtime, new).await,
        Verb::List(List { without, .. }) => list(&common, runtime, without).await,
        Verb::Tokens(One { jid, .. }) => tokens(&common, runtime, jid).await,
        Verb::Revoke(Revoke { jid, client, .. }) => {
            let revoked: u64 = ask(&common, runtime, Request::UserRevoke { jid, client }).await?;
            if common.json {
                print::json(&revoked);
            } else {
                print::line(&format!("{revoked} tokens are worthless from now on"));
            }
            Ok(Exit::Done)
        }
        Verb::Show(One { jid, .. }) => {
            let user: UserShown = ask(&common, runtime, Request::UserShow { jid }).await?;
            show(&common, &user, "");
            Ok(Exit::Done)
        }
        Verb::Disable(One { jid, .. }) => set_enabled(&common, runtime, jid, false).await,
        Verb::Enable(One { jid, .. }) => set_enabled(&common, runtime, jid, true).await,
        Verb::Remove(One { jid, .. }) => {
            let user: UserShown = ask(&common, runtime, Request::UserRemove { jid }).await?;
            show(&common, &user, "removed");
            Ok(Exit::Done)
        }
        Verb::SetPassword(SetPassword { jid, password_stdin, .. }) => {
            let password = secret_from_stdin(password_stdin)?;
            let set = ask(&common, runtime, Request::UserSetPassword { jid, password }).await?;
            password_set(&common, &set);
            Ok(Exit::Done)
        }
        Verb::Invite(wanted) => invitation::invite(runtime, wanted).await,
        Verb::Invitations(all) => invitation::list(runtime, all).await,
        Verb::Uninvite(wanted) => invitation::uninvite(runtime, wanted).await,
        Verb::Import(Import { file, .. }) => import(&common, runtime, &file).await,
    }
}

async fn add(common: &Common, runtime: &Runtime, new: Add) -> Result<Exit, Failure> {
    let wanted: Vec<&str> =
        [(new.password_stdin, "the password"), (new.line_password_stdin, "the line's password")]
            .into_iter()
            .filter_map(|(given, what)| given.then_some(what))
            .collect();
    let mut secrets = secrets_from_stdin(&wanted)?.into_iter();
    let password = if new.password_stdin { secrets.next() } else { None };
    let request = Request::UserAdd(NewUser {
        jid: new.jid,
        name: new.name.unwrap_or_default(),
        password,
        line: new.line.map(LineId::from),
        line_password: secrets.next(),
    });
    let added: UserAdded = ask(common, runtime, request).await?;
    print::warnings(&added.warnings);
    if common.json {
        print::json(&added);
        return Ok(Exit::Done);
    }
    print::line(&format!("user {} added", added.jid));
    if let Some(password) = added.password {
        print::line(&format!("password, shown this once: {password}"));
    }
    if let Some(line) = added.line {
        print::line(&format!("line {line} added"));
    }
    if let Some(password) = added.line_password {
        print::line(&format!("the line's password, shown this once: {password}"));
    }
    Ok(Exit::Done)
}

async fn tokens(common: &Common, runtime: &Runtime, jid: BareJid) -> Result<Exit, Failure> {
    let tokens: Vec<TokenShown> = ask(common, runtime, Request::UserTokens { jid }).await?;
    if common.json {
        print::json(&tokens);
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<String>> = tokens
        .into_iter()
        .map(|token| {
            let used_at = token.used_at.unwrap_or_else(|| "not yet".to_owned());
            vec![token.client, token.software, token.device, token.issued_at, token.expires_at, used_at]
        })
        .collect();
    print::table(&["CLIENT", "SOFTWARE", "DEVICE", "GIVEN", "EXPIRES", "USED"], &rows);
    Ok(Exit::Done)
}

async fn list(common: &Common, runtime: &Runtime, without: Option<String>) -> Result<Exit, Failure> {
    let request = match without {
        Some(mechanism) => Request::UserListWithout { mechanism },
        None => Request::UserList,
    };
    let users: Vec<UserShown> = ask(common, runtime, request).await?;
    if common.json {
        print::json(&users);
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<String>> = users
        .into_iter()
        .map(|user| {
            vec![user.jid.to_string(), user.name, state(user.enabled).to_owned(), user.lines.join(", ")]
        })
        .collect();
    print::table(&["ADDRESS", "NAME", "STATE", "LINES"], &rows);
    Ok(Exit::Done)
}

async fn set_enabled(
    common: &Common,
    runtime: &Runtime,
    jid: BareJid,
    enabled: bool,
) -> Result<Exit, Failure> {
    let user: UserShown = ask(common, runtime, Request::UserSetEnabled { jid, enabled }).await?;
    show(common, &user, state(enabled));
    Ok(Exit::Done)
}

async fn import(common: &Common, runtime: &Runtime, file: &std::path::Path) -> Result<Exit, Failure> {
    let csv = std::fs::read(file)
        .map_err(|error| Failure::new(Exit::Invalid, format!("{}: {error}", file.display())))?;
    let csv = String::from_utf8(csv)
        .map_err(|_| Failure::invalid(format!("{} is not UTF-8: save it as UTF-8", file.display())))?;
    let bar = print::progress_bar("Deriving passwords");
    let imported: Imported =
        ask_with(common, runtime, Request::UserImport { csv: Secret(csv) }, &bar).await?;
    print::warnings(&imported.warnings);
    if common.json {
        print::json(&imported);
    } else {
        print::line(&format!("{} users and {} lines added", imported.users, imported.lines));
    }
    Ok(Exit::Done)
}

/// Tells of a password that was set, and shows it when it was made up.
pub(super) fn password_set(common: &Common, set: &PasswordSet) {
    print::warnings(&set.warnings);
    if common.json {
        print::json(set);
        return;
    }
    match &set.password {
        Some(password) => print::line(&format!("password, shown this once: {password}")),
        None => print::line("the password is set"),
    }
}

fn show(common: &Common, user: &UserShown, done: &str) {
    if common.json {
        print::json(user);
    } else if done.is_empty() {
        let lines = if user.lines.is_empty() { "none".to_owned() } else { user.lines.join(", ") };
        let state = state(user.enabled);
        print::line(&format!(
            "address  {}\nname     {}\nstate    {state}\nlines    {lines}",
            user.jid, user.name
        ));
    } else {
        print::line(&format!("user {} is {done}", user.jid));
    }
}

fn state(enabled: bool) -> &'static str {
    if enabled { "enabled" } else { "disabled" }
}
