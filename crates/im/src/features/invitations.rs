//! Invitations (XEP-0401, XEP-0445): a link lets one stranger make one account, and become a contact of who invited.

use std::time::Duration;

use model::{BareJid, DomainPart, NodePart, Timestamp};
use runtime::Runtime;
use sha2::{Digest, Sha256};
use store::{Invitation, RosterItem, Store, Subscription};
use xmpp::xep::disco::ITEMS;
use xmpp::xep::forms::{Form, FormType};
use xmpp::xep::invitation::{self as xep, CREATE_ACCOUNT, INVITE, RESULT};
use xmpp::{Condition, Element, ErrorKind, StanzaError};

use super::commands::{self, Done};
use crate::acceptance::storage_error;
use crate::config::OpenTo;
use crate::{About, Im, Spec};

/// What this feature is.
pub const ABOUT: About = About {
    name: "invitations",
    specs: &[Spec::partly(401, "0.6.0", "a landing page"), Spec::xep(445, "0.2.0")],
    disco: &[],
    account: &[],
};

/// How long an invitation stands unless its maker says otherwise.
pub const INVITATION_TIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// The length of a token, in bytes of entropy.
const TOKEN_BYTES: usize = 16;

/// What an invitation is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The only name that it is good for.
    pub username: Option<NodePart>,
    /// Who becomes a contact of the new account.
    pub inviter: Option<BareJid>,
    /// How long it stands.
    pub time: Duration,
}

/// An invitation that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invited {
    /// The secret of its link.
    token: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl Wish {
    /// Makes the invitation, good for one account. Whether a chosen name is free is asked before.
    ///
    /// # Errors
    /// Too many stand, or the storage takes no writes.
    pub async fn make(&self, store: &Store, runtime: &Runtime) -> Result<Invited, store::Error> {
        let token = runtime.random_token(TOKEN_BYTES);
        let created_at = runtime.timestamp();
        let time = i64::try_from(self.time.as_micros()).unwrap_or(i64::MAX);
        let expires_at = Timestamp(created_at.0.saturating_add(time));
        let invitation = Invitation {
            token_hash: hash(&token),
            username: self.username.as_ref().map(|name| name.to_string()),
            inviter: self.inviter.clone(),
            uses_left: 1,
            created_at,
            expires_at,
        };
        store.invitation_add(invitation).await?;
        Ok(Invited { token, expires_at })
    }

    /// Is the name that was chosen free?
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn is_free(
        &self,
        store: &Store,
        domain: &DomainPart,
        now: Timestamp,
    ) -> Result<bool, store::Error> {
        let Some(name) = &self.username else { return Ok(true) };
        let jid = BareJid::from_parts(Some(name), domain);
        Ok(store.user(&jid).await?.is_none() && !store.username_is_reserved(name.as_str(), now).await?)
    }

    /// The link to the account.
    pub fn account_link(&self, domain: &DomainPart, invited: &Invited) -> String {
        xep::account_link(self.username.as_deref().map(|name| name.as_str()), domain.as_str(), &invited.token)
    }
}

fn hash(token: &str) -> String {
    Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The invitation of a token, if it stands (XEP-0445 §4). A token has as much entropy as a key: what is compared is its
/// hash, so that time tells nothing of it.
pub(crate) async fn standing(im: &Im, token: &str) -> Result<Invitation, StanzaError> {
    let found = im.store.invitation(&hash(token)).await.map_err(|error| storage_error(&error))?;
    found.filter(|invitation| invitation.expires_at > im.runtime.timestamp()).ok_or_else(|| {
        StanzaError::from(Condition::ItemNotFound).with_text("The provided token is invalid or expired")
    })
}

/// XEP-0401 §5.5: the two see each other from the beginning, and the inviter hears of it.
pub(crate) async fn befriend(im: &Im, inviter: &BareJid, invited: &BareJid) {
    for (user, contact) in [(inviter, invited), (invited, inviter)] {
        let _alone = im.users.roster_locks.lock(user).await;
        let known = im.store.roster_item(user, contact).await.ok().flatten();
        let known = known.unwrap_or_else(|| RosterItem::new(contact.clone()));
        let item = RosterItem { subscription: Subscription::Both, ask: false, ..known };
        if let Err(error) = im.put_item(user, item).await {
            // The inviter may be gone by now; the account is made all the same.
            tracing::info!(?error, "who was invited is no contact of who invited");
            return;
        }
    }
}

/// A command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// A contact is invited, who may make an account.
    Invite,
    /// An account is offered.
    CreateAccount,
}

