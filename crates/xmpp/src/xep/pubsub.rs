//! PubSub (XEP-0060): the requests that a service answers, and the events that it sends.

use super::forms::{self, Form};
use super::{PayloadError, rsm};
use crate::{Condition, Element, StanzaError};

/// The namespace of requests.
pub const NS: &str = "http://jabber.org/protocol/pubsub";
/// The namespace of what owners do.
pub const OWNER: &str = "http://jabber.org/protocol/pubsub#owner";
/// The namespace of events.
pub const EVENT: &str = "http://jabber.org/protocol/pubsub#event";
/// The namespace of the errors that say more.
pub const ERRORS: &str = "http://jabber.org/protocol/pubsub#errors";
/// The kind of a node's configuration form.
pub const NODE_CONFIG: &str = "http://jabber.org/protocol/pubsub#node_config";
/// The kind of the form that goes with a publication (§7.1.5).
pub const PUBLISH_OPTIONS: &str = "http://jabber.org/protocol/pubsub#publish-options";
/// The kind of a subscription's options form (§6.3).
pub const SUBSCRIBE_OPTIONS: &str = "http://jabber.org/protocol/pubsub#subscribe_options";
/// The kind of the form by which owners let subscribers in (§8.6).
pub const SUBSCRIBE_AUTHORIZATION: &str = "http://jabber.org/protocol/pubsub#subscribe_authorization";
/// The kind of the form that tells about a node (§5.4).
pub const META_DATA: &str = "http://jabber.org/protocol/pubsub#meta-data";
/// Affiliations or subscriptions that an owner may change in one request.
pub const CHANGES_MAX: usize = 200;
/// A node's name, in bytes.
pub const NODE_BYTES_MAX: usize = 1_023;
/// An item's id, in bytes.
pub const ITEM_ID_BYTES_MAX: usize = 1_023;
/// Ids that one request may ask for.
pub const ITEM_IDS_MAX: usize = 100;

/// What is asked of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Items of a node: these, or the newest (§6.5).
    Items {
        /// The node.
        node: String,
        /// Exactly these; empty for the newest.
        ids: Vec<String>,
        /// The most.
        max: Option<usize>,
        /// The page that is wanted (XEP-0059).
        page: Option<rsm::Request>,
    },
    /// An item is published (§7.1).
    Publish {
        /// The node.
        node: String,
        /// The item's id, if the publisher gives one, and its payload; `None` for a notification without item.
        item: Option<(Option<String>, Option<Element>)>,
        /// What the publisher wants of the node.
        options: Option<Form>,
    },
    /// An item is taken back (§7.2).
    Retract {
        /// The node.
        node: String,
        /// The item.
        id: String,
        /// Subscribers hear of it in any case.
        notify: bool,
    },
    /// A node is made (§8.1).
    Create {
        /// The node; `None` for a name of the service's choice.
        node: Option<String>,
        /// How it is configured.
        config: Option<Form>,
    },
    /// Somebody wants a node's events (§6.1).
    Subscribe {
        /// The node.
        node: String,
        /// Who.
        jid: String,
        /// With which options (§6.3.7).
        options: Option<Form>,
    },
    /// Somebody wants them no more (§6.2).
    Unsubscribe {
        /// The node.
        node: String,
        /// Who.
        jid: String,
    },
    /// One's subscriptions (§5.6), at one node or everywhere.
    Subscriptions(Option<String>),
    /// One's affiliations (§5.7), at one node or everywhere.
    Affiliations(Option<String>),
    /// The options of a subscription are read (§6.3.2).
    Options {
        /// The node.
        node: String,
        /// Whose.
        jid: String,
    },
    /// The options of a subscription are set (§6.3.5).
    SetOptions {
        /// The node.
        node: String,
        /// Whose.
        jid: String,
        /// How.
        options: Form,
    },
    /// The options of subscriptions that nobody configures (§6.4).
    DefaultOptions,
    /// Who is subscribed to a node (§8.8.1).
    Subscribers {
        /// The node.
        node: String,
    },
    /// Subscriptions of others are changed (§8.8.2).
    SetSubscribers {
        /// The node.
        node: String,
        /// Addresses and what their subscriptions become.
        changes: Vec<(String, String)>,
    },
    /// Who has which affiliation with a node (§8.9.1).
    Affiliates {
        /// The node.
        node: String,
    },
    /// Affiliations of others are changed (§8.9.2).
    SetAffiliates {
        /// The node.
        node: String,
        /// Addresses and what they become.
        changes: Vec<(String, String)>,
    },
    /// A node's configuration is read (§8.2.1).
    Configuration {
        /// The node.
        node: String,
    },
    /// A node is configured (§8.2.4).
    Configure {
        /// The node.
        node: String,
        /// How.
        config: Form,
    },
    /// How nodes are configured that nobody configures (§8.3).
    Default,
    /// A node is removed (§8.4).
    Delete {
        /// The node.
        node: String,
    },
    /// All items of a node are removed (§8.5).
    Purge {
        /// The node.
        node: String,
    },
}

