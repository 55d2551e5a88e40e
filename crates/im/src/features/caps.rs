//! Entity capabilities (XEP-0115): one question per unknown hash, verified, remembered for all who send it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use model::{FullJid, Jid};
use parking_lot::Mutex;
use xmpp::xep::caps::{Caps, NS};
use xmpp::xep::disco;
use xmpp::xep::disco::Info;
use xmpp::{Builder, Context, Stanza};

use super::distant_clients;
use crate::sessions::{Account, Interests, Seat};
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
    /// What clients of our users were asked.
    ours: Questions,
    /// What clients elsewhere were asked.
    elsewhere: Questions,
}

/// Questions that wait for their answer: found by what they are about, by their identifier and by their age.
#[derive(Default)]
struct Questions {
    asked: BTreeMap<Question, Asked>,
    by_id: BTreeMap<String, Question>,
    by_age: BTreeSet<(Instant, String)>,
}

/// What is asked for: a hash, and where. Clients of other domains are asked apart, so that none which does not
/// answer keeps others waiting.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Question {
    ver: String,
    elsewhere: Option<Box<str>>,
}

impl Questions {
    fn insert(&mut self, question: Question, asked: Asked) {
        self.remove(&question);
        self.by_id.insert(asked.id.clone(), question.clone());
        self.by_age.insert((asked.at, asked.id.clone()));
        self.asked.insert(question, asked);
    }

    fn remove(&mut self, question: &Question) -> Option<Asked> {
        let asked = self.asked.remove(question)?;
        self.by_id.remove(&asked.id);
        self.by_age.remove(&(asked.at, asked.id.clone()));
        Some(asked)
    }

    /// Is there room for another question? Those whose time is over make it.
    fn has_room(&mut self, max: usize, now: Instant) -> bool {
        while self.asked.len() >= max {
            let Some((at, id)) = self.by_age.first() else { return false };
            if now < *at + ANSWER_TIME_MAX {
                return false;
            }
            let Some(question) = self.by_id.get(id).cloned() else { return false };
            self.remove(&question);
        }
        true
    }
}

impl Table {
    fn questions(&mut self, elsewhere: bool) -> &mut Questions {
        if elsewhere { &mut self.elsewhere } else { &mut self.ours }
    }

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
    waiting: Vec<Waiting>,
}

/// Whose capabilities the answer tells.
enum Waiting {
    /// A session of ours.
    Session(Weak<Seat>),
    /// A client elsewhere, whose presence an account of ours gets.
    Distant(Weak<Account>, FullJid),
}

impl Waiting {
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Session(one), Self::Session(other)) => one.ptr_eq(other),
            (Self::Distant(one, client), Self::Distant(other, same)) => one.ptr_eq(other) && client == same,
            _ => false,
        }
    }
}

/// What is to be done about a hash.
enum Known {
    Yes(Arc<Interests>),
    /// Somebody must be asked, with this identifier.
    Ask(String),
    /// The answer is on its way, or there is no room for another question.
    Wait,
}

/// Looks at a presence: what its hash stands for is known, or asked.
pub(crate) fn learn(im: &Im, seat: &Arc<Seat>, stanza: &Stanza) {
    let Some(Ok(caps)) = stanza.child("c", NS).map(|c| Caps::from_element(&c)) else { return };
    let node = caps.query_node();
    match look_up(im, caps, None, Waiting::Session(Arc::downgrade(seat))) {
        Known::Yes(interests) => seat.set_interests(&interests),
        Known::Ask(id) => im.push_bytes(seat, question(im.domain(), seat.jid.as_str(), &node, &id)),
        Known::Wait => {}
    }
}

/// The same for a client elsewhere, which is asked in the name of the user who gets its presence: it need not answer
/// others. What it asks for, if that is known.
pub(crate) fn learn_distant(
    im: &Im,
    account: &Arc<Account>,
    client: &FullJid,
    caps: Caps,
) -> Option<Arc<Interests>> {
    let node = caps.query_node();
    let waiting = Waiting::Distant(Arc::downgrade(account), client.clone());
    match look_up(im, caps, Some(client.domain().as_str()), waiting) {
        Known::Yes(interests) => return Some(interests),
        Known::Ask(id) => im.tell_remote(question(account.jid.as_str(), client.as_str(), &node, &id)),
        Known::Wait => {}
    }
    None
}

fn look_up(im: &Im, caps: Caps, elsewhere: Option<&str>, me: Waiting) -> Known {
    let limits = im.limits.load().account;
    let limit = if elsewhere.is_some() { limits.distant_questions_max } else { limits.capabilities_max };
    let now = im.runtime.now();
    let mut table = im.users.capabilities.0.lock();
    if let Some(interests) = table.known.get(&caps.ver) {
        return Known::Yes(Arc::clone(interests));
    }
    let question = Question { ver: caps.ver.clone(), elsewhere: elsewhere.map(Into::into) };
    let questions = table.questions(elsewhere.is_some());
    let asked = questions.asked.get_mut(&question);
    if asked.is_none() && !questions.has_room(limit, now) {
        return Known::Wait;
    }
    let asked = questions.asked.get_mut(&question);
    if let Some(asked) = asked.filter(|asked| now < asked.at + ANSWER_TIME_MAX) {
        if asked.waiting.len() < WAITING_MAX && !asked.waiting.iter().any(|other| other.is(&me)) {
            asked.waiting.push(me);
        }
        return Known::Wait;
    }
    let id = im.runtime.random_token(8);
    questions.insert(question, Asked { caps, id: id.clone(), at: now, waiting: vec![me] });
    Known::Ask(id)
}

