//! A call that rings goes elsewhere: redirected by the line that it rings at, or taken by another line. It is not
//! answered for that, and no media flows (`CT-05`).

use model::LineId;

use crate::call::branch::BranchState;
use crate::call::house::Context;
use crate::call::letter::Place;
use crate::call::{Call, Phase};
use crate::command::Refusal;
use crate::course::{Course, RingsAt, Why};
use crate::place::{Caller, Destination, Unplaceable};
use crate::snapshot::{Cause, ConnectionState, Event};
use crate::trunk::WAYS_MAX;

/// Phones that one call rings in all, one destination after the other.
pub(crate) const PHONES_MAX: usize = 64;

/// The call leaves a line that it rings at (all of them, when `line` is `None`) and rings at `to`. The rights of that
/// line count: it has the number dialled.
pub(crate) fn deflect(
    call: &mut Call,
    line: Option<&LineId>,
    to: &Place,
    context: &mut Context<'_>,
) -> Result<(), Refusal> {
    if call.phase != Phase::Ringing {
        return Err(Refusal::WrongState);
    }
    let leaves = |branch: &crate::call::branch::BranchLeg| {
        branch.is_open() && line.is_none_or(|line| branch.place.line.as_ref() == Some(line))
    };
    // The rights of a line count, and behind a trunk there is none.
    let of_line = |branch: &crate::call::branch::BranchLeg| {
        let place = &branch.place;
        let line = place.line.clone().filter(|_| leaves(branch))?;
        Some((line, place.owner.clone(), place.device.clone()))
    };
    let Some((first, owner, device)) = call.branches.iter().find_map(of_line) else {
        return Err(Refusal::NoSuchConnection);
    };
    let number = first.number.to_string();
    let (line, name, trunk) = (Some(first.clone()), None, None);
    let mut by = Caller { line, user: owner, number, name, trunk, device, withheld: false };
    let leaving = Course { rings_at: RingsAt::Elsewhere, ..call.course.clone() };
    let leaving = leaving.diverted(&first, Why::Deflection).ok_or(Unplaceable::Looping)?;
    let mut destination = to.phones(&mut by, context.house)?;
    let (count, course) = match &mut destination {
        Destination::Phones { branches, course, .. } => (branches.len(), course),
        Destination::Trunk { course, .. } => (WAYS_MAX, course),
        Destination::Pilot { course, .. } | Destination::RoutePoint { course } => (0, course),
        Destination::Service(_)
        | Destination::Setting(_)
        | Destination::CallBack(_)
        | Destination::Resume
        | Destination::Again { .. } => {
            return Err(Unplaceable::NotAllowed.into());
        }
    };
    *course = std::mem::take(course).behind(&leaving);
    if call.branches.len() + count > PHONES_MAX {
        return Err(Refusal::Resources);
    }
    for branch in 0..call.branches.len() {
        if leaves(&call.branches[branch]) {
            call.cancel_branch(branch, context);
            call.branches[branch].state = BranchState::Cancelled;
            let connection = call.branches[branch].connection;
            call.view_mut().set(connection, ConnectionState::Null, context.now.civil);
        }
    }
    call.ring(destination, context);
    call.publish(Event::Diverted, Cause::Redirected, context);
    call.conclude(context);
    Ok(())
}
