//! What was sent and not acknowledged, oldest first.

use std::collections::VecDeque;

use bytes::BytesMut;

use super::REQUEST_EVERY_STANZAS;
use crate::{StreamCondition, StreamError};

/// The stanzas that the peer has not acknowledged. An empty queue has allocated nothing.
///
/// `T` is a stanza's bytes, with whatever the edge must do once the peer has it.
#[derive(Debug)]
pub struct Outbound<T> {
    /// How many stanzas the peer has handled, modulo 2^32 (XEP-0198 §4).
    acked: u32,
    queue: VecDeque<T>,
    limit: usize,
    since_request: usize,
    requested: bool,
}

/// The peer acknowledges nothing and the queue has reached its limit. The stanza comes back.
#[derive(Debug, PartialEq, Eq)]
pub struct QueueFull<T>(pub T);

/// Peer misbehaved: it acknowledged stanzas that were never sent (XEP-0198 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("acknowledged {h} stanzas where {send_count} were sent")]
pub struct HandledCountTooHigh {
    /// What the peer claims.
    pub h: u32,
    /// What was sent.
    pub send_count: u32,
}

impl HandledCountTooHigh {
    /// Appends the stream error, with the application condition that XEP-0198 §4 asks for.
    pub fn write(&self, out: &mut BytesMut) {
        let xml = format!(
            "<stream:error><undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
             <handled-count-too-high xmlns='urn:xmpp:sm:3' h='{}' send-count='{}'/></stream:error>",
            self.h, self.send_count
        );
        out.extend_from_slice(xml.as_bytes());
    }
}

impl From<HandledCountTooHigh> for StreamError {
    fn from(_: HandledCountTooHigh) -> Self {
        Self::new(StreamCondition::UndefinedCondition, "handled count too high")
    }
}

impl<T> Outbound<T> {
    /// An empty queue for at most `limit` stanzas; counting starts at zero with `<enable/>`.
    pub fn new(limit: usize) -> Self {
        Self { acked: 0, queue: VecDeque::new(), limit, since_request: 0, requested: false }
    }

    /// A stanza goes out. When the queue is full it is not kept, and must not be sent as if it were.
    pub fn push(&mut self, stanza: T) -> Result<(), QueueFull<T>> {
        if self.queue.len() >= self.limit {
            return Err(QueueFull(stanza));
        }
        self.queue.push_back(stanza);
        self.since_request += 1;
        Ok(())
    }

    /// The peer sent `<a h/>`, or `h` with `<resume/>`: gives what it now has, oldest first.
    pub fn acknowledged(&mut self, h: u32) -> Result<impl Iterator<Item = T>, HandledCountTooHigh> {
        let newly = h.wrapping_sub(self.acked) as usize;
        if newly > self.queue.len() {
            return Err(HandledCountTooHigh { h, send_count: self.send_count() });
        }
        self.acked = h;
        self.requested = false;
        Ok(self.queue.drain(..newly))
    }

    /// True when it is time to ask for an acknowledgement because much was sent; the asking is then noted.
    pub fn request_due(&mut self) -> bool {
        let due = self.since_request >= REQUEST_EVERY_STANZAS && !self.requested;
        if due {
            self.note_request();
        }
        due
    }

