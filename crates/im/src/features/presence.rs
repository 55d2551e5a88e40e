//! Presence (RFC 6121 §4): initial, later, directed and last; probes are answered from memory.

use std::sync::Arc;

use bytes::Bytes;
use model::{BareJid, Timestamp};
use presence::{Observation, Observed, Show, Source};
use store::{LastActivity, Roster};
use xmpp::{Builder, Condition, Context, Stamp, Stanza, StanzaError, ns};

use super::{activity, announcements, caps, push};
use crate::acceptance::storage_error;
use crate::delivery::{Delivery, Reach, What, decide};
use crate::presence_output::{Overlay, REASON_NS};
use crate::pubsub;
use crate::router::{Target, contact_jid};
use crate::sessions::{Account, Seat};
use crate::{About, Im, Spec};

/// What this feature is.
pub const ABOUT: About =
    About { name: "presence", specs: &[Spec::rfc(6121, "§4")], disco: &[], account: &[] };

/// What a presence made of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Became {
    /// It takes messages from now on, and did not before: the spool is to be read.
    TakingMessages,
    /// Anything else.
    Other,
}

/// The client says that it is available (RFC 6121 §4.2, §4.4).
pub(crate) async fn available(im: &Im, seat: &Arc<Seat>, stanza: &Stanza) -> Result<Became, StanzaError> {
    if stanza.bytes().len() > im.limits.load().session.presence_bytes_max {
        return Err(Condition::PolicyViolation.into());
    }
    let said = Said::read(stanza)?;
    let (first, took_messages) = (seat.priority().is_none(), seat.takes_messages());
    let now = im.runtime.timestamp();
    let mut shown = stanza.clone();
    // Only the server says why.
    shown.cut_children(|child| child.is("reason", REASON_NS));
    *seat.shown.lock() = Some(Box::new(shown));
    // Seen by senders before the spool is read: see `offline`.
    seat.set_priority(Some(said.priority));
    seat.account.conversations.release(seat.resource());
    im.presence.observe(said.observation(seat, now), now);
    caps::learn(im, seat, stanza);
    let roster = im.roster(&seat.account).await.map_err(|error| storage_error(&error))?;
    broadcast(im, seat, &roster);
    if first {
        show_privileged(im, seat);
        push::seen(im, &seat.account.jid);
        greet(im, seat, &roster).await?;
    }
    Ok(if seat.takes_messages() && !took_messages { Became::TakingMessages } else { Became::Other })
}

/// The three things that a presence says (RFC 6121 §4.7.2).
struct Said {
    show: Show,
    status: Option<String>,
    priority: i8,
}

impl Said {
    fn read(stanza: &Stanza) -> Result<Self, StanzaError> {
        let text = |name| stanza.child(name, ns::CLIENT).map(|child| child.text());
        let show = match text("show").as_deref() {
            None | Some("") => Show::Online,
            Some("chat") => Show::Chat,
            Some("away") => Show::Away,
            Some("xa") => Show::ExtendedAway,
            Some("dnd") => Show::DoNotDisturb,
            Some(_) => return Err(StanzaError::from(Condition::BadRequest).with_text("no such show")),
        };
        let priority = match text("priority") {
            None => 0,
            Some(text) => text
                .trim()
                .parse()
                .map_err(|_| StanzaError::from(Condition::BadRequest).with_text("priority is -128 to 127"))?,
        };
        Ok(Self { show, status: text("status").filter(|status| !status.is_empty()), priority })
    }

    fn observation(self, seat: &Seat, now: Timestamp) -> Observation {
        Observation {
            user: seat.account.jid.clone(),
            source: Source::Resource(seat.resource().to_owned()),
            state: Observed::Client { show: self.show, status: self.status, priority: self.priority },
            since: now,
            until: None,
        }
    }
}

/// A resource's presence goes to everybody who may see it, and to the user's own resources (§4.2.2).
pub(crate) fn broadcast(im: &Im, seat: &Seat, roster: &Roster) {
    let user = &seat.account.jid;
    let overlay = im.overlay(user);
    let Some(shown) = shown(seat) else { return };
    watchers(im, user, roster, |account| {
        im.push_to_available(account, &shown_bytes(seat, &shown, overlay, account.jid.as_str()));
    });
    remote_watchers(im, user, roster, |contact| {
        im.tell_remote(shown_bytes(seat, &shown, overlay, contact.as_str()));
    });
    im.check_said(user, overlay);
}

