//! What keeps trunks up: their names are looked up, they are registered at, they are asked by OPTIONS (RFC 3261 §11).
//! It lives in the first shard; what it learns stands in each [`Trunk`], where all shards read it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sip::endpoint::{ClientTransaction, ConnectionId, Endpoint};
use sip::location::Hop;
use sip::registration::{Registration, State as Registered, Then};
use sip::uri::Scheme;
use sip::{CSeq, Method, Name, NameAddr, Request, RequestBuilder, Response, Uri};
use tokio::sync::oneshot;

use super::health::State;
use super::status::{ProbeOutcome, server};
use super::{Trunk, Trunks};
use crate::call::{House, Now};

/// How long a server may take to answer OPTIONS.
const PROBE_WAIT: Duration = Duration::from_secs(4);
/// How long what the name service said is good.
const FOUND_FOR: Duration = Duration::from_secs(300);
/// How soon it is asked again when it did not answer, or knew nothing.
const NOT_FOUND_FOR: Duration = Duration::from_secs(20);
/// Servers of one trunk that are asked by OPTIONS.
const PROBED_MAX: usize = 8;
/// Hops of our REGISTER and OPTIONS (RFC 3261 §8.1.1.6).
const MAX_FORWARDS: u32 = 70;

/// The name service has answered for a trunk.
#[derive(Debug)]
pub(crate) struct Found {
    pub trunk: Arc<Trunk>,
    pub found: Result<Vec<Hop>, String>,
}

/// What an administrator hears who asked for a test.
pub(crate) type Probed = oneshot::Sender<Vec<ProbeOutcome>>;

/// See the module.
pub(crate) struct Keeper {
    kept: BTreeMap<String, Kept>,
    requests: BTreeMap<ClientTransaction, Sent>,
    tests: BTreeMap<u64, Test>,
    /// Counts tests.
    tested: u64,
    /// Trunks whose names are to be looked up now.
    wanted: Vec<Arc<Trunk>>,
    /// The plan may have changed.
    is_new: bool,
}

/// One trunk that is looked after.
struct Kept {
    trunk: Arc<Trunk>,
    /// When its name is looked up again; `None` while that is under way, and for calls that only come in.
    look_up_at: Option<Instant>,
    registration: Option<Registration>,
    registers: Registers,
    /// When each server is asked again.
    probes: BTreeMap<Hop, Instant>,
}

/// What all REGISTERs of one registration share (RFC 3261 §10.2: "all registrations from a UAC SHOULD use the same
/// Call-ID", with a rising CSeq).
#[derive(Default)]
struct Registers {
    call_id: String,
    tag: String,
    count: u32,
    hop: Option<Hop>,
}

/// A request of ours that waits for its answer.
struct Sent {
    trunk: Arc<Trunk>,
    hop: Hop,
    at: Instant,
    kind: Kind,
}

enum Kind {
    /// A REGISTER, and the nonce that it answered.
    Register(Option<String>),
    /// OPTIONS; over once the server was too slow.
    Options { given_up: bool },
    /// OPTIONS of a test, by its number.
    Test(u64),
    /// A REGISTER that takes a registration back.
    Farewell,
}

/// A test under way.
struct Test {
    outcomes: Vec<ProbeOutcome>,
    waiting: usize,
    until: Instant,
    answer: Option<Probed>,
}

/// What the keeper works with.
pub(crate) struct Hands<'a> {
    pub endpoint: &'a mut Endpoint,
    pub house: &'a House,
    pub trunks: &'a Trunks,
    pub now: Now,
}

impl Hands<'_> {
    /// A random number, for jitter.
    fn draw(&mut self) -> u32 {
        self.endpoint
            .new_tag()
            .bytes()
            .fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()))
    }
}

impl Default for Keeper {
    fn default() -> Self {
        Self {
            kept: BTreeMap::new(),
            requests: BTreeMap::new(),
            tests: BTreeMap::new(),
            tested: 0,
            wanted: Vec::new(),
            is_new: true,
        }
    }
}

impl Keeper {
    /// The plan may have changed: the next turn looks at it.
    pub(crate) fn plan_changed(&mut self) {
        self.is_new = true;
    }

    /// Trunks whose names are to be looked up; the answer goes to [`Keeper::found`].
    pub(crate) fn wanted(&mut self) -> Vec<Arc<Trunk>> {
        std::mem::take(&mut self.wanted)
    }

