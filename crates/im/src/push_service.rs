//! The push service at `push.` under the domain (XEP-0357 §3): devices of our users register where they are to be
//! woken (Web Push, RFC 8030, or UnifiedPush), and what the account publishes goes there.
//!
//! Registration is a protocol of our own, in the namespace [`NS`]; docs/dev/push.md tells it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use model::{BareJid, Jid};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use xmpp::xep::disco::{INFO, ITEMS, Identity, Info, Items};
use xmpp::xep::{ping, pubsub};
use xmpp::{Builder, Condition, Context, Element, Stanza, StanzaError};

use crate::Im;
use crate::acceptance::storage_error;
use crate::features::push::{self, Registration};

/// The namespace of registrations.
pub const NS: &str = "carillon:push:0";
/// Where targets are kept.
const KEPT: &str = "push-targets";
/// Devices of one user that register; then `resource-constraint`.
const TARGETS_MAX: usize = 20;
/// An endpoint, in bytes.
const ENDPOINT_BYTES_MAX: usize = 2_048;
/// A receiver's public key: an uncompressed point of P-256 (RFC 8291 §2.1).
const PUBLIC_KEY_BYTES: usize = 65;
/// The receiver's authentication secret (RFC 8291 §3.2).
const SECRET_BYTES: usize = 16;
/// Questions to other push services that wait for their answer.
const ASKED_MAX: usize = 4_096;
/// Random bytes in the name of a node.
const NODE_BYTES: usize = 16;

/// Where a device is woken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushTarget {
    /// The address to send to.
    pub endpoint: String,
    /// How it is encrypted; `None` for a plain UnifiedPush receiver.
    pub keys: Option<PushKeys>,
}

/// The keys of a receiver (RFC 8291 §2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushKeys {
    /// The receiver's public key, an uncompressed point of P-256.
    pub public_key: [u8; PUBLIC_KEY_BYTES],
    /// The secret that both know.
    pub secret: [u8; SECRET_BYTES],
}

/// One notice for one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushNotice {
    /// Whose device it is.
    pub owner: BareJid,
    /// The name of the registration.
    pub node: String,
    /// Where it goes.
    pub target: PushTarget,
    /// What it says: JSON.
    pub payload: Bytes,
}

/// The way out of the house for notices: over HTTP, which is not this crate's.
pub trait PushSender: Send + Sync + 'static {
    /// May notices go to this endpoint? Says why not.
    ///
    /// # Errors
    /// The text is for the person who wanted to register it.
    fn accepts(&self, endpoint: &str) -> Result<(), &'static str>;

    /// Takes a notice; false when there are too many. Must not block.
    fn send(&self, notice: PushNotice) -> bool;

    /// The key that signs notices (RFC 8292 §3.2): an uncompressed point of P-256 in base64url.
    fn public_key(&self) -> String;
}

/// A target as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    node: String,
    endpoint: String,
    public_key: Option<String>,
    secret: Option<String>,
}

impl Kept {
    fn target(&self) -> Option<PushTarget> {
        let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok();
        let keys = match (&self.public_key, &self.secret) {
            (None, None) => None,
            (Some(public_key), Some(secret)) => Some(PushKeys {
                public_key: bytes(public_key)?.try_into().ok()?,
                secret: bytes(secret)?.try_into().ok()?,
            }),
            _ => return None,
        };
        Some(PushTarget { endpoint: self.endpoint.clone(), keys })
    }
}

/// All targets, by owner, and the way out.
#[derive(Default)]
pub(crate) struct PushService {
    targets: papaya::HashMap<Box<str>, Arc<Vec<Kept>>>,
    /// Held from reading targets until they are kept: two endpoints that go at once are both forgotten.
    change: tokio::sync::Mutex<()>,
    sender: ArcSwapOption<Box<dyn PushSender>>,
    /// What other push services were asked, until they answer.
    asked: Mutex<Asked>,
}

