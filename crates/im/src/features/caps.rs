//! Entity capabilities (XEP-0115): one question per unknown hash, verified, remembered for all who send it.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use xmpp::xep::caps::{Caps, NS};
use xmpp::xep::disco::Info;
use xmpp::xep::{activity, disco};
use xmpp::{Builder, Context, Stanza};

use crate::sessions::Seat;
use crate::{About, Im, Spec};

/// What this feature is.
pub const ABOUT: About =
    About { name: "caps", specs: &[Spec::xep(115, "1.6.0")], disco: &[NS], account: &[] };

/// How long one client may take to answer before another is asked.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);
/// Sessions that wait for the answer of another about the same hash; later ones learn at their next presence.
const WAITING_MAX: usize = 256;

/// What is known of clients, by the hash they send.
#[derive(Default)]
pub(crate) struct Capabilities(Mutex<Table>);

#[derive(Default)]
struct Table {
    /// Does software of this hash want activities?
    known: BTreeMap<String, bool>,
    asked: BTreeMap<String, Asked>,
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
    let mut table = im.capabilities.0.lock();
    if let Some(wants) = table.known.get(&caps.ver) {
        seat.wants_activity.store(*wants, Ordering::Relaxed);
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
    let Some(waiting) = take_answer(im, seat, stanza) else { return };
    for seat in waiting {
        seat.wants_activity.store(true, Ordering::Relaxed);
        if seat.priority().is_some()
            && let Ok(roster) = im.roster(&seat.account).await
        {
            super::activity::catch_up(im, &seat, &roster);
        }
    }
}

/// Notes what the answer says; gives the sessions that want activities.
fn take_answer(im: &Im, seat: &Arc<Seat>, stanza: &Stanza) -> Option<Vec<Arc<Seat>>> {
    let id = stanza.id()?;
    let limits = im.limits.load().account;
    let mut table = im.capabilities.0.lock();
    let asked_first = |asked: &Asked| {
        asked.id == *id && asked.waiting.first().is_some_and(|first| first.ptr_eq(&Arc::downgrade(seat)))
    };
    let ver = table.asked.iter().find(|(_, asked)| asked_first(asked)).map(|(ver, _)| ver.clone())?;
    let asked = table.asked.remove(&ver)?;
    let info = stanza.child("query", disco::INFO).and_then(|query| Info::from_element(&query).ok())?;
    if info.features.len() > limits.capability_features_max {
        return None;
    }
    let wants = info.features.iter().any(|feature| feature == activity::NOTIFY);
    // XEP-0115 §5.4: an answer that does not give the hash counts for the one who sent it only.
    let trusted = asked.caps.describes(&info);
    if trusted {
        if table.known.len() >= limits.capabilities_max {
            table.known.clear();
        }
        table.known.insert(ver, wants);
    }
    let learners = if trusted { asked.waiting.len() } else { 1 };
    let waiting = asked.waiting.iter().take(learners).filter_map(Weak::upgrade);
    wants.then(|| waiting.collect())
}
