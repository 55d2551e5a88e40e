//! Who is signed in: the table of accounts and the seats of their sessions, read without a lock.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI16, AtomicU64, AtomicUsize, Ordering};

use arc_swap::{ArcSwap, ArcSwapOption};
use model::{BareJid, FullJid, Timestamp};
use parking_lot::Mutex;
use store::Roster;
use tokio::sync::Notify;
use xmpp::Stanza;

use crate::conversation::Conversations;
use crate::features::distant_clients::DistantClients;
use crate::muc::Visitor;
use crate::outbox::Outbox;

/// Nodes of personal events that a client asks for.
pub(crate) type Interests = BTreeSet<Box<str>>;

/// The priority of a resource that is connected and not available.
const NOT_AVAILABLE: i16 = i16::MIN;

/// What others know of one session: its address, its queue and what it shows.
pub(crate) struct Seat {
    /// The full address.
    pub(crate) jid: FullJid,
    /// The account that the session belongs to.
    pub(crate) account: Arc<Account>,
    /// Where stanzas for the session go.
    pub(crate) outbox: Outbox,
    /// The last available presence, as it came from the client.
    pub(crate) shown: Mutex<Option<Box<Stanza>>>,
    /// The session asked for its roster and gets roster pushes (RFC 6121 §2.1.6).
    pub(crate) wants_roster: AtomicBool,
    /// The session asked for the list of whom its user blocks and hears of changes (XEP-0191 §3.2).
    pub(crate) wants_blocklist: AtomicBool,
    /// The session gets copies of what its user's other sessions send and get (XEP-0280).
    pub(crate) wants_carbons: AtomicBool,
    /// Nobody looks at the client (XEP-0352).
    inactive: AtomicBool,
    /// The nodes whose events the client's capabilities ask for (XEP-0163 §4.3); shared by all clients alike.
    interests: ArcSwapOption<Interests>,
    /// Who got directed presence and must hear when the session goes (RFC 6121 §4.6.3).
    pub(crate) directed: Mutex<BTreeSet<Box<str>>>,
    /// Where the session comes from.
    pub(crate) origin: Origin,
    /// The way to resume the session, once stream management allowed it.
    pub(crate) parking: Mutex<Option<Arc<crate::c2s::Parking>>>,
    /// Told when the session has ended and everybody knows.
    pub(crate) gone: Notify,
    /// Monotonic microseconds since the house started, of the last stanza that came in (XEP-0012).
    pub(crate) last_heard: AtomicU64,
    priority: AtomicI16,
}

/// Where a session comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    /// The client's address.
    pub(crate) address: IpAddr,
    /// When the session was bound.
    pub(crate) since: Timestamp,
}

impl Seat {
    /// A seat for a session that was just bound.
    pub(crate) fn new(jid: FullJid, account: Arc<Account>, origin: Origin) -> Self {
        Self {
            jid,
            account,
            outbox: Outbox::default(),
            shown: Mutex::default(),
            wants_roster: AtomicBool::default(),
            wants_blocklist: AtomicBool::default(),
            wants_carbons: AtomicBool::default(),
            inactive: AtomicBool::default(),
            interests: ArcSwapOption::empty(),
            directed: Mutex::default(),
            origin,
            parking: Mutex::default(),
            gone: Notify::new(),
            last_heard: AtomicU64::default(),
            priority: AtomicI16::new(NOT_AVAILABLE),
        }
    }

    /// The nodes whose events the client asks for, once that is known.
    pub(crate) fn interests(&self) -> Option<Arc<Interests>> {
        self.interests.load_full()
    }

    /// Notes what the client asks for.
    pub(crate) fn set_interests(&self, interests: &Arc<Interests>) {
        self.interests.store(Some(Arc::clone(interests)));
    }

    /// Does the client ask for the events of a node?
    pub(crate) fn wants_events_of(&self, node: &str) -> bool {
        self.interests.load().as_ref().is_some_and(|interests| interests.contains(node))
    }