/// Questions to other push services, by identifier. Those that never answer are not waited for: the oldest go first.
#[derive(Default)]
struct Asked {
    open: BTreeMap<String, (BareJid, Registration)>,
    order: VecDeque<String>,
}

impl Asked {
    fn take(&mut self, id: &str) -> Option<(BareJid, Registration)> {
        self.order.retain(|open| open != id);
        self.open.remove(id)
    }

    fn note(&mut self, id: String, about: (BareJid, Registration)) {
        while self.order.len() >= ASKED_MAX {
            let Some(oldest) = self.order.pop_front() else { break };
            self.open.remove(&oldest);
        }
        self.order.push_back(id.clone());
        self.open.insert(id, about);
    }
}

impl PushService {
    /// Reads what was kept.
    pub(crate) async fn load(&self, store: &store::Store) -> Result<(), store::Error> {
        for (owner, kept) in store.user_documents(KEPT).await? {
            let kept: Vec<Kept> = serde_json::from_slice(&kept).unwrap_or_default();
            self.targets.pin().insert(owner.as_str().into(), Arc::new(kept));
        }
        Ok(())
    }

    /// Is there a way out?
    pub(crate) fn is_open(&self) -> bool {
        self.sender.load().is_some()
    }

    /// The user is gone.
    pub(crate) fn forget(&self, user: &str) {
        self.targets.pin().remove(user);
    }

    fn of(&self, owner: &BareJid) -> Arc<Vec<Kept>> {
        self.targets.pin().get(owner.as_str()).cloned().unwrap_or_default()
    }
}

impl Im {
    /// Sets the way out for notices; without one, nobody registers.
    pub fn set_push_sender(&self, sender: impl PushSender) {
        self.services.push_service().sender.store(Some(Arc::new(Box::new(sender))));
    }

    /// An endpoint is gone (RFC 8030 §7.3): its registration goes, too, and so does what the account had enabled.
    pub async fn push_gone(&self, owner: &BareJid, node: &str) {
        if let Err(error) = unregister(self, owner, node).await {
            tracing::warn!(%error, "a push registration that is gone was not forgotten");
        }
        push::disable(self, owner, self.services.push().as_str(), Some(node)).await;
    }
}

/// A request to the service.
pub(crate) async fn iq(im: &Im, asker: &Jid, stanza: &Stanza) -> Result<Option<Element>, StanzaError> {
    let set = stanza.type_().as_deref() == Some("set");
    let payload = stanza.first_child().ok_or(Condition::BadRequest)?.element();
    match (set, payload.ns(), payload.name()) {
        (false, INFO, "query") => {
            let identities = vec![Identity::new("pubsub", "push", "Push notifications")];
            let features = [INFO, ping::NS, NS, push::NS].map(str::to_owned).to_vec();
            Ok(Some(Info { identities, features, ..Info::default() }.to_element()))
        }
        (false, ITEMS, "query") => Ok(Some(Items::default().to_element())),
        (false, ping::NS, "ping") => Ok(None),
        (_, NS, word) => {
            let owner = asker.to_bare();
            if !im.is_local(&owner) {
                return Err(Condition::NotAllowed.into());
            }
            match (set, word) {
                (false, "key") => {
                    let key = sender(im)?.public_key();
                    Ok(Some(Element::new("key", NS).with_text(key)))
                }
                (false, "registrations") => Ok(Some(registrations(im, &owner))),
                (true, "register") => register(im, &owner, &payload).await.map(Some),
                (true, "unregister") => {
                    let node = payload.attr("node").ok_or(Condition::BadRequest)?;
                    unregister(im, &owner, node).await?;
                    push::disable(im, &owner, im.services.push().as_str(), Some(node)).await;
                    Ok(None)
                }
                _ => Err(Condition::FeatureNotImplemented.into()),
            }
        }
        // §3.2: only the user's server publishes, under the bare address.
        (true, pubsub::NS, "pubsub") => Err(Condition::Forbidden.into()),
        _ => Err(Condition::ServiceUnavailable.into()),
    }
}

