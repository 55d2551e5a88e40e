//! The notifier's side of one subscription: when a NOTIFY may go out, and when it is over.

use std::time::{Duration, Instant};

use super::{Reason, State, seconds};

/// One subscription that somebody has with us.
#[derive(Clone, Debug)]
pub struct Notifier {
    standing: Standing,
    since: Instant,
    expires_at: Instant,
    /// The shortest time between two NOTIFYs that were not asked for.
    interval_min: Duration,
    last_sent: Option<Instant>,
    in_flight: bool,
    /// A NOTIFY is wanted: `Some(true)` at once, `Some(false)` when the interval allows.
    wanted: Option<bool>,
    sent: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Active,
    Pending,
    /// The last NOTIFY is still to be sent, or in flight.
    Ending(Reason, Option<u32>),
    Over,
}

/// A NOTIFY to send now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notify {
    /// Its Subscription-State.
    pub state: State,
    /// How many NOTIFYs went out before: the document version of packages that count (RFC 4235 §4.1.1).
    pub number: u32,
}

/// How a NOTIFY fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotifyOutcome {
    /// Any final response.
    Response(u16),
    /// No response, or the transport failed.
    Silence,
}

impl Notifier {
    /// Takes on a subscription; the first NOTIFY is wanted at once (RFC 6665 §4.2.1.2). At most one NOTIFY
    /// in `interval_min` tells of changes: 5 s for presence (RFC 3856 §6.10), 1 s for dialog (RFC 4235 §3.10).
    pub fn new(pending: bool, expires: Duration, interval_min: Duration, now: Instant) -> Self {
        Self {
            standing: if pending { Standing::Pending } else { Standing::Active },
            since: now,
            expires_at: now + expires,
            interval_min,
            last_sent: None,
            in_flight: false,
            wanted: Some(true),
            sent: 0,
        }
    }

    /// A SUBSCRIBE within the subscription: a new expiry, and a NOTIFY at once; zero ends it (RFC 6665 §4.2.1.4).
    pub fn refresh(&mut self, expires: Duration, now: Instant) {
        if expires.is_zero() {
            return self.terminate(Reason::Timeout, None);
        }
        if matches!(self.standing, Standing::Active | Standing::Pending) {
            self.expires_at = now + expires;
            self.wanted = Some(true);
        }
    }

    /// A pending subscription was allowed.
    pub fn allow(&mut self) {
        if self.standing == Standing::Pending {
            self.standing = Standing::Active;
            self.wanted = Some(true);
        }
    }

    /// The state that is watched has changed.
    pub fn changed(&mut self) {
        if self.standing == Standing::Active && self.wanted.is_none() {
            self.wanted = Some(false);
        }
    }

    /// Ends the subscription with one last NOTIFY.
    pub fn terminate(&mut self, reason: Reason, retry_after: Option<u32>) {
        if matches!(self.standing, Standing::Active | Standing::Pending) {
            self.standing = Standing::Ending(reason, retry_after);
            self.wanted = Some(true);
        }
    }

    /// The NOTIFY to send now, if any. The next one waits for [`Notifier::notified`].
    pub fn poll(&mut self, now: Instant) -> Option<Notify> {
        if now >= self.expires_at {
            self.terminate(Reason::Timeout, None);
        }
        if self.in_flight || self.may_send_at().is_none_or(|at| now < at) {
            return None;
        }
        let expires = Some(seconds(self.expires_at.saturating_duration_since(now)));
        let state = match self.standing {
            Standing::Active => State::Active { expires },
            Standing::Pending => State::Pending { expires },
            Standing::Ending(reason, retry_after) => State::Terminated { reason: Some(reason), retry_after },
            Standing::Over => return None,
        };
        self.wanted = None;
        self.in_flight = true;
        self.last_sent = Some(now);
        let number = self.sent;
        self.sent = self.sent.wrapping_add(1);
        Some(Notify { state, number })
    }

    /// The NOTIFY in flight was answered or given up.
    pub fn notified(&mut self, outcome: NotifyOutcome) {
        self.in_flight = false;
        let ended = matches!(self.standing, Standing::Ending(..)) && self.wanted.is_none();
        if ended || is_fatal(outcome) {
            self.standing = Standing::Over;
            self.wanted = None;
        }
    }

    /// When to call [`Notifier::poll`] again; `None` while a NOTIFY is in flight or when it is over.
    pub fn next_timeout(&self) -> Option<Instant> {
        match self.standing {
            Standing::Over => None,
            _ if self.in_flight => None,
            Standing::Ending(..) => self.may_send_at(),
            Standing::Active | Standing::Pending => {
                Some(self.may_send_at().map_or(self.expires_at, |at| at.min(self.expires_at)))
            }
        }
    }

    /// True once nothing is left to do: the record can go.
    pub fn is_over(&self) -> bool {
        self.standing == Standing::Over
    }

    /// True while the subscriber has not been allowed yet.
    pub fn is_pending(&self) -> bool {
        self.standing == Standing::Pending
    }

