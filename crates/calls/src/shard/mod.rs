//! One shard: a thread that owns an endpoint, its calls, its subscriptions and its sockets.
//!
//! It reads its own datagrams and its mail, fires timers, and sends what the endpoint says. All messages of a
//! call come here, because the shard is chosen by the Call-ID; nothing in it is shared or locked.

pub(crate) mod desk;
mod late;
pub(crate) mod mailbox;
mod register;
mod serve;
mod trunks;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sip::endpoint::{Endpoint, Output, Transmit, Transport as Kind};

use crate::call::{Now, Post, Switchboard};
use crate::events::{Subscriptions, WatchCounts};
use crate::message::Relays;
use crate::metrics::Metrics;
use crate::trace::Traces;
use crate::transport::{Transport, UdpSockets};
use crate::trunk::Keeper;
use desk::{Desk, Rooms};
use late::Late;
use mailbox::Mailbox;

/// How long a stopping shard goes on, to say good-bye: BYE and the last NOTIFY.
const FAREWELL: Duration = Duration::from_millis(500);
/// How much later than asked timers may fire: those that are due within it cost one wake-up together. Far
/// below T1, the shortest time that SIP measures (RFC 3261 §17.1.1.1).
const TIMER_SLACK: Duration = Duration::from_millis(10);
/// A timer that is always set, so that the loop has one form.
const LONG: Duration = Duration::from_secs(3600);

/// See the module.
pub(crate) struct Shard {
    pub endpoint: Endpoint,
    pub switchboard: Switchboard,
    pub rooms: Arc<Rooms>,
    pub mailbox: Arc<Mailbox>,
    pub transport: Arc<Transport>,
    pub sockets: UdpSockets,
    pub watch_counts: Arc<WatchCounts>,
    pub metrics: Metrics,
    pub now: Now,
    pub(super) traces: Traces,
    subscriptions: Subscriptions,
    relays: Relays,
    late: Late,
    /// Trunks, in the first shard.
    keeper: Option<Keeper>,
    reads: usize,
}

/// What a shard is made of.
pub(crate) struct Parts {
    pub index: usize,
    pub endpoint: Endpoint,
    pub switchboard: Switchboard,
    pub rooms: Arc<Rooms>,
    pub transport: Arc<Transport>,
    pub watch_counts: Arc<WatchCounts>,
    pub traces: Traces,
}

impl Shard {
    pub(crate) fn new(parts: Parts, sockets: UdpSockets) -> Self {
        let runtime = &parts.rooms.runtime;
        Self {
            now: Now { instant: runtime.now(), civil: runtime.timestamp() },
            mailbox: Arc::clone(&parts.transport.mailboxes[parts.index]),
            endpoint: parts.endpoint,
            switchboard: parts.switchboard,
            rooms: parts.rooms,
            transport: parts.transport,
            sockets,
            watch_counts: parts.watch_counts,
            traces: parts.traces,
            metrics: Metrics::new(),
            subscriptions: Subscriptions::default(),
            relays: Relays::default(),
            late: Late::default(),
            keeper: (parts.index == 0).then(Keeper::default),
            reads: 0,
        }
    }

    /// Which shard it is.
    fn index(&self) -> usize {
        self.switchboard.house().shard.index
    }

    /// Runs until the server stops.
    pub(crate) async fn run(mut self) {
        let runtime = self.rooms.runtime.clone();
        let mut mail = VecDeque::new();
        self.keep_trunks();
        self.drain();
        loop {
            let deadline = self.next_timeout();
            tokio::select! {
                biased;
                () = runtime.stopping() => break,
                () = runtime.sleep_until(deadline) => {}
                () = self.mailbox.wait() => {}
                () = poll_fn(|context| self.sockets.poll_readable(context)) => {}
            }
            self.turn(&mut mail);
        }
        self.farewell(&mut mail).await;
    }

    /// One turn: timers, mail, datagrams; then everything goes out.
    fn turn(&mut self, mail: &mut VecDeque<mailbox::Input>) {
        let runtime = &self.rooms.runtime;
        self.now = Now { instant: runtime.now(), civil: runtime.timestamp() };
        self.handle_timeout();
        self.mailbox.take(mail);
        let transport = Arc::clone(&self.transport);
        let index = self.index();
        self.sockets.read(&transport, index, |input| mail.push_back(input));
        while let Some(input) = mail.pop_front() {
            self.handle_input(input);
            self.drain();
        }
        self.drain();
    }

