//! What a subscription to a list is told (RFC 4662 §5): the list as RLMI, and the documents of its resources beside it.

use std::sync::Arc;

use sip::subscription::Reason;

use super::body::Body;
use super::xml::push_escaped;

/// The media type of the list itself.
pub(super) const RLMI: &str = "application/rlmi+xml";
/// What stands around each part beside its document, in bytes at most.
const PART_BYTES_MAX: usize = 256;

/// One NOTIFY's worth of a list.
pub(super) struct ListDocument<'a> {
    /// The list, as a URI.
    pub uri: &'a str,
    /// Rises by one with every document of a subscription (RFC 4662 §5.1).
    pub version: u32,
    /// Does it name all resources of the list?
    pub is_full: bool,
    /// Text that nobody can guess: boundaries and ids of parts are made of it.
    pub token: &'a str,
    /// The media type of the resources' documents.
    pub content_type: &'a str,
    /// The resources.
    pub members: Vec<Member<'a>>,
}

/// One resource of the list.
pub(super) struct Member<'a> {
    /// As the list names it.
    pub uri: &'a str,
    /// Its name for people.
    pub name: Option<&'a str>,
    /// Its place in the list, which names its instance.
    pub place: usize,
    /// What is told of it.
    pub instance: Instance,
}

/// The state of a resource's own, virtual subscription (RFC 4662 §5.5).
pub(super) enum Instance {
    /// Nothing yet; it comes with a later document.
    Later,
    /// Active, with a document of this version.
    Active(Arc<Body>, u32),
    /// There is none, or none any more.
    Terminated(Reason),
}

impl Instance {
    /// How many bytes it adds to the message at most.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Active(body, _) => body.len() + PART_BYTES_MAX,
            _ => 0,
        }
    }
}