    /// The session as rooms know it.
    pub(crate) fn visitor(&self) -> Visitor<'_> {
        Visitor { jid: &self.jid, user: &self.account.jid }
    }

    /// Said the client that nobody looks at it?
    pub(crate) fn is_inactive(&self) -> bool {
        self.inactive.load(Ordering::Relaxed)
    }

    /// Notes what the client says.
    pub(crate) fn set_inactive(&self, inactive: bool) {
        self.inactive.store(inactive, Ordering::Relaxed);
    }

    /// The resource's name.
    pub(crate) fn resource(&self) -> &str {
        self.jid.resource().as_str()
    }

    /// The priority of an available resource.
    pub(crate) fn priority(&self) -> Option<i8> {
        i8::try_from(self.priority.load(Ordering::SeqCst)).ok()
    }

    /// Makes the resource available with a priority, or not available. `SeqCst`, because the spool relies on
    /// the order between this and the journal's numbers.
    pub(crate) fn set_priority(&self, priority: Option<i8>) {
        self.priority.store(priority.map_or(NOT_AVAILABLE, i16::from), Ordering::SeqCst);
    }

    /// True for a resource that gets messages to the bare address.
    pub(crate) fn takes_messages(&self) -> bool {
        self.priority.load(Ordering::SeqCst) >= 0
    }
}

/// One account that has at least one session.
pub(crate) struct Account {
    /// The bare address.
    pub(crate) jid: BareJid,
    /// Which conversations are with which of its devices.
    pub(crate) conversations: Conversations,
    /// Clients elsewhere that show themselves to the user.
    pub(crate) distant: DistantClients,
    seats: ArcSwap<Vec<Arc<Seat>>>,
    roster: Mutex<CachedRoster>,
}

#[derive(Default)]
struct CachedRoster {
    roster: Option<Arc<Roster>>,
    /// Rises with every change, so that a roster read before a change is not kept after it.
    generation: u64,
    used: bool,
}

impl Account {
    fn new(jid: BareJid) -> Self {
        Self {
            jid,
            conversations: Conversations::default(),
            distant: DistantClients::default(),
            seats: ArcSwap::default(),
            roster: Mutex::default(),
        }
    }

    /// The sessions, oldest first.
    pub(crate) fn seats(&self) -> arc_swap::Guard<Arc<Vec<Arc<Seat>>>> {
        self.seats.load()
    }

    /// The session of a resource.
    pub(crate) fn seat(&self, resource: &str) -> Option<Arc<Seat>> {
        self.seats.load().iter().find(|seat| seat.resource() == resource).cloned()
    }

    /// The roster, if it is held in memory, and the generation to give back to [`Account::keep_roster`].
    pub(crate) fn roster(&self) -> (Option<Arc<Roster>>, u64) {
        let mut cached = self.roster.lock();
        cached.used = true;
        (cached.roster.clone(), cached.generation)
    }

    /// Holds a roster that was read while `generation` stood.
    pub(crate) fn keep_roster(&self, roster: &Arc<Roster>, generation: u64) {
        let mut cached = self.roster.lock();
        if cached.generation == generation {
            cached.roster = Some(Arc::clone(roster));
        }
    }

    /// The stored roster has changed.
    pub(crate) fn forget_roster(&self) {
        let mut cached = self.roster.lock();
        cached.generation += 1;
        cached.roster = None;
    }

    /// Gives the roster's memory back if nobody asked since the last call.
    fn rest(&self) {
        let mut cached = self.roster.lock();
        if !std::mem::take(&mut cached.used) {
            cached.roster = None;
        }
    }
}

/// Too many sessions of one account.
#[derive(Debug)]
pub(crate) struct TooMany;

/// All accounts with sessions, by bare address.
#[derive(Default)]
pub(crate) struct Sessions {
    accounts: papaya::HashMap<Box<str>, Arc<Account>>,
    /// Held while a session comes or goes; never while one is looked up.
    change: Mutex<()>,
    count: AtomicUsize,
}

impl Sessions {
    /// The account of a bare address that has sessions.
    pub(crate) fn account(&self, bare: &str) -> Option<Arc<Account>> {
        self.accounts.pin().get(bare).cloned()
    }

    /// The session of a full address.
    pub(crate) fn seat(&self, bare: &str, resource: &str) -> Option<Arc<Seat>> {
        self.account(bare)?.seat(resource)
    }

