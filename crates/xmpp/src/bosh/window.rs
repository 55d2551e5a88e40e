//! Which request is next, which wait for an answer, which answers may be asked for again (XEP-0124 §14).

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use bytes::Bytes;

use super::{KEPT_ANSWERS_MAX, KEPT_BYTES_MAX, Request, Ticket};

/// The requests of one session by their numbers.
#[derive(Debug)]
pub(super) struct Window {
    /// The number of the next request that is looked at.
    pub(super) next: u64,
    /// How many requests a client may make before an answer.
    pub(super) requests: u64,
    /// What came too early, or before the stream could take it.
    early: BTreeMap<u64, (Ticket, Request)>,
    /// What waits for its answer, oldest first.
    pub(super) held: VecDeque<Held>,
    answered: VecDeque<Answered>,
    /// Answers up to this number have arrived.
    confirmed: u64,
}

/// A request that waits for its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) rid: u64,
    /// None when its connection is lost: the client asks again.
    pub(super) ticket: Option<Ticket>,
    pub(super) since: Instant,
}

/// An answer that may be asked for again.
#[derive(Debug)]
struct Answered {
    rid: u64,
    body: Bytes,
    /// How many elements were sent with it and before.
    elements: u64,
}

/// What a request's number says.
#[derive(Debug)]
pub(super) enum Place {
    /// It is new.
    New,
    /// It was answered already; this was the answer.
    Answered(Bytes),
    /// It waits already: the former ticket.
    Waits(Option<Ticket>),
    /// Nobody knows what it might be.
    Unknown,
}

impl Window {
    /// A window whose first request has this number.
    pub(super) fn new(first: u64, requests: u32) -> Self {
        Self {
            next: first,
            requests: u64::from(requests),
            early: BTreeMap::new(),
            held: VecDeque::new(),
            answered: VecDeque::new(),
            confirmed: 0,
        }
    }

    /// Where a request belongs; `extra` is one more than usual, for one that pauses or ends (XEP-0124 §11).
    pub(super) fn place(&mut self, rid: u64, ticket: Ticket, extra: bool, now: Instant) -> Place {
        if let Some(held) = self.held.iter_mut().find(|held| held.rid == rid) {
            held.since = now;
            return Place::Waits(held.ticket.replace(ticket));
        }
        if let Some((former, _)) = self.early.get_mut(&rid) {
            return Place::Waits(Some(std::mem::replace(former, ticket)));
        }
        if let Some(answered) = self.answered.iter().find(|answered| answered.rid == rid) {
            return Place::Answered(answered.body.clone());
        }
        let end = self.next + self.requests + u64::from(extra);
        if (self.next..end).contains(&rid) { Place::New } else { Place::Unknown }
    }

    pub(super) fn keep(&mut self, rid: u64, ticket: Ticket, request: Request) {
        self.early.insert(rid, (ticket, request));
    }

    /// The next request in order, if it is there.
    pub(super) fn take_next(&mut self) -> Option<(Ticket, Request)> {
        let next = self.early.remove(&self.next)?;
        self.next += 1;
        Some(next)
    }

    /// The tickets of all that waits, and was not answered, in order.
    pub(super) fn drain(&mut self) -> Vec<Ticket> {
        let held = std::mem::take(&mut self.held).into_iter().filter_map(|held| held.ticket);
        held.chain(std::mem::take(&mut self.early).into_values().map(|(ticket, _)| ticket)).collect()
    }

    /// Notes an answer. The client may ask again for as many as it may have waiting (XEP-0124 §14.3), and for some
    /// more if they are small: a browser may learn late that a connection is dead.
    pub(super) fn answered(&mut self, rid: u64, body: Bytes, elements: u64) {
        self.answered.push_back(Answered { rid, body, elements });
        let mut bytes: usize = self.answered.iter().map(|answered| answered.body.len()).sum();
        while self.answered.len() as u64 > self.requests
            && (self.answered.len() > KEPT_ANSWERS_MAX || bytes > KEPT_BYTES_MAX)
        {
            bytes -= self.answered.pop_front().map_or(0, |answered| answered.body.len());
        }
    }

    /// Answers up to this number have arrived: gives how many elements that makes, if it is news.
    pub(super) fn confirm(&mut self, rid: u64) -> Option<u64> {
        let arrived = |answered: &&Answered| answered.rid <= rid;
        if rid <= self.confirmed {
            return None;
        }
        self.confirmed = rid;
        self.answered.iter().rev().find(arrived).map(|answered| answered.elements)
    }

    /// Does a request wait whose connection is there, or that could not be looked at yet?
    pub(super) fn is_waited_for(&self) -> bool {
        self.held.iter().any(|held| held.ticket.is_some()) || self.early.contains_key(&self.next)
    }

    /// The connection of a request is lost.
    pub(super) fn lost(&mut self, ticket: Ticket) {
        for held in self.held.iter_mut().filter(|held| held.ticket == Some(ticket)) {
            held.ticket = None;
        }
    }
}