impl ListDocument<'_> {
    /// The value of Content-Type.
    pub(super) fn content_type(&self) -> String {
        format!(
            "multipart/related;type=\"{RLMI}\";start=\"<{}>\";boundary=\"{}\"",
            self.root(),
            self.boundary()
        )
    }

    /// Writes the body.
    pub(super) fn write(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1024);
        self.push_part(&mut out, &self.root(), &format!("{RLMI};charset=\"UTF-8\""));
        out.extend_from_slice(self.list().as_bytes());
        for member in &self.members {
            if let Instance::Active(body, version) = &member.instance {
                self.push_part(&mut out, &self.part(member, *version), self.content_type);
                body.write(*version, &mut out);
            }
        }
        out.extend_from_slice(format!("\r\n--{}--\r\n", self.boundary()).as_bytes());
        out
    }

    fn root(&self) -> String {
        format!("{}.list@{}", self.version, self.token)
    }

    fn part(&self, member: &Member<'_>, version: u32) -> String {
        format!("{}.{}.{version}@{}", self.version, member.place, self.token)
    }

    fn boundary(&self) -> String {
        format!("{}.{}", self.token, self.version)
    }

    fn push_part(&self, out: &mut Vec<u8>, id: &str, content_type: &str) {
        let head = format!(
            "\r\n--{}\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <{id}>\r\nContent-Type: {content_type}\r\n\r\n",
            self.boundary()
        );
        // RFC 2046 §5.1.1: the line end in front belongs to the boundary, and the first one needs none.
        let from = if out.is_empty() { 2 } else { 0 };
        out.extend_from_slice(&head.as_bytes()[from..]);
    }

    fn list(&self) -> String {
        let mut out = String::with_capacity(128 + 160 * self.members.len());
        out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<list xmlns=\"urn:ietf:params:xml:ns:rlmi\" uri=\"");
        push_escaped(&mut out, self.uri);
        out.push_str("\" version=\"");
        out.push_str(&self.version.to_string());
        out.push_str(if self.is_full { "\" fullState=\"true\">\r\n" } else { "\" fullState=\"false\">\r\n" });
        for member in &self.members {
            self.push_member(&mut out, member);
        }
        out.push_str("</list>\r\n");
        out
    }

    fn push_member(&self, out: &mut String, member: &Member<'_>) {
        out.push_str("<resource uri=\"");
        push_escaped(out, member.uri);
        out.push_str("\">");
        if let Some(name) = member.name {
            out.push_str("<name>");
            push_escaped(out, name);
            out.push_str("</name>");
        }
        let instance = |state: &str| format!("<instance id=\"i{}\" state=\"{state}\"", member.place);
        match &member.instance {
            Instance::Later => {}
            Instance::Active(_, version) => {
                out.push_str(&instance("active"));
                out.push_str(" cid=\"");
                out.push_str(&self.part(member, *version));
                out.push_str("\"/>");
            }
            Instance::Terminated(reason) => {
                out.push_str(&instance("terminated"));
                out.push_str(" reason=\"");
                out.push_str(reason.as_str());
                out.push_str("\"/>");
            }
        }
        out.push_str("</resource>\r\n");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::xml::{Tag, elements, tags, unescaped};
    use super::*;

    fn document(members: Vec<Member<'_>>) -> ListDocument<'_> {
        ListDocument {
            uri: "sip:lamps-1001@example.org",
            version: 3,
            is_full: true,
            token: "t0ken",
            content_type: "application/dialog-info+xml",
            members,
        }
    }

    fn member(uri: &str, place: usize, instance: Instance) -> Member<'_> {
        Member { uri, name: None, place, instance }
    }

    #[test]
    fn each_instance_points_at_its_part() {
        let body = Arc::new(Body::plain("<dialog-info/>".to_owned()));
        let all = document(vec![
            member("sip:1002@example.org", 0, Instance::Active(body, 7)),
            member("sip:1003@example.org", 1, Instance::Terminated(Reason::NoResource)),
            member("sip:1004@example.org", 2, Instance::Later),
        ]);
        let text = String::from_utf8(all.write()).unwrap();
        assert!(all.content_type().contains("start=\"<3.list@t0ken>\";boundary=\"t0ken.3\""));
        assert!(text.starts_with("--t0ken.3\r\n") && text.ends_with("\r\n--t0ken.3--\r\n"), "{text}");
        for part in [
            "Content-ID: <3.list@t0ken>\r\nContent-Type: application/rlmi+xml;charset=\"UTF-8\"\r\n\r\n<?xml",
            "uri=\"sip:lamps-1001@example.org\" version=\"3\" fullState=\"true\"",
            "<instance id=\"i0\" state=\"active\" cid=\"3.0.7@t0ken\"/>",
            "Content-ID: <3.0.7@t0ken>\r\nContent-Type: application/dialog-info+xml\r\n\r\n<dialog-info/>",
            "<instance id=\"i1\" state=\"terminated\" reason=\"noresource\"/>",
            "<resource uri=\"sip:1004@example.org\"></resource>",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    /// Is every element closed in its turn?
    fn is_balanced(document: &str) -> bool {
        let mut open = Vec::new();
        for tag in tags(document) {
            match tag {
                Tag::Start(name, _) => open.push(name),
                Tag::Empty(_) => {}
                Tag::End(name) if open.pop() == Some(name) => {}
                Tag::End(_) => return false,
            }
        }
        open.is_empty()
    }

    fn instance() -> impl Strategy<Value = u8> {
        0_u8..3
    }

    proptest! {
        #[test]
        fn whatever_resources_are_called_the_list_is_well_formed_and_says_so(
            names in proptest::collection::vec((any::<String>(), proptest::option::of(any::<String>()), instance()), 0..20),
            is_full: bool,
        ) {
            let body = Arc::new(Body::plain("<a/>".to_owned()));
            let members = names.iter().enumerate().map(|(place, (uri, name, kind))| Member {
                uri,
                name: name.as_deref(),
                place,
                instance: match kind {
                    0 => Instance::Later,
                    1 => Instance::Active(Arc::clone(&body), 1),
                    _ => Instance::Terminated(Reason::Rejected),
                },
            });
            let list = ListDocument { is_full, ..document(members.collect()) };
            let text = list.list();
            prop_assert!(is_balanced(&text), "{}", text);
            let shown: Vec<_> = elements(&text).filter(|e| e.name == "resource").map(|e| e.attribute("uri").unwrap()).collect();
            let is_printable = |c: &char| match c {
                '\t' | '\r' | '\n' => true,
                '\u{fffe}' | '\u{ffff}' => false,
                c => !c.is_control(),
            };
            let printable = |text: &str| text.chars().filter(is_printable).collect::<String>();
            let given: Vec<_> = names.iter().map(|(uri, ..)| printable(uri)).collect();
            prop_assert_eq!(shown, given);
            let named = elements(&text).filter(|e| e.name == "name").map(|e| unescaped(e.text)).collect::<Vec<_>>();
            let given = names.iter().filter_map(|(_, name, _)| name.as_deref().map(printable)).collect::<Vec<_>>();
            prop_assert_eq!(named, given);
            let written = String::from_utf8(list.write()).unwrap();
            let parts = written.matches("Content-ID:").count();
            prop_assert_eq!(parts, 1 + names.iter().filter(|(_, _, kind)| *kind == 1).count());
        }
    }
}
