//! A call that an application makes for a line (ECMA-269 §17.1): the line's own phones ring first, and are asked
//! to answer by themselves; then the number is called for the one that came (RFC 3725 §4.4, with ringing heard).

use model::{BareJid, LineId};

use crate::call::alone::Stay;
use crate::call::house::Context;
use crate::call::leg::Leg;
use crate::call::letter::{Letter, Order, Place};
use crate::call::outcome::Verdict;
use crate::call::own_offer::own_offer;
use crate::call::service::{Plays, ServiceCall, Waits};
use crate::call::view::View;
use crate::place::{Caller, Dialled};
use crate::snapshot::{CallId, Cause, ConnectionState, Event};

/// A call whose first phone has not come yet.
#[derive(Debug)]
pub(crate) struct Originator {
    id: CallId,
    caller: Caller,
    target: Dialled,
    view: View,
    attempt: Option<CallId>,
    over: bool,
}

impl Originator {
    /// The line's phones are ordered to ring.
    pub(crate) fn start(
        id: CallId,
        (line, owner): (LineId, Option<BareJid>),
        (target, answers_itself): (String, bool),
        context: &mut Context<'_>,
    ) -> Box<Self> {
        let caller = Caller {
            line: Some(line.clone()),
            user: owner,
            number: line.number.to_string(),
            name: None,
            trunk: None,
            device: None,
            withheld: context.house.directory.withholds(&line),
        };
        let shown = Caller { number: target.clone(), ..Caller::nobody() };
        let order = Order {
            host: id,
            place: Place::Line(line),
            allowed_as: caller.clone(),
            shown,
            offer: own_offer(),
            referred_by: None,
            ring_time: None,
            answers_itself,
            rung: 0,
        };
        context.index.letters.push_back(Letter::Ring(Box::new(order)));
        metrics::counter!("carillon_calls_started_total").increment(1);
        Box::new(Self {
            id,
            caller,
            view: View::empty(id, context.now.civil).for_number(&target),
            target: Dialled::here(target),
            attempt: None,
            over: false,
        })
    }

    pub(crate) fn view_mut(&mut self) -> &mut View {
        &mut self.view
    }

    pub(crate) fn set_attempt(&mut self, attempt: CallId, context: &Context<'_>) {
        self.attempt = Some(attempt);
        self.publish(Event::Originated, Cause::NormalClearing, context);
    }

    fn publish(&mut self, event: Event, cause: Cause, context: &Context<'_>) {
        self.view.publish(event, cause, &context.house.lines, context.now.civil);
    }

    /// The line's phone is here: the number is called for it.
    pub(crate) fn answered(mut self: Box<Self>, leg: Leg, context: &mut Context<'_>) -> Box<ServiceCall> {
        let connection = leg.half.connection;
        // It is dialled by the device that came.
        self.caller.device.clone_from(&leg.member.particulars.device);
        self.view.set(connection, ConnectionState::Connected, context.now.civil);
        self.view.withhold(connection, self.caller.withheld);
        self.view.set_dialog(connection, leg.half.dialog_ids());
        self.publish(Event::Established, Cause::NormalClearing, context);
        let Self { id, caller, target, view, .. } = *self;
        let ends_at = leg.half.ends_at(context);
        let waits = Waits::Target { attempt: None, transferor: None };
        let call = ServiceCall::host(Stay { id, view, ends_at }, leg, Plays::Ringback, Some(waits), context);
        match call.order(Place::Dialled(target), caller) {
            Some(order) => context.index.letters.push_back(Letter::Ring(Box::new(order))),
            None => {
                let verdict = Verdict { status: 488, cause: Cause::IncompatibleDestination };
                context.index.letters.push_back(Letter::Failed { host: id, verdict });
            }
        }
        call
    }

    /// No phone of the line came.
    pub(crate) fn failed(&mut self, cause: Cause, context: &mut Context<'_>) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        if let Some(attempt) = self.attempt {
            context.index.letters.push_back(Letter::GiveUp { attempt });
        }
        self.view.clear(context.now.civil);
        self.publish(Event::Failed, cause, context);
        metrics::counter!("carillon_calls_ended_total", "cause" => cause.word()).increment(1);
    }

    pub(crate) fn is_done(&self) -> bool {
        self.over
    }
}
