//! Session timers (RFC 4028): who refreshes a session, how often, and when it counts as dead.
//!
//! Owns the negotiation and the deadlines of one session. Whoever owns the dialog sends the refresh
//! (re-INVITE or UPDATE) and the BYE.

use std::time::{Duration, Instant};

use crate::header::{Refresher, SessionExpires};

/// The shortest session interval that anyone may ask for, in seconds (RFC 4028 §4).
pub const MIN_SE: u32 = 90;
/// The session interval that RFC 4028 §4 recommends, in seconds.
pub const SESSION_EXPIRES: u32 = 1800;
/// How long before the end the side that does not refresh says BYE, at most (RFC 4028 §10).
const EARLY_BYE_MAX: Duration = Duration::from_secs(32);

/// What a session refresh request says about timers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// `timer` stands in Supported or Require.
    pub supported: bool,
    /// Session-Expires.
    pub session_expires: Option<SessionExpires>,
    /// Min-SE in seconds.
    pub min_se: Option<u32>,
}

/// What we want.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The interval that we ask for, in seconds.
    pub session_expires: u32,
    /// The shortest interval that we bear, in seconds.
    pub min_se: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self { session_expires: SESSION_EXPIRES, min_se: MIN_SE }
    }
}

/// What the answering side decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Refuse with 422 and this Min-SE.
    IntervalTooSmall {
        /// The shortest interval that we bear, in seconds.
        min_se: u32,
    },
    /// Accept with this Session-Expires in the 2xx.
    Timer {
        /// The value; its refresher is always given.
        session_expires: SessionExpires,
        /// The 2xx must also say `Require: timer`.
        require: bool,
    },
}

impl Policy {
    /// The answer to an offer (RFC 4028 §9).
    pub fn answer(&self, offer: &Offer) -> Answer {
        let floor = self.min_se.max(MIN_SE);
        if let Some(asked) = offer.session_expires
            && asked.seconds < floor
            && offer.supported
        {
            return Answer::IntervalTooSmall { min_se: floor };
        }
        // "The UAS MUST NOT increase the value" that was asked for, nor go below the request's Min-SE.
        let least = offer.min_se.unwrap_or(MIN_SE).max(floor);
        let wanted = self.session_expires.max(least);
        let seconds = offer.session_expires.map_or(wanted, |asked| wanted.min(asked.seconds));
        // RFC 4028 §9 table 2: a UAC without timer support cannot refresh; otherwise its word counts.
        let refresher = match offer.session_expires.and_then(|asked| asked.refresher) {
            Some(refresher) if offer.supported => refresher,
            None if offer.supported => Refresher::Uac,
            _ => Refresher::Uas,
        };
        Answer::Timer {
            session_expires: SessionExpires { seconds, refresher: Some(refresher) },
            require: offer.supported,
        }
    }

    /// What to ask for after a 422 that named `min_se` (RFC 4028 §7.4); `None` when it makes no sense to ask again.
    pub fn after_too_small(&self, asked: u32, min_se: u32) -> Option<Self> {
        (min_se > asked).then(|| Self {
            session_expires: self.session_expires.max(min_se),
            min_se: self.min_se.max(min_se),
        })
    }
}

/// What is due on a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Send a refresh.
    Refresh,
    /// The session is dead: send BYE.
    Expired,
}

/// The running timer of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionTimer {
    agreed: SessionExpires,
    refresh_at: Option<Instant>,
    expires_at: Instant,
}

impl SessionTimer {
    /// Starts (or, after each refresh, restarts) the timer. `we_sent` tells whether the request that
    /// settled `agreed` was ours.
    pub fn start(agreed: SessionExpires, we_sent: bool, now: Instant) -> Self {
        let interval = Duration::from_secs(u64::from(agreed.seconds));
        let we_refresh = (agreed.refresher == Some(Refresher::Uac)) == we_sent;
        if we_refresh {
            // RFC 4028 §7.2: "refreshes SHOULD be sent once half the session interval has elapsed".
            Self { agreed, refresh_at: Some(now + interval / 2), expires_at: now + interval }
        } else {
            // RFC 4028 §10: the other side "SHOULD send a BYE [..] before the session expiration":
            // the smaller of 32 seconds and a third of the interval before it.
            let early = EARLY_BYE_MAX.min(interval / 3);
            Self { agreed, refresh_at: None, expires_at: now + interval - early }
        }
    }

    /// What was agreed, in the roles of the request that settled it.
    pub fn agreed(&self) -> SessionExpires {
        self.agreed
    }