fn question(from: &str, to: &str, node: &str, id: &str) -> Bytes {
    let mut question = Builder::iq(Context::Client);
    question.type_("get").id(id).from(from).to(to);
    question.open("query", disco::INFO).attr("node", node).finish()
}

/// A client answers the server; if it is to our question, all who wait learn from it.
pub(crate) async fn answer(im: &Im, seat: &Arc<Seat>, stanza: &Stanza) {
    tell_waiting(im, &Waiting::Session(Arc::downgrade(seat)), stanza).await;
}

/// A client elsewhere answers a user; likewise.
pub(crate) async fn answer_distant(im: &Im, from: &Jid, to: &Jid, stanza: &Stanza) {
    if let (Some(account), Ok(client)) =
        (im.sessions.account(to.to_bare().as_str()), from.clone().try_into_full())
    {
        tell_waiting(im, &Waiting::Distant(Arc::downgrade(&account), client), stanza).await;
    }
}

async fn tell_waiting(im: &Im, answerer: &Waiting, stanza: &Stanza) {
    let Some((ver, interests, waiting)) = take_answer(im, answerer, stanza) else { return };
    for waiting in waiting {
        match waiting {
            Waiting::Session(seat) => {
                let Some(seat) = seat.upgrade() else { continue };
                seat.set_interests(&interests);
                if seat.priority().is_some()
                    && !interests.is_empty()
                    && let Ok(roster) = im.roster(&seat.account).await
                {
                    super::activity::catch_up(im, &seat, &roster);
                    crate::pubsub::events::catch_up(im, &seat, &roster).await;
                }
            }
            Waiting::Distant(account, client) => {
                let Some(account) = account.upgrade() else { continue };
                distant_clients::understood(im, &account, &client, &ver, &interests).await;
            }
        }
    }
}

/// Notes what the answer says; gives the hash, what it stands for and those that it is about.
fn take_answer(
    im: &Im,
    answerer: &Waiting,
    stanza: &Stanza,
) -> Option<(String, Arc<Interests>, Vec<Waiting>)> {
    let id = stanza.id()?;
    let limits = im.limits.load().account;
    let mut table = im.users.capabilities.0.lock();
    let questions = table.questions(matches!(answerer, Waiting::Distant(..)));
    let question = questions.by_id.get(&*id)?.clone();
    let asked = questions.asked.get(&question)?;
    if !asked.waiting.first().is_some_and(|first| first.is(answerer)) {
        return None;
    }
    let mut asked = questions.remove(&question)?;
    let info = stanza.child("query", disco::INFO).and_then(|query| Info::from_element(&query).ok())?;
    if info.features.len() > limits.capability_features_max {
        return None;
    }
    let interests = info.features.iter().filter_map(|feature| feature.strip_suffix(NOTIFY));
    let interests: Arc<Interests> = Arc::new(interests.map(Into::into).collect());
    // XEP-0115 §5.4: an answer that does not give the hash counts for the one who sent it only.
    let ver = question.ver;
    if asked.caps.describes(&info) {
        table.learn(ver.clone(), Arc::clone(&interests), limits.capabilities_max);
    } else {
        asked.waiting.truncate(1);
    }
    Some((ver, interests, asked.waiting))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(questions: &mut Questions, number: u32, at: Instant) {
        let text = number.to_string();
        let caps = Caps { hash: "sha-1".to_owned(), node: "urn:n".to_owned(), ver: text.clone() };
        let question = Question { ver: text.clone(), elsewhere: None };
        questions.insert(question, Asked { caps, id: text, at, waiting: Vec::new() });
    }

    #[test]
    fn questions_whose_time_is_over_make_room_and_no_others() {
        let (mut questions, now) = (Questions::default(), tokio::time::Instant::now().into_std());
        ask(&mut questions, 1, now);
        ask(&mut questions, 2, now + Duration::from_secs(10));
        assert!(questions.has_room(3, now));
        assert!(!questions.has_room(2, now + Duration::from_secs(29)));
        assert!(questions.has_room(2, now + ANSWER_TIME_MAX));
        assert_eq!(questions.by_id.keys().collect::<Vec<_>>(), ["2"]);
        assert_eq!((questions.asked.len(), questions.by_age.len()), (1, 1));
    }

    #[test]
    fn a_question_that_is_asked_again_counts_once() {
        let (mut questions, now) = (Questions::default(), tokio::time::Instant::now().into_std());
        ask(&mut questions, 1, now);
        ask(&mut questions, 1, now + ANSWER_TIME_MAX);
        assert_eq!((questions.asked.len(), questions.by_id.len(), questions.by_age.len()), (1, 1, 1));
        let question = Question { ver: "1".to_owned(), elsewhere: None };
        assert_eq!(questions.remove(&question).unwrap().at, now + ANSWER_TIME_MAX);
        assert!(questions.by_id.is_empty() && questions.by_age.is_empty());
    }

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
