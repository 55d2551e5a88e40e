//! Where calls go: the dial plan, the registrar and the board, as placing a call asks them.

mod lines;
mod outside;
mod phones;
mod pilots;
mod route_points;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use arc_swap::ArcSwap;
use model::plan::{Digits, Feature, ForwardTo, Queue, Recording, SoundName, Srtp};
use model::{LineChange, LineId, Timestamp};

pub use self::phones::Phones;
pub(crate) use self::phones::RegisteredPhones;
use crate::admission::{Between, Stand};
use crate::board::Board;
use crate::course::{Course, RingsAt, Why};
use crate::dialplan::{Ask, DialPlan, Menu, Outcome, Route, Who};
use crate::features::codes::{self, Dials};
use crate::features::hunt::Turns;
use crate::features::line_settings::LineTable;
use crate::features::queues::Queues;
use crate::features::{announcement, call_waiting, caller_identity, do_not_disturb, forward};
use crate::guard::Guard;
use crate::place::{
    Branch, Caller, Destination, Dialled, Directory, Failed, Limits, LineRoom, OwnPlace, Pilot, Selected,
    Unplaceable,
};
use crate::snapshot::Cause;

/// The directory of this server: places calls by the dial plan.
pub struct PlanDirectory<P> {
    plan: Arc<ArcSwap<DialPlan>>,
    phones: P,
    board: Arc<Board>,
    lines: Arc<LineTable>,
    hunts: Turns,
    queues: Arc<Queues>,
    /// Counts calls, for route groups whose trunks take turns.
    calls: AtomicUsize,
    guard: Arc<Guard>,
}

/// A call on its way to a destination.
struct Placing<'a> {
    /// What was dialled; empty when the call was placed before, and goes on.
    dialled: &'a str,
    domain: Option<&'a str>,
    who: Who<'a>,
    caller: &'a Caller,
    /// What is called shall answer by itself.
    is_intercom: bool,
    when: Timestamp,
}

impl<P: Phones> Directory for PlanDirectory<P> {
    fn resolve(&self, dialled: &Dialled, caller: &Caller) -> Result<Destination, Unplaceable> {
        let plan = self.plan.load();
        let domain = dialled.foreign_domain.as_deref();
        let (is_intercom, number) = (dialled.is_intercom, &dialled.user);
        let placing = Placing { dialled: number, domain, is_intercom, ..self.placing(caller) };
        let ask = Ask { domain, ..Ask::new(&dialled.user, placing.who, placing.when) };
        self.destination(&plan, plan.resolve(&ask), &placing, Course::after(dialled.diversions))
    }

    fn own_place(&self, dialled: &Dialled, caller: &Caller) -> Option<OwnPlace> {
        let plan = self.plan.load();
        let Placing { who, when, .. } = self.placing(caller);
        let route = match dialled.foreign_domain {
            None => plan.resolve(&Ask::new(&dialled.user, who, when)),
            Some(_) => return None,
        };
        match route.outcome {
            Outcome::Conference => Some(OwnPlace::Conference(route.called.to_string())),
            Outcome::Slot => Some(OwnPlace::Slot(route.called.to_string())),
            _ => None,
        }
    }

    fn has_places(&self) -> bool {
        self.plan.load().has_places()
    }

    fn between(&self, one: Stand<'_>, other: Stand<'_>) -> Between {
        self.plan.load().between(one, other)
    }

    fn has_conferences(&self, stand: Stand<'_>) -> bool {
        self.plan.load().has_conferences(stand)
    }

    fn phones_of(&self, line: &LineId) -> Vec<Branch> {
        self.phones.of(line, self.phones.now())
    }

    fn srtp(&self, line: Option<&LineId>) -> Srtp {
        self.plan.load().srtp(line)
    }

    fn recording(&self, line: &LineId) -> Recording {
        self.plan.load().recording(line)
    }

