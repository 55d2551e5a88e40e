//! Placing a call: from what was dialled to the phones that ring, originating features before terminating ones.

use std::sync::Arc;
use std::time::Duration;

use model::plan::{ForwardTo, Queue, Recording, SoundName, Srtp};
use model::{BareJid, LineChange, LineId, Timestamp};

use crate::admission::{Between, Stand};
use crate::course::Course;
use crate::dialplan::Menu;
use crate::guard::{Barred, Charge};
use crate::snapshot::Cause;
use crate::trunk::{FromTrunk, Outgoing};

/// Phones that one call rings at most; further contacts are left out, oldest first.
pub const BRANCHES_MAX: usize = 16;
/// Codes that may stand before one number, such as those of a speed dial and of a withheld number.
const CODES_MAX: usize = 4;
/// Destinations that are looked at for one call before any phone of them rings.
const LOOKED_AT_MAX: usize = 256;

/// Who calls: an authenticated line, or a user through a gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The calling line, when it is one of ours.
    pub line: Option<LineId>,
    /// Its owner.
    pub user: Option<BareJid>,
    /// The number (or user name) that the called phone shows.
    pub number: String,
    /// The name that the called phone shows.
    pub name: Option<String>,
    /// The trunk that the call came in over.
    pub trunk: Option<Arc<FromTrunk>>,
    /// The device of the line, when it is known.
    pub device: Option<Arc<str>>,
    /// Nobody shall be told the number and the name.
    pub withheld: bool,
}

impl Caller {
    /// Nobody in particular.
    pub fn nobody() -> Self {
        let (number, name) = (String::new(), None);
        Self { line: None, user: None, number, name, trunk: None, device: None, withheld: false }
    }

    /// Is it the same device, or one of the same owner? Behind a trunk nobody can be told from another, so the trunk
    /// counts; who has neither line nor trunk is the same as nobody.
    pub fn is_same(&self, other: &Self) -> bool {
        let trunk = |caller: &Self| caller.trunk.as_ref().map(|trunk| trunk.name.clone());
        (self.line.is_some() && self.line == other.line)
            || (self.user.is_some() && self.user == other.user)
            || (trunk(self).is_some() && trunk(self) == trunk(other))
    }
}

/// What was dialled: the user part of the Request-URI, unescaped, in our domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialled {
    /// `1002`, `bob`, `600`.
    pub user: String,
    /// The domain, when it is not one of ours.
    pub foreign_domain: Option<String>,
    /// How often the call was diverted before it came here.
    pub diversions: usize,
    /// The phone shall answer by itself.
    pub is_intercom: bool,
}

impl Dialled {
    /// A number or name of ours.
    pub fn here(user: impl Into<String>) -> Self {
        Self { user: user.into(), foreign_domain: None, diversions: 0, is_intercom: false }
    }
}

/// One phone to ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    /// The registered contact: the Request-URI of the outgoing INVITE.
    pub contact: sip::Uri,
    /// The path to it: for a registration, the flow it came over (RFC 5626 §5.3).
    pub target: sip::endpoint::Target,
    /// Path of the registration (RFC 3327), to become Route header fields; usually empty.
    pub path: Vec<bytes::Bytes>,
    /// The line that rings; `None` over a trunk.
    pub line: Option<LineId>,
    /// The line's owner.
    pub owner: Option<BareJid>,
    /// The server of a trunk that is called.
    pub trunk: Option<Arc<Outgoing>>,
    /// It is asked to make no sound.
    pub is_silent: bool,
    /// The device of the line, when it is known.
    pub device: Option<Arc<str>>,
}

/// What this server answers itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Sends the caller's own sound back.
    Echo,
    /// Says that what was dialled is done.
    Confirmation,
}

/// A place of this server that a leg is brought to, by the number that the dial plan leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnPlace {
    /// A conference.
    Conference(String),
    /// A slot for a parked call.
    Slot(String),
}

/// What answers a caller and keeps it until somebody else has it, by its name in the dial plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pilot {
    /// A menu.
    Attendant(String),
    /// A queue.
    Queue(String),
}

