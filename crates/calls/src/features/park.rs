//! Call park: one side of a call waits at a slot, and whoever dials the slot has it (`CC-15`). When nobody does for a
//! while, the line that parked it is rung.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::snapshot::CallId;

/// The numbers of the slots.
const SLOTS: RangeInclusive<u32> = 701..=720;
/// The slots of the whole server, and who is there.
#[derive(Debug, Default)]
pub struct Parking {
    count: AtomicUsize,
    taken: Mutex<BTreeMap<String, CallId>>,
}

impl Parking {
    /// Takes a slot for a call: the one that is named, or any. `None`: it is taken, or there is none.
    pub(crate) fn take(&self, wanted: Option<&str>, call: CallId) -> Option<String> {
        let mut taken = self.taken.lock();
        let free = |slot: &String| !taken.contains_key(slot);
        let slot = match wanted {
            Some(slot) => Some(slot.to_owned()).filter(|slot| is_slot(slot)).filter(free),
            None => slots().find(free),
        }?;
        taken.insert(slot.clone(), call);
        self.count.store(taken.len(), Ordering::Release);
        Some(slot)
    }

    /// Who is parked at what was dialled.
    pub(crate) fn at(&self, dialled: &str) -> Option<CallId> {
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        self.taken.lock().get(dialled).copied()
    }

    /// The slot is free again.
    pub(crate) fn leave(&self, slot: &str) {
        let mut taken = self.taken.lock();
        taken.remove(slot);
        self.count.store(taken.len(), Ordering::Release);
    }

    /// Nobody is parked.
    pub fn is_empty(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }
}

/// The numbers of all slots.
pub(crate) fn slots() -> impl Iterator<Item = String> {
    SLOTS.map(|number| number.to_string())
}

/// Is it the number of a slot? Calls that are transferred there are parked.
pub(crate) fn is_slot(number: &str) -> bool {
    number.parse().is_ok_and(|slot: u32| SLOTS.contains(&slot) && slot.to_string() == number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_holds_one_call() {
        let parking = Parking::default();
        assert_eq!(parking.take(Some("702"), CallId(1)).as_deref(), Some("702"));
        assert_eq!(parking.take(Some("702"), CallId(2)), None);
        assert_eq!(parking.take(None, CallId(2)).as_deref(), Some("701"));
        assert_eq!(parking.at("702"), Some(CallId(1)));
        parking.leave("702");
        assert_eq!(parking.at("702"), None);
    }

    #[test]
    fn other_numbers_are_no_slots() {
        let parking = Parking::default();
        assert_eq!(parking.take(Some("1001"), CallId(1)), None);
        assert!(!is_slot("0701x") && !is_slot("700") && is_slot("720"));
    }

    #[test]
    fn there_are_no_more_slots_than_numbers() {
        let parking = Parking::default();
        let taken = (0..100).filter(|call| parking.take(None, CallId(*call)).is_some()).count();
        assert_eq!(taken, 20);
    }
}
