//! The archive of a user's messages (XEP-0313): what is kept, pages of it, and what the user wants kept (XEP-0441).

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use model::{BareJid, FullJid, Jid, Timestamp};
use store::{
    ArchiveDefault, ArchivePreference, ArchiveQuery, Archives, Entry, PageFrom, StanzaId, TextQuery,
};
pub(crate) use xmpp::xep::mam::NS;
use xmpp::xep::mam::{self, ArchiveResult, EXTENDED, Query};
use xmpp::xep::{fulltext, rsm};
use xmpp::{Condition, Element, StanzaError};

use crate::acceptance::storage_error;
use crate::{About, Im, Spec};

/// What this feature is.
pub const ABOUT: About = About {
    name: "archive",
    specs: &[
        Spec::xep(313, "1.1.0"),
        Spec::xep(431, "0.2.0"),
        Spec::xep(441, "0.2.0"),
        Spec::xep(59, "1.0"),
        Spec::xep(297, "1.0"),
    ],
    disco: &[],
    account: &[NS, EXTENDED, fulltext::NS],
};

/// Results of a page when the asker names no number.
const PAGE_DEFAULT: usize = 50;
/// Results of a page at most.
const PAGE_MAX: usize = 100;
/// Bytes of stanzas in one page; a page ends before the one that goes over.
const PAGE_BYTES_MAX: usize = 512 * 1024;

/// Bytes of stanzas that are given by their ids in one answer.
const IDS_BYTES_MAX: usize = 4 * PAGE_BYTES_MAX;

/// What users want archived, by bare address, of those who said so. In memory, because it is asked for every message.
#[derive(Default)]
pub(crate) struct Preferences(papaya::HashMap<Box<str>, Arc<ArchivePreference>>);

impl Preferences {
    /// Reads what was kept.
    pub(crate) async fn load(&self, store: &store::Store) -> Result<(), store::Error> {
        let kept = store.archive_preferences().await?;
        let all = self.0.pin();
        for (owner, preference) in kept {
            all.insert(owner.as_str().into(), Arc::new(preference));
        }
        Ok(())
    }

    /// The user is gone.
    pub(crate) fn forget(&self, user: &str) {
        self.0.pin().remove(user);
    }
}

impl Im {
    /// In whose archives a message from `from` to `owner` belongs.
    pub(crate) fn archives(&self, from: &str, owner: &BareJid) -> Archives {
        let sender = model::bare_of(from);
        let own = sender == owner.as_str();
        Archives {
            owner: self.wants_archived(owner.as_str(), sender),
            sender: !own && self.is_user(sender) && self.wants_archived(sender, owner.as_str()),
        }
    }

    /// Does a message from `from` to somebody elsewhere belong in the sender's archive?
    pub(crate) fn archives_sent(&self, from: &str, peer: &BareJid) -> bool {
        let sender = model::bare_of(from);
        self.is_user(sender) && self.wants_archived(sender, peer.as_str())
    }

    /// A sender of ours who is no contact that answers by itself. Only addresses of our domain come with a
    /// session behind them, so that nobody else is asked for.
    fn is_user(&self, bare: &str) -> bool {
        self.sessions.account(bare).is_some()
            || bare.split_once('@').is_some_and(|(_, domain)| domain == self.domain())
                && self.contacts.pin().get(bare).is_none()
    }

    fn wants_archived(&self, user: &str, peer: &str) -> bool {
        let preferences = self.users.archive_preferences.0.pin();
        let preference = preferences.get(user);
        let otherwise = preference.map_or(self.config.archive_default, |preference| preference.otherwise);
        if preference.is_none() && otherwise != ArchiveDefault::Roster {
            return otherwise == ArchiveDefault::Always;
        }
        let Ok(peer) = peer.parse::<BareJid>() else { return true };
        if let Some(preference) = preference
            && (preference.always.contains(&peer) || preference.never.contains(&peer))
        {
            return preference.always.contains(&peer);
        }
        match otherwise {
            ArchiveDefault::Always => true,
            ArchiveDefault::Never => false,
            // A roster that is not held in memory is not waited for: the message is rather kept than lost.
            ArchiveDefault::Roster => self
                .sessions
                .account(user)
                .and_then(|account| account.roster().0)
                .is_none_or(|roster| roster.items.iter().any(|item| item.contact == peer)),
        }
    }
}

