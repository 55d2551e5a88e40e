//! HTTP File Upload (XEP-0363): a slot is asked for, and given with where to put the file and where to get it.

use super::PayloadError;
use super::forms::{Form, FormType};
use crate::{Condition, Element, ErrorKind, StanzaError};

/// The namespace.
pub const NS: &str = "urn:xmpp:http:upload:0";

/// A wish for a slot (§4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What the file is called.
    pub filename: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its media type.
    pub content_type: Option<String>,
}

impl Request {
    /// Reads `<request/>`.
    ///
    /// # Errors
    /// §4: `filename` and `size` must be there.
    pub fn from_element(request: &Element) -> Result<Self, PayloadError> {
        let filename = request.attr("filename").filter(|name| !name.is_empty());
        let size = request.attr("size").and_then(|size| size.parse().ok());
        Ok(Self {
            filename: filename.ok_or(PayloadError("a file without a name"))?.to_owned(),
            size: size.ok_or(PayloadError("a file without a size in bytes"))?,
            content_type: request.attr("content-type").filter(|type_| !type_.is_empty()).map(str::to_owned),
        })
    }

    /// `<request/>`.
    pub fn to_element(&self) -> Element {
        let mut request = Element::new("request", NS)
            .with_attr("filename", self.filename.as_str())
            .with_attr("size", self.size.to_string());
        if let Some(type_) = &self.content_type {
            request.set_attr("content-type", type_.as_str());
        }
        request
    }
}

/// A slot (§4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Where the file goes.
    pub put: String,
    /// The value of the header `Authorization` that must go with it.
    pub authorization: Option<String>,
    /// Where the file is to be had.
    pub get: String,
}

impl Slot {
    /// Reads `<slot/>`.
    ///
    /// # Errors
    /// An address is missing.
    pub fn from_element(slot: &Element) -> Result<Self, PayloadError> {
        let url = |name, what| {
            let element = slot.child(name, NS).ok_or(what)?;
            Ok::<_, PayloadError>((element, element.attr("url").ok_or(what)?.to_owned()))
        };
        let (put_element, put) = url("put", PayloadError("a slot without a place to put the file"))?;
        let (_, get) = url("get", PayloadError("a slot without a place to get the file"))?;
        // §4: other headers than three named ones are ignored, and of those we know what one is for.
        let is_authorization = |header: &&Element| {
            header.attr("name").is_some_and(|name| name.eq_ignore_ascii_case("Authorization"))
        };
        let header = put_element.children().filter(|child| child.is("header", NS)).find(is_authorization);
        // §10: newlines would smuggle further headers in.
        let authorization = header.map(|header| header.text().replace(['\r', '\n'], ""));
        Ok(Self { put, authorization, get })
    }

    /// `<slot/>`.
    pub fn to_element(&self) -> Element {
        let mut put = Element::new("put", NS).with_attr("url", self.put.as_str());
        if let Some(authorization) = &self.authorization {
            let header = Element::new("header", NS).with_attr("name", "Authorization");
            put.push(header.with_text(authorization.as_str()));
        }
        let get = Element::new("get", NS).with_attr("url", self.get.as_str());
        Element::new("slot", NS).with_child(put).with_child(get)
    }
}

/// What discovery tells of the largest file (§3).
pub fn form(bytes_max: u64) -> Form {
    Form::new(FormType::Result, NS).with("max-file-size", "text-single", [bytes_max.to_string()])
}

/// The file is too large (§5).
pub fn file_too_large(bytes_max: u64) -> StanzaError {
    let max = Element::new("max-file-size", NS).with_text(bytes_max.to_string());
    StanzaError::from(Condition::NotAcceptable)
        .with_text(format!("File too large. The maximum file size is {bytes_max} bytes"))
        .with_app(Element::new("file-too-large", NS).with_child(max))
}

/// A quota is used up until a time, written as XEP-0082 says (§5).
pub fn quota_reached(text: String, retry: &str) -> StanzaError {
    StanzaError::new(ErrorKind::Wait, Condition::ResourceConstraint)
        .with_text(text)
        .with_app(Element::new("retry", NS).with_attr("stamp", retry))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(xml: &str) -> Element {
        Element::parse(xml.as_bytes(), "").unwrap()
    }

    #[test]
    fn a_wish_survives_the_wire() {
        for content_type in [None, Some("image/jpeg".to_owned())] {
            let request = Request { filename: "my <juliet>.jpg".to_owned(), size: 23_456, content_type };
            assert_eq!(Request::from_element(&request.to_element()), Ok(request));
        }
    }

    #[test]
    fn a_wish_needs_a_name_and_a_size() {
        for attributes in ["", "filename='a'", "filename='' size='1'", "size='1'", "filename='a' size='-1'"] {
            let request = parse(&format!("<request xmlns='{NS}' {attributes}/>"));
            assert!(Request::from_element(&request).is_err(), "{attributes}");
        }
    }

    #[test]
    fn a_slot_survives_the_wire() {
        for authorization in [None, Some("Bearer abc".to_owned())] {
            let slot = Slot { put: "https://x/a?b&c".into(), authorization, get: "https://x/a".into() };
            assert_eq!(Slot::from_element(&slot.to_element()), Ok(slot));
        }
    }

    /// §4 example 6, and §10: no header but those that are allowed, and nothing after a newline.
    #[test]
    fn a_foreign_slot_cannot_smuggle_headers_in() {
        let slot = parse(&format!(
            "<slot xmlns='{NS}'><put url='https://x/a'><header name='Host'>y</header>\
             <header name='authorization'>Basic\r\n Base64String==</header></put><get url='https://x/a'/></slot>"
        ));
        let slot = Slot::from_element(&slot).unwrap();
        assert_eq!(slot.authorization.as_deref(), Some("Basic Base64String=="));
    }

    #[test]
    fn refusals_say_what_to_do() {
        let large = file_too_large(20_000).to_element();
        let max = large.child("file-too-large", NS).and_then(|app| app.child("max-file-size", NS)).unwrap();
        assert_eq!((large.attr("type"), max.text().as_str()), (Some("modify"), "20000"));
        let full = quota_reached("later".to_owned(), "2017-12-03T23:42:05Z").to_element();
        assert_eq!(full.attr("type"), Some("wait"));
        assert_eq!(full.child("retry", NS).unwrap().attr("stamp"), Some("2017-12-03T23:42:05Z"));
    }
}
