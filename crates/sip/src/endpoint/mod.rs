//! The transaction layer of one shard, without I/O: messages in, messages and events out.
//!
//! Owns the transactions (RFC 3261 §17, RFC 6026), the repetition of 2xx until their ACK (RFC 3261 §13.3.1.4)
//! and of reliable provisional responses until their PRACK (RFC 3262), CANCEL (§9), merged requests
//! (§8.2.2.2) and stateless answers. Does not own dialogs ([`crate::dialog`]), routing, or sockets.
//!
//! After every `handle_*` and every command, drain [`Endpoint::poll_output`] and wait no longer than until
//! [`Endpoint::next_timeout`]. All messages of a call must come to the same endpoint: shard by Call-ID.

mod client;
mod event;
mod flow;
mod matching;
pub(crate) mod random;
mod reliable;
mod server;
mod slab;
mod wire;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use crate::message::{EXTENSIONS_KNOWN, Malformed, Message, Name, Request, Response};
use crate::timer::{Timer, Timers, Times};

use client::Client;
pub use event::{ClientTransaction, CommandError, Event, Output, ServerTransaction, Transaction, Transmit};
pub use flow::{ConnectionId, Flow, Target, Transport};
use matching::{Key, Matcher};
use random::{Random, push_hex};
use server::Server;
use slab::Slab;

/// What an endpoint is told once.
#[derive(Clone, Debug)]
pub struct Config {
    /// T1, T2, T4.
    pub times: Times,
    /// Requests received and not yet forgotten; more get 503.
    pub server_transactions_max: usize,
    /// Requests sent and not yet forgotten.
    pub client_transactions_max: usize,
    /// The Retry-After of such a 503, in seconds.
    pub retry_after_seconds: u32,
    /// Option tags that may stand in Require; others get 420 (RFC 3261 §8.2.2.3).
    pub extensions: Vec<&'static [u8]>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            times: Times::default(),
            server_transactions_max: 400_000,
            client_transactions_max: 200_000,
            retry_after_seconds: 5,
            extensions: EXTENSIONS_KNOWN.to_vec(),
        }
    }
}

/// What an endpoint has counted since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests that were repeated to us and absorbed.
    pub retransmissions: u64,
    /// Responses and ACKs that belong to nothing, and messages that could not be read or answered.
    pub strays: u64,
    /// Requests answered 503 because a table was full.
    pub overloads: u64,
}

/// The transaction layer of one shard.
pub struct Endpoint {
    config: Config,
    random: Random,
    matcher: Matcher,
    clients: Slab<Client>,
    servers: Slab<Server>,
    by_branch: BTreeMap<Key, u64>,
    by_call: BTreeMap<Key, u64>,
    timers: Timers<Transaction>,
    outputs: VecDeque<Output>,
    counters: Counters,
}

impl Endpoint {
    /// An endpoint at rest. All tags and branches come from `seed`: draw it from a cryptographic generator.
    pub fn new(config: Config, seed: [u8; 32]) -> Self {
        let mut random = Random::new(seed);
        let matcher = Matcher::new([random.draw(), random.draw()]);
        Self {
            config,
            random,
            matcher,
            clients: Slab::new(),
            servers: Slab::new(),
            by_branch: BTreeMap::new(),
            by_call: BTreeMap::new(),
            timers: Timers::new(),
            outputs: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// Takes a message that came in over `flow`.
    pub fn handle_message(&mut self, message: Message, flow: Flow, now: Instant) {
        match message {
            Message::Request(request) => self.handle_request(request, flow, now),
            Message::Response(response) => self.handle_response(response, flow, now),
        }
    }

    /// Takes a message that could not be read: a request that can still be answered gets its 4xx or 5xx
    /// without a transaction (RFC 3261 §8.2.7).
    pub fn handle_malformed(&mut self, malformed: Malformed, flow: Flow) {
        match malformed.answerable {
            Some(request) => {
                let refusal = crate::Refusal::from(malformed.error);
                self.answer_stateless(&request, refusal, flow);
            }
            None => self.counters.strays += 1,
        }
    }

    /// A message of this transaction could not be sent.
    pub fn handle_transport_error(&mut self, origin: Transaction, now: Instant) {
        let input = crate::transaction::Input::TransportError;
        match origin {
            Transaction::Client(client) => self.drive_client(client.0, input, None, now),
            Transaction::Server(server) => self.drive_server(server.0, input, now),
        }
    }

    /// A connection is gone: requests that wait for their response on it fail (RFC 3261 §18.4).
    pub fn handle_connection_lost(&mut self, connection: ConnectionId, now: Instant) {
        let waiting = self.clients.numbers(|client| client.waits_on(connection));
        for number in waiting {
            self.drive_client(number, crate::transaction::Input::TransportError, None, now);
        }
    }

    /// Fires all timers that are due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((transaction, timer)) = self.timers.fire(now) {
            match transaction {
                Transaction::Client(client) => self.fire_client(client.0, timer, now),
                Transaction::Server(server) => self.fire_server(server.0, timer, now),
            }
        }
    }

