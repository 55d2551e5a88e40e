//! Where the dialogs are that left the shard of their Call-ID: one small table for all shards.
//!
//! A call that takes a leg over from a call of another shard takes the dialog along. What began before, ends
//! where it began: messages whose CSeq is not above that of the move still go to the shard of the Call-ID,
//! where their transactions are. Empty, as it nearly always is, the table costs one atomic load a message.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use sip::dialog::Dialog;
use sip::{Message, Name};

use super::Shard;

/// Dialogs away from the shard of their Call-ID at once; beyond it no leg moves to another shard.
pub const MOVED_MAX: usize = 65_536;

/// See the module.
#[derive(Debug, Default)]
pub struct Moved {
    count: AtomicUsize,
    places: Mutex<BTreeMap<Bytes, Place>>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    shard: usize,
    /// The numbers of the latest requests before the move: ours, and the phone's.
    ours: u32,
    theirs: u32,
}

impl Moved {
    /// No dialog is away from home.
    pub fn is_empty(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    /// Is there room for one more?
    pub(crate) fn has_room(&self) -> bool {
        self.count.load(Ordering::Acquire) < MOVED_MAX
    }

    /// The shard that a message is for: that of its Call-ID, or where its dialog has moved to.
    pub fn shard_of(&self, message: &Message, count: usize) -> usize {
        let call_id = message.headers().first(Name::CallId).unwrap_or_default();
        if let Some(place) = self.place(call_id)
            && let Ok(cseq) = message.headers().cseq()
        {
            let last = match message {
                Message::Request(_) => place.theirs,
                Message::Response(_) => place.ours,
            };
            if cseq.number > last {
                return place.shard;
            }
        }
        Shard::of(call_id, count)
    }

    /// The shard that holds the dialogs of a Call-ID.
    pub(crate) fn shard_of_dialog(&self, call_id: &[u8], count: usize) -> usize {
        self.place(call_id).map_or_else(|| Shard::of(call_id, count), |place| place.shard)
    }

    fn place(&self, call_id: &[u8]) -> Option<Place> {
        if self.is_empty() {
            return None;
        }
        self.places.lock().get(call_id).copied()
    }

    /// The dialog is in `shard` now.
    pub(crate) fn settle(&self, dialog: &Dialog, shard: Shard) {
        let call_id = &dialog.id().call_id;
        if Shard::of(call_id, shard.count) == shard.index {
            return self.forget(call_id);
        }
        let mut places = self.places.lock();
        if places.get(call_id).is_some_and(|place| place.shard == shard.index) {
            return;
        }
        let (ours, theirs) = (dialog.local_cseq(), dialog.remote_cseq().unwrap_or(0));
        places.insert(call_id.clone(), Place { shard: shard.index, ours, theirs });
        self.count.store(places.len(), Ordering::Release);
    }

    /// The dialog is at home, or over.
    pub(crate) fn forget(&self, call_id: &Bytes) {
        if self.is_empty() {
            return;
        }
        let mut places = self.places.lock();
        places.remove(call_id);
        self.count.store(places.len(), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use sip::dialog::State;
    use sip::{CSeq, Method, Request, RequestBuilder, Response};

    use super::*;

    fn request(number: u32) -> Request {
        RequestBuilder::new(Method::Invite, b"sip:b@h")
            .header(Name::From, "<sip:a@h>;tag=1")
            .header(Name::To, "<sip:b@h>")
            .header(Name::CallId, "away")
            .header(Name::Contact, "<sip:a@192.0.2.7>")
            .header(Name::CSeq, &CSeq { number, method: Method::Invite })
            .finish()
    }

    fn away(theirs: u32, ours: u32) -> (Moved, usize, usize) {
        let (moved, home) = (Moved::default(), Shard::of(b"away", 4));
        let there = (home + 1) % 4;
        let mut dialog = Dialog::uas(&request(theirs), b"t", State::Confirmed).unwrap();
        dialog.raise_local_cseq(ours);
        moved.settle(&dialog, Shard { index: there, count: 4 });
        (moved, home, there)
    }

    #[test]
    fn new_requests_follow_the_dialog_and_repeated_ones_go_home() {
        let (moved, home, there) = away(5, 0);
        assert_eq!(moved.shard_of(&Message::Request(request(6)), 4), there);
        assert_eq!(moved.shard_of(&Message::Request(request(5)), 4), home);
    }

    #[test]
    fn answers_to_what_was_sent_before_the_move_go_home() {
        let (moved, home, there) = away(1, 7);
        let answer = |number| Message::Response(Response::to(&request(number), 200, None).finish());
        assert_eq!(moved.shard_of(&answer(7), 4), home);
        assert_eq!(moved.shard_of(&answer(8), 4), there);
    }

    #[test]
    fn a_dialog_that_comes_home_leaves_nothing_in_the_table() {
        let (moved, home, _) = away(1, 0);
        assert!(!moved.is_empty());
        moved.settle(
            &Dialog::uas(&request(3), b"t", State::Confirmed).unwrap(),
            Shard { index: home, count: 4 },
        );
        assert!(moved.is_empty());
    }
}