/// Where a call goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Phones, all at once.
    Phones {
        /// The phones, over all lines of the destination.
        branches: Vec<Branch>,
        /// Shown to the caller: the number or name reached.
        address: String,
        /// Shown to the caller: the name of the person reached.
        name: Option<String>,
        /// How long it rings; `None` is the server's setting.
        ring_time: Option<Duration>,
        /// How the call came there, and where it can go on.
        course: Course,
    },
    /// A route point: an application says where it goes on.
    RoutePoint {
        /// How the call came there, and which it is.
        course: Course,
    },
    /// A service of this server.
    Service(Service),
    /// An attendant, or a queue.
    Pilot {
        /// Which.
        pilot: Pilot,
        /// How the call came there.
        course: Course,
    },
    /// A change of the settings of the line that calls; [`Directory::set`] makes it.
    Setting(LineChange),
    /// What the line that calls holds on another phone.
    Resume,
    /// The line that calls wishes to be called back when this number is free; `None`: no more.
    CallBack(Option<String>),
    /// What was dialled stands for a number, and says how that is called.
    Again {
        /// The number or name that is called.
        dialled: String,
        /// How.
        manner: Manner,
    },
    /// Out, over trunks, tried in order.
    Trunk {
        /// The trunks; one at least.
        attempts: Vec<TrunkAttempt>,
        /// An emergency call: no limit stands in its way.
        is_emergency: bool,
        /// How the call came there.
        course: Course,
    },
}

/// How a number is called, by the code before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// As if it had been dialled.
    Plain,
    /// As if it had been dialled, but only phones and trunks: whom the line called last, or who called it. Nobody chooses
    /// by what number he calls what the called line does.
    Again,
    /// The caller's number is withheld, or expressly shown.
    Withheld(bool),
    /// The phone shall answer by itself.
    Intercom,
}

/// One trunk to try, and what is called there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrunkAttempt {
    /// The trunk, by its name in the dial plan.
    pub trunk: String,
    /// The called number, or the user part of an address.
    pub called: String,
    /// The domain, when an address of another domain was called.
    pub domain: Option<String>,
    /// The calling number to show; `None` when the caller has none.
    pub calling: Option<String>,
    /// What the call is counted by; `None` for an emergency call, and for one that comes over a trunk.
    pub charge: Option<Arc<Charge>>,
}

/// Why a call goes nowhere; what the caller is told is chosen from it at the edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unplaceable {
    /// No such number or user.
    #[error("there is no such number or name")]
    NotFound,
    /// The number exists, but no phone of it is registered.
    #[error("no phone is registered there")]
    NotRegistered,
    /// The line has as many calls as it may have.
    #[error("the line is busy")]
    Busy,
    /// The caller may not call there.
    #[error("the caller may not call there")]
    NotAllowed,
    /// The call is forwarded in a circle, or too often.
    #[error("the call is forwarded in a circle")]
    Looping,
    /// There is no such number, but one that begins so.
    #[error("more digits are missing")]
    Incomplete,
    /// The call must go out, and no trunk that it may take is in service.
    #[error("no trunk is in service")]
    NoTrunk,
    /// The line has called outside as often, or as long, as it may.
    #[error("{0}")]
    TooMuch(Barred),
    /// The line takes no calls of whoever withholds the number.
    #[error("the line takes no anonymous calls")]
    Anonymous,
}

impl Unplaceable {
    /// What applications see.
    pub fn cause(self) -> Cause {
        match self {
            Self::NotFound | Self::Incomplete | Self::Looping => Cause::NotObtainable,
            Self::NotRegistered => Cause::DestinationOutOfService,
            Self::Busy => Cause::Busy,
            Self::NotAllowed | Self::Anonymous => Cause::NotAllowed,
            Self::NoTrunk => Cause::ResourcesNotAvailable,
            Self::TooMuch(_) => Cause::CostLimit,
        }
    }
}

