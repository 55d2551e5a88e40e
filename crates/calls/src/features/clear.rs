//! A line leaves a call because an application says so: it hangs up, gives up, or declines.

use model::LineId;

use crate::call::branch::BranchState;
use crate::call::house::Context;
use crate::call::outcome::Failure;
use crate::call::{Call, Phase};
use crate::command::Refusal;
use crate::snapshot::Cause;

/// A line of two that talk ends the call; one that rings declines it; a caller gives up.
pub(crate) fn clear(call: &mut Call, line: &LineId, context: &mut Context<'_>) -> Result<(), Refusal> {
    match call.phase {
        Phase::Answered(_) => {
            call.place_of(line).ok_or(Refusal::NoSuchConnection)?;
            call.end(Cause::NormalClearing, context);
        }
        Phase::Ringing if call.is_placed_by(line) => call.caller_gives_up(context),
        Phase::Ringing => {
            let rings = |branch: &usize| {
                let leg = &call.branches[*branch];
                leg.is_open() && leg.place.line.as_ref() == Some(line)
            };
            let ringing: Vec<usize> = (0..call.branches.len()).filter(rings).collect();
            if ringing.is_empty() {
                return Err(Refusal::NoSuchConnection);
            }
            for branch in ringing {
                if call.branches[branch].state != BranchState::Cancelled {
                    call.cancel_branch(branch, context);
                    call.branch_failed(branch, Failure::Status(603), context);
                }
            }
        }
        Phase::Over => return Err(Refusal::NoSuchCall),
    }
    Ok(())
}
