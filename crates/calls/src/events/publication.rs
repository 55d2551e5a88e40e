//! Publications (RFC 3903): soft state by entity tag, shared by all shards, told to the presence engine.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::{BareJid, Timestamp};
use parking_lot::Mutex;
use presence::{Engine, Observation, Observed, Source};

/// Publications of the whole server; more get 503.
const PUBLICATIONS_MAX: usize = 100_000;
/// Publications of one user; more get 503. A phone has one, and a phone that forgot its tag one more an hour.
const PUBLICATIONS_PER_USER_MAX: usize = 32;

/// All publications.
pub(crate) struct Publications {
    engine: Arc<Engine>,
    tags: Mutex<Tags>,
}

#[derive(Default)]
struct Tags {
    all: BTreeMap<String, Publication>,
    per_user: BTreeMap<BareJid, usize>,
}

struct Publication {
    user: BareJid,
    /// The first tag: it stays the name of the source when the tag changes.
    source: String,
    state: Observed,
    until: Timestamp,
}

/// Why a PUBLISH is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// 412: no such entity tag for this user.
    NoSuchTag,
    /// 503: the table is full, or the user's part of it.
    Full,
}

/// What a PUBLISH asks for.
pub(crate) struct Change<'a> {
    /// Whose presence.
    pub user: &'a BareJid,
    /// The entity tag that it refreshes, changes or removes.
    pub if_match: Option<&'a str>,
    /// The new state; a refresh has none.
    pub state: Option<Observed>,
    /// For how long; zero removes.
    pub expires: Duration,
    /// The entity tag that the publication gets (RFC 3903 §4.1: a new one every time).
    pub new_tag: String,
}

impl Publications {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        Self { engine, tags: Mutex::default() }
    }

    /// Carries out a PUBLISH.
    ///
    /// # Errors
    /// Nothing was changed.
    pub(crate) fn change(&self, change: Change<'_>, now: Timestamp) -> Result<(), Refused> {
        let mut tags = self.tags.lock();
        let old = match change.if_match {
            Some(tag) => {
                let known = tags.all.get(tag).is_some_and(|p| p.user == *change.user && p.until > now);
                if !known {
                    return Err(Refused::NoSuchTag);
                }
                tags.remove(tag)
            }
            None if tags.is_full_for(change.user) => return Err(Refused::Full),
            None => None,
        };
        let source = old.as_ref().map_or_else(|| change.new_tag.clone(), |old| old.source.clone());
        let state = change.state.or(old.map(|old| old.state));
        let (Some(state), false) = (state, change.expires.is_zero()) else {
            drop(tags);
            self.engine.withdraw(change.user, &Source::Publication(source), now);
            return Ok(());
        };
        let until = now.plus(change.expires);
        let publication =
            Publication { user: change.user.clone(), source: source.clone(), state: state.clone(), until };
        tags.insert(change.new_tag, publication);
        drop(tags);
        let (user, source) = (change.user.clone(), Source::Publication(source));
        self.engine.observe(Observation { user, source, state, since: now, until: Some(until) }, now);
        Ok(())
    }

    /// Forgets what has ended; the engine does so by itself.
    pub(crate) fn lapse(&self, now: Timestamp) {
        let mut tags = self.tags.lock();
        let ended: Vec<String> =
            tags.all.iter().filter(|(_, held)| held.until <= now).map(|(tag, _)| tag.clone()).collect();
        for tag in ended {
            tags.remove(&tag);
        }
    }
}

impl Tags {
    fn is_full_for(&self, user: &BareJid) -> bool {
        self.all.len() >= PUBLICATIONS_MAX
            || self.per_user.get(user).is_some_and(|held| *held >= PUBLICATIONS_PER_USER_MAX)
    }

    fn insert(&mut self, tag: String, publication: Publication) {
        *self.per_user.entry(publication.user.clone()).or_default() += 1;
        self.all.insert(tag, publication);
    }

    fn remove(&mut self, tag: &str) -> Option<Publication> {
        let publication = self.all.remove(tag)?;
        if let Some(held) = self.per_user.get_mut(&publication.user) {
            *held -= 1;
            if *held == 0 {
                self.per_user.remove(&publication.user);
            }
        }
        Some(publication)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use presence::{Rules, State};

    fn bob() -> BareJid {
        "bob@example.org".parse().unwrap()
    }

    fn change(
        publications: &Publications,
        if_match: Option<&str>,
        state: Option<Observed>,
        seconds: u64,
        new_tag: &str,
    ) -> Result<(), Refused> {
        let (user, expires) = (bob(), Duration::from_secs(seconds));
        publications.change(
            Change { user: &user, if_match, state, expires, new_tag: new_tag.to_owned() },
            Timestamp(0),
        )
    }

    #[test]
    fn a_publication_is_made_changed_refreshed_and_removed_by_its_newest_tag() {
        let engine = Arc::new(Engine::new(Rules::default()));
        let publications = Publications::new(Arc::clone(&engine));
        let state = || engine.composed(&bob(), Timestamp(0)).state;
        change(&publications, None, Some(Observed::Busy), 60, "1").unwrap();
        assert_eq!(state(), State::Busy);
        change(&publications, Some("1"), Some(Observed::DoNotDisturb), 60, "2").unwrap();
        assert_eq!(state(), State::DoNotDisturb);
        assert_eq!(change(&publications, Some("1"), None, 60, "3"), Err(Refused::NoSuchTag));
        change(&publications, Some("2"), None, 60, "3").unwrap();
        assert_eq!(state(), State::DoNotDisturb);
        assert_eq!(engine.observations(&bob()).len(), 1);
        change(&publications, Some("3"), None, 0, "4").unwrap();
        assert_eq!(state(), State::Offline);
    }

    #[test]
    fn nobody_changes_a_publication_of_another_user_or_of_the_past() {
        let publications = Publications::new(Arc::new(Engine::new(Rules::default())));
        change(&publications, None, Some(Observed::Busy), 60, "1").unwrap();
        let ann: BareJid = "ann@example.org".parse().unwrap();
        let take = |user, now| {
            let expires = Duration::from_secs(60);
            publications.change(
                Change { user, if_match: Some("1"), state: None, expires, new_tag: "2".to_owned() },
                now,
            )
        };
        assert_eq!(take(&ann, Timestamp(0)), Err(Refused::NoSuchTag));
        assert_eq!(take(&bob(), Timestamp(61_000_000)), Err(Refused::NoSuchTag));
        publications.lapse(Timestamp(61_000_000));
        assert!(publications.tags.lock().all.is_empty() && publications.tags.lock().per_user.is_empty());
    }

    #[test]
    fn one_user_cannot_fill_the_table() {
        let publications = Publications::new(Arc::new(Engine::new(Rules::default())));
        for number in 0..PUBLICATIONS_PER_USER_MAX {
            change(&publications, None, Some(Observed::Busy), 60, &number.to_string()).unwrap();
        }
        assert_eq!(change(&publications, None, Some(Observed::Busy), 60, "more"), Err(Refused::Full));
        change(&publications, Some("0"), None, 60, "refreshed").unwrap();
        change(&publications, Some("1"), None, 0, "removed").unwrap();
        change(&publications, None, Some(Observed::Busy), 60, "more").unwrap();
    }
}