fn sender(im: &Im) -> Result<Arc<Box<dyn PushSender>>, StanzaError> {
    im.services.push_service().sender.load_full().ok_or_else(|| Condition::ServiceUnavailable.into())
}

/// `<register endpoint='…'><p256dh/><auth/></register>`: the same endpoint again keeps its name and gets other keys.
async fn register(im: &Im, owner: &BareJid, register: &Element) -> Result<Element, StanzaError> {
    let sender = sender(im)?;
    let endpoint = register.attr("endpoint").unwrap_or_default();
    if endpoint.is_empty() || endpoint.len() > ENDPOINT_BYTES_MAX {
        return Err(StanzaError::from(Condition::BadRequest).with_text("an endpoint has 1 to 2048 bytes"));
    }
    sender.accepts(endpoint).map_err(|why| StanzaError::from(Condition::NotAcceptable).with_text(why))?;
    let text = |name| register.child(name, NS).map(|child| child.text().trim().to_owned());
    let _one_at_a_time = im.services.push_service().change.lock().await;
    let all = im.services.push_service().of(owner);
    let known = all.iter().find(|one| one.endpoint == endpoint).map(|one| one.node.clone());
    if known.is_none() && all.len() >= TARGETS_MAX {
        return Err(Condition::ResourceConstraint.into());
    }
    let kept = Kept {
        node: known.unwrap_or_else(|| im.runtime.random_token(NODE_BYTES)),
        endpoint: endpoint.to_owned(),
        public_key: text("p256dh"),
        secret: text("auth"),
    };
    if kept.target().is_none() {
        return Err(
            StanzaError::from(Condition::BadRequest).with_text("keys are 65 and 16 bytes in base64url")
        );
    }
    let registered = Element::new("registered", NS)
        .with_attr("jid", im.services.push().as_str())
        .with_attr("node", kept.node.as_str());
    let mut changed: Vec<Kept> = all.iter().filter(|one| one.endpoint != endpoint).cloned().collect();
    changed.push(kept);
    keep(im, owner, changed).await?;
    Ok(registered)
}

async fn unregister(im: &Im, owner: &BareJid, node: &str) -> Result<(), StanzaError> {
    let _one_at_a_time = im.services.push_service().change.lock().await;
    let all = im.services.push_service().of(owner);
    let left: Vec<Kept> = all.iter().filter(|one| one.node != node).cloned().collect();
    if left.len() == all.len() {
        return Err(Condition::ItemNotFound.into());
    }
    keep(im, owner, left).await
}

async fn keep(im: &Im, owner: &BareJid, all: Vec<Kept>) -> Result<(), StanzaError> {
    let kept = Bytes::from(serde_json::to_vec(&all).unwrap_or_default());
    im.store.user_document_put(owner, KEPT, kept).await.map_err(|error| storage_error(&error))?;
    im.services.push_service().targets.pin().insert(owner.as_str().into(), Arc::new(all));
    Ok(())
}

fn registrations(im: &Im, owner: &BareJid) -> Element {
    let all = im.services.push_service().of(owner);
    let element = |one: &Kept| {
        Element::new("registration", NS)
            .with_attr("node", one.node.as_str())
            .with_attr("endpoint", one.endpoint.as_str())
    };
    all.iter().map(element).fold(Element::new("registrations", NS), Element::with_child)
}

/// The account publishes a notification (XEP-0357 §7): to our own service at once, to another one as an IQ.
pub(crate) fn publish(im: &Im, owner: &BareJid, to: &Registration, count: u32, sender: Option<&str>) {
    let own = im.services.push();
    if to.service != own.as_str() {
        return publish_elsewhere(im, owner, to, count, sender);
    }
    let (Some(out), all) =
        (im.services.push_service().sender.load_full(), im.services.push_service().of(owner))
    else {
        return;
    };
    let kept = all.iter().find(|one| Some(one.node.as_str()) == to.node.as_deref());
    let Some((node, target)) = kept.and_then(|kept| Some((kept.node.clone(), kept.target()?))) else {
        return;
    };
    let notice = PushNotice { owner: owner.clone(), node, target, payload: payload(count, sender) };
    let outcome = if out.send(notice) { "taken" } else { "dropped" };
    metrics::counter!("carillon_im_push_notices_total", "outcome" => outcome).increment(1);
}

