//! How a node is configured: who reads it, how much it keeps, what it tells.

use serde::{Deserialize, Serialize};
use store::PUBSUB_ITEMS_MAX;
use xmpp::xep::forms::{Form, FormType};
use xmpp::xep::pubsub::{NODE_CONFIG, extended};
use xmpp::{Condition, StanzaError};

/// A title, in bytes.
const TITLE_BYTES_MAX: usize = 1_023;

/// Who may read a node and hear of it (XEP-0060 §4.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Access {
    /// Everybody.
    Open,
    /// Who sees the owner's presence.
    #[default]
    Presence,
    /// Who is in the owner's roster.
    Roster,
    /// The owner.
    Whitelist,
}

impl Access {
    fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Presence => "presence",
            Self::Roster => "roster",
            Self::Whitelist => "whitelist",
        }
    }

    fn of(word: &str) -> Option<Self> {
        [Self::Open, Self::Presence, Self::Roster, Self::Whitelist].into_iter().find(|a| a.as_str() == word)
    }
}

/// When the newest item goes out by itself (XEP-0060 §6.1.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SendLast {
    /// Never.
    Never,
    /// To new subscribers.
    OnSub,
    /// Also to those who become available.
    #[default]
    OnSubAndPresence,
}

impl SendLast {
    fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::OnSub => "on_sub",
            Self::OnSubAndPresence => "on_sub_and_presence",
        }
    }

    fn of(word: &str) -> Option<Self> {
        [Self::Never, Self::OnSub, Self::OnSubAndPresence].into_iter().find(|s| s.as_str() == word)
    }
}

/// A node's configuration. The defaults are those of personal events (XEP-0163 §2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct NodeConfig {
    pub(crate) access: Access,
    pub(crate) max_items: usize,
    pub(crate) persist: bool,
    pub(crate) send_last: SendLast,
    pub(crate) notify_retract: bool,
    pub(crate) notify_delete: bool,
    pub(crate) title: String,
}

impl Default for NodeConfig {
    fn default() -> Self {
        Self {
            access: Access::default(),
            max_items: 1,
            persist: true,
            send_last: SendLast::default(),
            notify_retract: true,
            notify_delete: true,
            title: String::new(),
        }
    }
}

impl NodeConfig {
    /// From the store; what cannot be read is the narrowest there is.
    pub(crate) fn from_json(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_else(|_| Self { access: Access::Whitelist, ..Self::default() })
    }

    /// For the store.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The configuration with what a form says of it. Fields that nobody knows are left alone.
    ///
    /// # Errors
    /// A field has a value that it cannot have.
    pub(crate) fn with(mut self, form: &Form) -> Result<Self, StanzaError> {
        let bad = || StanzaError::from(Condition::NotAcceptable).with_text("a field has no such value");
        for field in &form.fields {
            let value = field.values.first().map_or("", String::as_str);
            let flag = || form.flag(&field.var).map_err(StanzaError::from).map(Option::unwrap_or_default);
            match field.var.as_str() {
                "pubsub#access_model" => self.access = Access::of(value).ok_or_else(bad)?,
                "pubsub#send_last_published_item" => self.send_last = SendLast::of(value).ok_or_else(bad)?,
                "pubsub#max_items" if value == "max" => self.max_items = PUBSUB_ITEMS_MAX,
                "pubsub#max_items" => self.max_items = value.parse().map_err(|_| bad())?,
                "pubsub#persist_items" => self.persist = flag()?,
                "pubsub#notify_retract" => self.notify_retract = flag()?,
                "pubsub#notify_delete" => self.notify_delete = flag()?,
                "pubsub#title" if value.len() <= TITLE_BYTES_MAX => self.title = value.to_owned(),
                "pubsub#title" => return Err(bad()),
                _ => {}
            }
        }
        self.max_items = self.max_items.min(PUBSUB_ITEMS_MAX);
        Ok(self)
    }

    /// Is the node as a publisher wants it (XEP-0060 §7.1.5)?
    ///
    /// # Errors
    /// `conflict` with `precondition-not-met`.
    pub(crate) fn meets(&self, options: &Form) -> Result<(), StanzaError> {
        if self.clone().with(options)? == *self {
            return Ok(());
        }
        Err(extended(Condition::Conflict, "precondition-not-met"))
    }

    /// The form that shows it and asks for another.
    pub(crate) fn form(&self, type_: FormType) -> Form {
        let flag = |flag: bool| [if flag { "1" } else { "0" }];
        Form::new(type_, NODE_CONFIG)
            .with("pubsub#title", "text-single", [self.title.as_str()])
            .with("pubsub#access_model", "list-single", [self.access.as_str()])
            .option("everybody", "open")
            .option("who sees the owner's presence", "presence")
            .option("who is in the owner's roster", "roster")
            .option("the owner", "whitelist")
            .with("pubsub#max_items", "text-single", [self.max_items.to_string()])
            .with("pubsub#persist_items", "boolean", flag(self.persist))
            .with("pubsub#send_last_published_item", "list-single", [self.send_last.as_str()])
            .option("never", "never")
            .option("to new subscribers", "on_sub")
            .option("also to those who become available", "on_sub_and_presence")
            .with("pubsub#notify_retract", "boolean", flag(self.notify_retract))
            .with("pubsub#notify_delete", "boolean", flag(self.notify_delete))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(var: &str, value: &str) -> Form {
        Form::new(FormType::Submit, NODE_CONFIG).with(var, "text-single", [value])
    }

    #[test]
    fn a_form_changes_what_it_names() {
        let config = NodeConfig::default().with(&options("pubsub#max_items", "max")).unwrap();
        assert_eq!((config.max_items, config.access), (PUBSUB_ITEMS_MAX, Access::Presence));
        assert!(NodeConfig::default().with(&options("pubsub#access_model", "friends")).is_err());
        assert_eq!(NodeConfig::default().with(&options("pubsub#unheard", "of")), Ok(NodeConfig::default()));
        assert_eq!(NodeConfig::from_json(&config.to_json()), config);
        assert_eq!(NodeConfig::default().with(&config.form(FormType::Submit)), Ok(config));
    }

    #[test]
    fn a_node_that_is_not_as_wanted_is_a_conflict() {
        let config = NodeConfig::default();
        assert_eq!(config.meets(&options("pubsub#access_model", "presence")), Ok(()));
        let refused = config.meets(&options("pubsub#access_model", "whitelist")).unwrap_err();
        assert_eq!(refused.condition, Condition::Conflict);
    }

    #[test]
    fn what_cannot_be_read_is_for_the_owner_alone() {
        assert_eq!(NodeConfig::from_json("nonsense").access, Access::Whitelist);
    }
}
