//! The subscriptions of one shard: when each is told what, over which dialog.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use model::{BareJid, LineId};
use sip::dialog::{Dialog, DialogId, State};
use sip::endpoint::{ClientTransaction, Flow, ServerTransaction};
use sip::subscription::{Notifier, Notify, NotifyOutcome};
use sip::{Method, Name, Request};

use super::dialog_info::{Dialogs, Document, dialogs};
use super::{Package, pidf};
use crate::registrar::reach;
use crate::shard::desk::Desk;
use crate::shard::mailbox::{Input, Watch};

/// Subscriptions that one shard holds; more get 503.
const SUBSCRIPTIONS_MAX: usize = 50_000;
/// Subscriptions that one line may have in one shard; more get 403.
const SUBSCRIPTIONS_PER_LINE_MAX: usize = 1_000;
/// How long the answer to "may they watch?" holds: a roster that changes is heeded after this time.
const DECISION_LASTS: Duration = Duration::from_secs(30);

/// How many subscriptions each shard holds, so that changes nobody watches wake nobody.
#[derive(Debug, Default)]
pub(crate) struct WatchCounts {
    pub dialog: AtomicUsize,
    pub presence: AtomicUsize,
}

/// What somebody watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    /// The user, unless it is a line without owner.
    pub user: Option<BareJid>,
    /// The lines.
    pub lines: Vec<LineId>,
    /// The resource as a URI.
    pub entity: String,
}

/// Who watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Watcher {
    pub line: LineId,
    pub user: Option<BareJid>,
}

/// A SUBSCRIBE that was checked, and waits for the decision who may see what.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub transaction: ServerTransaction,
    pub request: Request,
    pub flow: Flow,
    pub package: Package,
    pub subject: Subject,
    pub watcher: Watcher,
    pub expires: Duration,
}

struct Subscription {
    dialog: Dialog,
    notifier: Notifier,
    package: Package,
    subject: Subject,
    watcher: Watcher,
    /// The value of Event in its NOTIFYs.
    event: String,
    flow: Flow,
    allowed: bool,
    decided: Instant,
    /// Something has changed since the decision was asked for anew: the watcher hears of it when that has come.
    held_back: bool,
    /// The dialogs that the watcher knows of; `None` when the next document is a full one.
    told: Option<Dialogs>,
}

/// The subscriptions of one shard.
#[derive(Default)]
pub(crate) struct Subscriptions {
    records: BTreeMap<u64, Subscription>,
    by_dialog: BTreeMap<DialogId, u64>,
    by_line: BTreeMap<LineId, BTreeSet<u64>>,
    by_user: BTreeMap<BareJid, BTreeSet<u64>>,
    by_watcher: BTreeMap<LineId, usize>,
    in_flight: BTreeMap<ClientTransaction, u64>,
    due: BTreeSet<(Instant, u64)>,
    due_of: BTreeMap<u64, Instant>,
    next: u64,
}

impl Subscriptions {
    /// Takes on a subscription: 200, and the first NOTIFY at once (RFC 6665 §4.2.1.2).
    pub(crate) fn accept(&mut self, wanted: Wanted, allowed: bool, desk: &mut Desk<'_>) {
        let Wanted { transaction, request, flow, package, subject, watcher, expires } = wanted;
        if self.records.len() >= SUBSCRIPTIONS_MAX {
            return desk.answer(transaction, &request, 503);
        }
        let held = self.by_watcher.entry(watcher.line.clone()).or_default();
        if *held >= SUBSCRIPTIONS_PER_LINE_MAX {
            return desk.answer(transaction, &request, 403);
        }
        let tag = desk.endpoint.new_tag();
        let Ok(mut dialog) = Dialog::uas(&request, tag.as_bytes(), State::Early) else {
            return desk.answer(transaction, &request, 400);
        };
        dialog.confirm();
        *held += 1;
        let notifier = Notifier::new(false, expires, Duration::ZERO, desk.now.instant);
        let response = sip::Response::to(&request, 200, Some(tag.as_bytes()))
            .header(Name::Server, &desk.house.product)
            .header(Name::Contact, &desk.house.contact(&flow))
            .header(Name::Expires, &notifier.expires(desk.now.instant))
            .finish();
        desk.respond(transaction, &response);
        self.next += 1;
        let id = self.next;
        for line in subject.lines.iter().filter(|_| package == Package::Dialog) {
            self.by_line.entry(line.clone()).or_default().insert(id);
        }
        if let Some(user) = subject.user.as_ref().filter(|_| package == Package::Presence) {
            self.by_user.entry(user.clone()).or_default().insert(id);
        }
        self.by_dialog.insert(dialog.id().clone(), id);
        let subscription = Subscription {
            dialog,
            notifier,
            package,
            subject,
            watcher,
            event: event_value(&request, package),
            flow,
            allowed,
            decided: desk.now.instant,
            held_back: false,
            told: None,
        };
        self.records.insert(id, subscription);
        desk.metrics.subscriptions.increment(1);
        self.count(desk);
        self.pump(id, desk);
    }

