//! Every step of the digit analysis in words: what was tried, what matched, what was passed over and why.

use std::fmt;

use model::plan::Digits;
use serde::Serialize;

use super::search::Key;
use super::space::NO_RANK;
use super::{DialPlan, Target};
use model::Timestamp;

/// Candidates that one step tells; of further ones only how many.
const CANDIDATES_MAX: usize = 12;

/// How a route was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The steps, first to last.
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What was done, or found.
    pub text: String,
    /// The patterns that match the number, closest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Candidate>,
    /// Candidates that are not listed.
    #[serde(skip_serializing_if = "is_zero")]
    pub more: usize,
}

/// A pattern that matches the number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// Is it the one that was taken?
    pub taken: bool,
    /// The pattern.
    pub pattern: String,
    /// Its partition.
    pub partition: String,
    /// `line`, `route`, …
    pub kind: &'static str,
    /// Why it was taken, or not.
    pub why: String,
}

fn is_zero(value: &usize) -> bool {
    *value == 0
}

/// Who watches the analysis. The same code routes with and without.
pub(super) trait Witness {
    /// Does it want to be told?
    const WATCHES: bool;
    /// Is told a step.
    fn tell(&mut self, step: Step);
}

/// Nobody watches.
pub(super) struct Silent;

impl Witness for Silent {
    const WATCHES: bool = false;
    fn tell(&mut self, _step: Step) {}
}

impl Witness for Explanation {
    const WATCHES: bool = true;
    fn tell(&mut self, step: Step) {
        self.steps.push(step);
    }
}

impl Step {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}

impl DialPlan {
    /// The step of one look-up: all patterns of all partitions that match, and why each was taken or not.
    pub(super) fn look_up_step(
        &self,
        (number, symbols): (&Digits, &[u8]),
        space: usize,
        when: Timestamp,
        best: Option<Key>,
    ) -> Step {
        let space = &self.spaces[space];
        let mut found = Vec::new();
        self.trie.matches(symbols, u64::MAX, &mut |ends| {
            let breadth = self.entries[ends[0].entry as usize].breadth(number.len());
            found.extend(ends.iter().map(|end| (breadth, space.rank(end.partition), end.entry)));
        });
        found.sort_unstable();
        if let Some(place) = best.and_then(|best| found.iter().position(|key| *key == best)) {
            found[..=place].rotate_right(1);
        }
        let more = found.len().saturating_sub(CANDIDATES_MAX);
        let candidates =
            found.iter().take(CANDIDATES_MAX).map(|key| self.candidate(*key, best, when)).collect();
        let nothing = if found.is_empty() { ": nothing matches" } else { "" };
        Step { text: format!("look up {number} in {}{nothing}", space.name), candidates, more }
    }

    fn candidate(&self, key: Key, best: Option<Key>, when: Timestamp) -> Candidate {
        let (breadth, rank, index) = key;
        let entry = &self.entries[index as usize];
        let partition = self.partitions.name(entry.partition);
        let taken = best == Some(key);
        let why = if taken {
            format!(
                "taken: closest match, 1 of {}, partition {} of the search space",
                Count(breadth),
                rank + 1
            )
        } else if rank == NO_RANK {
            "its partition is not in the search space".to_owned()
        } else if !self.partitions.is_there(entry.partition, when) {
            let schedule = self.partitions.schedule(entry.partition).unwrap_or_default();
            format!("its partition is not there at this time (schedule {schedule})")
        } else {
            match best {
                Some((closest, ..)) if closest < breadth => {
                    format!("less close: it matches {} numbers of this length", Count(breadth))
                }
                Some((_, first, _)) if first < rank => {
                    format!("equally close, but partition {} comes later", rank + 1)
                }
                _ => "equally close in the same partition, but its text comes later".to_owned(),
            }
        };
        let (pattern, partition) = (entry.text.clone(), partition.to_string());
        Candidate { taken, pattern, partition, kind: kind(entry.target), why }
    }
}

pub(super) fn kind(target: Target) -> &'static str {
    match target {
        Target::Line(_) => "line",
        Target::HuntPilot(_) => "hunt pilot",
        Target::Attendant(_) => "attendant",
        Target::Queue(_) => "queue",
        Target::RoutePoint(_) => "route point",
        Target::Translation(..) => "translation",
        Target::Route(_) => "route",
        Target::Feature(_) => "feature code",
        Target::Echo | Target::Conference | Target::Slot => "service",
    }
}

/// A number of numbers: powers of ten stay readable.
struct Count(u128);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 1_000_000 {
            return write!(f, "{}", self.0);
        }
        let zeros = self.0.ilog10();
        let power = 10_u128.pow(zeros);
        if !self.0.is_multiple_of(power) {
            write!(f, "{:.1e}", self.0 as f64)
        } else {
            write!(f, "{}e{zeros}", self.0 / power)
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in (1..).zip(&self.steps) {
            writeln!(f, "{number:>2}. {}", step.text)?;
            let width = |of: fn(&Candidate) -> usize| step.candidates.iter().map(of).max().unwrap_or(0);
            let (pattern, partition) = (width(|c| c.pattern.len()), width(|c| c.partition.len()));
            for c in &step.candidates {
                let mark = if c.taken { "=>" } else { " -" };
                let (one, two, kind, why) = (&c.pattern, &c.partition, c.kind, &c.why);
                writeln!(f, "    {mark} {one:<pattern$}  {two:<partition$}  {kind:<11}  {why}")?;
            }
            if step.more > 0 {
                writeln!(f, "     - and {} more, less close or out of reach", step.more)?;
            }
        }
        Ok(())
    }
}
