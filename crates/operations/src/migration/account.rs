//! What the elements of a `<user/>` (XEP-0227 §4) mean for the store. What cannot be kept is left out and told.

mod messages;
mod parts;

pub use messages::{Message, fingerprint, marked};
pub use parts::kind;

use std::collections::BTreeMap;

use model::{BareJid, Timestamp};
use store::{Account, AccountNode};
use xmpp::Element;

use super::xml;

/// An account as its elements say it.
#[derive(Debug)]
pub struct Reading {
    /// All but messages.
    pub account: Account,
    /// Messages, in order.
    pub messages: Vec<Message>,
    /// What is left out: the place among the elements, and why.
    pub left_out: Vec<(usize, String)>,
    /// What of the account itself is left out.
    pub refused: Vec<String>,
    configurations: BTreeMap<String, String>,
}

/// Reads the elements of one account. `now` is the time of what says none.
pub fn read(jid: &BareJid, parts: &[String], now: Timestamp) -> Reading {
    let name = jid.node().map(|node| node.to_string()).unwrap_or_default();
    let mut reading = Reading {
        account: Account::new(jid.clone(), name),
        messages: Vec::new(),
        left_out: Vec::new(),
        refused: Vec::new(),
        configurations: BTreeMap::new(),
    };
    for (place, text) in parts.iter().enumerate() {
        let mut left_out = Vec::new();
        match xml::element(text) {
            Ok(element) => reading.take(&element, &mut left_out),
            Err(message) => left_out.push(format!("this is not well-formed: {message}")),
        }
        reading.left_out.extend(left_out.into_iter().map(|message| (place, message)));
    }
    reading.settle(now);
    reading
}

impl Reading {
    fn take(&mut self, element: &Element, left_out: &mut Vec<String>) {
        let jid = self.account.jid.clone();
        if let Some(message) = messages::read(&jid, element) {
            match message {
                Ok(message) => self.messages.push(message),
                Err(message) => left_out.push(message),
            }
            return;
        }
        match parts::pubsub(&jid, element, left_out) {
            Some(parts::Pubsub::Configurations(all)) => self.configurations.extend(all),
            Some(parts::Pubsub::Nodes(nodes)) => self.account.nodes.extend(nodes),
            None => parts::read(&mut self.account, element, left_out),
        }
    }

    /// Nodes get their configurations, which may stand before or behind their items; a message that waits and is in
    /// the archive, too, is one.
    fn settle(&mut self, now: Timestamp) {
        for node in &mut self.account.nodes {
            if let Some(config) = self.configurations.remove(&node.node) {
                node.config = config;
            }
            node.items.iter_mut().for_each(|item| item.at = now);
        }
        for (node, config) in std::mem::take(&mut self.configurations) {
            if self.account.nodes.len() < store::PUBSUB_NODES_MAX {
                self.account.nodes.push(AccountNode { node, config, items: Vec::new() });
            }
        }
        parts::note_picture(&mut self.account);
        messages::join(&mut self.messages);
    }
}

#[cfg(test)]
mod tests;
