//! The roster on the wire (RFC 6121 §2), with versions (§2.6).

use jid::BareJid;

use crate::{Condition, Element, StanzaError, ns};

/// The namespace.
pub const NS: &str = ns::ROSTER;
/// The stream feature: versions are understood (RFC 6121 §2.6.1).
pub const VERSIONING_FEATURE: &[u8] = b"<ver xmlns='urn:xmpp:features:rosterver'/>";
/// The stream feature: subscriptions may be approved in advance (RFC 6121 §3.4).
pub const PRE_APPROVAL_FEATURE: &[u8] = b"<sub xmlns='urn:xmpp:features:pre-approval'/>";
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
}