    fn follow(&mut self, hands: &mut Hands<'_>) {
        self.is_new = false;
        let now = hands.now.instant;
        let all = hands.trunks.all();
        let gone = |name: &String, kept: &Kept| {
            !all.iter().any(|trunk| trunk.name == *name && Arc::ptr_eq(trunk, &kept.trunk))
        };
        let names: Vec<String> =
            self.kept.iter().filter(|(name, kept)| gone(name, kept)).map(|(name, _)| name.clone()).collect();
        for name in names {
            if let Some(mut kept) = self.kept.remove(&name) {
                self.unregister(&mut kept, hands);
                metrics::gauge!("carillon_trunk_up", "trunk" => name.clone()).set(0.0);
            }
        }
        for trunk in all {
            if self.kept.contains_key(&trunk.name) {
                continue;
            }
            // It registers once it knows where.
            trunk.set_registered(trunk.registers().then_some(Registered::Trying));
            let look_up_at = trunk.destination().map(|_| now);
            let registers = Registers {
                call_id: hands.house.shard.call_id(hands.endpoint).escape_ascii().to_string(),
                tag: hands.endpoint.new_tag(),
                ..Registers::default()
            };
            let kept = Kept {
                look_up_at,
                registration: None,
                registers,
                probes: BTreeMap::new(),
                trunk: Arc::clone(&trunk),
            };
            self.kept.insert(trunk.name.clone(), kept);
        }
    }

    /// Fires what is due.
    pub(crate) fn handle_timeout(&mut self, hands: &mut Hands<'_>) {
        let now = hands.now.instant;
        if self.is_new {
            self.follow(hands);
        }
        self.give_up(now);
        let names: Vec<String> = self.kept.keys().cloned().collect();
        for name in names {
            let Some(mut kept) = self.kept.remove(&name) else { continue };
            if kept.look_up_at.is_some_and(|at| at <= now) {
                kept.look_up_at = None;
                self.wanted.push(Arc::clone(&kept.trunk));
            }
            if kept.registration.as_ref().and_then(Registration::due).is_some_and(|due| due <= now) {
                self.register(&mut kept, hands);
            }
            let due: Vec<Hop> =
                kept.probes.iter().filter(|(_, at)| **at <= now).map(|(hop, _)| *hop).collect();
            for hop in due {
                kept.probes.insert(hop, now + PROBE_WAIT + kept.trunk.pause(hop));
                self.ask(&kept.trunk, hop, Kind::Options { given_up: false }, hands);
            }
            self.kept.insert(name, kept);
        }
    }

