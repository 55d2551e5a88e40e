//! What calls say to each other, by value: of the same shard or of another. Nobody waits for an answer.

use std::time::Duration;

use bytes::Bytes;
use sip::header::Replaces;

use super::describe::Description;
use super::leg::Leg;
use super::outcome::Verdict;
use crate::place::{Caller, Dialled};
use crate::snapshot::{CallId, ConnectionState, DialogIds};

/// Bits of a call's number that count calls; the shard stands above them.
const COUNT_BITS: u32 = 48;

impl CallId {
    /// The number of the `count`th call of a shard.
    pub(crate) fn of(shard: usize, count: u64) -> Self {
        Self((shard as u64) << COUNT_BITS | count)
    }

    /// The shard that the call lives in.
    pub fn shard(self) -> usize {
        (self.0 >> COUNT_BITS) as usize
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) enum Letter {
    /// Phones are to be rung for a call of this shard.
    Ring(Box<Order>),
    /// What was ordered is not wanted any more.
    GiveUp { attempt: CallId },
    /// A phone that is rung changes.
    Progress(Box<Progress>),
    /// A phone has answered: here is its leg.
    Answered { host: CallId, leg: Box<Leg> },
    /// No phone will answer.
    Failed { host: CallId, verdict: Verdict },
    /// A leg of another call is wanted.
    Fetch(Box<Fetch>),
    /// Here it is, on loan until it is kept or returned; or why not.
    Fetched { to: CallId, loan: Result<Box<Loan>, Unlent> },
    /// The leg stays where it is now.
    Kept { lender: CallId },
    /// The leg comes back: it could not be joined.
    Returned { lender: CallId, leg: Box<Leg> },
    /// One end of a call is alone and waits for the phones that are rung for it.
    Alone { call: CallId },
    /// The answer to the BYE of this dialog must have come by now.
    Forget { call_id: Bytes },
}

/// Phones to ring for a leg that is already here.
#[derive(Debug)]
pub(crate) struct Order {
    /// The call that the phone will come to.
    pub host: CallId,
    /// What was dialled.
    pub dialled: Dialled,
    /// Who may dial it: the plan is asked for this line.
    pub allowed_as: Caller,
    /// Whom the phones show.
    pub shown: Caller,
    /// What they are offered.
    pub offer: Description,
    /// Who had the call made (RFC 3892).
    pub referred_by: Option<Bytes>,
    /// How long they ring; `None` is the plan's or the server's setting.
    pub ring_time: Option<Duration>,
}

/// How far a phone has got that is rung for a host.
#[derive(Debug)]
pub(crate) struct Progress {
    pub host: CallId,
    /// Its place in the host's view.
    pub connection: usize,
    pub state: ConnectionState,
    /// Its early dialog, once there is one.
    pub dialog: Option<DialogIds>,
    /// What a subscriber to the transfer is told (RFC 3515 §2.4.5).
    pub status: Option<u16>,
}

/// Asks for the leg that talks to somebody, to be joined with another one.
#[derive(Clone, Debug)]
pub(crate) struct Fetch {
    /// The leg wanted is the partner of the phone in this dialog (RFC 3891 §3).
    pub replaces: Replaces,
    /// The call that wants it.
    pub by: CallId,
    /// Who wants it.
    pub who: Caller,
    pub purpose: FetchPurpose,
    /// How often it was asked for while the call was busy with something else.
    pub tries: u8,
}

/// What for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FetchPurpose {
    /// The line that wants it has both calls, and joins them.
    Transfer,
    /// A new call takes the phone's place.
    Replace,
}

/// A leg on loan.
#[derive(Debug)]
pub(crate) struct Loan {
    pub leg: Leg,
    /// The call that gets it back, or learns that it stays.
    pub lender: CallId,
}

/// Why a leg was not lent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unlent {
    /// There is no such dialog: 481 (RFC 3891 §3).
    NoSuchDialog,
    /// It has ended: 603 (RFC 3891 §3).
    Ended,
    /// It is confirmed, and only an early one may be replaced: 486 (RFC 3891 §3).
    NotEarly,
    /// The one who asks has no right to it: 403.
    NotAllowed,
    /// Something is under way in it that does not end: 491.
    Busy,
    /// It still rings at the other end; this is what was dialled.
    StillRings(Dialled),
}

impl Unlent {
    /// The status that says so.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::NoSuchDialog | Self::StillRings(_) => 481,
            Self::Ended => 603,
            Self::NotEarly => 486,
            Self::NotAllowed => 403,
            Self::Busy => 491,
        }
    }
}

impl Letter {
    /// The call that it is for, when that decides the shard.
    pub(crate) fn shard(&self, own: super::Shard, moved: &super::Moved) -> usize {
        match self {
            Self::Ring(_)
            | Self::GiveUp { .. }
            | Self::Progress(_)
            | Self::Answered { .. }
            | Self::Failed { .. }
            | Self::Alone { .. }
            | Self::Forget { .. } => own.index,
            Self::Fetched { to: call, .. }
            | Self::Kept { lender: call }
            | Self::Returned { lender: call, .. } => call.shard(),
            Self::Fetch(fetch) => moved.shard_of_dialog(&fetch.replaces.call_id, own.count),
        }
    }
}
