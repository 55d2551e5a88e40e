//! Result Set Management (XEP-0059): which page of many results is asked for, and which it became.

use super::PayloadError;
use crate::Element;

/// The namespace.
pub const NS: &str = "http://jabber.org/protocol/rsm";

/// Which page is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The most results; 0 asks for the count only (§2.6).
    pub max: Option<usize>,
    /// Behind this one (§2.2).
    pub after: Option<String>,
    /// Before this one (§2.3); empty for the last page (§2.5).
    pub before: Option<String>,
    /// From this place on (§2.4).
    pub index: Option<usize>,
}

impl Request {
    /// Reads `<set/>`.
    ///
    /// # Errors
    /// A number is none.
    pub fn from_element(set: &Element) -> Result<Self, PayloadError> {
        let text = |name| set.child(name, NS).map(Element::text);
        let number = |name| match text(name) {
            None => Ok(None),
            Some(text) => {
                text.trim().parse().map(Some).map_err(|_| PayloadError("a number in <set/> is none"))
            }
        };
        Ok(Self {
            max: number("max")?,
            after: text("after"),
            before: text("before"),
            index: number("index")?,
        })
    }

    /// The request as it goes out.
    pub fn to_element(&self) -> Element {
        let mut set = Element::new("set", NS);
        let mut push = |name: &'static str, text: String| set.push(Element::new(name, NS).with_text(text));
        if let Some(max) = self.max {
            push("max", max.to_string());
        }
        if let Some(after) = &self.after {
            push("after", after.clone());
        }
        if let Some(before) = &self.before {
            push("before", before.clone());
        }
        if let Some(index) = self.index {
            push("index", index.to_string());
        }
        set
    }
}

/// Which page it became.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The first and the last result of the page; `None` for an empty one.
    pub ends: Option<(String, String)>,
    /// The place of the first among all.
    pub index: Option<usize>,
    /// How many there are in all.
    pub count: Option<usize>,
}

impl Page {
    /// The page as it goes out.
    pub fn to_element(&self) -> Element {
        let mut set = Element::new("set", NS);
        if let Some((first, last)) = &self.ends {
            let mut element = Element::new("first", NS).with_text(first.as_str());
            if let Some(index) = self.index {
                element.set_attr("index", index.to_string());
            }
            set.push(element);
            set.push(Element::new("last", NS).with_text(last.as_str()));
        }
        if let Some(count) = self.count {
            set.push(Element::new("count", NS).with_text(count.to_string()));
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_as_it_was_written() {
        let request = Request { max: Some(10), before: Some(String::new()), ..Request::default() };
        assert_eq!(Request::from_element(&request.to_element()), Ok(request));
        let wrong = Element::new("set", NS).with_child(Element::new("max", NS).with_text("ten"));
        assert!(Request::from_element(&wrong).is_err());
    }

    #[test]
    fn an_empty_page_has_no_ends() {
        let page = Page { count: Some(0), ..Page::default() }.to_element();
        assert!(page.child("first", NS).is_none());
        assert_eq!(page.child("count", NS).unwrap().text(), "0");
    }
}
