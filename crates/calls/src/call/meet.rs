//! Phones that come together otherwise than by ringing, and phones that part without the call ending.

use std::time::Instant;

use model::LineId;

use super::alone::Stay;
use super::half::Half;
use super::house::Context;
use super::incoming::CallerLeg;
use super::join::{Change, Join, Plan};
use super::leg::Leg;
use super::letter::{Letter, Loan};
use super::outcome::Failure;
use super::pair::Pair;
use super::service::{Plays, ServiceCall, Waits};
use super::streams::Streams;
use super::talking::Passed;
use super::view::{View, caller_of};
use super::{Call, End, Phase, Ringing, Timers, wire};
use crate::course::Course;
use crate::offer::Carrier;
use crate::place::Caller;
use crate::snapshot::{CallId, Cause, ConnectionState, Event};

impl Call {
    /// A call of two legs, one at each end; what it is asked for next decides whether it stays.
    fn of_two(
        (id, view, placed_by): (CallId, View, Caller),
        halves: [Half; 2],
        streams: Streams,
        ends_at: Instant,
    ) -> Box<Self> {
        Box::new(Self {
            id,
            phase: Phase::Answered(0),
            placed_by,
            caller: None,
            branches: Vec::new(),
            course: Course::default(),
            ringing: Ringing::default(),
            pairs: vec![Pair::of(halves)],
            requests: Vec::new(),
            streams,
            view,
            timers: Timers { length: Some(ends_at), ..Timers::default() },
            early_media: None,
            change: None,
            departed: Vec::new(),
        })
    }

    /// A caller whose INVITE replaces a phone: it is passed on to the partner of that phone.
    pub(crate) fn arriving(
        (id, mut view, placed_by): (CallId, View, Caller),
        leg: CallerLeg,
        caller: Half,
        loan: Loan,
        context: &mut Context<'_>,
    ) -> Box<Self> {
        let Leg { mut half, side, member } = loan.leg;
        half.connection = view.enter(member);
        view.set_dialog(caller.connection, caller.dialog_ids());
        context.index.adopt(&half, id, context.house);
        let mut streams = Streams::new(id.0);
        streams.attach(End::Callee, side);
        let ends_at = half.ends_at(context).min(caller.ends_at(context));
        let mut call = Self::of_two((id, view, placed_by), [caller, half], streams, ends_at);
        call.change = Some(Change::Join(Box::new(Join::arriving(0, End::Callee, Some(loan.lender)))));
        let passed = Passed {
            from: End::Caller,
            transaction: leg.transaction,
            request: leg.invite.clone(),
            carrier: Some(Carrier::Invite),
            sent: None,
            offer: leg.offer.clone(),
        };
        call.caller = Some(leg);
        call.pass_offer_on(0, passed, context);
        if call.pairs[0].transits.is_empty() {
            // It could not be passed on, and was refused.
            call.pairs[0].half_mut(End::Caller).dialog.terminate();
            call.join_failed(Failure::Overloaded.verdict(), context);
        }
        call
    }

    /// A phone that waited alone, and one that has come for it.
    pub(crate) fn meeting(
        service: ServiceCall,
        leg: Leg,
        lender: Option<CallId>,
        context: &mut Context<'_>,
    ) -> Box<Self> {
        let id = service.id;
        let placed_by = service.member();
        let (waiting, mut view, ends_at) = service.into_leg(context);
        view.end_services(context.now.civil);
        let Leg { mut half, side, member } = leg;
        if lender.is_some() {
            half.connection = view.enter(member);
        }
        context.index.adopt(&waiting.half, id, context.house);
        context.index.adopt(&half, id, context.house);
        view.set_dialog(half.connection, half.dialog_ids());
        view.set(half.connection, ConnectionState::Connected, context.now.civil);
        let mut streams = Streams::new(id.0);
        streams.attach(End::Caller, waiting.side);
        streams.attach(End::Callee, side);
        let mut call = Self::of_two((id, view, placed_by), [waiting.half, half], streams, ends_at);
        let plan = if lender.is_some() { Plan::Fresh } else { Plan::Answered };
        call.change = Some(Change::Join(Box::new(Join::meeting(0, End::Callee, plan, lender))));
        call.publish(Event::Established, Cause::NormalClearing, context);
        call.try_join(context);
        call
    }

    /// Is it a caller whose INVITE waits for the leg that it replaces a phone at?
    pub(super) fn is_arriving(&self) -> bool {
        matches!(&self.change, Some(Change::Join(join)) if join.plan == Plan::Arriving)
    }

    /// Who is at an end.
    pub(crate) fn member(&self, pair: usize, end: End) -> Caller {
        caller_of(self.view.connection(self.connection(pair, end)))
    }

    /// The view, for phones that are rung for the call.
    pub(crate) fn view_mut(&mut self) -> &mut View {
        &mut self.view
    }

    /// An end has hung up; true when the call goes on all the same: it waits for another phone at that end, or the
    /// phone that was to be replaced is still there.
    pub(super) fn goes_on_without(&mut self, pair: usize, end: End, context: &mut Context<'_>) -> bool {
        match &self.change {
            Some(Change::Transfer(transfer)) if transfer.end == end && self.is_quiet(pair) => {
                let connection = self.connection(pair, end);
                self.view.set(connection, ConnectionState::Null, context.now.civil);
                context.index.letters.push_back(Letter::Alone { call: self.id });
                true
            }
            Some(Change::Join(join)) if join.is_joined_by(end) => {
                self.join_failed(Failure::Status(480).verdict(), context);
                true
            }
            _ => false,
        }
    }