    /// The time left, in whole seconds: the Expires of the 2xx to a SUBSCRIBE.
    pub fn expires(&self, now: Instant) -> u32 {
        seconds(self.expires_at.saturating_duration_since(now))
    }

    fn may_send_at(&self) -> Option<Instant> {
        let at_once = self.wanted?;
        match self.last_sent {
            Some(last) if !at_once => Some(last + self.interval_min),
            Some(last) => Some(last),
            None => Some(self.since),
        }
    }
}

/// Does the outcome of a NOTIFY end the subscription (RFC 6665 §4.2.2, RFC 5057 §5.1)?
fn is_fatal(outcome: NotifyOutcome) -> bool {
    match outcome {
        NotifyOutcome::Silence => true,
        NotifyOutcome::Response(status) => matches!(
            status,
            404 | 405 | 408 | 410 | 416 | 480 | 481 | 482 | 483 | 484 | 485 | 489 | 501 | 604
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIVE: Duration = Duration::from_secs(5);
    const HOUR: Duration = Duration::from_secs(3600);

    fn sent(notifier: &mut Notifier, now: Instant) -> State {
        let notify = notifier.poll(now).expect("a NOTIFY");
        assert_eq!(notifier.poll(now), None, "one in flight at a time");
        notifier.notified(NotifyOutcome::Response(200));
        notify.state
    }

    #[test]
    fn the_first_notify_goes_at_once_and_changes_wait_for_the_interval() {
        let start = crate::tests_clock();
        let mut notifier = Notifier::new(false, HOUR, FIVE, start);
        assert!(notifier.next_timeout().is_some_and(|at| at <= start));
        assert_eq!(sent(&mut notifier, start), State::Active { expires: Some(3600) });
        notifier.changed();
        assert_eq!(notifier.poll(start + Duration::from_secs(1)), None);
        assert_eq!(notifier.next_timeout(), Some(start + FIVE));
        assert_eq!(sent(&mut notifier, start + FIVE), State::Active { expires: Some(3595) });
        assert_eq!(notifier.next_timeout(), Some(start + HOUR));
    }

    #[test]
    fn changes_during_a_notify_are_told_in_one_more() {
        let start = crate::tests_clock();
        let mut notifier = Notifier::new(false, HOUR, Duration::ZERO, start);
        assert_eq!(notifier.poll(start).map(|notify| notify.number), Some(0));
        notifier.changed();
        notifier.changed();
        assert_eq!((notifier.poll(start), notifier.next_timeout()), (None, None));
        notifier.notified(NotifyOutcome::Response(200));
        assert_eq!(notifier.poll(start).map(|notify| notify.number), Some(1));
        notifier.notified(NotifyOutcome::Response(200));
        assert_eq!(notifier.poll(start), None);
    }

    #[test]
    fn it_ends_with_a_last_notify_when_time_is_up_or_the_subscriber_leaves() {
        let start = crate::tests_clock();
        let over = State::Terminated { reason: Some(Reason::Timeout), retry_after: None };
        let mut late = Notifier::new(false, HOUR, FIVE, start);
        sent(&mut late, start);
        assert_eq!(sent(&mut late, start + HOUR), over);
        assert!(late.is_over());
        assert_eq!(late.next_timeout(), None);

        let mut left = Notifier::new(false, HOUR, FIVE, start);
        sent(&mut left, start);
        left.refresh(Duration::ZERO, start);
        assert_eq!(sent(&mut left, start), over);
        assert!(left.is_over());
    }

    #[test]
    fn an_end_while_a_notify_is_in_flight_still_sends_the_last_one() {
        let start = crate::tests_clock();
        let mut notifier = Notifier::new(false, HOUR, FIVE, start);
        assert!(notifier.poll(start).is_some());
        notifier.terminate(Reason::NoResource, None);
        notifier.notified(NotifyOutcome::Response(200));
        assert!(!notifier.is_over());
        let last = State::Terminated { reason: Some(Reason::NoResource), retry_after: None };
        assert_eq!(sent(&mut notifier, start), last);
        assert!(notifier.is_over());
    }

    #[test]
    fn a_pending_subscription_tells_no_changes_until_it_is_allowed() {
        let start = crate::tests_clock();
        let mut notifier = Notifier::new(true, HOUR, FIVE, start);
        assert_eq!(sent(&mut notifier, start), State::Pending { expires: Some(3600) });
        notifier.changed();
        assert_eq!(notifier.poll(start + FIVE), None);
        notifier.allow();
        assert_eq!(sent(&mut notifier, start + FIVE), State::Active { expires: Some(3595) });
    }

    #[test]
    fn a_subscriber_that_is_gone_is_forgotten() {
        let start = crate::tests_clock();
        for (outcome, over) in [
            (NotifyOutcome::Response(481), true),
            (NotifyOutcome::Silence, true),
            (NotifyOutcome::Response(500), false),
        ] {
            let mut notifier = Notifier::new(false, HOUR, FIVE, start);
            assert!(notifier.poll(start).is_some());
            notifier.notified(outcome);
            assert_eq!(notifier.is_over(), over, "{outcome:?}");
        }
    }
}
