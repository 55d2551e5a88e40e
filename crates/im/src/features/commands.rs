//! Ad-hoc commands (XEP-0050) of the server itself: somebody fills in a form and sends it.

use model::BareJid;
use xmpp::xep::disco::{INFO, ITEMS, Identity, Info};
use xmpp::xep::forms::{self, Form, FormType};
use xmpp::{Condition, Element, ErrorKind, Stanza, StanzaError};

use super::invitations;
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

/// A command as it was asked for.
pub(crate) struct Asked {
    node: String,
    session: String,
    action: Option<String>,
    /// What was filled in.
    pub(crate) filled: Option<Form>,
}

impl Asked {
    /// Reads it; the id of its session is made where the asker gave none.
    pub(crate) fn read(im: &Im, command: &Element) -> Result<Self, StanzaError> {
        let filled = command.child("x", forms::NS).map(Form::from_element).transpose()?;
        let asked = Self {
            node: command.attr("node").unwrap_or_default().to_owned(),
            session: command.attr("sessionid").map_or_else(|| im.runtime.random_token(8), str::to_owned),
            action: command.attr("action").map(str::to_owned),
            filled,
        };
        let filled_in = asked.filled.as_ref().is_none_or(|form| form.type_ == FormType::Submit);
        match asked.action.as_deref() {
            Some("cancel") => Ok(asked),
            None | Some("execute") if filled_in => Ok(asked),
            Some("complete" | "next") if filled_in && asked.filled.is_some() => Ok(asked),
            // §3.4: there is one stage; nobody goes back.
            _ => Err(StanzaError::new(ErrorKind::Modify, Condition::BadRequest)
                .with_app(Element::new("bad-action", NS))),
        }
    }

    /// Is it given up?
    pub(crate) fn is_cancelled(&self) -> bool {
        self.action.as_deref() == Some("cancel")
    }

    /// An answer that says no more than how far it is.
    pub(crate) fn reply(&self, status: &'static str) -> Element {
        Element::new("command", NS)
            .with_attr("node", self.node.clone())
            .with_attr("sessionid", self.session.clone())
            .with_attr("status", status)
    }

    /// What is to be filled in.
    pub(crate) fn questions(&self, form: &Form) -> Element {
        let actions = Element::new("actions", NS).with_attr("execute", "complete");
        let actions = actions.with_child(Element::new("complete", NS));
        self.reply("executing").with_child(actions).with_child(form.to_element())
    }

    /// What came of it.
    pub(crate) fn told(&self, done: &Done) -> Element {
        let note = Element::new("note", NS).with_attr("type", "info").with_text(done.note.as_str());
        let command = self.reply("completed").with_child(note);
        match &done.result {
            Some(form) => command.with_child(form.to_element()),
            None => command,
        }
    }
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
    match (set, payload.ns(), payload.name()) {
        (true, NS, "command") => Some(run(im, asker, &payload).await.map(Some)),
        (false, ITEMS, "query") if node == NS => Some(Ok(Some(list(im, asker)))),
        (false, INFO, "query") if node == NS || name(node).is_some() => Some(Ok(Some(info(node)))),
        _ => None,
    }
}

/// What people call the command of a node.
fn name(node: &str) -> Option<&'static str> {
    let administration = COMMANDS.iter().find(|command| command.node() == node).map(|command| command.name);
    administration.or_else(|| invitations::Command::of(node).map(invitations::Command::name))
}

/// §2.2: everybody sees the commands that they may use.
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
    invitations::listed(im, asker).for_each(|item| items.push(item));
    items
}

/// §2.3.
fn info(node: &str) -> Element {
    let (type_, name) = name(node).map_or(("command-list", "Commands"), |name| ("command-node", name));
    described(node, type_, name)
}

/// The list of commands, or one of them, as discovery tells of it.
pub(crate) fn described(node: &str, type_: &str, name: &str) -> Element {
    Info {
        identities: vec![Identity::new("automation", type_, name)],
        features: vec![NS.to_owned(), forms::NS.to_owned()],
        ..Info::default()
    }
    .to_element()
    .with_attr("node", node.to_owned())
}

/// §3: a form, what was filled in, or neither.
async fn run(im: &Im, asker: &BareJid, command: &Element) -> Result<Element, StanzaError> {
    let node = command.attr("node").unwrap_or_default();
    if let Some(known) = invitations::Command::of(node) {
        let asked = Asked::read(im, command)?;
        return invitations::run(im, asker, known, &asked).await;
    }
    if !im.is_administrator(asker) {
        return Err(StanzaError::new(ErrorKind::Auth, Condition::Forbidden));
    }
    let known = COMMANDS.iter().find(|command| command.node() == node).ok_or(Condition::ItemNotFound)?;
    let asked = Asked::read(im, command)?;
    if asked.is_cancelled() {
        return Ok(asked.reply("canceled"));
    }
    let done = match (&asked.filled, service_administration::form(im, known)) {
        (Some(form), _) => service_administration::carry_out(im, asker, known, form).await?,
        (None, Some(questions)) => return Ok(asked.questions(&questions)),
        (None, None) => {
            let nothing = Form::new(FormType::Submit, service_administration::NS);
            service_administration::carry_out(im, asker, known, &nothing).await?
        }
    };
    Ok(asked.told(&done))
}

impl Command {
    /// The node under which it is asked for.
    fn node(&self) -> String {
        format!("{}#{}", service_administration::NS, self.word)
    }
}
