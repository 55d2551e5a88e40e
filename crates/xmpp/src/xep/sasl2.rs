//! Extensible SASL Profile (XEP-0388): what a client asks for in one `<authenticate/>`, and the feature that offers it.

use bytes::BytesMut;

use super::{PayloadError, bind2, fast, sasl_upgrade};
use crate::{Element, ns};

/// The namespace.
pub const NS: &str = "urn:xmpp:sasl:2";
/// The longest name of a client's software or device that is kept, in bytes.
pub const NAME_BYTES_MAX: usize = 128;
/// The longest identifier of a client, in bytes; the XEP wants a UUID, which has 36 characters (§2.4).
pub const CLIENT_ID_BYTES_MAX: usize = 64;

/// The software that signs in (§2.4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserAgent {
    /// Stays the same for one installation on one device, and is a secret of the two ends.
    pub id: Option<String>,
    /// The software's name, for people.
    pub software: Option<String>,
    /// The device's name, for people.
    pub device: Option<String>,
}

/// An old session that the client wants back at once (XEP-0198 §5 within XEP-0388).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume {
    /// The old session.
    pub previd: String,
    /// How many stanzas the client has handled.
    pub h: u32,
}

/// `<authenticate/>`: a mechanism, and what is to follow when it succeeds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authenticate {
    /// The mechanism's name.
    pub mechanism: String,
    /// Its initial response in base64; `None` is not the same as an empty one.
    pub initial: Option<String>,
    /// Who asks.
    pub user_agent: UserAgent,
    /// Bind a resource at once (XEP-0386).
    pub bind: Option<bind2::Request>,
    /// Before that, try to resume an old session.
    pub resume: Option<Resume>,
    /// The initial response proves a token (XEP-0484).
    pub fast: Option<fast::Use>,
    /// Give a token for this mechanism.
    pub request_token: Option<String>,
    /// Tasks that the client is ready for (XEP-0480).
    pub upgrades: Vec<String>,
}

impl Authenticate {
    /// Reads `<authenticate/>`.
    ///
    /// # Errors
    /// It names no mechanism, or what it asks for inline is not complete.
    pub fn from_element(element: &Element) -> Result<Self, PayloadError> {
        let mechanism = element.attr("mechanism").ok_or(PayloadError("no mechanism is named"))?;
        let mut asked = Self { mechanism: mechanism.to_owned(), ..Self::default() };
        for child in element.children() {
            match (child.name(), child.ns()) {
                ("initial-response", NS) => asked.initial = Some(child.text().trim().to_owned()),
                ("user-agent", NS) => asked.user_agent = UserAgent::from_element(child)?,
                ("bind", bind2::NS) => asked.bind = Some(bind2::Request::from_element(child)?),
                ("resume", ns::STREAM_MANAGEMENT) => asked.resume = Some(resume(child)?),
                ("fast", fast::NS) => asked.fast = Some(fast::Use::from_element(child)),
                ("request-token", fast::NS) => {
                    asked.request_token = child.attr("mechanism").map(str::to_owned);
                }
                ("upgrade", sasl_upgrade::NS) => asked.upgrades.push(child.text().trim().to_owned()),
                // §2.4: what a server does not know it ignores.
                _ => {}
            }
        }
        Ok(asked)
    }
}

impl UserAgent {
    fn from_element(element: &Element) -> Result<Self, PayloadError> {
        let id = element.attr("id").filter(|id| !id.is_empty()).map(str::to_owned);
        if id.as_ref().is_some_and(|id| id.len() > CLIENT_ID_BYTES_MAX) {
            return Err(PayloadError("the client's id is too long"));
        }
        let name = |name| {
            let text = element.child(name, NS).map(Element::text)?;
            let mut end = text.len().min(NAME_BYTES_MAX);
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            Some(text[..end].to_owned()).filter(|text| !text.is_empty())
        };
        Ok(Self { id, software: name("software"), device: name("device") })
    }
}

fn resume(element: &Element) -> Result<Resume, PayloadError> {
    let previd = element.attr("previd").map(str::to_owned);
    let h = element.attr("h").and_then(|h| h.parse().ok());
    match (previd, h) {
        (Some(previd), Some(h)) => Ok(Resume { previd, h }),
        _ => Err(PayloadError("what is to be resumed has an id and a count")),
    }
}

/// What the feature offers.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    /// The mechanisms, most preferred first.
    pub mechanisms: &'a [&'a str],
    /// Mechanisms that prove a token.
    pub fast: &'a [&'a str],
    /// What a session can begin with, by `var`.
    pub bind: &'a [&'a str],
    /// Names of upgrade tasks.
    pub upgrades: &'a [String],
}

