//! Subscriptions that wait for an owner's word, by ad-hoc command (XEP-0060 §8.7): which nodes have some, and each of
//! them once more as a question.

use model::Jid;
use xmpp::xep::disco::{INFO, ITEMS, Identity, Info};
use xmpp::xep::forms::{self, Form, FormType};
use xmpp::xep::pubsub::{NS, SUBSCRIBE_AUTHORIZATION};
use xmpp::{Condition, Element, ErrorKind, StanzaError};

use super::standing::{Affiliation, PENDING};
use super::subscriptions::ask;
use super::{Service, failed, nodes};
use crate::Im;
use crate::features::commands::NS as COMMANDS;

const NAME: &str = "Subscriptions that wait for you";

fn command_node() -> String {
    format!("{NS}#get-pending")
}

/// What is found of the command (XEP-0050 §2); `None` for another node.
pub(super) fn discovered(service: &Service, query: &Element) -> Option<Element> {
    let node = query.attr("node")?;
    match query.ns() {
        ITEMS if node == COMMANDS => {
            let item = Element::new("item", ITEMS)
                .with_attr("jid", service.key().to_owned())
                .with_attr("node", command_node())
                .with_attr("name", NAME);
            Some(Element::new("query", ITEMS).with_attr("node", COMMANDS).with_child(item))
        }
        INFO if node == COMMANDS || node == command_node() => {
            let (type_, name) =
                if node == COMMANDS { ("command-list", "Commands") } else { ("command-node", NAME) };
            let identities = vec![Identity::new("automation", type_, name)];
            let features = [COMMANDS, forms::NS].map(str::to_owned).into();
            Some(Info { node: Some(node.to_owned()), identities, features, ..Info::default() }.to_element())
        }
        _ => None,
    }
}

/// §8.7: first the nodes are told, then of the one that is chosen the questions go out.
pub(super) async fn run(
    im: &Im,
    service: &Service,
    asker: &Jid,
    command: &Element,
) -> Result<Element, StanzaError> {
    if command.attr("node") != Some(&command_node()) {
        return Err(Condition::ItemNotFound.into());
    }
    let session = command.attr("sessionid").map_or_else(|| im.runtime.random_token(8), str::to_owned);
    let reply = |status: &'static str| {
        Element::new("command", COMMANDS)
            .with_attr("node", command_node())
            .with_attr("sessionid", session.clone())
            .with_attr("status", status)
    };
    let filled = command.child("x", forms::NS).map(Form::from_element).transpose()?;
    match (command.attr("action"), filled) {
        (Some("cancel"), _) => Ok(reply("canceled")),
        (None | Some("execute" | "complete" | "next"), Some(form)) if form.type_ == FormType::Submit => {
            let node = form.value("pubsub#node").ok_or(Condition::BadRequest)?;
            nodes::owned(im, service, asker, node).await?;
            for jid in pending(im, service, node).await? {
                ask(im, service, &asker.to_bare(), node, &jid).await;
            }
            Ok(reply("completed"))
        }
        (None | Some("execute"), None) => {
            let mut form = Form::new(FormType::Form, SUBSCRIBE_AUTHORIZATION)
                .with("pubsub#node", "list-single", [""; 0])
                .labelled("Node");
            for node in waiting(im, service, asker).await? {
                form = form.option(&node, &node);
            }
            let actions = Element::new("actions", COMMANDS).with_attr("execute", "complete");
            let actions = actions.with_child(Element::new("complete", COMMANDS));
            Ok(reply("executing").with_child(actions).with_child(form.to_element()))
        }
        _ => Err(StanzaError::new(ErrorKind::Modify, Condition::BadRequest)
            .with_app(Element::new("bad-action", COMMANDS))),
    }
}

/// The nodes of an owner where somebody waits.
async fn waiting(im: &Im, service: &Service, asker: &Jid) -> Result<Vec<String>, StanzaError> {
    let mut found = Vec::new();
    let all = failed(im.store.pubsub_affiliations_of(service.key(), &asker.to_bare()).await)?;
    let owned = all.into_iter().filter(|(_, word)| Affiliation::of(word) == Some(Affiliation::Owner));
    for (node, _) in owned {
        if !pending(im, service, &node).await?.is_empty() {
            found.push(node);
        }
    }
    Ok(found)
}

/// Who waits at a node.
async fn pending(im: &Im, service: &Service, node: &str) -> Result<Vec<String>, StanzaError> {
    let all = failed(im.store.pubsub_subscriptions(service.key(), node).await)?;
    Ok(all.into_iter().filter(|one| one.state == PENDING).map(|one| one.jid).collect())
}
