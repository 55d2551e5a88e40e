//! Which device a conversation is with (`IM-01`, appendix A2): the one that answered last, until it is quiet.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use xmpp::{Stanza, ns};

use crate::Im;
use crate::config::Routing;
use crate::delivery::MessageType;
use crate::sessions::{Account, Seat};

/// A conversation without a word for so long is over: the next message begins another.
const QUIET_MAX: Duration = Duration::from_secs(600);
/// Conversations of one account that are remembered; the one that was quiet for longest makes room.
const CONVERSATIONS_MAX: usize = 256;

/// With whom, and about what: a conversation.
type Key = (Box<str>, Box<str>);

/// The conversations of one account in which a device has answered.
#[derive(Default)]
pub(crate) struct Conversations(Mutex<BTreeMap<Key, Held>>);

/// The device that has a conversation, and when the last word was said.
struct Held {
    resource: Box<str>,
    heard: Instant,
}

impl Conversations {
    /// A device of the account has said something: the conversation is with it.
    pub(crate) fn answered(&self, peer: &str, thread: &str, resource: &str, now: Instant) {
        let mut all = self.0.lock();
        let key = (Box::from(peer), Box::from(thread));
        if all.len() >= CONVERSATIONS_MAX && !all.contains_key(&key) {
            let quietest = all.iter().min_by_key(|(_, held)| held.heard).map(|(key, _)| key.clone());
            quietest.and_then(|key| all.remove(&key));
        }
        all.insert(key, Held { resource: resource.into(), heard: now });
    }

    /// The device that has the conversation; a word of the other keeps it going.
    fn device(&self, peer: &str, thread: &str, now: Instant) -> Option<Box<str>> {
        let mut all = self.0.lock();
        let key = (Box::from(peer), Box::from(thread));
        let held = all.get_mut(&key)?;
        if now.saturating_duration_since(held.heard) >= QUIET_MAX {
            all.remove(&key);
            return None;
        }
        held.heard = now;
        Some(held.resource.clone())
    }

    /// The presence of a device has changed: its conversations are open again.
    pub(crate) fn release(&self, resource: &str) {
        self.0.lock().retain(|_, held| &*held.resource != resource);
    }
}

impl Im {
    /// A session has said something to `to`.
    pub(crate) fn note_answer(&self, seat: &Seat, stanza: &Stanza, to: &str) {
        if self.users.policies.load().routing == Routing::AnsweringDevice && is_said(stanza) {
            let peer = model::bare_of(to);
            seat.account.conversations.answered(peer, &thread(stanza), seat.resource(), self.runtime.now());
        }
    }

    /// The one device of `account` that gets a message to the bare address; `None` when all do.
    pub(crate) fn answering_device(
        &self,
        account: &Account,
        stanza: &Stanza,
        from: &str,
    ) -> Option<Arc<Seat>> {
        if self.users.policies.load().routing == Routing::Standard {
            return None;
        }
        let peer = model::bare_of(from);
        let seats = account.seats();
        let device = account.conversations.device(peer, &thread(stanza), self.runtime.now());
        let held = device.and_then(|device| {
            seats.iter().find(|seat| seat.resource() == &*device && seat.takes_messages()).cloned()
        });
        held.or_else(|| {
            let reachable: Vec<_> = seats.iter().filter(|seat| seat.takes_messages()).collect();
            if reachable.iter().any(|seat| is_active(seat)) {
                return None;
            }
            // Nobody is there: the highest priority, and of those the latest that signed in (seats are in that order).
            reachable.into_iter().max_by_key(|seat| seat.priority()).cloned()
        })
    }
}

/// Is this more than a sign of life?
fn is_said(stanza: &Stanza) -> bool {
    stanza.has_child("body", ns::CLIENT)
        && matches!(MessageType::of(stanza.type_().as_deref()), MessageType::Chat | MessageType::Normal)
}

fn thread(stanza: &Stanza) -> String {
    stanza.child("thread", ns::CLIENT).map(|thread| thread.text()).unwrap_or_default()
}

/// Does the client say that somebody is there (RFC 6121 §4.7.2.1)?
fn is_active(seat: &Seat) -> bool {
    let show = seat.shown.lock().as_ref().and_then(|shown| shown.child("show", ns::CLIENT));
    !show.is_some_and(|show| matches!(&*show.text(), "away" | "xa"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_is_with_who_answered_last_until_it_is_quiet() {
        let (all, now) = (Conversations::default(), tokio::time::Instant::now().into_std());
        assert_eq!(all.device("ann@x", "", now), None);
        all.answered("ann@x", "", "desk", now);
        all.answered("ann@x", "other", "phone", now);
        assert_eq!(all.device("ann@x", "", now).as_deref(), Some("desk"));
        assert_eq!(all.device("ann@x", "other", now).as_deref(), Some("phone"));
        assert_eq!(all.device("carol@x", "", now), None);
        let later = now + QUIET_MAX - Duration::from_secs(1);
        assert_eq!(all.device("ann@x", "", later).as_deref(), Some("desk"));
        assert_eq!(all.device("ann@x", "", later + QUIET_MAX / 2).as_deref(), Some("desk"), "kept going");
        assert_eq!(all.device("ann@x", "other", now + QUIET_MAX), None);
        all.release("desk");
        assert_eq!(all.device("ann@x", "", later), None);
    }

    #[test]
    fn the_quietest_conversation_makes_room() {
        let (all, now) = (Conversations::default(), tokio::time::Instant::now().into_std());
        for number in 0..=CONVERSATIONS_MAX {
            let at = now + Duration::from_millis(number as u64);
            all.answered(&number.to_string(), "", "desk", at);
        }
        assert_eq!(all.device("0", "", now), None);
        assert!(all.device("1", "", now).is_some());
    }
}
