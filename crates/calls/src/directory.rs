//! Where calls go: the dial plan, the registrar and the board, as placing a call asks them.

mod route_points;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use model::plan::{CostClass, Digits, ForwardTo, HuntPilot, Queue, Recording, SoundName, Srtp, Trunk};
use model::{BareJid, LineChange, LineId, Timestamp};
use runtime::Runtime;

use crate::admission::{Between, Stand};
use crate::board::Board;
use crate::course::{Course, RingsAt, Why};
use crate::dialplan::{Ask, DialPlan, Menu, Outcome, Reached, Reason, Route, Way, Who};
use crate::features::codes::{self, Dials};
use crate::features::hunt::{Hunt, Turns};
use crate::features::line_settings::LineTable;
use crate::features::queues::Queues;
use crate::features::{
    announcement, call_waiting, caller_identity, do_not_disturb, forward, intercom, shared_line,
};
use crate::guard::{Charge, Guard};
use crate::place::{
    Branch, Caller, Destination, Dialled, Directory, Failed, Limits, LineRoom, OwnPlace, Pilot, Selected,
    TrunkAttempt, Unplaceable,
};
use crate::registrar::Registrar;
use crate::snapshot::Cause;

/// Where the phones of lines are.
pub trait Phones: Send + Sync {
    /// The phones of a line that are registered at this moment.
    fn of(&self, line: &LineId, when: Timestamp) -> Vec<Branch>;
    /// The moment.
    fn now(&self) -> Timestamp;
}

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

/// The phones that the registrar knows.
pub(crate) struct RegisteredPhones {
    pub registrar: Arc<Registrar>,
    pub runtime: Runtime,
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
            Outcome::HuntPilot(pilot) => {
                let hunt = Hunt::begin(pilot, &self.hunts, |line| self.board.rested(line), placing.when);
                let tried = self.nobody_free(&hunt, placing);
                self.hunt_on(plan, (pilot, hunt), placing, course, tried)
            }
            Outcome::Attendant(attendant) => {
                Ok(Destination::Pilot { pilot: Pilot::Attendant(attendant.name.clone()), course })
            }
            Outcome::Queue(queue) => self.queued(plan, queue, placing, course),
            Outcome::RoutePoint(point) => route_points::arrive(point, &route.called, course),
            Outcome::Feature(feature, keyed) => {
                let line = placing.caller.line.as_ref().ok_or(Unplaceable::NotAllowed)?;
                let settings = self.lines.of(line);
                let dials = Dials {
                    owner: placing.caller.user.as_ref(),
                    device: placing.caller.device.as_deref(),
                    settings: settings.as_deref(),
                    last: self.board.last_calls(line),
                    house: &plan.plan().settings.speed_dials,
                };
                codes::destination(*feature, keyed, &dials).ok_or(Unplaceable::NotFound)
            }
            // Nobody comes in over one trunk to go out over another, unless the plan says so; where a line of ours
            // forwards to is that line's business.
            Outcome::Outside(_) if course.diversions.is_empty() && !may_pass_through(plan, &placing.who) => {
                metrics::counter!("carillon_trunk_transit_refused_total").increment(1);
                Err(Unplaceable::NotAllowed)
            }
            Outcome::Outside(way) => {
                let turn = self.calls.fetch_add(1, Ordering::Relaxed);
                let is_emergency = way.is_emergency;
                let mut attempts = self.trunks(plan, way, &route, placing, turn)?;
                let charge = match is_emergency {
                    true => None,
                    false => self.charge((plan, &route), &attempts, placing, &course)?,
                };
                attempts.iter_mut().for_each(|attempt| attempt.charge.clone_from(&charge));
                Ok(Destination::Trunk { attempts, is_emergency, course })
            }
            Outcome::NoEmergencyRoute => {
                // Somebody may be in danger: this must not be overlooked.
                tracing::error!(
                    number = %route.called,
                    "AN EMERGENCY CALL WAS REFUSED: the dial plan has no emergency route; set emergency.to"
                );
                metrics::counter!("carillon_emergency_calls_refused_total").increment(1);
                Err(Unplaceable::NoTrunk)
            }
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

