//! What a call holds of the pools; given back when it is dropped, however the call ended.

use std::fmt;
use std::sync::Arc;

use model::plan::Plan;
use parking_lot::Mutex;

use super::pool::Table;
use super::{Load, NoRoom, PoolName, PoolShown};

/// The pools of the whole server.
#[derive(Default)]
pub struct Pools(Mutex<Table>);

/// What one call holds.
pub struct Grant {
    pools: Arc<Pools>,
    names: Vec<PoolName>,
    load: Load,
}

impl Pools {
    /// Takes the pools of a plan; what is taken stays taken.
    pub fn follow(&self, plan: &Plan) {
        self.0.lock().follow(plan);
    }

    /// All pools.
    pub fn shown(&self) -> Vec<PoolShown> {
        self.0.lock().shown()
    }

    /// Is nothing taken?
    pub fn is_idle(&self) -> bool {
        self.0.lock().is_idle()
    }

    /// A part of these pools; what must be let through (`force`) is let through. `None` when there are none to take
    /// from.
    ///
    /// # Errors
    /// One of them has not enough left.
    pub fn take(
        self: &Arc<Self>,
        names: &[PoolName],
        load: Load,
        force: bool,
    ) -> Result<Option<Grant>, NoRoom> {
        if names.is_empty() {
            return Ok(None);
        }
        let taken = self.0.lock().take(names, load, force);
        let outcome = if taken.is_ok() { "admitted" } else { "refused" };
        metrics::counter!("carillon_admission_calls_total", "outcome" => outcome).increment(1);
        taken.map(|()| Some(Grant { pools: Arc::clone(self), names: names.to_vec(), load }))
    }
}

impl Grant {
    /// Is it of these pools?
    pub fn is_of(&self, names: &[PoolName]) -> bool {
        self.names == names
    }

    /// The call takes another load from now on.
    pub fn change(&mut self, load: Load) {
        if load == self.load {
            return;
        }
        if self.pools.0.lock().change(&self.names, self.load, load) {
            metrics::counter!("carillon_admission_overdrawn_total").increment(1);
            tracing::warn!(?load, "a call takes more bandwidth than is left, since it was changed");
        }
        self.load = load;
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        self.pools.0.lock().give(&self.names, self.load);
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Grant({:?})", self.load)
    }
}

impl fmt::Debug for Pools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.shown()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_given_back_when_its_call_is_gone() {
        let pools = Arc::new(Pools::default());
        let names = PoolName::of(Some(&"berlin".into()), None);
        let mut grant = pools.take(&names, Load { audio: 80, video: 0 }, false).unwrap().unwrap();
        assert_eq!(pools.shown()[0].audio_taken, 80);
        grant.change(Load { audio: 24, video: 0 });
        assert_eq!(pools.shown()[0].audio_taken, 24);
        drop(grant);
        assert!(pools.is_idle() && pools.shown().is_empty());
        assert!(pools.take(&[], Load::default(), false).unwrap().is_none());
    }
}
