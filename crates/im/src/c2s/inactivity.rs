//! Client state indication (XEP-0352): what can wait does, while nobody looks at the client.

use std::collections::BTreeMap;

use xmpp::Stanza;

use crate::features::client_state::NS;
use crate::outbox::Item;

/// Stanzas that wait at most; then all go out.
const WAITING_MAX: usize = 256;

/// What waits while the client is inactive: the newest presence and the newest chat state of each sender.
#[derive(Debug, Default)]
pub(super) struct Inactivity {
    inactive: bool,
    waiting: BTreeMap<(Kind, Box<[u8]>), Item>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Presence,
    ChatState,
}

impl Inactivity {
    /// What the client says of itself: `Some(true)` inactive; `None` when it is something else.
    pub(super) fn said(stanza: &Stanza) -> Option<bool> {
        (stanza.ns() == NS).then(|| stanza.name() == "inactive")
    }

    /// The client is inactive from now on, or active: then all that waits is to go out.
    pub(super) fn set(&mut self, inactive: bool) -> Vec<Item> {
        self.inactive = inactive;
        if inactive { Vec::new() } else { self.all() }
    }

    /// Keeps what can wait, in place of what it makes old. Gives what is to go out now: nothing, or all that waits
    /// and then the item itself, so that the order holds.
    pub(super) fn hold(&mut self, item: Item) -> Vec<Item> {
        if !self.inactive {
            return vec![item];
        }
        if let Some(key) = deferrable(&item)
            && self.waiting.len() < WAITING_MAX
        {
            self.waiting.insert(key, item);
            return Vec::new();
        }
        let mut all = self.all();
        all.push(item);
        all
    }

    /// Does anything have to be asked at all?
    pub(super) fn is_active(&self) -> bool {
        !self.inactive
    }

    fn all(&mut self) -> Vec<Item> {
        std::mem::take(&mut self.waiting).into_values().collect()
    }
}

/// Who a stanza that can wait is from: presence that says how somebody is, and a chat state without words.
fn deferrable(item: &Item) -> Option<(Kind, Box<[u8]>)> {
    if item.seq.is_some() {
        return None;
    }
    let end = item.bytes.iter().position(|byte| *byte == b'>')?;
    let (tag, rest) = item.bytes.split_at(end);
    let from = attribute(tag, b" from='")?;
    if tag.starts_with(b"<presence") {
        let shows = matches!(attribute(tag, b" type='"), None | Some(b"unavailable"));
        return shows.then(|| (Kind::Presence, from.into()));
    }
    let has = |what: &[u8]| rest.windows(what.len()).any(|window| window == what);
    let chat_state =
        tag.starts_with(b"<message") && has(b"http://jabber.org/protocol/chatstates") && !has(b"<body");
    chat_state.then(|| (Kind::ChatState, from.into()))
}

/// An attribute of a tag that we wrote: ours are in single quotes.
fn attribute<'a>(tag: &'a [u8], start: &[u8]) -> Option<&'a [u8]> {
    let at = tag.windows(start.len()).position(|window| window == start)? + start.len();
    let length = tag[at..].iter().position(|byte| *byte == b'\'')?;
    Some(&tag[at..at + length])
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn item(text: &'static str) -> Item {
        Item::passing(Bytes::from_static(text.as_bytes()))
    }

    fn texts(items: &[Item]) -> Vec<&str> {
        items.iter().map(|item| std::str::from_utf8(&item.bytes).unwrap()).collect()
    }

    const AWAY: &str = "<presence from='bob@x/desk'><show>away</show></presence>";
    const GONE: &str = "<presence from='bob@x/desk' type='unavailable'/>";
    const ASKS: &str = "<presence from='bob@x' type='subscribe'/>";
    const STATE: &str =
        "<message from='bob@x/desk'><paused xmlns='http://jabber.org/protocol/chatstates'/></message>";
    const WORDS: &str = "<message from='bob@x/desk'><body>hi</body></message>";

    #[test]
    fn an_active_client_gets_everything_at_once() {
        assert_eq!(texts(&Inactivity::default().hold(item(AWAY))), [AWAY]);
    }

    #[test]
    fn the_newest_of_each_waits_for_words_or_for_activity() {
        let mut inactivity = Inactivity::default();
        assert!(inactivity.set(true).is_empty());
        assert!(inactivity.hold(item(AWAY)).is_empty());
        assert!(inactivity.hold(item(GONE)).is_empty());
        assert!(inactivity.hold(item(STATE)).is_empty());
        assert_eq!(texts(&inactivity.hold(item(WORDS))), [GONE, STATE, WORDS]);
        assert!(inactivity.hold(item(AWAY)).is_empty());
        assert_eq!(texts(&inactivity.set(false)), [AWAY]);
        assert_eq!(texts(&inactivity.hold(item(GONE))), [GONE]);
    }

    #[test]
    fn what_wants_an_answer_does_not_wait() {
        let mut inactivity = Inactivity::default();
        inactivity.set(true);
        assert_eq!(texts(&inactivity.hold(item(ASKS))), [ASKS]);
    }
}
