//! Presence subscriptions (RFC 6121 §3): who may see whom. The states are in `subscription_state`.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use model::{BareJid, Jid};
use store::{RosterItem, SubscriptionRequest};
use xmpp::{Builder, Condition, Context, Stamp, Stanza, StanzaError};

use super::roster::removed_element;
use super::{distant_clients, presence};
use crate::acceptance::storage_error;
use crate::router::contact_jid;
use crate::sessions::Seat;
use crate::subscription_state::{self, Request, State};
use crate::{About, Im, Spec};

/// What this feature is.
pub const ABOUT: About =
    About { name: "subscription", specs: &[Spec::rfc(6121, "§3, appendix A")], disco: &[], account: &[] };

/// The request that a presence type makes.
pub(crate) fn request(kind: &str) -> Option<Request> {
    Some(match kind {
        "subscribe" => Request::Subscribe,
        "unsubscribe" => Request::Unsubscribe,
        "subscribed" => Request::Subscribed,
        "unsubscribed" => Request::Unsubscribed,
        _ => return None,
    })
}

fn name(request: Request) -> &'static str {
    match request {
        Request::Subscribe => "subscribe",
        Request::Unsubscribe => "unsubscribe",
        Request::Subscribed => "subscribed",
        Request::Unsubscribed => "unsubscribed",
    }
}

/// One contact in one user's roster, read under the user's lock.
struct Relation {
    state: State,
    item: Option<RosterItem>,
}

impl Im {
    async fn relation(&self, user: &BareJid, contact: &BareJid) -> Result<Relation, StanzaError> {
        let item = self.store.roster_item(user, contact).await.map_err(|error| storage_error(&error))?;
        let requests = self.store.subscription_requests(user).await.map_err(|error| storage_error(&error))?;
        let pending_in = requests.iter().any(|request| request.contact == *contact);
        let (subscription, ask) = item.as_ref().map_or_else(Default::default, |i| (i.subscription, i.ask));
        Ok(Relation { state: State::of(subscription, ask, pending_in), item })
    }

    /// Stores what changed and pushes it; a roster without the contact stays so while nothing is to be said.
    /// `word` is what the user's clients hear of the contact before the push (§3.1.6, §3.2.3, §3.3.3).
    async fn relate(
        &self,
        (user, contact): (&BareJid, &BareJid),
        old: Relation,
        next: State,
        approved: bool,
        word: Option<&Bytes>,
    ) -> Result<(), StanzaError> {
        if old.state.pending_in() && !next.pending_in() {
            self.store
                .subscription_request_remove(user, contact)
                .await
                .map_err(|error| storage_error(&error))?;
        }
        let before = old.item.clone();
        let mut item = old.item.unwrap_or_else(|| RosterItem::new(contact.clone()));
        item.subscription = next.subscription();
        item.ask = next.pending_out();
        item.approved = approved;
        let same = match &before {
            Some(before) => *before == item,
            None => item == RosterItem::new(contact.clone()),
        };
        let said = || word.into_iter().for_each(|word| deliver_interested(self, user, word));
        if same {
            said();
            return Ok(());
        }
        self.put_item_after(user, item, said).await
    }
}

