//! `group`: who works with whom.

use model::BareJid;
use operations::exit::Exit;
use operations::{Failure, GroupChange, GroupShown, Request};
use runtime::Runtime;

use super::{Common, ask};
use crate::print;

/// Add, list, share, fill and remove groups of people
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Make a group
    Add(Add),
    /// List all groups
    List(Common),
    /// Let the members stand in each other's rosters and see each other
    Share(One),
    /// Let the members no longer stand in each other's rosters
    Unshare(One),
    /// Remove a group
    Remove(One),
    /// Say who belongs to a group
    Member(Member),
}

#[derive(clap::Args)]
struct Add {
    /// The group's name, as rosters show it
    name: String,
    /// Let the members stand in each other's rosters; at most 200 of them
    #[arg(long)]
    shared: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct One {
    /// The group's name
    name: String,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct Member {
    #[command(subcommand)]
    verb: MemberVerb,
}

#[derive(clap::Subcommand)]
enum MemberVerb {
    /// Add users to a group, all or none
    Add(Members),
    /// Take users out of a group, all or none
    Remove(Members),
}

#[derive(clap::Args)]
struct Members {
    /// The group's name
    name: String,
    /// The users
    #[arg(required = true, value_name = "JID")]
    users: Vec<BareJid>,
    #[command(flatten)]
    common: Common,
}

impl Arguments {
    pub(super) fn common(&self) -> &Common {
        match &self.verb {
            Verb::Add(add) => &add.common,
            Verb::List(common) => common,
            Verb::Share(one) | Verb::Unshare(one) | Verb::Remove(one) => &one.common,
            Verb::Member(Member { verb: MemberVerb::Add(members) | MemberVerb::Remove(members) }) => {
                &members.common
            }
        }
    }
}

pub(super) async fn run(arguments: Arguments, runtime: &Runtime) -> Result<Exit, Failure> {
    let common = arguments.common().clone();
    let (name, change) = match arguments.verb {
        Verb::List(_) => return list(&common, runtime).await,
        Verb::Add(Add { name, shared, .. }) => (name, GroupChange::Add { shared }),
        Verb::Share(one) => (one.name, GroupChange::Share(true)),
        Verb::Unshare(one) => (one.name, GroupChange::Share(false)),
        Verb::Remove(one) => (one.name, GroupChange::Remove),
        Verb::Member(Member { verb: MemberVerb::Add(members) }) => {
            (members.name, GroupChange::MemberAdd(members.users))
        }
        Verb::Member(Member { verb: MemberVerb::Remove(members) }) => {
            (members.name, GroupChange::MemberRemove(members.users))
        }
    };
    let request = Request::GroupChange { name: name.clone(), change };
    let group: Option<GroupShown> = ask(&common, runtime, request).await?;
    if common.json {
        print::json(&group);
        return Ok(Exit::Done);
    }
    match group {
        Some(group) => {
            print::line(&format!("group {}: {}, {} members", group.name, state(&group), group.members.len()))
        }
        None => print::line(&format!("group {name} is removed")),
    }
    Ok(Exit::Done)
}

async fn list(common: &Common, runtime: &Runtime) -> Result<Exit, Failure> {
    let groups: Vec<GroupShown> = ask(common, runtime, Request::GroupList).await?;
    if common.json {
        print::json(&groups);
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<String>> = groups
        .into_iter()
        .map(|group| {
            let members: Vec<&str> = group.members.iter().map(|member| member.as_str()).collect();
            vec![group.name.clone(), state(&group).to_owned(), members.join(", ")]
        })
        .collect();
    print::table(&["GROUP", "STATE", "MEMBERS"], &rows);
    Ok(Exit::Done)
}

fn state(group: &GroupShown) -> &'static str {
    match (group.shared, group.in_rosters) {
        (true, true) => "shared",
        (true, false) => "too large to be shared",
        (false, _) => "not shared",
    }
}
