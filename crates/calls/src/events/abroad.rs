//! What is watched over trunks (`PH-05`): each shard has one subscription there for each
//! resource, however many of its watchers there are.
//!
//! The watcher is answered at once and shown "unknown"; the SUBSCRIBE goes out over the trunk that the SIP route or the
//! route pattern names, and what its NOTIFYs tell is kept as the state of lines, so that every package and list shows it
//! like a line of our own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sip::dialog::Dialog;
use sip::endpoint::{ClientTransaction, Flow, ServerTransaction, Target};
use sip::subscription::{Due, Subscriber, WhenOver};
use sip::timer::Times;
use sip::uri::Scheme;
use sip::{CSeq, Method, Name, NameAddr, Request, RequestBuilder, Response, Uri};

use super::Package;
use super::dialog_info::LineView;
use super::resource::ResourceId;
use super::subject::{Shows, Subject, Watcher};
use super::{pidf, policy};
use crate::dialplan::Outcome;
use crate::shard::desk::Desk;
use crate::trunk::Trunk;

/// Resources that one shard watches over trunks; more stay unknown.
const ABROAD_MAX: usize = 10_000;
/// For how long we subscribe (RFC 3856 §6.4), in seconds.
const EXPIRES: u32 = 3600;
/// How soon a subscription is tried again that failed, that the other side wants anew, or that was refused for good.
const AGAIN: Duration = Duration::from_secs(60);
const AGAIN_SOON: Duration = Duration::from_secs(5);
const AGAIN_REFUSED: Duration = Duration::from_secs(1800);
/// Challenges that are answered for one SUBSCRIBE.
const CHALLENGES_MAX: u8 = 2;
/// Hops of our SUBSCRIBE (RFC 3261 §8.1.1.6).
const MAX_FORWARDS: u32 = 70;
/// Trunks that one resource may be behind; the first that can be reached is asked.
const TRUNKS_MAX: usize = 4;

/// A resource on the other side of a trunk.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Abroad {
    /// As it was dialled, with its domain when that is not ours.
    pub dialled: String,
    pub domain: Option<String>,
    /// The trunks that lead there, and what is called on each.
    ways: Vec<(String, String)>,
}

/// What somebody dialled, when the plan leads it over a trunk and lets the watcher see it; `Err` is the status that
/// refuses (`PH-02`: SUBSCRIBE search space, presence group and SIP route must all allow it).
pub(super) fn find(
    (dialled, domain): (&str, Option<&str>),
    watcher: &Watcher,
    desk: &Desk<'_>,
) -> Result<Subject, u16> {
    // Who watches over one trunk sees nothing behind another.
    if watcher.line().is_none() {
        return Err(404);
    }
    let plan = desk.rooms.plan.load();
    let route = plan.watched_outside(dialled, domain, &watcher.who(), desk.now.civil).ok_or(404_u16)?;
    let Outcome::Outside(way) = &route.outcome else { return Err(404) };
    let attempts = plan.attempts(way, &route, 0);
    let may_query = |group: Option<&str>| plan.may_query(&watcher.who(), group);
    let seen = attempts.iter().filter(|attempt| may_query(attempt.trunk.presence_group.as_deref()));
    let called = |called: String| if domain.is_some() { dialled.to_owned() } else { called };
    let ways: Vec<(String, String)> = seen
        .take(TRUNKS_MAX)
        .map(|attempt| (attempt.trunk.name.clone(), called(attempt.called.to_string())))
        .collect();
    if ways.is_empty() {
        return Err(if attempts.is_empty() { 404 } else { 403 });
    }
    let entity = match domain {
        Some(domain) => format!("sip:{dialled}@{domain}"),
        None => desk.address(dialled),
    };
    let abroad = Abroad { dialled: dialled.to_owned(), domain: domain.map(str::to_owned), ways };
    Ok(Subject {
        user: None,
        lines: Vec::new(),
        entity,
        shows: Shows::Abroad,
        decided_by: policy::DecidedBy::Administrator,
        abroad: Some(Box::new(abroad)),
    })
}

/// The subscriptions of one shard over trunks.
#[derive(Default)]
pub(super) struct Watches {
    all: BTreeMap<ResourceId, Watch>,
    clients: BTreeMap<ClientTransaction, ResourceId>,
    /// By Call-ID: each has one of its own.
    by_call_id: BTreeMap<Bytes, ResourceId>,
    due: BTreeSet<(Instant, ResourceId)>,
}

/// One subscription of ours.
struct Watch {
    package: Package,
    abroad: Abroad,
    asked: Option<Asked>,
    /// When it is due, as it stands in the table.
    due: Option<Instant>,
    /// When it is begun anew.
    again: Option<Instant>,
    view: LineView,
}

