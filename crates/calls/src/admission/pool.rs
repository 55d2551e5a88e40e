//! The pools, as plain data: what is taken, what there is, and that nothing is taken that is not there.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use model::plan::{Bandwidth, Plan};
use serde::{Deserialize, Serialize};

use super::Load;

/// A pool of bandwidth.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PoolName {
    /// Of all calls that leave a location or come in.
    Location(Arc<str>),
    /// Of calls between two locations, in the order of their names.
    Between(Arc<str>, Arc<str>),
}

impl PoolName {
    /// The pools that a call between two locations takes from; one that says no location is at the hub, which has
    /// bandwidth enough.
    pub fn of(one: Option<&Arc<str>>, other: Option<&Arc<str>>) -> Vec<Self> {
        if one == other {
            return Vec::new();
        }
        let mut names: Vec<Self> = [one, other].into_iter().flatten().cloned().map(Self::Location).collect();
        if let (Some(one), Some(other)) = (one, other) {
            names.push(Self::between(one, other));
        }
        names
    }

    fn between(one: &Arc<str>, other: &Arc<str>) -> Self {
        let (first, second) = if one < other { (one, other) } else { (other, one) };
        Self::Between(Arc::clone(first), Arc::clone(second))
    }
}

impl fmt::Display for PoolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Location(name) => f.write_str(name),
            Self::Between(one, other) => write!(f, "{one} to {other}"),
        }
    }
}

/// One pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pool {
    /// What there is.
    pub limit: Bandwidth,
    /// What is taken; more than there is only when something had to be let through.
    pub taken: Load,
    /// By how many calls.
    pub calls: u32,
}

/// A pool as an administrator sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolShown {
    /// Its name.
    pub name: String,
    /// What sound takes, in kbit/s.
    pub audio_taken: u32,
    /// What there is for sound; `None`: without limit.
    pub audio_kbits: Option<u32>,
    /// What pictures take.
    pub video_taken: u32,
    /// What there is for pictures.
    pub video_kbits: Option<u32>,
    /// By how many calls.
    pub calls: u32,
}

/// A pool has not enough left.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the pool {pool} has {} kbit/s left for sound and {} for pictures, and the call takes {} and {}",
    left.audio, left.video, wanted.audio, wanted.video
)]
pub struct NoRoom {
    /// Which.
    pub pool: PoolName,
    /// What the call takes.
    pub wanted: Load,
    /// What is left.
    pub left: Load,
}

impl Pool {
    /// What is left of it.
    fn left(&self) -> Load {
        let left = |limit: Option<u32>, taken: u32| limit.map_or(u32::MAX, |most| most.saturating_sub(taken));
        Load {
            audio: left(self.limit.audio_kbits, self.taken.audio),
            video: left(self.limit.video_kbits, self.taken.video),
        }
    }

    fn has(&self, wanted: Load) -> bool {
        let left = self.left();
        // Who takes nothing of a kind needs nothing of it, also of a pool that is overdrawn.
        wanted.audio <= left.audio && wanted.video <= left.video
    }
}

/// All pools.
#[derive(Clone, Debug, Default)]
pub(super) struct Table(BTreeMap<PoolName, Pool>);

impl Table {
    /// The pools of a plan; what is taken stays taken.
    pub(super) fn follow(&mut self, plan: &Plan) {
        for pool in self.0.values_mut() {
            pool.limit = Bandwidth::default();
        }
        for location in &plan.outside.locations {
            let name: Arc<str> = location.name.as_str().into();
            for to in &location.to {
                let pair = PoolName::between(&name, &to.location.as_str().into());
                self.0.entry(pair).or_default().limit = to.bandwidth();
            }
            self.0.entry(PoolName::Location(name)).or_default().limit = location.bandwidth();
        }
        self.tidy();
    }

