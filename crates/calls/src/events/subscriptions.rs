//! The subscriptions of one shard: when each is told what, over which dialog.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use model::{BareJid, LineId};
use sip::dialog::{Dialog, DialogId, State};
use sip::endpoint::{ClientTransaction, Flow, ServerTransaction};
use sip::subscription::{Notifier, NotifyOutcome, Reason};
use sip::{Name, Request, Response};

use super::Package;
use super::abroad::{self, Watches};
use super::resource::{ResourceId, Resources, Sources, Travel};
use super::subject::{Party, Subject, Watcher, asked, decide, find};
use super::subscription::{Item, List, Standing, Subscription};
use crate::registrar::reach;
use crate::shard::desk::Desk;
use crate::shard::mailbox::Watch;

/// Resources that the subscriptions of one shard watch; more get 503.
const WATCHED_MAX: usize = 50_000;
/// Resources that one line may watch by one shard; more get 403.
const WATCHED_PER_LINE_MAX: usize = 1_000;
/// Resources that everybody on the other side of a trunk may watch by one shard; more get 403.
const WATCHED_PER_TRUNK_MAX: usize = 10_000;
/// How long the answer to "may they watch?" holds: a roster that changes is heeded after this time.
const DECISION_LASTS: Duration = Duration::from_secs(30);
/// The shortest time between two NOTIFYs about a list that nobody asked for: what changes meanwhile goes out together
/// (RFC 4662 §4.7; RFC 4235 §3.10 and RFC 3856 §6.10 allow for 1 s and 5 s, which nobody wants to wait for a lamp).
const LIST_INTERVAL_MIN: Duration = Duration::from_millis(500);

/// How many subscriptions each shard holds, so that changes nobody watches wake nobody.
#[derive(Debug, Default)]
pub(crate) struct WatchCounts {
    pub dialog: AtomicUsize,
    pub presence: AtomicUsize,
}

/// A SUBSCRIBE that was checked, and waits for the decision who may see what.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub transaction: ServerTransaction,
    pub request: Request,
    pub flow: Flow,
    pub watcher: Watcher,
    pub what: Checked,
}

/// What a SUBSCRIBE wants.
#[derive(Debug)]
pub(crate) struct Checked {
    pub package: Package,
    pub expires: Duration,
    /// The list, as a URI, when it is one.
    pub list: Option<String>,
    /// What is watched: one, or those of the list.
    pub items: Vec<WantedItem>,
}

/// One resource that is wanted.
#[derive(Debug)]
pub(crate) struct WantedItem {
    /// As the list names it.
    pub uri: String,
    /// Its name for people.
    pub name: Option<String>,
    /// The number or name of ours that it is.
    pub dialled: Option<String>,
    /// What it is; in a list it may be nothing.
    pub subject: Result<Subject, Reason>,
}

/// The subscriptions of one shard.
#[derive(Default)]
pub(crate) struct Subscriptions {
    records: BTreeMap<u64, Subscription>,
    resources: Resources,
    by_dialog: BTreeMap<DialogId, u64>,
    /// How many resources each line watches.
    by_watcher: BTreeMap<Party, usize>,
    /// What is watched over trunks.
    abroad: Watches,
    watched: usize,
    in_flight: BTreeMap<ClientTransaction, u64>,
    due: BTreeSet<(Instant, u64)>,
    due_of: BTreeMap<u64, Instant>,
    next: u64,
}

