//! Entity capabilities (XEP-0115): one question per unknown hash, verified, remembered for all who send it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use xmpp::xep::caps::{Caps, NS};
use xmpp::xep::disco;
use xmpp::xep::disco::Info;
use xmpp::{Builder, Context, Stanza};

use crate::sessions::{Interests, Seat};
use crate::{About, Im, Spec};

/// What this feature is.
pub const ABOUT: About =
    About { name: "caps", specs: &[Spec::xep(115, "1.6.0")], disco: &[NS], account: &[] };

/// What follows a node in the features of a client that asks for its events (XEP-0163 §4.3.1).
const NOTIFY: &str = "+notify";
/// How long one client may take to answer before another is asked.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);
/// Sessions that wait for the answer of another about the same hash; later ones learn at their next presence.
const WAITING_MAX: usize = 256;

/// What is known of clients, by the hash they send.
#[derive(Default)]
pub(crate) struct Capabilities(Mutex<Table>);

#[derive(Default)]
struct Table {
    /// The nodes whose events software of this hash asks for.
    known: BTreeMap<String, Arc<Interests>>,
    /// Their hashes in the order in which they were learnt.
    order: VecDeque<String>,
    asked: BTreeMap<String, Asked>,
}

impl Table {
    /// Remembers what a hash stands for; of too many the one that was learnt first is forgotten.
    fn learn(&mut self, ver: String, interests: Arc<Interests>, max: usize) {
        if self.known.insert(ver.clone(), interests).is_some() {
            return;
        }
        self.order.push_back(ver);
        while self.order.len() > max {
            let Some(oldest) = self.order.pop_front() else { return };
            self.known.remove(&oldest);
        }
    }
}

struct Asked {
    caps: Caps,
    id: String,
    at: Instant,
    /// First the one that was asked, then those that sent the same hash meanwhile.
    waiting: Vec<Weak<Seat>>,
}

/// Looks at a presence: what its hash stands for is known, or asked.
pub(crate) fn learn(im: &Im, seat: &Arc<Seat>, stanza: &Stanza) {
    let Some(Ok(caps)) = stanza.child("c", NS).map(|c| Caps::from_element(&c)) else { return };
    let limit = im.limits.load().account.capabilities_max;
    let now = im.runtime.now();
    let mut table = im.users.capabilities.0.lock();
    if let Some(interests) = table.known.get(&caps.ver) {
        seat.set_interests(interests);
        return;
    }
    if table.asked.len() >= limit && !table.asked.contains_key(&caps.ver) {
        table.asked.retain(|_, asked| now < asked.at + ANSWER_TIME_MAX);
        if table.asked.len() >= limit {
            return;
        }
    }
    let me = Arc::downgrade(seat);
    if let Some(asked) = table.asked.get_mut(&caps.ver).filter(|asked| now < asked.at + ANSWER_TIME_MAX) {
        if asked.waiting.len() < WAITING_MAX && !asked.waiting.iter().any(|other| other.ptr_eq(&me)) {
            asked.waiting.push(me);
        }
        return;
    }
    let id = im.runtime.random_token(8);
    let question = Builder::iq(Context::Client)
        .type_("get")
        .id(&id)
        .from(im.domain())
        .to(seat.jid.as_str())
        .open("query", disco::INFO)
        .attr("node", &caps.query_node())
        .finish();
    table.asked.insert(caps.ver.clone(), Asked { caps, id, at: now, waiting: vec![me] });
    drop(table);
    im.push_bytes(seat, question);
}

/// A client answers the server; if it is to our question, all who wait learn from it.
pub(crate) async fn answer(im: &Im, seat: &Arc<Seat>, stanza: &Stanza) {
    let Some((interests, waiting)) = take_answer(im, seat, stanza) else { return };
    for seat in waiting {
        seat.set_interests(&interests);
        if seat.priority().is_some()
            && !interests.is_empty()
            && let Ok(roster) = im.roster(&seat.account).await
        {
            super::activity::catch_up(im, &seat, &roster);
            crate::pubsub::events::catch_up(im, &seat, &roster).await;
        }
    }
}

/// Notes what the answer says; gives the sessions that it is about.
fn take_answer(im: &Im, seat: &Arc<Seat>, stanza: &Stanza) -> Option<(Arc<Interests>, Vec<Arc<Seat>>)> {
    let id = stanza.id()?;
    let limits = im.limits.load().account;
    let mut table = im.users.capabilities.0.lock();
    let asked_first = |asked: &Asked| {
        asked.id == *id && asked.waiting.first().is_some_and(|first| first.ptr_eq(&Arc::downgrade(seat)))
    };
    let ver = table.asked.iter().find(|(_, asked)| asked_first(asked)).map(|(ver, _)| ver.clone())?;
    let asked = table.asked.remove(&ver)?;
    let info = stanza.child("query", disco::INFO).and_then(|query| Info::from_element(&query).ok())?;
    if info.features.len() > limits.capability_features_max {
        return None;
    }
    let interests = info.features.iter().filter_map(|feature| feature.strip_suffix(NOTIFY));
    let interests: Arc<Interests> = Arc::new(interests.map(Into::into).collect());
    // XEP-0115 §5.4: an answer that does not give the hash counts for the one who sent it only.
    let trusted = asked.caps.describes(&info);
    if trusted {
        table.learn(ver, Arc::clone(&interests), limits.capabilities_max);
    }
    let learners = if trusted { asked.waiting.len() } else { 1 };
    let waiting = asked.waiting.iter().take(learners).filter_map(Weak::upgrade);
    Some((interests, waiting.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_table_forgets_what_was_learnt_first_and_nothing_else() {
        let mut table = Table::default();
        for number in [0, 1, 1, 2, 3] {
            table.learn(number.to_string(), Arc::default(), 3);
        }
        assert_eq!(table.known.keys().collect::<Vec<_>>(), ["1", "2", "3"]);
        assert_eq!(table.order.len(), 3);
    }
}
