//! External services (XEP-0215): STUN and TURN servers of the operator, with credentials that hold for a time, in the
//! way that TURN servers with a shared secret check them (draft-uberti-behave-turn-rest-00).

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use model::{Jid, Timestamp};
use sha1::Sha1;
use xmpp::{Condition, Element, Stanza, StanzaError};

use crate::{About, Im, Spec};

/// What this feature is.
pub const ABOUT: About =
    About { name: "external_services", specs: &[Spec::xep(215, "1.0.0")], disco: &[NS], account: &[] };

/// The namespace.
pub(crate) const NS: &str = "urn:xmpp:extdisco:2";

/// A service that is not ours: `stun:HOST`, `turn:HOST:PORT?transport=tcp` (RFC 7064, RFC 7065).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalService {
    kind: String,
    host: String,
    port: u16,
    transport: String,
}

/// The text names no service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a service is stun:HOST, turn:HOST:PORT?transport=udp or tcp, or turns:HOST")]
pub struct NotAService;

impl FromStr for ExternalService {
    type Err = NotAService;

    fn from_str(text: &str) -> Result<Self, NotAService> {
        let (kind, rest) = text.split_once(':').ok_or(NotAService)?;
        let (place, query) = rest.split_once('?').map_or((rest, None), |(place, query)| (place, Some(query)));
        // RFC 7065 §3.1: the secure kinds run over TCP by default, on a port of their own.
        let (port, transport) = match kind {
            "stun" | "turn" => (3_478, "udp"),
            "stuns" | "turns" => (5_349, "tcp"),
            _ => return Err(NotAService),
        };
        let transport = match query {
            None => transport,
            Some("transport=udp") => "udp",
            Some("transport=tcp") => "tcp",
            Some(_) => return Err(NotAService),
        };
        let (host, port) = match place.rsplit_once(':') {
            // The last colon of an address in brackets is part of it.
            Some((host, number)) if !number.ends_with(']') => {
                (host, number.parse().map_err(|_| NotAService)?)
            }
            _ => (place, port),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || port == 0 || host.contains(['/', '@', ' ']) {
            return Err(NotAService);
        }
        let own = str::to_owned;
        Ok(Self { kind: own(kind), host: own(host), port, transport: own(transport) })
    }
}

/// The services of the operator, and how credentials for them are made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExternalServices {
    /// The services, in the order that clients see.
    pub services: Vec<ExternalService>,
    /// What the TURN servers share with us; `None` for services without credentials.
    pub secret: Option<Arc<str>>,
    /// How long credentials hold.
    pub credentials_time: Duration,
}

/// A service as browsers take it (`RTCIceServer`), with credentials if it has any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceForUser {
    /// `stun:HOST:PORT` or `turn:HOST:PORT?transport=udp` (RFC 7064, RFC 7065).
    pub url: String,
    /// Who signs in there, and with what.
    pub credentials: Option<(String, String)>,
}

impl Im {
    /// The services of the operator, for a user of ours; the credentials hold for a time.
    pub fn services_for(&self, user: &model::BareJid) -> Vec<ServiceForUser> {
        let (all, now) = (&self.config.external_services, self.runtime.timestamp());
        let user = user.node().map_or("", |node| node.as_str());
        all.services.iter().map(|service| for_user(all, service, user, now)).collect()
    }
}

fn for_user(all: &ExternalServices, service: &ExternalService, user: &str, now: Timestamp) -> ServiceForUser {
    let element = element(all, service, user, now);
    let own = |name: &str| element.attr(name).map(str::to_owned);
    let ExternalService { kind, host, port, transport } = service;
    let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    // RFC 7064 §3.1: a STUN URI says no transport.
    let query = if kind.starts_with("turn") { format!("?transport={transport}") } else { String::new() };
    ServiceForUser {
        url: format!("{kind}:{host}:{port}{query}"),
        credentials: own("username").zip(own("password")),
    }
}

/// Is a request about external services?
pub(crate) fn is_asked(stanza: &Stanza) -> bool {
    stanza.type_().as_deref() == Some("get") && stanza.first_child().is_some_and(|child| child.ns() == NS)
}

/// Answers `<services/>` and `<credentials/>` for users of ours; to others the credentials would be a gift (§7).
pub(crate) fn answer(im: &Im, asker: &Jid, stanza: &Stanza) -> Result<Option<Element>, StanzaError> {
    let request = stanza.first_child().ok_or(Condition::BadRequest)?.element();
    if !im.is_local(&asker.to_bare()) {
        return Err(Condition::Forbidden.into());
    }
    let user = asker.node().map_or("", |node| node.as_str());
    let all = &im.config.external_services;
    listed(all, &request, user, im.runtime.timestamp()).map(Some)
}

