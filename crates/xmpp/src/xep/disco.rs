//! Service Discovery (XEP-0030): who is at an address and what it can do.

use super::{PayloadError, forms};
use crate::Element;

/// The namespace of questions about an entity.
pub const INFO: &str = "http://jabber.org/protocol/disco#info";
/// The namespace of questions about what belongs to an entity.
pub const ITEMS: &str = "http://jabber.org/protocol/disco#items";

/// What kind of thing an entity is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    /// The category, such as `server`.
    pub category: String,
    /// The type within it, such as `im`.
    pub type_: String,
    /// The language of the name.
    pub lang: Option<String>,
    /// The name for people.
    pub name: Option<String>,
}

impl Identity {
    /// An identity with a name in no particular language.
    pub fn new(category: &str, type_: &str, name: &str) -> Self {
        Self {
            category: category.to_owned(),
            type_: type_.to_owned(),
            lang: None,
            name: Some(name.to_owned()),
        }
    }
}

/// The answer to a question about an entity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// The node that was asked about.
    pub node: Option<String>,
    /// What it is.
    pub identities: Vec<Identity>,
    /// What it can do.
    pub features: Vec<String>,
    /// What else it tells: `<x xmlns='jabber:x:data'/>` (XEP-0128).
    pub forms: Vec<Element>,
}

impl Info {
    /// The payload of a question.
    pub fn request(node: Option<&str>) -> Element {
        query(INFO, node)
    }

    /// Reads an answer.
    pub fn from_element(query: &Element) -> Result<Self, PayloadError> {
        let mut info = Self { node: query.attr("node").map(str::to_owned), ..Self::default() };
        for child in query.children() {
            let attribute = |name| child.attr(name).map(str::to_owned);
            match (child.name(), child.ns()) {
                ("identity", INFO) => info.identities.push(Identity {
                    category: attribute("category").ok_or(PayloadError("identity without category"))?,
                    type_: attribute("type").ok_or(PayloadError("identity without type"))?,
                    lang: child.attr_ns("lang", crate::ns::XML).map(str::to_owned),
                    name: attribute("name"),
                }),
                ("feature", INFO) => {
                    info.features.push(attribute("var").ok_or(PayloadError("feature without var"))?);
                }
                ("x", forms::NS) => info.forms.push(child.clone()),
                _ => {}
            }
        }
        Ok(info)
    }

    /// The payload of an answer.
    pub fn to_element(&self) -> Element {
        let mut query = query(INFO, self.node.as_deref());
        for identity in &self.identities {
            let mut element = Element::new("identity", INFO)
                .with_attr("category", identity.category.as_str())
                .with_attr("type", identity.type_.as_str());
            if let Some(name) = &identity.name {
                element.set_attr("name", name.as_str());
            }
            if let Some(lang) = &identity.lang {
                element.set_attr_ns("lang", crate::ns::XML, lang.as_str());
            }
            query.push(element);
        }
        for feature in &self.features {
            query.push(Element::new("feature", INFO).with_attr("var", feature.as_str()));
        }
        self.forms.iter().for_each(|form| query.push(form.clone()));
        query
    }

    /// True when the entity has the feature.
    pub fn has(&self, feature: &str) -> bool {
        self.features.iter().any(|other| other == feature)
    }
}

/// Something that belongs to an entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its address.
    pub jid: String,
    /// The node at that address.
    pub node: Option<String>,
    /// The name for people.
    pub name: Option<String>,
}

/// The answer to a question about what belongs to an entity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Items {
    /// The node that was asked about.
    pub node: Option<String>,
    /// What belongs to it.
    pub items: Vec<Item>,
}

impl Items {
    /// The payload of a question.
    pub fn request(node: Option<&str>) -> Element {
        query(ITEMS, node)
    }

    /// Reads an answer.
    pub fn from_element(query: &Element) -> Result<Self, PayloadError> {
        let mut items = Self { node: query.attr("node").map(str::to_owned), items: Vec::new() };
        for child in query.children().filter(|child| child.is("item", ITEMS)) {
            let attribute = |name| child.attr(name).map(str::to_owned);
            items.items.push(Item {
                jid: attribute("jid").ok_or(PayloadError("item without jid"))?,
                node: attribute("node"),
                name: attribute("name"),
            });
        }
        Ok(items)
    }

    /// The payload of an answer.
    pub fn to_element(&self) -> Element {
        let mut query = query(ITEMS, self.node.as_deref());
        for item in &self.items {
            let mut element = Element::new("item", ITEMS).with_attr("jid", item.jid.as_str());
            if let Some(node) = &item.node {
                element.set_attr("node", node.as_str());
            }
            if let Some(name) = &item.name {
                element.set_attr("name", name.as_str());
            }
            query.push(element);
        }
        query
    }
}

fn query(ns: &'static str, node: Option<&str>) -> Element {
    let query = Element::new("query", ns);
    match node {
        Some(node) => query.with_attr("node", node),
        None => query,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn info_survives_the_wire() {
        let info = Info {
            node: Some("n".into()),
            identities: vec![
                Identity::new("server", "im", "Carillon"),
                Identity { lang: Some("el".into()), name: None, ..Identity::new("client", "pc", "") },
            ],
            features: vec![INFO.into(), "urn:<odd>".into()],
            forms: vec![Element::new("x", forms::NS).with_attr("type", "result")],
        };
        let wire = info.to_element().to_bytes();
        assert_eq!(Info::from_element(&Element::parse(&wire, "").unwrap()), Ok(info.clone()));
        assert!(info.has(INFO) && !info.has(ITEMS));
    }

    #[test]
    fn items_survive_the_wire() {
        let item = Item { jid: "conference.localhost".into(), node: None, name: Some("Rooms".into()) };
        let items = Items { node: None, items: vec![item] };
        assert_eq!(Items::from_element(&items.to_element()), Ok(items));
        assert!(Items::from_element(&Items::request(None).with_child(Element::new("item", ITEMS))).is_err());
    }
}