    /// When [`Keeper::handle_timeout`] is wanted.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let kept = self.kept.values().flat_map(|kept| {
            let registration = kept.registration.as_ref().and_then(Registration::due);
            [kept.look_up_at, registration].into_iter().flatten().chain(kept.probes.values().copied())
        });
        let slow = self.requests.values().filter_map(|sent| match sent.kind {
            Kind::Options { given_up: false } => Some(sent.at + PROBE_WAIT),
            _ => None,
        });
        kept.chain(slow)
            .chain(self.tests.values().filter(|test| test.answer.is_some()).map(|test| test.until))
            .min()
    }

    /// Servers that are too slow count as silent; tests end.
    fn give_up(&mut self, now: Instant) {
        for sent in self.requests.values_mut() {
            if let Kind::Options { given_up: given_up @ false } = &mut sent.kind
                && sent.at + PROBE_WAIT <= now
            {
                *given_up = true;
                probed(&sent.trunk, sent.hop, false, now);
                if let Some(kept) = self.kept.get_mut(&sent.trunk.name) {
                    kept.probes.insert(sent.hop, now + sent.trunk.pause(sent.hop));
                }
            }
        }
        for test in self.tests.values_mut() {
            if test.until <= now || test.waiting == 0 {
                tell(test);
            }
        }
        self.tests.retain(|_, test| test.answer.is_some());
    }

    /// The name service has answered.
    pub(crate) fn found(&mut self, Found { trunk, found }: Found, hands: &mut Hands<'_>) {
        let now = hands.now.instant;
        let Some(kept) = self.kept.get_mut(&trunk.name).filter(|kept| Arc::ptr_eq(&kept.trunk, &trunk))
        else {
            return;
        };
        let again = if found.as_ref().is_ok_and(|hops| !hops.is_empty()) { FOUND_FOR } else { NOT_FOUND_FOR };
        if let Err(reason) = &found {
            tracing::warn!(trunk = trunk.name, reason, "the address of a trunk was not found");
        }
        trunk.found(found, now);
        kept.look_up_at = Some(now + again);
        let hops: Vec<Hop> = trunk.seen(now).iter().map(|seen| seen.hop).collect();
        kept.probes.retain(|hop, _| hops.contains(hop));
        if trunk.sip.options_seconds > 0 {
            for hop in hops.iter().take(PROBED_MAX) {
                kept.probes.entry(*hop).or_insert(now);
            }
        }
        let account = trunk.sip.account.as_ref().filter(|account| account.register);
        if let (Some(account), None, false) = (account, &kept.registration, hops.is_empty()) {
            kept.registration = Some(Registration::new(account.expires_seconds, now));
        }
        self.handle_timeout(hands);
    }

    /// An administrator wants to know whether the servers of a trunk are there.
    pub(crate) fn test(&mut self, trunk: &Arc<Trunk>, answer: Probed, hands: &mut Hands<'_>) {
        let now = hands.now.instant;
        self.tested += 1;
        let number = self.tested;
        let hops = trunk.seen(now);
        let until = now + PROBE_WAIT;
        let mut test = Test { outcomes: Vec::new(), waiting: 0, until, answer: Some(answer) };
        for seen in hops {
            test.outcomes.push(ProbeOutcome { server: server(seen.hop), status: None, milliseconds: 0 });
            test.waiting += usize::from(self.ask(trunk, seen.hop, Kind::Test(number), hands));
        }
        if test.waiting == 0 {
            tell(&mut test);
        }
        self.tests.insert(number, test);
    }

    /// Sends OPTIONS.
    fn ask(&mut self, trunk: &Arc<Trunk>, hop: Hop, kind: Kind, hands: &mut Hands<'_>) -> bool {
        let Some(target) = hands.trunks.target(trunk, hop) else { return false };
        let call_id = hands.house.shard.call_id(hands.endpoint);
        let from = Uri::compose(Scheme::Sip, None, &hands.house.domain, None, "");
        let (Some(to), Ok(from)) = (trunk.uri(None), from) else { return false };
        let (to, from) = (NameAddr::compose(None, &to, None), NameAddr::compose(None, &from, None));
        let request = RequestBuilder::new(Method::Options, to.uri().as_bytes())
            .header(Name::MaxForwards, &MAX_FORWARDS)
            .header(Name::From, &NameAddr::with_tag(&from, hands.endpoint.new_tag().as_bytes()))
            .header(Name::To, &to)
            .header(Name::CallId, &call_id)
            .header(Name::CSeq, &CSeq { number: 1, method: Method::Options })
            .header(Name::Contact, hands.house.contact(&target.flow).as_str())
            .header(Name::Accept, "application/sdp")
            .header(Name::UserAgent, &hands.house.product)
            .finish();
        self.send(trunk, hop, request, kind, hands)
    }

    /// Sends a REGISTER (RFC 3261 §10.2) to the first server that does not rest.
    fn register(&mut self, kept: &mut Kept, hands: &mut Hands<'_>) {
        let now = hands.now.instant;
        let hop = kept.trunk.in_order(now).first().map(|(hop, _)| *hop);
        let Some(registration) = &mut kept.registration else { return };
        let expires = registration.expires();
        registration.sent();
        kept.registers.hop = hop;
        let sent = hop.and_then(|hop| {
            let (request, nonce) = register(kept, hop, expires, hands)?;
            self.send(&kept.trunk, hop, request, Kind::Register(nonce), hands).then_some(())
        });
        if sent.is_none() {
            let entropy = hands.draw();
            if let Some(registration) = &mut kept.registration {
                registration.silent(now, entropy);
                kept.trunk.set_registered(Some(registration.state(now)));
            }
        }
    }

    /// A connection to a server has ended: it is asked at once whether it is there, and a registration that went over it is
    /// renewed, since calls would come in over it (RFC 5626 §4.4).
    pub(crate) fn connection_lost(&mut self, connection: ConnectionId, hands: &mut Hands<'_>) {
        let Some((trunk, hop)) = hands.trunks.standing(connection) else { return };
        let Some(kept) = self.kept.get_mut(&trunk.name).filter(|kept| Arc::ptr_eq(&kept.trunk, &trunk))
        else {
            return;
        };
        let now = hands.now.instant;
        let at = trunk.opens_at(hop).map_or(now, |at| at.max(now));
        if let Some(probe) = kept.probes.get_mut(&hop) {
            *probe = at;
        }
        if kept.registers.hop == Some(hop)
            && let Some(registration) = &mut kept.registration
            && matches!(registration.state(now), Registered::Registered { .. })
        {
            registration.ask_now(at);
        }
        self.handle_timeout(hands);
    }

    /// Takes the registration back of a trunk that is gone from the plan; nobody waits for the answer.
    fn unregister(&mut self, kept: &mut Kept, hands: &mut Hands<'_>) {
        let now = hands.now.instant;
        let holds = kept.registration.as_ref().map(|registration| registration.state(now));
        let (Some(Registered::Registered { .. }), Some(hop)) = (holds, kept.registers.hop) else { return };
        if let Some((request, _)) = register(kept, hop, 0, hands) {
            self.send(&kept.trunk, hop, request, Kind::Farewell, hands);
        }
    }

    /// Takes all registrations back, as before a stop.
    pub(crate) fn end_all(&mut self, hands: &mut Hands<'_>) {
        for (_, mut kept) in std::mem::take(&mut self.kept) {
            self.unregister(&mut kept, hands);
        }
    }

    fn send(
        &mut self,
        trunk: &Arc<Trunk>,
        hop: Hop,
        request: Request,
        kind: Kind,
        hands: &mut Hands<'_>,
    ) -> bool {
        let Some(target) = hands.trunks.target(trunk, hop) else { return false };
        let target = hands.house.target(target);
        match hands.endpoint.send_request(request, &target, hands.now.instant) {
            Ok(transaction) => {
                let sent = Sent { trunk: Arc::clone(trunk), hop, at: hands.now.instant, kind };
                self.requests.insert(transaction, sent);
                true
            }
            Err(_) => false,
        }
    }

    /// A request was answered, or (`None`) was not. False when it is none of ours.
    pub(crate) fn answered(
        &mut self,
        transaction: ClientTransaction,
        response: Option<&Response>,
        hands: &mut Hands<'_>,
    ) -> bool {
        if response.is_some_and(Response::is_provisional) {
            return self.requests.contains_key(&transaction);
        }
        let Some(sent) = self.requests.remove(&transaction) else { return false };
        let now = hands.now.instant;
        match &sent.kind {
            Kind::Options { given_up: true } | Kind::Farewell => {}
            Kind::Options { .. } => {
                probed(&sent.trunk, sent.hop, response.is_some_and(is_alive), now);
                if let Some(kept) = self.kept.get_mut(&sent.trunk.name) {
                    kept.probes.insert(sent.hop, now + sent.trunk.pause(sent.hop));
                }
            }
            Kind::Test(number) => self.tested(*number, &sent, response, now),
            Kind::Register(nonce) => self.registered(&sent, response, nonce.as_deref(), hands),
        }
        true
    }

    fn tested(&mut self, number: u64, sent: &Sent, response: Option<&Response>, now: Instant) {
        let Some(test) = self.tests.get_mut(&number) else { return };
        test.waiting = test.waiting.saturating_sub(1);
        let of = server(sent.hop);
        if let Some(outcome) = test.outcomes.iter_mut().find(|outcome| outcome.server == of) {
            outcome.status = response.map(Response::status);
            let time = now.saturating_duration_since(sent.at).as_millis();
            outcome.milliseconds = u64::try_from(time).unwrap_or(u64::MAX);
        }
        if test.waiting == 0 {
            tell(test);
        }
    }

    fn registered(
        &mut self,
        sent: &Sent,
        response: Option<&Response>,
        nonce: Option<&str>,
        hands: &mut Hands<'_>,
    ) {
        let (now, entropy) = (hands.now.instant, hands.draw());
        let trunk = &sent.trunk;
        let Some(mut kept) = self.kept.remove(&trunk.name) else { return };
        let before = trunk.registered();
        let then = match (&mut kept.registration, response) {
            (Some(registration), Some(response)) => {
                if response.status() == 503 {
                    trunk.failed(sent.hop, retry_after(response), now);
                } else {
                    trunk.answered(sent.hop);
                }
                let is_challenge = matches!(response.status(), 401 | 407);
                let answered = is_challenge && trunk.challenged(response, nonce);
                let token = trunk.token.as_bytes();
                let ours = |contact: &sip::Contact| contact.uri().user() == Some(token);
                registration.answered(response, answered, ours, (now, entropy))
            }
            (Some(registration), None) => {
                trunk.failed(sent.hop, None, now);
                registration.silent(now, entropy);
                Then::Wait
            }
            (None, _) => Then::Wait,
        };
        let failed = response.is_none_or(|response| matches!(response.status(), 408 | 500..600));
        let another = failed && trunk.in_order(now).iter().any(|(hop, up)| *up && *hop != sent.hop);
        match then {
            Then::Again => self.register(&mut kept, hands),
            // RFC 3263 §4.3: the next server is tried at once; when all have failed, the wait is long.
            Then::Wait if another && !trunk.seen(now).iter().all(|seen| seen.rests_until.is_some()) => {
                if let Some(registration) = &mut kept.registration {
                    registration.ask_now(now);
                }
            }
            Then::Wait => {}
        }
        let state = kept.registration.as_ref().map(|registration| registration.state(now));
        trunk.set_registered(state);
        tell_registration(trunk, before, state);
        self.kept.insert(trunk.name.clone(), kept);
    }
}

