//! Commands of applications, led to the call that they are for.

use model::LineId;
use sip::endpoint::Endpoint;

use super::house::{Context, Now};
use super::letter::{Letter, Place, Wanted};
use super::service::ServiceCall;
use super::switchboard::{Held, Switchboard};
use super::{Call, End};
use crate::command::{Command, Done, Refusal};
use crate::features::make_call::Originator;
use crate::features::{answer, call_back, clear, confer, conference, deflect, hold, recording, transfer};
use crate::place::{Caller, Dialled};
use crate::snapshot::{CallId, Cause};

impl Switchboard {
    /// Carries a command out: the answer says whether it has begun.
    ///
    /// # Errors
    /// It cannot be done.
    pub fn command(&mut self, command: &Command, endpoint: &mut Endpoint, now: Now) -> Result<Done, Refusal> {
        let Some(id) = command.call() else {
            return match command {
                Command::CallBack { line, .. } | Command::CancelCallBack { line } => {
                    let line = line.clone();
                    self.call_back(command, &line, endpoint, now)
                }
                _ => self.make_call(command, endpoint, now),
            };
        };
        let mut context = Context { endpoint, house: &self.house, index: &mut self.index, now };
        let done = match self.calls.get_mut(&id) {
            Some(Held::Bridge(call)) => call.command(command, &mut context),
            Some(Held::Service(call)) => call.command(command, &mut context),
            Some(Held::Originator(originator)) => match command {
                Command::ClearCall { .. } | Command::ClearConnection { .. } => {
                    originator.failed(Cause::CallCancelled, &mut context);
                    Ok(Done::default())
                }
                _ => Err(Refusal::WrongState),
            },
            Some(Held::Attempt(_) | Held::Newcomer(_) | Held::Announcement(_)) | None => {
                Err(Refusal::NoSuchCall)
            }
        };
        self.tidy(id);
        self.deliver(endpoint, now);
        done
    }

    /// A line wishes to be called back, or does no longer.
    fn call_back(
        &mut self,
        command: &Command,
        line: &LineId,
        endpoint: &mut Endpoint,
        now: Now,
    ) -> Result<Done, Refusal> {
        let phones = self.house.directory.phones_of(line);
        let first = phones.first().ok_or(Refusal::Unplaceable(Cause::DestinationOutOfService))?;
        let (user, number) = (first.owner.clone(), line.number.to_string());
        let caller = Caller { line: Some(line.clone()), user, number, ..Caller::nobody() };
        let context = Context { endpoint, house: &self.house, index: &mut self.index, now };
        match command {
            Command::CallBack { target, .. } => call_back::wish(target, &caller, &context)?,
            _ => call_back::cancel(&caller, &self.house)?,
        }
        // From now on it is looked for.
        self.hold(CallId(0), None, endpoint, now);
        Ok(Done::default())
    }

    fn make_call(&mut self, command: &Command, endpoint: &mut Endpoint, now: Now) -> Result<Done, Refusal> {
        let Command::MakeCall { line, target } = command else { return Err(Refusal::WrongState) };
        self.originate(line, target, true, endpoint, now)
    }

    /// Has the phones of a line rung, and then a number for the one that comes.
    pub(super) fn originate(
        &mut self,
        line: &LineId,
        target: &str,
        answers_itself: bool,
        endpoint: &mut Endpoint,
        now: Now,
    ) -> Result<Done, Refusal> {
        if self.calls.len() >= self.house.limits.calls_per_shard_max {
            return Err(Refusal::Resources);
        }
        let phones = self.house.directory.phones_of(line);
        let first = phones.first().ok_or(Refusal::Unplaceable(Cause::DestinationOutOfService))?;
        let owner = first.owner.clone();
        let id = self.new_id();
        let mut context = Context { endpoint, house: &self.house, index: &mut self.index, now };
        let originator =
            Originator::start(id, (line.clone(), owner), (target.to_owned(), answers_itself), &mut context);
        self.hold(id, Some(Held::Originator(originator)), endpoint, now);
        Ok(Done { call: Some(id), slot: None })
    }
}

