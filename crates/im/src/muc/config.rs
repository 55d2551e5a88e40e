//! How a room is configured (XEP-0045 §10.2).

use std::collections::BTreeMap;

use model::BareJid;
use serde::{Deserialize, Serialize};
use store::StanzaId;
use xmpp::xep::forms::{Form, FormType};
use xmpp::{Condition, StanzaError};

use super::hats::{self, Hats};
use super::registration;
use crate::features::{commands, vcard};

/// The kind of the form.
const NODE: &str = "http://jabber.org/protocol/muc#roomconfig";
/// Occupants of a room, unless its owner says fewer (`IM-05`).
const OCCUPANTS_DEFAULT: usize = 100;
/// Occupants of a room at most.
const OCCUPANTS_MAX: usize = 2_000;
/// A name, description or password, in bytes.
const TEXT_BYTES_MAX: usize = 1_023;

/// A room's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RoomConfig {
    pub(crate) name: String,
    pub(crate) description: String,
    /// Stays when everybody has left.
    pub(crate) persistent: bool,
    /// Is found by those who look.
    pub(crate) public: bool,
    pub(crate) members_only: bool,
    /// Strangers only listen.
    pub(crate) moderated: bool,
    pub(crate) password: Option<String>,
    /// Everybody sees who is who; else moderators do.
    pub(crate) open_addresses: bool,
    pub(crate) occupants_max: usize,
    /// Participants may change the subject.
    pub(crate) open_subject: bool,
    /// Members may invite to a members-only room.
    pub(crate) open_invitations: bool,
    /// What is said is archived.
    pub(crate) archived: bool,
    /// The hashes of the room's pictures (XEP-0486).
    pub(crate) avatars: Vec<String>,
    #[serde(flatten)]
    pub(crate) people: People,
    #[serde(flatten)]
    pub(crate) origin: Origin,
}

/// What a room knows of people besides their affiliations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct People {
    /// Who wears which hat (XEP-0317).
    pub(crate) hats: Hats,
    /// Whose nickname is whose (§7.10).
    pub(crate) registered: BTreeMap<BareJid, String>,
}

/// Who made a room, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Origin {
    /// Whose room it counts as; `None` for one that was made before anybody counted.
    pub(crate) made_by: Option<BareJid>,
    /// An id that was given when the room was made: what the archive has from before was said in another room of the
    /// same name. Empty for a room that was made before this was noted.
    pub(crate) begin: String,
}

impl Default for RoomConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            description: String::new(),
            persistent: false,
            public: true,
            members_only: false,
            moderated: false,
            password: None,
            open_addresses: false,
            occupants_max: OCCUPANTS_DEFAULT,
            open_subject: false,
            open_invitations: true,
            archived: true,
            avatars: Vec::new(),
            people: People::default(),
            origin: Origin::default(),
        }
    }
}

impl RoomConfig {
    /// From the store; what cannot be read lets members in only.
    pub(crate) fn from_json(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_else(|_| Self {
            members_only: true,
            persistent: true,
            ..Self::default()
        })
    }

    /// Where the room's archive begins.
    pub(crate) fn begin(&self) -> Option<StanzaId> {
        self.origin.begin.parse().ok()
    }

    /// For the store.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The configuration with what the owner's form says of it.
    ///
    /// # Errors
    /// A field has a value that it cannot have.
    pub(crate) fn with(mut self, form: &Form) -> Result<Self, StanzaError> {
        let bad = || StanzaError::from(Condition::NotAcceptable).with_text("a field has no such value");
        let mut protected = None;
        for field in &form.fields {
            let value = field.values.first().map_or("", String::as_str);
            if value.len() > TEXT_BYTES_MAX {
                return Err(bad());
            }
            let flag = || form.flag(&field.var).map_err(StanzaError::from).map(Option::unwrap_or_default);
            match field.var.strip_prefix("muc#roomconfig_").unwrap_or_default() {
                "roomname" => self.name = value.to_owned(),
                "roomdesc" => self.description = value.to_owned(),
                "persistentroom" => self.persistent = flag()?,
                "publicroom" => self.public = flag()?,
                "membersonly" => self.members_only = flag()?,
                "moderatedroom" => self.moderated = flag()?,
                "passwordprotectedroom" => protected = Some(flag()?),
                "roomsecret" => {
                    self.password = Some(value.to_owned()).filter(|password| !password.is_empty())
                }
                "whois" => {
                    self.open_addresses = match value {
                        "anyone" => true,
                        "moderators" => false,
                        _ => return Err(bad()),
                    }
                }
                "maxusers" if value.is_empty() => self.occupants_max = OCCUPANTS_MAX,
                "maxusers" => {
                    self.occupants_max = value.parse::<usize>().map_err(|_| bad())?.clamp(1, OCCUPANTS_MAX);
                }
                "changesubject" => self.open_subject = flag()?,
                "allowinvites" => self.open_invitations = flag()?,
                "enablearchiving" | "enablelogging" => self.archived = flag()?,
                _ => {}
            }
        }
        match protected {
            Some(false) => self.password = None,
            Some(true) if self.password.is_none() => return Err(bad()),
            _ => {}
        }
        Ok(self)
    }

