//! From answers to OPTIONS to "up" or "down", with hysteresis: one lost datagram takes nothing out of service.

use std::time::{Duration, Instant};

/// Failures one after the other that take a server out of service.
pub(super) const DOWN_AFTER: u32 = 2;
/// Answers one after the other that bring it back.
pub(super) const UP_AFTER: u32 = 2;
/// How soon it is asked again while its state is about to change.
const DOUBT: Duration = Duration::from_secs(2);

/// Is a server in service?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Nobody knows yet: it is used.
    Unknown,
    /// It answers.
    Up,
    /// It does not.
    Down,
}

/// The health of one server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Health {
    state: State,
    /// Answers (positive) or failures (negative) one after the other that speak against the state.
    against: u32,
    /// Since when.
    since: Instant,
}

impl Health {
    pub(super) fn new(now: Instant) -> Self {
        Self { state: State::Unknown, against: 0, since: now }
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    pub(super) fn since(&self) -> Instant {
        self.since
    }

    /// May calls go there?
    pub(super) fn is_usable(&self) -> bool {
        self.state != State::Down
    }

    /// It answered, or did not. True when that changed its state.
    pub(super) fn heard(&mut self, answered: bool, now: Instant) -> bool {
        let (for_it, needed) = match (self.state, answered) {
            (State::Unknown, true) => (false, 1),
            (State::Unknown | State::Up, false) => (false, DOWN_AFTER),
            (State::Down, true) => (false, UP_AFTER),
            (State::Up, true) | (State::Down, false) => (true, 0),
        };
        if for_it {
            self.against = 0;
            return false;
        }
        self.against += 1;
        if self.against < needed {
            return false;
        }
        *self = Self { state: if answered { State::Up } else { State::Down }, against: 0, since: now };
        true
    }

    /// How long to wait before it is asked again.
    pub(super) fn pause(&self, interval: Duration) -> Duration {
        if self.against > 0 { DOUBT.min(interval) } else { interval }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn states(answers: &str) -> String {
        let now = runtime::Runtime::real().now();
        let mut health = Health::new(now);
        let mut states = String::new();
        for answer in answers.chars() {
            health.heard(answer == '+', now);
            states.push(match health.state() {
                State::Unknown => '?',
                State::Up => 'u',
                State::Down => 'd',
            });
        }
        states
    }

    #[test]
    fn one_lost_answer_changes_nothing_and_two_do() {
        assert_eq!(states("+-+-+"), "uuuuu");
        assert_eq!(states("+--"), "uud");
        assert_eq!(states("--"), "?d", "what never answered is down after two as well");
        assert_eq!(states("--+-++"), "?ddddu");
    }

    #[test]
    fn doubt_is_cleared_soon() {
        let now = runtime::Runtime::real().now();
        let mut health = Health::new(now);
        let interval = Duration::from_secs(30);
        assert!(health.heard(true, now));
        assert_eq!(health.pause(interval), interval);
        health.heard(false, now);
        assert_eq!(health.pause(interval), DOUBT);
    }
}
