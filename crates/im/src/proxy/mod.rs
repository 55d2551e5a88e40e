//! The proxy for streams between clients that cannot reach each other (XEP-0065), at `proxy.` under the domain.
//!
//! `relay` has the connections; here is what is asked in XMPP: where the proxy is, and to join two parties.

mod relay;

use model::Jid;
use xmpp::xep::bytestreams::{self, NS};
use xmpp::xep::disco::{INFO, ITEMS, Identity, Info};
use xmpp::xep::ping;
use xmpp::{Condition, Element, ErrorKind, Stanza, StanzaError};

use crate::{About, Im, Spec};
pub(crate) use relay::Relay;
use relay::Unjoined;

/// What this feature is.
pub const ABOUT: About = About {
    name: "proxy",
    specs: &[Spec::xep(65, "1.8.2"), Spec::rfc(1928, "§3, §4, §6")],
    disco: &[],
    account: &[],
};

/// Where the proxy is, and how fast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyConfig {
    /// The name or IP address that clients connect to.
    pub host: String,
    /// The port there.
    pub port: u16,
    /// Bytes a second in each direction of a stream.
    pub bytes_per_second: u32,
}

/// The service among what the server offers.
pub(crate) fn service_item(im: &Im) -> Option<Element> {
    let service = im.services.proxy()?;
    Some(Element::new("item", ITEMS).with_attr("jid", service.as_str()).with_attr("name", "Bytestreams"))
}

/// What is asked of the proxy.
pub(crate) fn answer(im: &Im, asker: &Jid, stanza: &Stanza) -> Result<Option<Element>, StanzaError> {
    let (Some(config), Some(service)) = (&im.config.proxy, im.services.proxy()) else {
        return Err(Condition::ServiceUnavailable.into());
    };
    let payload = stanza.first_child().ok_or(Condition::BadRequest)?.element();
    match (stanza.type_().as_deref(), payload.ns(), payload.name()) {
        (Some("get"), INFO, "query") if payload.attr("node").is_none_or(str::is_empty) => {
            let identities = vec![Identity::new("proxy", "bytestreams", "Bytestreams")];
            let features = [INFO, ITEMS, NS, ping::NS].map(str::to_owned).into();
            Ok(Some(Info { identities, features, ..Info::default() }.to_element()))
        }
        (Some("get"), INFO, "query") => Err(Condition::ItemNotFound.into()),
        (Some("get"), ITEMS, "query") => Ok(Some(Element::new("query", ITEMS))),
        (Some("get"), ping::NS, "ping") => Ok(None),
        (Some("get" | "set"), NS, "query") if asker.domain().as_str() != im.domain() => {
            Err(StanzaError::new(ErrorKind::Auth, Condition::Forbidden))
        }
        (Some("get"), NS, "query") => {
            Ok(Some(bytestreams::address(service.as_str(), &config.host, config.port)))
        }
        (Some("set"), NS, "query") => {
            let (sid, target) = bytestreams::activation(&payload)?;
            let target: Jid = target.parse().map_err(|_| Condition::JidMalformed)?;
            let name = bytestreams::destination(&sid, asker.as_str(), target.as_str());
            im.services.relay.join(im, &name, &asker.to_bare()).map(|()| None).map_err(refusal)
        }
        _ => Err(Condition::ServiceUnavailable.into()),
    }
}

/// §6.3.5.
fn refusal(unjoined: Unjoined) -> StanzaError {
    match unjoined {
        Unjoined::Nobody => Condition::ItemNotFound.into(),
        Unjoined::One => StanzaError::new(ErrorKind::Cancel, Condition::NotAllowed),
        Unjoined::TooMany => {
            StanzaError::from(Condition::ResourceConstraint).with_text("too many streams at a time")
        }
    }
}
