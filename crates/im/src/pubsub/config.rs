//! How a node is configured: who reads it, how much it keeps, what it tells.

use serde::{Deserialize, Serialize};
use store::PUBSUB_ITEMS_MAX;
use xmpp::xep::forms::{Form, FormType};
use xmpp::xep::pubsub::{META_DATA, NODE_CONFIG, extended};
use xmpp::{Condition, Element, StanzaError};

/// A title, a description or the name of a group, in bytes.
const TEXT_BYTES_MAX: usize = 1_023;
/// Groups of a roster that one node names.
const ROSTER_GROUPS_MAX: usize = 64;
/// Items of a node of the shared service that nobody configures.
const SHARED_ITEMS_DEFAULT: usize = 100;

/// Makes an enumeration whose values have a word each, on the wire and in the store.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$of:meta])* $value:ident = $word:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub(crate) enum $name {
            $($(#[$of])* #[serde(rename = $word)] $value,)*
        }

        impl $name {
            /// The word.
            pub(crate) fn as_str(self) -> &'static str {
                match self { $(Self::$value => $word,)* }
            }

            /// By its word.
            pub(crate) fn of(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$value),)* _ => None }
            }
        }
    };
}

pub(super) use words;

words! {
    /// Who may read a node and hear of it (XEP-0060 §4.5).
    Access {
        /// Everybody.
        Open = "open",
        /// Who sees the presence of an owner.
        Presence = "presence",
        /// Who is in an owner's roster.
        Roster = "roster",
        /// Whom an owner has let in.
        Authorize = "authorize",
        /// Who has an affiliation.
        Whitelist = "whitelist",
    }
}

words! {
    /// Who may publish (XEP-0060 §4.1, §16.4.3).
    PublishModel {
        /// Owners and publishers.
        Publishers = "publishers",
        /// Subscribers, too.
        Subscribers = "subscribers",
        /// Everybody who is not cast out.
        Open = "open",
    }
}

words! {
    /// When the newest item goes out by itself (XEP-0060 §6.1.7).
    SendLast {
        /// Never.
        Never = "never",
        /// To new subscribers.
        OnSub = "on_sub",
        /// Also to those who become available.
        OnSubAndPresence = "on_sub_and_presence",
    }
}

/// A node's configuration. The defaults are those of personal events (XEP-0163 §2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct NodeConfig {
    pub(crate) access: Access,
    /// The groups of an owner's roster that may read, with [`Access::Roster`]; all when none is named.
    pub(crate) roster_groups: Vec<String>,
    pub(crate) publish_model: PublishModel,
    pub(crate) max_items: usize,
    pub(crate) persist: bool,
    pub(crate) send_last: SendLast,
    pub(crate) notifies: bool,
    pub(crate) deliver_payloads: bool,
    pub(crate) notify_config: bool,
    pub(crate) notify_retract: bool,
    pub(crate) notify_delete: bool,
    pub(crate) title: String,
    pub(crate) description: String,
    /// The namespace of payloads, for those who look (`pubsub#type`).
    pub(crate) payload_type: String,
}

impl Default for NodeConfig {
    fn default() -> Self {
        Self {
            access: Access::Presence,
            roster_groups: Vec::new(),
            publish_model: PublishModel::Publishers,
            max_items: 1,
            persist: true,
            send_last: SendLast::OnSubAndPresence,
            notifies: true,
            deliver_payloads: true,
            notify_config: false,
            notify_retract: true,
            notify_delete: true,
            title: String::new(),
            description: String::new(),
            payload_type: String::new(),
        }
    }
}

