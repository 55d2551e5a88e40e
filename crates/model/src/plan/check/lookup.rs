//! A plain look-up by the definition of the closest match, for following chains in a plan that is being checked.

use std::collections::BTreeMap;

use super::super::{Digits, Plan};
use super::{Item, Kind, wild};
use crate::{Number, Partition};

/// Everything that can be dialled.
pub(super) struct Lookup<'a> {
    exact: BTreeMap<(&'a Partition, Digits), (Kind, usize)>,
    wild: BTreeMap<&'a Partition, Vec<Item<'a>>>,
}

/// A directory number as it is dialled.
pub(super) fn digits(number: &Number) -> Option<Digits> {
    Digits::parse(number.as_str()).ok()
}

impl<'a> Lookup<'a> {
    pub(super) fn new(plan: &'a Plan) -> Self {
        let mut lookup = Self { exact: BTreeMap::new(), wild: BTreeMap::new() };
        for (index, line) in plan.lines.iter().enumerate() {
            for one in line.number.lines() {
                if let Some(number) = digits(&one.number) {
                    lookup.exact.insert((line.number.partition(), number), (Kind::Line, index));
                }
            }
        }
        for (kind, index, number, partition) in super::pilots(plan) {
            if let Some(number) = digits(number) {
                lookup.exact.insert((partition, number), (kind, index));
            }
        }
        for item in wild(plan) {
            match item.pattern.exact() {
                Some(number) => {
                    lookup.exact.insert((item.partition, number), (item.kind, item.index));
                }
                None => lookup.wild.entry(item.partition).or_default().push(item),
            }
        }
        lookup
    }

    /// The closest match: fewest numbers matched, then the earlier partition, then the text.
    pub(super) fn closest(&self, number: &Digits, space: &[&Partition]) -> Option<(Kind, usize)> {
        let exact = space.iter().find_map(|partition| self.exact.get(&(*partition, *number)));
        if let Some(found) = exact {
            return Some(*found);
        }
        let ranked = space.iter().enumerate().flat_map(|(rank, partition)| {
            let items = self.wild.get(partition).into_iter().flatten();
            items.filter(|item| item.pattern.matches(number)).map(move |item| (rank, item))
        });
        let closest = ranked
            .min_by_key(|(rank, item)| (item.pattern.breadth(number.len()), *rank, item.pattern.as_str()));
        closest.map(|(_, item)| (item.kind, item.index))
    }
}