    /// A SUBSCRIBE within a dialog: a new expiry or the end (RFC 6665 §4.2.1.4). False when it is of no
    /// subscription.
    pub(crate) fn refresh(
        &mut self,
        transaction: ServerTransaction,
        request: &Request,
        flow: Flow,
        desk: &mut Desk<'_>,
    ) -> bool {
        let known = DialogId::of_request(request).and_then(|id| self.by_dialog.get(&id).copied());
        let Some((id, subscription)) = known.and_then(|id| Some((id, self.records.get_mut(&id)?))) else {
            return false;
        };
        if let Err(refusal) = subscription.dialog.receive(request) {
            desk.answer(transaction, request, refusal.status);
            return true;
        }
        match super::subscribe::expiry(request) {
            Ok(expires) => {
                subscription.flow = flow;
                subscription.told = None;
                subscription.notifier.refresh(expires, desk.now.instant);
                let left = subscription.notifier.expires(desk.now.instant);
                let left = if expires.is_zero() { 0 } else { left };
                let contact = desk.house.contact(&flow);
                let response = desk.response(request, 200).header(Name::Contact, &contact);
                desk.respond(transaction, &response.header(Name::Expires, &left).finish());
                if ask_again(id, subscription, desk) {
                    subscription.held_back = true;
                } else {
                    self.pump(id, desk);
                }
            }
            Err(status) => super::subscribe::refuse(transaction, request, status, desk),
        }
        true
    }

    /// It was decided anew whether a watcher may see what it watches.
    pub(crate) fn decided(&mut self, id: u64, allowed: bool, desk: &mut Desk<'_>) {
        let Some(subscription) = self.records.get_mut(&id) else { return };
        subscription.decided = desk.now.instant;
        let held_back = std::mem::take(&mut subscription.held_back) && allowed;
        if subscription.allowed != allowed || held_back {
            subscription.allowed = allowed;
            subscription.notifier.changed();
        }
        self.pump(id, desk);
    }

    /// The calls of a line have changed.
    pub(crate) fn line_changed(&mut self, line: &LineId, desk: &mut Desk<'_>) {
        let watching = self.by_line.get(line).cloned().unwrap_or_default();
        self.changed(watching, desk);
    }

    /// A user's presence has changed.
    pub(crate) fn user_changed(&mut self, user: &BareJid, desk: &mut Desk<'_>) {
        let watching = self.by_user.get(user).cloned().unwrap_or_default();
        self.changed(watching, desk);
    }

    /// Users or lines have changed: whoever may not register any more watches nobody (RFC 6665 §4.1.3, rejected).
    pub(crate) fn accounts_changed(&mut self, desk: &mut Desk<'_>) {
        let plan = desk.rooms.plan.load_full();
        let out = |(_, held): &(&u64, &Subscription)| !plan.is_in_service(&held.watcher.line);
        let ids: Vec<u64> = self.records.iter().filter(out).map(|(id, _)| *id).collect();
        for id in ids {
            if let Some(subscription) = self.records.get_mut(&id) {
                subscription.allowed = false;
                subscription.notifier.terminate(sip::subscription::Reason::Rejected, None);
                self.pump(id, desk);
            }
        }
    }

