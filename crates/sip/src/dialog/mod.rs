//! Dialogs (RFC 3261 §12): who talks to whom, by which route, and in which order.
//!
//! Owns the state of one dialog on one side and writes the requests in it. Does not own the session inside
//! (offers and answers), nor the transactions.

mod forks;
mod id;

#[cfg(test)]
mod tests;

use crate::Refusal;
use crate::error::Error;
use crate::header::{CSeq, NameAddr, RAck};
use crate::message::{Headers, Name, Request, RequestBuilder, Response};
use crate::method::Method;
use crate::uri::Uri;

pub use forks::Forks;
pub use id::DialogId;

/// Hops that a request of ours may take (RFC 3261 §8.1.1.6).
const MAX_FORWARDS: u32 = 70;
/// Proxies that may put themselves into the route of a dialog.
const ROUTES_MAX: usize = 32;
/// The largest first CSeq, so that there is room to count (RFC 3261 §8.1.1.5: below 2^31).
const CSEQ_MAX: u32 = (1 << 31) - 1;

/// How far a dialog has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Made by a provisional response.
    Early,
    /// Made or confirmed by a 2xx.
    Confirmed,
    /// Over.
    Terminated,
}

/// One dialog, as one of its two sides sees it.
#[derive(Clone, Debug)]
pub struct Dialog {
    id: DialogId,
    state: State,
    /// What From says in our requests.
    local: NameAddr,
    /// What To says in our requests.
    remote: NameAddr,
    /// The number of our latest request.
    local_cseq: u32,
    /// The number of their latest request; `None` before the first.
    remote_cseq: Option<u32>,
    remote_target: Uri,
    route_set: Vec<NameAddr>,
    /// We sent the request that made it.
    is_caller: bool,
}

impl Dialog {
    /// The dialog that a response to our `request` makes: early by a provisional response, confirmed by a 2xx
    /// (RFC 3261 §12.1.2).
    ///
    /// # Errors
    /// The header field that is missing or malformed.
    pub fn uac(request: &Request, response: &Response) -> Result<Self, Error> {
        let (asked, answered) = (request.headers(), response.headers());
        let id = DialogId::of_response(response).ok_or(Error::Missing(Name::To))?.detached();
        let mut dialog = Self {
            id,
            state: if response.is_success() { State::Confirmed } else { State::Early },
            local: asked.from()?.detached(),
            remote: answered.to()?.detached(),
            local_cseq: asked.cseq()?.number,
            remote_cseq: None,
            // COMPAT: provisional responses without Contact are common; the Request-URI serves until one comes.
            remote_target: request.uri()?.detached(),
            route_set: Vec::new(),
            is_caller: true,
        };
        dialog.learn(answered, true)?;
        Ok(dialog)
    }

    /// The dialog that our response to `request` makes, with the tag that it gives to To (RFC 3261 §12.1.1).
    ///
    /// # Errors
    /// The header field that is missing or malformed.
    pub fn uas(request: &Request, local_tag: &[u8], state: State) -> Result<Self, Error> {
        let headers = request.headers();
        let id = DialogId::answered(headers, local_tag).ok_or(Error::Missing(Name::CallId))?.detached();
        Ok(Self {
            id,
            state,
            local: headers.to()?.with_tag(local_tag).detached(),
            remote: headers.from()?.detached(),
            local_cseq: 0,
            remote_cseq: Some(headers.cseq()?.number),
            remote_target: headers.contact()?.uri().detached(),
            route_set: route_set(headers)?,
            is_caller: false,
        })
    }

