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
        branch.is_open() && line.is_none_or(|line| branch.place.line == *line)
    };
    let Some(first) = call.branches.iter().find(|branch| leaves(branch)) else {
        return Err(Refusal::NoSuchConnection);
    };
    let by = Caller {
        line: Some(first.place.line.clone()),
        user: first.place.owner.clone(),
        number: first.place.line.number.to_string(),
        name: None,
    };
    let leaving = Course { rings_at: RingsAt::Elsewhere, ..call.course.clone() };
    let leaving = leaving.diverted(&first.place.line, Why::Deflection).ok_or(Unplaceable::Looping)?;
    let mut destination = to.phones(&by, context.house)?;
    let Destination::Phones { branches, course, .. } = &mut destination else {
        return Err(Unplaceable::NotAllowed.into());
    };
    *course = std::mem::take(course).behind(&leaving);
    if call.branches.len() + branches.len() > PHONES_MAX {
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
