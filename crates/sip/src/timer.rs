//! The timers of the transaction layer, by the names the RFCs give them, and the one queue they wait in.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Seconds after which an INVITE that only rings is given up: "larger than 3 minutes" (RFC 3261 §16.6 item 11).
const TIMER_C: Duration = Duration::from_secs(181);
/// How long the user may think before the transaction answers 100 by itself (RFC 3261 §17.2.1).
const TRYING_DELAY: Duration = Duration::from_millis(200);
/// "At least 32 seconds" for Timer D (RFC 3261 §17.1.1.2), whatever T1 is.
const TIMER_D_MIN: Duration = Duration::from_secs(32);

/// The three base values from which all others follow (RFC 3261 §17.1.1.1, table 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// An estimate of the round-trip time; 500 ms unless the network is known better.
    pub t1: Duration,
    /// The longest interval between retransmissions of a non-INVITE request or an INVITE response; 4 s.
    pub t2: Duration,
    /// The longest time a message stays in the network; 5 s.
    pub t4: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self { t1: Duration::from_millis(500), t2: Duration::from_secs(4), t4: Duration::from_secs(5) }
    }
}

impl Times {
    /// 64*T1: how long the other side may stay silent before it counts as gone.
    pub fn patience(&self) -> Duration {
        self.t1 * 64
    }

    /// T1 doubled `round` times.
    fn doubled(&self, round: u8) -> Duration {
        self.t1 * (1 << round.min(6))
    }
}

/// What a transaction waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// When to send an INVITE again over an unreliable transport.
    A,
    /// When to give up an INVITE that nobody has answered at all.
    B,
    /// When to give up an INVITE that only rings; every provisional response but 100 starts it anew.
    C,
    /// When to forget an INVITE that was refused: until then repeated refusals get their ACK.
    D,
    /// When to send a non-INVITE request again over an unreliable transport.
    E,
    /// When to give up a non-INVITE request.
    F,
    /// When to send the refusal of an INVITE again, since its ACK has not come.
    G,
    /// When to stop waiting for the ACK to a refusal.
    H,
    /// When to stop absorbing repeated ACKs.
    I,
    /// When to forget a non-INVITE request that was answered: until then repetitions get the same answer.
    J,
    /// When to forget a non-INVITE answer: until then repeated responses are absorbed.
    K,
    /// When to forget an INVITE that we accepted (RFC 6026): until then its repetitions are absorbed.
    L,
    /// When to forget an INVITE that was accepted elsewhere (RFC 6026): until then 2xx of more forks are passed up.
    M,
    /// When to answer 100 to an INVITE because the user has said nothing yet.
    Trying,
    /// When to send a 2xx to an INVITE again, since its ACK has not come (RFC 3261 §13.3.1.4).
    Success,
    /// When to send a reliable provisional response again, since its PRACK has not come (RFC 3262 §3).
    Reliable,
    /// When to give up a reliable provisional response that no PRACK came for (RFC 3262 §3).
    ReliableGiveUp,
    /// When to forget an INVITE that was cancelled and still got no final response (RFC 3261 §9.1).
    Cancelled,
}

impl Timer {
    /// How long the timer runs in its `round` (0 for the first start); `None` when this transport does not
    /// need it. A timer of zero fires at once.
    pub fn delay(self, times: &Times, reliable: bool, round: u8) -> Option<Duration> {
        let lingering = |time: Duration| if reliable { Duration::ZERO } else { time };
        match self {
            Self::A => (!reliable).then(|| times.doubled(round)),
            Self::E | Self::G => (!reliable).then(|| times.doubled(round).min(times.t2)),
            // RFC 3261 §13.3.1.4: 2xx are sent again even over TCP, for a proxy may sit in between.
            Self::Success => Some(times.doubled(round).min(times.t2)),
            Self::Reliable => Some(times.doubled(round)),
            Self::C => Some(TIMER_C),
            Self::D => Some(lingering(times.patience().max(TIMER_D_MIN))),
            Self::J => Some(lingering(times.patience())),
            Self::I | Self::K => Some(lingering(times.t4)),
            Self::B | Self::F | Self::H | Self::L | Self::M | Self::Cancelled | Self::ReliableGiveUp => {
                Some(times.patience())
            }
            Self::Trying => Some(TRYING_DELAY),
        }
    }
}

/// All running timers. There are about a dozen different delays, so each has a queue of its own, in which
/// whoever starts later also fires later: starting and firing cost the same however many wait.
///
/// A timer is not stopped: it fires, and the state machine that has moved on has no row for it.
#[derive(Debug)]
pub(crate) struct Timers<Key> {
    queues: Vec<(Duration, VecDeque<Waiting<Key>>)>,
}

