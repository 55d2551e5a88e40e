//! One media thread: polls its sockets, obeys its orders, and looks after silence.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use crate::gate::Gate;
use crate::hub::{Hub, NEWCOMERS};
use crate::lane::Order;
use crate::legs::Legs;
use crate::link::Waiting;
use crate::media::Shared;
use crate::meter::Meter;
use crate::perform::{Beat, Scratch};
use crate::port::{Leg, Role};
use crate::room::Room;
use crate::rooms::Pressed;
use crate::rtp::PACKET_BYTES_MAX;
use crate::station::{Station, StationId};
use crate::way::TOKENS_PER_LEG;
use crate::{Command, ConferenceId, Event, Kind, PortId, Remote, Report};

/// The token of the waker; sockets of a leg have [`TOKENS_PER_LEG`] times its place, one more for RTCP, and more for its ways.
pub(crate) const WAKE: Token = Token(usize::MAX);
/// Poll events taken at once.
const EVENTS_PER_TURN: usize = 1_024;
/// How often silence, quality and metrics are looked after; also how soon a stop is noticed.
const TICK: Duration = Duration::from_millis(500);

/// The state of one media thread.
pub(crate) struct Engine {
    pub(crate) index: usize,
    pub(crate) poll: Poll,
    /// The published port, on the thread that has it.
    pub(crate) hub: Option<Hub>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) legs: Legs,
    pub(crate) buffer: Box<[u8; PACKET_BYTES_MAX]>,
    pub(crate) meter: Meter,
    /// Sockets whose turn ended before they were empty; the poll will not name them again.
    pub(crate) unread: Vec<Token>,
    /// Ports that will arrive from another thread, with the orders that wait for them.
    pub(crate) expected: BTreeMap<PortId, Vec<Order>>,
    pub(crate) beats: BinaryHeap<Reverse<(Instant, Beat)>>,
    pub(crate) stations: BTreeMap<StationId, Station>,
    pub(crate) rooms: BTreeMap<ConferenceId, Room>,
    pub(crate) scratch: Scratch,
    /// Datagrams of handshakes that are not done yet.
    pub(crate) waiting: Waiting,
    tick_at: Instant,
}

impl Engine {
    pub(crate) fn new(index: usize, poll: Poll, shared: Arc<Shared>, hub: Option<Hub>) -> Self {
        let tick_at = shared.runtime.now() + TICK;
        Self {
            index,
            poll,
            hub,
            shared,
            legs: Legs::default(),
            buffer: Box::new([0; PACKET_BYTES_MAX]),
            meter: Meter::default(),
            unread: Vec::new(),
            expected: BTreeMap::new(),
            beats: BinaryHeap::new(),
            stations: BTreeMap::new(),
            rooms: BTreeMap::new(),
            scratch: Scratch::default(),
            waiting: Waiting::default(),
            tick_at,
        }
    }

    /// Runs until the runtime stops.
    pub(crate) fn run(&mut self) {
        let mut events = Events::with_capacity(EVENTS_PER_TURN);
        let mut now = self.shared.runtime.now();
        while !self.shared.runtime.is_stopping() {
            let wait = self.wait(now);
            if let Err(cause) = self.poll.poll(&mut events, Some(wait))
                && cause.kind() != std::io::ErrorKind::Interrupted
            {
                tracing::error!(%cause, "media poll failed; its calls have no media");
                return;
            }
            now = self.shared.runtime.now();
            // Orders first: a packet that was sent after a command was given finds it obeyed.
            self.obey_all(now);
            self.handshakes(now);
            let unread = std::mem::take(&mut self.unread);
            for token in unread.into_iter().chain(events.iter().map(mio::event::Event::token)) {
                match token {
                    WAKE => {}
                    Token(NEWCOMERS..) => self.published(token, now),
                    _ => self.readable(token, now),
                }
            }
            self.beats(now);
            if now >= self.tick_at {
                self.tick(now);
                self.tick_at = now + TICK;
            }
        }
    }

    fn wait(&self, now: Instant) -> Duration {
        if !self.unread.is_empty() || !self.waiting.is_empty() {
            return Duration::ZERO;
        }
        let beat = self.beats.peek().map_or(self.tick_at, |Reverse((due, _))| *due);
        beat.min(self.tick_at).saturating_duration_since(now)
    }

    fn obey_all(&mut self, now: Instant) {
        while let Some(orders) = self.shared.lanes[self.index].take() {
            for order in orders {
                self.obey(order, now);
            }
        }
    }

