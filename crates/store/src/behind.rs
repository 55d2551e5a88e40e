//! An index that is made behind the journal, in batches: a small batch costs nearly as much as a large one.

use crate::Seq;

/// The index is made when it is so many entries behind, or when somebody reads.
const BATCH_ENTRIES: i64 = 4_000;
/// The most entries of one step, so that no commit waits long for it. So many behind, it is made without waiting
/// for a quiet moment.
const STEP_ENTRIES: i64 = 8_000;

/// How far an index is made, and has to be.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Behind {
    made: i64,
    /// Somebody reads and waits for it up to here.
    wanted: i64,
}

impl Behind {
    pub(crate) fn new(made: Seq) -> Self {
        Self { made: made.0, wanted: 0 }
    }

    /// Is a batch worth its price, or is somebody waiting for it?
    pub(crate) fn is_due(self, last: i64) -> bool {
        last - self.made >= BATCH_ENTRIES || self.wanted > self.made
    }

    /// The next step, behind the first up to the second; `quiet` when there is time for what could wait.
    pub(crate) fn step(self, last: i64, quiet: bool) -> Option<(Seq, Seq)> {
        let due = self.wanted > self.made
            || last - self.made >= STEP_ENTRIES
            || (quiet && last - self.made >= BATCH_ENTRIES);
        (due && last > self.made).then(|| (Seq(self.made), Seq(last.min(self.made + STEP_ENTRIES))))
    }

    pub(crate) fn want(&mut self, until: i64) {
        self.wanted = self.wanted.max(until);
    }

    pub(crate) fn has(self, place: i64) -> bool {
        self.made >= place
    }

    pub(crate) fn made(&mut self, until: Seq) {
        self.made = until.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_entries_wait_until_somebody_reads() {
        let mut behind = Behind::new(Seq(10));
        assert_eq!((behind.is_due(20), behind.step(20, true)), (false, None));
        behind.want(20);
        assert_eq!((behind.is_due(20), behind.step(20, false)), (true, Some((Seq(10), Seq(20)))));
        behind.made(Seq(20));
        assert_eq!((behind.has(20), behind.is_due(20), behind.step(20, true)), (true, false, None));
    }

    #[test]
    fn a_batch_waits_for_a_quiet_moment_and_a_full_step_does_not() {
        let behind = Behind::new(Seq(0));
        assert_eq!(behind.step(BATCH_ENTRIES, false), None);
        assert_eq!(behind.step(BATCH_ENTRIES, true), Some((Seq(0), Seq(BATCH_ENTRIES))));
        assert_eq!(behind.step(STEP_ENTRIES + 1, false), Some((Seq(0), Seq(STEP_ENTRIES))));
    }
}
