//! One stream between servers, ours or theirs: what wakes it, what it sends, what it counts, how it ends.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rustls::pki_types::CertificateDer;
use store::Seq;
use tokio::sync::{mpsc, watch};
use xmpp::sm::{ACK_REQUEST, Inbound, Outbound, Signal};
use xmpp::stream::peer::{Pair, PeerStream, ReceivingNegotiation};
use xmpp::xep::dialback::Verdict;
use xmpp::{Framer, StreamCondition, StreamError};

use super::link::{Link, Moved};
use super::network::Wire;
use super::peer::{Outgoing, Peer};
use super::rate::SharedRate;
use crate::Im;

/// Verdicts that wait for their stream: it asks for no more at a time.
const VERDICTS_WAITING_MAX: usize = xmpp::stream::peer::VERIFICATIONS_MAX;

/// How often a stream looks, while the house stops, whether it may end.
const DRAIN_STEP: Duration = Duration::from_millis(20);

/// What came of a key that was asked about.
type Judged = (Pair, Verdict);

/// Who opened the stream.
pub(super) enum Role {
    /// We did, to send to a peer.
    Initiated { peer: Arc<Peer>, stream: PeerStream },
    /// The other server did.
    Received(Box<ReceivingNegotiation>),
}

/// Why a stream is over.
#[derive(Debug)]
pub(super) enum Over {
    /// The other server closed it, or we have.
    Closed,
    /// The connection is lost.
    Lost,
    /// Somebody broke a rule, or we stop.
    Failed(StreamError),
}

/// The counts of stream management (XEP-0198), each from when it was turned on.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) inbound: Option<Inbound<Seq>>,
    pub(super) outbound: Option<Outbound<Outgoing>>,
}

/// The moments that time-outs are counted from.
pub(super) struct Moments {
    pub(super) began: Instant,
    /// Something came or went.
    pub(super) active: Instant,
    /// Something came.
    pub(super) heard: Instant,
    /// Since when we wait for an acknowledgement.
    pub(super) asked: Option<Instant>,
    /// Since when a write makes no progress.
    pub(super) stalled: Option<Instant>,
    /// When we stop, whatever is not acknowledged.
    pub(super) stop_at: Option<Instant>,
}

/// All that can wake a stream.
enum Wake {
    Stop,
    Verdict(Pair, Verdict),
    Taken(Vec<Outgoing>),
    Needed,
    Timer,
    Durable,
    Moved(io::Result<Moved>),
}

/// One stream.
pub(super) struct ServerStream {
    pub(super) im: Arc<Im>,
    pub(super) link: Link<Wire>,
    pub(super) framer: Framer,
    pub(super) role: Role,
    /// The number of a stream that came in.
    pub(super) caller: Option<u64>,
    /// The certificate of the other server, on a stream that came in.
    pub(super) certificate: Option<Vec<CertificateDer<'static>>>,
    /// The peer whose queue this stream sends.
    pub(super) serving: Option<Arc<Peer>>,
    /// The peer whose queue this stream could send (XEP-0288), once what is sent is acknowledged, or if there is no
    /// other way: without acknowledgements, what the other server has not read is lost with it.
    pub(super) offered: Option<Arc<Peer>>,
    pub(super) counts: Counts,
    /// Queued for writing, without stream management: handed on once the kernel has it.
    pub(super) in_flight: Vec<Outgoing>,
    pub(super) durable: watch::Receiver<Seq>,
    pub(super) moments: Moments,
    pub(super) rate: SharedRate,
    pub(super) verdicts: (mpsc::Sender<Judged>, mpsc::Receiver<Judged>),
}

impl ServerStream {
    pub(super) fn new(
        im: Arc<Im>,
        (link, framer): (Link<Wire>, Framer),
        role: Role,
        caller: Option<u64>,
    ) -> Self {
        let (now, durable) = (im.runtime.now(), im.store.durable());
        let serving = match &role {
            Role::Initiated { peer, .. } => Some(Arc::clone(peer)),
            Role::Received(_) => None,
        };
        let moments =
            Moments { began: now, active: now, heard: now, asked: None, stalled: None, stop_at: None };
        Self {
            im,
            link,
            framer,
            role,
            caller,
            certificate: None,
            serving,
            offered: None,
            counts: Counts::default(),
            in_flight: Vec::new(),
            durable,
            moments,
            rate: Arc::default(),
            verdicts: mpsc::channel(VERDICTS_WAITING_MAX),
        }
    }

