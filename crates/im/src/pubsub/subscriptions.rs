//! Subscriptions (XEP-0060 §6.1 to §6.4, §8.6): asked for, granted by owners where the node wants it, ended.

use model::{BareJid, Jid};
use serde::{Deserialize, Serialize};
use store::PubsubSubscription;
use xmpp::xep::forms::{Form, FormType};
use xmpp::xep::pubsub::{NS, SUBSCRIBE_AUTHORIZATION, SUBSCRIBE_OPTIONS, extended};
use xmpp::{Builder, Condition, Context, Element, ErrorKind, Stanza, StanzaError};

use super::config::{Access, NodeConfig};
use super::standing::{Affiliation, PENDING, SUBSCRIBED, Standing, owners, refused};
use super::{NAME_BYTES, Service, answered, events, failed, items};
use crate::Im;

/// What a subscriber decides of a subscription (§6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Options {
    /// Events go out.
    pub(super) deliver: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { deliver: true }
    }
}

impl Options {
    /// From the store.
    pub(super) fn from_json(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    pub(super) fn to_json(self) -> String {
        serde_json::to_string(&self).unwrap_or_default()
    }

    fn with(mut self, form: &Form) -> Result<Self, StanzaError> {
        let invalid = || extended(Condition::BadRequest, "invalid-options");
        for field in &form.fields {
            match field.var.as_str() {
                "FORM_TYPE" => {}
                "pubsub#deliver" => {
                    self.deliver = form.flag(&field.var).map_err(|_| invalid())?.unwrap_or(true);
                }
                // §6.3.4.4: what we do not do is refused, so that nobody relies on it.
                _ => return Err(invalid()),
            }
        }
        Ok(self)
    }

    fn form(self) -> Element {
        Form::new(FormType::Form, SUBSCRIBE_OPTIONS)
            .with("pubsub#deliver", "boolean", [if self.deliver { "1" } else { "0" }])
            .labelled("Events are delivered")
            .to_element()
    }
}

fn word(subscription: &PubsubSubscription) -> Element {
    Element::new("subscription", NS)
        .with_attr("node", subscription.node.as_str())
        .with_attr("jid", subscription.jid.as_str())
        .with_attr("subscription", subscription.state.as_str())
}

/// Somebody wants a node's events (§6.1).
pub(super) async fn subscribe(
    im: &Im,
    service: &Service,
    asker: &Jid,
    (node, jid): (&str, &str),
    options: Option<&Form>,
) -> Result<Element, StanzaError> {
    let jid = own_address(asker, jid).ok_or_else(|| extended(Condition::BadRequest, "invalid-jid"))?;
    let config = service.config(im, node).await?;
    let standing = Standing::of(im, service, node, asker).await?;
    match standing.may_subscribe(im, &config).await {
        // At a person's own service a stranger learns nothing of the node.
        Err(_) if service.personal && standing.affiliation == Affiliation::None => {
            return Err(Condition::ItemNotFound.into());
        }
        may => may?,
    }
    let options = match options {
        Some(form) => Options::default().with(form)?,
        None => Options::default(),
    };
    let before = known(im, service, node, &jid).await?;
    if before.as_ref().is_some_and(|before| before.state == PENDING) {
        return Err(extended(Condition::NotAuthorized, "pending-subscription"));
    }
    let granted =
        config.access != Access::Authorize || standing.affiliation != Affiliation::None || before.is_some();
    let subscription = PubsubSubscription {
        node: node.to_owned(),
        jid: jid.to_string(),
        subscriber: standing.who.clone(),
        state: if granted { SUBSCRIBED } else { PENDING }.to_owned(),
        options: options.to_json(),
    };
    match im.store.pubsub_subscription_put(service.key(), subscription.clone()).await {
        Err(store::Error::Limit { .. }) => return Err(items::too_many_subscriptions()),
        put => failed(put)?,
    }
    if granted {
        events::tell_newest(im, service, node, &config, jid.as_str()).await;
    } else {
        ask_owners(im, service, node, jid.as_str()).await?;
    }
    Ok(answered(word(&subscription)))
}

/// The address that a request names, if it is the asker's own (§6.1.3.1).
fn own_address(asker: &Jid, jid: &str) -> Option<Jid> {
    let jid: Jid = jid.parse().ok()?;
    (jid.to_bare() == asker.to_bare()).then_some(jid)
}

async fn known(
    im: &Im,
    service: &Service,
    node: &str,
    jid: &Jid,
) -> Result<Option<PubsubSubscription>, StanzaError> {
    let all = failed(im.store.pubsub_subscriptions_of(service.key(), &jid.to_bare(), Some(node)).await)?;
    Ok(all.into_iter().find(|subscription| subscription.jid == jid.as_str()))
}

/// Somebody wants them no more (§6.2).
pub(super) async fn unsubscribe(
    im: &Im,
    service: &Service,
    asker: &Jid,
    node: &str,
    jid: &str,
) -> Result<(), StanzaError> {
    let jid = own_address(asker, jid).ok_or(Condition::Forbidden)?;
    service.config(im, node).await?;
    if failed(im.store.pubsub_unsubscribe(service.key(), node, jid.as_str()).await)? {
        return Ok(());
    }
    Err(refused(ErrorKind::Cancel, Condition::UnexpectedRequest, "not-subscribed"))
}

async fn own_subscription(
    im: &Im,
    service: &Service,
    asker: &Jid,
    node: &str,
    jid: &str,
) -> Result<PubsubSubscription, StanzaError> {
    let jid = own_address(asker, jid).ok_or(Condition::Forbidden)?;
    service.config(im, node).await?;
    let known = known(im, service, node, &jid).await?;
    known.ok_or_else(|| refused(ErrorKind::Modify, Condition::UnexpectedRequest, "not-subscribed"))
}

/// The options of a subscription (§6.3.2).
pub(super) async fn options(
    im: &Im,
    service: &Service,
    asker: &Jid,
    node: &str,
    jid: &str,
) -> Result<Element, StanzaError> {
    let subscription = own_subscription(im, service, asker, node, jid).await?;
    let form = Options::from_json(&subscription.options).form();
    let options = Element::new("options", NS).with_attr("node", node).with_attr("jid", subscription.jid);
    Ok(answered(options.with_child(form)))
}

/// Other options (§6.3.5).
pub(super) async fn set_options(
    im: &Im,
    service: &Service,
    asker: &Jid,
    (node, jid): (&str, &str),
    form: &Form,
) -> Result<(), StanzaError> {
    let mut subscription = own_subscription(im, service, asker, node, jid).await?;
    if form.type_ == FormType::Cancel {
        return Ok(());
    }
    subscription.options = Options::from_json(&subscription.options).with(form)?.to_json();
    failed(im.store.pubsub_subscription_put(service.key(), subscription).await)
}

/// The options that a subscription has of which nobody says anything (§6.4).
pub(super) fn default_options() -> Element {
    answered(Element::new("default", NS).with_child(Options::default().form()))
}

/// One's own subscriptions (§5.6).
pub(super) async fn own(
    im: &Im,
    service: &Service,
    asker: &Jid,
    node: Option<&str>,
) -> Result<Element, StanzaError> {
    let all = failed(im.store.pubsub_subscriptions_of(service.key(), &asker.to_bare(), node).await)?;
    let mut list = Element::new("subscriptions", NS);
    if let Some(node) = node {
        list.set_attr("node", node);
    }
    Ok(answered(all.iter().map(word).fold(list, Element::with_child)))
}

/// §8.6: owners are asked whether somebody may subscribe.
async fn ask_owners(im: &Im, service: &Service, node: &str, jid: &str) -> Result<(), StanzaError> {
    for owner in owners(im, service, node).await? {
        ask(im, service, &owner, node, jid).await;
    }
    Ok(())
}

/// One owner is asked: with words, so that every client shows it and it waits for an owner who is away.
pub(super) async fn ask(im: &Im, service: &Service, owner: &BareJid, node: &str, jid: &str) {
    let form = Form::new(FormType::Form, SUBSCRIBE_AUTHORIZATION)
        .with("pubsub#node", "text-single", [node])
        .labelled("Node")
        .with("pubsub#subscriber_jid", "jid-single", [jid])
        .labelled("Who asks")
        .with("pubsub#allow", "boolean", ["0"])
        .labelled("May they subscribe?")
        .to_element();
    let mut message = Builder::message(Context::Framed);
    message
        .id(&im.runtime.random_token(NAME_BYTES))
        .to(owner.as_str())
        .text_child("body", "", &format!("{jid} asks to subscribe to {node}"))
        .element(&form);
    im.send(message.finish(), service.address.as_str(), owner.as_str()).await;
}

/// An owner's answer (§8.6): a form in a message to the service.
pub(crate) async fn authorization(
    im: &Im,
    service: &Service,
    asker: &Jid,
    message: &Stanza,
) -> Result<(), StanzaError> {
    let form = message.child("x", xmpp::xep::forms::NS).map(|x| Form::from_element(&x)).transpose()?;
    let Some(form) = form.filter(|form| form.form_type() == Some(SUBSCRIBE_AUTHORIZATION)) else {
        return Err(Condition::ServiceUnavailable.into());
    };
    let (Some(node), Some(jid)) = (form.value("pubsub#node"), form.value("pubsub#subscriber_jid")) else {
        return Err(Condition::BadRequest.into());
    };
    let config = super::nodes::owned(im, service, asker, node).await?;
    if form.type_ != FormType::Submit {
        return Ok(());
    }
    let jid: Jid = jid.parse().map_err(|_| Condition::JidMalformed)?;
    let pending = known(im, service, node, &jid).await?.filter(|one| one.state == PENDING);
    // Another owner was faster, or nobody asks any more.
    let Some(pending) = pending else { return Ok(()) };
    let granted = form.flag("pubsub#allow")?.unwrap_or(false);
    set_state(im, service, &config, pending, granted.then_some(SUBSCRIBED)).await
}

/// A subscription gets another state, or ends; whoever has it hears so.
pub(super) async fn set_state(
    im: &Im,
    service: &Service,
    config: &NodeConfig,
    subscription: PubsubSubscription,
    state: Option<&str>,
) -> Result<(), StanzaError> {
    let (node, jid) = (subscription.node.clone(), subscription.jid.clone());
    match state {
        Some(state) => {
            let changed = PubsubSubscription { state: state.to_owned(), ..subscription };
            match im.store.pubsub_subscription_put(service.key(), changed).await {
                Err(store::Error::Limit { .. }) => return Err(items::too_many_subscriptions()),
                put => failed(put)?,
            }
        }
        None => drop(failed(im.store.pubsub_unsubscribe(service.key(), &node, &jid).await)?),
    }
    events::tell_subscription(im, service, &node, &jid, state.unwrap_or("none")).await;
    if state == Some(SUBSCRIBED) {
        events::tell_newest(im, service, &node, config, &jid).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(var: &str, value: &str) -> Form {
        Form::new(FormType::Submit, SUBSCRIBE_OPTIONS).with(var, "boolean", [value])
    }

    #[test]
    fn options_say_whether_events_go_out_and_nothing_else() {
        let quiet = Options::default().with(&form("pubsub#deliver", "0")).unwrap();
        assert!(!quiet.deliver);
        assert_eq!(Options::from_json(&quiet.to_json()), quiet);
        assert!(Options::from_json("").deliver);
        for (var, value) in [("pubsub#digest", "1"), ("pubsub#deliver", "maybe")] {
            let refused = Options::default().with(&form(var, value)).unwrap_err();
            assert_eq!(refused.app.unwrap().name(), "invalid-options", "{var}");
        }
    }

    #[test]
    fn only_addresses_of_ones_own_are_subscribed() {
        let asker: Jid = "ann@x/desk".parse().unwrap();
        assert!(own_address(&asker, "ann@x").is_some());
        assert!(own_address(&asker, "ann@x/hand").is_some());
        assert!(own_address(&asker, "bob@x").is_none());
        assert!(own_address(&asker, "@").is_none());
    }
}
