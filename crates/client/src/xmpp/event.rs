//! What happens in a session.

use bytes::Bytes;
use xmpp::xep::roster;
use xmpp::{Condition, Stanza, StanzaError, ns};

/// What happens in a session.
#[derive(Debug)]
pub enum Event {
    /// A message came in.
    Message(Message),
    /// Presence came in: somebody's state, or a question or answer about a subscription.
    Presence(Presence),
    /// The server told of a change to the roster (RFC 6121 §2.1.6).
    Roster(roster::Item),
    /// Someone asks us something, and [`super::Options::answers_requests`] says that the owner answers, by
    /// [`super::Client::answer`].
    Request(Stanza),
    /// The connection had broken and there is a new one.
    Reconnected {
        /// True when the old session goes on and nothing is lost (XEP-0198 §5).
        resumed: bool,
        /// What the server may not have got before the old session was lost.
        lost: Vec<Bytes>,
    },
    /// The session is over; there is no further event.
    Disconnected(Ending),
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// We closed it.
    Closed,
    /// The server closed it, with this error if it gave one.
    ByServer(Option<xmpp::StreamError>),
    /// The connection broke, and there is no new one.
    Broken(String),
}

/// A message.
#[derive(Clone, Debug)]
pub struct Message {
    /// All of it.
    pub stanza: Stanza,
}

impl Message {
    /// Who sent it; empty from our own account's server.
    pub fn from(&self) -> String {
        self.stanza.from().unwrap_or_default().into_owned()
    }

    /// Its identifier, by the sender.
    pub fn id(&self) -> Option<String> {
        self.stanza.id().map(|id| id.into_owned())
    }

    /// The text.
    pub fn body(&self) -> Option<String> {
        self.stanza.child("body", ns::CLIENT).map(|body| body.text())
    }

    /// Why a message of ours came back.
    pub fn error(&self) -> Option<StanzaError> {
        error(&self.stanza)
    }
}

/// Presence.
#[derive(Clone, Debug)]
pub struct Presence {
    /// All of it.
    pub stanza: Stanza,
}

impl Presence {
    /// Whose it is.
    pub fn from(&self) -> String {
        self.stanza.from().unwrap_or_default().into_owned()
    }

    /// `unavailable`, `subscribe` and so on; empty for available.
    pub fn kind(&self) -> String {
        self.stanza.type_().unwrap_or_default().into_owned()
    }

    /// `away`, `chat`, `dnd`, `xa`; empty for simply available (RFC 6121 §4.7.2.1).
    pub fn show(&self) -> String {
        self.stanza.child("show", ns::CLIENT).map(|show| show.text()).unwrap_or_default()
    }

    /// The words that go with it.
    pub fn status(&self) -> Option<String> {
        self.stanza.child("status", ns::CLIENT).map(|status| status.text())
    }

    /// The priority (RFC 6121 §4.7.2.3).
    pub fn priority(&self) -> i8 {
        let text = self.stanza.child("priority", ns::CLIENT).map(|priority| priority.text());
        text.and_then(|text| text.trim().parse().ok()).unwrap_or_default()
    }

    /// Why presence of ours came back.
    pub fn error(&self) -> Option<StanzaError> {
        error(&self.stanza)
    }
}

/// The error of a stanza of type `error`, even if it does not say which.
pub(super) fn error(stanza: &Stanza) -> Option<StanzaError> {
    (stanza.type_().as_deref() == Some("error")).then(|| {
        StanzaError::from_stanza(stanza).unwrap_or_else(|| StanzaError::from(Condition::UndefinedCondition))
    })
}
