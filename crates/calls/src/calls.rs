//! Call control as the rooms around it see it: started once, asked, told.

mod applications;
mod dial;
mod lent;
mod outside;
mod queues;
mod settings;

pub use dial::{DialShown, PlaceShown};
pub use lent::LentPhone;
pub use queues::{AgentShown, AgentState, CallerShown, QueueShown};

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use bytes::Bytes;
use model::{BareJid, LineId};
use presence::Engine;
use runtime::Runtime;
use sip::endpoint::{Config, Endpoint, Transport as Kind};
use store::Store;
use tokio::sync::{mpsc, oneshot, watch};

use crate::admission::PoolShown;
use crate::authentication::Authentication;
use crate::board::Board;
use crate::call::{House, Ports, Reception, Shard as Place, Switchboard};
use crate::command::{Command, Done, Refusal};
use crate::dialplan::{self, DialPlan};
use crate::directory::{PlanDirectory, RegisteredPhones};
use crate::events::{Publications, WatchCounts};
use crate::features::conference::Conferences;
use crate::features::line_settings::LineTable;
use crate::features::park::Parking;
use crate::features::queues::Queues;
use crate::guard::Guard;
use crate::line_state::LineStates;
use crate::media_reports;
use crate::records::{self, QualityReports, Recorder, recordings};
use crate::registrar::Registrar;
use crate::shard::desk::{Changing, Gateway, Rooms};
use crate::shard::mailbox::{Delivery, Input, Mailbox, TraceAsked};
use crate::shard::{Parts, Shard};
use crate::snapshot::{CallId, CallSnapshot};
use crate::trace::{Room, Trace, Traces};
use crate::transport::{BoundUdp, PhoneSocket, Transport, UdpSockets};
use crate::trunk::{Local, Names, ProbeOutcome, TrunkStatus, Trunks};
use crate::{
    CallLimits, CallsConfig, Error, Listen, MessageAnswer, MessageGateway, MessageRefusal, Registration,
    SignInLimits, TextMessage,
};

/// Shards at most: more do not help one node.
const SHARDS_MAX: usize = 64;
/// Cores for each shard. One shard serves ten thousand registrations or a thousand new calls a second, and the fewer
/// there are, the more messages each finds when it wakes up: four on four cores cost a third more CPU for each.
const CORES_OF_A_SHARD: usize = 4;
/// How often registrations and publications that have ended are removed.
const LAPSE_INTERVAL: Duration = Duration::from_secs(1);
/// The setting that holds the secret of trunks.
const TRUNK_SECRET: &str = "calls.trunk_secret";
/// How long to wait before users and lines are read again after that failed.
const PLAN_RETRY: Duration = Duration::from_secs(5);

/// Call control. Cheap to clone.
#[derive(Clone)]
pub struct Calls {
    rooms: Arc<Rooms>,
    board: Arc<Board>,
    transport: Arc<Transport>,
    quality: Arc<QualityReports>,
    bound: Listen,
}

