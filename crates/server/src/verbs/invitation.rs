//! `user invite`, `user invitations`, `user uninvite`: links that make accounts.

use model::BareJid;
use operations::exit::Exit;
use operations::{Failure, InvitationMade, InvitationShown, Request};
use runtime::Runtime;

use super::{Common, ask};
use crate::print;

#[derive(clap::Args)]
pub(super) struct Invite {
    /// The name of the account, such as ann; without one whoever follows the link chooses
    username: Option<String>,
    /// A user who becomes a contact of the new account
    #[arg(long, value_name = "JID")]
    inviter: Option<BareJid>,
    /// How long the link is good, in days; 7 unless given
    #[arg(long)]
    days: Option<u32>,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(clap::Args)]
pub(super) struct All {
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(clap::Args)]
pub(super) struct Uninvite {
    /// The invitation, as `user invitations` shows it
    id: String,
    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) async fn invite(runtime: &Runtime, wanted: Invite) -> Result<Exit, Failure> {
    let Invite { username, inviter, days, common } = wanted;
    let request = Request::UserInvite { username, inviter, days };
    let made: InvitationMade = ask(&common, runtime, request).await?;
    print::warnings(&made.warnings);
    if common.json {
        print::json(&made);
    } else {
        print::line(&format!(
            "good for one account until {}, shown this once:\n{}",
            made.expires_at, made.uri
        ));
    }
    Ok(Exit::Done)
}

pub(super) async fn list(runtime: &Runtime, All { common }: All) -> Result<Exit, Failure> {
    let standing: Vec<InvitationShown> = ask(&common, runtime, Request::InvitationList).await?;
    if common.json {
        print::json(&standing);
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<String>> = standing
        .into_iter()
        .map(|shown| {
            let inviter = shown.inviter.map(|inviter| inviter.to_string()).unwrap_or_default();
            let username = shown.username.unwrap_or_else(|| "any".to_owned());
            vec![shown.id, username, inviter, shown.created_at, shown.expires_at]
        })
        .collect();
    print::table(&["ID", "NAME", "INVITER", "MADE", "EXPIRES"], &rows);
    Ok(Exit::Done)
}

pub(super) async fn uninvite(runtime: &Runtime, wanted: Uninvite) -> Result<Exit, Failure> {
    let Uninvite { id, common } = wanted;
    let () = ask(&common, runtime, Request::InvitationRemove { id: id.clone() }).await?;
    if common.json {
        print::json(&id);
    } else {
        print::line(&format!("invitation {id} is worthless from now on"));
    }
    Ok(Exit::Done)
}
