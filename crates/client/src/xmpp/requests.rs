//! Requests of ours that wait for their answers (RFC 6120 §8.2.3).

use std::collections::BTreeMap;

use tokio::sync::oneshot;
use xmpp::{Element, Stanza};

use super::Error;
use super::event::error;

/// The answer to a request: its payload, if it has one.
pub(super) type Answer = Result<Option<Element>, Error>;

struct Waiting {
    /// Whom we asked; our own account when empty.
    to: Option<String>,
    answer: oneshot::Sender<Answer>,
}

/// The requests that wait, by identifier.
#[derive(Default)]
pub(super) struct Requests {
    waiting: BTreeMap<String, Waiting>,
}

impl Requests {
    pub(super) fn expect(&mut self, id: String, to: Option<String>, answer: oneshot::Sender<Answer>) {
        // Those that nobody waits for any more would only pile up.
        self.waiting.retain(|_, waiting| !waiting.answer.is_closed());
        self.waiting.insert(id, Waiting { to, answer });
    }

    /// An answer came in. One that does not come from whom we asked is none (RFC 6120 §8.1.2.1 lets the
    /// server leave out its own address and our account's).
    pub(super) fn answered(&mut self, stanza: &Stanza, own: &jid::FullJid) {
        let Some(id) = stanza.id() else { return };
        let Some(waiting) = self.waiting.get(&*id) else { return };
        let from = stanza.from();
        let own_bare = own.to_bare();
        let ours = |from: &str| [own.as_str(), own_bare.as_str(), own.domain().as_str()].contains(&from);
        let fits = match (&waiting.to, from.as_deref()) {
            (Some(to), Some(from)) => to == from,
            (None, from) => from.is_none_or(ours),
            (Some(to), None) => ours(to),
        };
        if !fits {
            return;
        }
        let answer = match error(stanza) {
            Some(error) => Err(Error::Refused(error)),
            None => Ok(stanza.first_child().map(|child| child.element())),
        };
        if let Some(waiting) = self.waiting.remove(&*id) {
            // The asker may have stopped waiting.
            let _ = waiting.answer.send(answer);
        }
    }

    /// The session is lost: nothing will be answered.
    pub(super) fn lost(&mut self) {
        for (_, waiting) in std::mem::take(&mut self.waiting) {
            let _ = waiting.answer.send(Err(Error::Over));
        }
    }
}
