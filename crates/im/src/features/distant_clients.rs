//! Clients elsewhere whose presence a signed-in user gets: those that ask for personal events hear of them
//! (XEP-0163 §4.3).
//!
//! They are held with the user's account, so what is known of them goes when its last session ends; when the user
//! comes again, the probes of RFC 6121 §4.3 bring it back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{BareJid, FullJid, Jid};
use parking_lot::Mutex;
use store::Roster;
use xmpp::Stanza;
use xmpp::xep::caps::{Caps, NS};

use super::presence::remote_watchers;
use super::{activity, caps};
use crate::Im;
use crate::pubsub::events;
use crate::sessions::{Account, Interests};

/// The clients elsewhere that one account knows of.
#[derive(Default)]
pub(crate) struct DistantClients(Mutex<BTreeMap<FullJid, Client>>);

struct Client {
    /// The hash that it sends.
    ver: Box<str>,
    /// The nodes whose events it asks for, once that is known.
    interests: Option<Arc<Interests>>,
}

impl DistantClients {
    /// Notes the hash that a client sends; false if it is the one that is known, or if there is no room.
    fn shows(&self, client: &FullJid, ver: &str, max: usize) -> bool {
        let mut clients = self.0.lock();
        let known = clients.get(client);
        if known.is_some_and(|known| *known.ver == *ver && known.interests.is_some())
            || known.is_none() && clients.len() >= max
        {
            return false;
        }
        clients.insert(client.clone(), Client { ver: ver.into(), interests: None });
        true
    }

    /// Notes what a client asks for; false if that is about another hash than it sends now.
    pub(crate) fn learn(&self, client: &FullJid, ver: &str, interests: &Arc<Interests>) -> bool {
        match self.0.lock().get_mut(client) {
            Some(known) if *known.ver == *ver => {
                known.interests = Some(Arc::clone(interests));
                true
            }
            _ => false,
        }
    }

    /// Forgets a client, or all of a contact.
    fn forget(&self, who: &Jid) {
        let mut clients = self.0.lock();
        match who.clone().try_into_full() {
            Ok(client) => drop(clients.remove(&client)),
            Err(contact) => clients.retain(|client, _| !is_of(client, &contact)),
        }
    }

    /// The clients that ask for the events of a node.
    pub(crate) fn wanting(&self, node: &str) -> Vec<FullJid> {
        let clients = self.0.lock();
        let wants = |client: &Client| client.interests.as_ref().is_some_and(|all| all.contains(node));
        clients.iter().filter(|(_, client)| wants(client)).map(|(jid, _)| jid.clone()).collect()
    }

    /// All clients of a contact of which it is known what they ask for.
    fn of(&self, contact: &BareJid) -> Vec<(FullJid, Arc<Interests>)> {
        let clients = self.0.lock();
        let known = clients.iter().filter(|(jid, _)| is_of(jid, contact));
        known.filter_map(|(jid, client)| Some((jid.clone(), client.interests.clone()?))).collect()
    }
}

fn is_of(client: &FullJid, contact: &BareJid) -> bool {
    client.domain() == contact.domain() && client.node() == contact.node()
}

/// Presence from elsewhere: a client is there, shows other capabilities, or is gone.
pub(crate) async fn seen(im: &Im, stanza: &Stanza, from: &Jid, user: &BareJid) {
    let Some(account) = im.sessions.account(user.as_str()) else { return };
    let caps = stanza.child("c", NS).and_then(|c| Caps::from_element(&c).ok());
    let (Some(caps), Ok(client), None) = (caps, from.clone().try_into_full(), stanza.type_()) else {
        return account.distant.forget(from);
    };
    let contact = client.to_bare();
    // Whom the user does not know takes no room here.
    let Ok(roster) = im.roster(&account).await else { return };
    if !roster.items.iter().any(|item| item.contact == contact) {
        return;
    }
    if !account.distant.shows(&client, &caps.ver, im.limits.load().account.distant_clients_max) {
        return;
    }
    if let Some(interests) = caps::learn_distant(im, &account, &client, caps.clone()) {
        understood(im, &account, &client, &caps.ver, &interests).await;
    }
}