impl Subscriptions {
    /// Takes on a subscription: 200, and the first NOTIFY at once (RFC 6665 §4.2.1.2).
    pub(crate) fn accept(&mut self, wanted: Wanted, allowed: &[bool], desk: &mut Desk<'_>) {
        let Wanted { transaction, request, flow, watcher, what } = wanted;
        let count = what.items.len();
        if self.watched + count > WATCHED_MAX {
            return desk.answer(transaction, &request, 503);
        }
        let max = if watcher.line().is_some() { WATCHED_PER_LINE_MAX } else { WATCHED_PER_TRUNK_MAX };
        if self.by_watcher.get(&watcher.party).copied().unwrap_or(0) + count > max {
            return desk.answer(transaction, &request, 403);
        }
        let tag = desk.endpoint.new_tag();
        let Ok(mut dialog) = Dialog::uas(&request, tag.as_bytes(), State::Early) else {
            return desk.answer(transaction, &request, 400);
        };
        dialog.confirm();
        *self.by_watcher.entry(watcher.party.clone()).or_default() += count;
        self.watched += count;
        let interval = if what.list.is_some() { LIST_INTERVAL_MIN } else { Duration::ZERO };
        let notifier = Notifier::new(false, what.expires, interval, desk.now.instant);
        let response = Response::to(&request, 200, Some(tag.as_bytes()))
            .header(Name::Server, &desk.house.product)
            .header(Name::Contact, &desk.house.contact(&flow))
            .header(Name::Expires, &notifier.expires(desk.now.instant))
            .header_opt(Name::Require, what.list.as_ref().map(|_| "eventlist"));
        desk.respond(transaction, &response.finish());
        self.next += 1;
        let id = self.next;
        self.by_dialog.insert(dialog.id().clone(), id);
        let event = event_value(&request, what.package);
        let subscription = Subscription {
            dialog,
            notifier,
            package: what.package,
            watcher,
            event,
            flow,
            decided: desk.now.instant,
            held_back: false,
            items: self.take_seats(id, what.package, what.items, allowed, &Sources::of(desk)),
            list: what.list.map(|uri| List::new(uri, desk.endpoint.new_tag())),
        };
        self.records.insert(id, subscription);
        desk.metrics.subscriptions.increment(1);
        self.count(desk);
        self.pump(id, desk);
        self.travel(desk);
    }

    /// Begins and ends what is to be watched over trunks.
    fn travel(&mut self, desk: &mut Desk<'_>) {
        for travel in self.resources.travels() {
            match travel {
                Travel::Begin(id, package, to) => self.abroad.begin(id, package, &to, desk),
                Travel::End(id) => self.abroad.end(id, desk),
            }
        }
    }

    /// The other side of a trunk has told something: its watchers hear of it.
    fn heard_from_abroad(&mut self, id: ResourceId, desk: &mut Desk<'_>) {
        self.resources.told(id, self.abroad.view(id));
        self.changed(vec![id], desk);
    }

    /// A SUBSCRIBE of ours was answered, or (`None`) was not. False when it is none of ours.
    pub(crate) fn answered_abroad(
        &mut self,
        transaction: ClientTransaction,
        response: Option<&Response>,
        desk: &mut Desk<'_>,
    ) -> bool {
        let answered = self.abroad.answered(transaction, response, desk);
        if let Ok(Some(id)) = answered {
            self.heard_from_abroad(id, desk);
        }
        answered.is_ok()
    }

    /// A NOTIFY came in a subscription of ours. False when it is none of ours.
    pub(crate) fn notified_abroad(
        &mut self,
        transaction: ServerTransaction,
        (request, flow): (&Request, &Flow),
        desk: &mut Desk<'_>,
    ) -> bool {
        let notified = self.abroad.notified(transaction, (request, flow), desk);
        if let Ok(Some(id)) = notified {
            self.heard_from_abroad(id, desk);
        }
        notified.is_ok()
    }

    fn take_seats(
        &mut self,
        id: u64,
        package: Package,
        wanted: Vec<WantedItem>,
        allowed: &[bool],
        sources: &Sources<'_>,
    ) -> Vec<Item> {
        let seat = |(place, wanted): (usize, WantedItem)| match &wanted.subject {
            Ok(subject) => {
                let resource = self.resources.join(package, subject, (id, place), sources);
                let allowed = allowed.get(place).copied().unwrap_or(false);
                Item::new(wanted, Standing::Watched(resource), allowed)
            }
            Err(reason) => {
                let standing = Standing::Over(*reason, false);
                Item::new(wanted, standing, false)
            }
        };
        wanted.into_iter().enumerate().map(seat).collect()
    }

