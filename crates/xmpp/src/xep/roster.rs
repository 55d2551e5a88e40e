//! The roster on the wire (RFC 6121 §2), with versions (§2.6).

use jid::BareJid;

use crate::{Condition, Element, StanzaError, ns};

/// The namespace.
pub const NS: &str = ns::ROSTER;
/// The stream feature: versions are understood (RFC 6121 §2.6.1).
pub const VERSIONING_FEATURE: &[u8] = b"<ver xmlns='urn:xmpp:features:rosterver'/>";
/// The stream feature: subscriptions may be approved in advance (RFC 6121 §3.4).
pub const PRE_APPROVAL_FEATURE: &[u8] = b"<sub xmlns='urn:xmpp:features:pre-approval'/>";
/// The longest name of a contact or group, in bytes (RFC 6121 §2.3.3 leaves the limit to the server).
pub const NAME_BYTES_MAX: usize = 1_023;
/// The most groups of one contact, in groups.
pub const GROUPS_MAX: usize = 64;

/// The state of the subscriptions between the user and a contact (RFC 6121 §2.1.2.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Subscription {
    /// Neither sees the other.
    #[default]
    None,
    /// The user sees the contact.
    To,
    /// The contact sees the user.
    From,
    /// Each sees the other.
    Both,
    /// The item is, or is to be, removed.
    Remove,
}

impl Subscription {
    /// The value of the attribute.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::To => "to",
            Self::From => "from",
            Self::Both => "both",
            Self::Remove => "remove",
        }
    }

    fn from_name(name: &str) -> Self {
        match name {
            "to" => Self::To,
            "from" => Self::From,
            "both" => Self::Both,
            "remove" => Self::Remove,
            _ => Self::None,
        }
    }
}

/// One contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The contact's address.
    pub jid: BareJid,
    /// What the user calls the contact.
    pub name: Option<String>,
    /// Who sees whom.
    pub subscription: Subscription,
    /// The user has asked to see the contact and was not answered (`ask='subscribe'`).
    pub ask: bool,
    /// The user has approved the contact in advance.
    pub approved: bool,
    /// The groups that the user has put the contact in.
    pub groups: Vec<String>,
}

impl Item {
    /// Reads `<item/>`.
    pub fn from_element(element: &Element) -> Result<Self, StanzaError> {
        let malformed = |text| StanzaError::from(Condition::BadRequest).with_text(text);
        let jid = element.attr("jid").ok_or_else(|| malformed("item without jid"))?;
        let groups = element.children().filter(|child| child.is("group", NS)).map(Element::text).collect();
        Ok(Self {
            jid: jid.parse().map_err(|_| malformed("the item's jid is no bare address"))?,
            name: element.attr("name").filter(|name| !name.is_empty()).map(str::to_owned),
            subscription: Subscription::from_name(element.attr("subscription").unwrap_or_default()),
            ask: element.attr("ask") == Some("subscribe"),
            approved: matches!(element.attr("approved"), Some("true" | "1")),
            groups,
        })
    }

    /// The `<item/>` element.
    pub fn to_element(&self) -> Element {
        let mut item = Element::new("item", NS).with_attr("jid", self.jid.as_str());
        if let Some(name) = &self.name {
            item.set_attr("name", name.as_str());
        }
        item.set_attr("subscription", self.subscription.as_str());
        if self.ask {
            item.set_attr("ask", "subscribe");
        }
        if self.approved {
            item.set_attr("approved", "true");
        }
        for group in &self.groups {
            item.push(Element::new("group", NS).with_text(group.as_str()));
        }
        item
    }
}

/// `<query/>`: a whole roster, a change, or a question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// The version. In a question: what the client has; empty means that it has none but knows versions.
    pub ver: Option<String>,
    /// The contacts.
    pub items: Vec<Item>,
}

impl Query {
    /// Reads `<query/>` of any direction.
    pub fn from_element(query: &Element) -> Result<Self, StanzaError> {
        let items = query.children().filter(|child| child.is("item", NS));
        Ok(Self {
            ver: query.attr("ver").map(str::to_owned),
            items: items.map(Item::from_element).collect::<Result<_, _>>()?,
        })
    }