/// Says once what has changed.
fn tell_registration(trunk: &Trunk, before: Option<Registered>, state: Option<Registered>) {
    let is_up = |state: Option<Registered>| matches!(state, Some(Registered::Registered { .. }));
    metrics::gauge!("carillon_trunk_registered", "trunk" => trunk.name.clone()).set(if is_up(state) {
        1.0
    } else {
        0.0
    });
    match (is_up(before), state) {
        (false, Some(Registered::Registered { .. })) => {
            tracing::info!(trunk = trunk.name, "a trunk is registered");
        }
        (_, Some(Registered::Refused { status })) if before != state => {
            tracing::warn!(trunk = trunk.name, status, "the registrar of a trunk refuses us");
        }
        (true, Some(Registered::Silent)) => {
            tracing::warn!(trunk = trunk.name, "the registrar of a trunk does not answer");
        }
        _ => {}
    }
}

fn tell(test: &mut Test) {
    if let Some(answer) = test.answer.take() {
        // Whoever asked may have gone meanwhile.
        drop(answer.send(std::mem::take(&mut test.outcomes)));
    }
}

/// A server is there when it answers anything but that it is out of service (RFC 3261 §21.5.4) or gave up on somebody
/// behind it.
fn is_alive(response: &Response) -> bool {
    !matches!(response.status(), 408 | 502 | 503 | 504)
}

