//! Personal data in logs: shown only when an operator asked for it.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

static REVEALED: AtomicBool = AtomicBool::new(false);

/// A value that `Debug` and `Display` show as `‹private›` unless [`Private::reveal_all`] was called.
#[derive(Clone, PartialEq, Eq)]
pub struct Private<T>(pub T);

impl Private<()> {
    /// Shows (or hides again) all private values in this process; for an operator who is tracing a fault.
    pub fn reveal_all(on: bool) {
        REVEALED.store(on, Ordering::Relaxed);
    }
}

impl<T: fmt::Display> fmt::Display for Private<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if REVEALED.load(Ordering::Relaxed) { self.0.fmt(f) } else { f.write_str("‹private›") }
    }
}

impl<T: fmt::Debug> fmt::Debug for Private<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if REVEALED.load(Ordering::Relaxed) { self.0.fmt(f) } else { f.write_str("‹private›") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_value_is_hidden_by_default() {
        assert_eq!(format!("{} {:?}", Private("ann"), Private("ann")), "‹private› ‹private›");
    }
}
