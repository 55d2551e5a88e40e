//! A new call that takes the place of a phone in another one: INVITE with Replaces (RFC 3891). Attended transfer
//! by a phone, directed pickup by the dialog that a lamp shows (RFC 4235 §4.1.1), a parked call that is fetched.
//!
//! The dialog may live in another shard. Its partner is lent by value; the caller's INVITE waits meanwhile, and
//! is passed on to the partner as a change of its session. What the partner says to it is the caller's answer.

use std::time::{Duration, Instant};

use sip::Name;
use sip::dialog::{Dialog, State};
use sip::endpoint::{Event, ServerTransaction};
use sip::header::Replaces;

use crate::call::describe::Said;
use crate::call::half::Half;
use crate::call::house::{Context, Index};
use crate::call::incoming::{CallerLeg, check};
use crate::call::letter::{Fetch, FetchPurpose, Letter, Loan, Unlent, Wanted};
use crate::call::service::ServiceCall;
use crate::call::view::View;
use crate::call::{Arrival, Call, wire};
use crate::features::conference;
use crate::place::{self, Caller, Limits};
use crate::snapshot::{CallId, Cause, Event as CallEvent};

/// How long an INVITE waits for the leg that it asks for: longer than a phone needs for its ACK.
const FETCH_TIME: Duration = Duration::from_secs(40);

/// A caller who waits for a leg of another call.
#[derive(Debug)]
pub(crate) struct Newcomer {
    id: CallId,
    leg: Option<CallerLeg>,
    placed_by: Caller,
    view: View,
    until: Instant,
}

/// What an INVITE says about other calls.
pub(crate) fn is_asked(arrival: &Arrival) -> bool {
    is_named(&arrival.request)
}

/// Does an INVITE name another call?
pub(crate) fn is_named(invite: &sip::Request) -> bool {
    let headers = invite.headers();
    headers.has(Name::Replaces) || headers.has(Name::Join)
}

/// Takes such an INVITE; `None` when it was refused.
pub(crate) fn arrive(arrival: Arrival, id: CallId, context: &mut Context<'_>) -> Option<Box<Newcomer>> {
    let (transaction, request) = (arrival.transaction, arrival.request.clone());
    let headers = request.headers();
    // RFC 3891 §3, RFC 3911 §4: one of them, once.
    if headers.all(Name::Replaces).count() + headers.all(Name::Join).count() > 1 {
        wire::refuse(context, transaction, &request, 400);
        return None;
    }
    let (wanted, purpose) = match (headers.replaces(), headers.first(Name::Join)) {
        (Ok(Some(replaces)), None) => (replaces, FetchPurpose::Replace),
        // RFC 3891 §3: "the UAS MUST reject the request with a 400" when both are there.
        (Ok(Some(_)), Some(_)) | (Err(_), _) | (Ok(None), None) => {
            wire::refuse(context, transaction, &request, 400);
            return None;
        }
        // RFC 3911 §7.1: a dialog as in Replaces.
        (Ok(None), Some(join)) => match Replaces::parse(headers.share(join)) {
            Ok(join) => (join, FetchPurpose::Join),
            Err(_) => {
                wire::refuse(context, transaction, &request, 400);
                return None;
            }
        },
    };
    wait_for(arrival, (Wanted::Dialog(wanted), purpose), id, context)
}

/// A caller waits for a leg of another call.
pub(crate) fn wait_for(
    arrival: Arrival,
    (wanted, purpose): (Wanted, FetchPurpose),
    id: CallId,
    context: &mut Context<'_>,
) -> Option<Box<Newcomer>> {
    let (transaction, request) = (arrival.transaction, arrival.request.clone());
    let (leg, placed_by) = match check(arrival, context) {
        Ok(checked) => checked,
        Err(422) => return None,
        Err(status) => {
            wire::refuse(context, transaction, &request, status);
            return None;
        }
    };
    let limits = Limits { calls_per_line_max: context.house.limits.calls_per_line_max };
    let full = |line: &model::LineId| place::is_full(&*context.house.directory, line, limits);
    if placed_by.line.as_ref().is_some_and(full) {
        wire::refuse(context, transaction, &request, 403);
        return None;
    }
    let view = View::new(id, &placed_by, context.now.civil).dialling(&leg.invite);
    Some(fetch((leg, placed_by, view), (wanted, purpose), id, context))
}