    fn changed(&mut self, watching: BTreeSet<u64>, desk: &mut Desk<'_>) {
        for id in watching {
            let Some(subscription) = self.records.get_mut(&id) else { continue };
            if ask_again(id, subscription, desk) {
                subscription.held_back = true;
            } else if subscription.allowed && !subscription.held_back {
                subscription.notifier.changed();
                self.pump(id, desk);
            }
        }
    }

    /// A NOTIFY was answered, or was not. False when the request is of no subscription.
    pub(crate) fn notified(
        &mut self,
        transaction: ClientTransaction,
        outcome: NotifyOutcome,
        desk: &mut Desk<'_>,
    ) -> bool {
        if matches!(outcome, NotifyOutcome::Response(..200)) {
            return self.in_flight.contains_key(&transaction);
        }
        let Some(id) = self.in_flight.remove(&transaction) else { return false };
        if let Some(subscription) = self.records.get_mut(&id) {
            if !matches!(outcome, NotifyOutcome::Response(200..300)) {
                // Whatever it missed is in the next document, which is a full one.
                subscription.told = None;
            }
            subscription.notifier.notified(outcome);
            self.pump(id, desk);
        }
        true
    }

    /// Sends what is due.
    pub(crate) fn handle_timeout(&mut self, desk: &mut Desk<'_>) {
        while let Some((at, id)) = self.due.first().copied() {
            if at > desk.now.instant {
                return;
            }
            self.due.pop_first();
            self.due_of.remove(&id);
            self.pump(id, desk);
        }
    }

    /// When to call [`Subscriptions::handle_timeout`].
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Ends all subscriptions, as before a stop: who watches may come back at once.
    pub(crate) fn end_all(&mut self, desk: &mut Desk<'_>) {
        let ids: Vec<u64> = self.records.keys().copied().collect();
        for id in ids {
            if let Some(subscription) = self.records.get_mut(&id) {
                subscription.notifier.terminate(sip::subscription::Reason::Deactivated, None);
                self.pump(id, desk);
            }
        }
    }

    /// Sends the NOTIFY that a subscription wants, and puts its timer where it belongs.
    fn pump(&mut self, id: u64, desk: &mut Desk<'_>) {
        let Some(subscription) = self.records.get_mut(&id) else { return };
        if let Some(notify) = subscription.notifier.poll(desk.now.instant) {
            let request = compose(subscription, notify, desk);
            let routed = !subscription.dialog.route_set().is_empty();
            let flow = match routed {
                true => subscription.flow,
                false => reach(subscription.dialog.remote_target(), subscription.flow),
            };
            let target = desk.house.target(flow.into());
            match desk.endpoint.send_request(request, &target, desk.now.instant) {
                Ok(transaction) => {
                    self.in_flight.insert(transaction, id);
                }
                Err(error) => {
                    tracing::warn!(%error, "a NOTIFY could not be sent");
                    subscription.notifier.notified(NotifyOutcome::Silence);
                }
            }
        }
        if subscription.notifier.is_over() {
            return self.forget(id, desk);
        }
        let next = subscription.notifier.next_timeout();
        if self.due_of.get(&id).copied() != next {
            if let Some(at) = self.due_of.remove(&id) {
                self.due.remove(&(at, id));
            }
            if let Some(at) = next {
                self.due.insert((at, id));
                self.due_of.insert(id, at);
            }
        }
    }

    fn forget(&mut self, id: u64, desk: &Desk<'_>) {
        let Some(subscription) = self.records.remove(&id) else { return };
        desk.metrics.subscriptions.decrement(1);
        self.by_dialog.remove(subscription.dialog.id());
        for line in &subscription.subject.lines {
            remove_from(&mut self.by_line, line, id);
        }
        if let Some(user) = &subscription.subject.user {
            remove_from(&mut self.by_user, user, id);
        }
        if let Some(held) = self.by_watcher.get_mut(&subscription.watcher.line) {
            *held -= 1;
            if *held == 0 {
                self.by_watcher.remove(&subscription.watcher.line);
            }
        }
        if let Some(at) = self.due_of.remove(&id) {
            self.due.remove(&(at, id));
        }
        self.count(desk);
    }