/// The user sends a request (RFC 6121 §3.1.2, §3.2.2, §3.3.2, §3.4.2).
pub(crate) async fn outbound(
    im: &Im,
    seat: &Arc<Seat>,
    stanza: &Stanza,
    request: Request,
    to: &str,
) -> Result<(), StanzaError> {
    let contact = to.parse::<Jid>().map_err(|_| Condition::JidMalformed)?.to_bare();
    let user = &seat.account.jid;
    if contact == *user {
        return Err(Condition::NotAllowed.into());
    }
    let elsewhere = im.is_remote(contact.domain().as_str());
    if !elsewhere && contact.node().is_none() {
        return Err(Condition::ServiceUnavailable.into());
    }
    if matches!(request, Request::Unsubscribe | Request::Unsubscribed)
        && im.store.colleagues().are(user, &contact)
    {
        return Err(super::shared_groups::is_colleague());
    }
    let before;
    let transition;
    {
        let _alone = im.users.roster_locks.lock(user).await;
        let relation = im.relation(user, &contact).await?;
        before = relation.state;
        transition = subscription_state::outbound(before, request);
        let approved = relation.item.as_ref().is_some_and(|item| item.approved);
        // §3.4: a grant that nobody asked for is kept for later; a refusal takes it back.
        let approved = match request {
            Request::Subscribed => approved || (!transition.pass && !before.subscription().to_contact()),
            Request::Unsubscribed => false,
            Request::Subscribe | Request::Unsubscribe => approved,
        };
        im.relate((user, &contact), relation, transition.next, approved, None).await?;
    }
    // §3.2.2: who could see the user sees them go before the word comes.
    revoked(im, user, &contact, before, transition.next);
    if transition.pass {
        // RFC 6121 §3.1.2: from the bare address, to the bare address.
        let stamp = Stamp::default().from(user.as_str()).to(contact.as_str());
        let bytes = stanza.to_bytes(Context::Client, &stamp);
        if elsewhere {
            im.post_remote(bytes)?;
        } else {
            inbound(im, user, &contact, bytes, request).await?;
        }
    }
    granted(im, user, &contact, before, transition.next).await;
    Ok(())
}

/// A request arrives for a user of ours (RFC 6121 §3.1.3, §3.2.3, §3.3.3).
pub(crate) async fn inbound(
    im: &Im,
    from: &BareJid,
    user: &BareJid,
    stanza: Bytes,
    request: Request,
) -> Result<(), StanzaError> {
    if im.sessions.account(user.as_str()).is_none() {
        if im.contacts.pin().get(user.as_str()).is_some() {
            return contact_answers(im, from, user, request).await;
        }
        if !im.account_exists(user).await? {
            // §3.1.3: nobody is there who could grant it.
            return match request {
                Request::Subscribe => answer(im, user, from, Request::Unsubscribed).await,
                _ => Ok(()),
            };
        }
    }
    let before;
    let transition;
    {
        let _alone = im.users.roster_locks.lock(user).await;
        let relation = im.relation(user, from).await?;
        before = relation.state;
        transition = subscription_state::inbound(before, request);
        let approved = relation.item.as_ref().is_some_and(|item| item.approved);
        if request == Request::Subscribe {
            if before.subscription().to_contact() {
                drop(_alone);
                return answer(im, user, from, Request::Subscribed).await;
            }
            if transition.pass && approved {
                let next = subscription_state::outbound(transition.next, Request::Subscribed).next;
                im.relate((user, from), relation, next, approved, None).await?;
                drop(_alone);
                answer(im, user, from, Request::Subscribed).await?;
                granted(im, user, from, before, next).await;
                return Ok(());
            }
            if transition.pass {
                return keep_request(im, from, user, stanza).await;
            }
            return Ok(());
        }
        if transition.pass {
            im.relate((user, from), relation, transition.next, approved, Some(&stanza)).await?;
        }
    }
    if transition.pass {
        // §3.3.3: last of all, who no longer wants to see the user sees them go.
        revoked(im, user, from, before, transition.next);
    }
    Ok(())
}

/// Stores a request until it is answered, and shows it (§3.1.3, rule 4 and 5).
async fn keep_request(im: &Im, from: &BareJid, user: &BareJid, stanza: Bytes) -> Result<(), StanzaError> {
    let waiting = im.store.subscription_requests(user).await.map_err(|error| storage_error(&error))?;
    if waiting.len() >= im.limits.load().account.subscription_requests_max {
        tracing::info!(user = %model::Private(user), "a subscription request was dropped: too many wait");
        return Ok(());
    }
    let request =
        SubscriptionRequest { contact: from.clone(), stanza: stanza.clone(), at: im.runtime.timestamp() };
    im.store.subscription_request_put(user, request).await.map_err(|error| storage_error(&error))?;
    deliver(im, user, &stanza);
    Ok(())
}