/// It has become known what a client asks for: it hears the newest of it (XEP-0163 §4.3.3).
pub(crate) async fn understood(
    im: &Im,
    account: &Account,
    client: &FullJid,
    ver: &str,
    interests: &Arc<Interests>,
) {
    if account.distant.learn(client, ver, interests)
        && let Ok(roster) = im.roster(account).await
    {
        catch_up(im, account, client, interests, &roster).await;
    }
}

/// A contact may see the user from now on: its clients hear the newest of what they ask for.
pub(crate) async fn admitted(im: &Im, user: &BareJid, contact: &BareJid) {
    let Some(account) = im.sessions.account(user.as_str()) else { return };
    let clients = account.distant.of(contact);
    if clients.is_empty() {
        return;
    }
    let Ok(roster) = im.roster(&account).await else { return };
    for (client, interests) in clients {
        catch_up(im, &account, &client, &interests, &roster).await;
    }
}

async fn catch_up(im: &Im, account: &Account, client: &FullJid, interests: &Interests, roster: &Roster) {
    let user = &account.jid;
    if !may_see(im, user, &client.to_bare(), roster) || interests.is_empty() {
        return;
    }
    activity::catch_up_distant(im, user, client, interests);
    events::catch_up_distant(im, user, client, interests, roster).await;
}

/// The clients elsewhere that are told of an event: they ask for it, and their users may see this one.
pub(crate) fn wanting(im: &Im, user: &BareJid, roster: &Roster, node: &str) -> Vec<FullJid> {
    let account = im.sessions.account(user.as_str());
    let mut clients = account.map(|account| account.distant.wanting(node)).unwrap_or_default();
    if !clients.is_empty() {
        let mut watchers = BTreeSet::new();
        remote_watchers(im, user, roster, |contact| {
            watchers.insert(contact.clone());
        });
        clients.retain(|client| watchers.contains(&client.to_bare()));
    }
    clients
}

fn may_see(im: &Im, user: &BareJid, contact: &BareJid, roster: &Roster) -> bool {
    let may = roster.items.iter().any(|item| item.contact == *contact && item.subscription.to_contact());
    may && !im.users.blocked.parts(user, contact)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jid(text: &str) -> FullJid {
        text.parse().unwrap()
    }

    fn interests() -> Arc<Interests> {
        Arc::new(std::iter::once("tune".into()).collect())
    }

    #[test]
    fn a_client_is_known_until_it_goes_or_changes() {
        let clients = DistantClients::default();
        let (desk, hand) = (jid("bob@b/desk"), jid("bob@b/hand"));
        assert!(clients.shows(&desk, "1", 2) && clients.shows(&hand, "1", 2));
        assert!(clients.wanting("tune").is_empty(), "nobody has answered");
        assert!(clients.learn(&desk, "1", &interests()));
        assert!(!clients.learn(&hand, "2", &interests()), "it sends another hash");
        assert_eq!(clients.wanting("tune"), std::slice::from_ref(&desk));
        assert!(!clients.shows(&desk, "1", 2), "nothing is new");
        assert!(clients.shows(&desk, "2", 2), "another hash");
        assert!(clients.wanting("tune").is_empty());
        clients.learn(&desk, "2", &interests());
        clients.forget(&desk.clone().into());
        assert!(clients.wanting("tune").is_empty());
    }

    #[test]
    fn there_is_room_for_so_many_only_and_a_contact_is_forgotten_as_a_whole() {
        let clients = DistantClients::default();
        let (one, two, three) = (jid("bob@b/1"), jid("bob@b/2"), jid("eve@b/3"));
        assert!(clients.shows(&one, "1", 2) && clients.shows(&two, "1", 2));
        assert!(!clients.shows(&three, "1", 2));
        clients.forget(&one.to_bare().into());
        assert!(clients.shows(&three, "1", 2));
        assert_eq!(clients.0.lock().len(), 1);
    }
}