/// A page of `owner`'s archive for the session `asker`, and what ends it. Nothing that is not behind `begin`, where that
/// is given, is found.
pub(crate) async fn page_of(
    im: &Im,
    owner: &BareJid,
    asker: &FullJid,
    payload: &Element,
    begin: Option<StanzaId>,
) -> Result<(Vec<Bytes>, Element), StanzaError> {
    let asked = Query::from_element(payload)?;
    if asked.node.is_some() {
        return Err(Condition::ItemNotFound.into());
    }
    if !asked.unknown.is_empty() || asked.page.index.is_some() {
        return Err(
            StanzaError::from(Condition::FeatureNotImplemented).with_text("this archive knows no such field")
        );
    }
    if !asked.ids.is_empty() {
        let entries = by_ids(im, owner, &asked.ids, begin).await?;
        return Ok(answer(owner, asker, &asked, &entries, true));
    }
    let mut query = read(&asked)?;
    // Ids rise: the later of the two is the narrower.
    query.after = query.after.max(begin);
    let failed = |error| storage_error(&error);
    if asked.page.max == Some(0) {
        let count = im.store.archive_count(owner, &query).await.map_err(failed)?;
        let page = rsm::Page { count: usize::try_from(count).ok(), ..rsm::Page::default() };
        return Ok((Vec::new(), mam::fin(count == 0, &page)));
    }
    let mut page = im.store.archive_page(owner, &query).await.map_err(failed)?;
    let newest_first = matches!(query.from, PageFrom::End | PageFrom::Before(_));
    let whole = fit(&mut page.entries, newest_first);
    Ok(answer(owner, asker, &asked, &page.entries, page.complete && whole))
}

/// Leaves out what goes over the bytes of a page, at its far end; true when everything fits.
fn fit(entries: &mut Vec<Entry>, newest_first: bool) -> bool {
    let mut bytes = 0;
    let mut fits = |entry: &Entry| {
        bytes += entry.stanza.len();
        bytes <= PAGE_BYTES_MAX
    };
    let count = if newest_first {
        entries.iter().rev().take_while(|entry| fits(entry)).count()
    } else {
        entries.iter().take_while(|entry| fits(entry)).count()
    };
    let count = count.max(1);
    if count >= entries.len() {
        return true;
    }
    if newest_first {
        entries.drain(..entries.len() - count);
    } else {
        entries.truncate(count);
    }
    false
}

fn answer(
    owner: &BareJid,
    asker: &FullJid,
    asked: &Query,
    entries: &[Entry],
    complete: bool,
) -> (Vec<Bytes>, Element) {
    let mut results: Vec<Bytes> = entries.iter().map(|entry| result(owner, asker, asked, entry)).collect();
    if asked.flip {
        results.reverse();
    }
    let ends = entries.first().zip(entries.last());
    let ends = ends.map(|(first, last)| (first.id.to_string(), last.id.to_string()));
    (results, mam::fin(complete, &rsm::Page { ends, ..rsm::Page::default() }))
}

fn result(owner: &BareJid, asker: &FullJid, asked: &Query, entry: &Entry) -> Bytes {
    ArchiveResult {
        archive: owner.as_str(),
        to: asker.as_str(),
        queryid: asked.queryid.as_deref(),
        id: entry.id.encode(&mut [0; 36]),
        stamp: &entry.at.to_string(),
        stanza: &named(&entry.stanza),
    }
    .to_bytes()
}

/// A stanza of the journal, which inherits its namespace from the stream, as it stands within another.
pub(crate) fn named(stanza: &Bytes) -> Bytes {
    const TAG: &[u8] = b"<message";
    let Some(rest) = stanza.strip_prefix(TAG) else { return stanza.clone() };
    let mut out = BytesMut::with_capacity(stanza.len() + 32);
    out.extend_from_slice(TAG);
    out.extend_from_slice(b" xmlns='jabber:client'");
    out.extend_from_slice(rest);
    out.freeze()
}

async fn by_ids(
    im: &Im,
    owner: &BareJid,
    ids: &[String],
    begin: Option<StanzaId>,
) -> Result<Vec<Entry>, StanzaError> {
    let mut entries: Vec<Entry> = Vec::with_capacity(ids.len());
    let mut bytes = 0;
    for text in ids {
        let found = im.store.archive_entry(owner, id(text)?).await.map_err(|error| storage_error(&error))?;
        // §4.1.2: one that is not there fails the whole query.
        let entry = found.filter(|entry| Some(entry.id) > begin).ok_or(Condition::ItemNotFound)?;
        bytes += entry.stanza.len();
        if bytes > IDS_BYTES_MAX && !entries.is_empty() {
            return Err(
                StanzaError::from(Condition::PolicyViolation).with_text("ask for fewer ids at a time")
            );
        }
        entries.push(entry);
    }
    entries.sort_by_key(|entry| entry.id);
    Ok(entries)
}

fn read(asked: &Query) -> Result<ArchiveQuery, StanzaError> {
    let with = asked.with.as_deref().map(str::parse::<Jid>).transpose();
    let page = &asked.page;
    let from = match (&page.after, &page.before) {
        (Some(after), None) => PageFrom::After(id(after)?),
        (None, Some(before)) if before.is_empty() => PageFrom::End,
        (None, Some(before)) => PageFrom::Before(id(before)?),
        (None, None) => PageFrom::Start,
        (Some(_), Some(_)) => return Err(Condition::BadRequest.into()),
    };
    Ok(ArchiveQuery {
        with: with.map_err(|_| Condition::JidMalformed)?,
        start: time(asked.start.as_deref())?,
        end: time(asked.end.as_deref())?,
        after: asked.after_id.as_deref().map(id).transpose()?,
        before: asked.before_id.as_deref().map(id).transpose()?,
        text: asked
            .fulltext
            .as_deref()
            .map(TextQuery::new)
            .transpose()
            .map_err(|error| StanzaError::from(Condition::BadRequest).with_text(error.to_string()))?,
        from,
        max: page.max.unwrap_or(PAGE_DEFAULT).min(PAGE_MAX),
    })
}

