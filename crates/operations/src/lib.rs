//! What an administrator can do, each thing written once, over the store and the running node. The verbs, the control
//! socket, chat administration and the programming interface over HTTP all come here.
//!
//! Owns: the requests, what they do and what they answer, the exit codes, the administrator's password, the files of other
//! servers that accounts are read from. Does not own how anybody asks ([`Request`] is the one way in, by [`perform`]) nor what a
//! node is ([`Running`]).

mod account;
pub mod administrator;
pub mod administrators;
mod announcement;
mod archive;
pub mod audit;
mod call;
mod device;
mod dialplan;
pub mod exit;
mod failure;
pub mod folder;
mod group;
mod import;
mod invitation;
mod line;
mod log;
pub mod migration;
pub mod password;
mod queue;
mod request;
pub mod role;
mod rows;
mod running;
mod session;
mod sound;
mod storage;
mod token;
mod totp;
mod user;

use std::path::PathBuf;
use std::sync::Arc;

use model::{BareJid, DomainPart, LineId};
use runtime::Runtime;
use serde::{Deserialize, Serialize};
use store::{Files, Store};
use xmpp::sasl::scram::Hash;

pub use account::{AccountExported, AccountGiven, AccountsGiven, AccountsTaken, Counts, LeftOut};
pub use administrator::change_password as set_administrator_password;
pub use administrators::{AdministratorShown, ApiTokenMade, ApiTokenShown, NewToken};
pub use announcement::{Announced, MessageOfTheDay};
pub use archive::Deleted;
pub use audit::{ActShown, AuditPage, AuditWanted, By, How, perform_as};
pub use call::{
    CallShown, CallTraced, CallsWanted, HistoryCall, HistoryShown, LegShown, MessageShown, PartyShown,
    QualityShown, RecordingShown, history_of,
};
pub use device::{DeviceDetail, DeviceShown, NewDevice};
pub use dialplan::{CasesRun, DialPlanApplied, DialPlanShown, DialPlanTested, DialPlanUses, NewDialPlan};
pub use failure::{Failure, RowFailure};
pub use group::{GroupChange, GroupShown};
pub use import::{Imported, Row, read_rows};
pub use invitation::{InvitationMade, InvitationShown};
pub use line::{LineAdded, LineSettingsShown, LineShown, NewLine};
pub use password::{Secret, weakness};
pub use request::Request;
pub use rows::{CallRow, RegistrationRow, SessionRow, StatusSource};
pub use running::{ListenerShown, Reloaded, Running, Status};
pub use sound::SoundShown;
pub use storage::Verified;
pub use token::TokenShown;
pub use user::{NewUser, PasswordSet, UserAdded, UserShown};

/// What the operations work on.
#[derive(Clone)]
pub struct Context {
    /// All that is kept.
    pub store: Store,
    /// The outside world.
    pub runtime: Runtime,
    /// The one domain of users, and the realm of lines.
    pub domain: DomainPart,
    /// The contents of the files that users send.
    pub uploads: Files,
    /// The hash functions that passwords get a record for.
    pub hashes: Vec<Hash>,
    /// The data directory, for the files that go with a backup.
    pub folder: PathBuf,
    /// Files beside the configuration that go with a backup.
    pub files: Vec<PathBuf>,
    /// The numbers that the server itself answers.
    pub services: calls::dialplan::Services,
    /// The running node; `None` when none runs here and the operation works on the store alone.
    pub node: Option<Arc<dyn Running>>,
}

impl Context {
    /// Tells the running node, if there is one, what must be felt at once.
    fn changed(&self, change: &Change) {
        if let Some(node) = &self.node {
            node.changed(change);
        }
    }
}

/// A change that sessions and phones must feel at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The user may no longer sign in: end their sessions.
    UserDisabled(BareJid),
    /// The user is gone: end their sessions.
    UserRemoved(BareJid),
    /// The user has another password: what was lent on the old one ends.
    PasswordSet(BareJid),
    /// Groups of people are not as they were.
    GroupsChanged,
    /// Somebody's archive, or a room's, is not as it was.
    ArchiveChanged(BareJid),
    /// The line is gone: forget its registrations.
    LineRemoved(LineId),
}

/// How far a long operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What is done.
    pub done: u64,
    /// Of how much.
    pub total: u64,
}

/// Hears how far a long operation is; never waits.
pub type Listener<'a> = &'a (dyn Fn(Progress) + Send + Sync);

