//! Offline messages (XEP-0160): the spool is read when a client can take messages, each with its delay.

use std::collections::BTreeSet;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use model::{BareJid, Timestamp};
use store::{KeptSize, Seq, Spooled};
use xmpp::xep::delay::Delay;
use xmpp::{Condition, Stanza, StanzaError};

use crate::outbox::Item;
use crate::{About, Im, Spec};

/// What this feature is.
pub const ABOUT: About = About {
    name: "offline",
    specs: &[Spec::xep(160, "1.0.1"), Spec::xep(203, "2.0")],
    disco: &["msgoffline"],
    account: &[],
};

/// Reads the spool for one session, page by page, and remembers what it gave.
///
/// No message is missed and none comes twice, because a session shows itself (its priority) before it reads,
/// a sender appends to the journal before it looks for sessions, and reading includes everything that was
/// appended before. What comes both ways is known by its number.
#[derive(Debug)]
pub(crate) struct SpoolReader {
    /// The place up to which the spool was read.
    after: Seq,
    /// What this session has, or has on its way.
    given: BTreeSet<Seq>,
    reading: bool,
    /// The storage did not answer: it is asked again then.
    again_at: Option<Instant>,
}

impl SpoolReader {
    /// A reader that leaves out what is on its way already.
    pub(crate) fn new(given: BTreeSet<Seq>) -> Self {
        Self { after: Seq(i64::MIN), given, reading: true, again_at: None }
    }

    /// Is there more to read?
    pub(crate) fn is_reading(&self) -> bool {
        self.reading
    }

    /// Is the next page to be read now?
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.reading && self.again_at.is_none_or(|at| now >= at)
    }

    /// When the storage is asked again, if it did not answer.
    pub(crate) fn again_at(&self) -> Option<Instant> {
        self.again_at
    }

    /// The storage did not answer.
    pub(crate) fn try_again_at(&mut self, at: Instant) {
        self.again_at = Some(at);
    }

    /// Did the session get this one already? Notes it if not.
    pub(crate) fn has_given(&mut self, seq: Seq) -> bool {
        !self.given.insert(seq)
    }

    /// A live message behind all that was read: from here on nothing can come twice.
    pub(crate) fn is_past(&self, seq: Seq) -> bool {
        !self.reading && seq > self.after
    }

    /// What the session has, or has on its way.
    pub(crate) fn into_given(self) -> BTreeSet<Seq> {
        self.given
    }

    /// Reads the next page: stanzas that the session does not have yet.
    pub(crate) async fn page(&mut self, im: &Im, owner: &BareJid) -> Result<Vec<Item>, store::Error> {
        // What is read is about to go.
        im.users.offline_sizes.forget(owner.as_str());
        let limit = im.limits.load().account.spool_page;
        let page = im.store.spooled(owner, self.after, limit).await?;
        self.again_at = None;
        self.reading = page.len() >= limit;
        let mut items = Vec::with_capacity(page.len());
        for entry in page {
            self.after = entry.seq;
            if self.given.insert(entry.seq) {
                items.push(Item::kept(delayed(im.domain(), &entry), entry.seq));
            }
        }
        Ok(items)
    }
}

/// May this message wait for `owner`, who is away? Senders of other domains fill a part of the place only, so that
/// nobody elsewhere can keep colleagues out.
pub(crate) fn admit(im: &Im, stanza: &Stanza, from: &str, owner: &BareJid) -> Result<(), StanzaError> {
    let limits = im.limits.load().kept;
    let percent = if im.is_remote(model::domain_of(from)) { limits.offline_others_percent } else { 100 };
    let part = |whole: u64| whole.saturating_mul(percent) / 100;
    let most = KeptSize { entries: part(limits.offline_messages_max), bytes: part(limits.offline_bytes_max) };
    let sizes = &im.users.offline_sizes;
    let added = sizes.add(owner.as_str(), stanza.bytes().len() as u64, most, im.runtime.now());
    if added.count {
        let (sizes, store, owner) = (sizes.clone(), im.store.clone(), owner.clone());
        im.runtime.spawn_session(async move {
            match store.spool_size(&owner).await {
                Ok(size) => sizes.counted(owner.as_str(), size),
                Err(error) => tracing::debug!(%error, "what waits for a user could not be counted"),
            }
        });
    }
    if added.fits {
        return Ok(());
    }
    metrics::counter!("carillon_im_messages_refused_total").increment(1);
    // XEP-0160 §2: when the queue is full, as when there is none.
    Err(StanzaError::from(Condition::ServiceUnavailable).with_text("too much waits for this user already"))
}

/// The stanza with the time of its acceptance (XEP-0203), before its end tag.
pub(crate) fn delayed(domain: &str, entry: &Spooled) -> Bytes {
    with_delay(&entry.stanza, domain, entry.at)
}

pub(crate) fn with_delay(stanza: &Bytes, domain: &str, at: Timestamp) -> Bytes {
    const END: &[u8] = b"</message>";
    let Some(head) = stanza.strip_suffix(END) else { return stanza.clone() };
    let mut out = BytesMut::with_capacity(stanza.len() + 128);
    out.extend_from_slice(head);
    Delay { from: Some(domain.to_owned()), stamp: at.to_string(), reason: None }.write(&mut out);
    out.extend_from_slice(END);
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_goes_before_the_end_tag() {
        let stanza = Bytes::from_static(b"<message from='a@x/1'><body>hi</body></message>");
        let text = with_delay(&stanza, "x", Timestamp(0));
        assert_eq!(
            text,
            "<message from='a@x/1'><body>hi</body>\
             <delay xmlns='urn:xmpp:delay' from='x' stamp='1970-01-01T00:00:00.000000Z'/></message>"
        );
    }

    #[test]
    fn what_was_given_is_not_given_again() {
        let mut reader = SpoolReader::new(BTreeSet::from([Seq(3)]));
        assert!(reader.has_given(Seq(3)));
        assert!(!reader.has_given(Seq(4)));
        assert!(reader.has_given(Seq(4)));
        assert!(!reader.is_past(Seq(5)), "still reading");
        reader.reading = false;
        reader.after = Seq(4);
        assert!(reader.is_past(Seq(5)));
        assert!(!reader.is_past(Seq(4)));
    }
}