    /// Takes from all of these pools, or from none. What must be let through (`force`) is let through.
    pub(super) fn take(&mut self, names: &[PoolName], load: Load, force: bool) -> Result<(), NoRoom> {
        if !force {
            for name in names {
                let pool = self.0.get(name).copied().unwrap_or_default();
                if !pool.has(load) {
                    return Err(NoRoom { pool: name.clone(), wanted: load, left: pool.left() });
                }
            }
        }
        for name in names {
            let pool = self.0.entry(name.clone()).or_default();
            pool.taken = pool.taken + load;
            pool.calls += 1;
        }
        Ok(())
    }

    /// Gives back what was taken.
    pub(super) fn give(&mut self, names: &[PoolName], load: Load) {
        for name in names {
            if let Some(pool) = self.0.get_mut(name) {
                pool.taken = pool.taken - load;
                pool.calls = pool.calls.saturating_sub(1);
            }
        }
        self.tidy();
    }

    /// A call takes another load than before. It is there already, so it is counted whatever is left; true when a pool
    /// is overdrawn by it.
    pub(super) fn change(&mut self, names: &[PoolName], old: Load, new: Load) -> bool {
        let mut is_overdrawn = false;
        for name in names {
            let pool = self.0.entry(name.clone()).or_default();
            let free = pool.taken - old;
            let fits = Pool { taken: free, ..*pool }.has(new);
            pool.taken = free + new;
            is_overdrawn |= !fits && old != old.max(new);
        }
        is_overdrawn
    }

    /// All pools that have a limit or are taken from.
    pub(super) fn shown(&self) -> Vec<PoolShown> {
        let shown = |(name, pool): (&PoolName, &Pool)| PoolShown {
            name: name.to_string(),
            audio_taken: pool.taken.audio,
            audio_kbits: pool.limit.audio_kbits,
            video_taken: pool.taken.video,
            video_kbits: pool.limit.video_kbits,
            calls: pool.calls,
        };
        self.0.iter().map(shown).collect()
    }

    /// Is nothing taken?
    pub(super) fn is_idle(&self) -> bool {
        self.0.values().all(|pool| pool.calls == 0 && pool.taken == Load::default())
    }

