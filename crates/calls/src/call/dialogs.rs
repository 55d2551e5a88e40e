//! Which call a dialog belongs to (RFC 3261 §12): found by Call-ID, and by tags where one phone gives two calls the
//! same Call-ID.

use std::collections::BTreeMap;

use bytes::Bytes;
use sip::dialog::DialogId;

use crate::snapshot::CallId;

/// The dialogs of one shard.
#[derive(Debug, Default)]
pub(crate) struct Dialogs(BTreeMap<Bytes, Vec<Entry>>);

#[derive(Debug)]
struct Entry {
    /// A tag of each side that has one yet; one of them is in every message of the dialog.
    tags: Vec<Bytes>,
    call: CallId,
}

impl Dialogs {
    /// The messages of what an INVITE with `tag` in From begins lead to `call` from now on.
    pub(crate) fn begin(&mut self, call_id: &Bytes, tag: Bytes, call: CallId) {
        self.insert(call_id, vec![tag], call);
    }

    /// The messages of a dialog lead to `call` from now on.
    pub(crate) fn give(&mut self, dialog: &DialogId, call: CallId) {
        self.insert(&dialog.call_id, vec![dialog.local_tag.clone(), dialog.remote_tag.clone()], call);
    }

    fn insert(&mut self, call_id: &Bytes, tags: Vec<Bytes>, call: CallId) {
        let entries = self.0.entry(call_id.clone()).or_insert_with(|| Vec::with_capacity(1));
        entries.retain(|entry| !entry.tags.iter().any(|tag| tags.contains(tag)));
        entries.push(Entry { tags, call });
    }

    /// The call that a message with these tags belongs to. Whether the tags fit, the call itself looks; here they only
    /// tell calls of one Call-ID apart.
    pub(crate) fn find(&self, call_id: &[u8], tags: [&[u8]; 2]) -> Option<CallId> {
        let entries = self.0.get(call_id)?;
        if let [only] = entries.as_slice() {
            return Some(only.call);
        }
        let fits = |entry: &&Entry| entry.tags.iter().any(|tag| tags.contains(&tag.as_ref()));
        entries.iter().find(fits).map(|entry| entry.call)
    }

    /// Is a dialog with this Call-ID here?
    pub(crate) fn contains(&self, call_id: &[u8]) -> bool {
        self.0.contains_key(call_id)
    }

    /// The dialogs of a Call-ID that belong to `call` lead nowhere any more; true when there were any.
    pub(crate) fn remove(&mut self, call_id: &[u8], call: CallId) -> bool {
        let Some(entries) = self.0.get_mut(call_id) else { return false };
        let before = entries.len();
        entries.retain(|entry| entry.call != call);
        let removed = entries.len() < before;
        if entries.is_empty() {
            self.0.remove(call_id);
        }
        removed
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &[u8] = b"one";

    fn call(number: u64) -> CallId {
        CallId::of(0, number)
    }

    #[test]
    fn two_calls_of_one_call_id_are_told_apart_by_tags() {
        let (mut dialogs, call_id) = (Dialogs::default(), Bytes::from_static(ONE));
        dialogs.begin(&call_id, Bytes::from_static(b"a"), call(1));
        assert_eq!(dialogs.find(ONE, [b"?", b"?"]), Some(call(1)), "the only one");
        dialogs.begin(&call_id, Bytes::from_static(b"b"), call(2));
        assert_eq!(dialogs.find(ONE, [b"a", b"x"]), Some(call(1)));
        assert_eq!(dialogs.find(ONE, [b"x", b"b"]), Some(call(2)));
        assert_eq!(dialogs.find(ONE, [b"?", b"?"]), None);
        assert!(dialogs.remove(ONE, call(1)) && !dialogs.remove(ONE, call(1)));
        assert_eq!(dialogs.find(ONE, [b"x", b"b"]), Some(call(2)));
        assert!(dialogs.remove(ONE, call(2)) && dialogs.is_empty());
    }

    #[test]
    fn a_dialog_that_goes_to_another_call_is_no_longer_of_the_first() {
        let (mut dialogs, call_id) = (Dialogs::default(), Bytes::from_static(ONE));
        dialogs.begin(&call_id, Bytes::from_static(b"a"), call(1));
        let (local_tag, remote_tag) = (Bytes::from_static(b"x"), Bytes::from_static(b"a"));
        dialogs.give(&DialogId { call_id, local_tag, remote_tag }, call(2));
        assert!(!dialogs.remove(ONE, call(1)));
        assert_eq!(dialogs.find(ONE, [b"a", b"x"]), Some(call(2)));
    }
}
