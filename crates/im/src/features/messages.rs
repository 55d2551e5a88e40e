//! Messages (RFC 6121 §5, §8.5): the rules are in `delivery`, the way in `pipeline` and `router`.

use bytes::Bytes;
use model::BareJid;
use xmpp::{Builder, Condition, Context, StanzaError};

use crate::acceptance::storage_error;
use crate::delivery::MessageType;
use crate::gateway::Inbound;
use crate::router::Routed;
use crate::{About, Error, Im, Spec};

/// What this feature is.
pub const ABOUT: About = About {
    name: "messages",
    specs: &[Spec::rfc(6121, "§5, §8"), Spec::xep(334, "0.4.0")],
    disco: &[xmpp::xep::hints::NS],
    account: &[],
};

impl Im {
    /// Takes a message from another room and returns when it is durable: then, and not before, the sender
    /// may be told that it was accepted (RFC 3428: the 2xx).
    ///
    /// # Errors
    /// [`Error::Refused`] says what the sender is to be told.
    pub async fn deliver(&self, message: Inbound) -> Result<(), Error> {
        let bytes = write(&message);
        let stanza = xmpp::parse_one(bytes).map_err(|_| {
            StanzaError::from(Condition::BadRequest).with_text("the payload is not well-formed")
        })?;
        let (from, to) = (message.from.as_str(), message.to.as_str());
        let seq = match self.route_message(&stanza, from, to)? {
            Routed::Done(seq) => seq,
            Routed::Absent(owner, address) => {
                self.route_message_absent(&stanza, from, &owner, address).await?
            }
            Routed::Service(_) => return Err(StanzaError::from(Condition::ServiceUnavailable).into()),
        };
        match seq {
            Some(seq) => Ok(self.store.kept(seq).await.map_err(|error| storage_error(&error))?),
            None => Ok(()),
        }
    }

    /// Is this an address of our domain with a user's name in it?
    pub fn is_local(&self, jid: &BareJid) -> bool {
        jid.domain().as_str() == self.domain() && jid.node().is_some()
    }
}

fn write(message: &Inbound) -> Bytes {
    let kind = match message.kind {
        MessageType::Normal => "normal",
        MessageType::Chat => "chat",
        MessageType::Groupchat => "groupchat",
        MessageType::Headline => "headline",
        MessageType::Error => "error",
    };
    let mut builder = Builder::message(Context::Framed);
    builder.type_(kind).to(message.to.as_str()).attr_if("id", message.id.as_deref());
    builder.raw(&message.payload).finish()
}

/// The body of a stanza as sessions get it, for rooms that speak plain text only.
pub fn body(stanza: &[u8]) -> Option<String> {
    let element = xmpp::Element::parse(stanza, xmpp::ns::CLIENT).ok()?;
    element.child("body", xmpp::ns::CLIENT).map(xmpp::Element::text)
}
