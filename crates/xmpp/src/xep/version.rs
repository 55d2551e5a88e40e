//! Software Version (XEP-0092): what runs at an address.

use super::PayloadError;
use crate::Element;

/// The namespace.
pub const NS: &str = "jabber:iq:version";

/// What runs there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The product's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The operating system, if it is told.
    pub os: Option<String>,
}

impl Version {
    /// The payload of a request.
    pub fn request() -> Element {
        Element::new("query", NS)
    }

    /// Reads a result.
    pub fn from_element(query: &Element) -> Result<Self, PayloadError> {
        let text = |name| query.child(name, NS).map(Element::text);
        Ok(Self {
            name: text("name").ok_or(PayloadError("version without name"))?,
            version: text("version").ok_or(PayloadError("version without version"))?,
            os: text("os"),
        })
    }

    /// The payload of a result.
    pub fn to_element(&self) -> Element {
        let child = |name, text: &str| Element::new(name, NS).with_text(text);
        let mut query = Self::request();
        query.push(child("name", &self.name));
        query.push(child("version", &self.version));
        if let Some(os) = &self.os {
            query.push(child("os", os));
        }
        query
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_survives_the_wire() {
        for os in [None, Some("Linux".to_owned())] {
            let version = Version { name: "Carillon".into(), version: "0.1.0".into(), os };
            assert_eq!(Version::from_element(&version.to_element()), Ok(version));
        }
        assert!(Version::from_element(&Version::request()).is_err());
    }
}
