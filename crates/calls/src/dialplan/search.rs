//! The look-up of one number in one search space: the closest match.

use model::Timestamp;
use model::plan::{DIGITS_MAX, Digits, symbol};

use super::DialPlan;
use super::explanation::Witness;
use super::space::{NO_RANK, Space};
use super::trie::End;

/// Above so many patterns at one node, the search space is gone through instead.
const ENDS_FEW: usize = 8;

/// How close a match is, closest lowest: numbers matched, rank of the partition, place of the text.
pub(super) type Key = (u128, u16, u32);

/// What a look-up gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The closest match, by its entry.
    pub(super) entry: Option<usize>,
    /// With more digits something else could match; looked at only when digits may follow, or nothing matches.
    pub(super) longer: bool,
}

impl DialPlan {
    /// The closest match of the number.
    pub(super) fn search<W: Witness>(
        &self,
        number: &Digits,
        space: usize,
        when: Timestamp,
        more_may_follow: bool,
        witness: &mut W,
    ) -> Found {
        let mut symbols = [0; DIGITS_MAX];
        for (place, byte) in symbols.iter_mut().zip(number.as_bytes()) {
            *place = symbol(*byte).unwrap_or_default();
        }
        let symbols = &symbols[..number.len()];
        let searched = &self.spaces[space];
        let mut best: Option<Key> = None;
        self.trie.matches(symbols, searched.mask, &mut |ends| {
            let breadth = self.entries[ends[0].entry as usize].breadth(number.len());
            if best.is_none_or(|best| breadth <= best.0) {
                self.closest_of(ends, breadth, searched, when, &mut best);
            }
        });
        if W::WATCHES {
            witness.tell(self.look_up_step((number, symbols), space, when, best));
        }
        let longer = (more_may_follow || best.is_none()) && number.len() < DIGITS_MAX && {
            let mut is_reached = |end: End| {
                searched.rank(end.partition) != NO_RANK && self.partitions.is_there(end.partition, when)
            };
            self.trie.could_become(symbols, searched.mask, &mut is_reached)
        };
        Found { entry: best.map(|(_, _, entry)| entry as usize), longer }
    }

    /// Of the patterns at one node, which match the same numbers, the one whose partition comes first.
    fn closest_of(
        &self,
        ends: &[End],
        breadth: u128,
        space: &Space,
        when: Timestamp,
        best: &mut Option<Key>,
    ) {
        let mut look = |end: &End| {
            let rank = space.rank(end.partition);
            let key = (breadth, rank, end.entry);
            if rank != NO_RANK
                && best.is_none_or(|best| key < best)
                && self.partitions.is_there(end.partition, when)
            {
                *best = Some(key);
            }
        };
        if ends.len() <= ENDS_FEW || space.order.len() >= ends.len() {
            return ends.iter().for_each(look);
        }
        for partition in &space.order {
            let first = ends.partition_point(|end| end.partition < *partition);
            ends[first..].iter().take_while(|end| end.partition == *partition).for_each(&mut look);
        }
    }
}
