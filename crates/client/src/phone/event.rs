//! What a phone tells: registration, calls, messages, notifications.

use bytes::Bytes;
use sip::subscription::State;

use super::call::Call;

/// What happened to the phone.
#[derive(Debug)]
pub enum Event {
    /// The registration was refreshed.
    Registered {
        /// For how long, in seconds.
        expires: u32,
    },
    /// The registration was refused, or not answered (408), or the transport failed (503). It is tried again.
    RegistrationFailed {
        /// The status code.
        status: u16,
    },
    /// Somebody calls. It rings; answer or reject it.
    Incoming(Call),
    /// A text message came in, and was answered 200.
    Message(Message),
    /// A subscription of ours has news.
    Notified(Notification),
    /// The connection to the server is gone; the phone is dead.
    Disconnected,
}

/// A page-mode message (RFC 3428).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The URI in From.
    pub from: String,
    /// The media type.
    pub content_type: String,
    /// The text.
    pub body: Bytes,
}

/// A NOTIFY (RFC 6665), or the end of a subscription without one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Which subscription; 0 for one that a REFER of ours made.
    pub subscription: u64,
    /// The event package.
    pub package: String,
    /// The state of the subscription.
    pub state: State,
    /// The media type; empty when there is no body.
    pub content_type: String,
    /// The document.
    pub body: Bytes,
}

/// Where a call is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallState {
    /// We call, and nothing has been heard.
    Calling,
    /// It rings, here or there.
    Ringing,
    /// Both sides talk.
    Connected(Hold),
    /// It is over.
    Ended(Ending),
}

/// Who has put the call on hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hold {
    /// We have.
    pub by_us: bool,
    /// They have: they do not want to hear us.
    pub by_them: bool,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// We hung up, or cancelled.
    ByUs,
    /// They hung up, or cancelled.
    ByThem,
    /// It was refused with this status, by them or by us.
    Refused(u16),
    /// The other side fell silent, or the transport failed.
    Lost,
}
