//! MESSAGE (RFC 3428): to the phones of a line, or to a user's chat by the gateway.
//!
//! A user's message goes to the gateway, which keeps it before it is acknowledged (202); what no chat client
//! takes comes back through [`crate::Calls::deliver`] to the user's phones. A line without owner, and a house
//! without a gateway, has phones only: the answer is theirs (RFC 3428 §7), and nothing is kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use model::{BareJid, DomainPart, LineId, NodePart};
use sip::endpoint::{ClientTransaction, Flow, ServerTransaction};
use sip::{CSeq, Method, Name, Request, RequestBuilder};
use tokio::sync::oneshot;

use crate::authentication::Account;
use crate::dialplan::{Resolution, Who};
use crate::shard::desk::Desk;
use crate::shard::mailbox::{Delivery, Input};
use crate::{MessageRefusal, TextMessage};

/// Messages that one shard relays at once; more get 503.
const RELAYS_MAX: usize = 50_000;
/// Hops that a message of our own may take (RFC 3261 §8.1.1.6).
const MAX_FORWARDS: u32 = 70;

/// The messages that a shard has sent to phones, and whose answers it waits for.
#[derive(Default)]
pub(crate) struct Relays {
    relays: BTreeMap<u64, Relay>,
    by_transaction: BTreeMap<ClientTransaction, u64>,
    next: u64,
}

struct Relay {
    origin: Origin,
    waiting: usize,
    /// The best refusal so far.
    refusal: Option<u16>,
}

/// Who waits for the answer.
enum Origin {
    Phone(ServerTransaction, Box<Request>),
    Room(oneshot::Sender<Result<(), MessageRefusal>>),
}

/// What is sent to phones.
struct Text {
    from: String,
    to: String,
    content_type: String,
    body: Bytes,
}

impl Relays {
    /// Handles a MESSAGE of an authenticated line.
    pub(crate) fn take(
        &mut self,
        transaction: ServerTransaction,
        request: Request,
        flow: Flow,
        account: &Account,
        desk: &mut Desk<'_>,
    ) {
        let found = destination(&request, &flow, account, desk);
        let (user, lines, address) = match found {
            Ok(found) => found,
            Err(status) => return desk.answer(transaction, &request, status),
        };
        let content_type = request.headers().first(Name::ContentType).map(lossy);
        let content_type = content_type.unwrap_or_else(|| "text/plain".to_owned());
        let gateway = desk.rooms.gateway.load_full();
        if let (Some(gateway), Some(user)) = (gateway, &user) {
            let Some(from) = sender(account, desk) else { return desk.answer(transaction, &request, 403) };
            let message = TextMessage {
                from,
                to: user.clone(),
                content_type,
                body: request.body().clone(),
                id: request.headers().call_id().map(|id| lossy(&id)).unwrap_or_default(),
                at: desk.now.civil,
            };
            let answer = gateway.0.take(message);
            let mailbox = Arc::clone(desk.mailbox);
            desk.rooms.runtime.spawn_session(async move {
                let taken = answer.await;
                mailbox.put(Input::Taken(transaction, Box::new(request), taken));
            });
            return;
        }
        let text = Text {
            from: desk.address(account.line.number.as_str()),
            to: desk.address(&address),
            content_type,
            body: request.body().clone(),
        };
        self.relay(&text, &lines, Origin::Phone(transaction, Box::new(request)), desk);
    }

    /// A gateway has answered.
    pub(crate) fn taken(
        transaction: ServerTransaction,
        request: &Request,
        taken: Result<(), MessageRefusal>,
        desk: &mut Desk<'_>,
    ) {
        match taken {
            Ok(()) => desk.answer(transaction, request, 202),
            Err(MessageRefusal::UnsupportedContent) => {
                let response = desk.response(request, 415).header(Name::Accept, "text/plain").finish();
                desk.respond(transaction, &response);
            }
            Err(refusal) => desk.answer(transaction, request, status(refusal)),
        }
    }

    /// A message of another room, for phones.
    pub(crate) fn deliver(&mut self, delivery: Delivery, desk: &mut Desk<'_>) {
        let Delivery { message, lines, answer } = delivery;
        let text = Text {
            from: desk.address_of(&message.from),
            to: desk.address_of(&message.to),
            content_type: message.content_type,
            body: message.body,
        };
        self.relay(&text, &lines, Origin::Room(answer), desk);
    }

    /// A phone has answered, or (`None`) has not. False when the request is no message of ours.
    pub(crate) fn answered(
        &mut self,
        transaction: ClientTransaction,
        status: Option<u16>,
        desk: &mut Desk<'_>,
    ) -> bool {
        if status.is_some_and(|status| status < 200) {
            return self.by_transaction.contains_key(&transaction);
        }
        let Some(id) = self.by_transaction.remove(&transaction) else { return false };
        let Some(relay) = self.relays.get_mut(&id) else { return true };
        relay.waiting -= 1;
        match status {
            Some(200..300) => {
                if let Some(relay) = self.relays.remove(&id) {
                    finish(relay.origin, Ok(()), desk);
                }
            }
            refusal => {
                let refusal = refusal.unwrap_or(408);
                relay.refusal = Some(relay.refusal.map_or(refusal, |best| best.min(refusal)));
                if relay.waiting == 0
                    && let Some(relay) = self.relays.remove(&id)
                {
                    finish(relay.origin, Err(relay.refusal.unwrap_or(480)), desk);
                }
            }
        }
        true
    }