    /// The form for the owner.
    pub(crate) fn form(&self) -> Form {
        let flag = |flag: bool| [if flag { "1" } else { "0" }];
        Form::new(FormType::Form, NODE)
            .with("muc#roomconfig_roomname", "text-single", [self.name.as_str()])
            .labelled("Name")
            .with("muc#roomconfig_roomdesc", "text-single", [self.description.as_str()])
            .labelled("Description")
            .with("muc#roomconfig_persistentroom", "boolean", flag(self.persistent))
            .labelled("Stays when everybody has left")
            .with("muc#roomconfig_publicroom", "boolean", flag(self.public))
            .labelled("Is found by those who look for rooms")
            .with("muc#roomconfig_membersonly", "boolean", flag(self.members_only))
            .labelled("Only members come in")
            .with("muc#roomconfig_moderatedroom", "boolean", flag(self.moderated))
            .labelled("Others than members only listen")
            .with("muc#roomconfig_passwordprotectedroom", "boolean", flag(self.password.is_some()))
            .labelled("A password is needed")
            .with("muc#roomconfig_roomsecret", "text-private", [self.password.as_deref().unwrap_or_default()])
            .labelled("The password")
            .with(
                "muc#roomconfig_whois",
                "list-single",
                [if self.open_addresses { "anyone" } else { "moderators" }],
            )
            .labelled("Who sees real addresses")
            .option("moderators", "moderators")
            .option("anyone", "anyone")
            .with("muc#roomconfig_maxusers", "text-single", [self.occupants_max.to_string()])
            .labelled("Occupants at most")
            .with("muc#roomconfig_changesubject", "boolean", flag(self.open_subject))
            .labelled("Participants may change the subject")
            .with("muc#roomconfig_allowinvites", "boolean", flag(self.open_invitations))
            .labelled("Members may invite")
            .with("muc#roomconfig_enablearchiving", "boolean", flag(self.archived))
            .labelled("What is said is archived")
    }

    /// What discovery tells of it (§6.4).
    pub(crate) fn features(&self) -> Vec<&'static str> {
        let either = |flag, yes, no| if flag { yes } else { no };
        vec![
            "http://jabber.org/protocol/muc",
            "http://jabber.org/protocol/muc#stable_id",
            vcard::NS,
            commands::NS,
            hats::NS,
            registration::REGISTER,
            either(self.persistent, "muc_persistent", "muc_temporary"),
            either(self.public, "muc_public", "muc_hidden"),
            either(self.members_only, "muc_membersonly", "muc_open"),
            either(self.moderated, "muc_moderated", "muc_unmoderated"),
            either(self.password.is_some(), "muc_passwordprotected", "muc_unsecured"),
            either(self.open_addresses, "muc_nonanonymous", "muc_semianonymous"),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(var: &str, value: &str) -> Form {
        Form::new(FormType::Submit, NODE).with(var, "text-single", [value])
    }

    #[test]
    fn a_form_gives_the_configuration_that_it_shows() {
        let wanted = RoomConfig {
            name: "Ball".to_owned(),
            password: Some("cap".to_owned()),
            members_only: true,
            occupants_max: 7,
            origin: Origin { made_by: Some("romeo@x".parse().unwrap()), ..Origin::default() },
            ..RoomConfig::default()
        };
        // Whose room it is no form says.
        let made = RoomConfig { origin: wanted.origin.clone(), ..RoomConfig::default() };
        assert_eq!(made.with(&wanted.form()), Ok(wanted.clone()));
        assert_eq!(RoomConfig::from_json(&wanted.to_json()), wanted);
    }

    #[test]
    fn a_password_is_given_or_not_asked_for() {
        assert!(RoomConfig::default().with(&form("muc#roomconfig_passwordprotectedroom", "1")).is_err());
        let open = RoomConfig { password: Some("x".to_owned()), ..RoomConfig::default() };
        assert_eq!(open.with(&form("muc#roomconfig_passwordprotectedroom", "0")).unwrap().password, None);
        assert!(RoomConfig::default().with(&form("muc#roomconfig_whois", "nobody")).is_err());
    }

    #[test]
    fn what_cannot_be_read_lets_members_in_only() {
        assert!(RoomConfig::from_json("nonsense").members_only);
    }
}
