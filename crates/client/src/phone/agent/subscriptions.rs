//! Subscriptions of the phone (RFC 6665): made, kept alive, ended; their NOTIFYs passed on.

use std::time::{Duration, Instant};

use bytes::Bytes;
use sip::dialog::Dialog;
use sip::endpoint::ServerTransaction;
use sip::subscription::{Due, State, Subscriber};
use sip::timer::Times;
use sip::{Method, Name, Request, Response};

use super::super::Error;
use super::super::command::Reply;
use super::super::event::{Event, Notification};
use super::{Agent, Purpose};

/// Subscriptions that a phone may have at a time.
const SUBSCRIPTIONS_MAX: usize = 256;

/// One subscription of ours.
pub(super) struct Subscription {
    /// The SUBSCRIBE that made it.
    request: Request,
    package: String,
    accept: String,
    expires: u32,
    dialog: Option<Dialog>,
    subscriber: Subscriber,
    /// We want no more of it; the last NOTIFY is awaited.
    leaving: bool,
}

impl Subscription {
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.subscriber.next_timeout()
    }

    /// The SUBSCRIBE goes out again with credentials.
    pub(super) fn asked_again(&mut self, request: &Request) {
        match &mut self.dialog {
            None => self.request = request.clone(),
            Some(dialog) => dialog.raise_local_cseq(request.headers().cseq().map_or(0, |cseq| cseq.number)),
        }
    }

    /// Does a NOTIFY belong to it? Before the dialog is known, by Call-ID and our tag (RFC 6665 §4.4.1).
    fn has(&self, notify: &Request) -> bool {
        let (ours, theirs) = (self.request.headers(), notify.headers());
        ours.call_id().ok() == theirs.call_id().ok() && ours.from_tag() == theirs.to_tag()
    }
}

impl Agent {
    pub(super) fn subscribe(
        &mut self,
        target: &str,
        (package, accept): (String, String),
        expires: u32,
        reply: Reply<u64>,
    ) {
        let (uri, destination) = match self.resolve(target) {
            Ok(resolved) => resolved,
            Err(error) => return drop(reply.send(Err(error))),
        };
        if self.subscriptions.len() >= SUBSCRIPTIONS_MAX {
            return drop(reply.send(Err(Error::NotPossible)));
        }
        let contact = self.contact();
        let request = self
            .outside(Method::Subscribe, &uri)
            .header(Name::Contact, &contact)
            .header(Name::Event, &package)
            .header(Name::Accept, &accept)
            .header(Name::Expires, &expires)
            .finish();
        let number = self.next_number();
        let subscription = Subscription {
            request: request.clone(),
            package,
            accept,
            expires,
            dialog: None,
            subscriber: Subscriber::new(&Times::default(), self.runtime.now()),
            leaving: false,
        };
        self.subscriptions.insert(number, subscription);
        self.send(request, destination, Purpose::Subscribe { subscription: number, reply: Some(reply) });
    }

    pub(super) fn unsubscribe(&mut self, number: u64, reply: Reply) {
        match self.subscribe_again(number, 0) {
            Some((request, destination)) => self.send(request, destination, Purpose::Accepted(reply)),
            None => _ = reply.send(Err(Error::NotPossible)),
        }
    }

    /// A SUBSCRIBE within the subscription.
    fn subscribe_again(&mut self, number: u64, expires: u32) -> Option<(Request, std::net::SocketAddr)> {
        let contact = self.contact();
        let subscription =
            self.subscriptions.get_mut(&number).filter(|subscription| !subscription.leaving)?;
        let request = subscription
            .dialog
            .as_mut()?
            .request(Method::Subscribe)
            .header(Name::Contact, &contact)
            .header(Name::Event, &subscription.package)
            .header(Name::Accept, &subscription.accept)
            .header(Name::Expires, &expires)
            .finish();
        subscription.leaving = expires == 0;
        let dialog = subscription.dialog.clone()?;
        Some((request, self.destination(&dialog)))
    }