    /// The session has nothing more to send for now: true when an acknowledgement should be asked for,
    /// which is then noted. Memory that an empty queue holds goes back.
    pub fn idle(&mut self) -> bool {
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
            return false;
        }
        let due = self.since_request > 0 && !self.requested;
        if due {
            self.note_request();
        }
        due
    }

    /// A new connection took over: what is unacknowledged goes out again, and nothing is asked for yet.
    pub fn resumed(&mut self) {
        self.requested = false;
        self.since_request = self.queue.len();
    }

    /// What the peer has not acknowledged, oldest first.
    pub fn unacknowledged(&self) -> impl Iterator<Item = &T> {
        self.queue.iter()
    }

    /// Ends the queue: what the peer has not acknowledged, oldest first.
    pub fn into_unacknowledged(self) -> impl Iterator<Item = T> {
        self.queue.into_iter()
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// True when the peer has acknowledged everything.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// How many were sent in all, modulo 2^32.
    pub fn send_count(&self) -> u32 {
        // The queue is shorter than 2^32, so its length is exact modulo 2^32.
        self.acked.wrapping_add(self.queue.len() as u32)
    }

    fn note_request(&mut self) {
        self.requested = true;
        self.since_request = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn queue(count: u32) -> Outbound<u32> {
        let mut queue = Outbound::new(1_000);
        (1..=count).for_each(|number| queue.push(number).unwrap());
        queue
    }

    #[test]
    fn an_acknowledgement_takes_the_oldest() {
        let mut queue = queue(5);
        assert_eq!(queue.acknowledged(3).unwrap().collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(queue.acknowledged(3).unwrap().count(), 0);
        assert_eq!(queue.unacknowledged().collect::<Vec<_>>(), [&4, &5]);
        assert_eq!(queue.send_count(), 5);
    }

    #[test]
    fn a_count_that_was_never_sent_is_an_error() {
        let mut queue = queue(2);
        let error = queue.acknowledged(3).err();
        assert_eq!(error, Some(HandledCountTooHigh { h: 3, send_count: 2 }));
        assert_eq!(queue.acknowledged(u32::MAX).err().map(|e| e.send_count), Some(2));
        let mut xml = BytesMut::new();
        error.unwrap().write(&mut xml);
        assert!(xml.ends_with(
            b"<handled-count-too-high xmlns='urn:xmpp:sm:3' h='3' send-count='2'/></stream:error>"
        ));
        assert_eq!(queue.acknowledged(2).unwrap().count(), 2);
    }

    #[test]
    fn a_full_queue_gives_the_stanza_back() {
        let mut queue = Outbound::new(1);
        assert_eq!(queue.push("a"), Ok(()));
        assert_eq!(queue.push("b"), Err(QueueFull("b")));
    }

    #[test]
    fn a_request_is_due_after_many_stanzas_or_when_idle_and_never_twice() {
        let mut queue = queue(1);
        assert!(!queue.request_due());
        assert!(queue.idle());
        assert!(!queue.idle(), "one request is under way");
        (0..REQUEST_EVERY_STANZAS).for_each(|_| queue.push(0).unwrap());
        assert!(!queue.request_due(), "one request is still under way");
        drop(queue.acknowledged(1).unwrap());
        assert!(queue.request_due());
        drop(queue.acknowledged(1 + REQUEST_EVERY_STANZAS as u32).unwrap());
        assert!(!queue.idle());
    }

    #[test]
    fn an_empty_queue_holds_no_memory() {
        let mut queue = queue(500);
        drop(queue.acknowledged(500).unwrap());
        queue.idle();
        assert_eq!(queue.queue.capacity(), 0);
        assert_eq!(Outbound::<u64>::new(10).queue.capacity(), 0);
    }

    proptest! {
        /// Against the plain model of an ever-growing list, from a counter that is about to wrap.
        #[test]
        fn the_queue_is_what_was_sent_minus_what_was_acknowledged(
            start in prop_oneof![Just(0_u32), (u32::MAX - 20)..=u32::MAX],
            steps in prop::collection::vec((0_u32..8, 0_u32..10), 0..40),
        ) {
            let mut queue = Outbound { acked: start, ..Outbound::new(usize::MAX) };
            let (mut sent, mut acked) = (0_u32, 0_u32);
            for (push, ack) in steps {
                for _ in 0..push {
                    queue.push(sent).unwrap();
                    sent += 1;
                }
                let h = start.wrapping_add(acked).wrapping_add(ack);
                match queue.acknowledged(h) {
                    Ok(done) => {
                        prop_assert_eq!(done.collect::<Vec<_>>(), (acked..acked + ack).collect::<Vec<_>>());
                        acked += ack;
                    }
                    Err(error) => {
                        prop_assert!(acked + ack > sent);
                        prop_assert_eq!(error.send_count, start.wrapping_add(sent));
                    }
                }
                prop_assert_eq!(queue.len() as u32, sent - acked);
            }
        }
    }
}
