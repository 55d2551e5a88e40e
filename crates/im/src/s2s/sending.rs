//! The way out: stanzas for another domain are written for servers, kept if they are messages, and queued.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use model::{DomainPart, Jid};
use store::Seq;
use xmpp::xep::hints;
use xmpp::{Condition, Context, ErrorKind, Kind, Stamp, Stanza, StanzaError, ns};

use super::peer::{NotTaken, Outgoing, PEERS_MAX, Peer};
use crate::Im;
use crate::delivery::MessageType;

/// Messages from before the last stop are read so many at a time.
const PAGE: usize = 500;
/// A message that waited for longer goes out with the time of its acceptance (XEP-0203).
const DELAY_STAMP_AFTER: Duration = Duration::from_secs(5);

impl Im {
    /// A message for another domain. What is kept may be acknowledged once it is durable: it goes out again after a
    /// crash, until the other server has it.
    pub(crate) fn message_remote(
        &self,
        stanza: &Stanza,
        from: &str,
        to: &Jid,
    ) -> Result<Option<Seq>, StanzaError> {
        if self.services.components().serves(to.domain().as_str()) {
            return self.message_to_component(stanza, from, to);
        }
        let kind = MessageType::of(stanza.type_().as_deref());
        let group = kind == MessageType::Groupchat && stanza.has_child("body", ns::CLIENT);
        let keep = hints::is_kept_offline(stanza) || group && !stanza.has_child("no-store", hints::NS);
        let peer = self.peer(model::domain_of(from), to.domain().as_str())?;
        let limits = self.limits.load().federation;
        if peer.is_known_missing() {
            return Err(Condition::RemoteServerNotFound.into());
        }
        if !keep {
            let stamp = Stamp::default().from(from);
            let bytes = stanza.to_bytes(Context::Server, &stamp);
            let item = Outgoing { bytes, seq: None, waits: false, since: self.runtime.now() };
            let errors = kind == MessageType::Error || !stanza.has_child("body", ns::CLIENT);
            return match self.enqueue(&peer, item) {
                Err(_) if errors => Ok(None),
                other => other.map(|()| None),
            };
        }
        if !peer.has_room(stanza.bytes().len(), &limits) {
            return Err(full());
        }
        let accepted = self.accept_outgoing(stanza, from, to, &peer.owner, !group)?;
        let seq = Some(accepted.seq);
        let stamp = Stamp::default().from(from).to(to.as_str()).adding(&accepted.mark);
        let bytes = stanza.to_bytes(Context::Server, &stamp);
        self.enqueue(&peer, Outgoing { bytes, seq, waits: true, since: self.runtime.now() })?;
        Ok(seq)
    }

    /// A request or an answer for another domain.
    pub(crate) fn iq_remote(&self, stanza: &Stanza, from: &str, to: &Jid) -> Result<(), StanzaError> {
        if self.services.components().serves(to.domain().as_str()) {
            return self.pass_to_component(stanza, from, to);
        }
        let peer = self.peer(model::domain_of(from), to.domain().as_str())?;
        let bytes = stanza.to_bytes(Context::Server, &Stamp::default().from(from).to(to.as_str()));
        self.enqueue(&peer, Outgoing { bytes, seq: None, waits: false, since: self.runtime.now() })
    }

    /// Anything that we have written for a client and whose addressee is elsewhere: presence, answers, words of a room.
    /// What cannot be sent is dropped, as its kind allows; requests to subscribe wait.
    pub(crate) fn post_remote(&self, bytes: Bytes) -> Result<(), StanzaError> {
        let stanza = xmpp::parse_inheriting(bytes).map_err(|_| Condition::InternalServerError)?;
        let (Some(from), Some(to)) = (stanza.from(), stanza.to()) else {
            return Err(Condition::InternalServerError.into());
        };
        let to: Jid = to.parse().map_err(|_| Condition::JidMalformed)?;
        if self.services.components().serves(to.domain().as_str()) {
            return self.post_to_component(stanza.bytes().clone(), &to);
        }
        let peer = self.peer(model::domain_of(&from), to.domain().as_str())?;
        let kind = stanza.type_();
        let waits = stanza.kind() == Kind::Presence
            && matches!(kind.as_deref(), Some("subscribe" | "subscribed" | "unsubscribe" | "unsubscribed"));
        let bytes = stanza.to_bytes(Context::Server, &Stamp::default());
        self.enqueue(&peer, Outgoing { bytes, seq: None, waits, since: self.runtime.now() })
    }