impl Request {
    /// Reads `<pubsub/>` of either namespace, of an IQ `set` or `get`.
    ///
    /// # Errors
    /// What a service says to a request that is broken, or that nobody knows.
    pub fn from_element(pubsub: &Element, set: bool) -> Result<Self, StanzaError> {
        let ns = if pubsub.ns() == OWNER { OWNER } else { NS };
        let action = pubsub
            .children()
            .find(|child| {
                child.ns() == ns
                    && !matches!(child.name(), "configure" | "publish-options")
                    && !(child.name() == "options" && pubsub.child("subscribe", NS).is_some())
                    || child.is("configure", OWNER)
            })
            .ok_or(PayloadError("a request without an action"))?;
        match (ns, set, action.name()) {
            (NS, false, "items") => Self::items(action, pubsub),
            (NS, true, "publish") => Self::publish(action, pubsub),
            (NS, true, "retract") => {
                let item = action.child("item", NS).and_then(|item| item.attr("id"));
                let id = item.ok_or_else(|| extended(Condition::BadRequest, "item-required"))?.to_owned();
                let notify = matches!(action.attr("notify"), Some("1" | "true"));
                Ok(Self::Retract { node: node(action)?, id, notify })
            }
            (NS, true, "create") => {
                let node = node_if_any(action)?;
                let config =
                    pubsub.child("configure", NS).and_then(|configure| configure.child("x", forms::NS));
                Ok(Self::Create { node, config: config.map(Form::from_element).transpose()? })
            }
            (NS, true, "subscribe") => {
                let options = pubsub.child("options", NS).and_then(|options| options.child("x", forms::NS));
                let options = options.map(Form::from_element).transpose()?;
                Ok(Self::Subscribe { node: node(action)?, jid: jid(action)?, options })
            }
            (NS, true, "unsubscribe") => Ok(Self::Unsubscribe { node: node(action)?, jid: jid(action)? }),
            (NS, false, "subscriptions") => Ok(Self::Subscriptions(node_if_any(action)?)),
            (NS, false, "affiliations") => Ok(Self::Affiliations(node_if_any(action)?)),
            (NS, false, "options") => Ok(Self::Options { node: node(action)?, jid: subscriber(action)? }),
            (NS, true, "options") => {
                let form = action.child("x", forms::NS);
                let form = form.ok_or_else(|| extended(Condition::BadRequest, "invalid-options"))?;
                let options = Form::from_element(form)?;
                Ok(Self::SetOptions { node: node(action)?, jid: subscriber(action)?, options })
            }
            (NS, false, "default") => Ok(Self::DefaultOptions),
            (OWNER, false, "subscriptions") => Ok(Self::Subscribers { node: node(action)? }),
            (OWNER, true, "subscriptions") => {
                let changes = changes(action, "subscription")?;
                Ok(Self::SetSubscribers { node: node(action)?, changes })
            }
            (OWNER, false, "affiliations") => Ok(Self::Affiliates { node: node(action)? }),
            (OWNER, true, "affiliations") => {
                let changes = changes(action, "affiliation")?;
                Ok(Self::SetAffiliates { node: node(action)?, changes })
            }
            (OWNER, false, "configure") => Ok(Self::Configuration { node: node(action)? }),
            (OWNER, true, "configure") => {
                let form =
                    action.child("x", forms::NS).ok_or(PayloadError("a configuration without a form"))?;
                Ok(Self::Configure { node: node(action)?, config: Form::from_element(form)? })
            }
            (OWNER, false, "default") => Ok(Self::Default),
            (OWNER, true, "delete") => Ok(Self::Delete { node: node(action)? }),
            (OWNER, true, "purge") => Ok(Self::Purge { node: node(action)? }),
            _ => Err(Condition::FeatureNotImplemented.into()),
        }
    }