    /// Is it we who refresh?
    pub fn we_refresh(&self) -> bool {
        self.refresh_at.is_some()
    }

    /// The Session-Expires of the next refresh that we send: roles are those of that request (RFC 4028 §7.4).
    pub fn next_offer(&self, we_refresh: bool) -> SessionExpires {
        let refresher = if we_refresh { Refresher::Uac } else { Refresher::Uas };
        SessionExpires { seconds: self.agreed.seconds, refresher: Some(refresher) }
    }

    /// When to look again.
    pub fn next_timeout(&self) -> Instant {
        self.refresh_at.map_or(self.expires_at, |refresh| refresh.min(self.expires_at))
    }

    /// What is due; a refresh is reported once and then counts as under way until the next `start`.
    pub fn due(&mut self, now: Instant) -> Option<Due> {
        if now >= self.expires_at {
            return Some(Due::Expired);
        }
        if self.refresh_at.is_some_and(|at| now >= at) {
            self.refresh_at = Some(self.expires_at);
            return Some(Due::Refresh);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(seconds: Option<u32>, refresher: Option<Refresher>, supported: bool) -> Offer {
        let session_expires = seconds.map(|seconds| SessionExpires { seconds, refresher });
        Offer { supported, session_expires, min_se: None }
    }

    fn agreed(offer: &Offer) -> (u32, Refresher, bool) {
        match Policy::default().answer(offer) {
            Answer::Timer { session_expires, require } => {
                (session_expires.seconds, session_expires.refresher.unwrap(), require)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_refresher_follows_table_2() {
        use Refresher::{Uac, Uas};
        assert_eq!(agreed(&offer(Some(600), None, false)), (600, Uas, false));
        assert_eq!(agreed(&offer(Some(600), None, true)), (600, Uac, true));
        assert_eq!(agreed(&offer(Some(600), Some(Uac), true)), (600, Uac, true));
        assert_eq!(agreed(&offer(Some(600), Some(Uas), true)), (600, Uas, true));
        assert_eq!(agreed(&offer(None, None, false)), (1800, Uas, false));
    }

    #[test]
    fn the_answer_never_exceeds_what_was_asked_nor_undercuts_min_se() {
        assert_eq!(agreed(&offer(Some(7200), None, true)).0, 1800);
        let strict = Offer { min_se: Some(3600), ..offer(Some(7200), None, true) };
        assert_eq!(agreed(&strict).0, 3600);
    }

    #[test]
    fn too_small_an_interval_is_refused_with_422_and_tried_again_larger() {
        let policy = Policy { session_expires: 1800, min_se: 300 };
        let answer = policy.answer(&offer(Some(120), None, true));
        assert_eq!(answer, Answer::IntervalTooSmall { min_se: 300 });
        let again = Policy { session_expires: 120, min_se: 90 }.after_too_small(120, 300);
        assert_eq!(again, Some(Policy { session_expires: 300, min_se: 300 }));
        assert_eq!(policy.after_too_small(1800, 300), None, "a 422 that does not ask for more is not obeyed");
    }

    #[test]
    fn the_refresher_refreshes_at_half_time_and_gives_up_at_the_end() {
        let start = crate::tests_clock();
        let after = |seconds| start + Duration::from_secs(seconds);
        let agreed = SessionExpires { seconds: 600, refresher: Some(Refresher::Uac) };
        let mut timer = SessionTimer::start(agreed, true, start);
        assert_eq!((timer.we_refresh(), timer.next_timeout()), (true, after(300)));
        assert_eq!(timer.due(after(299)), None);
        assert_eq!(timer.due(after(300)), Some(Due::Refresh));
        assert_eq!(timer.due(after(301)), None);
        assert_eq!(timer.due(after(600)), Some(Due::Expired));
    }

    #[test]
    fn the_other_side_says_bye_a_little_early() {
        let start = crate::tests_clock();
        for (seconds, give_up) in [(600, 568), (90, 60)] {
            let agreed = SessionExpires { seconds, refresher: Some(Refresher::Uac) };
            let mut timer = SessionTimer::start(agreed, false, start);
            assert!(!timer.we_refresh());
            assert_eq!(timer.next_timeout(), start + Duration::from_secs(give_up));
            assert_eq!(timer.due(start + Duration::from_secs(give_up - 1)), None);
            assert_eq!(timer.due(start + Duration::from_secs(give_up)), Some(Due::Expired));
        }
    }
}