/// A SUBSCRIBE that went out, and what came of it.
struct Asked {
    trunk: Arc<Trunk>,
    target: Target,
    subscribe: Request,
    call_id: Bytes,
    subscriber: Subscriber,
    dialog: Option<Dialog>,
    challenges: u8,
}

impl Watches {
    /// Somebody watches it from now on.
    pub(super) fn begin(&mut self, id: ResourceId, package: Package, abroad: &Abroad, desk: &mut Desk<'_>) {
        if self.all.len() >= ABROAD_MAX {
            tracing::warn!(limit = ABROAD_MAX, "more is watched over trunks than one shard may watch");
            return;
        }
        let (abroad, view) = (abroad.clone(), LineView::default());
        self.all.insert(id, Watch { package, abroad, asked: None, due: None, again: None, view });
        self.ask(id, desk);
    }

    /// Nobody watches it any more: the other side is told (RFC 6665 §4.1.2.3). Its last NOTIFY concerns nobody.
    pub(super) fn end(&mut self, id: ResourceId, desk: &mut Desk<'_>) {
        let Some(watch) = self.all.remove(&id) else { return };
        if let Some(at) = watch.due {
            self.due.remove(&(at, id));
        }
        let Some(mut asked) = watch.asked else { return };
        self.by_call_id.remove(&asked.call_id);
        if let Some(mut dialog) = asked.dialog.take() {
            let request = within(&mut dialog, watch.package, 0, &asked, desk);
            if let Err(error) = desk.endpoint.send_request(request, &asked.target, desk.now.instant) {
                tracing::debug!(%error, "a subscription over a trunk was not ended");
            }
        }
    }

    /// Sends the first SUBSCRIBE.
    fn ask(&mut self, id: ResourceId, desk: &mut Desk<'_>) {
        let Some(watch) = self.all.get_mut(&id) else { return };
        watch.again = None;
        match first(watch, desk) {
            Some(asked) => {
                let request = asked.subscribe.clone();
                self.by_call_id.insert(asked.call_id.clone(), id);
                watch.asked = Some(asked);
                self.send(id, request, desk);
            }
            None => self.fail(id, AGAIN, desk),
        }
    }

    fn send(&mut self, id: ResourceId, request: Request, desk: &mut Desk<'_>) {
        let Some(asked) = self.all.get_mut(&id).and_then(|watch| watch.asked.as_mut()) else { return };
        let sent = desk.endpoint.send_request(request.clone(), &asked.target, desk.now.instant);
        asked.subscribe = request;
        match sent {
            Ok(transaction) => {
                self.clients.insert(transaction, id);
                self.set_timer(id);
            }
            Err(_) => self.fail(id, AGAIN, desk),
        }
    }

    /// Nothing is known any more; it is tried again later.
    fn fail(&mut self, id: ResourceId, again: Duration, desk: &Desk<'_>) {
        let Some(watch) = self.all.get_mut(&id) else { return };
        if let Some(asked) = watch.asked.take() {
            self.by_call_id.remove(&asked.call_id);
        }
        watch.view = LineView::default();
        watch.again = Some(desk.now.instant + again);
        self.set_timer(id);
    }

    fn set_timer(&mut self, id: ResourceId) {
        let Some(watch) = self.all.get_mut(&id) else { return };
        let subscriber = watch.asked.as_ref().and_then(|asked| asked.subscriber.next_timeout());
        let next = [watch.again, subscriber].into_iter().flatten().min();
        if let Some(at) = watch.due.take() {
            self.due.remove(&(at, id));
        }
        if let Some(at) = next {
            self.due.insert((at, id));
            watch.due = Some(at);
        }
    }

    /// A SUBSCRIBE of ours was answered, or (`None`) was not. Gives the resource whose state that may have changed;
    /// `Err`: it is none of ours.
    pub(super) fn answered(
        &mut self,
        transaction: ClientTransaction,
        response: Option<&Response>,
        desk: &mut Desk<'_>,
    ) -> Result<Option<ResourceId>, ()> {
        if response.is_some_and(Response::is_provisional) {
            return if self.clients.contains_key(&transaction) { Ok(None) } else { Err(()) };
        }
        let id = self.clients.remove(&transaction).ok_or(())?;
        let Some(asked) = self.all.get_mut(&id).and_then(|watch| watch.asked.as_mut()) else {
            return Ok(None);
        };
        match response {
            Some(response) if response.is_success() => {
                let expires = response.headers().expires().ok().flatten().unwrap_or(EXPIRES);
                asked.subscriber.accepted(Duration::from_secs(expires.into()), desk.now.instant);
                asked.challenges = 0;
                if asked.dialog.is_none() {
                    asked.dialog = Dialog::uac(&asked.subscribe, response).ok();
                }
                self.set_timer(id);
                Ok(None)
            }
            Some(response) if matches!(response.status(), 401 | 407) => {
                match signed(asked, response) {
                    Some(request) => self.send(id, request, desk),
                    None => self.fail(id, AGAIN_REFUSED, desk),
                }
                Ok(Some(id))
            }
            // It is not there, may not be watched, or is of a kind that they do not know.
            Some(response) if matches!(response.status(), 403 | 404 | 405 | 410 | 489 | 501 | 603 | 604) => {
                self.fail(id, AGAIN_REFUSED, desk);
                Ok(Some(id))
            }
            _ => {
                self.fail(id, AGAIN, desk);
                Ok(Some(id))
            }
        }
    }