    /// The dialog that a NOTIFY makes for whoever sent `subscribe`: it may come before, or instead of, the 2xx
    /// (RFC 6665 §4.4.1).
    ///
    /// # Errors
    /// The header field that is missing or malformed.
    pub fn notified(subscribe: &Request, notify: &Request) -> Result<Self, Error> {
        let (asked, headers) = (subscribe.headers(), notify.headers());
        let id = DialogId::of_request(notify).ok_or(Error::Missing(Name::To))?.detached();
        Ok(Self {
            id,
            state: State::Confirmed,
            local: asked.from()?.detached(),
            remote: headers.from()?.detached(),
            local_cseq: asked.cseq()?.number,
            remote_cseq: None,
            remote_target: headers.contact()?.uri().detached(),
            route_set: route_set(headers)?,
            is_caller: true,
        })
    }

    /// What it is found by.
    pub fn id(&self) -> &DialogId {
        &self.id
    }

    /// How far it has come.
    pub fn state(&self) -> State {
        self.state
    }

    /// Our address, with our tag.
    pub fn local(&self) -> &NameAddr {
        &self.local
    }

    /// Their address, with their tag.
    pub fn remote(&self) -> &NameAddr {
        &self.remote
    }

    /// Where their requests are aimed at: their Contact.
    pub fn remote_target(&self) -> &Uri {
        &self.remote_target
    }

    /// The proxies in between, in the order of our requests.
    pub fn route_set(&self) -> &[NameAddr] {
        &self.route_set
    }

    /// Did we send the request that made it?
    pub fn is_caller(&self) -> bool {
        self.is_caller
    }

    /// The number of our latest request.
    pub fn local_cseq(&self) -> u32 {
        self.local_cseq
    }

    /// The number of their latest request; `None` before the first.
    pub fn remote_cseq(&self) -> Option<u32> {
        self.remote_cseq
    }

    /// The 2xx that we send has confirmed it.
    pub fn confirm(&mut self) {
        if self.state == State::Early {
            self.state = State::Confirmed;
        }
    }

    /// It is over.
    pub fn terminate(&mut self) {
        self.state = State::Terminated;
    }

    /// Our request was sent again with credentials outside of [`Dialog::request`]: the count goes on from there.
    pub fn raise_local_cseq(&mut self, number: u32) {
        self.local_cseq = self.local_cseq.max(number).min(CSEQ_MAX);
    }

    /// Begins the next request of ours: Request-URI and Route by the route set, From, To, Call-ID, the next CSeq
    /// (RFC 3261 §12.2.1.1). For ACK see [`Dialog::ack`]; a CANCEL is no request in a dialog.
    pub fn request(&mut self, method: Method) -> RequestBuilder {
        self.local_cseq = self.local_cseq.saturating_add(1).min(CSEQ_MAX);
        self.numbered(method, self.local_cseq)
    }

    /// Begins the ACK to a 2xx: it has the number of the INVITE that it acknowledges (RFC 3261 §13.2.2.4), and
    /// that INVITE's credentials, which the caller copies.
    pub fn ack(&self, invite_cseq: u32) -> RequestBuilder {
        self.numbered(Method::Ack, invite_cseq)
    }

    /// Begins the PRACK for a reliable provisional response (RFC 3262 §4); `None` when the response is none.
    pub fn prack(&mut self, response: &Response) -> Option<RequestBuilder> {
        let headers = response.headers();
        let rseq = headers.rseq().ok()??;
        let cseq = headers.cseq().ok()?;
        if response.status() == 100
            || !response.is_provisional()
            || !headers.has_token(Name::Require, b"100rel")
        {
            return None;
        }
        Some(self.request(Method::Prack).header(Name::RAck, &RAck { rseq, cseq }))
    }

    fn numbered(&self, method: Method, number: u32) -> RequestBuilder {
        let strict = self.route_set.first().filter(|first| !first.uri().params().has(b"lr"));
        let request_uri = strict.map_or(&self.remote_target, NameAddr::uri);
        let mut request = RequestBuilder::new(method.clone(), request_uri.as_bytes());
        let skipped = usize::from(strict.is_some());
        for route in &self.route_set[skipped..] {
            request = request.header(Name::Route, route);
        }
        if strict.is_some() {
            // RFC 3261 §12.2.1.1: a strict router takes its own URI and finds the target at the end.
            request = request.header(Name::Route, &NameAddr::compose(None, &self.remote_target, None));
        }
        request
            .header(Name::MaxForwards, &MAX_FORWARDS)
            .header(Name::From, &self.local)
            .header(Name::To, &self.remote)
            .header(Name::CallId, &self.id.call_id)
            .header(Name::CSeq, &CSeq { number, method })
    }