fn listed(
    all: &ExternalServices,
    request: &Element,
    user: &str,
    now: Timestamp,
) -> Result<Element, StanzaError> {
    match request.name() {
        "services" => {
            let kind = request.attr("type");
            let mut services = Element::new("services", NS);
            if let Some(kind) = kind {
                services.set_attr("type", kind);
            }
            let wanted = all.services.iter().filter(|service| kind.is_none_or(|kind| service.kind == kind));
            Ok(wanted.map(|service| element(all, service, user, now)).fold(services, Element::with_child))
        }
        "credentials" => {
            let asked = request.child("service", NS).ok_or(Condition::BadRequest)?;
            let (Some(host), Some(kind)) = (asked.attr("host"), asked.attr("type")) else {
                return Err(Condition::BadRequest.into());
            };
            let port = asked.attr("port").map(str::parse::<u16>).transpose();
            let port = port.map_err(|_| Condition::BadRequest)?;
            let fits = |service: &&ExternalService| {
                service.host == host && service.kind == kind && port.is_none_or(|port| service.port == port)
            };
            let found: Vec<_> = all.services.iter().filter(fits).collect();
            if found.is_empty() {
                return Err(Condition::ItemNotFound.into());
            }
            let elements = found.into_iter().map(|service| element(all, service, user, now));
            Ok(elements.fold(Element::new("credentials", NS), Element::with_child))
        }
        _ => Err(Condition::ServiceUnavailable.into()),
    }
}

fn element(all: &ExternalServices, service: &ExternalService, user: &str, now: Timestamp) -> Element {
    let mut element = Element::new("service", NS)
        .with_attr("type", service.kind.as_str())
        .with_attr("host", service.host.as_str())
        .with_attr("port", service.port.to_string())
        .with_attr("transport", service.transport.as_str());
    if let Some(secret) = all.secret.as_deref().filter(|_| service.kind.starts_with("turn")) {
        let expires = now.plus(all.credentials_time);
        let username = format!("{}:{user}", expires.0 / 1_000_000);
        element.set_attr("password", password(secret, &username));
        element.set_attr("username", username);
        element.set_attr("expires", Timestamp(expires.0 / 1_000_000 * 1_000_000).to_string());
        element.set_attr("restricted", "true");
    }
    element
}

/// The password of a user name that says until when it holds.
fn password(secret: &str, username: &str) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).expect("a key may have any length");
    mac.update(username.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn services(texts: &[&str]) -> ExternalServices {
        ExternalServices {
            services: texts.iter().map(|text| text.parse().unwrap()).collect(),
            secret: Some("north".into()),
            credentials_time: Duration::from_secs(3_600),
        }
    }

    #[test]
    fn services_are_named_as_browsers_name_them() {
        let read = |text: &str| {
            text.parse().map(|s: ExternalService| format!("{} {} {} {}", s.kind, s.host, s.port, s.transport))
        };
        assert_eq!(read("stun:turn.example.org").as_deref(), Ok("stun turn.example.org 3478 udp"));
        assert_eq!(read("turn:192.0.2.1:99?transport=tcp").as_deref(), Ok("turn 192.0.2.1 99 tcp"));
        assert_eq!(read("turns:[2001:db8::1]").as_deref(), Ok("turns 2001:db8::1 5349 tcp"));
        assert_eq!(read("turn:[2001:db8::1]:99").as_deref(), Ok("turn 2001:db8::1 99 udp"));
        for wrong in
            ["turn", "turn:", "http://x", "turn:x:0", "turn:x:y", "turn:x?transport=sctp", "turn:a@b"]
        {
            assert_eq!(read(wrong), Err(NotAService), "{wrong}");
        }
    }

    #[test]
    fn a_relay_has_credentials_that_end_and_others_have_none() {
        let all = services(&["stun:s", "turn:t"]);
        let answer = listed(&all, &Element::new("services", NS), "ann", Timestamp(1_000_000_000)).unwrap();
        let found: Vec<&Element> = answer.children().collect();
        assert_eq!(found[0].attr("username"), None);
        assert_eq!(found[1].attr("username"), Some("4600:ann"));
        assert_eq!(found[1].attr("expires"), Some("1970-01-01T01:16:40.000000Z"));
        assert_eq!(found[1].attr("password"), Some(password("north", "4600:ann").as_str()));
    }

    /// Made with `openssl dgst -sha1 -hmac north -binary | base64`.
    #[test]
    fn the_password_is_what_turn_servers_compute() {
        assert_eq!(password("north", "1433895918:ann"), "zAlhH20kpuDJR8ZKdq5vyQV+Ung=");
    }

    #[test]
    fn browsers_get_urls_and_credentials() {
        let all = services(&["stun:s", "turns:[2001:db8::1]"]);
        let urls = |at: usize| for_user(&all, &all.services[at], "ann", Timestamp(1_000_000_000));
        assert_eq!(urls(0), ServiceForUser { url: "stun:s:3478".to_owned(), credentials: None });
        let relay = urls(1);
        assert_eq!(relay.url, "turns:[2001:db8::1]:5349?transport=tcp");
        let secret = password("north", "4600:ann");
        assert_eq!(relay.credentials, Some(("4600:ann".to_owned(), secret)));
    }

    #[test]
    fn one_kind_or_one_place_can_be_asked_for() {
        let all = services(&["stun:s", "turn:t", "turn:t:99?transport=tcp"]);
        let turn = Element::new("services", NS).with_attr("type", "turn");
        assert_eq!(listed(&all, &turn, "a", Timestamp(0)).unwrap().children().count(), 2);
        let place =
            |host: &str| Element::new("service", NS).with_attr("host", host).with_attr("type", "turn");
        let ask =
            |service| listed(&all, &Element::new("credentials", NS).with_child(service), "a", Timestamp(0));
        assert_eq!(ask(place("t").with_attr("port", "99")).unwrap().children().count(), 1);
        assert_eq!(ask(place("u")).unwrap_err().condition, Condition::ItemNotFound);
        assert_eq!(ask(Element::new("service", NS)).unwrap_err().condition, Condition::BadRequest);
    }
}
