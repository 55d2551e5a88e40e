//! Two dialogs that mirror each other: what one phone says, the other hears.

use std::time::Instant;

use sip::endpoint::{ClientTransaction, ServerTransaction};
use sip::{Request, Response};

use super::End;
use super::describe::Description;
use super::half::Half;
use crate::offer::Carrier;

/// Requests of one pair that wait for the other phone's answer; more get 500.
pub(crate) const TRANSITS_MAX: usize = 8;

/// An early or confirmed dialog with a called phone, and its mirror with the caller.
#[derive(Debug)]
pub(crate) struct Pair {
    /// The branch of the called phone, when the pair comes from one.
    pub branch: Option<usize>,
    halves: [Half; 2],
    /// Requests of one end that the other has not answered.
    pub transits: Vec<Transit>,
    /// A 2xx with an offer whose ACK waits for the other end's answer (RFC 3264 §4).
    pub ack_owed: Option<AckOwed>,
    /// A reliable response with an offer whose PRACK waits for the caller's answer (RFC 3262 §5).
    pub prack_owed: Option<Response>,
    /// The caller has not acknowledged our 2xx yet, so its BYE must wait (RFC 3261 §15).
    pub bye_owed: bool,
}

/// A request of one end, passed on to the other.
#[derive(Debug)]
pub(crate) struct Transit {
    /// Whose request it is.
    pub from: End,
    /// Where its answer goes.
    pub server: ServerTransaction,
    /// The request.
    pub request: Request,
    /// What it became.
    pub client: ClientTransaction,
    /// The number of what it became, for the ACK.
    pub cseq: u32,
    /// What it carries at its own end; `None` for INFO.
    pub carrier: Option<Carrier>,
    /// What carries it at the other end.
    pub sent: Option<Carrier>,
    /// The offer in it.
    pub offer: Option<Description>,
}

/// An ACK that waits for an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AckOwed {
    /// Who gets it.
    pub to: End,
    /// The INVITE that it acknowledges.
    pub invite: ClientTransaction,
    /// That INVITE's number.
    pub cseq: u32,
}

impl Pair {
    pub(crate) fn new(branch: usize, caller: Half, callee: Half) -> Self {
        Self { branch: Some(branch), ..Self::of([caller, callee]) }
    }

    /// Two dialogs that came together otherwise than by ringing.
    pub(crate) fn of(halves: [Half; 2]) -> Self {
        Self { branch: None, halves, transits: Vec::new(), ack_owed: None, prack_owed: None, bye_owed: false }
    }

    pub(crate) fn half(&self, end: End) -> &Half {
        &self.halves[end.index()]
    }

    pub(crate) fn halves(&self) -> &[Half; 2] {
        &self.halves
    }

    pub(crate) fn halves_mut(&mut self) -> &mut [Half; 2] {
        &mut self.halves
    }

    pub(crate) fn half_mut(&mut self, end: End) -> &mut Half {
        &mut self.halves[end.index()]
    }

    /// When something is due here.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.halves.iter().filter_map(Half::next_timeout).min()
    }

    /// The transactions that lead here.
    pub(crate) fn server_transactions(&self) -> impl Iterator<Item = ServerTransaction> {
        let waiting = self.halves.iter().filter_map(|half| half.awaiting_ack);
        waiting.chain(self.transits.iter().map(|transit| transit.server))
    }

    /// Takes the request out that became `client`.
    pub(crate) fn take_transit(&mut self, client: ClientTransaction) -> Option<Transit> {
        let place = self.transits.iter().position(|transit| transit.client == client)?;
        Some(self.transits.swap_remove(place))
    }
}
