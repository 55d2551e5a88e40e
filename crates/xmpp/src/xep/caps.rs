//! Entity Capabilities (XEP-0115): the answer to service discovery as a hash in presence.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha1::{Digest, Sha1};

use super::PayloadError;
use super::disco::Info;
use super::forms::NS as FORMS;
use crate::Element;

/// The namespace.
pub const NS: &str = "http://jabber.org/protocol/caps";

/// `<c/>`: what a presence tells of its sender's capabilities.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Caps {
    /// The hash function; we verify `sha-1` only, which all clients send.
    pub hash: String,
    /// The software.
    pub node: String,
    /// The hash.
    pub ver: String,
}

impl Caps {
    /// What we tell of ourselves.
    pub fn of(node: &str, info: &Info) -> Result<Self, PayloadError> {
        Ok(Self { hash: "sha-1".to_owned(), node: node.to_owned(), ver: ver(info)? })
    }

    /// Reads `<c/>`.
    pub fn from_element(element: &Element) -> Result<Self, PayloadError> {
        let attribute = |name| element.attr(name).filter(|value| !value.is_empty()).map(str::to_owned);
        Ok(Self {
            hash: attribute("hash").ok_or(PayloadError("capabilities of the time before hashes"))?,
            node: attribute("node").ok_or(PayloadError("capabilities without node"))?,
            ver: attribute("ver").ok_or(PayloadError("capabilities without ver"))?,
        })
    }

    /// The `<c/>` element.
    pub fn to_element(&self) -> Element {
        Element::new("c", NS)
            .with_attr("hash", self.hash.as_str())
            .with_attr("node", self.node.as_str())
            .with_attr("ver", self.ver.as_str())
    }

    /// The node to ask about for exactly these capabilities (XEP-0115 §6.2).
    pub fn query_node(&self) -> String {
        format!("{}#{}", self.node, self.ver)
    }

    /// True when `info` is what the hash was made of; only then it may be remembered for others who send
    /// the same hash (XEP-0115 §5.4).
    pub fn describes(&self, info: &Info) -> bool {
        self.hash == "sha-1" && ver(info).is_ok_and(|ver| ver == self.ver)
    }
}

/// The verification string (XEP-0115 §5.1). An answer that §5.4 calls ill-formed has none: two
/// identities, features or forms that are the same could be read in two ways.
pub fn ver(info: &Info) -> Result<String, PayloadError> {
    let mut text = String::new();
    let mut identities: Vec<_> = info
        .identities
        .iter()
        .map(|identity| {
            let optional = |text: &Option<String>| text.clone().unwrap_or_default();
            (&identity.category, &identity.type_, optional(&identity.lang), optional(&identity.name))
        })
        .collect();
    identities.sort();
    if identities
        .windows(2)
        .any(|pair| (pair[0].0, pair[0].1, &pair[0].2) == (pair[1].0, pair[1].1, &pair[1].2))
    {
        return Err(PayloadError("an identity twice"));
    }
    for (category, type_, lang, name) in identities {
        push(&mut text, &[category, "/", type_, "/", &lang, "/", &name]);
    }
    let mut features: Vec<_> = info.features.iter().map(String::as_str).collect();
    features.sort_unstable();
    if features.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(PayloadError("a feature twice"));
    }
    features.iter().for_each(|feature| push(&mut text, &[feature]));
    push_forms(&mut text, &info.forms)?;
    Ok(BASE64.encode(Sha1::digest(text.as_bytes())))
}

/// A form as it goes into the hash, in its order.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Form {
    form_type: String,
    fields: Vec<Field>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Field {
    var: String,
    values: Vec<String>,
}

fn push_forms(text: &mut String, forms: &[Element]) -> Result<(), PayloadError> {
    let mut read: Vec<_> = forms.iter().filter_map(Form::read).collect();
    read.sort();
    if read.windows(2).any(|pair| pair[0].form_type == pair[1].form_type) {
        return Err(PayloadError("a form twice"));
    }
    for form in &read {
        push(text, &[&form.form_type]);
        for field in &form.fields {
            push(text, &[&field.var]);
            field.values.iter().for_each(|value| push(text, &[value]));
        }
    }
    Ok(())
}

