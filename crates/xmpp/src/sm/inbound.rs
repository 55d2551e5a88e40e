//! How many stanzas came in, and how many of them may be acknowledged.

use std::collections::VecDeque;

use super::UNDURABLE_STANZAS_MAX;

/// Counts what the peer sent. `S` is the journal's sequence number.
///
/// The contract of acknowledgement: `<a h/>` covers a stanza only when everything that the journal took
/// because of it, and because of all stanzas before it, is durable. So the queue keeps, for the stanzas
/// that wait, their place in the peer's count and the highest sequence number they led to.
#[derive(Debug)]
pub struct Inbound<S> {
    received: u32,
    waiting: VecDeque<(u32, S)>,
    /// The count at the peer's last request that was not answered.
    asked: Option<u32>,
}

impl<S> Default for Inbound<S> {
    fn default() -> Self {
        Self { received: 0, waiting: VecDeque::new(), asked: None }
    }
}

impl<S: Copy + PartialOrd> Inbound<S> {
    /// A stanza was handled that the journal did not need to take.
    pub fn handled(&mut self) {
        self.received = self.received.wrapping_add(1);
    }

    /// A stanza was handled, and the journal took it as `seq` (the highest, if as several).
    pub fn journaled(&mut self, seq: S) {
        self.handled();
        self.waiting.push_back((self.received, seq));
    }

    /// How many stanzas may be acknowledged when the journal is durable up to and including `durable`.
    pub fn ackable(&mut self, durable: S) -> u32 {
        while self.waiting.front().is_some_and(|(_, seq)| *seq <= durable) {
            self.waiting.pop_front();
        }
        match self.waiting.front() {
            Some((place, _)) => place.wrapping_sub(1),
            None => {
                self.waiting = VecDeque::new();
                self.received
            }
        }
    }

    /// The peer sent `<r/>`.
    pub fn asked(&mut self) {
        self.asked = Some(self.received);
    }

    /// The `h` to answer with, once everything that had come before the peer's request is durable.
    pub fn answer_due(&mut self, durable: S) -> Option<u32> {
        let asked = self.asked?;
        let ackable = self.ackable(durable);
        let covered = self.received.wrapping_sub(ackable) <= self.received.wrapping_sub(asked);
        covered.then(|| {
            self.asked = None;
            ackable
        })
    }

    /// True when all that came in is durable. A session is resumed only then: with a smaller `h` the peer
    /// would send again what the journal already has.
    pub fn is_settled(&mut self, durable: S) -> bool {
        self.ackable(durable) == self.received
    }

    /// True when so much waits for the journal that nothing more should be read from the peer.
    pub fn is_full(&self) -> bool {
        self.waiting.len() >= UNDURABLE_STANZAS_MAX
    }

    /// True when the peer waits for an answer to its request.
    pub fn owes_answer(&self) -> bool {
        self.asked.is_some()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_is_acknowledged_before_it_is_durable() {
        let mut inbound = Inbound::default();
        inbound.handled();
        inbound.journaled(10_u64);
        inbound.handled();
        inbound.journaled(11);
        assert_eq!(inbound.ackable(9), 1);
        assert_eq!(inbound.ackable(10), 3);
        assert!(!inbound.is_settled(10));
        assert_eq!(inbound.ackable(11), 4);
        assert!(inbound.is_settled(11));
    }

    #[test]
    fn a_request_is_answered_once_what_came_before_it_is_durable() {
        let mut inbound = Inbound::default();
        assert_eq!(inbound.answer_due(0_u64), None);
        inbound.journaled(1);
        inbound.asked();
        inbound.journaled(2);
        assert_eq!(inbound.answer_due(0), None);
        assert!(inbound.owes_answer());
        assert_eq!(inbound.answer_due(1), Some(1));
        assert_eq!(inbound.answer_due(2), None, "one request, one answer");
        inbound.asked();
        assert_eq!(inbound.answer_due(2), Some(2));
    }

    #[test]
    fn the_count_wraps() {
        let mut inbound = Inbound { received: u32::MAX - 1, ..Inbound::default() };
        inbound.journaled(1_u64);
        inbound.journaled(2);
        assert_eq!(inbound.ackable(0), u32::MAX - 1);
        assert_eq!(inbound.ackable(1), u32::MAX);
        assert_eq!(inbound.ackable(2), 0);
    }

    #[test]
    fn reading_stops_while_the_journal_lags_far_behind() {
        let mut inbound = Inbound::default();
        (1..=UNDURABLE_STANZAS_MAX as u64).for_each(|seq| inbound.journaled(seq));
        assert!(inbound.is_full());
        inbound.ackable(1);
        assert!(!inbound.is_full());
    }

    proptest! {
        /// The reference: the longest front of the stanzas of which all are durable.
        #[test]
        fn ackable_is_the_longest_durable_front(
            stanzas in prop::collection::vec(prop::option::of(0_u64..3), 0..30),
            marks in prop::collection::vec(0_u64..8, 0..10),
        ) {
            let mut inbound = Inbound::default();
            let (mut seq, mut all) = (0, Vec::new());
            for step in stanzas {
                match step {
                    None => inbound.handled(),
                    Some(more) => {
                        seq += more;
                        inbound.journaled(seq);
                    }
                }
                all.push(step.map(|_| seq));
            }
            let mut durable = 0;
            for mark in marks {
                durable += mark;
                let front = all.iter().take_while(|seq| seq.is_none_or(|seq| seq <= durable)).count();
                prop_assert_eq!(inbound.ackable(durable), front as u32);
            }
        }
    }
}