    /// Runs the stream to its end.
    pub(super) async fn run(mut self) {
        if let Role::Initiated { stream, .. } = &self.role
            && stream.stream_management
        {
            let mut enable = BytesMut::new();
            Signal::Enable { resume: false, max_seconds: None }.write(&mut enable);
            self.link.queue(&enable);
            let max = self.im.limits.load().federation.unacknowledged_stanzas_max;
            self.counts.outbound = Some(Outbound::new(max * 2));
        }
        let over = match self.drive().await {
            Ok(never) => match never {},
            Err(over) => over,
        };
        self.leave(over).await;
    }

    async fn drive(&mut self) -> Result<std::convert::Infallible, Over> {
        let runtime = self.im.runtime.clone();
        self.outputs().await?;
        self.frames().await?;
        loop {
            let now = runtime.now();
            let held = self.rate.lock().held_until(now);
            let owes = self.counts.inbound.as_ref().is_some_and(Inbound::owes_answer);
            let full = self.counts.inbound.as_ref().is_some_and(Inbound::is_full);
            let deadline = held.map_or(self.deadline(), |held| held.min(self.deadline()));
            let sends = self.may_send();
            let stopping = self.moments.stop_at.is_some();
            let wake = {
                let Self { link, framer, serving, offered, durable, verdicts, .. } = self;
                tokio::select! {
                    biased;
                    () = runtime.stopping(), if !stopping => Wake::Stop,
                    Some((pair, verdict)) = verdicts.1.recv() => Wake::Verdict(pair, verdict),
                    taken = poll_fn(|cx| match serving {
                        Some(peer) => peer.poll_take(cx),
                        None => Poll::Pending,
                    }), if sends => Wake::Taken(taken),
                    () = poll_fn(|cx| match offered {
                        Some(peer) => peer.poll_needed(cx),
                        None => Poll::Pending,
                    }) => Wake::Needed,
                    () = runtime.sleep_until(deadline) => Wake::Timer,
                    _ = durable.changed(), if owes || full => Wake::Durable,
                    moved = link.moved(framer, !full && held.is_none()) => Wake::Moved(moved),
                }
            };
            match wake {
                Wake::Stop => {
                    let time = self.im.limits.load().session.closing_time_max / 2;
                    self.moments.stop_at = Some(runtime.now() + time);
                }
                Wake::Verdict(pair, verdict) => {
                    if let Role::Received(negotiation) = &mut self.role {
                        negotiation.verified(&pair, verdict);
                    }
                    self.outputs().await?;
                }
                Wake::Taken(items) => self.send(items),
                Wake::Needed => self.serve_offered(),
                Wake::Timer => {
                    self.look_at_clock()?;
                    if held.is_some() {
                        self.frames().await?;
                    }
                }
                Wake::Durable => self.answer_request(),
                Wake::Moved(moved) => self.moved(moved).await?,
            }
            if self.moments.stop_at.is_some() && self.is_drained() {
                return Err(Over::Failed(StreamCondition::SystemShutdown.into()));
            }
        }
    }

    /// May more be taken from the queue?
    fn may_send(&self) -> bool {
        let max = self.im.limits.load().federation.unacknowledged_stanzas_max;
        let acknowledged = self.counts.outbound.as_ref().is_none_or(|counts| counts.len() < max);
        self.serving.is_some() && self.link.has_room() && acknowledged
    }

