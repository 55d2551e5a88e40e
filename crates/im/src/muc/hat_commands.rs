//! Giving and taking hats (XEP-0317 §3.2, §3.3): ad-hoc commands (XEP-0050) at a room's address, for its admins.

use model::{BareJid, FullJid};
use xmpp::xep::disco::ITEMS;
use xmpp::xep::forms::{Form, FormType};
use xmpp::{Condition, Element, ErrorKind, StanzaError};

use super::Visitor;
use super::affiliation::Affiliation;
use super::hats::Hats;
use super::room::{Post, Room};
use super::service::{SharedRoom, keep, post};
use super::wire::Change;
use crate::Im;
use crate::features::commands::{self, Asked};

/// The kind of the forms, and what stands before every command's node.
const FORM: &str = "urn:xmpp:hats:commands";

/// One command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Command {
    Don,
    Doff,
    /// Not in the XEP: other servers have it under this node too.
    List,
}

impl Command {
    const ALL: [Self; 3] = [Self::Don, Self::Doff, Self::List];

    fn of(node: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|command| command.node() == node)
    }

    fn node(self) -> &'static str {
        match self {
            Self::Don => "urn:xmpp:hats:commands:don",
            Self::Doff => "urn:xmpp:hats:commands:doff",
            Self::List => "urn:xmpp:hats:commands:dlist",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Don => "Give a user a hat",
            Self::Doff => "Take a hat from a user",
            Self::List => "List users with hats",
        }
    }

    /// One hat at a time: one of those there are, or a new one (§3.2). Only the room knows which there are.
    fn form(self, hats: &Hats) -> Form {
        let none: [&str; 0] = [];
        let form = Form::new(FormType::Form, FORM)
            .with("accountjid", "jid-single", none)
            .labelled("User")
            .with("hat", "list-single", none)
            .labelled("Hat");
        let mut form = hats.all().fold(form, |form, (uri, title)| form.option(title, uri));
        if self == Self::Don {
            form = form
                .with("hat_uri", "text-single", none)
                .labelled("URI of a new hat")
                .with("hat_title", "text-single", none)
                .labelled("Title of a new hat");
        }
        Form { title: Some(self.name().to_owned()), ..form }
    }
}

/// What a form says.
struct Order<'a> {
    user: BareJid,
    uri: &'a str,
    title: Option<&'a str>,
}

impl<'a> Order<'a> {
    fn read(form: &'a Form) -> Result<Self, StanzaError> {
        let value = |var| form.value(var).map(str::trim).filter(|value| !value.is_empty());
        let user = value("accountjid").or_else(|| value("jid")).ok_or(Condition::BadRequest)?;
        let user = user.parse().map_err(|_| Condition::JidMalformed)?;
        let uri = value("hat").or_else(|| value("hat_uri")).ok_or(Condition::BadRequest)?;
        Ok(Self { user, uri, title: value("hat_title") })
    }
}

impl Room {
    /// Gives or takes a hat; everybody sees it on those who are in.
    fn change_hat(
        &mut self,
        command: Command,
        order: &Order<'_>,
        post: &mut Post<'_>,
    ) -> Result<(), StanzaError> {
        let hats = &mut self.config.people.hats;
        let renamed = match command {
            Command::Don => hats.give(&order.user, order.uri, order.title)?,
            _ => hats.take(&order.user, order.uri).map(|()| false)?,
        };
        let looks_new =
            |user: &BareJid| *user == order.user || renamed && self.config.people.hats.wears(user, order.uri);
        for occupant in self.occupants.values().filter(|occupant| looks_new(&occupant.user)) {
            self.announce(&occupant.nick, &Change::default(), post);
        }
        Ok(())
    }
}

fn may(room: &Room, who: Visitor<'_>) -> bool {
    room.affiliation(who.user) >= Affiliation::Admin
}

/// A command is given. The answer waits until what it changed is kept.
pub(super) async fn run(
    im: &Im,
    who: Visitor<'_>,
    shared: &SharedRoom,
    payload: &Element,
) -> Result<Option<Element>, StanzaError> {
    let command = Command::of(payload.attr("node").unwrap_or_default()).ok_or(Condition::ItemNotFound)?;
    let asked = Asked::read(im, payload)?;
    {
        let mut room = shared.lock();
        if !may(&room, who) {
            let refused = StanzaError::new(ErrorKind::Auth, Condition::Forbidden);
            return Err(refused.with_text("owners and admins give hats"));
        }
        if asked.is_cancelled() {
            return Ok(Some(asked.reply("canceled")));
        }
        match (command, &asked.filled) {
            (Command::List, _) => {
                return Ok(Some(asked.reply("completed").with_child(room.config.people.hats.listed())));
            }
            (_, None) => return Ok(Some(asked.questions(&command.form(&room.config.people.hats)))),
            (_, Some(form)) => {
                let order = Order::read(form)?;
                room.change_hat(command, &order, &mut |session: &FullJid, bytes| post(im, session, bytes))?;
            }
        }
    }
    keep(im, shared).await?;
    Ok(Some(asked.reply("completed")))
}

/// The items of a room: who is in is told to nobody who is not (XEP-0045 §6.5), commands to those who may use them.
pub(super) fn items(room: &Room, who: Visitor<'_>, query: &Element) -> Element {
    let items = Element::new("query", ITEMS);
    if query.attr("node") != Some(commands::NS) {
        return items;
    }
    let item = |command: Command| {
        Element::new("item", ITEMS)
            .with_attr("jid", room.jid.as_str())
            .with_attr("node", command.node())
            .with_attr("name", command.name())
    };
    let shown = Command::ALL.into_iter().filter(|_| may(room, who));
    shown.map(item).fold(items.with_attr("node", commands::NS), Element::with_child)
}

/// What discovery tells of a node of a room; `None` for one that is not about commands.
pub(super) fn info(node: &str) -> Option<Element> {
    if node == commands::NS {
        return Some(commands::described(node, "command-list", "Commands"));
    }
    Command::of(node).map(|command| commands::described(node, "command-node", command.name()))
}
