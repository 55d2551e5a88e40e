//! How fast a peer may send: what comes too fast is read later or refused, and who never slows down is cut.

use std::time::{Duration, Instant};

/// The stanzas of one peer (a domain, a client, an occupant of a room), held against a rate.
#[derive(Debug)]
pub(crate) struct Rate {
    /// What may come at once, as the time in which it would come at the rate.
    burst: Duration,
    /// How far the stanzas that came are ahead of the rate: the time at which they would all have been in order.
    in_order_at: Option<Instant>,
    /// Since when the peer is ahead without a pause.
    ahead_since: Option<Instant>,
}

impl Default for Rate {
    /// A second's worth may come at once.
    fn default() -> Self {
        Self::with_burst(Duration::from_secs(1))
    }
}

impl Rate {
    /// As much as comes in `burst` at the rate may come at once.
    pub(crate) fn with_burst(burst: Duration) -> Self {
        Self { burst, in_order_at: None, ahead_since: None }
    }

    /// A stanza came.
    pub(crate) fn count(&mut self, now: Instant, per_second: u32) {
        let each = Duration::from_secs(1) / per_second.max(1);
        let from = self.in_order_at.filter(|at| *at > now).unwrap_or(now);
        self.in_order_at = Some(from + each);
        match self.held_until(now) {
            Some(_) => self.ahead_since = self.ahead_since.or(Some(now)),
            None if self.in_order_at.is_none_or(|at| at <= now + each) => self.ahead_since = None,
            None => {}
        }
    }

    /// Until when nothing more is read.
    pub(crate) fn held_until(&self, now: Instant) -> Option<Instant> {
        self.in_order_at.and_then(|at| at.checked_sub(self.burst)).filter(|at| *at > now)
    }

    /// Has the peer been ahead for longer than it may?
    pub(crate) fn is_flood(&self, now: Instant, time_max: Duration) -> bool {
        self.ahead_since.is_some_and(|since| now.saturating_duration_since(since) > time_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 10;
    const TIME: Duration = Duration::from_secs(5);

    #[test]
    fn a_burst_is_held_and_then_forgotten() {
        let (mut rate, now) = (Rate::default(), tokio::time::Instant::now().into_std());
        (0..10).for_each(|_| rate.count(now, RATE));
        assert_eq!(rate.held_until(now), None, "a second's worth");
        (0..10).for_each(|_| rate.count(now, RATE));
        let until = rate.held_until(now).unwrap();
        assert_eq!(until - now, Duration::from_secs(1));
        assert_eq!(rate.held_until(until), None);
        let later = now + Duration::from_secs(60);
        rate.count(later, RATE);
        assert!(!rate.is_flood(later, TIME));
    }

    #[test]
    fn who_never_slows_down_floods() {
        let (mut rate, mut now) = (Rate::default(), tokio::time::Instant::now().into_std());
        let began = now;
        while !rate.is_flood(now, TIME) {
            assert!(now - began < Duration::from_secs(30));
            rate.count(now, RATE);
            now = rate.held_until(now).unwrap_or(now);
        }
        assert!(now - began > TIME);
    }

    #[test]
    fn a_steady_peer_within_the_rate_is_never_held() {
        let (mut rate, mut now) = (Rate::default(), tokio::time::Instant::now().into_std());
        for _ in 0..500 {
            rate.count(now, RATE);
            assert!(rate.held_until(now).is_none() && !rate.is_flood(now, TIME));
            now += Duration::from_millis(100);
        }
    }
}