    fn obey(&mut self, order: Order, now: Instant) {
        match order {
            Order::Open(leg) => self.open(leg, now),
            Order::Expect(port) => {
                self.expected.entry(port).or_default();
            }
            Order::Gone(port) => {
                self.expected.remove(&port);
            }
            Order::Give(port, to) => self.give(port, to),
            Order::Conference(id, limits) => self.open_room(id, limits, now),
            Order::Refill => self.shared.refill(),
            Order::Arrive(arrival) => self.arrive(arrival, now),
            Order::Do(command) => self.command(command, now),
        }
    }

    /// Takes a port over and watches its sockets. What arrived before is read at once, and dropped when the
    /// peer is not known yet.
    fn open(&mut self, mut leg: Box<Leg>, now: Instant) {
        let id = leg.id;
        // Its turn was the other thread's to keep.
        leg.beat = None;
        let slot = self.legs.insert(leg);
        let registry = self.poll.registry();
        if let Some(leg) = self.legs.at(slot) {
            let sockets = &mut leg.sockets;
            let watched = registry
                .register(&mut sockets.rtp, Token(TOKENS_PER_LEG * slot), Interest::READABLE)
                .and_then(|()| {
                    registry.register(&mut sockets.rtcp, Token(TOKENS_PER_LEG * slot + 1), Interest::READABLE)
                })
                .and_then(|()| leg.sockets.ways.watch_all(slot, registry));
            if let Err(cause) = watched {
                tracing::error!(%cause, "media sockets cannot be watched; a call has no media");
            }
        }
        self.settle(id, now);
        for order in self.expected.remove(&id).unwrap_or_default() {
            self.obey(order, now);
        }
    }

    fn release(&mut self, port: PortId) -> Option<Box<Leg>> {
        let mut leg = self.legs.remove(port)?;
        let registry = self.poll.registry();
        let _ = registry.deregister(&mut leg.sockets.rtp);
        let _ = registry.deregister(&mut leg.sockets.rtcp);
        leg.sockets.ways.forget_all(registry);
        Some(leg)
    }

    fn give(&mut self, port: PortId, to: usize) {
        if let Some(waiting) = self.expected.get_mut(&port) {
            waiting.push(Order::Give(port, to));
            return;
        }
        let order = match self.release(port) {
            Some(leg) => Order::Open(leg),
            None => {
                self.shared.forget(port);
                Order::Gone(port)
            }
        };
        self.shared.lanes[to].push(order);
    }

    fn command(&mut self, command: Command, now: Instant) {
        if let Command::EndConference { conference } = command {
            return self.end_room(conference);
        }
        let port = command.port();
        if let Some(waiting) = self.expected.get_mut(&port) {
            waiting.push(Order::Do(command));
            return;
        }
        if self.legs.slot(port).is_none() {
            // It moved between the sender's look and now, or is closed.
            if self.shared.thread_of(port) != self.index {
                self.shared.send(command);
            }
            return;
        }
        self.perform(command, now);
        self.settle(port, now);
    }

    fn perform(&mut self, command: Command, now: Instant) {
        match command {
            Command::SetRemote { port, remote } => self.set_remote(port, remote, now),
            Command::Connect { a, b } => self.connect(a, b),
            Command::Hold { port, direction } => {
                if let Some(gate) = self.legs.get(port).and_then(|leg| leg.gate.as_mut()) {
                    gate.set_direction(direction);
                }
            }
            Command::Echo { port } => self.set_role(port, Role::Echo),
            Command::Play { port, source, mode } => self.play(port, source, mode, now),
            Command::StopPlaying { port } => self.stop_playing(port),
            Command::SendDigits { port, digits } => self.send_digits(port, &digits),
            Command::Beep { port } => self.beep(port),
            Command::Transcode { a, b } => self.transcode(a, b, now),
            Command::Mix { conference, port, role } => self.mix(conference, port, role),
            Command::Unmix { port } => self.unmix(port),
            Command::EndConference { .. } => {}
            Command::Record { port, recording } => self.record(port, recording),
            Command::PauseRecording { port, paused } => self.pause_recording(port, paused),
            Command::StopRecording { port } => self.stop_recording(port),
            Command::SetCrypto { port, crypto } => {
                if let Some(leg) = self.legs.get(port) {
                    let before = leg.fragment();
                    leg.set_crypto(crypto, &self.shared.identity, now);
                    leg.follow_link();
                    self.shared.name(before, leg.fragment(), port);
                }
                self.begin(port, now);
            }
            Command::Rest { port } => self.set_role(port, Role::Rest),
            Command::Close { port } => self.close(port),
        }
    }

