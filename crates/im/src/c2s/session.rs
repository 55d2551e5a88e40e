//! One session on one stream: what wakes it, what it sends, how it counts (RFC 6120 §4, XEP-0198).

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use bytes::Bytes;
use store::Seq;
use tokio::sync::watch;
use xmpp::sm::{ACK_REQUEST, HandledCountTooHigh, Inbound, Outbound, Signal};
use xmpp::{StreamCondition, StreamError};

use super::inactivity::Inactivity;
use super::wire::{self, Moved, Wire};
use crate::Im;
use crate::features::offline::SpoolReader;
use crate::outbox::{End, Item, Taken};
use crate::rate::Rate;
use crate::sessions::Seat;

/// The counts of stream management: what outlives a connection.
pub(crate) struct Counts {
    pub(super) inbound: Inbound<Seq>,
    pub(super) outbound: Outbound<Item>,
}

impl Counts {
    pub(super) fn new(unacknowledged_max: usize) -> Self {
        Self { inbound: Inbound::default(), outbound: Outbound::new(unacknowledged_max) }
    }

    /// The client has `h` stanzas: they are handed on.
    pub(super) fn acknowledged(&mut self, im: &Im, seat: &Seat, h: u32) -> Result<(), HandledCountTooHigh> {
        for seq in self.outbound.acknowledged(h)?.filter_map(|item| item.seq) {
            im.handed_on(&seat.account.jid, seq);
        }
        Ok(())
    }

    /// A new stream goes on where the client says: gives what we have handled of it.
    pub(super) fn resume(&mut self, im: &Im, seat: &Seat, h: u32) -> Result<u32, HandledCountTooHigh> {
        self.acknowledged(im, seat, h)?;
        self.outbound.resumed();
        Ok(self.inbound.ackable(*im.store.durable().borrow()))
    }
}

impl Im {
    /// Waits until all that a session took is durable (XEP-0198 §5: with a smaller `h` the client would send
    /// again what the journal has); false when the storage does not get there in time.
    pub(super) async fn settle(&self, counts: &mut Counts) -> bool {
        let mut durable = self.store.durable();
        let deadline = self.runtime.now() + self.limits.load().session.closing_time_max;
        loop {
            let seq = *durable.borrow_and_update();
            if counts.inbound.is_settled(seq) {
                return true;
            }
            tokio::select! {
                biased;
                () = self.runtime.sleep_until(deadline) => return false,
                changed = durable.changed() => if changed.is_err() { return false },
            }
        }
    }
}

/// Why a stream is over.
#[derive(Debug)]
pub(super) enum Over {
    /// The client closed it: the session ends, too.
    Closed,
    /// The connection is lost, or nothing is heard any more: the session may be resumed.
    Lost(Option<StreamError>),
    /// The client broke a rule.
    Failed(StreamError),
    /// The client acknowledged what was never sent.
    CountTooHigh(HandledCountTooHigh),
    /// Somebody else ended it.
    Ended(End),
}

/// All that can wake a session.
enum Wake {
    Taken(Taken),
    Timer,
    Durable,
    Moved(io::Result<Moved>),
}

/// A place that the journal never comes to.
const ONLY_TIME: Seq = Seq(i64::MAX);

/// The journal is behind, or the client is too fast: nothing more is taken from it for a moment, so that it slows
/// down before it must be refused.
struct Hold {
    /// Where the journal must have come; [`ONLY_TIME`] where that is of no help.
    until: Seq,
    /// When we go on anyhow: if the storage fails, the client is to be told.
    at_most: Instant,
}

/// One session on one stream.
pub(super) struct Session<W> {
    pub(super) im: Arc<Im>,
    pub(super) seat: Arc<Seat>,
    pub(super) wire: W,
    pub(super) counts: Option<Box<Counts>>,
    /// Queued for writing, without stream management: handed on once the kernel has it. With each, how many
    /// elements the wire had got then.
    pub(super) in_flight: Vec<(u64, Seq)>,
    /// While the spool is read, and until what it gave cannot come a second time.
    pub(super) spool: Option<Box<SpoolReader>>,
    pub(super) durable: watch::Receiver<Seq>,
    heard: Instant,
    /// Since when we wait for a sign of life.
    asked: Option<Instant>,
    /// Since when a write makes no progress.
    stalled: Option<Instant>,
    hold: Option<Hold>,
    rate: Box<Rate>,
    /// The last place that the journal gave for what this client sent.
    pub(super) kept: Seq,
    /// What waits while nobody looks at the client.
    pub(super) inactivity: Inactivity,
}

