//! Partitions with their hours, and search spaces as ranks of partitions.

use std::collections::BTreeMap;

use model::plan::{Hours, Plan};
use model::{Partition, Timestamp};

/// The rank of a partition that a search space does not list.
pub(super) const NO_RANK: u16 = u16::MAX;
/// Partitions at most; what lives in further ones is reached by nobody.
pub(super) const PARTITIONS_MAX: usize = 10_000;

/// All partitions, by number.
#[derive(Debug, Default)]
pub(super) struct Partitions {
    names: Vec<Partition>,
    numbers: BTreeMap<Partition, u16>,
    hours: Vec<Option<PartitionHours>>,
}

#[derive(Debug)]
struct PartitionHours {
    /// `None` when the schedule is not there: then the partition is never.
    hours: Option<Hours>,
    while_closed: bool,
    schedule: String,
}

impl Partitions {
    /// All partitions that are named anywhere, the default one first.
    pub(super) fn new(plan: &Plan, mut names: Vec<Partition>) -> Self {
        let default = Partition::default();
        names.push(default.clone());
        names.sort_by_cached_key(|name| (*name != default, name.clone()));
        names.dedup();
        if names.len() > PARTITIONS_MAX {
            tracing::error!(
                limit = PARTITIONS_MAX,
                partitions = names.len(),
                "the plan has too many partitions"
            );
            names.truncate(PARTITIONS_MAX);
        }
        let numbers = names.iter().zip(0_u16..).map(|(name, number)| (name.clone(), number)).collect();
        let hours = names.iter().map(|name| hours(plan, name)).collect();
        Self { names, numbers, hours }
    }

    pub(super) fn number(&self, name: &Partition) -> Option<u16> {
        self.numbers.get(name).copied()
    }

    pub(super) fn name(&self, number: u16) -> &Partition {
        &self.names[usize::from(number)]
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// Is the partition there at this time?
    pub(super) fn is_there(&self, number: u16, when: Timestamp) -> bool {
        match &self.hours[usize::from(number)] {
            None => true,
            Some(set) => set.hours.as_ref().is_some_and(|hours| hours.is_open(when) != set.while_closed),
        }
    }

    /// The schedule that the partition follows.
    pub(super) fn schedule(&self, number: u16) -> Option<&str> {
        self.hours[usize::from(number)].as_ref().map(|set| set.schedule.as_str())
    }
}

fn hours(plan: &Plan, name: &Partition) -> Option<PartitionHours> {
    let partition = plan.partitions.iter().find(|partition| partition.name == *name)?;
    let schedule = partition.schedule.clone()?;
    let hours = Hours::of(plan, &schedule);
    if let Err(error) = &hours {
        tracing::error!(partition = %name, %error, "a partition is never there");
    }
    Some(PartitionHours { hours: hours.ok(), while_closed: partition.while_closed, schedule })
}

/// A search space: each partition's rank.
#[derive(Clone, Debug)]
pub(super) struct Space {
    /// What it is called in explanations.
    pub(super) name: String,
    pub(super) order: Vec<u16>,
    ranks: Vec<u16>,
    /// One bit for each partition, several partitions to a bit: what has none of them can be skipped.
    pub(super) mask: u64,
}

impl Space {
    /// These partitions in this order; what is there twice counts at its first place.
    pub(super) fn new(name: String, partitions: &Partitions, wanted: impl IntoIterator<Item = u16>) -> Self {
        let mut space = Self { name, order: Vec::new(), ranks: vec![NO_RANK; partitions.len()], mask: 0 };
        for number in wanted {
            let rank = &mut space.ranks[usize::from(number)];
            if *rank == NO_RANK {
                *rank = u16::try_from(space.order.len()).unwrap_or(NO_RANK);
                space.order.push(number);
                space.mask |= bit(number);
            }
        }
        space
    }

    /// How early the partition comes; [`NO_RANK`] when it is not listed.
    pub(super) fn rank(&self, partition: u16) -> u16 {
        self.ranks[usize::from(partition)]
    }
}

/// The bit of a partition in masks.
pub(super) fn bit(partition: u16) -> u64 {
    1 << (partition % 64)
}