fn payload(count: u32, sender: Option<&str>) -> Bytes {
    let mut told = serde_json::json!({ "count": count });
    if let Some(sender) = sender {
        told["sender"] = sender.into();
    }
    Bytes::from(told.to_string())
}

fn publish_elsewhere(im: &Im, owner: &BareJid, to: &Registration, count: u32, sender: Option<&str>) {
    let item = Element::new("item", pubsub::NS).with_child(push::notification(count, sender));
    let mut publish = Element::new("publish", pubsub::NS).with_child(item);
    if let Some(node) = &to.node {
        publish.set_attr("node", node.as_str());
    }
    let mut request = pubsub::answer(pubsub::NS, publish);
    if let Some(options) = push::publish_options(to) {
        request.push(Element::new("publish-options", pubsub::NS).with_child(options));
    }
    let id = im.runtime.random_token(8);
    let iq = Builder::iq(Context::Client)
        .type_("set")
        .id(&id)
        .from(owner.as_str())
        .to(&to.service)
        .element(&request)
        .finish();
    im.services.push_service().asked.lock().note(id, (owner.clone(), to.clone()));
    im.tell_remote(iq);
}

/// Another push service answers: one that refuses is not asked again (XEP-0357 §7.1). True when the answer was to us.
pub(crate) async fn answered(im: &Im, stanza: &Stanza, from: &Jid, to: &Jid) -> bool {
    let Some(id) = stanza.id() else { return false };
    let known = {
        let mut asked = im.services.push_service().asked.lock();
        let ours = asked
            .open
            .get(&*id)
            .is_some_and(|(owner, one)| *owner == to.to_bare() && one.service == from.as_str());
        if ours { asked.take(&id) } else { None }
    };
    let Some((owner, registration)) = known else { return false };
    if stanza.type_().as_deref() == Some("error") {
        push::disable(im, &owner, &registration.service, registration.node.as_deref()).await;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_has_both_keys_or_none() {
        let kept = |public_key: Option<&str>, secret: Option<&str>| Kept {
            node: "n".to_owned(),
            endpoint: "https://x/".to_owned(),
            public_key: public_key.map(str::to_owned),
            secret: secret.map(str::to_owned),
        };
        // RFC 8291 §5.
        let point = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
        let keys = kept(Some(point), Some("BTBZMqHH6r4Tts7J_aSIgg==")).target().unwrap().keys.unwrap();
        assert_eq!((keys.public_key[0], keys.secret[0]), (4, 5));
        assert_eq!(kept(None, None).target().unwrap().keys, None);
        assert_eq!(kept(Some(point), None).target(), None);
        assert_eq!(kept(Some("AAAA"), Some("BTBZMqHH6r4Tts7J_aSIgg")).target(), None);
    }

    #[test]
    fn of_too_many_questions_the_oldest_are_forgotten_and_no_others() {
        let mut asked = Asked::default();
        let registration = Registration {
            service: "push.x".to_owned(),
            node: None,
            options: Vec::new(),
            resource: "desk".to_owned(),
        };
        for number in 0..=ASKED_MAX {
            asked.note(number.to_string(), ("ann@x".parse().unwrap(), registration.clone()));
        }
        assert!(!asked.open.contains_key("0"));
        assert!(asked.open.contains_key("1") && asked.open.len() == ASKED_MAX);
    }

    #[test]
    fn a_notice_says_how_many_and_from_whom_at_most() {
        assert_eq!(payload(2, None), r#"{"count":2}"#);
        assert_eq!(payload(1, Some("ann@x")), r#"{"count":1,"sender":"ann@x"}"#);
    }
}
