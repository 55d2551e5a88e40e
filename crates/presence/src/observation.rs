//! What one source says about one user.

use model::{BareJid, LineId, Timestamp};

/// Who says it. One source has at most one observation about a user at a time: a new one replaces it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A signed-in XMPP client, by its resource.
    Resource(String),
    /// A telephone line.
    Line(LineId),
    /// A SIP publication (RFC 3903), by its entity tag's owner.
    Publication(String),
    /// The user's own explicit choice, over all clients.
    Choice,
    /// A calendar.
    Calendar,
}

/// How available an XMPP client says its user is (RFC 6121 §4.7.2.1); `Online` is an absent `<show/>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Show {
    /// Wants to chat.
    Chat,
    /// Available.
    Online,
    /// Away: idle on this client.
    Away,
    /// Away for longer.
    ExtendedAway,
    /// Do not disturb: an explicit choice.
    DoNotDisturb,
}

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observed {
    /// The client is signed in.
    Client {
        /// Its availability.
        show: Show,
        /// Its status text, as typed.
        status: Option<String>,
        /// Its priority (RFC 6121 §4.7.2.3).
        priority: i8,
    },
    /// The line has a call: off-hook.
    InCall,
    /// The line rings or is dialling; it is not yet "on the phone".
    Ringing,
    /// A phone is registered on the line and idle.
    Registered,
    /// Busy in the calendar: in a meeting (`CA-02`, by Q-11).
    Meeting,
    /// Chosen by hand: busy.
    Busy,
    /// Chosen by hand, or published: do not disturb.
    DoNotDisturb,
    /// Out of office, by hand or calendar.
    OutOfOffice,
    /// Published as open.
    Available,
    /// Published as closed.
    Closed,
}

/// One source's word about one user, from `since` until it is replaced, withdrawn, or `until` passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// The presentity.
    pub user: BareJid,
    /// Who says it.
    pub source: Source,
    /// What is said.
    pub state: Observed,
    /// Since when it holds.
    pub since: Timestamp,
    /// When it lapses by itself.
    pub until: Option<Timestamp>,
}
