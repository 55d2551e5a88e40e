//! One subscription: what it watches, what was told of it, and the body of its next NOTIFY.

use std::time::Instant;

use sip::dialog::Dialog;
use sip::endpoint::Flow;
use sip::subscription::{Notifier, Notify, Reason};
use sip::{Method, Name, Request};

use super::Package;
use super::resource::{ResourceId, Resources, Sources, View};
use super::rlmi::{Instance, ListDocument, Member};
use super::subject::Watcher;
use super::subscriptions::WantedItem;
use crate::shard::desk::Desk;

/// The longest body of one NOTIFY to a list, in bytes: it has to fit into a datagram. What does not fit comes next.
const LIST_BODY_BYTES_MAX: usize = 48 * 1024;
/// What the RLMI of one resource takes beside its address and name, in bytes.
const MEMBER_BYTES_MAX: usize = 160;

/// A subscription that somebody has.
pub(super) struct Subscription {
    pub dialog: Dialog,
    pub notifier: Notifier,
    pub package: Package,
    pub watcher: Watcher,
    /// The value of Event in its NOTIFYs.
    pub event: String,
    pub flow: Flow,
    /// When it was last asked who may see what.
    pub decided: Instant,
    /// Something has changed since that was asked anew: the watcher hears of it when the answer has come.
    pub held_back: bool,
    /// One resource, or those of a list.
    pub items: Vec<Item>,
    pub list: Option<List>,
}

/// What is particular to a subscription to a list.
pub(super) struct List {
    /// The list, as a URI.
    pub uri: String,
    /// Text that nobody can guess.
    pub token: String,
    /// How many documents went out.
    version: u32,
    /// The next document names all resources.
    is_full: bool,
    /// The last document had no room for everything that has changed.
    is_behind: bool,
}

/// One watched resource of a subscription.
pub(super) struct Item {
    /// As its list names it.
    pub uri: String,
    /// Its name for people.
    pub name: Option<String>,
    /// The number or name of ours that it is.
    pub dialled: Option<String>,
    pub standing: Standing,
    /// May the watcher see it?
    pub allowed: bool,
    /// What the watcher was told last; `None` when the next document is a full one.
    told: Option<View>,
    /// How many documents of it went out.
    version: u32,
}

/// Is there something to watch?
pub(super) enum Standing {
    Watched(ResourceId),
    /// There is nothing, or nothing any more; was that told?
    Over(Reason, bool),
}

impl List {
    pub(super) fn new(uri: String, token: String) -> Self {
        Self { uri, token, version: 0, is_full: true, is_behind: false }
    }
}

impl Item {
    /// What was wanted, before anything is told.
    pub(super) fn new(wanted: WantedItem, standing: Standing, allowed: bool) -> Self {
        let WantedItem { uri, name, dialled, .. } = wanted;
        Self { uri, name, dialled, standing, allowed, told: None, version: 0 }
    }

    /// There is nothing to watch any more. Gives what it was.
    pub(super) fn end(&mut self, reason: Reason) -> Option<ResourceId> {
        self.allowed = false;
        self.told = None;
        match std::mem::replace(&mut self.standing, Standing::Over(reason, false)) {
            Standing::Watched(resource) => Some(resource),
            Standing::Over(..) => None,
        }
    }

    /// What the watcher sees of it now; `None` when there is nothing to watch.
    fn view(&self, resources: &Resources) -> Option<(ResourceId, View)> {
        match self.standing {
            Standing::Watched(id) if self.allowed => Some((id, resources.view(id))),
            Standing::Watched(id) => Some((id, View::Hidden)),
            Standing::Over(..) => None,
        }
    }

    /// Does the watcher not know how it looks now?
    fn is_stale(&self, resources: &Resources) -> bool {
        match (&self.standing, self.view(resources)) {
            (Standing::Over(_, told), _) => !told,
            (_, Some((_, view))) => self.told.as_ref().is_none_or(|told| !told.is(&view)),
            (_, None) => false,
        }
    }

