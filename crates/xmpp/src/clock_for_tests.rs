//! Some instant for tests, which move their clock by hand from there.

/// An `Instant` cannot be had in any other way.
#[allow(clippy::disallowed_methods, reason = "tests need one instant to start from")]
pub(crate) fn tests_clock() -> std::time::Instant {
    std::time::Instant::now()
}