    fn relay(&mut self, text: &Text, lines: &[LineId], origin: Origin, desk: &mut Desk<'_>) {
        if self.relays.len() >= RELAYS_MAX {
            return finish(origin, Err(503), desk);
        }
        self.next += 1;
        let id = self.next;
        let mut waiting = 0;
        for line in lines {
            for binding in desk.rooms.registrar.contacts(line, desk.now.civil) {
                let mut request = RequestBuilder::new(Method::Message, binding.contact.as_bytes());
                for route in &binding.path {
                    request = request.header(Name::Route, route);
                }
                let call_id = desk.house.shard.call_id(desk.endpoint);
                let tag = desk.endpoint.new_tag();
                let request = request
                    .header(Name::MaxForwards, &MAX_FORWARDS)
                    .header(Name::From, &format!("<{}>;tag={tag}", text.from))
                    .header(Name::To, &format!("<{}>", text.to))
                    .header(Name::CallId, &call_id)
                    .header(Name::CSeq, &CSeq { number: 1, method: Method::Message })
                    .header(Name::UserAgent, &desk.house.product)
                    .body(&text.content_type, &text.body);
                let target = desk.house.target(binding.target());
                match desk.endpoint.send_request(request, &target, desk.now.instant) {
                    Ok(transaction) => {
                        self.by_transaction.insert(transaction, id);
                        waiting += 1;
                    }
                    Err(error) => tracing::warn!(%error, "a MESSAGE could not be sent"),
                }
            }
        }
        match waiting {
            0 => finish(origin, Err(480), desk),
            _ => drop(self.relays.insert(id, Relay { origin, waiting, refusal: None })),
        }
    }
}

fn finish(origin: Origin, result: Result<(), u16>, desk: &mut Desk<'_>) {
    match (origin, result) {
        (Origin::Phone(transaction, request), Ok(())) => desk.answer(transaction, &request, 200),
        // RFC 3261 §16.7 step 6: whoever did not answer a branch did not refuse the request; 503 is ours to explain.
        (Origin::Phone(transaction, request), Err(408)) => desk.answer(transaction, &request, 480),
        (Origin::Phone(transaction, request), Err(status)) => desk.answer(transaction, &request, status),
        (Origin::Room(answer), result) => {
            let result = result.map_err(|status| match status {
                403 | 603 => MessageRefusal::NotAllowed,
                415 | 488 => MessageRefusal::UnsupportedContent,
                _ => MessageRefusal::Unreachable,
            });
            // The room may have stopped waiting; the message has its answer all the same.
            if answer.send(result).is_err() {
                tracing::debug!("nobody waits for the answer to a message any more");
            }
        }
    }
}

/// The user, the lines, and the address as it was written; `Err` is the status that refuses.
fn destination(
    request: &Request,
    flow: &Flow,
    account: &Account,
    desk: &Desk<'_>,
) -> Result<(Option<BareJid>, Vec<LineId>, String), u16> {
    if request.headers().max_forwards().ok().flatten() == Some(0) {
        return Err(483);
    }
    let uri = request.uri().map_err(|_| 400_u16)?;
    if uri.scheme() != sip::uri::Scheme::Tel && !desk.is_ours(uri.host(), flow) {
        return Err(404);
    }
    let address = desk.user_of(&uri).ok_or(404_u16)?;
    let who = Who::Line(&account.line, account.device.as_deref());
    match desk.rooms.plan.load().reach(&address, &who, desk.now.civil) {
        Resolution::Lines(reached) => Ok((reached.user, reached.lines, address)),
        Resolution::Service(_) | Resolution::Nowhere => Err(404),
    }
}

/// Who a message is from: the line's owner; a line without one is `number@domain`.
fn sender(account: &Account, desk: &Desk<'_>) -> Option<BareJid> {
    account.owner.clone().or_else(|| {
        let node = NodePart::new(account.line.number.as_str()).ok()?;
        let domain = DomainPart::new(&desk.house.domain).ok()?;
        Some(BareJid::from_parts(Some(&node), &domain))
    })
}

fn status(refusal: MessageRefusal) -> u16 {
    match refusal {
        MessageRefusal::NotFound => 404,
        MessageRefusal::Unreachable => 480,
        MessageRefusal::NotAllowed => 403,
        MessageRefusal::UnsupportedContent => 415,
        MessageRefusal::Storage => 503,
    }
}

fn lossy(bytes: impl AsRef<[u8]>) -> String {
    String::from_utf8_lossy(bytes.as_ref()).into_owned()
}
