//! SIP MESSAGE to XMPP messages and back (RFC 7572, `IM-02`).
//!
//! A phone's text goes to the user's chat sessions or waits in their spool; a chat message to a user whom no
//! session serves goes to that user's phones. Each side's acknowledgement waits for the other's: a phone hears
//! 2xx when the message is durable, and the spool forgets a message when a phone has acknowledged it.

use std::sync::{Arc, Weak};

use bytes::{Bytes, BytesMut};
use calls::{Calls, MessageAnswer, MessageGateway, MessageRefusal, TextMessage};
use im::{Gateway, GatewayMessage, Im, Inbound, MessageType, Offer};
use model::Jid;
use runtime::Runtime;
use xmpp::{Condition, Context, Element, ns};

/// The only content that both networks carry (RFC 7572 §4).
const TEXT: &str = "text/plain";

/// From phones to chat.
pub struct ToChat {
    im: Weak<Im>,
}

/// From chat to phones.
pub struct ToPhones {
    im: Weak<Im>,
    calls: Calls,
    runtime: Runtime,
}

/// Joins messaging and call control, both ways.
pub fn join(im: &Arc<Im>, calls: &Calls, runtime: &Runtime) {
    calls.set_gateway(Arc::new(ToChat { im: Arc::downgrade(im) }));
    im.set_gateway(ToPhones { im: Arc::downgrade(im), calls: calls.clone(), runtime: runtime.clone() });
}

impl MessageGateway for ToChat {
    fn take(&self, message: TextMessage) -> MessageAnswer {
        let im = self.im.upgrade();
        Box::pin(async move {
            let im = im.ok_or(MessageRefusal::Unreachable)?;
            let inbound = inbound(message)?;
            im.deliver(inbound).await.map_err(refusal)
        })
    }
}

/// The stanza that a phone's text becomes (RFC 7572 §5).
fn inbound(message: TextMessage) -> Result<Inbound, MessageRefusal> {
    let media_type = message.content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case(TEXT) {
        return Err(MessageRefusal::UnsupportedContent);
    }
    let text = std::str::from_utf8(&message.body).map_err(|_| MessageRefusal::UnsupportedContent)?;
    let text: String = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t')).collect();
    let mut payload = BytesMut::new();
    Element::new("body", ns::CLIENT).with_text(text).write(&mut payload, Context::Client);
    Ok(Inbound {
        from: Jid::from(message.from),
        to: Jid::from(message.to),
        kind: MessageType::Chat,
        id: Some(message.id),
        payload: payload.freeze(),
    })
}

/// What a phone is told of a refusal by messaging.
fn refusal(error: im::Error) -> MessageRefusal {
    match error {
        im::Error::Refused(error) => match error.condition {
            Condition::ItemNotFound | Condition::ServiceUnavailable => MessageRefusal::NotFound,
            Condition::ResourceConstraint => MessageRefusal::Storage,
            Condition::NotAllowed | Condition::Forbidden => MessageRefusal::NotAllowed,
            _ => MessageRefusal::Unreachable,
        },
        im::Error::Store(_) => MessageRefusal::Storage,
        _ => MessageRefusal::Unreachable,
    }
}

impl Gateway for ToPhones {
    fn offer(&self, message: GatewayMessage) -> Offer {
        let Some(text) = outbound(&message) else { return Offer::Declined };
        if !self.calls.takes_messages(&message.owner) {
            return Offer::Declined;
        }
        let (im, answer) = (self.im.clone(), self.calls.deliver(text));
        self.runtime.spawn("message-to-phone", async move {
            match answer.await {
                Ok(()) => {
                    if let Some(im) = im.upgrade() {
                        im.handed_on(&message.owner, message.seq);
                    }
                }
                // It stays in the spool, and comes at the next sign-in.
                Err(refusal) => tracing::debug!(%refusal, "no phone took a message"),
            }
        });
        Offer::Taken
    }
}

/// The text that a stanza carries, for a phone; `None` when it has no body.
fn outbound(message: &GatewayMessage) -> Option<TextMessage> {
    let body = im::features::messages::body(&message.stanza)?;
    Some(TextMessage {
        from: message.from.to_bare(),
        to: message.owner.clone(),
        content_type: "text/plain;charset=utf-8".to_owned(),
        body: Bytes::from(body),
        id: message.id.to_string(),
        at: message.at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Timestamp;

    fn text(content_type: &str, body: &'static [u8]) -> TextMessage {
        TextMessage {
            from: "carol@example.org".parse().unwrap(),
            to: "bob@example.org".parse().unwrap(),
            content_type: content_type.to_owned(),
            body: Bytes::from_static(body),
            id: "call-1".to_owned(),
            at: Timestamp(0),
        }
    }

    #[test]
    fn a_phones_text_becomes_an_escaped_body() {
        let inbound = inbound(text("text/plain;charset=UTF-8", b"1 < 2 & 3")).unwrap();
        assert_eq!(&inbound.payload[..], b"<body>1 &lt; 2 &amp; 3</body>");
        assert_eq!(inbound.from.as_str(), "carol@example.org");
    }

    #[test]
    fn what_is_not_text_is_refused_as_such() {
        let refused = |content_type, body| inbound(text(content_type, body)).map(drop);
        assert_eq!(refused("message/cpim", b"x"), Err(MessageRefusal::UnsupportedContent));
        assert_eq!(refused("text/plain", b"\xff\xfe"), Err(MessageRefusal::UnsupportedContent));
    }

    #[test]
    fn control_characters_that_xml_cannot_carry_are_left_out() {
        let inbound = inbound(text("text/plain", b"a\x00b\x1bc\nd")).unwrap();
        assert_eq!(&inbound.payload[..], b"<body>abc\nd</body>");
    }
}