/// Calls `tell` with every contact elsewhere that may see the user.
pub(crate) fn remote_watchers(im: &Im, user: &BareJid, roster: &Roster, mut tell: impl FnMut(&BareJid)) {
    let elsewhere =
        |contact: &BareJid| contact.domain() != user.domain() && im.is_remote(contact.domain().as_str());
    for item in roster.items.iter().filter(|item| item.subscription.to_contact()) {
        if elsewhere(&item.contact) && !im.users.blocked.parts(user, &item.contact) {
            tell(&item.contact);
        }
    }
}

/// Calls `tell` with the user's own account and with every signed-in account that may see the user.
pub(crate) fn watchers(im: &Im, user: &BareJid, roster: &Roster, mut tell: impl FnMut(&Account)) {
    if let Some(own) = im.sessions.account(user.as_str()) {
        tell(&own);
    }
    for item in roster.items.iter().filter(|item| item.subscription.to_contact()) {
        if let Some(account) = im.sessions.account(item.contact.as_str())
            && !im.users.blocked.parts(user, &account.jid)
        {
            tell(&account);
        }
    }
}

/// A client that has come is shown to components that may see all presence (XEP-0356 §6).
fn show_privileged(im: &Im, seat: &Seat) {
    let overlay = im.overlay(&seat.account.jid);
    if let Some(shown) = shown(seat) {
        im.tell_privileged(|component| shown_bytes(seat, &shown, overlay, component));
    }
}

fn shown(seat: &Seat) -> Option<Stanza> {
    seat.shown.lock().as_deref().cloned()
}

/// The presence as watchers get it: the client's own, or with what the phone says in place of show and status.
fn shown_bytes(seat: &Seat, shown: &Stanza, overlay: Option<Overlay>, to: &str) -> Bytes {
    let stamp = Stamp::default().from(seat.jid.as_str()).to(to);
    match overlay {
        None => shown.to_bytes(Context::Client, &stamp),
        Some(overlay) => {
            let mut stanza = shown.clone();
            stanza.cut_children(|child| child.is("show", ns::CLIENT) || child.is("status", ns::CLIENT));
            stanza.to_bytes(Context::Client, &stamp.adding(overlay.children().as_bytes()))
        }
    }
}

/// What a client that has just become available is to know: its user's other resources, the contacts, and
/// who waits for an answer (§4.2.3, §4.3, §3.1.3).
async fn greet(im: &Im, seat: &Arc<Seat>, roster: &Roster) -> Result<(), StanzaError> {
    let user = &seat.account.jid;
    for other in seat.account.seats().iter().filter(|other| !Arc::ptr_eq(other, seat)) {
        show_seat(im, other, im.overlay(user), seat);
    }
    for item in roster.items.iter().filter(|item| item.subscription.from_contact()) {
        show_contact_to(im, &item.contact, seat).await.map_err(|error| storage_error(&error))?;
    }
    let requests = im.store.subscription_requests(user).await.map_err(|error| storage_error(&error))?;
    for request in requests {
        im.push_bytes(seat, request.stanza);
    }
    announcements::greet(im, seat).await?;
    activity::catch_up(im, seat, roster);
    pubsub::events::catch_up(im, seat, roster).await;
    Ok(())
}

/// Shows one contact to one session: a probe that is answered at once (§4.3.2). The contact's own roster
/// decides whether the user may see it.
async fn show_contact_to(im: &Im, contact: &BareJid, seat: &Seat) -> Result<(), store::Error> {
    let user = &seat.account.jid;
    if im.users.blocked.parts(user, contact) {
        return Ok(());
    }
    if im.is_remote(contact.domain().as_str()) {
        // §4.3.1: their server knows. It answers to the bare address, and so to all of the user's clients.
        im.tell_remote(typed("probe", user.as_str(), contact.as_str()));
        return Ok(());
    }
    if let Some(account) = im.sessions.account(contact.as_str()) {
        let theirs = im.roster(&account).await?;
        let grants = theirs.items.iter().any(|item| item.contact == *user && item.subscription.to_contact());
        if grants {
            let overlay = im.overlay(contact);
            for other in account.seats().iter() {
                show_seat(im, other, overlay, seat);
            }
        }
        return Ok(());
    }
    if im.contacts.pin().contains_key(contact.as_str()) {
        im.push_bytes(seat, contact_presence(im, contact, user));
    } else if let Some(overlay) = im.overlay(contact).filter(|overlay| overlay.activity.is_some())
        && presence::may_watch(&im.store, user, contact).await?
    {
        im.push_bytes(seat, overlay.virtual_presence(contact, user));
    }
    Ok(())
}