    /// The trunks that a call out tries.
    fn trunks(
        &self,
        plan: &DialPlan,
        way: &Way<'_>,
        route: &Route<'_>,
        placing: &Placing<'_>,
        turn: usize,
    ) -> Result<Vec<TrunkAttempt>, Unplaceable> {
        let mut attempts = plan.attempts(way, route, turn);
        for group in
            attempts.chunk_by_mut(|one, next| one.balanced.is_some() && one.balanced == next.balanced)
        {
            group.sort_by_key(|attempt| self.load(attempt.trunk));
        }
        let attempts: Vec<TrunkAttempt> = attempts
            .into_iter()
            .map(|attempt| TrunkAttempt {
                trunk: attempt.trunk.name.clone(),
                called: match placing.domain {
                    Some(_) => placing.dialled.to_owned(),
                    None => attempt.called.to_string(),
                },
                domain: placing.domain.map(str::to_owned),
                calling: attempt.calling.map(|number| number.to_string()),
                charge: None,
            })
            .collect();
        if attempts.is_empty() {
            tracing::warn!(emergency = way.is_emergency, "a route of the dial plan leads to no trunk");
            return Err(Unplaceable::NoTrunk);
        }
        Ok(attempts)
    }

    /// How much a trunk has to do: in thousandths of what it may, or in calls when it has no end.
    fn load(&self, trunk: &Trunk) -> usize {
        let calls = self.board.trunk_calls(&trunk.name);
        let max = trunk.sip.as_ref().and_then(|sip| sip.calls_max);
        max.map_or(calls, |max| calls * 1_000 / (max as usize).max(1))
    }

