//! Namespace delegation (XEP-0355): components that answer requests to the server, and of users to their own accounts,
//! in its place.

use std::collections::{BTreeMap, VecDeque};
use std::str::FromStr;

use bytes::Bytes;
use model::{DomainPart, FullJid};
use parking_lot::Mutex;
use xmpp::xep::forward;
use xmpp::{Builder, Condition, Context, Element, ErrorKind, Kind, Stanza, StanzaError, ns};

use super::away;
use crate::Im;
use crate::sessions::Seat;

/// The namespace.
const NS: &str = "urn:xmpp:delegation:2";
/// Namespaces that one component answers for.
const NAMESPACES_MAX: usize = 64;
/// Requests that wait for a component's answer, all together; the oldest are answered with an error.
const OPEN_MAX: usize = 4_096;
/// Random bytes in the id of a request that is passed on.
const ID_BYTES: usize = 8;

/// The namespaces that one component answers for, as an operator writes them:
/// `pubsub.example.org http://jabber.org/protocol/pubsub urn:example`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegation {
    /// The component's domain.
    pub domain: DomainPart,
    /// The namespaces of the requests.
    pub namespaces: Vec<String>,
}

impl FromStr for Delegation {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut words = text.split_whitespace();
        let domain = words.next().and_then(|word| word.parse().ok()).ok_or(())?;
        let namespaces: Vec<String> = words.map(str::to_owned).collect();
        (1..=NAMESPACES_MAX).contains(&namespaces.len()).then_some(Self { domain, namespaces }).ok_or(())
    }
}

/// Who answers for what, and what waits for an answer.
#[derive(Default)]
pub(super) struct Delegations {
    /// The component's domain, by namespace. The first that the operator names has it.
    delegated: BTreeMap<Box<str>, DomainPart>,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    requests: BTreeMap<String, Request>,
    order: VecDeque<String>,
}

/// What a client asked, and whom it was passed on to.
struct Request {
    asker: FullJid,
    id: String,
    to: Option<String>,
    component: DomainPart,
}

impl Open {
    /// Notes a request; gives those that must make room for it.
    fn note(&mut self, id: String, request: Request) -> Vec<Request> {
        let mut gone = Vec::new();
        while self.order.len() >= OPEN_MAX {
            let Some(oldest) = self.order.pop_front() else { break };
            gone.extend(self.requests.remove(&oldest));
        }
        self.order.push_back(id.clone());
        self.requests.insert(id, request);
        gone
    }

    /// The request that a component answers.
    fn answered(&mut self, id: &str, component: &str) -> Option<Request> {
        if self.requests.get(id)?.component.as_str() != component {
            return None;
        }
        self.order.retain(|open| open != id);
        self.requests.remove(id)
    }
}

impl Delegations {
    pub(super) fn new(all: &[Delegation]) -> Self {
        let mut delegated = BTreeMap::new();
        for Delegation { domain, namespaces } in all {
            for namespace in namespaces {
                delegated.entry(namespace.as_str().into()).or_insert_with(|| domain.clone());
            }
        }
        Self { delegated, open: Mutex::default() }
    }

    /// §4.2: the component is told what it answers for; none when that is nothing.
    pub(super) fn advertisement(&self, from: &str, to: &str, id: &str) -> Option<Bytes> {
        let own = self.delegated.iter().filter(|(_, domain)| domain.as_str() == to);
        let delegated =
            own.map(|(name, _)| Element::new("delegated", NS).with_attr("namespace", name.to_string()));
        let told = delegated.fold(Element::new("delegation", NS), Element::with_child);
        told.children().next()?;
        let mut message = Builder::message(Context::Component);
        Some(message.from(from).to(to).id(id).element(&told).finish())
    }
}