/// A leg of another call is asked for, for a caller who may have one.
pub(crate) fn fetch(
    (leg, placed_by, mut view): (CallerLeg, Caller, View),
    (wanted, purpose): (Wanted, FetchPurpose),
    id: CallId,
    context: &mut Context<'_>,
) -> Box<Newcomer> {
    context.index.dialogs.begin(&leg.call_id, leg.their_tag(), id);
    context.index.servers.insert(leg.transaction, id);
    let fetch = Fetch { wanted, by: id, who: placed_by.clone(), purpose, tries: 0 };
    context.index.letters.push_back(Letter::Fetch(Box::new(fetch)));
    view.publish(CallEvent::Originated, Cause::NormalClearing, &context.house.lines, context.now.civil);
    metrics::counter!("carillon_calls_started_total").increment(1);
    Box::new(Newcomer { id, leg: Some(leg), placed_by, view, until: context.now.instant + FETCH_TIME })
}

impl Newcomer {
    /// The leg is here, or will not come. Gives the call that the two make.
    pub(crate) fn fetched(
        mut self: Box<Self>,
        loan: Result<Loan, Unlent>,
        context: &mut Context<'_>,
    ) -> Option<Box<Call>> {
        let loan = match loan {
            Ok(loan) => loan,
            Err(unlent) => {
                self.refuse(unlent.status(), context);
                return None;
            }
        };
        let dialog = self.leg.as_ref().map(|leg| Dialog::uas(&leg.invite, leg.tag.as_bytes(), State::Early));
        let (Some(leg), Some(Ok(dialog))) = (self.leg.take(), dialog) else {
            self.refuse(400, context);
            let letter = Letter::Returned { lender: loan.lender, leg: Box::new(loan.leg) };
            context.index.letters.push_back(letter);
            return None;
        };
        let said = Said::new(u64::from_str_radix(&leg.tag, 16).unwrap_or(self.id.0), leg.secrecy.clone());
        let mut half = Half::new(dialog, leg.flow, leg.exchange, said, leg.invite.headers());
        half.heard.clone_from(&leg.offer);
        half.outside.clone_from(&leg.outside);
        let Self { id, placed_by, view, .. } = *self;
        Some(Call::arriving((id, view, placed_by), leg, half, loan, context))
    }

    /// The phones that it wants to join are in a conference now: it comes there.
    pub(crate) fn comes_into(
        mut self: Box<Self>,
        room: &str,
        context: &mut Context<'_>,
    ) -> Option<Box<ServiceCall>> {
        let leg =
            self.leg.take_if(|leg| leg.offer.as_ref().is_none_or(|offer| offer.spoken_only().is_some()));
        let (Some(leg), Some(plays)) = (leg, conference::come_in(room, self.id, context.house)) else {
            self.refuse(488, context);
            return None;
        };
        context.index.servers.remove(&leg.transaction);
        context.index.forget_dialog(&leg.call_id, self.id);
        ServiceCall::answer(leg, self.view, (plays, Some(room)), self.id, context)
    }

    fn refuse(&mut self, status: u16, context: &mut Context<'_>) {
        if let Some(leg) = self.leg.take() {
            wire::refuse_with_tag(context, leg.transaction, &leg.invite, status, leg.tag.as_bytes());
            context.index.forget_dialog(&leg.call_id, self.id);
            context.index.servers.remove(&leg.transaction);
        }
        self.view.clear(context.now.civil);
        let (lines, now) = (&context.house.lines, context.now.civil);
        self.view.publish(CallEvent::Failed, Cause::NotObtainable, lines, now);
        metrics::counter!("carillon_calls_ended_total", "cause" => Cause::NotObtainable.word()).increment(1);
    }

    /// The caller gives up.
    pub(crate) fn handle_event(&mut self, event: Event, context: &mut Context<'_>) {
        match event {
            Event::Cancelled { transaction, .. } if self.waits_on(transaction) => self.refuse(487, context),
            Event::Request { transaction, request, .. } | Event::Prack { transaction, request, .. } => {
                wire::refuse(context, transaction, &request, 481);
            }
            _ => {}
        }
    }

    fn waits_on(&self, transaction: ServerTransaction) -> bool {
        self.leg.as_ref().is_some_and(|leg| leg.transaction == transaction)
    }

    /// Nothing came of it, by the time or by the end of the server.
    pub(crate) fn give_up(&mut self, context: &mut Context<'_>) {
        self.refuse(480, context);
    }

    pub(crate) fn handle_timeout(&mut self, context: &mut Context<'_>) {
        if self.until <= context.now.instant {
            self.give_up(context);
        }
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.leg.as_ref().map(|_| self.until)
    }

    pub(crate) fn is_done(&self) -> bool {
        self.leg.is_none()
    }

    pub(crate) fn forget(&self, index: &mut Index) {
        if let Some(leg) = &self.leg {
            index.forget_dialog(&leg.call_id, self.id);
            index.servers.remove(&leg.transaction);
        }
    }
}