    /// The URI whose host our requests go to: the first proxy, or the remote target (RFC 3261 §8.1.2).
    pub fn next_hop(&self) -> &Uri {
        self.route_set.first().map_or(&self.remote_target, NameAddr::uri)
    }

    /// Takes a request of theirs in: keeps the order and follows a new target (RFC 3261 §12.2.2).
    ///
    /// # Errors
    /// The answer to a request out of order, or after the end. No ACK is refused.
    pub fn receive(&mut self, request: &Request) -> Result<(), Refusal> {
        let method = request.method();
        if matches!(method, Method::Ack | Method::Cancel) {
            return Ok(());
        }
        if self.state == State::Terminated {
            return Err(Refusal { status: 481, reason: "Call/Transaction Does Not Exist" });
        }
        let number = request.headers().cseq()?.number;
        if self.remote_cseq.is_some_and(|last| number <= last) {
            // RFC 3261 §12.2.2: "the UAS MUST return a 500". An equal number is another request in disguise.
            return Err(Refusal { status: 500, reason: "CSeq Out Of Order" });
        }
        self.remote_cseq = Some(number);
        if refreshes_target(method) {
            self.follow(request.headers())?;
        }
        Ok(())
    }

    /// Takes a response to a request of ours in: confirms an early dialog, follows a new target, and ends the
    /// dialog when the other side does not know it (RFC 3261 §12.2.1.2, §13.2.2.4).
    ///
    /// # Errors
    /// The header field that is malformed.
    pub fn answered(&mut self, response: &Response) -> Result<(), Error> {
        let (status, headers) = (response.status(), response.headers());
        let cseq = headers.cseq()?;
        match (self.state, status) {
            (State::Early, 101..=299) if cseq.method == Method::Invite => {
                if status >= 200 {
                    self.state = State::Confirmed;
                }
                // "the route set [..] MUST be recomputed based on the 2xx response" (RFC 3261 §13.2.2.4).
                self.learn(headers, status >= 200)?;
            }
            (State::Confirmed, 200..=299) if refreshes_target(&cseq.method) => self.follow(headers)?,
            (_, 408 | 481) => self.state = State::Terminated,
            (State::Early, 300..) if cseq.method == Method::Invite => self.state = State::Terminated,
            _ => {}
        }
        Ok(())
    }

    /// Takes route set and target from a response that makes or confirms the dialog.
    fn learn(&mut self, headers: &Headers, routes: bool) -> Result<(), Error> {
        if routes {
            self.route_set = route_set(headers)?;
            self.route_set.reverse();
        }
        self.follow(headers)
    }

    fn follow(&mut self, headers: &Headers) -> Result<(), Error> {
        match headers.contact() {
            Ok(contact) => {
                self.remote_target = contact.uri().detached();
                Ok(())
            }
            Err(Error::Missing(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Record-Route as it stands: the route set of whoever received the request (RFC 3261 §12.1.1).
fn route_set(headers: &Headers) -> Result<Vec<NameAddr>, Error> {
    let routes = headers.record_routes()?;
    if routes.len() > ROUTES_MAX {
        return Err(Error::TooLarge);
    }
    Ok(routes.iter().map(NameAddr::detached).collect())
}

/// May a request of this method bring a new Contact (RFC 3261 §12.2, RFC 3311 §5, RFC 6665 §4.4.1)?
fn refreshes_target(method: &Method) -> bool {
    matches!(method, Method::Invite | Method::Update | Method::Subscribe | Method::Notify | Method::Refer)
}