impl Request {
    /// §4.3: the answer is for who asked, from whom they asked, and to what they asked.
    fn is_answered_by(&self, answer: &Element, domain: &str) -> bool {
        let asker = self.asker.to_bare();
        let from_right = match (answer.attr("from"), self.to.as_deref()) {
            (None, _) => true,
            (Some(from), Some(to)) => from == to,
            (Some(from), None) => from == domain || from == asker.as_str(),
        };
        from_right
            && answer.attr("to") == Some(self.asker.as_str())
            && answer.attr("id") == Some(&self.id)
            && matches!(answer.attr("type"), Some("result" | "error"))
    }

    fn answer(&self, im: &Im, type_: &str, children: &[&Element]) {
        let bare = self.asker.to_bare();
        let Some(seat) = im.sessions.seat(bare.as_str(), self.asker.resource().as_str()) else { return };
        let mut iq = Builder::iq(Context::Client);
        iq.type_(type_).id(&self.id).to(self.asker.as_str()).attr_if("from", self.to.as_deref());
        for child in children {
            iq.element(child);
        }
        im.push_bytes(&seat, iq.finish());
    }

    fn refuse(&self, im: &Im) {
        let error = StanzaError::new(ErrorKind::Cancel, Condition::ServiceUnavailable).to_element();
        self.answer(im, "error", &[&error]);
    }
}

impl Im {
    /// A request of a client to the server or to its own account: passed on when a component answers for its
    /// namespace; `None` when none does.
    pub(crate) fn delegate(&self, seat: &Seat, stanza: &Stanza) -> Option<Result<(), StanzaError>> {
        let delegations = &self.services.components().delegations;
        if delegations.delegated.is_empty() {
            return None;
        }
        let component = delegations.delegated.get(&*stanza.first_child()?.ns())?;
        let to = stanza.to();
        if !to.as_deref().is_none_or(|to| to == self.domain() || to == seat.account.jid.as_str()) {
            return None;
        }
        let id = self.runtime.random_token(ID_BYTES);
        let mut inner = stanza.element();
        inner.set_attr("from", seat.jid.as_str());
        let forwarded = Element::new("forwarded", forward::NS).with_child(inner);
        let payload = Element::new("delegation", NS).with_child(forwarded);
        let mut iq = Builder::iq(Context::Client);
        iq.type_("set").id(&id).from(self.domain()).to(component.as_str());
        let iq = iq.element(&payload).finish();
        let request = Request {
            asker: seat.jid.clone(),
            id: stanza.id()?.into_owned(),
            to: to.map(|to| to.into_owned()),
            component: component.clone(),
        };
        // Noted first: the answer may be faster.
        let gone = delegations.open.lock().note(id.clone(), request);
        gone.iter().for_each(|request| request.refuse(self));
        let sent =
            component.as_str().parse().map_err(|_| away()).and_then(|to| self.post_to_component(iq, &to));
        if sent.is_err() {
            delegations.open.lock().requests.remove(&id);
            // §4.3: who answers is not there.
            return Some(Err(StanzaError::new(ErrorKind::Cancel, Condition::ServiceUnavailable)));
        }
        Some(Ok(()))
    }

    /// A component answers what was passed on to it; false when it is something else that it says.
    pub(super) fn delegate_answers(&self, component: &str, stanza: &Stanza) -> bool {
        let (Kind::Iq, Some("result" | "error"), Some(id)) =
            (stanza.kind(), stanza.type_().as_deref(), stanza.id())
        else {
            return false;
        };
        let delegations = &self.services.components().delegations;
        let Some(request) = delegations.open.lock().answered(&id, component) else { return false };
        let delegation = stanza.child("delegation", NS);
        let forwarded = delegation.as_ref().and_then(|delegation| delegation.child("forwarded", forward::NS));
        let answer = forwarded.and_then(|forwarded| forwarded.child("iq", ns::CLIENT));
        match answer.filter(|answer| request.is_answered_by(answer, self.domain())) {
            Some(answer) => {
                let children: Vec<&Element> = answer.children().collect();
                request.answer(self, answer.attr("type").unwrap_or("error"), &children);
            }
            None => request.refuse(self),
        }
        true
    }

