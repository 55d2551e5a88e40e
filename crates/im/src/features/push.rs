//! Push notifications (XEP-0357), the account's side: which services are told that something waits, and when.
//!
//! A service is told when a message comes that no client takes now: the device that enabled the service sleeps (its
//! session waits to be resumed, or it said that nobody looks at it), or no client of the user is there and awake. What
//! is told is a number, and the sender if the operator wishes; never the words.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use model::{BareJid, Jid};
use serde::{Deserialize, Serialize};
use xmpp::xep::forms::{Form, FormType};
use xmpp::{Condition, Element, Stanza, StanzaError, ns};

use crate::acceptance::storage_error;
use crate::sessions::{Account, Seat};
use crate::{About, Im, Spec, push_service};

/// What this feature is.
pub const ABOUT: About =
    About { name: "push", specs: &[Spec::xep(357, "0.4.1")], disco: &[], account: &[NS] };

/// The namespace.
pub(crate) const NS: &str = "urn:xmpp:push:0";
/// The form in a notification.
const SUMMARY: &str = "urn:xmpp:push:summary";
/// The form that goes with each publication.
const PUBLISH_OPTIONS: &str = "http://jabber.org/protocol/pubsub#publish-options";
/// Where registrations are kept.
const KEPT: &str = "push-registrations";
/// Services that one user enables; then `resource-constraint`.
const REGISTRATIONS_MAX: usize = 20;
/// A node's name, or an option, in bytes.
const TEXT_BYTES_MAX: usize = 1_023;
/// Options of one registration.
const OPTIONS_MAX: usize = 16;

/// A service that a user's device has enabled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Registration {
    pub(crate) service: String,
    pub(crate) node: Option<String>,
    /// What the service wants to see in each publication (§5).
    pub(crate) options: Vec<(String, String)>,
    /// The device.
    pub(crate) resource: String,
}

/// Somebody with registrations.
#[derive(Debug)]
pub(crate) struct Subscriber {
    registrations: Vec<Registration>,
    /// Messages since somebody looked.
    unread: AtomicU32,
}

/// Who has enabled push, by bare address. In memory, because every message is held against it.
#[derive(Default)]
pub(crate) struct Subscribers {
    all: papaya::HashMap<Box<str>, Arc<Subscriber>>,
    /// Held from reading registrations until they are kept: two devices that enable at once are both told of.
    change: tokio::sync::Mutex<()>,
}

impl Subscribers {
    /// Reads what was kept.
    pub(crate) async fn load(&self, store: &store::Store) -> Result<(), store::Error> {
        for (owner, kept) in store.user_documents(KEPT).await? {
            self.put(&owner, serde_json::from_slice(&kept).unwrap_or_default());
        }
        Ok(())
    }

    fn put(&self, owner: &BareJid, registrations: Vec<Registration>) {
        let all = self.all.pin();
        if registrations.is_empty() {
            all.remove(owner.as_str());
        } else {
            // Whoever registers, or is thrown out, has not looked: what the others count goes on.
            let unread = all.get(owner.as_str()).map_or(0, |known| known.unread.load(Ordering::Relaxed));
            let subscriber = Subscriber { registrations, unread: AtomicU32::new(unread) };
            all.insert(owner.as_str().into(), Arc::new(subscriber));
        }
    }

    /// The user is gone.
    pub(crate) fn forget(&self, user: &str) {
        self.all.pin().remove(user);
    }

    fn of(&self, user: &str) -> Option<Arc<Subscriber>> {
        self.all.pin().get(user).cloned()
    }
}

/// `<enable/>` and `<disable/>` (§5, §6).
pub(crate) async fn set(im: &Im, seat: &Seat, request: &Element) -> Result<Option<Element>, StanzaError> {
    let service: Jid =
        request.attr("jid").ok_or(Condition::BadRequest)?.parse().map_err(|_| Condition::JidMalformed)?;
    let node = request.attr("node").filter(|node| !node.is_empty());
    if node.is_some_and(|node| node.len() > TEXT_BYTES_MAX) {
        return Err(Condition::NotAcceptable.into());
    }
    let owner = &seat.account.jid;
    let _one_at_a_time = im.users.push.change.lock().await;
    let known = im.users.push.of(owner.as_str());
    let mut all = known.map(|known| known.registrations.clone()).unwrap_or_default();
    let enables = request.name() == "enable";
    // §6: without a node all of the service go.
    let names_all = !enables && node.is_none();
    all.retain(|one| one.service != service.as_str() || !names_all && one.node.as_deref() != node);
    if enables {
        if all.len() >= REGISTRATIONS_MAX {
            return Err(Condition::ResourceConstraint.into());
        }
        all.push(Registration {
            service: service.to_string(),
            node: node.map(str::to_owned),
            options: options(request)?,
            resource: seat.resource().to_owned(),
        });
    }
    keep(im, owner, all).await.map(|()| None)
}

