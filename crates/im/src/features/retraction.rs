//! Message retraction (XEP-0424) between two: what is taken back leaves a mark in the archives, and its words go.

use model::{BareJid, Timestamp};
use store::{ARCHIVE_PAGE_MAX, ArchiveQuery, Entry, PageFrom, Store};
use xmpp::xep::retraction::{self as xep, NS, TOMBSTONE};
use xmpp::{Stanza, xep::stanza_ids};

use crate::{About, Im, Spec};

/// What this feature is.
pub const ABOUT: About = About {
    name: "retraction",
    specs: &[Spec::xep(424, "0.4.2")],
    disco: &[NS, TOMBSTONE],
    account: &[NS, TOMBSTONE],
};

/// So many of the last messages between two are looked through for the one that is taken back.
const LOOKED_THROUGH_MAX: usize = 4 * ARCHIVE_PAGE_MAX;

/// Who takes back which message.
struct Retraction {
    sender: BareJid,
    recipient: BareJid,
    /// The id that the sender gave to the message.
    id: String,
    /// The id of the message that takes it back.
    by: Option<String>,
    at: Timestamp,
}

/// A message that was accepted may take an earlier one back: the archives are changed behind it.
pub(crate) fn heed(im: &Im, stanza: &Stanza, from: &str, owner: &BareJid) {
    if !stanza.has_child("retract", NS) {
        return;
    }
    let (Some(id), Ok(from)) = (xep::retracted_id(stanza), from.parse::<model::Jid>()) else { return };
    let by = stanza.id().map(|id| id.into_owned());
    let retraction =
        Retraction { sender: from.to_bare(), recipient: owner.clone(), id, by, at: im.runtime.timestamp() };
    let store = im.store.clone();
    im.runtime.spawn_session(async move {
        if let Err(error) = retraction.carry_out(&store).await {
            tracing::warn!(%error, "a message that was taken back stays in the archive");
        }
    });
}

impl Retraction {
    /// The message is the same in both archives, and one of them may not have it.
    async fn carry_out(&self, store: &Store) -> Result<(), store::Error> {
        for (archive, other) in [(&self.sender, &self.recipient), (&self.recipient, &self.sender)] {
            if let Some((entry, message)) = self.find(store, archive, other).await? {
                let retracted = xep::retracted(&self.at.to_string(), self.by.as_deref());
                store.archive_replace(archive, entry.id, xep::tombstone(&message, &retracted)).await?;
                return Ok(());
            }
        }
        Ok(())
    }

    async fn find(
        &self,
        store: &Store,
        archive: &BareJid,
        other: &BareJid,
    ) -> Result<Option<(Entry, Stanza)>, store::Error> {
        let with = Some(other.clone().into());
        let mut query =
            ArchiveQuery { with, from: PageFrom::End, max: ARCHIVE_PAGE_MAX, ..ArchiveQuery::default() };
        for _ in 0..LOOKED_THROUGH_MAX / ARCHIVE_PAGE_MAX {
            let page = store.archive_page(archive, &query).await?;
            let Some(first) = page.entries.first().map(|entry| entry.id) else { return Ok(None) };
            let found = page.entries.into_iter().rev().find_map(|entry| {
                let message = xmpp::parse_inheriting(entry.stanza.clone()).ok()?;
                self.means(&entry, &message).then_some((entry, message))
            });
            if found.is_some() || page.complete {
                return Ok(found);
            }
            query.from = PageFrom::Before(first);
        }
        Ok(None)
    }

    /// §6: only who said it may take it back, and only what was said to the same one. The id is the message's own,
    /// or the origin-id beside it.
    fn means(&self, entry: &Entry, message: &Stanza) -> bool {
        model::bare_of(&entry.from) == self.sender.as_str()
            && model::bare_of(&entry.to) == self.recipient.as_str()
            && !message.has_child("retract", NS)
            && (message.id().as_deref() == Some(&self.id)
                || message
                    .child("origin-id", stanza_ids::NS)
                    .is_some_and(|origin| origin.attr("id") == Some(&self.id)))
    }
}
