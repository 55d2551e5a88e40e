//! Invitations to make an account (XEP-0401): made, listed, taken back.

use std::time::Duration;

use im::Wish;
use model::{BareJid, NodePart};
use serde::{Deserialize, Serialize};

use crate::exit::Exit;
use crate::{Context, Failure, user};

/// The digits of an invitation's hash that name it.
const ID_DIGITS: usize = 12;
/// A day, in seconds.
const DAY: u64 = 24 * 60 * 60;
/// The longest life of an invitation, in days.
const DAYS_MAX: u32 = 365;

/// What came of inviting. The link is told this once: of its token only a hash is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct InvitationMade {
    /// The link, for one account.
    pub uri: String,
    /// When it ends.
    pub expires_at: String,
    /// What the administrator should know.
    pub warnings: Vec<String>,
}

/// An invitation as an administrator sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct InvitationShown {
    /// What it is called.
    pub id: String,
    /// The only name that it is good for.
    pub username: Option<String>,
    /// Who becomes a contact of the new account.
    #[schema(value_type = Option<String>)]
    pub inviter: Option<BareJid>,
    /// When it was made.
    pub created_at: String,
    /// When it ends.
    pub expires_at: String,
}

pub(crate) async fn invite(
    context: &Context,
    username: Option<String>,
    inviter: Option<BareJid>,
    days: Option<u32>,
) -> Result<InvitationMade, Failure> {
    let username: Option<NodePart> = match username.map(|name| (name.parse(), name)) {
        None => None,
        Some((Ok(username), _)) => Some(username),
        Some((Err(_), name)) => return Err(Failure::invalid(format!("{name} is no user name"))),
    };
    let time = match days {
        None => im::INVITATION_TIME,
        Some(days) if (1..=DAYS_MAX).contains(&days) => Duration::from_secs(u64::from(days) * DAY),
        Some(_) => return Err(Failure::invalid(format!("an invitation stands for 1 to {DAYS_MAX} days"))),
    };
    if let Some(inviter) = &inviter {
        user::show(context, inviter).await?;
    }
    let wish = Wish { username, inviter, time };
    if !wish.is_free(&context.store, &context.domain, context.runtime.timestamp()).await? {
        return Err(Failure::new(Exit::Exists, "there is such a user, or somebody is invited by that name"));
    }
    let invited = wish.make(&context.store, &context.runtime).await?;
    let mut warnings = Vec::new();
    if context.node.as_ref().is_some_and(|node| !node.im().takes_invitations()) {
        let why = "nobody can use it now: set [registration] open_to = \"invited\" and run `carillon reload`";
        warnings.push(why.to_owned());
    }
    let uri = wish.account_link(&context.domain, &invited);
    Ok(InvitationMade { uri, expires_at: invited.expires_at.to_string(), warnings })
}

/// Those that can still be used.
pub(crate) async fn list(context: &Context) -> Result<Vec<InvitationShown>, Failure> {
    let now = context.runtime.timestamp();
    let standing = context.store.invitations().await?.into_iter().filter(|kept| kept.expires_at > now);
    let shown = standing.map(|kept| InvitationShown {
        id: id(&kept.token_hash).to_owned(),
        username: kept.username,
        inviter: kept.inviter,
        created_at: kept.created_at.to_string(),
        expires_at: kept.expires_at.to_string(),
    });
    Ok(shown.collect())
}

pub(crate) async fn remove(context: &Context, wanted: &str) -> Result<(), Failure> {
    let kept = context.store.invitations().await?;
    let found = kept.iter().find(|kept| id(&kept.token_hash) == wanted);
    match found {
        Some(kept) if context.store.invitation_remove(&kept.token_hash).await? => Ok(()),
        _ => Err(Failure::not_found(format!(
            "there is no invitation {wanted}; `carillon user invitations` shows all"
        ))),
    }
}

fn id(token_hash: &str) -> &str {
    token_hash.get(..ID_DIGITS).unwrap_or(token_hash)
}
