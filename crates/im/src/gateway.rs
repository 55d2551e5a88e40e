//! The doors to messaging for other rooms: gateways to other networks, and contacts that answer by themselves.

use bytes::Bytes;
use model::{BareJid, Jid, Timestamp};
use store::{Seq, StanzaId};

use crate::MessageType;

/// A way to reach users whom no XMPP session serves (`IM-02`): a SIP phone, for one.
pub trait Gateway: Send + Sync + 'static {
    /// Offers a message. It is in the journal and stays spooled until [`crate::Im::handed_on`] is called for
    /// it. Must not block.
    fn offer(&self, message: GatewayMessage) -> Offer;
}

/// A message that no session of its addressee takes now.
#[derive(Clone, Debug)]
pub struct GatewayMessage {
    /// The user it is for.
    pub owner: BareJid,
    /// Its place in the journal.
    pub seq: Seq,
    /// The id that the server stamped on it.
    pub id: StanzaId,
    /// Who sent it.
    pub from: Jid,
    /// When it was accepted.
    pub at: Timestamp,
    /// The stanza as a session would get it.
    pub stanza: Bytes,
}

/// A gateway's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// It tries, and calls [`crate::Im::handed_on`] when the other side has it.
    Taken,
    /// It cannot reach the user; the message waits in the spool.
    Declined,
}

/// A message that another room hands in.
#[derive(Clone, Debug)]
pub struct Inbound {
    /// Who sends it: the room has made sure of that.
    pub from: Jid,
    /// To whom.
    pub to: Jid,
    /// Its type.
    pub kind: MessageType,
    /// Its `id`.
    pub id: Option<String>,
    /// Its children, in `jabber:client` where they name no namespace: well-formed XML.
    pub payload: Bytes,
}

/// A local address that no person has: it grants every subscription, is always available and may answer.
pub trait Contact: Send + Sync + 'static {
    /// The status that watchers see.
    fn status(&self) -> &str;

    /// Somebody wrote `body`; gives the body of the answer. Must not block.
    fn message(&self, from: &BareJid, body: &str) -> Option<String>;
}