impl Offer<'_> {
    /// Appends `<authentication/>` (§2.1).
    pub fn write(&self, out: &mut BytesMut) {
        out.extend_from_slice(b"<authentication xmlns='urn:xmpp:sasl:2'>");
        write_mechanisms(out, self.mechanisms);
        out.extend_from_slice(b"<inline>");
        bind2::write_feature(out, self.bind);
        out.extend_from_slice(crate::sm::FEATURE);
        if !self.fast.is_empty() {
            out.extend_from_slice(b"<fast xmlns='urn:xmpp:fast:0'>");
            write_mechanisms(out, self.fast);
            out.extend_from_slice(b"</fast>");
        }
        out.extend_from_slice(b"</inline>");
        for task in self.upgrades {
            for part in ["<upgrade xmlns='urn:xmpp:sasl:upgrade:0'>", task, "</upgrade>"] {
                out.extend_from_slice(part.as_bytes());
            }
        }
        out.extend_from_slice(b"</authentication>");
    }
}

fn write_mechanisms(out: &mut BytesMut, names: &[&str]) {
    for name in names {
        for part in ["<mechanism>", name, "</mechanism>"] {
            out.extend_from_slice(part.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(xml: &str) -> Result<Authenticate, PayloadError> {
        Authenticate::from_element(&Element::parse(xml.as_bytes(), ns::CLIENT).unwrap())
    }

    /// XEP-0388 §2.4, XEP-0386 §3.2, XEP-0484 §3.2, XEP-0480 §2.2, all in one.
    #[test]
    fn a_client_asks_for_everything_at_once() {
        let asked = read(
            "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-1-PLUS'>\
             <initial-response> cD10bHMtZXhwb3J0ZXIsLG49dXNlcg== </initial-response>\
             <user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'>\
             <software>AwesomeXMPP</software><device>Kiva&apos;s Phone</device></user-agent>\
             <resume xmlns='urn:xmpp:sm:3' h='345' previd='124'/>\
             <bind xmlns='urn:xmpp:bind:0'><tag>AwesomeXMPP</tag><enable xmlns='urn:xmpp:carbons:2'/></bind>\
             <fast xmlns='urn:xmpp:fast:0' count='123' invalidate='1'/>\
             <request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-ENDP'/>\
             <upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-SCRAM-SHA-256</upgrade>\
             <new xmlns='urn:example'/></authenticate>",
        )
        .unwrap();
        assert_eq!(asked.mechanism, "SCRAM-SHA-1-PLUS");
        assert_eq!(asked.initial.as_deref(), Some("cD10bHMtZXhwb3J0ZXIsLG49dXNlcg=="));
        assert_eq!(asked.user_agent.id.as_deref(), Some("d4565fa7-4d72-4749-b3d3-740edbf87770"));
        assert_eq!(asked.user_agent.device.as_deref(), Some("Kiva's Phone"));
        assert_eq!(asked.resume, Some(Resume { previd: "124".into(), h: 345 }));
        let bind = asked.bind.unwrap();
        assert_eq!((bind.tag.as_deref(), bind.carbons), (Some("AwesomeXMPP"), true));
        assert_eq!(asked.fast, Some(fast::Use { invalidate: true }));
        assert_eq!(asked.request_token.as_deref(), Some("HT-SHA-256-ENDP"));
        assert_eq!(asked.upgrades, ["UPGR-SCRAM-SHA-256"]);
    }

    #[test]
    fn no_initial_response_is_not_an_empty_one() {
        let read = |child| {
            read(&format!("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='X'>{child}</authenticate>"))
        };
        assert_eq!(read("").unwrap().initial, None);
        assert_eq!(read("<initial-response/>").unwrap().initial.as_deref(), Some(""));
    }

    #[test]
    fn what_lacks_its_parts_is_refused() {
        for xml in [
            "<authenticate xmlns='urn:xmpp:sasl:2'/>".to_owned(),
            "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='X'><resume xmlns='urn:xmpp:sm:3' h='1'/>\
             </authenticate>"
                .to_owned(),
            format!(
                "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='X'><user-agent id='{}'/></authenticate>",
                "x".repeat(CLIENT_ID_BYTES_MAX + 1)
            ),
        ] {
            assert!(read(&xml).is_err(), "{xml}");
        }
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        let name = "ü".repeat(NAME_BYTES_MAX);
        let asked = read(&format!(
            "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='X'><user-agent><device>{name}</device>\
             </user-agent></authenticate>"
        ));
        assert_eq!(asked.unwrap().user_agent.device.unwrap().len(), NAME_BYTES_MAX);
    }

    #[test]
    fn the_feature_says_what_goes_in_one_request() {
        let mut out = BytesMut::new();
        Offer {
            mechanisms: &["SCRAM-SHA-1"],
            fast: &["HT-SHA-256-NONE"],
            bind: &["urn:xmpp:carbons:2"],
            upgrades: &["UPGR-SCRAM-SHA-256".to_owned()],
        }
        .write(&mut out);
        assert_eq!(
            out,
            "<authentication xmlns='urn:xmpp:sasl:2'><mechanism>SCRAM-SHA-1</mechanism><inline>\
             <bind xmlns='urn:xmpp:bind:0'><inline><feature var='urn:xmpp:carbons:2'/></inline></bind>\
             <sm xmlns='urn:xmpp:sm:3'/>\
             <fast xmlns='urn:xmpp:fast:0'><mechanism>HT-SHA-256-NONE</mechanism></fast></inline>\
             <upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-SCRAM-SHA-256</upgrade></authentication>"
        );
    }
}
