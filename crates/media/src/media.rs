//! The handle: opens ports and sends commands to the thread that has them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use mio::{Poll, Waker};
use parking_lot::Mutex;
use runtime::Runtime;
use tokio::sync::mpsc;

use crate::dtls::{Fingerprint, Identity};
use crate::engine::{Engine, WAKE};
use crate::hub::{Hub, Published};
use crate::lane::{Lane, Order};
use crate::pool::{BIND_TRIES, Half, Pair};
use crate::port::Leg;
use crate::recorder::Recorder;
use crate::{
    Command, Conference, ConferenceId, Error, Event, Kind, MediaConfig, NoPort, OpenPort, Port, PortId,
    PortRange,
};

/// Events that may wait for their receiver; more are dropped with a metric.
const EVENTS_MAX: usize = 65_536;
/// The lower bits of a port id name the thread that it was opened on.
const THREAD_BITS: u32 = 8;
/// Ports that one thread serves before the next is used: about 256 calls, a tenth of a core. Fewer busy
/// threads find more packets at each wake, and waking costs twice what relaying does.
const PORTS_PER_THREAD: usize = 512;

/// The media of this node. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Media {
    shared: Arc<Shared>,
}

/// What the handle and the threads share.
pub(crate) struct Shared {
    pub(crate) config: MediaConfig,
    pub(crate) runtime: Runtime,
    pub(crate) lanes: Vec<Lane>,
    pub(crate) events: mpsc::Sender<Event>,
    pub(crate) recorder: Arc<Recorder>,
    /// Who this server is where keys are agreed on by DTLS.
    pub(crate) identity: Identity,
    /// The one port for browsers.
    pub(crate) published: Option<Published>,
    audio: Mutex<Half<Pair>>,
    video: Mutex<Half<Pair>>,
    /// Ports that were moved to another thread than the one they were opened on.
    moved: Mutex<BTreeMap<PortId, usize>>,
    opened: AtomicU64,
    is_refilling: AtomicBool,
}

impl Media {
    /// Binds the first stock of ports and starts the threads. They end with the runtime.
    ///
    /// # Errors
    /// The range is unusable, no port can be bound, or the system gives no thread or poll.
    pub fn start(config: MediaConfig, runtime: &Runtime) -> Result<(Self, mpsc::Receiver<Event>), Error> {
        config.check()?;
        let threads = config.thread_count();
        let polls = (0..threads).map(|_| Poll::new()).collect::<Result<Vec<Poll>, _>>()?;
        let lanes = polls
            .iter()
            .map(|poll| Waker::new(poll.registry(), WAKE).map(Lane::new))
            .collect::<Result<Vec<Lane>, _>>()?;
        let (events, receiver) = mpsc::channel(EVENTS_MAX);
        let address = config.published_port.map(|port| SocketAddr::new(config.bind, port));
        let mut hub = match address {
            Some(address) => {
                let bound = Hub::bind(address, runtime);
                Some(bound.map_err(|cause| Error::Published { address, cause })?)
            }
            None => None,
        };
        if let (Some(hub), Some(poll)) = (&mut hub, polls.first()) {
            hub.watch(poll.registry())?;
        }
        let half = |kind| Mutex::new(Half::new(config.pairs(kind), || runtime.random_u64()));
        let shared = Arc::new(Shared {
            audio: half(Kind::Audio),
            video: half(Kind::Video),
            config,
            runtime: runtime.clone(),
            lanes,
            events,
            recorder: Arc::default(),
            identity: Identity::new().map_err(Error::Certificate)?,
            published: address.map(Published::new),
            moved: Mutex::default(),
            opened: AtomicU64::new(0),
            is_refilling: AtomicBool::new(false),
        });
        shared.first_stock()?;
        let (recorder, world, events) =
            (Arc::clone(&shared.recorder), runtime.clone(), shared.events.clone());
        runtime.thread("media-recorder", move || recorder.run(&world, &events))?;
        for (index, poll) in polls.into_iter().enumerate() {
            let mut engine = Engine::new(index, poll, Arc::clone(&shared), hub.take());
            runtime.thread(&format!("media-{index}"), move || engine.run())?;
        }
        Ok((Self { shared }, receiver))
    }

    /// Takes a port. Synchronous, and without a system call as long as the stock lasts.
    ///
    /// # Errors
    /// All ports of the kind are in use: refuse the call with 503 (RFC 3261 §21.5.4).
    pub fn open(&self, open: OpenPort) -> Result<Port, NoPort> {
        let Some(pair) = self.shared.take(open.kind) else {
            metrics::counter!("carillon_media_no_port_total").increment(1);
            return Err(NoPort(open.kind));
        };
        let thread = spread(open.owner) % self.shared.threads_wanted();
        let number = self.shared.opened.fetch_add(1, Ordering::Relaxed);
        let id = PortId((number << THREAD_BITS) | thread as u64);
        let port = Port { id, rtp_port: pair.port, rtcp_port: pair.port + 1 };
        let leg = Leg::new(id, open, pair, self.shared.runtime.now());
        self.shared.lanes[thread].push(Order::Open(Box::new(leg)));
        Ok(port)
    }

