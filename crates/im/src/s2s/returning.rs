//! What another server never got goes back to who sent it (RFC 6120 §8.3.3.16, §8.3.3.17).

use model::Jid;
use store::{Archives, Entry};
use xmpp::{Condition, ContentNamespace, Context, Kind, Stanza, StanzaError, ns};

use super::peer::{Outgoing, Peer};
use crate::Im;
use crate::outbox::Item;
use crate::router::Target;

impl Im {
    /// Returns a stanza to its sender. A message that was kept is forgotten only once its return is on its way.
    pub(super) async fn return_to_sender(
        &self,
        peer: &Peer,
        item: Outgoing,
        condition: Condition,
        why: &str,
    ) {
        peer.status.lock().returned += 1;
        metrics::counter!("carillon_federation_returned_total").increment(1);
        if let Ok(stanza) = xmpp::parse_inheriting_in(item.bytes.clone(), ContentNamespace::Server) {
            let text = match condition {
                Condition::RemoteServerNotFound => why.to_owned(),
                _ => format!("{} could not be reached: {why}", peer.remote),
            };
            self.returned(&stanza, &StanzaError::from(condition).with_text(text), item.seq.is_some()).await;
        }
        if let Some(seq) = item.seq {
            self.store.handed_on(&peer.owner, seq);
        }
    }

    async fn returned(&self, stanza: &Stanza, error: &StanzaError, kept: bool) {
        let (Some(from), Some(to)) = (stanza.from(), stanza.to()) else { return };
        if self.rooms.owns(&from) {
            // XEP-0045 §9.8: who cannot be reached is not in the room any more.
            if let (Ok(room), Ok(occupant)) = (from.parse::<Jid>(), to.parse::<Jid>())
                && let Ok(occupant) = occupant.try_into_full()
            {
                crate::muc::unreachable(self, &room.to_bare(), &occupant);
            }
            return;
        }
        let wants_answer = match (stanza.kind(), stanza.type_().as_deref()) {
            (Kind::Message, Some("error")) | (Kind::Iq, Some("result" | "error")) | (Kind::Other, _) => false,
            (Kind::Message, _) => stanza.has_child("body", ns::CLIENT) || kept,
            (Kind::Iq, _) => true,
            (Kind::Presence, kind) => kind == Some("subscribe") || kind.is_none() && to.contains('/'),
        };
        let Some(reply) = error.reply(stanza, None, Context::Client).filter(|_| wants_answer) else { return };
        if let Ok(component) = from.parse::<Jid>()
            && self.services.components().serves(component.domain().as_str())
        {
            return self.return_to_component(reply, (&to, &component), kept);
        }
        let target = self.locate(&from);
        if let Target::Online(_, _, Some(seat)) = &target
            && !kept
        {
            self.push_bytes(seat, reply);
            return;
        }
        let (Ok(sender), true) = (from.parse::<Jid>(), kept) else { return };
        // The device that sent it may be gone: whoever sends a message is told of its end.
        let entry = Entry {
            id: self.store.stanza_id(),
            owner: sender.to_bare(),
            from: to.to_string(),
            to: from.to_string(),
            stanza: reply.clone(),
            at: self.runtime.timestamp(),
            spool: true,
            archives: Archives::default(),
            told: None,
        };
        let Ok(seq) = self.store.journal_append(entry) else {
            tracing::warn!("a message came back from another server, and its sender could not be told");
            return;
        };
        let item = Item::kept(reply, seq);
        match target {
            Target::Online(_, _, Some(seat)) => {
                self.push(&seat, item);
            }
            Target::Online(account, ..) => {
                self.push_to_all(&account, &item);
            }
            _ => {}
        }
    }
}