    async fn moved(&mut self, moved: io::Result<Moved>) -> Result<(), Over> {
        let now = self.im.runtime.now();
        match moved {
            Ok(Moved::Read(_)) => {
                (self.moments.heard, self.moments.active) = (now, now);
                self.frames().await?;
            }
            Ok(Moved::Written) => self.written(),
            Ok(Moved::Eof) | Err(_) => return Err(Over::Lost),
        }
        self.moments.stalled = match (self.link.is_stalled(), self.moments.stalled) {
            (false, _) => None,
            (true, since) => Some(since.unwrap_or(now)),
        };
        Ok(())
    }

    /// Sends what was taken from the queue.
    fn send(&mut self, items: Vec<Outgoing>) {
        self.moments.active = self.im.runtime.now();
        for item in items {
            self.link.queue(&self.im.with_delay(&item));
            match &mut self.counts.outbound {
                Some(counts) => {
                    // There is room: it was looked at before, and a take is smaller than the rest.
                    if let Err(full) = counts.push(item) {
                        self.in_flight.push(full.0);
                    }
                }
                None => self.in_flight.push(item),
            }
        }
        self.request_acknowledgement();
    }

    /// Asks the other server to acknowledge what it has.
    fn request_acknowledgement(&mut self) {
        if let Some(counts) = &mut self.counts.outbound
            && (counts.request_due() || counts.idle())
        {
            self.link.queue(ACK_REQUEST);
            self.moments.asked = self.moments.asked.or(Some(self.im.runtime.now()));
        }
    }

    /// The kernel has all that was queued: without stream management that is all we learn.
    fn written(&mut self) {
        let items = std::mem::take(&mut self.in_flight);
        self.handed_on(items);
    }

    /// The other server has these.
    pub(super) fn handed_on(&mut self, items: Vec<Outgoing>) {
        let Some(peer) = &self.serving else { return };
        peer.status.lock().sent += items.len() as u64;
        for seq in items.iter().filter_map(|item| item.seq) {
            self.im.store.handed_on(&peer.owner, seq);
        }
    }

    /// The other server has acknowledged `h` stanzas.
    pub(super) fn acknowledged(&mut self, h: u32) -> Result<(), Over> {
        let Some(counts) = &mut self.counts.outbound else { return Ok(()) };
        let items: Vec<Outgoing> = match counts.acknowledged(h) {
            Ok(items) => items.collect(),
            Err(error) => return Err(Over::Failed(error.into())),
        };
        self.moments.asked = None;
        self.handed_on(items);
        self.request_acknowledgement();
        Ok(())
    }

    /// Answers a request once everything before it is durable: nothing that is not kept is acknowledged.
    pub(super) fn answer_request(&mut self) {
        let durable = *self.durable.borrow_and_update();
        if let Some(counts) = &mut self.counts.inbound {
            counts.ackable(durable);
            if let Some(h) = counts.answer_due(durable) {
                let mut out = BytesMut::new();
                Signal::Ack { h }.write(&mut out);
                self.link.queue(&out);
            }
        }
    }

    /// The house stops, and has all that our users said at their end gone out, and was it acknowledged? Who is in a
    /// room elsewhere leaves it by that, and no message is sent twice.
    fn is_drained(&self) -> bool {
        let waiting = self.serving.as_ref().map_or(0, |peer| peer.waiting().0);
        let sent = self.counts.outbound.as_ref().is_none_or(Outbound::is_empty);
        self.im.sessions.count() == 0 && waiting == 0 && sent && !self.link.is_busy()
    }

    fn deadline(&self) -> Instant {
        let limits = self.im.limits.load().federation;
        let moments = &self.moments;
        let mut earliest = moments.active + limits.idle_time_max;
        let mut at = |at: Instant| earliest = earliest.min(at);
        at(match self.is_authenticated() {
            true => moments.heard.max(moments.active) + limits.idle_before_ping,
            false => moments.began + limits.unauthenticated_time_max,
        });
        moments.asked.into_iter().for_each(|asked| at(asked + limits.answer_time_max));
        moments.stalled.into_iter().for_each(|since| at(since + limits.answer_time_max));
        moments.stop_at.into_iter().for_each(|stop_at| at(stop_at.min(self.im.runtime.now() + DRAIN_STEP)));
        earliest
    }