impl Calls {
    /// Opens the sockets, takes back the registrations that were kept, and starts the shards.
    ///
    /// # Errors
    /// An address cannot be listened on, or the store cannot be read.
    pub async fn start(
        config: CallsConfig,
        store: Store,
        engine: Arc<Engine>,
        runtime: Runtime,
        ports: Arc<dyn Ports>,
    ) -> Result<Self, Error> {
        let shards = shards(config.shards);
        let board = Arc::new(Board::new());
        let lines = Arc::new(LineStates::new(Arc::clone(&engine), Arc::clone(&board)));
        let registrar = Arc::new(Registrar::new(store.clone(), Arc::clone(&lines)));
        // Listening before reading, so that no change falls in between.
        let changes = store.accounts_changes();
        let plan =
            Arc::new(ArcSwap::from_pointee(dialplan::load(&store, config.services(), &runtime).await?));
        // `CC-22`: somebody may rely on it with their life, so nobody shall have to look for it.
        for finding in plan.load().plan().check_emergency() {
            tracing::warn!(advice = %finding.advice, "EMERGENCY CALLS: {}: {}", finding.path, finding.message);
        }
        let trunks = Arc::new(Trunks::new(Arc::clone(&board)));
        let settings = store.line_settings_all().await?;
        let mut secret = [0; 32];
        runtime.fill(&mut secret);
        let clock = runtime.clone();
        let guard = Arc::new(Guard::new(Arc::new(move || clock.timestamp())));
        let rooms = Arc::new(Rooms {
            authentication: Authentication::new(
                &secret,
                config.domain.as_str(),
                &config.digest,
                (config.trusted.clone(), config.sign_in),
                (store.clone(), Arc::clone(&trunks), Arc::clone(guard.alerts())),
            ),
            guard,
            publications: Publications::new(Arc::clone(&engine)),
            gateway: ArcSwapOption::empty(),
            runtime: runtime.clone(),
            registrar,
            plan: Arc::clone(&plan),
            trunks: Arc::clone(&trunks),
            pools: Arc::default(),
            names: Names::new(runtime.clone()),
            lines: Arc::new(LineTable::new(settings)),
            changing: Changing::default(),
            reception: Reception {
                queues: Arc::<Queues>::default(),
                sounds: Arc::clone(&config.sounds.shelf),
                services: config.services(),
                music: config.sounds.music.clone(),
            },
            store,
            engine,
        });
        let mailboxes = (0..shards).map(|_| Arc::new(Mailbox::default())).collect();
        let transport = Transport::new(&runtime, mailboxes, &trunks, &config);
        let (sockets, udp) = UdpSockets::bind(&runtime, &config, shards)?;
        let bound = Listen { udp, ..transport.listen(&config)? };
        let calls = Self { rooms, board, transport, quality: Arc::default(), bound };
        let secret = trunk_secret(&calls.rooms).await?;
        trunks.settle(calls.local(), secret);
        trunks.believe(config.tls.clone());
        trunks.follow(calls.rooms.plan.load().plan());
        calls.rooms.pools.follow(calls.rooms.plan.load().plan());
        calls.restore().await?;
        let counts = calls.start_shards(&config, sockets, &lines, &ports).await.map_err(Error::Threads)?;
        calls.start_watchers(counts);
        calls.start_keeping();
        calls.start_recorder(&config);
        calls.start_housekeeping(changes);
        Ok(calls)
    }

    /// The addresses that are listened on, with the ports that the system chose.
    pub fn listening(&self) -> &Listen {
        &self.bound
    }

    /// All registrations, for the status page.
    pub fn registrations(&self) -> Vec<Registration> {
        self.rooms.registrar.registrations()
    }

    /// What is played by name.
    pub fn sounds(&self) -> &Arc<media::Shelf> {
        &self.rooms.reception.sounds
    }

    /// All live calls, for the status page.
    pub fn snapshots(&self) -> Vec<Arc<CallSnapshot>> {
        self.board.snapshots()
    }

    /// The board of calls, to listen to.
    pub fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// The dial plan, with users and lines, as it is now.
    pub(crate) fn plan(&self) -> Arc<DialPlan> {
        self.rooms.plan.load_full()
    }

    /// All that is kept.
    pub(crate) fn store(&self) -> &Store {
        &self.rooms.store
    }

    pub(crate) fn now(&self) -> model::Timestamp {
        self.rooms.runtime.timestamp()
    }

    /// Has the line a phone that is registered now?
    pub fn is_registered(&self, line: &LineId) -> bool {
        !self.rooms.registrar.contacts(line, self.now()).is_empty()
    }

    /// Who takes messages for users. Until it is set, messages go to phones only.
    pub fn set_gateway(&self, gateway: Arc<dyn MessageGateway>) {
        self.rooms.gateway.store(Some(Arc::new(Gateway(gateway))));
    }

    /// Takes what media reports about the ports of calls, from now on.
    pub fn hear(&self, reports: mpsc::Receiver<media::Event>) {
        let runtime = &self.rooms.runtime;
        let shards = self.transport.mailboxes.clone();
        let taking = media_reports::take(runtime.clone(), Arc::clone(&self.quality), shards, reports);
        runtime.spawn("media reports", taking);
    }

    /// Another certificate, and other authorities, for connections that begin from now on.
    pub fn set_tls(&self, tls: Arc<crate::Tls>) {
        self.rooms.trunks.believe(Some(Arc::clone(&tls)));
        self.transport.tls.store(Some(tls));
    }