    /// Reads what a client wants changed, by the rules of RFC 6121 §2.3.3. The server ignores what the
    /// client says of `subscription` (other than `remove`), `ask` and `approved` (§2.1.2).
    pub fn change_from_element(query: &Element) -> Result<Item, StanzaError> {
        let mut items = Self::from_element(query)?.items;
        let (Some(mut item), true) = (items.pop(), items.is_empty()) else {
            return Err(StanzaError::from(Condition::BadRequest).with_text("a change has exactly one item"));
        };
        let too_long = |text: &String| text.len() > NAME_BYTES_MAX;
        if item.name.as_ref().is_some_and(too_long) || item.groups.iter().any(too_long) {
            return Err(StanzaError::from(Condition::NotAcceptable).with_text("a name is too long"));
        }
        if item.groups.len() > GROUPS_MAX || item.groups.iter().any(String::is_empty) {
            return Err(
                StanzaError::from(Condition::NotAcceptable).with_text("too many groups or one without name")
            );
        }
        let mut groups = item.groups.clone();
        groups.sort();
        groups.dedup();
        if groups.len() != item.groups.len() {
            return Err(StanzaError::from(Condition::BadRequest).with_text("a group twice"));
        }
        if item.subscription != Subscription::Remove {
            item.subscription = Subscription::None;
        }
        (item.ask, item.approved) = (false, false);
        Ok(item)
    }

    /// The `<query/>` element.
    pub fn to_element(&self) -> Element {
        let mut query = Element::new("query", NS);
        if let Some(ver) = &self.ver {
            query.set_attr("ver", ver.as_str());
        }
        self.items.iter().for_each(|item| query.push(item.to_element()));
        query
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item() -> Item {
        Item {
            jid: "juliet@example.com".parse().unwrap(),
            name: Some("J & R".into()),
            subscription: Subscription::Both,
            ask: true,
            approved: true,
            groups: vec!["Friends".into(), "<Lovers>".into()],
        }
    }

    fn change(item: &str) -> Result<Item, Condition> {
        let query = format!("<query xmlns='jabber:iq:roster'>{item}</query>");
        let query = Element::parse(query.as_bytes(), "").unwrap();
        Query::change_from_element(&query).map_err(|error| error.condition)
    }

    #[test]
    fn a_roster_survives_the_wire() {
        let none = Item {
            subscription: Subscription::None,
            name: None,
            ask: false,
            approved: false,
            groups: vec![],
            ..item()
        };
        let query = Query { ver: Some("7".into()), items: vec![item(), none] };
        let wire = query.to_element().to_bytes();
        assert_eq!(Query::from_element(&Element::parse(&wire, "").unwrap()), Ok(query));
    }

    #[test]
    fn a_client_may_change_only_what_is_the_users() {
        let changed =
            change("<item jid='a@x' name='A' subscription='both' ask='subscribe' approved='true'/>").unwrap();
        assert_eq!((changed.subscription, changed.ask, changed.approved), (Subscription::None, false, false));
        assert_eq!(
            change("<item jid='a@x' subscription='remove'/>").unwrap().subscription,
            Subscription::Remove
        );
    }

    /// RFC 6121 §2.3.3, the error cases in their order.
    #[test]
    fn a_change_that_breaks_the_rules_is_refused() {
        let long = "x".repeat(NAME_BYTES_MAX + 1);
        for (item, condition) in [
            (String::new(), Condition::BadRequest),
            ("<item jid='a@x'/><item jid='b@x'/>".into(), Condition::BadRequest),
            ("<item name='A'/>".into(), Condition::BadRequest),
            ("<item jid='a@x/full'/>".into(), Condition::BadRequest),
            ("<item jid='a@x'><group>G</group><group>G</group></item>".into(), Condition::BadRequest),
            (format!("<item jid='a@x' name='{long}'/>"), Condition::NotAcceptable),
            ("<item jid='a@x'><group/></item>".into(), Condition::NotAcceptable),
            (format!("<item jid='a@x'><group>{long}</group></item>"), Condition::NotAcceptable),
        ] {
            assert_eq!(change(&item), Err(condition), "{item:.80}");
        }
    }
}