    /// Forgets pools without limit that nobody takes from.
    fn tidy(&mut self) {
        self.0.retain(|_, pool| pool.calls > 0 || pool.limit != Bandwidth::default());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLAN: &str = r#"
        [[outside.location]]
        name = "berlin"
        audio_kbits = 160
        to = [{ location = "london", audio_kbits = 80, video_kbits = 400 }]
        [[outside.location]]
        name = "london"
    "#;

    fn table() -> Table {
        let mut table = Table::default();
        table.follow(&Plan::read(PLAN).unwrap());
        table
    }

    fn names(one: &str, other: &str) -> Vec<PoolName> {
        let location = |name: &str| (!name.is_empty()).then(|| Arc::from(name));
        PoolName::of(location(one).as_ref(), location(other).as_ref())
    }

    const SOUND: Load = Load { audio: 80, video: 0 };

    #[test]
    fn a_call_takes_from_both_ends_and_from_what_is_between_them() {
        let shown =
            |one, other| -> Vec<String> { names(one, other).iter().map(ToString::to_string).collect() };
        assert_eq!(shown("london", "berlin"), ["london", "berlin", "berlin to london"]);
        assert_eq!(shown("berlin", ""), ["berlin"], "the hub has bandwidth enough");
        assert!(shown("berlin", "berlin").is_empty() && shown("", "").is_empty());
    }

    #[test]
    fn the_narrowest_pool_decides_and_nothing_is_taken_by_who_is_refused() {
        let mut table = table();
        table.take(&names("berlin", "london"), SOUND, false).unwrap();
        let refused = table.take(&names("london", "berlin"), SOUND, false).unwrap_err();
        assert_eq!((refused.pool.to_string(), refused.left.audio), ("berlin to london".to_owned(), 0));
        table.take(&names("berlin", ""), SOUND, false).unwrap();
        assert!(table.take(&names("berlin", "paris"), SOUND, false).is_err(), "160 are taken");
        table.give(&names("berlin", "london"), SOUND);
        table.take(&names("berlin", "paris"), SOUND, false).unwrap();
    }

    #[test]
    fn pictures_have_a_pool_of_their_own() {
        let mut table = table();
        let film = Load { audio: 24, video: 384 };
        table.take(&names("berlin", "london"), film, false).unwrap();
        assert!(table.take(&names("berlin", "london"), film, false).is_err());
        table.take(&names("berlin", "london"), Load { audio: 24, video: 0 }, false).unwrap();
    }

    #[test]
    fn what_must_be_let_through_is_counted_and_refuses_others() {
        let mut table = table();
        for _emergency in 0..3 {
            table.take(&names("berlin", ""), SOUND, true).unwrap();
        }
        assert_eq!(table.shown()[0].audio_taken, 240);
        assert!(table.take(&names("berlin", ""), Load { audio: 24, video: 0 }, false).is_err());
        assert!(
            !table.change(&names("berlin", ""), SOUND, Load { audio: 24, video: 0 }),
            "less is never too much"
        );
        assert!(table.change(&names("berlin", ""), Load { audio: 24, video: 0 }, SOUND));
    }

    #[test]
    fn what_is_taken_outlives_a_change_of_the_plan() {
        let mut table = table();
        table.take(&names("berlin", "paris"), SOUND, false).unwrap();
        table.follow(&Plan::default());
        assert_eq!(table.shown().len(), 3, "{:?}", table.shown());
        table.take(&names("berlin", "paris"), SOUND, false).unwrap();
        for _call in 0..2 {
            table.give(&names("berlin", "paris"), SOUND);
        }
        assert!(table.is_idle() && table.shown().is_empty());
    }

    #[derive(Clone, Debug)]
    enum Step {
        Take(usize, u32, u32),
        Change(usize, u32, u32),
        Give(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let load = || (0..120_u32, 0..500_u32);
        let step = prop_oneof![
            (0..6_usize, load()).prop_map(|(way, (audio, video))| Step::Take(way, audio, video)),
            (0..9_usize, load()).prop_map(|(call, (audio, video))| Step::Change(call, audio, video)),
            (0..9_usize).prop_map(Step::Give),
        ];
        proptest::collection::vec(step, 0..60)
    }

    proptest! {
        /// What is admitted never exceeds what there is; what is taken is what live calls hold; all is given back.
        #[test]
        fn pools_never_go_below_nothing_and_end_full(steps in steps()) {
            let ways = [("berlin", "london"), ("berlin", ""), ("london", "paris"), ("", "london"), ("berlin", "berlin"), ("paris", "berlin")];
            let (mut table, mut calls) = (table(), Vec::<(Vec<PoolName>, Load)>::new());
            let mut changed = false;
            for step in steps {
                match step {
                    Step::Take(way, audio, video) => {
                        let (names, load) = (names(ways[way].0, ways[way].1), Load { audio, video });
                        let before = table.shown();
                        match table.take(&names, load, false) {
                            Ok(()) => calls.push((names, load)),
                            Err(_) => prop_assert_eq!(before, table.shown(), "who is refused takes nothing"),
                        }
                    }
                    Step::Change(call, audio, video) if call < calls.len() => {
                        let new = Load { audio, video };
                        changed |= calls[call].1.max(new) != calls[call].1;
                        table.change(&calls[call].0, calls[call].1, new);
                        calls[call].1 = new;
                    }
                    Step::Give(call) if call < calls.len() => {
                        let (names, load) = calls.swap_remove(call);
                        table.give(&names, load);
                    }
                    _ => {}
                }
                for (name, pool) in &table.0 {
                    let held = calls.iter().filter(|(names, _)| names.contains(name));
                    let sum = held.clone().fold(Load::default(), |sum, (_, load)| sum + *load);
                    prop_assert_eq!((pool.taken, pool.calls as usize), (sum, held.count()));
                    let fits = pool.limit.audio_kbits.is_none_or(|most| pool.taken.audio <= most)
                        && pool.limit.video_kbits.is_none_or(|most| pool.taken.video <= most);
                    prop_assert!(fits || changed, "{name} is overdrawn by what was asked for");
                }
            }
            for (names, load) in calls {
                table.give(&names, load);
            }
            prop_assert!(table.is_idle());
        }
    }
}
