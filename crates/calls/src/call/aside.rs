//! Legs that are in the call but in none of its pairs, and legs that are on loan to another call.

use sip::Method;
use sip::Request;
use sip::endpoint::{Flow, ServerTransaction};

use super::house::Context;
use super::join::{Change, Join};
use super::leg::Leg;
use super::letter::Letter;
use super::outcome::Failure;
use super::{Call, End, Phase, wire};
use crate::snapshot::{Cause, ConnectionState, Event};

/// Dialogs that a call remembers to have ended; a BYE in an older one gets 481.
const DEPARTED_MAX: usize = 8;

impl Call {
    /// A request of a phone that is in the call but in no pair: the newcomer before its place is free, or the phone
    /// that was replaced before the others have agreed.
    pub(super) fn handle_aside(
        &mut self,
        transaction: ServerTransaction,
        request: &Request,
        flow: Flow,
        context: &mut Context<'_>,
    ) {
        let gone = self.departed.iter().any(|id| {
            let headers = request.headers();
            headers.to_tag().is_some_and(|tag| tag == id.local_tag)
                && headers.call_id().is_ok_and(|call_id| call_id == id.call_id)
        });
        if gone && *request.method() == Method::Bye {
            // RFC 5407 §3.2.2: both have hung up at once, and both are right.
            let response = wire::response(context.house, request, 200, None).finish();
            return context.endpoint.respond(transaction, &response, context.now.instant);
        }
        let Some(Change::Join(join)) = &mut self.change else {
            return wire::refuse(context, transaction, request, 481);
        };
        let exchanged = join.is_exchanged();
        let Some(leg) = join.outside.as_mut().filter(|leg| leg.half.is_dialog_of(request)) else {
            return wire::refuse(context, transaction, request, 481);
        };
        if let Err(status) = leg.half.take(request, flow) {
            return wire::refuse(context, transaction, request, status);
        }
        if *request.method() != Method::Bye {
            return wire::refuse(context, transaction, request, 491);
        }
        let response = wire::response(context.house, request, 200, None).finish();
        context.endpoint.respond(transaction, &response, context.now.instant);
        leg.half.dialog.terminate();
        if !exchanged {
            return self.join_failed(Failure::Status(480).verdict(), context);
        }
        if let Some(leg) = join.outside.take() {
            leg.side.close(&*context.house.ports);
            let connection = leg.half.connection;
            self.show(
                connection,
                ConnectionState::Null,
                Event::ConnectionCleared,
                Cause::NormalClearing,
                context,
            );
        }
    }

    /// A leg is dismissed: its own BYE may cross ours.
    pub(super) fn depart(&mut self, leg: &Leg, context: &mut Context<'_>) {
        if self.departed.len() >= DEPARTED_MAX {
            let oldest = self.departed.remove(0);
            context.index.forget_dialog(&oldest.call_id, self.id);
        }
        self.departed.push(leg.half.dialog.id().clone());
    }

    /// The call ends: whoever is neither in its pairs nor at home goes with it.
    pub(super) fn dissolve_change(&mut self, context: &mut Context<'_>) {
        match self.change.take() {
            Some(Change::Join(join)) => {
                let exchanged = join.is_exchanged();
                let Join { lender, outside, transfer, .. } = *join;
                match (outside, lender) {
                    (Some(leg), Some(lender)) if !exchanged && leg.half.is_quiet() => {
                        context.index.forget_dialog(&leg.half.dialog.id().call_id, self.id);
                        context.index.letters.push_back(Letter::Returned { lender, leg: Box::new(leg) });
                    }
                    (outside, lender) => {
                        if let Some(leg) = outside {
                            self.depart(&leg, context);
                            leg.dismiss(context);
                        }
                        if let Some(lender) = lender {
                            context.index.letters.push_back(Letter::Kept { lender });
                        }
                    }
                }
                if let Some(transfer) = transfer {
                    transfer.give_up(context);
                }
            }
            Some(Change::Transfer(transfer)) => transfer.give_up(context),
            Some(Change::Lent) | None => {}
        }
    }

    /// Lends one end to another call. `None`: something is under way.
    pub(crate) fn lend(&mut self, pair: usize, end: End) -> Option<Leg> {
        if self.change.is_some() || self.phase != Phase::Answered(pair) || !self.is_quiet(pair) {
            return None;
        }
        let half = self.pairs[pair].half_mut(end);
        let lent = half.clone();
        // What stays here is only its place: nothing is sent from it.
        half.dialog.terminate();
        half.timer = None;
        half.refresh_again = None;
        let side = self.streams.detach(end);
        let member = self.view.connection(lent.connection).clone();
        self.change = Some(Change::Lent);
        Some(Leg { half: lent, side, member })
    }

    /// An end that was lent stays with the other call: what is left of this one ends.
    pub(crate) fn lent_for_good(&mut self, context: &mut Context<'_>) {
        if self.change.take_if(|change| matches!(change, Change::Lent)).is_some() {
            self.end_with(Event::Transferred, Cause::Transfer, context);
        }
    }

    /// An end that was lent comes back.
    pub(crate) fn take_back(&mut self, mut leg: Leg, context: &mut Context<'_>) {
        let Phase::Answered(pair) = self.phase else { return leg.dismiss(context) };
        let ends = [End::Caller, End::Callee];
        let same = |end: &End| self.pairs[pair].half(*end).dialog.id() == leg.half.dialog.id();
        let Some(end) = ends.into_iter().find(same) else { return leg.dismiss(context) };
        self.change = None;
        context.index.adopt(&leg.half, self.id, context.house);
        leg.half.connection = self.pairs[pair].half(end).connection;
        *self.pairs[pair].half_mut(end) = leg.half;
        self.streams.attach(end, leg.side);
        self.join(pair, context);
    }
}
