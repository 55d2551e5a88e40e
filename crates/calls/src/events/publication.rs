//! Publications (RFC 3903): soft state by entity tag, shared by all shards, told to the presence engine.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::{BareJid, Timestamp};
use parking_lot::Mutex;
use presence::{Engine, Observation, Observed, Source};

/// Publications of the whole server; more get 503.
const PUBLICATIONS_MAX: usize = 100_000;

/// All publications.
pub(crate) struct Publications {
    engine: Arc<Engine>,
    tags: Mutex<BTreeMap<String, Publication>>,
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
    /// 503: the table is full.
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
                let known = tags.get(tag).is_some_and(|p| p.user == *change.user && p.until > now);
                if !known {
                    return Err(Refused::NoSuchTag);
                }
                tags.remove(tag)
            }
            None if tags.len() >= PUBLICATIONS_MAX => return Err(Refused::Full),
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
        self.tags.lock().retain(|_, publication| publication.until > now);
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
        assert!(publications.tags.lock().is_empty());
    }
}