    /// Counts a call to the outside: for the line that sent it there last, else for the one that calls.
    fn charge(
        &self,
        (plan, route): (&DialPlan, &Route<'_>),
        attempts: &[TrunkAttempt],
        placing: &Placing<'_>,
        course: &Course,
    ) -> Result<Option<Arc<Charge>>, Unplaceable> {
        let by = course.diversions.last().map(|diversion| &diversion.from);
        let by = by.or(match &placing.who {
            Who::Line(line, _) => Some(line),
            _ => None,
        });
        let Some(line) = by else { return Ok(None) };
        let costs = &plan.plan().outside.costs;
        let before = (route.called.as_str(), route.calling.as_ref().map(Digits::as_str));
        // What a trunk makes of a number may not tell any more that it is dear, and the other way round.
        let class = |attempt: &TrunkAttempt| {
            let shown = [attempt.calling.as_deref(), before.1];
            let calling = shown.into_iter().flatten().find(|number| number.starts_with('+'));
            costs.class(&attempt.called, calling).max(costs.class(before.0, calling))
        };
        let class = attempts.iter().map(class).max().unwrap_or(CostClass::National);
        let zone = plan.plan().settings.time_zone.as_str();
        let charge = self.guard.admit(line, class, (costs, zone)).map_err(Unplaceable::TooMuch)?;
        Ok(Some(charge))
    }

    /// The phones of a line, or where it forwards all calls to.
    fn line(
        &self,
        plan: &DialPlan,
        line: &LineId,
        shown: &str,
        placing: &Placing<'_>,
        course: Course,
    ) -> Result<Destination, Unplaceable> {
        // Where a call was diverted from, it does not come back to.
        if course.came_from(line) {
            return Err(Unplaceable::Looping);
        }
        if self.refuses_caller(plan, line, placing) {
            return Err(Unplaceable::Anonymous);
        }
        if placing.is_intercom {
            return self.intercom(plan, line, shown, placing, course);
        }
        if let Some(next) = self.forward(plan, line, Reason::All, placing) {
            let course = course.diverted(line, forward::why(Reason::All)).ok_or(Unplaceable::Looping)?;
            return self.destination(plan, next, placing, course);
        }
        let settings = self.lines.of(line);
        if do_not_disturb::refuses(settings.as_deref()) {
            let next = self.forward(plan, line, Reason::Busy, placing).ok_or(Unplaceable::Busy)?;
            let course = course.diverted(line, Why::DoNotDisturb).ok_or(Unplaceable::Looping)?;
            return self.destination(plan, next, placing, course);
        }
        let branches = self.phones_that_ring(line, placing.when);
        let Reached { address, name, .. } = plan.reached_line(line, shown);
        // Only what goes on afterwards rings for a shorter time.
        let goes_on = self.forward(plan, line, Reason::NoAnswer, placing).is_some();
        let own = settings.and_then(|settings| settings.forward.no_answer_seconds);
        let ring_time = own.or_else(|| plan.no_answer_seconds(line)).filter(|_| goes_on);
        let ring_time = ring_time.map(|seconds| Duration::from_secs(seconds.into()));
        let course = Course { rings_at: RingsAt::Line(line.clone()), ..course };
        Ok(Destination::Phones { branches, address, name, ring_time, course })
    }

    /// The phones of a user's lines; those of a line that forwards all its calls do not ring beside others.
    fn user(
        &self,
        plan: &DialPlan,
        (user, lines): (&BareJid, &[&LineId]),
        placing: &Placing<'_>,
        course: Course,
    ) -> Result<Destination, Unplaceable> {
        let Some(first) = lines.first() else {
            let (address, name) = (placing.dialled.to_owned(), plan.accounts().name(user));
            return Ok(Destination::Phones { branches: Vec::new(), address, name, ring_time: None, course });
        };
        let stays = |line: &&&LineId| {
            !self.refuses_caller(plan, line, placing)
                && self.forward(plan, line, Reason::All, placing).is_none()
        };
        let here: Vec<&LineId> = lines.iter().filter(stays).copied().collect();
        // A phone that answers by itself is one: the first.
        if here.is_empty() || placing.is_intercom {
            return self.line(plan, here.first().unwrap_or(first), placing.dialled, placing, course);
        }
        let branches = here.iter().flat_map(|line| self.phones_that_ring(line, placing.when)).collect();
        let (address, name) = (placing.dialled.to_owned(), plan.accounts().name(user));
        let course = Course { rings_at: RingsAt::Line(here[0].clone()), ..course };
        Ok(Destination::Phones { branches, address, name, ring_time: None, course })
    }

    /// A line that is called as an intercom: nobody forwards such a call, and nobody is listened in on (`CC-15`).
    fn intercom(
        &self,
        plan: &DialPlan,
        line: &LineId,
        shown: &str,
        placing: &Placing<'_>,
        course: Course,
    ) -> Result<Destination, Unplaceable> {
        if !plan.may_list(&placing.who, line) {
            return Err(Unplaceable::NotAllowed);
        }
        let disturbs = self.lines.of(line).is_some_and(|settings| settings.do_not_disturb.is_some());
        if disturbs || self.board.line_calls(line) > 0 {
            return Err(Unplaceable::Busy);
        }
        let branches = self.phones_that_ring(line, placing.when);
        let Reached { address, name, .. } = plan.reached_line(line, shown);
        let course = Course { is_intercom: true, ..course };
        let ring_time = Some(intercom::RING_TIME);
        Ok(Destination::Phones { branches, address, name, ring_time, course })
    }

    /// Does a line take no calls of this caller, who withholds the number (RFC 5079)?
    fn refuses_caller(&self, plan: &DialPlan, line: &LineId, placing: &Placing<'_>) -> bool {
        let said = plan.said(line).map(|said| said.identity).unwrap_or_default();
        placing.caller.withheld && caller_identity::rejects_anonymous(said, self.lines.of(line).as_deref())
    }

    /// Where the calls of a line go for this reason; `None` when they stay.
    fn forward<'a>(
        &self,
        plan: &'a DialPlan,
        line: &LineId,
        reason: Reason,
        placing: &Placing<'_>,
    ) -> Option<Route<'a>> {
        let own = self.lines.of(line);
        let is_internal = !matches!(placing.who, Who::Trunk(..));
        match own.as_ref().and_then(|own| forward::destination(&own.forward, reason, is_internal)) {
            Some(to) => Some(plan.forwarded_by_user(line, to, &placing.who, placing.when)),
            None => plan.forward(line, reason, &placing.who, placing.when),
        }
    }

    /// The way to a line over the public network, when there is no bandwidth to it (`CC-21`).
    fn around(
        &self,
        plan: &DialPlan,
        line: &LineId,
        placing: &Placing<'_>,
        course: &Course,
    ) -> Option<Destination> {
        let found = plan.reroute(line, &placing.who, placing.when);
        let route = found.inspect_err(|why| tracing::info!(%line, %why, "no way around")).ok()?;
        if !matches!(route.outcome, Outcome::Outside(_)) {
            return None;
        }
        metrics::counter!("carillon_admission_rerouted_total").increment(1);
        let course = Course { rings_at: RingsAt::Elsewhere, ..course.clone() };
        self.destination(plan, route, placing, course).ok()
    }

    /// The phones of a line, none when it is not to be disturbed.
    fn phones_that_ring(&self, line: &LineId, when: Timestamp) -> Vec<Branch> {
        let settings = self.lines.of(line);
        if do_not_disturb::refuses(settings.as_deref()) {
            return Vec::new();
        }
        let mut branches = self.phones.of(line, when);
        for branch in &mut branches {
            let settings = settings.as_deref();
            branch.is_silent =
                do_not_disturb::is_silent(settings) || shared_line::is_silent(branch, settings);
        }
        branches
    }

    /// The next member, or members, of a hunt; else the pilot's last destination (`CC-18`). `cause` is why nobody of
    /// those who were tried took the call.
    fn hunt_on(
        &self,
        plan: &DialPlan,
        (pilot, mut hunt): (&HuntPilot, Hunt),
        placing: &Placing<'_>,
        course: Course,
        cause: Cause,
    ) -> Result<Destination, Unplaceable> {
        let branches = hunt.next(pilot, &self.hunts, placing.when, |line| match placing.who {
            // Nobody is rung for a call of their own.
            Who::Line(own, ..) if own == line => Vec::new(),
            _ => self.free(line, placing.when),
        });
        if branches.is_empty() {
            let failed = if cause == Cause::Busy { Unplaceable::Busy } else { Unplaceable::NotRegistered };
            let last = pilot.last.as_ref().ok_or(failed)?;
            let course = course.diverted(&hunt.pilot, forward::overflow(cause)).ok_or(failed)?;
            let route = plan.forwarded(last, Who::Nobody, &placing.who, placing.when);
            return self.destination(plan, route, placing, course);
        }
        let left = hunt.until.map(|until| until.0.saturating_sub(placing.when.0));
        let left = left.map(|left| Duration::from_micros(left.unsigned_abs()));
        let each = pilot.ring_seconds.map(|seconds| Duration::from_secs(seconds.into()));
        let ring_time = [each, left].into_iter().flatten().min();
        let course = Course { rings_at: RingsAt::Hunt(Box::new(hunt)), ..course };
        Ok(Destination::Phones { branches, address: pilot.number.to_string(), name: None, ring_time, course })
    }

    /// The phones of a member who can take a call of a hunt: one who has none.
    fn free(&self, line: &LineId, when: Timestamp) -> Vec<Branch> {
        match self.board.line_calls(line) {
            0 => self.phones_that_ring(line, when),
            _ => Vec::new(),
        }
    }

    /// A queue, or where its callers go while nobody could take them, or no more of them may wait.
    fn queued(
        &self,
        plan: &DialPlan,
        queue: &Queue,
        placing: &Placing<'_>,
        course: Course,
    ) -> Result<Destination, Unplaceable> {
        let is_full = self.queues.waiting(&queue.name) >= usize::from(queue.max_waiting);
        let (instead, why) = if is_full {
            (queue.overflow.as_ref(), Why::UserBusy)
        } else if queue.no_agent.is_some() && !self.has_agents(queue) {
            (queue.no_agent.as_ref(), Why::Unavailable)
        } else {
            return Ok(Destination::Pilot { pilot: Pilot::Queue(queue.name.clone()), course });
        };
        metrics::counter!("carillon_queue_calls_total", "queue" => queue.name.clone(), "outcome" => "not_admitted")
            .increment(1);
        let to = instead.ok_or(Unplaceable::Busy)?;
        let course = course.diverted(&queue.pilot(), why).ok_or(Unplaceable::Busy)?;
        let route = plan.forwarded(to, Who::Nobody, &placing.who, placing.when);
        self.destination(plan, route, placing, course)
    }

    /// Does this agent take part: signed in, with a phone that is registered?
    fn is_signed_in(&self, line: &LineId) -> bool {
        let is_out = self.lines.of(line).is_some_and(|settings| settings.signed_out_of_queues);
        !is_out && !self.phones.of(line, self.phones.now()).is_empty()
    }

    /// Why a hunt finds nobody, should it find nobody: all are busy, or have no phone.
    fn nobody_free(&self, hunt: &Hunt, placing: &Placing<'_>) -> Cause {
        match hunt.waiting.iter().any(|line| !self.phones.of(line, placing.when).is_empty()) {
            true => Cause::Busy,
            false => Cause::DestinationOutOfService,
        }
    }
}

impl Phones for RegisteredPhones {
    fn of(&self, line: &LineId, when: Timestamp) -> Vec<Branch> {
        let contacts = self.registrar.contacts(line, when);
        contacts
            .iter()
            .map(|binding| Branch {
                contact: binding.contact.clone(),
                target: binding.target(),
                path: binding.path.clone(),
                line: Some(line.clone()),
                owner: binding.owner.clone(),
                trunk: None,
                is_silent: false,
                device: binding.device.clone(),
            })
            .collect()
    }

    fn now(&self) -> Timestamp {
        self.runtime.timestamp()
    }
}

/// May this caller go out over a trunk at all? Whoever came in over one only where the plan allows it (`transit`).
fn may_pass_through(plan: &DialPlan, who: &Who<'_>) -> bool {
    let Who::Trunk(name, _) = who else { return true };
    let trunk = plan.plan().outside.trunks.iter().find(|trunk| trunk.name == *name);
    trunk.and_then(|trunk| trunk.sip.as_ref()).is_some_and(|sip| sip.transit)
}