    fn next(&self, failed: &Failed<'_>) -> Option<Destination> {
        let plan = self.plan.load();
        let placing = self.placing(failed.caller);
        match &failed.course.rings_at {
            RingsAt::Elsewhere => None,
            RingsAt::Line(line) if failed.cause == Cause::NetworkCongestion => {
                self.around(&plan, line, &placing, failed.course)
            }
            RingsAt::Line(line) => {
                let reason = forward::reason(failed.cause)?;
                let route = self.forward(&plan, line, reason, &placing)?;
                let course = failed.course.diverted(line, forward::why(reason))?;
                self.destination(&plan, route, &placing, course).ok()
            }
            RingsAt::Hunt(hunt) => {
                let pilot = plan.hunt_pilot(&hunt.pilot)?;
                let (hunt, course) = ((**hunt).clone(), failed.course.clone());
                self.hunt_on(&plan, (pilot, hunt), &placing, course, failed.cause).ok()
            }
            RingsAt::RoutePoint(visit) => {
                let to = visit.point.on_failure.as_ref()?;
                self.route_onward(&plan, (visit, to, Why::Unavailable), &placing, failed.course).ok()
            }
        }
    }

    fn selected(&self, selected: &Selected<'_>) -> Result<Destination, Unplaceable> {
        self.select_onward(selected)
    }

    fn set(&self, caller: &Caller, change: &LineChange) -> Result<(), Unplaceable> {
        let line = caller.line.as_ref().ok_or(Unplaceable::NotAllowed)?;
        if let LineChange::Forward { to: Some(to), .. } = change {
            self.plan.load().may_forward(line, to, self.phones.now())?;
        }
        self.lines.change(line, change);
        Ok(())
    }

    fn is_free(&self, line: &LineId) -> bool {
        self.board.line_calls(line) == 0 && !do_not_disturb::refuses(self.lines.of(line).as_deref())
    }

    fn line_dialled(&self, dialled: &Dialled, caller: &Caller) -> Result<LineId, Unplaceable> {
        let plan = self.plan.load();
        let placing = self.placing(caller);
        match plan.resolve(&Ask::new(&dialled.user, placing.who, placing.when)).outcome {
            Outcome::Line(line) => Ok(line.clone()),
            Outcome::User(_, lines) => lines.first().map(|line| (*line).clone()).ok_or(Unplaceable::NotFound),
            Outcome::Unallocated => Err(Unplaceable::NotFound),
            _ => Err(Unplaceable::NotAllowed),
        }
    }

    fn withholds(&self, line: &LineId) -> bool {
        let plan = self.plan.load();
        let said = plan.said(line).map(|said| said.identity).unwrap_or_default();
        caller_identity::withholds(said, self.lines.of(line).as_deref())
    }

    fn line_calls(&self, line: &LineId) -> usize {
        self.board.line_calls(line)
    }

    fn line_room(&self, line: &LineId, limits: Limits) -> LineRoom {
        let plan = self.plan.load();
        let said = plan.said(line).map(|said| said.calls).unwrap_or_default();
        call_waiting::room(said, self.lines.of(line).as_deref(), limits)
    }

    fn device_is_full(&self, device: &str, line: &LineId) -> bool {
        let limit = self.plan.load().device_limit(device, line);
        limit.is_some_and(|(max, lines)| self.board.device_calls(device, &lines) >= max)
    }

    fn sent_on(&self, to: &ForwardTo, caller: &Caller, course: &Course) -> Result<Destination, Unplaceable> {
        let plan = self.plan.load();
        let placing = self.placing(caller);
        let route = plan.forwarded(to, Who::Nobody, &placing.who, placing.when);
        self.destination(&plan, route, &placing, course.clone())
    }

    fn menu(&self, name: &str) -> Option<Menu> {
        self.plan.load().menu(name, self.phones.now())
    }

    fn queue(&self, name: &str) -> Option<Arc<Queue>> {
        self.plan.load().queue(name).cloned()
    }

    fn free_agent(&self, line: &LineId) -> Vec<Branch> {
        let settings = self.lines.of(line);
        if settings.as_ref().is_some_and(|settings| settings.signed_out_of_queues) {
            return Vec::new();
        }
        self.free(line, self.phones.now())
    }

    fn has_agents(&self, queue: &Queue) -> bool {
        queue.lines().any(|line| self.is_signed_in(&line))
    }

    fn rested(&self, line: &LineId) -> Option<Timestamp> {
        self.board.rested(line)
    }

    fn music_of(&self, line: &LineId) -> Option<SoundName> {
        self.plan.load().music_of(line).cloned()
    }

    fn announcement(&self, cause: Cause) -> Vec<SoundName> {
        announcement::sounds(self.plan.load().announcements(), cause).to_vec()
    }
}

