//! What is asked of the dial plan, and what it answers.

use std::time::Duration;

use model::plan::{Attendant, Digits, Feature, HuntPilot, Queue, RoutePoint};
use model::{BareJid, LineId, Timestamp};

use super::codes::{CodeRefused, Keyed, NeedsCode};
use super::outside::Way;
use super::who::Who;
use crate::place::Service;

/// A question: what was dialled, by whom, when.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// A number or a name, as it was dialled.
    pub dialled: &'a str,
    /// The domain, when it is not one of ours.
    pub domain: Option<&'a str>,
    /// Who dialled it.
    pub who: Who<'a>,
    /// When.
    pub when: Timestamp,
    /// The codes that were keyed in so far.
    pub keyed: Keyed<'a>,
    /// All at once, or digit by digit.
    pub manner: Manner,
}

/// How a number comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// It is complete.
    Complete,
    /// More digits may come (overlap dialling); a `#` behind them says that none will.
    DigitByDigit,
}

impl<'a> Ask<'a> {
    /// A complete number or name of ours, no code keyed in.
    pub fn new(dialled: &'a str, who: Who<'a>, when: Timestamp) -> Self {
        Self { dialled, domain: None, who, when, keyed: Keyed::default(), manner: Manner::Complete }
    }
}

/// Where a call goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route<'a> {
    /// Where.
    pub outcome: Outcome<'a>,
    /// The called number after all translations; empty for a name.
    pub called: Digits,
    /// The calling number after all translations; `None` for a caller without one.
    pub calling: Option<Digits>,
}

impl Route<'_> {
    /// The line that it leads to.
    pub fn line(&self) -> Option<&LineId> {
        match self.outcome {
            Outcome::Line(line) => Some(line),
            _ => None,
        }
    }
}

/// Where a call goes, or why it goes nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// To a line.
    Line(&'a LineId),
    /// To those lines of a user that the caller may dial.
    User(&'a BareJid, Vec<&'a LineId>),
    /// To a service of this server.
    Service(Service),
    /// To a conference, by its number.
    Conference,
    /// To a slot for a parked call, by its number.
    Slot,
    /// To a hunt pilot.
    HuntPilot(&'a HuntPilot),
    /// To an attendant.
    Attendant(&'a Attendant),
    /// To a queue.
    Queue(&'a Queue),
    /// To an application that is registered for a route point.
    RoutePoint(&'a RoutePoint),
    /// To a feature of the line that dials it, with the number that was dialled behind the code.
    Feature(Feature, Digits),
    /// Out, over trunks.
    Outside(Way<'a>),
    /// Further, when the caller has keyed in a code.
    NeedsCode(NeedsCode),
    /// Nowhere: the code is not right.
    CodeRefused(CodeRefused),
    /// Nothing yet: a longer number could match. After so long a pause, what was dialled is complete.
    More(Duration),
    /// Nowhere yet: there is no such number, but with more digits there is one (RFC 3261 §21.4.22).
    Incomplete,
    /// Nowhere: a pattern blocks it.
    Blocked,
    /// Nowhere: the caller reaches nothing by it.
    Unallocated,
    /// Nowhere: translations go round in a circle.
    Looping,
    /// Nowhere although it must go out: no emergency route is configured.
    NoEmergencyRoute,
}
