//! The roster (RFC 6121 §2): get with versioning, set, remove, and the pushes that keep all clients alike.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::{BareJid, Jid};
use store::{Roster, RosterChange, RosterItem, Subscription};
use tokio::sync::{Mutex, MutexGuard};
use xmpp::xep::roster::{self as xep, Item};
use xmpp::{Builder, Condition, Context, Element, StanzaError, ns};

use crate::acceptance::storage_error;
use crate::sessions::{Account, Seat};
use crate::{About, Im, Spec};

/// What this feature is. Versioning and pre-approval are stream features (RFC 6121 §2.6.1, §3.4.1).
pub const ABOUT: About = About {
    name: "roster",
    specs: &[Spec::rfc(6121, "§2"), Spec::xep(237, "1.3")],
    disco: &[ns::ROSTER],
    account: &[],
};

/// Stripes of the locks below: different users seldom wait for each other.
const LOCKS: usize = 64;

/// One user's roster is changed by one task at a time. A task never holds two.
pub(crate) struct Locks([Mutex<()>; LOCKS]);

impl Default for Locks {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }
}

impl Locks {
    /// Waits until nobody else changes the roster of `user`.
    pub(crate) async fn lock(&self, user: &BareJid) -> MutexGuard<'_, ()> {
        let hash = user
            .as_str()
            .bytes()
            .fold(0_usize, |hash, byte| (hash ^ usize::from(byte)).wrapping_mul(0x0100_0000_01b3));
        self.0[hash % LOCKS].lock().await
    }
}

impl Im {
    /// The roster of an account with sessions: from memory, or read once and held while it is used.
    pub(crate) async fn roster(&self, account: &Account) -> Result<Arc<Roster>, store::Error> {
        let (held, generation) = account.roster();
        if let Some(roster) = held {
            return Ok(roster);
        }
        let mut roster = self.store.roster(&account.jid).await?;
        roster.items.sort_by(|a, b| a.contact.as_str().cmp(b.contact.as_str()));
        let roster = Arc::new(roster);
        account.keep_roster(&roster, generation);
        Ok(roster)
    }

    /// The roster of a user, signed in or not.
    pub(crate) async fn roster_of(&self, user: &BareJid) -> Result<Arc<Roster>, store::Error> {
        match self.sessions.account(user.as_str()) {
            Some(account) => self.roster(&account).await,
            None => Ok(Arc::new(self.store.roster(user).await?)),
        }
    }

    /// Stores an item and pushes it to the user's clients.
    pub(crate) async fn put_item(&self, user: &BareJid, item: RosterItem) -> Result<(), StanzaError> {
        self.put_item_after(user, item, || ()).await
    }

    /// The same; `said` says what the clients are to hear before the push, once the item is stored.
    pub(crate) async fn put_item_after(
        &self,
        user: &BareJid,
        item: RosterItem,
        said: impl FnOnce(),
    ) -> Result<(), StanzaError> {
        let version =
            self.store.roster_put(user, item.clone()).await.map_err(|error| storage_error(&error))?;
        // A colleague is shown with what comes with the group.
        let shown =
            self.store.roster_item(user, &item.contact).await.map_err(|error| storage_error(&error))?;
        said();
        self.push_change(user, version, item_element(&shown.unwrap_or(item)));
        Ok(())
    }

    /// Tells every client that asked for the roster (RFC 6121 §2.1.6).
    pub(crate) fn push_change(&self, user: &BareJid, version: i64, item: Element) {
        let Some(account) = self.sessions.account(user.as_str()) else { return };
        account.forget_roster();
        for seat in account.seats().iter().filter(|seat| seat.wants_roster.load(Ordering::Relaxed)) {
            self.push_bytes(seat, push(self, seat, version, &item));
        }
    }
}

/// `get`: the whole roster, or nothing and then what changed since the client's version (RFC 6121 §2.6.3).
/// The pushes are to be sent behind the result.
pub(crate) async fn get(
    im: &Im,
    seat: &Seat,
    query: &Element,
) -> Result<(Option<Element>, Vec<bytes::Bytes>), StanzaError> {
    seat.wants_roster.store(true, Ordering::Relaxed);
    let known = query.attr("ver").and_then(|version| version.parse::<i64>().ok());
    if let Some(known) = known {
        let changes =
            im.store.roster_since(&seat.account.jid, known).await.map_err(|error| storage_error(&error))?;
        if let Some(changes) = changes {
            return Ok((None, changes.iter().map(|change| replay(im, seat, change)).collect()));
        }
    }
    let answer = whole(im, &seat.account.jid, query).await?;
    Ok((Some(answer), Vec::new()))
}