    /// A component is gone: what it was asked is answered in its place.
    pub(super) fn delegate_gone(&self, component: &str) {
        let gone: Vec<Request> = {
            let mut open = self.services.components().delegations.open.lock();
            let (gone, rest) = std::mem::take(&mut open.requests)
                .into_iter()
                .partition(|(_, request)| request.component.as_str() == component);
            open.requests = rest;
            let gone: BTreeMap<String, Request> = gone;
            gone.into_values().collect()
        };
        gone.iter().for_each(|request| request.refuse(self));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(to: Option<&str>) -> Request {
        Request {
            asker: "ann@x/desk".parse().unwrap(),
            id: "q1".to_owned(),
            to: to.map(str::to_owned),
            component: "pubsub.x".parse().unwrap(),
        }
    }

    #[test]
    fn a_delegation_is_read_as_it_is_written() {
        let read = |text: &str| text.parse::<Delegation>();
        let good = read("pubsub.x urn:a urn:b").unwrap();
        assert_eq!((good.domain.as_str(), good.namespaces.len()), ("pubsub.x", 2));
        assert!(read("pubsub.x").is_err() && read("").is_err());
    }

    #[test]
    fn the_first_component_that_is_named_has_a_namespace() {
        let all = ["one.x urn:a".parse().unwrap(), "two.x urn:a urn:b".parse().unwrap()];
        let delegations = Delegations::new(&all);
        let told = delegations.advertisement("x", "two.x", "i").unwrap();
        let told = String::from_utf8_lossy(&told);
        assert!(told.contains("namespace='urn:b'") && !told.contains("urn:a"), "{told}");
        assert!(delegations.advertisement("x", "three.x", "i").is_none());
    }

    #[test]
    fn an_answer_must_fit_the_question() {
        let answer = |from: Option<&str>, to: &str, id: &str, type_: &str| {
            let iq = Element::new("iq", ns::CLIENT).with_attr("to", to.to_owned());
            let iq = iq.with_attr("id", id.to_owned()).with_attr("type", type_.to_owned());
            from.map_or(iq.clone(), |from| iq.with_attr("from", from.to_owned()))
        };
        let fits = |request: &Request, answer: Element| request.is_answered_by(&answer, "x");
        let (own, host) = (request(None), request(Some("x")));
        assert!(fits(&own, answer(None, "ann@x/desk", "q1", "result")));
        assert!(fits(&own, answer(Some("ann@x"), "ann@x/desk", "q1", "error")));
        assert!(fits(&host, answer(Some("x"), "ann@x/desk", "q1", "result")));
        assert!(!fits(&host, answer(Some("bob@x"), "ann@x/desk", "q1", "result")));
        assert!(!fits(&own, answer(Some("bob@x"), "ann@x/desk", "q1", "result")));
        assert!(!fits(&own, answer(None, "bob@x/desk", "q1", "result")));
        assert!(!fits(&own, answer(None, "ann@x/desk", "q2", "result")));
        assert!(!fits(&own, answer(None, "ann@x/desk", "q1", "get")));
    }

    #[test]
    fn only_who_was_asked_answers_and_the_oldest_make_room() {
        let mut open = Open::default();
        for number in 0..OPEN_MAX {
            assert!(open.note(number.to_string(), request(None)).is_empty());
        }
        assert!(open.answered("1", "other.x").is_none());
        assert!(open.answered("1", "pubsub.x").is_some());
        assert!(open.note("more".to_owned(), request(None)).is_empty(), "one was answered");
        assert_eq!(open.note("still more".to_owned(), request(None)).len(), 1);
        assert!(open.answered("0", "pubsub.x").is_none() && open.answered("2", "pubsub.x").is_some());
    }
}
