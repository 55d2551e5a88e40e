//! Roles of administrators and the rights that each has: the one table, least privilege first.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What somebody who administrates is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything.
    Administrator,
    /// Users, lines, devices, groups and calls.
    Operator,
    /// Looks, sets passwords and ends sessions.
    Helpdesk,
    /// Looks at everything, the audit log included, and changes nothing.
    Auditor,
    /// The dial plan, trunks, queues and sounds.
    Telephony,
}

macro_rules! rights {
    ($($right:ident = $name:literal: $help:literal;)*) => {
        /// Something that an administrator may do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Right {
            $(#[doc = $help] $right,)*
        }

        impl Right {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$right,)*];

            /// As programs and people spell it: what, and what to do with it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$right => $name,)*
                }
            }
        }
    };
}

rights! {
    StatusRead = "status:read": "How the node is.";
    UsersRead = "users:read": "Users, their sign-ins and their lines.";
    UsersWrite = "users:write": "Adding, changing and removing users.";
    PasswordsWrite = "passwords:write": "Passwords of users, lines and devices; taking sign-ins back.";
    SessionsRead = "sessions:read": "Who is signed in with chat clients.";
    SessionsEnd = "sessions:end": "Ending sessions of chat clients.";
    LinesRead = "lines:read": "Lines and their settings.";
    LinesWrite = "lines:write": "Adding, changing and removing lines.";
    DevicesRead = "devices:read": "Telephones and their registrations.";
    DevicesWrite = "devices:write": "Accounts of telephones.";
    CallsRead = "calls:read": "Live calls and the records of those that have ended.";
    CallsTrace = "calls:trace": "What was said in SIP in a call.";
    CallsEnd = "calls:end": "Ending a live call.";
    RecordingsRead = "recordings:read": "Which calls were recorded.";
    TrunksRead = "trunks:read": "How trunks stand.";
    TrunksTest = "trunks:test": "Asking a trunk's servers whether they are there.";
    DialPlanRead = "dialplan:read": "The dial plan, its cases, and what a call would do.";
    DialPlanWrite = "dialplan:write": "Another dial plan, other cases.";
    QueuesRead = "queues:read": "Queues of callers.";
    SoundsRead = "sounds:read": "Sounds.";
    SoundsWrite = "sounds:write": "Importing and removing sounds.";
    PresenceRead = "presence:read": "What somebody sees of somebody, and why.";
    RoomsRead = "rooms:read": "Rooms.";
    FederationRead = "federation:read": "How other domains stand.";
    FederationTest = "federation:test": "Trying the way to another domain.";
    GroupsRead = "groups:read": "Groups of people.";
    GroupsWrite = "groups:write": "Changing groups of people.";
    InvitationsRead = "invitations:read": "Invitations that stand.";
    InvitationsWrite = "invitations:write": "Inviting, and taking invitations back.";
    AnnouncementsWrite = "announcements:write": "Saying something to everybody.";
    ParametersRead = "parameters:read": "The settings of the configuration file.";
    ParametersWrite = "parameters:write": "Changing them, and reading them again.";
    CertificatesRead = "certificates:read": "Which certificates are in use.";
    LogRead = "log:read": "The levels of the log.";
    LogWrite = "log:write": "Changing them.";
    AuditRead = "audit:read": "Who did what.";
    BackupWrite = "backup:write": "Writing a backup, checking the storage.";
    ArchiveRead = "archive:read": "What others wrote.";
    AdministratorsRead = "administrators:read": "Who administrates, and which API tokens there are.";
    AdministratorsWrite = "administrators:write": "Making and removing administrators and API tokens.";
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Administrator, Self::Operator, Self::Helpdesk, Self::Auditor, Self::Telephony];

    /// As programs and people spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Operator => "operator",
            Self::Helpdesk => "helpdesk",
            Self::Auditor => "auditor",
            Self::Telephony => "telephony",
        }
    }

    /// May somebody with this role do that?
    pub fn has(self, right: Right) -> bool {
        let looks = right.name().ends_with(":read");
        // What others wrote, who did what, and who administrates is not for everybody who helps.
        let looks_around =
            looks && !matches!(right, Right::ArchiveRead | Right::AuditRead | Right::AdministratorsRead);
        match self {
            Self::Administrator => true,
            Self::Auditor => looks && right != Right::ArchiveRead,
            Self::Helpdesk => looks_around || matches!(right, Right::PasswordsWrite | Right::SessionsEnd),
            Self::Operator => {
                looks_around
                    || matches!(
                        right,
                        Right::UsersWrite
                            | Right::PasswordsWrite
                            | Right::SessionsEnd
                            | Right::LinesWrite
                            | Right::DevicesWrite
                            | Right::CallsTrace
                            | Right::CallsEnd
                            | Right::GroupsWrite
                            | Right::InvitationsWrite
                    )
            }
            Self::Telephony => {
                looks_around
                    || matches!(
                        right,
                        Right::DialPlanWrite
                            | Right::TrunksTest
                            | Right::SoundsWrite
                            | Right::CallsTrace
                            | Right::CallsEnd
                    )
            }
        }
    }

    /// All that somebody with this role may do.
    pub fn rights(self) -> impl Iterator<Item = Right> {
        Right::ALL.iter().copied().filter(move |right| self.has(*right))
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The word is no role.
#[derive(Debug, thiserror::Error)]
#[error("a role is administrator, operator, helpdesk, auditor or telephony")]
pub struct NoRole;

impl FromStr for Role {
    type Err = NoRole;

    fn from_str(text: &str) -> Result<Self, NoRole> {
        Self::ALL.into_iter().find(|role| role.name() == text).ok_or(NoRole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_administrator_may_do_everything_and_an_auditor_changes_nothing() {
        assert_eq!(Role::Administrator.rights().count(), Right::ALL.len());
        assert!(Role::Auditor.rights().all(|right| right.name().ends_with(":read")));
        assert!(Role::Auditor.has(Right::AuditRead));
    }

    #[test]
    fn nobody_but_an_administrator_reads_what_others_wrote_or_makes_administrators() {
        for role in Role::ALL.into_iter().filter(|role| *role != Role::Administrator) {
            for right in [Right::ArchiveRead, Right::AdministratorsWrite, Right::ParametersWrite] {
                assert!(!role.has(right), "{role} {}", right.name());
            }
        }
    }

    #[test]
    fn a_role_writes_only_what_it_is_there_for() {
        let writes = |role: Role| {
            role.rights().map(Right::name).filter(|name| !name.ends_with(":read")).collect::<Vec<_>>()
        };
        assert_eq!(writes(Role::Helpdesk), ["passwords:write", "sessions:end"]);
        assert_eq!(
            writes(Role::Telephony),
            ["calls:trace", "calls:end", "trunks:test", "dialplan:write", "sounds:write"]
        );
        assert!(!Role::Operator.has(Right::DialPlanWrite));
    }

    #[test]
    fn names_of_rights_and_roles_are_read_as_they_are_written() {
        for role in Role::ALL {
            assert_eq!(role.name().parse::<Role>().unwrap(), role);
        }
        let mut names: Vec<_> = Right::ALL.iter().map(|right| right.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Right::ALL.len());
    }
}
