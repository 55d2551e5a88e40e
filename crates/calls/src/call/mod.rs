//! Calls: legs and a bridge, their timers and media; the switchboard that holds the calls of one shard.
//!
//! A call is two kinds of dialogs held together: one with the phone that calls, one with each phone that is
//! called. Every early dialog of a called phone has its mirror, an early dialog with the caller under a tag
//! of its own (`pair::Pair`), so that offers and answers of forks never mix (RFC 3264, RFC 6337 §3.1). The
//! phone that answers first keeps its pair; the others are cancelled. After that either end can be exchanged
//! for another phone (`join`), and legs go from call to call by value (`leg`). All of it is sans-IO: the
//! [`Switchboard`] takes the events of a `sip::Endpoint` and gives its commands back to it.
//!
//! Specs: RFC 3261 (B2BUA: a user agent on both sides), RFC 3262, RFC 3264, RFC 3311, RFC 4028, RFC 6086,
//! RFC 6337, RFC 5407 (races), RFC 3515, RFC 3891 (transfer: see `crate::features`).

pub(crate) mod alone;
mod aside;
mod asking;
pub(crate) mod attempt;
pub(crate) mod branch;
mod carried;
pub(crate) mod codecs;
mod commands;
pub(crate) mod describe;
pub(crate) mod dialogs;
pub(crate) mod half;
mod handshake;
pub(crate) mod house;
pub(crate) mod incoming;
pub(crate) mod join;
pub(crate) mod leg;
pub(crate) mod letter;
mod meet;
mod moved;
pub mod outcome;
pub(crate) mod outside;
pub(crate) mod own_offer;
pub(crate) mod pair;
pub(crate) mod pilots;
mod post;
mod rates;
mod recorded;
mod refresh;
mod reliable;
mod ringing;
mod routed;
mod secrecy;
pub(crate) mod service;
mod session;
pub(crate) mod streams;
mod switchboard;
mod talking;
mod terms;
pub(crate) mod view;
mod ways;
pub(crate) mod wire;

use std::collections::VecDeque;
use std::time::Instant;

use sip::dialog::{DialogId, State};
use sip::endpoint::{ClientTransaction, Flow, ServerTransaction};
use sip::{Method, Request, Response};

pub use house::{House, Now, Reception, Shard};
pub use moved::{MOVED_MAX, Moved};
pub use post::Post;
pub use streams::{Ports, STREAMS_MAX};
pub use switchboard::{Arrival, Switchboard};

use branch::{BranchLeg, BranchState};
use house::Context;
use incoming::CallerLeg;
use join::Change;
use outcome::{Failure, Verdict};
use pair::Pair;
use streams::Streams;
use view::View;

use crate::course::Course;
use crate::place::{self, Caller};
use crate::snapshot::{CallId, Cause, ConnectionState, Event};

/// The option tags that calls understand: what a request may require (RFC 3261 §8.2.2.3). `path` and
/// `outbound` are the registrar's.
pub const EXTENSIONS: [&[u8]; 7] =
    [b"100rel", b"timer", b"path", b"outbound", b"replaces", b"join", b"norefersub"];
/// The methods that a phone may use within a call (RFC 3261 §20.5).
pub const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, REFER";
/// The option tags that our requests within calls say they understand (RFC 4028 §4, RFC 3891 §4, RFC 3911 §6).
pub(crate) const SUPPORTED: &str = "timer, replaces, join";

/// One end of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// The phone that called.
    Caller,
    /// The phone that was called.
    Callee,
}

impl End {
    /// Its place in arrays of two.
    pub fn index(self) -> usize {
        match self {
            Self::Caller => 0,
            Self::Callee => 1,
        }
    }

    /// The other end.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Caller => Self::Callee,
            Self::Callee => Self::Caller,
        }
    }
}

/// How far a call has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Phones are called; nobody has answered.
    Ringing,
    /// One pair talks.
    Answered(usize),
    /// It ended. What remains waits for phones that may still answer an INVITE that was cancelled.
    Over,
}

/// What a request that we sent was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The INVITE of a branch.
    Invite { branch: usize },
    /// A request of the other end, passed on: see [`pair::Transit`].
    Transit { pair: usize },
    /// Our own change of the session, for a phone that comes in: see [`join`].
    Join { pair: usize },
    /// Our own session refresh (RFC 4028 §7.2).
    Refresh { pair: usize, end: End },
    /// The PRACK of a called phone's provisional response.
    Prack { pair: usize },
    /// Our own change of the session: hold or retrieve, for one end.
    Hold { pair: usize, holder: End, hold: bool },
    /// A NOTIFY that asks a phone to do something.
    Notice,
    /// The end of a dialog.
    Bye,
}

