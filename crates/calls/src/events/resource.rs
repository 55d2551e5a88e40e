//! The watched resources of one shard: what each looks like now, who watches it, and its documents, written once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{BareJid, LineId, Timestamp};
use presence::{Engine, Presence};

use super::abroad::Abroad;
use super::body::Body;
use super::dialog_info::{Document, LineView, dialogs};
use super::subject::{Shows, Subject};
use super::{Package, pidf};
use crate::line_state::LineStates;
use crate::shard::desk::Desk;

/// Written documents that are kept of one resource: those that bring watchers of different standing up to date.
const BODIES_KEPT: usize = 4;

/// A resource, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ResourceId(u64);

/// A place from which a resource is watched: the subscription, and the place in its list.
pub(super) type Seat = (u64, usize);

/// What a watcher sees. Two views are the same when they are the same allocation.
#[derive(Clone, Debug)]
pub(super) enum View {
    /// Lines.
    Lines(Arc<LineView>),
    /// A person.
    Person(Arc<Presence>),
    /// Nothing: the watcher may not see it.
    Hidden,
}

/// Where views come from.
pub(super) struct Sources<'a> {
    pub lines: &'a LineStates,
    pub engine: &'a Engine,
    pub domain: &'a str,
    pub now: Timestamp,
}

impl<'a> Sources<'a> {
    pub(super) fn of(desk: &Desk<'a>) -> Self {
        Self {
            lines: &desk.house.lines,
            engine: &desk.rooms.engine,
            domain: &desk.house.domain,
            now: desk.now.civil,
        }
    }
}

/// The watched resources.
#[derive(Default)]
pub(super) struct Resources {
    all: BTreeMap<ResourceId, Resource>,
    by_subject: BTreeMap<(Package, Subject), ResourceId>,
    by_line: BTreeMap<LineId, BTreeSet<ResourceId>>,
    by_user: BTreeMap<BareJid, BTreeSet<ResourceId>>,
    /// Those behind trunks that somebody watches since, or nobody any more.
    travels: Vec<Travel>,
    next: u64,
}

/// What is to be done on the other side of a trunk.
pub(super) enum Travel {
    Begin(ResourceId, Package, Box<Abroad>),
    End(ResourceId),
}

struct Resource {
    package: Package,
    subject: Subject,
    view: View,
    watchers: BTreeSet<Seat>,
    written: Vec<Written>,
}

/// A document, and between which views it leads.
struct Written {
    before: Option<View>,
    now: View,
    body: Arc<Body>,
}

impl Resources {
    /// Somebody begins to watch.
    pub(super) fn join(
        &mut self,
        package: Package,
        subject: &Subject,
        seat: Seat,
        sources: &Sources<'_>,
    ) -> ResourceId {
        let known = self.by_subject.get(&(package, subject.clone())).copied();
        let id = known.unwrap_or_else(|| self.add(package, subject, sources));
        if let Some(resource) = self.all.get_mut(&id) {
            resource.watchers.insert(seat);
        }
        self.look(id, sources);
        id
    }

    /// Somebody watches no longer.
    pub(super) fn leave(&mut self, id: ResourceId, seat: Seat) {
        let Some(resource) = self.all.get_mut(&id) else { return };
        resource.watchers.remove(&seat);
        if !resource.watchers.is_empty() {
            return;
        }
        let Some(Resource { package, subject, .. }) = self.all.remove(&id) else { return };
        for line in &subject.lines {
            remove_from(&mut self.by_line, line, id);
        }
        if let Some(user) = &subject.user {
            remove_from(&mut self.by_user, user, id);
        }
        if subject.abroad.is_some() {
            self.travels.push(Travel::End(id));
        }
        self.by_subject.remove(&(package, subject));
    }

    /// What is to be done on the other side of trunks since the last call.
    pub(super) fn travels(&mut self) -> Vec<Travel> {
        std::mem::take(&mut self.travels)
    }

    /// The other side of a trunk has told how lines are there.
    pub(super) fn told(&mut self, id: ResourceId, view: LineView) {
        let Some(resource) = self.all.get_mut(&id) else { return };
        let view = View::Lines(Arc::new(view));
        if !view.shows_the_same(&resource.view) {
            resource.view = view;
            resource.written.clear();
        }
    }

    /// The resources that show this line.
    pub(super) fn of_line(&self, line: &LineId) -> Vec<ResourceId> {
        self.by_line.get(line).into_iter().flatten().copied().collect()
    }

    /// The resources that show this person.
    pub(super) fn of_user(&self, user: &BareJid) -> Vec<ResourceId> {
        self.by_user.get(user).into_iter().flatten().copied().collect()
    }

