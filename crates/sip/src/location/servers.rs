//! The servers of one destination, and which of them have failed lately (RFC 3263 §4.3).

use std::time::{Duration, Instant};

use super::Hop;

/// How long a server is tried last that failed, or answered 503 without a Retry-After.
pub const REST: Duration = Duration::from_secs(32);
/// The longest time that a Retry-After is obeyed: nobody takes a server out for a day by one answer.
const REST_MAX: Duration = Duration::from_secs(600);

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Servers {
    hops: Vec<Hop>,
    resting: Vec<(Hop, Instant)>,
}

impl Servers {
    /// These, in order.
    pub fn new(hops: Vec<Hop>) -> Self {
        Self { hops, resting: Vec::new() }
    }

    /// What a new look-up gave; what has failed goes on resting.
    pub fn set(&mut self, hops: Vec<Hop>) {
        self.resting.retain(|(hop, _)| hops.contains(hop));
        self.hops = hops;
    }

    /// All, in the order of the look-up.
    pub fn hops(&self) -> &[Hop] {
        &self.hops
    }

    /// Those to try, in order: who failed lately comes last, the one that may come back soonest first. A destination
    /// of which everything has failed is still tried.
    pub fn in_order(&self, now: Instant) -> Vec<Hop> {
        let mut order: Vec<(Option<Instant>, Hop)> =
            self.hops.iter().map(|hop| (self.rests_until(*hop, now), *hop)).collect();
        // The sort is stable: the order of the look-up holds among those that do not rest.
        order.sort_by_key(|(until, _)| *until);
        order.into_iter().map(|(_, hop)| hop).collect()
    }

    /// Does this one rest?
    pub fn rests_until(&self, hop: Hop, now: Instant) -> Option<Instant> {
        let resting = self.resting.iter().find(|(known, until)| *known == hop && *until > now);
        resting.map(|(_, until)| *until)
    }

    /// A server gave no answer, could not be reached, or answered 503 (RFC 3263 §4.3, RFC 3261 §21.5.4).
    pub fn failed(&mut self, hop: Hop, retry_after: Option<Duration>, now: Instant) {
        let until = now + retry_after.unwrap_or(REST).min(REST_MAX);
        self.succeeded(hop);
        if self.hops.contains(&hop) {
            self.resting.push((hop, until));
        }
    }

    /// A server answered: it rests no more.
    pub fn succeeded(&mut self, hop: Hop) {
        self.resting.retain(|(known, _)| *known != hop);
    }
}