    /// Takes a phone that comes over a WebSocket (RFC 7118), from `remote` to our listener at `bound`; `None` when there
    /// are too many connections. Whoever has the WebSocket carries the messages.
    pub fn take_socket(&self, bound: SocketAddr, remote: SocketAddr, is_secure: bool) -> Option<PhoneSocket> {
        let kind = if is_secure { Kind::Wss } else { Kind::Ws };
        PhoneSocket::open(&self.transport, kind, self.transport.local_address(bound, remote), remote)
    }

    /// Sends a message to all phones of a user. The future ends when a phone has taken it (`Ok`), or none does.
    pub fn deliver(&self, message: TextMessage) -> MessageAnswer {
        let lines: Vec<LineId> = self.rooms.plan.load().accounts().lines_of(&message.to).to_vec();
        let now = self.rooms.runtime.timestamp();
        let reachable = lines.iter().any(|line| !self.rooms.registrar.contacts(line, now).is_empty());
        if !reachable {
            return Box::pin(async { Err(MessageRefusal::Unreachable) });
        }
        let (answer, answered) = oneshot::channel();
        let shard = Place::of(message.id.as_bytes(), self.transport.mailboxes.len());
        let delivery = Input::Deliver(Box::new(Delivery { message, lines, answer }));
        if self.transport.mailboxes[shard].offer(delivery).is_err() {
            return Box::pin(async { Err(MessageRefusal::Unreachable) });
        }
        Box::pin(async move { answered.await.unwrap_or(Err(MessageRefusal::Unreachable)) })
    }

    /// Has the user a phone that is registered now, and may take a message?
    pub fn takes_messages(&self, user: &BareJid) -> bool {
        let now = self.rooms.runtime.timestamp();
        let plan = self.rooms.plan.load();
        plan.accounts().lines_of(user).iter().any(|line| !self.rooms.registrar.contacts(line, now).is_empty())
    }

    /// Replaces the limits of calls (a reload of the configuration): for what begins from now on, live calls
    /// keep the moment at which they end.
    pub fn set_limits(&self, limits: CallLimits) {
        for mailbox in &self.transport.mailboxes {
            mailbox.put(Input::Limits(limits));
        }
    }

    /// Replaces the limits of failures to sign in (a reload of the configuration).
    pub fn set_sign_in_limits(&self, limits: SignInLimits) {
        self.rooms.authentication.set_limits(limits);
    }

    /// Takes the dial plan that is kept: calls from now on go by it, live calls stay.
    ///
    /// # Errors
    /// The storage cannot be read; then the old plan stays in force.
    pub async fn take_plan(&self) -> Result<(), Error> {
        follow(&self.rooms).await?;
        for mailbox in &self.transport.mailboxes {
            mailbox.put(Input::AccountsChanged);
        }
        Ok(())
    }

    /// Ends a call, by an administrator or an application.
    pub fn end_call(&self, call: CallId) {
        for mailbox in &self.transport.mailboxes {
            mailbox.put(Input::End(call));
        }
    }

    /// Has a command of an application carried out; what it leads to is seen on the board. Who may command which line
    /// is the caller's to decide.
    ///
    /// # Errors
    /// It cannot be done.
    pub async fn command(&self, command: Command) -> Result<Done, Refusal> {
        let then = command.then();
        let done = self.commanded(command).await?;
        match then {
            Some(then) => self.commanded(then).await,
            None => Ok(done),
        }
    }

    async fn commanded(&self, command: Command) -> Result<Done, Refusal> {
        if let Some(done) = self.set_by(&command).await {
            return done;
        }
        let mailboxes = &self.transport.mailboxes;
        let shard = match (command.call(), &command) {
            (Some(call), _) => call.shard(),
            (None, Command::MakeCall { line, .. }) => {
                Place::of(line.number.as_str().as_bytes(), mailboxes.len())
            }
            (None, _) => 0,
        };
        let (answer, answered) = oneshot::channel();
        let mailbox = mailboxes.get(shard).ok_or(Refusal::NoSuchCall)?;
        let input = Input::Command(Box::new(command), answer);
        mailbox.offer(input).map_err(|_| Refusal::Resources)?;
        answered.await.unwrap_or(Err(Refusal::Resources))
    }