    /// The end that stays when the transferor has hung up: it hears the tone of the phones that ring.
    pub(crate) fn into_alone(mut self, context: &mut Context<'_>) -> Option<Box<ServiceCall>> {
        let (Phase::Answered(pair), Some(Change::Transfer(transfer))) = (self.phase, self.change.take())
        else {
            return None;
        };
        let transferor = Some(self.member(pair, transfer.end));
        let waits = Waits::Target { attempt: transfer.attempt, transferor };
        let part = (pair, transfer.end);
        Some(self.split(part, (Plays::Ringback, Some(waits)), Cause::NormalClearing, context))
    }

    /// The end that stays is parked; the other one has had its wish, and leaves.
    pub(crate) fn into_parked(mut self, slot: String, context: &mut Context<'_>) -> Option<Box<ServiceCall>> {
        let (Phase::Answered(pair), Some(Change::Transfer(mut transfer))) = (self.phase, self.change.take())
        else {
            context.house.parking.leave(&slot);
            return None;
        };
        let part = (pair, transfer.end);
        let by = self.member(pair, transfer.end);
        transfer.tell(self.pairs[pair].half_mut(transfer.end), 200, context);
        let recall_at = context.now.instant + context.house.limits.park_recall_time;
        let waits = Waits::Parked { slot, by, recall_at, attempt: None };
        Some(self.split(part, (Plays::Music, Some(waits)), Cause::Park, context))
    }

    /// The end that stays comes to an attendant or a queue; the other one has had its wish, and leaves. Nothing, when
    /// something else is under way: then whoever wanted it is told so.
    pub(crate) fn into_pilot(mut self, plays: Plays, context: &mut Context<'_>) -> Option<Box<ServiceCall>> {
        let (Phase::Answered(pair), Some(Change::Transfer(mut transfer))) = (self.phase, self.change.take())
        else {
            return None;
        };
        transfer.tell(self.pairs[pair].half_mut(transfer.end), 200, context);
        let part = (pair, transfer.end);
        Some(self.split(part, (plays, None), Cause::Transfer, context))
    }

    /// One end leaves, the other is alone with the server.
    fn split(
        mut self,
        (pair, leaves): (usize, End),
        (plays, waits): (Plays, Option<Waits>),
        cause: Cause,
        context: &mut Context<'_>,
    ) -> Box<ServiceCall> {
        let [left, leg] = [leaves, leaves.other()].map(|end| {
            let half = self.pairs[pair].half(end).clone();
            let member = self.view.connection(half.connection).clone();
            Leg { half, side: self.streams.detach(end), member }
        });
        self.streams.close(&*context.house.ports);
        self.view.set(left.half.connection, ConnectionState::Null, context.now.civil);
        // Its dialog goes on, wherever it is.
        context.index.dialogs.remove(&leg.half.dialog.id().call_id, self.id);
        self.forget(context.index);
        left.dismiss(context);
        let ends_at = self.timers.length.unwrap_or(context.now.instant);
        let (id, mut view) = (self.id, self.view);
        let (lines, now) = (&context.house.lines, context.now.civil);
        let event = if cause == Cause::Park { Event::Diverted } else { Event::ConnectionCleared };
        view.publish(event, cause, lines, now);
        ServiceCall::host(Stay { id, view, ends_at }, leg, plays, waits, context)
    }

    /// Does one end leave, and the other one stay?
    pub(crate) fn is_parting(&self) -> bool {
        matches!((self.phase, &self.change), (Phase::Answered(_), Some(Change::Transfer(_))))
    }

    /// Did this line place the call?
    pub(crate) fn is_placed_by(&self, line: &LineId) -> bool {
        self.placed_by.line.as_ref() == Some(line)
    }

    /// The caller goes to another call before anybody here has answered (directed pickup): its INVITE is taken
    /// out, and the phones stop ringing.
    pub(crate) fn surrender_caller(&mut self, context: &mut Context<'_>) -> Option<(CallerLeg, Caller)> {
        if self.phase != Phase::Ringing {
            return None;
        }
        let mut leg = self.caller.take()?;
        // A further fork as the caller sees it: what its early dialogs have said does not bind this one.
        leg.tag = context.endpoint.new_tag();
        Some((leg, self.placed_by.clone()))
    }

    /// What is left of a call whose caller was surrendered.
    pub(crate) fn picked_up(&mut self, context: &mut Context<'_>) {
        self.cancel_branches(None, context);
        self.over(Event::Diverted, Cause::AnsweredElsewhere, context);
    }

    /// Answers a caller that goes to another call.
    pub(crate) fn hold_caller(
        (leg, caller): (CallerLeg, Caller),
        id: CallId,
        context: &mut Context<'_>,
    ) -> Option<Box<ServiceCall>> {
        if leg.invite.headers().call_id().is_err() {
            wire::refuse(context, leg.transaction, &leg.invite, 400);
            return None;
        }
        let invite = leg.invite.clone();
        let view = View::new(id, &caller, context.now.civil).dialling(&leg.invite);
        let mut call = ServiceCall::answer(leg, view, (Plays::Silence, None), id, context)?;
        call.invite = Some(invite);
        Some(call)
    }
}