fn show_seat(im: &Im, shows: &Seat, overlay: Option<Overlay>, to: &Seat) {
    if let Some(stanza) = shown(shows) {
        im.push_bytes(to, shown_bytes(shows, &stanza, overlay, to.account.jid.as_str()));
    }
}

/// The contact may see the user from now on.
pub(crate) fn show_to(im: &Im, user: &BareJid, contact: &BareJid) {
    if im.users.blocked.parts(user, contact) {
        return;
    }
    for bytes in now_shown(im, user, contact) {
        deliver(im, contact.as_str(), &bytes);
    }
}

/// What `contact` sees of the user at this moment: every client that is available, or the phone.
pub(crate) fn now_shown(im: &Im, user: &BareJid, contact: &BareJid) -> Vec<Bytes> {
    let overlay = im.overlay(user);
    match im.sessions.account(user.as_str()) {
        Some(account) => {
            let seats = account.seats();
            let shows = |seat: &Arc<Seat>| {
                shown(seat).map(|stanza| shown_bytes(seat, &stanza, overlay, contact.as_str()))
            };
            seats.iter().filter_map(shows).collect()
        }
        None => {
            let overlay = overlay.filter(|overlay| overlay.activity.is_some());
            overlay.map(|overlay| overlay.virtual_presence(user, contact)).into_iter().collect()
        }
    }
}

/// Another server asks for a user's presence (§4.3.2).
pub(crate) async fn probed(im: &Im, contact: &BareJid, user: &BareJid) -> Result<(), StanzaError> {
    if im.contacts.pin().contains_key(user.as_str()) && im.sessions.account(user.as_str()).is_none() {
        im.tell_remote(contact_presence(im, user, contact));
        return Ok(());
    }
    let may = presence::may_watch(&im.store, contact, user).await.map_err(|error| storage_error(&error))?;
    if !may {
        im.tell_remote(typed("unsubscribed", user.as_str(), contact.as_str()));
        return Ok(());
    }
    let shown = now_shown(im, user, contact);
    if shown.is_empty() {
        im.tell_remote(typed("unavailable", user.as_str(), contact.as_str()));
    }
    shown.into_iter().for_each(|bytes| im.tell_remote(bytes));
    Ok(())
}

fn typed(kind: &str, from: &str, to: &str) -> Bytes {
    Builder::presence(Context::Client).type_(kind).from(from).to(to).finish()
}

/// The contact may no longer see the user (§3.2.2, §3.3.3).
pub(crate) fn hide_from(im: &Im, user: &BareJid, contact: &BareJid) {
    let Some(account) = im.sessions.account(user.as_str()) else { return };
    for seat in account.seats().iter().filter(|seat| seat.priority().is_some()) {
        deliver(im, contact.as_str(), &unavailable_bytes(seat.jid.as_str(), contact.as_str(), None));
    }
}

/// A contact that answers by itself shows itself to one who has subscribed.
pub(crate) fn show_contact(im: &Im, contact: &BareJid, to: &BareJid) {
    deliver(im, to.as_str(), &contact_presence(im, contact, to));
}

fn contact_presence(im: &Im, contact: &BareJid, to: &BareJid) -> Bytes {
    let status = im.contacts.pin().get(contact.as_str()).map(|contact| contact.status().to_owned());
    let mut presence = Builder::presence(Context::Client);
    presence.from(&contact_jid(contact)).to(to.as_str());
    if let Some(status) = status {
        presence.text_child("status", "", &status);
    }
    presence.finish()
}

