//! A phone that is alone with the server for a while: it waits for another one, or goes to another call.

use std::time::Instant;

use sip::sdp::Direction;

use super::house::Context;
use super::leg::Leg;
use super::letter::{Letter, Loan, Order, Place};
use super::outcome::Verdict;
use super::service::{Plays, ServiceCall, Waits};
use super::streams::Streams;
use super::view::{View, caller_of};
use super::{End, wire};
use crate::place::Caller;
use crate::snapshot::{CallId, Cause, Event};

/// The call that a phone is alone in.
#[derive(Debug)]
pub(crate) struct Stay {
    pub id: CallId,
    pub view: View,
    /// When it ends at the latest.
    pub ends_at: Instant,
}

impl ServiceCall {
    /// A leg whose partner has gone.
    pub(crate) fn host(
        Stay { id, view, ends_at }: Stay,
        leg: Leg,
        plays: Plays,
        waits: Option<Waits>,
        context: &mut Context<'_>,
    ) -> Box<Self> {
        context.index.adopt(&leg.half, id, context.house);
        let mut streams = Streams::new(id.0);
        streams.attach(End::Caller, leg.side);
        streams.rest(&*context.house.ports, End::Caller);
        let mut call = Box::new(Self {
            id,
            half: leg.half,
            plays,
            waits,
            invite: None,
            streams,
            view,
            ends_at,
            requests: Vec::new(),
            ask_again: None,
            over: false,
            bye_owed: false,
        });
        call.serve(context);
        call
    }

    /// Takes back a 2xx that never went out, for it waited for the caller's PRACK (RFC 3262 §3).
    pub(crate) fn withdraw_answer(&mut self, status: u16, context: &mut Context<'_>) {
        let (Some(invite), Some(transaction)) = (self.invite.take(), self.half.awaiting_ack.take()) else {
            return;
        };
        context.index.servers.remove(&transaction);
        self.bye_owed = false;
        self.half.dialog.terminate();
        let tag = self.half.dialog.id().local_tag.clone();
        wire::refuse_with_tag(context, transaction, &invite, status, &tag);
        self.clear(Cause::CallCancelled, context);
    }

    /// Who is alone.
    pub(crate) fn member(&self) -> Caller {
        caller_of(self.view.connection(self.half.connection))
    }

    /// The phones that were ordered for it do ring.
    pub(crate) fn set_attempt(&mut self, id: CallId, context: &Context<'_>) {
        if let Some(Waits::Target { attempt, .. } | Waits::Parked { attempt, .. }) = &mut self.waits {
            *attempt = Some(id);
        }
        self.publish(Event::Originated, Cause::NormalClearing, context);
    }

    /// Phones are to be rung for it.
    pub(crate) fn order(&self, place: Place, allowed_as: Caller) -> Option<Order> {
        let offer = self.half.heard.as_ref()?.directed(Direction::SendRecv);
        let shown = self.member();
        Some(Order {
            host: self.id,
            place,
            allowed_as,
            shown,
            offer,
            referred_by: None,
            ring_time: None,
            answers_itself: false,
            rung: 0,
        })
    }

    /// Nobody answered. Whoever had it transferred is rung once more; after that there is nobody left.
    pub(crate) fn target_failed(&mut self, verdict: Verdict, context: &mut Context<'_>) {
        if let Some(Waits::Parked { recall_at, attempt, .. }) = &mut self.waits {
            *attempt = None;
            *recall_at = context.now.instant + context.house.limits.park_recall_time;
            return self.publish(Event::Failed, verdict.cause, context);
        }
        if matches!(self.plays, Plays::Attendant(_) | Plays::Queue(_)) {
            return self.pilot_failed(verdict, context);
        }
        let Some(Waits::Target { transferor, .. }) =
            self.waits.take_if(|waits| matches!(waits, Waits::Target { .. }))
        else {
            return;
        };
        let recall = transferor.and_then(|transferor| {
            let place = Place::Line(transferor.line.clone()?);
            self.order(place, transferor)
        });
        match recall {
            Some(order) => {
                self.waits = Some(Waits::Target { attempt: None, transferor: None });
                context.index.letters.push_back(Letter::Ring(Box::new(order)));
                self.publish(Event::Failed, verdict.cause, context);
            }
            None => self.end(verdict.cause, context),
        }
    }

