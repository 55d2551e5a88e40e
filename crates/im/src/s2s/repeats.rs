//! Messages of other servers that came before: a server that did not hear our acknowledgement sends again (XEP-0198 §4).
//!
//! They are known by the stanza-id that the sender's server gave them (XEP-0359). That is remembered of the latest ones
//! that were kept; after a start, what the journal has of them is read again, for the crash may have eaten the
//! acknowledgement. What comes again is acknowledged like the first, and neither kept nor delivered a second time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use model::{BareJid, Jid};
use parking_lot::Mutex;
use store::{Seq, Store};
use xmpp::Stanza;
use xmpp::xep::stanza_ids::{NS, StanzaId};

/// Messages that are remembered, of all servers together.
const REMEMBERED_MAX: usize = 8_192;
/// A longer name is not worth remembering, in bytes.
const NAME_BYTES_MAX: usize = 512;
/// Entries of the journal, the latest ones, among which a start looks for messages of other servers.
const LOOKED_THROUGH_MAX: i64 = 20_000;

/// What a message is known by: who gave it which id, and to whom it was sent.
pub(super) type Name = Arc<str>;

/// The name of a message, if the sender's server gave it an id.
pub(super) fn name(stanza: &Stanza, from: &BareJid, to: &str) -> Option<Name> {
    let of_sender =
        |id: &StanzaId| id.by.parse::<Jid>().is_ok_and(|by| by.is_bare() && by.to_bare() == *from);
    let mut ids = stanza.children().filter(|child| child.is("stanza-id", NS));
    let given = ids.find_map(|child| StanzaId::from_element(&child.element()).ok().filter(of_sender))?;
    // An id that a client chose may stand beside it: a server that lets clients choose both is not believed.
    let chosen = stanza.id();
    let length = from.as_str().len() + to.len() + given.id.len() + chosen.as_deref().map_or(0, str::len);
    let name = || [from.as_str(), to, &given.id, chosen.as_deref().unwrap_or_default()].join("\0").into();
    (length <= NAME_BYTES_MAX).then(name)
}

/// The latest messages of other servers.
#[derive(Default)]
pub(super) struct Repeats(Mutex<Remembered>);

#[derive(Default)]
struct Remembered {
    places: BTreeMap<Name, Seq>,
    /// The same, the oldest first.
    order: VecDeque<Name>,
}

impl Repeats {
    /// The place of a message that came before.
    pub(super) fn place(&self, name: &Name) -> Option<Seq> {
        self.0.lock().places.get(name).copied()
    }

    /// A message was kept.
    pub(super) fn note(&self, name: Name, place: Seq) {
        let mut known = self.0.lock();
        if known.places.insert(Arc::clone(&name), place).is_none() {
            known.order.push_back(name);
        }
        if known.order.len() > REMEMBERED_MAX
            && let Some(oldest) = known.order.pop_front()
        {
            known.places.remove(&oldest);
        }
    }

    /// Reads what the journal has of the latest messages of other servers.
    pub(super) async fn load(&self, store: &Store, domain: &str) -> Result<(), store::Error> {
        let latest = store.journal_latest_of_others(domain, LOOKED_THROUGH_MAX, REMEMBERED_MAX).await?;
        for entry in latest.into_iter().rev() {
            let (Ok(from), Ok(stanza)) = (entry.from.parse::<Jid>(), xmpp::parse_inheriting(entry.stanza))
            else {
                continue;
            };
            if let Some(name) = name(&stanza, &from.to_bare(), &entry.to) {
                self.note(name, entry.seq);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(children: &str) -> Option<Name> {
        let text =
            format!("<message xmlns='jabber:client' id='m' from='ann@a/x' to='bob@b'>{children}</message>");
        name(&xmpp::parse_one(text.into()).unwrap(), &"ann@a".parse().unwrap(), "bob@b")
    }

    #[test]
    fn a_message_is_known_by_the_id_that_the_senders_server_gave() {
        let known = named("<stanza-id xmlns='urn:xmpp:sid:0' id='1' by='ann@a'/><body>x</body>");
        assert_eq!(known.as_deref(), Some("ann@a\0bob@b\x001\0m"));
        assert_eq!(named("<stanza-id xmlns='urn:xmpp:sid:0' id='1' by='eve@a'/>"), None);
        assert_eq!(named("<stanza-id xmlns='urn:xmpp:sid:0' by='ann@a'/><body>x</body>"), None);
        let long = "1".repeat(NAME_BYTES_MAX);
        assert_eq!(named(&format!("<stanza-id xmlns='urn:xmpp:sid:0' id='{long}' by='ann@a'/>")), None);
    }

    #[test]
    fn the_oldest_are_forgotten_first() {
        let repeats = Repeats::default();
        let name = |number: usize| Name::from(number.to_string());
        for number in 0..=REMEMBERED_MAX {
            repeats.note(name(number), Seq(1));
        }
        assert_eq!((repeats.place(&name(0)), repeats.place(&name(1))), (None, Some(Seq(1))));
        repeats.note(name(1), Seq(2));
        assert_eq!((repeats.place(&name(1)), repeats.place(&name(2))), (Some(Seq(2)), Some(Seq(1))));
    }
}
