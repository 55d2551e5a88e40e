//! Where a session waits that lost its connection, until a new stream resumes it (XEP-0198 §5).

use std::time::Duration;

use parking_lot::Mutex;
use runtime::Runtime;
use tokio::sync::Notify;

use super::session::Counts;

/// How long the stream that resumes waits for the old one to let go.
const HAND_OVER_TIME_MAX: Duration = Duration::from_secs(5);

/// The place where one resumable session is handed from stream to stream.
pub(crate) struct Parking {
    /// The identifier that the client resumes by.
    pub(crate) id: Box<str>,
    /// How long the session waits.
    pub(crate) time_max: Duration,
    state: Mutex<State>,
    changed: Notify,
}

enum State {
    /// A stream carries the session.
    Driven,
    /// The session waits; its counts and unacknowledged stanzas.
    Parked(Box<Counts>),
    /// The session has ended.
    Gone,
}

impl Parking {
    pub(crate) fn new(id: String, time_max: Duration) -> Self {
        Self { id: id.into(), time_max, state: Mutex::new(State::Driven), changed: Notify::new() }
    }

    /// True while the session has no connection.
    pub(crate) fn is_parked(&self) -> bool {
        matches!(*self.state.lock(), State::Parked(_))
    }

    /// The stream leaves the session here.
    pub(crate) fn park(&self, counts: Box<Counts>) {
        *self.state.lock() = State::Parked(counts);
        self.changed.notify_waiters();
    }

    /// A new stream takes the session; none when it has ended, or the old stream does not let go.
    pub(crate) async fn take(&self, runtime: &Runtime) -> Option<Box<Counts>> {
        let deadline = runtime.now() + HAND_OVER_TIME_MAX;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(answer) = self.try_take() {
                return answer;
            }
            tokio::select! {
                biased;
                () = runtime.sleep_until(deadline) => return None,
                () = changed => {}
            }
        }
    }

    /// The time is over: the session ends, unless a new stream has it.
    pub(crate) fn lapse(&self) -> Option<Box<Counts>> {
        let mut state = self.state.lock();
        match std::mem::replace(&mut *state, State::Gone) {
            State::Parked(counts) => Some(counts),
            other => {
                *state = other;
                None
            }
        }
    }

    /// The session has ended while a stream carried it.
    pub(crate) fn gone(&self) {
        *self.state.lock() = State::Gone;
        self.changed.notify_waiters();
    }

    /// Waits until a new stream has taken the session.
    pub(crate) async fn taken(&self) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if !self.is_parked() {
                return;
            }
            changed.await;
        }
    }

    fn try_take(&self) -> Option<Option<Box<Counts>>> {
        let mut state = self.state.lock();
        let answer = match std::mem::replace(&mut *state, State::Driven) {
            State::Parked(counts) => Some(Some(counts)),
            State::Driven => None,
            State::Gone => {
                *state = State::Gone;
                Some(None)
            }
        };
        drop(state);
        if matches!(answer, Some(Some(_))) {
            self.changed.notify_waiters();
        }
        answer
    }
}
