//! Blocking (XEP-0191): who is blocked reaches the user no more, and hears and sees nothing of them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use model::{BareJid, Jid};
use xmpp::{Builder, Condition, Context, Element, StanzaError};

use super::presence;
use crate::acceptance::storage_error;
use crate::sessions::Seat;
use crate::{About, Im, Spec};

/// What this feature is.
pub const ABOUT: About =
    About { name: "blocking", specs: &[Spec::xep(191, "1.3")], disco: &[NS], account: &[] };

/// The namespace.
pub(crate) const NS: &str = "urn:xmpp:blocking";
/// The namespace of the error that tells the blocker (§3.5).
const ERRORS: &str = "urn:xmpp:blocking:errors";

/// Whom users block, by bare address, of those who block somebody. In memory, because every stanza is held against it.
#[derive(Default)]
pub(crate) struct Blocked {
    lists: papaya::HashMap<Box<str>, Arc<BTreeSet<Jid>>>,
    /// Nobody has ever blocked anybody: nothing is looked up.
    any: AtomicBool,
}

impl Blocked {
    /// Reads what was kept.
    pub(crate) async fn load(&self, store: &store::Store) -> Result<(), store::Error> {
        let mut lists = std::collections::BTreeMap::<BareJid, BTreeSet<Jid>>::new();
        for (owner, address) in store.blocked().await? {
            lists.entry(owner).or_default().insert(address);
        }
        for (owner, list) in lists {
            self.put(&owner, list);
        }
        Ok(())
    }

    fn put(&self, owner: &BareJid, list: BTreeSet<Jid>) {
        self.lists.pin().insert(owner.as_str().into(), Arc::new(list));
        self.any.store(true, Ordering::Release);
    }

    /// The user is gone.
    pub(crate) fn forget(&self, user: &str) {
        self.lists.pin().remove(user);
    }

    fn list(&self, owner: &str) -> Arc<BTreeSet<Jid>> {
        self.lists.pin().get(owner).cloned().unwrap_or_default()
    }

    /// Does `owner` block `other`: the full address, its bare one, or its domain (§2)?
    pub(crate) fn blocks(&self, owner: &str, other: &str) -> bool {
        if !self.any.load(Ordering::Acquire) {
            return false;
        }
        let lists = self.lists.pin();
        let Some(list) = lists.get(owner) else { return false };
        let Ok(other) = other.parse::<Jid>() else { return false };
        // One's own devices and one's own server are never cut off.
        if list.is_empty() || other.to_bare().as_str() == owner {
            return false;
        }
        let domain = other.domain().as_str();
        list.iter().any(|blocked| {
            let same_domain = blocked.domain().as_str() == domain;
            same_domain
                && blocked.node().is_none_or(|node| other.node() == Some(node))
                && blocked.resource().is_none_or(|resource| other.resource() == Some(resource))
        })
    }

    /// Does one of the two block the other?
    pub(crate) fn parts(&self, one: &BareJid, other: &BareJid) -> bool {
        self.any.load(Ordering::Acquire)
            && (self.blocks(one.as_str(), other.as_str()) || self.blocks(other.as_str(), one.as_str()))
    }
}

impl Im {
    /// Refuses a stanza between two of whom one blocks the other: the sender's own block is told as such (§3.5);
    /// that of the addressee looks as if nobody were there (§3.4).
    pub(crate) fn check_blocked(&self, from: &str, to: &str) -> Result<(), StanzaError> {
        let bare = |address: &str| model::bare_of(address).to_owned();
        if !self.users.blocked.any.load(Ordering::Acquire) {
            return Ok(());
        }
        if self.users.blocked.blocks(&bare(from), to) {
            let error = StanzaError::new(xmpp::ErrorKind::Cancel, Condition::NotAcceptable);
            return Err(error.with_app(Element::new("blocked", ERRORS)));
        }
        if self.users.blocked.blocks(&bare(to), from) {
            return Err(Condition::ServiceUnavailable.into());
        }
        Ok(())
    }
}

/// Whom the user blocks (§3.1).
pub(crate) fn get(im: &Im, seat: &Seat) -> Element {
    seat.wants_blocklist.store(true, Ordering::Relaxed);
    items("blocklist", &im.users.blocked.list(seat.account.jid.as_str()))
}

fn items(name: &'static str, addresses: &BTreeSet<Jid>) -> Element {
    let item = |address: &Jid| Element::new("item", NS).with_attr("jid", address.as_str());
    addresses.iter().map(item).fold(Element::new(name, NS), Element::with_child)
}