    fn set_remote(&mut self, port: PortId, remote: Remote, now: Instant) {
        let Some(leg) = self.legs.get(port) else { return };
        let speaks = !remote.speech.encodings.is_empty();
        leg.reception.set_clock_hertz(remote.clock_hertz);
        leg.watch.heard_at = now;
        leg.sockets.mark(self.shared.config.dscp(leg.sockets.kind, remote.with_video));
        let gate = match leg.gate.take() {
            Some(gate) => gate.renewed(remote),
            None => Gate::new(remote),
        };
        leg.sockets.hold_to(gate.settled());
        leg.gate = Some(gate);
        leg.follow_link();
        self.begin(port, now);
        let Some(leg) = self.legs.get(port) else { return };
        if speaks && (leg.ear.is_some() || leg.mouth.is_some()) {
            self.prepare(port);
        }
    }

    /// `b` may still be on its way here; then the join waits for it, unless `a` is told something else before.
    fn connect(&mut self, a: PortId, b: PortId) {
        let Some(waiting) = self.expected.get_mut(&b) else {
            return self.legs.join(a, b);
        };
        waiting.push(Order::Do(Command::Connect { a: b, b: a }));
        self.set_role(a, Role::Relay { peer: b, slot: None });
    }

    pub(crate) fn set_role(&mut self, port: PortId, role: Role) {
        self.legs.part(port);
        if let Some(leg) = self.legs.get(port) {
            leg.role = role;
        }
    }

    /// Sends reports for the legs whose sound ends or begins here.
    fn report_to_peers(&mut self, now: Instant) {
        let Self { legs, buffer, meter, shared, .. } = self;
        let ntp = ntp(shared.runtime.timestamp().0);
        for leg in legs.iter_mut() {
            if leg.speaks_itself() && leg.reporter.is_due(now) {
                leg.report(ntp, now, &mut buffer[..], meter);
            }
        }
    }

    pub(crate) fn random_u64(&self) -> u64 {
        self.shared.runtime.random_u64()
    }

    fn close(&mut self, port: PortId) {
        let Some(leg) = self.release(port) else { return };
        let quality = leg.quality();
        if quality.packets > 0 {
            self.emit(port, leg.owner, Report::Quality(quality));
        }
        let (kind, number) = (leg.sockets.kind, leg.sockets.port);
        self.shared.name(leg.fragment(), None, port);
        // The sockets close before the number can be bound again.
        drop(leg);
        self.shared.half(kind).lock().closed(number);
        self.shared.forget(port);
    }

    pub(crate) fn emit(&self, port: PortId, owner: u64, report: Report) {
        if self.shared.events.try_send(Event { port, owner, report }).is_err() {
            metrics::counter!("carillon_media_events_dropped_total").increment(1);
        }
    }

    fn tick(&mut self, now: Instant) {
        let mut reports = Vec::new();
        let config = &self.shared.config;
        for leg in self.legs.iter_mut() {
            let (id, owner) = (leg.id, leg.owner);
            let mut report = |what| reports.push((id, owner, what));
            if let Some(press) = leg.keys.lapse(now) {
                let duration = leg.press_duration(press);
                report(Report::Dtmf { digit: press.key, duration });
            }
            if let Some(quality) = leg.due_quality(config.quality_interval, now) {
                report(Report::Quality(quality));
            }
            if leg.link.as_mut().is_some_and(|link| link.lapse(now)) {
                leg.follow_link();
            }
            if let Some(silent) = leg.newly_silent(config.silence_max, now) {
                metrics::counter!("carillon_media_timeouts_total").increment(1);
                report(Report::Timeout { silent });
            }
        }
        for (port, owner, report) in reports {
            if let Report::Dtmf { digit, .. } = report {
                self.pass_key_on(port, digit, Pressed::AsEvent);
            }
            self.emit(port, owner, report);
        }
        self.report_to_peers(now);
        self.meter.flush();
        self.forget_newcomers(now);
        if self.index == 0 {
            self.gauges();
        }
    }

    fn gauges(&self) {
        for (kind, name) in [(Kind::Audio, "audio"), (Kind::Video, "video")] {
            let (in_use, limit) = self.shared.half(kind).lock().usage();
            metrics::gauge!("carillon_media_ports_in_use", "kind" => name).set(in_use as f64);
            metrics::gauge!("carillon_media_ports_max", "kind" => name).set(limit as f64);
        }
    }
}

/// Microseconds since 1970 as the seconds since 1900 and their fraction that NTP has (RFC 5905 §6).
fn ntp(microseconds: i64) -> u64 {
    const SECONDS_BEFORE_1970: u64 = 2_208_988_800;
    let microseconds = u64::try_from(microseconds).unwrap_or(0);
    let seconds = microseconds / 1_000_000 + SECONDS_BEFORE_1970;
    (seconds << 32) | (((microseconds % 1_000_000) << 32) / 1_000_000)
}