impl Form {
    /// A form's name with its other fields, sorted; none if it has no hidden `FORM_TYPE`, and then it is
    /// left out (XEP-0115 §5.4, item 3.6).
    fn read(form: &Element) -> Option<Self> {
        let mut form_type = None;
        let mut fields = Vec::new();
        for field in form.children().filter(|child| child.is("field", FORMS)) {
            let mut values: Vec<_> =
                field.children().filter(|child| child.is("value", FORMS)).map(Element::text).collect();
            values.sort();
            match field.attr("var") {
                Some("FORM_TYPE") if field.attr("type") == Some("hidden") => form_type = values.pop(),
                Some("FORM_TYPE") | None => {}
                Some(var) => fields.push(Field { var: var.to_owned(), values }),
            }
        }
        fields.sort();
        Some(Self { form_type: form_type?, fields })
    }
}

fn push(text: &mut String, parts: &[&str]) {
    parts.iter().for_each(|part| text.push_str(part));
    text.push('<');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xep::disco::Identity;

    fn exodus() -> Info {
        let features = [
            "http://jabber.org/protocol/disco#info",
            "http://jabber.org/protocol/disco#items",
            "http://jabber.org/protocol/muc",
            NS,
        ];
        Info {
            identities: vec![Identity::new("client", "pc", "Exodus 0.9.1")],
            features: features.map(str::to_owned).to_vec(),
            ..Info::default()
        }
    }

    /// XEP-0115 §5.2.
    #[test]
    fn the_simple_example_has_its_hash() {
        assert_eq!(ver(&exodus()).unwrap(), "QgayPKawpkPSDYmwT/WM94uAlu0=");
    }

    /// XEP-0115 §5.3.
    #[test]
    fn the_complex_example_has_its_hash() {
        let psi =
            |lang: &str, name| Identity { lang: Some(lang.into()), ..Identity::new("client", "pc", name) };
        let field = |var: &str, values: &[&str]| {
            let field = Element::new("field", FORMS).with_attr("var", var);
            values
                .iter()
                .fold(field, |field, value| field.with_child(Element::new("value", FORMS).with_text(*value)))
        };
        let form = Element::new("x", FORMS)
            .with_attr("type", "result")
            .with_child(field("FORM_TYPE", &["urn:xmpp:dataforms:softwareinfo"]).with_attr("type", "hidden"))
            .with_child(field("ip_version", &["ipv6", "ipv4"]))
            .with_child(field("os", &["Mac"]))
            .with_child(field("os_version", &["10.5.1"]))
            .with_child(field("software", &["Psi"]))
            .with_child(field("software_version", &["0.11"]));
        let info = Info {
            identities: vec![psi("en", "Psi 0.11"), psi("el", "Ψ 0.11")],
            forms: vec![form],
            ..exodus()
        };
        assert_eq!(ver(&info).unwrap(), "q07IKJEyjvHSyhy//CH0CxmKi8w=");
    }

    #[test]
    fn an_ill_formed_answer_has_no_hash() {
        let mut twice = exodus();
        twice.features.push(NS.into());
        assert!(ver(&twice).is_err());
        let mut twice = exodus();
        twice.identities.push(Identity::new("client", "pc", "Other"));
        assert!(ver(&twice).is_err());
    }

    #[test]
    fn capabilities_describe_what_they_were_made_of() {
        let caps = Caps::of("https://example.org/c", &exodus()).unwrap();
        assert_eq!(Caps::from_element(&caps.to_element()), Ok(caps.clone()));
        assert!(caps.describes(&exodus()));
        assert!(!caps.describes(&Info::default()));
        assert_eq!(caps.query_node(), "https://example.org/c#QgayPKawpkPSDYmwT/WM94uAlu0=");
        assert!(Caps::from_element(&Element::new("c", NS).with_attr("ver", "1")).is_err());
    }
}
