//! How long a connection may stay: as it is, with half a message, with nobody known at its other end.

use std::time::{Duration, Instant};

/// How long a message may be incomplete, and how long a connection may stay without a message over which nobody has
/// proved who he is. Keep-alives are no messages.
const INCOMPLETE_MAX: Duration = Duration::from_secs(30);
/// How long a connection of somebody known may be idle: longer than the longest registration.
const IDLE_MAX: Duration = Duration::from_secs(3 * 3600);

/// Until when a connection may stay as it is.
#[derive(Clone, Debug)]
pub(super) struct Patience {
    /// When it was opened, or the last message was complete.
    message_at: Instant,
    /// When the message that is incomplete began.
    began_at: Option<Instant>,
    /// When anything was last read or written.
    heard_at: Instant,
}

impl Patience {
    pub(super) fn new(now: Instant) -> Self {
        Self { message_at: now, began_at: None, heard_at: now }
    }

    /// Something was read: were messages completed, and is a further one incomplete?
    pub(super) fn read(&mut self, completed: bool, incomplete: bool, now: Instant) {
        self.heard_at = now;
        if completed {
            self.message_at = now;
            self.began_at = None;
        }
        self.began_at = if incomplete { self.began_at.or(Some(now)) } else { None };
    }

    /// Something was written.
    pub(super) fn written(&mut self, now: Instant) {
        self.heard_at = now;
    }

    pub(super) fn ends_at(&self, is_proved: bool) -> Instant {
        match self.began_at {
            Some(began_at) => began_at + INCOMPLETE_MAX,
            None if is_proved => self.heard_at + IDLE_MAX,
            None => self.message_at + INCOMPLETE_MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_message_that_trickles_in_is_not_waited_for_longer_than_one_that_stops() {
        let start = runtime::Runtime::real().now();
        let mut patience = Patience::new(start);
        for seconds in 1..20 {
            patience.read(false, true, start + seconds * SECOND);
            assert_eq!(patience.ends_at(true), start + SECOND + INCOMPLETE_MAX);
        }
        patience.read(true, true, start + 20 * SECOND);
        assert_eq!(
            patience.ends_at(true),
            start + 20 * SECOND + INCOMPLETE_MAX,
            "the next one has its own time"
        );
        patience.read(true, false, start + 21 * SECOND);
        assert_eq!(patience.ends_at(true), start + 21 * SECOND + IDLE_MAX);
    }

    #[test]
    fn keep_alives_keep_a_connection_only_of_somebody_known() {
        let start = runtime::Runtime::real().now();
        let mut patience = Patience::new(start);
        patience.read(false, false, start + 20 * SECOND);
        assert_eq!(patience.ends_at(false), start + INCOMPLETE_MAX);
        assert_eq!(patience.ends_at(true), start + 20 * SECOND + IDLE_MAX);
    }
}
