//! The subscriber's side of one subscription: when to refresh it, and what its end asks for.

use std::time::{Duration, Instant};

use super::{Reason, State};
use crate::timer::Times;

/// A refresh goes out this much before the end, or at half time if that is earlier.
const REFRESH_EARLY: Duration = Duration::from_secs(60);
/// The pause before another try when the notifier names none.
const RETRY_DEFAULT: Duration = Duration::from_secs(60);

/// One subscription that we have.
#[derive(Clone, Debug)]
pub struct Subscriber {
    /// Until the first NOTIFY: when to give up (Timer N, RFC 6665 §4.1.2.4).
    first_notify_by: Option<Instant>,
    refresh_at: Option<Instant>,
    expires_at: Option<Instant>,
    over: Option<WhenOver>,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Send a SUBSCRIBE within the subscription.
    Refresh,
    /// The subscription is dead: nobody notified, or the refresh did not come through.
    Over,
}

/// What the end of a subscription asks for (RFC 6665 §4.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenOver {
    /// Subscribe anew at once.
    SubscribeNow,
    /// Subscribe anew after this time.
    SubscribeAfter(Duration),
    /// Leave it.
    Stop,
}

impl Subscriber {
    /// A SUBSCRIBE goes out.
    pub fn new(times: &Times, now: Instant) -> Self {
        Self { first_notify_by: Some(now + times.patience()), refresh_at: None, expires_at: None, over: None }
    }

    /// A SUBSCRIBE was accepted for `expires`, or a NOTIFY told how much is left.
    pub fn accepted(&mut self, expires: Duration, now: Instant) {
        self.refresh_at = Some(now + expires - REFRESH_EARLY.min(expires / 2));
        self.expires_at = Some(now + expires);
    }

    /// A NOTIFY came; it "always indicates" the state (RFC 6665 §4.1.3). Gives what to do when it was the last.
    pub fn notified(&mut self, state: &State, now: Instant) -> Option<WhenOver> {
        self.first_notify_by = None;
        match *state {
            State::Active { expires } | State::Pending { expires } => {
                if let Some(expires) = expires {
                    self.accepted(Duration::from_secs(u64::from(expires)), now);
                }
                None
            }
            State::Terminated { reason, retry_after } => {
                let after = retry_after.map(|seconds| Duration::from_secs(u64::from(seconds)));
                let over = match reason {
                    Some(Reason::Deactivated | Reason::Timeout) => WhenOver::SubscribeNow,
                    Some(Reason::Rejected | Reason::NoResource | Reason::Invariant) => WhenOver::Stop,
                    Some(Reason::Probation | Reason::GiveUp) | None => {
                        WhenOver::SubscribeAfter(after.unwrap_or(RETRY_DEFAULT))
                    }
                };
                self.over = Some(over);
                Some(over)
            }
        }
    }

    /// When to look again; `None` when it is over.
    pub fn next_timeout(&self) -> Option<Instant> {
        if self.over.is_some() {
            return None;
        }
        [self.first_notify_by, self.refresh_at, self.expires_at].into_iter().flatten().min()
    }

    /// What is due; a refresh is reported once and then counts as under way.
    pub fn due(&mut self, now: Instant) -> Option<Due> {
        if self.over.is_some() {
            return None;
        }
        let reached = |at: Option<Instant>| at.is_some_and(|at| now >= at);
        if reached(self.first_notify_by) || reached(self.expires_at) {
            self.over = Some(WhenOver::SubscribeNow);
            return Some(Due::Over);
        }
        if reached(self.refresh_at) {
            self.refresh_at = None;
            return Some(Due::Refresh);
        }
        None
    }

    /// True once the subscription has ended.
    pub fn is_over(&self) -> bool {
        self.over.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_that_is_never_notified_is_given_up_after_timer_n() {
        let start = crate::tests_clock();
        let mut subscriber = Subscriber::new(&Times::default(), start);
        subscriber.accepted(Duration::from_secs(3600), start);
        assert_eq!(subscriber.next_timeout(), Some(start + Duration::from_secs(32)));
        assert_eq!(subscriber.due(start + Duration::from_secs(31)), None);
        assert_eq!(subscriber.due(start + Duration::from_secs(32)), Some(Due::Over));
        assert!(subscriber.is_over());
    }

    #[test]
    fn it_is_refreshed_before_its_end_and_lost_without_an_answer() {
        let start = crate::tests_clock();
        let after = |seconds| start + Duration::from_secs(seconds);
        for (expires, refresh) in [(3600, 3540), (60, 30)] {
            let mut subscriber = Subscriber::new(&Times::default(), start);
            let state = State::Active { expires: Some(expires) };
            assert_eq!(subscriber.notified(&state, start), None);
            assert_eq!(subscriber.next_timeout(), Some(after(refresh)));
            assert_eq!(subscriber.due(after(refresh)), Some(Due::Refresh));
            assert_eq!(subscriber.due(after(refresh)), None);
            assert_eq!(subscriber.due(after(u64::from(expires))), Some(Due::Over));
        }
    }

    #[test]
    fn the_reason_of_the_end_decides_about_another_try() {
        let start = crate::tests_clock();
        let end = |reason, retry_after| {
            let mut subscriber = Subscriber::new(&Times::default(), start);
            let over = subscriber.notified(&State::Terminated { reason, retry_after }, start);
            assert_eq!(subscriber.next_timeout(), None);
            over.unwrap()
        };
        assert_eq!(end(Some(Reason::Deactivated), None), WhenOver::SubscribeNow);
        assert_eq!(end(Some(Reason::Rejected), Some(5)), WhenOver::Stop);
        assert_eq!(end(Some(Reason::Probation), Some(5)), WhenOver::SubscribeAfter(Duration::from_secs(5)));
        assert_eq!(end(None, None), WhenOver::SubscribeAfter(RETRY_DEFAULT));
    }
}