fn options(enable: &Element) -> Result<Vec<(String, String)>, StanzaError> {
    let Some(x) = enable.child("x", xmpp::xep::forms::NS) else { return Ok(Vec::new()) };
    // COMPAT: Conversations, Monal: the form of XEP-0357's own example has no type.
    let mut x = x.clone();
    if x.attr("type").is_none() {
        x.set_attr("type", "submit");
    }
    let form = Form::from_element(&x)?;
    let fields = form.fields.iter().filter(|field| field.var != "FORM_TYPE");
    let options: Vec<_> = fields
        .filter_map(|field| Some((field.var.clone(), field.values.first()?.clone())))
        .take(OPTIONS_MAX + 1)
        .collect();
    let long = |(var, value): &(String, String)| var.len() > TEXT_BYTES_MAX || value.len() > TEXT_BYTES_MAX;
    if options.len() > OPTIONS_MAX || options.iter().any(long) {
        return Err(Condition::NotAcceptable.into());
    }
    Ok(options)
}

async fn keep(im: &Im, owner: &BareJid, all: Vec<Registration>) -> Result<(), StanzaError> {
    let kept = Bytes::from(serde_json::to_vec(&all).unwrap_or_default());
    im.store.user_document_put(owner, KEPT, kept).await.map_err(|error| storage_error(&error))?;
    im.users.push.put(owner, all);
    Ok(())
}

/// The service will not have it any more (§7.1).
pub(crate) async fn disable(im: &Im, owner: &BareJid, service: &str, node: Option<&str>) {
    let _one_at_a_time = im.users.push.change.lock().await;
    let Some(known) = im.users.push.of(owner.as_str()) else { return };
    let mut left = known.registrations.clone();
    left.retain(|one| one.service != service || one.node.as_deref() != node);
    if left.len() < known.registrations.len()
        && let Err(error) = keep(im, owner, left).await
    {
        tracing::warn!(%error, "a push service that refuses is asked again");
    }
}

/// Somebody looks: what comes now is new.
pub(crate) fn seen(im: &Im, user: &BareJid) {
    if let Some(subscriber) = im.users.push.of(user.as_str()) {
        subscriber.unread.store(0, Ordering::Relaxed);
    }
}

/// A message for `owner` was accepted: those services are told whose device does not get it now.
pub(crate) fn consider(im: &Im, owner: &BareJid, from: &str, stanza: &Stanza) {
    let Some(subscriber) = im.users.push.of(owner.as_str()) else { return };
    let own = model::bare_of(from) == owner.as_str();
    if own || !is_worth_waking(stanza) {
        return;
    }
    tell(im, owner, &subscriber, 1, Some(from));
}

/// A session waits to be resumed that had not acknowledged `count` messages.
pub(crate) fn left_behind(im: &Im, owner: &BareJid, count: usize) {
    if count > 0
        && let Some(subscriber) = im.users.push.of(owner.as_str())
    {
        tell(im, owner, &subscriber, u32::try_from(count).unwrap_or(u32::MAX), None);
    }
}

fn tell(im: &Im, owner: &BareJid, subscriber: &Subscriber, more: u32, from: Option<&str>) {
    let account = im.sessions.account(owner.as_str());
    let account = account.as_deref();
    let due: Vec<_> = subscriber.registrations.iter().filter(|one| is_due(account, &one.resource)).collect();
    if due.is_empty() {
        return;
    }
    let count = subscriber.unread.fetch_add(more, Ordering::Relaxed).saturating_add(more);
    let sender = from.filter(|_| im.config.push_shows_sender);
    for registration in due {
        push_service::publish(im, owner, registration, count, sender);
    }
}

