//! Applications that have registered for CTI route points, and the calls that wait for them to say where to (`CC-19`).
//!
//! One table for all shards: a call that comes to a route point is put before one application in the same breath as it
//! is noted that it waits, so that none is lost when that application goes away.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use model::plan::RoutePoint;
use model::{BareJid, LineId};
use parking_lot::Mutex;

use crate::feed::{Feed, Happened};
use crate::snapshot::{CallId, Cause};

/// Applications that may be registered for one route point.
pub const APPLICATIONS_PER_POINT_MAX: usize = 64;
/// Calls that may wait at one route point; what comes beyond them goes on as if there were no application.
pub const CALLS_PER_POINT_MAX: usize = 1_000;

/// A call at a route point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// The route point, as the plan was when the call came.
    pub point: RoutePoint,
    /// The number that was called, in the partition of the route point.
    pub number: LineId,
}

/// An application is asked where a call shall go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteRequest {
    /// The route point, by its name.
    pub point: String,
    /// The call.
    pub call: CallId,
    /// The number that was called.
    pub called: String,
    /// Who calls: the number, or the name of a user; `anonymous` when it is withheld.
    pub calling: String,
    /// The name of who calls, for people.
    pub name: Option<String>,
    /// How long there is to answer, in seconds.
    pub seconds: u16,
}

/// An application need not answer any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteEnd {
    /// The route point, by its name.
    pub point: String,
    /// The call.
    pub call: CallId,
    /// Why.
    pub cause: Cause,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Applications {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    points: BTreeMap<String, Point>,
    /// The calls that wait, and who was asked about them.
    calls: BTreeMap<CallId, (String, Arc<Feed>)>,
}

#[derive(Debug, Default)]
struct Point {
    /// Whose turn it is comes first.
    registered: VecDeque<(BareJid, Arc<Feed>)>,
    waiting: BTreeSet<CallId>,
}

impl Applications {
    /// An application of this user wants to be asked from now on, by this feed. False: there are too many already.
    pub fn register(&self, point: &str, user: &BareJid, feed: &Arc<Feed>) -> bool {
        let mut state = self.state.lock();
        let point = state.points.entry(point.to_owned()).or_default();
        if point.registered.iter().any(|(_, known)| Arc::ptr_eq(known, feed)) {
            return true;
        }
        if point.registered.len() >= APPLICATIONS_PER_POINT_MAX {
            return false;
        }
        point.registered.push_back((user.clone(), Arc::clone(feed)));
        true
    }

    /// It is not asked any more; calls that it was asked about still wait for it.
    pub fn cancel(&self, point: &str, feed: &Arc<Feed>) {
        let mut state = self.state.lock();
        if let Some(of_name) = state.points.get_mut(point) {
            of_name.registered.retain(|(_, known)| !Arc::ptr_eq(known, feed));
        }
        state.tidy(point);
    }

    /// An application is gone: gives the calls that wait for it in vain.
    pub fn gone(&self, feed: &Arc<Feed>) -> Vec<CallId> {
        let mut state = self.state.lock();
        for point in state.points.values_mut() {
            point.registered.retain(|(_, known)| !Arc::ptr_eq(known, feed));
        }
        state.points.retain(|_, point| !point.is_empty());
        let theirs = state.calls.iter().filter(|(_, (_, asked))| Arc::ptr_eq(asked, feed));
        theirs.map(|(call, _)| *call).collect()
    }

    /// Was this application asked about this call, and has not answered?
    pub fn is_asked(&self, call: CallId, feed: &Arc<Feed>) -> bool {
        self.state.lock().calls.get(&call).is_some_and(|(_, asked)| Arc::ptr_eq(asked, feed))
    }

    /// Nobody is registered, and no call waits.
    pub fn is_empty(&self) -> bool {
        self.state.lock().points.is_empty()
    }

    /// No call waits.
    pub fn is_idle(&self) -> bool {
        self.state.lock().calls.is_empty()
    }

    /// Puts a call before one of the applications, which take turns. False: there is none, or too many calls wait.
    pub(crate) fn ask(&self, visit: &Visit, request: RouteRequest) -> bool {
        let mut state = self.state.lock();
        let Some(point) = state.points.get_mut(&visit.point.name) else { return false };
        if point.waiting.len() >= CALLS_PER_POINT_MAX {
            metrics::counter!("carillon_route_point_full_total").increment(1);
            tracing::warn!(
                route_point = visit.point.name,
                limit = CALLS_PER_POINT_MAX,
                "too many calls wait"
            );
            return false;
        }
        // Whoever was taken out of the plan is not asked any more.
        let Some(at) = point.registered.iter().position(|(user, _)| visit.point.allows(user)) else {
            return false;
        };
        let Some(next) = point.registered.remove(at) else { return false };
        let (call, feed) = (request.call, Arc::clone(&next.1));
        point.registered.push_back(next);
        point.waiting.insert(call);
        state.calls.insert(call, (visit.point.name.clone(), Arc::clone(&feed)));
        feed.put(Happened::RouteRequest(Arc::new(request)));
        true
    }