    /// The same, where nobody waits to hear whether it went.
    pub(crate) fn tell_remote(&self, bytes: Bytes) {
        if let Err(error) = self.post_remote(bytes) {
            tracing::debug!(%error, "something for another server was not sent");
        }
    }

    /// Is this address in another domain, so that what goes there takes [`Im::post_remote`]?
    pub(crate) fn is_remote(&self, domain: &str) -> bool {
        !self.is_ours(domain) && !self.services.serves(domain)
    }

    /// The peer for a pair of domains, if we may and can talk to it.
    fn peer(&self, local: &str, remote: &str) -> Result<Arc<Peer>, StanzaError> {
        let config = self.s2s.config.load();
        if !config.enabled {
            return Err(Condition::RemoteServerNotFound.into());
        }
        if !config.permits(remote) {
            return Err(StanzaError::from(Condition::NotAllowed).with_text("this domain is not allowed here"));
        }
        let domain = |text: &str| text.parse::<DomainPart>().map_err(|_| Condition::JidMalformed);
        let (local, remote) = (domain(local)?, domain(remote)?);
        self.s2s.peers.find_or_make(&local, &remote, PEERS_MAX).ok_or_else(full)
    }

    fn enqueue(&self, peer: &Arc<Peer>, item: Outgoing) -> Result<(), StanzaError> {
        match peer.push(item, &self.limits.load().federation) {
            Ok(true) => {
                self.s2s.start(peer);
                Ok(())
            }
            Ok(false) => Ok(()),
            Err(NotTaken::Full) => Err(full()),
            Err(NotTaken::Away(condition)) => Err(condition.into()),
        }
    }

    /// Takes up what the journal keeps for other servers.
    pub(super) async fn take_up(&self) -> Result<(), store::Error> {
        for owner in self.store.spool_owners().await? {
            let component = self.services.components().serves(owner.as_str());
            if owner.node().is_some() || component || self.is_ours(owner.as_str()) {
                continue;
            }
            let mut after = Seq(i64::MIN);
            loop {
                let page = self.store.spooled(&owner, after, PAGE).await?;
                for entry in &page {
                    after = entry.seq;
                    self.take_up_entry(owner.as_str(), entry);
                }
                if page.len() < PAGE {
                    break;
                }
            }
        }
        Ok(())
    }

    fn take_up_entry(&self, remote: &str, entry: &store::Spooled) {
        let stanza = crate::features::offline::delayed(self.domain(), entry);
        let Ok(stanza) = xmpp::parse_inheriting(stanza) else { return };
        let domain = |text: &str| text.parse::<DomainPart>().ok();
        let (Some(local), Some(remote)) = (domain(model::domain_of(&entry.from)), domain(remote)) else {
            return;
        };
        // Whether it may still be sent is seen when it is.
        let Some(peer) = self.s2s.peers.find_or_make(&local, &remote, usize::MAX) else { return };
        let age = (self.runtime.timestamp().0 - entry.at.0).max(0);
        let age = Duration::from_micros(age.unsigned_abs());
        let now = self.runtime.now();
        let since = now.checked_sub(age).unwrap_or(now);
        let bytes = stanza.to_bytes(Context::Server, &Stamp::default());
        let item = Outgoing { bytes, seq: Some(entry.seq), waits: true, since };
        if self.enqueue(&peer, item).is_err() {
            tracing::error!("a message for another server stays in the spool until the next start");
        }
    }

    /// A message that waited goes out with the time when it was accepted.
    pub(super) fn with_delay(&self, item: &Outgoing) -> Bytes {
        let waited = self.runtime.now().saturating_duration_since(item.since);
        if waited < DELAY_STAMP_AFTER || item.seq.is_none() {
            return item.bytes.clone();
        }
        let micros = i64::try_from(waited.as_micros()).unwrap_or(0);
        let at = model::Timestamp(self.runtime.timestamp().0 - micros);
        crate::features::offline::with_delay(&item.bytes, self.domain(), at)
    }
}

fn full() -> StanzaError {
    StanzaError::new(ErrorKind::Wait, Condition::ResourceConstraint)
        .with_text("too much waits for the other server already")
}