fn time(text: Option<&str>) -> Result<Option<Timestamp>, StanzaError> {
    let bad = |_| StanzaError::from(Condition::BadRequest).with_text("a time is written as XEP-0082 says");
    text.map(|text| text.parse().map_err(bad)).transpose()
}

fn id(text: &str) -> Result<StanzaId, StanzaError> {
    text.parse().map_err(|_| Condition::ItemNotFound.into())
}

/// What can be asked (§4.1.1).
pub(crate) fn form() -> Element {
    Element::new("query", NS).with_child(mam::form())
}

/// The ends of the archive (§4.4), or of what is behind `begin`.
pub(crate) async fn metadata(
    im: &Im,
    owner: &BareJid,
    begin: Option<StanzaId>,
) -> Result<Option<Element>, StanzaError> {
    let mut ends = Vec::new();
    for from in [PageFrom::Start, PageFrom::End] {
        let query = ArchiveQuery { from, max: 1, after: begin, ..ArchiveQuery::default() };
        let page = im.store.archive_page(owner, &query).await.map_err(|error| storage_error(&error))?;
        ends.extend(page.entries.first().map(|entry| (entry.id.to_string(), entry.at.to_string())));
    }
    let ends = match ends.as_slice() {
        [(first, first_at), (last, last_at)] => Some([(&**first, &**first_at), (&**last, &**last_at)]),
        _ => None,
    };
    Ok(Some(mam::metadata(ends)))
}

/// What the user wants archived (XEP-0441 §2.1).
pub(crate) fn preferences(im: &Im, owner: &BareJid) -> Element {
    let none = || ArchivePreference { otherwise: im.config.archive_default, ..ArchivePreference::default() };
    let kept =
        im.users.archive_preferences.0.pin().get(owner.as_str()).map(|kept| ArchivePreference::clone(kept));
    let kept = kept.unwrap_or_else(none);
    let list = |name: &'static str, all: &BTreeSet<BareJid>| {
        let jid = |jid: &BareJid| Element::new("jid", NS).with_text(jid.as_str());
        all.iter().map(jid).fold(Element::new(name, NS), Element::with_child)
    };
    Element::new("prefs", NS)
        .with_attr("default", kept.otherwise.as_str())
        .with_child(list("always", &kept.always))
        .with_child(list("never", &kept.never))
}

/// Sets what the user wants archived (XEP-0441 §2.2); answers what is kept then.
pub(crate) async fn set_preferences(
    im: &Im,
    owner: &BareJid,
    prefs: &Element,
) -> Result<Option<Element>, StanzaError> {
    let otherwise = prefs.attr("default").and_then(|word| word.parse().ok()).ok_or(Condition::BadRequest)?;
    let list = |name| -> Result<BTreeSet<BareJid>, StanzaError> {
        let Some(list) = prefs.child(name, NS) else { return Ok(BTreeSet::new()) };
        let jids = list.children().filter(|child| child.is("jid", NS));
        let jid = |jid: &Element| jid.text().trim().parse::<Jid>().map(|jid| jid.to_bare());
        jids.map(jid).collect::<Result<_, _>>().map_err(|_| Condition::JidMalformed.into())
    };
    let wanted = ArchivePreference { otherwise, always: list("always")?, never: list("never")? };
    im.store.archive_preference_put(owner, &wanted).await.map_err(|error| storage_error(&error))?;
    im.users.archive_preferences.0.pin().insert(owner.as_str().into(), Arc::new(wanted));
    Ok(Some(preferences(im, owner)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(bytes: usize) -> Entry {
        Entry {
            id: StanzaId::from_bytes([0; 16]),
            owner: "bob@x".parse().unwrap(),
            from: "ann@x/desk".to_owned(),
            to: "bob@x".to_owned(),
            stanza: Bytes::from(vec![b'x'; bytes]),
            at: Timestamp(0),
            spool: false,
            archives: Archives::default(),
            told: None,
        }
    }

    #[test]
    fn a_page_ends_before_the_entry_that_goes_over() {
        let sizes = |entries: &[Entry]| entries.iter().map(|entry| entry.stanza.len()).collect::<Vec<_>>();
        let third = PAGE_BYTES_MAX / 3;
        let all = || vec![entry(third), entry(third - 1), entry(third), entry(third + 9)];
        let mut up = all();
        assert!(!fit(&mut up, false));
        assert_eq!(sizes(&up), [third, third - 1, third]);
        let mut down = all();
        assert!(!fit(&mut down, true));
        assert_eq!(sizes(&down), [third, third + 9]);
        let mut one = vec![entry(PAGE_BYTES_MAX + 1)];
        assert!(fit(&mut one, false), "one is always given");
    }

    #[test]
    fn a_stanza_within_another_names_its_namespace() {
        let stanza = Bytes::from_static(b"<message from='a@x'><body>hi</body></message>");
        assert_eq!(&*named(&stanza), b"<message xmlns='jabber:client' from='a@x'><body>hi</body></message>");
    }
}
