//! What calls say to each other, by value: of the same shard or of another. Nobody waits for an answer.

use std::time::Duration;

use bytes::Bytes;
use model::LineId;
use model::plan::ForwardTo;
use sip::header::Replaces;

use super::End;
use super::describe::Description;
use super::house::House;
use super::incoming::CallerLeg;
use super::leg::Leg;
use super::outcome::Verdict;
use crate::course::Course;
use crate::place::{self, Caller, Destination, Dialled, Limits, Pilot, Unplaceable};
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
    /// The transferor of a call leaves, and the other side is parked at a slot that was taken for it.
    Park { call: CallId, slot: String },
    /// The ends of a call come into a conference; one of them leaves instead, if it is named.
    Confer { call: CallId, room: String, leaves: Option<End> },
    /// A caller hears why it is refused.
    Announce { leg: Box<CallerLeg>, verdict: Verdict },
    /// A caller comes to an attendant or a queue: one that rings in vain, or is transferred there.
    TakeIn { call: CallId, pilot: Pilot, course: Course },
    /// All others have left the conference.
    LeftAlone { call: CallId },
    /// The application that a call waits for is gone.
    Unrouted { call: CallId },
    /// The answer to the BYE of this dialog must have come by now.
    Forget { call_id: Bytes },
}

/// Phones to ring for a leg that is already here.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    /// The call that the phone will come to.
    pub host: CallId,
    /// Which phones.
    pub place: Place,
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
    /// They are asked to answer by themselves: whoever is there wants the call.
    pub answers_itself: bool,
    /// Phones that were rung before at other destinations of the same order.
    pub rung: usize,
}

impl Order {
    /// Whom the phones show: a caller who dialled for itself, as the codes before the number say.
    pub(crate) fn shown_as(&self, asked_by: &Caller) -> Caller {
        let is_same = self.shown.line.is_some() && self.shown.line == asked_by.line;
        let withheld = if is_same { asked_by.withheld } else { self.shown.withheld };
        Caller { withheld, ..self.shown.clone() }
    }
}

/// Which phones are rung.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Where the dial plan leads.
    Dialled(Dialled),
    /// Those of a line, whatever the plan says of its number.
    Line(LineId),
    /// Where an attendant or a queue sends the call; not out of the house, unless the plan says that very number.
    SentOn { to: ForwardTo, course: Course, may_leave: bool },
    /// Those of these agents who can take a call, for the queue of this number.
    Agents(Vec<LineId>, String),
    /// Where a destination that failed leads on to.
    Next(Box<Destination>),
}

impl Place {
    /// The phones. `asked_by` has them dialled: what it may call is what counts, and codes before the number say how it
    /// is shown.
    pub(crate) fn phones(&self, asked_by: &mut Caller, house: &House) -> Result<Destination, Unplaceable> {
        match self {
            Self::Dialled(dialled) => {
                let limits = Limits { calls_per_line_max: house.limits.calls_per_line_max };
                place::place_onward(&*house.directory, &mut dialled.clone(), asked_by, limits)
            }
            Self::SentOn { to, course, may_leave } => {
                let limits = Limits { calls_per_line_max: house.limits.calls_per_line_max };
                match place::place_sent_on(&*house.directory, to, (&*asked_by, course), limits)? {
                    Destination::Trunk { .. } if !may_leave => Err(Unplaceable::NotAllowed),
                    // Codes are for phones that dial them.
                    Destination::Again { .. } | Destination::Setting(_) => Err(Unplaceable::NotAllowed),
                    destination => Ok(destination),
                }
            }
            Self::Next(destination) => Ok((**destination).clone()),
            Self::Agents(lines, number) => {
                let branches: Vec<_> =
                    lines.iter().flat_map(|line| house.directory.free_agent(line)).collect();
                if branches.is_empty() {
                    return Err(Unplaceable::NotRegistered);
                }
                let (address, course) = (number.clone(), Course::default());
                Ok(Destination::Phones { branches, address, name: None, ring_time: None, course })
            }
            Self::Line(line) => {
                let branches = house.directory.phones_of(line);
                if branches.is_empty() {
                    return Err(Unplaceable::NotRegistered);
                }
                let address = line.number.to_string();
                let course = Course::default();
                Ok(Destination::Phones { branches, address, name: None, ring_time: None, course })
            }
        }
    }
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
    pub wanted: Wanted,
    /// The call that wants it.
    pub by: CallId,
    /// Who wants it.
    pub who: Caller,
    pub purpose: FetchPurpose,
    /// How often it was asked for while the call was busy with something else.
    pub tries: u8,
}

/// Whose partner.
#[derive(Clone, Debug)]
pub(crate) enum Wanted {
    /// The partner of the phone in this dialog (RFC 3891 §3).
    Dialog(Replaces),
    /// The partner of this line in a call.
    PartnerOf(CallId, LineId),
    /// The one who is parked as this call.
    Parked(CallId),
}

/// What for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FetchPurpose {
    /// The line that wants it has both calls, and joins them.
    Transfer,
    /// A new call takes the phone's place.
    Replace,
    /// A new call comes in beside both phones (RFC 3911): what is fetched is only the way to them.
    Join,
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
    /// Both phones are in this conference now, and whoever wants to join them may come there.
    Confers(String),
    /// It still rings at the other end; this is what was dialled.
    StillRings(Dialled),
}

impl Unlent {
    /// The status that says so.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::NoSuchDialog | Self::StillRings(_) | Self::Confers(_) => 481,
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
            | Self::Park { .. }
            | Self::Confer { .. }
            | Self::TakeIn { .. }
            | Self::Announce { .. }
            | Self::Forget { .. } => own.index,
            Self::Fetched { to: call, .. }
            | Self::LeftAlone { call }
            | Self::Unrouted { call }
            | Self::Kept { lender: call }
            | Self::Returned { lender: call, .. } => call.shard(),
            Self::Fetch(fetch) => match &fetch.wanted {
                Wanted::Dialog(replaces) => moved.shard_of_dialog(&replaces.call_id, own.count),
                Wanted::PartnerOf(call, _) | Wanted::Parked(call) => call.shard(),
            },
        }
    }
}