/// What placing a call asks of the rooms around it: the dial plan, the directory and the registrar.
///
/// Synchronous: the answers are tables in memory (read-mostly snapshots). `dialplan` and `registrar`
/// implement it; scripted tests have a small one of their own.
pub trait Directory: Send + Sync {
    /// Where a number or name leads, after the dial plan.
    ///
    /// # Errors
    /// It leads nowhere.
    fn resolve(&self, dialled: &Dialled, caller: &Caller) -> Result<Destination, Unplaceable>;
    /// The conference or slot that a number leads to; `None` when it leads elsewhere.
    fn own_place(&self, _dialled: &Dialled, _caller: &Caller) -> Option<OwnPlace> {
        None
    }
    /// How many live calls the line takes part in.
    fn line_calls(&self, line: &LineId) -> usize;
    /// How many it may take part in.
    fn line_room(&self, _line: &LineId, limits: Limits) -> LineRoom {
        LineRoom { max: limits.calls_per_line_max, busy_at: limits.calls_per_line_max }
    }
    /// Has a device all the calls that the plan lets it have, on its lines together? Without a word of the plan only
    /// lines have limits.
    fn device_is_full(&self, _device: &str, _line: &LineId) -> bool {
        false
    }
    /// Has a line no call, and may it be disturbed?
    fn is_free(&self, line: &LineId) -> bool {
        self.line_calls(line) == 0
    }
    /// The line of ours that a number or name stands for.
    ///
    /// # Errors
    /// It stands for none, or the caller may not call it.
    fn line_dialled(&self, _dialled: &Dialled, _caller: &Caller) -> Result<LineId, Unplaceable> {
        Err(Unplaceable::NotAllowed)
    }
    /// Does a line withhold its number, unless a code or its phone says otherwise?
    fn withholds(&self, _line: &LineId) -> bool {
        false
    }
    /// Does it say anything of places? Else nothing needs to be asked of [`Directory::between`].
    fn has_places(&self) -> bool {
        false
    }
    /// What holds between two ends of a call.
    fn between(&self, _one: Stand<'_>, _other: Stand<'_>) -> Between {
        Between::default()
    }
    /// May who stands there have conferences?
    fn has_conferences(&self, _stand: Stand<'_>) -> bool {
        true
    }
    /// The phones of a line, for a call that is not dialled: a recall, a call that an application makes.
    fn phones_of(&self, _line: &LineId) -> Vec<Branch> {
        Vec::new()
    }
    /// Whether the media of a line is secret.
    fn srtp(&self, _line: Option<&LineId>) -> Srtp {
        Srtp::default()
    }
    /// Whether the calls of a line are recorded.
    fn recording(&self, _line: &LineId) -> Recording {
        Recording::default()
    }
    /// Where an attendant or a queue sends a call: looked up as the plan says there, never with the caller's rights.
    ///
    /// # Errors
    /// It leads nowhere.
    fn sent_on(&self, _: &ForwardTo, _: &Caller, _: &Course) -> Result<Destination, Unplaceable> {
        Err(Unplaceable::NotFound)
    }
    /// A menu as it is now.
    fn menu(&self, _name: &str) -> Option<Menu> {
        None
    }
    /// A queue.
    fn queue(&self, _name: &str) -> Option<Arc<Queue>> {
        None
    }
    /// The phones of an agent who could take a call now: signed in, without a call, not to be left alone.
    fn free_agent(&self, _line: &LineId) -> Vec<Branch> {
        Vec::new()
    }
    /// Is there any agent of a queue: signed in, with a phone that is registered?
    fn has_agents(&self, _queue: &Queue) -> bool {
        false
    }
    /// When the last call of a line ended.
    fn rested(&self, _line: &LineId) -> Option<Timestamp> {
        None
    }
    /// What whoever is put on hold by a line hears, when the plan says it.
    fn music_of(&self, _line: &LineId) -> Option<SoundName> {
        None
    }
    /// What a caller hears whose call could not be placed, or is not taken (`CC-36`).
    fn announcement(&self, _cause: Cause) -> Vec<SoundName> {
        Vec::new()
    }
    /// Changes the settings of the line that calls.
    ///
    /// # Errors
    /// It may not.
    fn set(&self, _caller: &Caller, _change: &LineChange) -> Result<(), Unplaceable> {
        Err(Unplaceable::NotAllowed)
    }
    /// Where a call goes when its destination has failed; `None` when it has failed with it. The course of what is
    /// given is longer than the one that failed: no call goes on for ever.
    fn next(&self, _failed: &Failed<'_>) -> Option<Destination> {
        None
    }
    /// Where a call goes from a route point.
    ///
    /// # Errors
    /// The number that was selected leads nowhere.
    fn selected(&self, _selected: &Selected<'_>) -> Result<Destination, Unplaceable> {
        Err(Unplaceable::NotFound)
    }
}

