//! One rate for all streams of another domain.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::DomainPart;
use parking_lot::Mutex;

use crate::rate::Rate;

/// The rate of a domain, shared by all its streams.
pub(super) type SharedRate = Arc<Mutex<Rate>>;

/// The rates of the domains that have streams to us.
#[derive(Default)]
pub(super) struct Rates(Mutex<BTreeMap<DomainPart, SharedRate>>);

impl Rates {
    /// The rate of a domain; those of domains without streams are forgotten.
    pub(super) fn of(&self, domain: &DomainPart) -> SharedRate {
        let mut rates = self.0.lock();
        if let Some(rate) = rates.get(domain) {
            return Arc::clone(rate);
        }
        rates.retain(|_, rate| Arc::strong_count(rate) > 1);
        Arc::clone(rates.entry(domain.clone()).or_default())
    }
}