    /// Opens a conference; [`Command::Mix`] brings legs into it, [`Command::EndConference`] ends it; so
    /// does a minute without anybody in it.
    pub fn conference(&self, limits: Conference) -> ConferenceId {
        let thread = spread(limits.owner) % self.shared.lanes.len();
        let number = self.shared.opened.fetch_add(1, Ordering::Relaxed);
        let id = ConferenceId((number << THREAD_BITS) | thread as u64);
        self.shared.lanes[thread].push(Order::Conference(id, limits));
        id
    }

    /// Has a command obeyed soon; never waits. Commands for ports that are closed are ignored.
    pub fn command(&self, command: Command) {
        match command {
            Command::Connect { a, b } | Command::Transcode { a, b } => self.shared.bring_together(a, b),
            Command::Mix { conference, port, .. } => self.shared.bring_together(PortId(conference.0), port),
            _ => {}
        }
        self.shared.send(command);
    }

    /// What the certificate of this server is known by, for its descriptions (RFC 8122).
    pub fn fingerprint(&self) -> &Fingerprint {
        self.shared.identity.fingerprint()
    }

    /// The one port for browsers, if there is one.
    pub fn published_port(&self) -> Option<u16> {
        self.shared.config.published_port
    }

    /// Ports of `kind` in use, and the most there can be.
    pub fn usage(&self, kind: Kind) -> (usize, usize) {
        self.shared.half(kind).lock().usage()
    }
}

impl std::fmt::Debug for Media {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Media").field("config", &self.shared.config).finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn half(&self, kind: Kind) -> &Mutex<Half<Pair>> {
        match kind {
            Kind::Audio | Kind::Fax => &self.audio,
            Kind::Video => &self.video,
        }
    }

    /// The thread that has a port.
    pub(crate) fn thread_of(&self, port: PortId) -> usize {
        let opened_on = (port.0 & ((1 << THREAD_BITS) - 1)) as usize;
        self.moved.lock().get(&port).copied().unwrap_or(opened_on)
    }

    /// Sends a command to the thread of its port.
    pub(crate) fn send(&self, command: Command) {
        if let Some(lane) = self.lanes.get(self.thread_of(command.port())) {
            lane.push(Order::Do(command));
        }
    }

    /// Forgets where a closed port was.
    pub(crate) fn forget(&self, port: PortId) {
        self.moved.lock().remove(&port);
    }

    /// Moves `b` to the thread of `a`: two calls can become one, and a relay never crosses threads.
    fn bring_together(&self, a: PortId, b: PortId) {
        let (to, from) = (self.thread_of(a), self.thread_of(b));
        if to == from {
            return;
        }
        let (Some(receiver), Some(giver)) = (self.lanes.get(to), self.lanes.get(from)) else { return };
        receiver.push(Order::Expect(b));
        self.moved.lock().insert(b, to);
        giver.push(Order::Give(b, to));
    }

    fn threads_wanted(&self) -> usize {
        let in_use = self.audio.lock().usage().0 + self.video.lock().usage().0;
        in_use.div_ceil(PORTS_PER_THREAD).clamp(1, self.lanes.len())
    }

    fn take(&self, kind: Kind) -> Option<Pair> {
        let half = self.half(kind);
        let (pair, is_low) = {
            let mut half = half.lock();
            (half.take(), half.is_low())
        };
        if is_low && !self.is_refilling.swap(true, Ordering::AcqRel) {
            self.lanes[0].push(Order::Refill);
        }
        // A burst outran the refill: bind here, which takes some microseconds and does not wait.
        pair.or_else(|| {
            let mut half = half.lock();
            self.bind_next(kind, &mut half).ok().flatten();
            half.take()
        })
    }

    /// Binds the next free ports until one works, and stocks it. `Ok(None)`: no port is free.
    fn bind_next(&self, kind: Kind, half: &mut Half<Pair>) -> std::io::Result<Option<()>> {
        let mut outcome = Ok(None);
        for _ in 0..BIND_TRIES {
            let Some(port) = half.next_free() else { break };
            let dscp = self.config.dscp(kind, false);
            match Pair::bind(&self.runtime, self.config.bind, port, kind, dscp) {
                Ok(pair) => {
                    half.stocked(pair);
                    return Ok(Some(()));
                }
                Err(cause) => {
                    tracing::debug!(port, %cause, "RTP port cannot be bound");
                    half.refused(port);
                    outcome = Err(cause);
                }
            }
        }
        outcome
    }

    /// Fills the stock, one pair under the lock at a time, so that takers wait for one bind at most.
    pub(crate) fn refill(&self) {
        self.is_refilling.store(false, Ordering::Release);
        for kind in [Kind::Audio, Kind::Video] {
            let missing = self.half(kind).lock().missing();
            for _ in 0..missing {
                match self.bind_next(kind, &mut self.half(kind).lock()) {
                    Ok(Some(())) => {}
                    Ok(None) => break,
                    Err(cause) => {
                        tracing::warn!(?kind, %cause, "stock of RTP ports cannot be refilled");
                        break;
                    }
                }
            }
        }
    }

    fn first_stock(&self) -> Result<(), Error> {
        for kind in [Kind::Audio, Kind::Video] {
            let PortRange { start, stop } = PortRange::half(self.config.rtp_ports, kind);
            self.bind_next(kind, &mut self.half(kind).lock()).map_err(|cause| Error::Bind {
                start,
                stop,
                address: self.config.bind,
                cause,
            })?;
        }
        self.refill();
        Ok(())
    }
}

/// Spreads owners over threads, whether they are hashes or count up.
fn spread(owner: u64) -> usize {
    (owner.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize
}
