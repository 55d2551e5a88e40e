//! Contact addresses (XEP-0157): who is responsible for the service, told in its discovery.

use xmpp::Element;
use xmpp::xep::forms::{Form, FormType};

use crate::config::ContactAddresses;
use crate::{About, Spec};

/// What this feature is.
pub const ABOUT: About =
    About { name: "contact_addresses", specs: &[Spec::xep(157, "1.1.1")], disco: &[], account: &[] };

const SERVER_INFO: &str = "http://jabber.org/network/serverinfo";

/// The form beside the features (§2); none when no address is known.
pub(crate) fn form(contacts: &ContactAddresses) -> Option<Element> {
    let kinds = [
        ("abuse-addresses", &contacts.abuse),
        ("admin-addresses", &contacts.admin),
        ("feedback-addresses", &contacts.feedback),
        ("sales-addresses", &contacts.sales),
        ("security-addresses", &contacts.security),
        ("status-addresses", &contacts.status),
        ("support-addresses", &contacts.support),
    ];
    if kinds.iter().all(|(_, addresses)| addresses.is_empty()) {
        return None;
    }
    let known = kinds.into_iter().filter(|(_, addresses)| !addresses.is_empty());
    let form = known.fold(Form::new(FormType::Result, SERVER_INFO), |form, (name, addresses)| {
        form.with(name, "list-multi", addresses.clone())
    });
    Some(form.to_element())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_addresses_are_told_and_others_not() {
        assert!(form(&ContactAddresses::default()).is_none());
        let contacts = ContactAddresses {
            abuse: vec!["mailto:abuse@x".to_owned(), "xmpp:abuse@x".to_owned()],
            ..ContactAddresses::default()
        };
        let form = Form::from_element(&form(&contacts).unwrap()).unwrap();
        assert_eq!(form.form_type(), Some(SERVER_INFO));
        assert_eq!(form.field("abuse-addresses").unwrap().values, contacts.abuse);
        assert!(form.field("admin-addresses").is_none());
    }
}