    /// Ends calls and subscriptions, and waits a moment for the answers.
    async fn farewell(mut self, mail: &mut VecDeque<mailbox::Input>) {
        let runtime = self.rooms.runtime.clone();
        self.now = Now { instant: runtime.now(), civil: runtime.timestamp() };
        self.switchboard.end_all(&mut self.endpoint, self.now);
        self.with_subscriptions(|all, desk| all.end_all(desk));
        self.with_keeper(Keeper::end_all);
        self.drain();
        let until = runtime.now() + FAREWELL;
        while !self.switchboard.is_empty() && runtime.now() < until {
            tokio::select! {
                biased;
                () = runtime.sleep_until(until) => {}
                () = self.mailbox.wait() => {}
                () = poll_fn(|context| self.sockets.poll_readable(context)) => {}
            }
            self.turn(mail);
        }
    }

    fn handle_timeout(&mut self) {
        let now = self.now;
        self.endpoint.handle_timeout(now.instant);
        self.drain();
        self.switchboard.handle_timeout(&mut self.endpoint, now);
        self.with_subscriptions(|all, desk| all.handle_timeout(desk));
        while let Some((transaction, response)) = self.late.due(now.instant) {
            self.desk(|desk| desk.respond_stateless(transaction, &response));
        }
        self.keep_trunks();
        let repeated = self.endpoint.counters().retransmissions;
        self.metrics.retransmissions(repeated);
    }

    fn next_timeout(&self) -> Instant {
        let all = [
            self.endpoint.next_timeout(),
            self.switchboard.next_timeout(),
            self.subscriptions.next_timeout(),
            self.late.next_timeout(),
            self.keeper.as_ref().and_then(Keeper::next_timeout),
        ];
        all.into_iter().flatten().min().map_or(self.now.instant + LONG, |at| at + TIMER_SLACK)
    }

    /// Sends and handles everything that the endpoint says, until it is silent.
    fn drain(&mut self) {
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                Output::Transmit(transmit) => self.transmit(transmit),
                Output::Event(event) => {
                    if let Some(event) = self.switchboard.handle_event(event, &mut self.endpoint, self.now) {
                        self.serve(event);
                    }
                }
            }
        }
        self.post(Vec::new());
    }

    /// Takes letters of calls of other shards, and sends those that are for them: bounded by the calls there are.
    fn post(&mut self, letters: Vec<Post>) {
        for (shard, letter) in self.switchboard.exchange_letters(letters, &mut self.endpoint, self.now) {
            self.transport.mailboxes[shard].put(mailbox::Input::Letter(Box::new(letter)));
        }
    }

    fn transmit(&mut self, transmit: Transmit) {
        self.traces.sent(&transmit.bytes, &transmit.flow, self.now.civil);
        let sent = match transmit.flow.transport {
            Kind::Udp => self.sockets.send(&transmit.flow, &transmit.bytes),
            _ if self.transport.has_connection(&transmit.flow) => self.transport.send_stream(&transmit),
            _ => {
                self.transport.connect(transmit, self.index());
                return;
            }
        };
        if sent.is_err()
            && let Some(origin) = transmit.origin
        {
            self.endpoint.handle_transport_error(origin, self.now.instant);
        }
    }

    /// Does something at the desk.
    fn desk<T>(&mut self, work: impl FnOnce(&mut Desk<'_>) -> T) -> T {
        work(&mut Desk {
            endpoint: &mut self.endpoint,
            house: self.switchboard.house(),
            rooms: &self.rooms,
            metrics: &self.metrics,
            mailbox: &self.mailbox,
            watch_counts: &self.watch_counts,
            now: self.now,
        })
    }

    fn with_subscriptions<T>(&mut self, work: impl FnOnce(&mut Subscriptions, &mut Desk<'_>) -> T) -> T {
        let mut all = std::mem::take(&mut self.subscriptions);
        let done = self.desk(|desk| work(&mut all, desk));
        self.subscriptions = all;
        done
    }

    fn with_relays<T>(&mut self, work: impl FnOnce(&mut Relays, &mut Desk<'_>) -> T) -> T {
        let mut relays = std::mem::take(&mut self.relays);
        let done = self.desk(|desk| work(&mut relays, desk));
        self.relays = relays;
        done
    }
}
