//! A registration that we keep up at somebody else's registrar (RFC 3261 §10.2): when to ask, what an answer means.
//!
//! Sans-IO: whoever owns it writes the REGISTER and hands the answer in. After failures it waits longer and longer,
//! by a random part less (RFC 5626 §4.5), so that many clients of one registrar do not come back together.

use std::time::{Duration, Instant};

use crate::header::RetryAfter;
use crate::{Name, Response};

/// The first wait after a failure, and the longest (RFC 5626 §4.5: "base-time […] 30 seconds, max-time […] 1800").
pub const WAIT_BASE: Duration = Duration::from_secs(30);
/// See [`WAIT_BASE`].
pub const WAIT_MAX: Duration = Duration::from_secs(1800);
/// The longest Min-Expires that is followed, in seconds: a registrar that wants more is not for us.
const MIN_EXPIRES_MAX: u32 = 86_400;
/// The shortest time between two refreshes, whatever is granted.
const REFRESH_MIN: Duration = Duration::from_secs(5);
/// Challenges that are answered for one REGISTER.
const CHALLENGES_MAX: u8 = 2;

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It was not tried yet, or is being tried for the first time.
    Trying,
    /// The registrar holds it until then.
    Registered {
        /// When it lapses.
        until: Instant,
    },
    /// The registrar refused, with this status; it is tried again.
    Refused {
        /// The status.
        status: u16,
    },
    /// The registrar did not answer; it is tried again.
    Silent,
}

/// What is to be done after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// A REGISTER at once: after a challenge, or with a longer time.
    Again,
    /// Nothing until it is due.
    Wait,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Registration {
    state: State,
    /// What we ask for, in seconds: what was configured, or the longer time that the registrar wants.
    expires: u32,
    due: Option<Instant>,
    failures: u32,
    challenges: u8,
}

impl Registration {
    /// Due at once, for `expires` seconds.
    pub fn new(expires: u32, now: Instant) -> Self {
        Self { state: State::Trying, expires, due: Some(now), failures: 0, challenges: 0 }
    }

    /// How it stands. What has lapsed is no registration, though nobody has refused it.
    pub fn state(&self, now: Instant) -> State {
        match self.state {
            State::Registered { until } if until <= now => State::Silent,
            state => state,
        }
    }

    /// The seconds to ask for.
    pub fn expires(&self) -> u32 {
        self.expires
    }

    /// When the next REGISTER is due; `None` while one is under way.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// A REGISTER went out.
    pub fn sent(&mut self) {
        self.due = None;
    }

    /// A final answer came. `answered_challenge`: credentials for its challenge are at hand. `ours` says whether a
    /// Contact of a 2xx is the one that we registered.
    pub fn answered(
        &mut self,
        response: &Response,
        answered_challenge: bool,
        ours: impl Fn(&crate::Contact) -> bool,
        (now, entropy): (Instant, u32),
    ) -> Then {
        let headers = response.headers();
        match response.status() {
            200..=299 => {
                let granted = headers.contacts().ok().and_then(|contacts| match contacts {
                    crate::Contacts::All => None,
                    crate::Contacts::List(all) => all.iter().find(|contact| ours(contact))?.expires(),
                });
                let granted = granted.or_else(|| headers.expires().ok().flatten()).unwrap_or(self.expires);
                self.registered(granted.min(self.expires.max(1)), now, entropy);
                Then::Wait
            }
            401 | 407 if answered_challenge && self.challenges < CHALLENGES_MAX => {
                self.challenges += 1;
                Then::Again
            }
            // RFC 3261 §10.2.8: "the UA MAY retry the registration after making the expiration interval […] equal to or
            // greater than the expiration interval within the Min-Expires header field".
            423 => match headers.number(Name::MinExpires) {
                Ok(Some(seconds)) if seconds > self.expires && seconds <= MIN_EXPIRES_MAX => {
                    self.expires = seconds;
                    Then::Again
                }
                _ => self.failed(State::Refused { status: 423 }, None, (now, entropy)),
            },
            status => {
                let wait = headers.retry_after().ok().flatten().map(|after: RetryAfter| after.seconds);
                self.failed(State::Refused { status }, wait, (now, entropy))
            }
        }
    }

    /// No answer came, or it could not be sent.
    pub fn silent(&mut self, now: Instant, entropy: u32) {
        self.failed(State::Silent, None, (now, entropy));
    }

    /// The registrar may be somewhere else now, or came back: asks again at once.
    pub fn ask_now(&mut self, now: Instant) {
        if self.due.is_some() {
            self.due = Some(now);
        }
    }

    fn registered(&mut self, seconds: u32, now: Instant, entropy: u32) {
        (self.failures, self.challenges) = (0, 0);
        let granted = Duration::from_secs(seconds.into());
        self.state = State::Registered { until: now + granted };
        // Between half and nine tenths of the time, so that a lost refresh can be repeated before it lapses.
        let share = 50 + entropy % 41;
        self.due = Some(now + (granted * share / 100).max(REFRESH_MIN));
    }

