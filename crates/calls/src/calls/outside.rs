//! Calls to the outside as administrators see them: what a line has used of what it may, and what was odd.

use model::LineId;

use super::Calls;
use crate::guard::{Alert, Used};

impl Calls {
    /// What a line has used of what it may, of each class.
    pub fn outside_used(&self, line: &LineId) -> Vec<Used> {
        self.rooms.guard.used(line, &self.rooms.plan.load().plan().outside.costs)
    }

    /// Forgets what a line has used, so that it may call again; false when it has used nothing.
    pub fn release_line(&self, line: &LineId) -> bool {
        self.rooms.guard.release(line)
    }

    /// What was odd lately, oldest first.
    pub fn alerts(&self) -> Vec<Alert> {
        self.rooms.guard.alerts().latest()
    }
}
