//! Accepting a message: its id, its place in the journal, and the bytes that all its receivers share.

use std::sync::Arc;

use bytes::Bytes;
use model::{BareJid, Jid, Timestamp};
use store::{Archives, Entry, Seq, StanzaId};
use xmpp::xep::hints;
use xmpp::{Builder, Condition, Context, Stamp, Stanza, StanzaError};

use crate::Im;
use crate::features::{carbons, retraction, stanza_ids};
use crate::outbox::Item;
use crate::router::Target;
use crate::sessions::{Account, Seat};

/// A message that was accepted: what every receiver gets.
#[derive(Clone, Debug)]
pub(crate) struct Accepted {
    /// The stanza on its way, and its place in the journal.
    pub(crate) item: Item,
    /// Its stanza-id and time, when it was kept.
    pub(crate) kept: Option<(StanzaId, Timestamp)>,
}

/// A message for elsewhere that was accepted.
pub(crate) struct AcceptedOutgoing {
    /// As it was kept, for a client.
    pub(crate) item: Item,
    /// Its place in the journal.
    pub(crate) seq: Seq,
    /// Its stanza-id for its sender, for whoever writes it in another way.
    pub(crate) mark: Bytes,
}

impl Im {
    /// Takes responsibility for a message to `owner`: stamps it and, if it is worth keeping, appends it to the
    /// journal. It may go to the sessions at once; nothing may be acknowledged before the journal is durable.
    pub(crate) fn accept_message(
        &self,
        stanza: &Stanza,
        from: &str,
        owner: &BareJid,
        keep: bool,
    ) -> Result<Accepted, StanzaError> {
        if !keep {
            let bytes = stanza.to_bytes(Context::Client, &Stamp::default().from(from));
            return Ok(Accepted { item: Item::passing(bytes), kept: None });
        }
        let (id, at) = (self.store.stanza_id(), self.runtime.timestamp());
        let mark = stanza_ids::mark(owner.as_str(), id);
        let stanza_bytes = stanza.to_bytes(Context::Client, &Stamp::default().from(from).adding(&mark));
        let entry = Entry {
            id,
            owner: owner.clone(),
            from: from.to_owned(),
            to: stanza.to().as_deref().unwrap_or(owner.as_str()).to_owned(),
            stanza: stanza_bytes.clone(),
            at,
            spool: true,
            archives: if hints::is_archived(stanza) {
                self.archives(from, owner)
            } else {
                Archives::default()
            },
            told: None,
        };
        match self.store.journal_append(entry) {
            Ok(seq) => {
                retraction::heed(self, stanza, from, owner);
                Ok(Accepted { item: Item::kept(stanza_bytes, seq), kept: Some((id, at)) })
            }
            Err(error) => {
                tracing::warn!(%error, "a message was refused because it could not be kept");
                metrics::counter!("carillon_im_messages_refused_total").increment(1);
                Err(storage_error(&error))
            }
        }
    }

    /// Takes responsibility for a message to `to` elsewhere, which waits in the spool of `owner`: its sender's other
    /// sessions get a copy, and their archive has it if `archivable` and they want it.
    pub(crate) fn accept_outgoing(
        &self,
        stanza: &Stanza,
        from: &str,
        to: &Jid,
        owner: &BareJid,
        archivable: bool,
    ) -> Result<AcceptedOutgoing, StanzaError> {
        let (id, at) = (self.store.stanza_id(), self.runtime.timestamp());
        let mark = stanza_ids::mark(model::bare_of(from), id);
        let stamp = Stamp::default().from(from).to(to.as_str()).adding(&mark);
        let kept = stanza.to_bytes(Context::Client, &stamp);
        let contact = to.to_bare();
        let archived = archivable && hints::is_archived(stanza) && self.archives_sent(from, &contact);
        let entry = Entry {
            id,
            owner: owner.clone(),
            from: from.to_owned(),
            to: to.to_string(),
            stanza: kept.clone(),
            at,
            spool: true,
            archives: Archives { owner: false, sender: archived },
            told: None,
        };
        let seq = self.store.journal_append(entry).map_err(|error| storage_error(&error))?;
        retraction::heed(self, stanza, from, &contact);
        let accepted = Accepted { item: Item::kept(kept, seq), kept: Some((id, at)) };
        carbons::sent(self, stanza, from, to.as_str(), &accepted);
        Ok(AcceptedOutgoing { item: accepted.item, seq, mark })
    }

    /// These messages were taken and could not be made durable in time: their senders hear it, before anything
    /// of theirs is acknowledged (RFC 6120 §8.3.3.18).
    pub(crate) fn given_up(&self, entries: &[Entry]) {
        for entry in entries {
            metrics::counter!("carillon_im_messages_refused_total").increment(1);
            let sender = entry.told.as_deref().unwrap_or(&entry.from);
            let Ok(stanza) = xmpp::parse_one(entry.stanza.clone()) else { continue };
            let mut reply = Builder::message(Context::Client);
            reply.type_("error").attr_if("id", stanza.id().as_deref()).from(&entry.to).to(sender);
            let reply = reply.element(&not_kept().to_element()).finish();
            match self.locate(sender) {
                Target::Online(_, _, Some(seat)) => seat.outbox.push_owed(Item::passing(reply)),
                Target::Remote(_) if stanza.type_().as_deref() != Some("error") => self.tell_remote(reply),
                _ => {}
            }
        }
    }

    /// The receiver has it: its stream management said so, or the kernel took it. The spool forgets it.
    pub fn handed_on(&self, owner: &BareJid, seq: Seq) {
        self.store.handed_on(owner, seq);
    }

    /// Hands an accepted message to every session of `account` that takes messages; false when none took it.
    pub(crate) fn push_to_all(&self, account: &Arc<Account>, item: &Item) -> bool {
        let limits = self.limits.load();
        let mut taken = false;
        for seat in account.seats().iter().filter(|seat| seat.takes_messages()) {
            taken |= seat.outbox.push(item.clone(), &limits.session).is_ok();
        }
        taken
    }

    /// Hands something to one session.
    pub(crate) fn push(&self, seat: &Seat, item: Item) -> bool {
        seat.outbox.push(item, &self.limits.load().session).is_ok()
    }

    /// Hands bytes that are not kept to one session.
    pub(crate) fn push_bytes(&self, seat: &Seat, bytes: Bytes) {
        self.push(seat, Item::passing(bytes));
    }
}

/// What the sender is told when the storage takes nothing: wait and try again (RFC 6120 §8.3.3.18).
pub(crate) fn storage_error(error: &store::Error) -> StanzaError {
    match error {
        store::Error::Limit { .. } => Condition::ResourceConstraint.into(),
        store::Error::NotFound(_) => Condition::ItemNotFound.into(),
        // The house is closing: the client may come again.
        store::Error::Closed => not_kept(),
        error if error.is_storage_fault() => not_kept(),
        _ => Condition::InternalServerError.into(),
    }
}

fn not_kept() -> StanzaError {
    StanzaError::from(Condition::ResourceConstraint).with_text("the server cannot keep this now")
}
