//! Legs of calls come into a conference: both ends of a call that an application joins with another one (ECMA-269
//! §17.1.10), one end when the other has it transferred there, and a phone that barges in by Join (RFC 3911).
//!
//! A line may barge into calls of its own number, or of its owner, unless who talks there wants privacy (`CC-16`).

use sip::dialog::State;
use sip::header::Replaces;

use crate::call::alone::Stay;
use crate::call::house::{Context, House};
use crate::call::join::Change;
use crate::call::leg::Leg;
use crate::call::letter::{Letter, Unlent};
use crate::call::service::ServiceCall;
use crate::call::view::View;
use crate::call::{Call, End, Phase};
use crate::command::Refusal;
use crate::features::conference;
use crate::place::Caller;
use crate::snapshot::{CallId, Cause, ConnectionState, Event};

/// Both ends of a call shall come into a room; `leaves` hangs up instead.
pub(crate) fn order(
    call: &Call,
    room: String,
    leaves: Option<End>,
    context: &mut Context<'_>,
) -> Result<(), Refusal> {
    if call.change.is_some() || !call.can_confer() {
        return Err(Refusal::Busy);
    }
    let seats = if leaves.is_some() { 1 } else { 2 };
    if !context.house.conferences.has_room(&room, seats) {
        return Err(Refusal::Resources);
    }
    context.index.letters.push_back(Letter::Confer { call: call.id, room, leaves });
    Ok(())
}

/// May the line at this end have conferences, by the media resources of its place (`CC-24`)?
pub(crate) fn may_order(
    call: &Call,
    (pair, end): (usize, End),
    context: &Context<'_>,
) -> Result<(), Refusal> {
    let has = context.house.directory.has_conferences((&call.member(pair, end)).into());
    if has { Ok(()) } else { Err(Refusal::NotAllowed) }
}

/// May this phone come into the call that the dialog belongs to?
pub(crate) fn may_barge(call: &Call, dialog: &Replaces, who: &Caller, house: &House) -> Result<(), Unlent> {
    if !house.directory.has_conferences(who.into()) {
        return Err(Unlent::NotAllowed);
    }
    let (pair, end) = call.dialog_of(dialog).ok_or(Unlent::NoSuchDialog)?;
    if call.phase != Phase::Answered(pair) {
        return Err(Unlent::Ended);
    }
    let owns = |end: End| {
        let member = call.member(pair, end);
        (member.line.is_some() && member.line == who.line)
            || (member.user.is_some() && member.user == who.user)
    };
    if !owns(end) && !owns(end.other()) {
        return Err(Unlent::NotAllowed);
    }
    if call.pairs[pair].halves().iter().any(|half| half.is_private) {
        return Err(Unlent::NotAllowed);
    }
    if call.change.is_some() || !call.can_confer() {
        return Err(Unlent::Busy);
    }
    Ok(())
}

impl Call {
    /// May its legs leave it for a conference now?
    pub(crate) fn can_confer(&self) -> bool {
        let free = matches!(self.change, None | Some(Change::Transfer(_)));
        matches!(self.phase, Phase::Answered(pair) if free && self.is_quiet(pair))
    }

    /// Its ends, each alone with the server in a room; `leaves` is dismissed. The first that stays keeps the call.
    pub(crate) fn into_conference(
        mut self,
        (room, leaves): (&str, Option<End>),
        second: CallId,
        context: &mut Context<'_>,
    ) -> Vec<ServiceCall> {
        let Phase::Answered(pair) = self.phase else { return Vec::new() };
        if let Some(Change::Transfer(mut transfer)) = self.change.take() {
            transfer.tell(self.pairs[pair].half_mut(transfer.end), 200, context);
        }
        let legs = [End::Caller, End::Callee].map(|end| {
            let half = self.pairs[pair].half(end).clone();
            let member = self.view.connection(half.connection).clone();
            (end, Leg { half, side: self.streams.detach(end), member })
        });
        self.streams.close(&*context.house.ports);
        for (_, leg) in &legs {
            // Its dialog goes on, wherever it is.
            context.index.dialogs.remove(&leg.half.dialog.id().call_id, self.id);
        }
        self.forget(context.index);
        let ends_at = self.timers.length.unwrap_or(context.now.instant);
        let now = context.now.civil;
        let mut first = Some((self.id, self.view));
        let mut parties = Vec::new();
        for (end, mut leg) in legs {
            if Some(end) == leaves {
                if let Some((_, view)) = &mut first {
                    view.set(leg.half.connection, ConnectionState::Null, now);
                }
                leg.dismiss(context);
                continue;
            }
            let (id, mut view) = match first.take() {
                Some((id, mut view)) => {
                    view.alone(leg.half.connection, now);
                    (id, view)
                }
                None => {
                    let mut view = View::empty(second, now);
                    leg.half.connection = view.enter(leg.member.clone());
                    view.mark_answered(now);
                    (second, view)
                }
            };
            let Some(plays) = conference::come_in(room, id, context.house) else {
                view.clear(now);
                view.publish(
                    Event::ConnectionCleared,
                    Cause::ResourcesNotAvailable,
                    &context.house.lines,
                    now,
                );
                leg.dismiss(context);
                continue;
            };
            view.add_service(room, now);
            view.set(leg.half.connection, ConnectionState::Connected, now);
            view.publish(Event::Conferenced, Cause::NormalClearing, &context.house.lines, now);
            let mut party = ServiceCall::host(Stay { id, view, ends_at }, leg, plays, None, context);
            party.ask_anew(context);
            parties.push(*party);
        }
        parties
    }

    /// A line wants privacy in this call, or wants it no more.
    pub(crate) fn set_private(&mut self, (pair, end): (usize, End), private: bool) {
        let half = self.pairs[pair].half_mut(end);
        half.is_private = private && half.dialog.state() != State::Terminated;
    }
}
