//! How much is kept for each user: counted once by the store, added up since, and refused when it is enough.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use store::KeptSize;

/// After so long what is known is counted anew when it comes near the limit: what has gone since is not known.
const COUNT_AGAIN_AFTER: Duration = Duration::from_secs(10);
/// How near that is, in parts of the limit.
const NEAR: (u64, u64) = (3, 4);

/// Owners of whom it is known; when there are more, all are counted anew.
const OWNERS_MAX: usize = 65_536;

/// What is known, by owner. Shared with whoever counts.
#[derive(Clone, Default)]
pub(crate) struct KeptSizes(Arc<Mutex<BTreeMap<Box<str>, Known>>>);

struct Known {
    size: KeptSize,
    /// When the store was asked last; it may not have answered yet.
    counted: Instant,
}

/// What becomes of something more that is to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Added {
    /// It fits, by what is known.
    pub(crate) fits: bool,
    /// The store is to be asked how much there is.
    pub(crate) count: bool,
}

impl KeptSizes {
    /// Something of `bytes` is to be kept for `owner`, who may have `most`; it is added when it fits.
    pub(crate) fn add(&self, owner: &str, bytes: u64, most: KeptSize, now: Instant) -> Added {
        let mut all = self.0.lock();
        let Some(known) = all.get_mut(owner) else {
            let size = KeptSize { entries: 1, bytes };
            if all.len() >= OWNERS_MAX {
                all.clear();
            }
            all.insert(owner.into(), Known { size, counted: now });
            return Added { fits: bytes <= most.bytes && most.entries > 0, count: true };
        };
        let size = KeptSize { entries: known.size.entries + 1, bytes: known.size.bytes + bytes };
        let fits = size.entries <= most.entries && size.bytes <= most.bytes;
        let near = |size: u64, most: u64| size * NEAR.1 > most * NEAR.0;
        let near = near(size.entries, most.entries) || near(size.bytes, most.bytes);
        let count = near && now >= known.counted + COUNT_AGAIN_AFTER;
        if fits {
            known.size = size;
        }
        if count {
            known.counted = now;
        }
        Added { fits, count }
    }

    /// The store has counted.
    pub(crate) fn counted(&self, owner: &str, size: KeptSize) {
        if let Some(known) = self.0.lock().get_mut(owner) {
            known.size = size;
        }
    }

    /// What is kept is about to go, or its owner.
    pub(crate) fn forget(&self, owner: &str) {
        self.0.lock().remove(owner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: KeptSize = KeptSize { entries: 4, bytes: 100 };

    #[test]
    fn what_goes_over_either_limit_does_not_fit() {
        let (sizes, now) = (KeptSizes::default(), tokio::time::Instant::now().into_std());
        assert_eq!(sizes.add("ann", 101, MOST, now), Added { fits: false, count: true });
        sizes.forget("ann");
        assert_eq!(sizes.add("ann", 60, MOST, now), Added { fits: true, count: true });
        assert!(!sizes.add("ann", 60, MOST, now).fits, "bytes");
        for _ in 0..3 {
            assert!(sizes.add("ann", 1, MOST, now).fits, "what did not fit was not added");
        }
        assert!(!sizes.add("ann", 1, MOST, now).fits, "entries");
        assert!(sizes.add("bob", 60, MOST, now).fits, "each for themselves");
    }

    #[test]
    fn near_the_limit_it_is_counted_anew_now_and_then() {
        let (sizes, now) = (KeptSizes::default(), tokio::time::Instant::now().into_std());
        sizes.add("ann", 10, MOST, now);
        sizes.counted("ann", KeptSize { entries: 1, bytes: 95 });
        assert_eq!(sizes.add("ann", 10, MOST, now), Added { fits: false, count: false });
        let later = now + COUNT_AGAIN_AFTER;
        assert_eq!(sizes.add("ann", 10, MOST, later), Added { fits: false, count: true });
        assert_eq!(sizes.add("ann", 10, MOST, later), Added { fits: false, count: false });
        sizes.counted("ann", KeptSize::default());
        assert_eq!(sizes.add("ann", 10, MOST, later), Added { fits: true, count: false });
    }

    #[test]
    fn owners_that_come_and_go_fill_no_table() {
        let (sizes, now) = (KeptSizes::default(), tokio::time::Instant::now().into_std());
        for owner in 0..OWNERS_MAX + 10 {
            sizes.add(&owner.to_string(), 1, MOST, now);
        }
        assert_eq!(sizes.0.lock().len(), 10);
        assert!(sizes.add("0", 1, MOST, now).count, "who was forgotten is counted anew");
    }
}