impl Call {
    fn command(&mut self, command: &Command, context: &mut Context<'_>) -> Result<Done, Refusal> {
        let done = Done::default();
        match command {
            Command::MakeCall { .. }
            | Command::CallBack { .. }
            | Command::CancelCallBack { .. }
            | Command::SetForwarding { .. }
            | Command::SetDoNotDisturb { .. }
            | Command::SetCallWaiting { .. }
            | Command::SetCallerIdStatus { .. }
            | Command::SetAnonymousRejection { .. }
            | Command::SetSpeedDial { .. } => return Err(Refusal::WrongState),
            Command::AnswerCall { line, .. } => answer::answer(self, line, context)?,
            Command::ClearConnection { line, .. } => clear::clear(self, line, context)?,
            Command::ClearCall { .. } => self.end(Cause::NormalClearing, context),
            Command::HoldCall { line, .. }
            | Command::ConsultationCall { line, .. }
            | Command::AlternateCall { line, .. } => hold::command(self, self.talking(line)?, true, context)?,
            Command::RetrieveCall { line, .. } => hold::command(self, self.talking(line)?, false, context)?,
            Command::TransferCall { active, line, .. } => {
                let wanted = Wanted::PartnerOf(*active, line.clone());
                self.transferred(self.talking(line)?, Err(wanted), context)?;
            }
            Command::SingleStepTransfer { line, target, .. } => {
                self.transferred(self.talking(line)?, Ok(dialled(target)), context)?;
            }
            Command::ConferenceCall { held, line, .. } => {
                confer::may_order(self, self.talking(line)?, context)?;
                is_in(line, *held, context)?;
                let room = context.house.conferences.room_of(*held);
                let room = room.unwrap_or_else(|| conference::room_of_call(self.id));
                confer::order(self, room, None, context)?;
            }
            Command::JoinConference { conference, line, .. } => {
                let (pair, leaves) = self.talking(line)?;
                confer::may_order(self, (pair, leaves), context)?;
                is_in(line, *conference, context)?;
                let room = context.house.conferences.room_of(*conference).ok_or(Refusal::NoSuchCall)?;
                confer::order(self, room, Some(leaves), context)?;
            }
            Command::SetPrivacy { line, private, .. } => self.set_private(self.talking(line)?, *private),
            Command::SetRecording { line, recording, .. } => {
                recording::command(self, self.talking(line)?, *recording, context)?;
            }
            Command::RouteSelect { target, .. } => self.route_select(target, context)?,
            Command::RouteReject { cause, .. } => self.route_reject(*cause, context)?,
            Command::DeflectCall { line, target, .. } => {
                deflect::deflect(self, Some(line), &Place::Dialled(dialled(target)), context)?;
            }
            Command::DirectedPickup { line, .. } => {
                deflect::deflect(self, None, &Place::Line(line.clone()), context)?;
            }
            Command::ParkCall { line, slot, .. } => {
                let place = self.talking(line)?;
                let slot = transfer::park_command(self, place, slot.as_deref(), context)?;
                return Ok(Done { slot: Some(slot), ..done });
            }
        }
        Ok(done)
    }

    fn talking(&self, line: &LineId) -> Result<(usize, End), Refusal> {
        match self.phase {
            super::Phase::Answered(_) => self.place_of(line).ok_or(Refusal::NoSuchConnection),
            super::Phase::Ringing => Err(Refusal::WrongState),
            super::Phase::Over => Err(Refusal::NoSuchCall),
        }
    }

    fn transferred(
        &mut self,
        place: (usize, End),
        target: Result<Dialled, Wanted>,
        context: &mut Context<'_>,
    ) -> Result<(), Refusal> {
        if self.change.is_some() {
            return Err(Refusal::Busy);
        }
        transfer::command(self, place, target, context);
        Ok(())
    }
}

impl ServiceCall {
    fn command(&mut self, command: &Command, context: &mut Context<'_>) -> Result<Done, Refusal> {
        match command {
            Command::ClearCall { .. } => self.end(Cause::NormalClearing, context),
            Command::ClearConnection { line, .. } if self.member().line.as_ref() == Some(line) => {
                self.end(Cause::NormalClearing, context);
            }
            Command::ClearConnection { .. } => return Err(Refusal::NoSuchConnection),
            // It is in a conference: whoever else comes does so from the other call.
            Command::ConferenceCall { line, .. }
                if self.room().is_some() && self.member().line.as_ref() == Some(line) => {}
            // The line is in the conference twice: this leg is the one too many.
            Command::JoinConference { conference, line, .. }
                if self.room().is_some() && self.member().line.as_ref() == Some(line) =>
            {
                let room = context.house.conferences.room_of(*conference);
                if *conference == self.id || room.as_deref() != self.room() {
                    return Err(Refusal::WrongState);
                }
                self.end(Cause::NormalClearing, context);
            }
            Command::DirectedPickup { line, .. } if self.is_parked() => {
                let by = Caller {
                    line: Some(line.clone()),
                    user: None,
                    number: line.number.to_string(),
                    name: None,
                    trunk: None,
                    device: None,
                    withheld: false,
                };
                let order = self.order(Place::Line(line.clone()), by).ok_or(Refusal::WrongState)?;
                context.index.letters.push_back(Letter::Ring(Box::new(order)));
            }
            _ => return Err(Refusal::WrongState),
        }
        Ok(Done::default())
    }
}

fn dialled(target: &str) -> Dialled {
    Dialled::here(target)
}

/// Numbers of calls can be guessed: only who is in a call brings others to it.
fn is_in(line: &LineId, call: CallId, context: &Context<'_>) -> Result<(), Refusal> {
    let call = context.house.lines.board().call(call).ok_or(Refusal::NoSuchCall)?;
    if call.of_line(line).next().is_none() {
        return Err(Refusal::NoSuchCall);
    }
    Ok(())
}
