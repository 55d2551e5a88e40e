//! The stage: one endpoint and its switchboard, the phones around them, and the clock.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bytes::Bytes;
use calls::address::Addresses;
use calls::admission::Pools;
use calls::call::{Arrival, EXTENSIONS, House, Moved, Now, Post, Reception, Shard, Switchboard};
use calls::command::{Command, Done, Refusal};
use calls::directory::PlanDirectory;
use calls::features::conference::Conferences;
use calls::features::park::Parking;
use calls::features::queues::Queues;
use calls::feed::Feed;
use calls::guard::Guard;
use calls::line_state::LineStates;
use calls::place::Caller;
use calls::snapshot::CallId;
use calls::trunk::{Origin, Trunks};
use calls::{Board, CallLimits, MeetMe};
use media::{Rate, Shelf, Sound, Source};
use model::{Private, Timestamp};
use presence::{Engine, Rules};
use sip::endpoint::{Config, Endpoint, Event, Flow, Output, Transport};
use sip::location::Hop;
use sip::{Message, Method, Name, Response};
use store::CallRecord;

use crate::directory::{self, Numbers, Registered, Registrations, SERVER, flow_to, line};
use crate::phone::Phone;

pub struct Stage {
    pub phones: Vec<Phone>,
    pub ports: Arc<Numbers>,
    pub presence: Arc<Engine>,
    pub board: Arc<Board>,
    shards: Vec<(Endpoint, Switchboard)>,
    moved: Arc<Moved>,
    parking: Arc<Parking>,
    conferences: Arc<Conferences>,
    /// What the application of route points that a script plays is told.
    pub told: Arc<Feed>,
    trunks: Arc<Trunks>,
    pub pools: Arc<Pools>,
    queues: Arc<Queues>,
    sounds: Arc<Shelf>,
    post: Vec<(usize, Post)>,
    records: VecDeque<CallRecord>,
    start: Instant,
    now: Instant,
    /// What the directory takes for the time.
    clock: Arc<AtomicI64>,
}

/// What is known of numbers beside the phones.
#[derive(Default)]
pub struct Numbering {
    /// Lines without a phone: owner, number.
    pub lines: Vec<(String, String)>,
    /// Where calls go that fail: from, to.
    pub forwards: Vec<(String, String)>,
    /// The dial plan.
    pub plan: String,
    /// The phones whose signalling comes over TLS.
    pub secure: Vec<String>,
    /// The phones whose signalling comes over a WebSocket.
    pub web: Vec<String>,
    /// Trunks.
    pub trunks: Vec<directory::Trunk>,
}

impl Numbering {
    /// The port of a phone, by which its transport is known.
    fn port_of(&self, name: &str) -> u16 {
        let is_in = |names: &[String]| names.iter().any(|known| known == name);
        match (is_in(&self.secure), is_in(&self.web)) {
            (true, _) => directory::SECURE_PORT,
            (_, true) => directory::WEB_PORT,
            _ => 5060,
        }
    }
}

/// 800 for three, and 801 with a PIN.
fn conferences() -> Vec<MeetMe> {
    let pin = Some(Private("4711".to_owned()));
    vec![
        MeetMe { number: "800".to_owned(), pin: None, parties_max: 3 },
        MeetMe { number: "801".to_owned(), pin, parties_max: 10 },
    ]
}

/// Sounds of a second each, and the digits: made once for all stages.
fn sounds() -> Arc<Shelf> {
    static SHELF: OnceLock<Arc<Shelf>> = OnceLock::new();
    Arc::clone(SHELF.get_or_init(|| Arc::new(shelf())))
}

fn shelf() -> Shelf {
    let shelf = Shelf::default();
    for name in ["welcome", "menu", "closed", "invalid", "hours", "please-wait", "number", "waltz", "sorry"] {
        shelf.put(name, Sound::new(Rate::Narrow, &[0; 8_000]));
    }
    for digit in 0..10 {
        shelf.put(&format!("digit-{digit}"), Sound::new(Rate::Narrow, &[0; 4_000]));
    }
    shelf
}

/// Who owns which number.
fn owners<'a>(lines: impl Iterator<Item = &'a (String, String)>) -> BTreeMap<String, String> {
    lines.map(|(name, number)| (number.clone(), owner(name).to_owned())).collect()
}

/// Every name ends in the number of the phone, if it has several: `bob2` is bob's.
fn owner(name: &str) -> &str {
    name.trim_end_matches(|c: char| c.is_ascii_digit())
}