    /// Looks again at a resource, and gives who watches it.
    pub(super) fn look(&mut self, id: ResourceId, sources: &Sources<'_>) -> Vec<Seat> {
        let Some(resource) = self.all.get_mut(&id) else { return Vec::new() };
        if resource.subject.abroad.is_some() {
            return resource.watchers.iter().copied().collect();
        }
        let view = view(&resource.subject, sources);
        if !view.shows_the_same(&resource.view) {
            resource.view = view;
            resource.written.clear();
        }
        resource.watchers.iter().copied().collect()
    }

    /// What is to be seen of it.
    pub(super) fn view(&self, id: ResourceId) -> View {
        self.all.get(&id).map_or(View::Hidden, |resource| resource.view.clone())
    }

    /// What is watched.
    pub(super) fn subject(&self, id: ResourceId) -> Option<&Subject> {
        self.all.get(&id).map(|resource| &resource.subject)
    }

    /// The document that leads from what a watcher was told (`None`: nothing) to `now`.
    pub(super) fn body(
        &mut self,
        id: ResourceId,
        before: Option<&View>,
        now: &View,
        sources: &Sources<'_>,
    ) -> Arc<Body> {
        let Some(resource) = self.all.get_mut(&id) else { return Arc::new(Body::plain(String::new())) };
        // Only dialog information has documents that say what changed.
        let before = before.filter(|_| resource.package == Package::Dialog);
        let fits = |written: &&Written| {
            written.now.is(now)
                && match (&written.before, before) {
                    (Some(written), Some(before)) => written.is(before),
                    (None, None) => true,
                    _ => false,
                }
        };
        if let Some(written) = resource.written.iter().find(fits) {
            return Arc::clone(&written.body);
        }
        let body = Arc::new(write(resource.package, &resource.subject.entity, (before, now), sources));
        if resource.written.len() >= BODIES_KEPT {
            resource.written.remove(0);
        }
        resource.written.push(Written { before: before.cloned(), now: now.clone(), body: Arc::clone(&body) });
        body
    }

    /// How many lines and how many people are watched.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.by_line.len(), self.by_user.len())
    }

    fn add(&mut self, package: Package, subject: &Subject, sources: &Sources<'_>) -> ResourceId {
        self.next += 1;
        let id = ResourceId(self.next);
        match (subject.shows, &subject.user) {
            (Shows::Lines, _) => {
                for line in &subject.lines {
                    self.by_line.entry(line.clone()).or_default().insert(id);
                }
            }
            (Shows::Person, Some(user)) => {
                self.by_user.entry(user.clone()).or_default().insert(id);
            }
            (Shows::Person, None) => {}
            (Shows::Abroad, _) => {}
        }
        if let Some(abroad) = &subject.abroad {
            self.travels.push(Travel::Begin(id, package, abroad.clone()));
        }
        let view = view(subject, sources);
        let subject = subject.clone();
        self.by_subject.insert((package, subject.clone()), id);
        let (watchers, written) = (BTreeSet::new(), Vec::new());
        self.all.insert(id, Resource { package, subject, view, watchers, written });
        id
    }
}

impl View {
    /// Is it this very view?
    pub(super) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Lines(one), Self::Lines(other)) => Arc::ptr_eq(one, other),
            (Self::Person(one), Self::Person(other)) => Arc::ptr_eq(one, other),
            (Self::Hidden, Self::Hidden) => true,
            _ => false,
        }
    }

    fn lines(&self) -> Option<&LineView> {
        match self {
            Self::Lines(view) => Some(view),
            Self::Person(_) | Self::Hidden => None,
        }
    }

    fn shows_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Lines(one), Self::Lines(other)) => one == other,
            (Self::Person(one), Self::Person(other)) => one == other,
            _ => self.is(other),
        }
    }
}

fn remove_from<K: Ord>(index: &mut BTreeMap<K, BTreeSet<ResourceId>>, key: &K, id: ResourceId) {
    if let Some(ids) = index.get_mut(key) {
        ids.remove(&id);
        if ids.is_empty() {
            index.remove(key);
        }
    }
}

/// What a subject looks like now.
fn view(subject: &Subject, sources: &Sources<'_>) -> View {
    match (subject.shows, &subject.user) {
        (Shows::Lines, _) => {
            let board = sources.lines.board();
            let lines = subject.lines.iter();
            let calls: Vec<_> =
                lines.flat_map(|line| board.line(line).0.into_iter().map(move |call| (line, call))).collect();
            let dialogs = dialogs(calls.iter().map(|(line, call)| (*line, call)));
            let is_known =
                !dialogs.is_empty() || subject.lines.iter().any(|line| sources.lines.is_registered(line));
            View::Lines(Arc::new(LineView { is_known, dialogs }))
        }
        (Shows::Person, Some(user)) => View::Person(sources.engine.composed(user, sources.now)),
        (Shows::Person, None) => View::Hidden,
        (Shows::Abroad, _) => View::Lines(Arc::default()),
    }
}