/// The client is no longer available (§4.5): everybody hears it who heard of it before.
pub(crate) async fn unavailable(im: &Im, seat: &Arc<Seat>, stanza: Option<&Stanza>) {
    crate::muc::session_gone(im, &seat.jid, stanza);
    let was_available = seat.priority().is_some();
    let directed = std::mem::take(&mut *seat.directed.lock());
    if !was_available && directed.is_empty() {
        return;
    }
    let user = &seat.account.jid;
    let now = im.runtime.timestamp();
    seat.set_priority(None);
    seat.account.conversations.release(seat.resource());
    *seat.shown.lock() = None;
    im.presence.withdraw(user, &Source::Resource(seat.resource().to_owned()), now);
    let from = seat.jid.as_str();
    let mut told: Vec<BareJid> = Vec::new();
    if was_available {
        im.tell_privileged(|component| unavailable_bytes(from, component, stanza));
        match im.roster(&seat.account).await {
            Ok(roster) => {
                watchers(im, user, &roster, |account| {
                    im.push_to_available(account, &unavailable_bytes(from, account.jid.as_str(), stanza));
                    told.push(account.jid.clone());
                });
                remote_watchers(im, user, &roster, |contact| {
                    im.tell_remote(unavailable_bytes(from, contact.as_str(), stanza));
                    told.push(contact.clone());
                });
            }
            Err(error) => tracing::warn!(%error, "contacts do not hear that a client left"),
        }
    }
    // §4.6.3: also those who got directed presence, and do not see it anyhow.
    for to in directed.iter().filter(|to| !told.iter().any(|told| model::bare_of(to) == told.as_str())) {
        deliver(im, to, &unavailable_bytes(from, to, stanza));
    }
    im.look_again(user);
}

/// The session has ended.
pub(crate) async fn gone(im: &Im, seat: &Arc<Seat>) {
    let status = seat.shown.lock().as_ref().and_then(|shown| shown.child("status", ns::CLIENT));
    unavailable(im, seat, None).await;
    if seat.account.seats().is_empty() {
        let status = status.map(|status| status.text()).unwrap_or_default();
        im.store.last_activity_put(&seat.account.jid, LastActivity { at: im.runtime.timestamp(), status });
    }
}

fn unavailable_bytes(from: &str, to: &str, stanza: Option<&Stanza>) -> Bytes {
    match stanza {
        Some(stanza) => stanza.to_bytes(Context::Client, &Stamp::default().from(from).to(to)),
        None => Builder::presence(Context::Client).type_("unavailable").from(from).to(to).finish(),
    }
}

/// Presence to somebody in particular (§4.6), who need not be in the roster.
pub(crate) fn directed(im: &Im, seat: &Seat, stanza: &Stanza, to: &str) -> Result<(), StanzaError> {
    let target = im.locate(to);
    if matches!(target, Target::Malformed) {
        return Err(Condition::JidMalformed.into());
    }
    let kind = stanza.type_();
    let mut known = seat.directed.lock();
    match kind.as_deref() {
        None if known.len() >= im.limits.load().session.directed_presence_max && !known.contains(to) => {
            return Err(Condition::ResourceConstraint.into());
        }
        None => {
            known.insert(to.into());
        }
        Some("unavailable") => {
            known.remove(to);
        }
        Some(_) => {}
    }
    drop(known);
    let bytes = stanza.to_bytes(Context::Client, &Stamp::default().from(seat.jid.as_str()));
    if let Target::Remote(_) = target {
        return im.post_remote(bytes).or_else(|error| if kind.is_none() { Err(error) } else { Ok(()) });
    }
    deliver(im, to, &bytes);
    Ok(())
}

/// Gives presence to its addressee, here or elsewhere (§8.5).
pub(crate) fn deliver(im: &Im, to: &str, bytes: &Bytes) {
    let (account, address, seat) = match im.locate(to) {
        Target::Online(account, address, seat) => (account, address, seat),
        Target::Remote(_) => return im.tell_remote(bytes.clone()),
        _ => return,
    };
    match (decide(What::Presence, address, Reach::Reachable), seat) {
        (Delivery::Resource, Some(seat)) => im.push_bytes(&seat, bytes.clone()),
        (Delivery::Available, _) => im.push_to_available(&account, bytes),
        _ => {}
    }
}

/// A client asks for somebody's presence again (§4.3.1: usually the server does it).
pub(crate) async fn probe(im: &Im, seat: &Seat, to: &str) -> Result<(), StanzaError> {
    let contact = to.parse::<model::Jid>().map_err(|_| Condition::JidMalformed)?.to_bare();
    show_contact_to(im, &contact, seat).await.map_err(|error| storage_error(&error))
}