    /// The call does not wait any more; the application is told why, unless it has answered.
    pub(crate) fn leave(&self, call: CallId, told: Option<Cause>) {
        let mut state = self.state.lock();
        let Some((point, feed)) = state.calls.remove(&call) else { return };
        if let Some(of_name) = state.points.get_mut(&point) {
            of_name.waiting.remove(&call);
        }
        state.tidy(&point);
        if let Some(cause) = told {
            feed.put(Happened::RouteEnd(Arc::new(RouteEnd { point, call, cause })));
        }
    }
}

impl State {
    fn tidy(&mut self, point: &str) {
        if self.points.get(point).is_some_and(Point::is_empty) {
            self.points.remove(point);
        }
    }
}

impl Point {
    fn is_empty(&self) -> bool {
        self.registered.is_empty() && self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit() -> Visit {
        let point = r#"{"name": "desk", "pattern": "4000", "users": ["ann", "bob"]}"#;
        let number = "4000".parse::<model::Number>().unwrap().into();
        Visit { point: serde_json::from_str(point).unwrap(), number }
    }

    fn request(call: u64) -> RouteRequest {
        let (point, called, calling) = ("desk".to_owned(), "4000".to_owned(), "1001".to_owned());
        RouteRequest { point, call: CallId(call), called, calling, name: None, seconds: 10 }
    }

    fn asked(feed: &Feed) -> Option<u64> {
        match feed.take().unwrap()? {
            Happened::RouteRequest(request) => Some(request.call.0),
            other => panic!("{other:?}"),
        }
    }

    fn user(name: &str) -> BareJid {
        format!("{name}@h").parse().unwrap()
    }

    #[test]
    fn applications_take_turns_and_those_that_may_not_have_none() {
        let table = Applications::default();
        let feeds: [Arc<Feed>; 3] = std::array::from_fn(|_| Arc::default());
        assert!(!table.ask(&visit(), request(1)), "nobody is there");
        for (name, feed) in ["ann", "eve", "bob"].into_iter().zip(&feeds) {
            assert!(table.register("desk", &user(name), feed));
            assert!(table.register("desk", &user(name), feed), "twice is once");
        }
        for call in 1..=4 {
            assert!(table.ask(&visit(), request(call)));
        }
        let of = |feed: &Arc<Feed>| std::iter::from_fn(|| asked(feed)).collect::<Vec<_>>();
        assert_eq!([of(&feeds[0]), of(&feeds[1]), of(&feeds[2])], [vec![1, 3], vec![], vec![2, 4]]);
        assert!(table.is_asked(CallId(1), &feeds[0]) && !table.is_asked(CallId(1), &feeds[2]));
    }

    #[test]
    fn an_application_that_goes_leaves_its_calls_and_nothing_else() {
        let (table, feed) = (Applications::default(), Arc::<Feed>::default());
        table.register("desk", &user("ann"), &feed);
        assert!(table.ask(&visit(), request(1)) && table.ask(&visit(), request(2)));
        table.leave(CallId(2), Some(Cause::CallCancelled));
        asked(&feed);
        asked(&feed);
        let Some(Happened::RouteEnd(end)) = feed.take().unwrap() else { panic!("it is told") };
        assert_eq!((end.call, end.cause), (CallId(2), Cause::CallCancelled));
        assert_eq!(table.gone(&feed), [CallId(1)]);
        assert!(!table.ask(&visit(), request(3)));
        table.leave(CallId(1), None);
        assert!(table.is_idle() && table.is_empty() && feed.take().unwrap().is_none());
    }

    #[test]
    fn calls_and_applications_of_one_route_point_are_bounded() {
        let table = Applications::default();
        for _ in 0..APPLICATIONS_PER_POINT_MAX {
            assert!(table.register("desk", &user("ann"), &Arc::default()));
        }
        assert!(!table.register("desk", &user("ann"), &Arc::default()));
        for call in 0..CALLS_PER_POINT_MAX as u64 {
            assert!(table.ask(&visit(), request(call)));
        }
        assert!(!table.ask(&visit(), request(u64::MAX)));
        table.leave(CallId(7), None);
        assert!(table.ask(&visit(), request(u64::MAX)));
    }
}