impl<P: Phones> PlanDirectory<P> {
    /// A directory over this plan, these settings, these phones and the board of calls.
    pub fn new(
        (plan, lines): (Arc<ArcSwap<DialPlan>>, Arc<LineTable>),
        phones: P,
        board: Arc<Board>,
        guard: Arc<Guard>,
    ) -> Self {
        Self {
            plan,
            phones,
            board,
            lines,
            hunts: Turns::default(),
            queues: Arc::default(),
            calls: AtomicUsize::new(0),
            guard,
        }
    }

    /// These queues hold the callers that wait.
    #[must_use]
    pub fn with_queues(mut self, queues: Arc<Queues>) -> Self {
        self.queues = queues;
        self
    }

    fn placing<'a>(&self, caller: &'a Caller) -> Placing<'a> {
        let who = match (&caller.line, &caller.trunk) {
            (Some(line), _) => Who::Line(line, caller.device.as_deref()),
            // A caller without a number has none to transform.
            (None, Some(from)) => {
                Who::Trunk(&from.name, Digits::dialled(&from.number).unwrap_or(Digits::empty()))
            }
            (None, None) => Who::Nobody,
        };
        Placing { dialled: "", domain: None, who, caller, is_intercom: false, when: self.phones.now() }
    }

    fn destination(
        &self,
        plan: &DialPlan,
        route: Route<'_>,
        placing: &Placing<'_>,
        course: Course,
    ) -> Result<Destination, Unplaceable> {
        match &route.outcome {
            // A phone answers by itself when somebody calls it, and nobody else does.
            Outcome::Service(_) | Outcome::HuntPilot(_) | Outcome::Outside(_) | Outcome::Feature(..)
                if placing.is_intercom =>
            {
                Err(Unplaceable::NotAllowed)
            }
            Outcome::Service(service) => Ok(Destination::Service(*service)),
            Outcome::Line(line) => {
                // What was dialled is shown, unless it led elsewhere.
                let same = route.called.as_str() == placing.dialled && course.diversions.is_empty();
                let shown = if same { placing.dialled } else { line.number.as_str() };
                self.line(plan, line, shown, placing, course)
            }
            Outcome::User(user, lines) => {
                if let [line] = lines.as_slice() {
                    return self.line(plan, line, placing.dialled, placing, course);
                }
                self.user(plan, (user, lines), placing, course)
            }
            Outcome::HuntPilot(pilot) => self.hunted(plan, pilot, placing, course),
            Outcome::Attendant(attendant) => {
                Ok(Destination::Pilot { pilot: Pilot::Attendant(attendant.name.clone()), course })
            }
            Outcome::Queue(queue) => self.queued(plan, queue, placing, course),
            Outcome::RoutePoint(point) => route_points::arrive(point, &route.called, course),
            Outcome::Feature(feature, keyed) => self.feature(plan, (*feature, keyed), placing),
            Outcome::Outside(way) => self.outside((plan, &route), way, placing, course),
            Outcome::NoEmergencyRoute => Err(outside::no_emergency_route(&route)),
            Outcome::Looping => {
                tracing::warn!(number = %route.called, "translations of the dial plan go round in a circle");
                Err(Unplaceable::NotFound)
            }
            Outcome::NeedsCode(_) | Outcome::CodeRefused(_) | Outcome::Blocked => {
                Err(Unplaceable::NotAllowed)
            }
            Outcome::Incomplete => Err(Unplaceable::Incomplete),
            // A leg is brought there before its call is placed; nothing rings there.
            Outcome::Conference | Outcome::Slot => Err(Unplaceable::NotFound),
            Outcome::More(_) | Outcome::Unallocated => Err(Unplaceable::NotFound),
        }
    }

    /// What a code stands for that a line has dialled.
    fn feature(
        &self,
        plan: &DialPlan,
        (feature, keyed): (Feature, &Digits),
        placing: &Placing<'_>,
    ) -> Result<Destination, Unplaceable> {
        let line = placing.caller.line.as_ref().ok_or(Unplaceable::NotAllowed)?;
        let settings = self.lines.of(line);
        let dials = Dials {
            owner: placing.caller.user.as_ref(),
            device: placing.caller.device.as_deref(),
            settings: settings.as_deref(),
            last: self.board.last_calls(line),
            house: &plan.plan().settings.speed_dials,
        };
        codes::destination(feature, keyed, &dials).ok_or(Unplaceable::NotFound)
    }
}