    /// Ends all calls that a user takes part in, on any line of theirs; gives their number.
    pub fn end_calls_of(&self, user: &BareJid) -> usize {
        let calls = self.board.snapshots();
        let theirs = calls.iter().filter(|call| call.is_of(user));
        theirs.map(|call| self.end_call(call.id)).count()
    }

    /// What is kept of the messages of legs, by their Call-IDs. A leg that went to another shard is there twice:
    /// its beginning, and its end.
    pub async fn traces(&self, call_ids: &[Bytes]) -> Vec<Trace> {
        let call_ids: Arc<[Bytes]> = call_ids.into();
        let ask = |mailbox: &Arc<Mailbox>| {
            let (answer, answered) = oneshot::channel();
            mailbox.put(Input::Trace(TraceAsked { call_ids: Arc::clone(&call_ids), answer }));
            answered
        };
        let asked: Vec<_> = self.transport.mailboxes.iter().map(ask).collect();
        // A shard that has stopped has nothing to tell.
        futures::future::join_all(asked).await.into_iter().flatten().flatten().collect()
    }

    async fn restore(&self) -> Result<(), Error> {
        let now = self.rooms.runtime.timestamp();
        let kept = self.rooms.store.bindings(now).await?;
        let local = self.local();
        let local = |kind: Kind, remote: SocketAddr| local(kind, remote);
        self.rooms.registrar.restore(kept, self.rooms.plan.load().accounts(), now, local);
        Ok(())
    }

    /// Which of our addresses another side sees, by transport; `None` when we do not listen on that.
    fn local(&self) -> Local {
        let (transport, bound) = (Arc::clone(&self.transport), self.bound.clone());
        Arc::new(move |kind, remote| {
            let listening = match kind {
                Kind::Udp => &bound.udp,
                Kind::Tcp => &bound.tcp,
                Kind::Tls => &bound.tls,
                // Only browsers open those, and none outlives its server.
                Kind::Ws | Kind::Wss => return None,
            };
            let fits = listening.iter().find(|address| address.is_ipv4() == remote.is_ipv4())?;
            Some(transport.local_address(*fits, remote))
        })
    }

    /// All trunks as they are now.
    pub fn trunks(&self) -> Vec<TrunkStatus> {
        self.rooms.trunks.status(self.rooms.runtime.now())
    }

    /// The pools of bandwidth between places, with what calls take of them.
    pub fn locations(&self) -> Vec<PoolShown> {
        self.rooms.pools.shown()
    }

    /// Asks all servers of a trunk whether they are there; `None` when there is no such trunk.
    pub async fn test_trunk(&self, name: &str) -> Option<Vec<ProbeOutcome>> {
        let trunk = self.rooms.trunks.by_name(name)?;
        let (answer, answered) = oneshot::channel();
        self.transport.mailboxes.first()?.put(Input::TrunkTest(trunk, answer));
        answered.await.ok()
    }