    /// What a list tells of it, in so many bytes; `None` when the watcher knows already.
    fn instance(
        &mut self,
        room: usize,
        resources: &mut Resources,
        sources: &Sources<'_>,
    ) -> Option<Instance> {
        if !self.is_stale(resources) {
            return None;
        }
        if let Standing::Over(reason, told) = &mut self.standing {
            *told = true;
            return Some(Instance::Terminated(*reason));
        }
        let (id, view) = self.view(resources)?;
        let instance = Instance::Active(resources.body(id, self.told.as_ref(), &view, sources), self.version);
        if instance.len() > room {
            return Some(Instance::Later);
        }
        self.told = Some(view);
        self.version = self.version.wrapping_add(1);
        Some(instance)
    }
}

impl Subscription {
    /// The watcher is told everything anew.
    pub(super) fn start_over(&mut self) {
        for item in &mut self.items {
            item.told = None;
            if let Standing::Over(_, told) = &mut item.standing {
                *told = false;
            }
        }
        if let Some(list) = &mut self.list {
            list.is_full = true;
        }
    }

    /// It was decided what the watcher may see: one answer for each place.
    pub(super) fn allow(&mut self, allowed: &[bool]) {
        for (item, allowed) in self.items.iter_mut().zip(allowed) {
            item.allowed = *allowed && matches!(item.standing, Standing::Watched(_));
        }
    }

    /// Is there something that the watcher does not know yet?
    pub(super) fn is_stale(&self, resources: &Resources) -> bool {
        self.items.iter().any(|item| item.is_stale(resources))
    }

    /// Does the watcher not know yet how this one looks now?
    pub(super) fn is_stale_at(&self, place: usize, resources: &Resources) -> bool {
        self.items.get(place).is_some_and(|item| item.is_stale(resources))
    }

    /// The watcher has what was sent: is more to be told at once?
    pub(super) fn is_behind(&self) -> bool {
        self.list.as_ref().is_some_and(|list| list.is_behind)
    }

    /// The next NOTIFY.
    pub(super) fn compose(&mut self, notify: Notify, resources: &mut Resources, desk: &Desk<'_>) -> Request {
        let sources = Sources::of(desk);
        let (content_type, body) = match self.list {
            Some(_) => self.list_body(resources, &sources),
            None => (self.package.content_type().to_owned(), self.body(notify.number, resources, &sources)),
        };
        let request = self
            .dialog
            .request(Method::Notify)
            .header(Name::Event, &self.event)
            .header(Name::SubscriptionState, &notify.state.to_value())
            .header(Name::Contact, &desk.house.contact(&self.flow))
            .header(Name::UserAgent, &desk.house.product);
        // RFC 4662 §4.3: "the NOTIFY message MUST contain a 'Require: eventlist'".
        let request = request.header_opt(Name::Require, self.list.as_ref().map(|_| "eventlist"));
        request.body(&content_type, &body)
    }

    fn body(&mut self, number: u32, resources: &mut Resources, sources: &Sources<'_>) -> Vec<u8> {
        let mut out = Vec::with_capacity(1024);
        if let Some(item) = self.items.first_mut()
            && let Some((id, view)) = item.view(resources)
        {
            resources.body(id, item.told.as_ref(), &view, sources).write(number, &mut out);
            item.told = Some(view);
        }
        out
    }

    fn list_body(&mut self, resources: &mut Resources, sources: &Sources<'_>) -> (String, Vec<u8>) {
        let Some(list) = &mut self.list else { return (String::new(), Vec::new()) };
        let mut room = LIST_BODY_BYTES_MAX;
        list.is_behind = false;
        let mut told: Vec<(usize, Instance)> = Vec::new();
        for (place, item) in self.items.iter_mut().enumerate() {
            let Some(instance) = item.instance(room, resources, sources) else { continue };
            let is_later = matches!(instance, Instance::Later);
            list.is_behind |= is_later;
            if is_later && !list.is_full {
                continue;
            }
            let named = item.uri.len() + item.name.as_ref().map_or(0, String::len) + MEMBER_BYTES_MAX;
            room = room.saturating_sub(instance.len() + named);
            told.push((place, instance));
        }
        let items = &self.items;
        let member = |(place, instance): (usize, Instance)| {
            let item = &items[place];
            Member { uri: &item.uri, name: item.name.as_deref(), place, instance }
        };
        let document = ListDocument {
            uri: &list.uri,
            version: list.version,
            is_full: list.is_full,
            token: &list.token,
            content_type: self.package.content_type(),
            members: told.into_iter().map(member).collect(),
        };
        let written = (document.content_type(), document.write());
        list.version = list.version.wrapping_add(1);
        list.is_full = false;
        written
    }
}
