//! In-band registration (XEP-0077): an account is made, given another password, or removed by its own user.

use super::PayloadError;
use super::forms::{self, Form, FormType};
use crate::Element;

/// The namespace, and the kind of the form.
pub const NS: &str = "jabber:iq:register";
/// The kind of the form for another password (§3.3).
const CHANGE_PASSWORD: &str = "jabber:iq:register:changepassword";
/// The stream feature (§8).
pub const FEATURE: &str = "<register xmlns='http://jabber.org/features/iq-register'/>";

/// What is asked. It may hold a password and shows itself to nobody.
#[derive(Clone, PartialEq, Eq)]
pub enum Request {
    /// What is there to be filled in?
    Ask,
    /// This is; what was left empty is absent.
    Fill {
        /// The name of the account.
        username: Option<String>,
        /// Its password.
        password: Option<String>,
    },
    /// The account is to go (§3.2).
    Remove,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ask => "Ask",
            Self::Fill { .. } => "Fill(‹secret›)",
            Self::Remove => "Remove",
        })
    }
}

impl Request {
    /// Reads `<query/>` of an IQ of the type `set` or `get`.
    ///
    /// # Errors
    /// It asks to remove and for something besides (§3.2), or its form is not one.
    pub fn from_element(query: &Element, set: bool) -> Result<Self, PayloadError> {
        if !set {
            return Ok(Self::Ask);
        }
        if query.child("remove", NS).is_some() {
            return match query.children().count() {
                1 => Ok(Self::Remove),
                _ => Err(PayloadError("who removes an account says nothing besides")),
            };
        }
        let filled = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        // §6: the form goes before the fields.
        if let Some(x) = query.child("x", forms::NS) {
            let form = Form::from_element(x)?;
            if form.type_ != FormType::Submit
                || form.form_type().is_some_and(|kind| kind != NS && kind != CHANGE_PASSWORD)
            {
                return Err(PayloadError("the form is another one"));
            }
            let value = |name| form.value(name).and_then(filled);
            return Ok(Self::Fill { username: value("username"), password: value("password") });
        }
        let text = |name| query.child(name, NS).map(Element::text).and_then(|text| filled(&text));
        Ok(Self::Fill { username: text("username"), password: text("password") })
    }
}

/// What somebody without an account fills in, as fields and as a form (§4).
pub fn fields() -> Element {
    const INSTRUCTIONS: &str = "Choose a username and a password.";
    let form = Form::new(FormType::Form, NS)
        .with("username", "text-single", [""; 0])
        .labelled("Username")
        .with("password", "text-private", [""; 0])
        .labelled("Password");
    Element::new("query", NS)
        .with_child(Element::new("instructions", NS).with_text(INSTRUCTIONS))
        .with_child(Element::new("username", NS))
        .with_child(Element::new("password", NS))
        .with_child(form.to_element())
}

/// What is told to somebody who has an account (§3.1); the password is nobody's to tell.
pub fn registered(username: &str) -> Element {
    Element::new("query", NS)
        .with_child(Element::new("registered", NS))
        .with_child(Element::new("username", NS).with_text(username))
        .with_child(Element::new("password", NS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(children: &str) -> Result<Request, PayloadError> {
        let xml = format!("<query xmlns='jabber:iq:register'>{children}</query>");
        Request::from_element(&Element::parse(xml.as_bytes(), "").unwrap(), true)
    }

    fn fill(username: Option<&str>, password: Option<&str>) -> Result<Request, PayloadError> {
        Ok(Request::Fill { username: username.map(str::to_owned), password: password.map(str::to_owned) })
    }

    /// XEP-0077 §3.1, with its note on empty passwords.
    #[test]
    fn fields_are_read_and_empty_ones_are_absent() {
        let both = "<username>bill</username><password>Calliope</password>";
        assert_eq!(read(both), fill(Some("bill"), Some("Calliope")));
        assert_eq!(read("<username>bill</username><password/>"), fill(Some("bill"), None));
        assert_eq!(read(""), fill(None, None));
        assert_eq!(Request::from_element(&Element::new("query", NS), false), Ok(Request::Ask));
    }

    #[test]
    fn a_form_goes_before_the_fields() {
        let form = |kind: &str, type_: &str| {
            read(&format!(
                "<username>x</username><x xmlns='jabber:x:data' type='{type_}'>\
                 <field var='FORM_TYPE'><value>{kind}</value></field>\
                 <field var='username'><value>bill</value></field>\
                 <field var='password'><value>Calliope</value></field></x>"
            ))
        };
        for kind in [NS, CHANGE_PASSWORD] {
            assert_eq!(form(kind, "submit"), fill(Some("bill"), Some("Calliope")), "{kind}");
        }
        assert!(form("urn:example", "submit").is_err());
        assert!(form(NS, "cancel").is_err());
    }

    /// XEP-0077 §3.2.
    #[test]
    fn who_removes_says_nothing_besides() {
        assert_eq!(read("<remove/>"), Ok(Request::Remove));
        assert!(read("<remove/><username>bill</username>").is_err());
    }

    #[test]
    fn a_password_is_not_shown() {
        assert!(!format!("{:?}", read("<password>Calliope</password>").unwrap()).contains("Calliope"));
    }
}
