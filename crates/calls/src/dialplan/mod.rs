//! The dial plan at work: from what was dialled, by whom and when, to where the call goes. Pure functions of a compiled,
//! immutable table that is swapped whole.
//!
//! [`compile`] makes the table of a [`model::plan::Plan`] and of the accounts; [`DialPlan::resolve`] routes,
//! [`DialPlan::explain`] routes by the same code and tells every step. The closest match wins: the pattern that
//! matches the fewest numbers of that length; then the partition that comes first in the search space of the caller,
//! line before device; then the pattern whose text comes first (`CC-04`).

mod accounts;
mod alternate;
mod analysis;
mod cases;
mod codes;
mod compile;
mod devices;
mod document;
mod explanation;
mod forward;
mod outside;
mod places;
mod reach;
mod reception;
mod route;
mod search;
mod services;
mod space;
mod summary;
mod trie;
mod who;

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod tests;

use model::plan::Plan;

pub use accounts::Accounts;
pub use alternate::NoAlternate;
pub use cases::{Case, CaseFailure, CasesError, read_cases, run_cases};
pub use codes::{CodeRefused, Keyed, NeedsCode, verify};
pub use compile::compile;
pub use document::{KeepError, Kept, SETTING, accounts, keep, kept, load};
pub use explanation::{Candidate, Explanation, Step};
pub use forward::Reason;
pub use outside::{Attempt, Way};
pub use reach::{Reached, Resolution};
pub use reception::Menu;
pub use route::{Ask, Manner, Outcome, Route};
pub use services::Services;
pub use summary::Summary;
pub use who::Who;

use space::{Partitions, Space};
use trie::Trie;
use who::Profile;

/// Translations that one call may go through.
pub const TRANSLATIONS_MAX: usize = 16;

/// A plan made ready for calls.
#[derive(Debug)]
pub struct DialPlan {
    plan: Plan,
    accounts: Accounts,
    partitions: Partitions,
    spaces: Vec<Space>,
    trie: Trie,
    /// By text, then partition: the order that decides the last ties.
    entries: Vec<Entry>,
    lines: Vec<compile::CompiledLine>,
    names: compile::Names,
    /// Of whoever is nobody we know.
    stranger: Profile,
    /// All partitions: for the server's own look-ups.
    everything: usize,
    local_way: model::plan::RouteTo,
    places: places::Places,
    receptions: reception::Receptions,
}

/// One pattern in one partition.
#[derive(Debug)]
struct Entry {
    text: String,
    partition: u16,
    pre_dot: u8,
    urgent: bool,
    /// How many numbers its fixed places match; how many these are, when it has an open one.
    product: u128,
    fixed_of_open: Option<u8>,
    target: Target,
}

/// What a pattern stands for: an index into the plan's own table, or into the compiled lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Line(usize),
    HuntPilot(usize),
    Attendant(usize),
    Queue(usize),
    RoutePoint(usize),
    Translation(usize, Option<usize>),
    Route(usize),
    Feature(usize),
    Echo,
    Conference,
    Slot,
}

impl Entry {
    /// How many numbers of this length it matches: the fewer, the closer.
    fn breadth(&self, length: usize) -> u128 {
        match self.fixed_of_open {
            None => self.product,
            Some(fixed) => {
                let open = u32::try_from(length.saturating_sub(usize::from(fixed))).unwrap_or(0);
                self.product.saturating_mul(10_u128.saturating_pow(open))
            }
        }
    }
}

impl DialPlan {
    /// The plan that it was made of.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The users and lines of this server.
    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// How many patterns it has, lines and services counted.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Has it no pattern at all?
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl Default for DialPlan {
    /// Nobody and nothing.
    fn default() -> Self {
        compile(&Plan::default(), Accounts::default(), None)
    }
}
