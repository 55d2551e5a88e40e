//! Two users on a link that loses, doubles and delays, with one clock moved by hand.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::user::User;
use super::{flow, ms};
use crate::endpoint::{Flow, Output, Transport};
use crate::message::Message;

/// What the link does to a packet: when each of its copies arrives. None: it is lost.
pub(super) type Fate = Box<dyn FnMut(usize) -> Vec<Duration>>;

/// The usual delay.
pub(super) const DELAY: Duration = ms_const(20);

const fn ms_const(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// The caller at 192.0.2.1 and the callee at 192.0.2.2.
pub(super) struct Pair {
    pub(super) users: [User; 2],
    pub(super) now: Instant,
    fate: Fate,
    transport: Transport,
    /// Packets under way by arrival; the number keeps those of one instant in order.
    under_way: BTreeMap<(Instant, usize), (usize, Bytes)>,
    pub(super) packets: usize,
    last_activity: Instant,
}

impl Pair {
    pub(super) fn new(caller: User, callee: User, transport: Transport, fate: Fate) -> Self {
        let now = crate::tests_clock();
        Self {
            users: [caller, callee],
            now,
            fate,
            transport,
            under_way: BTreeMap::new(),
            packets: 0,
            last_activity: now,
        }
    }

    fn flow(&self, side: usize) -> Flow {
        if side == 0 { flow(self.transport, 1, 2) } else { flow(self.transport, 2, 1) }
    }

    /// Lets the caller call, and runs until nothing moves any more or `limit` has passed.
    pub(super) fn run(&mut self, limit: Duration) {
        let (end, flow) = (self.now + limit, self.flow(0));
        self.users[0].call(flow, self.now);
        loop {
            while self.drain() {}
            let timers = self.users.iter().filter_map(User::next_timeout);
            let arrivals = self.under_way.keys().map(|(at, _)| *at).take(1);
            match timers.chain(arrivals).min() {
                Some(at) if at <= end => self.now = self.now.max(at),
                _ => return,
            }
            self.look_for_remains();
            self.deliver();
            for user in &mut self.users {
                if user.tick(self.now) {
                    self.last_activity = self.now;
                }
            }
        }
    }

    /// 64*T1 after the last event no transaction lives, but for T4 in which a server that was acknowledged at
    /// the last moment absorbs further ACKs, and for what was still under way.
    fn look_for_remains(&self) {
        let patience = Duration::from_secs(32 + 5 + 3);
        if self.now > self.last_activity + patience {
            for user in &self.users {
                assert_eq!(
                    user.endpoint.transactions(),
                    (0, 0),
                    "the {} keeps {:?}",
                    user.role(),
                    user.endpoint
                );
            }
        }
    }

    fn drain(&mut self) -> bool {
        let mut busy = false;
        for side in 0..2 {
            while let Some(output) = self.users[side].endpoint.poll_output() {
                busy = true;
                match output {
                    Output::Event(event) => {
                        self.last_activity = self.now;
                        let flow = self.flow(side);
                        self.users[side].on(event, flow, self.now);
                    }
                    Output::Transmit(transmit) => {
                        let number = self.packets;
                        self.packets += 1;
                        for (copy, delay) in (self.fate)(number).into_iter().enumerate() {
                            let place = (self.now + delay, number * 4 + copy);
                            self.under_way.insert(place, (1 - side, transmit.bytes.clone()));
                        }
                    }
                }
            }
        }
        busy
    }

    fn deliver(&mut self) {
        while let Some(first) = self.under_way.first_entry() {
            if first.key().0 > self.now {
                return;
            }
            let (side, bytes) = first.remove();
            let message = Message::parse(bytes).expect("we write what we read");
            let flow = self.flow(side);
            let before = self.users[side].endpoint.transactions();
            self.users[side].endpoint.handle_message(message, flow, self.now);
            // A late CANCEL makes a transaction of its own without an event.
            if self.users[side].endpoint.transactions() != before {
                self.last_activity = self.now;
            }
            while self.drain() {}
        }
    }

    /// True when neither side keeps anything and no packet is under way.
    pub(super) fn is_at_rest(&self) -> bool {
        self.under_way.is_empty() && self.users.iter().all(|user| user.endpoint.is_at_rest())
    }
}

/// A link that loses nothing but the packets whose numbers are given.
pub(super) fn losing(lost: Vec<usize>) -> Fate {
    Box::new(move |number| if lost.contains(&number) { Vec::new() } else { vec![DELAY] })
}

/// The longest that anything may take: Timer C and then 64*T1.
pub(super) const LONG: Duration = ms_const(400_000);

#[test]
fn the_link_delays_and_loses_as_told() {
    let mut fate = losing(vec![1]);
    assert_eq!([fate(0), fate(1)], [vec![ms(20)], vec![]]);
}
