//! One call to the outside: it counts as long as anybody holds it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use model::plan::{Allowed, CostClass};
use model::{LineId, Timestamp};

use super::Guard;

/// See the module.
pub struct Charge {
    guard: Arc<Guard>,
    number: u64,
    line: LineId,
    class: CostClass,
    allowed: Allowed,
    began: Timestamp,
    /// When it was answered, in microseconds since 1970; 0 before that.
    answered: AtomicI64,
    refused: AtomicBool,
}

impl Charge {
    pub(super) fn new(
        guard: Arc<Guard>,
        number: u64,
        line: LineId,
        (class, allowed): (CostClass, Allowed),
        began: Timestamp,
    ) -> Self {
        let (answered, refused) = (AtomicI64::new(0), AtomicBool::new(false));
        Self { guard, number, line, class, allowed, began, answered, refused }
    }

    /// How long the call, which was answered, may go on until the line has used its minutes.
    pub fn time_left(&self) -> Duration {
        self.guard.time_left(&self.line, self.class, self.allowed)
    }

    /// A server of a trunk has answered with this status.
    pub fn hears(&self, status: u16) {
        match status {
            200..=299 if self.answered.load(Ordering::Relaxed) == 0 => {
                let now = self.guard.answered(self.number, &self.line, self.class);
                self.answered.store(now.0, Ordering::Relaxed);
            }
            // What says that the number is none, or is not to be called: whoever tries numbers hears it again and again.
            403 | 404 | 410 | 484 | 603 | 604 if !self.refused.swap(true, Ordering::Relaxed) => {
                self.guard.refused(&self.line);
            }
            _ => {}
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        let answered = self.answered.load(Ordering::Relaxed);
        self.guard.ended(self.number, &self.line, self.class, (answered != 0).then_some(Timestamp(answered)));
    }
}

impl PartialEq for Charge {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Charge {}

impl fmt::Debug for Charge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, class, began, .. } = self;
        f.debug_struct("Charge")
            .field("line", line)
            .field("class", class)
            .field("began", began)
            .finish_non_exhaustive()
    }
}