pub(crate) fn retry_after(response: &Response) -> Option<Duration> {
    let after = response.headers().retry_after().ok().flatten()?;
    Some(Duration::from_secs(after.seconds.into()))
}

fn probed(trunk: &Trunk, hop: Hop, answered: bool, now: Instant) {
    let Some(state) = trunk.probed(hop, answered, now) else { return };
    let server = server(hop);
    match state {
        State::Down => tracing::warn!(trunk = trunk.name, server, "a server of a trunk is down"),
        State::Up | State::Unknown => tracing::info!(trunk = trunk.name, server, "a server of a trunk is up"),
    }
    let up = if trunk.is_usable() { 1.0 } else { 0.0 };
    metrics::gauge!("carillon_trunk_up", "trunk" => trunk.name.clone()).set(up);
}

/// A REGISTER of a trunk, and the nonce that its credentials answer.
fn register(
    kept: &mut Kept,
    hop: Hop,
    expires: u32,
    hands: &mut Hands<'_>,
) -> Option<(Request, Option<String>)> {
    let trunk = &kept.trunk;
    let target = hands.trunks.target(trunk, hop)?;
    let registrar = trunk.uri(None)?;
    let own = trunk.uri(Some(&trunk.sip.account.as_ref()?.username))?;
    let own = NameAddr::compose(None, &own, None);
    kept.registers.count += 1;
    let contact = hands.house.contact(&target.flow);
    let contact = contact.replacen("<sip:", &format!("<sip:{}@", trunk.token), 1);
    let builder = RequestBuilder::new(Method::Register, registrar.as_bytes())
        .header(Name::MaxForwards, &MAX_FORWARDS)
        .header(Name::From, &NameAddr::with_tag(&own, kept.registers.tag.as_bytes()))
        .header(Name::To, &own)
        .header(Name::CallId, kept.registers.call_id.as_str())
        .header(Name::CSeq, &CSeq { number: kept.registers.count, method: Method::Register })
        .header(Name::Contact, contact.as_str())
        .header(Name::Expires, &expires)
        .header(Name::UserAgent, &hands.house.product);
    let cnonce = hands.endpoint.new_tag();
    match trunk.credentials(b"REGISTER", registrar.as_bytes(), &cnonce) {
        Some((name, value, nonce)) => Some((builder.header(name, &value).finish(), Some(nonce))),
        None => Some((builder.finish(), None)),
    }
}