    /// A SUBSCRIBE within a dialog: a new expiry or the end (RFC 6665 §4.2.1.4). False when it is of no
    /// subscription. A list that it brings along means nothing (RFC 5367 §3.2).
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
                subscription.start_over();
                subscription.notifier.refresh(expires, desk.now.instant);
                let left = subscription.notifier.expires(desk.now.instant);
                let left = if expires.is_zero() { 0 } else { left };
                let contact = desk.house.contact(&flow);
                let response = desk
                    .response(request, 200)
                    .header(Name::Contact, &contact)
                    .header(Name::Expires, &left)
                    .header_opt(Name::Require, subscription.list.as_ref().map(|_| "eventlist"));
                desk.respond(transaction, &response.finish());
                if ask_again(id, subscription, &self.resources, desk) {
                    subscription.held_back = true;
                } else {
                    self.pump(id, desk);
                }
            }
            Err(status) => super::subscribe::refuse(transaction, request, status, desk),
        }
        true
    }

    /// It was decided anew what a watcher may see of what it watches.
    pub(crate) fn decided(&mut self, id: u64, allowed: &[bool], desk: &mut Desk<'_>) {
        let Some(subscription) = self.records.get_mut(&id) else { return };
        subscription.decided = desk.now.instant;
        subscription.held_back = false;
        subscription.allow(allowed);
        if subscription.is_stale(&self.resources) {
            subscription.notifier.changed();
        }
        self.pump(id, desk);
    }

    /// The calls of a line have changed, or whether it is registered.
    pub(crate) fn line_changed(&mut self, line: &LineId, desk: &mut Desk<'_>) {
        self.changed(self.resources.of_line(line), desk);
    }

    /// A user's presence has changed.
    pub(crate) fn user_changed(&mut self, user: &BareJid, desk: &mut Desk<'_>) {
        self.changed(self.resources.of_user(user), desk);
    }

    /// Users, lines or the plan have changed: whoever may not register any more watches nobody, and nobody watches what
    /// they may not (RFC 6665 §4.1.3, rejected). What is something else now is to be subscribed to anew (deactivated).
    pub(crate) fn accounts_changed(&mut self, desk: &mut Desk<'_>) {
        let plan = desk.rooms.plan.load_full();
        let ids: Vec<u64> = self.records.keys().copied().collect();
        for id in ids {
            let Some(subscription) = self.records.get_mut(&id) else { continue };
            let is_there = match &subscription.watcher.party {
                Party::Line(line) => plan.accounts().is_in_service(line),
                Party::Trunk(name) => desk.rooms.trunks.by_name(name).is_some(),
            };
            let ended = if !is_there {
                subscription.items.iter_mut().for_each(|item| item.allowed = false);
                Some(Reason::Rejected)
            } else {
                judge_again(id, subscription, &mut self.resources, desk)
            };
            if let Some(reason) = ended {
                subscription.notifier.terminate(reason, None);
            } else if !subscription.held_back && subscription.is_stale(&self.resources) {
                subscription.notifier.changed();
            } else {
                continue;
            }
            self.pump(id, desk);
        }
    }

    fn changed(&mut self, resources: Vec<ResourceId>, desk: &mut Desk<'_>) {
        for resource in resources {
            for (id, place) in self.resources.look(resource, &Sources::of(desk)) {
                let Some(subscription) = self.records.get_mut(&id) else { continue };
                if ask_again(id, subscription, &self.resources, desk) {
                    subscription.held_back = true;
                } else if !subscription.held_back && subscription.is_stale_at(place, &self.resources) {
                    subscription.notifier.changed();
                    self.pump(id, desk);
                }
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
                subscription.start_over();
            }
            subscription.notifier.notified(outcome);
            if subscription.is_behind() {
                subscription.notifier.changed();
            }
            self.pump(id, desk);
        }
        true
    }

    /// Sends what is due.
    pub(crate) fn handle_timeout(&mut self, desk: &mut Desk<'_>) {
        for id in self.abroad.handle_timeout(desk) {
            self.heard_from_abroad(id, desk);
        }
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
        [self.due.first().map(|(at, _)| *at), self.abroad.next_timeout()].into_iter().flatten().min()
    }

    /// Ends all subscriptions, as before a stop: who watches may come back at once.
    pub(crate) fn end_all(&mut self, desk: &mut Desk<'_>) {
        let ids: Vec<u64> = self.records.keys().copied().collect();
        for id in ids {
            if let Some(subscription) = self.records.get_mut(&id) {
                subscription.notifier.terminate(Reason::Deactivated, None);
                self.pump(id, desk);
            }
        }
    }

    /// Sends the NOTIFY that a subscription wants, and puts its timer where it belongs.
    fn pump(&mut self, id: u64, desk: &mut Desk<'_>) {
        let Some(subscription) = self.records.get_mut(&id) else { return };
        if let Some(notify) = subscription.notifier.poll(desk.now.instant) {
            let request = subscription.compose(notify, &mut self.resources, desk);
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

    fn forget(&mut self, id: u64, desk: &mut Desk<'_>) {
        let Some(subscription) = self.records.remove(&id) else { return };
        desk.metrics.subscriptions.decrement(1);
        self.by_dialog.remove(subscription.dialog.id());
        for (place, item) in subscription.items.iter().enumerate() {
            if let Standing::Watched(resource) = item.standing {
                self.resources.leave(resource, (id, place));
            }
        }
        self.watched -= subscription.items.len();
        if let Some(held) = self.by_watcher.get_mut(&subscription.watcher.party) {
            *held -= subscription.items.len();
            if *held == 0 {
                self.by_watcher.remove(&subscription.watcher.party);
            }
        }
        if let Some(at) = self.due_of.remove(&id) {
            self.due.remove(&(at, id));
        }
        self.count(desk);
        self.travel(desk);
    }

    /// Says what is watched at all.
    fn count(&self, desk: &Desk<'_>) {
        let (lines, users) = self.resources.counts();
        desk.watch_counts.dialog.store(lines, Ordering::Relaxed);
        desk.watch_counts.presence.store(users, Ordering::Relaxed);
    }
}

/// Asks again what the watcher may see, when the last answer is old. True when the store was asked: what is plain is
/// answered at once.
fn ask_again(id: u64, subscription: &mut Subscription, resources: &Resources, desk: &Desk<'_>) -> bool {
    let now = desk.now.instant;
    if now.saturating_duration_since(subscription.decided) < DECISION_LASTS {
        return false;
    }
    subscription.decided = now;
    let watched = subscription.items.iter().map(|item| match item.standing {
        Standing::Watched(resource) => resources.subject(resource),
        Standing::Over(..) => None,
    });
    let asked = asked(&subscription.watcher, watched);
    if let Ok(plain) = asked.iter().cloned().collect::<Result<Vec<bool>, _>>() {
        subscription.allow(&plain);
        return false;
    }
    decide(subscription.watcher.user.clone(), asked, Watch::Held(id), desk);
    true
}

/// Looks at a subscription by the plan as it is now; gives why it ends, when it does. Of a list only those end that may
/// not be watched any more.
fn judge_again(
    id: u64,
    subscription: &mut Subscription,
    resources: &mut Resources,
    desk: &Desk<'_>,
) -> Option<Reason> {
    let is_list = subscription.list.is_some();
    for (place, item) in subscription.items.iter_mut().enumerate() {
        let Standing::Watched(resource) = &item.standing else { continue };
        let watcher = &subscription.watcher;
        let abroad = resources.subject(*resource).and_then(|subject| subject.abroad.as_deref());
        let (dialled, found) = match (abroad, &item.dialled) {
            (Some(to), _) => {
                let asked = (to.dialled.as_str(), to.domain.as_deref());
                (&to.dialled, abroad::find(asked, watcher, desk))
            }
            (None, Some(dialled)) => (dialled, find(subscription.package, dialled, watcher, desk)),
            (None, None) => continue,
        };
        let reason = match found {
            Ok(subject) if resources.subject(*resource) == Some(&subject) => continue,
            Ok(_) => return Some(Reason::Deactivated),
            Err(_) if desk.is_there(dialled) => Reason::Rejected,
            Err(_) => Reason::NoResource,
        };
        if !is_list {
            item.allowed = false;
            return Some(reason);
        }
        if let Some(resource) = item.end(reason) {
            resources.leave(resource, (id, place));
        }
    }
    None
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
