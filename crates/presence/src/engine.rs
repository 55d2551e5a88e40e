//! The live table of observations, and the listeners that hear which users changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{BareJid, Timestamp};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::compose::{Presence, Rules, compose};
use crate::observation::{Observation, Source};

/// Observations that one user may have at a time; further sources are dropped with a warning.
const OBSERVATIONS_PER_USER_MAX: usize = 64;
/// Shards of the table: updates of different users seldom wait for each other.
const SHARDS: usize = 64;

/// The presence of everyone. Cheap to share; all methods are short and never await.
pub struct Engine {
    shards: Vec<Mutex<BTreeMap<BareJid, Presentity>>>,
    listeners: Mutex<Vec<Arc<Dirty>>>,
    rules: Rules,
}

struct Presentity {
    observations: BTreeMap<Source, Observation>,
    composed: Arc<Presence>,
}

/// Users that changed and were not yet taken by the listener: bounded by the number of users.
#[derive(Default)]
struct Dirty {
    users: Mutex<BTreeSet<BareJid>>,
    wake: Notify,
}

/// Hears of changes. A user that changes twice before the listener looks is reported once.
pub struct Listener(Arc<Dirty>);

impl Listener {
    /// Waits for changes; gives every user whose composed presence changed since the last call.
    pub async fn changed(&self) -> BTreeSet<BareJid> {
        loop {
            let notified = self.0.wake.notified();
            let users = std::mem::take(&mut *self.0.users.lock());
            if !users.is_empty() {
                return users;
            }
            notified.await;
        }
    }
}

impl Engine {
    /// An engine that knows nobody yet.
    pub fn new(rules: Rules) -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect(), listeners: Mutex::default(), rules }
    }

    /// Starts to listen.
    pub fn listen(&self) -> Listener {
        let dirty = Arc::new(Dirty::default());
        self.listeners.lock().push(Arc::clone(&dirty));
        Listener(dirty)
    }

    /// Takes one source's word, in place of what it said before.
    pub fn observe(&self, observation: Observation, now: Timestamp) {
        let user = observation.user.clone();
        self.update(&user, now, |observations| {
            if observations.len() >= OBSERVATIONS_PER_USER_MAX
                && !observations.contains_key(&observation.source)
            {
                tracing::warn!(limit = OBSERVATIONS_PER_USER_MAX, "too many presence sources for one user");
                return;
            }
            observations.insert(observation.source.clone(), observation);
        });
    }

    /// Forgets what one source said.
    pub fn withdraw(&self, user: &BareJid, source: &Source, now: Timestamp) {
        self.update(user, now, |observations| {
            observations.remove(source);
        });
    }

    /// The composed presence of a user; someone never heard of is offline.
    pub fn composed(&self, user: &BareJid, now: Timestamp) -> Arc<Presence> {
        match self.shard(user).lock().get(user) {
            Some(presentity) => Arc::clone(&presentity.composed),
            None => Arc::new(compose(&[], &self.rules, now)),
        }
    }

    /// All that is known about a user, source by source: the long form of the reason.
    pub fn observations(&self, user: &BareJid) -> Vec<Observation> {
        match self.shard(user).lock().get(user) {
            Some(presentity) => presentity.observations.values().cloned().collect(),
            None => Vec::new(),
        }
    }

    /// Composes anew everyone who has an observation that lapsed; call about once a second.
    pub fn lapse(&self, now: Timestamp) {
        let lapsed = |o: &Observation| o.until.is_some_and(|until| until <= now);
        for shard in &self.shards {
            let users: Vec<BareJid> = shard
                .lock()
                .iter()
                .filter(|(_, presentity)| presentity.observations.values().any(lapsed))
                .map(|(user, _)| user.clone())
                .collect();
            for user in users {
                self.update(&user, now, |observations| observations.retain(|_, o| !lapsed(o)));
            }
        }
    }

    fn update(
        &self,
        user: &BareJid,
        now: Timestamp,
        change: impl FnOnce(&mut BTreeMap<Source, Observation>),
    ) {
        let changed = {
            let mut shard = self.shard(user).lock();
            let presentity = shard.entry(user.clone()).or_insert_with(|| Presentity {
                observations: BTreeMap::new(),
                composed: Arc::new(compose(&[], &self.rules, now)),
            });
            change(&mut presentity.observations);
            let all: Vec<Observation> = presentity.observations.values().cloned().collect();
            let composed = compose(&all, &self.rules, now);
            let changed = composed != *presentity.composed;
            if changed {
                presentity.composed = Arc::new(composed);
            }
            if presentity.observations.is_empty() {
                shard.remove(user);
            }
            changed
        };
        if changed {
            for listener in self.listeners.lock().iter() {
                listener.users.lock().insert(user.clone());
                listener.wake.notify_one();
            }
        }
    }

    fn shard(&self, user: &BareJid) -> &Mutex<BTreeMap<BareJid, Presentity>> {
        let hash = user
            .as_str()
            .bytes()
            .fold(0_usize, |hash, byte| (hash ^ usize::from(byte)).wrapping_mul(0x0100_0000_01b3));
        &self.shards[hash % SHARDS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::State;
    use crate::observation::Observed;

    fn call(user: &str) -> Observation {
        Observation {
            user: user.parse().unwrap(),
            source: Source::Line(model::LineId::from("1002".parse::<model::Number>().unwrap())),
            state: Observed::InCall,
            since: Timestamp(0),
            until: None,
        }
    }

    #[tokio::test]
    async fn a_listener_hears_each_changed_user_once() {
        let engine = Engine::new(Rules::default());
        let listener = engine.listen();
        let observation = call("bob@example.org");
        engine.observe(observation.clone(), Timestamp(0));
        engine.observe(observation.clone(), Timestamp(0));
        assert_eq!(listener.changed().await.len(), 1);
        assert_eq!(engine.composed(&observation.user, Timestamp(0)).state, State::OnThePhone);
        engine.withdraw(&observation.user, &observation.source, Timestamp(0));
        assert_eq!(listener.changed().await.len(), 1);
        assert_eq!(engine.composed(&observation.user, Timestamp(0)).state, State::Offline);
        assert!(engine.observations(&observation.user).is_empty());
    }

    #[test]
    fn one_user_cannot_fill_the_table() {
        let engine = Engine::new(Rules::default());
        for number in 0..200 {
            let mut observation = call("bob@example.org");
            observation.source = Source::Resource(number.to_string());
            engine.observe(observation, Timestamp(0));
        }
        let user = "bob@example.org".parse().unwrap();
        assert_eq!(engine.observations(&user).len(), OBSERVATIONS_PER_USER_MAX);
    }
}