/// The call's own timers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Timers {
    /// When the caller is told that nobody answers.
    pub ring: Option<Instant>,
    /// When a call that was forgotten ends.
    pub length: Option<Instant>,
    /// When a server of a trunk that has said nothing is given up.
    pub answer: Option<Instant>,
    /// When the application of a route point is given up.
    pub route: Option<Instant>,
}

/// The destination that rings, and what comes after it.
#[derive(Debug, Default)]
pub(crate) struct Ringing {
    /// The first of the branches that ring there; those before it failed elsewhere.
    first_branch: usize,
    /// It is an emergency call: no limit stands in its way.
    is_emergency: bool,
    /// The servers of trunks that are tried when the one that is called cannot.
    ways: VecDeque<place::Branch>,
    /// Its caller goes to an attendant or a queue in this very moment.
    leaves: bool,
    /// What was asked at a route point, if it is one.
    routing: Option<routed::Routing>,
    /// The route point in the view.
    point: Option<usize>,
}

/// A call through this server.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) id: CallId,
    pub(crate) phase: Phase,
    /// Who had it placed: whom the phones show, and whose rights count.
    placed_by: Caller,
    /// The phone that calls, and its INVITE; `None` when the server brought two phones together.
    caller: Option<CallerLeg>,
    pub(crate) branches: Vec<BranchLeg>,
    /// How the call came to where it rings.
    pub(crate) course: Course,
    /// What rings now.
    ringing: Ringing,
    pub(crate) pairs: Vec<Pair>,
    requests: Vec<(ClientTransaction, Purpose)>,
    pub(crate) streams: Streams,
    pub(crate) view: View,
    pub(crate) timers: Timers,
    /// The early dialog whose sound the caller hears before the answer: the first that had any.
    early_media: Option<usize>,
    /// What is being done to the call beside what its phones do.
    pub(crate) change: Option<Change>,
    /// Dialogs that we have ended, whose own BYE may cross ours.
    departed: Vec<DialogId>,
}

impl Call {
    /// A request within one of the call's dialogs.
    pub(crate) fn handle_request(
        &mut self,
        transaction: ServerTransaction,
        request: Request,
        flow: Flow,
        context: &mut Context<'_>,
    ) {
        let Some((pair, end)) = self.pair_of(&request) else {
            return self.handle_aside(transaction, &request, flow, context);
        };
        if *request.method() == Method::Bye && self.pairs[pair].half(end).dialog.state() == State::Terminated
        {
            // RFC 5407 §3.2.2: both ends hang up at once, and both are right.
            let response = wire::response(context.house, &request, 200, None).finish();
            return context.endpoint.respond(transaction, &response, context.now.instant);
        }
        if let Err(status) = self.pairs[pair].half_mut(end).take(&request, flow) {
            return wire::refuse(context, transaction, &request, status);
        }
        self.handle_within(pair, end, transaction, request, context);
    }

    /// A response to a request of ours.
    pub(crate) fn handle_response(
        &mut self,
        transaction: ClientTransaction,
        response: &Response,
        context: &mut Context<'_>,
    ) {
        let Some(purpose) = self.purpose(transaction) else { return };
        if !response.is_provisional() {
            self.settle(transaction, purpose, response.is_success(), context);
        }
        if matches!(response.status(), 401 | 407)
            && !matches!(purpose, Purpose::Invite { .. })
            && self.answers_challenge_within((transaction, purpose), response, context)
        {
            return;
        }
        match purpose {
            Purpose::Invite { branch } => self.branch_response(branch, transaction, response, context),
            Purpose::Transit { pair } => self.transit_response(pair, transaction, response, context),
            Purpose::Join { pair } => self.join_response(pair, transaction, response, context),
            Purpose::Refresh { pair, end } => {
                self.refresh_response(pair, end, transaction, response, context)
            }
            Purpose::Hold { pair, holder, hold } => {
                crate::features::hold::answered(self, (pair, holder, hold), transaction, response, context);
            }
            Purpose::Prack { .. } | Purpose::Notice | Purpose::Bye => {}
        }
    }