    /// The outcome of a SUBSCRIBE.
    pub(super) fn on_subscribed(
        &mut self,
        number: u64,
        status: u16,
        response: Option<&Response>,
        reply: Option<Reply<u64>>,
    ) {
        let success = response.filter(|response| response.is_success());
        if let (Some(response), Some(subscription)) = (success, self.subscriptions.get_mut(&number)) {
            if subscription.dialog.is_none() {
                subscription.dialog = Dialog::uac(&subscription.request, response).ok();
            }
            let granted = response.headers().expires().ok().flatten().unwrap_or(subscription.expires);
            let granted = Duration::from_secs(u64::from(granted));
            subscription.subscriber.accepted(granted, self.runtime.now());
            if let Some(reply) = reply {
                reply.send(Ok(number)).ok();
            }
            return;
        }
        if let Some(reply) = reply {
            // It may be over already: the NOTIFY that ended it came first.
            let outcome = if success.is_some() { Ok(number) } else { Err(Error::Refused(status)) };
            reply.send(outcome).ok();
            self.subscriptions.remove(&number);
        } else if success.is_none() && status != 500 {
            self.forget(number);
        }
    }

    pub(super) fn refresh_subscriptions(&mut self, now: Instant) {
        let due = |(number, subscription): (&u64, &mut Subscription)| {
            subscription.subscriber.due(now).map(|due| (*number, due, subscription.expires))
        };
        let due: Vec<_> = self.subscriptions.iter_mut().filter_map(due).collect();
        for (number, due, expires) in due {
            match due {
                Due::Refresh => {
                    if let Some((request, destination)) = self.subscribe_again(number, expires) {
                        self.send(
                            request,
                            destination,
                            Purpose::Subscribe { subscription: number, reply: None },
                        );
                    }
                }
                Due::Over => self.forget(number),
            }
        }
    }

    /// A subscription has died without a last NOTIFY.
    fn forget(&mut self, number: u64) {
        let Some(subscription) = self.subscriptions.remove(&number) else { return };
        self.tell(Event::Notified(Notification {
            subscription: number,
            package: subscription.package,
            state: State::Terminated { reason: None, retry_after: None },
            content_type: String::new(),
            body: Bytes::new(),
        }));
    }

    pub(super) fn on_notify(&mut self, transaction: ServerTransaction, request: &Request) {
        let now = self.runtime.now();
        let found = self.subscriptions.iter_mut().find(|(_, subscription)| subscription.has(request));
        let Some((number, subscription)) = found else {
            // RFC 6665 §4.1.3: a NOTIFY for nothing gets 481, which ends the subscription there.
            return self.answer(transaction, request, 481);
        };
        let number = *number;
        let Some(state) = state_of(request) else { return self.answer(transaction, request, 400) };
        if subscription.dialog.is_none() {
            subscription.dialog = Dialog::notified(&subscription.request, request).ok();
        }
        let received = subscription.dialog.as_mut().map(|dialog| dialog.receive(request));
        if let Some(Err(refusal)) = received {
            return self.answer(transaction, request, refusal.status);
        }
        let over = subscription.subscriber.notified(&state, now).is_some();
        if over {
            self.subscriptions.remove(&number);
        }
        self.answer(transaction, request, 200);
        self.tell(Event::Notified(notification(number, state, request)));
    }

    /// A NOTIFY in a call's dialog: how a REFER of ours fares (RFC 3515 §2.4.4).
    pub(super) fn on_notify_in_call(&mut self, transaction: ServerTransaction, request: &Request) {
        match state_of(request) {
            Some(state) => {
                self.answer(transaction, request, 200);
                self.tell(Event::Notified(notification(0, state, request)));
            }
            None => self.answer(transaction, request, 400),
        }
    }
}

fn state_of(request: &Request) -> Option<State> {
    request.headers().subscription_state().ok().flatten()
}

fn notification(subscription: u64, state: State, request: &Request) -> Notification {
    let headers = request.headers();
    let event = headers.event().ok().flatten();
    let package = event.as_ref().map(|event| event.package()).unwrap_or_default();
    let content_type = headers.first(Name::ContentType).unwrap_or_default();
    Notification {
        subscription,
        package: String::from_utf8_lossy(package).into_owned(),
        state,
        content_type: String::from_utf8_lossy(content_type).into_owned(),
        body: request.body().clone(),
    }
}
