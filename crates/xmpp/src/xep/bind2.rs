//! Bind 2 (XEP-0386): a resource and all that the session begins with, asked for within the sign-in.

use bytes::BytesMut;

use super::{PayloadError, carbons};
use crate::{Element, ns};

/// The namespace.
pub const NS: &str = "urn:xmpp:bind:0";
/// The longest tag that goes into a resource, in bytes; a resource has at most 1,023 (RFC 7622 §3.4).
pub const TAG_BYTES_MAX: usize = 128;
/// Client state indication, as it stands in a request (XEP-0352).
const CLIENT_STATE: &str = "urn:xmpp:csi:0";

/// What the session is to begin with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The client's name, which goes into the resource (§3.2.1).
    pub tag: Option<String>,
    /// Copies of messages (XEP-0280).
    pub carbons: bool,
    /// Stream management (XEP-0198).
    pub stream_management: Option<Enable>,
    /// Nobody looks at the client (XEP-0352).
    pub inactive: bool,
}

/// `<enable/>` of stream management (XEP-0198 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enable {
    /// The session is to be resumable.
    pub resume: bool,
    /// For how long at most, in seconds.
    pub max_seconds: Option<u32>,
}

impl Request {
    /// Reads `<bind/>`.
    ///
    /// # Errors
    /// The tag is too long.
    pub fn from_element(element: &Element) -> Result<Self, PayloadError> {
        let mut request = Self::default();
        for child in element.children() {
            match (child.name(), child.ns()) {
                ("tag", NS) => request.tag = Some(child.text()).filter(|tag| !tag.is_empty()),
                ("enable", carbons::NS) => request.carbons = true,
                ("enable", ns::STREAM_MANAGEMENT) => {
                    request.stream_management = Some(Enable {
                        resume: child.attr("resume").is_some_and(|value| matches!(value, "true" | "1")),
                        max_seconds: child.attr("max").and_then(|max| max.parse().ok()),
                    });
                }
                ("inactive", CLIENT_STATE) => request.inactive = true,
                _ => {}
            }
        }
        if request.tag.as_ref().is_some_and(|tag| tag.len() > TAG_BYTES_MAX) {
            return Err(PayloadError("the tag is too long"));
        }
        Ok(request)
    }
}

/// Appends the feature, which lists what a session can begin with (§3.1).
pub(crate) fn write_feature(out: &mut BytesMut, features: &[&str]) {
    out.extend_from_slice(b"<bind xmlns='urn:xmpp:bind:0'><inline>");
    for feature in features {
        for part in ["<feature var='", feature, "'/>"] {
            out.extend_from_slice(part.as_bytes());
        }
    }
    out.extend_from_slice(b"</inline></bind>");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(xml: &str) -> Result<Request, PayloadError> {
        Request::from_element(&Element::parse(xml.as_bytes(), ns::CLIENT).unwrap())
    }

    /// XEP-0386 §3.2.
    #[test]
    fn the_example_is_read() {
        let request = read(
            "<bind xmlns='urn:xmpp:bind:0'><tag>AwesomeXMPP</tag><enable xmlns='urn:xmpp:carbons:2'/>\
             <enable xmlns='urn:xmpp:sm:3' resume='true' max='60'/><inactive xmlns='urn:xmpp:csi:0'/>\
             <something xmlns='urn:example'/></bind>",
        );
        assert_eq!(
            request.unwrap(),
            Request {
                tag: Some("AwesomeXMPP".into()),
                carbons: true,
                stream_management: Some(Enable { resume: true, max_seconds: Some(60) }),
                inactive: true,
            }
        );
    }

    #[test]
    fn nothing_needs_to_be_asked_for() {
        let request = read("<bind xmlns='urn:xmpp:bind:0'><tag/><active xmlns='urn:xmpp:csi:0'/></bind>");
        assert_eq!(request.unwrap(), Request::default());
    }

    #[test]
    fn a_tag_has_a_limit() {
        let tag = "x".repeat(TAG_BYTES_MAX + 1);
        assert!(read(&format!("<bind xmlns='urn:xmpp:bind:0'><tag>{tag}</tag></bind>")).is_err());
    }
}
