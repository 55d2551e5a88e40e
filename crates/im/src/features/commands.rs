//! Ad-hoc commands (XEP-0050) of the server itself: for administrators, who fill in a form and send it.

use model::BareJid;
use xmpp::xep::disco::{INFO, ITEMS, Identity, Info};
use xmpp::xep::forms::{self, Form, FormType};
use xmpp::{Condition, Element, ErrorKind, Stanza, StanzaError};

use super::service_administration::{self, COMMANDS, Command};
use crate::{About, Im, Spec};

/// What this feature is.
pub const ABOUT: About =
    About { name: "commands", specs: &[Spec::xep(50, "1.3.0")], disco: &[NS], account: &[] };

/// The namespace, and the node of the list of commands.
pub(crate) const NS: &str = "http://jabber.org/protocol/commands";

/// What a command came to.
pub(crate) struct Done {
    /// What people read.
    pub(crate) note: String,
    /// What programs read.
    pub(crate) result: Option<Form>,
}

/// Answers what is about commands; `None` when something else is asked of the server.
pub(crate) async fn answer(
    im: &Im,
    asker: &BareJid,
    stanza: &Stanza,
) -> Option<Result<Option<Element>, StanzaError>> {
    let payload = stanza.first_child()?.element();
    let set = stanza.type_().as_deref() == Some("set");
    let node = payload.attr("node").unwrap_or_default();
    let about_commands = node == NS || COMMANDS.iter().any(|command| command.node() == node);
    match (set, payload.ns(), payload.name()) {
        (true, NS, "command") => Some(run(im, asker, &payload).await.map(Some)),
        (false, ITEMS, "query") if node == NS => Some(Ok(Some(list(im, asker)))),
        (false, INFO, "query") if about_commands => Some(Ok(Some(info(node)))),
        _ => None,
    }
}

/// §2.2: who may not use them sees none.
fn list(im: &Im, asker: &BareJid) -> Element {
    let mut items = Element::new("query", ITEMS).with_attr("node", NS);
    if im.is_administrator(asker) {
        for command in COMMANDS {
            let item = Element::new("item", ITEMS)
                .with_attr("jid", im.domain().to_owned())
                .with_attr("node", command.node())
                .with_attr("name", command.name);
            items.push(item);
        }
    }
    items
}

/// §2.3.
fn info(node: &str) -> Element {
    let command = COMMANDS.iter().find(|command| command.node() == node);
    let (type_, name) =
        command.map_or(("command-list", "Commands"), |command| ("command-node", command.name));
    Info {
        identities: vec![Identity::new("automation", type_, name)],
        features: vec![NS.to_owned(), forms::NS.to_owned()],
        ..Info::default()
    }
    .to_element()
    .with_attr("node", node.to_owned())
}

/// §3: a form, what was filled in, or neither.
async fn run(im: &Im, asker: &BareJid, asked: &Element) -> Result<Element, StanzaError> {
    if !im.is_administrator(asker) {
        return Err(StanzaError::new(ErrorKind::Auth, Condition::Forbidden));
    }
    let node = asked.attr("node").unwrap_or_default();
    let command = COMMANDS.iter().find(|command| command.node() == node).ok_or(Condition::ItemNotFound)?;
    let session = asked.attr("sessionid").map_or_else(|| im.runtime.random_token(8), str::to_owned);
    let reply = |status: &'static str| {
        Element::new("command", NS)
            .with_attr("node", command.node())
            .with_attr("sessionid", session.clone())
            .with_attr("status", status)
    };
    let filled = asked.child("x", forms::NS).map(Form::from_element).transpose()?;
    match (asked.attr("action"), filled) {
        (Some("cancel"), _) => Ok(reply("canceled")),
        (None | Some("execute" | "complete" | "next"), Some(form)) if form.type_ == FormType::Submit => {
            let done = service_administration::carry_out(im, command, &form).await?;
            Ok(told(reply("completed"), &done))
        }
        (None | Some("execute"), None) => match service_administration::form(im, command) {
            Some(form) => {
                let actions = Element::new("actions", NS).with_attr("execute", "complete");
                let actions = actions.with_child(Element::new("complete", NS));
                Ok(reply("executing").with_child(actions).with_child(form.to_element()))
            }
            None => {
                let nothing = Form::new(FormType::Submit, service_administration::NS);
                let done = service_administration::carry_out(im, command, &nothing).await?;
                Ok(told(reply("completed"), &done))
            }
        },
        // §3.4: there is one stage; nobody goes back.
        _ => Err(StanzaError::new(ErrorKind::Modify, Condition::BadRequest)
            .with_app(Element::new("bad-action", NS))),
    }
}

fn told(command: Element, done: &Done) -> Element {
    let note = Element::new("note", NS).with_attr("type", "info").with_text(done.note.as_str());
    let command = command.with_child(note);
    match &done.result {
        Some(form) => command.with_child(form.to_element()),
        None => command,
    }
}

impl Command {
    /// The node under which it is asked for.
    fn node(&self) -> String {
        format!("{}#{}", service_administration::NS, self.word)
    }
}