    pub(super) fn is_authenticated(&self) -> bool {
        match &self.role {
            Role::Initiated { .. } => true,
            Role::Received(negotiation) => negotiation.pairs().next().is_some(),
        }
    }

    fn look_at_clock(&mut self) -> Result<(), Over> {
        let (now, limits) = (self.im.runtime.now(), self.im.limits.load().federation);
        let moments = &mut self.moments;
        let over = |since: Option<Instant>| since.is_some_and(|since| now >= since + limits.answer_time_max);
        if over(moments.asked) || over(moments.stalled) {
            return Err(Over::Lost);
        }
        if moments.stop_at.is_some_and(|at| now >= at) {
            return Err(Over::Failed(StreamCondition::SystemShutdown.into()));
        }
        let began = moments.began;
        if !self.is_authenticated() && now >= began + limits.unauthenticated_time_max {
            let error = StreamError::new(StreamCondition::ConnectionTimeout, "authentication took too long");
            return Err(Over::Failed(error));
        }
        let moments = &mut self.moments;
        if now >= moments.active + limits.idle_time_max && matches!(self.role, Role::Initiated { .. }) {
            return Err(Over::Closed);
        }
        if now >= moments.heard.max(moments.active) + limits.idle_before_ping {
            // RFC 6120 §4.6.1: a space keeps the stream; with stream management an answer must come.
            moments.heard = now;
            if self.counts.outbound.is_some() {
                self.link.queue(ACK_REQUEST);
                self.moments.asked = Some(now);
            } else {
                self.link.queue(b" ");
            }
        }
        Ok(())
    }

    /// Before a stream ends in good order, the other server hears what we have: else it would send that again.
    async fn acknowledge_last(&mut self, out: &mut BytesMut) {
        let Some(counts) = &mut self.counts.inbound else { return };
        let im = Arc::clone(&self.im);
        let deadline = im.runtime.now() + im.limits.load().session.closing_time_max / 2;
        while !counts.is_settled(*self.durable.borrow_and_update()) {
            tokio::select! {
                biased;
                () = im.runtime.sleep_until(deadline) => break,
                changed = self.durable.changed() => if changed.is_err() { break },
            }
        }
        let h = counts.ackable(*self.durable.borrow());
        let mut ack = BytesMut::new();
        Signal::Ack { h }.write(&mut ack);
        // An acknowledgement goes before a stream error: nothing is read behind that.
        ack.extend_from_slice(out);
        *out = ack;
    }

    /// The stream is over: last words, and what the other server does not have goes back into the queue.
    async fn leave(mut self, over: Over) {
        tracing::debug!(?over, "a stream between servers ended");
        let mut last = BytesMut::new();
        if let Over::Failed(error) = &over {
            error.write(&mut last);
        }
        if !matches!(over, Over::Lost) {
            self.acknowledge_last(&mut last).await;
            last.extend_from_slice(b"</stream:stream>");
            self.link.queue(&last);
            let im = Arc::clone(&self.im);
            let time = im.limits.load().session.closing_time_max;
            let flushed = tokio::select! {
                biased;
                () = im.runtime.sleep(time) => false,
                flushed = self.link.flush() => flushed.is_ok(),
            };
            if flushed {
                self.written();
                let _gone = self.link.shut().await;
            }
        }
        if let Some(number) = &self.caller {
            self.im.s2s.incoming.lock().remove(number);
        }
        let Some(peer) = self.serving.take() else { return };
        let unacknowledged = self.counts.outbound.take().into_iter().flat_map(Outbound::into_unacknowledged);
        let left: Vec<Outgoing> = unacknowledged.chain(self.in_flight).collect();
        let (stays, goes): (Vec<_>, Vec<_>) = left.into_iter().partition(|item| item.waits);
        peer.put_back(stays);
        if peer.detach() {
            self.im.s2s.start(&peer);
        }
        for item in goes {
            let why = "the stream to the other server was lost";
            self.im.return_to_sender(&peer, item, xmpp::Condition::RemoteServerTimeout, why).await;
        }
    }
}
