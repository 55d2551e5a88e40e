//! Call control: registrar, dial plan, back-to-back user agent, call events.
//!
//! A datagram goes to the shard of hash(Call-ID); there `sip::Endpoint` turns it into a transaction's event,
//! and [`call::Switchboard`] into a change of a call. Both are sans-IO: sockets, storage and media are told
//! what to do and never waited for. What a call looks like from outside is on the [`Board`].
//!
//! Owns: registrations, calls, their offers and media ports, line state. Does not own: what SIP looks like
//! (`sip`), RTP (`media`), who is available (`presence`), what chat does with it (`im`, `apps`).

pub mod address;
pub mod admission;
pub mod authentication;
mod board;
pub mod call;
mod calls;
pub mod command;
mod config;
pub mod course;
pub mod cti;
mod device;
pub mod dialplan;
pub mod directory;
mod events;
pub mod features;
pub mod feed;
pub mod guard;
pub mod line_state;
mod media_reports;
mod message;
mod metrics;
pub mod offer;
pub mod place;
pub mod records;
pub mod registrar;
mod shard;
pub mod snapshot;
pub mod trace;
mod transport;
pub mod trunk;

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use model::{BareJid, LineId, Timestamp};

pub use board::{Board, BoardListener};
pub use calls::{AgentShown, AgentState, CallerShown, Calls, DialShown, LentPhone, PlaceShown, QueueShown};
pub use config::{CallLimits, CallsConfig, Listen, RecordPolicy, Recordings, SignInLimits, Sounds};
pub use features::conference::MeetMe;
pub use records::recordings;
pub use snapshot::CallSnapshot;
pub use transport::PhoneSocket;
pub use transport::Tls;

/// Why call control could not start, or do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system gives no thread for the shards, or does not watch their sockets.
    #[error("no shard for calls can be started: {0}")]
    Threads(std::io::Error),
    /// A listening address is taken or not ours: the operator's configuration.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// One registered contact, for the status page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The line.
    pub line: LineId,
    /// Its owner.
    pub owner: Option<BareJid>,
    /// The contact as registered.
    pub contact: String,
    /// The transport and address that it came over.
    pub source: String,
    /// What the phone calls itself.
    pub user_agent: Option<String>,
    /// The device that it is, when that is known.
    pub device: Option<String>,
    /// When it lapses.
    pub expires: Timestamp,
}

/// A text message between a SIP phone and a user (RFC 3428).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextMessage {
    /// Who sends it: a user of ours; for a line without owner, `number@domain`.
    pub from: BareJid,
    /// The user it is for.
    pub to: BareJid,
    /// `text/plain` and its parameters, as it came.
    pub content_type: String,
    /// The body.
    pub body: Bytes,
    /// The sender's own id for it: the Call-ID, or the stanza's id.
    pub id: String,
    /// When it was accepted.
    pub at: Timestamp,
}

/// Why a message was not taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageRefusal {
    /// There is no such user.
    #[error("there is no such user")]
    NotFound,
    /// Nothing of the user can take it now.
    #[error("nothing can take the message now")]
    Unreachable,
    /// The sender may not write to this user.
    #[error("the sender may not write to this user")]
    NotAllowed,
    /// Not a content type that can be carried over.
    #[error("the content type cannot be carried over")]
    UnsupportedContent,
    /// Storage is full or failing: to be tried again later.
    #[error("storage does not take the message now")]
    Storage,
}

/// The answer of a gateway, later.
pub type MessageAnswer = Pin<Box<dyn Future<Output = Result<(), MessageRefusal>> + Send>>;

/// Takes SIP MESSAGEs that are for a user rather than for a phone. `apps` implements it.
pub trait MessageGateway: Send + Sync + 'static {
    /// Takes a message over. The future ends when the message is durable (`Ok`: 2xx goes out) or refused.
    fn take(&self, message: TextMessage) -> MessageAnswer;
}