    /// The line that parked it is rung.
    pub(super) fn recall(&mut self, context: &mut Context<'_>) {
        let Some(Waits::Parked { by, recall_at, attempt: None, .. }) = &mut self.waits else { return };
        *recall_at = context.now.instant + context.house.limits.park_recall_time;
        let by = by.clone();
        let place = by.line.clone().map(Place::Line);
        if let Some(order) = place.and_then(|place| self.order(place, by)) {
            context.index.letters.push_back(Letter::Ring(Box::new(order)));
        }
    }

    /// It is parked no more, and in no conference.
    pub(super) fn leave_slot(&mut self, context: &mut Context<'_>) {
        self.leave_seat(context);
        self.leave_queue("abandoned", context);
        if let Some(Waits::Parked { slot, attempt, .. }) =
            self.waits.take_if(|waits| matches!(waits, Waits::Parked { .. }))
        {
            context.house.parking.leave(&slot);
            if let Some(attempt) = attempt {
                context.index.letters.push_back(Letter::GiveUp { attempt });
            }
        }
    }

    /// It goes to the call that asked for it, on loan. `None`: something is under way.
    pub(crate) fn lend(&mut self, context: &mut Context<'_>) -> Option<Loan> {
        if self.over || !self.is_quiet() || matches!(self.waits, Some(Waits::Lent)) {
            return None;
        }
        self.leave_slot(context);
        self.waits = Some(Waits::Lent);
        let half = self.half.clone();
        self.half.dialog.terminate();
        self.half.timer = None;
        let member = self.view.connection(half.connection).clone();
        let leg = Leg { half, side: self.streams.detach(End::Caller), member };
        Some(Loan { leg, lender: self.id })
    }

    /// It stays with the other call.
    pub(crate) fn lent_for_good(&mut self, context: &mut Context<'_>) {
        if matches!(self.waits, Some(Waits::Lent)) {
            self.waits = None;
            self.clear(Cause::Transfer, context);
        }
    }

    /// It comes back, and nobody is here for it any more.
    pub(crate) fn take_back(&mut self, leg: Leg, context: &mut Context<'_>) {
        if self.over {
            return leg.dismiss(context);
        }
        self.waits = None;
        context.index.adopt(&leg.half, self.id, context.house);
        let connection = self.half.connection;
        self.half = leg.half;
        self.half.connection = connection;
        self.streams.attach(End::Caller, leg.side);
        self.end(Cause::NormalClearing, context);
    }

    /// Is it parked, and not being recalled?
    pub(crate) fn is_parked(&self) -> bool {
        matches!(self.waits, Some(Waits::Parked { attempt: None, .. }))
    }

    /// May another phone come now?
    pub(crate) fn is_quiet(&self) -> bool {
        self.half.is_quiet() && self.requests.is_empty()
    }

    /// What goes into the call that it makes with another phone.
    pub(crate) fn into_leg(mut self, context: &mut Context<'_>) -> (Leg, View, Instant) {
        self.leave_slot(context);
        let member = self.view.connection(self.half.connection).clone();
        let leg = Leg { half: self.half, side: self.streams.detach(End::Caller), member };
        (leg, self.view, self.ends_at)
    }

    pub(crate) fn view_mut(&mut self) -> &mut View {
        &mut self.view
    }

    pub(crate) fn publish(&mut self, event: Event, cause: Cause, context: &Context<'_>) {
        self.view.publish(event, cause, &context.house.lines, context.now.civil);
    }
}
