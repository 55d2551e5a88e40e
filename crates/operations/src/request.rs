//! What can be asked: the vocabulary of the control socket.

use std::fmt;
use std::path::PathBuf;

use calls::dialplan::Case;
use model::plan::SoundName;
use model::{BareJid, DomainPart, Jid, LineChange, LineId};
use serde::{Deserialize, Serialize};

use crate::Secret;
use crate::account::AccountsGiven;
use crate::administrators::NewToken;
use crate::audit::AuditWanted;
use crate::call::CallsWanted;
use crate::device::NewDevice;
use crate::dialplan::NewDialPlan;
use crate::group::GroupChange;
use crate::line::NewLine;
use crate::role::Role;
use crate::user::NewUser;

/// One thing to do. On the wire an object with the member `operation`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "operation", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Adds a user, with a line if asked.
    UserAdd(NewUser),
    /// All users with their lines.
    UserList,
    /// The users who have no record for a SCRAM mechanism.
    UserListWithout {
        /// Its name, such as `SCRAM-SHA-256`; case does not count.
        mechanism: String,
    },
    /// One user.
    UserShow {
        /// Whom.
        jid: BareJid,
    },
    /// Changes the name of a user that people are shown.
    UserSetName {
        /// Whom.
        jid: BareJid,
        /// The name.
        name: String,
    },
    /// Lets a user sign in, or no longer.
    UserSetEnabled {
        /// Whom.
        jid: BareJid,
        /// May they?
        enabled: bool,
    },
    /// Removes a user with their lines.
    UserRemove {
        /// Whom.
        jid: BareJid,
    },
    /// Gives a user another password; a random one when none is given.
    UserSetPassword {
        /// Whom.
        jid: BareJid,
        /// The new password.
        password: Option<Secret>,
    },
    /// The tokens that a user's clients sign in with.
    UserTokens {
        /// Whose.
        jid: BareJid,
    },
    /// Takes tokens back.
    UserRevoke {
        /// Whose.
        jid: BareJid,
        /// Of which client; of all when none is named.
        client: Option<String>,
    },
    /// Invites somebody to make an account.
    UserInvite {
        /// Under this name only.
        username: Option<String>,
        /// Who becomes a contact of the new account.
        inviter: Option<BareJid>,
        /// How long the link is good.
        days: Option<u32>,
    },
    /// All invitations that stand.
    InvitationList,
    /// Takes an invitation back.
    InvitationRemove {
        /// What it is called.
        id: String,
    },
    /// Adds many users, all or none.
    UserImport {
        /// The text of the CSV file.
        csv: Secret,
    },
    /// Takes accounts of another server, as XEP-0227 writes them: adds what is not there yet.
    AccountsTake(AccountsGiven),
    /// Gives one account as XEP-0227 writes it, its archive page by page.
    AccountExport {
        /// Whose.
        jid: BareJid,
        /// The id behind which the archive goes on; the account itself comes without one.
        after: Option<String>,
    },
    /// Adds a line.
    LineAdd(NewLine),
    /// All lines.
    LineList,
    /// One line, with what its user has set.
    LineShow {
        /// Which.
        line: LineId,
    },
    /// Changes what the user of a line has set.
    LineSet {
        /// Which.
        line: LineId,
        /// What.
        change: LineChange,
    },
    /// Forgets what a line has used of what it may call outside.
    LineRelease {
        /// Which.
        line: LineId,
    },
    /// Removes a line.
    LineRemove {
        /// Which.
        line: LineId,
    },
    /// Gives a line another password; a random one when none is given.
    LineSetPassword {
        /// Which.
        line: LineId,
        /// The new password.
        password: Option<Secret>,
    },
    /// Gives a device an account.
    DeviceAdd(NewDevice),
    /// All devices.
    DeviceList,
    /// A device and its keys.
    DeviceShow {
        /// Which.
        name: String,
    },
    /// Takes the account of a device away.
    DeviceRemove {
        /// Which.
        name: String,
    },
    /// Gives a device another password; a random one when none is given.
    DeviceSetPassword {
        /// Which.
        name: String,
        /// The new password.
        password: Option<Secret>,
    },
    /// Says something to everybody.
    Announce {
        /// What.
        text: String,
        /// Also to those who are not signed in.
        all: bool,
    },
    /// The message of the day.
    MessageOfTheDay,
    /// Sets the message of the day; without a text there is none any more.
    SetMessageOfTheDay {
        /// What it says.
        text: Option<String>,
        /// Those who are signed in get it now.
        tell: bool,
    },
    /// All groups of people.
    GroupList,
    /// Changes a group of people.
    GroupChange {
        /// Its name.
        name: String,
        /// How.
        change: GroupChange,
    },
    /// The dial plan in force.
    DialPlanShow {
        /// With trunks' passwords and authorisation codes.
        #[serde(default)]
        secrets: bool,
    },
    /// Looks at a dial plan as a whole; at the one in force when none is given.
    DialPlanCheck {
        /// The document.
        document: Option<String>,
    },
    /// Lets a dial plan take effect.
    DialPlanApply(NewDialPlan),
    /// Says what a call would do.
    DialPlanTest(Box<Case>),
    /// Runs cases; the saved ones when none are given.
    DialPlanCases {
        /// Cases as CSV.
        csv: Option<String>,
        /// Saves them when all pass.
        save: bool,
        /// Explains every case.
        explain: bool,
    },
    /// The bandwidth between locations.
    DialPlanLocations,
    /// What of the dial plan names this.
    DialPlanUses {
        /// A partition, search space, pool, group, trunk, line, ….
        name: String,
    },
    /// Takes a sound.
    SoundImport {
        /// Its name.
        name: SoundName,
        /// The WAV file, in base64.
        wav: String,
    },
    /// All sounds.
    SoundList,
    /// Forgets a sound.
    SoundRemove {
        /// Its name.
        name: SoundName,
    },
    /// Queues of callers.
    QueueList {
        /// The one of this name or number; all when none is said.
        which: Option<String>,
    },
    /// How all trunks stand.
    TrunkList,
    /// Asks the servers of a trunk whether they are there.
    TrunkTest {
        /// Which trunk.
        name: String,
    },
    /// Takes messages out of the archive of a user or a room.
    ArchiveDelete {
        /// Whose.
        owner: BareJid,
        /// Older than this day or time.
        before: Option<String>,
        /// Exchanged with this address.
        with: Option<Jid>,
    },
    /// Calls: live ones, or the records of those that have ended.
    CallList(CallsWanted),
    /// One call.
    CallShow {
        /// Its number.
        id: String,
    },
    /// What was said in a call.
    CallTrace {
        /// Its number, or the Call-ID of a leg.
        id: String,
    },
    /// Ends a live call.
    CallEnd {
        /// Its number.
        id: String,
    },
    /// Ends the session of a chat client.
    SessionEnd {
        /// Its full address.
        jid: Jid,
    },
    /// The recordings of calls.
    CallRecordings,
    /// A user's history of calls.
    CallHistory {
        /// Whose.
        user: BareJid,
        /// `placed`, `received` or `missed`; all when none is named.
        kind: Option<String>,
        /// Behind this call: for the next page.
        behind: Option<String>,
        /// At most so many.
        max: usize,
    },
    /// A user has seen their history.
    CallHistorySeen {
        /// Who.
        user: BareJid,
    },
    /// Writes a backup into a new file.
    Backup {
        /// An absolute path.
        path: PathBuf,
    },
    /// Checks the storage.
    Verify,
    /// Changes a level of the running node's log.
    LogLevel {
        /// The module, or `all`.
        module: String,
        /// The level.
        level: String,
    },
    /// The levels of the running node's log.
    LogLevels,
    /// Gives the administrator of the web pages another password; a random one when none is given.
    AdministratorSetPassword {
        /// The new password.
        password: Option<Secret>,
    },
    /// All administrators.
    AdministratorList,
    /// Makes an administrator.
    AdministratorAdd {
        /// The name to sign in with.
        name: String,
        /// What they are there for.
        role: Role,
        /// The password; a one-time one when none is given.
        password: Option<Secret>,
    },
    /// Gives an administrator another role.
    AdministratorSetRole {
        /// Whom.
        name: String,
        /// The role.
        role: Role,
    },
    /// Gives any administrator another password; a one-time one when none is given.
    AdministratorGivePassword {
        /// Whom.
        name: String,
        /// The password.
        password: Option<Secret>,
    },
    /// Removes an administrator.
    AdministratorRemove {
        /// Whom.
        name: String,
    },
    /// The tokens that programs administrate with.
    TokenList,
    /// Makes such a token.
    TokenAdd(NewToken),
    /// Takes such a token back.
    TokenRemove {
        /// What it is called.
        id: String,
    },
    /// Who did what.
    AuditList(AuditWanted),
    /// The running node reads its configuration and certificates again.
    Reload,
    /// What the running node does at this moment.
    Status,
    /// How other domains stand.
    FederationList,
    /// The running node tries the way to another domain.
    FederationTest {
        /// Which.
        domain: DomainPart,
    },
    /// The running node's version.
    Version,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = serde_json::to_value(self).unwrap_or_default();
        f.write_str(value["operation"].as_str().unwrap_or("request"))
    }
}