/// Blocks (§3.2) or unblocks (§3.3); without items everybody is unblocked.
pub(crate) async fn set(im: &Im, seat: &Seat, payload: &Element) -> Result<Option<Element>, StanzaError> {
    let owner = &seat.account.jid;
    let named = payload.children().filter(|child| child.is("item", NS));
    let jid = |item: &Element| item.attr("jid").and_then(|jid| jid.parse::<Jid>().ok());
    let named: Option<BTreeSet<Jid>> = named.map(jid).collect();
    let named = named.ok_or(Condition::JidMalformed)?;
    // The list is changed by one task at a time, so that none of two changes is lost.
    let alone = im.users.roster_locks.lock(owner).await;
    let before = im.users.blocked.list(owner.as_str());
    let (block, unblock) = match payload.name() {
        "block" if named.is_empty() => return Err(Condition::BadRequest.into()),
        "block" => (&named - &before, BTreeSet::new()),
        _ if named.is_empty() => (BTreeSet::new(), before.as_ref().clone()),
        _ => (BTreeSet::new(), &named & &before),
    };
    // §3.2: those who are blocked see the user leave, before nothing reaches them any more.
    for address in &block {
        disappear(im, owner, &address.to_bare()).await;
    }
    let kept = im.store.blocked_change(owner, block.clone(), unblock.clone()).await;
    kept.map_err(|error| storage_error(&error))?;
    im.users.blocked.put(owner, &(&*before | &block) - &unblock);
    drop(alone);
    push(im, seat, payload.name(), &named);
    for address in &unblock {
        reappear(im, owner, &address.to_bare()).await;
    }
    Ok(None)
}

/// Tells those of the user's clients that asked for the list what has changed (§3.2).
fn push(im: &Im, seat: &Seat, name: &str, named: &BTreeSet<Jid>) {
    let name = if name == "block" { "block" } else { "unblock" };
    for other in seat.account.seats().iter().filter(|other| other.wants_blocklist.load(Ordering::Relaxed)) {
        let id = im.runtime.random_token(8);
        let mut push = Builder::iq(Context::Client);
        push.type_("set").id(&id).from(seat.account.jid.as_str()).to(other.jid.as_str());
        im.push_bytes(other, push.element(&items(name, named)).finish());
    }
}

/// Who is blocked and may see the user does so no more, and the other way. Others learn nothing: that somebody is
/// there is not to be found out by blocking them.
async fn disappear(im: &Im, owner: &BareJid, other: &BareJid) {
    for (user, watcher) in [(owner, other), (other, owner)] {
        let may_watch = ::presence::may_watch(&im.store, watcher, user).await.unwrap_or(false);
        if may_watch || has_directed(im, user, watcher) {
            presence::hide_from(im, user, watcher);
        }
    }
}

/// Has somebody shown themselves to another who may not watch them (RFC 6121 §4.6)?
fn has_directed(im: &Im, user: &BareJid, watcher: &BareJid) -> bool {
    let to_watcher = |to: &str| model::bare_of(to) == watcher.as_str();
    im.sessions.account(user.as_str()).is_some_and(|account| {
        account.seats().iter().any(|seat| seat.directed.lock().iter().any(|to| to_watcher(to)))
    })
}

/// Who is unblocked and may see the user does so again (§3.3), and the other way.
async fn reappear(im: &Im, owner: &BareJid, other: &BareJid) {
    for (user, watcher) in [(owner, other), (other, owner)] {
        if let Ok(true) = ::presence::may_watch(&im.store, watcher, user).await {
            presence::show_to(im, user, watcher);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocked(addresses: &[&str]) -> Blocked {
        let blocked = Blocked::default();
        let list = addresses.iter().map(|address| address.parse().unwrap()).collect();
        blocked.put(&"ann@x".parse().unwrap(), list);
        blocked
    }

    #[test]
    fn a_block_covers_what_is_below_it() {
        let blocked = blocked(&["bob@x", "spam.example", "carol@x/phone"]);
        for (other, covered) in [
            ("bob@x", true),
            ("bob@x/desk", true),
            ("bobby@x", false),
            ("anybody@spam.example/x", true),
            ("spam.example", true),
            ("carol@x/phone", true),
            ("carol@x/desk", false),
            ("carol@x", false),
            ("x", false),
        ] {
            assert_eq!(blocked.blocks("ann@x", other), covered, "{other}");
        }
        assert!(!blocked.blocks("bob@x", "ann@x"));
        assert!(blocked.parts(&"bob@x".parse().unwrap(), &"ann@x".parse().unwrap()));
    }

    #[test]
    fn nobody_blocks_themselves() {
        assert!(!blocked(&["x"]).blocks("ann@x", "ann@x/phone"));
    }
}