/// A destination that failed.
#[derive(Clone, Copy, Debug)]
pub struct Failed<'a> {
    /// Who calls.
    pub caller: &'a Caller,
    /// How the call came there.
    pub course: &'a Course,
    /// Why it failed; of several phones, why the best of them did.
    pub cause: Cause,
}

/// What the application of a route point has selected.
#[derive(Clone, Copy, Debug)]
pub struct Selected<'a> {
    /// Who calls.
    pub caller: &'a Caller,
    /// How the call came to the route point.
    pub course: &'a Course,
    /// The number.
    pub target: &'a str,
}

/// Limits of placing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Calls that one line may take part in at once, unless the plan says otherwise of it.
    pub calls_per_line_max: usize,
}

/// How many calls a line may take part in at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineRoom {
    /// In both directions together.
    pub max: usize,
    /// With so many it is busy for further callers.
    pub busy_at: usize,
}

/// Places a call: the originating features, then the dial plan, then the terminating features. What was dialled, and how
/// the caller is shown, become what the codes before the number make of them.
///
/// # Errors
/// The call goes nowhere.
pub fn place(
    directory: &dyn Directory,
    dialled: &mut Dialled,
    caller: &mut Caller,
    limits: Limits,
) -> Result<Destination, Unplaceable> {
    let destination = called(directory, dialled, caller)?;
    if !matches!(destination, Destination::Trunk { is_emergency: true, .. }) {
        caller_has_room(directory, caller, limits)?;
    }
    settle(directory, destination, caller, limits)
}

/// Places the rest of a call that is there already: whoever has it transferred gives up one in exchange.
///
/// # Errors
/// The call goes nowhere.
pub fn place_onward(
    directory: &dyn Directory,
    dialled: &mut Dialled,
    caller: &mut Caller,
    limits: Limits,
) -> Result<Destination, Unplaceable> {
    let destination = called(directory, dialled, caller)?;
    settle(directory, destination, caller, limits)
}

/// Places a call that an attendant or a queue sends on.
///
/// # Errors
/// The call goes nowhere.
pub fn place_sent_on(
    directory: &dyn Directory,
    to: &ForwardTo,
    (caller, course): (&Caller, &Course),
    limits: Limits,
) -> Result<Destination, Unplaceable> {
    settle(directory, directory.sent_on(to, caller, course)?, caller, limits)
}

/// What is called, behind the codes that say how.
fn called(
    directory: &dyn Directory,
    dialled: &mut Dialled,
    caller: &mut Caller,
) -> Result<Destination, Unplaceable> {
    let mut is_again = false;
    for _ in 0..CODES_MAX {
        let found = directory.resolve(dialled, caller)?;
        if is_again && !matches!(found, Destination::Phones { .. } | Destination::Trunk { .. }) {
            return Err(Unplaceable::NotFound);
        }
        let (number, manner) = match found {
            Destination::Again { dialled, manner } => (dialled, manner),
            destination => {
                // Who helps must know whom.
                caller.withheld &= !matches!(destination, Destination::Trunk { is_emergency: true, .. });
                return Ok(destination);
            }
        };
        (dialled.user, dialled.foreign_domain) = (number, None);
        match manner {
            Manner::Plain => {}
            Manner::Again => is_again = true,
            Manner::Withheld(withheld) => caller.withheld = withheld,
            Manner::Intercom => dialled.is_intercom = true,
        }
    }
    Err(Unplaceable::Looping)
}