    fn failed(&mut self, state: State, wait: Option<u32>, (now, entropy): (Instant, u32)) -> Then {
        // A refusal takes a registration away; silence only when it lapses.
        if !matches!((state, self.state), (State::Silent, State::Registered { until }) if until > now) {
            self.state = state;
        }
        self.challenges = 0;
        let doubled = WAIT_BASE.saturating_mul(2_u32.saturating_pow(self.failures.min(16))).min(WAIT_MAX);
        self.failures += 1;
        let backed_off = doubled * (50 + entropy % 51) / 100;
        let asked = Duration::from_secs(wait.unwrap_or(0).into()).min(WAIT_MAX);
        self.due = Some(now + backed_off.max(asked));
        Then::Wait
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::{Message, tests_clock};

    fn answer(status: &str, rest: &str) -> Response {
        let text = format!(
            "SIP/2.0 {status}\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
             To: <sip:a@b>;tag=2\r\nCall-ID: x\r\nCSeq: 1 REGISTER\r\n{rest}Content-Length: 0\r\n\r\n"
        );
        Message::parse(Bytes::from(text)).unwrap().into_response().unwrap()
    }

    fn take(registration: &mut Registration, response: &Response, now: Instant, entropy: u32) -> Then {
        registration.sent();
        let ours = |contact: &crate::Contact| contact.uri().user() == Some(b"me".as_slice());
        registration.answered(response, true, ours, (now, entropy))
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn it_is_refreshed_before_it_lapses() {
        let now = tests_clock();
        let mut one = Registration::new(600, now);
        assert_eq!(one.due(), Some(now));
        let ok = answer("200 OK", "Contact: <sip:other@x>;expires=9\r\nContact: <sip:me@x>;expires=120\r\n");
        assert_eq!(take(&mut one, &ok, now, 0), Then::Wait);
        assert_eq!(one.state(now), State::Registered { until: now + seconds(120) });
        assert_eq!(one.due(), Some(now + seconds(60)));
        take(&mut one, &ok, now, 40);
        assert_eq!(one.due(), Some(now + seconds(108)));
        assert_eq!(one.state(now + seconds(120)), State::Silent, "it has lapsed");
    }

    #[test]
    fn a_challenge_is_answered_at_once_but_not_for_ever() {
        let now = tests_clock();
        let mut one = Registration::new(600, now);
        let challenge = answer("401 Unauthorized", "");
        assert_eq!(take(&mut one, &challenge, now, 0), Then::Again);
        assert_eq!(take(&mut one, &challenge, now, 0), Then::Again);
        assert_eq!(take(&mut one, &challenge, now, 0), Then::Wait);
        assert_eq!(one.state(now), State::Refused { status: 401 });
        assert_eq!(one.due(), Some(now + seconds(15)));
    }

    #[test]
    fn a_registrar_that_wants_longer_gets_it() {
        let now = tests_clock();
        let mut one = Registration::new(60, now);
        let brief = answer("423 Interval Too Brief", "Min-Expires: 300\r\n");
        assert_eq!(take(&mut one, &brief, now, 0), Then::Again);
        assert_eq!(one.expires(), 300);
        assert_eq!(take(&mut one, &brief, now, 0), Then::Wait, "it wants what it was asked for");
        assert_eq!(one.state(now), State::Refused { status: 423 });
    }

    #[test]
    fn after_failures_it_waits_longer_and_longer() {
        let now = tests_clock();
        let mut one = Registration::new(600, now);
        let mut waits = Vec::new();
        for _ in 0..9 {
            one.sent();
            one.silent(now, 50);
            waits.push((one.due().unwrap() - now).as_secs());
        }
        assert_eq!(waits, [30, 60, 120, 240, 480, 960, 1800, 1800, 1800]);
        let busy = answer("503 Service Unavailable", "Retry-After: 1200\r\n");
        let mut two = Registration::new(600, now);
        take(&mut two, &busy, now, 0);
        assert_eq!(two.due(), Some(now + seconds(1200)));
    }

    #[test]
    fn a_registration_stands_while_the_registrar_is_silent_and_falls_when_it_refuses() {
        let now = tests_clock();
        let mut one = Registration::new(600, now);
        take(&mut one, &answer("200 OK", "Expires: 600\r\n"), now, 0);
        one.sent();
        one.silent(now + seconds(300), 0);
        assert!(matches!(one.state(now + seconds(300)), State::Registered { .. }));
        take(&mut one, &answer("403 Forbidden", ""), now + seconds(320), 0);
        assert_eq!(one.state(now + seconds(320)), State::Refused { status: 403 });
    }

    proptest! {
        #[test]
        fn it_always_has_a_next_time(answers in proptest::collection::vec((0_u16..8, any::<u32>(), 0_u32..200_000), 1..40)) {
            let mut now = tests_clock();
            let mut one = Registration::new(600, now);
            for (kind, entropy, number) in answers {
                let response = match kind {
                    0 => answer("200 OK", &format!("Expires: {number}\r\n")),
                    1 => answer("401 Unauthorized", ""),
                    2 => answer("423 Interval Too Brief", &format!("Min-Expires: {number}\r\n")),
                    3 => answer("503 Service Unavailable", &format!("Retry-After: {number}\r\n")),
                    4 => answer("404 Not Found", ""),
                    5 => answer("200 OK", &format!("Contact: <sip:me@x>;expires={number}\r\n")),
                    _ => answer("500 Server Internal Error", ""),
                };
                let then = take(&mut one, &response, now, entropy);
                prop_assert!(one.expires() <= MIN_EXPIRES_MAX.max(600));
                if then == Then::Wait {
                    let due = one.due().unwrap();
                    prop_assert!(due >= now && due - now <= seconds(MIN_EXPIRES_MAX.into()));
                    now = due;
                }
            }
        }
    }
}