/// Does what was asked, and answers in JSON.
///
/// # Errors
/// The failure says what to do next, and with which exit code a verb ends.
pub async fn perform(
    context: &Context,
    request: Request,
    progress: Listener<'_>,
) -> Result<serde_json::Value, Failure> {
    use Request as Ask;

    Ok(match request {
        Ask::UserAdd(new) => json(user::add(context, new).await?),
        Ask::UserList => json(user::list(context).await?),
        Ask::UserListWithout { mechanism } => json(user::list_without(context, &mechanism).await?),
        Ask::UserShow { jid } => json(user::show(context, &jid).await?),
        Ask::UserSetName { jid, name } => json(user::set_name(context, &jid, &name).await?),
        Ask::UserSetEnabled { jid, enabled } => json(user::set_enabled(context, &jid, enabled).await?),
        Ask::UserRemove { jid } => json(user::remove(context, &jid).await?),
        Ask::UserSetPassword { jid, password } => json(user::set_password(context, &jid, password).await?),
        Ask::UserTokens { jid } => json(token::list(context, &jid).await?),
        Ask::UserRevoke { jid, client } => json(token::revoke(context, &jid, client.as_deref()).await?),
        Ask::UserInvite { username, inviter, days } => {
            json(invitation::invite(context, username, inviter, days).await?)
        }
        Ask::InvitationList => json(invitation::list(context).await?),
        Ask::InvitationRemove { id } => json(invitation::remove(context, &id).await?),
        Ask::UserImport { csv } => json(import::import(context, &csv, progress).await?),
        Ask::AccountsTake(given) => json(account::take(context, given).await?),
        Ask::AccountExport { jid, after } => json(account::export(context, &jid, after).await?),
        Ask::LineAdd(new) => json(line::add(context, new).await?),
        Ask::LineList => json(line::list(context).await?),
        Ask::LineShow { line } => json(line::show(context, &line).await?),
        Ask::LineSet { line, change } => json(line::set(context, &line, &change).await?),
        Ask::LineRelease { line } => json(line::release(context, &line).await?),
        Ask::LineRemove { line } => json(line::remove(context, &line).await?),
        Ask::LineSetPassword { line, password } => json(line::set_password(context, &line, password).await?),
        Ask::DeviceAdd(new) => json(device::add(context, new).await?),
        Ask::DeviceList => json(device::list(context).await?),
        Ask::DeviceShow { name } => json(device::show(context, &name).await?),
        Ask::DeviceRemove { name } => json(device::remove(context, &name).await?),
        Ask::DeviceSetPassword { name, password } => {
            json(device::set_password(context, &name, password).await?)
        }
        Ask::Announce { text, all } => json(announcement::announce(context, &text, all).await?),
        Ask::MessageOfTheDay => json(announcement::message_of_the_day(context)?),
        Ask::SetMessageOfTheDay { text, tell } => {
            json(announcement::set_message_of_the_day(context, text.as_deref(), tell).await?)
        }
        Ask::GroupList => json(group::list(context).await?),
        Ask::GroupChange { name, change } => json(group::change(context, &name, &change).await?),
        Ask::DialPlanShow { secrets } => json(dialplan::show(context, secrets).await?),
        Ask::DialPlanCheck { document } => json(dialplan::check(context, document).await?),
        Ask::DialPlanApply(new) => json(dialplan::apply(context, new).await?),
        Ask::DialPlanTest(case) => json(dialplan::test(context, &case).await?),
        Ask::DialPlanCases { csv, save, explain } => {
            json(dialplan::cases(context, csv.as_deref(), save, explain).await?)
        }
        Ask::DialPlanLocations => json(dialplan::locations(context).await?),
        Ask::DialPlanUses { name } => json(dialplan::uses(context, &name).await?),
        Ask::SoundImport { name, wav } => json(sound::import(context, name, &wav).await?),
        Ask::SoundList => json(sound::list(context).await?),
        Ask::SoundRemove { name } => json(sound::remove(context, name).await?),
        Ask::QueueList { which } => json(queue::list(context, which.as_deref())?),
        Ask::TrunkList => json(running::node(context)?.trunks()),
        Ask::TrunkTest { name } => json(running::node(context)?.test_trunk(&name).await?),
        Ask::ArchiveDelete { owner, before, with } => {
            json(archive::delete(context, owner, before.as_deref(), with).await?)
        }
        Ask::CallList(wanted) => json(call::list(context, &wanted).await?),
        Ask::CallShow { id } => json(call::show(context, &id).await?),
        Ask::CallTrace { id } => json(call::trace(context, &id).await?),
        Ask::CallEnd { id } => json(call::end(context, &id)?),
        Ask::SessionEnd { jid } => json(session::end(context, &jid)?),
        Ask::CallRecordings => json(call::recordings(context).await?),
        Ask::CallHistory { user, kind, behind, max } => {
            json(call::history(context, &user, kind.as_deref(), behind.as_deref(), max).await?)
        }
        Ask::CallHistorySeen { user } => json(call::mark_seen(context, &user).await?),
        Ask::Backup { path } => json(storage::backup(context, &path).await?),
        Ask::Verify => json(storage::verify(context).await?),
        Ask::LogLevel { module, level } => json(log::set_level(context, &module, &level)?),
        Ask::LogLevels => json(log::levels(context)?),
        Ask::AdministratorSetPassword { password } => {
            json(administrator::change_password(context, password).await?)
        }
        Ask::AdministratorList => json(administrators::list(context).await?),
        Ask::AdministratorAdd { name, role, password } => {
            json(administrators::add(context, name, role, password).await?)
        }
        Ask::AdministratorSetRole { name, role } => {
            json(administrators::set_role(context, &name, role).await?)
        }
        Ask::AdministratorGivePassword { name, password } => {
            json(administrators::set_password(context, &name, password).await?)
        }
        Ask::AdministratorRemove { name } => json(administrators::remove(context, &name).await?),
        Ask::TokenList => json(administrators::tokens(context).await?),
        Ask::TokenAdd(new) => json(administrators::token_add(context, new).await?),
        Ask::TokenRemove { id } => json(administrators::token_remove(context, &id).await?),
        Ask::AuditList(wanted) => json(audit::list(context, wanted).await?),
        Ask::Reload => json(running::node(context)?.reload()?),
        Ask::Status => json(running::node(context)?.status()),
        Ask::FederationList => json(running::node(context)?.federation()),
        Ask::FederationTest { domain } => json(running::node(context)?.test_federation(domain).await),
        Ask::Version => json(env!("CARGO_PKG_VERSION")),
    })
}

fn json(answer: impl Serialize) -> serde_json::Value {
    serde_json::to_value(answer).expect("answers are plain structs with text keys")
}