    async fn start_shards(
        &self,
        config: &CallsConfig,
        sockets: Vec<BoundUdp>,
        lines: &Arc<LineStates>,
        ports: &Arc<dyn Ports>,
    ) -> std::io::Result<Vec<Arc<WatchCounts>>> {
        let runtime = &self.rooms.runtime;
        let phones =
            RegisteredPhones { registrar: Arc::clone(&self.rooms.registrar), runtime: runtime.clone() };
        let (plan, lines_set) = (Arc::clone(&self.rooms.plan), Arc::clone(&self.rooms.lines));
        let (board, guard) = (Arc::clone(&self.board), Arc::clone(&self.rooms.guard));
        let queues = Arc::clone(&self.rooms.reception.queues);
        let directory = PlanDirectory::new((plan, lines_set), phones, board, guard);
        let directory = Arc::new(directory.with_queues(queues));
        let count = sockets.len();
        let parking = Arc::new(Parking::default());
        let conferences = Arc::new(Conferences::new(config.conferences.clone()));
        let start = |(index, sockets): (usize, BoundUdp)| {
            let mut seed = [0; 32];
            runtime.fill(&mut seed);
            let house = House {
                domain: config.domain.to_string(),
                limits: config.limits,
                addresses: config.addresses.clone(),
                product: format!("Carillon/{}", env!("CARGO_PKG_VERSION")),
                ports: Arc::clone(ports),
                directory: Arc::clone(&directory) as crate::place::SharedDirectory,
                lines: Arc::clone(lines),
                shard: Place { index, count },
                moved: Arc::clone(&self.transport.moved),
                parking: Arc::clone(&parking),
                conferences: Arc::clone(&conferences),
                recordings: config.recordings.clone(),
                trunks: Arc::clone(&self.rooms.trunks),
                pools: Arc::clone(&self.rooms.pools),
                reception: self.rooms.reception.clone(),
            };
            let watch_counts = Arc::new(WatchCounts::default());
            let parts = Parts {
                index,
                endpoint: Endpoint::new(Config::default(), seed),
                switchboard: Switchboard::new(house).counting_from(first_call(runtime.timestamp())),
                rooms: Arc::clone(&self.rooms),
                transport: Arc::clone(&self.transport),
                watch_counts: Arc::clone(&watch_counts),
                traces: Traces::new(Room::of_shard(config.records.traced_calls_max, count)),
            };
            let (opened, is_open) = oneshot::channel();
            runtime.spawn_listener_apart("SIP over UDP", &self.bound.udp, serve(parts, sockets, opened))?;
            Ok((watch_counts, is_open))
        };
        let started = sockets.into_iter().enumerate().map(start).collect::<std::io::Result<Vec<_>>>()?;
        let mut counts = Vec::new();
        for (watch_counts, is_open) in started {
            is_open.await.map_err(std::io::Error::other)??;
            counts.push(watch_counts);
        }
        Ok(counts)
    }

    /// Tells the shards what has changed, as far as anybody there watches.
    fn start_watchers(&self, counts: Vec<Arc<WatchCounts>>) {
        let (calls, runtime) = (self.clone(), self.rooms.runtime.clone());
        let listener = self.board.listen();
        let shared = Arc::new(counts);
        let counts = Arc::clone(&shared);
        self.rooms.runtime.spawn("dialog watchers", async move {
            loop {
                let changed = tokio::select! {
                    biased;
                    () = runtime.stopping() => return,
                    changed = listener.changed() => changed,
                };
                for line in changed.into_keys() {
                    calls.tell(
                        &counts,
                        |of| of.dialog.load(Ordering::Relaxed),
                        || Input::LineChanged(line.clone()),
                    );
                }
            }
        });
        let (calls, runtime) = (self.clone(), self.rooms.runtime.clone());
        let listener = self.rooms.engine.listen();
        self.rooms.runtime.spawn("presence watchers", async move {
            loop {
                let changed = tokio::select! {
                    biased;
                    () = runtime.stopping() => return,
                    changed = listener.changed() => changed,
                };
                for user in changed {
                    calls.tell(
                        &shared,
                        |of| of.presence.load(Ordering::Relaxed),
                        || Input::UserChanged(user.clone()),
                    );
                }
            }
        });
    }

    fn tell(
        &self,
        counts: &[Arc<WatchCounts>],
        watched: impl Fn(&WatchCounts) -> usize,
        input: impl Fn() -> Input,
    ) {
        for (mailbox, counts) in self.transport.mailboxes.iter().zip(counts) {
            if watched(counts) > 0 {
                mailbox.put(input());
            }
        }
    }

    /// Writes down what calls there were.
    fn start_recorder(&self, config: &CallsConfig) {
        if let Err(error) = recordings::make_folder(&config.recordings.folder) {
            tracing::error!(%error, "the folder of recordings cannot be made; no call is recorded");
        }
        let recorder = Recorder {
            runtime: self.rooms.runtime.clone(),
            store: self.rooms.store.clone(),
            board: Arc::clone(&self.board),
            quality: Arc::clone(&self.quality),
            keep_time: config.records.keep_time,
            recordings: config.recordings.clone(),
        };
        let (runtime, store) = (self.rooms.runtime.clone(), self.rooms.store.clone());
        let recall = records::last_calls(runtime, store, Arc::clone(&self.board));
        self.rooms.runtime.spawn("last calls", recall);
        self.rooms.runtime.spawn("call records", recorder.run());
    }