    fn items(items: &Element, pubsub: &Element) -> Result<Self, StanzaError> {
        let ids: Vec<String> = items
            .children()
            .filter(|child| child.is("item", NS))
            .filter_map(|item| item.attr("id").map(str::to_owned))
            .take(ITEM_IDS_MAX)
            .collect();
        let number = |text: &str| text.parse().map_err(|_| PayloadError("max_items is no number"));
        let max = items.attr("max_items").map(number).transpose()?;
        let page = pubsub.child("set", rsm::NS).map(rsm::Request::from_element).transpose()?;
        Ok(Self::Items { node: node(items)?, ids, max, page })
    }

    fn publish(publish: &Element, pubsub: &Element) -> Result<Self, StanzaError> {
        let item = match publish.child("item", NS) {
            None => None,
            Some(item) => {
                let id = item.attr("id").filter(|id| !id.is_empty());
                if id.is_some_and(|id| id.len() > ITEM_ID_BYTES_MAX) {
                    return Err(Condition::NotAcceptable.into());
                }
                if item.children().count() > 1 {
                    return Err(extended(Condition::BadRequest, "invalid-payload"));
                }
                Some((id.map(str::to_owned), item.children().next().cloned()))
            }
        };
        let options = pubsub.child("publish-options", NS).and_then(|options| options.child("x", forms::NS));
        Ok(Self::Publish {
            node: node(publish)?,
            item,
            options: options.map(Form::from_element).transpose()?,
        })
    }
}

fn node(action: &Element) -> Result<String, StanzaError> {
    match action.attr("node") {
        None | Some("") => Err(extended(Condition::BadRequest, "nodeid-required")),
        Some(node) if node.len() > NODE_BYTES_MAX => Err(Condition::NotAcceptable.into()),
        Some(node) => Ok(node.to_owned()),
    }
}

fn node_if_any(action: &Element) -> Result<Option<String>, StanzaError> {
    action.attr("node").filter(|node| !node.is_empty()).map(|_| node(action)).transpose()
}

/// Whose options: §6.3.4.3 has its own error for nobody's.
fn subscriber(action: &Element) -> Result<String, StanzaError> {
    let jid = action.attr("jid").ok_or_else(|| extended(Condition::BadRequest, "jid-required"))?;
    Ok(jid.to_owned())
}

/// What an owner changes: addresses and a word for each.
fn changes(action: &Element, name: &str) -> Result<Vec<(String, String)>, StanzaError> {
    let changes = action.children().filter(|child| child.is(name, OWNER));
    let changes: Option<Vec<_>> = changes
        .take(CHANGES_MAX + 1)
        .map(|change| Some((change.attr("jid")?.to_owned(), change.attr(name)?.to_owned())))
        .collect();
    match changes {
        Some(changes) if changes.len() > CHANGES_MAX => Err(Condition::PolicyViolation.into()),
        Some(changes) if !changes.is_empty() => Ok(changes),
        _ => Err(Condition::BadRequest.into()),
    }
}

fn jid(action: &Element) -> Result<String, StanzaError> {
    let jid = action.attr("jid").ok_or_else(|| extended(Condition::BadRequest, "invalid-jid"))?;
    Ok(jid.to_owned())
}

/// A refusal that says more than its condition does (§12.1).
pub fn extended(condition: Condition, name: &'static str) -> StanzaError {
    StanzaError::from(condition).with_app(Element::new(name, ERRORS))
}