    /// Says what is watched at all.
    fn count(&self, desk: &Desk<'_>) {
        desk.watch_counts.dialog.store(self.by_line.len(), Ordering::Relaxed);
        desk.watch_counts.presence.store(self.by_user.len(), Ordering::Relaxed);
    }
}

fn remove_from<K: Ord>(index: &mut BTreeMap<K, BTreeSet<u64>>, key: &K, id: u64) {
    if let Some(ids) = index.get_mut(key) {
        ids.remove(&id);
        if ids.is_empty() {
            index.remove(key);
        }
    }
}

/// Asks the store again whether the watcher may see, when the last answer is old. True when it was asked.
fn ask_again(id: u64, subscription: &mut Subscription, desk: &Desk<'_>) -> bool {
    let now = desk.now.instant;
    let is_old = now.saturating_duration_since(subscription.decided) >= DECISION_LASTS;
    if is_old {
        subscription.decided = now;
        decide(&subscription.watcher, &subscription.subject, Watch::Held(id), desk);
    }
    is_old
}

/// Decides who may see what: at once when that is plain, else by the presentity's roster (`PS-11`); the answer
/// comes as [`Input::MayWatch`].
pub(super) fn decide(watcher: &Watcher, subject: &Subject, what: Watch, desk: &Desk<'_>) {
    let mailbox = std::sync::Arc::clone(desk.mailbox);
    let plain = match (&watcher.user, &subject.user) {
        // A line without owner is a room's or a lobby's: everybody of the house may see it.
        (_, None) => Some(true),
        (Some(watcher), Some(user)) if watcher == user => Some(true),
        (None, Some(_)) => Some(false),
        _ => None,
    };
    if let Some(allowed) = plain {
        return mailbox.put(Input::MayWatch(what, allowed));
    }
    let (Some(watcher), Some(user)) = (watcher.user.clone(), subject.user.clone()) else { return };
    let store = desk.rooms.store.clone();
    desk.rooms.runtime.spawn_session(async move {
        let allowed = presence::may_watch(&store, &watcher, &user).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "a roster could not be read: the watcher sees nothing");
            false
        });
        mailbox.put(Input::MayWatch(what, allowed));
    });
}

/// Event as the SUBSCRIBE has it, with its id (RFC 6665 §8.2.1).
fn event_value(request: &Request, package: Package) -> String {
    match request.headers().event() {
        Ok(Some(event)) => match event.id() {
            Some(id) => format!("{};id={}", package.name(), String::from_utf8_lossy(id)),
            None => package.name().to_owned(),
        },
        _ => package.name().to_owned(),
    }
}

fn compose(subscription: &mut Subscription, notify: Notify, desk: &Desk<'_>) -> Request {
    let body = match subscription.package {
        Package::Presence => {
            let civil = desk.now.civil;
            let user = subscription.subject.user.as_ref().filter(|_| subscription.allowed);
            let presence = user.map(|user| desk.rooms.engine.composed(user, civil));
            pidf::write(&subscription.subject.entity, presence.as_deref(), civil)
        }
        Package::Dialog => {
            let now = current_dialogs(subscription, desk);
            let text = Document {
                entity: &subscription.subject.entity,
                version: notify.number,
                before: subscription.told.as_ref(),
                now: &now,
                domain: &desk.house.domain,
            }
            .write();
            subscription.told = Some(now);
            text
        }
    };
    subscription
        .dialog
        .request(Method::Notify)
        .header(Name::Event, &subscription.event)
        .header(Name::SubscriptionState, &notify.state.to_value())
        .header(Name::Contact, &desk.house.contact(&subscription.flow))
        .header(Name::UserAgent, &desk.house.product)
        .body(subscription.package.content_type(), body.as_bytes())
}

/// Nothing, when the watcher may not see the lines.
fn current_dialogs(subscription: &Subscription, desk: &Desk<'_>) -> Dialogs {
    if !subscription.allowed {
        return Dialogs::new();
    }
    let board = desk.house.lines.board();
    let lines = subscription.subject.lines.iter();
    let calls: Vec<_> =
        lines.flat_map(|line| board.line(line).0.into_iter().map(move |call| (line, call))).collect();
    dialogs(calls.iter().map(|(line, call)| (*line, call)))
}
