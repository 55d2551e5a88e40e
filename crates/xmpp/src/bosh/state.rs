//! What one session of BOSH remembers, by concern (XEP-0124 §7-§12).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::answer::Terminal;
use super::{HOLD_MAX, INACTIVITY_MAX, INACTIVITY_POLLING_MAX, VERSION, WAIT_MAX, Wrapper};
use crate::{Frame, StreamHeader};

/// What client and server agreed on (XEP-0124 §7.2).
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub(super) sid: String,
    pub(super) wait: Duration,
    pub(super) hold: u32,
    pub(super) ver: (u16, u16),
    pub(super) acknowledges: bool,
    /// The domain, for streams that begin again.
    pub(super) to: Option<String>,
    pub(super) lang: Option<String>,
}

impl Terms {
    /// What a first request asks for, as far as we go.
    pub(super) fn agree(sid: String, wrapper: &Wrapper) -> Self {
        let wait = Duration::from_secs(wrapper.wait.map_or(WAIT_MAX.as_secs(), u64::from)).min(WAIT_MAX);
        Self {
            sid,
            wait,
            // XEP-0124 §12: `wait` or `hold` of 0 asks for polling.
            hold: if wait.is_zero() { 0 } else { wrapper.hold.unwrap_or(HOLD_MAX).min(HOLD_MAX) },
            ver: wrapper.ver.map_or(VERSION, |ver| ver.min(VERSION)),
            acknowledges: wrapper.ack == Some(1),
            to: wrapper.to.clone(),
            lang: wrapper.lang.clone(),
        }
    }

    pub(super) fn is_polling(&self) -> bool {
        self.hold == 0
    }

    pub(super) fn inactivity(&self) -> Duration {
        if self.is_polling() { INACTIVITY_POLLING_MAX } else { INACTIVITY_MAX }
    }
}

/// What came in and the stream has not taken yet.
#[derive(Debug, Default)]
pub(super) struct Received {
    pub(super) frames: VecDeque<Frame>,
    pub(super) bytes: usize,
}

/// What the stream has written and no answer carries yet.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    pub(super) elements: VecDeque<Bytes>,
    pub(super) bytes: usize,
    /// Our stream header, until an answer has told it.
    pub(super) header: Option<StreamHeader>,
    /// All elements that were ever queued.
    pub(super) queued: u64,
    /// Those that have arrived.
    pub(super) delivered: u64,
}

/// When was what.
#[derive(Debug)]
pub(super) struct Activity {
    /// Since when no request waits.
    pub(super) quiet_since: Instant,
    pub(super) inactivity: Duration,
    /// The last new request, and whether its answer would be worth asking again at once.
    pub(super) last: Instant,
    pub(super) last_was_fruitless: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Open,
    /// The stream has ended: the next answer says so.
    Closing(Option<Terminal>),
    Dead(Terminal),
}