    /// Removes what has ended, and follows users and lines that change.
    fn start_housekeeping(&self, mut changes: watch::Receiver<u64>) {
        let (rooms, runtime) = (Arc::clone(&self.rooms), self.rooms.runtime.clone());
        self.rooms.runtime.spawn("sip lapse", async move {
            let registered = metrics::gauge!("carillon_sip_registrations");
            loop {
                tokio::select! {
                    biased;
                    () = runtime.stopping() => return,
                    () = runtime.sleep(LAPSE_INTERVAL) => {}
                }
                let now = runtime.timestamp();
                rooms.registrar.lapse(now);
                rooms.publications.lapse(now);
                rooms.authentication.tidy(now);
                registered.set(rooms.registrar.len() as f64);
            }
        });
        let (rooms, runtime) = (Arc::clone(&self.rooms), self.rooms.runtime.clone());
        let mailboxes = self.transport.mailboxes.clone();
        self.rooms.runtime.spawn("sip plan", async move {
            loop {
                let changed = tokio::select! {
                    biased;
                    () = runtime.stopping() => return,
                    changed = changes.changed() => changed,
                };
                if changed.is_err() {
                    return;
                }
                while let Err(error) = follow(&rooms).await {
                    tracing::warn!(%error, "users and lines could not be read");
                    tokio::select! {
                        biased;
                        () = runtime.stopping() => return,
                        () = runtime.sleep(PLAN_RETRY) => {}
                    }
                }
                for mailbox in &mailboxes {
                    mailbox.put(Input::AccountsChanged);
                }
            }
        });
    }
}

async fn follow(rooms: &Rooms) -> Result<(), store::Error> {
    let _turn = rooms.changing.plan.lock().await;
    let plan =
        Arc::new(dialplan::load(&rooms.store, rooms.reception.services.clone(), &rooms.runtime).await?);
    rooms.trunks.follow(plan.plan());
    rooms.pools.follow(plan.plan());
    rooms.plan.store(Arc::clone(&plan));
    rooms.lines.retain(|line| plan.accounts().owner(line).is_some());
    let (accounts, now) = (plan.accounts(), rooms.runtime.timestamp());
    rooms.authentication.lent().retain(now, |lent| {
        accounts.owner(&lent.line) == Some(lent.owner.as_ref()) && accounts.is_in_service(&lent.line)
    });
    rooms.registrar.follow(accounts, now);
    Ok(())
}

/// Behind which number the calls of this start are counted: no earlier start came so far, unless it had more than
/// 65,536 calls a second in one shard.
fn first_call(now: model::Timestamp) -> u64 {
    u64::try_from(now.seconds()).unwrap_or(0) << 16
}

/// What the tokens in our Contacts at registrars are made of: kept, so that a registrar's calls still find us after a
/// restart.
async fn trunk_secret(rooms: &Rooms) -> Result<String, store::Error> {
    if let Some(secret) = rooms.store.setting(TRUNK_SECRET).await? {
        return Ok(secret);
    }
    let mut bytes = [0_u8; 16];
    rooms.runtime.fill(&mut bytes);
    let secret: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    rooms.store.setting_put(TRUNK_SECRET, &secret).await?;
    Ok(secret)
}

/// Opens a shard's sockets on the thread that will read them, says whether it could, and serves them.
async fn serve(parts: Parts, sockets: BoundUdp, opened: oneshot::Sender<std::io::Result<()>>) {
    match sockets.open() {
        Ok(sockets) => {
            let _ = opened.send(Ok(()));
            Shard::new(parts, sockets).run().await;
        }
        Err(cause) => {
            let _ = opened.send(Err(cause));
        }
    }
}

fn shards(wanted: usize) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let count = if wanted == 0 { cores().div_ceil(CORES_OF_A_SHARD) } else { wanted };
    count.clamp(1, SHARDS_MAX)
}

impl std::fmt::Debug for Calls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Calls").field("listening", &self.bound).finish_non_exhaustive()
    }
}