    /// A NOTIFY within a subscription of ours (RFC 6665 §4.1.3). Gives the resource whose state it tells; `Err`: it is of
    /// none of ours.
    pub(super) fn notified(
        &mut self,
        transaction: ServerTransaction,
        (request, flow): (&Request, &Flow),
        desk: &mut Desk<'_>,
    ) -> Result<Option<ResourceId>, ()> {
        let call_id = request.headers().call_id().map_err(drop)?;
        let id = self.by_call_id.get(&*call_id).copied().ok_or(())?;
        let watch = self.all.get_mut(&id).ok_or(())?;
        let asked = watch.asked.as_mut().ok_or(())?;
        let own = asked.subscribe.headers().from_tag();
        if request.headers().to_tag() != own {
            return Err(());
        }
        if asked.dialog.is_none() {
            // It may come before the 2xx (RFC 6665 §4.4.1).
            asked.dialog = Dialog::notified(&asked.subscribe, request).ok();
        }
        let Some(dialog) = &mut asked.dialog else {
            desk.answer(transaction, request, 400);
            return Ok(None);
        };
        if let Err(refusal) = dialog.receive(request) {
            desk.answer(transaction, request, refusal.status);
            return Ok(None);
        }
        let Ok(Some(state)) = request.headers().subscription_state() else {
            desk.answer(transaction, request, 400);
            return Ok(None);
        };
        if flow.transport.is_reliable() {
            asked.target = desk.house.target(Target::from(*flow));
        }
        let response = desk.response(request, 200).finish();
        desk.respond(transaction, &response);
        let over = asked.subscriber.notified(&state, desk.now.instant);
        if let Some(view) = read(watch.package, request.body(), &watch.view) {
            watch.view = view;
        }
        match over {
            None => self.set_timer(id),
            Some(WhenOver::SubscribeNow) => self.fail(id, AGAIN_SOON, desk),
            Some(WhenOver::SubscribeAfter(after)) => self.fail(id, after.max(AGAIN), desk),
            Some(WhenOver::Stop) => self.fail(id, AGAIN_REFUSED, desk),
        }
        Ok(Some(id))
    }

    /// Does what is due; gives the resources of which nothing is known any more.
    pub(super) fn handle_timeout(&mut self, desk: &mut Desk<'_>) -> Vec<ResourceId> {
        let (now, mut lost) = (desk.now.instant, Vec::new());
        while let Some((at, id)) = self.due.first().copied().filter(|(at, _)| *at <= now) {
            self.due.remove(&(at, id));
            let Some(watch) = self.all.get_mut(&id) else { continue };
            watch.due = None;
            if watch.again.is_some_and(|again| again <= now) {
                self.ask(id, desk);
                continue;
            }
            let package = watch.package;
            let Some(asked) = watch.asked.as_mut() else { continue };
            match (asked.subscriber.due(now), asked.dialog.take()) {
                (Some(Due::Refresh), Some(mut dialog)) => {
                    let request = within(&mut dialog, package, EXPIRES, asked, desk);
                    asked.dialog = Some(dialog);
                    self.send(id, request, desk);
                }
                (Some(_), _) => {
                    self.fail(id, AGAIN, desk);
                    lost.push(id);
                }
                (None, dialog) => {
                    asked.dialog = dialog;
                    self.set_timer(id);
                }
            }
        }
        lost
    }

    /// When to call [`Watches::handle_timeout`].
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// What is known of a resource.
    pub(super) fn view(&self, id: ResourceId) -> LineView {
        self.all.get(&id).map(|watch| watch.view.clone()).unwrap_or_default()
    }
}

