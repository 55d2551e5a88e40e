//! Jabber Search (XEP-0055): what can be searched for, what is, and who was found; as a data form or without.

use super::PayloadError;
use super::forms::{self, Form, FormType};
use super::rsm;
use crate::Element;

/// The namespace.
pub const NS: &str = "jabber:iq:search";
/// The field for groups, which is ours (XEP-0068 §3.4: so it has this prefix).
pub const GROUP: &str = "x-group";

/// What is searched for: all that is given must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Of the given name.
    pub first: String,
    /// Of the family name.
    pub last: String,
    /// Of the address.
    pub nick: String,
    /// Of a group's name; by form only.
    pub group: String,
    /// Which page (XEP-0059).
    pub page: rsm::Request,
    /// A form was filled in, so that the answer is one.
    pub by_form: bool,
}

impl Query {
    /// Reads `<query/>` of a request of the type `set`.
    ///
    /// # Errors
    /// The form is none, or not about this.
    pub fn from_element(query: &Element) -> Result<Self, PayloadError> {
        let page = query.child("set", rsm::NS).map(rsm::Request::from_element).transpose()?;
        let mut read = Self { page: page.unwrap_or_default(), ..Self::default() };
        let trimmed = |text: &str| text.trim().to_owned();
        if let Some(x) = query.child("x", forms::NS) {
            let form = Form::from_element(x)?;
            // XEP-0068 §3.2: clients may leave out the type; another one is about something else.
            if form.type_ != FormType::Submit || form.form_type().is_some_and(|type_| type_ != NS) {
                return Err(PayloadError("the form is not the one for searches"));
            }
            let value = |name| form.value(name).map(trimmed).unwrap_or_default();
            read.by_form = true;
            (read.first, read.last) = (value("first"), value("last"));
            (read.nick, read.group) = (value("nick"), value(GROUP));
        } else {
            let value = |name| query.child(name, NS).map(|child| trimmed(&child.text())).unwrap_or_default();
            (read.first, read.last, read.nick) = (value("first"), value("last"), value("nick"));
        }
        Ok(read)
    }

    /// Is nothing given?
    pub fn is_empty(&self) -> bool {
        [&self.first, &self.last, &self.nick, &self.group].iter().all(|text| text.is_empty())
    }
}

/// What can be searched for (§2.1), in both ways.
pub fn fields(instructions: &str) -> Element {
    let none: [&str; 0] = [];
    let form = Form::new(FormType::Form, NS)
        .with("first", "text-single", none)
        .labelled("Given name")
        .with("last", "text-single", none)
        .labelled("Family name")
        .with("nick", "text-single", none)
        .labelled("User name or address")
        .with(GROUP, "text-single", none)
        .labelled("Group");
    let mut x = form.to_element();
    x.push(Element::new("instructions", forms::NS).with_text(instructions));
    let mut query =
        Element::new("query", NS).with_child(Element::new("instructions", NS).with_text(instructions));
    for name in ["first", "last", "nick"] {
        query.push(Element::new(name, NS));
    }
    query.with_child(x)
}

/// Somebody who was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The address.
    pub jid: String,
    /// The given name.
    pub first: String,
    /// The family name.
    pub last: String,
    /// The part of the address before the `@`.
    pub nick: String,
    /// The groups, as people read them.
    pub groups: String,
}

/// Who was found (§2.1, §3), as was asked; `page` says which of all they are.
pub fn answer(found: &[Found], by_form: bool, page: &rsm::Page) -> Element {
    let mut query = Element::new("query", NS);
    if by_form {
        query.push(result_form(found));
    } else {
        for person in found {
            let child = |name: &'static str, text: &str| Element::new(name, NS).with_text(text);
            query.push(
                Element::new("item", NS)
                    .with_attr("jid", person.jid.as_str())
                    .with_child(child("first", &person.first))
                    .with_child(child("last", &person.last))
                    .with_child(child("nick", &person.nick))
                    .with_child(Element::new("email", NS)),
            );
        }
    }
    query.with_child(page.to_element())
}

/// XEP-0004 §3.4: the columns, and a row for each.
fn result_form(found: &[Found]) -> Element {
    let mut x = Form::new(FormType::Result, NS).to_element();
    let columns = [
        ("jid", "jid-single", "Address"),
        ("first", "text-single", "Given name"),
        ("last", "text-single", "Family name"),
        ("nick", "text-single", "User name"),
        (GROUP, "text-single", "Groups"),
    ];
    let mut reported = Element::new("reported", forms::NS);
    for (var, type_, label) in columns {
        reported.push(
            Element::new("field", forms::NS)
                .with_attr("var", var)
                .with_attr("type", type_)
                .with_attr("label", label),
        );
    }
    x.push(reported);
    for person in found {
        let mut item = Element::new("item", forms::NS);
        let values = [&person.jid, &person.first, &person.last, &person.nick, &person.groups];
        for ((var, ..), value) in columns.iter().zip(values) {
            let value = Element::new("value", forms::NS).with_text(value.as_str());
            item.push(Element::new("field", forms::NS).with_attr("var", *var).with_child(value));
        }
        x.push(item);
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Element {
        let stanza = crate::parse_one(format!("<iq xmlns='jabber:client'>{text}</iq>").into()).unwrap();
        stanza.first_child().unwrap().element()
    }

    #[test]
    fn a_search_is_read_in_both_ways() {
        let plain = parse("<query xmlns='jabber:iq:search'><last> Capulet </last></query>");
        let query = Query::from_element(&plain).unwrap();
        assert_eq!((query.last.as_str(), query.by_form, query.is_empty()), ("Capulet", false, false));
        let form = Form::new(FormType::Submit, NS).with(GROUP, "text-single", ["Team"]);
        let page = rsm::Request { max: Some(2), ..rsm::Request::default() };
        let asked = Element::new("query", NS).with_child(form.to_element()).with_child(page.to_element());
        let query = Query::from_element(&asked).unwrap();
        assert_eq!((query.group.as_str(), query.by_form, query.page.max), ("Team", true, Some(2)));
        assert!(Query::from_element(&Element::new("query", NS)).unwrap().is_empty());
    }

    #[test]
    fn a_form_about_something_else_is_refused() {
        for form in [Form::new(FormType::Submit, "urn:x"), Form::new(FormType::Result, NS)] {
            assert!(Query::from_element(&Element::new("query", NS).with_child(form.to_element())).is_err());
        }
    }

    #[test]
    fn the_answer_has_a_row_for_each_who_was_found() {
        let found = [Found { jid: "juliet@x".into(), first: "Juliet".into(), ..Found::default() }];
        let page = rsm::Page { count: Some(1), ..rsm::Page::default() };
        let form = answer(&found, true, &page);
        let x = form.child("x", forms::NS).unwrap();
        assert_eq!(x.child("reported", forms::NS).unwrap().children().count(), 5);
        let row = x.child("item", forms::NS).unwrap();
        assert_eq!(row.children().next().unwrap().child("value", forms::NS).unwrap().text(), "juliet@x");
        let plain = answer(&found, false, &page);
        let item = plain.child("item", NS).unwrap();
        assert_eq!(item.attr("jid"), Some("juliet@x"));
        assert_eq!(item.child("first", NS).unwrap().text(), "Juliet");
    }
}