impl NodeConfig {
    /// The defaults of the service that everybody shares: open to read, and more than the last item.
    pub(crate) fn shared() -> Self {
        Self {
            access: Access::Open,
            max_items: SHARED_ITEMS_DEFAULT,
            send_last: SendLast::OnSub,
            ..Self::default()
        }
    }

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
            let flag = || form.flag(&field.var).map_err(|_| bad()).map(Option::unwrap_or_default);
            let text = || if value.len() <= TEXT_BYTES_MAX { Ok(value.to_owned()) } else { Err(bad()) };
            match field.var.as_str() {
                "pubsub#access_model" => self.access = Access::of(value).ok_or_else(bad)?,
                "pubsub#send_last_published_item" => self.send_last = SendLast::of(value).ok_or_else(bad)?,
                "pubsub#max_items" if value == "max" => self.max_items = PUBSUB_ITEMS_MAX,
                "pubsub#max_items" => self.max_items = value.parse().map_err(|_| bad())?,
                "pubsub#persist_items" => self.persist = flag()?,
                "pubsub#notify_retract" => self.notify_retract = flag()?,
                "pubsub#notify_delete" => self.notify_delete = flag()?,
                "pubsub#publish_model" => self.publish_model = PublishModel::of(value).ok_or_else(bad)?,
                "pubsub#deliver_notifications" => self.notifies = flag()?,
                "pubsub#deliver_payloads" => self.deliver_payloads = flag()?,
                "pubsub#notify_config" => self.notify_config = flag()?,
                "pubsub#title" => self.title = text()?,
                "pubsub#description" => self.description = text()?,
                "pubsub#type" => self.payload_type = text()?,
                "pubsub#roster_groups_allowed" => {
                    let fits = |group: &String| group.len() <= TEXT_BYTES_MAX;
                    if field.values.len() > ROSTER_GROUPS_MAX || !field.values.iter().all(fits) {
                        return Err(bad());
                    }
                    self.roster_groups = field.values.clone();
                }
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

    /// What discovery tells of it (XEP-0060 §5.4).
    pub(crate) fn meta_data(&self, owners: Vec<String>, subscribers: usize) -> Form {
        Form::new(FormType::Result, META_DATA)
            .with("pubsub#type", "text-single", [self.payload_type.as_str()])
            .with("pubsub#title", "text-single", [self.title.as_str()])
            .with("pubsub#description", "text-single", [self.description.as_str()])
            .with("pubsub#owner", "jid-multi", owners)
            .with("pubsub#access_model", "list-single", [self.access.as_str()])
            .with("pubsub#publish_model", "list-single", [self.publish_model.as_str()])
            .with("pubsub#max_items", "text-single", [self.max_items.to_string()])
            .with("pubsub#num_subscribers", "text-single", [subscribers.to_string()])
    }

    /// The form that shows it and asks for another.
    pub(crate) fn form(&self, type_: FormType) -> Form {
        let flag = |flag: bool| [if flag { "1" } else { "0" }];
        Form::new(type_, NODE_CONFIG)
            .with("pubsub#title", "text-single", [self.title.as_str()])
            .labelled("Title")
            .with("pubsub#description", "text-single", [self.description.as_str()])
            .labelled("Description")
            .with("pubsub#type", "text-single", [self.payload_type.as_str()])
            .labelled("The namespace of what is published")
            .with("pubsub#access_model", "list-single", [self.access.as_str()])
            .labelled("Who reads it")
            .option("everybody", "open")
            .option("who sees an owner's presence", "presence")
            .option("who is in an owner's roster", "roster")
            .option("whom an owner lets in", "authorize")
            .option("who has an affiliation", "whitelist")
            .with("pubsub#roster_groups_allowed", "text-multi", self.roster_groups.clone())
            .labelled("Groups of the roster that read it")
            .with("pubsub#publish_model", "list-single", [self.publish_model.as_str()])
            .labelled("Who publishes")
            .option("owners and publishers", "publishers")
            .option("subscribers, too", "subscribers")
            .option("everybody", "open")
            .with("pubsub#max_items", "text-single", [self.max_items.to_string()])
            .labelled("Items that are kept")
            .with("pubsub#persist_items", "boolean", flag(self.persist))
            .labelled("Items are kept")
            .with("pubsub#send_last_published_item", "list-single", [self.send_last.as_str()])
            .option("never", "never")
            .option("to new subscribers", "on_sub")
            .option("also to those who become available", "on_sub_and_presence")
            .with("pubsub#deliver_notifications", "boolean", flag(self.notifies))
            .labelled("Subscribers are told of events")
            .with("pubsub#deliver_payloads", "boolean", flag(self.deliver_payloads))
            .labelled("Notifications have the payload")
            .with("pubsub#notify_config", "boolean", flag(self.notify_config))
            .labelled("Subscribers are told of another configuration")
            .with("pubsub#notify_retract", "boolean", flag(self.notify_retract))
            .with("pubsub#notify_delete", "boolean", flag(self.notify_delete))
    }
}

/// The configuration, as the store has it, of a personal node whose configuration another server wrote into a form;
/// without one that of a node that nobody configured.
///
/// # Errors
/// A field has a value that is not known here: its name.
pub fn node_config(form: Option<&Element>) -> Result<String, String> {
    let mut config = NodeConfig::default();
    if let Some(form) = form {
        let form = Form::from_element(form).map_err(|error| error.to_string())?;
        for field in form.fields {
            let var = field.var.clone();
            let single = Form { type_: form.type_, title: None, fields: vec![field] };
            config = config.with(&single).map_err(|_| var)?;
        }
    }
    Ok(config.to_json())
}

/// The configuration of a personal node that is for its owner alone (XEP-0223).
pub fn node_config_for_owner() -> String {
    let mut config =
        NodeConfig { access: Access::Whitelist, send_last: SendLast::Never, ..NodeConfig::default() };
    config.max_items = PUBSUB_ITEMS_MAX;
    config.to_json()
}

/// The form that tells another server of a node's configuration.
pub fn node_config_form(config: &str) -> Element {
    let mut form = NodeConfig::from_json(config).form(FormType::Submit);
    for field in &mut form.fields {
        field.label = None;
        field.options.clear();
    }
    // A submitted form says nothing with an empty field.
    form.fields.retain(|field| !field.values.iter().all(String::is_empty));
    form.to_element()
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
    fn a_configuration_moves_house_as_a_form() {
        let private = node_config_for_owner();
        assert_eq!(node_config(Some(&node_config_form(&private))), Ok(private));
        let unknown = options("pubsub#access_model", "friends").to_element();
        assert_eq!(node_config(Some(&unknown)), Err("pubsub#access_model".to_owned()));
        assert_eq!(node_config(None), Ok(NodeConfig::default().to_json()));
    }

    #[test]
    fn what_cannot_be_read_is_for_the_owner_alone() {
        assert_eq!(NodeConfig::from_json("nonsense").access, Access::Whitelist);
    }
}