/// Places a call anew whose destination has failed; `None` when it has failed with it.
pub fn place_next(directory: &dyn Directory, failed: &Failed<'_>, limits: Limits) -> Option<Destination> {
    settle(directory, directory.next(failed)?, failed.caller, limits).ok()
}

/// Places a call from a route point.
///
/// # Errors
/// It goes nowhere.
pub fn place_selected(
    directory: &dyn Directory,
    selected: &Selected<'_>,
    limits: Limits,
) -> Result<Destination, Unplaceable> {
    settle(directory, directory.selected(selected)?, selected.caller, limits)
}

/// The same destination or, when it is a route point, where that leads when no application says where: for calls that
/// no application can be asked about.
///
/// # Errors
/// It leads nowhere.
pub(crate) fn past_route_points(
    directory: &dyn Directory,
    mut destination: Destination,
    caller: &Caller,
    limits: Limits,
) -> Result<Destination, Unplaceable> {
    // Every step is one more diversion of the course, so that this ends.
    while let Destination::RoutePoint { course } = &destination {
        let failed = Failed { caller, course, cause: Cause::DestinationOutOfService };
        destination = place_next(directory, &failed, limits).ok_or(Unplaceable::NotRegistered)?;
    }
    Ok(destination)
}

/// Shared by all shards.
pub type SharedDirectory = Arc<dyn Directory>;

fn caller_has_room(directory: &dyn Directory, caller: &Caller, limits: Limits) -> Result<(), Unplaceable> {
    match &caller.line {
        Some(line) if is_full(directory, line, limits) => Err(Unplaceable::NotAllowed),
        Some(line)
            if caller.device.as_deref().is_some_and(|device| directory.device_is_full(device, line)) =>
        {
            Err(Unplaceable::NotAllowed)
        }
        _ => Ok(()),
    }
}

/// Has a line all the calls that it may have?
pub(crate) fn is_full(directory: &dyn Directory, line: &LineId, limits: Limits) -> bool {
    directory.line_calls(line) >= directory.line_room(line, limits).max
}

/// The terminating features: what of a destination can ring, else where the call goes on from there.
fn settle(
    directory: &dyn Directory,
    mut destination: Destination,
    caller: &Caller,
    limits: Limits,
) -> Result<Destination, Unplaceable> {
    for _ in 0..LOOKED_AT_MAX {
        let (reason, course) = match without_the_full(directory, destination, limits) {
            Ok(destination) => return Ok(at_most_branches(destination)),
            Err(failed) => failed,
        };
        let failed = Failed { caller, course: &course, cause: reason.cause() };
        destination = directory.next(&failed).ok_or(reason)?;
    }
    Err(Unplaceable::Looping)
}

/// Has the device of a phone all the calls that it may have?
pub(crate) fn is_device_full(directory: &dyn Directory, branch: &Branch) -> bool {
    let device = branch.device.as_deref().zip(branch.line.as_ref());
    device.is_some_and(|(device, line)| directory.device_is_full(device, line))
}

/// A line or device that has all the calls it may have does not ring; when that leaves nobody, the called side is busy.
fn without_the_full(
    directory: &dyn Directory,
    mut destination: Destination,
    limits: Limits,
) -> Result<Destination, (Unplaceable, Course)> {
    if let Destination::Phones { branches, course, .. } = &mut destination {
        if branches.is_empty() {
            return Err((Unplaceable::NotRegistered, std::mem::take(course)));
        }
        let has_room = |line: &LineId| directory.line_calls(line) < directory.line_room(line, limits).busy_at;
        branches
            .retain(|branch| branch.line.as_ref().is_none_or(has_room) && !is_device_full(directory, branch));
        if branches.is_empty() {
            return Err((Unplaceable::Busy, std::mem::take(course)));
        }
    }
    Ok(destination)
}

fn at_most_branches(mut destination: Destination) -> Destination {
    if let Destination::Phones { branches, .. } = &mut destination
        && branches.len() > BRANCHES_MAX
    {
        tracing::warn!(limit = BRANCHES_MAX, "more phones than one call may ring");
        branches.truncate(BRANCHES_MAX);
    }
    destination
}