/// We, or this node, cannot do this: `<unsupported feature='…'/>` (§12.1).
pub fn unsupported(feature: &'static str) -> StanzaError {
    let app = Element::new("unsupported", ERRORS).with_attr("feature", feature);
    StanzaError::from(Condition::FeatureNotImplemented).with_app(app)
}

/// `<pubsub/>` around an answer.
pub fn answer(ns: &'static str, child: Element) -> Element {
    Element::new("pubsub", ns).with_child(child)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(xml: &str, set: bool) -> Result<Request, StanzaError> {
        Request::from_element(&Element::parse(xml.as_bytes(), "jabber:client").unwrap(), set)
    }

    #[test]
    fn a_publication_is_read_with_its_options() {
        let xml = "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='n'><item id='1'><a xmlns='urn:a'/></item></publish>\
                   <publish-options><x xmlns='jabber:x:data' type='submit'><field var='pubsub#access_model'><value>open</value></field></x></publish-options></pubsub>";
        let Ok(Request::Publish { node, item: Some((id, Some(payload))), options: Some(options) }) =
            read(xml, true)
        else {
            panic!("not read");
        };
        assert_eq!((node.as_str(), id.as_deref()), ("n", Some("1")));
        assert!(payload.is("a", "urn:a"));
        assert_eq!(options.value("pubsub#access_model"), Some("open"));
    }

    #[test]
    fn what_owners_do_has_its_own_namespace() {
        let xml = "<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><delete node='n'/></pubsub>";
        assert_eq!(read(xml, true), Ok(Request::Delete { node: "n".to_owned() }));
        let xml = "<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><configure node='n'/></pubsub>";
        assert_eq!(read(xml, false), Ok(Request::Configuration { node: "n".to_owned() }));
        let xml = "<pubsub xmlns='http://jabber.org/protocol/pubsub'><delete node='n'/></pubsub>";
        assert_eq!(read(xml, true).unwrap_err().condition, Condition::FeatureNotImplemented);
    }

    #[test]
    fn a_subscription_is_read_with_its_options() {
        let xml = "<pubsub xmlns='http://jabber.org/protocol/pubsub'><options><x xmlns='jabber:x:data' type='submit'>\
                   <field var='pubsub#deliver'><value>0</value></field></x></options><subscribe node='n' jid='a@b'/></pubsub>";
        let Ok(Request::Subscribe { node, jid, options: Some(options) }) = read(xml, true) else {
            panic!("not read");
        };
        assert_eq!((node.as_str(), jid.as_str()), ("n", "a@b"));
        assert_eq!(options.flag("pubsub#deliver"), Ok(Some(false)));
        let xml = "<pubsub xmlns='http://jabber.org/protocol/pubsub'><options node='n'/></pubsub>";
        let refused = read(xml, false).unwrap_err();
        assert_eq!(refused.app.map(|app| app.name().to_owned()).as_deref(), Some("jid-required"));
    }

    #[test]
    fn owners_change_some_at_a_time() {
        let xml = "<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><affiliations node='n'>\
                   <affiliation jid='a@b' affiliation='member'/></affiliations></pubsub>";
        let changes = vec![("a@b".to_owned(), "member".to_owned())];
        assert_eq!(read(xml, true), Ok(Request::SetAffiliates { node: "n".to_owned(), changes }));
        let many = "<affiliation jid='a@b' affiliation='member'/>".repeat(CHANGES_MAX + 1);
        let xml = format!(
            "<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><affiliations node='n'>{many}</affiliations></pubsub>"
        );
        assert_eq!(read(&xml, true).unwrap_err().condition, Condition::PolicyViolation);
        let xml =
            "<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><subscriptions node='n'/></pubsub>";
        assert_eq!(read(xml, true).unwrap_err().condition, Condition::BadRequest);
    }

    #[test]
    fn requests_without_a_node_or_with_two_payloads_are_refused() {
        let xml = "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items/></pubsub>";
        assert_eq!(read(xml, false).unwrap_err().condition, Condition::BadRequest);
        let xml = "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='n'><item><a xmlns='a'/><b xmlns='b'/></item></publish></pubsub>";
        assert_eq!(read(xml, true).unwrap_err().condition, Condition::BadRequest);
    }
}