    /// A request of ours got no answer (`Silent`), or could not be sent (`Unreachable`).
    pub(crate) fn handle_failure(
        &mut self,
        transaction: ClientTransaction,
        failure: Failure,
        context: &mut Context<'_>,
    ) {
        let Some(purpose) = self.purpose(transaction) else { return };
        self.settle(transaction, purpose, false, context);
        match purpose {
            Purpose::Invite { branch } => self.branch_failed(branch, failure, context),
            // RFC 3261 §12.2.1.2: no answer at all to a request within a dialog ends the dialog.
            Purpose::Transit { pair } => {
                self.transit_failed(pair, transaction, 408, context);
                self.lost(pair, context);
            }
            Purpose::Refresh { pair, .. } | Purpose::Hold { pair, .. } => self.lost(pair, context),
            Purpose::Join { pair } => {
                if let Some(end) = self.join_asks() {
                    self.join_lost(pair, end, context);
                }
            }
            // The INVITE that the PRACK belongs to has timers of its own.
            Purpose::Prack { .. } | Purpose::Notice | Purpose::Bye => {}
        }
    }

    /// Fires what is due.
    pub(crate) fn handle_timeout(&mut self, context: &mut Context<'_>) {
        let now = context.now.instant;
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if self.phase == Phase::Ringing && due(self.timers.ring) {
            self.nobody_answers(context);
        }
        if due(self.timers.answer) {
            self.way_is_silent(context);
        }
        if due(self.timers.route) {
            self.unrouted(context);
        }
        if due(self.timers.length) {
            let causes = self.pairs.iter().flat_map(Pair::halves).map(half::Half::cause_of_length);
            let cause = causes.max_by_key(|cause| *cause == Cause::CostLimit);
            let cause = cause.unwrap_or(Cause::ResourcesNotAvailable);
            tracing::warn!(call = %self.id, ?cause, "a call has lasted as long as it may");
            self.end(cause, context);
        }
        if let Phase::Answered(pair) = self.phase {
            self.refresh_due(pair, context);
        }
        if let Some(Change::Join(join)) = &self.change
            && due(join.next_timeout())
        {
            self.try_join(context);
        }
    }

