//! Answers that go out later: wrong credentials are told late, so that time tells nothing about accounts.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sip::Response;
use sip::endpoint::ServerTransaction;

/// Answers that wait at once; more go out at once.
const WAITING_MAX: usize = 10_000;

/// The answers that wait.
#[derive(Default)]
pub(super) struct Late {
    waiting: BTreeMap<(Instant, u64), (ServerTransaction, Response)>,
    count: u64,
}

impl Late {
    /// Puts an answer off.
    ///
    /// # Errors
    /// Too many wait: the answer comes back, to go out now.
    pub(super) fn put(
        &mut self,
        transaction: ServerTransaction,
        response: Response,
        delay: Duration,
        now: Instant,
    ) -> Result<(), Box<Response>> {
        if self.waiting.len() >= WAITING_MAX {
            return Err(Box::new(response));
        }
        self.count += 1;
        self.waiting.insert((now + delay, self.count), (transaction, response));
        Ok(())
    }

    /// The next answer that is due.
    pub(super) fn due(&mut self, now: Instant) -> Option<(ServerTransaction, Response)> {
        let ((at, _), _) = self.waiting.first_key_value()?;
        if *at > now {
            return None;
        }
        self.waiting.pop_first().map(|(_, answer)| answer)
    }

    /// When the next one is due.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.waiting.first_key_value().map(|((at, _), _)| *at)
    }
}