/// The first SUBSCRIBE, to the first trunk that can be reached.
fn first(watch: &Watch, desk: &mut Desk<'_>) -> Option<Asked> {
    let trunks = &desk.rooms.trunks;
    let reached = watch.abroad.ways.iter().find_map(|(name, called)| {
        let trunk = trunks.by_name(name)?;
        let (hop, _) = trunk.in_order(desk.now.instant).into_iter().next()?;
        let target = trunks.target(&trunk, hop)?;
        Some((trunk, target, called.clone()))
    });
    let (trunk, target, called) = reached?;
    let to = match &watch.abroad.domain {
        Some(domain) => Uri::compose(Scheme::Sip, Some(called.as_bytes()), domain, None, "").ok()?,
        None => trunk.uri(Some(&called))?,
    };
    let from = Uri::compose(Scheme::Sip, None, &desk.house.domain, None, "").ok()?;
    let target = desk.house.target(target);
    let call_id = desk.house.shard.call_id(desk.endpoint);
    let tag = desk.endpoint.new_tag();
    let from = NameAddr::with_tag(&NameAddr::compose(None, &from, None), tag.as_bytes());
    let builder = RequestBuilder::new(Method::Subscribe, to.as_bytes())
        .header(Name::MaxForwards, &MAX_FORWARDS)
        .header(Name::From, &from)
        .header(Name::To, &NameAddr::compose(None, &to, None))
        .header(Name::CallId, &call_id)
        .header(Name::CSeq, &CSeq { number: 1, method: Method::Subscribe });
    let builder = match trunk.credentials(b"SUBSCRIBE", to.as_bytes(), &tag) {
        Some((name, value, _)) => builder.header(name, &value),
        None => builder,
    };
    let subscribe = wanting(builder, watch.package, EXPIRES, &target, desk);
    let subscriber = Subscriber::new(&Times::default(), desk.now.instant);
    Some(Asked { trunk, target, subscribe, call_id, subscriber, dialog: None, challenges: 0 })
}

/// A SUBSCRIBE within the subscription: a refresh, or its end.
fn within(dialog: &mut Dialog, package: Package, expires: u32, asked: &Asked, desk: &Desk<'_>) -> Request {
    let uri = dialog.remote_target().clone();
    let tag = String::from_utf8_lossy(&dialog.id().local_tag).into_owned();
    let builder = dialog.request(Method::Subscribe);
    let builder = match asked.trunk.credentials(b"SUBSCRIBE", uri.as_bytes(), &tag) {
        Some((name, value, _)) => builder.header(name, &value),
        None => builder,
    };
    wanting(builder, package, expires, &asked.target, desk)
}

fn wanting(
    builder: RequestBuilder,
    package: Package,
    expires: u32,
    target: &Target,
    desk: &Desk<'_>,
) -> Request {
    builder
        .header(Name::Contact, desk.house.contact(&target.flow).as_str())
        .header(Name::Event, package.name())
        .header(Name::Accept, package.content_type())
        .header(Name::Expires, &expires)
        .header(Name::UserAgent, &desk.house.product)
        .finish()
}

/// The same SUBSCRIBE with credentials that answer a challenge (RFC 3261 §22.2); `None`: there are none.
fn signed(asked: &mut Asked, response: &Response) -> Option<Request> {
    let headers = asked.subscribe.headers();
    let mut used =
        headers.credentials(Name::Authorization).chain(headers.credentials(Name::ProxyAuthorization));
    let nonce = used.next().map(|used| String::from_utf8_lossy(&used.nonce()).into_owned());
    if asked.challenges >= CHALLENGES_MAX || !asked.trunk.challenged(response, nonce.as_deref()) {
        return None;
    }
    asked.challenges += 1;
    let number = asked.subscribe.headers().cseq().ok()?.number + 1;
    if let Some(dialog) = &mut asked.dialog {
        dialog.raise_local_cseq(number);
    }
    let tag = asked.subscribe.headers().from_tag()?;
    let tag = String::from_utf8_lossy(&tag).into_owned();
    let (name, value, _) = asked.trunk.credentials(b"SUBSCRIBE", asked.subscribe.uri_bytes(), &tag)?;
    let cseq = CSeq { number, method: Method::Subscribe };
    let edit = sip::message::Edit::request(&asked.subscribe).replace(Name::CSeq, &cseq);
    let edit = edit.remove(Name::Authorization).remove(Name::ProxyAuthorization).push(name, &value);
    match edit.finish() {
        sip::Message::Request(request) => Some(request),
        sip::Message::Response(_) => None,
    }
}

/// What a document tells; `None` when it tells nothing.
fn read(package: Package, body: &[u8], before: &LineView) -> Option<LineView> {
    match package {
        Package::Dialog => super::dialog_info::read(body, before),
        Package::Presence => pidf::read_line(body),
    }
}