    /// When [`Call::handle_timeout`] is wanted.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let session = match self.phase {
            Phase::Answered(pair) => self.pairs[pair].next_timeout(),
            Phase::Ringing | Phase::Over => None,
        };
        let change = match &self.change {
            Some(Change::Join(join)) => join.next_timeout(),
            _ => None,
        };
        [self.timers.ring, self.timers.length, self.timers.answer, self.timers.route, session, change]
            .into_iter()
            .flatten()
            .min()
    }

    /// Nothing more can come: the call can be forgotten.
    pub(crate) fn is_done(&self) -> bool {
        let waits = |purpose: &Purpose| match purpose {
            // Cancelled, and not yet answered. What was accepted could be accepted by a further fork only.
            Purpose::Invite { branch } => self.branches[*branch].state != BranchState::Answered,
            Purpose::Bye => true,
            _ => false,
        };
        let farewell_due = self.pairs.iter().any(|pair| pair.bye_owed);
        self.phase == Phase::Over && !farewell_due && !self.requests.iter().any(|(_, purpose)| waits(purpose))
    }

    /// Takes all keys that lead to this call out of the tables.
    pub(crate) fn forget(&self, index: &mut house::Index) {
        for branch in &self.branches {
            index.forget_dialog(&branch.call_id, self.id);
        }
        for half in self.pairs.iter().flat_map(Pair::halves) {
            index.forget_dialog(&half.dialog.id().call_id, self.id);
        }
        for id in &self.departed {
            index.forget_dialog(&id.call_id, self.id);
        }
        for (transaction, _) in &self.requests {
            index.clients.remove(transaction);
        }
        if let Some(caller) = &self.caller {
            index.forget_dialog(&caller.call_id, self.id);
            index.servers.remove(&caller.transaction);
        }
        for transaction in self.pairs.iter().flat_map(Pair::server_transactions) {
            index.servers.remove(&transaction);
        }
    }

    /// Sends a request of this call and remembers what for.
    pub(crate) fn send(
        &mut self,
        request: Request,
        target: &sip::endpoint::Target,
        purpose: Purpose,
        context: &mut Context<'_>,
    ) -> Option<ClientTransaction> {
        let sent = context.endpoint.send_request(request.clone(), target, context.now.instant);
        match sent {
            Ok(transaction) => {
                self.asked_outside(transaction, &request);
                self.requests.push((transaction, purpose));
                context.index.clients.insert(transaction, self.id);
                Some(transaction)
            }
            Err(error) => {
                tracing::warn!(call = %self.id, %error, "a request could not be sent");
                None
            }
        }
    }

    fn purpose(&self, transaction: ClientTransaction) -> Option<Purpose> {
        self.requests.iter().find(|(known, _)| *known == transaction).map(|(_, purpose)| *purpose)
    }

    /// A final response came. An INVITE that was accepted may be accepted by further forks (RFC 6026 §7.2),
    /// but only while the call still rings or talks: a call that is over does not wait for that.
    fn settle(
        &mut self,
        transaction: ClientTransaction,
        purpose: Purpose,
        success: bool,
        context: &mut Context<'_>,
    ) {
        if success && matches!(purpose, Purpose::Invite { .. }) && self.phase == Phase::Ringing {
            return;
        }
        self.requests.retain(|(known, _)| *known != transaction);
        context.index.clients.remove(&transaction);
    }

    /// No further fork can accept this INVITE.
    pub(crate) fn no_more_forks(&mut self, transaction: ClientTransaction, context: &mut Context<'_>) {
        self.requests.retain(|(known, _)| *known != transaction);
        context.index.clients.remove(&transaction);
    }

    /// The pair and end that a request within a dialog belongs to, by Call-ID and both tags (RFC 3261 §12).
    fn pair_of(&self, request: &Request) -> Option<(usize, End)> {
        let ends = [End::Caller, End::Callee];
        let places = (0..self.pairs.len()).flat_map(|pair| ends.map(|end| (pair, end)));
        places.into_iter().find(|(pair, end)| self.pairs[*pair].half(*end).is_dialog_of(request))
    }

    /// The connection in the view that an end of a pair is.
    fn connection(&self, pair: usize, end: End) -> usize {
        self.pairs[pair].half(end).connection
    }

    pub(crate) fn publish(&mut self, event: Event, cause: Cause, context: &Context<'_>) {
        self.view.publish(event, cause, &context.house.lines, context.now.civil);
    }

    /// Ends the call by itself: BYE to whoever talks, a refusal to a caller who still waits.
    pub(crate) fn end(&mut self, cause: Cause, context: &mut Context<'_>) {
        self.end_with(Event::ConnectionCleared, cause, context);
    }

    fn end_with(&mut self, event: Event, cause: Cause, context: &mut Context<'_>) {
        match self.phase {
            Phase::Ringing => {
                self.cancel_branches(None, context);
                self.refuse_caller(Verdict { status: 500, cause }, context);
            }
            Phase::Answered(pair) => {
                self.bye(pair, End::Caller, context);
                self.bye(pair, End::Callee, context);
                self.over(event, cause, context);
            }
            Phase::Over => {}
        }
    }

    /// The last change of a call: its ports go back, its connections end.
    fn over(&mut self, event: Event, cause: Cause, context: &mut Context<'_>) {
        if self.phase == Phase::Over {
            return;
        }
        for pair in 0..self.pairs.len() {
            self.refuse_transits(pair, 487, context);
            self.acknowledge_owed(pair, End::Caller, context);
            self.acknowledge_owed(pair, End::Callee, context);
        }
        self.phase = Phase::Over;
        self.dissolve_change(context);
        self.unask(Some(cause), context);
        self.timers = Timers::default();
        self.ringing.ways.clear();
        self.streams.close(&*context.house.ports);
        self.view.clear(context.now.civil);
        self.publish(event, cause, context);
        let answered = self.view.answered();
        metrics::counter!("carillon_calls_ended_total", "cause" => cause.word()).increment(1);
        if let Some(answered) = answered {
            let length = context.now.civil.since(answered);
            metrics::histogram!("carillon_calls_length_seconds").record(length.as_secs_f64());
        }
    }

    /// A dialog of the pair is gone without a word: the call cannot go on.
    pub(crate) fn lost(&mut self, pair: usize, context: &mut Context<'_>) {
        if self.phase == Phase::Answered(pair) {
            self.end(Cause::NetworkSignalLost, context);
        }
    }

    /// Shows that a connection's state changed; nothing when it did not.
    pub(crate) fn show(
        &mut self,
        connection: usize,
        state: ConnectionState,
        event: Event,
        cause: Cause,
        context: &Context<'_>,
    ) {
        if self.view.set(connection, state, context.now.civil) {
            self.publish(event, cause, context);
        }
    }
}