#[derive(Debug)]
struct Waiting<Key> {
    deadline: Instant,
    key: Key,
    timer: Timer,
}

impl<Key: Copy> Timers<Key> {
    pub(crate) fn new() -> Self {
        Self { queues: Vec::new() }
    }

    /// Starts a timer that fires `delay` after `now`.
    pub(crate) fn start(&mut self, now: Instant, delay: Duration, key: Key, timer: Timer) {
        let place = match self.queues.iter().position(|(of, _)| *of == delay) {
            Some(place) => place,
            None => {
                self.queues.push((delay, VecDeque::new()));
                self.queues.len() - 1
            }
        };
        let queue = &mut self.queues[place].1;
        // A caller's clock that steps back must not break the order of the queue.
        let deadline = queue.back().map_or(now + delay, |last| last.deadline.max(now + delay));
        queue.push_back(Waiting { deadline, key, timer });
    }

    /// Takes the earliest timer that is due.
    pub(crate) fn fire(&mut self, now: Instant) -> Option<(Key, Timer)> {
        let (deadline, place) = self.earliest()?;
        if deadline > now {
            return None;
        }
        let queue = &mut self.queues[place].1;
        let waiting = queue.pop_front()?;
        if queue.is_empty() {
            queue.shrink_to(64);
        }
        Some((waiting.key, waiting.timer))
    }

    /// When the next timer fires.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.earliest().map(|(deadline, _)| deadline)
    }

    /// How many timers wait, those included that nobody needs any more.
    pub(crate) fn len(&self) -> usize {
        self.queues.iter().map(|(_, queue)| queue.len()).sum()
    }

    fn earliest(&self) -> Option<(Instant, usize)> {
        self.queues
            .iter()
            .enumerate()
            .filter_map(|(place, (_, queue))| queue.front().map(|first| (first.deadline, place)))
            .min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delays(timer: Timer, reliable: bool) -> Vec<Option<u128>> {
        (0..8).map(|round| timer.delay(&Times::default(), reliable, round).map(|d| d.as_millis())).collect()
    }

    #[test]
    fn retransmission_intervals_double_and_stop_at_t2() {
        let capped = [500, 1000, 2000, 4000, 4000, 4000, 4000, 4000].map(Some);
        assert_eq!(delays(Timer::E, false), capped);
        assert_eq!(delays(Timer::G, false), capped);
        assert_eq!(delays(Timer::Success, true), capped, "a 2xx is sent again over TCP too");
        assert_eq!(delays(Timer::A, false)[..7], [500, 1000, 2000, 4000, 8000, 16000, 32000].map(Some));
        assert_eq!(delays(Timer::Reliable, true)[..3], [500, 1000, 2000].map(Some));
    }

    #[test]
    fn a_reliable_transport_needs_no_retransmission_and_no_lingering() {
        for timer in [Timer::A, Timer::E, Timer::G] {
            assert_eq!(timer.delay(&Times::default(), true, 0), None, "{timer:?}");
        }
        for timer in [Timer::D, Timer::I, Timer::J, Timer::K] {
            assert_eq!(timer.delay(&Times::default(), true, 0), Some(Duration::ZERO), "{timer:?}");
        }
    }

    #[test]
    fn table_4_of_the_rfc_holds_for_udp() {
        let seconds = |timer: Timer| timer.delay(&Times::default(), false, 0).map(|d| d.as_secs());
        for timer in [Timer::B, Timer::D, Timer::F, Timer::H, Timer::J, Timer::L, Timer::M] {
            assert_eq!(seconds(timer), Some(32), "{timer:?}");
        }
        assert_eq!(seconds(Timer::I), Some(5));
        assert_eq!(seconds(Timer::K), Some(5));
        assert!(seconds(Timer::C) > Some(180));
    }

    #[test]
    fn timers_fire_in_the_order_of_their_deadlines() {
        let start = crate::tests_clock();
        let mut timers = Timers::new();
        let ms = Duration::from_millis;
        timers.start(start, ms(500), 1, Timer::A);
        timers.start(start, ms(200), 2, Timer::Trying);
        timers.start(start + ms(100), ms(200), 3, Timer::Trying);
        assert_eq!(timers.next(), Some(start + ms(200)));
        assert_eq!(timers.fire(start + ms(199)), None);
        let fired: Vec<_> = std::iter::from_fn(|| timers.fire(start + ms(500))).collect();
        assert_eq!(fired, [(2, Timer::Trying), (3, Timer::Trying), (1, Timer::A)]);
        assert_eq!((timers.next(), timers.len()), (None, 0));
    }
}
