//! Message Archive Management (XEP-0313): what is asked of an archive, and how its results go out.

use bytes::{Bytes, BytesMut};

use super::forms::{Form, FormType};
use super::{PayloadError, forward, rsm};
use crate::escape::push_attribute;
use crate::{Builder, Context, Element};

/// The namespace.
pub const NS: &str = "urn:xmpp:mam:2";
/// The feature of archives that find by id, count backwards and tell their ends (§4.1.2, §5, §4.4).
pub const EXTENDED: &str = "urn:xmpp:mam:2#extended";
/// Ids that one query may ask for.
pub const IDS_MAX: usize = 100;

/// What is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Repeated in every result, so that the asker knows them.
    pub queryid: Option<String>,
    /// Exchanged with this address.
    pub with: Option<String>,
    /// Not older than this (XEP-0082).
    pub start: Option<String>,
    /// Not newer.
    pub end: Option<String>,
    /// Behind this id.
    pub after_id: Option<String>,
    /// Before this id.
    pub before_id: Option<String>,
    /// Exactly these.
    pub ids: Vec<String>,
    /// With these words in it (XEP-0431); `None` when empty.
    pub fulltext: Option<String>,
    /// Which page.
    pub page: rsm::Request,
    /// The page is told newest first (§5).
    pub flip: bool,
    /// The node of a PubSub archive.
    pub node: Option<String>,
    /// Fields that nobody knows; a query with one is refused (§4.1).
    pub unknown: Vec<String>,
}

impl Query {
    /// Reads `<query/>`.
    ///
    /// # Errors
    /// Its form is of another kind, or broken.
    pub fn from_element(query: &Element) -> Result<Self, PayloadError> {
        let mut asked = Self {
            queryid: query.attr("queryid").map(str::to_owned),
            node: query.attr("node").map(str::to_owned),
            flip: query.child("flip-page", NS).is_some(),
            ..Self::default()
        };
        if let Some(set) = query.child("set", rsm::NS) {
            asked.page = rsm::Request::from_element(set)?;
        }
        let Some(x) = query.child("x", super::forms::NS) else { return Ok(asked) };
        let form = Form::from_element(x)?;
        if form.form_type() != Some(NS) {
            return Err(PayloadError("the form of a query to an archive is of another kind"));
        }
        for field in form.fields {
            let first = field.values.first().cloned();
            match field.var.as_str() {
                super::forms::FORM_TYPE => {}
                "with" => asked.with = first,
                "start" => asked.start = first,
                "end" => asked.end = first,
                "after-id" => asked.after_id = first,
                "before-id" => asked.before_id = first,
                super::fulltext::FIELD => asked.fulltext = first.filter(|text| !text.is_empty()),
                "ids" if field.values.len() <= IDS_MAX => asked.ids = field.values,
                "ids" => return Err(PayloadError("too many ids are asked for")),
                _ => asked.unknown.push(field.var),
            }
        }
        Ok(asked)
    }
}

/// The form that says what can be asked (§4.1.1).
pub fn form() -> Element {
    let none: [&str; 0] = [];
    Form::new(FormType::Form, NS)
        .with("with", "jid-single", none)
        .with("start", "text-single", none)
        .with("end", "text-single", none)
        .with("before-id", "text-single", none)
        .with("after-id", "text-single", none)
        .with("ids", "list-multi", none)
        .with(super::fulltext::FIELD, "text-single", none)
        .to_element()
}

/// One result (§4.2): a message to `to` with the archived stanza in it, which must name its namespace.
pub struct ArchiveResult<'a> {
    /// Whose archive it is.
    pub archive: &'a str,
    /// Who asked.
    pub to: &'a str,
    /// As asked.
    pub queryid: Option<&'a str>,
    /// The id in the archive.
    pub id: &'a str,
    /// When it was archived (XEP-0082).
    pub stamp: &'a str,
    /// The message.
    pub stanza: &'a [u8],
}

impl ArchiveResult<'_> {
    /// The stanza.
    pub fn to_bytes(&self) -> Bytes {
        let mut result = BytesMut::with_capacity(self.stanza.len() + 256);
        result.extend_from_slice(b"<result xmlns='urn:xmpp:mam:2' id='");
        push_attribute(&mut result, self.id);
        if let Some(queryid) = self.queryid {
            result.extend_from_slice(b"' queryid='");
            push_attribute(&mut result, queryid);
        }
        result.extend_from_slice(b"'>");
        forward::write(&mut result, Some(self.stamp), self.stanza);
        result.extend_from_slice(b"</result>");
        Builder::message(Context::Client).from(self.archive).to(self.to).raw(&result).finish()
    }
}

/// What ends the results (§4.3).
pub fn fin(complete: bool, page: &rsm::Page) -> Element {
    let mut fin = Element::new("fin", NS);
    if complete {
        fin.set_attr("complete", "true");
    }
    fin.with_child(page.to_element())
}

/// The ends of an archive: id and time of the first and the last (§4.4).
pub fn metadata(ends: Option<[(&str, &str); 2]>) -> Element {
    let mut metadata = Element::new("metadata", NS);
    for (name, (id, stamp)) in ["start", "end"].into_iter().zip(ends.into_iter().flatten()) {
        metadata.push(Element::new(name, NS).with_attr("id", id).with_attr("timestamp", stamp));
    }
    metadata
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_with_its_form_and_page() {
        let form = Form::new(FormType::Submit, NS).with("with", "jid-single", ["juliet@capulet.lit"]).with(
            "colour",
            "text-single",
            ["red"],
        );
        let page = rsm::Request { max: Some(10), ..rsm::Request::default() };
        let query = Element::new("query", NS)
            .with_attr("queryid", "f27")
            .with_child(form.to_element())
            .with_child(page.to_element());
        let read = Query::from_element(&query).unwrap();
        assert_eq!(read.with.as_deref(), Some("juliet@capulet.lit"));
        assert_eq!((read.page, read.queryid.as_deref()), (page, Some("f27")));
        assert_eq!(read.unknown, ["colour"]);
    }

    #[test]
    fn a_form_of_another_kind_is_refused() {
        let form = Form::new(FormType::Submit, "urn:other").to_element();
        assert!(Query::from_element(&Element::new("query", NS).with_child(form)).is_err());
    }

    #[test]
    fn a_result_carries_the_stanza_as_it_was() {
        let stanza = b"<message xmlns='jabber:client' from='a@x'><body>hi</body></message>";
        let (archive, to, stamp) = ("bob@x", "bob@x/desk", "2026-11-21T00:00:00Z");
        let result =
            ArchiveResult { archive, to, queryid: Some("q'1"), id: "28482", stamp, stanza }.to_bytes();
        let text = std::str::from_utf8(&result).unwrap();
        assert!(text.contains(std::str::from_utf8(stanza).unwrap()), "{text}");
        let stanza = crate::parse_one(Bytes::from(text.replacen('>', " xmlns='jabber:client'>", 1))).unwrap();
        let result = stanza.child("result", NS).unwrap();
        assert_eq!(result.attr("queryid"), Some("q'1"));
        let forwarded = result.child("forwarded", forward::NS).unwrap();
        assert!(forwarded.child("message", "jabber:client").is_some());
    }
}