impl Command {
    const ALL: [Self; 2] = [Self::Invite, Self::CreateAccount];

    /// The command of a node.
    pub(crate) fn of(node: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|command| command.node() == node)
    }

    fn node(self) -> &'static str {
        match self {
            Self::Invite => INVITE,
            Self::CreateAccount => CREATE_ACCOUNT,
        }
    }

    /// What people call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Invite => "Invite user",
            Self::CreateAccount => "Create account",
        }
    }

    /// Accounts are offered by administrators; contacts are invited by users too, where the operator lets them.
    fn may_use(self, im: &Im, user: &BareJid) -> bool {
        let policy = im.users.policies.load().registration;
        policy.open_to != OpenTo::Nobody
            && (im.is_administrator(user)
                || (self == Self::Invite && policy.users_invite && im.is_local(user)))
    }
}

/// The commands that a user may use, among others (XEP-0401 §3).
pub(crate) fn listed(im: &Im, user: &BareJid) -> impl Iterator<Item = Element> {
    Command::ALL.into_iter().filter(|command| command.may_use(im, user)).map(|command| {
        Element::new("item", ITEMS)
            .with_attr("jid", im.domain().to_owned())
            .with_attr("node", command.node())
            .with_attr("name", command.name())
    })
}

/// Runs a command (XEP-0401 §5.1, §5.4).
pub(crate) async fn run(
    im: &Im,
    user: &BareJid,
    command: Command,
    asked: &commands::Asked,
) -> Result<Element, StanzaError> {
    if !command.may_use(im, user) {
        return Err(StanzaError::new(ErrorKind::Auth, Condition::Forbidden));
    }
    let wish = match (command, &asked.filled) {
        _ if asked.is_cancelled() => return Ok(asked.reply("canceled")),
        (Command::Invite, _) => Wish { username: None, inviter: Some(user.clone()), time: INVITATION_TIME },
        (Command::CreateAccount, None) => {
            let form = Form::new(FormType::Form, CREATE_ACCOUNT)
                .with("username", "text-single", [""; 0])
                .labelled("Username")
                .with("roster-subscription", "boolean", [""; 0])
                .labelled("Roster subscription");
            return Ok(asked.questions(&form));
        }
        (Command::CreateAccount, Some(form)) => {
            let name = form.value("username").map(str::trim).filter(|name| !name.is_empty());
            let username = name.map(str::parse).transpose().map_err(|_| Condition::NotAcceptable)?;
            let contact = form.flag("roster-subscription").map_err(|_| Condition::BadRequest)?;
            let inviter = contact.unwrap_or(false).then(|| user.clone());
            Wish { username, inviter, time: INVITATION_TIME }
        }
    };
    let (store, now) = (&im.store, im.runtime.timestamp());
    if !wish.is_free(store, &im.config.domain, now).await.map_err(|error| storage_error(&error))? {
        return Err(Condition::Conflict.into());
    }
    let invited = wish.make(store, &im.runtime).await.map_err(|error| storage_error(&error))?;
    let link = match (command, user.node()) {
        (Command::Invite, Some(node)) => xep::contact_link(node.as_str(), im.domain(), &invited.token),
        _ => wish.account_link(&im.config.domain, &invited),
    };
    let form = Form::new(FormType::Result, RESULT).with("uri", "text-single", [link]).with(
        "expire",
        "text-single",
        [invited.expires_at.to_string()],
    );
    Ok(asked.told(&Done { note: format!("{}: the link is good once", command.name()), result: Some(form) }))
}

impl Im {
    /// May accounts be made by invitation?
    pub fn takes_invitations(&self) -> bool {
        self.users.policies.load().registration.open_to != OpenTo::Nobody
    }
}
