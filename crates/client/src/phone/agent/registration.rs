//! Registration (RFC 3261 §10): once, again before it ends, and back.

use std::time::{Duration, Instant};

use sip::endpoint::Endpoint;
use sip::uri::Scheme;
use sip::{CSeq, Contacts, Method, Name, Request, RequestBuilder, Response, Uri};
use tokio::sync::oneshot;

use super::super::Error;
use super::super::command::Reply;
use super::super::event::Event;
use super::{Agent, MAX_FORWARDS, Purpose, USER_AGENT};

/// The pause after a registration that failed.
const TRY_AGAIN: Duration = Duration::from_secs(30);
/// The longest registration that a registrar may force on us by 423, in seconds.
const MIN_EXPIRES_MAX: u32 = 86_400;

/// All that is kept about our registration: one Call-ID and one count for as long as we run (RFC 3261 §10.2).
pub(super) struct Registration {
    call_id: String,
    tag: String,
    pub(super) cseq: u32,
    /// What a registrar's 423 asked for, in seconds.
    min_expires: u32,
    pub(super) again_at: Option<Instant>,
    /// Who waits for the first outcome.
    pub(super) first: Option<oneshot::Sender<Result<(), Error>>>,
}

impl Registration {
    pub(super) fn new(endpoint: &mut Endpoint) -> Self {
        let (call_id, tag) = (endpoint.new_call_id(), endpoint.new_tag());
        Self { call_id, tag, cseq: 0, min_expires: 0, again_at: None, first: None }
    }
}

impl Agent {
    pub(super) fn register(&mut self, now: Instant) {
        // Should nothing at all come back.
        self.registration.again_at = Some(now + TRY_AGAIN + Duration::from_secs(32));
        let seconds = u32::try_from(self.config.expires.as_secs()).unwrap_or(u32::MAX);
        let request = self.register_request(seconds.max(self.registration.min_expires));
        if let (Some(server), Some(request)) = (self.config.server, request) {
            self.send(request, server, Purpose::Register);
        }
    }

    pub(super) fn unregister(&mut self, reply: Reply) {
        self.registration.again_at = None;
        match (self.config.server, self.register_request(0)) {
            (Some(server), Some(request)) => self.send(request, server, Purpose::Unregister(reply)),
            _ => _ = reply.send(Err(Error::NotPossible)),
        }
    }

    fn register_request(&mut self, expires: u32) -> Option<Request> {
        let registrar = Uri::compose(Scheme::Sip, None, &self.config.domain, None, "").ok()?;
        self.registration.cseq += 1;
        let (number, method) = (self.registration.cseq, Method::Register);
        let request = RequestBuilder::new(method.clone(), registrar.as_bytes())
            .header(Name::MaxForwards, &MAX_FORWARDS)
            .header(Name::From, &self.own_address(Some(self.registration.tag.as_bytes())))
            .header(Name::To, &self.own_address(None))
            .header(Name::CallId, &self.registration.call_id)
            .header(Name::CSeq, &CSeq { number, method })
            .header(Name::Contact, &self.contact())
            .header(Name::Expires, &expires)
            .header(Name::UserAgent, USER_AGENT);
        Some(request.finish())
    }

    /// The outcome of a REGISTER.
    pub(super) fn registered(&mut self, status: u16, response: Option<&Response>) {
        let now = self.runtime.now();
        if (200..300).contains(&status) {
            let granted = response.and_then(|response| self.granted(response));
            let expires = granted.unwrap_or(u32::try_from(self.config.expires.as_secs()).unwrap_or(u32::MAX));
            self.registration.again_at = Some(now + Duration::from_secs(u64::from(expires)) / 2);
            if let Some(first) = self.registration.first.take() {
                first.send(Ok(())).ok();
            }
            return self.tell(Event::Registered { expires });
        }
        let asked = response.and_then(|response| response.headers().min_expires().ok()?);
        if let (423, Some(asked)) = (status, asked)
            && asked > self.registration.min_expires
            && asked <= MIN_EXPIRES_MAX
        {
            self.registration.min_expires = asked;
            return self.register(now);
        }
        self.registration.again_at = Some(now + TRY_AGAIN);
        if let Some(first) = self.registration.first.take() {
            // Nobody gets a handle: the phone stops.
            self.registration.again_at = None;
            first.send(Err(Error::Refused(status))).ok();
        }
        self.tell(Event::RegistrationFailed { status });
    }

    /// The seconds that the registrar grants to our Contact among all that it lists (RFC 3261 §10.2.4).
    fn granted(&self, response: &Response) -> Option<u32> {
        let headers = response.headers();
        let ours = self.contact_uri();
        let own = match headers.contacts().ok()? {
            Contacts::List(list) => list.into_iter().find(|contact| contact.uri().matches(&ours)),
            Contacts::All => None,
        };
        own.and_then(|contact| contact.expires()).or(headers.expires().ok()?)
    }
}