impl Stage {
    /// Sets up phones `name=number` and lines without phones.
    #[allow(
        clippy::disallowed_methods,
        reason = "an Instant cannot be had otherwise; it is moved by hand from here"
    )]
    pub fn new(
        phones: &[(String, String)],
        numbers: &Numbering,
        (limits, count): (CallLimits, usize),
    ) -> Self {
        let board = Arc::new(Board::new());
        let presence = Arc::new(Engine::new(Rules::default()));
        let states = Arc::new(LineStates::new(Arc::clone(&presence), Arc::clone(&board)));
        let ports = Arc::new(Numbers::default());
        let address =
            |at: usize| SocketAddr::new([10, 0, 0, at as u8 + 1].into(), numbers.port_of(&phones[at].0));
        let registered = phones.iter().enumerate().map(|(at, (name, number))| Registered {
            name: name.clone(),
            line: line(number),
            owner: owner(name).to_owned(),
            address: address(at),
        });
        let registrations = Registrations { phones: registered.collect(), ..Registrations::default() };
        let clock = Arc::clone(&registrations.now);
        for phone in &registrations.phones {
            let user = format!("{}@localhost", phone.owner).parse().expect("an address");
            states.registered(&phone.line, Some(&user), Timestamp(0));
        }
        let lines = owners(phones.iter().chain(&numbers.lines));
        let at_name = |name: &str| {
            let found = phones.iter().position(|(known, _)| known == name);
            address(found.unwrap_or_else(|| panic!("no phone is called {name}")))
        };
        let document = numbers.plan.clone()
            + &directory::forwards(&numbers.forwards)
            + &directory::trunks(&numbers.trunks, at_name);
        let plan = directory::plan(&document, &lines).expect("a plan");
        let start = Instant::now();
        let trunks = Arc::new(Trunks::new(Arc::clone(&board)));
        trunks.settle(Arc::new(move |_, _| SERVER.parse().ok()), "secret".to_owned());
        trunks.follow(plan.plan());
        let pools = Arc::new(Pools::default());
        pools.follow(plan.plan());
        for (name, servers, _) in &numbers.trunks {
            let hop = |name: &String| Hop { transport: Transport::Udp, address: at_name(name) };
            trunks.found(name, servers.iter().map(hop).collect(), start);
        }
        let plan = Arc::new(ArcSwap::from_pointee(plan));
        let time = Arc::clone(&clock);
        let guard = Guard::new(Arc::new(move || Timestamp(time.load(Ordering::Relaxed))));
        let lines = (plan, Arc::default());
        let reception =
            Reception { sounds: sounds(), music: Some(Source::Sounds(Vec::new())), ..Reception::default() };
        let (queues, sounds) = (Arc::clone(&reception.queues), Arc::clone(&reception.sounds));
        let directory = PlanDirectory::new(lines, registrations, Arc::clone(&board), Arc::new(guard));
        let directory = Arc::new(directory.with_queues(Arc::clone(&queues)));
        let (moved, parking) = (Arc::<Moved>::default(), Arc::<Parking>::default());
        let conferences = Arc::new(Conferences::new(conferences()));
        let house = |index| House {
            domain: "localhost".to_owned(),
            limits,
            addresses: Addresses::default(),
            product: "Carillon".to_owned(),
            ports: Arc::<Numbers>::clone(&ports),
            directory: Arc::<PlanDirectory<Registrations>>::clone(&directory),
            lines: Arc::clone(&states),
            shard: Shard { index, count },
            moved: Arc::clone(&moved),
            parking: Arc::clone(&parking),
            conferences: Arc::clone(&conferences),
            recordings: calls::Recordings::default(),
            trunks: Arc::clone(&trunks),
            pools: Arc::clone(&pools),
            reception: reception.clone(),
        };
        let config = Config { extensions: EXTENSIONS.to_vec(), ..Config::default() };
        Self {
            phones: phones
                .iter()
                .enumerate()
                .map(|(at, (name, number))| Phone::new(name, number, address(at)))
                .collect(),
            shards: (0..count)
                .map(|index| {
                    let endpoint = Endpoint::new(config.clone(), [index as u8 + 1; 32]);
                    (endpoint, Switchboard::new(house(index)))
                })
                .collect(),
            moved,
            parking,
            conferences,
            told: Arc::default(),
            trunks,
            pools,
            queues,
            sounds,
            post: Vec::new(),
            records: VecDeque::new(),
            ports,
            presence,
            board,
            start,
            now: start,
            clock,
        }
    }

    /// Other limits hold from now on, as after a reload.
    pub fn set_limits(&mut self, limits: CallLimits) {
        for (_, switchboard) in &mut self.shards {
            switchboard.set_limits(limits);
        }
    }

    /// An application wants something; what is to be done after it in another call is done then.
    pub fn command(&mut self, command: &Command) -> Result<Done, Refusal> {
        let now = self.now();
        let at = command.call().map_or(0, CallId::shard);
        let (endpoint, switchboard) = &mut self.shards[at];
        let done = switchboard.command(command, endpoint, now);
        self.pump();
        match (done, command.then()) {
            (Ok(_), Some(then)) => self.command(&then),
            (done, _) => done,
        }
    }

    /// The application of route points is gone.
    pub fn application_gone(&mut self) {
        for call in self.board.applications().gone(&self.told) {
            self.post.push((call.shard(), Post::unrouted(call)));
        }
        self.pump();
    }

    pub fn phone(&mut self, name: &str) -> &mut Phone {
        self.phones
            .iter_mut()
            .find(|phone| phone.name == name)
            .unwrap_or_else(|| panic!("no phone is called {name}"))
    }

    /// The record of the next call that has ended.
    pub fn next_record(&mut self) -> Option<CallRecord> {
        self.records.extend(self.board.finished().take().iter().map(|call| call.record()));
        self.records.pop_front()
    }

    pub fn now(&self) -> Now {
        let since = self.now.duration_since(self.start);
        Now { instant: self.now, civil: Timestamp(0).plus(since) }
    }

    /// A phone's message reaches the server, and all that follows from it happens.
    pub fn deliver(&mut self, name: &str, bytes: Bytes) {
        let flow = flow_to(self.phone(name).address);
        self.take_in(bytes, flow);
        self.pump();
    }

    /// As the transport does: to the shard of the Call-ID, or where the dialog has moved to.
    fn take_in(&mut self, bytes: Bytes, flow: Flow) {
        let message = Message::parse(bytes).expect("scripts write well-formed messages");
        let shard = self.moved.shard_of(&message, self.shards.len());
        self.shards[shard].0.handle_message(message, flow, self.now);
    }

    fn pump(&mut self) {
        while self.pump_once() {}
    }

    fn pump_once(&mut self) -> bool {
        let mut any = false;
        for at in 0..self.shards.len() {
            while let Some(output) = self.shards[at].0.poll_output() {
                any = true;
                match output {
                    Output::Transmit(transmit) => {
                        let to = transmit.flow.remote;
                        let phone = self.phones.iter().position(|phone| phone.address == to);
                        let phone = phone.unwrap_or_else(|| panic!("a message to nobody at {to}"));
                        if let Some(ack) = self.phones[phone].take(transmit.bytes) {
                            self.take_in(ack, flow_to(to));
                        }
                    }
                    Output::Event(event) => self.event(at, event),
                }
            }
            let now = self.now();
            let letters = {
                let (endpoint, switchboard) = &mut self.shards[at];
                switchboard.exchange_letters(Vec::new(), endpoint, now)
            };
            for (to, letter) in letters {
                any = true;
                let (endpoint, switchboard) = &mut self.shards[to];
                let more = switchboard.exchange_letters(vec![letter], endpoint, now);
                assert!(more.is_empty() || to != at, "a letter to oneself stays at home");
                self.post.extend(more);
            }
        }
        for (to, letter) in std::mem::take(&mut self.post) {
            any = true;
            let now = self.now();
            let (endpoint, switchboard) = &mut self.shards[to];
            let more = switchboard.exchange_letters(vec![letter], endpoint, now);
            self.post.extend(more);
        }
        any
    }

    /// What the shard does with an event: calls first, then new INVITEs.
    fn event(&mut self, at: usize, event: Event) {
        let now = self.now();
        let (endpoint, switchboard) = &mut self.shards[at];
        let Some(Event::Request { transaction, request, flow }) =
            switchboard.handle_event(event, endpoint, now)
        else {
            return;
        };
        if *request.method() == Method::Invite && request.headers().to_tag().is_none() {
            if let Some(trunk) = self.trunks.sender(&request, Origin { flow: &flow, peer: None }) {
                let caller = trunk.caller(&request, &model::plan::Plan::default());
                let arrival = Arrival { transaction, request, flow, caller };
                return switchboard.handle_invite(arrival, endpoint, now);
            }
            let number =
                request.headers().from().expect("From").uri().user().map(<[u8]>::to_vec).unwrap_or_default();
            let number = String::from_utf8_lossy(&number).into_owned();
            let here = |phone: &&Phone| phone.address == flow.remote && phone.number == number;
            let phone = self.phones.iter().find(here).expect("a known caller");
            let user = format!("{}@localhost", owner(&phone.name)).parse().expect("an address");
            let caller = Caller {
                line: Some(line(&number)),
                user: Some(user),
                name: Some(phone.name.clone()),
                number,
                trunk: None,
                device: Some(phone.name.as_str().into()),
                withheld: false,
            };
            let arrival = Arrival { transaction, request, flow, caller };
            switchboard.handle_invite(arrival, endpoint, now);
        } else {
            let response =
                Response::to(&request, 481, Some(b"nobody")).header(Name::Server, "Carillon").finish();
            endpoint.respond(transaction, &response, self.now);
        }
    }

    /// The names of the sounds that a phone hears.
    pub fn sounds_heard(&mut self, name: &str) -> Vec<String> {
        let address = self.phone(name).media();
        let heard = self.ports.sounds(address);
        let all = self.sounds.list();
        let name_of = |sound: &Arc<Sound>| {
            let is_it = |name: &str| self.sounds.sound(name).is_some_and(|known| Arc::ptr_eq(&known, sound));
            all.iter().map(|(name, _)| name).find(|name| is_it(name)).cloned().unwrap_or_default()
        };
        heard.iter().map(name_of).collect()
    }

    /// Media has heard a key of a phone.
    pub fn key(&mut self, name: &str, key: char) -> Result<(), String> {
        let number = self.phone(name).number.clone();
        let (calls, _) = self.board.line(&line(&number));
        let call = calls.last().ok_or("it is in no call")?.id;
        let now = self.now();
        let (endpoint, switchboard) = &mut self.shards[call.shard()];
        switchboard.key(call, key, endpoint, now);
        self.pump();
        Ok(())
    }

    /// Moves the clock, timer by timer.
    pub fn wait(&mut self, time: Duration) {
        let target = self.now + time;
        loop {
            let due = |(endpoint, switchboard): &(Endpoint, Switchboard)| {
                [endpoint.next_timeout(), switchboard.next_timeout()].into_iter().flatten().min()
            };
            match self.shards.iter().filter_map(due).min() {
                Some(at) if at <= target => self.now = self.now.max(at),
                _ => break,
            }
            self.clock.store(self.now().civil.0, Ordering::Relaxed);
            for at in 0..self.shards.len() {
                self.shards[at].0.handle_timeout(self.now);
            }
            self.pump();
            let now = self.now();
            for (endpoint, switchboard) in &mut self.shards {
                switchboard.handle_timeout(endpoint, now);
            }
            self.pump();
        }
        self.now = target;
        self.clock.store(self.now().civil.0, Ordering::Relaxed);
    }

    /// Transactions that live, over all shards: sent, and received.
    pub fn transactions(&self) -> (usize, usize) {
        let all = self.shards.iter().map(|(endpoint, _)| endpoint.transactions());
        all.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    /// What is still there that should be gone; empty when all has come to rest.
    pub fn remains(&self) -> Vec<String> {
        let mut remains = Vec::new();
        for (endpoint, switchboard) in &self.shards {
            if !switchboard.is_empty() {
                remains.push(format!("{} calls", switchboard.len()));
            }
            if !switchboard.is_at_rest() {
                remains.push("keys of calls that are gone".to_owned());
            }
            if !endpoint.is_at_rest() {
                remains.push(format!("transactions: {:?}", endpoint.transactions()));
            }
        }
        if !self.parking.is_empty() {
            remains.push("parked calls".to_owned());
        }
        if !self.board.applications().is_idle() {
            remains.push("calls that wait for an application".to_owned());
        }
        if !self.conferences.is_empty() {
            remains.push("conferences".to_owned());
        }
        if !self.pools.is_idle() {
            remains.push(format!("bandwidth: {:?}", self.pools));
        }
        if !self.queues.is_empty() {
            remains.push("callers in queues".to_owned());
        }
        if !self.moved.is_empty() {
            remains.push("dialogs that have moved".to_owned());
        }
        if self.ports.open_ports() > 0 {
            remains.push(format!("{} media ports", self.ports.open_ports()));
        }
        if !self.board.snapshots().is_empty() {
            remains.push(format!("{} snapshots", self.board.snapshots().len()));
        }
        remains
    }
}