    /// Seats a session. The caller has ended any other session of the same resource before.
    pub(crate) fn add(&self, jid: FullJid, origin: Origin, max: usize) -> Result<Arc<Seat>, TooMany> {
        let _change = self.change.lock();
        let accounts = self.accounts.pin();
        let bare = jid.to_bare();
        let known = accounts.get(bare.as_str());
        if known.is_some_and(|account| account.seats.load().len() >= max) {
            return Err(TooMany);
        }
        let account = match known {
            Some(account) => Arc::clone(account),
            None => Arc::new(Account::new(bare)),
        };
        let seat = Arc::new(Seat::new(jid, Arc::clone(&account), origin));
        let mut seats: Vec<Arc<Seat>> = account.seats.load().as_ref().clone();
        seats.push(Arc::clone(&seat));
        account.seats.store(Arc::new(seats));
        if known.is_none() {
            accounts.insert(account.jid.as_str().into(), account);
        }
        let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        metrics::gauge!("carillon_im_sessions").set(count as f64);
        Ok(seat)
    }

    /// Takes a session out; true when it was there.
    pub(crate) fn remove(&self, seat: &Arc<Seat>) -> bool {
        let _change = self.change.lock();
        let mut seats: Vec<Arc<Seat>> = seat.account.seats.load().as_ref().clone();
        let before = seats.len();
        seats.retain(|other| !Arc::ptr_eq(other, seat));
        if seats.len() == before {
            return false;
        }
        let empty = seats.is_empty();
        seat.account.seats.store(Arc::new(seats));
        if empty {
            self.accounts.pin().remove(seat.account.jid.as_str());
        }
        let count = self.count.fetch_sub(1, Ordering::Relaxed) - 1;
        metrics::gauge!("carillon_im_sessions").set(count as f64);
        true
    }

    /// How many sessions there are, waiting ones included.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// All accounts that have sessions, by address.
    pub(crate) fn accounts(&self) -> Vec<Arc<Account>> {
        let mut all: Vec<Arc<Account>> = self.accounts.pin().values().cloned().collect();
        all.sort_by(|a, b| a.jid.as_str().cmp(b.jid.as_str()));
        all
    }

    /// Gives back the memory of rosters that nobody looked at since the last call.
    pub(crate) fn rest(&self) {
        for account in self.accounts.pin().values() {
            account.rest();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Origin {
        Origin { address: IpAddr::from([127, 0, 0, 1]), since: Timestamp(0) }
    }

    fn jid(text: &str) -> FullJid {
        text.parse().unwrap()
    }

    #[test]
    fn an_account_is_there_while_it_has_sessions() {
        let sessions = Sessions::default();
        let desk = sessions.add(jid("bob@x/desk"), origin(), 2).unwrap();
        let hand = sessions.add(jid("bob@x/hand"), origin(), 2).unwrap();
        assert!(sessions.add(jid("bob@x/third"), origin(), 2).is_err());
        assert!(Arc::ptr_eq(&sessions.seat("bob@x", "desk").unwrap(), &desk));
        assert!(sessions.remove(&desk));
        assert!(!sessions.remove(&desk), "a session goes once");
        assert!(sessions.account("bob@x").is_some());
        assert!(sessions.remove(&hand));
        assert!(sessions.account("bob@x").is_none());
        assert_eq!(sessions.count(), 0);
    }

    #[test]
    fn only_an_available_resource_has_a_priority() {
        let sessions = Sessions::default();
        let seat = sessions.add(jid("bob@x/desk"), origin(), 1).unwrap();
        assert_eq!((seat.priority(), seat.takes_messages()), (None, false));
        seat.set_priority(Some(-1));
        assert_eq!((seat.priority(), seat.takes_messages()), (Some(-1), false));
        seat.set_priority(Some(0));
        assert!(seat.takes_messages());
    }

    #[test]
    fn a_roster_read_before_a_change_is_not_kept_after_it() {
        let account = Account::new("bob@x".parse().unwrap());
        let (none, generation) = account.roster();
        assert!(none.is_none());
        account.forget_roster();
        let stale = Arc::new(Roster { version: 1, items: Vec::new() });
        account.keep_roster(&stale, generation);
        assert!(account.roster().0.is_none());
        let (_, generation) = account.roster();
        account.keep_roster(&stale, generation);
        assert!(account.roster().0.is_some());
        account.rest();
        account.rest();
        assert!(account.roster().0.is_none(), "unused for a whole turn");
    }
}