impl<W: Wire> Session<W> {
    pub(super) fn new(im: Arc<Im>, wire: W, seat: Arc<Seat>, counts: Option<Box<Counts>>) -> Self {
        let (durable, heard) = (im.store.durable(), im.runtime.now());
        // XEP-0352 §5: whoever comes, or comes again, is active until they say otherwise.
        seat.set_inactive(false);
        let mut session = Self {
            im,
            seat,
            wire,
            counts,
            in_flight: Vec::new(),
            spool: None,
            durable,
            heard,
            asked: None,
            stalled: None,
            hold: None,
            rate: Box::default(),
            kept: Seq(0),
            inactivity: Inactivity::default(),
        };
        session.send_again();
        session
    }

    /// XEP-0198 §5: what the client has not acknowledged goes out again, in order.
    fn send_again(&mut self) {
        if let Some(counts) = &self.counts {
            for item in counts.outbound.unacknowledged() {
                self.wire.queue(&item.bytes);
            }
        }
    }

    /// Runs the session to its end.
    pub(super) async fn run(mut self) {
        let over = match self.drive().await {
            Ok(never) => match never {},
            Err(over) => over,
        };
        Box::pin(self.leave(over)).await;
    }

    async fn drive(&mut self) -> Result<std::convert::Infallible, Over> {
        let runtime = self.im.runtime.clone();
        if runtime.is_stopping() {
            return Err(Over::Ended(End::Shutdown));
        }
        // A client may send on without waiting for the answer to its bind.
        self.heard_something();
        self.frames().await?;
        let mut deadline = self.deadline();
        let mut timer = pin!(runtime.sleep_until(deadline));
        loop {
            let spool_is_due = self.spool.as_ref().is_some_and(|spool| spool.is_due(self.im.runtime.now()));
            if spool_is_due && self.has_room() {
                Box::pin(self.read_spool()).await?;
                continue;
            }
            let earliest = self.deadline();
            if earliest < deadline {
                deadline = earliest;
                timer.set(runtime.sleep_until(deadline));
            }
            // What was kept goes before what comes now.
            let room = self.has_room() && !spool_is_due;
            let (owes, full) = match &self.counts {
                Some(counts) => (counts.inbound.owes_answer(), counts.inbound.is_full()),
                None => (false, false),
            };
            let full = full || self.hold.is_some();
            let wake = {
                let Self { wire, seat, durable, .. } = self;
                tokio::select! {
                    biased;
                    taken = poll_fn(|cx| seat.outbox.poll_take(cx, room)) => Wake::Taken(taken),
                    () = timer.as_mut() => Wake::Timer,
                    _ = durable.changed(), if owes || full => Wake::Durable,
                    moved = wire::moved(wire, !full) => Wake::Moved(moved),
                }
            };
            match wake {
                Wake::Taken(taken) => self.taken(taken)?,
                Wake::Timer => {
                    self.look_at_clock()?;
                    self.let_go().await?;
                    deadline = self.deadline();
                    timer.set(runtime.sleep_until(deadline));
                }
                Wake::Durable => {
                    self.answer_request();
                    self.let_go().await?;
                }
                Wake::Moved(moved) => self.moved(moved).await?,
            }
        }
    }

    async fn moved(&mut self, moved: io::Result<Moved>) -> Result<(), Over> {
        match moved {
            Ok(Moved::Read(_)) => {
                self.heard_something();
                self.frames().await?;
            }
            Ok(Moved::Written) => self.written(),
            Ok(Moved::Eof) | Err(_) => return Err(Over::Lost(None)),
        }
        self.stalled = match (self.wire.is_stalled(), self.stalled) {
            (false, _) => None,
            (true, since) => Some(since.unwrap_or_else(|| self.im.runtime.now())),
        };
        Ok(())
    }