fn write(
    package: Package,
    entity: &str,
    (before, now): (Option<&View>, &View),
    sources: &Sources<'_>,
) -> Body {
    let hidden = LineView::default();
    match (package, now) {
        (Package::Dialog, now) => Document {
            entity,
            before: before.map(|before| before.lines().unwrap_or(&hidden)),
            now: now.lines().unwrap_or(&hidden),
            domain: sources.domain,
        }
        .write(),
        (Package::Presence, View::Lines(view)) => Body::plain(pidf::write_line(entity, view, sources.now)),
        (Package::Presence, View::Person(presence)) => {
            Body::plain(pidf::write(entity, Some(presence), sources.now))
        }
        (Package::Presence, View::Hidden) => Body::plain(pidf::write(entity, None, sources.now)),
    }
}

#[cfg(test)]
mod tests {
    use presence::{Observation, Observed, Rules, Source};

    use super::super::policy::DecidedBy;
    use super::*;
    use crate::board::Board;

    struct House {
        engine: Arc<Engine>,
        lines: LineStates,
    }

    fn house() -> House {
        let engine = Arc::new(Engine::new(Rules::default()));
        House { lines: LineStates::new(Arc::clone(&engine), Arc::new(Board::new())), engine }
    }

    impl House {
        fn sources(&self) -> Sources<'_> {
            Sources { lines: &self.lines, engine: &self.engine, domain: "example.org", now: Timestamp(0) }
        }
    }

    fn line() -> LineId {
        LineId::from("1002".parse::<model::Number>().unwrap())
    }

    fn subject(shows: Shows) -> Subject {
        let user = Some("bob@example.org".parse().unwrap());
        let (entity, decided_by) = ("sip:1002@example.org".to_owned(), DecidedBy::Roster);
        Subject { user, lines: vec![line()], entity, shows, decided_by, abroad: None }
    }

    #[test]
    fn one_document_serves_all_who_were_told_the_same() {
        let house = house();
        let mut resources = Resources::default();
        let id = resources.join(Package::Dialog, &subject(Shows::Lines), (1, 0), &house.sources());
        assert_eq!(resources.join(Package::Dialog, &subject(Shows::Lines), (2, 0), &house.sources()), id);
        let unknown = resources.view(id);
        house.lines.registered(&line(), None, Timestamp(0));
        assert_eq!(resources.of_line(&line()), [id]);
        assert_eq!(resources.look(id, &house.sources()), [(1, 0), (2, 0)]);
        let idle = resources.view(id);
        assert!(!idle.is(&unknown));
        let one = resources.body(id, Some(&unknown), &idle, &house.sources());
        assert!(Arc::ptr_eq(&one, &resources.body(id, Some(&unknown), &idle, &house.sources())));
        assert!(!Arc::ptr_eq(&one, &resources.body(id, None, &idle, &house.sources())));
        resources.look(id, &house.sources());
        assert!(resources.view(id).is(&idle), "nothing has changed");
    }

    #[test]
    fn what_nobody_watches_is_forgotten() {
        let house = house();
        let mut resources = Resources::default();
        let dialogs = resources.join(Package::Dialog, &subject(Shows::Lines), (1, 0), &house.sources());
        let person = resources.join(Package::Presence, &subject(Shows::Person), (1, 1), &house.sources());
        assert_eq!(resources.counts(), (1, 1));
        resources.leave(dialogs, (1, 0));
        resources.leave(person, (1, 1));
        assert_eq!(resources.counts(), (0, 0));
        assert!(resources.all.is_empty() && resources.by_subject.is_empty());
    }

    #[test]
    fn a_person_is_seen_as_composed_and_a_line_as_it_is() {
        let house = house();
        let mut resources = Resources::default();
        let sources = house.sources();
        let state = Observed::Busy;
        let user = "bob@example.org".parse().unwrap();
        let (source, since) = (Source::Choice, Timestamp(0));
        house.engine.observe(Observation { user, source, state, since, until: None }, since);
        let mut text = |shows| {
            let id = resources.join(Package::Presence, &subject(shows), (1, 0), &sources);
            let view = resources.view(id);
            let mut out = Vec::new();
            resources.body(id, None, &view, &sources).write(0, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert!(text(Shows::Person).contains("<rpid:busy/>"));
        assert!(text(Shows::Lines).contains("<basic>closed</basic>"), "no phone: unknown");
    }
}