/// To every interested resource: those that hear how the roster changes (§3.1.6, §3.2.3, §3.3.3).
fn deliver_interested(im: &Im, user: &BareJid, stanza: &Bytes) {
    let Some(account) = im.sessions.account(user.as_str()) else { return };
    for seat in account.seats().iter().filter(|seat| seat.wants_roster.load(Ordering::Relaxed)) {
        im.push_bytes(seat, stanza.clone());
    }
}

/// To every available resource of the user.
fn deliver(im: &Im, user: &BareJid, stanza: &Bytes) {
    if let Some(account) = im.sessions.account(user.as_str()) {
        im.push_to_available(&account, stanza);
    }
}

/// The server answers in the user's name. Boxed: requests and answers call each other, at most twice.
async fn answer(im: &Im, user: &BareJid, to: &BareJid, request: Request) -> Result<(), StanzaError> {
    let stanza =
        Builder::presence(Context::Client).type_(name(request)).from(user.as_str()).to(to.as_str()).finish();
    if im.is_remote(to.domain().as_str()) {
        im.tell_remote(stanza);
        return Ok(());
    }
    Box::pin(inbound(im, user, to, stanza, request)).await
}

/// Contacts grant every subscription and are there at once.
async fn contact_answers(
    im: &Im,
    from: &BareJid,
    contact: &BareJid,
    request: Request,
) -> Result<(), StanzaError> {
    match request {
        Request::Subscribe => {
            answer(im, contact, from, Request::Subscribed).await?;
            presence::show_contact(im, contact, from);
        }
        Request::Unsubscribe => {
            let gone = Builder::presence(Context::Client)
                .type_("unavailable")
                .from(&contact_jid(contact))
                .to(from.as_str())
                .finish();
            presence::deliver(im, from.as_str(), &gone);
        }
        Request::Subscribed | Request::Unsubscribed => {}
    }
    Ok(())
}

/// What the contact sees of the user once they may (§3.1.5).
async fn granted(im: &Im, user: &BareJid, contact: &BareJid, before: State, next: State) {
    if !before.subscription().to_contact() && next.subscription().to_contact() {
        presence::show_to(im, user, contact);
        distant_clients::admitted(im, user, contact).await;
    }
}

/// What the contact sees of the user when they no longer may (§3.2.2, §3.3.3).
fn revoked(im: &Im, user: &BareJid, contact: &BareJid, before: State, next: State) {
    if before.subscription().to_contact() && !next.subscription().to_contact() {
        presence::hide_from(im, user, contact);
    }
}

/// The user takes a contact off the roster: both subscriptions end with it (RFC 6121 §2.5.2).
pub(crate) async fn remove_contact(im: &Im, user: &BareJid, contact: &BareJid) -> Result<(), StanzaError> {
    let before;
    {
        let _alone = im.users.roster_locks.lock(user).await;
        let relation = im.relation(user, contact).await?;
        if relation.item.is_none() {
            return Err(Condition::ItemNotFound.into());
        }
        before = relation.state;
        if before.pending_in() {
            im.store
                .subscription_request_remove(user, contact)
                .await
                .map_err(|error| storage_error(&error))?;
        }
        let version = im.store.roster_remove(user, contact).await.map_err(|error| storage_error(&error))?;
        if let Some(version) = version {
            im.push_change(user, version, removed_element(contact));
        }
    }
    if before.subscription().from_contact() || before.pending_out() {
        answer(im, user, contact, Request::Unsubscribe).await?;
    }
    revoked(im, user, contact, before, State::None);
    if before.subscription().to_contact() || before.pending_in() {
        answer(im, user, contact, Request::Unsubscribed).await?;
    }
    Ok(())
}