/// Does a device not get what comes now?
fn is_due(account: Option<&Account>, resource: &str) -> bool {
    let Some(account) = account else { return true };
    match account.seat(resource) {
        Some(seat) => !is_awake(&seat),
        None => !account.seats().iter().any(|seat| is_awake(seat)),
    }
}

fn is_awake(seat: &Seat) -> bool {
    seat.takes_messages()
        && !seat.is_inactive()
        && seat.parking.lock().as_ref().is_none_or(|parking| !parking.is_parked())
}

/// Words, something encrypted, or a call (XEP-0353): not every sign is worth waking a telephone.
fn is_worth_waking(stanza: &Stanza) -> bool {
    stanza.children().any(|child| {
        child.is("body", ns::CLIENT)
            || child.name() == "encrypted"
            || child.is("openpgp", "urn:xmpp:openpgp:0")
            || child.is("propose", "urn:xmpp:jingle-message:0")
    })
}

/// `<notification/>` (§7).
pub(crate) fn notification(count: u32, sender: Option<&str>) -> Element {
    let mut form =
        Form::new(FormType::Submit, SUMMARY).with("message-count", "text-single", [count.to_string()]);
    if let Some(sender) = sender {
        form = form.with("last-message-sender", "jid-single", [sender]);
    }
    Element::new("notification", NS).with_child(form.to_element())
}

/// What the service wanted to see (§7): the options of the registration.
pub(crate) fn publish_options(registration: &Registration) -> Option<Element> {
    if registration.options.is_empty() {
        return None;
    }
    let form = Form::new(FormType::Submit, PUBLISH_OPTIONS);
    let form = registration
        .options
        .iter()
        .fold(form, |form, (var, value)| form.with(var, "text-single", [value.as_str()]));
    Some(form.to_element())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(children: &str) -> Stanza {
        xmpp::parse_one(format!("<message xmlns='jabber:client'>{children}</message>").into()).unwrap()
    }

    #[test]
    fn who_goes_leaves_the_count_of_the_others() {
        let (subscribers, bob): (_, BareJid) = (Subscribers::default(), "bob@localhost".parse().unwrap());
        let device = |name: &str| Registration {
            service: "push.localhost".into(),
            node: Some(name.into()),
            options: Vec::new(),
            resource: name.into(),
        };
        subscribers.put(&bob, vec![device("phone"), device("gone")]);
        subscribers.of(bob.as_str()).unwrap().unread.store(1, Ordering::Relaxed);
        subscribers.put(&bob, vec![device("phone")]);
        let left = subscribers.of(bob.as_str()).unwrap();
        assert_eq!((left.registrations.len(), left.unread.load(Ordering::Relaxed)), (1, 1));
    }

    #[test]
    fn words_and_calls_wake_and_signs_do_not() {
        assert!(is_worth_waking(&message("<body>hi</body>")));
        assert!(is_worth_waking(&message("<encrypted xmlns='eu.siacs.conversations.axolotl'/>")));
        assert!(is_worth_waking(&message("<propose xmlns='urn:xmpp:jingle-message:0' id='1'/>")));
        assert!(!is_worth_waking(&message("<received xmlns='urn:xmpp:receipts' id='1'/>")));
        assert!(!is_worth_waking(&message("<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>")));
    }

    #[test]
    fn a_notification_has_a_number_and_never_the_words() {
        let told = notification(3, Some("ann@x")).child("x", "jabber:x:data").cloned().unwrap();
        let form = Form::from_element(&told).unwrap();
        assert_eq!(form.value("message-count"), Some("3"));
        assert_eq!(form.value("last-message-sender"), Some("ann@x"));
        assert_eq!(form.value("last-message-body"), None);
    }

    #[test]
    fn options_are_read_though_the_form_says_nothing_of_itself() {
        let enable = Element::parse(
            b"<enable xmlns='urn:xmpp:push:0'><x xmlns='jabber:x:data'><field var='FORM_TYPE'><value>f</value></field>\
              <field var='secret'><value>s</value></field></x></enable>",
            "",
        );
        let options = options(&enable.unwrap()).unwrap();
        assert_eq!(options, [("secret".to_owned(), "s".to_owned())]);
    }
}