    fn heard_something(&mut self) {
        self.heard = self.im.runtime.now();
        self.asked = None;
        let since = self.heard.saturating_duration_since(self.im.arrivals.started);
        self.seat.last_heard.store(u64::try_from(since.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// The kernel has everything, or the client told of some of it: without stream management that is all we
    /// can know.
    pub(super) fn written(&mut self) {
        let delivered = self.wire.delivered();
        let count = self.in_flight.partition_point(|(queued, _)| *queued <= delivered);
        for (_, seq) in self.in_flight.drain(..count) {
            self.im.handed_on(&self.seat.account.jid, seq);
        }
        if self.in_flight.is_empty() {
            self.in_flight = Vec::new();
        }
    }

    fn taken(&mut self, taken: Taken) -> Result<(), Over> {
        if let Some(end) = taken.end {
            // What came before the end still goes out, so that it is not sent twice.
            for item in taken.items {
                self.send(item)?;
            }
            return Err(Over::Ended(end));
        }
        for item in taken.items {
            if self.is_repeated(&item) {
                continue;
            }
            if self.inactivity.is_active() {
                self.send(item)?;
                continue;
            }
            for item in self.inactivity.hold(item) {
                self.send(item)?;
            }
        }
        if taken.look_into_spool {
            self.look_into_spool();
        }
        self.request_acknowledgement();
        if self.wire.is_stalled() && self.stalled.is_none() {
            self.stalled = Some(self.im.runtime.now());
        }
        Ok(())
    }

    /// Sends a stanza and notes what must be known when it has arrived.
    pub(super) fn send(&mut self, item: Item) -> Result<(), Over> {
        self.wire.queue(&item.bytes);
        match &mut self.counts {
            Some(counts) => counts.outbound.push(item).map_err(|_| {
                Over::Failed(StreamError::new(
                    StreamCondition::PolicyViolation,
                    "too many stanzas without an acknowledgement",
                ))
            }),
            None => {
                self.in_flight.extend(item.seq.map(|seq| (self.wire.queued(), seq)));
                Ok(())
            }
        }
    }

    /// Sends an answer of the server's. A client that only asks, page by page, is asked to acknowledge too.
    pub(super) fn answer(&mut self, bytes: Bytes) -> Result<(), Over> {
        self.send(Item::passing(bytes))?;
        if self.counts.as_mut().is_some_and(|counts| counts.outbound.request_due()) {
            self.wire.queue(ACK_REQUEST);
        }
        Ok(())
    }

    /// Asks the client to acknowledge: after many stanzas, and when nothing more is to be sent for now.
    pub(super) fn request_acknowledgement(&mut self) {
        if let Some(counts) = &mut self.counts
            && (counts.outbound.request_due() || counts.outbound.idle())
        {
            self.wire.queue(ACK_REQUEST);
        }
    }

    /// Answers `<r/>` once everything before it is durable: nothing that is not kept is acknowledged.
    pub(super) fn answer_request(&mut self) {
        let durable = *self.durable.borrow_and_update();
        if let Some(counts) = &mut self.counts {
            counts.inbound.ackable(durable);
            if let Some(h) = counts.inbound.answer_due(durable) {
                let mut out = bytes::BytesMut::new();
                Signal::Ack { h }.write(&mut out);
                self.wire.queue(&out);
            }
        }
    }

    /// A message was kept: if the journal is far behind, its sender waits.
    pub(super) fn hold_behind(&mut self, seq: Seq) {
        let limits = self.im.limits.load().session;
        if seq.0 - self.durable.borrow().0 > limits.journal_behind_entries_max {
            let until = Seq(seq.0 - limits.journal_behind_entries_max / 2);
            self.hold = Some(Hold { until, at_most: self.im.runtime.now() + limits.hold_time_max });
            metrics::counter!("carillon_im_sessions_held_total").increment(1);
        }
    }

    /// A stanza came: a client that sends more than it may is read later, and cut if it never slows down.
    pub(super) fn pace(&mut self) -> Result<(), Over> {
        let limits = self.im.limits.load().session;
        self.rate.count(self.heard, limits.stanzas_per_second_max);
        if self.rate.held_until(self.heard).is_none() {
            return Ok(());
        }
        // What waited in the buffer was heard a while ago.
        let now = self.im.runtime.now();
        let Some(at_most) = self.rate.held_until(now) else { return Ok(()) };
        if self.rate.is_flood(now, limits.flood_time_max) {
            return Err(Over::Failed(StreamError::new(
                StreamCondition::PolicyViolation,
                "more stanzas in a second than a client may send, for too long",
            )));
        }
        if self.hold.is_none() {
            self.hold = Some(Hold { until: ONLY_TIME, at_most });
            metrics::counter!("carillon_im_sessions_slowed_total").increment(1);
        }
        Ok(())
    }

    /// Is the client held?
    pub(super) fn is_held(&self) -> bool {
        self.hold.is_some()
    }

    /// Goes on with a client that was held, once the journal has come far enough.
    async fn let_go(&mut self) -> Result<(), Over> {
        let Some(hold) = &self.hold else { return Ok(()) };
        if *self.durable.borrow_and_update() < hold.until && self.im.runtime.now() < hold.at_most {
            return Ok(());
        }
        self.hold = None;
        Box::pin(self.frames()).await
    }

    /// Is this something that the spool gave already?
    fn is_repeated(&mut self, item: &Item) -> bool {
        let (Some(seq), Some(spool)) = (item.seq, &mut self.spool) else { return false };
        let repeated = spool.has_given(seq);
        if spool.is_past(seq) {
            self.spool = None;
        }
        repeated
    }

    /// Reads the spool from its start, leaving out what is on its way already.
    pub(super) fn look_into_spool(&mut self) {
        if !self.seat.takes_messages() {
            return;
        }
        let mut given: BTreeSet<Seq> = self.in_flight.iter().map(|(_, seq)| *seq).collect();
        if let Some(counts) = &self.counts {
            given.extend(counts.outbound.unacknowledged().filter_map(|item| item.seq));
        }
        if let Some(spool) = self.spool.take() {
            given.extend(spool.into_given());
        }
        self.spool = Some(Box::new(SpoolReader::new(given)));
    }

    /// Sends the next page of the spool.
    async fn read_spool(&mut self) -> Result<(), Over> {
        let Some(mut spool) = self.spool.take() else { return Ok(()) };
        match spool.page(&self.im, &self.seat.account.jid).await {
            Ok(items) => {
                self.spool = Some(spool);
                for item in items {
                    self.send(item)?;
                }
                self.request_acknowledgement();
            }
            Err(error) => {
                tracing::warn!(%error, "the spool cannot be read");
                spool.try_again_at(self.im.runtime.now() + self.im.limits.load().session.spool_retry_delay);
                self.spool = Some(spool);
            }
        }
        Ok(())
    }

    /// May more be sent to this client now?
    fn has_room(&self) -> bool {
        let half = self.im.limits.load().session.unacknowledged_stanzas_max / 2;
        self.wire.has_room() && self.counts.as_ref().is_none_or(|counts| counts.outbound.len() < half.max(1))
    }

    fn deadline(&self) -> Instant {
        let limits = self.im.limits.load().session;
        let idle = match self.asked {
            Some(asked) => asked + limits.idle_after_ping_max,
            None => self.heard + limits.idle_before_ping,
        };
        let later = |at: &Instant| *at > self.im.runtime.now();
        let again = self.spool.as_ref().and_then(|spool| spool.again_at()).filter(later);
        let spool = again.map_or(idle, |at| idle.min(at));
        let held = self.hold.as_ref().map_or(spool, |hold| spool.min(hold.at_most));
        self.stalled.map_or(held, |since| held.min(since + limits.write_stall_max))
    }

    /// Silence for long: asks, then gives up (RFC 6120 §4.6.4). A stalled write gives up at once.
    fn look_at_clock(&mut self) -> Result<(), Over> {
        let now = self.im.runtime.now();
        let limits = self.im.limits.load().session;
        if self.stalled.is_some_and(|since| now >= since + limits.write_stall_max) {
            return Err(Over::Lost(None));
        }
        let silent =
            || StreamError::new(StreamCondition::ConnectionTimeout, "nothing was heard for too long");
        match self.asked {
            Some(asked) if now >= asked + limits.idle_after_ping_max => {
                return Err(Over::Lost(Some(silent())));
            }
            Some(_) => {}
            None if now >= self.heard + limits.idle_before_ping => {
                self.asked = Some(now);
                self.spool = self.spool.take().filter(|spool| spool.is_reading());
                if self.counts.is_some() {
                    self.wire.queue(ACK_REQUEST);
                } else {
                    let ping = crate::features::ping::request(&self.im, &self.seat);
                    self.answer(ping)?;
                }
            }
            None => {}
        }
        Ok(())
    }
}