    /// When to call [`Endpoint::handle_timeout`]; calling it earlier or later is harmless.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// The next thing to send or to know.
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front();
        if self.outputs.is_empty() && self.outputs.capacity() > OUTPUTS_KEPT {
            self.outputs.shrink_to(OUTPUTS_KEPT);
        }
        output
    }

    /// Sixteen hexadecimal digits fit for a tag (RFC 3261 §19.3).
    pub fn new_tag(&mut self) -> String {
        self.new_token()
    }

    /// Fills a key with bytes that nobody can guess.
    pub fn fill_random(&mut self, bytes: &mut [u8]) {
        for piece in bytes.chunks_mut(8) {
            piece.copy_from_slice(&self.random.draw().to_le_bytes()[..piece.len()]);
        }
    }

    /// A Call-ID of our own.
    pub fn new_call_id(&mut self) -> String {
        let mut call_id = self.new_token();
        call_id.push_str(&self.new_token());
        call_id
    }

    /// Transactions that live: sent, and received.
    pub fn transactions(&self) -> (usize, usize) {
        (self.clients.len(), self.servers.len())
    }

    /// What was counted since the start.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// True when nothing is kept: no transaction, no timer, no key, no output.
    pub fn is_at_rest(&self) -> bool {
        self.clients.len() + self.servers.len() + self.by_branch.len() + self.by_call.len() == 0
            && self.timers.len() + self.outputs.len() == 0
    }

    fn new_token(&mut self) -> String {
        let mut digits = Vec::with_capacity(16);
        push_hex(&mut digits, self.random.draw());
        digits.into_iter().map(char::from).collect()
    }

    /// Starts a timer; true when its time is zero, that is, when it fires at once.
    fn start_timer(
        &mut self,
        of: Transaction,
        timer: Timer,
        reliable: bool,
        round: u8,
        now: Instant,
    ) -> bool {
        match timer.delay(&self.config.times, reliable, round) {
            None => false,
            Some(delay) if delay.is_zero() => true,
            Some(delay) => {
                self.timers.start(now, delay, of, timer);
                false
            }
        }
    }

    fn transmit(&mut self, flow: Flow, bytes: bytes::Bytes, origin: Option<Transaction>) {
        self.outputs.push_back(Output::Transmit(Transmit { flow, bytes, origin }));
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    /// Answers without keeping anything: repetitions get the same answer with the same tag (RFC 3261 §8.2.7).
    fn answer_stateless(&mut self, request: &Request, refusal: crate::Refusal, flow: Flow) {
        let tag = self.matcher.by_headers(request).tag();
        let mut response = crate::ResponseBuilder::to(request, refusal.status, refusal.reason, Some(&tag));
        if refusal.status == 503 {
            response = response.header(Name::RetryAfter, &self.config.retry_after_seconds);
        }
        let unsupported: Vec<&[u8]> = request.unsupported(&self.config.extensions).collect();
        if refusal.status == 420 {
            response = response.header(Name::Unsupported, unsupported.join(&b", "[..]).as_slice());
        }
        let response: Response = response.finish();
        let flow = request.headers().via().map_or(flow, |via| server::response_flow(&via, flow));
        self.transmit(flow, response.bytes().clone(), None);
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint")
            .field("clients", &self.clients.len())
            .field("servers", &self.servers.len())
            .field("timers", &self.timers.len())
            .finish_non_exhaustive()
    }
}

/// Outputs that an endpoint keeps room for.
const OUTPUTS_KEPT: usize = 256;