/// All of a roster, with its version for who asks with one.
pub(crate) async fn whole(im: &Im, user: &BareJid, query: &Element) -> Result<Element, StanzaError> {
    let roster = im.roster_of(user).await.map_err(|error| storage_error(&error))?;
    let mut answer = Element::new("query", ns::ROSTER);
    if query.attr("ver").is_some() {
        answer.set_attr("ver", roster.version.to_string());
    }
    for item in &roster.items {
        answer.push(item_element(item));
    }
    Ok(answer)
}

/// `set`: adds or changes one item; what the client may change is its name and groups (RFC 6121 §2.1.5).
pub(crate) async fn set(im: &Im, user: &BareJid, query: &Element) -> Result<(), StanzaError> {
    let asked = Asked::read(im, user, query)?;
    if asked.remove {
        if im.store.colleagues().are(user, &asked.contact) {
            return Err(super::shared_groups::is_colleague());
        }
        return super::subscription::remove_contact(im, user, &asked.contact).await;
    }
    let _alone = im.users.roster_locks.lock(user).await;
    let old = im.store.roster_item(user, &asked.contact).await.map_err(|error| storage_error(&error))?;
    if old.is_none() {
        let roster = im.roster_of(user).await.map_err(|error| storage_error(&error))?;
        if roster.items.len() >= im.limits.load().account.roster_items_max {
            return Err(Condition::ResourceConstraint.into());
        }
    }
    let mut item = old.unwrap_or_else(|| RosterItem::new(asked.contact));
    item.name = asked.name;
    item.groups = asked.groups;
    im.put_item(user, item).await
}

/// What a roster set asks for, checked (RFC 6121 §2.3.3).
struct Asked {
    contact: BareJid,
    name: String,
    groups: Vec<String>,
    remove: bool,
}

impl Asked {
    fn read(im: &Im, user: &BareJid, query: &Element) -> Result<Self, StanzaError> {
        let limits = im.limits.load().account;
        let mut items = query.children().filter(|child| child.is("item", ns::ROSTER));
        let (Some(item), None) = (items.next(), items.next()) else {
            return Err(StanzaError::from(Condition::BadRequest).with_text("exactly one item"));
        };
        let contact: Jid =
            item.attr("jid").ok_or(Condition::BadRequest)?.parse().map_err(|_| Condition::JidMalformed)?;
        if contact.to_bare() == *user {
            return Err(Condition::NotAllowed.into());
        }
        let mut groups: Vec<String> = Vec::new();
        for group in item.children().filter(|child| child.is("group", ns::ROSTER)).map(Element::text) {
            if group.is_empty() || group.chars().count() > limits.roster_name_chars_max {
                return Err(Condition::NotAcceptable.into());
            }
            if groups.contains(&group) {
                return Err(Condition::BadRequest.into());
            }
            groups.push(group);
        }
        let name = item.attr("name").unwrap_or_default().to_owned();
        if groups.len() > limits.roster_groups_max || name.chars().count() > limits.roster_name_chars_max {
            return Err(Condition::NotAcceptable.into());
        }
        let remove = item.attr("subscription") == Some("remove");
        Ok(Self { contact: contact.to_bare(), name, groups, remove })
    }
}

/// `<item/>` as clients see it.
pub(crate) fn item_element(item: &RosterItem) -> Element {
    Item {
        jid: item.contact.clone(),
        name: Some(item.name.clone()).filter(|name| !name.is_empty()),
        subscription: match item.subscription {
            Subscription::None => xep::Subscription::None,
            Subscription::To => xep::Subscription::To,
            Subscription::From => xep::Subscription::From,
            Subscription::Both => xep::Subscription::Both,
        },
        ask: item.ask && !item.subscription.from_contact(),
        approved: item.approved,
        groups: item.groups.clone(),
    }
    .to_element()
}

/// `<item/>` of a contact that is gone.
pub(crate) fn removed_element(contact: &BareJid) -> Element {
    Element::new("item", ns::ROSTER).with_attr("jid", contact.as_str()).with_attr("subscription", "remove")
}

fn replay(im: &Im, seat: &Seat, change: &RosterChange) -> bytes::Bytes {
    match change {
        RosterChange::Put { version, item } => push(im, seat, *version, &item_element(item)),
        RosterChange::Removed { version, contact } => push(im, seat, *version, &removed_element(contact)),
    }
}

fn push(im: &Im, seat: &Seat, version: i64, item: &Element) -> bytes::Bytes {
    Builder::iq(Context::Client)
        .type_("set")
        .id(&im.runtime.random_token(8))
        .to(seat.jid.as_str())
        .open("query", ns::ROSTER)
        .attr("ver", &version.to_string())
        .element(item)
        .finish()
}
